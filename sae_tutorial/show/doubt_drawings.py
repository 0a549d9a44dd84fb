"""Drawings for doubting a latent: replacing x, a cone, shuffled weights, who detects what, splits, holes, who fills them, a hedge."""

from collections.abc import Collection, Mapping, Sequence

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
    rows: Mapping[str, Interval], title: str, x_title: str, *, band: tuple[float, float] | None = None
) -> go.Figure:
    """One row per entry: its value and its interval, beside a line at zero; what touches zero is drawn hollow and grey.

    `band` is a threshold with its margin, drawn as a strip: then what touches the strip is hollow and grey. Where there
    is such a row, the axis says what grey means.
    """
    figure = go.Figure()
    left, right = band or (0, 0)
    for name, found in rows.items():
        clear = found.low > right or found.high < left
        colour = BLUE if clear else GREY
        figure.add_scatter(
            x=[found.value], y=[escaped(name)], mode="markers", showlegend=False,
            marker={"size": 11, "color": colour, "symbol": "circle" if clear else "circle-open"},
            error_x={"array": [found.high - found.value], "arrayminus": [found.value - found.low],
                     "symmetric": False, "thickness": 2, "width": 4, "color": colour},
        )  # fmt: skip
    figure.add_vline(x=0, line={"color": INK, "dash": "dot", "width": 1})
    meaning = "the bar reaches 0, so the sign is open"
    if band is not None:
        meaning = "the bar touches the red band: too close to call"
        figure.add_vrect(x0=left, x1=right, fillcolor=RED, opacity=0.12, line_width=0, layer="below")
        for x, side, words in ((left, "right", "← not shown"), (right, "left", "shown →")):
            figure.add_annotation(
                x=x,
                y=1,
                yref="paper",
                yanchor="bottom",
                xanchor=side,
                text=words,
                showarrow=False,
                font={"color": RED},
            )
    grey = any(found.low <= right and found.high >= left for found in rows.values())
    figure.update_xaxes(title=x_title + f"<br><i>grey: {meaning}</i>" * grey)
    _names_down(figure)
    return finish(figure, title, height=150 + 18 * grey + 34 * len(rows))


def verdict_drawing(title: str) -> go.Figure:
    """Three bars beside a threshold and the band of its margin, and the verdict that each of them gets."""
    figure = go.Figure()
    figure.add_shape(
        type="rect", x0=-0.5, x1=0.5, y0=-0.3, y1=2.5, fillcolor=RED, opacity=0.12, line={"width": 0}, layer="below"
    )  # fmt: skip
    line(figure, [(0, -0.3), (0, 2.5)], RED, 2)
    say(figure, (0, 2.75), "threshold and margin", colour=RED)
    for y, (low, high, verdict) in enumerate(
        ((-3.4, -0.8, "not shown: wholly left of the band"), (-1.7, 0.9, "too close to call: it touches the band"),
         (0.8, 3.4, "shown: wholly right of the band"))
    ):  # fmt: skip
        line(figure, [(low, y), (high, y)], BLUE, 4)
        figure.add_scatter(
            x=[(low + high) / 2], y=[y], mode="markers", marker={"size": 11, "color": BLUE}, showlegend=False
        )
        say(figure, (6.2, y), verdict)
    return as_drawing(figure, title, (-3.8, 9.2), (-0.5, 3.0), height=240)


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
    scores: Mapping[str, Mapping[str, float]], floor: Mapping[str, float], title: str, blue: Collection[str]
) -> go.Figure:
    """A row per concept, a column per rival, each score from 0 to 1 written on its patch, darker where it is higher.

    The columns named in `blue` are what the figure is about; their rivals are grey, and so is the last column, the floor:
    what a detector reaches that is always on.
    """
    figure = go.Figure()
    rivals = [*next(iter(scores.values())), "always on"]
    z = np.array([[*by_rival.values(), floor[name]] for name, by_rival in scores.items()])
    is_blue = np.array([rival in blue for rival in rivals])
    for shown, colour in ((is_blue, "#4a90d9"), (~is_blue, "#9a9a9a")):
        figure.add_heatmap(
            z=np.where(shown, z, np.nan), x=[escaped(rival).replace(" ", "<br>") for rival in rivals],
            y=[escaped(name) for name in scores], text=np.where(shown, np.vectorize("{:.2f}".format)(z), ""),
            texttemplate="%{text}", textfont={"size": 13, "color": "#111"}, colorscale=[[0, "white"], [1, colour]],
            zmin=0, zmax=1, xgap=3, ygap=3, showscale=False, hoverongaps=False,
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
    say(figure, (1.6, 0.4), "0.6 across, any way", colour=BLUE)
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


def boxes_drawing(
    levels: Sequence[tuple[str, Mapping[int, str]]], edges: Sequence[tuple[int, int, int]], title: str
) -> go.Figure:
    """Latents as boxes of words, in columns, and lines from a latent to those of the next column that belong to it.

    Args:
        levels: a column's heading, and the words of each of its latents.
        edges: the column that a line starts in, its latent, the next column's latent.
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
            colour = (COLOURS[5], BLUE, GREEN)[level]
            box(figure, place[level, latent], escaped(text), colour, width=2.0, tall=0.72, size=12)
    return as_drawing(
        figure, title, (-1.2, 2.6 * (len(levels) - 1) + 1.2), (-0.1, tall + 0.6), height=130 + 60 * tall
    )


def hole_drawing(title: str) -> go.Figure:
    """Eight tokens, a concept's own pair and another latent: two holes, and two tokens of the background, one a false alarm."""
    words = ["Anna", "Paris", "Rome", "Ministry", "iPhone", "queen", "met", "in"]
    score = ["6", "5", "2", "4", "1", "−2", "−6", "−9"]
    pair, other = (1, 0, 0, 1, 0, 0, 0, 0), (0, 1, 0, 0, 1, 0, 0, 0)
    holes, background = {1: "hole,<br>filled", 2: "hole"}, {4: "false alarm,<br>filled", 5: "background"}
    figure = go.Figure()
    for y, name in ((3.05, "token"), (2.5, "probe's score"), (1.8, "own pair"), (1.0, "one other latent")):
        say(figure, (-1.75, y), name)
    for i, word in enumerate(words):
        say(figure, (i, 3.05), f"<b>{word}</b>" if i < 4 else word)
        say(figure, (i, 2.5), score[i])
        for y, lit, colour in ((1.8, pair[i], BLUE), (1.0, other[i], ORANGE)):
            marked = RED if i in holes else GREEN if i in background else "white"
            dotted = y > 1 and marked != "white"
            figure.add_shape(
                type="rect", x0=i - 0.4, x1=i + 0.4, y0=y - 0.27, y1=y + 0.27,
                fillcolor=colour if lit else PALE,
                line={"color": marked if dotted else "white", "width": 3 if dotted else 1, "dash": "dot" if dotted else "solid"},
            )  # fmt: skip
    for marks, colour in ((holes, RED), (background, GREEN)):
        for i, text in marks.items():
            say(figure, (i, 0.3), text, size=12, colour=colour)
    say(figure, (-1.75, 0.3), "<i>pale: off</i>", size=12)
    say(figure, (1.5, 3.6), "with the concept “a capitalised word”")
    say(figure, (5.5, 3.6), "without it")
    line(figure, [(3.5, 0.0), (3.5, 3.8)], GREY, 2)
    return as_drawing(figure, title, (-3.0, 7.6), (-0.1, 3.9), height=330)


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
