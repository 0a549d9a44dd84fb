"""Watching the stream for names of countries: other kinds of text to try a monitor on, and the tokens it is judged at.

A model that reads from left to right knows a name only at its last piece. So a name is judged there, and its earlier
pieces are not judged at all.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csc_array
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.features.concepts import label_tokens
from sae_tutorial.features.intervals import Interval, document_draws
from sae_tutorial.features.latents import read_latents
from sae_tutorial.sae.coder import SparseAutoencoder

# The same ten countries in the same four sentences. All ten are spelled otherwise in German.
NAMES = {
    "English": "France|Italy|Germany|Spain|Sweden|Greece|Poland|Norway|Kenya|Canada",
    "German": "Frankreich|Italien|Deutschland|Spanien|Schweden|Griechenland|Polen|Norwegen|Kenia|Kanada",
}
SENTENCES = {
    "English": (
        "The government of {} spoke with the ministers on Monday.",
        "In {} the price of electricity rose in May.",
        "The coach comes from {} and has worked here for long.",
        "A ship from {} brought wheat.",
    ),
    "German": (
        "Die Regierung von {} sprach am Montag mit den Ministern.",
        "In {} stieg der Preis für Strom im Mai.",
        "Der Trainer kommt aus {} und hat lange hier gearbeitet.",
        "Ein Schiff aus {} brachte Weizen.",
    ),
}


class Watched(NamedTuple):
    """The tokens of some texts at which a monitor is judged.

    Attributes:
        x: what passed the hook.
        units: the latents' activations.
        is_name: whether the token is the last piece of a name.
        token_ids: the tokens.
        documents: the text of each.
    """

    x: Float[np.ndarray, "rows d_in"]
    units: csc_array
    is_name: Bool[np.ndarray, " rows"]
    token_ids: Int[np.ndarray, " rows"]
    documents: Int[np.ndarray, " rows"]


def country_sentences(language: str) -> list[str]:
    """Four sentences about each of ten countries, country by country, in "English" or "German"."""
    return [sentence.format(name) for name in NAMES[language].split("|") for sentence in SENTENCES[language]]


def last_pieces(
    labels: Bool[np.ndarray, " rows"], documents: Int[np.ndarray, " rows"]
) -> Bool[np.ndarray, " rows"]:
    """The last of each run of labelled rows within a document: where a name of several pieces is complete."""
    goes_on = np.append(labels[1:] & (documents[1:] == documents[:-1]), False)
    return labels & ~goes_on


def judged_rows(store: ActivationStore, units: csc_array, labels: Bool[np.ndarray, " rows"]) -> Watched:
    """The rows of `store` at which a monitor is judged: all but the earlier pieces of a name.

    Args:
        store: what passed the hook.
        units: what the latents read there.
        labels: whether a token belongs to a name.
    """
    is_name = last_pieces(labels, store.document_ids)
    judged = is_name | ~labels
    x = store[:].float().numpy()[judged]
    return Watched(
        x, csc_array(units)[judged], is_name[judged], store.token_ids[judged], store.document_ids[judged]
    )


def watched_rows(
    model: TransformerBridge,
    sae: SparseAutoencoder,
    hook_name: str,
    texts: Sequence[str],
    pattern: str,
    **settings: Any,
) -> Watched:
    """`judged_rows` of `texts`, where what `pattern` matches is a name.

    `settings` are those of `collect_activations`, among them the directory.
    """
    store = collect_activations(model, texts, hook_name, **settings)
    labels = label_tokens(model.tokenizer, texts, store, pattern)
    return judged_rows(store, read_latents(sae, store).matrix, labels)


def share_of(
    values: Float[np.ndarray, " rows"] | Bool[np.ndarray, " rows"],
    rows: Bool[np.ndarray, " rows"],
    documents: Int[np.ndarray, " rows"],
    grid: tuple[int, int] | None = None,
) -> Interval:
    """The mean of `values` over some rows, such as the share of names with an alarm; texts are drawn with replacement.

    A share is given no less than the interval that independent rows would have: none of a few is not none of many.

    Args:
        values: True where there is an alarm; or the difference of two alarms, 1, 0 or -1.
        rows: which rows are counted.
        documents: the text of each row.
        grid: countries and sentences, where text i is sentence i % sentences; both are drawn (see `Interval.of_grid`).

    Raises:
        ValueError: no row is counted.
    """
    if not rows.any():
        raise ValueError("a share of no rows is none.")
    _, owner = np.unique(documents, return_inverse=True)
    n = grid[0] * grid[1] if grid else int(owner.max()) + 1
    summed, counted = (np.bincount(owner[rows], part, n) for part in (values[rows], np.ones(int(rows.sum()))))
    if grid:
        by_country, by_sentence = (document_draws(size, 2000, seed) for seed, size in enumerate(grid))
        weights = (by_country[:, :, None] * by_sentence[:, None, :]).reshape(-1, n)
    else:
        weights = document_draws(n, 2000)
    found = Interval.of_draws(weights @ summed / np.maximum(weights @ counted, 1))
    if np.asarray(values).dtype != bool:
        return found
    return found.widened_to(Interval.of_share(int(summed.sum()), int(counted.sum())))
