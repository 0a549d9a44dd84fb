"""Reconstructions that ought to lose to a trained autoencoder. A claim about the autoencoder is made beside one.

Each control answers with the same interface, x -> x_hat, for `metrics.evaluate_function`.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from sae_tutorial.activations.store import ActivationStore, iterate_batches
from sae_tutorial.sae.coder import SAEConfig, SparseAutoencoder

Reconstruct = Callable[[Float[Tensor, "batch d_in"]], Float[Tensor, "batch d_in"]]


def mean_predictor(activations: ActivationStore | Float[Tensor, "n d_in"]) -> Reconstruct:
    """Answers the mean row whatever it is given; explained variance 0 on the rows it was made from."""
    mean, _ = _moments(activations)
    return lambda x: mean.expand_as(x)


def pca(activations: ActivationStore | Float[Tensor, "n d_in"]) -> Callable[[int], Reconstruct]:
    """Principal components: the best reconstruction from `n` fixed directions.

    Returns:
        A function from the number of components to a reconstruction. An autoencoder with L0 = n may choose other
        directions for every row, so at equal L0 it ought to win.
    """
    mean, covariance = _moments(activations)
    directions = torch.linalg.eigh(covariance).eigenvectors.flip(1).float()  # ascending order, so flipped

    def with_components(n: int) -> Reconstruct:
        kept = directions[:, :n]
        return lambda x: (x - mean) @ kept @ kept.T + mean

    return with_components


def random_dictionary(
    config: SAEConfig, activations: ActivationStore | Float[Tensor, "n d_in"], seed: int = 0
) -> SparseAutoencoder:
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


def _moments(
    activations: ActivationStore | Float[Tensor, "n d_in"],
) -> tuple[Float[Tensor, " d_in"], Float[Tensor, "d_in d_in"]]:
    """Mean and covariance of the rows, summed in float64."""
    total, products = 0.0, 0.0
    for x in iterate_batches(activations, 8192):
        total = total + x.double().sum(0)
        products = products + x.double().T @ x.double()
    mean = total / len(activations)
    return mean.float(), products / len(activations) - torch.outer(mean, mean)
