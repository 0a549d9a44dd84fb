"""Steering to look at: texts side by side with a topic's words lit up, a slider over the dose, and how a push enters."""

import html
import re
import textwrap
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from IPython.display import HTML

from sae_tutorial.features.intervals import Interval
from sae_tutorial.show.canvas import GREY, INK, arrow, as_drawing, box, say
from sae_tutorial.show.plots import COLOURS, finish, series_style, visible

PUSH, LINE_WIDTH, LINES = COLOURS[1], 100, 3


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


def dose_slider(texts: Mapping[str, Sequence[str]], pattern: str, title: str, start: str) -> go.Figure:
    """A card with the texts of one dose, and a slider over the doses; what matches `pattern` is bold and coloured."""
    figure = as_drawing(go.Figure(), title, (0, 1), (0, 1), height=430)
    steps = [
        {"label": dose, "method": "relayout", "args": [{"annotations": _card(written, pattern)}]}
        for dose, written in texts.items()
    ]
    return figure.update_layout(
        annotations=_card(texts[start], pattern),
        sliders=[{"steps": steps, "active": list(texts).index(start), "currentvalue": {"prefix": "dose "}}],
        margin={"b": 70},
    )


def price_figure(curves: Mapping[str, Mapping[str, tuple[Interval, Interval]]], title: str) -> go.Figure:
    """What a push brings against what it costs, with intervals both ways: `curves[way][point]` is its price and its share.

    A way with several points is joined by a line, and each point has its name beside it.
    """
    figure = go.Figure(layout={"yaxis": {"tickformat": ".0%"}})
    for i, (way, points) in enumerate(curves.items()):
        bars = []
        for part in zip(*points.values(), strict=True):
            above, below = zip(*((one.high - one.value, one.value - one.low) for one in part), strict=True)
            bars.append({"array": above, "arrayminus": below, "thickness": 1, "width": 3})
        x, y = ([one.value for one in part] for part in zip(*points.values(), strict=True))
        figure.add_scatter(
            x=x, y=y, name=way, text=list(points) if len(points) > 1 else None, mode="lines+markers+text",
            textposition="top left", error_x=bars[0], error_y=bars[1], **series_style(i),
        )  # fmt: skip
    figure.update_xaxes(title="price: extra loss, nats per token")
    figure.update_yaxes(title="share of the texts on the topic")
    return finish(figure, title)


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
    return _lit(text, pattern, "<mark style='background:#ffd166;color:#111'>{}</mark>")


def _lit(text: str, pattern: str, markup: str) -> str:
    parts, end = [], 0
    for match in re.finditer(pattern, text):
        parts += [html.escape(text[end : match.start()]), markup.format(html.escape(match.group()))]
        end = match.end()
    return "".join([*parts, html.escape(text[end:])])


def _card(texts: Sequence[str], pattern: str) -> list[dict]:
    """The annotations of one dose: plotly breaks no lines by itself."""
    lit = f"<b><span style='color:{PUSH}'>{{}}</span></b>"
    found = []
    for i, text in enumerate(texts):
        lines = textwrap.wrap(visible(text), LINE_WIDTH)[:LINES]
        shown = "<br>".join(_lit(line, pattern, lit) for line in lines)
        found.append(
            {"x": 0.01, "y": 0.97 - i / len(texts), "text": "… " + shown, "showarrow": False, "align": "left",
             "xanchor": "left", "yanchor": "top", "font": {"size": 13, "color": INK}}
        )  # fmt: skip
    return found
