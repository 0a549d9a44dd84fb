"""Checks for notebook 07 beside those in `analysing`: activation over maximum, and the chance of an order."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import Mistakes, match_function, match_number
from sae_tutorial.exercises.reporting import Exercise


def check_shares(shares: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Exercise 7.1: `shares(f, maxima)`, each activation as a share of its latent's maximum, at most 1."""
    exercise = Exercise(
        "7.1",
        "write the body of `shares`.",
        "the section 'Your own sentence', and the folded help",
        "a latent that whispers and a latent that shouts can now be compared.",
    )
    inputs = [
        (torch.tensor([[2.0, 0.0, 30.0], [4.0, 1.0, 0.0]]), torch.tensor([4.0, 2.0, 20.0])),
        (torch.tensor([[1.0, 5.0], [3.0, 0.0], [0.0, 0.5]]), torch.tensor([2.0, torch.inf])),
        (torch.tensor([[0.5, 6.0, 1.0], [2.0, 0.0, 9.0], [1.0, 3.0, 4.0]]), torch.tensor([4.0, 8.0, 12.0])),
    ]
    exercise.check(lambda answer: match_function(answer, _shares, inputs, _SHARE_MISTAKES), shares)


def check_calendar(chance: float | None) -> None:
    """Exercise 7.6: the chance that seven days in random order on a circle are in calendar order."""
    exercise = Exercise(
        "7.6",
        "put a number in place of None.",
        "the section 'Seven days on a circle'",
        "one order of 360 is one that chance does not give you by accident; and 'in order' says which orders you count.",
    )
    exercise.check(_judge_calendar, chance)


def _shares(f: Tensor, maxima: Tensor) -> Tensor:
    return (f / maxima).clamp(max=1)


_SHARE_MISTAKES: Mistakes = [
    (
        lambda f, m: f / m,
        "a new text can exceed the largest activation seen so far: [30] over a maximum of [20] gives 1.5. Cut at 1.",
    ),
    (
        lambda f, m: f / f.max(0).values.clamp(min=1e-9),
        "you divided by the largest activation in this text, so every latent that is on anywhere reaches 1. Divide by "
        "`maxima`, which is over all texts.",
    ),
    (
        lambda f, m: f / f.max(),
        "you divided by one number for all latents, so loud latents still win; each latent has a maximum of its own.",
    ),
    (
        lambda f, m: f / f.sum(1, keepdim=True),
        "these are shares of the row: how much of a token's activation is this latent's. Divide by the latent's maximum.",
    ),
    (lambda f, m: (f * m).clamp(max=1), "you multiplied by the maximum; divide by it."),
    (
        lambda f, m: (m / f.clamp(min=1e-9)).clamp(max=1),
        "upside down: the activation goes above, the maximum below.",
    ),
]


def _judge_calendar(chance: Any) -> None:
    match_number(
        "chance",
        chance,
        1 / 360,
        {
            1
            / 5040: "that is one list of 7! = 5040. But a circle has no first place, and no direction: Tuesday to Monday, "
            "or all of it backwards, is the same circle.",
            1 / 720: "that counts one direction only; a circle read backwards is in calendar order too.",
            2 / 5040: "that counts both directions, but the circle may start with any of the seven days.",
            7 / 5040: "that counts one direction only; a circle read backwards is in calendar order too.",
            14: "that is how many of the 5040 lists are in calendar order; divide.",
            360: "that is how many circles there are; one of them is in order.",
            1 / 7: "that is the chance of one day's place; all seven have to be in order.",
            1 / 49: "days cannot share a place, so the choices shrink: 7 · 6 · 5 · …",
        },
        digits=2,
        within=2e-5,
        example="Of four seasons there are 4! = 24 lists; 4 starts and 2 directions make 8 of them the same circle: 8 / 24.",
    )
