"""Two runs of a notebook are compared by their text: words exactly, numbers within a tolerance, figures by being there."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import outputs
import test_labs
from outputs import agree, compared_lines, differences, verdicts

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


def printed(text: str, name: str = "stdout") -> NotebookNode:
    return new_output("stream", name=name, text=text)


def shown(**data: str) -> NotebookNode:
    kinds = {"html": "text/html", "plain": "text/plain", "markdown": "text/markdown", "png": "image/png",
             "plotly": "application/vnd.plotly.v1+json", "widget": "application/vnd.jupyter.widget-view+json"}  # fmt: skip
    return new_output("display_data", data={kinds[kind]: value for kind, value in data.items()})


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("the same", "the same", True),
        ("shown: it rises", "not shown in this lab: it rises", False),
        ("explained variance 0.765", "explained variance 0.771", True),  # 5 percent
        ("explained variance 0.765", "explained variance 0.701", False),
        ("AUROC 0.98", "AUROC -0.61", False),
        ("p 10%", "p 0.2%", False),
        ("by +0.003", "by +0.001", True),  # two units of the last place
        ("by +0.003", "by +0.000", False),
        ("by +0.01", "by −0.01", True),
        ("1,234 tokens", "1,250 tokens", True),
        ("1,234 tokens", "1,350 tokens", False),
        ("6 of 10", "7 of 10", False),
        ("250 latents", "245 latents", True),
        ("1.5e-05", "1.6e-05", False),
        ("1.5e-05", "1.52e-05", True),
        ("one 0.5", "one 0.5 0.5", False),
        ("blocks.12.hook", "blocks.13.hook", False),  # a name, not a number
        ("costs 0.96 [0.81, 1.10]", "costs 1.02 [0.90, 1.15]", True),  # within the interval's width
        ("costs 0.96 [0.91, 1.00]", "costs 1.08 [1.03, 1.12]", False),
        ("52% [40%, 64%]", "60% [48%, 72%]", True),
        (
            "shown: a (0.88, to be above 0.5 by more than 0.1)",
            "shown: a (0.75, to be above 0.5 by more than 0.1)",
            True,
        ),
        (
            "shown: a (0.88, to be above 0.5 by more than 0.1)",
            "shown: a (0.65, to be above 0.5 by more than 0.1)",
            False,
        ),
        (
            "too close: a (0.001, to be above 0 by more than 0.02)",
            "too close: a (-0.01, to be above 0 by more than 0.02)",
            True,
        ),
        ("0.1 [0, 0.3], to be above 0.02", "0.2 [0.1, 0.4], to be above 0.03", True),
        ("39% of 64", "30% of 64", True),  # two standard errors are 12 points
        ("39% of 64", "25% of 64", False),
        ("39% of 64", "39% of 60", False),
        ("0% of 16", "6% of 16", True),
        ("0% of 160", "6% of 160", False),
    ],
)
def test_words_are_equal_and_numbers_are_near(a, b, same):
    assert agree(a, b) is same and agree(b, a) is same


@pytest.mark.parametrize(
    ("line", "stable"),
    [
        ("it took 12.3 s", "it took TIME"),
        ("3 seconds, then 1 minute", "TIME, then TIME"),
        ("1,359 tokens per second", "SPEED"),
        ("1,359 tokens/s", "SPEED"),
        ("<object at 0x7f12ab34cd56>", "<object at ADDRESS>"),
        ("in ipykernel_12/3456.py", "in CELL"),
        ("lab offline (set by SAE_LAB), budget quick, on cpu", "lab offline, budget quick"),
        ("the 3 states of 50 sentences", "the 3 states of 50 sentences"),
    ],
)
def test_what_differs_from_run_to_run_is_replaced(line, stable):
    assert compared_lines([printed(line)]) == [stable]


def test_spaces_and_empty_lines_do_not_count_and_streams_are_joined():
    assert compared_lines([printed("a   1.0\n\n"), printed("b\n")]) == ["a 1.0", "b"]


def test_progress_is_not_looked_at_and_a_figure_only_has_to_be_there():
    figure = shown(plotly="{}", png="abc")
    assert compared_lines([printed("50%", "stderr"), shown(widget="x"), figure]) == [outputs.FIGURE]
    assert differences([figure], [shown(plotly="{1}")]) == []
    assert differences([figure], []) == [(outputs.FIGURE, "")]
    assert compared_lines([shown(html="<div><svg>1</svg></div>", plain="x")]) == [outputs.FIGURE]


def test_a_table_is_compared_without_its_markup():
    table = "<table><tr><th>name</th><th>score</th></tr><tr><td style='padding:2px'>a &lt; b</td><td>0.50</td></tr></table>"
    assert compared_lines([shown(html=table, plain="<HTML object>")]) == ["name | score |", "a < b | 0.50 |"]
    assert differences([shown(html=table)], [shown(html=table.replace("0.50", "0.51"))]) == []
    assert differences([shown(html=table)], [shown(html=table.replace("0.50", "0.60"))]) == [
        ("a < b | 0.50 |", "a < b | 0.60 |")
    ]


def test_source_that_is_shown_is_compared():
    assert differences([shown(markdown="def f(): return x")], [shown(markdown="def f(): return y")])


def test_verdicts_are_read_from_what_was_printed():
    lines = "shown: a\nnot shown in this lab: b (0.12, to be above 0.5 by more than 0.01)\ntoo close to call: 9 of (10)\nshow: no\n"
    assert verdicts([printed(lines)]) == {
        "a": "shown",
        "b": "not shown in this lab",
        "# of (#)": "too close to call",
    }


# ----------------------------------------------------------------------------------- the committed notebooks


def cells(path: Path) -> list[NotebookNode]:
    return test_labs.code_cells(nbformat.read(path, as_version=4))


def test_at_most_ten_outputs_are_skipped_and_each_entry_is_one_cell_with_a_reason():
    passed_over = []
    for (name, call), reason in outputs.SKIPPED.items():
        (path,) = (path for path in NOTEBOOKS if path.stem == name)
        (cell,) = (cell for cell in cells(path) if call in cell.source)
        passed_over += [
            output for output in cell.outputs if set(outputs.compared_lines([output])) - {outputs.FIGURE}
        ]
        assert reason
    assert len(passed_over) <= 10


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_verdict_of_a_notebook_is_saved_and_compared(path):
    for cell in cells(path):
        if "lab.check(" in cell.source:
            assert outputs.skipped(path.stem, cell.source) is None
            assert verdicts(cell.outputs), cell.source


# ------------------------------------------------------------------------------------- through nbval and in labs


def saved(path: Path, *sources: str, texts: list[str]) -> Path:
    """A notebook with what its cells are said to have printed; every one carries the tag that nbval would skip."""
    nb = new_notebook(
        cells=[
            new_code_cell(source, outputs=[printed(text)], execution_count=n, metadata={"tags": ["nbval-ignore-output"]})
            for n, (source, text) in enumerate(zip(sources, texts, strict=True), 1)
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )  # fmt: skip
    nbformat.write(nb, path)
    return path


def test_nbval_compares_with_the_tolerance_whatever_the_tags(tmp_path):
    path = saved(
        tmp_path / "05_a.ipynb",
        "print('near 0.512')", "print('far 0.60')", "print('shown: b')",
        texts=["near 0.510\n", "far 0.50\n", "not shown in this lab: b\n"],
    )  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-p", "tests.nbval_plugin", "--nbval", "--nbval-current-env",
               "-c", ROOT / "pyproject.toml"]  # fmt: skip
    done = subprocess.run(
        [*command, "--color=no", path], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert "2 failed, 1 passed" in done.stdout
    assert "saved: far 0.50\nfound: far 0.60" in done.stdout
    assert "saved: not shown in this lab: b\nfound: shown: b" in done.stdout


@pytest.fixture
def build(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(test_labs, "BUILD", tmp_path / "build")
    return tmp_path / "build"


def test_a_notebook_in_a_lab_runs_after_its_setup_with_its_environment(tmp_path, build, monkeypatch, capsys):
    lab = test_labs.Lab({"LAB_OF_A_TEST": "there"}, "import math; math.answer = 42", compared=True)
    monkeypatch.setitem(test_labs.LABS, "one-thread", lab)
    path = saved(
        tmp_path / "07_a.ipynb",
        "import math, os; print(math.answer, os.environ['LAB_OF_A_TEST'])", "print('shown: b')",
        texts=["42 there\n", "shown: b\n"],
    )  # fmt: skip
    before = path.read_bytes()
    assert test_labs.main(["--labs", "one-thread", str(path)]) == 0
    assert path.read_bytes() == before and (build / "one-thread" / "07_a.ipynb").exists()
    last = capsys.readouterr().out.splitlines()[-1].split()
    assert last[:5] == ["one-thread", "07_a", "2/2", "0", "1/1"] and last[-2:] == ["0", "0"]


def test_a_verdict_that_turned_and_an_exception_fail_the_run(tmp_path, build, capsys):
    turned = saved(
        tmp_path / "07_a.ipynb",
        "print('shown: b')",
        texts=["not shown in this lab: b (1, to be above 2 by more than 0)\n"],
    )
    raises = saved(tmp_path / "08_b.ipynb", "print(1)", "1 / 0", "print(2)", texts=["1\n", "", "2\n"])
    assert test_labs.main(["--labs", "one-thread", str(turned)]) == 1
    report = capsys.readouterr().out
    assert "b: saved not shown in this lab, found shown" in report
    assert test_labs.main(["--labs", "layer-20", "--budget", "smoke", str(raises)]) == 1
    report = capsys.readouterr().out
    assert "ZeroDivisionError" in report
    assert re.search(r"layer-20 +08_b +1/3 +1 +0/0", report)


def test_on_a_smoke_budget_nothing_is_compared(tmp_path, build, capsys):
    path = saved(tmp_path / "07_a.ipynb", "print('found')", texts=["saved\n"])
    assert test_labs.main(["--labs", "one-thread", "--budget", "smoke", str(path)]) == 0


def test_labs_of_the_hub_ask_for_a_cache(tmp_path, capsys):
    with pytest.raises(SystemExit):
        test_labs.main(["--labs", "gpt2", "--hub", str(tmp_path / "none")])
    assert "make build/hub/filled" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        test_labs.main(["--labs", "one-thread,gpt-2"])
    assert "no lab gpt-2; choose from gpt2, ag-news" in capsys.readouterr().err


def test_a_lab_runs_the_notebooks_that_it_changes(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    for name, source in {
        "01_none": "1",
        "02_open": "lab = open_lab()",
        "03_named": 'lab = open_lab("offline", texts="wikipedia")',
    }.items():
        cells = [new_code_cell(source), new_markdown_cell("`open_lab()` opens one")]
        nbformat.write(new_notebook(cells=cells), tmp_path / "notebooks" / f"{name}.ipynb")
    (tmp_path / "hub").mkdir()
    ran = {}
    monkeypatch.setattr(test_labs, "ROOT", tmp_path)
    monkeypatch.setattr(test_labs, "BUILD", tmp_path / "build")
    monkeypatch.setattr(
        test_labs, "run", lambda paths, name, _: ran.update({name: [p.stem for p in paths]}) or {}
    )
    assert test_labs.main(["--hub", str(tmp_path / "hub")]) == 0
    all_three = ["01_none", "02_open", "03_named"]
    assert ran.pop("gpt2") == ["02_open"]
    assert ran.pop("ag-news") == ran.pop("layer-20") == ["02_open", "03_named"]
    assert ran == dict.fromkeys([name for name, lab in test_labs.LABS.items() if lab.compared], all_three)


def test_make_names_every_lab_that_needs_no_hub():
    names = [name for name in test_labs.LABS if name not in test_labs.HUB_LABS]
    assert f"--labs {','.join(names)}\n" in (ROOT / "Makefile").read_text()
