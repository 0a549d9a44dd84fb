"""Checks for notebook 01: dimensionality, shapes, a sampler with a mistake, the phase diagram, a fair rival."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from sae_tutorial.exercises.reporting import (
    Exercise,
    Mistakes,
    WrongAnswer,
    call,
    match_choice,
    match_function,
    match_number,
)


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
        "`show_source(sample_features)`",
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
    exercise.check(
        lambda answer: match_choice(
            answer.strip().strip("()").lower() if isinstance(answer, str) else answer, "b", wrong
        ),
        change,
    )


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
            1 / 6: "six features share *two* dimensions, not one.",
            3: "that is how many features share each dimension; D is the share of one feature.",
            1 / 2: "three pairs back to back would need three dimensions; here all six share two.",
            2: "that is the number of dimensions they share; divide it among the six.",
        },
        tolerance=0.005,
    )
    match_number(
        "tetrahedron",
        tetrahedron,
        3 / 4,
        {
            1 / 4: "four features share *three* dimensions, not one.",
            2 / 3: "that is the triangle, three features in two dimensions; a tetrahedron is four in three.",
            4 / 3: "that is how many features there are per dimension; D is its inverse.",
            1
            / 2: "that is a pair back to back, or four features in two dimensions; a tetrahedron needs three.",
        },
        tolerance=0.005,
    )
    match_number(
        "per_dimension",
        per_dimension,
        5 / 2,
        {
            2 / 5: "that is D of each feature; ‖W‖² / m is five squared norms over two dimensions.",
            5: "that is ‖W‖²; divide by the number of dimensions.",
            1: "‖W‖² sums over all five features.",
            5**0.5 / 2: "you took the root: ‖W‖² is the sum of all squares.",
        },
        tolerance=0.005,
    )


N_ROWS, N_FEATURES, PROBABILITY = 4000, 6, 0.1


def _judge_sample_rows(sample_rows: Any) -> None:
    rows = _rows(sample_rows, 0)
    on = (rows != 0).float()
    rate, together = float(on.mean()), float((on[:, 0] * on[:, 1]).mean())
    if abs(rate - 1) < 0.01:
        raise WrongAnswer(
            "every feature is on in every row: nothing compares a random number with `probability`."
        )
    if abs(rate - (1 - PROBABILITY)) < 0.02:
        raise WrongAnswer(
            f"features are on in {rate:.0%} of the rows for probability 0.1: you switch off with the probability, "
            "which is the paper's sparsity S, where 1 - S is meant."
        )
    if together > 0.6 * rate:
        raise WrongAnswer(
            "where one feature is on all are, as in `bad_rows`: one random number per row decides for all features. "
            "Draw one for each feature, [n_rows, n_features]."
        )
    if float((on.mean(0) * (1 - on.mean(0))).max()) < 1e-6:
        raise WrongAnswer(
            "a feature is on in all rows or in none: one random number per feature decides for all rows. Draw one "
            "for each row too."
        )
    if abs(rate - PROBABILITY) > 0.02:
        raise WrongAnswer(f"features are on in {rate:.1%} of the rows for probability 0.1.")
    _judge_sizes_of(rows[rows != 0])
    if not torch.equal(rows, _rows(sample_rows, 0)) or torch.equal(rows, _rows(sample_rows, 1)):
        raise WrongAnswer("the rows do not follow from `generator`: pass it to every torch.rand.")


def _judge_sizes_of(sizes: Tensor) -> None:
    if float(sizes.max()) <= PROBABILITY + 1e-6:
        raise WrongAnswer(
            "no value is above the probability: the number that decides whether a feature is on is also its size. "
            "Draw the two apart."
        )
    if float(sizes.std()) < 1e-6:
        raise WrongAnswer("all values are the same; a feature that is on has a size, uniform in [0, 1].")
    if float(sizes.min()) < 0:
        raise WrongAnswer(
            "some values are negative; sizes are uniform in [0, 1] (torch.rand, not torch.randn)."
        )
    if abs(float(sizes.mean()) - 0.5) > 0.04 or float(sizes.max()) > 1:
        raise WrongAnswer(
            f"sizes have the mean {float(sizes.mean()):.2f} and the maximum {float(sizes.max()):.2f}; "
            "uniform in [0, 1] they have 0.5 and 1."
        )


def _rows(sample_rows: Any, seed: int) -> Tensor:
    rows = call(sample_rows, PROBABILITY, N_ROWS, N_FEATURES, Generator().manual_seed(seed))
    if not isinstance(rows, Tensor) or rows.shape != (N_ROWS, N_FEATURES):
        got = f"a tensor {list(rows.shape)}" if isinstance(rows, Tensor) else repr(rows)
        raise WrongAnswer(f"the result must have the shape [n_rows, n_features], got {got}.")
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
    if not isinstance(sae_wins, bool):
        raise WrongAnswer(f"`sae_wins` must be True or False, got {sae_wins!r}.")
    if sae_wins:
        raise WrongAnswer(
            "look at 32 latents, where the SAE has as many rows as ICA: neither finds the larger part of the "
            "features, and the SAE's curve is not above ICA's there."
        )
