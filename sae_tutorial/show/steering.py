"""Using latents, to look at: texts side by side with a topic's words lit up, how a push enters, a monitor's scores."""

import html
import itertools
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


def price_figure(curves: Mapping[str, Mapping[str, tuple[Interval, Interval]]], title: str) -> go.Figure:
    """What a push brings against what it costs, with intervals both ways: `curves[way][point]` is its price and its share.

    A way with several points is joined by a line, and each point has its name beside it, clear of the line: above for the first
    way, below for others.
    """
    figure = go.Figure(layout={"yaxis": {"tickformat": ".0%"}})
    for i, (way, points) in enumerate(curves.items()):
        bars = []
        for part in zip(*points.values(), strict=True):
            above, below = zip(*((one.high - one.value, one.value - one.low) for one in part), strict=True)
            bars.append({"array": above, "arrayminus": below, "thickness": 1, "width": 3})
        x, y = ([one.value for one in part] for part in zip(*points.values(), strict=True))
        falls = [one < before for before, one in itertools.pairwise((0, *y))]
        beside = ["bottom right" if i else f"top {'right' if down else 'left'}" for down in falls]
        figure.add_scatter(
            x=x, y=y, name=way, text=list(points) if len(points) > 1 else None, mode="lines+markers+text",
            textposition=beside, error_x=bars[0], error_y=bars[1], **series_style(i),
        )  # fmt: skip
    figure.update_xaxes(title="price: extra loss, nats per token")
    figure.update_yaxes(title="share of the texts on the topic", range=[-0.1, 1])
    return finish(figure, title)


def scores_figure(
    kinds: Mapping[str, tuple[Float[np.ndarray, " others"], Float[np.ndarray, " names"]]],
    threshold: float,
    title: str,
    x_title: str,
) -> go.Figure:
    """For each kind of text the scores of its names over those of all other tokens, with the threshold across all of them.

    The heights are logarithmic, so that thirty names can be seen beside thousands of other tokens.
    """
    figure = make_subplots(
        len(kinds),
        1,
        shared_xaxes=True,
        shared_yaxes="all",
        vertical_spacing=0.09,
        subplot_titles=[*map(escaped, kinds)],
    )
    scores = np.concatenate([part for both in kinds.values() for part in both])
    edges = np.linspace(scores.min(), scores.max(), 61)
    for row, both in enumerate(kinds.values(), 1):
        for name, part, colour in zip(("other tokens", "names"), both, (COLOURS[5], PUSH), strict=True):
            figure.add_bar(
                x=(edges[:-1] + edges[1:]) / 2, y=np.histogram(part, edges)[0], width=edges[1] - edges[0], name=name,
                marker={"color": colour, "line": {"width": 0}}, opacity=0.85, showlegend=row == 1, row=row, col=1,
            )  # fmt: skip
        figure.add_vline(threshold, line={"color": INK, "dash": "dash", "width": 2}, row=row, col=1)
    figure.update_yaxes(type="log", title="tokens", dtick=2)
    figure.update_xaxes(title=x_title, row=len(kinds), col=1)
    figure.add_annotation(
        x=threshold,
        y=1,
        yref="y domain",
        text=" alarm →",
        showarrow=False,
        xanchor="left",
        yanchor="top",
        font={"color": INK},
    )
    finish(figure, title, height=150 + 130 * len(kinds))
    return figure.update_layout(barmode="overlay", bargap=0, margin={"t": 90})


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
