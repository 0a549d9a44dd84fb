"""Kinds of units side by side: who detects a concept best, chosen on some rows and judged on others, by document.

A latent's score says little alone. Here the latents of several dictionaries, neurons, and the latents of a model that
learned nothing are asked for the same concepts on the same rows, and their scores are compared on the same draws of
documents.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sae_tutorial.features.concepts import (
    Detector,
    Score,
    Units,
    best_unit,
    mean_f1_advantage,
    score_detector,
)
from sae_tutorial.features.intervals import Interval
from sae_tutorial.features.latents import some_rows
from sae_tutorial.sae.controls import linear_map

SINK = 10  # times the median length, from which a row is an attention sink
OFTEN = 5  # places from which the mean of a token's other places says something


class Rivals:
    """The best unit of every kind for every concept, and how clearly one kind beats another.

    Args:
        units: by kind, a number for every row and unit.
        labels: by concept, which rows have it.
        held: the rows that judge; the others choose.
        documents: the document of each row that judges; intervals come from drawing these.

    Attributes:
        found: by concept and kind, the detector and its score on the rows that judge.
    """

    def __init__(
        self,
        units: Mapping[str, Units],
        labels: Mapping[str, Bool[np.ndarray, " rows"]],
        held: Bool[np.ndarray, " rows"],
        documents: Int[np.ndarray, " held"],
    ) -> None:
        self.labels, self.held, self.documents = dict(labels), held, documents
        self.sides = {kind: (some_rows(unit, ~held), some_rows(unit, held)) for kind, unit in units.items()}
        self.found = {name: {kind: self.judge(kind, name) for kind in units} for name in labels}

    def judge(
        self,
        kind: str,
        concept: str,
        find: Callable[[Units, Bool[np.ndarray, " rows"]], Detector] = best_unit,
    ) -> tuple[Detector, Score]:
        """The detector that `find` chooses on the rows to choose on, and its score on the others."""
        chosen_on, unread = self.sides[kind]
        truth = self.labels[concept]
        detector = find(chosen_on, truth[~self.held])
        return detector, score_detector(detector, unread, truth[self.held], self.documents)

    def add(self, name: str, kind: str, find: Callable[[Units, Bool[np.ndarray, " rows"]], Detector]) -> None:
        """One more rival: for every concept the detector that `find` makes of the units of a kind."""
        self.sides[name] = self.sides[kind]
        for concept in self.labels:
            self.found[concept][name] = self.judge(kind, concept, find)

    def f1(self, kind: str | Sequence[str]) -> float:
        """F1 of the best units of a kind, as a mean over the concepts, and over the kinds where there are several."""
        return float(
            np.mean([by_kind[one][1].f1.value for by_kind in self.found.values() for one in _several(kind)])
        )

    def always_on(self) -> dict[str, float]:
        """For each concept the F1 of a detector that says yes to every row: what any detector has to beat."""
        shares = {name: float(labels[self.held].mean()) for name, labels in self.labels.items()}
        return {name: 2 * share / (1 + share) for name, share in shares.items()}

    def lead(
        self, kind: str | Sequence[str], rival: str | Sequence[str], without: Collection[str] = ()
    ) -> Interval:
        """F1 of `kind` minus F1 of `rival`, as a mean over the concepts, but for those named in `without`.

        Of several kinds, such as SAEs from two random starts, the first meets the first rival, the second the second,
        and the lead is the mean.
        """
        names = [name for name in self.labels if name not in without]
        pairs = list(zip(_several(kind), _several(rival), strict=True))
        return mean_f1_advantage(
            [self._pair(one, other, name) for one, other in pairs for name in names], self.documents
        )

    def _pair(self, kind: str, rival: str, concept: str) -> tuple[Any, Any, Bool[np.ndarray, " held"]]:
        one, other = ((self.found[concept][k][0], self.sides[k][1]) for k in (kind, rival))
        return one, other, self.labels[concept][self.held]


def _several(kinds: str | Sequence[str]) -> Sequence[str]:
    return [kinds] if isinstance(kinds, str) else kinds


class TokenList:
    """A detector that knows nothing but a list of tokens: those that had the concept often enough where it was labelled.

    Made for `Rivals.add`, with token ids as the one unit. A token's score is the share of its rows with the concept, as
    if one more row had been without it, so that a token met once is not trusted as much as one met often. The threshold
    is the one with the best F1 on the rows that are given.
    """

    def __init__(self, units: Int[np.ndarray, "rows 1"], labels: Bool[np.ndarray, " rows"]) -> None:
        tokens, token, counts = np.unique(units[:, 0], return_inverse=True, return_counts=True)
        shares = np.bincount(token, weights=labels) / (counts + 1)
        self.share_of = dict(zip(tokens.tolist(), shares.tolist(), strict=True))
        self.threshold = best_unit(shares[token][:, None], labels).threshold

    def scores(self, units: Int[np.ndarray, "rows 1"]) -> Float[np.ndarray, " rows"]:
        """The share of each row's token; 0 for a token that was not there."""
        return np.array([self.share_of.get(token, 0.0) for token in units[:, 0].tolist()])


def token_share(x: Float[Tensor, "rows d_in"], token_ids: Int[np.ndarray, " rows"]) -> float:
    """How much of the variance of rows their token explains: each is guessed by the mean of the token's other places.

    1 if a row depends on its token alone, 0 or a little less if the token says nothing. Tokens met fewer than five times
    are left out, and rows more than ten times as long as the median (attention sinks).

    Raises:
        ValueError: no token is met often enough.
    """
    lengths = x.norm(dim=1)
    usual = lengths < SINK * lengths.median()
    x = x[usual]
    _, token, counts = torch.tensor(np.asarray(token_ids))[usual.cpu()].unique(
        return_inverse=True, return_counts=True
    )
    token, n = token.to(x.device), counts[token].to(x)
    often = n >= OFTEN
    if not often.any():
        raise ValueError(f"no token is met {OFTEN} times or more in {len(x)} rows; pass more rows.")
    sums = torch.zeros(len(counts), x.shape[1]).to(x).index_add(0, token, x)
    guess = (sums[token] - x)[often] / (n[often] - 1)[:, None]
    x = x[often]
    return 1 - float((x - guess).pow(2).sum() / (x - x.mean(0)).pow(2).sum())


def probe_scores(
    x: Float[Tensor, "rows d_in"],
    labels: Mapping[str, Bool[np.ndarray, " rows"]],
    held: Bool[np.ndarray, " rows"],
    documents: Int[np.ndarray, " held"],
) -> dict[str, Score]:
    """By concept, how well a least-squares probe on all of x reads it on the rows `held`, which are of these documents.

    The other rows fit the probe and set its threshold.
    """
    to_fit = torch.from_numpy(~held)
    x = x.float() / x.float().norm(dim=1).median()
    truth = torch.tensor(np.stack(list(labels.values()), axis=1)).float()
    read = linear_map(x[to_fit], truth[to_fit])(x).numpy()
    scores = {}
    for i, (name, has_it) in enumerate(labels.items()):
        output = read[:, [i]]
        detector = best_unit(output[~held], has_it[~held])
        scores[name] = score_detector(detector, output[held], has_it[held], documents)
    return scores
