"""Intervals for numbers measured on texts, by drawing documents with replacement.

Tokens of one document are alike, so counting them as independent would make every interval too narrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import beta
from scipy.stats import t as student


@dataclass(frozen=True)
class Interval:
    """A value and the interval in which 95% of the draws lie (percentile bootstrap, Efron 1979)."""

    value: float
    low: float
    high: float

    @classmethod
    def of_draws(cls, values: Float[np.ndarray, " draws"]) -> Self:
        """The first entry is the value itself, the others are those of the draws; NaN is left out."""
        low, high = np.nanquantile(values[1:], [0.025, 0.975])
        return cls(float(values[0]), float(low), float(high))

    @classmethod
    def of_mean(cls, values: Sequence[float] | Float[np.ndarray, " things"]) -> Self:
        """The mean over things, such as texts or latents, which are drawn with replacement.

        Raises:
            ValueError: there are none.
        """
        if not len(values):
            raise ValueError("a mean over nothing has no interval.")
        return cls.of_draws(_means_drawn(values, 0))

    @classmethod
    def of_difference(
        cls,
        one: Sequence[float] | Float[np.ndarray, " things"],
        other: Sequence[float] | Float[np.ndarray, " others"],
    ) -> Self:
        """The mean of `one` minus the mean of `other`, which are drawn apart: things that are not paired.

        Raises:
            ValueError: one of them is empty.
        """
        if not (len(one) and len(other)):
            raise ValueError("a mean over nothing has no interval.")
        return cls.of_draws(_means_drawn(one, 0) - _means_drawn(other, 1))

    @classmethod
    def of_share(cls, count: int, n: int) -> Self:
        """A share of n things, by Jeffreys' interval; for none or all of them with the exact bound, which is wider.

        Drawing the things again would give 0 of 16 no interval at all (Brown, Cai and DasGupta 2001, section 4.1.2).

        Raises:
            ValueError: n is not at least 1, or the count not between 0 and n.
        """
        if not 0 <= count <= n or n < 1:
            raise ValueError(f"a share is a count between 0 and n of n things, got {count} of {n}.")
        low, high = (float(bound) for bound in beta.ppf([0.025, 0.975], count + 0.5, n - count + 0.5))
        always = 0.025 ** (1 / n)  # a share so high gives n of n once in forty times
        if count in (0, n):
            low, high = (always, 1.0) if count else (0.0, 1 - always)
        return cls(count / n, low, high)

    @classmethod
    def of_grid(cls, values: Float[np.ndarray, "rows columns"]) -> Self:
        """The mean over a grid of which rows and columns are drawn, both with replacement.

        Ten countries in four sentences are no forty things: what holds for one sentence may hold in it for every country
        (the pigeonhole bootstrap, Owen 2007). Where every value is 0 or 1 it is at least as wide as that of as many things that
        do not depend on each other (`of_share`): forty yes of forty leave room for a no.

        Raises:
            ValueError: the grid is empty.
        """
        values = np.asarray(values, dtype=float)
        if not values.size:
            raise ValueError("a mean over nothing has no interval.")
        rows, columns = (document_draws(n, 2000, seed) for seed, n in enumerate(values.shape))
        drawn = cls.of_draws(np.einsum("dr,rc,dc->d", rows, values, columns) / values.size)
        if not np.isin(values, (0, 1)).all():
            return drawn
        return drawn.widened_to(cls.of_share(int(values.sum()), values.size))

    def widened_to(self, other: "Interval") -> "Interval":
        """The same value, with an interval that holds the other's, too."""
        return Interval(self.value, min(self.low, other.low), max(self.high, other.high))

    def __format__(self, each: str) -> str:
        """The value and the interval, `each` of the three numbers so: f"{share:.0%}" gives 58% [46%, 69%]."""
        value, low, high = (format(number, each or ".2f") for number in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"

    def __str__(self) -> str:
        return f"{self:.2f}"


def document_draws(
    n_documents: int, resamples: int = 200, seed: int = 0
) -> Int[np.ndarray, "draws documents"]:
    """How often each document is drawn. The first row is 1 throughout: the sample as it is.

    A sum over documents of every draw is `draws @ sums_by_document`.
    """
    drawn = np.random.default_rng(seed).multinomial(
        n_documents, np.full(n_documents, 1 / n_documents), resamples
    )
    return np.vstack([np.ones(n_documents, dtype=drawn.dtype), drawn])


def margin_of_mean(values: Sequence[float] | Float[np.ndarray, " n"], overlap: float = 0.0) -> float:
    """Half the width of the 95% interval of a mean, by Student's t.

    Splits of the same articles are no fresh draws: their variance grows by `overlap`, rows tested over rows trained on
    (Nadeau and Bengio 2003).

    Raises:
        ValueError: fewer than two values.
    """
    if len(values) < 2:
        raise ValueError("one value says nothing of how far values spread.")
    spread = float(np.std(np.asarray(values, dtype=float), ddof=1))
    return float(student.ppf(0.975, len(values) - 1)) * spread * (1 / len(values) + overlap) ** 0.5


def _means_drawn(
    values: Sequence[float] | Float[np.ndarray, " things"], seed: int
) -> Float[np.ndarray, " draws"]:
    """The mean as it is, and in every draw."""
    return document_draws(len(values), seed=seed) @ np.asarray(values, dtype=float) / len(values)
