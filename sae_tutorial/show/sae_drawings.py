"""Drawings of a sparse autoencoder and of its architectures.

Its shapes, a sum of directions, ReLU against TopK, a dead latent, two ways to read; what L1 takes away, four activation
functions, a shared budget, nested dictionaries. Where a drawing holds numbers they are computed here from the example
that is drawn.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from plotly.subplots import make_subplots

from sae_tutorial.show.canvas import GREY, INK, PALE, arrow, as_drawing, say
from sae_tutorial.show.plots import COLOURS, HEAT, finish

ON = COLOURS[1]


def sae_drawing(d_in: int, d_sae: int, title: str, *, kept: str = "few stay above 0") -> go.Figure:
    """An SAE from left to right: x, the encoder, a column of latents of which three are on, the decoder, x̂.

    `kept` says which latents the encoder leaves on.
    """
    figure = go.Figure()
    _column(figure, 0.6, cells=8, tall=2.4, on=range(8), colour=COLOURS[0])
    _wedge(figure, (1.3, 2.9), (1.2, 2.3), "encoder<br><b>W_enc</b>", f"[{d_in}, {d_sae}]")
    _column(figure, 3.6, cells=24, tall=4.8, on=(4, 13, 18), colour=ON)
    _wedge(figure, (4.3, 5.9), (2.3, 1.2), "decoder<br><b>W_dec</b>", f"[{d_sae}, {d_in}]")
    _column(figure, 6.6, cells=8, tall=2.4, on=range(8), colour=COLOURS[0])
    for x, name, shape in (
        (0.6, "<b>x</b>", f"[{d_in}]"), (3.6, "<b>f</b>", f"[{d_sae}]"), (6.6, "<b>x̂</b>", f"[{d_in}]"),
    ):  # fmt: skip
        say(figure, (x, 2.85), f"{name} {shape}", size=15)
    for x, y, text in (
        (0.6, -2.8, "one row<br>(8 of its numbers drawn)"), (2.1, -2.8, f"− b_dec before, + b_enc<br>after; {kept}"),
        (3.6, -2.8, "three latents on,<br>the others zero"), (5.1, -2.8, "row i is the direction<br>that latent i adds"),
        (6.6, -2.8, "+ b_dec:<br>should equal x"),
    ):  # fmt: skip
        say(figure, (x, y), text, size=12)
    for start, end in ((0.85, 1.25), (2.95, 3.35), (3.85, 4.25), (5.95, 6.35)):
        arrow(figure, (start, 0), (end, 0))
    return as_drawing(figure, title, (0, 7.2), (-3.4, 3.2), height=400)


def sum_figure(rows: Mapping[str, Float[np.ndarray, " d_in"]], title: str) -> go.Figure:
    """Vectors as strips of coloured numbers, one under the other; zero is white."""
    values = np.stack(list(rows.values())).astype(float)
    largest = float(np.abs(values).max())
    figure = go.Figure()
    figure.add_heatmap(
        z=values, y=list(rows), colorscale="RdBu", zmin=-largest, zmax=largest, xgap=1, ygap=6,
        colorbar={"title": "entry"},
    )  # fmt: skip
    figure.update_xaxes(title="dimension", showgrid=False, zeroline=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure = finish(figure, title, height=150 + 42 * len(rows))
    return figure.update_layout(margin_l=190)


def cosine_panels(panels: Mapping[str, Float[np.ndarray, "truth latents"]], title: str) -> go.Figure:
    """|cos| of true directions (rows) with decoder rows (columns), one panel per entry on one scale from 0 to 1."""
    figure = make_subplots(1, len(panels), subplot_titles=list(panels), horizontal_spacing=0.06)
    for column, values in enumerate(panels.values(), start=1):
        figure.add_heatmap(z=values.astype(float), coloraxis="coloraxis", row=1, col=column)
    figure.update_xaxes(title="decoder row (latent)", showgrid=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_yaxes(title="true direction", col=1)
    figure.update_layout(coloraxis={"colorscale": HEAT, "cmin": 0, "cmax": 1, "colorbar": {"title": "|cos|"}})
    return finish(figure, title, height=380)


def relu_topk_drawing(pre: Float[np.ndarray, " latents"], k: int, title: str) -> go.Figure:
    """The pre-activations of one row as bars, what ReLU keeps of them, and what TopK keeps."""
    relu = np.maximum(pre, 0)
    top = np.where(relu >= np.sort(relu)[-k], relu, 0)
    panels = {"before: pre-activations": pre, "ReLU keeps what is above 0": relu, f"TopK keeps {k}": top}
    figure = make_subplots(1, 3, subplot_titles=list(panels), shared_yaxes=True, horizontal_spacing=0.03)
    for column, heights in enumerate(panels.values(), start=1):
        colours = [ON if height > 0 else GREY for height in heights]
        figure.add_bar(y=heights.astype(float), marker_color=colours, showlegend=False, row=1, col=column)
    figure.update_xaxes(title="latent", showgrid=False)
    figure.update_yaxes(title="value", col=1)
    return finish(figure, title, height=330)


def dead_latent_drawing(title: str) -> go.Figure:
    """Rows as points, and the half-planes where a living latent and a dead one are on; the dead one's holds no point."""
    points = 0.55 * np.random.default_rng(0).standard_normal((60, 2))
    figure = make_subplots(
        1, 2, subplot_titles=["living: some rows are on its side", "dead: no row is on its side"]
    )
    for column, (offset, name) in enumerate(((0.35, "on here"), (1.75, "on here: nobody")), start=1):
        direction = np.array([0.8, 0.6])
        along = np.array([-0.6, 0.8])
        on = points @ direction > offset
        corners = [offset * direction + s * along for s in (-5, 5)]
        corners += [6 * direction + s * along for s in (5, -5)]
        figure.add_scatter(
            x=[float(c[0]) for c in corners], y=[float(c[1]) for c in corners], fill="toself", mode="lines",
            line={"width": 0}, fillcolor="rgba(209,73,91,0.15)", showlegend=False, row=1, col=column,
        )  # fmt: skip
        for chosen, colour, symbol in ((~on, "#6c757d", "circle-open"), (on, ON, "circle")):
            figure.add_scatter(
                x=points[chosen, 0], y=points[chosen, 1], mode="markers", showlegend=False,
                marker={"color": colour, "symbol": symbol, "size": 8}, row=1, col=column,
            )  # fmt: skip
        at = (1.95, 1.85) if column == 1 else (1.75, 1.95)  # clear of the points
        figure.add_annotation(
            x=at[0], y=at[1], text=name, showarrow=False, font={"color": ON, "size": 14}, row=1, col=column
        )
    figure.update_xaxes(range=[-2.1, 2.4], showticklabels=False, title="dimension 0")
    figure.update_yaxes(range=[-1.7, 2.2], showticklabels=False)
    figure.update_yaxes(title="dimension 1", col=1)
    return finish(figure, title, height=340)


def pursuit_drawing(title: str) -> go.Figure:
    """X = A + ½ B in two dimensions with a third direction C near A: read by one product, and one step at a time."""
    A, B, C = np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([np.sqrt(3) / 2, -0.5])
    x = A + 0.5 * B
    rest = x - (x @ A) * A
    panels = [
        ("the sum x = A + ½ B", x, "x", ""),
        ("one product: A, then C", x, "x", "".join(f"x·{n} = {x @ d:+.2f}<br>" for n, d in _named(A, B, C))),
        ("take A away, look again: B", rest, "rest", "".join(f"rest·{n} = {rest @ d:+.2f}<br>" for n, d in _named(A, B, C))),
    ]  # fmt: skip
    figure = make_subplots(1, 3, subplot_titles=[panel[0] for panel in panels], horizontal_spacing=0.02)
    for column, (_, vector, name, products) in enumerate(panels, start=1):
        for label, d in _named(A, B, C):
            _vector(figure, d, label, "#6c757d", 1.5, column)
        _vector(figure, vector, name, ON, 3, column)
        figure.add_annotation(
            x=-0.4, y=-0.75, text=products, showarrow=False, align="left", xanchor="left", yanchor="middle",
            font={"size": 12}, row=1, col=column,
        )  # fmt: skip
        figure.update_yaxes(scaleanchor=f"x{column if column > 1 else ''}", row=1, col=column)
    figure.update_xaxes(range=[-0.5, 1.5], visible=False)
    figure.update_yaxes(range=[-1.1, 1.25], visible=False)
    return finish(figure, title, height=360)


def price_drawing(size: float, price: float, d_in: int, title: str) -> go.Figure:
    """Error, price and their sum for every answer f to one direction of length `size`; the cheapest answer is marked."""
    f = np.linspace(0, 1.25 * size, 501)
    error, paid = (size - f) ** 2 / d_in, price * f
    best = float(f[np.argmin(error + paid)])
    figure = go.Figure()
    for name, y, colour, width, at, side, over in (
        ("error", error, COLOURS[0], 2, 60, "right", "top"), ("price", paid, "#b8741a", 2, 150, "left", "top"),
        ("error + price", error + paid, ON, 3, 60, "left", "bottom"),
    ):  # fmt: skip
        figure.add_scatter(x=f, y=y, mode="lines", line={"color": colour, "width": width}, showlegend=False)
        figure.add_annotation(
            x=f[at], y=y[at], text=name, showarrow=False, font={"color": colour, "size": 14},
            xanchor=side, yanchor=over, yshift=8 if over == "bottom" else -8,
        )  # fmt: skip
    for x, text, colour in ((best, f"cheapest: {best:.1f}", ON), (size, f"true: {size:.1f}", INK)):
        figure.add_vline(x=x, line={"color": colour, "dash": "dot"}, annotation_text=text)
    figure.update_xaxes(title="the answer f")
    figure.update_yaxes(title="what it costs", rangemode="tozero")
    return finish(figure, title, height=360)


def sizes_figure(
    true: Float[np.ndarray, " rows"], answers: Mapping[str, Float[np.ndarray, " rows"]], title: str
) -> go.Figure:
    """What a latent says over the true size of its direction, a panel per coder; on the diagonal it says the truth."""
    figure = make_subplots(1, len(answers), subplot_titles=list(answers), shared_yaxes=True)
    end = float(true.max())
    for column, f in enumerate(answers.values(), start=1):
        figure.add_scatter(
            x=[0, end], y=[0, end], mode="lines", line={"color": INK, "dash": "dash", "width": 1},
            showlegend=False, row=1, col=column,
        )  # fmt: skip
        figure.add_scatter(
            x=true.astype(float), y=f.astype(float), mode="markers", showlegend=False,
            marker={"color": ON, "size": 5, "opacity": 0.6}, row=1, col=column,
        )  # fmt: skip
    figure.update_xaxes(title="true size")
    figure.update_yaxes(title="what the latent says", col=1)
    return finish(figure, title, height=400)


def activations_drawing(title: str) -> go.Figure:
    """Four ways from a true size to an activation, beside the dashed line on which a latent says the truth."""
    z = np.linspace(0, 2.5, 501)
    panels = {
        "ReLU under L1": {"": np.maximum(z - 0.6, 0)},
        "Gated": {"": np.where(z > 0.6, z, 0)},
        "JumpReLU": {"latent A": np.where(z > 0.3, z, 0), "latent B": np.where(z > 1.5, z, 0)},
        "TopK": {"quiet row": np.where(z > 0.6, z, 0), "loud row": np.where(z > 1.2, z, 0)},
    }
    notes = ("on late, and too small", "the gate's penalty sets where<br>it starts, not how large", "a threshold for each latent",
             "the k-th largest of the row<br>is the threshold")  # fmt: skip
    figure = make_subplots(1, 4, subplot_titles=list(panels), shared_yaxes=True, horizontal_spacing=0.03)
    for column, (curves, note) in enumerate(zip(panels.values(), notes, strict=True), start=1):
        figure.add_scatter(
            x=[0, 2.5], y=[0, 2.5], mode="lines", line={"color": INK, "dash": "dash", "width": 1},
            showlegend=False, row=1, col=column,
        )  # fmt: skip
        for i, (name, f) in enumerate(curves.items()):
            style = {"color": (ON, COLOURS[0])[i], "width": 3, "dash": ("solid", "dot")[i]}
            figure.add_scatter(x=z, y=f, mode="lines", line=style, showlegend=False, row=1, col=column)
            if name:
                figure.add_annotation(
                    x=2.45, y=(0.75, 0.4)[i], text=name, showarrow=False, xanchor="right", row=1, col=column,
                    font={"color": style["color"], "size": 12},
                )  # fmt: skip
        figure.add_annotation(
            x=0.05, y=2.75, text=note, showarrow=False, xanchor="left", yanchor="top", align="left",
            font={"size": 11}, row=1, col=column,
        )  # fmt: skip
    figure.update_xaxes(title="true size", range=[-0.1, 2.6])
    figure.update_yaxes(range=[-0.15, 2.8])
    figure.update_yaxes(title="activation f", col=1)
    return finish(figure, title, height=340)


def shared_budget_drawing(pre: Float[np.ndarray, "rows latents"], k: int, title: str) -> go.Figure:
    """A batch as a table of pre-activations: what TopK keeps of it row by row, and what BatchTopK keeps of it all."""
    by_row = pre >= np.sort(pre, axis=1)[:, [-k]]
    by_batch = pre >= np.sort(pre.ravel())[-k * len(pre)]
    names = [f"token {row + 1}" for row in range(len(pre))]
    titles = [f"TopK: {k} in every row", f"BatchTopK: {k} · {len(pre)} in the whole batch"]
    figure = make_subplots(1, 2, subplot_titles=titles, shared_yaxes=True, horizontal_spacing=0.04)
    for column, kept in enumerate((by_row, by_batch), start=1):
        figure.add_heatmap(
            z=kept.astype(float), y=names, zmin=0, zmax=1, showscale=False, xgap=3, ygap=3, row=1, col=column,
            colorscale=[[0, PALE], [1, ON]],
        )  # fmt: skip
        for row, latent in np.ndindex(*pre.shape):
            figure.add_annotation(
                x=latent, y=names[row], text=f"{pre[row, latent]:.1f}", showarrow=False, row=1, col=column,
                font={"color": "white" if kept[row, latent] else INK},
            )  # fmt: skip
    figure.update_xaxes(title="latent", showgrid=False, dtick=1)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return finish(figure, title, height=130 + 55 * len(pre))


def nesting_drawing(prefixes: Sequence[int], title: str) -> go.Figure:
    """Matryoshka: the first latents rebuild x on their own, then the first few more, up to the whole dictionary."""
    figure = go.Figure()
    widest, tall = 5.6, 0.5
    ends = [widest * m / prefixes[-1] for m in prefixes]  # to scale
    for j, m in enumerate(prefixes):
        y = -0.85 * j
        for i, (x, end) in enumerate(pairwise([0.0, *ends[: j + 1]])):
            figure.add_shape(
                type="rect", x0=x, x1=end, y0=y - tall / 2, y1=y + tall / 2,
                fillcolor=ON, opacity=1 - 0.17 * i, line={"color": "white", "width": 1},
            )  # fmt: skip
        arrow(figure, (ends[j] + 0.1, y), (widest + 0.75, y), GREY)
        say(figure, (-0.75, y), f"first {m:,}")
        say(figure, (widest + 1.75, y), f"x̂ of {m:,} ≈ x ?")
    say(
        figure,
        (widest / 2, 0.62),
        "the same latents, in order: the first stand in every sum, the last in one",
        size=12,
    )
    return as_drawing(figure, title, (-1.5, widest + 2.8), (-0.85 * len(prefixes) + 0.3, 0.95), height=340)


def _named(*directions: Float[np.ndarray, "2"]) -> list[tuple[str, Float[np.ndarray, "2"]]]:
    return list(zip("ABC", directions, strict=True))


def _vector(
    figure: go.Figure, end: Float[np.ndarray, "2"], name: str, colour: str, width: float, column: int
) -> None:
    figure.add_scatter(
        x=[0, end[0]], y=[0, end[1]], mode="lines+markers", showlegend=False,
        line={"color": colour, "width": width},
        marker={"symbol": "arrow", "angleref": "previous", "size": [0, 12]}, row=1, col=column,
    )  # fmt: skip
    along = end / np.linalg.norm(end)
    place = end + 0.14 * along if name != "rest" else 0.6 * end + np.array([0.2, 0.0])
    figure.add_annotation(
        x=place[0], y=place[1], text=name, showarrow=False, font={"color": colour, "size": 14}, row=1, col=column
    )  # fmt: skip


def _column(figure: go.Figure, x: float, *, cells: int, tall: float, on: object, colour: str) -> None:
    """A vector as a column of cells; those in `on` are filled."""
    size = tall / cells
    for i in range(cells):
        top = tall / 2 - i * size
        figure.add_shape(
            type="rect", x0=x - 0.16, x1=x + 0.16, y0=top - size, y1=top,
            line={"color": GREY, "width": 1}, fillcolor=colour if i in on else "white",
        )  # fmt: skip


def _wedge(
    figure: go.Figure, x: tuple[float, float], half: tuple[float, float], name: str, shape: str
) -> None:
    """A matrix as a trapezium between columns of two heights."""
    (x0, x1), (y0, y1) = x, half
    figure.add_shape(
        type="path", path=f"M {x0} {-y0} L {x0} {y0} L {x1} {y1} L {x1} {-y1} Z",
        fillcolor=PALE, line={"color": INK, "width": 1},
    )  # fmt: skip
    say(figure, ((x0 + x1) / 2, 0), f"{name}<br>{shape}", size=14, behind=PALE)
