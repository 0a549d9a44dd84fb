"""Steered texts are shown whole and escaped, a topic's words lit up, at the dose that the slider says."""

import pytest

from sae_tutorial.features.intervals import Interval
from sae_tutorial.show.steering import dose_slider, price_figure, push_drawing, text_columns

PATTERN = r"(?i)\b(?:ant|bees)\b"


def test_columns_light_up_the_words_and_escape_the_rest():
    shown = text_columns(
        {"plain <b>": ["no <i>want</i>", "x"], "pushed": ["An ANT & bees", "y"]}, PATTERN
    ).data
    assert shown.count("<mark") == 2 and ">ANT</mark> &amp; <mark" in shown
    assert "&lt;i&gt;want&lt;/i&gt;" in shown and "plain &lt;b&gt;" in shown
    assert shown.count("<tr") == 3


def test_the_slider_shows_the_texts_of_its_dose():
    figure = dose_slider({"0": ["calm <water>"], "0.3": ["an ant " + "word " * 60]}, PATTERN, "title", "0.3")
    (slider,) = figure.layout.sliders
    assert [step.label for step in slider.steps] == ["0", "0.3"] and slider.active == 1
    assert "&lt;water&gt;" in slider.steps[0].args[0]["annotations"][0]["text"]
    opened = figure.layout.annotations[0].text
    assert ">ant</span></b>" in opened and opened.count("<br>") == 2


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
