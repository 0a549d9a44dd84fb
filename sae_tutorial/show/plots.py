"""The course's figures of numbers: functions from results to a plotly figure.

Contexts are shown by `tables`, a run of training by `live`. Series differ in dash and marker as
well as in colour, so that a figure reads in greyscale. The caller gives the title, because a title states what was found.
"""

import html
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from plotly.subplots import make_subplots

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
            **series_style(i),
        )
    figure.update_xaxes(title=x_title)
    if log_x:
        figure.update_xaxes(type="log", tickvals=LOG_TICKS)
    figure.update_yaxes(title=y_title)
    return finish(figure, title)


def labelled_lines(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    title: str,
    x_title: str,
    y_title: str,
    *,
    log_x: bool = False,
    markers: bool = True,
) -> go.Figure:
    """A `line_figure` whose lines carry their names at their right ends, in place of a key."""
    figure = line_figure(series, title, x_title, y_title, log_x=log_x, markers=markers)
    places = {name: np.log10(x) if log_x else np.asarray(x, dtype=float) for name, (x, _) in series.items()}
    everywhere = np.concatenate(list(places.values()))
    low, high = everywhere.min(), everywhere.max()
    heights = np.concatenate([np.asarray(y, dtype=float) for _, y in series.values()])
    ends = {name: (x.max(), series[name][1][int(x.argmax())]) for name, x in places.items()}
    gap = 0.07 * (heights.max() - heights.min())  # a letter's height, so that no name covers another
    below: list[tuple[float, float]] = []
    for name, (x, y) in sorted(ends.items(), key=lambda end: end[1][1]):
        near = [label for place, label in below if abs(place - x) < 0.2 * (high - low)]
        label = max([float(y), *(height + gap for height in near)])
        below.append((x, label))
        figure.add_annotation(
            x=x, y=label, text=name, showarrow=False, xanchor="left", xshift=8,
            font={"color": COLOURS[list(series).index(name) % 12], "size": 14},
        )  # fmt: skip
    edge = 0.03 * (high - low)
    figure.update_xaxes(range=[low - edge, high + edge])
    return figure.update_layout(showlegend=False, margin={"r": 190})


def bar_figure(values: Mapping[str, float], title: str, y_title: str) -> go.Figure:
    """One bar per entry, its value written on it."""
    figure = go.Figure()
    numbers = np.asarray(list(values.values()), dtype=float)
    labels = [f"{number:.3g}" for number in numbers]
    figure.add_bar(x=list(values), y=numbers, text=labels, textposition="outside", marker_color=COLOURS[0])
    figure.update_yaxes(title=y_title)
    return finish(figure, title)


def grouped_bar_figure(
    values: Mapping[str, Mapping[str, float]], title: str, y_title: str, *, controls: Collection[str] = ()
) -> go.Figure:
    """For each entry a bar in every group, side by side, with its value on it: `values[entry][group]`; controls in grey."""
    figure = go.Figure(layout={"barmode": "group", "yaxis": {"title": y_title}})
    for i, (name, bars) in enumerate(values.items()):
        colour = COLOURS[5] if name in controls else COLOURS[i % 12]
        marker = {"color": colour, "pattern": {"shape": ("", "/", ".")[i % 3]}}
        y, text = zip(*((float(height), f"{height:.3g}") for height in bars.values()), strict=True)
        figure.add_bar(x=list(bars), y=y, name=name, text=text, textposition="outside", marker=marker)
    return finish(figure, title)


def histogram_figure(
    samples: Mapping[str, Float[np.ndarray, " n"]], title: str, x_title: str, y_title: str, *, bins: int = 60
) -> go.Figure:
    """Histograms over common bins, one outline per entry.

    Infinite values, such as the log density of dead latents, have no place on the axis and are left out.
    """
    samples = {name: values[np.isfinite(values)] for name, values in samples.items()}
    everything = np.concatenate(list(samples.values()))
    edges = np.linspace(everything.min(), everything.max(), bins + 1)
    figure = go.Figure()
    for i, (name, values) in enumerate(samples.items()):
        figure.add_scatter(
            **_outline(values, edges),
            name=name,
            fill="tozeroy" if len(samples) == 1 else None,
            line=series_style(i)["line"],
        )
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(title=y_title)
    return finish(figure, title)


def chance_figure(
    by_chance: Sequence[int], found: Mapping[str, int], expected: float, title: str, x_title: str
) -> go.Figure:
    """A histogram of counts that came by chance, what was found as labelled lines, and the count expected of a guess.

    Entries of `found` with the same count share a line.
    """
    counts, often = np.unique(np.asarray(by_chance), return_counts=True)
    figure = go.Figure()
    figure.add_bar(x=counts, y=often, width=0.8, marker={"color": COLOURS[5]}, showlegend=False)
    lines: dict[int, list[str]] = {}
    for name, count in found.items():
        lines.setdefault(count, []).append(name)
    low, high = min(*lines, counts.min()), max(*lines, counts.max())
    for i, (count, names) in enumerate(lines.items()):
        colour, left = COLOURS[(0, 1, 2, 4)[i % 4]], count > (low + high) / 2
        figure.add_vline(count, line={"color": colour, "width": 3})
        figure.add_annotation(
            x=count, y=0.95 - 0.13 * i, yref="paper", text="<br>".join(f"{escaped(name)}: {count}" for name in names), showarrow=False,
            xanchor="right" if left else "left", xshift=-6 if left else 6, align="right" if left else "left",
            font={"color": colour, "size": 14},
        )  # fmt: skip
    figure.add_vline(expected, line={"color": "#222222", "dash": "dot", "width": 1.5})
    figure.add_annotation(
        x=expected, y=1.0, yref="paper", yanchor="bottom", text=f"a guess: {expected:g}", showarrow=False
    )
    figure.update_xaxes(
        title=x_title, range=[low - 0.04 * (high - low) - 0.5, high + 0.04 * (high - low) + 0.5]
    )
    figure.update_yaxes(title=f"of {len(by_chance)} shufflings")
    return finish(figure, title, height=360)


def spread_figure(
    values: Mapping[str, Sequence[float]], title: str, x_title: str, *, controls: Sequence[str] | None = None
) -> go.Figure:
    """One row per entry: its values as points, their mean as a bar across, and a line at zero to compare with.

    Where `controls` are named, they are grey circles, and all other entries look alike.
    """
    figure = go.Figure()
    for i, (name, numbers) in enumerate(values.items()):
        numbers = np.asarray(numbers, dtype=float)
        colour, symbol = COLOURS[i % 12], MARKERS[i % 12]
        if controls is not None:
            colour, symbol = "#777777" if name in controls else COLOURS[0], "circle"
        points = {"symbol": symbol, "size": 9, "color": colour, "opacity": 0.7}
        bar = {"symbol": "line-ns", "size": 22, "line": {"width": 3, "color": colour}}
        for x, marker in ((numbers, points), ([numbers.mean()], bar)):
            figure.add_scatter(x=x, y=[name] * len(x), mode="markers", marker=marker, showlegend=False)
    figure.add_vline(x=0, line={"color": "#222222", "dash": "dot", "width": 1})
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(autorange="reversed")
    return finish(figure, title, height=160 + 50 * len(values))


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
    return finish(figure, title)


def line_spread_figure(
    x: Sequence[float],
    series: Mapping[str, Float[np.ndarray, "points seeds"]],
    title: str,
    x_title: str,
    y_title: str,
) -> go.Figure:
    """One line per entry through the mean over seeds, with a bar from the lowest seed to the highest."""
    figure = line_figure(
        {name: (x, values.mean(1)) for name, values in series.items()}, title, x_title, y_title
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
    return finish(figure, title, height=480)


def strip_figure(
    x: Sequence[float],
    values: Float[np.ndarray, "columns points"],
    guides: Mapping[str, float],
    title: str,
    x_title: str,
    y_title: str,
    *,
    beside: Mapping[str, Float[np.ndarray, "columns points"]] | None = None,
) -> go.Figure:
    """A column of points for every x on a logarithmic axis, and named levels to read them against.

    The points of a column stand side by side, in their order, so that those at one level can be told apart. `beside` adds
    controls, by name: a panel each, to the right of the trained one's and with the same axes.
    """
    places, count = np.asarray(x, float), values.shape[1]
    gap = np.abs(np.diff(np.log(places))).min(initial=1.0)
    aside = np.exp(0.7 * gap * ((np.arange(count) + 0.5) / count - 0.5))
    panels = {"trained": values, **(beside or {})}
    figure = make_subplots(
        1, len(panels), shared_yaxes=True, horizontal_spacing=0.03,
        subplot_titles=list(panels) if beside else None,
    )  # fmt: skip
    for column, (name, points) in enumerate(panels.items(), start=1):
        figure.add_scatter(
            x=(places[:, None] * aside).flatten(),
            y=points.flatten().astype(float),
            mode="markers",
            name=name,
            showlegend=False,
            marker={"size": 5, "color": COLOURS[0] if column == 1 else "#888888", "opacity": 0.5},
            row=1, col=column,
        )  # fmt: skip
    for name, level in guides.items():
        figure.add_hline(level, line={"dash": "dash", "width": 1, "color": COLOURS[1]})
        figure.add_annotation(
            x=1.01, xref="paper", xanchor="left", y=level, yref="y", text=escaped(name), showarrow=False, font={"size": 12}
        )  # fmt: skip
    figure.update_xaxes(title=x_title, type="log", tickvals=LOG_TICKS)
    figure.update_yaxes(title=y_title, col=1)
    longest = max(map(len, guides), default=0)
    return finish(figure, title, height=460).update_layout(margin={"r": 30 + 7 * longest})


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
    signed: bool = False,
    height: int = 460,
) -> go.Figure:
    """A heatmap over two named or numbered axes, such as layers and heads.

    `top_down` puts the first row on top; `signed` centres the colours at zero, which is white.
    """
    places = {"x": list(range(len(x))), "y": list(range(len(y)))}
    figure = go.Figure()
    colours = {"colorscale": "RdBu", "zmid": 0} if signed else {"colorscale": HEAT}
    figure.add_heatmap(z=z.astype(float), **places, **colours, colorbar={"title": z_title})
    for update, title_text, labels, places_shown in (
        (figure.update_xaxes, x_title, x, _thinned(len(x))),
        (figure.update_yaxes, y_title, y, _thinned(len(y))),
    ):
        texts = [escaped(str(labels[i])) for i in places_shown]
        update(title=title_text, tickvals=places_shown, ticktext=texts)
    if top_down:
        figure.update_yaxes(autorange="reversed")
    return finish(figure, title, height=height)


def visible(token: str) -> str:
    """A token with its line breaks shown as arrows, for labels and lines of text."""
    return token.replace("\n", "↵")


def _outline(values: Float[np.ndarray, " n"], edges: Float[np.ndarray, " edges"]) -> dict[str, object]:
    """A histogram as one line. Counts are made here: no raw samples in the page."""
    counts, _ = np.histogram(values, edges)
    return {"x": np.repeat(edges, 2)[1:-1], "y": np.repeat(counts, 2).astype(float), "mode": "lines"}


def _thinned(n: int) -> list[int]:
    """Places to label on an axis of n: all of them, or every second, third, ... so that at most 50 are left."""
    return list(range(0, n, -(-n // 50)))


def series_style(i: int) -> dict[str, dict]:
    """The line and the marker of series i: twelve series differ in the pair of dash and marker, also in greyscale."""
    return {
        "line": {"color": COLOURS[i % 12], "dash": DASHES[i % 6], "width": 2},
        "marker": {"symbol": MARKERS[i % 12], "size": 8},
    }


def escaped(token: str) -> str:
    """A token as a label of an axis, where plotly would read markup."""
    return html.escape(visible(token), quote=False)


def finish(figure: go.Figure, title: str, height: int = 400) -> go.Figure:
    """Give the figure its title and the course's look."""
    figure.update_layout(
        title={"text": title, "x": 0.02},
        template="plotly_white",
        height=height,
        width=900,
        margin={"t": 70, "l": 70, "r": 30, "b": 60},
        bargap=0.05,
    )
    return figure
