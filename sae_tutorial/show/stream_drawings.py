"""Drawings of a transformer: tokens to logits, the stream as a highway, a head, an MLP, paths, two circuits, a patch.

Positions run from left to right, and layers
from the bottom to the top.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from torch import Tensor

from sae_tutorial.show.canvas import GREY, INK, PALE, arrow, as_drawing, box, line, say
from sae_tutorial.show.plots import COLOURS, DASHES, HEAT, MARKERS, escaped, finish
from sae_tutorial.transformer.tokens import token_strings

STREAM, MOVES, WORKS, ENDS = (
    COLOURS[0],
    COLOURS[1],
    COLOURS[2],
    COLOURS[4],
)  # stream, attention, MLP, (un)embedding


def transformer_drawing(words: Sequence[str], answers: Sequence[str], title: str) -> go.Figure:
    """A whole model: words at the bottom, a stream for each, two blocks beside them, next words at the top right.

    A part reads a stream by an arrow that leaves it, and adds to it by one that comes back: no stream goes through a box.
    """
    figure, last = go.Figure(), len(words) - 1
    for bottom in (1.75, 3.95):
        box(figure, (last / 2 + 0.25, bottom + 0.3), "", MOVES, width=last + 1.1, tall=0.4)
        for x in range(len(words)):
            arrow(figure, (x, bottom - 0.15), (x + 0.28, bottom + 0.08), MOVES)
            arrow(figure, (x + 0.28, bottom + 0.5), (x + 0.04, bottom + 0.72), MOVES)
            box(figure, (x + 0.42, bottom + 1.35), "MLP", WORKS, width=0.44, tall=0.4, size=11)
            arrow(figure, (x, bottom + 0.95), (x + 0.38, bottom + 1.12), WORKS)
            arrow(figure, (x + 0.38, bottom + 1.56), (x + 0.04, bottom + 1.75), WORKS)
    for x, word in enumerate(words):
        box(figure, (x, 0), escaped(word), INK, width=0.84)
        box(figure, (x, 0.95), "embed", ENDS, width=0.7)
        arrow(figure, (x, 0.28), (x, 0.67), INK)
        figure.add_shape(
            type="line", x0=x, x1=x, y0=1.23, y1=6.0, line={"color": STREAM, "width": 5}, layer="above"
        )
    box(figure, (last, 6.25), "unembed", ENDS, width=0.84)
    arrow(figure, (last, 6.55), (last, 6.95), INK)
    say(figure, (last - 0.1, 7.2), f"next: <b>{'</b>, '.join(map(escaped, answers))}", size=14)
    for y, text, colour in (
        (0, "tokens", INK), (0.95, "vectors", INK), (2.05, "block 0: attention", MOVES), (3.1, "block 0: MLP", WORKS),
        (4.25, "block 1: attention", MOVES), (5.3, "block 1: MLP", WORKS), (6.25, "scores: logits", INK),
    ):  # fmt: skip
        say(figure, (-1.3, y), text, colour=colour)
    return as_drawing(figure, title, (-2.1, last + 0.95), (-0.5, 7.5), height=560)


def layers_drawing(
    words: Sequence[str],
    n_layers: int,
    title: str,
    *,
    at_last: tuple[int, str],
    at_all: tuple[int, str],
) -> go.Figure:
    """A vector for every word at every layer, each made from those below it, of its own and of earlier words.

    Args:
        words: one for each column; the last one's ways are drawn darker.
        n_layers: the number of the model's layers.
        title: the finding.
        at_last: a layer that is marked at the last word alone, and what is said of it.
        at_all: another layer that is marked at every word, and what is said of it.
    """
    figure, last = go.Figure(), len(words) - 1
    shown = sorted((0, at_last[0], at_all[0], n_layers - 1))
    rows = dict(zip((1.0, 2.6, 4.2, 5.8), shown, strict=True))
    height_of = {layer: y for y, layer in rows.items()}
    for low, high in pairwise(rows):
        for end in range(last + 1):
            colour, width = (MOVES, 1.6) if end == last else ("#d5dbe1", 1)
            for start in range(end + 1):
                line(figure, [(start, low + 0.25), (end, high - 0.25)], colour, width)
        say(figure, (-1.1, (low + high) / 2), "· · ·")
    for y, layer in rows.items():
        say(figure, (-1.1, y), f"layer {layer}")
        for x in range(last + 1):
            marked = WORKS if (layer, x) == (at_last[0], last) else COLOURS[3] if layer == at_all[0] else GREY
            box(figure, (x, y), "", marked, width=0.3, tall=0.5)
    for x, word in enumerate(words):
        say(figure, (x, 0), escaped(word), size=14)
        arrow(figure, (x, 0.3), (x, 0.7), GREY)
    arrow(figure, (last, 6.1), (last, 6.55), INK)
    say(figure, (last, 6.8), "a probability for every next word", size=13)
    say(figure, (last + 1.15, height_of[at_last[0]]), at_last[1], colour=WORKS)
    say(figure, (last + 1.15, height_of[at_all[0]]), at_all[1], colour="#9a5b00")
    say(figure, (last + 1.15, 1.4), "looks back at<br>earlier words", colour=MOVES)
    return as_drawing(figure, title, (-1.7, last + 2.0), (-0.4, 7.2), height=460)


def highway_drawing(title: str, *, read: tuple[int, str, str] | None = None) -> go.Figure:
    """The stream of one token as a road: every part takes a copy, and what it makes of it is added back.

    Args:
        title: the finding.
        read: a block, and the names of the two places after it that are marked: what its MLP adds, and the stream. Without it the
            first two blocks are drawn.
    """
    figure = go.Figure()
    line(figure, [(0.75, 0), (9.6, 0)], STREAM, 10)
    last = read[0] if read else 1
    box(figure, (0.3, 0), "earlier blocks" if last > 1 else "embedding", ENDS, width=1.1)
    kinds = (("attention", MOVES), ("MLP", WORKS))
    parts = [(f"{kind} {block}", colour) for block in (last - 1, last) for kind, colour in kinds]
    for i, (name, colour) in enumerate(parts):
        x = 1.5 + 2 * i
        box(figure, (x + 0.65, 1.35), name, colour, width=1.3)
        arrow(figure, (x, 0.12), (x + 0.3, 1.02), colour)
        arrow(figure, (x + 1.0, 1.02), (x + 1.3, 0.2), colour)
        if i == 0:
            say(figure, (x - 0.25, 0.62), "reads", size=13, colour=colour)
            say(figure, (x + 1.5, 0.62), "adds", size=13, colour=colour)
        say(figure, (x + 1.3, 0.01), "<b>+</b>", size=20, colour="white", behind=STREAM)
    box(figure, (10.15, 0), "later blocks" if read else "norm, unembed", ENDS, width=1.5)
    if read:
        for (x, y), (x_text, y_text), name in (
            ((8.67, 0.6), (9.75, 1.1), read[1]),
            ((9.15, -0.08), (9.15, -0.6), read[2]),
        ):
            arrow(figure, (x_text, y_text), (x, y), INK)
            say(
                figure, (x_text, y_text + (0.16 if y_text > 0 else -0.16)), f"<b>{escaped(name)}</b>", size=13
            )
    say(
        figure,
        (4.2 if read else 5.2, -0.55),
        "the residual stream: one vector, from the first layer to the last",
        size=14,
        colour=STREAM,
    )
    return as_drawing(figure, title, (-0.5, 11.1), (-0.9, 1.9), height=300 if read else 280)


def attention_drawing(
    words: Sequence[str], weights: Float[np.ndarray, " key"], title: str, *, query: int = -1
) -> go.Figure:
    """One head at one position: an arc from each word that is looked at, as thick as its share of the attention."""
    figure, end = go.Figure(), query % len(words)
    for x, word in enumerate(words):
        box(figure, (x, 0), escaped(word), MOVES if x == end else INK, width=0.92)
    for x, weight in enumerate(np.asarray(weights, dtype=float)[: end + 1]):
        if weight < 0.02:
            continue
        height = 0.75 + 0.32 * (end - x)
        t = np.linspace(0, 1, 30)
        xs = x + (end - x) * t if x < end else x + 0.3 * np.sin(np.pi * (t - 0.5))
        line(figure, list(zip(xs, 0.3 + height * np.sin(np.pi * t), strict=True)), MOVES, 1 + 11 * weight)
        say(figure, (x - (0.12 if x < end else -0.42), 0.62), f"{weight:.0%}", size=13, colour=MOVES)
    say(figure, (end, -0.5), "looks back: the query", size=12, colour=MOVES)
    return as_drawing(figure, title, (-0.8, len(words) - 0.1), (-0.8, 1.5 + 0.32 * end), height=300)


def mlp_drawing(title: str) -> go.Figure:
    """One MLP at one position: the stream, many neurons that each look for one direction, and what they add back."""
    figure = go.Figure()
    box(figure, (0.5, 0), "the stream<br>at one token", STREAM, width=1.5, tall=0.9)
    heights = [0.0, 0.9, 0.0, 0.0, 0.35, 0.0, 0.6, 0.0]
    for i, height in enumerate(heights):
        y = 1.4 - 0.4 * i
        figure.add_shape(
            type="rect", x0=3.6, x1=3.6 + 1.2, y0=y - 0.14, y1=y + 0.14, fillcolor=PALE, line_width=0
        )
        if height:
            figure.add_shape(
                type="rect",
                x0=3.6,
                x1=3.6 + 1.2 * height,
                y0=y - 0.14,
                y1=y + 0.14,
                fillcolor=WORKS,
                line_width=0,
            )
        arrow(figure, (1.3, 0), (3.5, y), GREY)
        if height:
            arrow(figure, (4.9, y), (6.7, 0), WORKS)
    box(figure, (7.6, 0), "what is added<br>to the stream", WORKS, width=1.7, tall=0.9)
    for x, y, text in (
        (2.4, -2.05, "each neuron takes one<br>weighted sum (or two)"),
        (4.2, -2.05, "a bend such as ReLU<br>turns negative sums to 0"),
        (6.0, -2.05, "each neuron adds its own<br>direction, as far as it is on"),
    ):
        say(figure, (x, y), text, size=12)
    return as_drawing(figure, title, (-0.5, 8.7), (-2.5, 1.9), height=330)


def one_layer_paths_drawing(title: str) -> go.Figure:
    """The four ways through one block, and what each can know."""
    figure = go.Figure()
    ways = (
        ("direct", (), "this token alone, by a straight table:<br>which token tends to follow it"),
        ("through the MLP", ("MLP",), "this token alone, made into more:<br>the bend allows richer tables"),
        ("through a head", ("attention",), "other tokens: what the head makes of<br>the token at the place it looks at"),
        ("through a head,<br>then the MLP", ("attention", "MLP"), "other tokens and this one together:<br>combinations of them"),
    )  # fmt: skip
    for row, (name, parts, knows) in enumerate(ways):
        y = -1.1 * row
        line(figure, [(2.9, y), (7.6, y)], STREAM, 4)
        for x, text in ((2.5, "embed"), (8.1, "unembed")):
            box(figure, (x, y), text, ENDS, width=0.95)
        for part in parts:
            x, colour = (4.2, MOVES) if part == "attention" else (6.2, WORKS)
            box(figure, (x, y), part, colour, width=1.2)
        say(figure, (0.9, y), f"<b>{name}</b>", size=13)
        say(figure, (10.2, y), knows, size=12)
    return as_drawing(figure, title, (-0.4, 11.9), (-3.9, 0.6), height=360)


def induction_drawing(title: str) -> go.Figure:
    """Two heads in a row: one notes at Q that P came before, the other finds the note from the second P and copies Q."""
    steps = (
        "1 · a previous-token head<br>writes at Q what came before it",
        "2 · from the second P, an induction<br>head looks for that note ...",
        "3 · ... and copies the word that stands there: Q",
        "4 · so Q is predicted",
    )
    figure = go.Figure()
    for x, word in ((0, "P"), (2.4, "Q"), (4.8, "..."), (7.2, "P")):
        box(figure, (x, 0), f"<b>{word}</b>", INK, width=0.9)
        if word != "...":
            line(figure, [(x, 0.3), (x, 3.9)], STREAM, 4)
    arrow(figure, (0.05, 0.8), (2.3, 1.3), MOVES, width=3)
    box(figure, (2.4, 1.6), "“P came before me”", MOVES, width=1.9)
    say(figure, (-0.15, 1.05), steps[0], size=12, colour=MOVES, anchor="right")
    arrow(figure, (7.15, 2.2), (3.4, 1.7), COLOURS[3], width=2)
    say(figure, (5.3, 1.35), steps[1], size=12)
    arrow(figure, (2.45, 2.75), (7.1, 3.15), WORKS, width=3)
    say(figure, (4.8, 3.4), steps[2], size=12, colour=WORKS)
    arrow(figure, (7.2, 3.9), (7.2, 4.3), ENDS, width=3)
    box(figure, (7.2, 4.6), "next: <b>Q</b>", ENDS, width=1.2)
    say(figure, (6.4, 4.6), steps[3], size=12, colour=ENDS, anchor="right")
    return as_drawing(figure, title, (-2.5, 8.2), (-0.5, 5.0), height=400)


def fetch_drawing(title: str, words: Sequence[str], answer: str, steps: Sequence[str]) -> go.Figure:
    """One head fetches what a word knows: from the stream of the first of `words` to that of the last, then the answer.

    `steps` are the words beside the source's stream, the head's arrow, the last word's stream and the answer.
    """
    figure, last = go.Figure(), 2.8 * (len(words) - 1)
    for i, word in enumerate(words):
        box(figure, (2.8 * i, 0), f"<b>{escaped(word)}</b>", INK, width=1.2)
        ends = i in (0, len(words) - 1)
        line(figure, [(2.8 * i, 0.3), (2.8 * i, 3.9)], STREAM if ends else GREY, 4 if ends else 2)
    say(figure, (-0.15, 1.2), steps[0], size=12, colour=STREAM, anchor="right")
    arrow(figure, (0.05, 2.2), (last - 0.1, 2.6), MOVES, width=3)
    say(figure, (1.4, 3.05), steps[1], size=12, colour=MOVES)
    say(figure, (last + 0.15, 3.2), steps[2], size=12, colour=STREAM, anchor="left")
    arrow(figure, (last, 3.9), (last, 4.3), ENDS, width=3)
    box(figure, (last, 4.6), f"next: <b>{escaped(answer)}</b>", ENDS, width=1.4)
    say(figure, (last - 0.9, 4.6), steps[3], size=12, colour=ENDS, anchor="right")
    return as_drawing(figure, title, (-2.1, last + 1.9), (-0.5, 5.0), height=400)


def patch_drawing(title: str) -> go.Figure:
    """Two runs of five tokens that differ in one word; one place of the first run's stream is put into the second."""
    figure = go.Figure()
    for left, words, answer, colour in (
        (0, ("city", "of", "France", "is", "called"), "Paris", STREAM),
        (6.4, ("city", "of", "Italy", "is", "called"), "Rome?  Paris?", INK),
    ):
        for x, word in enumerate(words):
            box(figure, (left + x, 0), word, MOVES if x == 2 else INK, width=0.9)
            line(figure, [(left + x, 0.3), (left + x, 3)], colour, 3)
            for y in (0.9, 1.65, 2.4):
                figure.add_scatter(
                    x=[left + x], y=[y], mode="markers", showlegend=False, hoverinfo="skip",
                    marker={"size": 13, "color": "white", "line": {"color": colour, "width": 2}},
                )  # fmt: skip
        say(figure, (left + 3.3, 3.35), f"next: <b>{answer}</b>", size=14)
        say(figure, (left + 0.4, 3.35), "clean run" if left == 0 else "corrupted run", size=14)
    line(
        figure, [(2.13, 1.6), (2.3, 1.275), (8.0, 1.275)], MOVES, 3
    )  # between the circles of the words it passes
    arrow(figure, (7.98, 1.26), (8.28, 1.55), MOVES, width=3)
    say(figure, (5.2, 1.6), "this one vector<br>is copied over", size=12, colour=MOVES)
    return as_drawing(figure, title, (-0.7, 11.1), (-0.5, 3.7), height=330)


def lens_figure(
    tokenizer: Any,
    tokens: Int[Tensor, " position"],
    depths: Sequence[int],
    logits: Float[Tensor, "depth position d_vocab"],
    title: str,
) -> go.Figure:
    """The logit lens over a text: for each position and depth the likeliest next token, lighter the surer; ␣ is a space or a line break.

    `tokens` begin with BOS, which is not shown; `logits` are what the lens says after each of `depths` blocks.
    """
    words, places = token_strings(tokenizer, tokens[1:].tolist()), list(range(len(tokens) - 1))
    probabilities, best = logits[:, 1:].float().softmax(-1).max(-1)
    figure = go.Figure()
    figure.add_heatmap(
        z=probabilities.numpy(force=True).astype(float), x=places, y=list(range(len(depths))), zmin=0, zmax=1,
        colorscale=HEAT, colorbar={"title": "probability"}, xgap=2, ygap=2,
    )  # fmt: skip
    for y, row in enumerate(best.tolist()):
        for x, guess in enumerate(token_strings(tokenizer, row)):
            sure = float(probabilities[y, x]) > 0.55
            figure.add_annotation(
                x=x, y=y, text=escaped(guess) if guess.strip() else "␣", showarrow=False,
                font={"size": 12, "color": "black" if sure else "white"},
            )  # fmt: skip
    figure.update_xaxes(
        title="the model has read up to here", tickvals=places, ticktext=[escaped(w) for w in words]
    )
    figure.update_yaxes(
        title="blocks read", tickvals=list(range(len(depths))), ticktext=[str(depth) for depth in depths]
    )
    return finish(figure, title, height=120 + 30 * len(depths))


def interval_figure(
    x: Sequence[float],
    series: dict[str, Float[np.ndarray, "three points"]],
    title: str,
    x_title: str,
    y_title: str,
    *,
    level: tuple[str, float] | None = None,
    mark: tuple[str, float] | None = None,
    joined: bool = True,
) -> go.Figure:
    """A line per entry with its 95% interval as a band: name -> value, low, high; a named level and a named place.

    Without `joined`, a marker with an error bar for each value: nothing is drawn between places.
    """
    figure = go.Figure()
    for i, (name, (value, low, high)) in enumerate(series.items()):
        if not joined:
            above, below = np.subtract(high, value), np.subtract(value, low)
            figure.add_scatter(
                x=list(x), y=np.asarray(value, dtype=float), name=name, mode="markers", showlegend=len(series) > 1,
                marker={"size": 7, "color": COLOURS[i], "symbol": MARKERS[i]},
                error_y={"array": above, "arrayminus": below, "symmetric": False, "thickness": 1.5, "width": 0},
            )  # fmt: skip
            continue
        band = tuple(int(COLOURS[i][j : j + 2], 16) for j in (1, 3, 5))
        figure.add_scatter(
            x=[*x, *reversed(list(x))], y=[*map(float, high), *map(float, low[::-1])], fill="toself", mode="lines",
            line={"width": 0}, fillcolor=f"rgba{(*band, 0.18)}", hoverinfo="skip", showlegend=False,
        )  # fmt: skip
        figure.add_scatter(
            x=list(x), y=np.asarray(value, dtype=float), name=name, mode="lines+markers",
            line={"color": COLOURS[i], "dash": DASHES[i], "width": 2}, marker={"size": 5}, showlegend=len(series) > 1,
        )  # fmt: skip
    if level is not None:
        figure.add_hline(level[1], line={"color": INK, "dash": "dot", "width": 1}, annotation_text=level[0])
    if mark is not None:
        figure.add_vline(mark[1], line={"color": INK, "dash": "dot", "width": 1}, annotation_text=mark[0])
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(title=y_title)
    return finish(figure, title)
