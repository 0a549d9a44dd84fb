"""Checks for notebook 07: how often a latent is on."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import Mistakes, match_function
from sae_tutorial.exercises.reporting import Exercise


def check_density(density: Callable[[Tensor], Tensor]) -> None:
    """Exercise 7.2: `density(f)`, the share of rows on which each latent is on."""
    exercise = Exercise(
        "7.2",
        "write the body of `density`.",
        "the section 'How often is a latent on?'",
        "you can tell dead, rare and dense latents apart; and density(f).sum() is L0.",
    )
    exercise.check(_judge_density, density)


def _judge_density(answer: Any) -> None:
    match_function(answer, _density, _density_inputs(), _DENSITY_MISTAKES)


def _density_inputs() -> list[tuple[Any, ...]]:
    return [
        (torch.tensor([[0.0, 2.0, 0.0], [0.0, 4.0, 1.0], [0.0, 0.0, 0.0], [0.0, 6.0, 0.0]]),),
        (torch.tensor([[0.5, 0.0], [0.1, 0.0], [3.0, 0.2]]),),
    ]


def _density(f: Tensor) -> Tensor:
    return (f > 0).float().mean(0)


_DENSITY_MISTAKES: Mistakes = [
    (lambda f: (f > 0).sum(0), "these are counts; density is a share, so divide by the number of rows."),
    (
        lambda f: f.mean(0),
        "this is the mean activation: a latent that is on rarely but strongly would look common.",
    ),
    (
        lambda f: (f > 0).float().mean(1),
        "you averaged over latents (dim=1), which gives the share of latents on in each row; average over rows, dim=0.",
    ),
    (
        lambda f: (f > 0).float().sum(1),
        "this is L0 of each row; density is per latent: average over rows, dim=0.",
    ),
    (
        lambda f: (f >= 0).float().mean(0),
        "zero counts as on: `>=` is true for a latent that is off. Use `>`.",
    ),
    (lambda f: (f == 0).float().mean(0), "this is the share of rows on which the latent is off."),
    (lambda f: (f > 0).float().mean(), "you averaged over rows and latents; keep one number per latent."),
    (
        lambda f: f.sum(0) / (f > 0).sum(0).clamp(min=1),
        "this is the mean activation over the rows on which the latent is on.",
    ),
    (
        lambda f: (f > 0).float().sum(0) / (f > 0).sum(),
        "you divided by all active pairs; divide by the number of rows.",
    ),
    (
        lambda f: f.sum(0) / f.sum(),
        "this is a share of all activation; density only asks whether a latent is on.",
    ),
]


DENSITY = (_judge_density, _density)
