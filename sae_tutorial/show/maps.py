"""Latents and words as points: a map of all decoder rows that one can search, and words on a circle."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from plotly.subplots import make_subplots

from sae_tutorial.show.plots import COLOURS, MARKERS, escaped, finish

LABELS, FAINT = 12, "#b8bec5"
RADIUS = 0.05  # of a ring, in widths of the map


def latent_map(
    places: Float[np.ndarray, "latents 2"],
    names: Sequence[str],
    kinds: Sequence[str],
    title: str,
    *,
    pale: str = "",
    find: str = "",
    weight: Float[np.ndarray, " latents"] | None = None,
) -> go.Figure:
    """A point per latent, a colour and a marker per kind, its name when the pointer is on it.

    Args:
        places: where each latent is.
        names: what each is called.
        kinds: what each is coloured by; an entry of the key hides and shows its kind.
        title: what the map shows.
        pale: the kind that is drawn in grey behind the others.
        find: a word; latents with it in their name are named beside the map, at most twelve, and the others are pale.
        weight: of each latent; with it two rings are drawn where each kind that is not pale is densest. Beside a ring stand the
            names of the two heaviest latents there, of those that have names of words rather than of numbers and signs.
    """
    kinds, labels = np.asarray(kinds), [escaped(name) for name in names]
    hit = np.array([bool(find) and find.casefold() in name.casefold() for name in names])
    figure = go.Figure()
    in_order = sorted(dict.fromkeys(kinds.tolist()), key=lambda kind: kind != pale)
    for i, kind in enumerate(in_order):
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
        own = own[np.argsort(-places[own, 1], kind="stable")]
        figure.add_scatter(
            x=places[own, 0].astype(float), y=places[own, 1].astype(float), mode="markers", name=f"“{escaped(find)}”",
            text=[labels[j] for j in own], hovertemplate="%{text}<extra></extra>", marker={"size": 11, "color": COLOURS[1]},
            showlegend=False,
        )  # fmt: skip
        _name_beside(figure, places, own[:LABELS], [labels[j][:40] for j in own[:LABELS]])
    elif weight is not None:
        radius, rings = RADIUS * float(np.ptp(places[:, 0])), []
        for i, kind in enumerate(in_order):
            own = np.flatnonzero(kinds == kind) if kind != pale else []
            for middle, inside in _crowds(places[own], radius) if len(own) else []:
                heaviest = own[inside][np.argsort(-weight[own[inside]], kind="stable")]
                of_words = [labels[j] for j in heaviest if len(re.findall(r"[^\W\d_]{5,}", labels[j])) > 1]
                others = [labels[j] for j in heaviest if re.search(r"\w", labels[j])]
                said = [" · ".join(text.split(" · ")[:3]) for text in (of_words or others)[:2]]
                rings.append((middle, [f"<b>{escaped(kind)}</b>", *said], COLOURS[i % 12]))
        _draw_rings(figure, places, rings, radius)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    finish(figure, title, height=620)
    return figure.update_layout(
        hovermode="closest", margin={"l": 10, "r": 10, "b": 10}, legend={"itemsizing": "constant"}
    )


def circle_figure(
    panels: Mapping[str, tuple[Float[np.ndarray, "words 2"], Sequence[str]]], title: str
) -> go.Figure:
    """Words on a plane, joined in their own order and back to the first by a dotted line; a panel per entry.

    Up to three panels stand in one row, more of them in rows of two. Both axes have one scale, so that a ring looks like one.
    """
    columns = len(panels) if len(panels) <= 3 else 2
    rows = -(-len(panels) // columns)
    figure = make_subplots(
        rows, columns, subplot_titles=list(panels), horizontal_spacing=0.03, vertical_spacing=0.08
    )
    span = 1.4 * max(float(np.abs(places).max()) for places, _ in panels.values())
    height = 90 + (860 // columns if rows == 1 else 350 * rows)
    size = min(780 / columns, (height - 130) / rows - 20)  # of a square panel's side, in pixels
    for place, (places, words) in enumerate(panels.values()):
        at = {"row": place // columns + 1, "col": place % columns + 1}
        x, y = places.astype(float).T
        figure.add_scatter(
            x=x, y=y, mode="lines+markers+text", text=[escaped(word) for word in words],
            textposition=_sides(places / (2 * span) * size, words), textfont={"size": 12},
            line={"color": COLOURS[0], "width": 1.5}, marker={"size": 8, "color": COLOURS[0]},
            showlegend=False, **at,
        )  # fmt: skip
        figure.add_scatter(
            x=x[[-1, 0]], y=y[[-1, 0]], mode="lines", showlegend=False,
            line={"color": COLOURS[1], "width": 2, "dash": "dot"}, **at,
        )  # fmt: skip
    figure.update_xaxes(range=[-span, span], showticklabels=False, zeroline=False)
    figure.update_yaxes(range=[-span, span], showticklabels=False, zeroline=False)
    for n in range(1, len(panels) + 1):
        axis = "x" if n == 1 else f"x{n}"
        figure.update_layout(
            {f"yaxis{n}": {"scaleanchor": axis, "constrain": "domain"}, f"xaxis{n}": {"constrain": "domain"}}
        )
    return finish(figure, title, height=height)


def steps_figure(panels: Mapping[str, Mapping[str, float]], title: str, x_title: str) -> go.Figure:
    """The steps of a sequence that comes back to its first word, a panel each: by the word that a step leads to.

    The way back, to the first word, is drawn last and in another colour. Panels stand in rows of two, so that those which are to
    be compared are neighbours; a row is as high as its longest sequence.
    """
    rows = [list(panels)[i : i + 2] for i in range(0, len(panels), 2)]
    bars = [max(len(panels[name]) for name in row) for row in rows]
    figure = make_subplots(
        len(rows), 2, subplot_titles=list(panels), shared_xaxes="all", row_heights=bars,
        horizontal_spacing=0.14, vertical_spacing=0.1,
    )  # fmt: skip
    for place, steps in enumerate(panels.values()):
        first, *others = steps
        figure.add_bar(
            y=[escaped(word) for word in (*others, first)], x=[float(steps[word]) for word in (*others, first)],
            marker={"color": [COLOURS[0]] * len(others) + [COLOURS[1]]}, orientation="h", showlegend=False,
            row=place // 2 + 1, col=place % 2 + 1,
        )  # fmt: skip
    figure.update_xaxes(showticklabels=True)
    figure.update_xaxes(title=x_title, row=len(rows))
    figure.update_yaxes(autorange="reversed", dtick=1)
    return finish(figure, title, height=190 + 22 * sum(bars))


def _name_beside(
    figure: go.Figure, places: Float[np.ndarray, "latents 2"], chosen: Sequence[int], texts: Sequence[str]
) -> None:
    """Write the names of `chosen`, from top to bottom, right of all points, each with a line to its point."""
    (left, low), (right, high) = places.min(axis=0).astype(float), places.max(axis=0).astype(float)
    width, height = max(right - left, 1e-9), max(high - low, 1e-9)
    below = high
    for latent, text in zip(chosen, texts, strict=True):
        x, y = map(float, places[latent])
        at = min(y, below)
        figure.add_annotation(
            x=x, y=y, ax=right + 0.03 * width, ay=at, axref="x", ayref="y", text=text, xanchor="left", showarrow=True,
            arrowhead=0, arrowwidth=1, arrowcolor=COLOURS[1], standoff=6, font={"size": 13},
        )  # fmt: skip
        below = at - 0.05 * height
    figure.update_xaxes(range=[left - 0.03 * width, right + 0.45 * width])


def _crowds(
    own: Float[np.ndarray, "own 2"], radius: float
) -> list[tuple[Float[np.ndarray, "2"], Int[np.ndarray, " inside"]]]:
    """The middles of two circles that hold the most points and do not meet, and which points each holds: three or more."""
    near = np.linalg.norm(own[:, None] - own[None], axis=-1) < radius
    free, found = np.ones(len(own), dtype=bool), []
    for _ in range(2):
        if not free.any():
            break
        middle = own[near[np.where(free, near.sum(axis=1), 0).argmax()]].mean(axis=0)
        away = np.linalg.norm(own - middle, axis=1)
        if (away < radius).sum() >= 3:
            found.append((middle, np.flatnonzero(away < radius)))
        free &= away > 2 * radius
    return found


def _draw_rings(
    figure: go.Figure,
    places: Float[np.ndarray, "latents 2"],
    rings: Sequence[tuple[Float[np.ndarray, "2"], list[str], str]],
    radius: float,
) -> None:
    """Rings, and right of all points, from top to bottom, the lines of text of each, joined to its ring."""
    (left, low), (right, high) = places.min(axis=0).astype(float), places.max(axis=0).astype(float)
    below = high
    for middle, lines, colour in sorted(rings, key=lambda ring: -float(ring[0][1])):
        x, y = map(float, middle)
        at = min(y, below)
        below = at - 0.13 * (high - low)
        figure.add_shape(
            type="circle", x0=x - radius, x1=x + radius, y0=y - radius, y1=y + radius, line={"color": colour, "width": 2}
        )  # fmt: skip
        figure.add_annotation(
            x=x + radius, y=y, ax=right + 0.04 * (right - left), ay=at, axref="x", ayref="y", xanchor="left", align="left",
            text="<br>".join(lines), showarrow=True, arrowhead=0, arrowwidth=1, arrowcolor=colour,
            font={"size": 13, "color": colour},
        )  # fmt: skip
    figure.update_xaxes(range=[left - 0.03 * (right - left), right + 0.35 * (right - left)])


# Where a label may be: its name in plotly, and how far its middle is from the point, in half widths and half heights.
_PLACES = {
    "middle right": (1, 0), "middle left": (-1, 0), "top center": (0, 1), "bottom center": (0, -1),
    "top right": (1, 1), "top left": (-1, 1), "bottom right": (1, -1), "bottom left": (-1, -1),
}  # fmt: skip


def _sides(points: Float[np.ndarray, "words 2"], words: Sequence[str]) -> list[str]:
    """Where each label goes: away from the middle, off the points and lines, and off the labels before it.

    `points` are in pixels, from the middle of the panel, and joined in their order and back to the first.
    """
    lines = np.linspace(points, np.roll(points, -1, axis=0), 40).reshape(-1, 2)
    sides: list[str] = []
    taken: list[tuple[np.ndarray, np.ndarray]] = []
    for point, word in zip(points, words, strict=True):
        half = np.array([3.6 * len(word) + 2, 8.0])
        outward = point / max(float(np.linalg.norm(point)), 1e-9)
        best = None
        for side, (right, up) in _PLACES.items():
            middle = point + np.array([right * (half[0] + 5), up * (half[1] + 4)])
            covered = int((np.abs(lines - middle) < half + 1).all(axis=1).sum())
            covered += 20 * int((np.abs(points - middle) < half + 4).all(axis=1).sum())
            covered += 40 * sum(bool((np.abs(other - middle) < half + size).all()) for other, size in taken)
            away = float(np.array([right, up]) @ outward) / np.hypot(right, up)
            if best is None or (covered - 2 * away) < best[0]:
                best = (covered - 2 * away, side, middle)
        sides.append(best[1])
        taken.append((best[2], half))
    return sides
