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


def test_every_node_is_drawn_once_and_every_latent_with_its_strongest_way_in_and_out():
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
    names = Names(gpt2, coders, seen)
    figure, key = named_graph(whole, words, names, "Found", n=3, drawn=2)
    points = {trace.name: len(trace.x) for trace in figure.data if trace.mode == "markers"}
    assert points["answer"] == 1 and points["latent"] == 2 and 1 <= points["token"] <= len(tokens)
    assert sum(trace.mode == "lines" for trace in figure.data) <= 2 * 2 + 1  # the last belongs to the band
    (band,) = (note.text for note in figure.layout.annotations if "whole MLPs" in note.text)
    unexplained = whole.influence[whole.of_kind("mlp", "error")].sum() / whole.influence.sum()
    assert f"{float(unexplained):.0%}" in band and "%" in figure.layout.xaxis.title.text
    assert key.data.count("<tr>") - 1 == 3 and "raises" in key.data  # a row each, wherever a latent is on
    few, same_key = named_graph(whole, words, names, "Found", n=3, meanings={1: "money"}, percentages=False)
    points = {trace.name: len(trace.x) for trace in few.data if trace.mode == "markers"}
    assert points["latent"] == 1 and same_key.data == key.data
    notes = [note.text for note in few.layout.annotations]
    assert any("1 money" in note for note in notes)
    assert few.layout.xaxis.title.text is None and not any("%" in note for note in notes)


def test_a_line_goes_round_a_node_that_it_does_not_join():
    places = [(0.0, 0.0), (0.0, 1.0), (0.0, 2.0), (4.0, 2.0)]
    x, y = _way_around(places, 0, 2)
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 0, 2) and abs(x[16]) > 0.1
    x, _ = _way_around(places, 0, 1)
    assert max(map(abs, x)) == 0  # nothing in the way


def test_a_line_is_as_wide_as_its_share_of_all_that_its_target_gets():
    shares = torch.zeros(6, 6)
    shares[2, 1], shares[3, 0], shares[5, 2] = 0.25, 1.0, 0.04
    figure = attribution_figure(graph(), WORDS, {}, {}, "Found", shares)
    widths = sorted(trace.line.width for trace in figure.data if trace.mode == "lines")
    np.testing.assert_allclose(widths, [0.6 + 8 * share for share in (0.2, 0.5, 1.0)], rtol=1e-5)


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


def test_the_drawing_of_edits_names_them():
    words = " ".join(note.text for note in edits_drawing("T").layout.annotations)
    assert "take out" in words and "swap" in words
    assert all(meaning in words for meaning in ("before", "after", "Italian sentence", "zero", "left alone"))
