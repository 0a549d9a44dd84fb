"""A figure of scores writes every value beside chance, and the first row differs from its controls in greyscale too."""

import numpy as np
import pytest

from sae_tutorial.features.intervals import Interval
from sae_tutorial.show.latent_drawings import lengths_figure, scores_figure, strengths_figure


def test_scores_stand_beside_chance_with_their_intervals():
    rows = {"own words": Interval(0.8, 0.7, 0.85), "<another's>": Interval(0.49, 0.4, 0.55)}
    figure = scores_figure(rows, "title", "share right")
    first, its_value, other, other_value = figure.data
    third = scores_figure({**rows, "control": Interval(0.7, 0.6, 0.8)}, "title", "share right").data[4]
    assert len({trace.marker.symbol for trace in (first, other, third)}) == 3
    assert len({trace.marker.color for trace in (first, other, third)}) == 3
    assert (its_value.text[0].strip(), other_value.text[0].strip()) == ("0.80", "0.49")
    assert other.y[0] == other_value.y[0] == "&lt;another's&gt;"
    assert first.marker.symbol != other.marker.symbol
    assert first.error_x.array[0] == pytest.approx(0.05) and first.error_x.arrayminus[0] == pytest.approx(0.1)
    assert figure.layout.shapes[0].x0 == 0.5 and figure.layout.annotations[0].text == "a coin"
    assert figure.layout.xaxis.range[0] < 0.4


def test_every_long_row_is_drawn_and_few_of_the_others():
    medians = np.ones(400)
    medians[[3, 77]] = 12, 128
    figure = lengths_figure(np.arange(400) % 50, medians, "title")
    ordinary, giants = figure.data
    assert list(giants.x) == [3, 27] and list(giants.y) == [12, 128]
    assert len(ordinary.x) == 10 and ordinary.marker.symbol != giants.marker.symbol
    assert figure.layout.yaxis.type == "log"
    medians[[5, 6]] = 2.5, 3.1
    assert len(lengths_figure(np.arange(400) % 50, medians, "title").data[1].x) == 3


def test_giants_under_one_mark_are_counted():
    medians = np.ones(200)
    medians[[0, 50, 100, 153]] = 82.1, 81.9, 128, 82
    (said,) = lengths_figure(np.arange(200) % 50, medians, "title").layout.annotations
    assert said.text == "2 rows" and said.x == 0 and said.y == pytest.approx(np.log10(82))


def test_strengths_mark_fifths_of_the_range():
    figure = strengths_figure(np.array([1.0, 1.0, 2.0, 2.0, 3.0, 10.0]), "title")
    assert sum(figure.data[0].y) == 6
    said = [each.text for each in figure.layout.annotations]
    assert said[0] == "fifth 1<br>66.7% of tokens" and said[4] == "fifth 5<br>16.7% of tokens"
