"""Checks for notebook 00: the likeliest tokens, and the nearest of several means."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from sae_tutorial.exercises.matching import Mistakes, match_function
from sae_tutorial.exercises.reporting import Exercise


def check_likeliest(likeliest: Callable[[Tensor, int], Any]) -> None:
    """Exercise 0.1: `likeliest(scores, n)`, the ids of the n tokens that are likeliest to come next."""
    exercise = Exercise(
        "0.1",
        "write the body of `likeliest`.",
        "the cell above the exercise, which finds the one likeliest token",
        "you can ask a language model what it expects next, after any text.",
    )
    generator = torch.Generator().manual_seed(0)
    inputs = [
        (torch.tensor([[5.0, 1.0, 0.0, 2.0], [0.0, 3.0, 4.0, -9.0]]), 2),
        (torch.randn(4, 9, generator=generator), 3),
        (torch.randn(3, 12, generator=generator), 5),
    ]
    exercise.check(lambda answer: match_function(answer, _likeliest, inputs, _LIKELIEST_MISTAKES), likeliest)


def check_nearest(nearest: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 0.2: `nearest(x, means)`, for each vector the number of the mean with the largest cosine."""
    exercise = Exercise(
        "0.2",
        "write the body of `nearest`.",
        "the folded help, on cosines and on which axis to search",
        "you have read what a vector holds with a rule of one line.",
    )
    generator = torch.Generator().manual_seed(1)
    inputs = [
        (torch.tensor([[2.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.5], [9.0, -9.0]])),
        *(
            (torch.randn(7, 4, generator=generator), torch.randn(5, 4, generator=generator) * sizes[:, None])
            for sizes in (torch.tensor([0.1, 4.0, 1.0, 0.3, 2.0]), torch.tensor([3.0, 0.2, 0.5, 1.0, 6.0]))
        ),
    ]
    exercise.check(lambda answer: match_function(answer, _nearest, inputs, _NEAREST_MISTAKES), nearest)


def _likeliest(scores: Tensor, n: int) -> Tensor:
    return scores[-1].topk(n).indices


_LIKELIEST_MISTAKES: Mistakes = [
    (
        lambda scores, n: scores[0].topk(n).indices,
        "you read the first row: what the model expects after the first token. The last row has seen the whole text.",
    ),
    (
        lambda scores, n: scores.topk(n).indices,
        "you return a list for every token of the text; only the last row, `scores[-1]`, is asked for.",
    ),
    (
        lambda scores, n: scores[-1].topk(n).values,
        "these are the scores themselves; return the tokens' ids, which are their places: `.indices`.",
    ),
    (
        lambda scores, n: scores[-1].softmax(-1).topk(n).values,
        "these are the probabilities; return the tokens' ids, which are their places: `.indices`.",
    ),
    (
        lambda scores, n: scores[-1].topk(n, largest=False).indices,
        "these are the tokens least likely to come next.",
    ),
    (
        lambda scores, n: scores[-1].topk(n).indices.flip(0),
        "the right tokens, with the likeliest last; put it first.",
    ),
    (lambda scores, n: scores[-1].argmax(), "this is the one likeliest token; `n` of them are asked for."),
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
        "these are the places of the largest dot products, where a long mean wins whatever it points at. Divide each row by "
        "its own length, not by one length for the whole table.",
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
