"""The course as a book: `scripts/build_course.py` lays its sources beside this file and calls Sphinx."""

project = "Sparse autoencoders, hands on"
author = "The sae_tutorial authors"
copyright = "2026, The sae_tutorial authors"
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
napoleon_use_ivar = True
nb_execution_mode = "off"  # the notebooks come executed
myst_enable_extensions = ["dollarmath", "amsmath", "html_image"]
myst_heading_anchors = 3
mathjax_path = "mathjax.js"  # of the installed package, so that a page needs no network

# A docstring is plain text first: |x| in one is an absolute value and no substitution.
suppress_warnings = ["docutils"]

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
html_js_files = ["plotly.js"]
html_theme_options = {
    "repository_url": "https://github.com/sae-tutorial/sae-tutorial",
    "repository_branch": "main",
    "path_to_docs": "",
    "use_repository_button": True,
    "use_download_button": True,
    "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    "home_page_in_toc": True,
    "show_toc_level": 2,
}
