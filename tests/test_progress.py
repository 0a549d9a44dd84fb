"""What was solved is remembered, shown and forgotten, and a file that is damaged or cannot be written stops nothing."""

import re
from pathlib import Path

import nbformat
import pytest

import colab
import outputs
import progress_line
from sae_tutorial import exercises
from sae_tutorial.exercises import solved
from sae_tutorial.exercises.reporting import Exercise

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAE_PROGRESS", str(tmp_path / "deep" / "progress.json"))
    return tmp_path / "deep" / "progress.json"


def answer(number: str, right: bool = True) -> None:
    def judge(_: object) -> None:
        if not right:
            raise ValueError("wrong")

    Exercise(number, "do it.", "there", "good.").check(judge, 1)


def filled(shown: object) -> int:
    return shown.data.count('fill="currentColor"')


def test_a_right_answer_is_remembered_once_and_a_wrong_one_is_not():
    answer("4.10")
    answer("4.10")
    answer("4.2", right=False)
    answer("0.1")
    assert solved.solved_here() == {"4.10", "0.1"}
    assert filled(exercises.progress()) == 2
    assert filled(exercises.progress(4)) == 1 and filled(exercises.progress(0)) == 1


def test_all_is_forgotten_on_request(file):
    answer("4.10")
    exercises.forget()
    exercises.forget()
    assert filled(exercises.progress()) == 0 and not file.exists()


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"solved": 3}'])
def test_a_damaged_file_counts_as_none_and_is_replaced(file, text):
    file.parent.mkdir()
    file.write_text(text)
    assert filled(exercises.progress()) == 0
    answer("0.1")
    assert filled(exercises.progress()) == 1


def test_a_folder_that_cannot_be_made_stops_nothing(file, capsys):
    file.parent.write_text("a file where the folder should be")
    answer("0.1")
    assert "Exercise 0.1 right" in capsys.readouterr().out
    assert filled(exercises.progress()) == 0


def test_every_exercise_of_the_notebooks_has_its_dot():
    headings = {
        number
        for path in NOTEBOOKS.glob("[0-9]*.ipynb")
        for number in re.findall(r"### Exercise (\d+\.\d+) ", path.read_text(encoding="utf-8"))
    }
    dots = [number for numbers in solved.all_exercises().values() for number in numbers]
    assert {number.split()[0] for number in dots} == headings
    assert solved.all_exercises()[4][-1] == "4.12"  # by number, and not by letter
    assert {"6.2 (diagnosis)", "6.2 (repair)"} <= set(dots)


def test_a_notebook_without_exercises_is_refused():
    with pytest.raises(ValueError, match=r"notebook 77 has no exercises; those that have: 0, 1, "):
        exercises.progress(77)


def test_what_it_shows_is_not_compared_between_machines():
    def lines() -> list[str]:
        data = {"text/html": exercises.progress(0).data, "text/plain": "<IPython.core.display.HTML object>"}
        return outputs.compared_lines([nbformat.v4.new_output("display_data", data)])

    before = lines()
    answer("0.1")
    assert lines() == before == [outputs.FIGURE]


def test_the_line_is_put_after_the_set_up_once():
    nb = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("# 04"), nbformat.v4.new_code_cell("1")]
    )
    with pytest.raises(ValueError, match="run scripts/colab.py first"):
        progress_line.prepare(nb, "04_x.ipynb")
    for _ in range(2):
        colab.prepare(nb, colab.repository(), "04_x.ipynb")
        progress_line.prepare(nb, "04_x.ipynb")
        assert [cell.id for cell in nb.cells[1:3]] == [colab.SETUP_ID, progress_line.PROGRESS_ID]
        assert len(nb.cells) == 4
    assert nb.cells[2].source.endswith("exercises.progress(4)")


def test_a_notebook_without_exercises_gets_no_line():
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Words")])
    assert progress_line.prepare(nb, "glossary.ipynb") == nb and len(nb.cells) == 1
