"""The files around the code: the committed notebooks are as they should be, and every pin agrees."""

import ast
import builtins
import copy
import importlib
import importlib.metadata
import itertools
import json
import re
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import nbformat
import pytest
import yaml
from conftest import TEXTS
from myst_parser.slugs import github_slugify
from nbformat import NotebookNode
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import colab
import execute_notebooks
import sae_tutorial
from notebook_files import calls
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import Architecture

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))  # test_glossary.py looks at the glossary
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

LONGEST_CELL, MEDIAN_CELL = 25, 8
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:work|workspace|root|home|tmp|Users|opt|mnt)/[\w.-]+")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def nb(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def code_cells(nb: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in nb.cells if cell.cell_type == "code"]


def outputs(nb: NotebookNode) -> list[NotebookNode]:
    return [output for cell in code_cells(nb) for output in cell.outputs]


def test_there_are_notebooks_and_their_names_give_their_order():
    assert NOTEBOOKS
    assert all(re.fullmatch(r"\d\d_[a-z0-9_]+", path.stem) for path in NOTEBOOKS)
    numbers = [path.stem[:2] for path in NOTEBOOKS]
    assert len(set(numbers)) == len(numbers)


def test_it_is_valid_and_every_cell_has_an_id(path):
    raw = json.loads(path.read_text(encoding="utf-8"))  # reading with nbformat would mend it
    nbformat.validate(nbformat.from_dict(raw))
    ids = [cell["id"] for cell in raw["cells"]]  # nbformat 4.5 and later
    assert len(set(ids)) == len(ids)


def test_it_was_executed_in_order_without_an_error(nb):
    counts = [cell.execution_count for cell in code_cells(nb)]
    assert counts == list(range(1, len(counts) + 1)), "run `make notebooks`"
    assert "error" not in {output.output_type for output in outputs(nb)}


def test_it_holds_no_progress_and_no_metadata_of_a_machine(nb):
    assert not any(map(execute_notebooks.is_progress, outputs(nb))), "run `make notebooks`"
    assert nb.metadata == execute_notebooks.METADATA
    assert all(set(cell.metadata) <= {"tags"} for cell in nb.cells)


def test_its_cells_are_short(nb):
    lengths = [len(cell.source.strip().splitlines()) for cell in code_cells(nb)]
    assert max(lengths) <= LONGEST_CELL
    assert statistics.median(lengths) <= MEDIAN_CELL


def test_it_names_no_path_of_a_machine(nb):
    texts = [cell.source for cell in nb.cells]
    for output in outputs(nb):
        texts += [
            output.get("text", ""),
            *(str(data) for kind, data in output.get("data", {}).items() if "image" not in kind),
        ]
    assert MACHINE_PATH.findall("\n".join(texts)) == []


def test_the_search_for_paths_finds_them():
    for path in (
        "/home/ada/x.py",
        "in '/tmp/ipykernel_12/3.py'",
        "/".join(["", "work", "main"]),
        "/Users/ada",
    ):
        assert MACHINE_PATH.search(path)
    for text in ("https://example.org/home/ada", "km/h and /tmpfile", "../home/x", "and/or"):
        assert not MACHINE_PATH.search(text)


def test_every_figure_also_has_a_picture(nb):
    kinds = [set(output.get("data", {})) for output in outputs(nb)]
    assert all("image/png" in kind for kind in kinds if execute_notebooks.PLOTLY in kind), (
        "run `make notebooks`"
    )


def test_outputs_that_nbval_cannot_compare_are_tagged(nb):
    for number, cell in enumerate(nb.cells):
        kinds = {kind for output in cell.get("outputs", []) for kind in output.get("data", {})}
        if execute_notebooks.PLOTLY in kinds:
            assert "nbval-ignore-output" in cell.metadata.get("tags", []), f"cell {number}"


def test_what_a_cell_makes_to_be_looked_at_is_shown(nb):
    assert not [
        cell.source
        for cell in nb.cells
        if cell.cell_type == "code" and lost_values(cell.source, shown_by(nb))
    ]


def test_the_search_for_what_is_not_shown_finds_it():
    names = {"plots", "show_source"}
    assert lost_values("plots.bars(x)\nprint(1)", names) == ["plots.bars(x)"]
    assert lost_values("show_source(f)\ny = 1", names) == ["show_source(f)"]
    for source in ("print(1)\nplots.bars(x)", "figure = plots.bars(x)\nfigure", "lab.check(1)\nprint(1)"):
        assert not lost_values(source, names)


def shown_by(nb: NotebookNode) -> set[str]:
    """What the notebook imports from `sae_tutorial.show`: modules and functions whose values are there to be looked at."""
    imports = [
        node
        for cell in code_cells(nb)
        for node in ast.walk(parsed(cell.source))
        if isinstance(node, ast.ImportFrom)
    ]
    return {
        alias.asname or alias.name
        for node in imports
        if (node.module or "").startswith("sae_tutorial.show")
        for alias in node.names
    }


def lost_values(source: str, names: set[str]) -> list[str]:
    """Calls of `names` whose value a cell neither keeps nor shows: Jupyter shows only that of the last line."""
    calls = [
        line.value
        for line in parsed(source).body[:-1]
        if isinstance(line, ast.Expr) and isinstance(line.value, ast.Call)
    ]
    return [ast.unparse(call) for call in calls if ast.unparse(call.func).split(".")[0] in names]


def parsed(source: str) -> ast.Module:
    """A cell's code, without what only Jupyter reads."""
    return ast.parse(re.sub(r"(?m)^\s*%.*$", "    pass", source))


def test_a_code_hosting_site_shows_it(path):
    assert path.stat().st_size <= execute_notebooks.LARGEST_MEGABYTES * 2**20


def test_it_carries_the_colab_badge_and_cell(path, nb):
    as_written = colab.prepare(copy.deepcopy(nb), PROJECT["urls"]["Repository"], path.name)
    assert nb == as_written, "run `scripts/colab.py notebooks/*.ipynb`"
    assert code_cells(nb)[0].id == colab.SETUP_ID


def test_it_ends_with_its_verdicts_and_says_whose_numbers_its_prose_has(nb):
    sources = [cell.source for cell in nb.cells]
    if any("lab.check(" in source for source in sources):
        (table,) = (i for i, source in enumerate(sources) if source.endswith("lab.verdicts"))
        assert not any("lab.check(" in source for source in sources[table:])
        left_open = calls(nb, "open_lab()")
        assert left_open == any("the committed pages" in source for source in sources)


def test_it_opens_with_its_number_and_how_long_it_takes(path, nb):
    opening = colab.without_badge(nb.cells[0].source)
    assert opening.startswith(f"# {path.stem[:2]}")
    assert re.search(r"\bminutes?\b", "\n".join(cell.source for cell in nb.cells[:10]))


# ------------------------------------------------------------------------------------------------ pins


def lock_lines() -> list[str]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def locked() -> dict[str, Version]:
    return {
        canonicalize_name(name): Version(version)
        for name, version in (line.split("==") for line in lock_lines())
    }


def requirements() -> list[Requirement]:
    extras = [line for extra in PROJECT["optional-dependencies"].values() for line in extra]
    return [Requirement(line) for line in PROJECT["dependencies"] + extras]


def test_the_lock_holds_exact_public_versions_and_nothing_else():
    for line in lock_lines():
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9.]+", line), (
            line
        )  # no index, no local build, no marker
    assert len(locked()) == len(lock_lines())


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_the_lock_satisfies_what_the_package_asks_for(requirement):
    assert locked()[canonicalize_name(requirement.name)] in requirement.specifier


@pytest.mark.skipif(
    sys.platform != "linux", reason="the lock was made on Linux, where other packages are asked for"
)
def test_the_lock_holds_no_package_that_nobody_asks_for():
    waiting, asked = requirements(), set()
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in asked:
            continue
        asked.add(key)
        for line in importlib.metadata.requires(requirement.name) or []:
            other = Requirement(line)
            # As on the Python that the lock was made on: others need less, such as no backports.
            python = {"python_version": "3.11", "python_full_version": "3.11.9"}
            extras = [*requirement.extras, ""]
            if other.marker is None or any(
                other.marker.evaluate(python | {"extra": extra}) for extra in extras
            ):
                waiting.append(other)
    assert locked().keys() <= {name for name, _ in asked}


def test_conda_reads_the_lock_and_pins_only_python():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["dependencies"] == ["python=3.11", "pip", {"pip": ["-r requirements.lock", "-e ."]}]
    assert Version("3.11") in Requirement(f"python{PROJECT['requires-python']}").specifier


# ---------------------------------------------------------------------------------------------- README

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE, PRINTED = re.search(r"```python\n(.*?)```.*?```\n(.*?)```", README, re.DOTALL).groups()
QUARTERS = {"": 0, "¼": 15, "½": 30, "¾": 45}


def test_the_readme_is_short_and_its_links_lead_somewhere():
    assert len(README.split()) <= 900
    links = re.findall(r"\]\((?!https?://)([^)#]+)[^)]*\)", README)
    assert links and all((ROOT / link).exists() for link in links)
    assert set(re.findall(r"torch==[\w.]+", README)) == {
        line for line in lock_lines() if line.startswith("torch==")
    }


def test_the_readme_gives_the_hours_that_the_notebook_gives(path, nb):
    line = re.search(rf"^\| \[.*notebooks/{path.name}\).*\| (\d?)([¼½¾]?) \| \d+ \|$", README, re.MULTILINE)
    assert line, f"the README's map has no line for {path.name}"
    opening = "\n".join(cell.source for cell in nb.cells[:12])
    given = re.search(r"(\d+) minutes of reading\D+(\d+) of exercises", opening)
    if given is None:
        pytest.skip("the notebook gives no minutes of reading and exercises")
    assert abs(60 * int(line[1] or 0) + QUARTERS[line[2]] - int(given[1]) - int(given[2])) <= 10, line[0]


def test_the_first_notebooks_map_gives_the_hours_of_the_readmes():
    nb = nbformat.read(ROOT / "notebooks/00_start_here.ipynb", as_version=4)
    plan = next(cell.source for cell in nb.cells if "| notebook | the question | hours |" in cell.source)
    here = dict(re.findall(r"\((\d\d_\w+)\.ipynb\) \|.*\| (\d?[¼½¾]?) \|$", plan, re.MULTILINE))
    there = dict(
        re.findall(r"notebooks/(\d\d_\w+)\.ipynb\) \|.*\| (\d?[¼½¾]?) \| \d+ \|$", README, re.MULTILINE)
    )
    assert here and here == {name: hours for name, hours in there.items() if name != "00_start_here"}


def test_the_readmes_example_runs(monkeypatch, tmp_path, gpt2, capsys):
    small = {
        "12.hook": "1.hook",
        "576": str(gpt2.cfg.d_model),
        "k=32": "k=4",
        "200_000": "2_000",
        '="activations"': '="a", context_size=32',
    }
    code = re.sub("|".join(map(re.escape, small)), lambda found: small[found[0]], EXAMPLE)
    lab = SimpleNamespace(model=gpt2, texts=TEXTS)
    monkeypatch.setattr(sae_tutorial, "open_lab", lambda *_, **__: lab)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert float(capsys.readouterr().out) <= 1
    assert SparseAutoencoder.load("my_sae").config.architecture == "topk"


@pytest.mark.slow
def test_the_readmes_example_prints_what_the_readme_says(tmp_path):
    printed = subprocess.run(
        [sys.executable, "-c", EXAMPLE], cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True
    )
    *_, last = printed.stdout.strip().splitlines()
    assert float(last) == pytest.approx(float(PRINTED), abs=0.03)


# ----------------------------------------------------------------------------------------------- docs


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("**/*.md")), ids=lambda page: page.stem)
def test_a_command_that_a_page_names_exists(page):
    text = page.read_text(encoding="utf-8")
    for script in re.findall(r"python (scripts/\w+\.py)", text):
        assert (ROOT / script).is_file(), script
    for command in re.findall(r"python -m sae_tutorial (\w+)", text):
        assert command in ("check", "look", "lab", "course", "kit"), command
    for link in re.findall(r"\]\(((?:\.\./)+[^)#]+)[^)]*\)", text):
        assert (page.parent / link).exists(), link


def test_the_schedules_end_at_headings_of_the_notebooks():
    page = (ROOT / "docs" / "teaching" / "README.md").read_text(encoding="utf-8")
    asked = re.findall(r"(\d\d) up to \*([^*]+)\*", page)
    assert len(asked) > 10
    minutes = (ROOT / "docs" / "teaching" / "ninety_minutes.md").read_text(encoding="utf-8")
    for number, table in re.findall(r"\| in (\d\d), from minute.*?\n\|[- |]+\n((?:\|.*\n)+)", minutes):
        asked += [
            (number, heading)
            for heading in re.findall(r"\*([^*]+)\*", re.sub(r"(?m)^(\|[^|]*\|).*$", r"\1", table))
        ]
    assert len(asked) > 20
    for number, heading in asked:
        (path,) = [path for path in NOTEBOOKS if path.stem.startswith(number)]
        assert any(cell.source.startswith((f"## {heading}\n", f"### {heading}\n")) for cell in
                   nbformat.read(path, as_version=4).cells), f"{path.stem} has no heading {heading!r}"  # fmt: skip


def names_in(cells):
    """The names that cells make, and those that they use."""
    made, used = set(), set()
    for node in (node for cell in cells for node in ast.walk(parsed(cell.source))):
        if isinstance(node, ast.Name):
            (made if isinstance(node.ctx, ast.Store) else used).add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            made.update(alias.asname or alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            made.add(node.name)
        elif isinstance(node, ast.arg):
            made.add(node.arg)
    return made, used


def test_each_question_of_the_appendix_can_be_run_without_the_others():
    cells = nbformat.read(ROOT / "notebooks/13_three_more_questions.ipynb", as_version=4).cells
    starts = [i for i, cell in enumerate(cells) if cell.source.startswith("## ")]
    setup, *questions, friend, end = (
        [cell for cell in cells[a:b] if cell.cell_type == "code"]
        for a, b in itertools.pairwise([0, *starts, len(cells)])
    )
    assert len(questions) == 3 and not friend
    ready = names_in(setup)[0] | set(dir(builtins))
    for question in (*questions, end):
        made, used = names_in(question)
        assert not used - made - ready


def test_the_way_from_papers_to_code_ends_at_code():
    table = (ROOT / "docs" / "notation.md").read_text(encoding="utf-8")
    names = re.findall(r"`((?:\w+\.){2}\w+)`", table)
    assert len(names) > 10
    for name in names:
        module, _, thing = name.rpartition(".")
        assert hasattr(importlib.import_module(f"sae_tutorial.{module}"), thing), name
    assert set(re.findall(r"architecture `(\w+)`", table)) <= set(get_args(Architecture))


def test_the_reference_lists_every_module_of_the_rooms():
    rooms = ("lab", "toys", "transformer", "activations", "sae", "features", "effects", "show", "course")
    modules = {
        f"sae_tutorial.{room}.{path.stem}"
        for room in rooms
        for path in (ROOT / "sae_tutorial" / room).glob("[a-z]*.py")
    }
    assert set(re.findall(r"automodule:: (\S+)", (ROOT / "docs" / "api.md").read_text("utf-8"))) == modules


def test_links_from_the_docs_to_a_notebook_s_heading_find_it():
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    link = re.compile(r"\]\((?:\.\./)*(?:notebooks/)?(\d\d_\w+\.ipynb)#([^)\s]+)\)")
    found = [
        (page.name, *groups) for page in pages for groups in link.findall(page.read_text(encoding="utf-8"))
    ]
    assert len(found) > 5
    for page, notebook, anchor in found:
        nb = nbformat.read(ROOT / "notebooks" / notebook, as_version=4)
        text = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        assert anchor in {github_slugify(heading) for heading in headings}, (
            f"{page} leads to {notebook}#{anchor}"
        )
