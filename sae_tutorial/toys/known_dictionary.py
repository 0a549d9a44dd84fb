"""Rows made of known directions, and how much of them a dictionary found."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize


@dataclass(frozen=True)
class KnownDictionary:
    """Rows that are sums of a few known directions: what an SAE is asked to undo, with the answer at hand.

    Attributes:
        d_in: width of the rows.
        n_features: number of true directions, unit vectors drawn at random.
        active: how many features are on in a row, on average; each is then uniform in [0, 1].
        noise: norm of the Gaussian noise of a row, relative to that of the signal (root mean square).
        correlation: how often feature 1 copies feature 0 in being on or off, 3 copies 2, and so on; else they
            are independent. The strengths stay independent.
        seed: of the directions.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    d_in: int = 32
    n_features: int = 64
    active: float = 3.0
    noise: float = 0.0
    correlation: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.active <= self.n_features:
            raise ValueError(f"active must lie in (0, n_features = {self.n_features}], got {self.active}.")
        if not 0 <= self.correlation <= 1:
            raise ValueError(f"correlation must lie in [0, 1], got {self.correlation}.")
        if not self.noise >= 0:
            raise ValueError(f"noise must not be negative, got {self.noise}.")

    @property
    def directions(self) -> Float[Tensor, "n_features d_in"]:
        """The true directions, one per row."""
        generator = torch.Generator().manual_seed(self.seed)
        return normalize(torch.randn(self.n_features, self.d_in, generator=generator, device="cpu"), dim=1)

    def sample(
        self, n_rows: int, seed: int = 0
    ) -> tuple[Float[Tensor, "n_rows d_in"], Float[Tensor, "n_rows n"]]:
        """Rows, and how strongly each feature is on in them."""
        generator = torch.Generator().manual_seed(1_000 * self.seed + seed + 1)
        shape = (n_rows, self.n_features)
        chance, size = (torch.rand(shape, generator=generator, device="cpu") for _ in range(2))
        n_pairs = self.n_features // 2
        copies = torch.rand(n_rows, n_pairs, generator=generator, device="cpu") < self.correlation
        chance[:, 1 : 2 * n_pairs : 2] = torch.where(
            copies, chance[:, : 2 * n_pairs : 2], chance[:, 1 : 2 * n_pairs : 2]
        )
        strength = size * (chance < self.active / self.n_features)
        signal = strength @ self.directions
        noise = torch.randn(signal.shape, generator=generator, device="cpu")
        return signal + noise * (self.noise * signal.norm() / noise.norm()), strength


def matched_cosine(
    truth: Float[Tensor, "n d_in"], dictionary: Float[Tensor, "rows d_in"]
) -> Float[Tensor, " n"]:
    """For every true direction the |cos| of the nearest row of a dictionary."""
    return (normalize(truth, dim=1) @ normalize(dictionary, dim=1).T).abs().amax(1)


class Recovery(NamedTuple):
    """How much of a known dictionary was found: the mean matched cosine, and the share of features above 0.9."""

    mean: float
    share: float


def recovery(truth: Float[Tensor, "n d_in"], dictionary: Float[Tensor, "rows d_in"]) -> Recovery:
    """Score a dictionary against the true one."""
    cosines = matched_cosine(truth, dictionary)
    return Recovery(float(cosines.mean()), float((cosines > 0.9).float().mean()))
