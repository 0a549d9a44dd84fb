"""Tables as HTML: contexts with their tokens lit up, and rows of anything."""

import html
from collections.abc import Mapping, Sequence

import numpy as np
from IPython.display import HTML
from jaxtyping import Float

from sae_tutorial.features.contexts import Context
from sae_tutorial.show.plots import visible


def context_table(contexts: Mapping[str, Sequence[Context]], darkest: float | None = None) -> HTML:
    """Token heatmaps of contexts under a heading each: the darker a token, the stronger the latent; hover for values.

    `darkest` is the activation that is drawn darkest, None for the largest under each heading.
    """
    parts = []
    for heading, rows in contexts.items():
        parts.append(f"<p style='margin:8px 0 2px'><b>{html.escape(heading)}</b></p>")
        strongest = darkest or max((float(row.activations.max()) for row in rows), default=0.0)
        parts += [_context_line(row, strongest) for row in rows]
    return HTML(
        "<div style='font-size:13px;line-height:1.7;color:#111;background:#fff'>" + "".join(parts) + "</div>"
    )


def table(rows: Sequence[Mapping[str, object]], fold: str = "") -> HTML:
    """Rows of equal keys as an HTML table; with `fold` it is folded under these words."""
    heads = "".join(
        f"<th style='text-align:left;padding:2px 10px'>{html.escape(str(key))}</th>" for key in rows[0]
    )
    lines = ""
    for row in rows:
        cells = (
            f"<td style='text-align:left;padding:2px 10px'>{html.escape(str(v))}</td>" for v in row.values()
        )
        lines += f"<tr>{''.join(cells)}</tr>"
    page = f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>"
    if fold:
        page = f"<details><summary style='cursor:pointer'>{html.escape(fold)}</summary>{page}</details>"
    return HTML(page)


def lit_tokens(
    tokens: Sequence[str],
    activations: Float[np.ndarray, " tokens"],
    darkest: float,
    outlined: int | None = None,
) -> str:
    """Tokens as one line of HTML: `darkest` and more is darkest, none white; hovering over a token shows its value."""
    spans = []
    for i, (token, activation) in enumerate(zip(tokens, activations, strict=True)):
        strength = min(max(float(activation) / darkest, 0.0), 1.0) if darkest else 0.0
        border = ";outline:1px solid #333" if i == outlined else ""
        spans.append(
            f"<span title='{float(activation):.2f}' style='background:rgba(224,159,62,{strength:.2f}){border};"
            f"white-space:pre-wrap'>{html.escape(visible(token))}</span>"
        )
    return "".join(spans)


def _context_line(context: Context, strongest: float) -> str:
    return f"<div>{lit_tokens(context.tokens, context.activations, strongest, context.centre)}</div>"
