"""Every figure of the course: functions from results to a plotly figure or a piece of HTML.

Series differ in dash and marker as well as in colour, so that a figure reads in greyscale. The caller gives the
title, because a title states what was found.
"""

import html
import json
from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
import plotly.graph_objects as go
from circuitsvis.attention import attention_heads
from IPython.display import HTML, display
from jaxtyping import Float
from plotly.colors import sample_colorscale
from plotly.subplots import make_subplots

from sae_tutorial.features.contexts import Context, TextFeatures
from sae_tutorial.sae.training import History

COLOURS = (
    "#0b3954", "#d1495b", "#2e8b57", "#e09f3e", "#7b4b94", "#6c757d",
    "#3a86c8", "#8c4a2f", "#b8a100", "#c45ab3", "#222222", "#5fb3a1",
)  # fmt: skip
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
MARKERS = (
    "circle", "diamond", "square", "x", "triangle-up", "cross",
    "circle-open", "diamond-open", "square-open", "star", "triangle-down", "hourglass",
)  # fmt: skip
HEAT = "Cividis"
# plotly would write 2 for 2, 20 and 200 alike
LOG_TICKS = [m * 10.0**e for e in range(-2, 7) for m in (1, 2, 5)]


def line_figure(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    title: str,
    x_title: str,
    y_title: str,
    *,
    log_x: bool = False,
    markers: bool = True,
) -> go.Figure:
    """One line per entry of `series`, name -> (x, y)."""
    figure = go.Figure()
    for i, (name, (x, y)) in enumerate(series.items()):
        figure.add_scatter(
            x=np.asarray(x, dtype=float),
            y=np.asarray(y, dtype=float),
            name=name,
            mode="lines+markers" if markers else "lines",
            line={"color": COLOURS[i % 12], "dash": DASHES[i % 6], "width": 2},
            marker={"symbol": MARKERS[i % 12], "size": 8},
        )
    figure.update_xaxes(title=x_title)
    if log_x:
        figure.update_xaxes(type="log", tickvals=LOG_TICKS)
    figure.update_yaxes(title=y_title)
    return _finish(figure, title)


def bar_figure(values: Mapping[str, float], title: str, y_title: str) -> go.Figure:
    """One bar per entry, its value written on it."""
    figure = go.Figure()
    numbers = np.asarray(list(values.values()), dtype=float)
    labels = [f"{number:.3g}" for number in numbers]
    figure.add_bar(x=list(values), y=numbers, text=labels, textposition="outside", marker_color=COLOURS[0])
    figure.update_yaxes(title=y_title)
    return _finish(figure, title)


def histogram_figure(
    samples: Mapping[str, Float[np.ndarray, " n"]], title: str, x_title: str, y_title: str, *, bins: int = 60
) -> go.Figure:
    """Histograms over common bins, one outline per entry. Counts are made here: no raw samples in the page.

    Infinite values, such as the log density of dead latents, have no place on the axis and are left out.
    """
    samples = {name: values[np.isfinite(values)] for name, values in samples.items()}
    everything = np.concatenate(list(samples.values()))
    edges = np.linspace(everything.min(), everything.max(), bins + 1)
    figure = go.Figure()
    for i, (name, values) in enumerate(samples.items()):
        counts, _ = np.histogram(values, edges)
        figure.add_scatter(
            x=np.repeat(edges, 2)[1:-1],
            y=np.repeat(counts, 2).astype(float),
            name=name,
            mode="lines",
            fill="tozeroy" if len(samples) == 1 else None,
            line={"color": COLOURS[i % 12], "dash": DASHES[i % 6], "width": 2},
        )
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(title=y_title)
    return _finish(figure, title)


def spread_figure(values: Mapping[str, Sequence[float]], title: str, x_title: str) -> go.Figure:
    """One row per entry: its values as points, their mean as a bar across, and a line at zero to compare with."""
    figure = go.Figure()
    for i, (name, numbers) in enumerate(values.items()):
        numbers = np.asarray(numbers, dtype=float)
        colour = COLOURS[i % 12]
        figure.add_scatter(
            x=numbers,
            y=[name] * len(numbers),
            mode="markers",
            marker={"symbol": MARKERS[i % 12], "size": 9, "color": colour},
            showlegend=False,
        )
        figure.add_scatter(
            x=[numbers.mean()],
            y=[name],
            mode="markers",
            marker={"symbol": "line-ns", "size": 22, "line": {"width": 3, "color": colour}},
            showlegend=False,
        )
    figure.add_vline(x=0, line={"color": "#222222", "dash": "dot", "width": 1})
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(autorange="reversed")
    return _finish(figure, title, height=160 + 50 * len(values))


def scatter_figure(
    x: Float[np.ndarray, " n"],
    y: Float[np.ndarray, " n"],
    title: str,
    x_title: str,
    y_title: str,
    *,
    hover: Sequence[str] | None = None,
) -> go.Figure:
    """A cloud of points with optional hover texts."""
    figure = go.Figure()
    figure.add_scattergl(
        x=np.asarray(x, dtype=float),
        y=np.asarray(y, dtype=float),
        mode="markers",
        marker={"size": 4, "color": COLOURS[0], "opacity": 0.5},
        text=hover,
    )
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(title=y_title)
    return _finish(figure, title)


def line_spread_figure(
    x: Sequence[float],
    series: Mapping[str, Float[np.ndarray, "points seeds"]],
    title: str,
    x_title: str,
    y_title: str,
    *,
    log_x: bool = False,
) -> go.Figure:
    """One line per entry through the mean over seeds, with a bar from the lowest seed to the highest."""
    figure = line_figure(
        {name: (x, values.mean(1)) for name, values in series.items()}, title, x_title, y_title, log_x=log_x
    )
    for trace, values in zip(figure.data, series.values(), strict=True):
        mean = values.mean(1)
        trace.error_y = {
            "array": values.max(1) - mean,
            "arrayminus": mean - values.min(1),
            "symmetric": False,
            "thickness": 1,
        }
    return figure


def heat_figure(
    z: Float[np.ndarray, "rows columns"],
    x: Sequence[float],
    y: Sequence[float],
    title: str,
    x_title: str,
    y_title: str,
    z_title: str,
    *,
    curve: tuple[str, Sequence[float], Sequence[float]] | None = None,
) -> go.Figure:
    """A heatmap over two logarithmic axes, with an optional curve (name, x, y) drawn over it."""
    figure = go.Figure()
    figure.add_heatmap(
        z=z.astype(float), x=np.asarray(x, float), y=np.asarray(y, float), colorscale=HEAT,
        colorbar={"title": z_title},
    )  # fmt: skip
    if curve is not None:
        name, curve_x, curve_y = curve
        for width, colour, shown in ((6, "white", False), (2.5, "black", True)):  # legible on dark and light
            figure.add_scatter(
                x=np.asarray(curve_x, float),
                y=np.asarray(curve_y, float),
                mode="lines",
                name=name,
                showlegend=shown,
                line={"color": colour, "width": width, "dash": "solid" if not shown else "dash"},
            )
        figure.update_layout(legend={"x": 0.01, "y": 0.01, "bgcolor": "rgba(255,255,255,0.9)"})
    figure.update_xaxes(title=x_title, type="log", tickvals=LOG_TICKS)
    figure.update_yaxes(title=y_title, type="log", tickvals=LOG_TICKS)
    return _finish(figure, title, height=480)


def strip_figure(
    x: Sequence[float],
    values: Float[np.ndarray, "columns points"],
    guides: Mapping[str, float],
    title: str,
    x_title: str,
    y_title: str,
) -> go.Figure:
    """A column of points for every x on a logarithmic axis, and named levels to read them against."""
    figure = go.Figure()
    figure.add_scatter(
        x=np.repeat(np.asarray(x, float), values.shape[1]),
        y=values.flatten().astype(float),
        mode="markers",
        showlegend=False,
        marker={"size": 7, "color": COLOURS[0], "opacity": 0.35},
    )
    for side, (name, level) in zip(cycle(("right", "left")), guides.items(), strict=False):
        figure.add_hline(
            level, line={"dash": "dash", "width": 1, "color": COLOURS[1]},
            annotation_text=name, annotation_position=f"top {side}", annotation_font_size=11,
        )  # fmt: skip
    figure.update_xaxes(title=x_title, type="log", tickvals=LOG_TICKS)
    figure.update_yaxes(title=y_title)
    return _finish(figure, title, height=460)


def direction_figure(directions: Mapping[str, Float[np.ndarray, "n 2"]], title: str) -> go.Figure:
    """The directions of features in two hidden dimensions as numbered arrows, a panel per entry; short ones are left out."""
    figure = make_subplots(1, len(directions), subplot_titles=list(directions), horizontal_spacing=0.02)
    for column, arrows in enumerate(directions.values(), start=1):
        arrows = np.where(
            np.linalg.norm(arrows, axis=1, keepdims=True) > 0.25, arrows, 0
        )  # the rest is a blot
        for i, (x, y) in enumerate(arrows.astype(float)):
            if np.hypot(x, y) < 0.25:  # of an arrow as short as that only the head would be seen
                continue
            figure.add_scatter(
                x=[0, x], y=[0, y], mode="lines+markers", showlegend=False,
                line={"color": COLOURS[i % 6], "width": 2},
                marker={"symbol": "arrow", "angleref": "previous", "size": [0, 11]},
                row=1, col=column,
            )  # fmt: skip
            figure.add_scatter(
                x=[1.22 * x], y=[1.22 * y], mode="text", text=[str(i)], showlegend=False, row=1, col=column
            )
        figure.update_yaxes(scaleanchor=f"x{column if column > 1 else ''}", row=1, col=column)
    figure.update_xaxes(range=[-1.5, 1.5], title="dimension 0", showticklabels=False)
    figure.update_yaxes(range=[-1.5, 1.5], showticklabels=False)
    figure.update_yaxes(title="dimension 1", col=1)
    return _finish(figure, title, height=300)


def stacked_bar_figure(
    panels: Mapping[str, Float[np.ndarray, "parts bars"]], title: str, x_title: str, y_title: str
) -> go.Figure:
    """Bars made of numbered parts, the lightest the last; a panel per entry."""
    figure = make_subplots(
        1, len(panels), subplot_titles=list(panels), shared_yaxes=True, horizontal_spacing=0.03
    )
    for column, values in enumerate(panels.values(), start=1):
        for part, heights in enumerate(values.astype(float)):
            labels = [str(part) if height > 0.12 * values.sum(0).max() else "" for height in heights]
            figure.add_bar(
                x=[str(bar) for bar in range(len(heights))], y=heights, text=labels, textposition="inside",
                insidetextanchor="middle", textangle=0, showlegend=False,
                marker={"color": sample_colorscale(HEAT, part / max(1, len(values) - 1))[0],
                        "line": {"color": "white", "width": 1}},
                row=1, col=column,
            )  # fmt: skip
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(title=y_title, col=1)
    return _finish(figure, title)


def grid_figure(
    z: Float[np.ndarray, "rows columns"],
    x: Sequence[str | int],
    y: Sequence[str | int],
    title: str,
    x_title: str,
    y_title: str,
    z_title: str,
    *,
    top_down: bool = False,
    height: int = 460,
) -> go.Figure:
    """A heatmap over two named or numbered axes, such as layers and heads; `top_down` puts the first row on top."""
    places = {"x": list(range(len(x))), "y": list(range(len(y)))}
    figure = go.Figure()
    figure.add_heatmap(z=z.astype(float), **places, colorscale=HEAT, colorbar={"title": z_title})
    for update, title_text, labels, places_shown in (
        (figure.update_xaxes, x_title, x, _thinned(len(x))),
        (figure.update_yaxes, y_title, y, _thinned(len(y))),
    ):
        texts = [html.escape(_visible(str(labels[i])), quote=False) for i in places_shown]
        update(title=title_text, tickvals=places_shown, ticktext=texts)
    if top_down:
        figure.update_yaxes(autorange="reversed")
    return _finish(figure, title, height=height)


def graph_figure(
    columns: Mapping[str, Sequence[str]],
    edges: Sequence[tuple[str, str, float]],
    title: str,
    x_title: str,
    weight_name: str,
) -> go.Figure:
    """A layered graph: a column of named nodes per entry, and edges (from, to, weight) between them.

    The heavier an edge among those that leave its column, the thicker; at least half as heavy as the heaviest, it
    carries its weight as a number. What lowers is dashed. A name must not occur twice.
    """
    place = {}
    for x, names in enumerate(columns.values()):
        for row, name in enumerate(names):
            place[name] = (float(x), (len(names) - 1) / 2 - row)
    figure = go.Figure()
    heaviest: dict[float, float] = {}
    for start, _, weight in edges:
        heaviest[place[start][0]] = max(abs(weight), heaviest.get(place[start][0], 0.0))
    for raises in (True, False):
        style = {"color": COLOURS[0 if raises else 1], "dash": "solid" if raises else "dash"}
        figure.add_scatter(
            x=[None], y=[None], mode="lines", line={**style, "width": 3},
            name=f"{'raises' if raises else 'lowers'} ({weight_name})",
        )  # fmt: skip
    for i, (start, end, weight) in enumerate(edges):
        (x0, y0), (x1, y1) = place[start], place[end]
        share = abs(weight) / heaviest[x0]
        style = {"color": COLOURS[0 if weight >= 0 else 1], "dash": "solid" if weight >= 0 else "dash"}
        figure.add_scatter(
            x=[x0, x1], y=[y0, y1], mode="lines", showlegend=False, opacity=0.75,
            line={**style, "width": 0.5 + 4.5 * share},
            hovertext=f"{html.escape(start)} to {html.escape(end)}: {weight:+.2f}", hoverinfo="text",
        )  # fmt: skip
        if share >= 0.5:
            along = (0.3, 0.42, 0.58, 0.7)[i % 4]  # numbers of neighbouring edges would cover each other
            figure.add_annotation(
                x=x0 + along * (x1 - x0), y=y0 + along * (y1 - y0), text=f"{weight:+.2f}", showarrow=False,
                font={"size": 10}, bgcolor="rgba(255,255,255,0.85)",
            )  # fmt: skip
    for name, (x, y) in place.items():
        figure.add_annotation(
            x=x, y=y, text=html.escape(_visible(name), quote=False), showarrow=False, bgcolor="white",
            bordercolor="#222222", borderpad=4,
        )  # fmt: skip
    figure.update_xaxes(
        title=x_title, tickvals=list(range(len(columns))), ticktext=list(columns), showgrid=False, zeroline=False,
        range=[-0.5, len(columns) - 0.5],
    )  # fmt: skip
    figure.update_yaxes(title="strongest on top", showticklabels=False, showgrid=False, zeroline=False)
    figure.update_layout(legend={"orientation": "h", "y": 1.08, "x": 0})
    return _finish(figure, title, height=520)


def attention_view(
    tokens: Sequence[str], patterns: Float[np.ndarray, "heads query key"], names: Sequence[str]
) -> HTML:
    """Attention patterns to hover over, by circuitsvis. Carries its own JavaScript (1.3 MB): nothing is fetched.

    A static copy of the notebook does not show it: draw the same with `grid_figure` beside it.
    """
    view = attention_heads(attention=patterns, tokens=list(tokens), attention_head_names=list(names))
    return HTML(view.local_src)  # the view itself would ask the network on every display which source to use


def training_curves(histories: Mapping[str, History], title: str) -> go.Figure:
    """Reconstruction error and L0 over tokens, one pair of lines per run; held-out points where there are any."""
    figure = make_subplots(
        1, 2, subplot_titles=["squared error per element", "active latents per token (L0)"]
    )
    for i, (name, history) in enumerate(histories.items()):
        style = {"line": {"color": COLOURS[i % 12], "dash": DASHES[i % 6], "width": 2}, "mode": "lines"}
        figure.add_scatter(x=history.tokens, y=history.reconstruction, name=name, legendgroup=name, **style)
        figure.add_scatter(
            x=history.tokens,
            y=history.l0,
            name=name,
            legendgroup=name,
            showlegend=False,
            **style,
            col=2,
            row=1,
        )
    figure.update_xaxes(title="tokens seen")
    figure.update_yaxes(title="mean squared error, scaled input", col=1, rangemode="tozero")
    figure.update_yaxes(title="latents", col=2, type="log", tickvals=LOG_TICKS)
    return _finish(figure, title)


class LiveCurve:
    """A figure that redraws itself while `train_sae` runs: pass it as `on_log`."""

    def __init__(self, title: str, every: int = 10) -> None:
        self.title, self.every, self.handle = title, every, None

    def __call__(self, history: History) -> None:
        """Redraw at every tenth log point."""
        if len(history.tokens) % self.every:
            return
        figure = training_curves({"this run": history}, self.title)
        # A figure handed to `display` shows itself anew each time; its data can be replaced in place.
        bundle = {"application/vnd.plotly.v1+json": json.loads(figure.to_json())}
        if self.handle is None:
            self.handle = display(bundle, raw=True, display_id=True)
        else:
            self.handle.update(bundle, raw=True)


def decoder_weight_figure(
    weights: Float[np.ndarray, " d_in"], control: Float[np.ndarray, " d_in"], title: str, *, n_top: int = 10
) -> go.Figure:
    """A latent's decoder weights beside a control's: their histograms, and the lowest and highest of each."""
    figure = make_subplots(1, 2, subplot_titles=["all weights", f"the {n_top} lowest and highest"])
    edges = np.histogram_bin_edges(np.concatenate([weights, control]), 50)
    ranks = [*range(1, n_top + 1), *range(-n_top, 0)]
    for i, (name, values) in enumerate({"latent": weights, "random direction": control}.items()):
        style = {
            "name": name,
            "legendgroup": name,
            "line": {"color": COLOURS[i], "dash": DASHES[i], "width": 2},
        }
        counts = np.histogram(values, edges)[0]
        figure.add_scatter(
            x=np.repeat(edges, 2)[1:-1],
            y=np.repeat(counts, 2).astype(float),
            mode="lines",
            **style,
            row=1,
            col=1,
        )
        order = np.argsort(values)
        figure.add_scatter(
            x=[f"{rank:+d}" for rank in ranks],
            y=values[np.concatenate([order[:n_top], order[-n_top:]])].astype(float),
            hovertext=[f"dim {d}" for d in np.concatenate([order[:n_top], order[-n_top:]])],
            mode="lines+markers",
            marker={"symbol": MARKERS[i], "size": 8},
            showlegend=False,
            **style,
            row=1,
            col=2,
        )
    figure.update_xaxes(title="weight", col=1)
    figure.update_xaxes(title="rank among the dimensions, negative from the top", col=2, type="category")
    figure.update_yaxes(title="dimensions", col=1)
    figure.update_yaxes(title="weight", col=2)
    return _finish(figure, title)


def text_feature_figure(features: TextFeatures, title: str, *, bars: int = 4) -> go.Figure:
    """Heatmap of a text's latents over its tokens, and a bar chart for each of the strongest."""
    bars = min(bars, len(features.latents))
    names = [f"latent {latent}" for latent in features.latents]
    places = list(range(len(features.tokens)))
    figure = make_subplots(
        1 + bars, 1, row_heights=[1.6] + [1] * bars, vertical_spacing=0.06, subplot_titles=["", *names[:bars]]
    )
    figure.add_heatmap(
        z=features.activations.T.astype(float), x=places, y=names, colorscale=HEAT, row=1, col=1,
        colorbar={"title": "activation", "len": 0.4, "y": 0.85},
    )  # fmt: skip
    for i in range(bars):
        heights = features.activations[:, i].astype(float)
        figure.add_bar(x=places, y=heights, marker_color=COLOURS[0], showlegend=False, row=i + 2, col=1)
        figure.update_yaxes(title="activation", row=i + 2, col=1)
    figure.update_xaxes(
        tickvals=places,
        ticktext=[html.escape(_visible(token), quote=False) for token in features.tokens],
        tickangle=-45,
    )
    figure.update_xaxes(title="token", row=1 + bars, col=1)
    for row in range(
        1, 1 + bars
    ):  # only the lowest names the tokens: labels in between would meet the titles
        figure.update_xaxes(showticklabels=False, row=row, col=1)
    figure.update_yaxes(autorange="reversed", row=1, col=1)
    return _finish(figure, title, height=260 + 150 * bars)


def context_table(contexts: Mapping[str, Sequence[Context]]) -> HTML:
    """Token heatmaps of contexts under a heading each: the darker a token, the stronger the latent; hover for values."""
    parts = []
    for heading, rows in contexts.items():
        parts.append(f"<p style='margin:8px 0 2px'><b>{html.escape(heading)}</b></p>")
        strongest = max((float(row.activations.max()) for row in rows), default=0.0)
        parts += [_context_line(row, strongest) for row in rows]
    return HTML(
        "<div style='font-size:13px;line-height:1.7;color:#111;background:#fff'>" + "".join(parts) + "</div>"
    )


def table(rows: Sequence[Mapping[str, object]]) -> HTML:
    """Rows of equal keys as an HTML table."""
    heads = "".join(
        f"<th style='text-align:left;padding:2px 10px'>{html.escape(str(key))}</th>" for key in rows[0]
    )
    lines = ""
    for row in rows:
        cells = (
            f"<td style='text-align:left;padding:2px 10px'>{html.escape(str(v))}</td>" for v in row.values()
        )
        lines += f"<tr>{''.join(cells)}</tr>"
    return HTML(f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>")


def _context_line(context: Context, strongest: float) -> str:
    spans = []
    for i, (token, activation) in enumerate(zip(context.tokens, context.activations, strict=True)):
        strength = float(activation) / strongest if strongest else 0.0
        border = ";outline:1px solid #333" if i == context.centre else ""
        colour = f"background:rgba(224,159,62,{strength:.2f})"
        spans.append(
            f"<span title='{float(activation):.2f}' style='{colour}{border};white-space:pre-wrap'>"
            f"{html.escape(_visible(token))}</span>"
        )
    return f"<div>{''.join(spans)}</div>"


def _visible(token: str) -> str:
    return token.replace("\n", "↵")


def _thinned(n: int, most: int = 50) -> list[int]:
    """Places to label on an axis of n: all of them, or every second, third, ... so that at most `most` are left."""
    return list(range(0, n, -(-n // most)))


def _finish(figure: go.Figure, title: str, height: int = 400) -> go.Figure:
    figure.update_layout(
        title={"text": title, "x": 0.02},
        template="plotly_white",
        height=height,
        width=900,
        margin={"t": 70, "l": 70, "r": 30, "b": 60},
        bargap=0.05,
    )
    return figure
