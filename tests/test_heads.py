"""Scores of heads are those of patterns made by hand, of the full matrices and of TransformerLens."""

import pytest
import torch
from tiny_families import make
from transformer_lens import head_detector

from sae_tutorial.transformer.heads import (
    attention_patterns,
    attention_to_offset,
    head_name,
    induction_scores,
    k_composition,
    random_heads,
    repeated_tokens,
    shuffled_heads,
    strongest_heads,
)
from sae_tutorial.transformer.stream import cache_stream

N = 6  # tokens in a half


@pytest.fixture(scope="module", params=["GPT2LMHeadModel", "LlamaForCausalLM"])
def model(request, tokenizer):
    return make(request.param, tokenizer)


@pytest.fixture
def tokens(model):
    return repeated_tokens(model, 3, N, seed=0)


def all_heads(model):
    return [(layer, head) for layer in range(model.cfg.n_layers) for head in range(model.cfg.n_heads)]


def test_repeated_tokens_repeat_and_hold_no_token_twice(model):
    tokens = repeated_tokens(model, 4, N, seed=5)
    assert tokens.shape == (4, 1 + 2 * N) and (tokens[:, 0] == 0).all()
    assert torch.equal(tokens[:, 1 : N + 1], tokens[:, N + 1 :])
    assert all(len(set(row.tolist())) == N + 1 for row in tokens)
    assert torch.equal(tokens, repeated_tokens(model, 4, N, seed=5))
    assert not torch.equal(tokens, repeated_tokens(model, 4, N, seed=6))
    others = repeated_tokens(model, 4, N, seed=5, repeat=False)
    assert torch.equal(others[:, : N + 1], tokens[:, : N + 1])
    assert all(len(set(row.tolist())) == 2 * N + 1 for row in others)


def test_ids_that_are_no_token_are_not_drawn(tokenizer):
    """A vocabulary padded beyond the tokenizer, and one smaller than it."""
    for size in (len(tokenizer) + 200, len(tokenizer) - 50):
        model = make("GPT2LMHeadModel", tokenizer, size)
        drawn = repeated_tokens(model, 40, 31, seed=0, repeat=False)
        assert 0.9 * min(size, len(tokenizer)) < int(drawn.max()) < min(size, len(tokenizer))
        assert (drawn[:, 1:] != 0).all()


def test_more_positions_or_tokens_than_there_are_is_refused(model, tokenizer):
    with pytest.raises(ValueError, match="65 positions are asked for, .* has 64"):
        repeated_tokens(model, 1, 32, seed=0)
    with pytest.raises(ValueError, match="length is 20, and the vocabulary has no 40 tokens"):
        repeated_tokens(make("GPT2LMHeadModel", tokenizer, 30), 1, 20, seed=0)


def test_attention_to_offset_on_patterns_made_by_hand():
    size = 1 + 2 * N
    induction, previous = torch.zeros(size, size), torch.zeros(size, size)
    for query in range(1, size):
        previous[query, query - 1] = 1
    for query in range(N + 1, size):
        induction[query, query - N + 1] = 0.5
    both = torch.stack([induction, previous])
    assert induction_scores(both).tolist() == [0.5, 0.0]
    assert attention_to_offset(both, 1, 1).tolist() == [0.0, 1.0]
    assert attention_to_offset(both, N, N + 1).tolist() == [
        0.0,
        0.0,
    ]  # the token itself, not the next


def test_induction_scores_agree_with_transformer_lens(model, monkeypatch):
    tokens = repeated_tokens(model, 1, N, seed=0)
    monkeypatch.setattr(type(model), "to_tokens", lambda self, given: given)
    theirs = head_detector.detect_head(model, tokens, "induction_head")
    patterns = attention_patterns(cache_stream(model, tokens), model.cfg.n_layers)
    ours = induction_scores(patterns)[:, 0]
    # It divides the same sum by all of the attention, 1 for each of 2N + 1 queries.
    torch.testing.assert_close(ours * N / (2 * N + 1), theirs.to(ours), rtol=1e-4, atol=1e-5)


def test_strongest_heads_are_in_order():
    scores = torch.tensor([[0.1, 0.9, 0.0], [0.5, 0.5, 0.2]])
    assert strongest_heads(scores, 3) == [(0, 1), (1, 0), (1, 1)]
    assert head_name(strongest_heads(scores, 1)[0]) == "0.1"


READS_1_MORE = ("Gemma2ForCausalLM", "Gemma3ForCausalLM")  # their norms multiply by 1 + weight


def gain_matrix(norm, plus_one):
    """A norm without its scale as one matrix, for rows that are multiplied from the left."""
    wrapped, eye = (
        norm.original_component,
        torch.eye(len(norm.original_component.weight), dtype=torch.float64),
    )
    centre = eye - 1 / len(eye) if isinstance(wrapped, torch.nn.LayerNorm) else eye
    return centre @ torch.diag(plus_one + wrapped.weight.data.double())


@torch.no_grad()
@pytest.mark.parametrize(
    "family",
    [
        "GPT2LMHeadModel",
        "LlamaForCausalLM",
        "GPTNeoXForCausalLM",
        "FalconForCausalLM",
        "Qwen3ForCausalLM",
        *READS_1_MORE,
    ],
)
def test_k_composition_is_that_of_the_full_matrices(family, tokenizer):
    """With the norm before W_Q, W_K and the sender's W_V, that behind attention, and those of queries and keys."""
    model, layer, head = make(family, tokenizer), 2, 3
    plus_one = float(family in READS_1_MORE)
    scores = k_composition(model, (layer, head))
    group, attention = model.cfg.n_heads // model.W_K.shape[1], model.blocks[layer].attn
    reads = [gain_matrix(block.ln1, plus_one) for block in model.blocks]
    query = reads[layer] @ model.W_Q[layer, head].double()
    key = reads[layer] @ model.W_K[layer, head // group].double()
    if "q_norm" in attention.submodules:
        query, key = (
            w @ gain_matrix(n, plus_one) for w, n in ((query, attention.q_norm), (key, attention.k_norm))
        )
    W_QK, left_out = query @ key.T, []
    for sender_layer, sender in all_heads(model):
        if sender_layer >= layer:
            assert scores[sender_layer, sender] == 0
            continue
        block = model.blocks[sender_layer]
        W_OV = (
            reads[sender_layer]
            @ (model.W_V[sender_layer, sender // group] @ model.W_O[sender_layer, sender]).double()
        )
        if "ln1_post" in block.submodules:
            W_OV = W_OV @ gain_matrix(block.ln1_post, plus_one)
        expected = (W_OV @ W_QK.T).norm() / (W_OV.norm() * W_QK.norm())
        assert float(scores[sender_layer, sender]) == pytest.approx(float(expected), rel=1e-3)
        W_OV = model.W_V[sender_layer, sender // group] @ model.W_O[sender_layer, sender]
        left_out.append(float((W_OV.double() @ W_QK.T).norm() / (W_OV.norm() * W_QK.norm()) / expected))
    assert max(abs(ratio - 1) for ratio in left_out) > 0.01  # the norm before the sender's W_V matters


@pytest.mark.parametrize("family", ["GPT2LMHeadModel", "LlamaForCausalLM", "GPTNeoXForCausalLM"])
def test_k_composition_agrees_with_transformer_lens_where_norms_are_folded(family, tokenizer):
    model = make(family, tokenizer)
    model.enable_compatibility_mode(disable_warnings=True)
    theirs = model.all_composition_scores("K")
    for layer, head in all_heads(model):
        ours = k_composition(model, (layer, head))
        torch.testing.assert_close(ours, theirs[:, :, layer, head].detach(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "family", ["Olmo2ForCausalLM", "OpenAIGPTLMHeadModel", "MambaForCausalLM", "BertForMaskedLM"]
)
def test_k_composition_refuses_blocks_without_a_norm_before_attention(family, tokenizer):
    model = make(family, tokenizer)
    with pytest.raises(ValueError, match=f"{family}: attention does not read through a norm before it"):
        k_composition(model, (2, 3))


def test_k_composition_refuses_norms_of_queries_that_differ_by_head(tokenizer):
    for family in ("StableLmForCausalLM/norms-by-head", "CohereForCausalLM/norms-by-head"):
        with pytest.raises(ValueError, match=family.split("/")[0]):
            k_composition(make(family, tokenizer), (2, 3))


def test_random_heads_match_layer_by_layer_and_leave_out_the_found():
    found = [(0, 1), (2, 0), (2, 3)]
    for seed in range(20):
        drawn = random_heads(found, 6, seed)
        assert sorted(layer for layer, _ in drawn) == [0, 2, 2]
        assert len(set(drawn)) == 3 and not set(drawn) & set(found)
        assert drawn == random_heads(found, 6, seed)
    assert len({tuple(random_heads(found, 6, seed)) for seed in range(20)}) > 5
    with pytest.raises(ValueError, match="layer 2 has 1 other heads, 2 are needed"):
        random_heads([(2, 0), (2, 1)], 3, 0)


def test_shuffled_heads_are_as_many_of_every_layer_and_may_hold_the_found():
    heads = [(0, 1), (2, 0), (2, 3), (2, 4), (2, 5)]  # more than the half of layer 2
    draws = [shuffled_heads(heads, 6, seed) for seed in range(30)]
    for drawn in draws:
        assert [layer for layer, _ in drawn] == [layer for layer, _ in heads] and len(set(drawn)) == 5
    assert draws[3] == shuffled_heads(heads, 6, 3)
    assert len({tuple(sorted(drawn)) for drawn in draws}) > 10
    assert any(set(drawn) & set(heads) for drawn in draws)
