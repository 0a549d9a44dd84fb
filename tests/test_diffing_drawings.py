"""The drawings of two models: both streams are there, and every live latent is a point."""

import torch

from sae_tutorial.show.diffing_drawings import (
    artefact_drawing,
    control_figure,
    crosscoder_drawing,
    share_figure,
    take_out_drawing,
    two_tests_figure,
)


def test_the_crosscoder_has_both_models_and_both_kinds_of_latent():
    words = " ".join(note.text for note in crosscoder_drawing("Two models").layout.annotations)
    assert all(word in words for word in ("base model", "tuned model", "shared latent", "exclusive latent"))


def test_every_latent_that_is_ever_on_is_drawn_once_and_the_named_ones_carry_their_names():
    shares, rows_on = torch.tensor([0.5, 0.4, 1.0]), torch.tensor([10.0, 0.0, 3.0])
    points, named = share_figure(shares, rows_on, {2: "latent 2"}, "Shares").data
    assert (points.x, points.y) == ((0.5, 1.0), (10.0, 3.0))
    assert named.text == ("latent 2",) and named.x == (1.0,)


def test_the_ways_to_look_exclusive_have_their_names():
    words = " ".join(note.text for note in artefact_drawing("Three").layout.annotations)
    assert all(word in words for word in ("its own", "complete shrinkage", "latent decoupling"))


def test_rows_move_along_the_direction_alone():
    arrows = [note for note in take_out_drawing("Out").layout.annotations if note.showarrow]
    assert len(arrows) == 4 and all(note.y == note.ay for note in arrows)
    ends = {round(note.x, 6) for note in arrows[1:]}
    assert len(ends) == 1  # all rows stop where the mean stands


def test_each_pair_of_models_has_a_row_of_its_own():
    figure = control_figure({"itself": torch.tensor([0.5, 0.51]), "nobody": torch.tensor([])}, "Controls")
    assert [trace.name for trace in figure.data] == ["itself", "nobody"]
    assert [len(trace.x) for trace in figure.data] == [2, 0]
    assert all(abs(y) < 0.5 for y in figure.data[0].y)


def test_directions_that_nearly_fall_together_share_one_label():
    points = two_tests_figure({"a": (0.5, 0.0), "b": (0.51, 0.0), "c": (0.0, 0.7)}, "Tests").data
    assert [[text.strip() for text in point.text] for point in points] == [["", "a, b"], ["c"]]
    assert points[0].x == (0.5, 0.51) and points[0].y == (0.0, 0.0)
