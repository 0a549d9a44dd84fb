"""Checks for notebook 10's monitors: where the threshold goes, what they catch, and how many alarms they raise."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import Mistakes, match_function, read_tensor
from sae_tutorial.exercises.reporting import Exercise


def check_choose_threshold(choose_threshold: Callable[[Tensor, Tensor, float], float]) -> None:
    """Exercise 10.8: `choose_threshold(scores, is_name, per_miss)`, the score above which alarms cost least."""
    exercise = Exercise(
        "10.8",
        "write the body of `choose_threshold`.",
        "the lines above the exercise, on what a missed name and a false alarm cost",
        "the three monitors below raise their alarms above the thresholds that you choose.",
    )
    exercise.check(_judge_choose_threshold, choose_threshold)


def check_alarms(alarms: Callable[[Tensor, float, Tensor], list[int]]) -> None:
    """Exercise 10.9: `alarms(scores, threshold, is_name)`, how many names a monitor catches and how many alarms it raises."""
    exercise = Exercise(
        "10.9",
        "write the body of `alarms`.",
        "the start of the section, on what an alarm is",
        "what the monitors catch, in the figures below, is counted by your lines.",
    )
    exercise.check(_judge_alarms, alarms)


def _choose_threshold(scores: Tensor, is_name: Tensor, per_miss: float) -> float:
    return _cheapest(scores, lambda t: _cost(scores, is_name, per_miss, t))


def _cheapest(scores: Tensor, cost: Callable[[Tensor], Any]) -> float:
    """The score of the lowest cost, and of several the lowest."""
    return float(min(scores.unique(), key=lambda threshold: float(cost(threshold))))


def _cost(s: Tensor, y: Tensor, per_miss: float, t: Tensor) -> Tensor:
    return per_miss * ((s <= t) & y).sum() + ((s > t) & ~y).sum()


_THRESHOLD_MISTAKES: Mistakes = [
    (
        lambda s, y, c: _cheapest(s, lambda t: _cost(s, y, 1, t)),
        "you did not use `per_miss`: a missed name costs that much, a false alarm costs 1.",
    ),
    (
        lambda s, y, c: _cheapest(s, lambda t: _cost(s, y, 1 / c, t)),
        "you weigh the false alarms by `per_miss`; it is the missed names that cost so much.",
    ),
    (
        lambda s, y, c: _cheapest(s, lambda t: _cost(s, y, 0, t)),
        "you count the false alarms only, so the threshold is so high that nothing is caught. A missed name costs, too.",
    ),
    (
        lambda s, y, c: _cheapest(s, lambda t: ((s <= t) & y).sum()),
        "you count the missed names only, so nearly every token raises an alarm. A false alarm costs, too.",
    ),
    (
        lambda s, y, c: _cheapest(s, lambda t: c * ((s <= t) & y).sum() + (s > t).sum()),
        "you count every alarm as a false one. An alarm at a name is right and costs nothing.",
    ),
    (
        lambda s, y, c: _cheapest(
            s, lambda t: c * ((s <= t) & y).sum() / y.sum() + ((s > t) & ~y).sum() / (~y).sum()
        ),
        "you weigh *shares*, of the names that are missed and of the others that raise an alarm. Names are rare, so this "
        "makes a missed name far dearer than `per_miss`. Count both.",
    ),
    (
        lambda s, y, c: -_cheapest(-s, lambda t: _cost(s, y, c, -t)),
        "several thresholds cost as little; take the lowest of them.",
    ),
    (
        lambda s, y, c: _cheapest(s, lambda t: -_cost(s, y, c, t)),
        "this threshold costs the *most*; take the one that costs least.",
    ),
    (
        lambda s, y, c: _cheapest(s, lambda t: c * ((s < t) & y).sum() + ((s >= t) & ~y).sum()),
        "a score that equals the threshold raises no alarm; the alarm is raised *above* it.",
    ),
    (
        lambda s, y, c: min(float(_cost(s, y, c, t)) for t in s),
        "that is the cost; return the threshold that has it.",
    ),
    (
        lambda s, y, c: int(torch.stack([_cost(s, y, c, t) for t in s]).argmin()),
        "that is the place of the threshold among the scores; return the score itself.",
    ),
    (
        lambda s, y, c: (s[y].mean() + s[~y].mean()) / 2,
        "halfway between the two means does not weigh what is missed against what is raised. Count the cost of every "
        "candidate.",
    ),
    (
        lambda s, y, c: s[y].min(),
        "the lowest score of a name may lie deep among the others. Count the cost of every candidate.",
    ),
]


def _judge_choose_threshold(answer: Any) -> None:
    draw = torch.Generator().manual_seed(12)
    names = [torch.rand(n, generator=draw) < 0.25 for n in (40, 60)]
    inputs = [
        (
            torch.tensor([0.5, 3.0, 1.0, 2.0, 0.25, 2.5, 1.5, 1.25]),
            torch.tensor([False, True, True, False, False, True, False, False]),
            3.0,
        ),
        *(
            (torch.randn(len(y), generator=draw) + 1.5 * y, y, cost)
            for y, cost in zip(names, (3.0, 4.0), strict=True)
        ),
    ]
    match_function(answer, _choose_threshold, inputs, _THRESHOLD_MISTAKES)


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


PARTS = {
    "choose_threshold": (_judge_choose_threshold, _choose_threshold, lambda value: float(read_tensor(value))),
    "alarms": (_judge_alarms, _alarms, read_tensor),
}
