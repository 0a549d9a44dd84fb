"""Steered texts are shown whole and escaped, a topic's words lit up; a share and a price are drawn as they are."""

import pytest

from sae_tutorial.features.intervals import Interval
from sae_tutorial.show.canvas import GREY
from sae_tutorial.show.steering import (
    dose_figure,
    draws_figure,
    push_drawing,
    removal_figure,
    swap_drawing,
    text_columns,
    trade_figure,
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


def test_each_topic_has_a_panel_of_share_over_price_and_the_control_is_grey():
    one = (Interval(0.3, 0.1, 0.6), Interval(0.5, 0.4, 0.7))
    figure = trade_figure(
        {"<sport>": {"latent": one, "random": one}, "gods": {"latent": one, "random": one}}, "T"
    )
    latent, random, other, _ = figure.data
    assert (latent.name, latent.x, latent.y) == ("latent", (0.5,), (0.3,))
    assert random.marker.color == GREY != latent.marker.color
    assert latent.showlegend and not other.showlegend and (latent.xaxis, other.xaxis) == ("x", "x2")
    assert {"&lt;sport&gt;", "gods"} <= {note.text for note in figure.layout.annotations}


def test_a_way_has_a_dot_for_share_and_price_in_every_topics_row():
    one = (Interval(0.3, 0.1, 0.6), Interval(0.5, 0.4, 0.7))
    other = (Interval(0.6, 0.5, 0.8), Interval(1.0, 0.9, 1.1))
    figure = ways_figure(
        {"<sport>": {"latent": one, "prompt": other}, "gods": {"latent": other, "prompt": one}},
        "T",
        ["share", "price"],
    )
    latent, latent_price, prompt, prompt_price = figure.data
    assert (latent.name, list(latent.x), list(prompt.x)) == ("latent", [0.3, 0.6], [0.6, 0.3])
    assert list(latent_price.x) == [0.5, 1.0] and latent_price.xaxis == "x2" and not latent_price.showlegend
    assert latent.error_x.array[0] == pytest.approx(0.3) and prompt_price.error_x.arrayminus[
        1
    ] == pytest.approx(0.1)
    assert latent.y[0] < 0 < prompt.y[0] < 0.5 < latent.y[1] < 1 < prompt.y[1]
    assert list(figure.layout.yaxis.ticktext) == ["&lt;sport&gt;", "gods"] and not figure.layout.shapes


def test_differences_have_a_zero_line_in_every_panel():
    both = [Interval(0.1, -0.2, 0.3), Interval(0.5, 0.4, 0.7)]
    figure = ways_figure({"sport": {"prompt": both}}, "T", ["share", "price"], (-0.8, 1))
    assert [(line.xref, line.x0, line.x1) for line in figure.layout.shapes] == [("x", 0, 0), ("x2", 0, 0)]


def test_shares_alone_have_a_single_panel():
    figure = ways_figure({"articles": {"latent": [Interval(0.9, 0.8, 1.0)]}}, "T", ["share"])
    (latent,) = figure.data
    assert (list(latent.x), latent.y[0], latent.showlegend) == ([0.9], 0, True)


def test_two_probes_are_drawn_over_the_damage_with_a_line_along_the_path_and_grey_controls():
    low, high = Interval(0.6, 0.5, 0.8), Interval(0.9, 0.8, 1.0)
    found = {
        what: (Interval(damage, damage / 2, 2 * damage), (low, high))
        for what, damage in (("one", 0.1), ("two", 0.4), ("<rival>", 0.2), ("64 others", 0.3), ("more", 0.5))
    }
    figure = removal_figure(found, ["one", "two"], ["more", "64 others"], "T", bar=0.8)
    old, rival, _, new, renewed, control = figure.data
    assert (list(old.x), list(old.y), list(new.y)) == ([0.1, 0.4], [0.6, 0.6], [0.9, 0.9])
    assert old.error_y.array[0] == pytest.approx(0.2) and "lines" in old.mode and "lines" not in rival.mode
    assert rival.text == renewed.text == ("&lt;rival&gt;",) and new.text is None
    assert control.text == ("64<br>others", "more")  # by damage, whatever the order given
    assert [line.y0 for line in figure.layout.shapes] == [0.5, 0.8]
    assert control.marker.color == GREY != old.marker.color and [trace.showlegend for trace in figure.data] == [
        True, False, False, True, False, False,
    ]  # fmt: skip
    assert figure.layout.xaxis.type == "log"


def test_an_exchange_is_drawn_for_the_part_and_for_the_rest():
    said = [note.text for note in swap_drawing("France", "<Japan>", "Paris?", "T").layout.annotations]
    assert "<b>&lt;Japan&gt;</b>" in said and "<b>run 2</b>" in said
    assert said.count("swapped") == said.count("swapped, stretched") == 1


def test_draws_lie_on_the_line_of_what_they_are_drawn_for():
    figure = draws_figure(
        {"one": {"same": (2.0, [1.0, 0.5]), "<b>": (3.0, [4.0])}, "two": {"same": (1.0, [1.0])}},
        ("chosen", "a draw"),
        "T",
        "x",
    )
    draws, mean, chosen = figure.data
    one, two, three = figure.layout.yaxis.tickvals
    assert one < two < three and three - two > two - one  # a gap between the groups, for the heading
    assert list(mean.x) == [0.75, 4.0, 1.0] and list(mean.y) == [one, two, three]
    assert (draws.name, list(draws.x), list(draws.y)) == (
        "a draw",
        [1.0, 0.5, 4.0, 1.0],
        [one, one, two, three],
    )
    assert (chosen.name, list(chosen.x), list(chosen.y)) == ("chosen", [2.0, 3.0, 1.0], [one, two, three])
    assert list(figure.layout.yaxis.ticktext) == ["same", "&lt;b&gt;", "same"]
    assert [note.text for note in figure.layout.annotations] == ["<b>one</b>", "<b>two</b>"]
