"""Using latents, to look at: texts side by side with a topic's words lit up, how a push enters, a monitor's scores."""

import html
import re
from collections.abc import Mapping, Sequence

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


def dose_figure(ways: Mapping[str, Mapping[float, tuple[Interval, Interval]]], title: str) -> go.Figure:
    """Two panels over the dose of a push, with intervals: the share of texts on the topic, and their extra loss.

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
                error_y={"array": above, "arrayminus": below, "thickness": 1, "width": 3}, mode="lines+markers",
                **series_style(i), row=1, col=column,
            )  # fmt: skip
    figure.update_xaxes(title="dose: length of the push over that of a row", rangemode="tozero")
    figure.update_yaxes(tickformat=".0%", range=[-0.03, 1], col=1)
    figure.update_yaxes(rangemode="tozero", col=2)
    return finish(figure, title).update_layout(margin={"t": 90})


def draws_figure(
    rows: Mapping[str, tuple[float, Sequence[float]]], names: tuple[str, str], title: str, x_title: str
) -> go.Figure:
    """A line for each entry: what was measured as a large dot, and the draws of its control as small marks beside it.

    Args:
        rows: by name, the value and the draws. "<br>" breaks a name.
        names: what the dot is, and what the draws are.
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
        x=[value for value, _ in rows.values()], y=list(places), name=names[0], mode="markers",
        marker={"size": 15, "color": PUSH},
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


def scores_figure(
    kinds: Mapping[str, tuple[Float[np.ndarray, " others"], Float[np.ndarray, " names"]]],
    threshold: float,
    title: str,
    x_title: str,
    *,
    most: int = 100,
) -> go.Figure:
    """A row for each kind of text: its names' scores as dots, below them the highest of its other tokens, and the threshold.

    Equal scores are stacked, so that ten dots do not look like one. Of the other tokens the `most` highest are drawn.
    """
    figure, names, others = go.Figure(), [], []
    for row, (other, name) in enumerate(kinds.values()):
        names += [(score, row - 0.12 - 0.07 * height) for score, height in _stacked(name)]
        others += [(score, row + 0.12 + 0.025 * height) for score, height in _stacked(np.sort(other)[-most:])]
    for what, points, colour, size in (
        ("a name", names, PUSH, 8),
        (f"other tokens, the {most} highest", others, COLOURS[5], 5),
    ):
        figure.add_scatter(
            x=[x for x, _ in points], y=[y for _, y in points], name=what, mode="markers",
            marker={"size": size, "color": colour, "opacity": 0.8, "symbol": "circle" if size > 5 else "x-thin-open"},
        )  # fmt: skip
    figure.add_vline(threshold, line={"color": INK, "dash": "dash", "width": 2})
    figure.add_annotation(
        x=threshold, y=1, yref="paper", text=" alarm →", showarrow=False, xanchor="left", yanchor="bottom", font={"color": INK},
    )  # fmt: skip
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(
        tickvals=list(range(len(kinds))), ticktext=[*map(escaped, kinds)], range=[len(kinds) - 0.4, -0.6],
        showgrid=False, zeroline=False, ticks="outside", ticklen=8, tickcolor="rgba(0,0,0,0)",
    )  # fmt: skip
    return finish(figure, title, height=170 + 80 * len(kinds)).update_layout(margin={"l": 150, "t": 90})


def _stacked(scores: Float[np.ndarray, " n"], near: float = 0.01) -> list[tuple[float, int]]:
    """Each score with how many equal ones, up to `near`, came before it."""
    seen: dict[int, int] = {}
    found = []
    for score in scores:
        place = round(float(score) / near)
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
    say(figure, (3.05, 1.75), "dose × median length × direction", colour=PUSH)
    say(figure, (3.05, -0.6), "at every token of the text")
    arrow(figure, (7.2, -0.5), (9.4, 1.2), GREY, width=3)
    say(figure, (8.0, 0.75), "x", size=15)
    arrow(figure, (9.4, 1.2), (9.75, 0.6), PUSH, width=3)
    say(figure, (10.0, 1.05), "v", size=15, colour=PUSH)
    arrow(figure, (7.2, -0.5), (9.7, 0.55), INK, width=3)
    say(figure, (9.0, -0.25), "x + v", size=15)
    return figure


def swap_drawing(kept: str, donor: str, answer: str, title: str) -> go.Figure:
    """Two rows, each what the latents write plus a rest; the donor's latents go into the place of the other's."""
    figure = as_drawing(go.Figure(), title, (-1.6, 8.6), (-0.8, 2.4), height=300)
    for y, country, colour in ((1.7, kept, INK), (0.0, donor, PUSH)):
        say(figure, (-0.9, y), f"<b>{html.escape(country)}</b>", colour=colour, size=15)
        box(figure, (1.2, y), "what its latents write", colour, width=2.6)
        say(figure, (2.85, y), "+", size=16)
        box(figure, (4.2, y), "the rest", colour, width=1.9)
    arrow(figure, (1.2, 0.3), (1.2, 1.38), PUSH, width=3)
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
