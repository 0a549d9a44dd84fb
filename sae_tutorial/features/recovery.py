"""How well autoencoders and their rivals find a dictionary that is known."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from sklearn.decomposition import PCA, FastICA
from torch import Tensor
from tqdm.auto import tqdm

from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, auxk_recipe
from sae_tutorial.sae.training import train_sae
from sae_tutorial.toys.known_dictionary import KnownDictionary, Recovery, recovery
from sae_tutorial.toys.toy_models import one_thread


def learned_dictionary(
    known: KnownDictionary, *, d_sae: int, total_tokens: int = 100_000, seed: int = 0
) -> SparseAutoencoder:
    """A TopK autoencoder trained on at most 50,000 different rows; k is the number of features on, which it is told."""
    x, _ = known.sample(min(total_tokens, 50_000))
    k = min(max(1, round(known.active)), d_sae)
    sae = SparseAutoencoder(SAEConfig(known.d_in, d_sae / known.d_in, k=k), seed=10_000 + seed)
    config = auxk_recipe(total_tokens, batch_size=512, learning_rate=4e-3, dead_window=10_000, seed=seed)
    with one_thread():
        train_sae(sae, x, config, progress=False)
    return sae


def rival_dictionaries(
    known: KnownDictionary, *, d_sae: int, seed: int = 0
) -> Mapping[str, Float[Tensor, "rows d_in"]]:
    """What an SAE's dictionary is held against.

    PCA, ICA and the neurons have at most d_in rows, "random" d_sae, and "random, as few as ICA" as many as ICA: more
    rows come nearer to any direction by chance.
    """
    x = known.sample(10_000)[0].numpy()
    rank = min(
        known.d_in, known.n_features
    )  # ICA divides by the spread along each direction, so there must be one
    with one_thread():
        ica = FastICA(rank, whiten="unit-variance", max_iter=500, tol=1e-3, random_state=seed).fit(x)
        pca = PCA().fit(x)
    generator = torch.Generator("cpu").manual_seed(20_000 + seed)
    return {
        "ICA": torch.from_numpy(np.ascontiguousarray(ica.mixing_.T)).float(),
        "PCA": torch.from_numpy(pca.components_).float(),
        "neurons": torch.eye(known.d_in, device="cpu"),
        "random": torch.randn(d_sae, known.d_in, generator=generator, device="cpu"),
        "random, as few as ICA": torch.randn(rank, known.d_in, generator=generator, device="cpu"),
    }


def recovery_curves(
    settings: Sequence[KnownDictionary], widths: Sequence[int], *, n_seeds: int = 3
) -> dict[str, Float[np.ndarray, "settings seeds 2"]]:
    """Recovery (mean, share) by a trained SAE and its rivals, for every setting and several seeds of everything.

    Args:
        settings: dictionaries to find.
        widths: the SAE's d_sae for each.
        n_seeds: directions, rows and starts are drawn anew for each.
    """
    bar = tqdm(settings, desc="dictionaries", leave=False)
    scores = [
        [_scores(replace(known, seed=seed), d_sae) for seed in range(n_seeds)]
        for known, d_sae in zip(bar, widths, strict=True)
    ]
    return {name: np.array([[seed[name] for seed in row] for row in scores]) for name in scores[0][0]}


@cache  # curves cross: several have the same setting among their points
def _scores(known: KnownDictionary, d_sae: int) -> dict[str, Recovery]:
    sae = learned_dictionary(known, d_sae=d_sae, seed=known.seed)
    found = {"SAE": sae.W_dec.detach(), **rival_dictionaries(known, d_sae=d_sae, seed=known.seed)}
    return {name: recovery(known.directions, rows) for name, rows in found.items()}
