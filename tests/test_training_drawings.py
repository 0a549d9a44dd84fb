"""The drawings of collecting: what they say they count is what is drawn."""

from sae_tutorial.show import training_drawings
from sae_tutorial.show.training_drawings import BLUE, PURPLE, RED


def words(figure) -> str:
    return " ".join(note.text for note in figure.layout.annotations)


def frames(figure, colour: str) -> int:
    return sum(shape.line.color == colour for shape in figure.layout.shapes)


def test_a_batch_counts_the_rows_to_keep_and_draws_no_more_than_the_context():
    figure = training_drawings.padding_drawing([["a"] * 3, ["b"] * 6, ["c"]], "T", context_size=6)
    assert "the 9 rows to keep, of 18" in words(figure)
    assert (frames(figure, BLUE), frames(figure, RED), len(figure.layout.shapes)) == (9, 6, 18)
    assert words(figure).count("<s>b</s>") == 1


def test_batches_are_as_wide_as_their_longest_text():
    figure = training_drawings.batches_drawing((4, 9, 2, 7, 3, 9, 5, 2), batch_size=4)
    assert "72 positions for 41 tokens" in words(figure) and "52 positions for 41 tokens" in words(figure)
    assert (frames(figure, BLUE), frames(figure, RED)) == (82, 72 + 52 - 82)


def test_a_split_by_text_tests_whole_texts():
    figure = training_drawings.split_drawing()
    tested = [(shape.x0, shape.y0) for shape in figure.layout.shapes if shape.fillcolor == PURPLE]
    by_text = {y for x, y in tested if x > 8}
    assert len(by_text) == 1 and sum(x > 8 for x, _ in tested) == 6
    assert len({y for x, y in tested if x < 8}) == 4
