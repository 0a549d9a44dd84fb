"""Drawings for doubting a latent show what is clear of zero, who detects what, which latent goes to which, and where the holes are."""

import numpy as np
import plotly.graph_objects as go
import pytest

from sae_tutorial.features.intervals import Interval
from sae_tutorial.show import doubt_drawings


def words_of(figure: go.Figure) -> str:
    return " ".join(note.text for note in figure.layout.annotations)


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (doubt_drawings.replacement_drawing, ["clean run", "replaced run", "x̂", "CE(x̂)"]),
        (doubt_drawings.hole_drawing, ["Paris", "false alarm", "hole"]),
        (doubt_drawings.verdict_drawing, ["threshold", "too close to call", "not shown"]),
        (doubt_drawings.cone_drawing, ["its start", "0.8 along", "0.6 across"]),
        (doubt_drawings.shuffle_drawing, ["embedding", "its twin", "other places"]),
        (doubt_drawings.hedge_drawing, ["mouse", "cheese", "leans"]),
    ],
)
def test_a_drawing_has_its_title_its_words_and_no_axes(draw, words):
    figure = draw("a title")
    assert figure.layout.title.text == "a title"
    assert all(word in words_of(figure) for word in words)
    assert figure.layout.xaxis.visible is False and figure.layout.yaxis.visible is False


def test_what_touches_zero_is_hollow_and_what_does_not_is_filled():
    rows = {
        "above": Interval(0.3, 0.1, 0.6),
        "touching": Interval(0.1, -0.1, 0.2),
        "below": Interval(-0.3, -0.4, -0.2),
    }
    figure = doubt_drawings.forest_figure(rows, "title", "nats")
    assert [trace.marker.symbol for trace in figure.data] == ["circle", "circle-open", "circle"]
    assert figure.data[0].error_x.array[0] == pytest.approx(0.3)
    assert figure.data[0].error_x.arrayminus[0] == pytest.approx(0.2)
    assert "grey" in figure.layout.xaxis.title.text
    clear = doubt_drawings.forest_figure({"above": rows["above"]}, "title", "nats")
    assert clear.layout.xaxis.title.text == "nats"
    assert len(figure.layout.shapes) == 1
    figure = doubt_drawings.forest_figure(rows, "title", "nats", band=(0, 0.11))
    assert [(shape.x0, shape.x1) for shape in figure.layout.shapes] == [(0, 0), (0, 0.11)]
    # Beside a band only what touches it is hollow.
    assert [trace.marker.symbol for trace in figure.data] == ["circle-open", "circle-open", "circle"]
    assert "band" in figure.layout.xaxis.title.text and "not shown" in words_of(figure)
    figure = doubt_drawings.forest_figure(rows, "title", "nats", band=(-0.3, 0.05))
    assert [trace.marker.symbol for trace in figure.data] == ["circle", "circle-open", "circle-open"]
    figure = doubt_drawings.forest_figure({"above": rows["above"]}, "title", "nats", band=(0, 0.05))
    assert figure.layout.xaxis.title.text == "nats"


def test_every_seed_has_a_dot_in_the_row_of_its_method_and_the_colour_of_its_group():
    counts = {"topk": [1, 2], "held": [0, 0], "relu": [3]}
    groups = {"topk": "free", "relu": "free", "held": "frozen"}
    figure = doubt_drawings.seeds_figure(counts, groups, "title", "found")
    assert [(trace.name, list(trace.x), list(trace.y)) for trace in figure.data] == [
        ("free", [1, 2, 3], [-0.1, 0.1, 2.0]),
        ("frozen", [0, 0], [0.9, 1.1]),  # equal counts lie beside each other
    ]
    assert list(figure.layout.yaxis.ticktext) == list(counts)


def test_every_score_is_written_on_its_patch_and_what_the_figure_is_about_is_blue():
    scores = {"a day": {"ours": 0.5, "theirs": 0.25}, "a <b>": {"ours": 1.0, "theirs": 0.0}}
    own, others = doubt_drawings.rivals_figure(
        scores, {"a day": 0.25, "a <b>": 0.125}, "title", ["ours"]
    ).data
    assert own.text.tolist() == [["0.50", "", ""], ["1.00", "", ""]]
    assert others.text.tolist() == [["", "0.25", "0.25"], ["", "0.00", "0.12"]]
    assert np.isnan(own.z).tolist() == [[False, True, True]] * 2
    assert list(own.x) == ["ours", "theirs", "always<br>on"] and list(own.y) == ["a day", "a &lt;b&gt;"]
    assert own.colorscale != others.colorscale and (own.zmin, own.zmax) == (0, 1)


def test_a_tree_has_a_box_per_latent_and_a_line_per_edge_within_its_frame():
    levels = [("4", {7: "of, in"}), ("8", {1: "of", 5: "<b>"}), ("16", {2: "north", 3: "south", 9: "in"})]
    edges = [(0, 7, 1), (0, 7, 5), (1, 1, 2), (1, 1, 3), (1, 5, 9)]
    figure = doubt_drawings.boxes_drawing(levels, edges, "title")
    boxes = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert (len(boxes), sum(shape.type == "path" for shape in figure.layout.shapes)) == (6, len(edges))
    assert "&lt;b&gt;" in words_of(figure)
    (low, high), (left, right) = figure.layout.yaxis.range, figure.layout.xaxis.range
    assert all(low < box.y0 and box.y1 < high and left < box.x0 and box.x1 < right for box in boxes)
    column = sorted((box.y0, box.y1) for box in boxes if box.x0 == max(b.x0 for b in boxes))
    assert all(below[1] < above[0] for below, above in zip(column, column[1:], strict=False))


def test_the_pair_is_off_in_the_holes_and_in_the_background():
    figure = doubt_drawings.hole_drawing("title")
    rows = {colour: {round(shape.x0 + 0.4) for shape in figure.layout.shapes if shape.fillcolor == colour}
            for colour in (doubt_drawings.BLUE, doubt_drawings.ORANGE)}  # fmt: skip
    dotted = {round(shape.x0 + 0.4) for shape in figure.layout.shapes if shape.line.dash == "dot"}
    concept = {round(note.x) for note in figure.layout.annotations if note.text.startswith("<b>")}
    filled = {round(note.x) for note in figure.layout.annotations if "filled" in note.text}
    assert len(dotted & concept) == len(dotted - concept) == 2  # as many tokens of the background as holes
    assert {shape.fillcolor for shape in figure.layout.shapes if shape.line.dash == "dot"} == {
        doubt_drawings.PALE
    }
    assert not dotted & rows[doubt_drawings.BLUE] and filled == rows[doubt_drawings.ORANGE]
