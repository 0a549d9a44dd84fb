"""The drawings of two models: both streams are there, and every live latent is a point."""

import re

import torch

from sae_tutorial.features.intervals import Interval
from sae_tutorial.show.diffing_drawings import (
    control_figure,
    crosscoder_drawing,
    overlap_figure,
    scaling_drawing,
    take_out_drawing,
    two_tests_figure,
)


def test_the_crosscoder_has_both_models_and_both_kinds_of_latent():
    words = " ".join(note.text for note in crosscoder_drawing("Two models").layout.annotations)
    assert all(word in words for word in ("base model", "tuned model", "shared latent", "exclusive latent"))


def test_both_numbers_of_latent_scaling_are_the_sums_of_what_is_drawn():
    words = [note.text for note in scaling_drawing("Three").layout.annotations]
    sums = [re.fullmatch(r"ν<sup>(.)</sup> = \((\d) \+ (\d)\) / 10 = ([\d.]+)", text) for text in words]
    found = [(one[1], (int(one[2]) + int(one[3])) / 10, float(one[4])) for one in sums if one]
    assert all(summed == said for _, summed, said in found)
    assert [value for kind, _, value in found if kind == "ε"] == [0.1, 0.8, 0.1]
    assert [value for kind, _, value in found if kind == "r"] == [0.1, 0.1, 0.8]
    assert {"<b>its own</b>", "<b>complete shrinkage</b>", "<b>latent decoupling</b>"} < set(words)


def test_rows_move_along_the_direction_alone():
    arrows = [note for note in take_out_drawing("Out").layout.annotations if note.showarrow]
    assert len(arrows) == 4 and all(note.y == note.ay for note in arrows)
    ends = {round(note.x, 6) for note in arrows[1:]}
    assert len(ends) == 1  # all rows stop where the mean stands


def test_each_pair_of_models_has_a_row_of_its_own():
    figure = control_figure(
        {"itself": torch.tensor([0.5, 0.51]), "nobody": torch.tensor([])}, "Controls", 0.505, "the furthest"
    )
    assert [trace.name for trace in figure.data] == ["itself", "nobody"]
    assert [len(trace.x) for trace in figure.data] == [2, 0]
    assert all(abs(y) < 0.5 for y in figure.data[0].y)
    assert len(set(figure.data[0].marker.color)) == 2  # one of them beyond the control's furthest


def test_each_direction_has_a_row_and_those_that_do_both_come_first():
    half, none, most = (Interval.of_share(count, 10) for count in (5, 0, 7))
    figure = two_tests_figure({"neither": (none, most), "both": (half, none)}, "Tests", 0.25, 0.1)
    came, left = figure.data
    assert (came.y, came.x, left.x) == (("both", "neither"), (0.5, 0.0), (0.0, 0.7))
    assert came.error_x.array == (half.high - 0.5, none.high) and came.error_x.arrayminus == (
        0.5 - half.low,
        0.0,
    )


def test_each_direction_stands_at_its_cosine_once_for_each_test():
    figure = overlap_figure(
        {"near": (0.7, 0.5, 0.0), "far": (0.1, 0.0, 0.75)}, [(0.0, 0.25, 0.5)], "Overlap", "ours"
    )
    grey_in, named_in, grey_out, named_out = figure.data
    assert (grey_in.x, grey_in.y, grey_out.y) == ((0.0,), (0.25,), (0.5,))
    assert (named_in.x, named_in.y, named_out.y) == ((0.7, 0.1), (0.5, 0.0), (0.0, 0.75))
    words = {note.text for note in figure.layout.annotations}
    assert "near" in words and "far" not in words


def test_the_list_of_those_that_leave_nothing_stands_clear_of_the_name_beside_it():
    figure = overlap_figure({"gone": (0.8, 0.5, 0.0), "half": (0.5, 0.1, 0.2)}, [], "Overlap", "ours")
    (half,) = (note for note in figure.layout.annotations if note.text == "half" and note.xref == "x2")
    assert half.xanchor == "right" and half.xshift < 0  # to the left of its dot; the list is to the right
    (listed,) = (note for note in figure.layout.annotations if note.text.startswith("from the left"))
    assert listed.text.endswith("gone") and "half" not in listed.text


def test_names_of_directions_that_do_nearly_the_same_do_not_overlap():
    figure = overlap_figure({"one": (0.7, 0.50, 0.0), "two": (0.6, 0.49, 0.0)}, [], "Overlap", "ours")
    heights = {
        note.text: note.y * 300 + note.yshift for note in figure.layout.annotations if note.xref == "x"
    }
    assert heights["one"] - heights["two"] > 11  # the size of the letters
