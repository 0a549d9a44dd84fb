"""The checks of notebooks 12 and 15 on removal: a direction whose share of x is held constant, and a probe fitted afterwards."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.effects.steering import without_direction
from sae_tutorial.exercises.matching import Mistakes, match_function, read_tensor
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


def check_look_again(look_again: Callable[..., Tensor]) -> None:
    """Exercise 15.2: `look_again(fit_probe, edit, rows, labels, judged)`, what a probe fitted after the edit says of `judged`."""
    exercise = Exercise(
        "15.2",
        "write the body of `look_again`.",
        "the folded help, on which rows are edited",
        "the new probes of the next figure are fitted by your function.",
    )
    exercise.check(_judge_look_again, look_again)


def check_take_out(take_out: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Exercise 12.4: `take_out(x, direction, mean)`, x with its share of a direction set to that of a mean row."""
    exercise = Exercise(
        "12.4",
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


class _Named:
    """A function that a message can name."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name, self.function = name, function

    def __call__(self, *inputs: Any) -> Any:
        return self.function(*inputs)

    def __repr__(self) -> str:
        return self.name


def _judge_look_again(answer: Any) -> None:
    def by_means(rows: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
        difference = rows[labels].mean(0) - rows[~labels].mean(0)
        return lambda others: others @ difference

    fit_probe = _Named("fit_probe", by_means)
    edits = (_Named("x -> x / 2", lambda x: x / 2), _Named("x -> x.relu() / 2", lambda x: x.relu() / 2))
    draw, labels = torch.Generator().manual_seed(7), torch.tensor([True, False, False, True])
    inputs = [
        (fit_probe, edits[0], torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0], [3.0, 0.0]]), labels,
         torch.tensor([[4.0, 1.0], [0.0, 1.0], [2.0, 2.0], [1.0, 3.0]])),
        (fit_probe, edits[1], torch.randn(4, 3, generator=draw), labels, torch.randn(4, 3, generator=draw)),
    ]  # fmt: skip
    match_function(answer, _look_again, inputs, _AGAIN_MISTAKES)


def _look_again(fit_probe: Callable, edit: Callable, rows: Tensor, labels: Tensor, judged: Tensor) -> Tensor:
    return fit_probe(edit(rows), labels)(edit(judged))


_AGAIN_MISTAKES: Mistakes = [
    (
        lambda fit, edit, rows, labels, judged: fit(rows, labels)(edit(judged)),
        "you fitted the probe on rows before the edit. That is the old probe; the new one is fitted on edited rows.",
    ),
    (
        lambda fit, edit, rows, labels, judged: fit(edit(rows), labels)(judged),
        "your probe reads `judged` as it was before the edit. It has to find what is left afterwards.",
    ),
    (
        lambda fit, edit, rows, labels, judged: fit(rows, labels)(judged),
        "you did not use `edit`: nothing was removed. Edit the rows that fit and the rows that judge.",
    ),
    (
        lambda fit, edit, rows, labels, judged: fit(edit(rows), labels)(edit(rows)),
        "these are the scores of the rows that fitted the probe; it knows those. Give the scores of `judged`.",
    ),
    (
        lambda fit, edit, rows, labels, judged: fit(edit(judged), labels)(edit(judged)),
        "you fitted the probe on the rows that judge it, and `labels` belong to `rows`.",
    ),
    (
        lambda fit, edit, rows, labels, judged: fit(edit(rows), ~labels)(edit(judged)),
        "you turned the labels round, so names get the low scores.",
    ),
    (
        lambda fit, edit, rows, labels, judged: fit(edit(edit(rows)), labels)(edit(edit(judged))),
        "you edited everything twice.",
    ),
    (
        lambda fit, edit, rows, labels, judged: fit(edit(rows), labels)(edit(judged)) > 0,
        "these are yes and no. Return the scores; the page turns them into an AUROC.",
    ),
]


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
    "look_again": (_judge_look_again, _look_again, lambda value: read_tensor(value).numpy()),
    "take_out": (_judge_take_out, _held, torch.as_tensor),
}
