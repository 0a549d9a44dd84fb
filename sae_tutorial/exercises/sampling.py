"""The check of notebook 01 for a sampler of features with a mistake to repair."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from sae_tutorial.exercises.matching import read_tensor
from sae_tutorial.exercises.reporting import Exercise, WrongAnswer, call
from sae_tutorial.toys.toy_models import ToyConfig, sample_features

N_FEATURES = 6


def check_sample_rows(sample_rows: Callable[..., Tensor]) -> None:
    """Exercise 1.3: `sample_rows(probability, n_rows, n_features, generator)`, repaired."""
    exercise = Exercise(
        "1.3",
        "write `sample_rows` so that features are on independently; `bad_rows` has one mistake.",
        "the two lines of `bad_rows`: the first decides what is on, the second how large it is",
        "your toys now see sparse rows. Whether superposition pays is decided by how often features meet, so count "
        "that before you blame the model.",
    )
    exercise.check(_judge_sample_rows, sample_rows)


def _judge_sample_rows(sample_rows: Any) -> None:
    # Two shapes and two probabilities: a sampler that keeps to one of them ignores an argument.
    for probability, n_rows, n_features in ((0.1, 4000, N_FEATURES), (0.4, 3000, N_FEATURES - 2)):
        rows = _rows(sample_rows, probability, n_rows, n_features, seed=0)
        _judge_what_is_on((rows != 0).float(), probability)
        _judge_what_meets((rows != 0).float(), probability)
        _judge_sizes_of(rows, probability)
        again = _rows(sample_rows, probability, n_rows, n_features, seed=0)
        other = _rows(sample_rows, probability, n_rows, n_features, seed=1)
        if not torch.equal(rows, again):
            raise WrongAnswer(
                "two generators with the same seed give different rows: pass `generator` to every torch.rand."
            )
        if torch.equal(rows, other):
            raise WrongAnswer(
                "another generator gives the same rows again: draw from the one that is handed in."
            )


def _judge_what_is_on(on: Tensor, probability: float) -> None:
    rate = float(on.mean())
    if abs(rate - 1) < 0.01:
        raise WrongAnswer("every feature is on in every row: compare a random number with `probability`.")
    if abs(rate - (1 - probability)) < 0.02:
        raise WrongAnswer(
            f"features are on in {rate:.0%} of the rows for probability {probability}: that is how often they should "
            "be off. Which side of `probability` is on?"
        )
    if float((on.mean(0) * (1 - on.mean(0))).max()) < 1e-6:
        raise WrongAnswer(
            "a feature is on in all rows or in none: one random number per feature decides for all rows. Draw one "
            "for each row too."
        )
    worst = int((on.mean(0) - probability).abs().argmax())
    if abs(float(on[:, worst].mean()) - probability) > 0.045:
        raise WrongAnswer(
            f"for probability {probability} feature {worst} is on in {float(on[:, worst].mean()):.1%} of the rows."
        )


def _judge_what_meets(on: Tensor, probability: float) -> None:
    """Of independent features any two are on together in p² of the rows."""
    together = on.T @ on / len(on)
    if float(together.min()) > 0.6 * probability:
        raise WrongAnswer(
            "where one feature is on all are, as in `bad_rows`: one random number per row decides for all features. "
            "Draw one for each feature, [n_rows, n_features]."
        )
    spread = (probability**2 * (1 - probability**2) / len(on)) ** 0.5
    excess = (together - probability**2).fill_diagonal_(0) / spread
    first, second = divmod(int(excess.abs().argmax()), len(excess))
    if float(excess.abs().max()) > 5:
        raise WrongAnswer(
            f"features {first} and {second} are on together in {float(together[first, second]):.1%} of the rows. Two "
            f"independent features with probability {probability} meet in {probability**2:.0%}: whether one is on "
            "must not depend on another."
        )


def _judge_sizes_of(rows: Tensor, probability: float) -> None:
    sizes = rows[rows != 0]
    if float(sizes.max()) <= probability + 1e-6:
        raise WrongAnswer(
            "no value is above the probability, where sizes go up to 1. Is the number that decides whether a feature "
            "is on also its size? Draw the two apart."
        )
    if float(sizes.std()) < 1e-6:
        raise WrongAnswer("all values are the same; a feature that is on has a size, uniform in [0, 1].")
    if float(rows[:, 0][rows[:, 0] != 0].std()) < 1e-6:
        raise WrongAnswer("feature 0 has the same size in every row: draw a size for each row too.")
    if float(sizes.min()) < 0:
        raise WrongAnswer(
            "some values are negative; sizes are uniform in [0, 1] (torch.rand, not torch.randn)."
        )
    if (
        abs(float(sizes.mean()) - 0.5) > 0.04
        or float(sizes.max()) > 1
        or abs(float(sizes.std()) - 0.289) > 0.03
    ):
        raise WrongAnswer(
            f"sizes have the mean {float(sizes.mean()):.2f}, the maximum {float(sizes.max()):.2f} and the standard "
            f"deviation {float(sizes.std()):.2f}; uniform in [0, 1] they have 0.50, 1.00 and 0.29."
        )
    both = rows[(rows[:, 0] != 0) & (rows[:, 1] != 0)]
    if float(torch.corrcoef(both[:, :2].T)[0, 1].nan_to_num(1)) > 0.8:
        raise WrongAnswer(
            "where two features are on they have the same size: one size per row serves them all. Draw one for each "
            "feature, [n_rows, n_features]."
        )


def _rows(sample_rows: Any, probability: float, n_rows: int, n_features: int, *, seed: int) -> Tensor:
    result = call(sample_rows, probability, n_rows, n_features, Generator().manual_seed(seed))
    rows = read_tensor(result)
    if rows.shape != (n_rows, n_features):
        raise WrongAnswer(
            f"for n_rows = {n_rows} and n_features = {n_features} the result has the shape {list(rows.shape)}; it "
            "must be [n_rows, n_features]."
        )
    return rows.float()


def _sample_rows(probability: float, n_rows: int, n_features: int, generator: Generator) -> Tensor:
    rows = sample_features(ToyConfig(n_features, 2), torch.tensor([probability]), n_rows, generator)
    return rows[0]


PARTS = {"sample_rows": (_judge_sample_rows, _sample_rows, read_tensor)}
