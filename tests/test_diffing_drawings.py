"""The drawings of two models: both streams are there, and every live latent is a point."""

import numpy as np
import torch

from sae_tutorial.features.intervals import Interval
from sae_tutorial.show.canvas import GREY
from sae_tutorial.show.diffing_drawings import (
    BASE,
    PALE_OF,
    TUNED,
    control_figure,
    crosscoder_drawing,
    edits_drawing,
    scaling_figure,
    two_tests_figure,
)


def test_the_crosscoder_has_both_models_and_both_kinds_of_latent():
    words = " ".join(note.text for note in crosscoder_drawing("Two models").layout.annotations)
    assert all(word in words for word in ("base model", "tuned model", "shared latent", "exclusive latent"))
    thick = [note for note in crosscoder_drawing("Two models").layout.annotations if note.arrowwidth == 3]
    assert len({(round(note.x - note.ax, 6), round(abs(note.y - note.ay), 6)) for note in thick}) == 1


def test_put_in_each_row_moves_equally_far_and_taken_out_all_end_at_one_place():
    moves = [note for note in edits_drawing("Edits").layout.annotations if note.arrowcolor in (TUNED, BASE)]
    put, taken = ([note for note in moves if note.arrowcolor == colour] for colour in (TUNED, BASE))
    assert len({round(note.x - note.ax, 6) for note in put}) == 1 == len({note.x for note in taken})
    assert len(put) == len(taken) == 4 and all(note.y == note.ay for note in moves)  # nothing else changes


def test_both_numbers_of_latent_scaling_are_the_sums_of_what_is_drawn():
    parts = {"one": np.array([[0.4, 1.0], [-0.3, 0.8], [0.02, 0.0]])}
    figure = scaling_figure(parts, "Parts")
    words = [note.text for note in figure.layout.annotations]
    assert "ν<sup>ε</sup> = (0.40 + 0.02) / (1.00 + 0.00) = 0.42" in words
    assert "ν<sup>r</sup> = (0.40 − 0.30) / (1.00 + 0.80) = 0.06" in words
    assert {"0.40", "1.00", "0.80", "−0.30"} < set(
        words
    ) and "0.02" not in words  # small parts have no room for a number
    assert "whole rows: 0.12 / 1.80 = 0.07" in words
    short = [note.text for note in scaling_figure(parts, "Parts", formulas=False).layout.annotations]
    assert "ν<sup>ε</sup> = 0.42" in short and not any("whole" in text for text in short)
    low = scaling_figure({"low": np.array([[0.05, 1.0], [0.0, 1.0], [0.0, 0.0]])}, "Low").layout.annotations
    assert [note.xanchor for note in low if note.text == "0.05"] == ["left"]  # beside its block
    drawn = [(shape.y0, shape.y1) for shape in figure.layout.shapes if shape.type == "rect"]
    unit = 3.8 / 1.8  # the tallest bar fills the height
    assert any(np.allclose(ends, (unit, 3.8)) for ends in drawn)  # on top of the latent's own
    assert any(np.allclose(ends, (0.0, -0.3 * unit)) for ends in drawn)  # below the line


def test_each_pair_of_models_has_a_row_of_its_own():
    shares = {"itself": torch.tensor([0.5, 0.51]), "nobody": torch.tensor([])}
    figure = control_figure(shares, "Controls", 0.505, "the furthest")
    assert [shape.x0 for shape in figure.layout.shapes if shape.line.color == TUNED] == [0.505]
    assert [trace.name for trace in figure.data] == ["itself", "nobody"]
    assert [len(trace.x) for trace in figure.data] == [2, 0]
    assert list(figure.layout.yaxis.ticktext) == ["itself (2 latents)", "nobody (0 latents)"]
    assert all(abs(y) < 0.5 for y in figure.data[0].y)
    assert len(set(figure.data[0].marker.color)) == 2  # one of them beyond the control's furthest


def test_each_direction_has_a_row_and_those_that_bring_most_come_first():
    half, none, most, few = (Interval.of_share(count, 40) for count in (20, 0, 28, 9))
    results = {"neither": (none, most), "close": (few, few), "both": (half, none)}
    figure = two_tests_figure(results, {"both": 0.712}, "Tests", 0.25, 0.1, "close", ["neither"])
    came, left = figure.data[:3], figure.data[3:]
    assert [trace.y[0] for trace in came] == ["both", "close", "neither"]
    assert [[trace.x[0] for trace in traces] for traces in (came, left)] == [
        [0.5, 0.225, 0.0],
        [0.0, 0.225, 0.7],
    ]
    assert [trace.error_x.array[0] for trace in came] == [half.high - 0.5, few.high - 0.225, none.high]
    assert [trace.error_x.arrayminus[0] for trace in came] == [0.5 - half.low, 0.225 - few.low, 0.0]
    # A dot where all of the interval passes, a pale diamond where it crosses the line, a cross where all of it fails.
    assert [trace.marker.symbol for trace in came] == ["circle", "diamond", "x-thin"]
    assert [trace.marker.color for trace in came] == [TUNED, PALE_OF[TUNED], GREY]  # the control is grey
    assert [trace.marker.symbol for trace in left] == ["circle", "x-thin", "x-thin"]
    words = [note.text for note in figure.layout.annotations]
    assert {"0.71", "passes above 25%", "passes below 10%"} < set(words)
    assert list(figure.layout.yaxis.ticktext) == ["both", "<b>our arrow (close)</b>", "neither"]
