"""How well a coder reconstructs, in one streaming pass with float64 sums.

FVU = Σ‖y − ŷ‖² / Σ‖y − ȳ‖²           fraction of variance unexplained; ȳ is the mean over all rows
explained variance = 1 − FVU          0 for a predictor that always answers ȳ, 1 for a perfect one
relative bias = Σ‖ŷ‖² / Σ y·ŷ         below 1 where ŷ is too short: the γ for which ŷ/γ fits y best
                                      (the relative reconstruction bias of Rajamanoharan et al. 2024a)

y is x itself, or a transcoder's target. A few rows a hundred times longer than the others (attention sinks) can make up
nearly all of the variance, so explained variance is also given over the ordinary rows alone.
"""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm

from sae_tutorial.activations.store import Activations, as_rows, check_row_alike, iterate_batches, spaced_rows
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.sparse import ActivePairs

BATCH = 2048
EXTREME = 10.0  # times the median norm, from which a row counts as extreme
Reconstruct = Callable[[Float[Tensor, "batch d_in"]], Float[Tensor, "batch d_out"]]


class ReconstructionSums:
    """Running float64 sums over batches of (y, y_hat), from which every reconstruction metric follows.

    They are added up on the CPU, since some accelerators know no float64.
    """

    def __init__(self) -> None:
        self.n = 0
        self.sum_y = torch.zeros((), dtype=torch.float64, device="cpu")
        self.squares = self.hat_squares = self.errors = self.cosines = self.cosine_squares = 0.0
        self.width = 1

    def add(self, y: Float[Tensor, "batch d_out"], y_hat: Float[Tensor, "batch d_out"]) -> None:
        """Count one batch."""
        cosine = F.cosine_similarity(y, y_hat, dim=-1).cpu().double()
        y, y_hat = y.cpu().double(), y_hat.cpu().double()
        self.n, self.width = self.n + len(y), y.shape[1]
        self.sum_y = self.sum_y + y.sum(0)
        self.squares += float(y.pow(2).sum())
        self.hat_squares += float(y_hat.pow(2).sum())
        self.errors += float((y - y_hat).pow(2).sum())
        self.cosines += float(cosine.sum())
        self.cosine_squares += float(cosine.pow(2).sum())

    def explained_variance(self) -> float:
        """1 − FVU; NaN where nothing varies."""
        if not self.n:
            return float("nan")
        variance = self.squares - float(self.sum_y.pow(2).sum()) / self.n
        varies = variance > 1e-12 * self.squares  # what is smaller is rounding
        return 1 - self.errors / variance if varies else float("nan")

    def metrics(self) -> dict[str, float]:
        """explained_variance, mse (per element), cosine_mean, cosine_std and relative_bias."""
        cosine_mean = self.cosines / self.n
        product = (self.squares + self.hat_squares - self.errors) / 2  # Σ y·ŷ, by the cosine rule
        return {
            "explained_variance": self.explained_variance(),
            "mse": self.errors / (self.n * self.width),
            "cosine_mean": cosine_mean,
            "cosine_std": max(self.cosine_squares / self.n - cosine_mean**2, 0.0) ** 0.5,
            "relative_bias": self.hat_squares / product if product > 0 else float("nan"),
        }


def evaluate_reconstruction(
    sae: SparseAutoencoder,
    activations: Activations,
    progress: bool = True,
    *,
    target: Activations | None = None,
) -> dict[str, float]:
    """Reconstruction and sparsity over all rows.

    Args:
        sae: the coder.
        activations: what it reads, [n, d_in].
        progress: show a progress bar.
        target: what a transcoder should write, [n, d_out].

    Returns:
        `explained_variance`; `mse`, per element; `cosine_mean` and `cosine_std` of y and y_hat; `relative_bias`,
        below 1 where y_hat is too short; `l0`, active latents per row; `dead_fraction`, the share of latents that are
        off on every one of these rows; `extreme_rows`, how many are over ten times longer than the median row; where
        there are such, `ordinary_explained_variance` without them.

    Raises:
        ValueError: the rows have another width than the coder, there are none, or a target is missing.
    """
    activations = check_width(sae, activations)
    y_rows = check_target(sae, activations, target)
    limit = EXTREME * float(spaced_rows(y_rows, 32_768).norm(dim=1).median())
    sums, ordinary = ReconstructionSums(), ReconstructionSums()
    counts = torch.zeros(sae.config.d_sae, device=sae.b_dec.device)
    targets = iterate_batches(y_rows, BATCH)
    for (x, pairs), y in zip(
        encode_in_batches(sae, activations, "evaluating", progress), targets, strict=True
    ):
        y = y.to(x.device)
        with torch.inference_mode():
            y_hat = sae.write(x, pairs).float()
        is_ordinary = y.norm(dim=1) <= limit
        sums.add(y, y_hat)
        ordinary.add(y[is_ordinary], y_hat[is_ordinary])
        counts += torch.bincount(pairs.latents[pairs.values > 0], minlength=sae.config.d_sae)
    extreme = sums.n - ordinary.n
    return sums.metrics() | {
        "l0": float(counts.cpu().double().sum()) / sums.n,
        "dead_fraction": float((counts == 0).float().mean()),
        "extreme_rows": extreme,
        **({"ordinary_explained_variance": ordinary.explained_variance()} if extreme else {}),
    }


def evaluate_function(reconstruct: Reconstruct, activations: Activations) -> dict[str, float]:
    """The reconstruction metrics of any other reconstruction, such as a control: PCA, the mean, a random dictionary."""
    sums = ReconstructionSums()
    for x in iterate_batches(as_rows("activations", activations), BATCH):
        sums.add(x, reconstruct(x))
    return sums.metrics()


def encode_in_batches(
    sae: SparseAutoencoder, activations: Activations, title: str, progress: bool = True
) -> Iterator[tuple[Float[Tensor, "batch d_in"], ActivePairs]]:
    """Yield (x, active pairs) over all rows in order, with a progress bar."""
    batches = iterate_batches(activations, BATCH)
    total = -(-len(activations) // BATCH)
    for x in tqdm(batches, total=total, desc=title, leave=False, disable=not progress):
        x = x.to(sae.b_dec.device)
        yield x, sae.active_pairs(x)


def check_width(sae: SparseAutoencoder, activations: Activations) -> Activations:
    """The rows, checked: [n, d_in] with n > 0 and the coder's d_in.

    Raises:
        TypeError: they are no rows (`store.as_rows`).
        ValueError: they have another shape.
    """
    activations = as_rows("activations", activations)
    if activations.shape[1] != sae.config.d_in:
        raise ValueError(
            f"activations have shape {tuple(activations.shape)}; this autoencoder takes [n, {sae.config.d_in}]."
        )
    return activations


def check_target(sae: SparseAutoencoder, activations: Activations, target: Activations | None) -> Activations:
    """What the coder should write: the target, checked, or of an autoencoder the rows themselves."""
    if target is not None:
        target = as_rows("target", target)
        check_row_alike(activations, target)
    return sae.target_of(activations, target)
