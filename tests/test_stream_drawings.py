"""Drawings of the stream say what they are given, and a thicker arc is a larger weight."""

import numpy as np
import plotly.graph_objects as go
import pytest

from sae_tutorial.show import stream_drawings as drawings

WORDS = ["a", "<b>", "c"]


def words_of(figure: go.Figure) -> str:
    return " ".join(str(annotation.text) for annotation in figure.layout.annotations)


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (drawings.transformer_drawing(WORDS, ["x & y"], "t"), ["&lt;b&gt;", "x &amp; y", "unembed"]),
        (
            drawings.layers_drawing(WORDS, 30, 12, "t"),
            ["&lt;b&gt;", "layer 12", "layer 29", "the vector we read"],
        ),
        (drawings.highway_drawing("t"), ["reads", "adds", "residual stream"]),
        (drawings.attention_drawing(["p", "q"], np.array([0.75, 0.25]), "t"), ["75%", "25%", "q"]),
        (drawings.mlp_drawing("t"), ["neuron"]),
        (drawings.one_layer_paths_drawing("t"), ["direct", "attention", "MLP"]),
        (drawings.induction_drawing("t"), ["previous-token head", "induction"]),
        (drawings.induction_drawing("t", ["one", "two", "three", "four"]), ["one", "two", "three", "four"]),
        (
            drawings.fetch_drawing("t", WORDS, "x & y", ["one", "two", "three", "four"]),
            ["&lt;b&gt;", "x &amp; y", "one", "two", "three", "four"],
        ),
        (drawings.patch_drawing("t"), ["clean run", "corrupted run", "France", "Italy"]),
    ],
)
def test_a_drawing_has_its_title_its_words_and_no_axes(figure: go.Figure, words: list[str]) -> None:
    assert figure.layout.title.text == "t"
    assert all(word in words_of(figure) for word in words)
    assert figure.layout.xaxis.visible is False


def test_the_more_attention_the_thicker_the_arc_and_traces_are_left_out() -> None:
    figure = drawings.attention_drawing(["a", "b", "c", "d"], np.array([0.6, 0.01, 0.3, 0.09]), "t")
    arcs = [shape for shape in figure.layout.shapes if shape.type == "path"]
    widths = [arc.line.width for arc in arcs]
    assert len(widths) == 3 and widths[0] > widths[1] > widths[2]


def test_a_query_in_the_middle_sees_nothing_after_it() -> None:
    figure = drawings.attention_drawing(["a", "b", "c"], np.array([0.5, 0.5, 0.9]), "t", query=1)
    assert "90%" not in words_of(figure)


def test_the_lens_shows_each_guess_in_its_place() -> None:
    figure = drawings.lens_figure(
        ["u", "v"], [0, 9], [["p", "q"], ["r", "s"]], np.array([[0.1, 0.9], [0.2, 0.3]]), "t"
    )
    assert [(a.x, a.y, a.text) for a in figure.layout.annotations] == [
        (0, 0, "p"),
        (1, 0, "q"),
        (0, 1, "r"),
        (1, 1, "s"),
    ]
    assert list(figure.layout.yaxis.ticktext) == ["0", "9"]


def test_an_interval_is_a_band_around_its_line() -> None:
    three = np.array([[1.0, 2.0], [0.5, 1.5], [1.5, 2.5]])
    figure = drawings.interval_figure(
        [0, 1], {"one": three}, "t", "x", "y", level=("level", 1.0), mark=("mark", 0.5)
    )
    band, line = figure.data
    assert list(band.y) == [1.5, 2.5, 1.5, 0.5] and list(line.y) == [1.0, 2.0]
    assert "level" in words_of(figure) and "mark" in words_of(figure)


def test_places_that_are_not_joined_have_error_bars_and_no_line() -> None:
    three = np.array([[1.0, 2.0], [0.5, 1.75], [1.5, 3.0]])
    (markers,) = drawings.interval_figure([0, 1], {"one": three}, "t", "x", "y", joined=False).data
    assert markers.mode == "markers"
    assert list(markers.error_y.array) == [0.5, 1.0] and list(markers.error_y.arrayminus) == [0.5, 0.25]
