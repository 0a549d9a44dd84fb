"""The drawings of two models: both streams are there, and every live latent is a point."""

import torch

from sae_tutorial.show.diffing_drawings import crosscoder_drawing, share_figure


def test_the_crosscoder_has_both_models_and_both_kinds_of_latent():
    words = " ".join(note.text for note in crosscoder_drawing("Two models").layout.annotations)
    assert all(word in words for word in ("base model", "tuned model", "shared latent", "exclusive latent"))


def test_every_latent_that_is_ever_on_is_drawn_once_and_the_named_ones_carry_their_names():
    shares, rows_on = torch.tensor([0.5, 0.4, 1.0]), torch.tensor([10.0, 0.0, 3.0])
    points, named = share_figure(shares, rows_on, {2: "latent 2"}, "Shares").data
    assert (points.x, points.y) == ((0.5, 1.0), (10.0, 3.0))
    assert named.text == ("latent 2",) and named.x == (1.0,)
