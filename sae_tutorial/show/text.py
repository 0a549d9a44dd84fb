"""Texts to look at: contexts with their tokens lit up, the latents of one text, and plain tables."""

import html
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from IPython.display import HTML
from plotly.subplots import make_subplots

from sae_tutorial.features.contexts import Context, TextFeatures
from sae_tutorial.show.plots import COLOURS, HEAT, escaped, finish, visible


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
        tickvals=places, ticktext=[escaped(token) for token in features.tokens], tickangle=-45
    )
    figure.update_xaxes(title="token", row=1 + bars, col=1)
    for row in range(
        1, 1 + bars
    ):  # only the lowest names the tokens: labels in between would meet the titles
        figure.update_xaxes(showticklabels=False, row=row, col=1)
    figure.update_yaxes(autorange="reversed", row=1, col=1)
    return finish(figure, title, height=260 + 150 * bars)


def _context_line(context: Context, strongest: float) -> str:
    spans = []
    for i, (token, activation) in enumerate(zip(context.tokens, context.activations, strict=True)):
        strength = float(activation) / strongest if strongest else 0.0
        border = ";outline:1px solid #333" if i == context.centre else ""
        colour = f"background:rgba(224,159,62,{strength:.2f})"
        spans.append(
            f"<span title='{float(activation):.2f}' style='{colour}{border};white-space:pre-wrap'>"
            f"{html.escape(visible(token))}</span>"
        )
    return f"<div>{''.join(spans)}</div>"
