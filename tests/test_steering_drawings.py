"""Steered texts are shown whole and escaped, a topic's words lit up; a price and a monitor's scores are drawn as they are."""

import numpy as np
import pytest

from sae_tutorial.features.intervals import Interval
from sae_tutorial.show.steering import dose_figure, draws_figure, push_drawing, scores_figure, text_columns

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


def test_a_dose_has_a_share_and_a_price_with_intervals_in_two_panels():
    one = (Interval(0.3, 0.1, 0.6), Interval(0.5, 0.4, 0.7))
    other = (Interval(0.6, 0.5, 0.8), Interval(1.0, 0.9, 1.1))
    figure = dose_figure({"the latent": {0.3: one, 0.6: other}, "random": {0.3: one}}, "T")
    share, price, random_share, _ = figure.data
    assert list(share.x) == [0.3, 0.6] and list(share.y) == [0.3, 0.6] and list(price.y) == [0.5, 1.0]
    assert share.error_y.array[0] == pytest.approx(0.3) and share.error_y.arrayminus[0] == pytest.approx(0.2)
    assert price.error_y.array[1] == pytest.approx(0.1) and price.xaxis == "x2"
    assert share.showlegend and not price.showlegend and list(random_share.x) == [0.3]


def test_draws_lie_on_the_line_of_what_they_are_drawn_for():
    figure = draws_figure(
        {"one<br>sentence": (2.0, [1.0, 0.5]), "<b>": (3.0, [4.0])}, ("chosen", "a draw"), "T", "x"
    )
    draws, chosen = figure.data
    assert (draws.name, list(draws.x), list(draws.y)) == ("a draw", [1.0, 0.5, 4.0], [0, 0, 1])
    assert (chosen.name, list(chosen.x), list(chosen.y)) == ("chosen", [2.0, 3.0], [0, 1])
    assert list(figure.layout.yaxis.ticktext) == ["one<br>sentence", "&lt;b&gt;"]


def test_scores_of_names_stand_over_the_highest_of_other_tokens_with_one_threshold():
    others, names = np.linspace(-3, 1, 50), np.array([0.5, 2.0, 2.0])
    kinds = {"held-out": (others, names), "<capitals>": (others, names - 2)}
    figure = scores_figure(kinds, 1.0, "T", "score", most=5)
    name, other = figure.data
    assert (
        list(name.x) == [0.5, 2.0, 2.0, -1.5, 0.0, 0.0] and len(set(name.y[1:3])) == 2
    )  # equal scores are stacked
    assert sorted(other.x[:5]) == pytest.approx(sorted(others)[-5:]) and len(other.x) == 10
    assert max(name.y[:3]) < 0 < min(other.y[:5]) and max(other.y[:5]) < 0.5 < min(name.y[3:])
    assert [(line.x0, line.x1) for line in figure.layout.shapes] == [(1.0, 1.0)]
    assert list(figure.layout.yaxis.ticktext) == ["held-out", "&lt;capitals&gt;"]
