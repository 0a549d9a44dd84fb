"""Checks for the game of notebook 07: how answers of yes and no are scored."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import Mistakes, match_function
from sae_tutorial.exercises.reporting import Exercise

NUMBER = "7.7"


def check_balanced_accuracy(balanced_accuracy: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 7.7: `balanced_accuracy(truth, answers)`, of two rows of True and False."""
    exercise = Exercise(
        NUMBER,
        "write the body of `balanced_accuracy`.",
        "the folded help, on two shares and their mean",
        "whoever says yes to everything gets 0.5 from you, however many snippets are true.",
    )
    exercise.check(_judge_balanced, balanced_accuracy)


def _judge_balanced(answer: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = [
        (torch.tensor([True, True, True, False]), torch.tensor([True, False, True, False])),
        (torch.tensor([True, False, False, False, False]), torch.tensor([False, False, True, False, False])),
        # Counts of a few snippets agree by chance; these do not.
        (torch.rand(83, generator=generator) < 0.3, torch.rand(83, generator=generator) < 0.4),
    ]
    match_function(answer, _balanced, inputs, _BALANCED_MISTAKES)


def _balanced(truth: Tensor, answers: Tensor) -> Tensor:
    return (_share(answers[truth]) + _share(~answers[~truth])) / 2


def _share(values: Tensor) -> Tensor:
    return values.double().mean()


_BALANCED_MISTAKES: Mistakes = [
    (
        lambda truth, answers: _share(truth == answers),
        "this is accuracy: where one snippet of five is true, whoever never says yes gets 0.8. Take the share of right "
        "answers among the true and among the false ones, and the mean of both.",
    ),
    (
        lambda truth, answers: _share(answers[truth]),
        "this is the share of the true ones that were found, and whoever always says yes gets 1. The false ones are "
        "missing.",
    ),
    (
        lambda truth, answers: _share(~answers[~truth]),
        "this is the share of the false ones that were left out, and whoever never says yes gets 1. The true ones are "
        "missing.",
    ),
    (
        lambda truth, answers: _share(truth[answers]),
        "this is precision, the share of the yeses that are right. Divide by what is true, not by what was said.",
    ),
    (
        lambda truth, answers: (_share(truth[answers]) + _share(~truth[~answers])) / 2,
        "you divide by what was said: these are the yeses and the noes that are right. Divide by what is true and what is "
        "false, or whoever never says no has no score.",
    ),
    (
        lambda truth, answers: (_share(truth[answers]) + _share(answers[truth])) / 2,
        "this is the mean of precision and of the share of the true ones that were found. Both look at the yeses alone. "
        "The false ones that got a no are missing.",
    ),
    (
        lambda truth, answers: 2 * (truth & answers).sum() / (truth.sum() + answers.sum()),
        "this is F1, of precision and of the share of the true ones that were found. Both look at the yeses alone. The "
        "false ones that got a no are missing.",
    ),
    (
        lambda truth, answers: _share(answers[truth]) + _share(~answers[~truth]),
        "you add the two shares and leave it at that, so that the best score is 2. Take their mean.",
    ),
    (
        lambda truth, answers: (_share(answers[truth]) + _share(answers[~truth])) / 2,
        "among the false snippets you count the yeses, which are the wrong answers there. Count the noes.",
    ),
    (
        lambda truth, answers: _share(answers[truth]) * _share(~answers[~truth]),
        "you multiply the two shares, so that whoever says yes to all gets 0. Add them and halve the sum.",
    ),
]


BALANCED_ACCURACY = (_judge_balanced, _balanced)
