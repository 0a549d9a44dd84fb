"""Drawings of collecting and training: boxes and arrows, without numbers of any run."""

from collections.abc import Sequence

import plotly.graph_objects as go

from sae_tutorial.show.canvas import GREY, INK, arrow, as_drawing, box, say
from sae_tutorial.show.plots import COLOURS

BLUE, RED, GREEN = COLOURS[:3]
ORANGE = "#b8741a"  # dark enough for letters on white
PURPLE = COLOURS[4]


def training_step_drawing() -> go.Figure:
    """One step of training as a ring of six stations, with the order that matters marked."""
    stations = [
        ("1 draw", "a batch of rows x", INK), ("2 encode", "f: which latents are on", BLUE),
        ("3 decode", "x̂: a sum of their directions", BLUE), ("4 loss", "mean of (x − x̂)² + λ · L1 of f", RED),
        ("5 Adam", "gradients move every weight", GREEN), ("6 reset", "decoder rows back to norm 1", ORANGE),
    ]  # fmt: skip
    places = [(0, 1), (1, 1), (2, 1), (2, 0), (1, 0), (0, 0)]
    figure = as_drawing(
        go.Figure(),
        "One training step: six stations, always in this order",
        (-0.55, 2.55),
        (-0.45, 1.45),
        height=300,
    )
    for (name, what, colour), place in zip(stations, places, strict=True):
        box(figure, place, f"<b>{name}</b><br>{what}", colour, width=0.84, tall=0.52, size=13)
    for start, end in ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)):
        (x0, y0), (x1, y1) = places[start], places[end]
        gap_x, gap_y = 0.43 * (x1 - x0), 0.27 * (y1 - y0)
        arrow(figure, (x0 + gap_x, y0 + gap_y), (x1 - gap_x, y1 - gap_y))
    return figure


def growing_rows_drawing() -> go.Figure:
    """The same x̂ from a short decoder row and a large f, and from a long row and a small f: the penalty is cheated."""
    figure = as_drawing(
        go.Figure(),
        "The same x̂ for half the penalty: the decoder row grew",
        (-0.3, 6.6),
        (-0.6, 1.7),
        height=260,
    )
    for left, length, f in ((0.0, 1.0, "2.0"), (3.6, 2.0, "1.0")):
        arrow(figure, (left, 1.0), (left + length, 1.0), BLUE, width=3)
        say(figure, (left + length / 2, 1.28), f"decoder row, norm {length:g}", colour=BLUE)
        arrow(figure, (left, 0.2), (left + 2.0, 0.2), INK, width=3)
        say(figure, (left + 2.2, 0.2), "<b>x̂</b>")
        say(figure, (left + 1.0, -0.12), f"f = {f}   gives the same x̂")
        say(figure, (left + 1.0, -0.42), f"penalty λ · {f}", colour=RED)
    return figure


def stopping_drawing() -> go.Figure:
    """A run with ten checkpoints, and what two ways of stopping it lose."""
    figure = as_drawing(
        go.Figure(),
        "Ctrl-C loses nothing; a killed process loses up to a tenth",
        (-1, 11),
        (-1.2, 2.2),
        height=260,
    )
    for y, stop, lost in ((1.4, 6.6, 6.6), (0, 6.6, 6.0)):
        figure.add_shape(
            type="rect", x0=0, x1=lost, y0=y - 0.2, y1=y + 0.2, fillcolor=GREEN, line={"width": 0}
        )
        if stop > lost:
            figure.add_shape(
                type="rect", x0=lost, x1=stop, y0=y - 0.2, y1=y + 0.2, fillcolor=RED, line={"width": 0}
            )
        for checkpoint in range(11):
            figure.add_shape(
                type="line",
                x0=checkpoint,
                x1=checkpoint,
                y0=y - 0.3,
                y1=y + 0.3,
                line={"color": INK, "width": 1},
            )
    say(figure, (3.3, 1.9), "<b>Ctrl-C</b>: the step ends, the state is saved")
    say(figure, (3.3, 0.5), "<b>killed</b>: goes on from the last checkpoint")
    say(figure, (6.3, -0.5), "lost", colour=RED)
    say(figure, (5, -0.95), "upright lines: a checkpoint at every tenth of the run")
    return figure


def padding_drawing(texts: Sequence[Sequence[str]], title: str, context_size: int) -> go.Figure:
    """Texts of unequal length as the rectangle that a batch is: BOS, real tokens, padding, and what is cut."""
    width = min(context_size, 1 + max(map(len, texts)))
    kept = sum(min(len(text), width - 1) for text in texts)
    figure = as_drawing(
        go.Figure(),
        title,
        (-0.2, 1.2 + max(map(len, texts))),
        (-1.0, len(texts) + 0.2),
        height=90 + 55 * len(texts),
    )
    for row, text in enumerate(texts):
        y = len(texts) - 1 - row
        for column, cell in enumerate(["BOS", *text, *["pad"] * (width - 1 - len(text))]):
            colour, dash = {"BOS": (ORANGE, "solid"), "pad": (RED, "dot")}.get(cell, (BLUE, "solid"))
            if column >= width:
                colour, cell = GREY, f"<s>{cell}</s>"
            else:
                _cell(figure, (column, y), colour, dash)
            say(figure, (column + 0.5, y + 0.5), cell, colour=colour)
    say(
        figure, ((1.2 + max(map(len, texts))) / 2, -0.5),
        f"blue: the {kept} rows to keep, of {width * len(texts)} · orange: BOS · dotted red: padding · grey: cut",
    )  # fmt: skip
    return figure


def batches_drawing(lengths: Sequence[int], batch_size: int) -> go.Figure:
    """The same texts batched in their own order and by length: how much of each rectangle is padding."""
    figure = as_drawing(
        go.Figure(),
        "Batches of texts of similar length hold little padding",
        (-0.5, 2 * max(lengths) + 4.5),
        (0.2, len(lengths) + 2 + len(lengths) // batch_size),
        height=110 + 32 * len(lengths),
    )
    top = len(lengths) + len(lengths) // batch_size
    for left, name, order in (
        (0, "in their own order", list(lengths)),
        (max(lengths) + 4, "by length", sorted(lengths)),
    ):
        widths = [max(order[i : i + batch_size]) for i in range(0, len(order), batch_size)]
        for place, length in enumerate(order):
            width, y = widths[place // batch_size], top - place - place // batch_size
            for column in range(width):
                real = column < length
                _cell(figure, (left + column, y), BLUE if real else RED, "solid" if real else "dot")
        computed = sum(width * len(order[i * batch_size :][:batch_size]) for i, width in enumerate(widths))
        say(figure, (left + max(lengths) / 2, top + 1.4), f"<b>{name}</b>")
        say(figure, (left + max(lengths) / 2, 1.1), f"{computed} positions for {sum(order)} tokens")
    return figure


def split_drawing() -> go.Figure:
    """Rows of four articles, held out one by one and article by article."""
    figure = as_drawing(
        go.Figure(),
        "By row, every test row has neighbours in training; by article, none has",
        (-2.2, 15.2),
        (-1.2, 5.0),
        height=300,
    )
    by_row = ((1, 4), (0, 3), (2,), (1, 5))
    for left, name, held_out in ((0, "by row: it leaks", by_row), (9, "by article", ((), (), range(6), ()))):
        say(figure, (left + 3, 4.55), f"<b>{name}</b>")
        for text, tested in enumerate(held_out):
            if not left:
                say(figure, (-1.1, 3.5 - text), f"article {text}")
            for place in range(6):
                is_test = place in tested
                _cell(figure, (left + place, 3 - text), PURPLE if is_test else BLUE, "solid", filled=is_test)
    say(figure, (7, -0.7), "blue frame: a row to train on · filled purple: a row to test on")
    return figure


def _cell(
    figure: go.Figure, at: tuple[float, float], colour: str, dash: str, *, filled: bool = False
) -> None:
    figure.add_shape(
        type="rect", x0=at[0] + 0.04, x1=at[0] + 0.96, y0=at[1] + 0.1, y1=at[1] + 0.9,
        line={"color": colour, "width": 2, "dash": dash}, fillcolor=colour if filled else "white",
    )  # fmt: skip


def hook_drawing(n_layers: int, layer: int) -> go.Figure:
    """The stream from tokens to logits, one block of it opened, and the one place where we read: the MLP's output."""
    figure = as_drawing(
        go.Figure(), "Where we read: what one MLP adds to the stream", (-0.6, 9.3), (-0.5, 2.1), height=290
    )
    arrow(figure, (-0.2, 0), (9.0, 0), INK, width=5)
    say(figure, (-0.1, 0.3), "token")
    say(figure, (8.9, 0.3), "logits")
    figure.add_shape(
        type="rect", x0=2.2, x1=5.2, y0=0.62, y1=1.9, line={"color": GREY, "width": 1, "dash": "dot"}
    )
    say(figure, (3.7, 1.68), f"<b>block {layer}</b>")
    for x, name, width, colour in (
        (1.0, "block 0", 1.1, INK), (3.0, "attention", 1.2, INK), (4.4, "MLP", 1.2, GREEN),
        (7.9, f"block {n_layers - 1}", 1.1, INK),
    ):  # fmt: skip
        box(figure, (x, 1.1), f"<b>{name}</b>", colour, width=width, tall=0.66, size=13)
        arrow(figure, (x - 0.3, 0.08), (x - 0.3, 0.76), INK)
        arrow(figure, (x + 0.3, 0.76), (x + 0.3, 0.08), colour)
    for x in (1.87, 6.9):
        say(figure, (x, 1.1), "· · ·")
    figure.add_scatter(
        x=[4.7], y=[0.42], mode="markers", marker={"size": 11, "color": GREEN}, showlegend=False
    )
    arrow(figure, (4.78, 0.42), (5.35, 0.42), GREEN, width=2)
    say(figure, (6.4, 0.42), f"blocks.{layer}.hook_mlp_out:<br>one vector per token", colour=GREEN)
    return figure
