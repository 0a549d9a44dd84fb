"""Drawings for comparing two models: the crosscoder between them, whose a latent is, what fools that, two tests of a direction."""

from collections.abc import Collection, Mapping

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
PALE_OF = {BASE: "#9db0bd", TUNED: "#edb6bd", GREY: "#e3e7eb"}


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


def edits_drawing(title: str) -> go.Figure:
    """Four rows before and after an arrow is put in (each moves as far), and before and after it is taken out."""
    figure = go.Figure()
    rows = ((0.5, 2.3), (1.4, 0.7), (2.3, 1.8), (2.9, 1.0))
    for left, name, colour in ((0.0, "put in: each row moves equally far", TUNED), (6.2, "taken out: all stand at the mean", BASE)):  # fmt: skip
        mean = left + 1.2
        say(figure, (left + 2.2, 3.2), f"<b>{name}</b>", colour=colour, size=14)
        arrow(figure, (left, 0.0), (left + 4.7, 0.0), INK)
        say(figure, (left + 2.2, -0.35), "along our arrow", size=12)
        if colour == BASE:
            line(figure, [(mean, 0.0), (mean, 2.7)], GREY, 1)
            say(figure, (mean, 2.85), "the base model's mean", size=12)
        for x, y in rows:
            end = left + x + 1.5 if colour == TUNED else mean
            arrow(figure, (left + x, y), (end, y), colour)
            for at, fill in ((left + x, "white"), (end, colour)):
                figure.add_shape(
                    type="circle", x0=at - 0.09, x1=at + 0.09, y0=y - 0.11, y1=y + 0.11,
                    line={"color": colour, "width": 2}, fillcolor=fill,
                )  # fmt: skip
    say(figure, (5.45, 0.6), "hollow: before<br>full: after", size=12)
    return as_drawing(figure, title, (-0.3, 11.2), (-0.7, 3.5), height=320)


def scaling_figure(
    parts: Mapping[str, Float[np.ndarray, "3 2"]], title: str, formulas: bool = True
) -> go.Figure:
    """How much of each latent's tuned arrow both models' rows have: what it writes, what the others write, what no latent writes.

    Args:
        parts: by latent those three amounts, for the base model and the tuned one. Under each stand both numbers of latent
            scaling: ν^ε divides what this latent and nobody writes, base by tuned; ν^r what this latent and the others write.
        title: of the figure.
        formulas: also how both come about, and the same for all that a row holds; without them only the two numbers.
    """
    figure, last = go.Figure(), 3.4 * len(parts) - 1.4
    unit = 3.8 / max(float(found.clip(min=0).sum(0).max()) for found in parts.values())
    line(figure, [(0.2, 0.0), (last, 0.0)], GREY, 1)
    for i, (name, found) in enumerate(parts.items()):
        x = 1.2 + 3.4 * i
        say(figure, (x, 4.3), f"<b>{name}</b>", size=14)
        for at, side, amounts in ((x - 0.65, "tuned", found[:, 1]), (x + 0.65, "base", found[:, 0])):
            _stack(figure, at, amounts, unit)
            say(figure, (at, -1.0), side, size=12)
        for y, letter, other in ((-1.6, "ε", found[2]), (-2.15, "r", found[1])):
            base, tuned = found[0] + other
            sums = [
                f"({own:.2f} {'−' if more < -0.005 else '+'} {abs(more):.2f})"
                for own, more in zip(found[0], other, strict=True)
            ]
            formula = f"{sums[0]} / {sums[1]} = " if formulas else ""
            say(figure, (x, y), f"ν<sup>{letter}</sup> = {formula}{base / tuned:.2f}", size=12)
        if formulas:
            base, tuned = found.sum(0)
            say(figure, (x, -2.7), f"whole rows: {base:.2f} / {tuned:.2f} = {base / tuned:.2f}", size=12)
    kinds = (("this latent writes it", TUNED, "solid"), ("other latents write it", OTHER, "solid"), ("no latent writes it", GREY, "dot"))  # fmt: skip
    for y, (words, colour, dash) in zip((3.0, 2.2, 1.4), kinds, strict=True):
        _block(figure, (last + 0.6, last + 0.9), (y - 0.2, y + 0.2), colour, dash)
        note = {"text": words, "showarrow": False, "xanchor": "left", "font": {"size": 13, "color": INK}}
        figure.add_annotation(x=last + 1.1, y=y, **note)
    return as_drawing(figure, title, (-0.7, last + 3.5), (-3.0, 4.7), height=450)


def control_figure(
    shares: Mapping[str, Float[Tensor, " latents"]], title: str, limit: float, limit_name: str
) -> go.Figure:
    """A row for each pair of models: each latent in use as a point at the second model's share of its decoder norm.

    A line marks the furthest that the control came. What lies beyond has another colour.
    """
    figure = go.Figure()
    for i, (name, found) in enumerate(shares.items()):
        jitter = 0.5 * np.random.default_rng(i).random(len(found)) - 0.25
        figure.add_scatter(
            x=found.tolist(), y=(i + jitter).tolist(), mode="markers", hovertemplate="share %{x:.2f}<extra></extra>",
            marker={
                "size": [11 if share == found.max() else 5 for share in found],
                "color": [TUNED if share > limit else BASE for share in found],
                "opacity": [1.0 if share > limit else 0.6 for share in found],
            },
            name=name, showlegend=False,
        )  # fmt: skip
    figure.add_vline(limit, line={"color": TUNED, "width": 1}, layer="below")
    paper = f"line of Minder et al., {OWN_SHARE:.2f}"
    look = {"color": GREY, "width": 1, "dash": "dash"}
    figure.add_vline(OWN_SHARE, line=look, layer="below", annotation_text=paper, annotation_position="top")
    figure.add_annotation(x=limit, y=1, yref="paper", yanchor="bottom", text=limit_name, showarrow=False)
    figure.update_xaxes(
        title="the tuned (or twin's) share of both arrows' length; large dot: the first latent",
        range=[min(0.4, *torch.cat(list(shares.values())).tolist()) - 0.02, 0.95],
    )
    rows = [f"{name} ({len(found)} latents)" for name, found in shares.items()]
    figure.update_yaxes(tickvals=list(range(len(shares))), ticktext=rows, autorange="reversed")
    return finish(figure, title, height=160 + 55 * len(shares))


def two_tests_figure(
    results: Mapping[str, tuple[Interval, Interval]],
    cosines: Mapping[str, float],
    title: str,
    brings: float,
    leaves: float,
    ours: str,
    controls: Collection[str],
) -> go.Figure:
    """A row for each direction: how often the word came when it was put in (left), and how often it stayed when taken out (right).

    Sorted by how often it came. A dotted line marks the share above which a direction `brings` the word, and the share below
    which what it `leaves` counts as taken out. A result is a full dot if its whole interval passes, a pale diamond if the
    interval crosses the line, a cross if all of it fails. The direction called `ours` is marked, and `controls` are grey.
    Behind each row stands its cosine, if any.
    """
    names = sorted(results, key=lambda name: (-results[name][0].value, results[name][1].value))
    headings = ["put into the base model: brings", "taken out of the tuned model: leaves"]
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.05, subplot_titles=headings)
    for test, (colour, limit, word) in enumerate(((TUNED, brings, "above"), (BASE, leaves, "below"))):
        for name in names:
            one, ink = results[name][test], GREY if name in controls else colour
            fill, symbol = _look(one, limit, ink, word == "above")
            figure.add_scatter(
                x=[one.value], y=[name], mode="markers", hoverinfo="x+y", showlegend=False, row=1, col=test + 1,
                marker={"size": 12, "symbol": symbol, "color": fill, "opacity": 1, "line": {"width": 2, "color": ink}},
                error_x={
                    "array": [one.high - one.value], "arrayminus": [one.value - one.low],
                    "color": ink, "thickness": 1.5, "width": 4,
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
    key = "● all of the interval passes&nbsp;&nbsp; ◆ it crosses the line&nbsp;&nbsp; ✕ all of it fails"
    figure.add_annotation(
        text=key, xref="paper", x=0.5, yref="paper", y=1.19, showarrow=False, font={"size": 12}
    )
    figure.update_xaxes(title="share of texts, with its 95% interval", range=[-0.04, 1.0], tickformat=".0%")
    marked = [f"<b>our arrow ({name})</b>" if name == ours else name for name in names]
    # A free line below the last direction, for the words beside the dotted lines.
    figure.update_yaxes(range=[len(names) + 0.1, -0.6], tickvals=names, ticktext=marked)
    finish(figure, title, height=210 + 32 * len(names))
    return figure.update_layout(margin={"t": 100, "r": 100, "l": 190})


def _look(found: Interval, limit: float, colour: str, above: bool) -> tuple[str, str]:
    """Fill and symbol: a full dot where the whole interval passes, a pale diamond where it crosses the limit, else a cross."""
    if found.low <= limit <= found.high:
        return PALE_OF[colour], "diamond"
    return colour, "circle" if (found.low > limit) == above else "x-thin"


def _stack(figure: go.Figure, x: float, amounts: Float[np.ndarray, "3"], unit: float) -> None:
    """A bar of what this latent, the others and nobody writes; what is below 0 hangs below the line.

    Where the latent's own block is too low for its number, the number stands beside it.
    """
    ends = {True: 0.0, False: 0.0}
    if 0 < unit * amounts[0] < 0.24:
        say(
            figure,
            (x + 0.55, unit * amounts[0] / 2),
            f"{amounts[0]:.2f}",
            size=12,
            colour=TUNED,
            anchor="left",
        )
    for amount, colour, dash in zip(
        amounts.tolist(), (TUNED, OTHER, GREY), ("solid", "solid", "dot"), strict=True
    ):
        bottom = ends[amount > 0]
        ends[amount > 0] = top = bottom + unit * amount
        _block(figure, (x - 0.45, x + 0.45), (bottom, top), colour, dash)
        if unit * abs(amount) >= 0.24:
            ink, paper = (INK, "white") if dash == "dot" else ("white", colour)
            say(
                figure,
                (x, (bottom + top) / 2),
                f"{amount:.2f}".replace("-", "−"),
                size=12,
                colour=ink,
                behind=paper,
            )


def _block(figure: go.Figure, x: Place, y: Place, colour: str, dash: str) -> None:
    """A rectangle: filled, or dotted and empty."""
    figure.add_shape(
        type="rect", x0=x[0], x1=x[1], y0=y[0], y1=y[1], line={"color": colour, "width": 2, "dash": dash},
        fillcolor="white" if dash == "dot" else colour,
    )  # fmt: skip
