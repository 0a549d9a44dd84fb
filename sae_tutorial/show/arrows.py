"""Drawings of superposition: features as arrows, a pair on one line, the squeeze of a toy model.

Numbers in a drawing are computed here from the example that is drawn.
"""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from plotly.subplots import make_subplots

from sae_tutorial.show.canvas import GREY, INK, PALE, arrow, as_drawing, say
from sae_tutorial.show.plots import COLOURS, escaped, finish

SHORTEST = 0.5  # a feature with a shorter arrow counts as dropped
NAMES = "ABCDEFGHIJ"  # features are named by letters, so that they are not taken for dimensions


def direction_figure(
    rows: Mapping[str, Mapping[str, Float[np.ndarray, "n 2"]]],
    title: str,
    *,
    shortest: float = SHORTEST,
    reach: float = 1.5,
    tall: int = 210,
) -> go.Figure:
    """Directions of features in two hidden dimensions: a row of panels per entry, a panel per entry of that.

    Features are lettered arrows; those shorter than `shortest` are left out, as dropped. Panels show -`reach` to `reach`, and a
    row of them takes `tall` pixels.
    """
    columns = max(map(len, rows.values()))
    space = reach / 1.5 * 210 / tall  # letters stay as near to their arrows when a panel is larger
    figure = make_subplots(
        len(rows), columns, horizontal_spacing=0.015, vertical_spacing=0.1,
        subplot_titles=[name for panels in rows.values() for name in panels],
    )  # fmt: skip
    for row, panels in enumerate(rows.values(), start=1):
        for column, arrows in enumerate(panels.values(), start=1):
            figure.add_traces(_arrows(arrows, shortest, space), rows=row, cols=column)
            axis = (row - 1) * columns + column
            figure.update_yaxes(scaleanchor=f"x{axis if axis > 1 else ''}", row=row, col=column)
    figure.update_xaxes(range=[-reach, reach], tickvals=[-1, 0, 1])
    figure.update_yaxes(range=[-reach, reach], tickvals=[-1, 0, 1], showticklabels=False)
    figure.update_yaxes(showticklabels=True, col=1)
    figure.update_xaxes(title="first number", row=len(rows))
    for row, name in enumerate(rows, start=1):
        figure.update_yaxes(title=f"{name}<br>second number", row=row, col=1)
    return finish(figure, title, height=90 + tall * len(rows))


def direction_slider(steps: Mapping[str, Float[np.ndarray, "n 2"]], title: str, start: str) -> go.Figure:
    """One panel of arrows and a slider over the entries of `steps`; without a slider, `start` is what is seen."""
    figure = go.Figure()
    owners = []
    for name, arrows in steps.items():
        for trace in _arrows(arrows):
            figure.add_trace(trace.update(visible=name == start))
            owners.append(name)
    figure.update_layout(
        sliders=[{
            "active": list(steps).index(start), "currentvalue": {"prefix": "each thing is there with "}, "pad": {"t": 45},
            "steps": [
                {"label": name, "method": "restyle", "args": [{"visible": [owner == name for owner in owners]}]}
                for name in steps
            ],
        }]
    )  # fmt: skip
    figure.update_xaxes(range=[-1.5, 1.5], title="first number")
    figure.update_yaxes(range=[-1.5, 1.5], title="second number", scaleanchor="x")
    finish(figure, title, height=560)
    return figure.update_layout(width=560, margin={"b": 110})


def squeeze_drawing(n: int, m: int, on: int, title: str) -> go.Figure:
    """A toy model from left to right: n numbers of which one is on, m numbers, and n again."""
    figure = go.Figure()
    for x, count, letters, lit in ((0, n, True, {on}), (2, m, False, set(range(m))), (4, n, True, {on})):
        heights = _spread(count)
        figure.add_scatter(
            x=[x] * count, y=heights, mode="markers+text", showlegend=False, hoverinfo="skip",
            text=[NAMES[i] if letters else f"h{i}" for i in range(count)],
            textfont={"color": ["white" if i in lit else INK for i in range(count)]},
            marker={
                "size": 34, "line": {"color": INK, "width": 1.5},
                "color": [COLOURS[0] if i in lit else PALE for i in range(count)],
            },
        )  # fmt: skip
    for x0, x1, left, right in ((0, 2, n, m), (2, 4, m, n)):
        for y0 in _spread(left):
            for y1 in _spread(right):
                figure.add_shape(
                    type="line", x0=x0 + 0.2, x1=x1 - 0.2, y0=y0, y1=y1, layer="below",
                    line={"color": GREY, "width": 1},
                )  # fmt: skip
    for x, text in (
        (0, f"<b>x</b>: {n} features,<br>nearly all of them 0"), (1, "times <b>W</b>"),
        (2, f"<b>h</b>: {m} numbers"), (3, "times <b>Wᵀ</b>, plus a bias <b>b</b>,<br>then ReLU"),
        (4, f"<b>x̂</b>: {n} features<br>rebuilt"),
    ):  # fmt: skip
        say(figure, (x, 2.9), text, size=14)
    return as_drawing(figure, title, (-0.7, 4.7), (-2.4, 3.3), height=370)


def pair_drawing(examples: Mapping[str, tuple[float, float]], title: str) -> go.Figure:
    """Features A and B back to back on one line, h = a − b: where h lands, and what is read back, for each example."""
    figure = go.Figure()
    for row, (name, (a, b)) in enumerate(examples.items()):
        y, h = -1.5 * row, a - b
        arrow(figure, (0, y), (1.25, y), COLOURS[0], width=3)
        arrow(figure, (0, y), (-1.25, y), COLOURS[1], width=3)
        figure.add_scatter(
            x=[h], y=[y], mode="markers", showlegend=False, hoverinfo="skip",
            marker={"size": 17, "color": COLOURS[3], "line": {"color": INK, "width": 1.5}},
        )  # fmt: skip
        say(figure, (1.4, y), "A", size=14)
        say(figure, (-1.4, y), "B", size=14)
        say(figure, (h, y + 0.42), f"h = {a:.1f} − {b:.1f} = {h:.1f}".replace("-", "−"), size=14)
        say(figure, (-2.7, y), f"<b>{escaped(name)}</b><br>A = {a:.1f}, B = {b:.1f}", size=14)
        wrong = "✓" if min(a, b) == 0 else "✗"
        say(figure, (2.9, y), f"Â = ReLU(h) = {max(h, 0):.1f}<br>B̂ = ReLU(−h) = {max(-h, 0):.1f}", size=14)
        say(figure, (4.0, y), f"<b>{wrong}</b>", size=20)
    return as_drawing(
        figure, title, (-3.6, 4.3), (-1.5 * len(examples) + 0.7, 0.8), height=90 + 100 * len(examples)
    )


def weight_maps(
    panels: Mapping[str, Float[np.ndarray, "features neurons"]],
    title: str,
    *,
    framed: Mapping[str, int] | None = None,
) -> go.Figure:
    """A number for each feature (lettered rows) and neuron (columns), a panel per entry: blue above zero, red below.

    Numbers that are under a twentieth of a panel's largest are coloured and not written. `framed` names one neuron of a panel
    that gets a frame.
    """
    figure = make_subplots(1, len(panels), subplot_titles=list(panels), horizontal_spacing=0.06)
    for column, (name, values) in enumerate(panels.items(), start=1):
        counts = np.issubdtype(values.dtype, np.integer)
        most = np.abs(values).max()
        text = [
            ["" if abs(v) < most / 20 else f"{v:d}" if counts else f"{v:.2f}".replace("-", "−") for v in row]
            for row in values
        ]
        figure.add_heatmap(
            z=values.astype(float), x=[str(i) for i in range(values.shape[1])], y=list(NAMES[: len(values)]),
            text=text, texttemplate="%{text}", colorscale="RdBu", zmin=-most, zmax=most, showscale=False,
            xgap=1, ygap=1, row=1, col=column,
        )  # fmt: skip
        if framed and name in framed:
            at = framed[name]
            figure.add_vrect(at - 0.5, at + 0.5, line={"color": INK, "width": 3}, row=1, col=column)
    figure.update_xaxes(title="neuron")
    figure.update_yaxes(autorange="reversed")
    figure.update_yaxes(title="feature", col=1)
    return finish(figure, title, height=440)


def _arrows(
    arrows: Float[np.ndarray, "n 2"], shortest: float = SHORTEST, space: float = 1.0
) -> list[go.Scatter]:
    traces = []
    lettered = []  # arrows that lie on one another have their letters one behind the other
    for i, (x, y) in enumerate(arrows.astype(float)):
        if np.hypot(x, y) < shortest:
            continue
        colour = COLOURS[i % len(COLOURS)]
        far = 1 + 0.22 * space / np.hypot(x, y)
        while any(np.hypot(far * x - u, far * y - v) < 0.22 * space for u, v in lettered):
            far += 0.25 * space / np.hypot(x, y)
        lettered.append((far * x, far * y))
        traces.append(
            go.Scatter(
                x=[0, x], y=[0, y], mode="lines+markers", showlegend=False, name=NAMES[i], line={"color": colour, "width": 2.5},
                marker={"symbol": "arrow", "angleref": "previous", "size": [0, 13], "color": colour},
            )
        )  # fmt: skip
        traces.append(
            go.Scatter(
                x=[far * x], y=[far * y], mode="text", text=[NAMES[i]], showlegend=False, hoverinfo="skip",
                textfont={"size": 14, "color": colour},
            )
        )  # fmt: skip
    return traces


def _spread(count: int) -> list[float]:
    """Places of `count` things in a column, from the top."""
    return [(count - 1) / 2 - i for i in range(count)]
