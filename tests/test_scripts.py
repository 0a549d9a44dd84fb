"""The scripts that run notebooks, turn them into pages and give them their Colab cell."""

import asyncio
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from choreographer.browsers.chromium import Chromium
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import build_course
import check_pages
import colab
import covered
import execute_notebooks
import slides

FIRST = "# 0{n} · Part {n}\n\n**Claim.** It *grows*\nwith $d$.\n\n**Time and hardware.** One minute."
FIGURE = {"data": [{"type": "scatter", "y": [1, 2]}], "layout": {"title": {"text": "Up"}}}
REPOSITORY = "https://github.com/someone/course"


def notebook(n: int, *cells: NotebookNode) -> NotebookNode:
    return new_notebook(cells=[new_markdown_cell(FIRST.format(n=n)), *cells])


def code(source: str, *outputs: NotebookNode, **metadata: object) -> NotebookNode:
    return new_code_cell(source, outputs=list(outputs), execution_count=1, metadata=metadata)


def shown(**data: object) -> NotebookNode:
    kinds = {"html": "text/html", "plotly": execute_notebooks.PLOTLY, "widget": execute_notebooks.WIDGET}
    return new_output("display_data", data={kinds[kind]: value for kind, value in data.items()})


def save(directory: Path, **notebooks: NotebookNode) -> list[Path]:
    directory.mkdir(exist_ok=True)
    for name, nb in notebooks.items():
        nbformat.write(nb, directory / f"{name}.ipynb")
    return [directory / f"{name}.ipynb" for name in notebooks]


# ------------------------------------------------------------------------------------------- executing


def test_notebooks_run_side_by_side_and_the_originals_stay(tmp_path, capsys):
    meet = """import pathlib, time
    pathlib.Path('{0}').touch()
    while not pathlib.Path('{1}').exists(): time.sleep(0.01)"""  # neither ends unless both run
    meet = "\n".join(line.strip() for line in meet.splitlines())
    first = notebook(0, code(meet.format("first", "second")), code("print(6 * 7)"))
    second = notebook(
        1, code(meet.format("second", "first")), code(""), code("import sys; print('bar', file=sys.stderr)")
    )
    paths = save(tmp_path / "notebooks", **{"00_a": first, "01_b": second})
    before = [path.read_bytes() for path in paths]
    assert execute_notebooks.main(["--output", str(tmp_path / "out"), *map(str, paths)]) == 0
    assert [path.read_bytes() for path in paths] == before
    ran = [nbformat.read(tmp_path / "out" / path.name, 4) for path in paths]
    assert ran[0].cells[2].outputs[0].text == "42\n"
    assert (tmp_path / "notebooks" / "first").exists()  # each in its notebook's own directory
    assert [cell.outputs for cell in ran[1].cells[3:]] == [[]]
    log = capsys.readouterr().out
    assert re.search(r"^01_b  cell 2/2  \d+ s$", log, re.M)
    assert "2 notebooks ran in" in log


def test_an_error_stops_the_run_and_shows_the_cell(tmp_path, capsys):
    fails, waits = (
        notebook(0, code("x = 1"), code("x / 0"), code("y = 2")),
        notebook(1, code("while True: pass")),
    )
    paths = save(tmp_path, **{"00_a": fails, "01_b": waits, "02_c": notebook(2, code("z = 3"))})
    before = paths[0].read_bytes()
    assert execute_notebooks.main(["--in-place", *map(str, paths)]) == 1
    assert paths[0].read_bytes() == before
    log = capsys.readouterr().out
    for part in ("cell 2/3", "FAILED", "x / 0", "ZeroDivisionError: division by zero", str(paths[0])):
        assert part in log
    assert "02_c" not in log  # what runs beside it is stopped, and no other one starts
    assert "\x1b" not in log


def test_a_dead_kernel_stops_the_run_and_shows_the_cell(tmp_path, capsys):
    paths = save(tmp_path, **{"00_a": notebook(0, code("import os; os._exit(1)"))})
    assert execute_notebooks.main(["--output", str(tmp_path / "out"), *map(str, paths)]) == 1
    log = capsys.readouterr().out
    assert "The kernel was stopped or died" in log
    assert "os._exit(1)" in log


def test_what_is_committed_carries_a_picture_and_its_tag_and_no_progress(monkeypatch):
    monkeypatch.setattr(execute_notebooks, "picture", lambda figure: f"PNG of {figure.layout.title.text}")
    progress = new_output("stream", name="stderr", text="50%")
    nb = notebook(
        0,
        code(
            "fit()",
            progress,
            shown(widget={"model_id": "1"}),
            shown(plotly=FIGURE),
            tags=["wide"],
        ),
        code("1", execution={"started": "today"}),
    )
    nb.metadata.widgets = {"state": {}}
    nb = execute_notebooks.for_commit(nb)
    (figure,) = nb.cells[1].outputs
    assert figure.data == {execute_notebooks.PLOTLY: FIGURE, "image/png": "PNG of Up"}
    assert nb.metadata == execute_notebooks.METADATA
    assert [cell.metadata for cell in nb.cells] == [{}, {"tags": ["nbval-ignore-output", "wide"]}, {}]


# --------------------------------------------------------------------------------------------- pages


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp_path = tmp_path_factory.mktemp("book")
    first = notebook(
        0,
        new_markdown_cell(
            "See [Gao](https://arxiv.org/abs/2406.04093), [the next](01_b.ipynb), [the settings](../pyproject.toml), [a term](glossary.ipynb#x).\n\n$$x^2$$"
        ),
        code("figure", shown(plotly=FIGURE), shown(html="<table><tr><td>costs $5 or $6</td></tr></table>")),
    )
    colab.prepare(first, REPOSITORY, "00_a.ipynb")
    with_word = nbformat.read(build_course.ROOT / "notebooks" / "glossary.ipynb", as_version=4)
    save(tmp_path / "executed", **{"00_a": first, "01_b": notebook(1), "glossary": with_word})
    build_course.build(tmp_path / "executed", tmp_path / "course", docs=small_docs(tmp_path))
    return tmp_path / "course"


def small_docs(directory: Path) -> Path:
    """The course's settings, and an index of whatever notebooks there are."""
    docs = directory / "docs"
    docs.mkdir()
    for name in ("conf.py", "references.bib", "references.md"):
        (docs / name).write_text((build_course.ROOT / "docs" / name).read_text("utf-8"), "utf-8")
    shutil.copytree(build_course.ROOT / "docs" / "_static", docs / "_static")
    (docs / "index.md").write_text(
        "# Contents\n\n```{toctree}\n:glob:\n\n[0-9]*\nglossary\nreferences\n```\n", "utf-8"
    )
    return docs


def page(course: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((course / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


def test_pages_are_linked(course):
    links = [a["href"] for a in page(course, "00_a").select("article p > a, article p > span > a")]
    settings = f"{colab.repository()}/blob/main/pyproject.toml"
    assert links[-3:] == ["01_b.html", settings, "glossary.html#x"]
    assert page(course, "00_a").select_one(".prev-next-area .right-next")["href"] == "01_b.html"


def test_a_term_says_what_it_means_where_it_is_linked(course):
    (term,) = page(course, "00_a").select('a[href="glossary.html#x"]')
    assert term["title"].startswith("an activation of the language model")
    assert page(course, "glossary").select_one("#x")


def test_a_paper_leads_to_the_bibliography_and_says_what_it_is(course):
    (paper,) = page(course, "00_a").select('a[href="references.html#ref-gao2024scaling"]')
    assert paper["title"] == "Gao et al. 2024, Scaling and evaluating sparse autoencoders"
    references = page(course, "references")
    assert "Scaling and evaluating" in references.select_one("#ref-gao2024scaling").get_text()
    (row,) = [row for row in references.select("table tr") if "Gao et al. 2024" in row.get_text()]
    assert "00_a.html" in [link["href"] for link in row.select("a")]


def test_the_tool_that_looks_over_the_pages_finds_nothing_here_and_every_fault_put_in(course, tmp_path):
    pages = sorted(course.glob("*.html"))
    assert check_pages.faults_without_a_browser(course, pages) == []
    good = "<article><h1>A</h1><h2 id='b'>B</h2><img src='x.png' alt=''><a href='#b'>b</a></article>"
    (tmp_path / "good.html").write_text(good)
    bad = "<article><h1>A</h1><h3>B</h3><img src='x.png'><a href='gone.html'>c</a><a href='good.html#no'>d</a></article>"
    (tmp_path / "bad.html").write_text(bad)
    (tmp_path / "untitled.html").write_text("<article><h2>A</h2></article>")
    found = check_pages.faults_without_a_browser(tmp_path, sorted(tmp_path.glob("*.html")))
    assert found == [
        "bad.html: the link 'gone.html' leads to no file",
        "bad.html: the link 'good.html#no' leads to no place on that page",
        "bad.html: the heading 'B' skips a level, from 1 to 3",
        "bad.html: a picture without a description: 'x.png'",
        "untitled.html: 0 titles (h1) in place of one",
    ]


def test_the_browser_finds_what_is_put_in(tmp_path):
    if Chromium.find_browser(skip_local=False) is None:
        pytest.skip("there is no Chromium or Chrome here")
    fine = "<!DOCTYPE html><html lang='en'><title>A</title><link rel='icon' href='data:,'><main><h1>A</h1></main>"
    results = "<ul id='search-results'><li>absorption</li></ul>"
    (tmp_path / "search.html").write_text(fine + results)
    (tmp_path / "pale.html").write_text(fine + "<p style='color:#ccc;background:#fff'>pale</p>")
    (tmp_path / "wide.html").write_text(fine + "<div style='width:700px'>wide</div>")
    (tmp_path / "loud.html").write_text(fine + "<script>console.error('no')</script>")
    names = ["search.html", "pale.html", "wide.html", "loud.html"]
    with check_pages.served(tmp_path) as address:
        found = asyncio.run(check_pages.faults_in_a_browser(address, names))
    kinds = [line.partition(", ")[0].partition(": {")[0] for line in found]
    assert kinds == [
        "pale.html (light): color-contrast",
        "pale.html (dark): color-contrast",
        "wide.html: 708 pixels wide on a phone of 390",
        "loud.html: an error in the console",
    ]


def test_the_talk_has_its_figures_and_notes_and_loads_nothing(tmp_path):
    talk = BeautifulSoup(slides.make_slides(), "html.parser")
    assert build_course.loaded_from_outside(str(talk)) == []
    pictures = talk.select("section img")
    assert len(pictures) >= 5 and all(picture["alt"] for picture in pictures)
    assert all(picture["src"].startswith("data:image/png;base64,") for picture in pictures)
    assert [picture["class"] for picture in pictures if picture.has_attr("class")] == [
        ["left"],
        ["right-only"],
    ]
    assert all(section.select("aside") and section.select("h2") for section in talk.select("section"))
    source = tmp_path / "talk.md"
    for fault in ('![x](99_no "A")', '![x](00_start_here "No such title")', "![x](gone.png)"):
        source.write_text(f"# T\n\n---\n\n## S\n\n{fault}\n")
        with pytest.raises(slides.SlideError, match="no "):
            slides.make_slides(source)


def test_figures_are_drawn_by_the_one_plotly_of_the_course(course):
    text = (course / "00_a.html").read_text(encoding="utf-8")
    assert "Plotly.newPlot" in text
    assert '"text":"Up"' in text
    scripts = [s["src"].split("?")[0] for s in page(course, "00_a").select("script[src]")]
    assert "_static/plotly.js" in scripts and "_static/mathjax.js" in scripts
    assert all((course / script).stat().st_size for script in scripts)
    assert len(text) < 100_000


def test_it_can_be_searched(course):
    assert "costs" not in (course / "search.html").read_text(encoding="utf-8")
    assert (course / "searchindex.js").stat().st_size > 100


def test_what_belongs_to_colab_s_first_cell_is_left_out(course):
    article = page(course, "00_a").select_one("article")
    assert "pip install" not in article.get_text() and "colab-badge" not in str(article)


def test_a_directory_without_a_notebook_is_an_error(tmp_path):
    with pytest.raises(build_course.CourseError, match="holds no notebook"):
        build_course.build(tmp_path, tmp_path / "course")


def test_a_link_to_nothing_is_an_error():
    nb = notebook(0, new_markdown_cell("[gone](../gone.md)"))
    with pytest.raises(build_course.CourseError, match=r"00_a: the link '\.\./gone\.md' leads to no file"):
        build_course.for_the_book(nb, "00_a", {})


def test_a_page_that_would_load_from_the_network_is_an_error():
    page = '<img src="https://example.org/x.png">'
    with pytest.raises(build_course.CourseError, match=r"00_a: .*<img src='https://example.org/x.png'>"):
        build_course.check_self_contained("00_a", page)


@pytest.mark.parametrize(
    "bad",
    [
        '<script src="https://example.org/x.js"></script>',
        '<script src="//example.org/x.js"></script>',
        '<link rel="stylesheet" href="http://example.org/x.css">',
        '<iframe src="https://example.org"></iframe>',
        '<iframe srcdoc="&lt;img src=https://example.org/x.png&gt;"></iframe>',
        '<img srcset="https://example.org/x.png 2x">',
        '<object data="https://example.org/x.svg"></object>',
        '<p style="background: url(https://example.org/x.png)">',
        "<style>@import 'https://example.org/x.css';</style>",
        '<script type="module">import { render } from "https://example.org/cdn.js";</script>',
        '<script>import("https://example.org/cdn.js")</script>',
    ],
)
def test_everything_that_loads_from_outside_is_found(bad):
    assert build_course.loaded_from_outside(bad)


def test_what_does_not_load_is_left_alone():
    good = """<a href="https://example.org">x</a> <img src="assets/x.png"> <img src="data:image/png;base64,AA">
        <script>const home = "https://example.org"; // imported from "https://..." by nobody
        </script><script src="assets/x.js"></script><link rel="stylesheet" href="assets/course.css">"""
    assert build_course.loaded_from_outside(good.replace('from "https://..."', "")) == []


# ------------------------------------------------------------------------------------------ what was covered


def test_the_last_lines_count_the_notebooks_and_the_lines_that_agree(tmp_path, monkeypatch):
    printed = new_output("stream", text="one\ntwo\n")
    several = {f"{n:02d}_a": notebook(n % 10, code("print()", printed), code("1")) for n in range(13)}
    monkeypatch.setenv("HUB_STANDIN", str(tmp_path))
    lines = covered.covered(save(tmp_path / "notebooks", **several))
    assert any("13 notebooks run again on SmolLM2; 26 lines of 13 cells agree" in line for line in lines)
    assert "covered: the notebooks on a GPT-2 of random weights" in lines
    monkeypatch.delenv("HUB_STANDIN")
    lines = covered.covered(save(tmp_path / "notebooks", **several))
    assert any(line.startswith("SKIPPED: the notebooks on a GPT-2") for line in lines)


# --------------------------------------------------------------------------------------------- colab


def test_the_badge_opens_the_notebook_and_the_cell_installs_the_package():
    nb = colab.prepare(notebook(0, code("print(1)")), REPOSITORY, "00_a.ipynb")
    assert (
        "https://colab.research.google.com/github/someone/course/blob/main/notebooks/00_a.ipynb"
        in nb.cells[0].source
    )
    assert colab.without_badge(nb.cells[0].source) == FIRST.format(n=0)
    assert f"git+{REPOSITORY}" in nb.cells[1].source
    assert len(nb.cells[1].source.splitlines()) <= 6
    assert nb.cells[2].source == "print(1)"


@pytest.mark.parametrize(
    ("call", "asked"), [("open_lab()", True), ('open_lab("offline", texts="wikipedia")', False)]
)
def test_only_a_notebook_that_leaves_the_lab_open_lets_its_reader_choose_one(call, asked):
    nb = colab.prepare(notebook(0, code(f"lab = {call}")), REPOSITORY, "00_a.ipynb")
    assert ("SAE_LAB" in nb.cells[1].source) is asked
    assert nb.cells[1].source.startswith("import os\nimport sys\n\n" if asked else "import sys\n\nif ")


def test_preparing_again_changes_nothing_and_a_new_address_replaces_the_old():
    nb = colab.prepare(notebook(0, code("print(1)")), "https://github.com/old/name", "00_a.ipynb")
    nb.cells[1].execution_count = 1
    nb = colab.prepare(nb, REPOSITORY, "00_a.ipynb")
    again = colab.prepare(nbformat.from_dict(nb), REPOSITORY, "00_a.ipynb")
    assert again == nb
    assert "old/name" not in str(nb)
    assert nb.cells[1].execution_count == 1


def test_a_notebook_that_opens_with_code_is_refused():
    with pytest.raises(ValueError, match=r"00_a\.ipynb must open with a Markdown cell"):
        colab.prepare(new_notebook(cells=[code("1")]), REPOSITORY, "00_a.ipynb")
