"""Latents as cards of lit sentences, and one text lit up by each of its latents.

A token's colour is the latent's activation as a share of the largest seen anywhere, so that latents can be compared. The
cards are white, so that they read alike on light and dark pages.
"""

import html
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from IPython.display import HTML

from sae_tutorial.features.contexts import Context, TextFeatures
from sae_tutorial.features.latents import Latents
from sae_tutorial.show.tables import lit_tokens
from sae_tutorial.transformer.tokens import token_strings

CARD = "color:#111;background:#fff;border:1px solid #bbb;border-radius:6px;padding:8px 12px;font-size:13px;line-height:1.7"


def gallery_cards(
    cards: Sequence[tuple[Sequence[Context], float, str]], *, summary: str = "What readers called it"
) -> HTML:
    """Two columns of cards, each with its lit sentences, and the description folded so that one can guess first.

    Args:
        cards: of each latent its contexts, its largest activation anywhere, and a description.
        summary: what to click on for the description.
    """
    parts = []
    for number, (contexts, largest, description) in enumerate(cards, start=1):
        lines = "".join(
            f"<div>{lit_tokens(c.tokens, c.activations / largest, darkest=1)}</div>" for c in contexts
        )
        parts.append(
            f"<div style='{CARD}'><b>{number}</b>{lines}<details><summary style='cursor:pointer'>{html.escape(summary)}"
            f"</summary>{html.escape(description)}</details></div>"
        )
    return HTML(
        "<div style='display:grid;grid-template-columns:repeat(auto-fit,minmax(380px,1fr));gap:10px'>"
        + "".join(parts)
        + "</div>"
    )


def lit_sentences(read: Latents, tokenizer: Any, latent: int, darkest: float) -> HTML:
    """Each text that was read on a line of its own, lit where one latent is on; `darkest` and more is darkest."""
    lines = []
    for document in np.unique(read.document_ids):
        here = read.document_ids == document
        tokens = token_strings(tokenizer, read.token_ids[here])
        lines.append(
            f"<div>{lit_tokens(tokens, read.matrix[here][:, [latent]].toarray()[:, 0], darkest)}</div>"
        )
    return HTML(f"<div style='{CARD}'>{''.join(lines)}</div>")


def lit_text(features: TextFeatures, names: Mapping[int, str] = MappingProxyType({})) -> HTML:
    """One line per latent: the text, lit where the latent is on, and the latent's name.

    Args:
        features: of `latents_of_text`, whose activations are shares already, or of `find_activating_features_for_text`;
            where a line goes beyond 1, its colours are shares of its own largest activation.
        names: what to call a latent beside its number.
    """
    # Rows of a grid: a table would take its rows' colours from the page around it, dark stripes included.
    cells = []
    for latent, values in zip(features.latents, features.activations.T, strict=True):
        lit = lit_tokens(features.tokens, values / max(float(values.max(initial=0)), 1.0), darkest=1)
        cells.append(
            f"<div>{lit}</div><div style='color:#444'>{html.escape(names.get(int(latent), 'latent'))} "
            f"<span style='color:#767676'>({int(latent)})</span></div>"
        )
    grid = "display:grid;grid-template-columns:fit-content(70%) 1fr;column-gap:14px;overflow-x:auto"
    return HTML(f"<div style='{CARD};{grid}'>{''.join(cells)}</div>")
