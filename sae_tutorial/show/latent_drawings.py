"""Figures for analysing latents: scores with their intervals beside what chance would have, strengths, lengths of rows."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int

from sae_tutorial.features.intervals import Interval
from sae_tutorial.show.canvas import INK
from sae_tutorial.show.plots import COLOURS, MARKERS, escaped, finish

COIN = 0.5  # what guessing scores


def scores_figure(rows: Mapping[str, Interval], title: str, x_title: str) -> go.Figure:
    """One row per entry: its value, written beside its interval, beside a line for a coin. Rows differ in colour and marker.

    Args:
        rows: by name, from top to bottom.
        title: what is to be seen.
        x_title: of the scores, up to 1.
    """
    figure = go.Figure()
    for i, (name, found) in enumerate(rows.items()):
        colour = COLOURS[(0, 1, 5)[i % 3]]
        figure.add_scatter(
            x=[found.value], y=[escaped(name)], mode="markers", showlegend=False,
            marker={"size": 11, "color": colour, "symbol": MARKERS[i % 3]},
            error_x={"array": [found.high - found.value], "arrayminus": [found.value - found.low],
                     "symmetric": False, "thickness": 2, "width": 4, "color": colour},
        )  # fmt: skip
        figure.add_scatter(
            x=[found.high], y=[escaped(name)], mode="text", text=[f"  {found.value:.2f}"], showlegend=False,
            textposition="middle right", textfont={"size": 13, "color": colour},
        )  # fmt: skip
    figure.add_vline(x=COIN, line={"color": INK, "dash": "dot", "width": 1})
    figure.add_annotation(x=COIN, y=1, yref="paper", yanchor="bottom", text="a coin", showarrow=False)
    lowest = min([COIN, *(found.low for found in rows.values())])
    figure.update_xaxes(title=x_title, range=[lowest - 0.05, 1])
    figure.update_yaxes(autorange="reversed", ticks="outside", ticklen=8, tickcolor="rgba(0,0,0,0)")
    return finish(figure, title, height=170 + 46 * len(rows))


def lengths_figure(
    places: Int[np.ndarray, " rows"], medians: Float[np.ndarray, " rows"], title: str
) -> go.Figure:
    """How long rows are, by their place in their text; of those up to three medians every fortieth is drawn.

    Where giants at one place have the same rounded length, a count stands beside their mark.

    Args:
        places: of each row, how many tokens of its text stand before it.
        medians: how long each row is, in lengths of a median row.
        title: what is to be seen.
    """
    is_giant = medians > 3
    drawn = {
        "a row of up to 3 medians (one in 40 drawn)": (np.flatnonzero(~is_giant)[::40], COLOURS[5], 4),
        "a giant, over 3 medians (all drawn)": (np.flatnonzero(is_giant), COLOURS[1], 11),
    }
    figure = go.Figure()
    for name, (rows, colour, size) in drawn.items():
        figure.add_scatter(
            x=places[rows].astype(float), y=medians[rows].astype(float), mode="markers", name=name,
            marker={"color": colour, "size": size, "symbol": "diamond-open" if size > 4 else "circle"},
        )  # fmt: skip
    giants = zip(places[is_giant].tolist(), medians[is_giant].round().tolist(), strict=True)
    for (place, length), count in Counter(giants).items():
        if count > 1:
            figure.add_annotation(
                x=place, y=float(np.log10(length)), text=f"{count} rows", showarrow=False, xanchor="left", xshift=10
            )  # fmt: skip
    ticks = [0.5, 1, 2, 5, 10, 20, 50, 100, 200]
    figure.update_yaxes(
        title="length of the row, in medians",
        type="log",
        tickvals=ticks,
        ticktext=[f"{tick:g}" for tick in ticks],
    )
    figure.update_xaxes(title="tokens before it in its text")
    return finish(figure, title).update_layout(legend={"x": 0.98, "y": 0.98, "xanchor": "right"})


def strengths_figure(activations: Float[np.ndarray, " tokens"], title: str) -> go.Figure:
    """How strong one latent is where it is on: a histogram over fifths of its range, in two greys.

    Args:
        activations: of the latent, where it is on.
        title: what is to be seen.
    """
    share = activations / activations.max()
    counts, edges = np.histogram(share, bins=np.linspace(0, 1, 41))
    figure = go.Figure()
    figure.add_bar(
        x=(edges[1:] + edges[:-1]) / 2, y=counts, width=0.021, marker={"color": COLOURS[0]}, showlegend=False
    )
    for i in range(5):
        within = ((share > i / 5) & (share <= (i + 1) / 5)).mean()
        figure.add_vrect(
            x0=i / 5, x1=(i + 1) / 5, fillcolor=COLOURS[5], opacity=(0.08, 0.2)[i % 2], line_width=0
        )
        figure.add_annotation(
            x=i / 5 + 0.1, y=0.98, yref="paper", yanchor="top", text=f"fifth {i + 1}<br>{within:.1%} of tokens", showarrow=False
        )  # fmt: skip
    figure.update_xaxes(title="activation, as a share of the largest", range=[0, 1])
    figure.update_yaxes(
        title="tokens", range=[0, 1.3 * counts.max()]
    )  # room for what is written above the bars
    return finish(figure, title)
