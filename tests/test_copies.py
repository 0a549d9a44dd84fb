"""Students' copies hold no solution, teachers' copies show them, and neither changes anything else."""

import re
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

import copies

HELP = "<details><summary>Help</summary>\n\nThink of 6 times 7.\n\n</details>"
SOLUTION = "<details><summary>Solution</summary>\n\n```python\nanswer = 42\n```\n\nBecause.\n\n</details>"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with one executed notebook that has an exercise."""
    done = v4.new_code_cell(
        "answer = None", execution_count=3, outputs=[v4.new_output("stream", text="done")]
    )
    done.metadata["tags"] = ["nbval-ignore-output"]
    cells = [v4.new_markdown_cell("# Title"), done, v4.new_markdown_cell(f"{HELP}\n{SOLUTION}")]
    cells.append(v4.new_markdown_cell(SOLUTION))
    (tmp_path / "notebooks").mkdir()
    nbformat.write(v4.new_notebook(cells=cells), tmp_path / "notebooks" / "01_a.ipynb")
    return tmp_path / "notebooks"


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def test_students_get_help_and_no_solution(source: Path, tmp_path: Path) -> None:
    (path,) = copies.write_copies(source, tmp_path / "students", copies.without_solutions)
    notebook = read(path)
    assert [cell.source for cell in notebook.cells] == ["# Title", "answer = None", HELP]
    assert "answer = 42" not in path.read_text()
    nbformat.validate(notebook)


def test_teachers_get_the_solution_unfolded(source: Path, tmp_path: Path) -> None:
    (path,) = copies.write_copies(source, tmp_path / "teachers", copies.with_solutions_open)
    unfolded = SOLUTION.replace("<details>", "<details open>")
    assert [cell.source for cell in read(path).cells[2:]] == [f"{HELP}\n{unfolded}", unfolded]


def test_copies_have_no_outputs_and_keep_tags(source: Path, tmp_path: Path) -> None:
    for change in (copies.without_solutions, copies.with_solutions_open):
        (path,) = copies.write_copies(source, tmp_path / "copy", change)
        code = read(path).cells[1]
        assert code.outputs == [] and code.execution_count is None
        assert code.metadata["tags"] == ["nbval-ignore-output"]


def test_the_originals_are_not_touched(source: Path, tmp_path: Path) -> None:
    before = (source / "01_a.ipynb").read_bytes()
    copies.write_copies(source, tmp_path / "students", copies.without_solutions)
    assert (source / "01_a.ipynb").read_bytes() == before


def test_the_command_makes_both(source: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(
        "sys.argv", ["copies.py", "--notebooks", str(source), "--build", str(tmp_path / "build")]
    )
    copies.main()
    assert sorted(path.parent.name for path in (tmp_path / "build").glob("*/*.ipynb")) == [
        "students",
        "teachers",
    ]
    assert capsys.readouterr().out.count("1 notebooks") == 2
    assert (tmp_path / "build" / "answer_key.md").is_file()


def test_the_answer_key_has_every_exercise_once_and_in_order() -> None:
    key = copies.answer_key(copies.ROOT / "notebooks")
    numbers = re.findall(r"^### Exercise (\d+\.\d+) ", key, re.MULTILINE)
    assert len(numbers) == len(set(numbers)) and "4.11" in numbers
    assert numbers == sorted(numbers, key=lambda number: [int(part) for part in number.split(".")])
    assert "def nearest(x, means):" in key and "<details" not in key and ".ipynb" not in key


def test_no_notebooks_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no notebooks"):
        copies.write_copies(tmp_path, tmp_path / "students", copies.without_solutions)


def test_of_the_course_no_solution_reaches_the_students(tmp_path: Path) -> None:
    students = copies.write_copies(copies.ROOT / "notebooks", tmp_path / "students", copies.without_solutions)
    for path in students:
        assert "<summary>Solution" not in path.read_text(), path.name
        nbformat.validate(read(path))
