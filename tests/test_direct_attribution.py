"""The parts of a logit difference add up to it."""

import numpy as np
import pytest
import torch
from einops import einsum
from tiny_families import FAMILIES, make

from sae_tutorial.transformer.attribution import Attribution, attribute_logits, written_parts
from sae_tutorial.transformer.families import norm_parts
from sae_tutorial.transformer.heads import repeated_tokens
from sae_tutorial.transformer.stream import cache_stream

N = 6  # tokens in a half


@pytest.fixture(scope="module", params=["GPT2LMHeadModel", "LlamaForCausalLM"])
def model(request, tokenizer):
    return make(request.param, tokenizer)


@pytest.fixture(scope="module", params=["GPT2LMHeadModel", "LlamaForCausalLM"])
def compatible_model(request, tokenizer):
    """In compatibility mode: norms folded, weights centred."""
    model = make(request.param, tokenizer)
    model.enable_compatibility_mode(disable_warnings=True)
    return model


@pytest.fixture
def tokens(model):
    return repeated_tokens(model, 3, N, seed=0)


def test_shares_of_what_parts_wrote_are_those_of_attribute_logits(model, tokens):
    """By the formula of exercise 2.5, on a model that centres too."""
    found = attribute_logits(model, tokens[0], token=50, other=60)
    parts, names = written_parts(model, tokens[0])
    size = parts.sum(0).square().mean().sqrt()
    shares = parts / size * model.ln_final.weight @ (model.W_U[:, 50] - model.W_U[:, 60])
    of = dict(zip(names, shares.tolist(), strict=True))
    assert sum(of[name] for name in names if "embed" in name) == pytest.approx(found.embeddings, abs=1e-4)
    for layer in range(model.cfg.n_layers):
        assert of[f"{layer}_mlp_out"] == pytest.approx(float(found.mlps[layer]), rel=1e-3, abs=1e-4)
        attention = float(found.heads[layer].sum() + found.attention_biases[layer])
        assert of[f"{layer}_attn_out"] == pytest.approx(attention, rel=1e-3, abs=1e-4)


def attribution_adds_up(model):
    tokens = repeated_tokens(model, 1, N, seed=0)
    found = attribute_logits(model, tokens[0], token=50, other=60)
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
    found = attribute_logits(model, tokens[0], token=50, other=60)
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


@torch.inference_mode()
def test_attribution_of_a_head_is_its_output_along_the_direction(model, tokens):
    """A head switched off, with the final norm's scale as it was, takes just its share of the difference away."""
    found = attribute_logits(model, tokens[0], token=50, other=60)
    cache = cache_stream(model, tokens[:1])
    stream = cache["blocks.2.hook_resid_post"][0, -1]
    output = einsum(cache["blocks.2.attn.hook_z"][0, -1, 3], model.W_O[2, 3], "h, h m -> m")
    centred = (lambda x: x) if model.cfg.uses_rms_norm else (lambda x: x - x.mean())
    scale = cache["ln_final.hook_scale"][0, -1]
    change = (model.W_U[:, 50] - model.W_U[:, 60]) @ (
        model.ln_final.weight * (centred(stream) - centred(stream - output)) / scale
    )
    assert float(found.heads[2, 3]) == pytest.approx(float(change), abs=1e-4)
    assert np.isfinite(found.total)


SHAPES_NOT_KNOWN = {"BloomForCausalLM/residual-of-the-norm", "GraniteForCausalLM"}


def absolute_total(found: Attribution) -> float:
    """The sum of the parts' absolute values: the measure of how near `total` can come to `difference`."""
    by_layer = sum(float(part.abs().sum()) for part in (found.heads, found.attention_biases, found.mlps))
    return by_layer + abs(found.embeddings) + abs(found.constant)


FOLDED = ("GPT2LMHeadModel", "GemmaForCausalLM", "Gemma2ForCausalLM", "CohereForCausalLM", "Glm4ForCausalLM")


@pytest.mark.parametrize(
    ("family", "compatibility_mode"),
    [
        *((name, False) for name in sorted(FAMILIES.keys() - SHAPES_NOT_KNOWN)),
        *((name, True) for name in FOLDED),
    ],
)
def test_the_parts_add_up_for_every_family(family, compatibility_mode, tokenizer):
    model = make(family, tokenizer, len(tokenizer) + 20)
    if compatibility_mode:
        model.enable_compatibility_mode(disable_warnings=True)
    tokens = repeated_tokens(model, 1, N, seed=0)
    with torch.no_grad():
        logits = model(tokens)[0, -1]
    for token, other in ((50, 60), (7, 300), (50, 50)):
        found = attribute_logits(model, tokens[0], token, other)
        assert found.difference == pytest.approx(float(logits[token] - logits[other]), rel=1e-4, abs=1e-4)
        assert abs(found.total - found.difference) <= 1e-5 * absolute_total(found)


@torch.no_grad()
@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - SHAPES_NOT_KNOWN))
def test_a_heads_share_is_what_it_wrote(family, tokenizer):
    """One head's z set to zero at the last position, with the scales held: found by the difference of two streams."""
    model = make(family, tokenizer)
    tokens = repeated_tokens(model, 1, N, seed=0)
    found = attribute_logits(model, tokens[0], 50, 60)
    layer, cache = 2, cache_stream(model, tokens)

    def without(z, hook):
        z = z.clone()
        z[:, -1, 1] = 0
        return z

    name = f"blocks.{layer}.hook_attn_out"
    before = cache[name][0, -1]
    with model.hooks(fwd_hooks=[(f"blocks.{layer}.attn.hook_z", without)]):
        _, changed = model.run_with_cache(
            tokens, names_filter=lambda name: "attn" in name or "ln1_post" in name
        )
    after = changed[name][0, -1]
    if "ln1_post" in model.blocks[layer].submodules:
        after = (
            after
            * changed[f"blocks.{layer}.ln1_post.hook_scale"][0, -1]
            / cache[f"blocks.{layer}.ln1_post.hook_scale"][0, -1]
        )
    parts = norm_parts(model, model.ln_final)
    direction = parts.read(model.W_U[:, 50] - model.W_U[:, 60]) / cache["ln_final.hook_scale"][0, -1]
    unembedded = model.unembed(model.ln_final(cache[f"blocks.{layer}.hook_resid_post"]))[0, -1]
    kept = found.difference / float(unembedded[50] - unembedded[60])
    assert float(found.heads[layer, 1]) == pytest.approx(
        float((before - after) @ direction) * kept, rel=1e-3, abs=1e-5
    )


@pytest.mark.parametrize(
    ("family", "message"),
    [
        (
            "BloomForCausalLM/residual-of-the-norm",
            "BloomForCausalLM: its stream is not the sum",
        ),
        ("OpenAIGPTLMHeadModel", "OpenAIGPTLMHeadModel: its stream is not the sum"),
        ("MambaForCausalLM", "MambaForCausalLM: its stream is not the sum"),
        ("GraniteForCausalLM", "GraniteForCausalLM: its attention is not the sum of z W_O over heads"),
    ],
)
def test_blocks_of_another_shape_are_refused_by_name(family, message, tokenizer):
    model = make(family, tokenizer)
    with pytest.raises(ValueError, match=message):
        attribute_logits(model, repeated_tokens(model, 1, N, seed=0)[0], 50, 60)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_attribution_of_a_model_in_half_precision(model, dtype, tokenizer):
    half = make(str(model.cfg.architecture), tokenizer).to(dtype)
    tokens = repeated_tokens(model, 1, N, seed=0)[0]
    exact, found = attribute_logits(model, tokens, 50, 60), attribute_logits(half, tokens, 50, 60)
    assert found.heads.dtype == torch.float32
    assert abs(found.total - found.difference) <= 0.02 * absolute_total(found)
    assert float((found.heads - exact.heads).abs().max()) < 0.02 * absolute_total(exact)
