"""Checks for notebook 12: latent scaling, from the best multiple of an arrow to the rule that strikes latents off."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import Mistakes, match_function
from sae_tutorial.exercises.reporting import Exercise
from sae_tutorial.features.diffing import OWN_ERROR, OWN_RECONSTRUCTION, OWN_SHARE

LEAST = 20  # rows that a latent has to be on at


def check_best_multiple(best_multiple: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Exercise 12.6: `best_multiple(f, d, y)`, the β for which β f d comes nearest to y."""
    exercise = Exercise(
        "12.6",
        "write the body of `best_multiple`.",
        "the folded help, on setting a slope to zero",
        "you can ask any model how much of a latent it has, whatever a crosscoder wrote down for it.",
    )
    exercise.check(_judge_multiple, best_multiple)


def check_own_latents(own_latents: Callable[..., Tensor]) -> None:
    """Exercise 12.7: `own_latents(share, nu_e, nu_r, n_rows, line)`, True for the tuned model's own latents."""
    exercise = Exercise(
        "12.7",
        "write the body of `own_latents`.",
        "the table above the exercise: four reasons can strike a latent off",
        "you can strike latents off a list of exclusive ones, in a paper too, and say why each went.",
    )
    exercise.check(_judge_own, own_latents)


def _judge_multiple(answer: Any) -> None:
    draw = torch.Generator().manual_seed(5)
    inputs = [
        (torch.tensor([1.0, 0.0, 2.0]), torch.tensor([0.0, 2.0]), torch.tensor([[1.0, 3.0], [5.0, 7.0], [0.0, 4.0]])),
        *(
            (torch.rand(7, generator=draw) + 0.25, 2 * torch.randn(3, generator=draw), torch.randn(7, 3, generator=draw))
            for _ in range(2)
        ),
    ]  # fmt: skip
    match_function(answer, _multiple, inputs, _MULTIPLE_MISTAKES)


def _multiple(f: Tensor, d: Tensor, y: Tensor) -> Tensor:
    return (f * (y @ d)).sum() / (f.pow(2).sum() * d.pow(2).sum())


_MULTIPLE_MISTAKES: Mistakes = [
    (
        lambda f, d, y: (f * (y @ d)).sum() / f.pow(2).sum(),
        "the length of d is missing below: Σ f² is to be multiplied by d · d.",
    ),
    (
        lambda f, d, y: (f * (y @ d)).sum() / d.pow(2).sum(),
        "how strong the latent is is missing below: d · d is to be multiplied by Σ f².",
    ),
    (
        lambda f, d, y: (f * (y @ d)).sum() / (f.sum() * d.pow(2).sum()),
        "below stands Σ f; the slope of the squared error has Σ f².",
    ),
    (
        lambda f, d, y: (f * (y @ d)).sum() / (f.pow(2).sum() * d.norm()),
        "below stands the length of d; the slope of the squared error has its square, d · d.",
    ),
    (
        lambda f, d, y: (y @ d).sum() / (f.sum() * d.pow(2).sum()),
        "every row counts alike here. A row on which the latent is strong says more: multiply each d · y by its f.",
    ),
    (
        lambda f, d, y: ((y @ d)[f > 0] / (f[f > 0] * d.pow(2).sum())).mean(),
        "that is the mean of each row's own multiple, in which weak rows shout. Sum above and below first, then divide.",
    ),
    (
        lambda f, d, y: ((y @ d) / (f * d.pow(2).sum())).mean(),
        "you divide row by row, and where the latent is off, by 0. Sum above and below first, then divide.",
    ),
    (lambda f, d, y: (f * (y @ d)).sum(), "that is only the upper part of the fraction."),
]


def _judge_own(answer: Any) -> None:
    # The five of the notebook's table, and latents of every kind. These come one at a time, so that a message shows one.
    table = [torch.tensor([0.97, 0.96, 0.95, 0.52, 0.99]), torch.tensor([0.93, 0.04, 0.03, 0.98, 0.10]),
             torch.tensor([0.02, 0.08, 0.88, 0.97, 0.05]), torch.tensor([400, 210, 350, 900, 2])]  # fmt: skip
    draw = torch.Generator().manual_seed(8)
    drawn = [torch.rand(200, generator=draw) for _ in range(3)]
    rows = torch.randint(0, 60, (200,), generator=draw)
    at_least = (torch.tensor([0.9]), torch.tensor([0.1]), torch.tensor([0.1]), torch.tensor([LEAST]))
    one_by_one = [at_least, *zip(*(part.split(1) for part in (*drawn, rows)), strict=True)]
    match_function(answer, _own, [(*table, 0.54), *((*one, 0.3) for one in one_by_one)], _OWN_MISTAKES)


def _own(share: Tensor, nu_e: Tensor, nu_r: Tensor, n_rows: Tensor, line: float) -> Tensor:
    return _all_but(None, share, nu_e, nu_r, n_rows, line)


def _all_but(left_out: int | None, *given: Any) -> Tensor:
    """The four conditions together, one of them left out."""
    share, nu_e, nu_r, n_rows, line = given
    conditions = [share > line, nu_e < OWN_ERROR, nu_r < OWN_RECONSTRUCTION, n_rows >= LEAST]
    return torch.stack([condition for i, condition in enumerate(conditions) if i != left_out]).all(0)


_OWN_MISTAKES: Mistakes = [
    (
        lambda *given: _all_but(0, *given),
        "you did not ask for the share. A latent that the twin has as well, like D, is nobody's own: the share has to be above `line`.",
    ),
    (
        lambda *given: _all_but(1, *given),
        "you did not ask for ν^ε (`nu_e`). A's base model has the arrow though nobody wrote it down: complete shrinkage.",
    ),
    (
        lambda *given: _all_but(2, *given),
        "you did not ask for ν^r (`nu_r`). For C's base model other latents write the arrow: latent decoupling.",
    ),
    (
        lambda *given: _all_but(3, *given),
        "you did not ask on how many rows the latent was on. E was on at 2, and a ratio of two sums over two rows can be anything.",
    ),
    (
        lambda share, nu_e, nu_r, n_rows, line: (
            (share > line) | (nu_e < OWN_ERROR) | (nu_r < OWN_RECONSTRUCTION) | (n_rows >= LEAST)
        ),
        "one condition is enough for yours. All four have to hold: `&`, not `|`.",
    ),
    (
        lambda share, nu_e, nu_r, n_rows, line: (
            (share > line) & (nu_e < OWN_RECONSTRUCTION) & (nu_r < OWN_ERROR) & (n_rows >= LEAST)
        ),
        "the two limits are swapped: ν^ε (`nu_e`) below 0.2, ν^r (`nu_r`) below 0.5.",
    ),
    (
        lambda share, nu_e, nu_r, n_rows, line: (
            (share > line) & (nu_e > OWN_ERROR) & (nu_r > OWN_RECONSTRUCTION) & (n_rows >= LEAST)
        ),
        "you kept what the base model has as well. Both numbers say how much *it* has, so a latent of the tuned model's own has small ones.",
    ),
    (
        lambda share, nu_e, nu_r, n_rows, line: _own(share, nu_e, nu_r, n_rows, round(OWN_SHARE, 2)),
        "you wrote the paper's 0.83 for the share. This rule asks for a share above `line`, whatever number it is given there.",
    ),
    (
        lambda share, nu_e, nu_r, n_rows, line: _own(share, nu_e, nu_r, n_rows, 0.54),
        "you wrote 0.54 for the share, which is one twin's furthest. Ask for a share above `line`, whatever number it is given there.",
    ),
    (
        lambda *given: _all_but(2, *given) & (given[2] < OWN_ERROR),
        "you asked both numbers to be below 0.2. That is the limit for ν^ε (`nu_e`); for ν^r (`nu_r`) it is 0.5.",
    ),
    (
        lambda *given: _all_but(1, *given) & (given[1] < OWN_RECONSTRUCTION),
        "you asked both numbers to be below 0.5. That is the limit for ν^r (`nu_r`); for ν^ε (`nu_e`) it is 0.2.",
    ),
    (
        lambda *given: _own(*given) & (given[3] > LEAST),
        "you struck off a latent that is on at exactly 20 rows. We ask for 20 rows or more, so 20 are enough: `>=`, not `>`.",
    ),
    (
        lambda *given: ~_own(*given),
        "you marked those that are struck off. True is for the tuned model's own.",
    ),
]


PARTS = {
    "best_multiple": (_judge_multiple, _multiple, float),
    "own_latents": (_judge_own, _own, torch.as_tensor),
}
