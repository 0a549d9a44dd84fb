"""The drawing of a graph holds its nodes, its strongest edges and its names, and nothing that a page would read as markup."""

import numpy as np
import torch

from sae_tutorial.effects.graphs import Graph, Node, attribution_graph
from sae_tutorial.features.contexts import Context
from sae_tutorial.features.latents import read_texts
from sae_tutorial.features.naming import Names
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig
from sae_tutorial.show.graph_drawings import (
    _way_around,
    attribution_figure,
    context_hover,
    costs_figure,
    edge_test_figure,
    edits_drawing,
    frozen_drawing,
    named_graph,
    transcoder_drawing,
)

WORDS = ["BOS", " The", " <b>"]


def graph():
    nodes = [Node("token", -1, 0, 5), Node("token", -1, 2, 6), Node("latent", 0, 2, 3), Node("latent", 0, 2, 4),
             Node("error", 0, 2), Node("logit", 2, 2, 9)]  # fmt: skip
    edges = torch.zeros(6, 6)
    edges[2, 1], edges[3, 0], edges[5, 2], edges[5, 4] = 2.0, 1.0, 3.0, -1.0
    return Graph(nodes, edges, torch.zeros(6), torch.zeros(6), torch.tensor([0.0, 0, 0, 0, 0, 1]))


def test_every_node_is_drawn_once_with_its_strongest_way_in_and_every_latent_with_one_out():
    drawn = graph()
    drawn.edges[5, 3] = -0.5  # hardly anything to the answer, and all that this latent gives
    figure = attribution_figure(drawn, WORDS, {(0, 3): "Italy", (2, 9): "Rome"}, {(0, 3): "seen in"}, "Found")
    points = [trace for trace in figure.data if trace.mode == "markers"]
    assert sum(len(trace.x) for trace in points) == 6
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert len(lines) == 4  # both latents' ways in and out; the error's edge is no node's strongest
    assert sum(line.line.dash == "dash" for line in lines) == 1
    assert {note.text for note in figure.layout.annotations} >= {"Italy", "Rome"}
    places = [(x, y) for trace in points for x, y in zip(trace.x, trace.y, strict=True)]
    assert len(set(places)) == 6


def test_the_named_part_has_a_row_for_each_latent_and_all_tokens(gpt2):
    coders = {0: SparseAutoencoder(SAEConfig(32, 2, k=4, d_out=32), seed=0)}
    seen = {
        0: read_texts(gpt2, coders[0], ["The bank said that profits would shrink."], "blocks.0.mlp.hook_in")
    }
    tokens = gpt2.to_tokens("The bank said")[0]
    whole = attribution_graph(gpt2, tokens, coders, torch.tensor([7]))
    words = gpt2.tokenizer.batch_decode(tokens[:, None])
    figure, key = named_graph(whole, words, Names(gpt2, coders, seen), "Found", n=3)
    points = {trace.name: len(trace.x) for trace in figure.data if trace.mode == "markers"}
    assert points == {"answer": 1, "latent": 3, "token": len(tokens)}
    assert 1 <= key.data.count("<tr>") - 1 <= 3 and "raises" in key.data
    few, same_key = named_graph(whole, words, Names(gpt2, coders, seen), "Found", n=3, meanings={1: "money"})
    points = {trace.name: len(trace.x) for trace in few.data if trace.mode == "markers"}
    assert points["latent"] <= 3 and 1 <= points["token"] < len(tokens) and same_key.data == key.data
    assert any("1 money" in note.text for note in few.layout.annotations)


def test_a_line_goes_round_a_node_that_it_does_not_join():
    places = [(0.0, 0.0), (0.0, 1.0), (0.0, 2.0), (4.0, 2.0)]
    x, y = _way_around(places, 0, 2)
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 0, 2) and abs(x[16]) > 0.1
    x, _ = _way_around(places, 0, 1)
    assert max(map(abs, x)) == 0  # nothing in the way


def test_words_are_shown_as_words_and_contexts_on_hover():
    figure = attribution_figure(graph(), WORDS, {(0, 3): "<i>"}, {(0, 3): "seen in"}, "Found")
    assert len(figure.layout.xaxis.ticktext) == 2  # a word without a node has no column
    assert "<b>" not in figure.layout.xaxis.ticktext[1]
    hovers = [text for trace in figure.data if trace.mode == "markers" for text in trace.hovertext]
    assert any("seen in" in text and "&lt;i&gt;" in text for text in hovers)
    context = Context([" a", " <b", " c"], np.array([0.0, 2.0, 0.0]), 1, 0)
    shown = context_hover([context], [" x&y"])
    assert "<b> &lt;b</b>" in shown.replace("·", " ") and "x&amp;y" in shown


def test_the_drawing_names_both_coders():
    words = " ".join(note.text for note in transcoder_drawing("T").layout.annotations)
    assert "SAE" in words and "transcoder" in words and "MLP" in words


def test_the_drawing_of_a_frozen_way_names_what_is_held():
    words = [note.text for note in frozen_drawing("T").layout.annotations]
    assert sum("× gain ÷" in word and "scale" in word for word in words) == 2
    assert any("W_V W_O" in word for word in words)


def test_edges_that_hold_lie_on_the_line():
    edges = np.array([0.5, 0.1])
    figure = edge_test_figure(edges, {"held": edges, "free": -edges}, "T", ["a", "b"], {1: "at Italian"})
    line, held, free = figure.data
    assert tuple(line.x) == tuple(line.y) == (0.1, 0.5)
    assert tuple(held.x) == tuple(held.y) and tuple(free.y) == (-0.5, -0.1) and free.name == "free"
    (note,) = figure.layout.annotations
    assert (note.text, note.x, note.y) == ("at Italian", 0.1, -0.1)


def test_the_drawing_of_edits_names_them():
    words = " ".join(note.text for note in edits_drawing("T").layout.annotations)
    assert "take out after the word" in words and "swap" in words
    assert all(meaning in words for meaning in ("set to zero", "French sentence's values", "left alone"))


def test_what_groups_cost_is_drawn_by_kind_with_their_mean():
    group, rivals = np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros((3, 2))
    figure = costs_figure({"out": {"the graph's": group, "rivals": rivals}}, ["a", "b"], "T", "nats")
    own, others = figure.data
    assert tuple(own.x) == (2.0, 3.0, 2.5) and len(others.x) == 9
    assert tuple(figure.layout.yaxis.ticktext) == ("a", "b", "mean of all")
    assert own.error_x.array[0] > 0 and others.error_x.array is None
