"""The drawings of two models: both streams are there, and every live latent is a point."""

import re

import torch

from sae_tutorial.features.intervals import Interval
from sae_tutorial.show.diffing_drawings import (
    BASE,
    PALE_OF,
    TUNED,
    control_figure,
    crosscoder_drawing,
    scaling_drawing,
    take_out_drawing,
    two_tests_figure,
)


def test_the_crosscoder_has_both_models_and_both_kinds_of_latent():
    words = " ".join(note.text for note in crosscoder_drawing("Two models").layout.annotations)
    assert all(word in words for word in ("base model", "tuned model", "shared latent", "exclusive latent"))
    thick = [note for note in crosscoder_drawing("Two models").layout.annotations if note.arrowwidth == 3]
    assert len({(round(note.x - note.ax, 6), round(abs(note.y - note.ay), 6)) for note in thick}) == 1


def test_both_numbers_of_latent_scaling_are_the_sums_of_what_is_drawn():
    words = [note.text for note in scaling_drawing("Three").layout.annotations]
    sums = [re.fullmatch(r"ν<sup>(.)</sup> = \((\d) \+ (\d)\) / 10 = ([\d.]+)", text) for text in words]
    found = [(one[1], (int(one[2]) + int(one[3])) / 10, float(one[4])) for one in sums if one]
    assert all(summed == said for _, summed, said in found)
    assert [value for kind, _, value in found if kind == "ε"] == [0.0, 0.8, 0.0]
    assert [value for kind, _, value in found if kind == "r"] == [0.0, 0.0, 0.8]
    assert {"<b>its own</b>", "<b>complete shrinkage</b>", "<b>latent decoupling</b>"} < set(words)


def test_rows_move_along_the_direction_alone():
    arrows = [note for note in take_out_drawing("Out").layout.annotations if note.showarrow]
    assert len(arrows) == 4 and all(note.y == note.ay for note in arrows)
    ends = {round(note.x, 6) for note in arrows[1:]}
    assert len(ends) == 1  # all rows stop where the mean stands


def test_each_pair_of_models_has_a_row_of_its_own():
    shares = {"itself": torch.tensor([0.5, 0.51]), "nobody": torch.tensor([])}
    figure = control_figure(shares, "Controls", {"itself": 0.505, "nobody": 0.6}, "the furthest")
    drawn = [shape.x0 for shape in figure.layout.shapes if shape.line.color == TUNED]
    assert drawn == [0.505, 0.6]  # each row has its own line
    assert [trace.name for trace in figure.data] == ["itself", "nobody"]
    assert [len(trace.x) for trace in figure.data] == [2, 0]
    assert all(abs(y) < 0.5 for y in figure.data[0].y)
    assert len(set(figure.data[0].marker.color)) == 2  # one of them beyond the control's furthest


def test_each_direction_has_a_row_and_those_that_bring_most_come_first():
    half, none, most, few = (Interval.of_share(count, 40) for count in (20, 0, 28, 9))
    results = {"neither": (none, most), "close": (few, few), "both": (half, none)}
    figure = two_tests_figure(results, {"both": 0.712}, "Tests", 0.25, 0.1, "close")
    came, left = figure.data
    assert (came.y, came.x, left.x) == (("both", "close", "neither"), (0.5, 0.225, 0.0), (0.0, 0.225, 0.7))
    assert came.error_x.array == (half.high - 0.5, few.high - 0.225, none.high)
    assert came.error_x.arrayminus == (0.5 - half.low, 0.225 - few.low, 0.0)
    # Filled where all of the interval passes, pale where it crosses the line, hollow where all of it fails.
    assert came.marker.color == (TUNED, PALE_OF[TUNED], "white")
    assert left.marker.color == (BASE, "white", "white")
    words = [note.text for note in figure.layout.annotations]
    assert {"0.71", "passes above 25%", "passes below 10%"} < set(words)
    assert list(figure.layout.yaxis.ticktext) == ["both", "<b>our arrow (close)</b>", "neither"]
