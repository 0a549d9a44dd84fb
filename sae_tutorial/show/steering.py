"""Using latents, to look at: texts side by side with a topic's words lit up, a push, a removal, monitors."""

import html
import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from IPython.display import HTML
from jaxtyping import Float
from plotly.subplots import make_subplots

from sae_tutorial.features.intervals import Interval
from sae_tutorial.show.canvas import GREY, INK, arrow, as_drawing, box, say
from sae_tutorial.show.plots import COLOURS, escaped, finish, series_style

PUSH = COLOURS[1]


def text_columns(columns: Mapping[str, Sequence[str]], pattern: str = "(?!)") -> HTML:
    """Texts side by side, one column per entry, with what matches the regular expression `pattern` lit up; by default nothing."""
    heads = "".join(
        f"<th style='text-align:left;padding:4px 10px'>{html.escape(name)}</th>" for name in columns
    )
    rows = ""
    for texts in zip(*columns.values(), strict=True):
        cells = (
            f"<td style='vertical-align:top;text-align:left;padding:6px 10px'>{_marked(text, pattern)}</td>"
            for text in texts
        )
        rows += f"<tr style='background:#fff'>{''.join(cells)}</tr>"
    return HTML(
        "<table style='font-size:13px;line-height:1.5;color:#111;background:#fff;width:100%;table-layout:fixed'>"
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def ways_figure(found: Mapping[str, Mapping[str, tuple[Interval, Interval]]], title: str) -> go.Figure:
    """Two panels with a row for each topic, and in it a dot with its interval for each way of bringing it: share and price.

    Args:
        found: by topic and way, the share of texts on the topic and their extra loss.
        title: what is to be seen.
    """
    panels = ("share of the texts on the topic", "price: extra loss, nats per token")
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.06, subplot_titles=panels)
    ways = list(next(iter(found.values())))
    for i, way in enumerate(ways):
        y = [row + 0.17 * (i - (len(ways) - 1) / 2) for row in range(len(found))]
        for column in (1, 2):
            numbers = [by_way[way][column - 1] for by_way in found.values()]
            above, below = zip(*((one.high - one.value, one.value - one.low) for one in numbers), strict=True)
            figure.add_scatter(
                x=[one.value for one in numbers], y=y, name=way, mode="markers", showlegend=column == 1, cliponaxis=False,
                marker=series_style(i)["marker"] | {"size": 10, "color": COLOURS[i % 12]}, row=1, col=column,
                error_x={"array": above, "arrayminus": below, "thickness": 2, "width": 3, "color": COLOURS[i % 12]},
            )  # fmt: skip
    figure.update_xaxes(tickformat=".0%", range=[-0.02, 1.02], col=1)
    figure.update_yaxes(
        tickvals=list(range(len(found))), ticktext=[*map(escaped, found)], range=[len(found) - 0.45, -0.55],
        showgrid=False, zeroline=False, ticks="outside", ticklen=8, tickcolor="rgba(0,0,0,0)",
    )  # fmt: skip
    return finish(figure, title, height=200 + 75 * len(found)).update_layout(margin={"l": 130, "t": 90})


def dose_figure(ways: Mapping[str, Mapping[float, tuple[Interval, Interval]]], title: str) -> go.Figure:
    """Two panels over the dose of a push, with intervals: the share of texts on the topic, and their extra loss.

    The first way's values are written beside its points.

    Args:
        ways: by way of pushing and dose, the share and the extra loss.
        title: what is to be seen.
    """
    panels = ("share of the texts on the topic", "price: extra loss, nats per token")
    figure = make_subplots(1, 2, horizontal_spacing=0.1, subplot_titles=panels)
    for i, (way, by_dose) in enumerate(ways.items()):
        for column in (1, 2):
            found = [both[column - 1] for both in by_dose.values()]
            above, below = zip(*((one.high - one.value, one.value - one.low) for one in found), strict=True)
            figure.add_scatter(
                x=list(by_dose), y=[one.value for one in found], name=way, showlegend=column == 1,
                error_y={"array": above, "arrayminus": below, "thickness": 1, "width": 3},
                mode="lines+markers+text" if i == 0 else "lines+markers",
                text=[f"{one.value:.0%}" if column == 1 else f"{one.value:+.1f}" for one in found],
                textposition=["top left" if rises else "bottom left" for rises in [True, *(np.diff([one.value for one in found]) >= 0)]],
                **series_style(i), row=1, col=column,
            )  # fmt: skip
    figure.update_xaxes(title="dose: length of the push over that of a row", rangemode="tozero")
    figure.update_yaxes(tickformat=".0%", range=[-0.03, 1], col=1)
    figure.update_yaxes(rangemode="tozero", col=2)
    return finish(figure, title).update_layout(margin={"t": 90})


def draws_figure(
    rows: Mapping[str, tuple[float, Sequence[float]]], names: tuple[str, str], title: str, x_title: str
) -> go.Figure:
    """A line for each entry: what was measured as a ring, the draws of its control as small marks, and their mean as a cross.

    Args:
        rows: by name, the value and the draws. "<br>" breaks a name.
        names: what the ring is, and what the draws are.
        title: what is to be seen.
        x_title: of the values.
    """
    figure, places = go.Figure(), range(len(rows))
    drawn = [(value, i) for i, (_, draws) in enumerate(rows.values()) for value in draws]
    figure.add_scatter(
        x=[value for value, _ in drawn], y=[i for _, i in drawn], name=names[1], mode="markers",
        marker={"symbol": "line-ns", "size": 16, "line": {"width": 2, "color": COLOURS[5]}},
    )  # fmt: skip
    figure.add_scatter(
        x=[sum(draws) / len(draws) for _, draws in rows.values()], y=list(places), name="their mean", mode="markers",
        marker={"symbol": "x", "size": 11, "color": COLOURS[0]},
    )  # fmt: skip
    figure.add_scatter(
        x=[value for value, _ in rows.values()], y=list(places), name=names[0], mode="markers",
        marker={"symbol": "circle-open", "size": 16, "color": PUSH, "line": {"width": 4}},
    )  # fmt: skip
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(
        tickvals=list(places),
        ticktext=["<br>".join(map(escaped, name.split("<br>"))) for name in rows],
        range=[len(rows) - 0.4, -0.6],
        ticks="outside",
        ticklen=8,
        tickcolor="rgba(0,0,0,0)",
    )
    return finish(figure, title, height=170 + 60 * len(rows)).update_layout(margin={"l": 250})


def removal_figure(
    edits: Mapping[str, tuple[Interval, Interval, Interval]], title: str, controls: Collection[str] = ()
) -> go.Figure:
    """What is left of a concept against the price: for each edit the old probe's AUROC below or above a new probe's.

    Args:
        edits: by name the damage, the old probe's AUROC and the new probe's.
        title: what is to be seen.
        controls: names of edits that are drawn grey.
    """
    figure = go.Figure()
    for i, (name, (damage, old, new)) in enumerate(edits.items()):
        colour = GREY if name in controls else INK
        figure.add_scatter(
            x=[damage.value] * 2, y=[old.value, new.value], mode="lines", line={"color": colour, "width": 2}, showlegend=False,
            hoverinfo="skip",
        )  # fmt: skip
        for what, value, symbol in (("old probe", old, "circle-open"), ("new probe", new, "circle")):
            figure.add_scatter(
                x=[damage.value], y=[value.value], name=what, mode="markers", showlegend=i == 0,
                marker={"symbol": symbol, "size": 12, "color": colour, "line": {"width": 2, "color": colour}},
            )  # fmt: skip
        beside = {"y": (old.value + new.value) / 2, "xshift": 10}
        above = {"y": max(old.value, new.value), "xshift": -8, "yshift": 18}
        figure.add_annotation(
            x=float(np.log10(damage.value)), text=escaped(name), showarrow=False, xanchor="left", font={"color": INK},
            **(above if name in controls else beside),
        )  # fmt: skip
    figure.add_hline(0.5, line={"color": GREY, "dash": "dot"})
    figure.add_annotation(
        x=0, xref="paper", y=0.5, text="guessing", showarrow=False, xanchor="left", yanchor="bottom", font={"color": INK},
    )  # fmt: skip
    low, high = (pick(damage.value for damage, _, _ in edits.values()) for pick in (min, max))
    figure.update_xaxes(
        title="damage to other texts, nats per token (each line ten times more)", type="log", dtick=1,
        range=[float(np.log10(low)) - 0.2, float(np.log10(high)) + 0.6],
    )  # fmt: skip
    figure.update_yaxes(title="AUROC of the probe", range=[0.25, 1.1])
    return finish(figure, title, height=440)


def watch_figure(
    caught: Mapping[str, Mapping[str, Interval]], false: Mapping[str, Mapping[str, Interval]], title: str
) -> go.Figure:
    """Two panels with a row for each kind of text: the share of names each monitor catches, and its false alarms.

    Args:
        caught: by monitor and kind of text, the share of names that raise an alarm.
        false: the same of other tokens; drawn for 1,000 of them.
        title: what is to be seen.
    """
    panels = ("share of names caught", "false alarms per 1,000 other tokens")
    figure, kinds = (
        make_subplots(1, 2, horizontal_spacing=0.06, subplot_titles=panels),
        list(next(iter(caught.values()))),
    )
    for column, (shares, unit) in enumerate(((caught, 1), (false, 1000)), start=1):
        for i, (monitor, by_kind) in enumerate(shares.items()):
            found = [by_kind[kind] for kind in kinds]
            below, above = zip(
                *((unit * (one.value - one.low), unit * (one.high - one.value)) for one in found), strict=True
            )
            figure.add_scatter(
                x=[unit * one.value for one in found], y=[row + 0.2 * (i - (len(shares) - 1) / 2) for row in range(len(kinds))],
                name=monitor, mode="markers", marker=series_style(i)["marker"] | {"size": 10, "color": COLOURS[i % 12]},
                error_x={"array": above, "arrayminus": below, "thickness": 2, "width": 4, "color": COLOURS[i % 12]},
                cliponaxis=False, showlegend=column == 1, row=1, col=column,
            )  # fmt: skip
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%", col=1)
    figure.update_xaxes(rangemode="tozero", col=2)
    _kinds_below(figure, kinds)
    return finish(figure, title, height=190 + 60 * len(kinds)).update_layout(
        margin={"l": 170, "t": 90}, legend={"orientation": "h", "y": -0.1, "x": 0}
    )


def scores_figure(
    monitors: Mapping[
        str, tuple[float, Mapping[str, tuple[Float[np.ndarray, " others"], Float[np.ndarray, " names"]]]]
    ],
    title: str,
) -> go.Figure:
    """A panel for each monitor, and in it a row for each kind of text: other tokens as a hill, names as dots below it.

    Of the other tokens all are drawn. The hill's height is the logarithm of their number, so that a single one is seen.

    Args:
        monitors: by name the threshold, and by kind of text the scores of other tokens and of names.
        title: what is to be seen.
    """
    kinds = list(next(iter(monitors.values()))[1])
    figure = make_subplots(
        1, len(monitors), horizontal_spacing=0.06, subplot_titles=[*map(escaped, monitors)]
    )
    for column, (threshold, by_kind) in enumerate(monitors.values(), start=1):
        low, high = (
            pick(pick(part.min(), part.max()) for both in by_kind.values() for part in both)
            for pick in (min, max)
        )
        edges, first = np.linspace(low, high, 61), column == 1
        for row, (other, name) in enumerate(by_kind.values()):
            hill = np.log10(1 + np.histogram(other, edges)[0])
            figure.add_scatter(
                x=np.repeat(edges, 2), y=row - 0.6 * np.concatenate([[0], np.repeat(hill / hill.max(), 2), [0]]), mode="lines",
                line={"width": 0}, fill="toself", fillcolor="rgba(108,117,125,0.55)", name="all other tokens",
                showlegend=first and row == 0, hoverinfo="skip", row=1, col=column,
            )  # fmt: skip
            stacks = _stacked(name)
            step = min(
                0.05, 0.3 / max(1, *(height for _, height in stacks))
            )  # the highest stack stays in its row
            dots = [(score, row + 0.08 + step * height) for score, height in stacks]
            figure.add_scatter(
                x=[x for x, _ in dots], y=[y for _, y in dots], name="a name", mode="markers",
                marker={"size": 7, "color": PUSH, "opacity": 0.8}, showlegend=first and row == 0, row=1, col=column,
            )  # fmt: skip
        figure.add_vline(threshold, line={"color": INK, "dash": "dash", "width": 2}, row=1, col=column)
        figure.add_annotation(
            x=threshold, y=-0.72, text=" alarm →", showarrow=False, xanchor="left", font={"color": INK}, row=1, col=column,
        )  # fmt: skip
    figure.update_xaxes(title="score")
    _kinds_below(figure, kinds)
    return finish(figure, title, height=210 + 95 * len(kinds)).update_layout(
        margin={"l": 130, "t": 100}, legend={"orientation": "h", "y": -0.18, "x": 0}
    )


def _kinds_below(figure: go.Figure, kinds: Sequence[str]) -> None:
    """Kinds of text as rows, from the top; the names of the rows stand beside the first panel only."""
    figure.update_yaxes(
        tickvals=list(range(len(kinds))), ticktext=[*map(escaped, kinds)], range=[len(kinds) - 0.5, -0.85],
        showgrid=False, zeroline=False, ticks="outside", ticklen=8, tickcolor="rgba(0,0,0,0)",
    )  # fmt: skip
    figure.update_yaxes(showticklabels=False, col=2)


def _stacked(scores: Float[np.ndarray, " n"]) -> list[tuple[float, int]]:
    """Each score with how many equal ones, up to 0.01, came before it."""
    seen: dict[int, int] = {}
    found = []
    for score in scores:
        place = round(float(score) / 0.01)
        found.append((float(score), seen.get(place, 0)))
        seen[place] = seen.get(place, 0) + 1
    return found


def push_drawing(layer: int, title: str) -> go.Figure:
    """The stream with one arrow added behind a block, and beside it the sum as arrows: x, the push, what comes out."""
    figure = as_drawing(go.Figure(), title, (-0.6, 10.4), (-1.0, 2.3), height=320)
    for start, end in ((-0.2, 0.55), (2.4, 3.65), (5.5, 6.3)):
        arrow(figure, (start, 0), (end, 0), INK, width=4)
    say(figure, (-0.05, 0.5), "a token")
    say(figure, (6.1, 0.5), "the next one")
    for x, name in ((1.5, f"blocks 0 to {layer}"), (4.6, f"blocks {layer + 1} on")):
        box(figure, (x, 0), f"<b>{name}</b>", INK, width=1.8)
    arrow(figure, (3.05, 1.5), (3.05, 0.1), PUSH, width=3)
    say(figure, (3.05, 1.75), "v = dose × median length × direction", colour=PUSH)
    say(figure, (3.05, -0.6), "at every token of the text")
    arrow(figure, (7.2, -0.5), (9.4, 1.2), GREY, width=3)
    say(figure, (8.0, 0.75), "x", size=15)
    arrow(figure, (9.4, 1.2), (9.75, 0.6), PUSH, width=3)
    say(figure, (10.0, 1.05), "v", size=15, colour=PUSH)
    arrow(figure, (7.2, -0.5), (9.7, 0.55), INK, width=3)
    say(figure, (9.0, -0.25), "x + v", size=15)
    say(figure, (8.6, 1.75), "a row x, before and after the push v")
    return figure


def swap_drawing(kept: str, donor: str, answer: str, title: str) -> go.Figure:
    """Two rows, each what the latents write plus a rest; the donor's part goes over first, in a second run the rest, stretched."""
    figure = as_drawing(go.Figure(), title, (-1.6, 8.6), (-0.8, 2.4), height=300)
    for y, country, colour in ((1.7, kept, INK), (0.0, donor, PUSH)):
        say(figure, (-0.9, y), f"<b>{html.escape(country)}</b>", colour=colour, size=15)
        box(figure, (1.2, y), "what its latents write", colour, width=2.6)
        say(figure, (2.85, y), "+", size=16)
        box(figure, (4.2, y), "the rest", colour, width=1.9)
    for x, what in ((1.2, "first"), (4.2, "in a second run, stretched")):
        arrow(figure, (x, 0.3), (x, 1.38), PUSH, width=3)
        say(figure, (x, 0.8), what, colour=PUSH)
    arrow(figure, (5.3, 1.7), (6.8, 1.7), INK, width=3)
    say(figure, (7.6, 1.7), html.escape(answer), size=15)
    return figure


def _marked(text: str, pattern: str) -> str:
    parts, end = [], 0
    for match in re.finditer(pattern, text):
        found = html.escape(match.group())
        parts += [
            html.escape(text[end : match.start()]),
            f"<mark style='background:#ffd166;color:#111'>{found}</mark>",
        ]
        end = match.end()
    return "".join([*parts, html.escape(text[end:])])
