"""Check for notebook 01: one neuron of a toy switched off."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from sae_tutorial.exercises.matching import Mistakes, match_function, read_tensor
from sae_tutorial.exercises.reporting import Exercise


def check_switch_off(switch_off: Callable[[Tensor, int], Tensor]) -> None:
    """Exercise 1.8: `switch_off(h, neuron)`, hidden numbers with one neuron at 0 in every row."""
    exercise = Exercise(
        "1.8",
        "write the body of `switch_off`.",
        "the folded help, on copies and columns",
        "you can ask what a neuron carries: take it away, and look at what is missing.",
    )
    exercise.check(_judge_switch_off, switch_off)


def _switch_off(h: Tensor, neuron: int) -> Tensor:
    return h * (torch.arange(h.shape[1]) != neuron)


_OFF_MISTAKES: Mistakes = [
    (
        lambda h, neuron: h * (torch.arange(len(h)) != neuron)[:, None],
        "you switched off a row, which is one example. A neuron is a column: `[:, neuron]`.",
    ),
    (
        lambda h, neuron: h[:, torch.arange(h.shape[1]) != neuron],
        "the neuron is gone from the table. Its column should stay, with zeros, or all that follows would be shifted.",
    ),
    (
        lambda h, neuron: h * (torch.arange(h.shape[1]) == neuron),
        "you kept this neuron alone and switched off the others.",
    ),
    (
        lambda h, neuron: torch.where(torch.arange(h.shape[1]) == neuron, h.mean(0), h),
        "you set it to its mean. That is a fair way to silence a neuron, too; here it should be 0.",
    ),
    (
        lambda h, neuron: h[:, neuron],
        "these are the neuron's own numbers; return all of them, with these at 0.",
    ),
    (
        lambda h, neuron: torch.where(torch.arange(h.shape[1]) == neuron, -h, h),
        "you turned its sign round; it should be 0.",
    ),
    (lambda h, neuron: h, "nothing is switched off."),
    (lambda h, neuron: torch.zeros_like(h), "all neurons are off; only one should be."),
]


def _judge_switch_off(answer: Any) -> None:
    draw = Generator().manual_seed(0)
    inputs = [
        (torch.rand(n, m, generator=draw) + 0.1, neuron) for n, m, neuron in ((5, 3, 1), (3, 4, 0), (4, 6, 3))
    ]
    match_function(answer, _switch_off, inputs, _OFF_MISTAKES)


PARTS = {"switch_off": (_judge_switch_off, _switch_off, read_tensor)}
