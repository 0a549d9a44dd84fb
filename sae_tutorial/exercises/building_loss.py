"""Checks for notebook 04, the loss."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises import building
from sae_tutorial.exercises.matching import Mistakes, match_function
from sae_tutorial.exercises.reporting import Exercise


def check_loss(loss: Callable[..., Tensor]) -> None:
    """Exercise 4.4: `loss(x, x_hat, f, l1_coefficient)`, repaired."""
    exercise = Exercise(
        "4.4",
        "write `loss` so that it computes the formula; `weak_loss` has one mistake.",
        "the formula in the section 'Step 3: the loss'",
        "you can tell what λ multiplies; a λ from a paper means nothing until you know what it averages over.",
    )
    exercise.check(_judge_loss, loss)


def _judge_loss(answer: Any) -> None:
    match_function(answer, _loss, _loss_inputs(), _LOSS_MISTAKES)


def _loss_inputs() -> list[tuple[Any, ...]]:
    # As many rows as there are dimensions or latents would hide what is summed and what is averaged.
    x, x_hat = (
        torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]]),
        torch.tensor([[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]),
    )
    f = torch.tensor([[1.0, 0.0, 2.0, 0.0], [0.0, 4.0, 0.0, 0.0], [0.5, 0.0, 0.0, 0.0]])
    return [(x, x_hat, f, 0.1), (x, x_hat, f, 1.0)]


def _loss(x: Tensor, x_hat: Tensor, f: Tensor, l1_coefficient: float) -> Tensor:
    return (x - x_hat).pow(2).mean() + l1_coefficient * f.sum(1).mean()


# How the two terms are reduced, rightly (no message) and wrongly.
_ERRORS: Mistakes = [
    (lambda e: e.mean(), ""),
    (lambda e: e.sum(1).mean(), "the squared error is summed over d_in, where the formula averages over it."),
    (lambda e: e.sum(0).mean(), "the squared error is summed over the rows and averaged over d_in only."),
    (lambda e: e.sum(), "the squared error is summed over rows and d_in; the formula averages over both."),
]
_PENALTIES: Mistakes = [
    (lambda f: f.sum(1).mean(), ""),
    (
        lambda f: f.mean(),
        "the penalty is averaged over the latents too, as in `weak_loss`: that makes λ d_sae times weaker. "
        "Sum over latents, average over rows.",
    ),
    (
        lambda f: f.sum(0).mean(),
        "the penalty is summed over the rows and averaged over the latents; it should be the other way round.",
    ),
    (
        lambda f: f.sum(),
        "the penalty is summed over the batch: twice as many rows would double λ. Average over rows.",
    ),
    (
        lambda f: (f > 0).float().sum(1).mean(),
        "you penalise the number of active latents (L0). Its gradient is zero nearly everywhere; use their sum.",
    ),
    (
        lambda f: f.pow(2).sum(1).mean(),
        "you penalise f squared (L2): its slope vanishes near zero, so small activations are never pushed all the way.",
    ),
    (
        lambda f: f.pow(2).mean(),
        "you penalise the mean of f squared; the formula has the sum of f itself in each row (L1).",
    ),
    (
        lambda f: f.norm(),
        "`norm` is the root of the sum of squares (L2), here over the whole batch. L1 is the sum of f in each row.",
    ),
    (
        lambda f: f.norm(dim=1).mean(),
        "`norm` is the root of the sum of squares (L2); the formula has the sum of f in each row (L1).",
    ),
]


def _reduced_otherwise() -> Mistakes:
    """Every pair of reductions of which at least one is wrong."""
    return [
        (
            lambda x, y, f, a, error=error, penalty=penalty: error((x - y).pow(2)) + a * penalty(f),
            " And ".join(filter(None, (in_error, in_penalty))),
        )
        for error, in_error in _ERRORS
        for penalty, in_penalty in _PENALTIES
        if in_error or in_penalty
    ]


_LOSS_MISTAKES: Mistakes = [
    *_reduced_otherwise(),
    (
        lambda x, y, f, a: (x - y).pow(2).mean() + f.sum(1).mean(),
        "λ is missing: the penalty is not multiplied by l1_coefficient.",
    ),
    (
        lambda x, y, f, a: a * ((x - y).pow(2).mean() + f.sum(1).mean()),
        "λ multiplies the whole loss; it belongs to the penalty alone.",
    ),
    (
        lambda x, y, f, a: a * (x - y).pow(2).mean() + f.sum(1).mean(),
        "λ multiplies the error; it belongs to the penalty.",
    ),
    (
        lambda x, y, f, a: (x - y).abs().mean() + a * f.sum(1).mean(),
        "the error is the absolute difference; the formula squares it.",
    ),
    (
        lambda x, y, f, a: (x - y).pow(2).mean().sqrt() + a * f.sum(1).mean(),
        "you took the root of the mean squared error; the formula has no root.",
    ),
    (
        lambda x, y, f, a: (x - y).pow(2).sum(1) / x.shape[1] + a * f.sum(1),
        "this is a loss for each row; average over the rows as well.",
    ),
    (lambda x, y, f, a: (x - y).pow(2).mean(), "the penalty is missing."),
    (
        lambda x, y, f, a: (x - y).pow(2).mean() - a * f.sum(1).mean(),
        "the penalty is subtracted: training would make activations larger.",
    ),
]


# By name, with those of the other steps.
PARTS = building.PARTS | {"loss": (_judge_loss, _loss, _loss_inputs)}
