"""Drawings of transcoders and attribution graphs: an SAE beside a transcoder, and a graph whose nodes show their contexts."""

import html
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import torch
from IPython.display import HTML
from jaxtyping import Float
from plotly.subplots import make_subplots
from torch import Tensor

from sae_tutorial.effects.graphs import Graph, normalised
from sae_tutorial.features.contexts import Context
from sae_tutorial.features.intervals import Interval
from sae_tutorial.features.naming import Names
from sae_tutorial.show.canvas import GREY, INK, arrow, as_drawing, box, say
from sae_tutorial.show.plots import COLOURS, MARKERS, escaped, finish, visible
from sae_tutorial.show.tables import table

KINDS = {  # colour and marker
    "logit": (COLOURS[4], "star"),
    "latent": (COLOURS[0], "circle"),
    "token": (COLOURS[2], "square"),
    "error": (COLOURS[5], "diamond-open"),
    "mlp": (COLOURS[5], "square-open"),
}
WITHOUT_BRACKETS = str.maketrans("", "", "[]")
BAND, ROOM = "rgba(128,128,128,0.1)", 0.9  # how much of a column its nodes may fill
CLEAR = 0.04  # how far a line keeps from nodes that it does not join, of the drawing's height
NAMES = {"logit": "answer", "latent": "latent", "token": "token", "error": "error", "mlp": "whole MLP"}


def transcoder_drawing(title: str) -> go.Figure:
    """Two copies of one MLP between the stream and the stream; an SAE stands behind one, a transcoder beside the other."""
    figure = go.Figure()
    for left, name in ((0.0, "an SAE of the output: what is there?"), (6.0, "a transcoder: what is done?")):
        say(figure, (left + 2.5, 3.55), f"<b>{name}</b>", size=14)
        arrow(figure, (left + 0.2, 0.3), (left + 0.2, 3.2), GREY, width=4)
        say(figure, (left + 0.2, 0.05), "stream", size=12)
        arrow(figure, (left + 0.2, 0.8), (left + 1.0, 0.8), INK)
        box(figure, (left + 1.3, 0.8), "x", INK, width=0.5)
        arrow(figure, (left + 1.6, 0.8), (left + 2.0, 0.8), INK)
        box(figure, (left + 2.6, 0.8), "MLP", GREY, width=1.1)
        arrow(figure, (left + 3.2, 0.8), (left + 3.6, 0.8), INK)
        box(figure, (left + 3.9, 0.8), "y", INK, width=0.5)
    for left, start, text in (
        (0.0, (3.9, 1.1), "y → f → ŷ,<br>to be y again"), (6.0, (1.3, 1.1), "x → f → ŷ,<br>to be y"),
    ):  # fmt: skip
        box(figure, (left + 2.6, 2.3), "f: a few latents", COLOURS[1], width=1.9)
        arrow(figure, (left + start[0], start[1]), (left + (3.2 if left == 0 else 2.0), 2.0), COLOURS[1])
        end = (left + 1.5, 2.9) if left == 0 else (left + 3.9, 1.1)
        arrow(figure, (left + (2.0 if left == 0 else 3.2), 2.6 if left == 0 else 2.0), end, COLOURS[1])
        say(figure, (left + 4.7, 2.3), text, size=12, colour=COLOURS[1])
        if left == 0:
            say(figure, (left + 1.3, 3.0), "ŷ", size=14, colour=COLOURS[1])
    return as_drawing(figure, title, (-0.4, 11.6), (-0.3, 3.9), height=330)


def frozen_drawing(title: str) -> go.Figure:
    """One way from a latent of MLP 0 at one token to a latent of MLP 23 at a later one; the numbers that are held are red."""
    figure, way = go.Figure(), COLOURS[0]
    norm = f"× gain ÷ {_in_colour('<b>scale</b>', COLOURS[1])}"
    for x, word in ((2.6, "Italian"), (8.4, "is")):
        arrow(figure, (x, 0.4), (x, 4.3), GREY, width=4)
        say(figure, (x, 0.15), f"stream at “{word}”", size=12)
    box(figure, (0.9, 1.0), "a latent of MLP 0<br>writes f W_dec", way, width=2.1, tall=0.8)
    arrow(figure, (1.97, 1.0), (2.52, 1.0), way)
    arrow(figure, (2.7, 1.7), (3.22, 1.83), way)
    box(figure, (4.0, 1.95), norm, way, width=1.45)
    arrow(figure, (4.75, 2.05), (5.1, 2.12), way)
    looked = _in_colour("<b>how much it looked</b>", COLOURS[1])
    box(figure, (6.35, 2.2), f"a head: × W_V W_O<br>× {looked}", way, width=2.4, tall=0.8)
    arrow(figure, (7.6, 2.35), (8.3, 2.5), way)
    arrow(figure, (8.5, 3.4), (8.92, 3.4), way)
    box(figure, (9.68, 3.4), norm, way, width=1.45)
    arrow(figure, (10.45, 3.4), (10.75, 3.4), way)
    box(figure, (11.9, 3.4), "a latent of MLP 23<br>reads along W_enc", way, width=2.2, tall=0.8)
    say(
        figure, (5.5, 3.6), "red numbers are held as they were in this prompt;<br>all else on the way are weights",
        colour=COLOURS[1],
    )  # fmt: skip
    return as_drawing(figure, title, (-0.4, 13.2), (-0.2, 4.5), height=380)


def _in_colour(text: str, colour: str) -> str:
    """Words of another colour within an annotation."""
    return f'<span style="color:{colour}">{text}</span>'


def edits_drawing(title: str) -> go.Figure:
    """What three tests change: a group out everywhere, another prompt's values in its place, a country's latents out later."""
    figure, out, other, italian = go.Figure(), COLOURS[1], COLOURS[3], COLOURS[0]
    country, group, zero, grey = ("●", COLOURS[4]), ("●", italian), ("○", out), ("●", GREY)
    for i, word in enumerate(("speak", "Italian", "is")):
        _latents_of(figure, (0.5 + 1.1 * i, 1.6), word, (zero, grey, zero))
        _latents_of(figure, (14.7 + 1.1 * i, 1.6), word, (grey, zero if word == "is" else country, grey))
        for k, given in enumerate((("●", other), group)):
            token = "French" if k and word == "Italian" else word
            _latents_of(figure, (5.6 + 1.1 * i + 4.2 * k, 1.6), token, (given, grey, given))
    arrow(figure, (8.4, 2.2), (9.3, 2.2), italian)
    arrow(figure, (9.3, 2.45), (8.4, 2.45), other)
    for x, name in ((1.6, "1 · take out"), (8.85, "2 · swap"), (15.8, "3 · take out after the word")):
        say(figure, (x, 3.0), f"<b>{name}</b>", size=14)
    for x, *lines in (  # what each colour means stands under its own dots
        (1.6, (zero, "the graph's group,<br>set to zero at every word"), (grey, "other latents, left alone")),
        (6.7, (("●", other), "both groups now hold the<br>French sentence's values")),
        (10.9, (group, "and here the<br>Italian sentence's values")),
        (15.8, (zero, "the country's latents, set to zero<br>only at words after “Italian”"), (country, "before, left alone")),
    ):  # fmt: skip
        for k, ((mark, colour), meaning) in enumerate(lines):
            say(figure, (x, 0.1 - 0.55 * k), f"{_in_colour(mark, colour)} {meaning}", size=12)
    return as_drawing(figure, title, (-0.6, 18.2), (-0.9, 3.3), height=350)


def _latents_of(
    figure: go.Figure, at: tuple[float, float], word: str, latents: Sequence[tuple[str, str]]
) -> None:
    """A word, above it three latents, each with its mark and colour."""
    x, y = at
    box(figure, (x, y - 0.75), word, INK, width=1.0, size=12)
    for height, (mark, colour) in zip((0.0, 0.4, 0.8), latents, strict=True):
        say(figure, (x, y + height - 0.15), mark, colour=colour, size=16)


def costs_figure(
    tests: Mapping[str, Mapping[str, Float[np.ndarray, "draws kinds"]]],
    kinds: Sequence[str],
    title: str,
    x_title: str,
) -> go.Figure:
    """What groups cost, a panel for each test and a row for each kind of prompt, with the mean over kinds below.

    The last entry of a test are rivals: a ring for each. Of every other entry, whose rows are templates, it shows the mean
    and its interval.
    """
    figure = make_subplots(
        cols=len(tests),
        shared_xaxes="all",
        shared_yaxes=True,
        horizontal_spacing=0.04,
        subplot_titles=list(tests),
    )
    for column, entries in enumerate(tests.values(), start=1):
        for i, (name, costs) in enumerate(entries.items()):
            costs = np.column_stack([costs, costs.mean(1)])
            rows = np.arange(costs.shape[1]) + 0.22 * (i - (len(entries) - 1) / 2)
            rivals = i == len(entries) - 1
            if rivals:
                x, y, bars = costs.ravel(), np.tile(rows, len(costs)), None
            else:
                found = [Interval.of_mean(values) for values in costs.T]
                x, y = [part.value for part in found], rows
                bars = {
                    "array": [part.high - part.value for part in found], "arrayminus": [part.value - part.low for part in found],
                    "thickness": 1.5, "width": 3,
                }  # fmt: skip
            colour = COLOURS[5] if rivals else COLOURS[i]
            figure.add_scatter(
                x=x, y=y, error_x=bars, mode="markers", name=name, legendgroup=name, showlegend=column == 1, row=1, col=column,
                marker={"color": colour, "symbol": "circle-open" if rivals else MARKERS[i], "size": 7 if rivals else 9},
            )  # fmt: skip
    figure.add_vline(x=0, line={"color": "#222222", "dash": "dot", "width": 1})
    figure.add_hline(y=len(kinds) - 0.5, line={"color": GREY, "width": 1})
    ticks = [*kinds, "mean of all"]
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(
        range=[len(kinds) + 0.5, -0.5], tickvals=list(range(len(ticks))), showgrid=False, zeroline=False
    )
    figure.update_yaxes(ticktext=ticks, col=1)
    return finish(figure, title, height=440).update_layout(
        margin={"t": 100, "l": 110}, legend={"orientation": "h", "y": -0.2, "x": 0}
    )


def edge_test_figure(
    edges: Float[np.ndarray, " edges"],
    falls: Mapping[str, Float[np.ndarray, " edges"]],
    title: str,
    hover: Sequence[str],
    labels: Mapping[int, str] | None = None,
) -> go.Figure:
    """What each edge promised against what fell when its source was taken out, by what was let go; kept promises lie on the line.

    Labels, by edge, stand beside the last of `falls`.
    """
    figure = go.Figure()
    ends = [float(edges.min()), float(edges.max())]
    figure.add_scatter(
        x=ends, y=ends, mode="lines", line={"dash": "dot", "color": GREY}, showlegend=False, hoverinfo="skip"
    )
    for i, (name, fell) in enumerate(falls.items()):
        figure.add_scatter(
            x=edges.astype(float), y=fell.astype(float), mode="markers", name=name, text=hover,
            marker={"size": 9, "opacity": 0.8, "color": COLOURS[i], "symbol": MARKERS[i]},
        )  # fmt: skip
    for edge, label in (labels or {}).items():
        figure.add_annotation(
            x=float(edges[edge]), y=float(fell[edge]), text=html.escape(label, quote=False), showarrow=False, yshift=-16,
            font={"size": 12, "color": INK},
        )  # fmt: skip
    figure.update_layout(xaxis_title="the edge, as drawn", yaxis_title="how much the late latent falls")
    return finish(figure, title)


def named_graph(
    graph: Graph, words: Sequence[str], names: Names, title: str, n: int = 10,
    meanings: Mapping[int, str] | None = None,
) -> tuple[go.Figure, HTML]:  # fmt: skip
    """The part of a graph that has names, as a drawing, and a table with a row for each latent in it.

    All tokens stay, the answer, and the n latents with the most influence; a latent has one number wherever it is on.

    Args:
        graph: a whole one.
        words: the prompt's tokens.
        names: what goes with a latent.
        title: what was found.
        n: how many latents, places counted.
        meanings: words for some of the numbers in the table. With them only these latents are drawn, and of the tokens
            those that a line leaves.
    """
    keep = graph.of_kind("token", "logit")
    keep[(graph.influence * graph.of_kind("latent")).topk(n).indices] = True
    part, answer = graph.only(keep), graph.nodes[-1]
    labels, hovers = {(answer.layer, answer.index): names.model.tokenizer.decode([answer.index])}, {}
    rows: dict[tuple[int, int], dict[str, object]] = {}
    for node in part.nodes:
        if node.kind != "latent":
            continue
        at = node.layer, node.index
        if at in rows:
            rows[at]["here at"] = f"{rows[at]['here at']}, {words[node.position].strip()}"
            continue
        raised = names.raises(*at)
        rows[at] = {
            "": len(rows) + 1, "MLP": node.layer, "here at": words[node.position].strip(), "on at": names.on_at(*at, 4),
            "raises": raised,
        }  # fmt: skip
        labels[at] = f"{len(rows)} “{names.on_at(*at, 1).translate(WITHOUT_BRACKETS).strip(',.')}”"
        hovers[at] = context_hover(names.contexts(*at), raised.split(", "))
    if meanings:
        at_number = {at: int(row[""]) for at, row in rows.items()}
        labels |= {at: f"{i} {meanings[i]}" for at, i in at_number.items() if i in meanings}
        meant = [
            at_number.get((node.layer, node.index)) in meanings or node.kind != "latent"
            for node in part.nodes
        ]
        part = part.only(torch.tensor(meant))
        left = {source for _, source in _ways(part, normalised(part.edges))}
        joined = [i in left or node.kind != "token" for i, node in enumerate(part.nodes)]
        part = part.only(torch.tensor(joined))
    return attribution_figure(part, words, labels, hovers, title), table(list(rows.values()))


def attribution_figure(
    graph: Graph,
    words: Sequence[str],
    names: Mapping[tuple[int, int], str],
    hovers: Mapping[tuple[int, int], str],
    title: str,
) -> go.Figure:
    """A graph with positions from left to right and layers from bottom to top; hover over a node for its contexts.

    Of all edges it draws each node's strongest in, and each latent's strongest out: so none seems to lead nowhere. Every
    position with a node has a column, all of one width.

    Args:
        graph: a pruned one.
        words: the prompt's tokens.
        names: of latents, by layer and latent.
        hovers: what is shown over a latent, HTML.
        title: what was found.
    """
    figure, (places, columns) = go.Figure(), _places(graph)
    for left, right in list(columns.values())[
        ::2
    ]:  # a band for every second word, so that one sees what belongs to it
        figure.add_vrect(left, right, fillcolor=BAND, line_width=0, layer="below")
    shares = normalised(graph.edges)
    for target, source in _ways(graph, shares):
        share, weight = float(shares[target, source]), float(graph.edges[target, source])
        x, y = _way_around(places, source, target)
        figure.add_scatter(
            x=x, y=y, mode="lines", showlegend=False, hoverinfo="skip", opacity=0.6,
            line={"color": COLOURS[0 if weight > 0 else 1], "dash": "solid" if weight > 0 else "dash", "width": 0.6 + 5 * share},
        )  # fmt: skip
    influence = graph.influence
    for kind, (colour, symbol) in KINDS.items():
        here = [i for i, node in enumerate(graph.nodes) if node.kind == kind]
        if not here:
            continue
        figure.add_scatter(
            x=[places[i][0] for i in here], y=[places[i][1] for i in here], mode="markers", name=NAMES[kind],
            marker={
                "color": colour, "symbol": symbol, "line": {"width": 1, "color": colour},
                "size": [8 + 22 * float(influence[i]) ** 0.5 for i in here] if kind != "logit" else 16,
            },
            hovertext=[_hover(graph, i, words, names, hovers) for i in here], hoverinfo="text",
        )  # fmt: skip
        for i in here:
            if kind in ("latent", "logit"):
                label = names.get((graph.nodes[i].layer, graph.nodes[i].index), "")
                figure.add_annotation(
                    x=places[i][0], y=places[i][1], text=html.escape(label, quote=False), showarrow=False, yshift=15,
                    font={"size": 12, "color": INK}, bgcolor="rgba(255,255,255,0.8)", borderpad=0,
                )  # fmt: skip
    layers = sorted({node.layer for node in graph.nodes})
    last = max(layers)
    ticks = ["token" if layer < 0 else "answer" if layer == last else f"MLP {layer}" for layer in layers]
    figure.update_yaxes(tickvals=list(range(len(layers))), ticktext=ticks, showgrid=False, zeroline=False)
    figure.update_xaxes(
        tickvals=[sum(column) / 2 for column in columns.values()], ticktext=[escaped(words[i]) for i in columns], showgrid=False, zeroline=False
    )  # fmt: skip
    return finish(figure, title, height=160 + 75 * max(4, min(len(layers), 9)))


def _ways(graph: Graph, shares: Float[Tensor, "target source"]) -> list[tuple[int, int]]:
    """The lines to draw, as target and source: the largest share in each target, and each latent's largest anywhere."""
    into = [(target, int(row.argmax())) for target, row in enumerate(shares) if row.max() > 0]
    latents = graph.of_kind("latent").nonzero()[:, 0].tolist()
    out = [(int(shares[:, source].argmax()), source) for source in latents if shares[:, source].max() > 0]
    return sorted(set(into + out))


def _way_around(
    places: Sequence[tuple[float, float]], source: int, target: int
) -> tuple[list[float], list[float]]:
    """A line from node to node, x and y: straight, or bent as little as keeps it off every other node."""
    nodes = np.array(places)
    size = np.ptp(nodes, axis=0).clip(min=1) / (1.6, 1.0)  # of the drawing, which is wider than high
    others = np.delete(nodes, [source, target], axis=0) / size
    start, end = nodes[source] / size, nodes[target] / size
    along = np.linspace(0, 1, 33)[:, None]
    ways = []
    for bend in sorted(np.linspace(-0.3, 0.3, 13), key=abs):  # of the drawing's height, at the middle
        way = start + along * (end - start) + 4 * along * (1 - along) * [bend, 0]
        clear = np.linalg.norm(way[:, None] - others[None], axis=2).min(initial=1.0)
        ways.append((min(clear, CLEAR), way))
    _, best = max(ways, key=lambda way: way[0])  # the first, and so the straightest, of those that are clear
    x, y = (best * size).T.tolist()
    return x, y


def context_hover(contexts: Sequence[Context], raised: Sequence[str]) -> str:
    """A latent's contexts as lines with the token it is on in bold, and the tokens it raises."""
    lines = []
    for context in contexts:
        words = [html.escape(visible(token)) for token in context.tokens]
        words[context.centre] = f"<b>{words[context.centre]}</b>"
        lines.append("".join(word.replace("·", " ") for word in words))
    return "<br>".join([*lines, f"<i>raises</i> {html.escape(', '.join(word.strip() for word in raised))}"])


def _places(graph: Graph) -> tuple[list[tuple[float, float]], dict[int, tuple[float, float]]]:
    """Where each node is drawn, those of one position and layer side by side, and from where to where a position goes."""
    rank = {layer: i for i, layer in enumerate(sorted({node.layer for node in graph.nodes}))}
    groups: dict[tuple[int, int], list[int]] = {}
    for i, node in enumerate(graph.nodes):
        groups.setdefault((node.layer, node.position), []).append(i)
    positions = sorted({node.position for node in graph.nodes})
    columns = {position: (float(k), k + 1.0) for k, position in enumerate(positions)}
    places: list[tuple[float, float]] = [(0.0, 0.0)] * len(graph.nodes)
    for (layer, position), members in groups.items():
        for k, i in enumerate(members):  # neighbours at different heights, so that their names have room
            offset = ROOM * ((k + 0.5) / len(members) - 0.5)
            height = 0.25 * (k % 3 - 1) if len(members) > 2 else 0.25 * (k - 0.5) * (len(members) > 1)
            places[i] = sum(columns[position]) / 2 + offset, rank[layer] + height
    return places, columns


def _hover(
    graph: Graph,
    i: int,
    words: Sequence[str],
    names: Mapping[tuple[int, int], str],
    hovers: Mapping[tuple[int, int], str],
) -> str:
    node = graph.nodes[i]
    name = names.get((node.layer, node.index), "")
    where = f"{NAMES[node.kind]} {'' if node.layer < 0 else f'of layer {node.layer} '}at {html.escape(words[node.position])}"
    found = f"influence {float(graph.influence[i]):.3f}"
    parts = [
        f"<b>{html.escape(name)}</b>" if name else "",
        where,
        found,
        hovers.get((node.layer, node.index), ""),
    ]
    return "<br>".join(part for part in parts if part)
