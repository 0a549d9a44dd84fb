"""What a latent's energy says about it: tokens, tokens before, classes of texts, places, and kinds of latents.

A latent's energy at a token is its squared activation, which is what it adds to the squared norm of the reconstruction,
so faint activations count little. Every share here is of the sum of a latent's energy.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csc_array

from sae_tutorial.features.latents import FeatureUsage, Latents

MIN_ACTIVE = 50
BLOCK = 512  # latents whose energy is summed at a time, so that the sums need little memory
TINY = 1e-12  # in place of a sum of 0


class TokenStatistics(NamedTuple):
    """Where each latent's energy goes; of a latent that is never on, -1 and 0.

    Attributes:
        token: the token id with the largest share, and `token_share` that share.
        previous: the preceding token with the largest share, and `previous_share` that share; -1 is the start of a text.
        topic: the class with the largest share after weighting classes equally, and `topic_share` that share; without
            labels -1 and 0.
        early_share: share at the first two tokens of a document.
        n_active: rows on which the latent is on.
    """

    token: Int[np.ndarray, " d_sae"]
    token_share: Float[np.ndarray, " d_sae"]
    previous: Int[np.ndarray, " d_sae"]
    previous_share: Float[np.ndarray, " d_sae"]
    topic: Int[np.ndarray, " d_sae"]
    topic_share: Float[np.ndarray, " d_sae"]
    early_share: Float[np.ndarray, " d_sae"]
    n_active: Int[np.ndarray, " d_sae"]


def token_statistics(
    latents: Latents, labels: Sequence[int] | Int[np.ndarray, " documents"] | None = None
) -> TokenStatistics:
    """Where each latent's energy goes: tokens, preceding tokens, topics, positions.

    Args:
        latents: what is on where.
        labels: the class of every document id, if there are classes.

    Raises:
        ValueError: the labels are no classes of documents; see `document_labels`.
    """
    documents = latents.document_ids
    early = np.ones(len(latents))
    early[2:] = documents[2:] != documents[:-2]  # a document's rows lie side by side
    by_token, by_previous = _adding(latents.token_ids), _adding(previous_tokens(latents) + 1)
    by_class, class_rows = None, 1
    if labels is not None:
        classes = document_labels(labels, documents)[documents]
        by_class, class_rows = _adding(classes), np.maximum(np.bincount(classes), 1)[:, None]
    blocks = []
    for first in range(0, latents.d_sae, BLOCK):
        energy = latents.matrix[:, first : first + BLOCK].astype(np.float64).power(2)
        total = energy.sum(axis=0)
        token, of_token = _largest(by_token @ energy)
        before, of_before = _largest(by_previous @ energy)
        topic, of_topic = np.full(len(total), -1), np.zeros(len(total))
        if by_class is not None:
            weighted = csc_array((by_class @ energy) / class_rows)  # a class does not win by having more rows
            topic, of_topic = _largest(weighted)
            of_topic = of_topic / np.maximum(weighted.sum(axis=0), TINY)
        shares = np.stack([of_token, of_before, early @ energy]) / np.maximum(total, TINY)
        blocks.append(
            (
                token,
                shares[0],
                np.maximum(before - 1, -1),
                shares[1],
                topic,
                of_topic,
                shares[2],
                np.diff(energy.indptr),
            )
        )
    return TokenStatistics(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def top_tokens(latents: Latents, latent: int, n: int = 8, *, before: bool = False) -> list[tuple[int, float]]:
    """The token ids with the largest shares of a latent's energy, and those shares, the largest first.

    With `before` the tokens one place earlier, where -1 is the start of a text.
    """
    rows, values = latents.column(latent)
    keys, owner = np.unique(
        (previous_tokens(latents) if before else latents.token_ids)[rows], return_inverse=True
    )
    energy = np.bincount(owner, values.astype(np.float64) ** 2, len(keys))
    return [(int(keys[i]), float(energy[i] / energy.sum())) for i in np.argsort(-energy, kind="stable")[:n]]


def previous_tokens(latents: Latents) -> Int[np.ndarray, " rows"]:
    """The token before each row's, and -1 where a document starts."""
    previous = np.full(len(latents), -1)
    same = latents.document_ids[1:] == latents.document_ids[:-1]
    previous[1:][same] = latents.token_ids[:-1][same]
    return previous


def next_words(latents: Latents, chosen: Sequence[int]) -> Int[np.ndarray, " chosen"]:
    """For each of `chosen`, the token that most often comes next where the latent is on, by energy; -1 if none does."""
    last = np.append(latents.document_ids[1:] != latents.document_ids[:-1], True)
    following = np.where(last, -1, np.roll(latents.token_ids, -1))
    found = []
    for latent in chosen:
        rows, values = latents.column(int(latent))
        rows, values = rows[following[rows] >= 0], values[following[rows] >= 0].astype(np.float64)
        tokens, owner = np.unique(following[rows], return_inverse=True)
        found.append(tokens[np.bincount(owner, values**2).argmax()] if len(tokens) else -1)
    return np.array(found)


def document_labels(
    labels: Sequence[int] | Int[np.ndarray, " documents"], documents: Int[np.ndarray, " rows"]
) -> Int[np.ndarray, " documents"]:
    """`labels` as an array of classes from 0, one for every document id.

    Raises:
        ValueError: labels that are no whole numbers, are negative, are too few, or are one per row.
    """
    given, labels = labels, np.asarray(labels)
    kind = labels.dtype.kind
    if kind == "f" and np.array_equal(labels, labels.round()):
        labels, kind = labels.astype(np.int64), "i"
    if labels.ndim != 1 or kind not in "iub":
        raise ValueError(
            f"labels must be one whole number for each document, got {given!r:.60}; number classes by name with "
            "np.unique(labels, return_inverse=True)[1]."
        )
    n_documents = int(documents.max()) + 1
    if len(labels) == len(documents) != n_documents:
        raise ValueError(
            f"labels has {len(labels)} entries, one for each row; it must have one for each document id, of which the "
            f"largest is {n_documents - 1}."
        )
    if len(labels) < n_documents:
        raise ValueError(f"labels has {len(labels)} entries, but the store has document {n_documents - 1}.")
    if (labels < 0).any():
        place = int((labels < 0).argmax())
        raise ValueError(
            f"labels[{place}] is {labels[place]}; classes count from 0, so give documents without one a class of their own."
        )
    return labels.astype(np.int64)


def feature_kinds(usage: FeatureUsage, statistics: TokenStatistics) -> dict[str, Int[np.ndarray, " latents"]]:
    """Latents of some kinds that can be told from statistics alone, the clearest first; a latent has at most one.

        dense              on for more than 10% of rows
        start of text      over half of its energy on the first two tokens
        one token          over 80% of its energy on one token
        after one token    over 60% on tokens that follow one particular token
        topic              over 80% in one class of texts, and no token has more than 30%

    Both arguments must come from the same rows. Latents that are on fewer than 50 times are left out.
    """
    seen = statistics.n_active >= MIN_ACTIVE
    scores = {
        "dense": np.where(usage.density > 0.1, usage.density, 0),
        "start of text": np.where(statistics.early_share > 0.5, statistics.early_share, 0),
        "one token": np.where(statistics.token_share > 0.8, statistics.token_share, 0),
        "after one token": np.where(
            (statistics.previous_share > 0.6) & (statistics.previous >= 0), statistics.previous_share, 0
        ),
        "topic": np.where(
            (statistics.topic_share > 0.8) & (statistics.token_share < 0.3), statistics.topic_share, 0
        ),
    }
    kinds, free = {}, seen.copy()
    for kind, score in scores.items():
        latents = np.flatnonzero((score > 0) & free)
        # Among equally clear latents the more frequent ones are the better evidence.
        kinds[kind] = latents[np.lexsort((-statistics.n_active[latents], -score[latents].round(2)))]
        free[latents] = False
    return kinds


def start_latents(
    latents: Latents, norms: Float[np.ndarray, " rows"], limit: float = np.inf
) -> Int[np.ndarray, " start_latents"]:
    """Latents with over half of their energy on the first two tokens of a text.

    Args:
        latents: what is on where.
        norms: the length of the row that each was read from.
        limit: rows longer than this many medians are left out: energy is a square, so one giant row can decide a sum.
            Latents that are on fewer than 50 times in what is left are left out, too.
    """
    early = np.ones(len(latents), dtype=bool)
    early[2:] = latents.document_ids[2:] != latents.document_ids[:-2]
    ordinary = norms <= limit * np.median(norms)
    energy = latents.matrix.astype(np.float64).power(2).tocsr()[ordinary]
    often = (energy > 0).sum(axis=0) >= MIN_ACTIVE
    share = energy[early[ordinary]].sum(axis=0) / np.maximum(energy.sum(axis=0), TINY)
    return np.flatnonzero(often & (share > 0.5))


def share_on_tokens(
    latents: Latents, token_ids: Sequence[int] | Int[np.ndarray, " tokens"]
) -> Float[np.ndarray, " d_sae"]:
    """The share of each latent's energy that falls on these tokens; 0 for a latent that is never on."""
    energy = latents.matrix.astype(np.float64).power(2)
    wanted = np.isin(latents.token_ids, token_ids).astype(np.float64)
    return (wanted @ energy) / np.maximum(energy.sum(axis=0), TINY)


def _adding(keys: Int[np.ndarray, " rows"]) -> csc_array:
    """[keys, rows] with a 1 where a row has the key: times the energy of latents, it adds that up by key."""
    n = len(keys)
    return csc_array((np.ones(n), keys, np.arange(n + 1)), shape=(int(keys.max()) + 1, n))


def _largest(sums: csc_array) -> tuple[Int[np.ndarray, " latents"], Float[np.ndarray, " latents"]]:
    """Of every column the row with the largest sum, and that sum; -1 and 0 where there is none."""
    largest = sums.max(axis=0).toarray()
    return np.where(largest > 0, sums.argmax(axis=0), -1), largest
