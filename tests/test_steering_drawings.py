"""Steered texts are shown whole and escaped, a topic's words lit up; a price and a monitor's scores are drawn as they are."""

import numpy as np
import pytest

from sae_tutorial.features.intervals import Interval
from sae_tutorial.show.steering import price_figure, push_drawing, scores_figure, text_columns

PATTERN = r"(?i)\b(?:ant|bees)\b"


def test_columns_light_up_the_words_and_escape_the_rest():
    shown = text_columns(
        {"plain <b>": ["no <i>want</i>", "x"], "pushed": ["An ANT & bees", "y"]}, PATTERN
    ).data
    assert shown.count("<mark") == 2 and ">ANT</mark> &amp; <mark" in shown
    assert "&lt;i&gt;want&lt;/i&gt;" in shown and "plain &lt;b&gt;" in shown
    assert shown.count("<tr") == 3


def test_the_drawing_names_the_blocks_on_both_sides_of_the_push():
    said = " ".join(note.text for note in push_drawing(16, "title").layout.annotations)
    assert "blocks 0 to 16" in said and "blocks 17 on" in said


def test_a_price_has_its_interval_across_and_a_share_its_own_upwards():
    one, other = (
        (Interval(0.5, 0.4, 0.7), Interval(0.3, 0.1, 0.6)),
        (Interval(1.0, 0.9, 1.1), Interval(0.6, 0.5, 0.8)),
    )
    dose, prompt = price_figure({"the latent": {"0.3": one, "0.6": other}, "a prompt": {"": other}}, "T").data
    assert list(dose.x) == [0.5, 1.0] and list(dose.y) == [0.3, 0.6] and list(dose.text) == ["0.3", "0.6"]
    assert dose.error_x.array[0] == pytest.approx(0.2) and dose.error_x.arrayminus[0] == pytest.approx(0.1)
    assert dose.error_y.array[1] == pytest.approx(0.2) and dose.error_y.arrayminus[0] == pytest.approx(0.2)
    assert prompt.text is None and list(prompt.x) == [1.0]


def test_scores_of_names_stand_over_those_of_other_tokens_with_one_threshold():
    others, names = np.linspace(-3, 1, 50), np.array([0.5, 2.0, 3.0])
    figure = scores_figure(
        {"as fitted": (others, names), "<capitals>": (others, names - 2)}, 1.0, "T", "score"
    )
    assert [int(np.sum(bar.y)) for bar in figure.data] == [50, 3, 50, 3]
    assert [bar.name for bar in figure.data[:2]] == ["other tokens", "names"] and not figure.data[
        3
    ].showlegend
    assert [(line.x0, line.x1) for line in figure.layout.shapes] == [(1.0, 1.0)] * 2
    assert "&lt;capitals&gt;" in [note.text for note in figure.layout.annotations]
    assert figure.layout.yaxis.type == "log"
