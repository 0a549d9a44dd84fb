"""Checks for notebook 00: a latent's values, the nearest of several means, shuffled names."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from sae_tutorial.exercises.matching import Mistakes, match_draws, match_function, read_tensor
from sae_tutorial.exercises.reporting import Exercise, WrongAnswer, call


def check_latent_values(latent_values: Callable[[Tensor, Tensor, Any], Any]) -> None:
    """Exercise 0.1: `latent_values(rows, direction, bias)`, how strongly each row turns a latent on."""
    exercise = Exercise(
        "0.1",
        "write the body of `latent_values`.",
        "the three steps above the exercise, and the folded help",
        "you can compute what a latent answers to, at any token of any text.",
    )
    exercise.check(_judge_latent_values, latent_values)


def check_nearest(nearest: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 0.3: `nearest(x, means)`, for each vector the number of the mean with the largest cosine."""
    exercise = Exercise(
        "0.3",
        "write the body of `nearest`.",
        "the folded help, on cosines and on which axis to search",
        "you have read what a vector holds with a rule of one line.",
    )
    exercise.check(_judge_nearest, nearest)


def check_shuffle_names(shuffle_names: Callable[[Tensor, int], Any]) -> None:
    """Exercise 0.4: `shuffle_names(X, seed)`, each sentence's countries in an order of their own."""
    exercise = Exercise(
        "0.4",
        "write the body of `shuffle_names`.",
        "the sentence above the exercise, and the folded help",
        "you have built a control that takes away one thing, which vector belongs to which name, and nothing else.",
    )
    exercise.check(_judge_shuffle_names, shuffle_names)


def _latent_values(rows: Tensor, direction: Tensor, bias: Any) -> Tensor:
    return (rows @ direction + bias).relu()


_LATENT_MISTAKES: Mistakes = [
    (
        lambda rows, direction, bias: rows @ direction + bias,
        "the third step is missing: a latent is never below zero. Put zeros in place of the negative values.",
    ),
    (
        lambda rows, direction, bias: (rows @ direction).relu() + bias,
        "you add the bias after the negative values became zero. Add it first: it decides at which tokens the latent is on.",
    ),
    (lambda rows, direction, bias: (rows @ direction).relu(), "the bias is missing."),
    (lambda rows, direction, bias: (rows @ direction - bias).relu(), "you subtract the bias; add it."),
    (
        lambda rows, direction, bias: (rows @ direction + bias).abs(),
        "you drop the sign, so a token that points the other way lights up, too. Negative values become zero.",
    ),
    (
        lambda rows, direction, bias: (rows @ direction + bias > 0).float(),
        "this says where the latent is on. How strongly is asked for: keep the positive values.",
    ),
    (
        lambda rows, direction, bias: (normalize(rows, dim=1) @ normalize(direction, dim=0) + bias).relu(),
        "you divide by lengths first, which makes a cosine. The plain product is asked for.",
    ),
    (
        lambda rows, direction, bias: (rows * direction + bias).relu(),
        "you multiply each number and do not add up: `rows * direction` is a table, `rows @ direction` a number for each "
        "token.",
    ),
    (
        lambda rows, direction, bias: (rows @ direction + bias).relu().max(),
        "this is the largest value in the text; give the value at each token.",
    ),
]


def _cosines(x: Tensor, means: Tensor) -> Tensor:
    return normalize(x, dim=1) @ normalize(means, dim=1).T


def _nearest(x: Tensor, means: Tensor) -> Tensor:
    return _cosines(x, means).argmax(1)


_NEAREST_MISTAKES: Mistakes = [
    (
        lambda x, means: _cosines(x, means).abs().argmax(1),
        "you search for the largest cosine whatever its sign; a mean that points the opposite way is not near.",
    ),
    (
        lambda x, means: (normalize(x, dim=0) @ normalize(means, dim=0).T).argmax(1),
        "you divide each column by its length; each vector is a row (`dim=1`).",
    ),
    (
        lambda x, means: (x @ means.T).argmax(1),
        "these are the places of the largest dot products, where a long mean wins whatever it points at. Divide each mean by "
        "its own length: dividing x alone, or all by one length for the whole table, changes no place.",
    ),
    (
        lambda x, means: torch.cdist(x, means).argmin(1),
        "you compare distances, which mix direction with length; the cosine asks for direction alone.",
    ),
    (
        lambda x, means: _cosines(x, means).argmax(0),
        "you search along the vectors: for each mean the nearest vector. For each vector the nearest mean is asked for.",
    ),
    (lambda x, means: _cosines(x, means).argmin(1), "these are the means that point away the most."),
    (
        lambda x, means: _cosines(x, means).max(1).values,
        "these are the cosines; return the number of the mean that has the largest, its place.",
    ),
    (
        lambda x, means: _cosines(x, means),
        "these are all the cosines; one step is missing, the place of the largest in each row.",
    ),
]


def _shuffle_names(X: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([x[torch.randperm(len(x), generator=generator)] for x in X])


def _judge_latent_values(answer: Any) -> None:
    generator = torch.Generator().manual_seed(2)
    inputs = [
        (torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 2.0]]), torch.tensor([1.0, -1.0]), torch.tensor(0.5)),
        *(
            (torch.randn(6, 3, generator=generator), torch.randn(3, generator=generator), torch.tensor(bias))
            for bias in (-0.4, 0.3)
        ),
    ]
    match_function(answer, _latent_values, inputs, _LATENT_MISTAKES)


def _judge_nearest(answer: Any) -> None:
    generator = torch.Generator().manual_seed(1)
    inputs = [
        (torch.tensor([[2.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.5], [9.0, -9.0]])),
        *(
            (torch.randn(7, 4, generator=generator), torch.randn(5, 4, generator=generator) * sizes[:, None])
            for sizes in (torch.tensor([0.1, 4.0, 1.0, 0.3, 2.0]), torch.tensor([3.0, 0.2, 0.5, 1.0, 6.0]))
        ),
    ]
    match_function(answer, _nearest, inputs, _NEAREST_MISTAKES)


# Four sentences, seven countries, two numbers: the sentence's number, and the country's.
_NAMED = torch.cartesian_prod(torch.arange(4.0), torch.arange(7.0)).view(4, 7, 2)


def _judge_shuffle_names(answer: Any) -> None:
    given = _NAMED.clone()
    call(lambda seed: answer(given, seed), 0)  # `call` hands out copies of what it is given
    if not torch.equal(given, _NAMED):
        raise WrongAnswer(
            "X itself is changed, so that the real reading would be shuffled too. Return a new tensor."
        )
    match_draws(lambda seed: tuple(map(tuple, _orders(call(answer, _NAMED, seed)))), 5040**4)


def _orders(result: Any) -> list[list[int]]:
    """Which country stands where in each sentence, or WrongAnswer."""
    X = read_tensor(result, _NAMED)
    if X.shape != _NAMED.shape:
        raise WrongAnswer(
            f"you return the shape {list(X.shape)}; that of X, {list(_NAMED.shape)}, is asked for."
        )
    if any(set(x[:, 0].tolist()) != {i} for i, x in enumerate(X)):
        raise WrongAnswer(
            "vectors have left their sentence. Only the countries of one sentence may change places among themselves."
        )
    orders = [x[:, 1].int().tolist() for x in X]
    if any(sorted(order) != list(range(7)) for order in orders):
        raise WrongAnswer(
            "a sentence has lost a country and has another twice; shuffle, do not draw with repeats."
        )
    if all(order == list(range(7)) for order in orders):
        raise WrongAnswer("nothing has moved: the countries are where they were.")
    if all(order == orders[0] for order in orders):
        raise WrongAnswer(
            "every sentence has the same new order. Then the countries only have other names, the same in all sentences, and "
            "`nearest` finds them as before. Draw an order for each sentence."
        )
    return orders


PARTS = {
    "latent_values": (_judge_latent_values, _latent_values, read_tensor),
    "nearest": (_judge_nearest, _nearest, read_tensor),
    "shuffle_names": (_judge_shuffle_names, _shuffle_names, read_tensor),
}
