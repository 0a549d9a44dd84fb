"""Drawings for comparing two models: the crosscoder between them, and whose each of its latents is."""

import plotly.graph_objects as go
from jaxtyping import Float
from torch import Tensor

from sae_tutorial.show.canvas import GREY, INK, arrow, as_drawing, box, say
from sae_tutorial.show.plots import COLOURS, finish

BASE, TUNED, BOTH = COLOURS[0], COLOURS[1], GREY


def crosscoder_drawing(title: str) -> go.Figure:
    """Two streams into one set of latents and out again; a shared latent has two arrows, an exclusive one has one."""
    figure = go.Figure()
    for y, name, colour in ((2.4, "base model", BASE), (0.4, "tuned model", TUNED)):
        say(figure, (0.4, y + 0.55), f"<b>{name}</b>", colour=colour)
        box(figure, (0.4, y), "its row", colour, width=1.1)
        arrow(figure, (1.0, y), (2.2, 1.4 + 0.25 * (y - 1.4)), colour)
        box(figure, (9.0, y), "its row again", colour, width=1.6)
    box(figure, (3.1, 1.4), "one encoder<br>reads both", INK, width=1.7, tall=1.2)
    for y, words, sides in (
        (2.4, "a shared latent", (2.4, 0.4)), (0.4, "an exclusive latent", (0.4,)),
    ):  # fmt: skip
        arrow(figure, (4.0, 1.4 + 0.25 * (y - 1.4)), (4.6, y), INK)
        box(figure, (5.6, y), words, INK, width=1.9)
        for side in sides:
            arrow(figure, (6.6, y), (8.15, side + 0.12 * (y - side)), BASE if side > 1 else TUNED, width=3)
    say(figure, (7.3, 3.0), "one arrow for each model", size=12)
    say(figure, (7.3, -0.2), "an arrow for one model only", size=12)
    return as_drawing(figure, title, (-0.5, 10.1), (-0.5, 3.5), height=330)


def share_figure(
    shares: Float[Tensor, " latents"],
    rows_on: Float[Tensor, " latents"],
    names: dict[int, str],
    title: str,
) -> go.Figure:
    """Each latent as a point: the tuned side's share of its norm against the number of rows it is on; some with names.

    Latents that are never on are left out.
    """
    live = rows_on > 0
    figure = go.Figure()
    figure.add_scatter(
        x=shares[live].tolist(), y=rows_on[live].tolist(), mode="markers", marker={"size": 5, "color": BASE, "opacity": 0.6},
        hovertemplate="share %{x:.2f}, on in %{y} rows<extra></extra>", showlegend=False,
    )  # fmt: skip
    for latent, name in names.items():
        figure.add_scatter(
            x=[float(shares[latent])], y=[float(rows_on[latent])], mode="markers+text", text=[name],
            textposition="middle left", marker={"size": 10, "color": TUNED}, hoverinfo="skip", showlegend=False,
        )  # fmt: skip
    figure.update_xaxes(title="tuned model's share of the decoder norm", range=[-0.03, 1.05])
    figure.update_yaxes(title="rows on which it is on", type="log")
    return finish(figure, title)
