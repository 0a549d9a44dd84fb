"""What became of each feature of a known world in an autoencoder: recovered, absorbed, split, blurred or missed."""

from collections import Counter
from math import ceil
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float

from sae_tutorial.features.directions import unit_rows
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import Architecture, Frozen, SAEConfig, auxk_recipe
from sae_tutorial.sae.training import train_sae
from sae_tutorial.toys.hierarchy import HierarchicalWorld
from sae_tutorial.toys.toy_models import one_thread

ALIKE = 0.6  # cosine from which a latent points the way of a feature; of random ones the nearest has 0.4
PART = 0.3  # cosine from which a feature's direction is a part of what a latent writes
FOUND = 0.8  # F1 from which a latent, or several together, detect a feature
FAINT = 0.25  # half of what the weakest true feature writes; a latent that writes less does not count as on


def train_on(
    world: HierarchicalWorld,
    architecture: Architecture,
    *,
    l1_coefficient: float = 0.0,
    seed: int,
    total_tokens: int = 150_000,
    k: int | None = None,
    frozen: Frozen = "nothing",
) -> SparseAutoencoder:
    """An autoencoder of two latents per feature. Without `k` it is told how many features are on, rounded up.

    With `frozen` it is a control that keeps a part of its random start (`TrainConfig.frozen`).
    """
    x, strength = world.sample(min(total_tokens, 50_000))
    d_sae = 2 * len(world.kinds)
    k = k or ceil(float((strength > 0).sum(1).float().mean()))
    config = SAEConfig(world.d_in, d_sae / world.d_in, architecture, k=k, l1_coefficient=l1_coefficient)
    sae = SparseAutoencoder(config, seed=10_000 + seed)
    training = auxk_recipe(
        total_tokens, batch_size=512, learning_rate=4e-3, dead_window=10_000, seed=seed, frozen=frozen
    )
    with one_thread():
        train_sae(sae, x, training, progress=False)
    return sae


class Fate(NamedTuple):
    """What became of one true feature.

    Attributes:
        feature: its index.
        verdict: "recovered", "absorbed", "split", "blurred" or "missed".
        latents: those that the verdict is about, the nearest first.
        f1: how well they detect the feature together.
    """

    feature: int
    verdict: str
    latents: list[int]
    f1: float


@torch.inference_mode()
def fates(world: HierarchicalWorld, sae: SparseAutoencoder, n_rows: int = 20_000) -> list[Fate]:
    """A verdict for each true feature, on rows that were not trained on. A latent that writes less than ¼ is off.

    Latents that point the way of the feature (cosine over 0.6) are looked at, and tried in this order:

        recovered  the nearest one detects it: F1 over 0.8
        absorbed   the nearest one has a hole: it is on in most rows where the feature has no child on, and off in
                   most of those with one particular child, where a latent that writes both directions is on instead (Chanin et al. 2024, "A is for absorption")
        split      none detects it, but all together do: F1 over 0.8 where any of them is on
        blurred    else: latents point its way, and are on at the wrong rows
        missed     no latent points its way
    """
    x, strength = world.sample(n_rows, seed=1)
    written = sae.encode(x.to(sae.W_dec)) * sae.W_dec.norm(dim=1)
    present, on = (strength > 0).numpy(), (written > FAINT).cpu().numpy()
    cosine = (world.directions @ unit_rows(sae.W_dec).cpu().T).numpy()
    return [_fate(world, feature, present, on, cosine) for feature in range(len(world.kinds))]


def _fate(
    world: HierarchicalWorld,
    feature: int,
    present: Bool[np.ndarray, "rows features"],
    on: Bool[np.ndarray, "rows latents"],
    cosine: Float[np.ndarray, "features latents"],
) -> Fate:
    near = [int(i) for i in np.argsort(-cosine[feature]) if cosine[feature, i] > ALIKE]
    if not near:
        return Fate(feature, "missed", [], 0.0)
    here = present[:, feature]
    alone = f1(on[:, near[0]], here)
    if alone > FOUND:
        return Fate(feature, "recovered", near[:1], alone)
    taker = _taker(world, feature, present, on, cosine, near[0])
    if taker is not None:
        return Fate(feature, "absorbed", [near[0], taker], alone)
    together = f1(on[:, near].any(1), here)
    return Fate(feature, "split" if len(near) > 1 and together > FOUND else "blurred", near, together)


def _taker(
    world: HierarchicalWorld,
    feature: int,
    present: Bool[np.ndarray, "rows features"],
    on: Bool[np.ndarray, "rows latents"],
    cosine: Float[np.ndarray, "features latents"],
    main: int,
) -> int | None:
    """The latent that stands in for `main` where some child is on, if `main` has such a hole."""
    if world.kinds[feature] != "parent":
        return None
    children = list(world.children(feature))
    without_child = present[:, feature] & ~present[:, children].any(1)
    if on[without_child, main].mean() < 0.5:
        return None
    for child in children:
        rates = on[present[:, child]].mean(0)
        both = (cosine[feature] > PART) & (cosine[child] > PART)
        both[main] = False
        if rates[main] < 0.5 < (rates * both).max():
            return int((rates * both).argmax())
    return None


def f1(said: Bool[np.ndarray, " rows"], true: Bool[np.ndarray, " rows"]) -> float:
    """Harmonic mean of precision and recall; 0 if nothing is said."""
    return 2 * float((said & true).sum()) / max(float(said.sum() + true.sum()), 1.0)


def count_fates(world: HierarchicalWorld, found: list[Fate]) -> dict[str, Counter]:
    """How many features of each kind got which verdict."""
    counts: dict[str, Counter] = {kind: Counter() for kind in dict.fromkeys(world.kinds)}
    for fate in found:
        counts[world.kinds[fate.feature]][fate.verdict] += 1
    return counts
