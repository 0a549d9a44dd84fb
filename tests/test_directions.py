"""Neighbours are by cosine whatever the precision; logit effects are the direct path of any family, for tokens that exist."""

import copy

import numpy as np
import pytest
import torch
from scipy.sparse import csc_array
from tiny_families import make
from torch.nn.functional import normalize

from sae_tutorial.features.directions import (
    duplicates,
    logit_effects,
    nearest_latents,
    neighbour_agrees,
    raise_what_follows,
)
from sae_tutorial.features.latents import Latents
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig
from sae_tutorial.transformer.tokens import token_strings


def directions(n: int, d_in: int = 64, seed: int = 0) -> torch.Tensor:
    return normalize(torch.randn(n, d_in, generator=torch.Generator().manual_seed(seed)), dim=1)


@pytest.fixture(scope="module")
def sae() -> SparseAutoencoder:
    return SparseAutoencoder(SAEConfig(32, 2, k=6), seed=4)


def test_duplicates_are_pairs_of_nearly_equal_rows():
    W_dec = directions(20)
    assert duplicates(W_dec).tolist() == []
    W_dec[7] = normalize(W_dec[3] + 0.02 * W_dec[9], dim=0)
    W_dec[15] = 2 * normalize(W_dec[4] + 0.2 * W_dec[9], dim=0)
    assert duplicates(W_dec).tolist() == [[3, 7], [4, 15]]
    assert duplicates(W_dec, alike=0.995).tolist() == [[3, 7]]


def test_the_nearest_latents_come_by_cosine_without_the_latent_itself():
    W_dec = torch.arange(1, 13)[:, None] * directions(12)  # norms do not matter
    found = nearest_latents(W_dec, [3, np.int64(8)], 4)
    for latent, near in zip((3, 8), found, strict=True):
        cosine = torch.cosine_similarity(W_dec[latent], W_dec, dim=1)
        cosine[latent] = -2
        assert [i for i, _ in near] == cosine.topk(4).indices.tolist()
        assert [value for _, value in near] == pytest.approx(cosine.topk(4).values.tolist(), abs=1e-6)
    assert len(nearest_latents(W_dec, [0], 50)[0]) == 11


@pytest.mark.parametrize("of", [duplicates, lambda W_dec: nearest_latents(W_dec, [2, 5])])
def test_a_decoder_in_bf16_or_with_gradients_is_taken(of):
    W_dec = directions(30).bfloat16()
    expected = of(W_dec.float())
    np.testing.assert_array_equal(of(W_dec), expected)
    np.testing.assert_array_equal(of(torch.nn.Parameter(W_dec)), expected)


def test_logit_effects_are_the_product_with_the_unembedding(gpt2, sae, tokenizer):
    unembedding = gpt2.original_model.lm_head.weight.detach().T  # [d_model, vocabulary]
    row = sae.W_dec[3].detach()
    effects = (row - row.mean()) @ unembedding  # LayerNorm subtracts the mean
    effects = effects - effects.mean()
    raised, lowered = logit_effects(gpt2, sae, 3, n=5)
    order = effects.argsort(descending=True)
    assert [token for token, _ in raised] == [token_strings(tokenizer, [i])[0] for i in order[:5]]
    assert [token for token, _ in lowered] == [token_strings(tokenizer, [i])[0] for i in order.flip(0)[:5]]
    assert [value for _, value in raised] == pytest.approx(effects[order[:5]].tolist(), rel=1e-4)
    assert [value for _, value in lowered] == pytest.approx(effects[order.flip(0)[:5]].tolist(), rel=1e-4)
    assert raised[0][1] > 0 > lowered[0][1]


@pytest.mark.parametrize(
    "family", ["LlamaForCausalLM", "GemmaForCausalLM", "Qwen2ForCausalLM", "GPTNeoXForCausalLM"]
)
def test_no_token_is_listed_that_the_tokenizer_does_not_have(family, sae, tokenizer):
    """The vocabulary is padded by 200: with 100 listed on both sides, most would be places without a token."""
    model = make(family, tokenizer, len(tokenizer) + 200)
    raised, lowered = logit_effects(model, sae, 3, n=100)
    known = {token_strings(tokenizer, [i])[0] for i in range(len(tokenizer))}
    assert {token for token, _ in raised + lowered} <= known - {""}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_model_or_an_autoencoder_in_half_precision_names_the_same_tokens(make_gpt2, sae, dtype):
    model = make_gpt2()
    expected = logit_effects(model, sae, 3, n=3)
    half = logit_effects(model.to(dtype), sae, 3, n=3)
    assert logit_effects(model, copy.deepcopy(sae).to(dtype), 3, n=3)
    for got, want in zip(half, expected, strict=True):
        assert got[0][0] == want[0][0]
        assert [value for _, value in got] == pytest.approx([value for _, value in want], rel=0.05)


def test_neighbours_agree_where_rows_of_a_class_lie_together():
    rows = directions(2).repeat_interleave(4, dim=0) + 0.01 * directions(8, seed=1)
    assert neighbour_agrees(rows, np.array([0, 0, 0, 0, 1, 1, 1, 1])) == 1
    assert neighbour_agrees(rows, np.arange(8)) == 0
    assert neighbour_agrees(rows[:0], np.arange(0)) == 0


def test_latents_that_write_what_follows_raise_it(tokenizer):
    model = make("LlamaForCausalLM", tokenizer)
    d_sae, rows, every = 8, 900, 6
    sae = SparseAutoencoder(SAEConfig(model.cfg.d_model, 1, k=1), seed=0)
    # Latent i is on at token i, and is always followed by token 40 + i.
    token_ids = np.where(
        np.arange(rows) % 2 == 0, np.arange(rows) // 2 % d_sae, 40 + np.arange(rows) // 2 % d_sae
    )
    matrix = np.zeros((rows, sae.config.d_sae), dtype=np.float32)
    for latent in range(d_sae):
        matrix[token_ids == latent, latent] = 1
    latents = Latents(csc_array(matrix), token_ids, np.repeat(np.arange(rows // every), every), {}, rows)
    gain = model.W_U.detach().float()
    with torch.no_grad():
        sae.W_dec[:d_sae] = (gain[:, 40 : 40 + d_sae] - gain.mean(1, keepdim=True)).T
    own, another = raise_what_follows(model, sae, latents, raised=1)
    assert own > 0.7 and another < 0.3
