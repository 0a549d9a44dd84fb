"""What is asked of any family of models holds on a tiny random one of each, or is refused by its name."""

import pytest
import torch
import transformers
from conftest import HOOK, TEXTS, bridge
from tiny_families import FAMILIES, WIDTH, make

from sae_tutorial.effects import attribution, steering
from sae_tutorial.effects.loss import replacement_effects
from sae_tutorial.transformer import patching
from sae_tutorial.transformer.attribution import attribute_logits
from sae_tutorial.transformer.families import (
    check_bridge,
    check_causal,
    check_hooks,
    check_length,
    direct_effects,
    norm_parts,
    output_logits,
)
from sae_tutorial.transformer.stream import cache_stream, text_tokens


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def model(request, tokenizer):
    return make(request.param, tokenizer, len(tokenizer) + 20)


@pytest.fixture(
    scope="module", params=["GPT2LMHeadModel", "GemmaForCausalLM", "Gemma2ForCausalLM", "CohereForCausalLM"]
)
def compatible_model(request, tokenizer):
    """In compatibility mode: norms folded, weights centred."""
    model = make(request.param, tokenizer, len(tokenizer) + 20)
    model.enable_compatibility_mode(disable_warnings=True)
    return model


def last_stream(model, tokens):
    name = f"blocks.{model.cfg.n_layers - 1}.hook_resid_post"
    return model.run_with_cache(tokens, names_filter=name)[1][name]


@torch.no_grad()
def reads_the_last_stream(model):
    """The norm's parts and what comes after the unembedding are the model's own, for a real stream."""
    tokens = torch.tensor([[0, 5, 9, 77, 30, 41, 12, 99]])
    stream, parts = last_stream(model, tokens), norm_parts(model, model.ln_final)
    scale = parts._centre(stream).square().mean(-1, keepdim=True).add(model.cfg.eps).sqrt()
    normed = parts.written(stream) / scale + parts.bias
    torch.testing.assert_close(normed, model.ln_final(stream), rtol=1e-4, atol=1e-5)
    own = model(tokens)
    torch.testing.assert_close(output_logits(model, model.unembed(normed)), own, rtol=1e-4, atol=1e-4)
    u = torch.randn(WIDTH, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(stream @ parts.read(u), parts.written(stream) @ u, rtol=1e-4, atol=1e-3)


@torch.no_grad()
def raises_the_right_tokens(model):
    """Against the logits of a stream that is long, where the direction is added and the scale multiplied out."""
    generator = torch.Generator().manual_seed(2)
    x, direction = 10 * torch.randn(WIDTH, generator=generator), 3 * torch.randn(WIDTH, generator=generator)
    centred = not model.cfg.uses_rms_norm

    def logits_times_scale(stream):
        scale = (stream - stream.mean() * centred).square().mean().sqrt()
        bias = model.unembed(model.ln_final(torch.zeros(1, 1, WIDTH)))
        unembedded = (model.unembed(model.ln_final(1000 * stream[None, None])) - bias)[0, 0]
        return unembedded * scale * output_logits(model, torch.tensor([1e-4])) / 1e-4

    expected = (logits_times_scale(x + direction) - logits_times_scale(x))[: len(model.tokenizer)]
    expected -= expected.mean()
    token_ids, effects = direct_effects(model, direction)
    assert token_ids.tolist() == list(range(len(model.tokenizer)))  # the vocabulary has 20 more
    assert effects.topk(8).indices.tolist() == expected.topk(8).indices.tolist()
    torch.testing.assert_close(effects, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


def test_the_norms_parts_read_the_last_stream(model):
    reads_the_last_stream(model)


def test_the_norms_parts_read_the_last_stream_in_compatibility_mode(compatible_model):
    reads_the_last_stream(compatible_model)


def test_the_tokens_that_a_direction_raises_are_right(model):
    raises_the_right_tokens(model)


def test_the_tokens_that_a_direction_raises_are_right_in_compatibility_mode(compatible_model):
    raises_the_right_tokens(compatible_model)


@pytest.mark.parametrize("centred", [True, False])
def test_the_parts_of_a_norm_are_its_weight_and_bias_where_it_has_them(gpt2, centred):
    class Holder:
        original_component = torch.nn.LayerNorm(WIDTH) if centred else torch.nn.RMSNorm(WIDTH)

    for value in Holder.original_component.parameters():
        value.data = torch.randn(WIDTH)
    parts = norm_parts(gpt2, Holder)
    assert parts.centred == centred
    torch.testing.assert_close(parts.gain, Holder.original_component.weight.data)
    bias = Holder.original_component.bias.data if centred else torch.zeros(WIDTH)
    torch.testing.assert_close(parts.bias, bias, rtol=1e-3, atol=1e-3)


def test_a_model_without_a_final_norm_is_refused_by_name(tokenizer):
    with pytest.raises(ValueError, match="OpenAIGPTLMHeadModel has no final norm"):
        direct_effects(make("OpenAIGPTLMHeadModel", tokenizer), torch.ones(WIDTH))
    with pytest.raises(ValueError, match="OPTForCausalLM of this shape lacks a norm"):
        direct_effects(make("OPTForCausalLM/post-norm", tokenizer), torch.ones(WIDTH))


@pytest.mark.parametrize("other", [torch.nn.Identity(), torch.nn.Softsign(), torch.nn.Tanh(), None])
def test_a_norm_of_another_kind_is_refused_by_name(gpt2, other):
    class Holder:
        name, original_component = "ln_final", other

    name = "lacks a norm .ln_final" if other is None else f"its {type(other).__name__} is neither"
    with pytest.raises(ValueError, match=f"GPT2LMHeadModel.*{name}"):
        norm_parts(gpt2, Holder)


SMALL = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 48}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("BertForMaskedLM", SMALL),
        ("RobertaForMaskedLM", SMALL),
        (
            "T5ForConditionalGeneration",
            {"d_model": 32, "num_layers": 2, "num_heads": 4, "d_ff": 64, "d_kv": 8},
        ),
    ],
)
def test_models_that_look_ahead_are_refused_by_name(name, settings, tokenizer):
    model_class = getattr(transformers, name)
    config = model_class.config_class(
        vocab_size=len(tokenizer), bos_token_id=0, pad_token_id=0, decoder_start_token_id=0, **settings
    )
    with pytest.raises(ValueError, match=f"{name} (attends in both directions|has no blocks.0)"):
        check_causal(bridge(model_class(config), tokenizer))


def test_models_that_do_not_look_ahead_pass(model):
    check_causal(model)


def test_what_is_no_bridge_or_has_no_tokenizer_is_refused(gpt2, monkeypatch):
    with pytest.raises(TypeError, match="model is a GPT2LMHeadModel, not a TransformerBridge"):
        check_bridge(gpt2.original_model)
    with pytest.raises(TypeError, match="model is a str"):
        check_bridge("gpt2")
    monkeypatch.setattr(type(gpt2), "tokenizer", None)
    check_bridge(gpt2, tokenizer=False)
    with pytest.raises(ValueError, match="no tokenizer"):
        check_bridge(gpt2)


TOO_LONG = torch.ones(1, 65, dtype=torch.long)


@pytest.mark.parametrize(
    "asks",
    [
        lambda model: check_length(model, 65),
        lambda model: cache_stream(model, TOO_LONG),
        lambda model: text_tokens(model, TEXTS, 1, 65),
        lambda model: attribute_logits(model, TOO_LONG[0], 5, 6),
        lambda model: patching.mean_z(model, TOO_LONG),
        lambda model: patching.ablated_loss(model, TOO_LONG, [], torch.zeros(3, 4, 8)),
        lambda model: patching.cut_paths(model, TOO_LONG, [], [(1, 0)], torch.zeros(3, 4, 8)),
        lambda model: steering.sample_text(model, TOO_LONG[:, :60], 5, seed=0),
        lambda model: attribution.measure(model, TOO_LONG, lambda seen, logits: logits[:, -1, 0]),
        lambda model: attribution.values_and_gradients(
            model, TOO_LONG, [], lambda seen, logits: logits[:, -1, 0]
        ),
        lambda model: replacement_effects(model, TEXTS[3:4], HOOK, {}, context_size=65),
    ],
)
def test_more_positions_than_the_model_has_are_refused(gpt2, asks):
    with pytest.raises(ValueError, match="65 positions are asked for, GPT2LMHeadModel has 64; cut the texts"):
        asks(gpt2)
    if asks.__code__.co_names[0] != "text_tokens":  # that one reads the tokenizer first
        with pytest.raises(TypeError, match="not a TransformerBridge"):
            asks(gpt2.original_model)


def test_unknown_hooks_are_refused_with_those_that_come_near(gpt2):
    check_hooks(gpt2, [HOOK, "blocks.0.attn.hook_z"])
    with pytest.raises(
        ValueError, match="no hook 'blocks.1.hook_mlp_outt'; near matches: blocks.1.hook_mlp_out"
    ):
        check_hooks(gpt2, [HOOK, "blocks.1.hook_mlp_outt"])
