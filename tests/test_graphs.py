"""An attribution graph is exact: its rows sum to what was read, and its edges are what a small change does."""

import pytest
import torch
from tiny_families import make

from sae_tutorial.effects.frozen import carried_back, freeze
from sae_tutorial.effects.graphs import Graph, Node, attribution_graph, normalised, pruned, total_influence
from sae_tutorial.effects.held import falls, hold
from sae_tutorial.effects.steering import set_latents
from sae_tutorial.effects.transcoders import edited_mlps, mlp_effects, mlp_hooks, virtual_weights
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig
from sae_tutorial.transformer.edits import watch
from sae_tutorial.transformer.heads import repeated_tokens


def transcoder(seed: int, skip: bool) -> SparseAutoencoder:
    """Random, with biases, and some of its latents on."""
    coder = SparseAutoencoder(SAEConfig(32, 2, k=5, d_out=32, skip=skip), seed=seed)
    generator = torch.Generator().manual_seed(seed)
    for parameter in (coder.b_enc, coder.b_dec, *([coder.W_skip] if skip else [])):
        parameter.data = 0.2 * torch.randn(parameter.shape, generator=generator)
    return coder


CODERS = {0: transcoder(1, skip=False), 1: transcoder(2, skip=True)}
ANSWERS = torch.tensor([7, 90])


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def model(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def tokens(model):
    return repeated_tokens(model, 1, 3, seed=0)[0]


@pytest.fixture
def graph(model, tokens):
    return attribution_graph(model, tokens, CODERS, ANSWERS)


def test_edges_and_constants_sum_to_what_the_model_itself_computes(model, tokens, graph):
    targets = graph.of_kind("latent", "logit")
    found = graph.edges.sum(1) + graph.constants
    torch.testing.assert_close(found[targets], graph.values[targets], atol=1e-4, rtol=1e-4)
    logits = model(tokens[None])[0, -1]
    torch.testing.assert_close(graph.values[-2:], (logits - logits.mean())[ANSWERS])
    seen = {}
    with watch(model, [mlp_hooks(1)[0]], seen):
        model(tokens[None])
    pre = CODERS[1].pre_activations(seen[mlp_hooks(1)[0]][0]).detach()
    for node, value in zip(graph.nodes, graph.values, strict=True):
        if node[:2] == ("latent", 1):
            assert float(value) == pytest.approx(float(pre[node[2:]]), abs=1e-4)


def test_a_graph_follows_one_logit_less_another(model, tokens, graph):
    lead = graph.following(torch.tensor([1.0, -1.0]))
    assert lead.nodes == graph.nodes[:-1] and len(lead.edges) == len(graph.edges) - 1
    logits = model(tokens[None])[0, -1]
    torch.testing.assert_close(lead.values[-1], logits[ANSWERS[0]] - logits[ANSWERS[1]])
    targets = lead.of_kind("latent", "logit")
    torch.testing.assert_close(
        (lead.edges.sum(1) + lead.constants)[targets], lead.values[targets], atol=1e-4, rtol=1e-4
    )
    alone = attribution_graph(model, tokens, CODERS, ANSWERS[1:])
    found = graph.following(torch.tensor([0.0, 1.0]))
    assert found.nodes == alone.nodes
    torch.testing.assert_close(found.edges, alone.edges)
    torch.testing.assert_close(found.influence, alone.influence)


@pytest.mark.parametrize("family", ["GPTNeoXForCausalLM/sequential", "Qwen2ForCausalLM", "Qwen3ForCausalLM",
                                    "GemmaForCausalLM", "MistralForCausalLM"])  # fmt: skip
def test_the_sums_hold_in_other_families(family, tokenizer):
    model = make(family, tokenizer)
    graph = attribution_graph(model, repeated_tokens(model, 1, 3, seed=0)[0], CODERS, ANSWERS)
    targets = graph.of_kind("latent", "logit")
    found = graph.edges.sum(1) + graph.constants
    torch.testing.assert_close(found[targets], graph.values[targets], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    "family", ["GPTNeoXForCausalLM", "Gemma2ForCausalLM", "Olmo2ForCausalLM", "OPTForCausalLM"]
)
def test_a_family_whose_frozen_block_is_not_linear_is_refused(family, tokenizer):
    model = make(family, tokenizer)
    with pytest.raises(ValueError, match="NeoX|Gemma2|ln1.hook_scale|OPT"):
        freeze(model, repeated_tokens(model, 1, 3, seed=0)[0], CODERS)


def local_replacement(frozen, moved):
    """The frozen model forwards, with some nodes' outputs longer by `moved` {(layer, position): vector}."""
    stream, pre = frozen.embeddings.clone(), {}
    for (layer, position), vector in moved.items():
        if layer < 0:
            stream[position] += vector
    for layer, here in enumerate(frozen.layers):
        values = (here.attention_norm.written(stream) / here.attention_scale)[None] @ here.W_V
        stream = stream + (here.patterns @ values @ here.W_O).sum(0) + here.attention_constant
        x = here.mlp_norm.written(stream) / here.mlp_scale + here.mlp_norm.bias
        out = here.rest.clone()
        if here.coder is not None:
            pre[layer] = here.coder.pre_activations(x)
            out = out + here.f @ here.coder.W_dec
            linear = x @ here.coder.W_skip if here.coder.config.skip else 0.0
            out[1:] += (here.coder.b_dec + linear).expand_as(out)[1:]
        stream = stream + out
        for (other, position), vector in moved.items():
            if other == layer:
                stream[position] += vector
    logits = (frozen.norm.written(stream[-1]) / frozen.scale + frozen.norm.bias) @ frozen.W_U + frozen.b_U
    return pre, logits - logits.mean()


@torch.no_grad()
def test_an_edge_is_what_a_small_change_of_its_source_does_to_its_target(model, tokens, graph):
    frozen = freeze(model, tokens, CODERS)
    pre, logits = local_replacement(frozen, {})
    step = 1e-2
    for i, node in enumerate(graph.nodes):
        if node.kind == "logit" or (node.kind == "latent" and node.position % 2):
            continue
        if node.kind == "token":
            row = frozen.embeddings[node.position]
        elif node.kind == "latent":
            here = frozen.layers[node.layer]
            row = here.f[node.position, node.index] * here.coder.W_dec[node.index]
        else:
            row = frozen.layers[node.layer].rest[node.position]
        new_pre, new_logits = local_replacement(frozen, {(node.layer, node.position): step * row})
        for j, target in enumerate(graph.nodes):
            if target.kind == "latent":
                slope = (new_pre[target.layer] - pre[target.layer])[target.position, target.index] / step
            elif target.kind == "logit":
                slope = (new_logits - logits)[target.index] / step
            else:
                assert graph.edges[j, i] == 0
                continue
            assert float(graph.edges[j, i]) == pytest.approx(float(slope), abs=5e-3, rel=5e-3)


def test_the_frozen_model_gives_back_the_models_own_logits(model, tokens):
    _, logits = local_replacement(freeze(model, tokens, CODERS), {})
    own = model(tokens[None])[0, -1]
    torch.testing.assert_close(logits, own - own.mean(), atol=1e-4, rtol=1e-4)


def chain() -> Graph:
    """Token 0 -> latent -> logit, with an error that gives the logit a quarter; token 1 gives the latent a fifth."""
    nodes = [Node("token", -1, 0, 5), Node("token", -1, 1, 6), Node("latent", 0, 1, 3), Node("error", 0, 1),
             Node("logit", 1, 1, 9)]  # fmt: skip
    edges = torch.zeros(5, 5)
    edges[2, :2], edges[4, 2:4] = torch.tensor([8.0, -2.0]), torch.tensor([-3.0, 1.0])
    return Graph(nodes, edges, torch.zeros(5), torch.zeros(5), torch.tensor([0.0, 0, 0, 0, 1]))


def test_influence_multiplies_shares_along_paths():
    graph = chain()
    torch.testing.assert_close(graph.influence, torch.tensor([0.6, 0.15, 0.75, 0.25, 0]))
    assert graph.scores == pytest.approx((0.75 / 1.0, (1 * 0.75 + 0.75 * 1) / 1.75))
    shares = normalised(graph.edges)
    by_length = sum(torch.linalg.matrix_power(shares, n) for n in range(1, 5))
    torch.testing.assert_close(total_influence(graph.edges, graph.weights), graph.weights @ by_length)
    with_signs = total_influence(graph.edges, graph.weights, signed=True)
    torch.testing.assert_close(with_signs, torch.tensor([-0.6, 0.15, -0.75, 0.25, 0]))


def test_all_influence_ends_in_tokens_and_in_what_is_not_explained(graph):
    ends = graph.of_kind("token", "error", "mlp")
    assert float(graph.influence[ends].sum()) == pytest.approx(1, abs=1e-3)
    replacement, completeness = graph.scores
    assert 0 < replacement < completeness < 1


def test_pruning_keeps_the_strongest_and_the_answer():
    small = pruned(chain(), 0.7)
    assert [node.kind for node in small.nodes] == ["token", "latent", "logit"]
    assert small.edges[1, 0] == 8 and small.edges[2, 1] == -3
    assert len(pruned(chain(), 1.0).nodes) == 5
    for share in (0, 1.2, -1):
        with pytest.raises(ValueError, match="share must lie above 0"):
            pruned(chain(), share)


def test_changed_latents_change_the_model_by_their_rows_and_unchanged_ones_nothing(model, tokens):
    own = model(tokens[None])
    with edited_mlps(model, CODERS, {0: lambda f: f, 1: lambda f: f}):
        assert torch.equal(model(tokens[None]), own)
    hooks = mlp_hooks(1)
    clean, changed = {}, {}
    with watch(model, hooks, clean):
        model(tokens[None])
    f = CODERS[1].encode(clean[hooks[0]])
    latent = int(f[0, 1:].sum(0).argmax())
    with edited_mlps(model, CODERS, {1: set_latents([latent])}), watch(model, hooks[1:], changed):
        model(tokens[None])
    fallen = clean[hooks[1]] - changed[hooks[1]]
    torch.testing.assert_close(
        fallen[0, 1:], f[0, 1:, latent, None] * CODERS[1].W_dec[latent], atol=1e-5, rtol=1e-4
    )
    assert not fallen[0, 0].any()


def test_coders_that_do_not_fit_are_refused(model, tokens):
    with pytest.raises(ValueError, match=r"coders has layer 9; the model has layers 0 to"):
        freeze(model, tokens, {9: CODERS[0]})
    with pytest.raises(ValueError, match=r"coders\[0\] reads 32 and has d_out None"):
        freeze(model, tokens, {0: SparseAutoencoder(SAEConfig(32, 2, k=5))})


def test_an_mlp_gives_way_to_what_is_put_in_its_place(gpt2):
    texts = ["The bank said that profits would shrink.", "Goal! The cup final ended one to one."]
    mlp = gpt2.blocks[1].mlp.original_component
    effects = mlp_effects(
        gpt2, texts, 1, {"the MLP itself": lambda x: mlp(x.contiguous()), "a transcoder": lambda x: CODERS[1](x)[0]},
        {"what it wrote": lambda y: y, "zero": torch.zeros_like},
    )  # fmt: skip
    for name in ("the MLP itself", "what it wrote"):
        assert effects.extra_loss(name).value == pytest.approx(0, abs=1e-4)
    assert effects.divergence("a transcoder").value > 1e-3


def one_head_back(gradient, pattern, W_V, W_O):
    return gradient + pattern.T @ gradient @ W_O.T @ W_V.T


@torch.no_grad()
def test_carried_back_head_by_head_a_latent_reads_its_edges(model, tokens, graph):
    frozen = freeze(model, tokens, CODERS)
    target = next(node for node in reversed(graph.nodes) if node.kind == "latent" and node.layer == 1)
    reads, _ = frozen.layers[1].readers(torch.tensor([target.index]), torch.tensor([target.position]))
    behind_0 = carried_back(frozen, reads[0], range(1, 0, -1), one_head_back)
    row = graph.edges[graph.nodes.index(target)]
    for edge, node in zip(row, graph.nodes, strict=True):
        if node[:2] == ("latent", 0):
            here = frozen.layers[0]
            written = here.f[node.position, node.index] * here.coder.W_dec[node.index]
            assert float(edge) == pytest.approx(float(written @ behind_0[node.position]), abs=1e-4)


def test_a_virtual_weight_is_an_edge_by_the_direct_path(model, tokens):
    frozen = freeze(model, tokens, CODERS)
    weights = virtual_weights(model, CODERS, 0, 1)
    reads, _ = frozen.layers[1].readers(torch.tensor([3]), torch.tensor([2]))
    direct = (CODERS[0].W_dec.detach() @ reads[0, 2]) * frozen.layers[1].mlp_scale[2]
    torch.testing.assert_close(torch.tensor(weights[3]), direct.detach(), atol=1e-5, rtol=1e-4)


# The same model with everything but the edit held

READ = mlp_hooks(1)[0]


@torch.no_grad()
def fallen(model, tokens, sources, targets, parts):
    """How much each target of layer 1, and each answer, falls without each source of layer 0: [targets, sources]."""
    copies, seen = torch.arange(len(sources)), {}

    def without_one(f):
        f = f.clone()
        f[copies, [node.position - 1 for node in sources], [node.index for node in sources]] = 0
        return f

    batch = tokens.repeat(len(sources) + 1, 1)
    with hold(model, tokens, CODERS, parts), edited_mlps(model, CODERS, {0: without_one}), watch(model, [READ], seen):  # fmt: skip
        logits = model(batch)[:, -1]
    pre = CODERS[1].pre_activations(seen[READ])
    found = torch.stack([pre[:, node.position, node.index] for node in targets])
    answers = (logits - logits.mean(1, keepdim=True))[:, ANSWERS].T
    return found[:, -1:] - found[:, :-1], answers[:, -1:] - answers[:, :-1]


@pytest.fixture
def drawn(graph):
    """Edges from layer 0 into layer 1 and into the answers, with their nodes."""
    early, late = (
        [i for i, node in enumerate(graph.nodes) if node[:2] == ("latent", layer)] for layer in CODERS
    )
    answers = graph.of_kind("logit").nonzero()[:, 0]
    nodes = [[graph.nodes[i] for i in places] for places in (early, late)]
    return graph.edges[late][:, early], graph.edges[answers][:, early], *nodes


def test_with_all_held_a_latent_falls_by_its_edge(model, tokens, drawn):
    edges, to_answers, sources, targets = drawn
    fell, fell_answers = fallen(model, tokens, sources, targets, ("attention", "norms", "MLPs"))
    assert edges.abs().max() > 0.05 and to_answers.abs().max() > 0.01
    torch.testing.assert_close(fell, edges, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(fell_answers, to_answers, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("held", [("attention", "norms", "MLPs"), ("norms",), ()])
def test_one_latents_falls_are_its_row(model, tokens, drawn, held):
    _, _, sources, targets = drawn
    row = falls(model, tokens, CODERS, sources, targets[-1], held)
    wanted, _ = fallen(model, tokens, sources, targets[-1:], held)
    torch.testing.assert_close(torch.tensor(row), wanted[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("part", ["attention", "norms"])
def test_what_is_let_go_answers(model, tokens, drawn, part):
    edges, _, sources, targets = drawn
    fell, _ = fallen(model, tokens, sources, targets, {"attention", "norms", "MLPs"} - {part})
    assert (fell - edges).abs().max() > 1e-3


def test_nothing_held_is_the_model_itself_and_it_is_set_back(model, tokens):
    before = model(tokens[None])
    with hold(model, tokens, CODERS, ()):
        torch.testing.assert_close(model(tokens[None]), before)
    with hold(model, tokens, CODERS, ("attention", "norms", "MLPs")):
        other = model(tokens.flip(0)[None])
    assert not torch.allclose(other, model(tokens.flip(0)[None]))
    torch.testing.assert_close(model(tokens[None]), before)
