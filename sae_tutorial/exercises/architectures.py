"""Checks for notebook 08, first half: what L1 takes away, a gate, and a shared number. The other four are in `frontier`."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import (
    Mistakes,
    match_function,
    match_number,
    read_tensor,
)
from sae_tutorial.exercises.reporting import Exercise


def check_cheapest(loud: float | None, quiet: float | None, smallest: float | None) -> None:
    """Exercise 8.1: what a latent under L1 says of 0.9 and of 0.2, and the size below which it is off."""
    exercise = Exercise(
        "8.1",
        "put a number in place of each None.",
        "the formula in the section 'Why the cheapest answer is too small'",
        "every answer loses the same amount, and what is smaller than that amount is lost altogether.",
    )
    exercise.check(_judge_cheapest, loud, quiet, smallest)


def check_stretch(stretch: Callable[[Tensor, Tensor, Tensor], Any]) -> None:
    """Exercise 8.2: `stretch(x, x_hat, b_dec)`, the factor on x̂ − b_dec that brings it nearest to x − b_dec."""
    exercise = Exercise(
        "8.2",
        "write the body of `stretch`.",
        "the formula above the exercise",
        "a factor over 1 says that the reconstructions are too short, and by how much.",
    )
    exercise.check(_judge_stretch, stretch)


def check_gated(gated: Callable[..., Tensor]) -> None:
    """Exercise 8.3: `gated(projected, b_gate, r_mag, b_mag)`, a gate that decides and a size that is free."""
    exercise = Exercise(
        "8.3",
        "write the body of `gated`.",
        "the formula in the section 'Gated: two questions, two answers'",
        "whether a latent is on and how strongly are now two numbers, and the penalty sees the first alone.",
    )
    exercise.check(_judge_gated, gated)


def check_batchtopk(batchtopk: Callable[[Tensor, int], Tensor]) -> None:
    """Exercise 8.4: `batchtopk(pre, k)`, the k · batch largest pre-activations of a batch, in their places."""
    exercise = Exercise(
        "8.4",
        "write the body of `batchtopk`.",
        "the section 'BatchTopK: share the number'",
        "your selection shares k · batch places among the positions; a position may get none of them.",
    )
    exercise.check(_judge_batchtopk, batchtopk)


def _judge_cheapest(loud: Any, quiet: Any, smallest: Any) -> None:
    smaller = (
        "In a smaller case, with d_in = 10 and λ = 0.02, every answer loses λ · d_in / 2 = 0.1: a size of 0.5 is "
        "answered by 0.4, and a size of 0.05 by 0."
    )
    match_number(
        "loud",
        loud,
        0.6,
        {
            0.3: "you took λ · d_in away, twice too much: the slope of the squared error has a factor of 2.",
            0.9: "that is the true size; it is rebuilt best, and its price is not worth it.",
            0.87: "you took λ away. The error is shared by d_in numbers, so λ weighs d_in / 2 times as much.",
            0.885: "you took λ / 2 away; the error is a mean over d_in numbers, so λ weighs d_in times as much.",
            1.2: "the price makes answers smaller, not larger.",
        },
        example=smaller,
    )
    match_number(
        "quiet",
        quiet,
        0.0,
        {
            -0.1: "an activation is never negative: below zero, the ReLU keeps it at 0.",
            0.2: "that is the true size; at this price silence is cheaper.",
            0.1: "0.2 − 0.3 is negative, and the ReLU keeps an activation from going below 0.",
            0.17: "you took λ away. The error is shared by d_in numbers, so λ weighs d_in / 2 times as much.",
        },
        example=smaller,
    )
    match_number(
        "smallest",
        smallest,
        0.3,
        {
            0.6: "that is λ · d_in; the slope of the squared error has a factor of 2.",
            0.03: "that is λ itself; what every answer loses is λ · d_in / 2.",
            0.0: "at that price a faint direction is not worth a latent: look at your answer for 0.2.",
        },
        example=smaller,
    )


def _judge_stretch(answer: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    small = (
        torch.tensor([[3.0, 2.0], [2.0, 3.5]]),
        torch.tensor([[2.0, 1.5], [1.5, 2.5]]),
        torch.tensor([1.0, 1.0]),
    )
    x, noise, b_dec = (torch.randn(shape, generator=generator) for shape in ((30, 6), (30, 6), (6,)))
    inputs = [small, (x, 0.7 * x + 0.2 * noise, b_dec), (x, 1.3 * x + 0.5 * noise - 1, b_dec)]
    match_function(answer, _stretch, inputs, _STRETCH_MISTAKES)


def _stretch(x: Tensor, x_hat: Tensor, b_dec: Tensor) -> Tensor:
    x, x_hat = x - b_dec, x_hat - b_dec
    return (x * x_hat).sum() / x_hat.pow(2).sum()


_STRETCH_MISTAKES: Mistakes = [
    (
        lambda x, x_hat, b_dec: (x * x_hat).sum() / x_hat.pow(2).sum(),
        "`b_dec` is still in both. It is added whatever the latents say, so take it off x and x̂ first.",
    ),
    (
        lambda x, x_hat, b_dec: 1 / _stretch(x, x_hat, b_dec),
        "this is 1 over the factor: below 1 where x̂ is too short.",
    ),
    (
        lambda x, x_hat, b_dec: _stretch(x_hat, x, b_dec),
        "you divided by the length of x: that is the factor which brings x nearest to x̂. Divide by x̂'s.",
    ),
    (
        lambda x, x_hat, b_dec: (x - b_dec).norm() / (x_hat - b_dec).norm(),
        "this is the ratio of the lengths. It gives x̂ the length of x, and that is not what brings it nearest: x̂ "
        "points a little elsewhere.",
    ),
    (
        lambda x, x_hat, b_dec: ((x - b_dec).norm(dim=1) / (x_hat - b_dec).norm(dim=1)).mean(),
        "this is the mean ratio of the lengths, row by row. One factor for all rows is asked for.",
    ),
    (
        lambda x, x_hat, b_dec: ((x - b_dec) * (x_hat - b_dec)).sum(1) / (x_hat - b_dec).pow(2).sum(1),
        "this is a factor for each row; add up over all rows before you divide.",
    ),
    (
        lambda x, x_hat, b_dec: (
            ((x - b_dec) * (x_hat - b_dec)).sum(1) / (x_hat - b_dec).pow(2).sum(1)
        ).mean(),
        "this is the mean of a factor for each row; add up over all rows before you divide.",
    ),
    (
        lambda x, x_hat, b_dec: ((x - b_dec) / (x_hat - b_dec)).mean(),
        "you divided number by number. Where x̂ is near zero this is anything; multiply, add up, then divide.",
    ),
    (
        lambda x, x_hat, b_dec: torch.cosine_similarity(
            (x - b_dec).flatten(), (x_hat - b_dec).flatten(), dim=0
        ),
        "this is the cosine, which does not know about length: divide by x̂'s squared length alone.",
    ),
]


def _judge_gated(answer: Any) -> None:
    # Latents: on with its size doubled, gate closed though the size is positive, gate open though the size is not, off.
    small = (torch.tensor([[2.0, 0.5, 1.0, -1.0]]), torch.tensor([-1.0, -1.0, 0.5, -0.5]),
             torch.tensor([0.6931, 0.2, 0.1, 0.0]), torch.tensor([0.5, 0.3, -2.0, 0.2]))  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    larger = tuple(torch.randn(shape, generator=generator) for shape in ((20, 9), (9,), (9,), (9,)))
    match_function(answer, _gated, [small, larger], _GATED_MISTAKES)


def _gated(projected: Tensor, b_gate: Tensor, r_mag: Tensor, b_mag: Tensor) -> Tensor:
    return (projected + b_gate > 0) * (projected * r_mag.exp() + b_mag).relu()


_GATED_MISTAKES: Mistakes = [
    (
        lambda p, b_gate, r_mag, b_mag: (p + b_gate).relu(),
        "this is the gate's own value, ReLU(π), which the penalty sees. The size is read with `r_mag` and `b_mag`.",
    ),
    (
        lambda p, b_gate, r_mag, b_mag: (p * r_mag.exp() + b_mag).relu(),
        "the gate is missing: a latent is on only where projected + b_gate exceeds 0.",
    ),
    (
        lambda p, b_gate, r_mag, b_mag: (p + b_gate > 0) * (p * r_mag + b_mag).relu(),
        "`r_mag` is a logarithm: the factor is `r_mag.exp()`, which is 1 at the start, where r_mag is 0.",
    ),
    (
        lambda p, b_gate, r_mag, b_mag: (p + b_gate > 0) * (p * r_mag.exp() + b_mag),
        "the ReLU is missing: where the gate is open and the size negative, f would be negative.",
    ),
    (
        lambda p, b_gate, r_mag, b_mag: (p + b_gate).relu() * (p * r_mag.exp() + b_mag).relu(),
        "you multiply by the gate's value. The gate only says yes or no, 1[π > 0].",
    ),
    (
        lambda p, b_gate, r_mag, b_mag: (p + b_gate > 0) * ((p + b_gate) * r_mag.exp() + b_mag).relu(),
        "the gate's bias went into the size. The size starts from `projected`, with a bias of its own.",
    ),
    (
        lambda p, b_gate, r_mag, b_mag: (p + b_gate > 0) * ((p + b_mag) * r_mag.exp()).relu(),
        "you stretch `b_mag` too. The factor belongs to `projected` alone; the bias is added after it.",
    ),
    (
        lambda p, b_gate, r_mag, b_mag: (p + b_gate > 0).float(),
        "this says which latents are on, and not how strongly.",
    ),
    (
        lambda p, b_gate, r_mag, b_mag: (p > 0) * (p * r_mag.exp() + b_mag).relu(),
        "the gate compares `projected` alone with 0; its bias `b_gate` is missing.",
    ),
]


def _batchtopk_inputs() -> list[tuple[Tensor, int]]:
    pre = torch.tensor([[0.5, 3.0, 2.0, -1.0], [0.1, 0.4, -4.0, 0.2], [2.5, 1.0, -0.5, 1.5]])
    scarce = torch.tensor([[-0.5, 1.0, -2.0], [-0.25, -3.0, -1.0]])  # fewer than k · batch are positive
    larger = torch.randn(20, 12, generator=torch.Generator().manual_seed(0))
    return [(pre, 1), (pre, 2), (scarce, 1), (larger, 3)]


def _judge_batchtopk(answer: Any) -> None:
    inputs = _batchtopk_inputs()
    match_function(answer, _batchtopk, inputs, _BATCHTOPK_MISTAKES)


def _keep(pre: Tensor, n: int, by: Tensor | None = None) -> Tensor:
    """`pre` with all but the n largest of the whole tensor set to 0."""
    flat = pre.flatten()
    chosen = (flat if by is None else by.flatten()).topk(min(n, len(flat))).indices
    return torch.zeros_like(flat).scatter(0, chosen, flat[chosen]).view_as(pre)


def _batchtopk(pre: Tensor, k: int) -> Tensor:
    return _keep(pre, k * len(pre)).relu()


def _topk(pre: Tensor, k: int, dim: int) -> Tensor:
    largest = pre.topk(min(k, pre.shape[dim]), dim=dim)
    return torch.zeros_like(pre).scatter(dim, largest.indices, largest.values)


_BATCHTOPK_MISTAKES: Mistakes = [
    (
        lambda pre, k: _topk(pre, k, 1).relu(),
        "you keep k per position. That is TopK; here positions share k · batch places.",
    ),
    (
        lambda pre, k: _keep(pre, k).relu(),
        "you keep k of the whole batch; k is the number per position, so k · batch are kept.",
    ),
    (
        lambda pre, k: _topk(pre, k, 0).relu(),
        "you keep k per latent (dim=0); the whole batch is one list.",
    ),
    (
        lambda pre, k: _keep(pre, k * len(pre)),
        "negative values are kept: where fewer than k · batch pre-activations are positive, the ReLU is missing.",
    ),
    (
        lambda pre, k: _keep(pre, k * len(pre), by=pre.abs()).relu(),
        "you choose by absolute size, so strongly negative ones take places and are then zeroed.",
    ),
    (
        lambda pre, k: _keep(pre, k * pre.shape[1]).relu(),
        "you keep k · d_sae; it should be k times the number of positions, `len(pre)`.",
    ),
    (
        lambda pre, k: (_batchtopk(pre, k) > 0).float(),
        "you return which latents are on (ones and zeros), not how strongly.",
    ),
    (
        lambda pre, k: _batchtopk(pre, k) > 0,
        "you return which latents are on (a mask); multiply by the pre-activations.",
    ),
    (
        lambda pre, k: pre.flatten().topk(k * len(pre)).values.relu(),
        "you return the values without their places: the result has the shape of `pre`, zero where a latent is off.",
    ),
    (
        lambda pre, k: torch.where(pre > pre.flatten().topk(k * len(pre)).values.min(), pre, 0.0).relu(),
        "the smallest of those to be kept is lost: compare with >=, or use the indices.",
    ),
    (lambda pre, k: pre.relu(), "this is ReLU: nothing is selected, k is not used."),
]


TRAINED_PARTS = {"batchtopk": (_judge_batchtopk, _batchtopk, _batchtopk_inputs)}
PARTS = {
    "stretch": (_judge_stretch, _stretch, float),
    "gated": (_judge_gated, _gated, read_tensor),
}
