"""Checks for notebook 06: a score, the price of an L0, a budget; more of them in `patients` and `resuming`."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import (
    Mistakes,
    match_function,
    match_untouched,
    read_number,
)
from sae_tutorial.exercises.reporting import Exercise, WrongAnswer, call

Batches = list[tuple[Tensor, Tensor]]


def check_explained_variance(explained_variance: Callable[[Batches], float]) -> None:
    """Exercise 6.1: `explained_variance(batches)` over a list of (x, x_hat), with one global mean."""
    exercise = Exercise(
        "6.1",
        "write `explained_variance`; `per_batch` has a mistake.",
        "the definition above the cell: squared errors, over squared distances from the mean row of all batches",
        "your score does not depend on the batch size, and a predictor that knows only the mean gets exactly 0.",
    )
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, 2, generator=generator) + torch.tensor([3.0, -1.0])
    x_hat = x + 0.3 * torch.randn(5, 2, generator=generator) + 0.2
    small = [
        (torch.tensor([[2.0, 0.0], [0.0, 4.0]]), torch.tensor([[2.0, 1.0], [0.0, 3.0]])),
        (
            torch.tensor([[1.0, 1.0], [1.0, 3.0], [4.0, 1.0]]),
            torch.tensor([[1.0, 1.0], [1.0, 2.0], [4.0, 0.0]]),
        ),
    ]
    inputs = [(small,), ([(x[:3], x_hat[:3]), (x[3:], x_hat[3:])],)]
    exercise.check(lambda answer: match_function(answer, _ev, inputs, _EV_MISTAKES), explained_variance)


def check_next_price(next_price: Callable[[dict[float, float], float], float]) -> None:
    """Exercise 6.4: `next_price(tried, wanted)`, the λ to try next, of {λ: L0} and the L0 that is wanted."""
    exercise = Exercise(
        "6.4",
        "write the body of `next_price`.",
        "the folded help; the sentence above the exercise says in which direction L0 moves",
        "your search ends within a tenth of the L0 that was asked for, on each of three invented curves.",
    )
    exercise.check(_judge_price, next_price)


def check_budget(my_width: float | None, my_length: float | None, my_guess: float | None) -> None:
    """Exercise 6.5: a width and a length of training that cost what the page's own run costs, and a guess of the score."""
    exercise = Exercise(
        "6.5",
        "choose a width, a length of training, and write down the score you expect.",
        "the section 'How to choose the width', on what one latent learns from",
        "the budget is spent and your guess is written down. The next cell trains your SAE and judges it beside ours.",
    )
    exercise.check(_judge_budget, my_width, my_length, my_guess)


def _judge_budget(my_width: Any, my_length: Any, my_guess: Any) -> None:
    width, length = read_number("my_width", my_width), read_number("my_length", my_length)
    for name, value, least in (("my_width", width, 0.25), ("my_length", length, 0.1)):
        if value < least:
            raise WrongAnswer(
                f"`{name}` must be at least {least:g}, got {value:g}: below that there are hardly more latents than may be "
                "on, or hardly any steps."
            )
    if 64 * width != int(64 * width):
        raise WrongAnswer(
            f"`my_width` = {width:g} does not give a whole number of latents. Take 0.5, 1, 4, 8 or the like."
        )
    if width * length > 2.02:
        raise WrongAnswer(
            f"{width:g} times {length:g} is {width * length:.3g}, over the budget of 2. More of one leaves less of the other."
        )
    if width * length < 1.8:
        raise WrongAnswer(
            f"{width:g} times {length:g} is {width * length:.3g}: a part of the budget of 2 is unspent, and the comparison "
            "would not be at equal cost."
        )
    if width == 2:
        raise WrongAnswer(
            "this is the page's own run. Choose another width, so that there are two to compare."
        )
    guess = read_number("my_guess", my_guess)
    if guess > 1:
        raise WrongAnswer(
            f"explained variance is at most 1, so {guess:g} cannot be reached. Give a share, such as 0.4."
        )
    if guess <= 0:
        raise WrongAnswer(
            f"a score of {guess:g} is that of the mean row, or worse. What do you expect of an SAE?"
        )


# Invented runs: the L0 of a price, the first two prices, and the L0 that is wanted.
_RUNS: list[tuple[Callable[[float], float], tuple[float, float], float]] = [
    (lambda price: 300 * math.exp(-price / 0.004), (0.002, 0.02), 32.0),
    (lambda price: 0.2 / price, (0.001, 0.008), 64.0),
    (lambda price: 1000 / (1 + (price / 0.01) ** 3), (0.005, 0.08), 20.0),
]
_TRIES = 12


def _next_price(tried: dict[float, float], wanted: float) -> float:
    """Where a straight line between the nearest two meets the wanted L0, on axes of factors."""
    cheap = max(price for price, l0 in tried.items() if l0 >= wanted)
    dear = min(price for price, l0 in tried.items() if l0 < wanted)
    share = math.log(tried[cheap] / wanted) / math.log(tried[cheap] / max(tried[dear], 0.1))
    return cheap * (dear / cheap) ** min(max(share, 0.1), 0.9)


def _judge_price(answer: Any) -> None:
    for l0_of, first, wanted in _RUNS:
        tried = {price: l0_of(price) for price in first}
        while all(abs(l0 - wanted) > 0.1 * wanted for l0 in tried.values()):
            price = read_number("the next price", call(answer, tried, wanted))
            _judge_try(price, tried, wanted)
            tried[price] = l0_of(price)
    match_untouched(answer, {"tried": {price: l0_of(price) for price in first}, "wanted": wanted})


def _judge_try(price: float, tried: dict[float, float], wanted: float) -> None:
    cheap = max(one for one, l0 in tried.items() if l0 >= wanted)
    dear = min(one for one, l0 in tried.items() if l0 < wanted)
    known = f"λ = {cheap:.3g} gave L0 {tried[cheap]:.0f} and λ = {dear:.3g} gave {tried[dear]:.0f}"
    if price in tried:
        raise WrongAnswer(
            f"you ask for λ = {price:.3g} again, which was tried: its L0 is {tried[price]:.0f}, and {wanted:g} is wanted."
        )
    if price > 10 * max(tried):
        raise WrongAnswer(
            f"you return {price:.3g}, far above every price that was tried; is it an L0? A λ is wanted."
        )
    if not cheap < price < dear:
        raise WrongAnswer(
            f"{known}, so the price for {wanted:g} lies between them, and you ask for {price:.3g}."
        )
    if len(tried) >= _TRIES:
        raise WrongAnswer(
            f"after {_TRIES} runs L0 is still not within a tenth of {wanted:g}: {known}, and you ask for {price:.3g}. Go well "
            "into the gap, so that every run takes a good part of it away."
        )


def _joined(batches: Batches) -> tuple[Tensor, Tensor]:
    return torch.cat([x for x, _ in batches]), torch.cat([x_hat for _, x_hat in batches])


def _ev(batches: Batches) -> Tensor:
    x, x_hat = _joined(batches)
    return 1 - (x - x_hat).pow(2).sum() / (x - x.mean(0)).pow(2).sum()


def _mean_of_evs(batches: Batches, *, weighted: bool) -> Tensor:
    sizes = torch.tensor([len(x) if weighted else 1 for x, _ in batches]).float()
    return (torch.stack([_ev([batch]) for batch in batches]) * sizes).sum() / sizes.sum()


def _batch_means(batches: Batches) -> Tensor:
    errors = sum((x - x_hat).pow(2).sum() for x, x_hat in batches)
    return 1 - errors / sum((x - x.mean(0)).pow(2).sum() for x, _ in batches)


def _spread(values: Tensor) -> Tensor:
    return (values - values.mean(0)).pow(2).sum()


def _mean_of_batch_means(batches: Batches) -> Tensor:
    x, x_hat = _joined(batches)
    mean = torch.stack([x.mean(0) for x, _ in batches]).mean(0)
    return 1 - (x - x_hat).pow(2).sum() / (x - mean).pow(2).sum()


def _on_joined(formula: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Batches], Tensor]:
    return lambda batches: formula(*_joined(batches))


_EV_MISTAKES: Mistakes = [
    (
        _batch_means,
        "every batch gets a mean of its own, as in `per_batch`: the smaller the batch, the less is left to explain, "
        "and the score falls with the batch size. Use one mean over all rows.",
    ),
    (
        lambda b: _mean_of_evs(b, weighted=False),
        "you average one score per batch. Add up errors and squares first, divide once at the end.",
    ),
    (
        lambda b: _mean_of_evs(b, weighted=True),
        "you average one score per batch, weighted by rows; each still has a mean of its own. Add up first.",
    ),
    (
        _mean_of_batch_means,
        "you average the batches' means as if batches were of equal size; average over rows.",
    ),
    (
        lambda b: (
            1 - sum((x - y).pow(2).sum() for x, y in b) / (_joined(b)[0] - b[0][0].mean(0)).pow(2).sum()
        ),
        "every row is measured from the first batch's mean; take the mean of the rows of all batches.",
    ),
    (
        _on_joined(lambda x, y: 1 - (x - y).pow(2).sum() / x.pow(2).sum()),
        "the mean is not subtracted from x in the denominator, so a predictor that knows only the mean scores above 0.",
    ),
    (
        _on_joined(lambda x, y: 1 - (x - y).pow(2).sum() / (x - x.mean()).pow(2).sum()),
        "you subtract one number, the mean of all elements; the mean row has one value per dimension (mean(0)).",
    ),
    (
        _on_joined(lambda x, y: 1 - (x - y).var() / x.var()),
        "`.var()` without a dimension measures from one number, the mean of all elements, in both places. The rows have a "
        "mean of their own in each dimension (mean(0)), and an error that is the same everywhere still is an error.",
    ),
    (
        _on_joined(lambda x, y: 1 - (x - y).pow(2).mean() / x.var()),
        "`x.var()` measures from one number, the mean of all elements; the mean row has one value per dimension (mean(0)).",
    ),
    (
        _on_joined(lambda x, y: (x - y).pow(2).sum() / _spread(x)),
        "this is the *un*explained share (FVU); subtract it from 1.",
    ),
    (
        _on_joined(lambda x, y: 1 - _spread(x - y) / _spread(x)),
        "you take the variance of the error, so an error that is the same on every row counts for nothing. "
        "Use the squared error itself.",
    ),
    (
        _on_joined(lambda x, y: _spread(y) / _spread(x)),
        "you compare the variance of x_hat with that of x; random rows of the right variance would score 1.",
    ),
    (
        _on_joined(lambda x, y: (1 - (x - y).pow(2).sum(0) / (x - x.mean(0)).pow(2).sum(0)).mean()),
        "you average one score per dimension, so a dimension that hardly varies weighs as much as a large one. "
        "Sum over dimensions, divide once.",
    ),
    (
        _on_joined(lambda x, y: 1 - (x - y).pow(2).mean() / x.var(0).mean()),
        "`var` divides by n - 1 where `mean` divides by n, so the mean predictor scores above 0.",
    ),
    (
        _on_joined(lambda x, y: 1 - (x - y).pow(2).mean() / (x - x.mean(0)).pow(2).sum()),
        "the numerator is a mean and the denominator a sum; use the same for both.",
    ),
]


# The notebook goes on with these.
PARTS = {
    "next_price": (_judge_price, _next_price, lambda price: read_number("the next price", price)),
}
