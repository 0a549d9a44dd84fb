"""Using latents, to look at: texts side by side with a topic's words lit up, a push, a removal, monitors."""

import html
import re
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from IPython.display import HTML
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


def ways_figure(
    found: Mapping[str, Mapping[str, Sequence[Interval]]],
    title: str,
    panels: Sequence[str],
    shares: tuple[float, float] = (-0.02, 1.02),
) -> go.Figure:
    """Panels with a row for each thing, and in it a dot with its interval for each way: in the first panel shares.

    Args:
        found: by row and way, a number for each panel.
        title: what is to be seen.
        panels: what each of them shows.
        shares: from where to where the first panel reaches; 0 is marked in every panel if that is further inside.
    """
    figure = make_subplots(1, len(panels), shared_yaxes=True, horizontal_spacing=0.06, subplot_titles=panels)
    ways = list(next(iter(found.values())))
    for i, way in enumerate(ways):
        y = [row + 0.68 / len(ways) * (i - (len(ways) - 1) / 2) for row in range(len(found))]
        for column in range(1, len(panels) + 1):
            numbers = [by_way[way][column - 1] for by_way in found.values()]
            above, below = zip(*((one.high - one.value, one.value - one.low) for one in numbers), strict=True)
            figure.add_scatter(
                x=[one.value for one in numbers], y=y, name=way, mode="markers", showlegend=column == 1, cliponaxis=False,
                marker=series_style(i)["marker"] | {"size": 10, "color": COLOURS[i % 12]}, row=1, col=column,
                error_x={"array": above, "arrayminus": below, "thickness": 2, "width": 3, "color": COLOURS[i % 12]},
            )  # fmt: skip
    figure.update_xaxes(tickformat=".0%", range=list(shares), col=1)
    if shares[0] < -0.1:
        figure.add_vline(0, line={"color": INK, "width": 2}, row=1, col="all")
    figure.update_yaxes(
        tickvals=list(range(len(found))), ticktext=[*map(escaped, found)], range=[len(found) - 0.45, -0.55],
        showgrid=False, zeroline=False, ticks="outside", ticklen=8, tickcolor="rgba(0,0,0,0)",
    )  # fmt: skip
    height = 200 + 15 * (1 + len(ways)) * len(found)
    return finish(figure, title, height=height).update_layout(margin={"l": 130, "t": 90})


def trade_figure(found: Mapping[str, Mapping[str, tuple[Interval, Interval]]], title: str) -> go.Figure:
    """A panel for each topic, with a point for each way: its share of texts over its price. The last way, a control, is grey.

    Args:
        found: by topic and way, the share and the extra loss.
        title: what is to be seen.
    """
    columns = 2
    figure = make_subplots(
        -(-len(found) // columns), columns, shared_xaxes="all", shared_yaxes="all", horizontal_spacing=0.06,
        vertical_spacing=0.12, subplot_titles=[*map(escaped, found)], x_title="price: extra loss, nats per token",
        y_title="share of the texts",
    )  # fmt: skip
    for panel, by_way in enumerate(found.values()):
        for i, (way, (share, price)) in enumerate(by_way.items()):
            colour = GREY if i == len(by_way) - 1 else COLOURS[i % 12]
            figure.add_scatter(
                x=[price.value], y=[share.value], name=way, mode="markers", showlegend=panel == 0, legendgroup=way,
                marker=series_style(i)["marker"] | {"size": 13, "color": colour}, cliponaxis=False,
                row=1 + panel // columns, col=1 + panel % columns,
            )  # fmt: skip
    figure.update_yaxes(tickformat=".0%", range=[-0.03, 1.03])
    figure.update_xaxes(rangemode="tozero")
    return finish(figure, title, height=520).update_layout(margin={"l": 80, "t": 90, "b": 70})


def removal_figure(
    found: Mapping[str, tuple[Interval, Sequence[Interval]]],
    path: Sequence[str],
    controls: Sequence[str],
    title: str,
    bar: float,
) -> go.Figure:
    """What an old and a new probe reach after each edit, over the damage that it does; controls are grey.

    Args:
        found: for each edit its damage, and the AUROC of the old and of the new probe.
        path: the edits that one line joins, such as more and more latents.
        controls: the edits that should change nothing.
        title: what is to be seen.
        bar: below this AUROC a probe counts as failed.
    """
    figure = go.Figure()
    alone = [what for what in found if what not in path and what not in controls]
    controls = sorted(controls, key=lambda what: found[what][0].value)  # their names stand from left to right
    beside = ["top left", *["top center"] * (len(controls) - 2), "top right"]
    groups = (
        (path, "bottom left", COLOURS),
        (alone, "bottom right", COLOURS),
        (controls, beside, [GREY, GREY]),
    )
    for i, probe in enumerate(("old probe", "new probe")):
        for group, place, colours in groups:
            shown = [(found[what][0].value, found[what][1][i]) for what in group]
            named = group is alone or i == (group is controls)
            figure.add_scatter(
                x=[damage for damage, _ in shown], y=[one.value for _, one in shown], name=probe,
                mode="lines+markers+text" if group is path else "markers+text", cliponaxis=False, showlegend=group is path,
                text=[escaped(what).replace(" ", "<br>") if group is controls else escaped(what) for what in group] if named else None,
                textposition=place, textfont={"color": GREY if group is controls else INK},
                marker={"symbol": series_style(i)["marker"]["symbol"], "size": 11, "color": colours[i]},
                line={"color": colours[i], "width": 2},
                error_y={"array": [one.high - one.value for _, one in shown], "thickness": 1.5, "width": 3,
                         "arrayminus": [one.value - one.low for _, one in shown], "color": colours[i]},
            )  # fmt: skip
    for level in (0.5, bar):
        figure.add_hline(level, line={"dash": "dot", "color": GREY})
    figure.update_xaxes(type="log", title="damage to other texts, nats per token", dtick=1)
    figure.update_yaxes(title="AUROC", range=[0.2, 1.15], tickvals=[0.25, 0.5, bar, 1])
    return finish(figure, title, height=460).update_layout(margin={"l": 110})


def dose_figure(ways: Mapping[str, Mapping[float, tuple[Interval, Interval]]], title: str) -> go.Figure:
    """Two panels over the dose of a push, with intervals: the share of texts on the topic, and their extra loss.

    The first way's values are written beside its points; the others are controls.

    Args:
        ways: by way of pushing and dose, the share and the extra loss.
        title: what is to be seen.
    """
    panels = ("share of the texts on the topic", "price: extra loss, nats per token")
    figure = make_subplots(1, 2, horizontal_spacing=0.1, subplot_titles=panels)
    for i, (way, by_dose) in enumerate(ways.items()):
        style = series_style(i)
        style["line"]["color"] = style["marker"]["color"] = GREY if i else PUSH  # controls are grey
        for column in (1, 2):
            found = [both[column - 1] for both in by_dose.values()]
            above, below = zip(*((one.high - one.value, one.value - one.low) for one in found), strict=True)
            figure.add_scatter(
                x=list(by_dose), y=[one.value for one in found], name=way, showlegend=column == 1,
                error_y={"array": above, "arrayminus": below, "thickness": 1, "width": 3},
                mode="lines+markers+text" if i == 0 else "lines+markers",
                text=[f"{one.value:.0%}" if column == 1 else f"{one.value:+.1f}" for one in found],
                textposition=["top left" if rises else "bottom left" for rises in [True, *(np.diff([one.value for one in found]) >= 0)]],
                **style, row=1, col=column,
            )  # fmt: skip
    figure.update_xaxes(title="dose: length of the push over that of a row", rangemode="tozero")
    figure.update_yaxes(tickformat=".0%", range=[-0.03, 1], col=1)
    figure.update_yaxes(rangemode="tozero", col=2)
    return finish(figure, title).update_layout(margin={"t": 90})


def draws_figure(
    groups: Mapping[str, Mapping[str, tuple[float, Sequence[float]]]],
    names: tuple[str, str],
    title: str,
    x_title: str,
) -> go.Figure:
    """A line for each entry: what was measured as a ring, the draws of its control as small marks, and their mean as a cross.

    Args:
        groups: by heading and name, the value and the draws.
        names: what the ring is, and what the draws are.
        title: what is to be seen.
        x_title: of the values.
    """
    figure, places, heads, y = go.Figure(), [], [], 0.0
    for rows in groups.values():
        heads.append(y)
        places += [y + 0.7 + 0.8 * i for i in range(len(rows))]
        y = places[-1] + 1
    found = [both for rows in groups.values() for both in rows.values()]
    drawn = [(value, at) for at, (_, draws) in zip(places, found, strict=True) for value in draws]
    marks = (
        (names[1], drawn, {"symbol": "line-ns", "size": 16, "line": {"width": 2, "color": COLOURS[5]}}),
        (
            "their mean",
            [(sum(draws) / len(draws), at) for at, (_, draws) in zip(places, found, strict=True)],
            {"symbol": "x", "size": 11, "color": COLOURS[0]},
        ),
        (
            names[0],
            [(value, at) for at, (value, _) in zip(places, found, strict=True)],
            {"symbol": "circle-open", "size": 16, "color": PUSH, "line": {"width": 4}},
        ),
    )
    for name, points, marker in marks:
        x, at = zip(*points, strict=True)
        figure.add_scatter(x=x, y=at, name=name, mode="markers", marker=marker)
    for at, head in zip(heads, groups, strict=True):
        figure.add_annotation(
            x=0, xref="paper", y=at, text=f"<b>{escaped(head)}</b>", showarrow=False, xanchor="left", font={"color": INK},
        )  # fmt: skip
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(
        tickvals=places, ticktext=[escaped(name) for rows in groups.values() for name in rows],
        range=[y - 0.4, -0.5], zeroline=False, ticks="outside", ticklen=8, tickcolor="rgba(0,0,0,0)",
    )  # fmt: skip
    return finish(figure, title, height=150 + round(45 * y)).update_layout(
        margin={"l": 150, "t": 90}, legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0}
    )


def push_drawing(layer: int, title: str) -> go.Figure:
    """The stream with one push added behind a block, and beside it the sum as arrows: x, the push, what comes out."""
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
    """Two runs side by side: the donor's part goes over in the first, its rest, stretched, in the second."""
    figure = as_drawing(go.Figure(), title, (-1.5, 14.6), (-0.7, 2.9), height=320)
    for run, (left, moved, what) in enumerate(((0.0, 1.0, "swapped"), (7.4, 3.75, "swapped, stretched"))):
        say(figure, (left + 2.2, 2.65), f"<b>run {run + 1}</b>", size=14)
        for y, country, colour in ((1.7, kept, INK), (0.0, donor, PUSH)):
            if run == 0:
                say(figure, (-0.95, y), f"<b>{html.escape(country)}</b>", colour=colour, size=15)
            box(figure, (left + 1.0, y), "what its latents write", colour, width=2.6)
            say(figure, (left + 2.6, y), "+", size=16)
            box(figure, (left + 3.75, y), "the rest", colour, width=1.7)
        arrow(figure, (left + moved, 0.3), (left + moved, 1.38), PUSH, width=3)
        say(figure, (left + moved, 0.8), what, colour=PUSH)
        arrow(figure, (left + 4.7, 1.7), (left + 5.5, 1.7), INK, width=3)
        say(figure, (left + 6.05, 1.7), html.escape(answer).replace(" or ", " or<br>"), size=14)
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
