"""Where a latent is on, as text: its strongest contexts, random ones by strength, and the latents of a single text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.features.latents import Latents, read_texts
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.transformer.tokens import token_strings


@dataclass(frozen=True)
class Context:
    """A stretch of text around one token, with a latent's activation at each token."""

    tokens: list[str]
    activations: Float[np.ndarray, " tokens"]
    centre: int
    document: int


def top_contexts(tokenizer: Any, latents: Latents, latent: int, n: int = 5, width: int = 8) -> list[Context]:
    """The contexts of a latent's largest activations, at most one per document and no two with the same tokens.

    `width` is the number of tokens on each side. There are fewer contexts than `n` if the latent has no more.
    """
    return contexts_around(tokenizer, latents, latent, strongest_rows(latents, latent, n, width), width)


def strongest_rows(latents: Latents, latent: int, n: int, width: int) -> list[int]:
    """The rows in the middle of the contexts that `top_contexts` shows."""
    rows, values = latents.column(latent)
    rows = rows[np.argsort(-values, kind="stable")]
    strongest = np.sort(np.unique(latents.document_ids[rows], return_index=True)[1])  # of each document
    chosen: dict[bytes, int] = {}  # by tokens: texts made from one template repeat
    for row in rows[strongest]:
        if len(chosen) == n:
            break
        chosen.setdefault(latents.token_ids[window(latents, row, width)].tobytes(), int(row))
    return list(chosen.values())


def contexts_by_strength(
    tokenizer: Any,
    latents: Latents,
    latent: int,
    *,
    n: int = 3,
    width: int = 8,
    seed: int = 0,
) -> list[list[Context]]:
    """Random contexts from each third of a latent's activations.

    What is shown of the strongest activations alone flatters a latent: most of what it does lies below them.

    Returns:
        For each third, the strongest first, at most `n` contexts by descending activation.
    """
    rows, values = latents.column(latent)
    # Each row of the texts has its lot, so that a row more or less, as on another machine, changes no other draw.
    lots = np.random.default_rng([seed, latent]).random(len(latents))
    chosen = []
    for third in np.array_split(rows[np.argsort(-values, kind="stable")], 3):
        drawn = np.sort(np.argsort(lots[third], kind="stable")[:n])
        chosen.append(contexts_around(tokenizer, latents, latent, third[drawn], width))
    return chosen


def contexts_around(
    tokenizer: Any,
    latents: Latents,
    latent: int,
    rows: Sequence[int] | Int[np.ndarray, " rows"],
    width: int = 8,
) -> list[Context]:
    """A latent's contexts around these rows, in this order, with `width` tokens on each side."""
    contexts = []
    for row in rows:
        around = window(latents, int(row), width)
        contexts.append(
            Context(
                token_strings(tokenizer, latents.token_ids[around]),
                activations_in(latents, latent, around),
                int(row - around[0]),
                int(latents.document_ids[row]),
            )
        )
    return contexts


def activations_in(
    latents: Latents, latent: int, window: Int[np.ndarray, " rows"]
) -> Float[np.ndarray, " rows"]:
    """A latent's activation at each row of a window, 0 where it is off."""
    on, values = latents.column(latent)
    inside = slice(*np.searchsorted(on, [window[0], window[-1] + 1]))
    activations = np.zeros(len(window), dtype=np.float32)
    activations[on[inside] - window[0]] = values[inside]
    return activations


def window(latents: Latents, row: int, width: int) -> Int[np.ndarray, " rows"]:
    """The rows of the same document that are at most `width` away."""
    rows = np.arange(max(0, row - width), min(len(latents), row + width + 1))
    return rows[latents.document_ids[rows] == latents.document_ids[row]]


@dataclass(frozen=True)
class TextFeatures:
    """The latents that a text turns on.

    Attributes:
        tokens: the text's tokens as strings, BOS left out.
        latents: the latents shown, strongest first.
        activations: [tokens, latents], their activations.
        n_active: how many latents are on anywhere in the text.
    """

    tokens: list[str]
    latents: Int[np.ndarray, " latents"]
    activations: Float[np.ndarray, "tokens latents"]
    n_active: int


def find_activating_features_for_text(
    model: TransformerBridge,
    sae: SparseAutoencoder,
    text: str,
    hook_name: str,
    top_k: int = 10,
) -> TextFeatures:
    """The `top_k` latents with the largest activation anywhere in `text`; of a long text its first 127 tokens.

    Args:
        model: the language model.
        sae: trained on `hook_name` of that model.
        text: any text that is not empty.
        hook_name: where the activations are read.
        top_k: how many latents, at most.
    """
    read = read_texts(model, sae, [text], hook_name)
    strongest = read.matrix.max(axis=0).toarray()
    found = np.argsort(-strongest, kind="stable")[:top_k]
    found = found[strongest[found] > 0]
    tokens = token_strings(model.tokenizer, read.token_ids)
    return TextFeatures(tokens, found, read.matrix[:, found].toarray(), int((read.n_active > 0).sum()))
