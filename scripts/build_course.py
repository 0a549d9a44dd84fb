"""Turn executed notebooks into a book: search, side bar, dark mode, live figures, and nothing loaded from outside.

    build_course.py EXECUTED_DIRECTORY COURSE_DIRECTORY

Sphinx builds it, with MyST-NB and the Sphinx Book Theme; `docs/conf.py` holds the settings and `docs/*.md` the pages
that are not notebooks. A link to a paper becomes a citation of `docs/references.bib`. A link that leads nowhere is an
error, and so is a page that would load anything from elsewhere.
"""

import html
import re
import shutil
import sys
import tempfile
from importlib import resources
from pathlib import Path

import nbformat
import plotly.io
from bs4 import BeautifulSoup
from myst_parser.slugs import github_slugify
from nbformat import NotebookNode
from plotly.offline import get_plotlyjs
from sphinx.cmd.build import build_main

import citations
import copies
import slides
from colab import SETUP_ID, repository, without_badge
from glossary import read_entries
from progress_line import PROGRESS_ID

ROOT = Path(__file__).resolve().parents[1]
TALK = "% A link to the slides, put in by scripts/build_course.py."
MAP = "% The map of the README, put in by scripts/build_course.py."
PLOTLY = "application/vnd.plotly.v1+json"
GLOSSARY_LINK = re.compile(r"\[([^\]]+)\]\(glossary\.ipynb#([a-z0-9-]+)\)")
NOTEBOOK_LINK = re.compile(r"\]\((?:\.\./)+notebooks/")  # from docs/, where the book has them side by side
MARKDOWN_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")

# Everything an HTML page fetches by itself, as opposed to what a reader follows.
LOADING_ATTRIBUTES = ("src", "srcset", "poster", "data")
OUTSIDE = re.compile(r"\s*(https?:)?//", re.I)
OUTSIDE_IMPORT = re.compile(r"""(?:from|import)\s*\(?\s*["'](?:https?:)?//""")
OUTSIDE_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?(?:https?:)?//""", re.I)


class CourseError(Exception):
    """A page would not be what it should be; the message names the page and the fault."""


def build(executed: Path, course: Path, docs: Path = ROOT / "docs") -> None:
    """Write the book of the notebooks in `executed` and the pages in `docs` to the directory `course`, replacing it.

    Raises:
        CourseError: there is no notebook, Sphinx warns of something, or a page is not self-contained.
    """
    if not list(executed.glob("[0-9]*.ipynb")):
        raise CourseError(f"{executed} holds no notebook")
    with tempfile.TemporaryDirectory() as directory:
        source, built = Path(directory, "source"), Path(directory, "built")
        write_sources(executed, docs, source)
        if build_main(["-b", "html", "-q", "-W", "--keep-going", str(source), str(built)]):
            raise CourseError("Sphinx found the faults above")
        if (built / "teaching").is_dir():
            (built / "teaching" / "talk.html").write_text(slides.make_slides(), encoding="utf-8")
        for page in sorted(built.glob("**/*.html")):
            text = page.read_text(encoding="utf-8")
            check_self_contained(page.name, text)
            page.write_text(for_screen_readers(text), encoding="utf-8")
        shutil.rmtree(course, ignore_errors=True)
        shutil.copytree(built, course, ignore=shutil.ignore_patterns(".doctrees", ".buildinfo"))
    print(f"the course is ready: open {course / 'index.html'}", flush=True)


def write_sources(executed: Path, docs: Path, source: Path) -> None:
    """What Sphinx reads: the pages of `docs`, the notebooks, and the scripts that all pages share."""
    shutil.copytree(docs, source)
    if (source / "teaching").is_dir():
        (source / "teaching" / "answer_key.md").write_text(copies.answer_key(executed), encoding="utf-8")
        page = source / "teaching" / "slides.md"
        link = '<a href="talk.html">Open the slides</a>.'
        page.write_text(page.read_text(encoding="utf-8").replace(TALK, link), encoding="utf-8")
    static = source / "_static"
    static.mkdir(exist_ok=True)
    (static / "plotly.js").write_text(get_plotlyjs(), encoding="utf-8")
    # The whole of MathJax in a file, fonts included as outlines: the smaller ones fetch parts when they need them.
    mathjax = resources.files("mathjax").joinpath("static/mathjax/es5/tex-svg-full.js")
    (static / "mathjax.js").write_bytes(mathjax.read_bytes())
    meanings = {
        entry.anchor: entry.meaning
        for entry in read_entries(nbformat.read(ROOT / "notebooks" / "glossary.ipynb", as_version=4))
    }
    for path in sorted(executed.glob("*.ipynb")):
        nb = for_the_book(nbformat.read(path, as_version=4), path.stem, meanings)
        nbformat.write(nb, source / path.name)
    index = source / "index.md"
    index.write_text(index.read_text(encoding="utf-8").replace(MAP, readme_map()), encoding="utf-8")
    write_citations(source)


def readme_map() -> str:
    """The README's table of notebooks, with links as the book has them."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.search(r"^\| notebook \|.*?\n\n", readme, re.DOTALL | re.MULTILINE)[0].replace(
        "](notebooks/", "]("
    )


def write_citations(source: Path) -> None:
    """Send every link to a paper, on every page, to the bibliography, and say there who cites it."""
    papers = citations.read_papers(source / "references.bib")
    pages = {}
    for path in sorted([*source.glob("**/*.md"), *source.glob("*.ipynb")]):
        name = path.relative_to(source).as_posix()
        folder = "../" * name.count("/")
        if path.suffix == ".md":
            text = NOTEBOOK_LINK.sub(f"]({folder}", path.read_text(encoding="utf-8"))
            text, pages[name] = citations.cite(text, papers, folder)
            path.write_text(text, encoding="utf-8")
            continue
        nb, pages[name] = nbformat.read(path, as_version=4), set()
        for cell in nb.cells:
            if cell.cell_type == "markdown":
                cell.source, cited = citations.cite(cell.source, papers, folder)
                pages[name] |= cited
        nbformat.write(nb, path)
    page = source / "references.md"
    text = page.read_text(encoding="utf-8").replace(citations.MARK, citations.where_cited(pages))
    page.write_text(text, encoding="utf-8")


def for_the_book(nb: NotebookNode, name: str, meanings: dict[str, str]) -> NotebookNode:
    """The notebook, changed in place: live figures, definitions on hover, links to files of the project at its repository.

    Raises:
        CourseError: a link names a file that does not exist.
    """
    nb.cells = [cell for cell in nb.cells if cell.id not in (SETUP_ID, PROGRESS_ID)]
    nb.cells[0].source = without_badge(nb.cells[0].source)
    for number, cell in enumerate(nb.cells):
        if cell.cell_type == "markdown":
            cell.source = _with_links(cell.source, name, meanings)
        for place, output in enumerate(cell.get("outputs", [])):
            if PLOTLY in output.get("data", {}):
                figure = figure_html(output.data[PLOTLY], f"figure-{number}-{place}")
                output.data = nbformat.from_dict({"text/html": figure})
    return nb


def _with_links(source: str, name: str, meanings: dict[str, str]) -> str:
    def term(match: re.Match[str]) -> str:
        meaning = MARKDOWN_LINK.sub(r"\1", meanings.get(match[2], "")).replace("`", "").replace("**", "")
        return f'<a href="glossary.html#{match[2]}" title="{html.escape(meaning)}">{match[1]}</a>'

    def file(match: re.Match[str]) -> str:
        target = (ROOT / "notebooks" / match[1]).resolve()
        if not target.exists() or not target.is_relative_to(ROOT):
            raise CourseError(f"{name}: the link '{match[1]}' leads to no file of the project")
        return f"]({repository()}/blob/main/{target.relative_to(ROOT).as_posix()})"

    source = re.sub(r"\]\((\.\./[^)]+)\)", file, GLOSSARY_LINK.sub(term, source))
    # Jupyter's anchor of a heading keeps its capitals and commas, the book's does not.
    return re.sub(
        r"\]\(([a-z0-9_]+\.ipynb)?#([^)]+)\)",
        lambda match: f"]({match[1] or ''}#{github_slugify(match[2])})",
        source,
    )


def figure_html(figure: NotebookNode, div_id: str) -> str:
    """A plotly figure as a `div`, to be drawn by the page's plotly.js and fitted by `docs/_static/figures.js`."""
    drawn = plotly.io.to_html(
        {"data": figure.data, "layout": figure.layout},
        include_plotlyjs=False,
        include_mathjax=False,
        full_html=False,
        div_id=div_id,
        validate=False,
        config={"displayModeBar": False},  # it lies over the legend; a double click takes a zoom back
    )
    return f'<div class="figure-to-fit">{drawn}</div>'


def for_screen_readers(page: str) -> str:
    """A page without what axe-core calls serious in the theme's and docutils' own HTML."""
    # The label of the search field leaves out the keys that the button shows.
    page = re.sub(r'(<button class="[^"]*search-button-field[^>]*?) aria-label="[^"]*"', r"\1", page)
    # A list whose entries are no list items, as the bibliography.
    return page.replace('<div role="list" class="citation-list">', '<div class="citation-list">')


def check_self_contained(name: str, page: str) -> None:
    """Raise CourseError if an HTML page would fetch anything from another host."""
    if found := loaded_from_outside(page):
        raise CourseError(f"{name}: the page would load from the network: {'; '.join(found)}")


def loaded_from_outside(page: str) -> list[str]:
    """What an HTML page would fetch from another host: a short description of each."""
    found = []
    for element in BeautifulSoup(page, "html.parser").find_all(True):
        # A canonical address is not fetched.
        loads = element.name == "link" and element.get("rel") not in (["canonical"], ["next"], ["prev"])
        loading = ("href",) if loads else LOADING_ATTRIBUTES if element.name != "link" else ()
        found += [
            f"<{element.name} {a}={element[a][:80]!r}>" for a in loading if OUTSIDE.match(element.get(a, ""))
        ]
        if OUTSIDE_STYLE.search(element.get("style", "")):
            found.append(f"<{element.name}> with a style that loads a file")
        if element.name == "script" and OUTSIDE_IMPORT.search(element.get_text()):
            found.append("a script that imports a module")
        if element.name == "style" and OUTSIDE_STYLE.search(element.get_text()):
            found.append("a style sheet that loads a file")
        if element.name == "iframe" and element.get("srcdoc"):
            found += loaded_from_outside(element["srcdoc"])
    return found


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        build(Path(sys.argv[1]), Path(sys.argv[2]))
    except CourseError as error:
        sys.exit(f"build_course: {error}")
