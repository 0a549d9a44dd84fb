"""Reconstructions that ought to lose to a trained autoencoder. A claim about the autoencoder is made beside one.

The mean, principal components and an untrained dictionary answer x -> x_hat, for `metrics.evaluate_function`. The strong
controls are trained with a part held as it was drawn, and score nearly as well as trained autoencoders in interpretability
and probing (Korznikov et al. 2026, "Sanity checks for sparse autoencoders"): what they show, training did not find.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from sae_tutorial.activations.store import Activations, as_rows, iterate_batches
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import Frozen, SAEConfig, TrainConfig
from sae_tutorial.sae.metrics import Reconstruct, evaluate_function
from sae_tutorial.sae.training import train_sae


def mean_predictor(activations: Activations) -> Reconstruct:
    """Answers the mean row whatever it is given; explained variance 0 on the rows it was made from."""
    mean, _ = _moments(activations)
    return lambda x: mean.expand_as(x)


def pca(activations: Activations) -> Callable[[int], Reconstruct]:
    """Principal components: the best reconstruction from `n` fixed directions.

    Returns:
        A function from the number of components to a reconstruction. An autoencoder with L0 = n may choose other
        directions for every row, so at equal L0 it ought to win.
    """
    mean, covariance = _moments(activations)
    directions = (
        torch.linalg.eigh(covariance.cpu().double()).eigenvectors.flip(1).to(mean)
    )  # ascending order, so flipped

    def with_components(n: int) -> Reconstruct:
        kept = directions[:, :n]
        return lambda x: (x - mean) @ kept @ kept.T + mean

    return with_components


def components_to_keep(
    explained_variance: float, by_components: Callable[[int], Reconstruct], activations: Activations
) -> int:
    """The fewest principal components that keep this share of the variance of rows (best of rows they were not fitted to).

    Args:
        explained_variance: the share.
        by_components: what `pca` answers.
        activations: the rows.

    Raises:
        ValueError: not even all components keep that much.
    """

    def kept(n: int) -> float:
        return evaluate_function(by_components(n), activations)["explained_variance"]

    width = activations.shape[1]
    fewest = 1 + bisect_left(range(1, width + 1), explained_variance, key=kept)
    if fewest > width:
        raise ValueError(
            f"all {width} components keep {kept(width):.3g}, less than {explained_variance:.3g}."
        )
    return fewest


def linear_map(activations: Activations, target: Activations) -> Reconstruct:
    """The affine map from rows to targets with the least squared error: what a transcoder's latents have to beat."""
    sums: Any = 0.0
    for x, y in zip(iterate_batches(activations, 8192), iterate_batches(target, 8192), strict=True):
        x = F.pad(x.cpu().double(), (0, 1), value=1.0)  # the last column is for the constant
        sums = sums + x.T @ torch.cat([x, y.cpu().double()], dim=1)
    squares, products = sums.split([x.shape[1], y.shape[1]], dim=1)
    ridge = 1e-6 * squares.diagonal().mean() * torch.eye(len(squares), dtype=squares.dtype)
    weights = torch.linalg.solve(squares + ridge, products).float().to(activations[:1].device)
    return lambda x: x @ weights[:-1] + weights[-1]


def random_dictionary(config: SAEConfig, activations: Activations, seed: int = 0) -> SparseAutoencoder:
    """An autoencoder with random unit directions, the right mean, and no training.

    Its activations are scaled to the least-squares best single factor, so that it does not lose by size alone.
    """
    sae = SparseAutoencoder(config, seed=seed)
    mean, _ = _moments(activations)
    sae.b_dec.data.copy_(mean)
    with torch.inference_mode():
        x = next(iterate_batches(activations, 4096)) - mean
        x_hat = sae(x + mean)[0] - mean
        factor = float((x * x_hat).sum() / x_hat.pow(2).sum())
    sae.W_enc.data *= factor
    return sae


def most_explained(directions: Float[Tensor, "d_sae d_in"], x: Float[Tensor, "rows d_in"], k: int) -> float:
    """The share of the variance of rows that k of the directions explain, if a greedy search chooses for every row.

    The search (matching pursuit, Mallat and Zhang 1993) takes the direction that fits best what is left of the row, fits the
    amplitudes of all taken so far anew, and goes on. No encoder is asked, so this tells what the directions can do.
    """
    x = x - x.mean(0)
    left, taken = x, torch.empty(len(x), 0, dtype=torch.long, device=x.device)
    for _ in range(k):
        fit = (left @ directions.T).scatter(1, taken, -torch.inf)
        taken = torch.cat([taken, fit.argmax(1, keepdim=True)], dim=1)
        chosen = directions[taken].transpose(1, 2)  # [rows, d_in, how many]
        left = x - (chosen @ torch.linalg.lstsq(chosen, x[:, :, None]).solution).squeeze(2)
    return 1 - float(left.pow(2).sum() / x.pow(2).sum())


def trained_controls(
    config: SAEConfig,
    activations: Activations,
    training: TrainConfig,
    *,
    seed: int = 0,
    kinds: Collection[Frozen] = ("decoder", "soft decoder", "encoder"),
    **options: Any,
) -> dict[str, SparseAutoencoder]:
    """Coders that start and train as yours does, each with a part held at its random start.

    Args:
        config: of your coder; `seed` draws its start.
        activations: what it was trained on.
        training: how.
        seed: of the start.
        kinds: what to hold, each in a coder of its own.
        options: of `train_sae`, such as `target` and `progress`.

    Returns:
        By what is held: "decoder", "soft decoder" (rows stay within cosine 0.8 of their start) and "encoder".
    """
    coders = {kind: SparseAutoencoder(config, seed) for kind in kinds}
    for kind, coder in coders.items():
        train_sae(coder, activations, replace(training, frozen=kind), **options)
    return coders


def _moments(
    activations: Activations,
) -> tuple[Float[Tensor, " d_in"], Float[Tensor, "d_in d_in"]]:
    """Mean and covariance of the rows, summed in float64."""
    activations = as_rows("activations", activations)
    total, products, device = 0.0, 0.0, activations[:1].device
    for x in iterate_batches(activations, 8192):
        x = x.cpu().double()  # some accelerators know no float64
        total = total + x.sum(0)
        products = products + x.T @ x
    mean = total / len(activations)
    return mean.float().to(device), (products / len(activations) - torch.outer(mean, mean)).float().to(device)
