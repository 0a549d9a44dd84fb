"""Figures of heads and circuits: where heads look, a grid with its numbers written in."""

import hashlib
import re
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from circuitsvis.attention import attention_heads
from IPython.display import HTML
from jaxtyping import Float

from sae_tutorial.show.plots import grid_figure


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
    units. The numbers written are those given. A square without a number (NaN) gets a dash.
    """
    z = np.asarray(z, dtype=float)
    colours = z / np.maximum(np.abs(z).max(1, keepdims=True), 1e-9) if by_row else z
    figure = grid_figure(
        colours, x, y, title, x_title, y_title, z_title, signed=by_row, top_down=top_down, height=height
    )
    rounded = np.round(z, digits) + 0.0  # no minus before a zero
    text = [[f"{number:.{digits}f}" if abs(number) >= above else "" for number in row] for row in rounded]
    for row, column in np.argwhere(np.isnan(z)).tolist():
        figure.add_annotation(x=column, y=row, text="–", showarrow=False)
    return figure.update_traces(text=text, texttemplate="%{text}")


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
