"""Checks for notebook 01: a pair on one number, the toy, when sharing pays, shares, neurons."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from sae_tutorial.exercises.matching import (
    Mistakes,
    match_function,
    match_number,
    read_tensor,
)
from sae_tutorial.exercises.reporting import Exercise
from sae_tutorial.toys.geometry import superposition_boundary


def check_pair(a_back: float | None, b_back: float | None, error: float | None) -> None:
    """Exercise 1.1: what is rebuilt of a pair back to back for A = 0.4 and B = 0.7, and the squared error."""
    exercise = Exercise(
        "1.1",
        "put a number in place of each None.",
        "the lines of the drawing in 'Two features, one number': on which side does h lie here?",
        "you can follow a toy by hand. When both are on, each of them loses the smaller of the two values.",
    )
    exercise.check(_judge_pair, a_back, b_back, error)


def check_toy(toy: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Exercise 1.2: `toy(x, W, b)`, the forward pass of a toy model."""
    exercise = Exercise(
        "1.2",
        "write the body of `toy`.",
        "the formula in the section 'Write the toy'",
        "you have written a whole toy model. Everything below trains this function, many times over.",
    )
    exercise.check(_judge_toy, toy)


def check_dimensionality(dimensionality: Callable[[Tensor], Tensor]) -> None:
    """Exercise 1.6: `dimensionality(W)` of one toy, each feature's share of a dimension."""
    exercise = Exercise(
        "1.6",
        "write the body of `dimensionality`.",
        "the formula in the section 'Each feature's share of a dimension'",
        "you can tell from the weights alone which features share, and in what shape.",
    )
    exercise.check(_judge_dimensionality, dimensionality)


def check_boundary(boundary: Callable[[Tensor], Tensor]) -> None:
    """Exercise 1.5: `boundary(importance)`, the probability at which sharing one number costs what keeping one does."""
    exercise = Exercise(
        "1.5",
        "write the body of `boundary`.",
        "the two costs above the exercise; set them equal, and divide both by p",
        "you have calculated where the toys should switch, before you train one of them.",
    )
    exercise.check(_judge_boundary, boundary)


def check_features_read(features_read: Callable[[Tensor], Tensor]) -> None:
    """Exercise 1.7: `features_read(W)`, how many features make up 90% of each neuron's squared weights."""
    exercise = Exercise(
        "1.7",
        "write the body of `features_read`.",
        "one column of the first grid above: square its numbers, and add them up from the largest",
        "you can tell from the weights which neurons of a toy read one feature and which read several.",
    )
    exercise.check(_judge_features_read, features_read)


def _judge_pair(a_back: Any, b_back: Any, error: Any) -> None:
    match_number(
        "a_back",
        a_back,
        0.0,
        {
            0.4: "that is A with B off. B is on too, and pulls h the other way.",
            -0.3: "that is h. The ReLU turns a negative number into zero.",
            0.3: "A is given ReLU(h), without a minus, and h is below zero here.",
            0.7: "that is B's own value; A is given ReLU(h).",
            1.1: "the arrows point in opposite directions, so h = A − B.",
        },
        digits=1,
    )
    match_number(
        "b_back",
        b_back,
        0.3,
        {
            0.7: "that is B with A off. A is on too, and pulls h the other way.",
            -0.3: "that is h. B is given ReLU(−h), with a minus, which is never negative.",
            0.0: "B is given ReLU(−h), with a minus: h is below zero here.",
            0.4: "that is A's own value; B is given ReLU(−h).",
            1.1: "the arrows point in opposite directions, so h = A − B.",
        },
        digits=1,
    )
    match_number(
        "error",
        error,
        0.32,
        {
            0.16: "that is the error of one feature; add that of the other.",
            0.8: "that is the sum of the two errors; square each before you add.",
            0.64: "you squared the sum of the errors; square each, then add.",
            0.0: "both are rebuilt too small, by 0.4.",
            0.4: "each of them is off by that much; square it, and add both squares.",
            0.32**0.5: "that is the root of the squared error; leave it squared.",
            0.65: "A comes back as 0, not as −0.3, and B as 0.3: each is off by 0.4.",
            0.18: "that is the last line of the drawing; here A = 0.4 and B = 0.7.",
        },
        digits=2,
    )


def _judge_boundary(answer: Any) -> None:
    inputs = [
        (torch.tensor([1.0, 0.5, 3.0]),),
        (torch.rand(6, generator=Generator().manual_seed(3)) * 4 + 0.1,),
    ]
    match_function(answer, superposition_boundary, inputs, _BOUNDARY_MISTAKES)


_BOUNDARY_MISTAKES: Mistakes = [
    (
        lambda importance: 4 * importance / (2 * (1 + importance) + 3 * importance),
        "this takes B for the one that is dropped, whatever its importance. From importance 1 on A is dropped: min(1, I).",
    ),
    (
        lambda importance: 4 / (2 * (1 + importance) + 3 + 0 * importance),
        "this drops A, whatever the importance of B. Below importance 1 it is B that is dropped: min(1, I).",
    ),
    (
        lambda importance: 4 * importance.clamp(min=1) / (2 * (1 + importance) + 3 * importance.clamp(min=1)),
        "this drops the more important one: you have max(1, I) where min(1, I) belongs.",
    ),
    (
        lambda importance: 2 * importance.clamp(max=1) / (1 + importance),
        "you left out p²/4: who answers the average is not off by all that was there.",
    ),
    (
        lambda importance: 4 * importance.clamp(max=1) / (4 + 3 * importance.clamp(max=1)),
        "sharing costs (1 + I) p²/6: when they meet, B's error counts I times.",
    ),
    (
        lambda importance: (
            (2 * (1 + importance) + 3 * importance.clamp(max=1)) / (4 * importance.clamp(max=1))
        ),
        "the fraction is upside down: this is 1 / p.",
    ),
]


def _toy_inputs() -> list[tuple[Tensor, Tensor, Tensor]]:
    draw = Generator().manual_seed(0)
    return [
        (
            torch.rand(4, n, generator=draw),
            torch.randn(n, m, generator=draw),
            torch.randn(n, generator=draw) - 0.2,
        )
        for n, m in ((5, 2), (3, 3))
    ]


def _judge_toy(answer: Any) -> None:
    match_function(answer, _toy, _toy_inputs(), _TOY_MISTAKES)


def _toy(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    return (x @ W @ W.T + b).relu()


_TOY_MISTAKES: Mistakes = [
    (
        lambda x, W, b: x @ W @ W.T + b,
        "there is no ReLU: this is the linear toy, which can do no better than keep two features in two numbers.",
    ),
    (
        lambda x, W, b: (x @ W @ W.T).relu() + b,
        "the bias comes before the ReLU: it is what pushes small readings below zero, where the ReLU clips them.",
    ),
    (lambda x, W, b: (x @ W @ W.T).relu(), "the bias b is missing."),
    (
        lambda x, W, b: ((x @ W).relu() @ W.T + b).relu(),
        "h has a ReLU too. In this toy h may be negative; only the output is clipped.",
    ),
    (lambda x, W, b: (x @ W @ W.T - b).relu(), "b is subtracted; it is added."),
    (lambda x, W, b: x @ W, "this is h, still squeezed: multiply by W.T, add b, and clip."),
    (
        lambda x, W, b: (x @ W).relu() @ W.T + b,
        "the ReLU is on h; it belongs on the output, after the bias.",
    ),
]


def _features_read(W: Tensor) -> Tensor:
    share = W.pow(2).sort(dim=0, descending=True).values.cumsum(0) / W.pow(2).sum(0)
    return (share < 0.9).sum(0) + 1


_READ_MISTAKES: Mistakes = [
    (
        lambda W: _features_read(W.T),
        "you took rows for neurons: a neuron is a column of W, one of the m hidden numbers.",
    ),
    (
        lambda W: _features_read(W) - 1,
        "one too few: the feature that takes the sum past 90% is needed too.",
    ),
    (
        lambda W: _features_read(W.abs().sqrt()),
        "the weights are not squared: a share of squared weights is asked for.",
    ),
    (
        lambda W: (W.pow(2).cumsum(0) / W.pow(2).sum(0) < 0.9).sum(0) + 1,
        "the largest must come first: sort the squared weights before you add them up.",
    ),
    (
        lambda W: (W.pow(2).sort(dim=0).values.cumsum(0) / W.pow(2).sum(0) < 0.9).sum(0) + 1,
        "you sorted from the smallest; the largest must come first (descending=True).",
    ),
    (
        lambda W: (W.pow(2) > 0.9 * W.pow(2).sum(0)).sum(0),
        "this counts features that hold 90% alone, which is 1 or 0. Add them up, from the largest, until 90% is reached.",
    ),
    (
        lambda W: (W.abs() > 0.1).sum(0),
        "this counts weights above a fixed size, which depends on the scale of W.",
    ),
    (
        lambda W: (W.pow(2) > 0.1 * W.pow(2).sum(0)).sum(0),
        "this counts features that hold more than 10% each; several small ones may be needed on the way to 90%.",
    ),
]


def _dimensionality(W: Tensor) -> Tensor:
    return W.pow(2).sum(1) / (normalize(W, dim=1) @ W.T).pow(2).sum(1)


_D_MISTAKES: Mistakes = [
    (
        lambda W: W.pow(2).sum(1) / (W @ W.T).pow(2).sum(1),
        "W_i in the denominator is not brought to length 1, so a longer feature gets a smaller share. Use Ŵ_i · W_j.",
    ),
    (
        lambda W: W.pow(2).sum(1) / (normalize(W, dim=1) @ normalize(W, dim=1).T).pow(2).sum(1),
        "both sides of the product are brought to length 1; W_j keeps its length, since a long neighbour interferes more.",
    ),
    (
        lambda W: 1 / (normalize(W, dim=1) @ normalize(W, dim=1).T).pow(2).sum(1),
        "lengths have dropped out, so a feature that is hardly represented counts like any other. Either W_j was brought to "
        "length 1 too, or the sum ran over i: with Ŵ_i · W_j in row i and column j, sum along the row.",
    ),
    (
        lambda W: W.pow(2).sum(1) / (normalize(W, dim=1) @ W.T).sum(1),
        "the products are not squared: a neighbour on the opposite side would cancel one on the near side.",
    ),
    (
        lambda W: W.norm(dim=1) / (normalize(W, dim=1) @ W.T).pow(2).sum(1),
        "the numerator is the length; it should be the squared length.",
    ),
    (
        lambda W: W.pow(2).sum(1) / ((normalize(W, dim=1) @ W.T).pow(2).sum(1) - W.pow(2).sum(1)),
        "the sum leaves out j = i: without the feature's own part a lone feature is divided by zero.",
    ),
    (
        lambda W: (normalize(W, dim=1) @ W.T).pow(2).sum(1) / W.pow(2).sum(1),
        "the fraction is upside down: this is how many features share the dimension.",
    ),
    (
        lambda W: (normalize(W, dim=1) @ W.T).pow(2).sum(1) - W.pow(2).sum(1),
        "this is the interference that feature i meets; its share is ‖W_i‖² over the whole sum.",
    ),
    (
        lambda W: W.pow(2).sum() / W.shape[1],
        "this is features per dimension of the whole toy; D has one value per feature.",
    ),
    (
        lambda W: _dimensionality(W.T),
        "you took columns for features; a feature's direction is a row of W.",
    ),
]


def _judge_dimensionality(answer: Any) -> None:
    pentagon = 2 * torch.pi * torch.arange(5) / 5
    inputs = [
        (torch.tensor([[2.0, 0.0], [-1.0, 1.0], [0.0, 0.5]]),),
        (1.2 * torch.stack([pentagon.cos(), pentagon.sin()], 1),),
        (torch.randn(4, 3, generator=Generator().manual_seed(0)),),
    ]
    match_function(answer, _dimensionality, inputs, _D_MISTAKES)


def _judge_features_read(answer: Any) -> None:
    inputs = [
        (torch.tensor([[1.0, 0.0], [-0.4, 0.9], [0.3, -0.8], [0.3, 0.7]]),),
        (torch.randn(7, 3, generator=Generator().manual_seed(1)),),
        (torch.randn(3, 3, generator=Generator().manual_seed(2)),),
    ]
    match_function(answer, _features_read, inputs, _READ_MISTAKES)


# The notebook trains through it.
TRAINED_PARTS = {"toy": (_judge_toy, _toy, _toy_inputs)}
PARTS = {
    "boundary": (_judge_boundary, superposition_boundary, read_tensor),
    "dimensionality": (_judge_dimensionality, _dimensionality, read_tensor),
    "features_read": (_judge_features_read, _features_read, read_tensor),
}
