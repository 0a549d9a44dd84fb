"""The checks of notebooks 12 and 15 on removal: a direction whose share of x is held constant."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.effects.steering import without_direction
from sae_tutorial.exercises.matching import Mistakes, match_function
from sae_tutorial.exercises.reporting import Exercise


def check_hold_constant(hold_constant: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Exercise 15.1: `hold_constant(x, direction, mean)`, every row with the share along the direction that the mean has."""
    exercise = Exercise(
        "15.1",
        "write the body of `hold_constant`.",
        "the folded help, on a row's share along a direction",
        "you can silence a direction whoever writes there, which taking out latents does not do.",
    )
    exercise.check(_judge_hold_constant, hold_constant)


def check_take_out(take_out: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Exercise 12.6: `take_out(x, direction, mean)`, x with its share of a direction set to that of a mean row."""
    exercise = Exercise(
        "12.6",
        "write the body of `take_out`.",
        "the drawing above the exercise: only the part along the direction changes",
        "you can take any direction out of any model, and ask what goes with it.",
    )
    exercise.check(_judge_take_out, take_out)


def _judge_hold_constant(answer: Any) -> None:
    draw = torch.Generator().manual_seed(5)
    inputs = [
        (torch.tensor([[3.0, 4.0], [0.0, 1.0]]), torch.tensor([0.0, 2.0]), torch.tensor([1.0, 0.5])),
        *(
            (torch.randn(n, d, generator=draw), 3 * torch.randn(d, generator=draw), torch.randn(d, generator=draw))
            for n, d in ((4, 5), (3, 6))
        ),
    ]  # fmt: skip
    match_function(answer, _held, inputs, _HELD_MISTAKES)


def _judge_take_out(answer: Any) -> None:
    draw = torch.Generator().manual_seed(6)
    inputs = [
        (torch.tensor([[[3.0, 4.0], [0.0, 2.0]]]), torch.tensor([0.0, 2.0]), torch.tensor([1.0, 0.5])),
        *(
            (torch.randn(2, 3, 4, generator=draw), 3 * torch.randn(4, generator=draw), torch.randn(4, generator=draw))
            for _ in range(2)
        ),
    ]  # fmt: skip
    match_function(answer, _held, inputs, _HELD_MISTAKES)


def _held(x: Tensor, direction: Tensor, mean: Tensor) -> Tensor:
    return without_direction(direction, mean)(x)


def _projected(x: Tensor, v: Tensor) -> Tensor:
    return (x @ v)[..., None] * v / (v @ v)


_HELD_MISTAKES: Mistakes = [
    (
        lambda x, v, mean: x - _projected(x, v),
        "you set the share along the direction to 0. That is a constant too, but rows there are nowhere near 0, so it "
        "pushes all of them; set it to the share that the mean has.",
    ),
    (
        lambda x, v, mean: x - _projected(x - x.flatten(0, -2).mean(0), v),
        "you took the mean of the rows at hand, so other rows would be held at another share. Use the `mean` that is given.",
    ),
    (
        lambda x, v, mean: x - ((x - mean) @ v)[..., None] * v,
        "the direction still has its own length, which enters twice. Divide by it first.",
    ),
    (
        lambda x, v, mean: x - _projected(x - mean, v) - mean,
        "you subtracted the whole mean; only along the direction should anything change.",
    ),
    (
        lambda x, v, mean: mean + _projected(x - mean, v),
        "you kept the share along the direction and made all else constant: the other way round.",
    ),
    (
        lambda x, v, mean: x - 2 * _projected(x - mean, v),
        "the rows are mirrored: subtract the difference from the mean once, not twice.",
    ),
    (
        lambda x, v, mean: x + _projected(x - mean, v),
        "you added the difference from the mean: it is now twice as large. Subtract it.",
    ),
    (
        lambda x, v, mean: x - _projected(x, v) + mean,
        "you added the whole mean; add its share along the direction only.",
    ),
    (
        lambda x, v, mean: x - ((x - mean) @ v)[..., None] * v / v.norm(),
        "the direction has its own length in the dot product. Divide it by its length first.",
    ),
    (lambda x, v, mean: _projected(x - mean, v), "that is the part which should go. Subtract it from x."),
    (
        lambda x, v, mean: x - mean,
        "you took the whole mean row off. Only the share along the direction changes.",
    ),
    (
        lambda x, v, mean: x - _projected(x - mean, v) * ((x - mean) @ v > 0)[..., None],
        "you moved only the rows that lie further along the direction than the mean. Those that lie less far keep their own "
        "share, and it has to become the mean's as well.",
    ),
    (
        lambda x, v, mean: x - _projected(x, v) * (x @ v > 0)[..., None],
        "you took off only the positive shares. Every row's share has to become the mean's, whichever side of it the row is on.",
    ),
    (
        lambda x, v, mean: x - v / v.norm(),
        "you took the same vector from every row, so the rows still differ along the direction. Each row loses its own "
        "share.",
    ),
]


PARTS = {
    "hold_constant": (_judge_hold_constant, _held, torch.as_tensor),
    "take_out": (_judge_take_out, _held, torch.as_tensor),
}
