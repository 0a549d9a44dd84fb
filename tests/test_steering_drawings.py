"""Steered texts are shown whole and escaped, a topic's words lit up; a price and a monitor's scores are drawn as they are."""

import numpy as np
import pytest

from sae_tutorial.features.intervals import Interval
from sae_tutorial.show.steering import (
    dose_figure,
    draws_figure,
    push_drawing,
    removal_figure,
    scores_figure,
    swap_drawing,
    text_columns,
    watch_figure,
    ways_figure,
)

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
    assert list(share.text) == ["30%", "60%"] and "text" not in random_share.mode
    assert share.showlegend and not price.showlegend and list(random_share.x) == [0.3]


def test_a_way_has_a_dot_for_share_and_price_in_every_topics_row():
    one = (Interval(0.3, 0.1, 0.6), Interval(0.5, 0.4, 0.7))
    other = (Interval(0.6, 0.5, 0.8), Interval(1.0, 0.9, 1.1))
    figure = ways_figure(
        {"<sport>": {"latent": one, "prompt": other}, "gods": {"latent": other, "prompt": one}}, "T"
    )
    latent, latent_price, prompt, prompt_price = figure.data
    assert (latent.name, list(latent.x), list(prompt.x)) == ("latent", [0.3, 0.6], [0.6, 0.3])
    assert list(latent_price.x) == [0.5, 1.0] and latent_price.xaxis == "x2" and not latent_price.showlegend
    assert latent.error_x.array[0] == pytest.approx(0.3) and prompt_price.error_x.arrayminus[
        1
    ] == pytest.approx(0.1)
    assert latent.y[0] < 0 < prompt.y[0] < 0.5 < latent.y[1] < 1 < prompt.y[1]
    assert list(figure.layout.yaxis.ticktext) == ["&lt;sport&gt;", "gods"]


def test_an_exchange_is_drawn_for_the_part_and_for_the_rest():
    said = [note.text for note in swap_drawing("France", "<Japan>", "Paris?", "T").layout.annotations]
    assert "<b>&lt;Japan&gt;</b>" in said and "first" in said and "in a second run, stretched" in said


def test_what_monitors_catch_and_ring_for_nothing_has_a_row_for_each_kind_and_a_dot_for_each_monitor():
    caught = {
        who: {"<b>": Interval(0.3, 0.1, 0.6), "German": Interval(0.0, 0.0, 0.1)} for who in ("one", "two")
    }
    false = {who: dict.fromkeys(("<b>", "German"), Interval(0.002, 0.001, 0.004)) for who in ("one", "two")}
    figure = watch_figure(caught, false, "T")
    one, two, rings, _ = figure.data
    assert list(one.x) == list(two.x) == [0.3, 0.0] and one.error_x.array[0] == pytest.approx(0.3)
    assert one.y[0] < 0 < two.y[0] < 0.5 < one.y[1] < 1 < two.y[1]
    assert list(rings.x) == [2, 2] and rings.error_x.array[0] == pytest.approx(2) and rings.xaxis == "x2"
    assert list(figure.layout.yaxis.ticktext) == ["&lt;b&gt;", "German"]


def test_what_an_edit_leaves_stands_over_its_price_for_both_probes():
    edits = {
        "<16>": (Interval(0.01, 0.0, 0.1), Interval(0.8, 0.7, 0.9), Interval(0.95, 0.9, 1)),
        "random": (Interval(0.1, 0.0, 0.2), Interval(0.98, 0.9, 1), Interval(0.98, 0.9, 1)),
    }
    figure = removal_figure(edits, "T", controls=["random"])
    line, old, new, _, control, _ = figure.data
    assert list(line.x) == [0.01] * 2 and list(line.y) == [0.8, 0.95]
    assert (old.name, list(old.y), new.name, list(new.y)) == ("old probe", [0.8], "new probe", [0.95])
    assert old.showlegend and not control.showlegend and control.marker.color != old.marker.color
    assert "&lt;16&gt;" in {note.text for note in figure.layout.annotations}


def test_draws_lie_on_the_line_of_what_they_are_drawn_for():
    figure = draws_figure(
        {"one<br>sentence": (2.0, [1.0, 0.5]), "<b>": (3.0, [4.0])}, ("chosen", "a draw"), "T", "x"
    )
    draws, mean, chosen = figure.data
    assert list(mean.x) == [0.75, 4.0] and list(mean.y) == [0, 1]
    assert (draws.name, list(draws.x), list(draws.y)) == ("a draw", [1.0, 0.5, 4.0], [0, 0, 1])
    assert (chosen.name, list(chosen.x), list(chosen.y)) == ("chosen", [2.0, 3.0], [0, 1])
    assert list(figure.layout.yaxis.ticktext) == ["one<br>sentence", "&lt;b&gt;"]


def test_scores_of_names_lie_under_a_hill_of_all_other_tokens_with_a_threshold_for_each_monitor():
    others, names = np.array([-3.0] * 99 + [1.0]), np.array([0.5, 2.0, 2.0])
    kinds = {"held-out": (others, names), "<capitals>": (others, names - 2)}
    figure = scores_figure({"one": (1.0, kinds), "<two>": (0.5, kinds)}, "T")
    hill, name, _, moved = figure.data[:4]
    assert list(name.x) == [0.5, 2.0, 2.0] and list(moved.x) == [-1.5, 0.0, 0.0]
    assert len(set(name.y[1:])) == 2 and min(name.y) > 0  # equal scores are stacked
    assert min(hill.y) == pytest.approx(-0.6) and max(hill.y) == 0
    last = -np.array(hill.y)[np.abs(np.array(hill.x) - 1) < 0.1].min() / 0.6
    assert last == pytest.approx(np.log10(2) / 2)  # one token beside 99
    assert [line.x0 for line in figure.layout.shapes] == [1.0, 0.5]
    assert list(figure.layout.yaxis.ticktext) == ["held-out", "&lt;capitals&gt;"]
