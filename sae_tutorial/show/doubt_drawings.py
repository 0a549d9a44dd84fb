"""Drawings for doubting a latent: replacing x, a cone, shuffled weights, who detects what, splits, holes, who fills them, a hedge."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from sae_tutorial.features.intervals import Interval
from sae_tutorial.show.canvas import GREY, INK, PALE, arrow, as_drawing, box, line, say
from sae_tutorial.show.plots import COLOURS, escaped, finish

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
        box(figure, (1.7, y), "blocks 0 to 16", INK, width=1.3)
        box(figure, (5.1, y), "blocks 17 to 29", INK, width=1.3)
    box(figure, (3.4, 1.2), "x", BLUE, width=0.7)
    box(figure, (3.4, 0.0), "x̂", RED, width=0.7)
    arrow(figure, (3.4, 0.92), (3.4, 0.28), RED)
    say(figure, (3.85, 0.6), "SAE", colour=RED)
    say(figure, (6.95, 1.2), "loss CE(x)")
    say(figure, (6.95, 0.0), "loss CE(x̂)", colour=RED)
    return as_drawing(figure, title, (-0.6, 7.9), (-0.5, 1.9), height=270)


def forest_figure(
    rows: Mapping[str, Interval], title: str, x_title: str, *, needed: float | None = None
) -> go.Figure:
    """One row per entry: its value and its interval, beside a line at zero; what touches zero is drawn hollow and grey.

    Where there is such a row, the axis says what grey means. `needed` draws a second line, which a claim has to clear.
    """
    figure = go.Figure()
    for name, found in rows.items():
        clear = found.low > 0 or found.high < 0
        colour = BLUE if clear else GREY
        figure.add_scatter(
            x=[found.value], y=[escaped(name)], mode="markers", showlegend=False,
            marker={"size": 11, "color": colour, "symbol": "circle" if clear else "circle-open"},
            error_x={"array": [found.high - found.value], "arrayminus": [found.value - found.low],
                     "symmetric": False, "thickness": 2, "width": 4, "color": colour},
        )  # fmt: skip
    figure.add_vline(x=0, line={"color": INK, "dash": "dot", "width": 1})
    if needed is not None:
        figure.add_vline(
            x=needed, line={"color": RED, "dash": "dash", "width": 2},
            annotation={"text": f"shown: the whole bar right of {needed:g}", "font": {"color": RED}, "yanchor": "bottom", "y": 1},
        )  # fmt: skip
    grey = any(found.low <= 0 <= found.high for found in rows.values())
    figure.update_xaxes(title=x_title + "<br><i>grey: the bar reaches 0, so the sign is open</i>" * grey)
    _names_down(figure)
    return finish(figure, title, height=150 + 18 * grey + 34 * len(rows))


def seeds_figure(
    counts: Mapping[str, Sequence[float]], groups: Mapping[str, str], title: str, x_title: str
) -> go.Figure:
    """A row per method and a dot per seed or draw, coloured by the group of the method; each has a line of its own in the row."""
    figure = go.Figure()
    names, rows = list(dict.fromkeys(groups.values())), list(counts)
    for group, colour, symbol in zip(names, (BLUE, ORANGE, GREY), ("circle", "diamond", "x"), strict=False):
        points = [(value, rows.index(name) + min(0.2, 0.7 / len(counts[name])) * (seed - (len(counts[name]) - 1) / 2))
                  for name in counts if groups[name] == group for seed, value in enumerate(counts[name])]  # fmt: skip
        figure.add_scatter(
            x=[value for value, _ in points], y=[y for _, y in points], mode="markers", name=group,
            marker={"size": 8, "color": colour, "symbol": symbol}, cliponaxis=False,
        )  # fmt: skip
    figure.update_xaxes(title=x_title, rangemode="tozero")
    _names_down(figure)
    figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=[escaped(name) for name in rows])
    return finish(figure, title, height=170 + 34 * len(counts))


def _names_down(figure: go.Figure) -> None:
    """Names from top to bottom, with air between them and the axis."""
    figure.update_yaxes(autorange="reversed", ticks="outside", ticklen=8, tickcolor="rgba(0,0,0,0)")


def rivals_figure(
    scores: Mapping[str, Mapping[str, float]], floor: Mapping[str, float], title: str, z_title: str
) -> go.Figure:
    """A row per concept, a column per rival, each score written on its patch, and the floor of each row at its end.

    The colour is how far a score lies above its row's floor, what a detector reaches that is always on: white is no better.
    """
    figure = go.Figure()
    rivals = [*next(iter(scores.values())), "always on"]
    z = np.array([[*by_rival.values(), floor[name]] for name, by_rival in scores.items()])
    above = z - z[:, -1:]
    figure.add_heatmap(
        z=above, x=[escaped(rival).replace(" ", "<br>") for rival in rivals], y=[escaped(name) for name in scores],
        text=[[f"{value:.2f}" for value in row] for row in z], texttemplate="%{text}", textfont={"size": 13, "color": "#111"},
        colorscale=[[0, "white"], [1, "#4a90d9"]], zmin=0, zmax=1, xgap=3, ygap=3, colorbar={"title": z_title},
    )  # fmt: skip
    figure.update_xaxes(side="top", showgrid=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return finish(figure, title, height=190 + 34 * len(scores)).update_layout(margin={"t": 110})


def cone_drawing(title: str) -> go.Figure:
    """A soft-frozen row: its start, the cone of cosine 0.8 around it, a row that left the cone and where it is put."""
    figure = go.Figure()
    turn = np.linspace(-0.1, 2.0, 60)
    line(figure, list(zip(3 * np.cos(turn), 3 * np.sin(turn), strict=True)), PALE, 2)
    arrow(figure, (0, 0), (3, 0), INK, width=3)
    arrow(figure, (0, 0), (0.85, 2.877), RED, width=3)
    arrow(figure, (0, 0), (2.4, 1.8), BLUE, width=4)
    line(figure, [(0, -0.35), (2.4, -0.35)], BLUE, 4)
    line(figure, [(2.4, 0.06), (2.4, 1.74)], BLUE, 4)
    say(figure, (3.65, 0), "its start")
    say(figure, (0.85, 3.15), "where training wants it", colour=RED)
    say(figure, (4.3, 1.95), "edge of the cone: where it is put", colour=BLUE)
    say(figure, (1.2, -0.65), "0.8 along the start", colour=BLUE)
    say(figure, (1.6, 0.4), "0.6 across: free", colour=BLUE)
    drawing = as_drawing(figure, title, (-2.6, 6.2), (-0.9, 3.4), height=380)
    return drawing.update_yaxes(scaleanchor="x")  # a right angle looks like one


def shuffle_drawing(title: str) -> go.Figure:
    """A model that keeps its embedding and its norms, and one matrix of a block before and after its entries moved."""
    figure = go.Figure()
    for i, (name, colour) in enumerate(
        (("embedding", GREEN), ("block 0", BLUE), ("block 1", BLUE), ("…", BLUE), ("unembedding", GREEN))
    ):
        box(figure, (1.75 * i - 0.6, 3.0), name, colour, width=1.35)
        if i:
            arrow(figure, (1.75 * i - 1.62, 3.0), (1.75 * i - 1.3, 3.0), INK)
    say(figure, (2.9, 3.75), "green: stays as it was trained; blue: each matrix is shuffled within itself")
    sizes = np.array([9, 1, 4, 2, 1, 7, 2, 1, 3, 1, 8, 2, 5, 1, 2, 6, 1, 3, 2, 9])
    order = [12, 7, 19, 3, 15, 0, 9, 4, 17, 11, 2, 14, 8, 5, 18, 1, 13, 10, 6, 16]
    for left, values, name in ((0.2, sizes, "trained matrix"), (4.1, sizes[order], "its twin")):
        for i, value in enumerate(values):
            x, y = left + 0.44 * (i % 5), 1.55 - 0.44 * (i // 5)
            shade = 245 - 20 * int(value)
            figure.add_shape(
                type="rect", x0=x, x1=x + 0.42, y0=y, y1=y + 0.42, line={"width": 0},
                fillcolor=f"rgb({shade},{min(250, shade + 25)},250)",
            )  # fmt: skip
        say(figure, (left + 1.1, -0.15), name)
    arrow(figure, (2.65, 1.1), (3.85, 1.1), INK)
    say(figure, (3.25, 1.4), "same numbers,<br>other places", size=12)
    return as_drawing(figure, title, (-1.5, 7.3), (-0.4, 4.1), height=320)


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
    rows = {"“a capitalised word”": (0, 0, 1, 0, 0, 0, 1), "“a place”": (0, 1, 0, 0, 1, 0, 0)}
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


def filling_figure(added: Mapping[str, float], usual: float, title: str) -> go.Figure:
    """A bar for what the own latents usually add along a probe, and one per token for what its strongest other latent adds.

    Beside the dashed line at half of the usual amount a bar counts as filled; such a bar is orange, the others are grey.
    """
    names = ["the own pair, where it is on", *map(escaped, added)]
    amounts = [usual, *map(float, added.values())]
    colours = [BLUE, *(ORANGE if amount >= usual / 2 else GREY for amount in amounts[1:])]
    figure = go.Figure()
    figure.add_bar(
        x=amounts, y=names, orientation="h", width=0.55, marker={"color": colours}, showlegend=False,
        text=[f"{amount:.1f}" for amount in amounts], textposition="outside", cliponaxis=False,
    )  # fmt: skip
    figure.add_vline(
        x=usual / 2, line={"color": RED, "dash": "dash", "width": 2},
        annotation={"text": f"half: {usual / 2:.1f}", "font": {"color": RED}, "yanchor": "bottom", "y": 1},
    )  # fmt: skip
    figure.update_xaxes(title="added along the probe", range=[min(0, *amounts), 1.15 * max(amounts)])
    _names_down(figure)
    return finish(figure, title, height=150 + 40 * len(names))


def shares_figure(rows: Mapping[str, Mapping[str, Interval]], title: str, x_title: str) -> go.Figure:
    """A row per entry and in it a mark with its interval for each of up to three shares, which have the same names in all rows."""
    figure, names = go.Figure(), list(next(iter(rows.values())))
    for i, (name, colour, symbol) in enumerate(
        zip(names, (BLUE, ORANGE, GREY), ("circle", "diamond", "x"), strict=False)
    ):
        found = [shares[name] for shares in rows.values()]
        figure.add_scatter(
            x=[one.value for one in found], y=[row + 0.2 * (i - (len(names) - 1) / 2) for row in range(len(rows))],
            mode="markers", name=name, marker={"size": 10, "color": colour, "symbol": symbol}, cliponaxis=False,
            error_x={"array": [one.high - one.value for one in found], "arrayminus": [one.value - one.low for one in found],
                     "symmetric": False, "thickness": 2, "width": 4, "color": colour},
        )  # fmt: skip
    figure.update_xaxes(title=x_title, rangemode="tozero", tickformat=".0%")
    _names_down(figure)
    figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=[escaped(name) for name in rows])
    return finish(figure, title, height=170 + 50 * len(rows))


def hedge_drawing(title: str) -> go.Figure:
    """Two true directions at a right angle that often come together; one latent that leans from the first to the second."""
    figure, turned = go.Figure(), 1.5 * np.array([np.cos(np.pi / 6), np.sin(np.pi / 6)])
    for left, latent, heading in (
        (0.0, (1.5, 0.0), "enough latents per row"),
        (4.4, tuple(turned), "too few: the latent leans"),
    ):
        say(figure, (left + 1.1, 2.3), f"<b>{heading}</b>")
        for end, name, at in (((1.9, 0.0), "“mouse”", (2.4, 0.0)), ((0.0, 1.6), "“cheese”", (0.0, 1.85))):
            arrow(figure, (left, 0), (left + end[0], end[1]), GREY, width=3)
            say(figure, (left + at[0], at[1]), name, colour=INK)
        # Beside the feature that it matches, so that both can be seen.
        below = -0.16 if latent[1] == 0 else 0.0
        arrow(figure, (left, below), (left + latent[0], latent[1] + below), RED, width=4)
        beside = (0.75, -0.42) if below else (latent[0] + 0.45, latent[1] + 0.1)
        say(figure, (left + beside[0], beside[1]), "latent", colour=RED)
    drawing = as_drawing(figure, title, (-1.0, 7.4), (-0.7, 2.6), height=320)
    return drawing.update_yaxes(scaleanchor="x")  # a right angle looks like one
