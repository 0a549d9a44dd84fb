"""Turn executed notebooks into linked pages that show everything, figures and equations too, with no network.

    build_course.py EXECUTED_DIRECTORY COURSE_DIRECTORY

Each notebook becomes a page, `index.html` lists the numbered ones, `glossary.html` is linked from all, and `assets/`
holds what the pages share: the style sheet, plotly.js and MathJax, out of the installed packages. A dashboard that lies
beside the notebooks as `latents.html` is taken over and linked. A page that would load anything from elsewhere, or that
links to nothing, is an error.
"""

import html
import json
import re
import shutil
import sys
from collections.abc import Collection
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import plotly.io
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html_mistune
from nbformat import NotebookNode
from plotly.offline import get_plotlyjs
from pygments.formatters import HtmlFormatter

from colab import SETUP_ID, repository, without_badge

ROOT = Path(__file__).resolve().parents[1]
TITLE, GLOSSARY = "Sparse autoencoders: a hands-on course", "glossary"
DASHBOARD = "latents.html"
PLOTLY = "application/vnd.plotly.v1+json"

# Everything an HTML page fetches by itself, as opposed to what a reader follows.
LOADING_ATTRIBUTES = ("src", "srcset", "poster", "data")
OUTSIDE = re.compile(r"\s*(https?:)?//", re.I)
OUTSIDE_IMPORT = re.compile(r"""(?:from|import)\s*\(?\s*["'](?:https?:)?//""")
OUTSIDE_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?(?:https?:)?//""", re.I)

MATHJAX_SETTINGS = {
    "tex": {"inlineMath": [["$", "$"], ["\\(", "\\)"]], "processEnvironments": True},
    # Prose only: a dollar sign in a cell's output is a dollar sign.
    "options": {
        "ignoreHtmlClass": "course",
        "processHtmlClass": "text_cell_render|output_markdown|output_latex|contents",
        "enableMenu": False,
    },
}

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="assets/course.css">
<script>window.MathJax = {mathjax};</script>
<script src="assets/mathjax.js" defer></script>
{scripts}</head>
<body class="course">
{navigation}
<main>
{body}
</main>
{navigation}
</body>
</html>
"""


class CourseError(Exception):
    """A page would not be what it should be; the message names the page and the fault."""


@dataclass(frozen=True)
class Opening:
    """What a notebook's first cell says of it, in Markdown."""

    title: str
    claim: str
    duration: str


def read_opening(nb: NotebookNode, name: str) -> Opening:
    """The title, the claim and the duration from the first cell of the notebook called `name`.

    Raises:
        CourseError: the cell lacks one of them.
    """
    cell = nb.cells[0]
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", without_badge(cell.source))]
    found = []
    for start in ("# ", "**Claim.**", "**Time and hardware.**"):
        matching = [text.removeprefix(start).strip() for text in paragraphs if text.startswith(start)]
        if cell.cell_type != "markdown" or not matching:
            raise CourseError(f"{name}: the first cell has no paragraph that starts with {start!r}")
        found.append(matching[0])
    return Opening(*found)


def build(executed: Path, course: Path) -> None:
    """Write the course made of the notebooks in `executed` to the directory `course`, which is replaced.

    Raises:
        CourseError: a page is not self-contained or a link leads nowhere.
    """
    notebooks = {
        path.stem: nbformat.read(path, as_version=4) for path in sorted(executed.glob("[0-9]*.ipynb"))
    }
    if not notebooks:
        raise CourseError(f"{executed} holds no notebook")
    openings = {name: read_opening(nb, name) for name, nb in notebooks.items()}
    shutil.rmtree(course, ignore_errors=True)
    write_assets(course / "assets")
    names = list(notebooks)
    pages = [*names, GLOSSARY]
    for number, name in enumerate(names):
        before, after = names[:number][-1:], names[number + 1 :][:1]
        navigation = navigation_bar(openings, *before or [None], *after or [None])
        write_page(
            course, name, openings[name].title, notebook_body(notebooks[name], name, pages), navigation
        )
        print(f"{course.name}/{name}.html", flush=True)
    glossary = notebook_body(nbformat.read(executed / f"{GLOSSARY}.ipynb", as_version=4), GLOSSARY, pages)
    write_page(course, GLOSSARY, "Glossary and notation", glossary, navigation_bar(openings, None, None))
    dashboard = executed / DASHBOARD
    if dashboard.is_file():
        check_self_contained(DASHBOARD, dashboard.read_text(encoding="utf-8"))
        shutil.copyfile(dashboard, course / DASHBOARD)
    write_page(course, "index", TITLE, index_body(openings, dashboard.is_file()), navigation="")
    print(f"the course is ready: open {course / 'index.html'}", flush=True)


def write_assets(directory: Path) -> None:
    """Put the files that all pages share into `directory`."""
    directory.mkdir(parents=True)
    style = Path(__file__).with_name("course.css").read_text(encoding="utf-8")
    highlighting = HtmlFormatter(style="friendly").get_style_defs(".highlight")
    (directory / "course.css").write_text(f"{style}\n{highlighting}\n", encoding="utf-8")
    (directory / "plotly.js").write_text(get_plotlyjs(), encoding="utf-8")
    # The whole of MathJax in a file, fonts included as outlines: the smaller ones fetch parts when they need them.
    mathjax = resources.files("mathjax").joinpath("static/mathjax/es5/tex-svg-full.js")
    (directory / "mathjax.js").write_bytes(mathjax.read_bytes())


def notebook_body(nb: NotebookNode, name: str, pages: Collection[str]) -> str:
    """The notebook's cells and outputs as HTML."""
    nb.cells = [cell for cell in nb.cells if cell.id != SETUP_ID]
    nb.cells[0].source = without_badge(nb.cells[0].source)
    for number, cell in enumerate(nb.cells):
        for place, output in enumerate(cell.get("outputs", [])):
            if PLOTLY in output.get("data", {}):
                figure = figure_html(output.data[PLOTLY], f"figure-{number}-{place}")
                output.data = nbformat.from_dict({"text/html": figure})
    exporter = HTMLExporter(template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True)
    body, _ = exporter.from_notebook_node(nb)
    return with_links_resolved(body, name, pages)


def figure_html(figure: NotebookNode, div_id: str) -> str:
    """A plotly figure as a `div`, to be drawn by the page's plotly.js."""
    parts = {"data": figure.data, "layout": figure.layout}
    return plotly.io.to_html(
        parts,
        include_plotlyjs=False,
        include_mathjax=False,
        full_html=False,
        div_id=div_id,
        validate=False,
        config={"responsive": True},
    )


def with_links_resolved(body: str, name: str, pages: Collection[str]) -> str:
    """Point links between notebooks at pages, and links to other files of the project at its repository.

    Raises:
        CourseError: a link names a file that does not exist.
    """
    soup = BeautifulSoup(body, "html.parser")
    for anchor in soup.select("a[href]"):
        href = urlsplit(anchor["href"])
        if href.scheme or href.netloc or not href.path:
            continue
        if Path(href.path).stem in pages:
            anchor["href"] = href._replace(path=f"{Path(href.path).stem}.html").geturl()
            continue
        target = (ROOT / "notebooks" / href.path).resolve()
        if not target.exists() or not target.is_relative_to(ROOT):
            raise CourseError(f"{name}: the link {anchor['href']!r} leads to no file of the project")
        anchor["href"] = f"{repository()}/blob/main/{target.relative_to(ROOT).as_posix()}"
    return str(soup)


def navigation_bar(openings: dict[str, Opening], before: str | None, after: str | None) -> str:
    """Links to the previous page, the index, the glossary and the next page."""
    left = f'<a rel="prev" href="{before}.html">← {html.escape(openings[before].title)}</a>' if before else ""
    right = f'<a rel="next" href="{after}.html">{html.escape(openings[after].title)} →</a>' if after else ""
    middle = f'<a href="index.html">Contents</a><a href="{GLOSSARY}.html">Glossary</a>'
    return f"<nav><span>{left}</span>{middle}<span>{right}</span></nav>"


def index_body(openings: dict[str, Opening], with_dashboard: bool) -> str:
    """The contents: the title, the claim and the duration of each notebook; the glossary, and a dashboard if there is one."""
    items = [
        f'<li><h2><a href="{name}.html">{html.escape(opening.title)}</a></h2>'
        f"{markdown2html_mistune(opening.claim)}"
        f'<div class="duration">{markdown2html_mistune(opening.duration)}</div></li>'
        for name, opening in openings.items()
    ]
    more = f'<p><a href="{GLOSSARY}.html">Glossary and notation</a></p>'
    if with_dashboard:
        more += f'\n<p><a href="{DASHBOARD}">A hundred latents of the course\'s autoencoder</a>, to look through</p>'
    return f'<h1>{TITLE}</h1>\n<ul class="contents">\n' + "\n".join(items) + f"\n</ul>\n{more}"


def write_page(course: Path, name: str, title: str, body: str, navigation: str) -> None:
    """Put `body` into the page `name` of the course, after checking that it loads nothing from elsewhere."""
    plotly_script = '<script src="assets/plotly.js"></script>\n' if "Plotly.newPlot" in body else ""
    page = PAGE.format(
        title=html.escape(title),
        mathjax=json.dumps(MATHJAX_SETTINGS),
        scripts=plotly_script,
        navigation=navigation,
        body=body,
    )
    check_self_contained(name, page)
    (course / f"{name}.html").write_text(page, encoding="utf-8")


def check_self_contained(name: str, page: str) -> None:
    """Raise CourseError if an HTML page would fetch anything from another host."""
    if found := loaded_from_outside(page):
        raise CourseError(f"{name}: the page would load from the network: {'; '.join(found)}")


def loaded_from_outside(page: str) -> list[str]:
    """What an HTML page would fetch from another host: a short description of each."""
    found = []
    for element in BeautifulSoup(page, "html.parser").find_all(True):
        loading = LOADING_ATTRIBUTES if element.name != "link" else ("href",)
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
