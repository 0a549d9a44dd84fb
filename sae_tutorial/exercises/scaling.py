"""Checks for notebook 12: latent scaling, from the best multiple of an arrow to a table of latents."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import Mistakes, match_choices, match_function
from sae_tutorial.exercises.reporting import Exercise


def check_best_multiple(best_multiple: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Exercise 12.4: `best_multiple(f, d, y)`, the β for which β f d comes nearest to y."""
    exercise = Exercise(
        "12.4",
        "write the body of `best_multiple`.",
        "the folded help, on setting a slope to zero",
        "you can ask any model how much of a latent it has, whatever a crosscoder wrote down for it.",
    )
    draw = torch.Generator().manual_seed(5)
    inputs = [
        (torch.tensor([1.0, 0.0, 2.0]), torch.tensor([0.0, 2.0]), torch.tensor([[1.0, 3.0], [5.0, 7.0], [0.0, 4.0]])),
        *(
            (torch.rand(7, generator=draw) + 0.25, 2 * torch.randn(3, generator=draw), torch.randn(7, 3, generator=draw))
            for _ in range(2)
        ),
    ]  # fmt: skip
    exercise.check(
        lambda answer: match_function(answer, _multiple, inputs, _MULTIPLE_MISTAKES), best_multiple
    )


def check_nu(nu: Callable[..., Tensor]) -> None:
    """Exercise 12.5: `nu(f, arrows, x, x_hat)`, how much of the tuned arrow the base model has where other latents write none."""
    exercise = Exercise(
        "12.5",
        "write the body of `nu`.",
        "the formula above the exercise: the same arrow for both models, each model's own y",
        "you can ask how much of a latent the other model has after all, whatever the decoder says.",
    )
    exercise.check(_judge_nu, nu)


def check_own_latents(own: Iterable[str] | None) -> None:
    """Exercise 12.6: which of five latents in a table are the tuned model's own."""
    exercise = Exercise(
        "12.6",
        "replace None by a set of letters, such as {'A'}.",
        "the section 'Exclusive, or only written down so?'",
        "you can read a table of exclusive latents, in a paper too, and ask each row the questions that can strike it off.",
    )
    exercise.check(
        lambda answer: match_choices(
            answer,
            {
                "B": "B is the tuned model's own: the share says so, and neither the base model's error nor its other latents "
                "have the direction.",
            },
            {
                "A": "in A the base model's unexplained rest has the direction nearly as strongly (ν^ε 0.93): the crosscoder "
                "left it out for the base side. That is complete shrinkage.",
                "C": "in C other latents write the direction for the base model (ν^r 0.88): one concept has two latents. That "
                "is latent decoupling.",
                "D": "D's share is 0.52: both models have it, and nobody claimed otherwise.",
                "E": "E was on at 2 of 20,000 rows. A ratio of two sums over two rows can be anything.",
            },
        ),
        own,
    )


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


def _nu_inputs(draw: torch.Generator) -> tuple[Tensor, list[Tensor], list[Tensor], list[Tensor]]:
    """Rows that have the tuned arrow in both models, more of it in the tuned one, so that no sum below is near 0."""
    f, arrows = torch.rand(7, generator=draw) + 0.25, [torch.randn(3, generator=draw) for _ in range(2)]
    x = [share * f[:, None] * arrows[1] + 0.3 * torch.randn(7, 3, generator=draw) for share in (0.6, 1.2)]
    return f, arrows, x, [0.3 * torch.randn(7, 3, generator=draw) for _ in range(2)]


def _judge_nu(answer: Any) -> None:
    draw = torch.Generator().manual_seed(7)
    inputs = [
        (torch.tensor([1.0, 2.0]), [torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])],
         [torch.tensor([[1.0, 1.0], [2.0, 0.0]]), torch.tensor([[0.0, 2.0], [1.0, 4.0]])],
         [torch.tensor([[1.0, 0.0], [2.0, 0.0]]), torch.tensor([[0.0, 2.0], [0.0, 4.0]])]),
        *(_nu_inputs(draw) for _ in range(2)),
    ]  # fmt: skip
    match_function(answer, _nu, inputs, _NU_MISTAKES)


def _nu(f: Tensor, arrows: list[Tensor], x: list[Tensor], x_hat: list[Tensor]) -> Tensor:
    base, tuned = (_multiple(f, arrows[1], x[m] - x_hat[m] + f[:, None] * arrows[m]) for m in (0, 1))
    return base / tuned


_NU_MISTAKES: Mistakes = [
    (
        lambda f, d, x, x_hat: 1 / _nu(f, d, x, x_hat),
        "that is the tuned model's β over the base model's. How much the *base* model has is wanted: its β on top.",
    ),
    (
        lambda f, d, x, x_hat: _multiple(f, d[1], x[0] - x_hat[0]) / _multiple(f, d[1], x[1] - x_hat[1]),
        "what this latent itself writes is missing: add f d back, with each model's own arrow.",
    ),
    (
        lambda f, d, x, x_hat: (
            _multiple(f, d[1], x[0] - x_hat[0] + f[:, None] * d[1]) / _multiple(f, d[1], x[1] - x_hat[1] + f[:, None] * d[1])
        ),
        "you added the tuned arrow back for both models. For the base model this latent writes its base arrow.",
    ),
    (
        lambda f, d, x, x_hat: (
            _multiple(f, d[0], x[0] - x_hat[0] + f[:, None] * d[0]) / _multiple(f, d[1], x[1] - x_hat[1] + f[:, None] * d[1])
        ),
        "you ask each model for its own arrow. The question is about one arrow, the tuned one, in both models.",
    ),
    (
        lambda f, d, x, x_hat: (
            _multiple(f, d[1], x[0] - x_hat[0]) / _multiple(f, d[1], x[1] - x_hat[1] + f[:, None] * d[1])
        ),
        "what this latent writes for the base model is missing: add f d_base back as well.",
    ),
    (
        lambda f, d, x, x_hat: _multiple(f, d[1], x[0]) / _multiple(f, d[1], x[1]),
        "you took the rows whole. What other latents write is to go first: y is x − x_hat, and this latent's own part added.",
    ),
    (
        lambda f, d, x, x_hat: _multiple(f, d[1], x_hat[0]) / _multiple(f, d[1], x_hat[1]),
        "that is ν^r, with what the crosscoder writes. For ν^ε y is what it leaves, and this latent's own part added.",
    ),
    (
        lambda f, d, x, x_hat: _multiple(f, d[1], x[0] - x_hat[0] + f[:, None] * d[0]),
        "that is the base model's β alone. Divide it by the tuned model's.",
    ),
]  # fmt: skip


PARTS = {"nu": (_judge_nu, _nu, float)}
