"""Drawings of the stream say what they are given, and a thicker arc is a larger weight."""

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from sae_tutorial.show import stream_drawings as drawings
from sae_tutorial.transformer.tokens import token_strings

WORDS = ["a", "<b>", "c"]


def words_of(figure: go.Figure) -> str:
    return " ".join(str(annotation.text) for annotation in figure.layout.annotations)


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (drawings.transformer_drawing(WORDS, ["x & y"], "t"), ["&lt;b&gt;", "x &amp; y", "unembed"]),
        (
            drawings.layers_drawing(WORDS, 30, "t", at_last=(12, "we read"), at_all=(16, "the SAE reads")),
            ["&lt;b&gt;", "layer 12", "layer 16", "layer 29", "we read", "the SAE reads"],
        ),
        (
            drawings.highway_drawing("t"),
            ["reads", "adds", "residual stream", "embedding", "MLP 1", "norm, unembed"],
        ),
        (
            drawings.highway_drawing("t", read=(16, "here & there", "both")),
            ["MLP 15", "attention 16", "here &amp; there", "both", "later blocks"],
        ),
        (drawings.attention_drawing(["p", "q"], np.array([0.75, 0.25]), "t"), ["75%", "25%", "q"]),
        (drawings.mlp_drawing("t"), ["neuron"]),
        (drawings.one_layer_paths_drawing("t"), ["direct", "attention", "MLP"]),
        (drawings.induction_drawing("t"), ["previous-token head", "induction"]),
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


def test_every_layer_looks_back_at_earlier_words_alone() -> None:
    figure = drawings.layers_drawing(WORDS, 9, "t", at_last=(2, "l"), at_all=(5, "a"))
    ways = [shape for shape in figure.layout.shapes if shape.type == "path"]
    assert (
        len(ways) == 3 * 6
    )  # three steps up, and of three words the first sees one, the second two, the third three
    ends = [[float(point.split(",")[0].strip("ML ")) for point in way.path.split(" L")] for way in ways]
    assert all(start <= end for start, end in ends)


def test_the_lens_shows_each_guess_in_its_place(tokenizer) -> None:
    tokens = torch.tensor([0, 40, 41])
    logits = torch.zeros(2, 3, 60)
    for place, token in (((0, 1), 50), ((0, 2), 51), ((1, 1), 52), ((1, 2), 53)):
        logits[*place, token] = 9.0
    figure = drawings.lens_figure(tokenizer, tokens, [0, 9], logits, "t")
    said = [(a.x, a.y, a.text) for a in figure.layout.annotations]
    guesses = [drawings.escaped(guess) for guess in token_strings(tokenizer, [50, 51, 52, 53])]
    assert said == [(0, 0, guesses[0]), (1, 0, guesses[1]), (0, 1, guesses[2]), (1, 1, guesses[3])]
    assert np.asarray(figure.data[0].z).shape == (2, 2) and np.min(figure.data[0].z) > 0.9
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
