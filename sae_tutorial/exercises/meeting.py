"""The check of notebook 01 for a control of the pentagon: features as rare as before, that meet."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from sae_tutorial.exercises.matching import match_untouched, read_tensor
from sae_tutorial.exercises.reporting import Exercise, WrongAnswer, call
from sae_tutorial.toys.toy_models import ToyConfig, sample_features


def check_meeting(meeting: Callable[[Tensor], Tensor]) -> None:
    """Exercise 1.3: `meeting(x)`, each column's numbers in other rows, so that features that are on meet."""
    exercise = Exercise(
        "1.3",
        "write the body of `meeting`.",
        "the list of what stays and what changes, above the exercise",
        "you have designed a control: one thing is changed, who meets whom, and the rest is held fixed.",
    )
    exercise.check(_judge_meeting, meeting)


def _judge_meeting(meeting: Any) -> None:
    # Two shapes and two probabilities: an answer that keeps to one of them ignores what it is given.
    for seed, (probability, n_rows, n_features) in enumerate(((0.1, 3000, 5), (0.3, 2000, 4))):
        x = _rows(probability, n_rows, n_features, seed)
        result = read_tensor(call(meeting, x), x).float()
        if result.shape != x.shape:
            raise WrongAnswer(f"the result has the shape {list(result.shape)}, and x has {list(x.shape)}.")
        _judge_columns(result, x)
        _judge_who_meets(result, x)
        _judge_sizes(result)
        match_untouched(meeting, {"x": x})


def _judge_columns(result: Tensor, x: Tensor) -> None:
    """Every column must hold the numbers that it held."""
    if torch.equal(result.sort(0).values, x.sort(0).values):
        return
    before, after = ((rows > 0).float().mean(0) for rows in (x, result))
    worst = int((after - before).abs().argmax())
    if abs(float(after[worst] - before[worst])) > 0.01:
        raise WrongAnswer(
            f"feature {worst} is on in {float(after[worst]):.0%} of your rows and in {float(before[worst]):.0%} of x. A toy "
            "that trains on them could change for that reason alone: each column must keep its numbers."
        )
    if torch.equal(result.flatten().sort().values, x.flatten().sort().values):
        raise WrongAnswer("numbers have moved from one column to another. Each must stay in its own column.")
    raise WrongAnswer(
        "features are on about as often as in x, but with other sizes. Move the numbers that are there, draw none."
    )


def _judge_who_meets(result: Tensor, x: Tensor) -> None:
    together, before = _together(result), _together(x)
    if float(together.min()) > 0.999:
        return
    if torch.equal((result > 0).sum(1).sort().values, (x > 0).sum(1).sort().values):
        raise WrongAnswer(
            "whole rows have moved, or none: the same features meet as before. Give each column an order of its own."
        )
    if float((together - before).abs().max()) < 0.15:
        raise WrongAnswer(
            "each column has an order of its own, but features meet as seldom as before: to shuffle what is independent "
            "leaves it independent. Where one feature is on, all should be."
        )
    first, second = divmod(int(together.argmin()), len(together))
    raise WrongAnswer(
        f"features {first} and {second} meet in {float(together.min()):.0%} of the rows in which they could. Where one feature "
        "is on, all should be, until one of them has no number left."
    )


def _judge_sizes(result: Tensor) -> None:
    both = result[(result > 0).all(1)]
    if float((torch.corrcoef(both.T) - torch.eye(both.shape[1])).abs().max()) > 0.3:
        raise WrongAnswer(
            "the sizes are tied, too: a large A meets a large B. That is a second change, and nobody could say which of the two "
            "did it. Keep the numbers that are on in the order in which they came."
        )


def _together(x: Tensor) -> Tensor:
    """How often two features meet, as a share of how often they could."""
    on = (x > 0).float()
    count = on.sum(0)
    return on.T @ on / torch.minimum(count[:, None], count)


def _rows(probability: float, n_rows: int, n_features: int, seed: int) -> Tensor:
    generator = Generator().manual_seed(seed)
    return sample_features(ToyConfig(n_features, 2), torch.tensor([probability]), n_rows, generator)[0]


def _meeting(x: Tensor) -> Tensor:
    return x.gather(0, (x > 0).float().argsort(dim=0, descending=True, stable=True))


def _read_rows(result: Any) -> Tensor:
    """Rows in single precision, since a toy trains on them."""
    return read_tensor(result).float()


PARTS = {"meeting": (_judge_meeting, _meeting, _read_rows)}
