"""Checks for notebook 01: dimensionality, shapes, a sampler with a mistake, the phase diagram, a fair rival."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from sae_tutorial.exercises.matching import (
    Mistakes,
    match_choice,
    match_function,
    match_number,
    read_tensor,
)
from sae_tutorial.exercises.reporting import Exercise, WrongAnswer, call


def check_dimensionality(dimensionality: Callable[[Tensor], Tensor]) -> None:
    """Exercise 1.1: `dimensionality(W)` of one toy, each feature's share of a dimension."""
    exercise = Exercise(
        "1.1",
        "write the body of `dimensionality`.",
        "the formula in the section 'Each feature's share of a dimension'",
        "you can tell from the weights alone which features share, and in what shape.",
    )
    pentagon = 2 * torch.pi * torch.arange(5) / 5
    inputs = [
        (torch.tensor([[2.0, 0.0], [-1.0, 1.0], [0.0, 0.5]]),),
        (1.2 * torch.stack([pentagon.cos(), pentagon.sin()], 1),),
        (torch.randn(4, 3, generator=Generator().manual_seed(0)),),
    ]
    exercise.check(
        lambda answer: match_function(answer, _dimensionality, inputs, _D_MISTAKES), dimensionality
    )


def check_shapes(hexagon: float | None, tetrahedron: float | None, per_dimension: float | None) -> None:
    """Exercise 1.2: D in a hexagon and in a tetrahedron, and the pentagon's features per dimension."""
    exercise = Exercise(
        "1.2",
        "put a number in place of each None.",
        "the guide lines of the figure in 'Each feature's share of a dimension'",
        "you know the rule behind the guide lines: where n features share m dimensions evenly, each has m/n of one.",
    )
    exercise.check(_judge_shapes, hexagon, tetrahedron, per_dimension)


def check_sample_rows(sample_rows: Callable[..., Tensor]) -> None:
    """Exercise 1.3: `sample_rows(probability, n_rows, n_features, generator)`, repaired."""
    exercise = Exercise(
        "1.3",
        "write `sample_rows` so that features are on independently; `bad_rows` has one mistake.",
        "the folded help, on how often features 0 and 1 meet",
        "your toys now see sparse rows. Whether superposition pays is decided by how often features meet, so count "
        "that before you blame the model.",
    )
    exercise.check(_judge_sample_rows, sample_rows)


def check_phase(change: str | None) -> None:
    """Exercise 1.4: what happens along a line through the phase diagram."""
    exercise = Exercise(
        "1.4",
        "replace None by a letter.",
        "the phase diagram, along the line at probability 0.3",
        "you can read a phase diagram: where a feature goes depends on what else wants the dimension.",
    )
    wrong = {
        "a": "that is what happens at a probability of 0.02. At 0.3 the line crosses the boundary.",
        "c": "to the left of importance 1 feature 1 is the less important of the two, so it never has the dimension to "
        "itself: that is what happens to the right, where feature 0 is dropped.",
        "d": "the order is the other way round: as a feature matters less, its interference is no longer worth its "
        "keep.",
    }
    exercise.check(lambda answer: match_choice(answer, "b", wrong), change)


def check_fair_rival(control: str | None, sae_wins: bool | None) -> None:
    """Exercise 1.5: the comparison that answers 'ICA only had too few rows', and how it ends."""
    exercise = Exercise(
        "1.5",
        "choose `control`, look up the result in the figure, and set `sae_wins` to True or False.",
        "the figure over the width of the SAE, at 32 latents",
        "you have found that a fair comparison can take a claim away: what the SAE has over ICA here is room for more "
        "rows than dimensions, not a better way to choose 32.",
    )
    exercise.check(_judge_fair_rival, control, sae_wins)


def _dimensionality(W: Tensor) -> Tensor:
    return W.pow(2).sum(1) / (normalize(W, dim=1) @ W.T).pow(2).sum(1)


_D_MISTAKES: Mistakes = [
    (
        lambda W: W.pow(2).sum(1) / (W @ W.T).pow(2).sum(1),
        "W_i in the denominator is not brought to norm 1, so a longer feature gets a smaller share. Use Ŵ_i · W_j.",
    ),
    (
        lambda W: W.pow(2).sum(1) / (normalize(W, dim=1) @ normalize(W, dim=1).T).pow(2).sum(1),
        "both sides of the product are brought to norm 1; W_j keeps its length, since a long neighbour interferes more.",
    ),
    (
        lambda W: 1 / (normalize(W, dim=1) @ normalize(W, dim=1).T).pow(2).sum(1),
        "lengths have dropped out, so a feature that is hardly represented counts like any other. Do not normalise W_j, "
        "and sum over j (dim=1).",
    ),
    (
        lambda W: W.pow(2).sum(1) / (normalize(W, dim=1) @ W.T).sum(1),
        "the products are not squared: a neighbour on the opposite side would cancel one on the near side.",
    ),
    (
        lambda W: W.norm(dim=1) / (normalize(W, dim=1) @ W.T).pow(2).sum(1),
        "the numerator is the norm; it should be the squared norm.",
    ),
    (
        lambda W: W.pow(2).sum(1) / ((normalize(W, dim=1) @ W.T).pow(2).sum(1) - W.pow(2).sum(1)),
        "the sum leaves out j = i: without the feature's own part a lone feature is divided by zero.",
    ),
    (
        lambda W: (normalize(W, dim=1) @ W.T).pow(2).sum(1) / W.pow(2).sum(1),
        "the fraction is upside down: this is how many features share the dimension.",
    ),
    (
        lambda W: (normalize(W, dim=1) @ W.T).pow(2).sum(1) - W.pow(2).sum(1),
        "this is the interference that feature i meets; its share is ‖W_i‖² over the whole sum.",
    ),
    (
        lambda W: W.pow(2).sum() / W.shape[1],
        "this is features per dimension of the whole toy; D has one value per feature.",
    ),
    (
        lambda W: _dimensionality(W.T),
        "you took columns for features; a feature's direction is a row of W.",
    ),
]


def _judge_shapes(hexagon: Any, tetrahedron: Any, per_dimension: Any) -> None:
    match_number(
        "hexagon",
        hexagon,
        1 / 3,
        {
            1 / 6: "that would be six features that share one dimension; they share *two*.",
            3: "that is how many features share each dimension; D is the share of one feature.",
            1 / 2: "three pairs back to back would need three dimensions; here all six share two.",
            2: "that is the number of dimensions they share; divide it among the six.",
            1: "a feature would have a dimension to itself; here six share two.",
        },
        digits=2,
    )
    match_number(
        "tetrahedron",
        tetrahedron,
        3 / 4,
        {
            1 / 4: "that would be four features that share one dimension; they share *three*.",
            2 / 3: "that is the triangle, three features in two dimensions; a tetrahedron is four in three.",
            4 / 3: "that is how many features there are per dimension; D is its inverse.",
            1
            / 2: "that is a pair back to back; a tetrahedron's four features have three dimensions to share.",
            3: "that is the number of dimensions they share; divide it among the four.",
        },
        digits=2,
    )
    match_number(
        "per_dimension",
        per_dimension,
        5 / 2,
        {
            2 / 5: "that is D of each feature; ‖W‖² / m is five squared norms over two dimensions.",
            5: "that is ‖W‖²; divide by the number of dimensions.",
            1: "that is the squared norm of one feature; ‖W‖² sums over all five.",
            5**0.5 / 2: "that is ‖W‖ / m, with the root taken; ‖W‖² is the sum of all squares.",
            5 / 3: "a pentagon lies in a plane: it has two dimensions, not three.",
        },
        digits=2,
    )


N_FEATURES = 6


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
            "be off, the paper's sparsity S, where 1 - S is meant."
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


def _judge_fair_rival(control: Any, sae_wins: Any) -> None:
    match_choice(
        control,
        "a",
        {
            "b": "more iterations do not give ICA more rows; it converges with the ones it has.",
            "c": "random rows are not chosen by anything, so they cannot tell how well ICA chooses. They answer the "
            "other objection, that many rows match by chance.",
            "d": "shuffled columns have nothing to find, so both would fail; the doubt is about the number of rows.",
        },
    )
    if not isinstance(sae_wins, bool | np.bool_):
        raise WrongAnswer(f"`sae_wins` must be True or False, got {sae_wins!r}.")
    if sae_wins:
        raise WrongAnswer(
            "look at 32 latents, where the SAE has as many rows as ICA: neither finds the larger part of the "
            "features, and the SAE's curve is not above ICA's there."
        )
