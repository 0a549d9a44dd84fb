"""Drawings of collecting and training: boxes and arrows, without numbers of any run.

They are plotly figures on a white card, so that they look the same in light and dark, on the built pages, and as the
static picture that a code host shows.
"""

from collections.abc import Sequence

import plotly.graph_objects as go

from sae_tutorial.show.plots import COLOURS, finish

INK, BLUE, RED, GREEN = "#222222", *COLOURS[:3]
ORANGE = "#b8741a"  # dark enough for letters on white


def training_step_drawing() -> go.Figure:
    """One step of training as a ring of six stations, with the order that matters marked."""
    stations = [
        ("1 draw", "a batch of rows x", INK), ("2 encode", "f: which latents are on", BLUE),
        ("3 decode", "x̂: a sum of their directions", BLUE), ("4 loss", "‖x − x̂‖² + λ · L1 of f", RED),
        ("5 Adam", "gradients move every weight", GREEN), ("6 reset", "decoder rows back to norm 1", ORANGE),
    ]  # fmt: skip
    places = [(0, 1), (1, 1), (2, 1), (2, 0), (1, 0), (0, 0)]
    figure = _canvas(
        "One training step: six stations, always in this order", (-0.55, 2.55), (-0.45, 1.45), 300
    )
    for (name, what, colour), place in zip(stations, places, strict=True):
        _box(figure, place, f"<b>{name}</b><br>{what}", colour)
    for start, end in ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)):
        (x0, y0), (x1, y1) = places[start], places[end]
        gap_x, gap_y = 0.43 * (x1 - x0), 0.27 * (y1 - y0)
        _arrow(figure, (x0 + gap_x, y0 + gap_y), (x1 - gap_x, y1 - gap_y))
    return figure


def growing_rows_drawing() -> go.Figure:
    """The same x̂ from a short decoder row and a large f, and from a long row and a small f: the penalty is cheated."""
    figure = _canvas("The same x̂ for half the penalty: the decoder row grew", (-0.3, 6.6), (-0.6, 1.7), 260)
    for left, length, f in ((0.0, 1.0, "2.0"), (3.6, 2.0, "1.0")):
        _arrow(figure, (left, 1.0), (left + length, 1.0), BLUE, 3)
        _text(figure, (left + length / 2, 1.28), f"decoder row, norm {length:g}", BLUE)
        _arrow(figure, (left, 0.2), (left + 2.0, 0.2), INK, 3)
        _text(figure, (left + 1.0, -0.12), f"f = {f}   gives the same x̂", INK)
        _text(figure, (left + 1.0, -0.42), f"penalty λ · {f}", RED)
    return figure


def dead_latent_drawing() -> go.Figure:
    """Three latents seen over rows: one that fires often, one that fires rarely, one that never does and cannot learn."""
    figure = _canvas(
        "A latent that never fires gets no gradient, so it stays silent", (-4.2, 25), (-0.7, 2.9), 260
    )
    fires = {"often": {1, 3, 4, 8, 11, 12, 15, 19, 20}, "rarely": {6, 17}, "never: dead": set()}
    for row, (name, on) in enumerate(fires.items()):
        y = 2 - row
        _text(figure, (-2.2, y), name, INK)
        for token in range(22):
            lit = token in on
            figure.add_shape(
                type="rect", x0=token, x1=token + 0.8, y0=y - 0.25, y1=y + 0.25,
                fillcolor=ORANGE if lit else "#eeeeee", line={"width": 0},
            )  # fmt: skip
        _text(figure, (23.4, y), "learns" if on else "stuck", GREEN if on else RED)
    _text(figure, (11, -0.55), "tokens, one after the other", INK)
    return figure


def stopping_drawing() -> go.Figure:
    """A run with ten checkpoints, and what two ways of stopping it lose."""
    figure = _canvas("Ctrl-C loses nothing; a killed process loses up to a tenth", (-1, 11), (-1.2, 2.2), 260)
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
    _text(figure, (6.6, 1.95), "Ctrl-C: the step ends, the state is saved", INK)
    _text(figure, (6.6, 0.6), "killed: goes on from the last checkpoint", INK)
    _text(figure, (5, -0.9), "the run, with a checkpoint at every tenth", INK)
    return figure


def padding_drawing(texts: Sequence[Sequence[str]], title: str) -> go.Figure:
    """Texts of unequal length as the rectangle that a batch is: BOS, real tokens, padding."""
    width = 1 + max(map(len, texts))
    figure = _canvas(title, (-0.2, width + 0.2), (-1.0, len(texts) + 0.2), 90 + 55 * len(texts))
    for row, text in enumerate(texts):
        cells = ["BOS", *text, *["pad"] * (width - 1 - len(text))]
        for column, cell in enumerate(cells):
            colour = {"BOS": ORANGE, "pad": RED}.get(cell, BLUE)
            y = len(texts) - 1 - row
            figure.add_shape(
                type="rect", x0=column + 0.04, x1=column + 0.96, y0=y + 0.1, y1=y + 0.9,
                line={"color": colour, "width": 2, "dash": "dot" if cell == "pad" else "solid"}, fillcolor="white",
            )  # fmt: skip
            _text(figure, (column + 0.5, y + 0.5), cell, colour)
    _text(figure, (width / 2, -0.5), "blue: a row to keep · orange: BOS · dotted red: padding", INK)
    return figure


def hook_drawing(n_layers: int, layer: int) -> go.Figure:
    """The stream from tokens to logits, with the blocks beside it, and the one place where we read."""
    figure = _canvas("Where we read: what one MLP adds to the stream", (-0.6, 6.6), (-1.3, 1.9), 300)
    _arrow(figure, (-0.2, 0), (6.3, 0), INK, 5)
    _text(figure, (-0.1, 0.3), "token", INK)
    _text(figure, (6.2, 0.3), "logits", INK)
    for x, name, colour in (
        (1, "block 0", INK),
        (3, f"block {layer}", RED),
        (5, f"block {n_layers - 1}", INK),
    ):
        _box(figure, (x, 1.1), f"<b>{name}</b><br>attention, MLP", colour, half=(0.62, 0.36))
        _arrow(figure, (x - 0.35, 0.08), (x - 0.35, 0.72), INK)
        _arrow(figure, (x + 0.35, 0.72), (x + 0.35, 0.08), colour)
    for x in (2, 4):
        _text(figure, (x, 1.1), "· · ·", INK)
    _arrow(figure, (3.42, 0.45), (4.1, -0.55), RED, 2)
    _text(figure, (4.2, -0.8), f"hook: blocks.{layer}.hook_mlp_out, one vector per token", RED)
    return figure


def _canvas(title: str, x: tuple[float, float], y: tuple[float, float], height: int) -> go.Figure:
    figure = finish(go.Figure(), title, height)
    figure.add_scatter(
        x=[x[0]], y=[y[0]], mode="markers", marker={"opacity": 0}, showlegend=False, hoverinfo="skip"
    )
    figure.update_xaxes(range=list(x), visible=False, fixedrange=True)
    figure.update_yaxes(range=list(y), visible=False, fixedrange=True)
    figure.update_layout(margin={"t": 60, "l": 20, "r": 20, "b": 10})
    return figure


def _box(
    figure: go.Figure,
    place: tuple[float, float],
    text: str,
    colour: str,
    half: tuple[float, float] = (0.42, 0.26),
) -> None:
    (x, y), (w, h) = place, half
    figure.add_shape(
        type="rect",
        x0=x - w,
        x1=x + w,
        y0=y - h,
        y1=y + h,
        line={"color": colour, "width": 2},
        fillcolor="white",
    )
    _text(figure, place, text, colour)


def _text(figure: go.Figure, place: tuple[float, float], text: str, colour: str) -> None:
    figure.add_annotation(
        x=place[0], y=place[1], text=text, showarrow=False, font={"size": 13, "color": colour}
    )


def _arrow(
    figure: go.Figure,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str = INK,
    width: float = 2,
) -> None:
    figure.add_annotation(
        x=end[0], y=end[1], ax=start[0], ay=start[1], xref="x", yref="y", axref="x", ayref="y", text="",
        showarrow=True, arrowhead=2, arrowwidth=width, arrowcolor=colour,
    )  # fmt: skip
