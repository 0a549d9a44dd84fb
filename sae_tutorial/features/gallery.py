"""The latents to show people first: about one subject, on articles the choice did not see, and about no single word.

A latent's class of texts is chosen on some articles, and its specificity is the share of its energy (squared
activation) that falls into that class on other articles, held out. Chance is one over the number of classes. Ranked by
strength, a coder's first latents are function words; by specificity alone, they are names. So no token, and no article,
may have more than a set share of a latent's energy.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int
from scipy.sparse import csc_array

from sae_tutorial.features.latents import Latents, part_of
from sae_tutorial.features.statistics import MIN_ACTIVE, TINY, token_statistics

HIGHEST_TOKEN_SHARE, HIGHEST_GROUP_SHARE = 0.25, 0.5


class Exhibit(NamedTuple):
    """A latent of the gallery.

    Attributes:
        latent: its number.
        topic: the class that has most of its energy on the articles that are not held out.
        specificity: the share of its energy in that class on held-out articles, classes weighted equally.
        token_share: the largest share of its energy on one token.
        group_share: the largest share of its energy in one group of documents, such as an article.
        maximum: its largest activation. Show contexts and texts by activation over it.
        n_active: held-out rows on which it is on.
    """

    latent: int
    topic: int
    specificity: float
    token_share: float
    group_share: float
    maximum: float
    n_active: int


def gallery(
    latents: Latents,
    labels: Int[np.ndarray, " documents"],
    groups: Int[np.ndarray, " documents"],
    held_out: Bool[np.ndarray, " documents"],
    n: int = 50,
) -> list[Exhibit]:
    """The `n` latents with the best held-out specificity that are about no single token and no single group.

    Args:
        latents: what is on where.
        labels: the class of every document id, from 0.
        groups: the group of every document id, such as its article.
        held_out: which documents judge; whole groups, or what one article is about judges what it chose.
        n: how many, at most; latents that are on fewer than 50 times on held-out rows are left out.

    Raises:
        ValueError: a group is on both sides, or a side has no rows.
    """
    labels, groups, held_out = np.asarray(labels), np.asarray(groups), np.asarray(held_out, dtype=bool)
    if both := set(groups[held_out].tolist()) & set(groups[~held_out].tolist()):
        raise ValueError(f"held_out cuts through group {min(both)}; hold out whole groups.")
    on_test = held_out[latents.document_ids]
    if not 0 < on_test.sum() < len(latents):
        raise ValueError(f"held_out has {on_test.sum()} of {len(latents)} rows; both sides need some.")
    chosen_on, judged_on = part_of(latents, ~on_test), part_of(latents, on_test)
    overall = token_statistics(latents)
    topic = token_statistics(chosen_on, labels).topic
    energy = csc_array(judged_on.matrix.astype(np.float64).power(2))
    classes = labels[judged_on.document_ids]
    by_class = _sums(energy, classes, int(labels.max()) + 1)
    by_class /= np.maximum(np.bincount(classes, minlength=len(by_class)), 1)[:, None]
    numbered = np.unique(groups[latents.document_ids], return_inverse=True)[1]
    all_energy = csc_array(latents.matrix.astype(np.float64).power(2))
    by_group = _sums(all_energy, numbered, int(numbered.max()) + 1)
    specificity = by_class[topic, np.arange(latents.d_sae)] / np.maximum(by_class.sum(0), TINY)
    group_share = by_group.max(0) / np.maximum(by_group.sum(0), TINY)
    shown = (
        (judged_on.n_active >= MIN_ACTIVE)
        & (topic >= 0)
        & (overall.token_share <= HIGHEST_TOKEN_SHARE)
        & (group_share <= HIGHEST_GROUP_SHARE)
    )
    order = [int(i) for i in np.argsort(-specificity, kind="stable") if shown[i]][:n]
    maxima = latents.matrix.max(axis=0).toarray()
    return [
        Exhibit(
            i, int(topic[i]), float(specificity[i]), float(overall.token_share[i]), float(group_share[i]),
            float(maxima[i]), int(judged_on.n_active[i]),
        )
        for i in order
    ]  # fmt: skip


def _sums(energy: csc_array, keys: Int[np.ndarray, " rows"], n_keys: int) -> np.ndarray:
    """[keys, d_sae], what each key's rows add up to."""
    adding = csc_array((np.ones(len(keys)), keys, np.arange(len(keys) + 1)), shape=(n_keys, len(keys)))
    return (adding @ energy).toarray()
