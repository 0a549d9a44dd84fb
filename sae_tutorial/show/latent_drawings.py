"""Figures for analysing latents: scores with their intervals beside what chance would have."""

from collections.abc import Mapping

import plotly.graph_objects as go

from sae_tutorial.features.intervals import Interval
from sae_tutorial.show.canvas import INK
from sae_tutorial.show.plots import COLOURS, escaped, finish


def scores_figure(
    rows: Mapping[str, Interval],
    title: str,
    x_title: str,
    *,
    chance: float = 0.5,
    chance_name: str = "a coin",
) -> go.Figure:
    """One row per entry: its value, written beside its interval, beside a named line at chance. The first row is dark.

    Args:
        rows: by name, from top to bottom.
        title: what is to be seen.
        x_title: of the scores, up to 1.
        chance: where the line is.
        chance_name: what the line is called.
    """
    figure = go.Figure()
    for i, (name, found) in enumerate(rows.items()):
        colour = COLOURS[0] if i == 0 else COLOURS[1]
        figure.add_scatter(
            x=[found.value], y=[escaped(name)], mode="markers", showlegend=False,
            marker={"size": 11, "color": colour, "symbol": "circle" if i == 0 else "diamond"},
            error_x={"array": [found.high - found.value], "arrayminus": [found.value - found.low],
                     "symmetric": False, "thickness": 2, "width": 4, "color": colour},
        )  # fmt: skip
        figure.add_scatter(
            x=[found.high], y=[escaped(name)], mode="text", text=[f"  {found.value:.2f}"], showlegend=False,
            textposition="middle right", textfont={"size": 13, "color": colour},
        )  # fmt: skip
    figure.add_vline(x=chance, line={"color": INK, "dash": "dot", "width": 1})
    figure.add_annotation(
        x=chance, y=1, yref="paper", yanchor="bottom", text=escaped(chance_name), showarrow=False
    )
    lowest = min([chance, *(found.low for found in rows.values())])
    figure.update_xaxes(title=x_title, range=[lowest - 0.05, 1])
    figure.update_yaxes(autorange="reversed", ticks="outside", ticklen=8, tickcolor="rgba(0,0,0,0)")
    return finish(figure, title, height=170 + 46 * len(rows))
