"""The stream adds up, and what is read from it is exact on both architectures."""

import pytest
import torch
from conftest import TEXTS
from tiny_families import FAMILIES, close, make

from sae_tutorial.transformer import stream as stream_module
from sae_tutorial.transformer.heads import repeated_tokens
from sae_tutorial.transformer.stream import (
    _outputs_when_reading,
    cache_stream,
    next_token_loss,
    path_counts,
    paths_of_length,
    short_paths,
    single_token_logits,
    stream_logits,
    text_tokens,
)

N = 6  # tokens in a half


@pytest.fixture(scope="module", params=["GPT2LMHeadModel", "LlamaForCausalLM"])
def model(request, tokenizer):
    return make(request.param, tokenizer)


@pytest.fixture
def tokens(model):
    return repeated_tokens(model, 3, N, seed=0)


def test_the_stream_is_the_sum_of_all_that_was_written_to_it(model, tokens):
    cache = cache_stream(model, tokens)
    parts, labels = cache.decompose_resid(return_labels=True)
    assert len(labels) == 2 * model.cfg.n_layers + (2 if "pos_embed" in labels else 1)
    stream = cache[f"blocks.{model.cfg.n_layers - 1}.hook_resid_post"]
    assert close(parts.sum(0), stream)
    assert not close(parts[1:].sum(0), stream)
    assert close(stream_logits(model, stream), model(tokens))


def test_text_tokens_are_beginnings_without_padding(model):
    tokens = text_tokens(model, TEXTS, 3, 12)
    assert tokens.shape == (3, 12) and (tokens[:, 0] == 0).all()
    long_enough = [text for text in TEXTS if len(model.tokenizer(text)["input_ids"]) >= 12]
    for row, text in zip(tokens, long_enough, strict=False):
        assert text.startswith(model.tokenizer.decode(row[1:]))
    with pytest.raises(ValueError, match=r"\d of 8 texts have 60 tokens, 8 are needed"):
        text_tokens(model, TEXTS, 8, 60)


def test_the_loss_is_the_models_own(model, tokens):
    own = next_token_loss(model(tokens), tokens)
    assert own.shape == (3, 2 * N)
    torch.testing.assert_close(own.mean(), model(tokens, return_type="loss"), rtol=1e-4, atol=1e-5)


def test_the_logit_lens_of_transformer_lens_is_stream_logits(model, tokens):
    cache = cache_stream(model, tokens)
    normalised = cache.accumulated_resid(layer=-1, apply_ln=True)
    for layer, stream in enumerate(cache.accumulated_resid(layer=-1)):
        assert close(stream_logits(model, stream), normalised[layer] @ model.W_U + model.b_U), layer


def test_paths_are_counted():
    assert path_counts(1, 1) == {
        "whole blocks": 2,
        "attention and MLP apart": 4,
        "each head apart": 4,
    }
    counts = path_counts(12, 12)
    assert list(counts.values()) == [2**12, 2**24, 26**12]
    assert sum(paths_of_length(12, length) for length in range(25)) == 2**24


def test_short_paths_begin_with_the_embedding_and_end_with_the_model(model, tokens):
    streams = list(short_paths(model, tokens))
    cache = cache_stream(model, tokens)
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
        stream_module,
        "_outputs_when_reading",
        lambda model, tokens, streams: torch.einsum("mbpd,mde->mbpe", streams, maps),
    )
    streams = list(short_paths(model, tokens))
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
    cache = cache_stream(model, tokens)
    outputs, stream = [], cache["blocks.0.hook_resid_pre"]
    reads = []
    for layer in range(model.cfg.n_layers):
        for part in ("attn", "mlp"):
            reads.append(stream)
            outputs.append(cache[f"blocks.{layer}.hook_{part}_out"])
            stream = stream + outputs[-1]
    with torch.inference_mode():
        assert close(_outputs_when_reading(model, tokens, torch.stack(reads)), torch.stack(outputs))
        other = torch.randn_like(torch.stack(reads))
        by_norm_and_mlp = model.blocks[1].mlp(model.blocks[1].ln2(other[3]))
        assert close(_outputs_when_reading(model, tokens, other)[3], by_norm_and_mlp)


def test_single_token_paths(model):
    ids = torch.tensor([40, 70, 41])
    direct = single_token_logits(model, ids, "direct")
    assert close(direct, stream_logits(model, model.W_E[ids][None])[0])
    after_bos = torch.stack([torch.zeros_like(ids), ids], dim=1)
    assert close(single_token_logits(model, ids, "all"), model(after_bos)[:, 1])
    stream = cache_stream(model, after_bos)["blocks.0.hook_resid_pre"]
    with torch.inference_mode():
        for block in model.blocks:
            stream = stream + block.mlp(block.ln2(stream))
    assert close(single_token_logits(model, ids, "no attention"), stream_logits(model, stream)[:, 1])
    with pytest.raises(ValueError, match="got 'indirect'"):
        single_token_logits(model, ids, "indirect")


@torch.no_grad()
@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - {"OPTForCausalLM/post-norm"}))
def test_the_last_stream_gives_the_models_own_logits_in_every_family(family, tokenizer):
    """Soft caps and scales included."""
    model = make(family, tokenizer)
    tokens = repeated_tokens(model, 2, N, seed=0)
    stream = cache_stream(model, tokens)["blocks.2.hook_resid_post"]
    torch.testing.assert_close(stream_logits(model, stream), model(tokens), rtol=1e-5, atol=1e-5)


SIDE_BY_SIDE = {
    "GPTNeoXForCausalLM",
    "GPTJForCausalLM",
    "PhiForCausalLM",
    "FalconForCausalLM",
    "CohereForCausalLM",
}
NOT_KNOWN = {"OPTForCausalLM/post-norm", "BloomForCausalLM/residual-of-the-norm", "Olmo2ForCausalLM"}


@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - SIDE_BY_SIDE - NOT_KNOWN))
def test_short_paths_end_with_the_model(family, tokenizer):
    model = make(family, tokenizer)
    tokens = repeated_tokens(model, 2, N, seed=0)
    *_, before, reached = short_paths(model, tokens)
    last = cache_stream(model, tokens)["blocks.2.hook_resid_post"]
    assert close(reached, last)
    assert not close(before, last, 1e-3)


@pytest.mark.parametrize("family", sorted(SIDE_BY_SIDE | NOT_KNOWN - {"OPTForCausalLM/post-norm"}))
def test_short_paths_refuse_blocks_of_another_shape(family, tokenizer):
    model = make(family, tokenizer)
    with pytest.raises(ValueError, match=f"(not those of )?{family.split('/')[0]}"):
        next(short_paths(model, repeated_tokens(model, 2, N, seed=0)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_streams_of_a_model_in_half_precision_are_near_those_of_the_whole_one(model, dtype, tokenizer):
    half = make(str(model.cfg.architecture), tokenizer).to(dtype)
    tokens = repeated_tokens(model, 3, N, seed=0)
    for one, other in zip(short_paths(half, tokens), short_paths(model, tokens), strict=True):
        assert one.dtype == torch.float32
        assert close(one, other, 0.05)
        assert close(stream_logits(half, one).float(), stream_logits(model, other), 0.05)
    for paths in ("direct", "no attention", "all"):
        one, other = (single_token_logits(m, torch.tensor([40, 70]), paths).float() for m in (half, model))
        assert close(one, other, 0.05)
    logits = half(tokens).detach()
    exact = next_token_loss(logits.double(), tokens)
    torch.testing.assert_close(next_token_loss(logits, tokens), exact.float(), rtol=1e-5, atol=1e-5)
