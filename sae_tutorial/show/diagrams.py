"""Structures rather than numbers: layered graphs, attention patterns."""

import html
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from circuitsvis.attention import attention_heads
from IPython.display import HTML
from jaxtyping import Float

from sae_tutorial.show.plots import COLOURS, escaped, finish


def graph_figure(
    columns: Mapping[str, Sequence[str]],
    edges: Sequence[tuple[str, str, float]],
    title: str,
    x_title: str,
    weight_name: str,
) -> go.Figure:
    """A layered graph: a column of named nodes per entry, and edges (from, to, weight) between them.

    The heavier an edge among those that leave its column, the thicker; at least half as heavy as the heaviest, it
    carries its weight as a number. What lowers is dashed. A name must not occur twice.
    """
    place = {}
    for x, names in enumerate(columns.values()):
        for row, name in enumerate(names):
            place[name] = (float(x), (len(names) - 1) / 2 - row)
    figure = go.Figure()
    heaviest: dict[float, float] = {}
    for start, _, weight in edges:
        heaviest[place[start][0]] = max(abs(weight), heaviest.get(place[start][0], 0.0))
    for raises in (True, False):
        style = {"color": COLOURS[0 if raises else 1], "dash": "solid" if raises else "dash"}
        figure.add_scatter(
            x=[None], y=[None], mode="lines", line={**style, "width": 3},
            name=f"{'raises' if raises else 'lowers'} ({weight_name})",
        )  # fmt: skip
    for i, (start, end, weight) in enumerate(edges):
        (x0, y0), (x1, y1) = place[start], place[end]
        share = abs(weight) / heaviest[x0]
        style = {"color": COLOURS[0 if weight >= 0 else 1], "dash": "solid" if weight >= 0 else "dash"}
        figure.add_scatter(
            x=[x0, x1], y=[y0, y1], mode="lines", showlegend=False, opacity=0.75,
            line={**style, "width": 0.5 + 4.5 * share},
            hovertext=f"{html.escape(start)} to {html.escape(end)}: {weight:+.2f}", hoverinfo="text",
        )  # fmt: skip
        if share >= 0.5:
            along = (0.3, 0.42, 0.58, 0.7)[i % 4]  # numbers of neighbouring edges would cover each other
            figure.add_annotation(
                x=x0 + along * (x1 - x0), y=y0 + along * (y1 - y0), text=f"{weight:+.2f}", showarrow=False,
                font={"size": 10}, bgcolor="rgba(255,255,255,0.85)",
            )  # fmt: skip
    for name, (x, y) in place.items():
        figure.add_annotation(
            x=x, y=y, text=escaped(name), showarrow=False, bgcolor="white",
            bordercolor="#222222", borderpad=4,
        )  # fmt: skip
    figure.update_xaxes(
        title=x_title, tickvals=list(range(len(columns))), ticktext=list(columns), showgrid=False, zeroline=False,
        range=[-0.5, len(columns) - 0.5],
    )  # fmt: skip
    figure.update_yaxes(title="strongest on top", showticklabels=False, showgrid=False, zeroline=False)
    figure.update_layout(legend={"orientation": "h", "y": 1.08, "x": 0})
    return finish(figure, title, height=520)


def attention_view(
    tokens: Sequence[str], patterns: Float[np.ndarray, "heads query key"], names: Sequence[str]
) -> HTML:
    """Attention patterns to hover over, by circuitsvis. Carries its own JavaScript (1.3 MB): nothing is fetched.

    A static copy of the notebook does not show it: draw the same with `grid_figure` beside it.
    """
    view = attention_heads(attention=patterns, tokens=list(tokens), attention_head_names=list(names))
    return HTML(view.local_src)  # the view itself would ask the network on every display which source to use
