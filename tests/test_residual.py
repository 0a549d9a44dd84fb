"""The stream adds up, what is read from it is exact on both architectures, and an intervention changes what it names."""

import numpy as np
import pytest
import torch
from conftest import TEXTS, bridge
from einops import einsum
from transformer_lens import head_detector
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from sae_tutorial.transformer import stream as residual

N = 6  # tokens in a half


def make_model(kind, tokenizer):
    """A tiny model with every weight off its usual start, so that a forgotten bias or norm weight shows."""
    torch.manual_seed(3)
    common = {"vocab_size": len(tokenizer), "bos_token_id": 0, "eos_token_id": 0, "initializer_range": 0.2}
    if kind == "gpt2":
        hf = GPT2LMHeadModel(GPT2Config(n_layer=3, n_embd=32, n_head=4, n_positions=64, **common))
    else:
        hf = LlamaForCausalLM(
            LlamaConfig(num_hidden_layers=3, hidden_size=32, intermediate_size=48, num_attention_heads=4,
                        num_key_value_heads=2, max_position_embeddings=64, attn_implementation="eager",
                        tie_word_embeddings=False, **common)
        )  # fmt: skip
    for value in hf.parameters():
        if value.ndim == 1:
            value.data += 0.3 * torch.randn_like(value)
    return bridge(hf, tokenizer)


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def model(request, tokenizer):
    return make_model(request.param, tokenizer)


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def compatible_model(request, tokenizer):
    """In compatibility mode: norms folded, weights centred."""
    model = make_model(request.param, tokenizer)
    model.enable_compatibility_mode(disable_warnings=True)
    return model


@pytest.fixture
def tokens(model):
    return residual.repeated_tokens(model, 3, N, seed=0)


def close(one, other, rtol=1e-4):
    return float(((one - other).norm() / other.norm()).detach()) < rtol


def all_heads(model):
    return [(layer, head) for layer in range(model.cfg.n_layers) for head in range(model.cfg.n_heads)]


# reading


def test_the_stream_is_the_sum_of_all_that_was_written_to_it(model, tokens):
    cache = residual.cache_stream(model, tokens)
    parts, labels = cache.decompose_resid(return_labels=True)
    assert len(labels) == 2 * model.cfg.n_layers + (2 if "pos_embed" in labels else 1)
    stream = cache[f"blocks.{model.cfg.n_layers - 1}.hook_resid_post"]
    assert close(parts.sum(0), stream)
    assert not close(parts[1:].sum(0), stream)
    assert close(residual.stream_logits(model, stream), model(tokens))


def test_text_tokens_are_beginnings_without_padding(model):
    tokens = residual.text_tokens(model, TEXTS, 3, 12)
    assert tokens.shape == (3, 12) and (tokens[:, 0] == 0).all()
    long_enough = [text for text in TEXTS if len(model.tokenizer(text)["input_ids"]) >= 12]
    for row, text in zip(tokens, long_enough, strict=False):
        assert text.startswith(model.tokenizer.decode(row[1:]))
    with pytest.raises(ValueError, match=r"\d of 8 texts have 60 tokens, 8 are needed"):
        residual.text_tokens(model, TEXTS, 8, 60)


def test_the_loss_is_the_models_own(model, tokens):
    own = residual.next_token_loss(model(tokens), tokens)
    assert own.shape == (3, 2 * N)
    torch.testing.assert_close(own.mean(), model(tokens, return_type="loss"), rtol=1e-4, atol=1e-5)


def test_the_logit_lens_of_transformer_lens_is_stream_logits(model, tokens):
    cache = residual.cache_stream(model, tokens)
    normalised = cache.accumulated_resid(layer=-1, apply_ln=True)
    for layer, stream in enumerate(cache.accumulated_resid(layer=-1)):
        assert close(residual.stream_logits(model, stream), normalised[layer] @ model.W_U + model.b_U), layer


def test_paths_are_counted():
    assert residual.path_counts(1, 1) == {
        "whole blocks": 2,
        "attention and MLP apart": 4,
        "each head apart": 4,
    }
    counts = residual.path_counts(12, 12)
    assert list(counts.values()) == [2**12, 2**24, 26**12]
    assert sum(residual.paths_of_length(12, length) for length in range(25)) == 2**24


def test_short_paths_begin_with_the_embedding_and_end_with_the_model(model, tokens):
    streams = list(residual.short_paths(model, tokens))
    cache = residual.cache_stream(model, tokens)
    assert len(streams) == 2 * model.cfg.n_layers + 1
    assert torch.equal(streams[0], cache["blocks.0.hook_resid_pre"])
    assert close(streams[-1], cache[f"blocks.{model.cfg.n_layers - 1}.hook_resid_post"])
    assert not close(streams[-2], streams[-1], 1e-3)


def test_short_paths_of_linear_modules_are_sums_over_subsets(model, tokens, monkeypatch):
    """With linear modules, length k holds every product of at most k of them, in order."""
    n_modules, d = 2 * model.cfg.n_layers, model.cfg.d_model
    generator = torch.Generator().manual_seed(0)
    maps = 0.2 * torch.randn(n_modules, d, d, generator=generator)
    monkeypatch.setattr(
        residual,
        "_outputs_when_reading",
        lambda model, tokens, streams: torch.einsum("mbpd,mde->mbpe", streams, maps),
    )
    streams = list(residual.short_paths(model, tokens))
    expected = [torch.zeros_like(streams[0]) for _ in range(n_modules + 1)]
    for subset in range(2**n_modules):
        path, taken = streams[0], [m for m in range(n_modules) if subset >> m & 1]
        for module in taken:
            path = path @ maps[module]
        expected[len(taken)] = expected[len(taken)] + path
    for length, stream in enumerate(streams):
        assert close(stream, sum(expected[: length + 1])), length


def test_modules_read_the_streams_that_they_are_handed(model, tokens):
    """Handed the streams they would have read anyway, they put out what they would have put out."""
    cache = residual.cache_stream(model, tokens)
    outputs, stream = [], cache["blocks.0.hook_resid_pre"]
    reads = []
    for layer in range(model.cfg.n_layers):
        for part in ("attn", "mlp"):
            reads.append(stream)
            outputs.append(cache[f"blocks.{layer}.hook_{part}_out"])
            stream = stream + outputs[-1]
    with torch.inference_mode():
        assert close(residual._outputs_when_reading(model, tokens, torch.stack(reads)), torch.stack(outputs))
        other = torch.randn_like(torch.stack(reads))
        by_norm_and_mlp = model.blocks[1].mlp(model.blocks[1].ln2(other[3]))
        assert close(residual._outputs_when_reading(model, tokens, other)[3], by_norm_and_mlp)


def test_single_token_paths(model):
    ids = torch.tensor([40, 70, 41])
    direct = residual.single_token_logits(model, ids, "direct")
    assert close(direct, residual.stream_logits(model, model.W_E[ids][None])[0])
    after_bos = torch.stack([torch.zeros_like(ids), ids], dim=1)
    assert close(residual.single_token_logits(model, ids, "all"), model(after_bos)[:, 1])
    stream = residual.cache_stream(model, after_bos)["blocks.0.hook_resid_pre"]
    with torch.inference_mode():
        for block in model.blocks:
            stream = stream + block.mlp(block.ln2(stream))
    assert close(
        residual.single_token_logits(model, ids, "no attention"), residual.stream_logits(model, stream)[:, 1]
    )
    with pytest.raises(ValueError, match="got 'indirect'"):
        residual.single_token_logits(model, ids, "indirect")


def attribution_adds_up(model):
    tokens = residual.repeated_tokens(model, 1, N, seed=0)
    found = residual.attribute_logits(model, tokens[0], token=50, other=60)
    logits = model(tokens)[0, -1].detach()
    assert found.difference == pytest.approx(float(logits[50] - logits[60]), rel=1e-4, abs=1e-5)
    assert found.total == pytest.approx(found.difference, rel=1e-4, abs=1e-5)


def test_attribution_adds_up_to_the_logit_difference(model):
    attribution_adds_up(model)


def test_attribution_adds_up_with_norms_folded_and_weights_centred(compatible_model):
    attribution_adds_up(compatible_model)


def test_attribution_agrees_with_transformer_lens_where_that_is_exact(compatible_model, tokens):
    """Its own sums need weights folded into the unembedding, which is compatibility mode."""
    model = compatible_model
    found = residual.attribute_logits(model, tokens[0], token=50, other=60)
    _, cache = model.run_with_cache(tokens[:1])
    parts, labels = cache.decompose_resid(return_labels=True)
    theirs = dict(
        zip(labels, cache.logit_attrs(parts, 50, incorrect_tokens=60)[:, 0, -1].tolist(), strict=True)
    )
    for layer in range(model.cfg.n_layers):
        ours = float(found.heads[layer].sum() + found.attention_biases[layer])
        assert theirs[f"{layer}_attn_out"] == pytest.approx(ours, abs=1e-4)
        assert theirs[f"{layer}_mlp_out"] == pytest.approx(float(found.mlps[layer]), abs=1e-4)
    embeddings = theirs["embed"] + theirs.get("pos_embed", 0)
    assert embeddings == pytest.approx(found.embeddings, abs=1e-4)


# heads


def test_repeated_tokens_repeat_and_hold_no_token_twice(model):
    tokens = residual.repeated_tokens(model, 4, N, seed=5)
    assert tokens.shape == (4, 1 + 2 * N) and (tokens[:, 0] == 0).all()
    assert torch.equal(tokens[:, 1 : N + 1], tokens[:, N + 1 :])
    assert all(len(set(row.tolist())) == N + 1 for row in tokens)
    assert torch.equal(tokens, residual.repeated_tokens(model, 4, N, seed=5))
    assert not torch.equal(tokens, residual.repeated_tokens(model, 4, N, seed=6))
    others = residual.repeated_tokens(model, 4, N, seed=5, repeat=False)
    assert torch.equal(others[:, : N + 1], tokens[:, : N + 1])
    assert all(len(set(row.tolist())) == 2 * N + 1 for row in others)


def test_attention_to_offset_on_patterns_made_by_hand():
    size = 1 + 2 * N
    induction, previous = torch.zeros(size, size), torch.zeros(size, size)
    for query in range(1, size):
        previous[query, query - 1] = 1
    for query in range(N + 1, size):
        induction[query, query - N + 1] = 0.5
    both = torch.stack([induction, previous])
    assert residual.attention_to_offset(both, N - 1, N + 1).tolist() == [0.5, 0.0]
    assert residual.attention_to_offset(both, 1, 1).tolist() == [0.0, 1.0]
    assert residual.attention_to_offset(both, N, N + 1).tolist() == [
        0.0,
        0.0,
    ]  # the token itself, not the next


def test_induction_scores_agree_with_transformer_lens(model, monkeypatch):
    tokens = residual.repeated_tokens(model, 1, N, seed=0)
    monkeypatch.setattr(type(model), "to_tokens", lambda self, given: given)
    theirs = head_detector.detect_head(model, tokens, "induction_head")
    patterns = residual.attention_patterns(residual.cache_stream(model, tokens), model.cfg.n_layers)
    ours = residual.attention_to_offset(patterns, N - 1, N + 1)[:, 0]
    # It divides the same sum by all of the attention, 1 for each of 2N + 1 queries.
    torch.testing.assert_close(ours * N / (2 * N + 1), theirs.to(ours), rtol=1e-4, atol=1e-5)


def test_strongest_heads_are_in_order():
    scores = torch.tensor([[0.1, 0.9, 0.0], [0.5, 0.5, 0.2]])
    assert residual.strongest_heads(scores, 3) == [(0, 1), (1, 0), (1, 1)]


@torch.no_grad()
def test_k_composition_is_that_of_the_full_matrices(model):
    layer, head = 2, 3
    scores = residual.k_composition(model, (layer, head))
    group = model.cfg.n_heads // model.W_K.shape[1]
    norm = model.blocks[layer].ln1.weight
    W_QK = (norm[:, None] * model.W_Q[layer, head]) @ (norm[:, None] * model.W_K[layer, head // group]).T
    for sender_layer, sender in all_heads(model):
        W_OV = model.W_V[sender_layer, sender // group] @ model.W_O[sender_layer, sender]
        expected = (W_OV @ W_QK.T).norm() / (W_OV.norm() * W_QK.norm()) if sender_layer < layer else 0
        assert float(scores[sender_layer, sender]) == pytest.approx(float(expected), rel=1e-3)


def test_k_composition_agrees_with_transformer_lens_where_norms_have_no_weight(gpt2, llama):
    for model in (gpt2, llama):
        theirs = model.all_composition_scores("K")
        for layer, head in all_heads(model):
            ours = residual.k_composition(model, (layer, head))
            torch.testing.assert_close(ours, theirs[:, :, layer, head].detach(), rtol=1e-3, atol=1e-5)


# intervening


def test_an_ablated_head_puts_out_its_mean_and_only_it(model, tokens):
    means = residual.mean_z(model, tokens)
    assert means.shape == (model.cfg.n_layers, 4, model.cfg.d_head)
    name = "blocks.1.attn.hook_z"
    with torch.inference_mode():
        before = model.run_with_cache(tokens, names_filter=name)[1][name]
        with residual.mean_ablation(model, [(1, 2)], means):
            logits = model(tokens)
    torch.testing.assert_close(means[1], before[:, 1:].mean((0, 1)))
    by_hand = before.clone()
    by_hand[:, 1:, 2] = before[:, 1:, 2].mean((0, 1))
    with torch.inference_mode():
        expected = model.run_with_hooks(tokens, fwd_hooks=[(name, lambda z, hook: by_hand)])
        assert close(logits, expected)
        assert not close(logits, model(tokens), 1e-3)


def test_the_model_is_itself_again_after_an_ablation(model, tokens):
    before = model(tokens)
    means = residual.mean_z(model, tokens)
    loss = residual.ablated_loss(model, tokens, all_heads(model), means)
    assert loss.shape == (3, 2 * N)
    assert torch.equal(model(tokens), before)
    assert torch.equal(
        residual.ablated_loss(model, tokens, [], means), residual.next_token_loss(before, tokens)
    )


def test_random_heads_match_layer_by_layer_and_leave_out_the_found():
    found = [(0, 1), (2, 0), (2, 3)]
    for seed in range(20):
        drawn = residual.random_heads(found, 6, seed)
        assert sorted(layer for layer, _ in drawn) == [0, 2, 2]
        assert len(set(drawn)) == 3 and not set(drawn) & set(found)
        assert drawn == residual.random_heads(found, 6, seed)
    assert len({tuple(residual.random_heads(found, 6, seed)) for seed in range(20)}) > 5
    with pytest.raises(ValueError, match="layer 2 has 1 other heads, 2 are needed"):
        residual.random_heads([(2, 0), (2, 1)], 3, 0)


def test_a_lesion_skips_a_block(model, tokens):
    losses = residual.lesion_losses(model, tokens)
    assert losses.shape == (3, 3)
    cache = residual.cache_stream(model, tokens)
    last = residual.stream_logits(model, cache["blocks.2.hook_resid_pre"])
    torch.testing.assert_close(
        losses[2], residual.next_token_loss(last, tokens).mean(1), rtol=1e-4, atol=1e-5
    )


def test_patching_puts_the_clean_stream_into_one_place(model, tokens):
    clean, corrupted = tokens, residual.repeated_tokens(model, 3, N, seed=9)

    def metric(logits):
        return logits[:, -1, 50] - logits[:, -1, 60]

    layers, positions = [0, 2], [3, 2 * N]
    patched = residual.patch_stream(model, clean, corrupted, metric, layers, positions)
    assert patched.shape == (2, 2, 3)
    stream = residual.cache_stream(model, clean)
    for row, layer in enumerate(layers):
        for column, position in enumerate(positions):

            def put(value, hook, layer=layer, position=position):
                kept = torch.arange(value.shape[1]) == position
                return torch.where(kept[None, :, None], stream[f"blocks.{layer}.hook_resid_pre"], value)

            with torch.inference_mode():
                logits = model.run_with_hooks(corrupted, fwd_hooks=[(f"blocks.{layer}.hook_resid_pre", put)])
            torch.testing.assert_close(patched[row, column], metric(logits), rtol=1e-4, atol=1e-5)


def test_cutting_no_path_changes_nothing(model, tokens):
    means = residual.mean_z(model, tokens)
    patterns, loss = residual.cut_paths(model, tokens, [], [(2, 1)], means)
    cache = residual.cache_stream(model, tokens)
    assert close(patterns[0], cache["blocks.2.attn.hook_pattern"][:, 1])
    torch.testing.assert_close(loss, residual.next_token_loss(model(tokens), tokens), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("into", ["k", "q"])
def test_a_cut_path_is_cut_where_it_enters_and_nowhere_else(model, tokens, into):
    """Against the whole layer's input to the projection changed by hand, which only the receiver's heads should see."""
    means = residual.mean_z(model, tokens)
    sender, receiver = (0, 2), (2, 1)
    patterns, _ = residual.cut_paths(model, tokens, [sender], [receiver], means, into)
    cache = residual.cache_stream(model, tokens)
    beyond = cache["blocks.0.attn.hook_z"][:, :, 2] - means[0, 2]
    beyond[:, 0] = 0
    without = cache["blocks.2.hook_resid_pre"] - beyond @ model.W_O[0, 2]
    normalised = model.blocks[2].ln1(without)
    hook = (f"blocks.2.attn.{into}.hook_in", lambda value, hook: normalised)
    name = "blocks.2.attn.hook_pattern"
    with torch.inference_mode(), model.hooks(fwd_hooks=[hook]):
        expected = model.run_with_cache(tokens, names_filter=name)[1][name][:, 1]
    assert close(patterns[0], expected)
    assert not close(patterns[0], cache[name][:, 1], 1e-3)


def test_a_cut_path_leaves_other_heads_alone(model, tokens):
    """Heads that share no keys with the receiver see the sender as it was."""
    means = residual.mean_z(model, tokens)
    name, seen = "blocks.2.attn.hook_pattern", []
    with model.hooks(fwd_hooks=[(name, lambda pattern, hook: seen.append(pattern.clone()))]):
        residual.cut_paths(model, tokens, [(0, 2)], [(2, 0)], means)
        model(tokens)
    cut, whole = seen[-2], seen[-1]
    assert not close(cut[:, 0], whole[:, 0], 1e-3)
    assert close(cut[:, 3], whole[:, 3], 1e-6)


def test_a_path_can_only_be_cut_into_keys_or_queries(model, tokens):
    with pytest.raises(ValueError, match="got 'v'"):
        residual.cut_paths(model, tokens, [], [(1, 0)], residual.mean_z(model, tokens), "v")


@torch.inference_mode()
def test_attribution_of_a_head_is_its_output_along_the_direction(model, tokens):
    """A head switched off, with the final norm's scale as it was, takes just its share of the difference away."""
    found = residual.attribute_logits(model, tokens[0], token=50, other=60)
    cache = residual.cache_stream(model, tokens[:1])
    stream = cache["blocks.2.hook_resid_post"][0, -1]
    output = einsum(cache["blocks.2.attn.hook_z"][0, -1, 3], model.W_O[2, 3], "h, h m -> m")
    centred = (lambda x: x) if model.cfg.uses_rms_norm else (lambda x: x - x.mean())
    scale = cache["ln_final.hook_scale"][0, -1]
    change = (model.W_U[:, 50] - model.W_U[:, 60]) @ (
        model.ln_final.weight * (centred(stream) - centred(stream - output)) / scale
    )
    assert float(found.heads[2, 3]) == pytest.approx(float(change), abs=1e-4)
    assert np.isfinite(found.total)
