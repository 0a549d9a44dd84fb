"""Steered texts are shown whole and escaped, a topic's words lit up, at the dose that the slider says."""

from sae_tutorial.show.steering import dose_slider, push_drawing, text_columns

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
