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
from sae_tutorial.features.concepts import label_tokens
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


def watched_rows(
    model: TransformerBridge,
    sae: SparseAutoencoder,
    hook_name: str,
    texts: Sequence[str],
    pattern: str,
    **settings: Any,
) -> Watched:
    """The rows of `texts` at which a monitor is judged: all but the earlier pieces of what `pattern` matches.

    `settings` are those of `collect_activations`, among them the directory.
    """
    store = collect_activations(model, texts, hook_name, **settings)
    labels = label_tokens(model.tokenizer, texts, store, pattern)
    is_name = last_pieces(labels, store.document_ids)
    judged = is_name | ~labels
    units = csc_array(read_latents(sae, store).matrix)[judged]
    x = store[:].float().numpy()[judged]
    return Watched(x, units, is_name[judged], store.token_ids[judged], store.document_ids[judged])
