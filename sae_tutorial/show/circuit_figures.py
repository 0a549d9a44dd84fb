"""Figures of heads and circuits: where heads look, a grid with its numbers written in, which earlier heads compose."""

import hashlib
import re
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from circuitsvis.attention import attention_heads
from IPython.display import HTML
from jaxtyping import Float

from sae_tutorial.show.plots import grid_figure, scatter_figure
from sae_tutorial.transformer.heads import Head, head_name


def numbered_grid(
    z: Float[np.ndarray, "rows columns"],
    x: Sequence[str | int],
    y: Sequence[str | int],
    title: str,
    x_title: str,
    y_title: str,
    z_title: str,
    *,
    above: float = 0.0,
    digits: int = 2,
    by_row: bool = False,
    top_down: bool = False,
    height: int = 460,
) -> go.Figure:
    """A `grid_figure` with each number written in its square, where its size is over `above`.

    `by_row` colours every row by the share of its largest number, on a scale centred at zero: for rows in different
    units. The numbers written are those given.
    """
    z = np.asarray(z, dtype=float)
    colours = z / np.maximum(np.abs(z).max(1, keepdims=True), 1e-9) if by_row else z
    figure = grid_figure(
        colours, x, y, title, x_title, y_title, z_title, signed=by_row, top_down=top_down, height=height
    )
    rounded = np.round(z, digits) + 0.0  # no minus before a zero
    text = [[f"{number:.{digits}f}" if abs(number) >= above else "" for number in row] for row in rounded]
    return figure.update_traces(text=text, texttemplate="%{text}")


def composition_figure(
    previous: Float[np.ndarray, "layers heads"],
    composition: Float[np.ndarray, "layers heads"],
    receiver: Head,
    title: str,
) -> go.Figure:
    """Every head before `receiver`: how much it looks one place back, and how much of what it writes the receiver reads.

    The two that compose most and the four that look back most are named.
    """
    earlier = [(layer, head) for layer in range(receiver[0]) for head in range(previous.shape[1])]
    x, y = (np.array([float(scores[head]) for head in earlier]) for scores in (previous, composition))
    names = [head_name(head) for head in earlier]
    figure = scatter_figure(
        x, y, title, "previous-token score", f"K-composition with {head_name(receiver)}", hover=names
    )
    figure.update_traces(marker_size=7)
    looks_back = x.argsort()[-4:]
    for i in sorted({*y.argsort()[-2:].tolist(), *looks_back.tolist()}):
        # neighbours on the right would cover each other's names, so every second one stands below its point
        below = i in looks_back[[0, 2]]
        figure.add_annotation(x=x[i], y=y[i], text=names[i], showarrow=False, yshift=-12 if below else 12)
    return figure


def attention_view(
    tokens: Sequence[str], patterns: Float[np.ndarray, "heads query key"], names: Sequence[str]
) -> HTML:
    """Attention patterns to hover over, by circuitsvis, rounded to hundredths.

    It carries its own JavaScript (1.3 MB) and fetches nothing. A code host's static copy of a notebook does not show it.
    """
    shares = np.round(patterns, 2).tolist()
    # The view itself would ask the network on every display which source to use.
    page = attention_heads(attention=shares, tokens=list(tokens), attention_head_names=list(names)).local_src
    # Its random id would make every run of a notebook another file.
    content = hashlib.sha256(repr((tokens, shares)).encode()).hexdigest()[:13]
    return HTML(re.sub(r"circuits-vis-[0-9a-f]{8}-[0-9a-f]{4}", f"circuits-vis-{content}", page))
