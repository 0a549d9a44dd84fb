"""Drawings of transcoders and attribution graphs: an SAE beside a transcoder, and a graph whose nodes show their contexts."""

import html
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import torch
from IPython.display import HTML
from jaxtyping import Float
from torch import Tensor

from sae_tutorial.effects.graphs import Graph, Node, normalised
from sae_tutorial.features.contexts import Context
from sae_tutorial.features.naming import Names
from sae_tutorial.show.canvas import GREY, INK, arrow, as_drawing, box, say
from sae_tutorial.show.plots import COLOURS, escaped, finish, visible
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
        (0.0, (3.9, 1.1), "ŷ should<br>be y again"), (6.0, (1.3, 1.1), "ŷ should<br>be y"),
    ):  # fmt: skip
        box(figure, (left + 2.6, 2.3), "f: a few latents", COLOURS[1], width=1.9)
        arrow(figure, (left + start[0], start[1]), (left + (3.2 if left == 0 else 2.0), 2.0), COLOURS[1])
        arrow(figure, (left + 3.6, 2.3), (left + 4.1, 2.3), COLOURS[1])
        say(figure, (left + 4.25, 2.3), "ŷ", size=14, colour=COLOURS[1])
        say(figure, (left + 4.9, 1.5), text, size=12, colour=COLOURS[1])
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
    """Three latents at each word before and after two tests: a group set to zero, and another sentence's values in its place."""
    figure, out, french, italian = go.Figure(), COLOURS[1], COLOURS[3], COLOURS[0]
    of_italian, of_french, zero = ("●", italian), ("●", french), ("○", out)
    for x, token, before, after in (
        (0.5, "Italian", of_italian, zero),
        (5.6, "Italian", of_italian, of_french),
        (9.8, "French", of_french, of_italian),
    ):
        for i, word in enumerate(("speak", token, "is")):
            box(figure, (x + 1.1 * i, 0.45), word, INK, width=1.0, size=12)
            for y, latent in ((2.5, before), (1.0, after)):
                for height, (mark, colour) in enumerate((latent, ("●", GREY), latent)):
                    say(figure, (x + 1.1 * i, y + 0.38 * height), mark, colour=colour, size=16)
    for x, name in ((1.6, "1 · take out"), (8.8, "2 · swap")):
        say(figure, (x, 3.85), f"<b>{name}</b>", size=14)
    for y, name in ((2.88, "before"), (1.38, "after")):
        say(figure, (-0.8, y), name, size=12)
    meanings = {of_italian: "a value of the Italian sentence", of_french: "of the French one", zero: "zero",
                ("●", GREY): "a latent outside the groups, left alone"}  # fmt: skip
    said = (f"{_in_colour(mark, colour)} {text}" for (mark, colour), text in meanings.items())
    say(figure, (5.5, -0.3), "   ".join(said), size=12)
    return as_drawing(figure, title, (-1.5, 12.8), (-0.7, 4.2), height=380)


def named_graph(
    graph: Graph, words: Sequence[str], names: Names, title: str, n: int = 10, drawn: int = 3,
    meanings: Mapping[int, str] | None = None, percentages: bool = True,
) -> tuple[go.Figure, HTML]:  # fmt: skip
    """The latents with the most influence: a table with a row for each, and a drawing of a few of them.

    The drawing has the answer, and the tokens that a line leaves. A latent stands at the word where it has the most
    influence. Whole MLPs and errors are one grey band beside it.

    Args:
        graph: a whole one.
        words: the prompt's tokens.
        names: what goes with a latent.
        title: what was found.
        n: how many latents have a row.
        drawn: how many of them are drawn, those with the most influence.
        meanings: words for some of the numbers in the table. With them these latents are drawn instead.
        percentages: whether the drawing says how much of all influence it shows.
    """
    answer, shares, influence = graph.nodes[-1], normalised(graph.edges), graph.influence
    places: dict[tuple[int, int], int] = {}  # of each latent, the strongest first
    for i in influence.argsort(descending=True).tolist():
        if graph.nodes[i].kind == "latent" and len(places) < n:
            places.setdefault((graph.nodes[i].layer, graph.nodes[i].index), i)
    numbers = {at: number for number, at in enumerate(sorted(places, key=places.__getitem__), start=1)}
    labels, hovers = {(answer.layer, answer.index): names.model.tokenizer.decode([answer.index])}, {}
    rows = []
    for at, number in numbers.items():
        on, raised = names.on_at(*at, 4), names.raises(*at)
        here = words[graph.nodes[places[at]].position].strip()
        rows.append({"": number, "MLP": at[0], "here at": here, "on at": on, "raises": raised})
        late = 4 * at[0] >= 3 * answer.layer  # of a late latent it also tells what it raises
        on = names.on_at(*at, 1 if late else 2).translate(WITHOUT_BRACKETS).strip(",.")
        meaning = on + (f" → {raised.split(', ')[0]}" if late else "")
        labels[at] = f"{number} {(meanings or {}).get(number, meaning)}"
        hovers[at] = context_hover(names.contexts(*at), raised.split(", "))
    chosen = [at for at in places if numbers[at] in meanings] if meanings else list(places)[:drawn]
    keep = graph.of_kind("token", "logit")
    keep[[places[at] for at in chosen]] = True
    kept = keep.nonzero()[:, 0]
    starts = {int(kept[source]) for _, source in _ways(graph.only(keep), shares[kept][:, kept])}
    keep &= torch.tensor([node.kind != "token" or i in starts for i, node in enumerate(graph.nodes)])
    apart = graph.of_kind("mlp", "error")
    figure = attribution_figure(
        graph.only(keep), words, labels, hovers, title, shares[keep][:, keep], influence[keep]
    )
    of_influence = [float(influence[nodes].sum() / influence.sum()) for nodes in (apart, keep)]
    _band(figure, float(shares[-1, apart].sum()), of_influence if percentages else None)
    return figure, table(rows)


def _band(figure: go.Figure, share: float, of_influence: Sequence[float] | None) -> None:
    """Beside a graph all that is not explained, as one band with its line to the answer, and how much of the whole is drawn."""
    star = next(trace for trace in figure.data if trace.name == NAMES["logit"])
    x, top, text = max(figure.layout.xaxis.tickvals) + 1.0, float(star.y[0]), "whole MLPs and errors"
    figure.add_scatter(
        x=[x, star.x[0]], y=[0.75 * top, top], mode="lines", showlegend=False, hoverinfo="skip", opacity=0.6,
        line={"color": GREY, "width": _width(share if of_influence else 0.5)},
    )  # fmt: skip
    if of_influence:
        text += f": {of_influence[0]:.0%} of all influence"
        figure.update_xaxes(title=f"the nodes drawn one by one hold {of_influence[1]:.0%} of all influence")
    figure.add_vrect(x, x + 0.25, fillcolor=GREY, opacity=0.45, line_width=0)
    figure.add_annotation(
        x=x + 0.125, y=top / 2, textangle=-90, showarrow=False, font={"size": 13, "color": INK}, text=text
    )


def _width(share: float) -> float:
    """Of a line that gives its target this share of all that it gets: small shares can still be told apart."""
    return 0.6 + 8 * share**0.5


def attribution_figure(
    graph: Graph,
    words: Sequence[str],
    names: Mapping[tuple[int, int], str],
    hovers: Mapping[tuple[int, int], str],
    title: str,
    shares: Float[Tensor, "target source"] | None = None,
    influence: Float[Tensor, " nodes"] | None = None,
) -> go.Figure:
    """A graph with positions from left to right and layers from bottom to top; hover over a node for its contexts.

    Of all edges it draws each latent's strongest in and its strongest out: so none seems to lead nowhere. Every
    position with a node has a column, as wide as its fullest row needs.

    Args:
        graph: a pruned one.
        words: the prompt's tokens.
        names: of latents, by layer and latent.
        hovers: what is shown over a latent, HTML.
        title: what was found.
        shares: of each source in its target, which a line's width shows; without them those among the nodes drawn.
        influence: of each node; without it the one in the part that is drawn.
    """
    figure, (places, columns) = go.Figure(), _places(graph)
    shares = normalised(graph.edges) if shares is None else shares
    influence = graph.influence if influence is None else influence
    for left, right in list(columns.values())[
        ::2
    ]:  # a band for every second word, so that one sees what belongs to it
        figure.add_vrect(left, right, fillcolor=BAND, line_width=0, layer="below")
    for target, source in _ways(graph, shares):
        share, weight = float(shares[target, source]), float(graph.edges[target, source])
        x, y = _way_around(places, source, target)
        figure.add_scatter(
            x=x, y=y, mode="lines", showlegend=False, hoverinfo="skip", opacity=0.6,
            line={"color": COLOURS[0 if weight > 0 else 1], "dash": "solid" if weight > 0 else "dash", "width": _width(share)},
        )  # fmt: skip
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
            hovertext=[_hover(graph.nodes[i], float(influence[i]), words, names, hovers) for i in here], hoverinfo="text",
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
    """The lines to draw, as target and source: the largest share in each latent, and each latent's largest anywhere."""
    latents = graph.of_kind("latent").nonzero()[:, 0].tolist()
    into = [(target, int(shares[target].argmax())) for target in latents if shares[target].max() > 0]
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
    full = {
        position: max(len(m) for (_, at), m in groups.items() if at == position) for position in positions
    }
    columns, edge = {}, 0.0
    for position in positions:
        columns[position] = edge, (edge := edge + 0.6 + 0.4 * full[position])
    places: list[tuple[float, float]] = [(0.0, 0.0)] * len(graph.nodes)
    for (layer, position), members in groups.items():
        for k, i in enumerate(members):  # neighbours at different heights, so that their names have room
            left, right = columns[position]
            offset = ROOM * (right - left) * ((k + 0.5) / len(members) - 0.5)
            height = 0.25 * (k % 3 - 1) if len(members) > 2 else 0.25 * (k - 0.5) * (len(members) > 1)
            places[i] = sum(columns[position]) / 2 + offset, rank[layer] + height
    return places, columns


def _hover(
    node: Node,
    influence: float,
    words: Sequence[str],
    names: Mapping[tuple[int, int], str],
    hovers: Mapping[tuple[int, int], str],
) -> str:
    name = names.get((node.layer, node.index), "")
    where = f"{NAMES[node.kind]} {'' if node.layer < 0 else f'of layer {node.layer} '}at {html.escape(words[node.position])}"
    found = f"influence {influence:.3f}"
    parts = [
        f"<b>{html.escape(name)}</b>" if name else "",
        where,
        found,
        hovers.get((node.layer, node.index), ""),
    ]
    return "<br>".join(part for part in parts if part)
