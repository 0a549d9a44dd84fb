"""Drawings for comparing two models: the crosscoder between them, whose a latent is, what fools that, a direction taken out."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
import torch
from jaxtyping import Float
from plotly.subplots import make_subplots
from torch import Tensor

from sae_tutorial.features.diffing import OWN_SHARE
from sae_tutorial.features.intervals import Interval
from sae_tutorial.show.canvas import GREY, INK, Place, arrow, as_drawing, box, line, say
from sae_tutorial.show.plots import COLOURS, finish

BASE, TUNED, OTHER = COLOURS[0], COLOURS[1], COLOURS[2]
PALE_OF = {BASE: "#9db0bd", TUNED: "#edb6bd"}


def crosscoder_drawing(title: str) -> go.Figure:
    """Two streams into one set of latents and out again; a shared latent has two equal arrows, an exclusive one has one."""
    figure = go.Figure()
    for y, name, colour in ((2.4, "base model", BASE), (0.2, "tuned model", TUNED)):
        say(figure, (0.4, y + 0.55), f"<b>{name}</b>", colour=colour)
        box(figure, (0.4, y), "its row", colour, width=1.1)
        arrow(figure, (1.0, y), (2.2, 0.8 + 0.25 * (y - 0.8)), colour)
        box(figure, (9.0, y), "its row again", colour, width=1.6)
    box(figure, (3.1, 0.8), "one encoder<br>reads both", INK, width=1.7, tall=1.2)
    for y, words, sides in ((1.3, "a shared latent", (1, -1)), (-0.9, "an exclusive latent", (1,))):
        arrow(figure, (4.0, 0.8 + 0.25 * (y - 0.8)), (4.6, y), INK)
        box(figure, (5.6, y), words, INK, width=1.9)
        for up in sides:  # all arrows are equally long, because their length is what counts
            arrow(figure, (6.6, y), (8.15, y + up), BASE if y + up > 1 else TUNED, width=3)
    say(figure, (7.2, 2.7), "one arrow for each model", size=12)
    say(figure, (8.1, -0.9), "an arrow for one model only", size=12)
    return as_drawing(figure, title, (-0.5, 10.1), (-1.4, 3.3), height=340)


def scaling_drawing(title: str) -> go.Figure:
    """Three latents that each write 10 of an arrow for the tuned model and nothing for the base model: what it has all the same.

    Under each are both numbers of latent scaling: ν^ε counts what this latent and nobody writes, ν^r what this latent and the
    others write.
    """
    figure = go.Figure()
    for x, name, others, nobody in (
        (1.6, "its own", 0, 0), (4.6, "complete shrinkage", 0, 8), (7.6, "latent decoupling", 8, 0),
    ):  # fmt: skip
        say(figure, (x, 4.9), f"<b>{name}</b>", size=14)
        _stack(figure, x - 0.6, (10, 0, 0))
        _stack(figure, x + 0.6, (0, others, nobody))
        if not others + nobody:
            say(figure, (x + 0.6, 0.25), "nothing", size=12)
        say(figure, (x - 0.6, -0.3), "tuned", size=12)
        say(figure, (x + 0.6, -0.3), "base", size=12)
        say(figure, (x, -0.95), f"ν<sup>ε</sup> = (0 + {nobody}) / 10 = {nobody / 10}")
        say(figure, (x, -1.5), f"ν<sup>r</sup> = (0 + {others}) / 10 = {others / 10}")
    for y, words, colour, dash in (
        (3.6, "this latent writes it", TUNED, "solid"),
        (2.8, "other latents write it", OTHER, "solid"),
        (2.0, "no latent writes it", GREY, "dot"),
    ):
        _block(figure, (9.1, 9.4), (y - 0.2, y + 0.2), colour, dash)
        figure.add_annotation(
            x=9.6, y=y, text=words, showarrow=False, xanchor="left", font={"size": 13, "color": INK}
        )
    for y, words in ((-0.95, "(this latent + no latent) / tuned"), (-1.5, "(this latent + others) / tuned")):
        figure.add_annotation(
            x=9.1, y=y, text=words, showarrow=False, xanchor="left", font={"size": 12, "color": INK}
        )
    return as_drawing(figure, title, (0.2, 11.8), (-1.9, 5.3), height=400)


def take_out_drawing(title: str) -> go.Figure:
    """Rows of the stream moved along one direction, up to where the mean row stands; across it nothing moves."""
    figure, middle = go.Figure(), 2.2
    arrow(figure, (0.0, 0.0), (9.0, 0.0), INK, width=2)
    say(figure, (9.0, -0.35), "the direction")
    line(figure, [(middle, 0.0), (middle, 3.2)], GREY, 2)
    say(figure, (middle, 3.5), "the base model's mean along it")
    for row in ((7.6, 2.6), (6.1, 0.8), (0.7, 1.7)):
        arrow(figure, row, (middle, row[1]), TUNED, width=3)
        _dot(figure, row, INK)
        _dot(figure, (middle, row[1]), TUNED)
    say(figure, (8.3, 2.6), "a row x")
    say(figure, (5.0, 2.25), "moved to where the mean row stands", size=12, colour=TUNED)
    return as_drawing(figure, title, (-0.3, 9.9), (-0.7, 3.8), height=320)


def control_figure(
    shares: Mapping[str, Float[Tensor, " latents"]], title: str, limits: Mapping[str, float], limit_name: str
) -> go.Figure:
    """A row for each pair of models: each latent in use as a point at the second model's share of its decoder norm.

    Each row has a line at its limit, the furthest that its control came. What lies beyond has another colour.
    """
    figure = go.Figure()
    for i, (name, found) in enumerate(shares.items()):
        jitter = 0.5 * np.random.default_rng(i).random(len(found)) - 0.25
        figure.add_scatter(
            x=found.tolist(), y=(i + jitter).tolist(), mode="markers", hovertemplate="share %{x:.2f}<extra></extra>",
            marker={
                "size": [11 if share == found.max() else 5 for share in found],
                "color": [TUNED if share > limits[name] else BASE for share in found], "opacity": 0.6,
            },
            name=name, showlegend=False,
        )  # fmt: skip
        ends = {"x0": limits[name], "x1": limits[name], "y0": i - 0.5, "y1": i + 0.5}
        figure.add_shape(type="line", **ends, line={"color": TUNED, "width": 1}, layer="below")
    paper = f"line of Minder et al., {OWN_SHARE:.2f}"
    look = {"color": GREY, "width": 1, "dash": "dash"}
    figure.add_vline(OWN_SHARE, line=look, layer="below", annotation_text=paper, annotation_position="top")
    figure.add_annotation(
        x=min(limits.values()), y=1, yref="paper", yanchor="bottom", text=limit_name, showarrow=False
    )
    figure.update_xaxes(
        title="the second model's share of both arrows' length (a large dot: the largest)",
        range=[min(0.4, *torch.cat(list(shares.values())).tolist()) - 0.02, 0.95],
    )
    figure.update_yaxes(tickvals=list(range(len(shares))), ticktext=list(shares), autorange="reversed")
    return finish(figure, title, height=160 + 55 * len(shares))


def two_tests_figure(
    results: Mapping[str, tuple[Interval, Interval]],
    cosines: Mapping[str, float],
    title: str,
    brings: float,
    leaves: float,
    ours: str,
) -> go.Figure:
    """A row for each direction: how often the word came when it was put in (left), and how often it stayed when taken out (right).

    Sorted by how often it came. A dotted line marks the share above which a direction `brings` the word, and the share below
    which what it `leaves` counts as taken out. A result is filled if its whole interval passes, pale if the interval crosses
    the line, hollow if all of it fails. The direction called `ours` is marked. Behind each row stands its cosine, if any.
    """
    names = sorted(results, key=lambda name: (-results[name][0].value, results[name][1].value))
    headings = ["put into the base model: brings", "taken out of the tuned model: leaves"]
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.05, subplot_titles=headings)
    for test, (colour, limit, word) in enumerate(((TUNED, brings, "above"), (BASE, leaves, "below"))):
        found = [results[name][test] for name in names]
        fills = [_fill(one, limit, colour, word == "above") for one in found]
        figure.add_scatter(
            x=[one.value for one in found], y=names, mode="markers", hoverinfo="x+y", showlegend=False, row=1, col=test + 1,
            marker={"size": 12, "color": fills, "opacity": 1, "line": {"width": 2, "color": colour}},
            error_x={
                "array": [one.high - one.value for one in found], "arrayminus": [one.value - one.low for one in found],
                "color": colour, "thickness": 1.5, "width": 4,
            },
        )  # fmt: skip
        figure.add_vline(
            limit, line={"color": INK, "dash": "dot", "width": 1}, row=1, col=test + 1,
            annotation_text=f"passes {word} {limit:.0%}", annotation_position="bottom right", annotation_font_size=11,
        )  # fmt: skip
    say_beside = {"xref": "paper", "x": 1.02, "xanchor": "left", "showarrow": False, "font": {"size": 12}}
    figure.add_annotation(
        text="cosine with<br>our arrow", yref="paper", y=1.0, yanchor="bottom", align="left", **say_beside
    )
    for name, cosine in cosines.items():
        figure.add_annotation(text=f"{cosine:.2f}", yref="y", y=name, **say_beside)
    figure.update_xaxes(title="share of texts, with its 95% interval", range=[-0.04, 1.0], tickformat=".0%")
    marked = [f"<b>our arrow ({name})</b>" if name == ours else name for name in names]
    # A free line below the last direction, for the words beside the dotted lines.
    figure.update_yaxes(range=[len(names) + 0.1, -0.6], tickvals=names, ticktext=marked)
    finish(figure, title, height=210 + 32 * len(names))
    return figure.update_layout(margin={"t": 100, "r": 100, "l": 190})


def _fill(found: Interval, limit: float, colour: str, above: bool) -> str:
    """Full colour where the whole interval passes, pale where it crosses the limit, white where all of it fails."""
    if found.low <= limit <= found.high:
        return PALE_OF[colour]
    return colour if (found.low > limit) == above else "white"


def _dot(figure: go.Figure, at: Place, colour: str) -> None:
    x, y = at
    figure.add_shape(
        type="circle",
        x0=x - 0.08,
        x1=x + 0.08,
        y0=y - 0.09,
        y1=y + 0.09,
        fillcolor=colour,
        line={"color": colour},
    )


def _stack(figure: go.Figure, x: float, amounts: tuple[float, float, float]) -> None:
    """A bar of what this latent, the others and nobody writes, ten units tall at most; what is 0 is not drawn."""
    bottom = 0.0
    for amount, colour, dash in zip(amounts, (TUNED, OTHER, GREY), ("solid", "solid", "dot"), strict=True):
        if not amount:
            continue
        top = bottom + 0.45 * amount
        _block(figure, (x - 0.4, x + 0.4), (bottom, top), colour, dash)
        figure.add_annotation(
            x=x, y=(bottom + top) / 2, text=str(amount), showarrow=False, font={"size": 13, "color": INK if dash == "dot" else "white"}
        )  # fmt: skip
        bottom = top


def _block(figure: go.Figure, x: Place, y: Place, colour: str, dash: str) -> None:
    """A rectangle: filled, or dotted and empty."""
    figure.add_shape(
        type="rect", x0=x[0], x1=x[1], y0=y[0], y1=y[1], line={"color": colour, "width": 2, "dash": dash},
        fillcolor="white" if dash == "dot" else colour,
    )  # fmt: skip
