"""With everything held, taking out a latent changes a later one by its edge; letting go shows what an edge leaves out."""

import pytest
import torch
from test_graphs import ANSWERS, CODERS

from sae_tutorial.effects.graphs import attribution_graph
from sae_tutorial.effects.held import hold
from sae_tutorial.effects.transcoders import edited_mlps, mlp_hooks
from sae_tutorial.transformer.edits import watch
from sae_tutorial.transformer.heads import repeated_tokens

READ = mlp_hooks(1)[0]


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def model(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def tokens(model):
    return repeated_tokens(model, 1, 3, seed=0)[0]


@torch.no_grad()
def falls(model, tokens, sources, targets, parts):
    """How much each target of layer 1 falls without each source of layer 0: [targets, sources]."""
    copies, seen = torch.arange(len(sources)), {}

    def without_one(f):
        f = f.clone()
        f[copies, [node.position - 1 for node in sources], [node.index for node in sources]] = 0
        return f

    batch = tokens.repeat(len(sources) + 1, 1)
    with hold(model, tokens, CODERS, parts), edited_mlps(model, CODERS, {0: without_one}), watch(model, [READ], seen):  # fmt: skip
        model(batch)
    pre = CODERS[1].pre_activations(seen[READ])
    found = torch.stack([pre[:, node.position, node.index] for node in targets])
    return found[:, -1:] - found[:, :-1]


@pytest.fixture
def drawn(model, tokens):
    graph = attribution_graph(model, tokens, CODERS, ANSWERS)
    places = [[i for i, node in enumerate(graph.nodes) if node[:2] == ("latent", layer)] for layer in CODERS]
    nodes = [[graph.nodes[i] for i in at] for at in places]
    return graph.edges[places[1]][:, places[0]], *nodes


def test_with_all_held_a_latent_falls_by_its_edge(model, tokens, drawn):
    edges, sources, targets = drawn
    fell = falls(model, tokens, sources, targets, ("attention", "norms", "MLPs"))
    assert edges.abs().max() > 0.05
    torch.testing.assert_close(fell, edges, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("part", ["attention", "norms"])
def test_what_is_let_go_answers(model, tokens, drawn, part):
    edges, sources, targets = drawn
    fell = falls(model, tokens, sources, targets, {"attention", "norms", "MLPs"} - {part})
    assert (fell - edges).abs().max() > 1e-3


def test_nothing_held_is_the_model_itself_and_it_is_set_back(model, tokens):
    before = model(tokens[None])
    with hold(model, tokens, CODERS, ()):
        torch.testing.assert_close(model(tokens[None]), before)
    with hold(model, tokens, CODERS, ("attention", "norms", "MLPs")):
        other = model(tokens.flip(0)[None])
    assert not torch.allclose(other, model(tokens.flip(0)[None]))
    torch.testing.assert_close(model(tokens[None]), before)
