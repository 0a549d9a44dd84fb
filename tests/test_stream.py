"""The stream adds up, and what is read from it is exact on both architectures."""

import itertools

import numpy as np
import pytest
import torch
from conftest import TEXTS
from tiny_families import FAMILIES, close, make

from sae_tutorial.transformer.heads import repeated_tokens
from sae_tutorial.transformer.stream import (
    cache_stream,
    common_token_loss,
    frequent_pairs,
    next_token_loss,
    path_counts,
    places_in_lists,
    single_token_logits,
    stream_logits,
    text_tokens,
    turned_down_losses,
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


def test_who_is_too_sure_is_turned_down_by_the_other_texts():
    generator = torch.Generator().manual_seed(0)
    logits, tokens = torch.randn(6, 9, 5, generator=generator), torch.randint(5, (6, 9), generator=generator)
    loud = turned_down_losses(8 * logits, tokens, [1, 1 / 8])
    assert torch.allclose(loud, next_token_loss(logits, tokens)[1::2].mean(1), atol=1e-5)
    assert (turned_down_losses(8 * logits, tokens, [1]) > loud).all()


def test_who_knows_only_how_common_tokens_are(model):
    tokens = torch.tensor([model.tokenizer(TEXTS[0])["input_ids"][:5]])
    loss = common_token_loss(model, TEXTS, tokens)
    assert 0 < loss < np.log(model.cfg.d_vocab)
    assert common_token_loss(model, [TEXTS[0]], tokens) > common_token_loss(model, [TEXTS[0]] * 50, tokens)


def test_neighbours_of_frequent_tokens_and_their_places(tokenizer):
    text = "the cat and the dog and the cat"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    frequent, followed, preceded = frequent_pairs(tokenizer, [text, text], 3)
    assert len(frequent) == 3
    pairs = list(itertools.pairwise(ids)) * 2
    assert sorted((int(frequent[i]), b) for i, b in followed.T) == sorted(
        p for p in pairs if p[0] in frequent
    )
    assert sorted((a, int(frequent[i])) for i, a in preceded.T) == sorted(
        p for p in pairs if p[1] in frequent
    )
    logits = torch.tensor([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])
    own, others = places_in_lists(logits, np.array([[0, 1, 1], [0, 0, 1]]))
    assert own.tolist() == [1, 3, 2] and others.tolist() == [[3, 1, 2]]


def test_paths_are_counted():
    assert path_counts(1, 1) == {
        "whole blocks": 2,
        "attention and MLP apart": 4,
        "each head apart": 4,
    }
    counts = path_counts(12, 12)
    assert list(counts.values()) == [2**12, 2**24, 26**12]


def test_single_token_paths(model):
    ids = torch.tensor([40, 70, 41])
    direct = single_token_logits(model, ids, "direct")
    assert close(direct, stream_logits(model, model.W_E[ids][None])[0])
    after_bos = torch.stack([torch.zeros_like(ids), ids], dim=1)
    assert close(single_token_logits(model, ids, "all"), model(after_bos)[:, 1])
    with pytest.raises(ValueError, match="got 'indirect'"):
        single_token_logits(model, ids, "indirect")


@torch.no_grad()
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_last_stream_gives_the_models_own_logits_in_every_family(family, tokenizer):
    """Soft caps and scales included."""
    model = make(family, tokenizer)
    tokens = repeated_tokens(model, 2, N, seed=0)
    stream = cache_stream(model, tokens)["blocks.2.hook_resid_post"]
    torch.testing.assert_close(stream_logits(model, stream), model(tokens), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_streams_of_a_model_in_half_precision_are_near_those_of_the_whole_one(model, dtype, tokenizer):
    half = make(str(model.cfg.architecture), tokenizer).to(dtype)
    tokens = repeated_tokens(model, 3, N, seed=0)
    streams = (cache_stream(m, tokens).accumulated_resid(layer=-1) for m in (half, model))
    for one, other in zip(*streams, strict=True):
        assert close(one.float(), other, 0.05)
        assert close(stream_logits(half, one).float(), stream_logits(model, other), 0.05)
    for paths in ("direct", "all"):
        one, other = (single_token_logits(m, torch.tensor([40, 70]), paths).float() for m in (half, model))
        assert close(one, other, 0.05)
    logits = half(tokens).detach()
    exact = next_token_loss(logits.double(), tokens)
    torch.testing.assert_close(next_token_loss(logits, tokens), exact.float(), rtol=1e-5, atol=1e-5)
