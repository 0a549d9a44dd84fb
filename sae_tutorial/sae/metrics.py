"""How well an autoencoder reconstructs activations, in one streaming pass with float64 sums.

FVU = Σ‖x − x̂‖² / Σ‖x − x̄‖²        fraction of variance unexplained; x̄ is the mean over all rows
explained variance = 1 − FVU          0 for a predictor that always answers x̄, 1 for a perfect one
relative bias = Σ‖x̂‖² / Σ x·x̂         below 1 where x̂ is too short: the γ for which x̂/γ fits x best
                                      (the relative reconstruction bias of Rajamanoharan et al. 2024a)
"""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm

from sae_tutorial.activations.store import ActivationStore, iterate_batches
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.sparse import ActivePairs, decode_pairs

BATCH = 2048


class ReconstructionSums:
    """Running float64 sums over batches of (x, x_hat), from which every reconstruction metric follows."""

    def __init__(self) -> None:
        self.n, self.d_in = 0, 0
        self.sum_x: Tensor | float = 0.0
        self.squares = self.hat_squares = self.errors = self.cosines = self.cosine_squares = 0.0

    def add(self, x: Float[Tensor, "batch d_in"], x_hat: Float[Tensor, "batch d_in"]) -> None:
        """Count one batch."""
        self.n, self.d_in = self.n + len(x), x.shape[1]
        self.sum_x = self.sum_x + x.double().sum(0)
        self.squares = self.squares + x.double().pow(2).sum()
        self.hat_squares = self.hat_squares + x_hat.double().pow(2).sum()
        self.errors = self.errors + (x.double() - x_hat.double()).pow(2).sum()
        cosine = F.cosine_similarity(x, x_hat, dim=-1).double()
        self.cosines = self.cosines + cosine.sum()
        self.cosine_squares = self.cosine_squares + cosine.pow(2).sum()

    def metrics(self) -> dict[str, float]:
        """explained_variance, mse (per element), cosine_mean, cosine_std and relative_bias."""
        squares, hat_squares, errors = float(self.squares), float(self.hat_squares), float(self.errors)
        variance = squares - float(self.sum_x.pow(2).sum()) / self.n
        varies = variance > 1e-12 * squares  # what is smaller is rounding
        cosine_mean = float(self.cosines / self.n)
        product = (squares + hat_squares - errors) / 2  # Σ x·x̂, by the cosine rule
        return {
            "explained_variance": 1 - errors / variance if varies else float("nan"),
            "mse": errors / (self.n * self.d_in),
            "cosine_mean": cosine_mean,
            "cosine_std": max(float(self.cosine_squares / self.n) - cosine_mean**2, 0.0) ** 0.5,
            "relative_bias": hat_squares / product if product > 0 else float("nan"),
        }


def evaluate_reconstruction(
    sae: SparseAutoencoder, activations: ActivationStore | Float[Tensor, "n d_in"], progress: bool = True
) -> dict[str, float]:
    """Reconstruction and sparsity over all rows.

    Returns:
        `explained_variance`; `mse`, per element; `cosine_mean` and `cosine_std` of x and x_hat; `relative_bias`,
        below 1 where x_hat is too short; `l0`, active latents per row; `dead_fraction`, the share of latents that
        are off on every one of these rows.

    Raises:
        ValueError: the rows have another width than the autoencoder, or there are none.
    """
    check_width(sae, activations)
    sums = ReconstructionSums()
    counts = torch.zeros(sae.config.d_sae, device=sae.b_dec.device)
    for x, pairs in encode_in_batches(sae, activations, "evaluating", progress):
        sums.add(x, decode_pairs(pairs, sae.W_dec.detach()) + sae.b_dec.detach())
        counts += torch.bincount(pairs.latents[pairs.values > 0], minlength=sae.config.d_sae)
    return sums.metrics() | {
        "l0": float(counts.double().sum()) / sums.n,
        "dead_fraction": float((counts == 0).float().mean()),
    }


def evaluate_function(
    reconstruct: Callable[[Float[Tensor, "batch d_in"]], Float[Tensor, "batch d_in"]],
    activations: ActivationStore | Float[Tensor, "n d_in"],
) -> dict[str, float]:
    """The reconstruction metrics of any other reconstruction, such as a control: PCA, the mean, a random dictionary."""
    sums = ReconstructionSums()
    for x in iterate_batches(activations, BATCH):
        sums.add(x, reconstruct(x))
    return sums.metrics()


def encode_in_batches(
    sae: SparseAutoencoder,
    activations: ActivationStore | Float[Tensor, "n d_in"],
    title: str,
    progress: bool = True,
) -> Iterator[tuple[Float[Tensor, "batch d_in"], ActivePairs]]:
    """Yield (x, active pairs) over all rows in order, with a progress bar."""
    batches = iterate_batches(activations, BATCH)
    total = -(-len(activations) // BATCH)
    for x in tqdm(batches, total=total, desc=title, leave=False, disable=not progress):
        x = x.to(sae.b_dec.device)
        yield x, sae.active_pairs(x)


def check_width(sae: SparseAutoencoder, activations: ActivationStore | Float[Tensor, "n d_in"]) -> None:
    """Raise ValueError unless `activations` is [n, d_in] with n > 0 and the autoencoder's d_in."""
    shape = tuple(activations.shape)
    if len(shape) != 2 or shape[1] != sae.config.d_in:
        raise ValueError(f"activations have shape {shape}; this autoencoder takes [n, {sae.config.d_in}].")
    if shape[0] == 0:
        raise ValueError("activations has no rows.")
