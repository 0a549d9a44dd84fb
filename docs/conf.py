"""The course as a book: `scripts/build_course.py` lays its sources beside this file and calls Sphinx."""

import re

project = "Sparse autoencoders, hands on"
author = "The sae_tutorial authors"
copyright = "2026, The sae_tutorial authors"
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxcontrib.bibtex"]
napoleon_use_ivar = True
exclude_patterns = ["teaching/talk.md"]  # scripts/slides.py makes the slides of it
nb_execution_mode = "off"  # the notebooks come executed
myst_enable_extensions = ["dollarmath", "amsmath", "html_image", "colon_fence"]
myst_heading_anchors = 3
mathjax_path = "mathjax.js"  # of the installed package, so that a page needs no network

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "alpha"
bibtex_cite_id = "ref-{key}"  # where scripts/citations.py sends the links to papers

suppress_warnings = ["docutils"]  # a docstring is plain text first

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_js_files = ["plotly.js", "figures.js"]
html_favicon = "_static/icon.svg"
html_context = {"default_mode": "auto"}  # light or dark as the reader's system is
html_theme_options = {
    "repository_url": "https://github.com/sae-tutorial/sae-tutorial",
    "repository_branch": "main",
    "path_to_docs": "",
    "use_repository_button": True,
    "use_download_button": True,
    "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    "home_page_in_toc": True,
    "navbar_persistent": [],  # the side bar has the search already
    "show_toc_level": 2,
}


def _escape(app, what, name, obj, options, lines) -> None:
    """A docstring is plain text first: |x| in one is an absolute value and no substitution, x_ a name and no link."""
    lines[:] = [
        re.sub(r"(`[^`]*`)|(\||(?<=\w)_(?!\w))", lambda m: m[1] or f"\\{m[2]}", line) for line in lines
    ]


def setup(app) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _escape)
