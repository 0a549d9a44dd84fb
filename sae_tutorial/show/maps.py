"""Latents and words as points: a map of all decoder rows that one can search, and words on a circle."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from plotly.subplots import make_subplots

from sae_tutorial.show.plots import COLOURS, MARKERS, escaped, finish

LABELS, FAINT = 12, "#b8bec5"


def latent_map(
    places: Float[np.ndarray, "latents 2"],
    names: Sequence[str],
    kinds: Sequence[str],
    title: str,
    *,
    pale: str = "",
    find: str = "",
) -> go.Figure:
    """A point per latent, a colour and a marker per kind, its name when the pointer is on it.

    Args:
        places: where each latent is.
        names: what each is called.
        kinds: what each is coloured by; an entry of the key hides and shows its kind.
        title: what the map shows.
        pale: the kind that is drawn in grey behind the others.
        find: a word; latents with it in their name are named on the map, at most twelve, and the others are pale.
    """
    kinds, labels = np.asarray(kinds), [escaped(name) for name in names]
    hit = np.array([bool(find) and find.casefold() in name.casefold() for name in names])
    figure = go.Figure()
    for i, kind in enumerate(sorted(dict.fromkeys(kinds.tolist()), key=lambda kind: kind != pale)):
        own = np.flatnonzero(kinds == kind)
        figure.add_scattergl(
            x=places[own, 0].astype(float), y=places[own, 1].astype(float), mode="markers", name=kind,
            text=[labels[j] for j in own], hovertemplate="%{text}<extra>" + escaped(kind) + "</extra>",
            marker={"symbol": "circle", "size": 4, "color": FAINT} if find or kind == pale else
                   {"symbol": MARKERS[i % 12], "size": 8, "color": COLOURS[i % 12]},
            showlegend=not find,
        )  # fmt: skip
    if find:
        own = np.flatnonzero(hit)
        own = own[np.argsort(places[own, 0], kind="stable")]
        # Of two points side by side, the left one has its name on the left.
        sides = ["middle right" if n % 2 else "middle left" for n in range(len(own))]
        figure.add_scatter(
            x=places[own, 0].astype(float), y=places[own, 1].astype(float), mode="markers+text", name=f"“{escaped(find)}”",
            text=[labels[j][:40] if n < LABELS else "" for n, j in enumerate(own)], textposition=sides,
            textfont={"size": 13}, marker={"size": 11, "color": COLOURS[1]},
        )  # fmt: skip
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    finish(figure, title, height=620)
    return figure.update_layout(
        hovermode="closest", margin={"l": 10, "r": 10, "b": 10}, legend={"itemsizing": "constant"}
    )


def circle_figure(
    panels: Mapping[str, tuple[Float[np.ndarray, "words 2"], Sequence[str]]], title: str
) -> go.Figure:
    """Words on a plane, joined in their own order and back to the first by a dotted line; a panel per entry."""
    figure = make_subplots(1, len(panels), subplot_titles=list(panels), horizontal_spacing=0.03)
    for column, (places, words) in enumerate(panels.values(), start=1):
        x, y = places.astype(float).T
        figure.add_scatter(
            x=x, y=y, mode="lines+markers+text", text=[escaped(word) for word in words],
            textposition=_sides(places), textfont={"size": 12},
            line={"color": COLOURS[0], "width": 1.5}, marker={"size": 8, "color": COLOURS[0]},
            showlegend=False, row=1, col=column,
        )  # fmt: skip
        figure.add_scatter(
            x=x[[-1, 0]], y=y[[-1, 0]], mode="lines", showlegend=False,
            line={"color": COLOURS[1], "width": 2, "dash": "dot"}, row=1, col=column,
        )  # fmt: skip
    span = 1.4 * max(float(np.abs(places).max()) for places, _ in panels.values())
    figure.update_xaxes(range=[-span, span], showticklabels=False, zeroline=False)
    figure.update_yaxes(range=[-span, span], showticklabels=False, zeroline=False)
    return finish(figure, title, height=90 + 860 // len(panels))


def steps_figure(panels: Mapping[str, Mapping[str, float]], title: str, y_title: str) -> go.Figure:
    """The steps of a sequence that comes back to its first word, a panel each: by the word that a step leads to.

    The way back, to the first word, is drawn last and in another colour.
    """
    figure = make_subplots(
        1, len(panels), subplot_titles=list(panels), shared_yaxes=True, horizontal_spacing=0.03
    )
    for column, steps in enumerate(panels.values(), start=1):
        first, *others = steps
        figure.add_bar(
            x=[escaped(word) for word in (*others, first)], y=[float(steps[word]) for word in (*others, first)],
            marker={"color": [COLOURS[0]] * len(others) + [COLOURS[1]]}, showlegend=False, row=1, col=column,
        )  # fmt: skip
    figure.update_yaxes(title=y_title, col=1)
    figure.update_xaxes(tickangle=-60)
    return finish(figure, title, height=380)


def _sides(places: Float[np.ndarray, "words 2"]) -> list[str]:
    """Where each label goes: away from the middle, and away from words close by."""
    sides = []
    for i, place in enumerate(places):
        gaps = place - np.delete(places, i, axis=0)
        far = np.linalg.norm(gaps, axis=1, keepdims=True)
        near = (gaps / np.maximum(far, 1e-9))[far[:, 0] < 0.35 * np.abs(places).max()]
        x, y = place / max(np.linalg.norm(place), 1e-9) + near.sum(0)
        if abs(x) > abs(y):
            sides.append("middle right" if x > 0 else "middle left")
        else:
            sides.append("top center" if y > 0 else "bottom center")
    return sides
