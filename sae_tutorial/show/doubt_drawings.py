"""Drawings for doubting a latent: replacing x, intervals of differences, a tree of splits, a hole, a hedge."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from sae_tutorial.features.intervals import Interval
from sae_tutorial.show.canvas import GREY, INK, PALE, arrow, as_drawing, box, line, say
from sae_tutorial.show.plots import COLOURS, MARKERS, escaped, finish

BLUE, RED, GREEN = COLOURS[:3]
ORANGE = "#b8741a"  # dark enough for letters on white


def replacement_drawing(title: str) -> go.Figure:
    """One model run twice: untouched, and with x replaced by x̂ on its way; the losses are compared."""
    figure = go.Figure()
    for y, name, colour in ((1.2, "clean run", INK), (0.0, "replaced run", RED)):
        say(figure, (-0.1, y + 0.42), name, colour=colour)
        for start, end in ((0.55, 1.05), (2.35, 3.05), (3.75, 4.45), (5.75, 6.35)):
            arrow(figure, (start, y), (end, y), colour)
        say(figure, (0.2, y), "text")
        box(figure, (1.7, y), "layers 0 to 16", INK, width=1.3)
        box(figure, (5.1, y), "layers 17 to 29", INK, width=1.3)
    box(figure, (3.4, 1.2), "x", BLUE, width=0.7)
    box(figure, (3.4, 0.0), "x̂", RED, width=0.7)
    arrow(figure, (3.4, 0.92), (3.4, 0.28), RED)
    say(figure, (3.85, 0.6), "SAE", colour=RED)
    say(figure, (6.95, 1.2), "loss CE(clean)")
    say(figure, (7.05, 0.0), "loss CE(replaced)", colour=RED)
    return as_drawing(figure, title, (-0.6, 7.9), (-0.5, 1.9), height=270)


def forest_figure(rows: Mapping[str, Interval], title: str, x_title: str) -> go.Figure:
    """One row per entry: its value and its interval, beside a line at zero; what touches zero is drawn hollow."""
    figure = go.Figure()
    for name, found in rows.items():
        clear = found.low > 0 or found.high < 0
        figure.add_scatter(
            x=[found.value], y=[escaped(name)], mode="markers", showlegend=False,
            marker={"size": 11, "color": BLUE if clear else GREY, "symbol": "circle" if clear else "circle-open"},
            error_x={"array": [found.high - found.value], "arrayminus": [found.value - found.low],
                     "symmetric": False, "thickness": 2, "width": 4, "color": BLUE if clear else GREY},
        )  # fmt: skip
    figure.add_vline(x=0, line={"color": INK, "dash": "dot", "width": 1})
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(autorange="reversed")
    return finish(figure, title, height=150 + 34 * len(rows))


def rivals_figure(
    scores: Mapping[str, Mapping[str, Interval]], title: str, x_title: str, first: str
) -> go.Figure:
    """A row per concept and a marker per rival; `first` is filled and carries its interval, the rivals are hollow."""
    figure = go.Figure()
    rivals = list(next(iter(scores.values())))
    names = [escaped(name) for name in scores]
    for i, rival in enumerate(rivals):
        found = [by_rival[rival] for by_rival in scores.values()]
        bars = {"array": [f.high - f.value for f in found], "arrayminus": [f.value - f.low for f in found],
                "symmetric": False, "thickness": 2, "width": 4}  # fmt: skip
        symbol = MARKERS[i] if rival == first else f"{MARKERS[i].removesuffix('-open')}-open"
        figure.add_scatter(
            x=[f.value for f in found], y=names, mode="markers", name=rival,
            marker={"size": 13 if rival == first else 9, "color": COLOURS[i], "symbol": symbol, "line": {"width": 2}},
            error_x=bars if rival == first else None,
        )  # fmt: skip
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(autorange="reversed")
    return finish(figure, title, height=200 + 42 * len(names))


def tree_drawing(
    levels: Sequence[tuple[str, Mapping[int, str]]], edges: Sequence[tuple[int, int, int]], title: str
) -> go.Figure:
    """Latents as boxes of words, a column per dictionary, and lines from a latent to those that share out its tokens.

    Args:
        levels: a dictionary's heading, and the words of each of its latents, from narrow to wide.
        edges: level of the narrower dictionary, its latent, the wider one's latent.
        title: what is seen.
    """
    figure, tall = go.Figure(), max(len(words) for _, words in levels)
    place = {
        (level, latent): (2.6 * level, tall * (1 - (row + 0.5) / len(words)))
        for level, (_, words) in enumerate(levels)
        for row, latent in enumerate(words)
    }
    for level, start, end in edges:
        (x0, y0), (x1, y1) = place[level, start], place[level + 1, end]
        line(figure, [(x0 + 0.9, y0), (x1 - 0.9, y1)], GREY, 2)
    for level, (heading, words) in enumerate(levels):
        say(figure, (2.6 * level, tall + 0.25), f"<b>{heading}</b>")
        for latent, text in words.items():
            colour = (BLUE, GREEN, ORANGE)[level]
            box(figure, place[level, latent], escaped(text), colour, width=2.0, tall=0.72, size=12)
    return as_drawing(
        figure, title, (-1.2, 2.6 * (len(levels) - 1) + 1.2), (-0.1, tall + 0.6), height=130 + 60 * tall
    )


def hole_drawing(title: str) -> go.Figure:
    """Six tokens, a latent for capitalised words that misses two of them, and the latent that is on in the holes."""
    words = ["in", "Paris", "Anna", "met", "Peru", "'s", "Ministry"]
    rows = {"“a capitalised word”": (1, 0, 1, 0, 0, 0, 1), "“a place”": (0, 1, 0, 0, 1, 0, 0)}
    capital = {1, 2, 4, 6}
    figure = go.Figure()
    for i, word in enumerate(words):
        say(figure, (i, 2.0), f"<b>{word}</b>" if i in capital else word, colour=INK)
    for y, (name, on) in zip((1.2, 0.4), rows.items(), strict=True):
        say(figure, (-1.75, y), name)
        for i, lit in enumerate(on):
            hole = y > 1 and i in capital and not lit
            figure.add_shape(
                type="rect", x0=i - 0.4, x1=i + 0.4, y0=y - 0.27, y1=y + 0.27,
                fillcolor=(BLUE if y > 1 else ORANGE) if lit else "white" if hole else PALE,
                line={"color": RED if hole else "white", "width": 3 if hole else 1, "dash": "dot" if hole else "solid"},
            )  # fmt: skip
            if hole:
                say(figure, (i, y), "hole", size=12, colour=RED)
    return as_drawing(figure, title, (-3.0, 6.7), (-0.1, 2.4), height=230)


def hedge_drawing(title: str) -> go.Figure:
    """Two true directions that often come together; one latent that leans from the first towards the second."""
    figure = go.Figure()
    for left, lean, heading in (
        (0.0, 0.0, "enough latents per row"),
        (3.4, 0.5, "too few: the latent hedges"),
    ):
        a, b = np.array([1.25, 0.0]), np.array([0.3, 1.2])
        latent = a + lean * b
        latent = 1.5 * latent / np.linalg.norm(latent)
        for end, name in ((a, "“mouse”"), (b, "“cheese”")):
            arrow(figure, (left, 0), (left + end[0], end[1]), GREY, width=3)
            say(figure, (left + 1.12 * end[0] + 0.15, 1.15 * end[1] - 0.2), name, colour=INK)
        arrow(figure, (left, 0), (left + latent[0], latent[1]), RED, width=4)
        say(figure, (left + latent[0] - 0.1, latent[1] + 0.2), "latent", colour=RED)
        say(figure, (left + 0.8, 1.75), f"<b>{heading}</b>")
    return as_drawing(figure, title, (-0.4, 6.0), (-0.45, 2.0), height=270)
