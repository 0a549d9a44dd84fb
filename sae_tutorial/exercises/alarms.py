"""Checks for notebook 10's monitors: what they catch, and how many of their alarms are right."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import Mistakes, match_function, match_number, read_tensor
from sae_tutorial.exercises.reporting import Exercise


def check_alarms(alarms: Callable[[Tensor, float, Tensor], list[int]]) -> None:
    """Exercise 10.8: `alarms(scores, threshold, is_name)`, how many names a monitor catches and how many alarms it raises."""
    exercise = Exercise(
        "10.8",
        "write the body of `alarms`.",
        "the two lines above the exercise, on what an alarm is",
        "the table of alarms below is counted by your lines.",
    )
    exercise.check(_judge_alarms, alarms)


def check_false_alarms(rare: float | None, common: float | None) -> None:
    """Exercise 10.9: the share of alarms that are right, for a concept in 0.1% and in 10% of the tokens."""
    exercise = Exercise(
        "10.9",
        "put a number between 0 and 1 in place of each None.",
        "the folded help; the rates are those of a point on a ROC curve",
        "you can tell from a ROC curve and a base rate whether a monitor would be switched off for crying wolf.",
    )
    exercise.check(_judge_false_alarms, rare, common)


def _alarms(scores: Tensor, threshold: float, is_name: Tensor) -> list[int]:
    alarm = scores > threshold
    return [int((alarm & is_name).sum()), int(alarm.sum())]


_ALARMS_MISTAKES: Mistakes = [
    (
        lambda s, t, y: list(reversed(_alarms(s, t, y))),
        "both numbers are there, in the other order: first the names that are caught, then all alarms.",
    ),
    (
        lambda s, t, y: [_alarms(s, t, y)[0], int(((s > t) & ~y).sum())],
        "the second number counts the false alarms only. Count all of them, the right ones included.",
    ),
    (
        lambda s, t, y: [int(y.sum()), int((s > t).sum())],
        "the first number counts all names, also those that stay below the threshold. Count the caught ones.",
    ),
    (
        lambda s, t, y: [int(((s < t) & y).sum()), int((s < t).sum())],
        "you count what lies *below* the threshold; an alarm is raised above it.",
    ),
    (
        lambda s, t, y: _alarms(s, 0.0, y),
        "you did not use `threshold`: a score above 0 is no alarm by itself.",
    ),
    (
        lambda s, t, y: [int(((s >= t) & y).sum()), int((s >= t).sum())],
        "a score that equals the threshold raises no alarm; the alarm is raised *above* it.",
    ),
    (
        lambda s, t, y: [(s[y] > t).float().mean(), y[s > t].float().mean()],
        "these are shares. Give the counts: of so many alarms so many right, which a share does not tell.",
    ),
]


def _judge_alarms(answer: Any) -> None:
    draw = torch.Generator().manual_seed(4)
    inputs = [
        (torch.tensor([0.5, 2.0, 1.0, 3.0, 0.25]), 1.0, torch.tensor([True, True, True, False, False])),
        (torch.randn(40, generator=draw), 0.5, torch.rand(40, generator=draw) < 0.3),
        (torch.randn(60, generator=draw), -0.25, torch.rand(60, generator=draw) < 0.2),
    ]
    match_function(answer, _alarms, inputs, _ALARMS_MISTAKES)


PARTS = {"alarms": (_judge_alarms, _alarms, read_tensor)}


def _judge_false_alarms(rare: Any, common: Any) -> None:
    for name, value, base, within in (("rare", rare, 0.001, 0.0005), ("common", common, 0.1, 0.005)):
        true, false = 0.9 * base, 0.02 * (1 - base)
        match_number(
            name,
            value,
            true / (true + false),
            {
                0.9: "that is the share of the concept's tokens that raise an alarm. Asked for is the share of the alarms "
                "that are right.",
                0.9
                / 0.92: "that is 0.9 / (0.9 + 0.02), as if both kinds of tokens were equally many. Weigh the two "
                "rates by how many tokens there are.",
                false / (true + false): "that is the share of *false* alarms; take 1 minus it.",
                true: "that is the share of all tokens that raise a right alarm; divide by the share that raise any.",
                true
                + false: "that is the share of all tokens that raise an alarm; which part of it is right?",
                true
                / false: "that is right alarms for each false one; divide by all alarms, the right ones included.",
                100 * true / (true + false): "that is in percent; give a number between 0 and 1.",
                base: "that is the share of the tokens that have the concept; the monitor should do better.",
            },
            digits=1,
            within=within,
            example="If the concept were in half of all tokens it would be 0.45 / (0.45 + 0.01) = 0.98.",
        )
