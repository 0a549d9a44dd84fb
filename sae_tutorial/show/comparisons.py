"""Figures that put the control into the same picture: rows by kind, scores by autoencoder, curves and dots.

One thing keeps one colour through a notebook: real tokens blue, padding red, BOS orange, and controls grey.
"""

import html
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import torch
from jaxtyping import Bool, Float
from plotly.subplots import make_subplots
from torch import Tensor

from sae_tutorial.features.intervals import Interval
from sae_tutorial.show.canvas import INK
from sae_tutorial.show.plots import (
    COLOURS,
    LOG_TICKS,
    MARKERS,
    escaped,
    finish,
    grid_figure,
    histogram_figure,
)
from sae_tutorial.show.training_drawings import ORANGE

BLUE, RED, GREY = COLOURS[0], COLOURS[1], COLOURS[5]
KIND_COLOURS = {"real tokens": BLUE, "padding": RED, "BOS": ORANGE}
MOST_POINTS = 1_000  # of each kind


def norms_by_kind(norms: Mapping[str, Float[np.ndarray, " rows"]], title: str) -> go.Figure:
    """Histograms of the norms of real tokens, padding and BOS, each in the colour that it has in the drawings."""
    figure = histogram_figure(norms, title, "norm of the row", "rows")
    for trace in figure.data:
        trace.update(fill="tozeroy", line={"color": KIND_COLOURS[trace.name], "dash": "solid", "width": 2})
    return figure


def clouds_by_kind(rows: Mapping[str, Float[Tensor, "rows d_in"]], title: str) -> go.Figure:
    """The rows of each kind seen on a plane, and as crosses the mean of each kind and of all rows.

    To the right goes the way from the mean of the real tokens to that of padding, upwards the direction at right angles
    to it along which the real tokens differ most. Units are those of the rows.
    """
    real = rows["real tokens"]
    middle = real.mean(0)
    right = torch.nn.functional.normalize(rows["padding"].mean(0) - middle, dim=0)
    flat = real - middle - ((real - middle) @ right)[:, None] * right
    up = torch.linalg.svd(flat, full_matrices=False).Vh[0]
    plane = torch.stack([right, up], dim=1)
    figure = go.Figure()
    for kind, of_kind in rows.items():
        x, y = ((of_kind[:: -(-len(of_kind) // MOST_POINTS)] - middle) @ plane).double().numpy().T
        marker = {"size": 5, "color": KIND_COLOURS[kind], "opacity": 0.45}
        if np.ptp(x) + np.ptp(y) < 1e-3:  # rows all alike: one dot, which the others would hide
            marker |= {"size": 12, "opacity": 1, "line": {"color": "white", "width": 2}}
        figure.add_scatter(x=x, y=y, mode="markers", name=kind, marker=marker)
    means = {f"mean of {kind}": of_kind.mean(0) for kind, of_kind in rows.items() if kind != "BOS"}
    means["mean of all rows"] = torch.cat(list(rows.values())).mean(0)
    for name, mean in means.items():
        (x, y), colour = ((mean - middle) @ plane).tolist(), KIND_COLOURS.get(name[8:], "#222222")
        figure.add_scatter(
            x=[x], y=[y], mode="markers", showlegend=False,
            marker={"symbol": "x", "size": 13, "color": colour, "line": {"color": "white", "width": 2}},
        )  # fmt: skip
        figure.add_annotation(
            x=x, y=y, text=f"<b>{name}</b>", ay=-70 if "all" in name else 70, ax=0, font={"color": colour},
            bgcolor="rgba(255,255,255,0.85)", arrowcolor=colour,
        )  # fmt: skip
    figure.update_xaxes(title="along the way from the real tokens' mean to padding's")
    figure.update_yaxes(title="across it, where real tokens differ most")
    return finish(figure, title).update_layout(legend={"itemsizing": "constant"})


def score_panels(
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    colours: Mapping[str, str],
    title: str,
    x_title: str,
) -> go.Figure:
    """A panel for each way to score, a row for each autoencoder: a point for each random seed, their mean as a bar.

    Args:
        panels: panel -> autoencoder -> its scores, one for each seed. Each panel has an axis of its own.
        colours: of each autoencoder.
        title: what is found.
        x_title: what is scored.
    """
    figure = make_subplots(
        1, len(panels), shared_yaxes=True, horizontal_spacing=0.08, subplot_titles=list(panels)
    )
    for column, scores in enumerate(panels.values(), start=1):
        everything = np.concatenate([np.asarray(values, dtype=float) for values in scores.values()])
        low, high = everything.min(), everything.max()
        for name, values in scores.items():
            mean, colour = float(np.mean(values)), colours[name]
            points = {"size": 9, "color": colour, "opacity": 0.6}
            bar = {"symbol": "line-ns", "size": 26, "line": {"width": 3, "color": colour}}
            for x, marker in ((np.asarray(values, dtype=float), points), ([mean], bar)):
                figure.add_scatter(
                    x=x, y=[name] * len(x), mode="markers", marker=marker, showlegend=False, row=1, col=column
                )
            figure.add_annotation(
                x=mean, y=name, text=f"{mean:.3f}", showarrow=False, yshift=26, font={"color": colour},
                row=1, col=column,
            )  # fmt: skip
        room = 0.25 * (high - low)
        figure.update_xaxes(title=x_title, range=[low - room, high + room], nticks=5, row=1, col=column)
    figure.update_yaxes(range=[len(colours) - 0.4, -0.8])  # downwards, with room for the first number
    return finish(figure, title, height=130 + 65 * len(colours)).update_layout(margin={"t": 90})


def curves_beside_controls(
    x: Sequence[float],
    panels: Mapping[str, tuple[Float[np.ndarray, "points draws"], Float[np.ndarray, "points draws"]]],
    title: str,
    x_title: str,
    y_title: str,
    *,
    level: tuple[str, float],
    place: tuple[str, float],
) -> go.Figure:
    """A panel per entry: its curve in blue and its control's in grey, each in a band from the lowest draw to the highest.

    `level` is a named height to read the curves against, `place` a named x.
    """
    figure = make_subplots(
        1, len(panels), shared_yaxes=True, horizontal_spacing=0.04, subplot_titles=list(panels)
    )
    for column, pair in enumerate(panels.values(), start=1):
        for name, values, colour in zip(("real labels", "shuffled labels"), pair, (BLUE, GREY), strict=True):
            figure.add_scatter(
                x=[*x, *x[::-1]], y=[*values.max(1), *values.min(1)[::-1]], fill="toself", mode="lines",
                line={"width": 0}, fillcolor=colour, opacity=0.15, hoverinfo="skip", showlegend=False, row=1, col=column,
            )  # fmt: skip
            figure.add_scatter(
                x=list(x), y=values.mean(1), mode="lines+markers", name=name, showlegend=False,
                line={"color": colour, "width": 3}, marker={"size": 7}, row=1, col=column,
            )  # fmt: skip
            figure.add_annotation(
                x=x[1], y=values[1].mean(), text=name, yshift=15, showarrow=False,
                font={"color": colour, "size": 13}, row=1, col=column,
            )  # fmt: skip
        figure.add_hline(level[1], line={"color": RED, "dash": "dot", "width": 1}, row=1, col=column)
        figure.add_vline(place[1], line={"color": GREY, "dash": "dot", "width": 1}, row=1, col=column)
    figure.add_annotation(
        x=x[-1],
        y=level[1],
        text=level[0],
        xanchor="right",
        yanchor="top",
        showarrow=False,
        font={"color": RED},
    )
    figure.add_annotation(
        x=place[1],
        y=0.98,
        yref="y domain",
        text=place[0],
        xanchor="right",
        showarrow=False,
        font={"color": GREY},
    )
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(title=y_title, col=1)
    return finish(figure, title)


def side_by_side(
    x: Sequence[float],
    panels: Mapping[str, Sequence[float]],
    title: str,
    x_title: str,
    *,
    log: Collection[str] = (),
) -> go.Figure:
    """A panel with one curve per entry, over the same x; those named in `log` have a logarithmic y axis from end to end."""
    figure = make_subplots(1, len(panels), horizontal_spacing=0.1, subplot_titles=list(panels))
    for column, (name, y) in enumerate(panels.items(), start=1):
        figure.add_scatter(
            x=list(x), y=np.asarray(y, dtype=float), mode="lines+markers", showlegend=False,
            line={"color": BLUE, "width": 2}, marker={"size": 8}, row=1, col=column,
        )  # fmt: skip
        if name in log:
            figure.update_yaxes(type="log", tickvals=LOG_TICKS, row=1, col=column)
        else:
            figure.update_yaxes(rangemode="tozero", row=1, col=column)
    figure.update_xaxes(title=x_title)
    return finish(figure, title)


def dots_figure(
    values: Mapping[str, float],
    title: str,
    x_title: str,
    *,
    controls: Collection[str] = (),
    guides: Mapping[str, float] | None = None,
    digits: int = 2,
) -> go.Figure:
    """One row per entry: a dot with its number beside it; controls in grey, and dotted lines to read the dots against."""
    figure = go.Figure()
    for name, value in values.items():
        colour = GREY if name in controls else BLUE
        figure.add_scatter(
            x=[float(value)], y=[escaped(name)], mode="markers+text", text=[f"{value:.{digits}f}"], textposition="middle right",
            textfont={"color": colour}, marker={"size": 12, "color": colour}, showlegend=False,
        )  # fmt: skip
    for name, level in (guides or {}).items():
        figure.add_vline(level, line={"color": RED, "dash": "dot", "width": 1.5})
        figure.add_annotation(
            x=level,
            y=1.0,
            yref="paper",
            yanchor="bottom",
            text=escaped(name),
            showarrow=False,
            font={"color": RED},
        )
    everything = [*values.values(), *(guides or {}).values()]
    room = 0.12 * (max(everything) - min(everything))
    figure.update_xaxes(title=x_title, range=[min(everything) - room, max(everything) + 1.5 * room])
    figure.update_yaxes(autorange="reversed")
    return finish(figure, title, height=150 + 38 * len(values)).update_layout(margin={"t": 80})


def effects_figure(
    size: Float[np.ndarray, " things"],
    effects: Mapping[str, Float[np.ndarray, "*draws things"]],
    title: str,
    x_title: str,
    y_title: str,
) -> go.Figure:
    """Effects over sizes on logarithmic axes: dots for the first entry of `effects`, grey crosses for all draws of its control."""
    figure = go.Figure()
    looks = ({"size": 10, "color": BLUE, "opacity": 0.8}, {"size": 7, "color": GREY, "symbol": "x-thin-open"})
    for (name, effect), marker in reversed(list(zip(effects.items(), looks, strict=True))):
        figure.add_scatter(
            x=np.broadcast_to(size, effect.shape).ravel().astype(float), y=effect.ravel().astype(float),
            mode="markers", name=name, marker=marker,
        )  # fmt: skip
    ticks = [m * 10.0**e for e in range(-2, 7) for m in (1, 2, 3, 5, 7)]
    figure.update_xaxes(title=x_title, type="log", tickvals=ticks)
    figure.update_yaxes(title=y_title, type="log", dtick=1)
    return finish(figure, title, height=440).update_layout(legend={"x": 0.98, "y": 0.04, "xanchor": "right"})


def on_off_figure(
    on: Bool[np.ndarray, "sentences columns"],
    columns: Sequence[str],
    sentences: Sequence[str],
    title: str,
    *,
    groups: Sequence[int] = (),
) -> go.Figure:
    """Yellow where a latent is on: a row for each sentence, a column for each latent.

    The first half of the sentences is one meaning, the second another, with a line between them. `groups` are the numbers of columns
    that belong together.
    """
    figure = grid_figure(on, columns, sentences, title, "", "", "on", top_down=True, height=600)
    line = {"color": "white", "width": 3}
    figure.add_hline(len(sentences) / 2 - 0.5, line=line)
    for edge in np.cumsum(groups)[:-1]:
        figure.add_vline(float(edge) - 0.5, line=line)
    figure.update_traces(showscale=False)
    return figure.update_xaxes(tickangle=-35)


def costs_figure(
    tests: Mapping[str, Mapping[str, Float[np.ndarray, "draws kinds"]]],
    kinds: Sequence[str],
    title: str,
    x_title: str,
) -> go.Figure:
    """What groups cost, a panel for each test and a row for each kind of prompt, with the mean over kinds below.

    The last entry of a test are rivals: a ring for each. Of every other entry, whose rows are templates, it shows the mean
    and its interval.
    """
    figure = make_subplots(
        cols=len(tests),
        shared_xaxes="all",
        shared_yaxes=True,
        horizontal_spacing=0.04,
        subplot_titles=list(tests),
    )
    for column, entries in enumerate(tests.values(), start=1):
        for i, (name, costs) in enumerate(entries.items()):
            costs = np.column_stack([costs, costs.mean(1)])
            rows = np.arange(costs.shape[1]) + 0.22 * (i - (len(entries) - 1) / 2)
            rivals = i == len(entries) - 1
            if rivals:
                apart = 0.2 * (
                    np.arange(len(costs)) / len(costs) - 0.5
                )  # so that equal ones do not hide each other
                x, y, bars = costs.ravel(), (rows + apart[:, None]).ravel(), None
            else:
                found = [Interval.of_mean(values) for values in costs.T]
                x, y = [part.value for part in found], rows
                bars = {
                    "array": [part.high - part.value for part in found], "arrayminus": [part.value - part.low for part in found],
                    "thickness": 1.5, "width": 3,
                }  # fmt: skip
            colour = COLOURS[5] if rivals else COLOURS[i]
            figure.add_scatter(
                x=x, y=y, error_x=bars, mode="markers", name=name, legendgroup=name, showlegend=column == 1, row=1, col=column,
                marker={"color": colour, "symbol": "circle-open" if rivals else MARKERS[i], "size": 5 if rivals else 9},
            )  # fmt: skip
    figure.add_vline(x=0, line={"color": INK, "dash": "dot", "width": 1})
    figure.add_hline(y=len(kinds) - 0.5, line={"color": GREY, "width": 1})
    ticks = [*kinds, "mean of all"]
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(
        range=[len(kinds) + 0.5, -0.5], tickvals=list(range(len(ticks))), showgrid=False, zeroline=False
    )
    figure.update_yaxes(ticktext=ticks, col=1)
    return finish(figure, title, height=440).update_layout(
        margin={"t": 100, "l": 110}, legend={"orientation": "h", "y": -0.2, "x": 0}
    )


def intervals_figure(
    panels: Mapping[str, Mapping[str, Interval]], title: str, x_title: str, grey: Collection[str] = ()
) -> go.Figure:
    """A panel for each test, a row for each entry: a dot with its number above and its interval; entries in `grey` are grey."""
    figure = make_subplots(
        cols=len(panels), shared_yaxes=True, horizontal_spacing=0.06, subplot_titles=list(panels)
    )
    for column, found in enumerate(panels.values(), start=1):
        for name, part in found.items():
            colour = GREY if name in grey else BLUE
            figure.add_scatter(
                x=[part.value], y=[escaped(name)], mode="markers+text", text=[f"{part.value:.2f}"], textposition="top center",
                textfont={"color": colour}, marker={"size": 10, "color": colour}, showlegend=False, cliponaxis=False, row=1, col=column,
                error_x={"array": [part.high - part.value], "arrayminus": [part.value - part.low], "thickness": 1.5, "width": 3},
            )  # fmt: skip
    figure.update_xaxes(title=x_title, rangemode="tozero")
    figure.update_yaxes(autorange="reversed", showgrid=False)
    rows = max(len(found) for found in panels.values())
    return finish(figure, title, height=190 + 48 * rows).update_layout(margin={"t": 100})


def edge_test_figure(
    edges: Float[np.ndarray, " edges"],
    falls: Mapping[str, Float[np.ndarray, " edges"]],
    title: str,
    hover: Sequence[str],
    labels: Mapping[int, str] | None = None,
) -> go.Figure:
    """What each edge promised against what fell when its source was taken out, by what was held; where both agree, a point lies on the line.

    Labels, by edge, stand beside the last of `falls`.
    """
    figure = go.Figure()
    ends = [float(edges.min()), float(edges.max())]
    figure.add_scatter(
        x=ends, y=ends, mode="lines", line={"dash": "dot", "color": GREY}, showlegend=False, hoverinfo="skip"
    )
    for i, (name, fell) in enumerate(falls.items()):
        figure.add_scatter(
            x=edges.astype(float), y=fell.astype(float), mode="markers", name=name, text=hover,
            marker={"size": 9, "opacity": 0.8, "color": COLOURS[i], "symbol": MARKERS[i]},
        )  # fmt: skip
    for edge, label in (labels or {}).items():
        figure.add_annotation(
            x=float(edges[edge]), y=float(fell[edge]), text=html.escape(label, quote=False), showarrow=False, yshift=-16,
            font={"size": 12, "color": INK},
        )  # fmt: skip
    figure.update_layout(xaxis_title="the edge, as drawn", yaxis_title="how much the late latent falls")
    return finish(figure, title)
