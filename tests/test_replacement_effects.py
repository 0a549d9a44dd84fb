"""Replacing an activation by itself changes nothing, and what it does otherwise equals a pass text by text."""

import numpy as np
import pytest
import torch
from conftest import HOOK, TEXTS, bridge
from transformers import BertConfig, BertForMaskedLM

from sae_tutorial.effects.loss import Effects, replacement_effects

LONG = [text for text in TEXTS if len(text) > 5]
REPLACEMENTS = {"zero": torch.zeros_like, "half": lambda x: x / 2, "itself": lambda x: x}


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def model(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def effects(model):
    return replacement_effects(model, LONG, HOOK, REPLACEMENTS, context_size=24, tokens_per_batch=60)


def by_hand(model, tokenizer, text: str, factor: float) -> tuple[float, float, int]:
    """Sums of loss and divergence of one text, without padding or batches."""
    ids = [0, *tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]][:24]
    tokens = torch.tensor([ids])

    def scale(x, hook):
        return torch.cat([x[:, :1], x[:, 1:] * factor], dim=1)

    with torch.inference_mode():
        clean = model(tokens)[0, 1:-1].log_softmax(-1)
        changed = model.run_with_hooks(tokens, fwd_hooks=[(HOOK, scale)])[0, 1:-1].log_softmax(-1)
    loss = -changed.gather(1, tokens[0, 2:, None]).sum()
    return float(loss), float((clean.exp() * (clean - changed)).sum()), len(ids) - 2


@pytest.mark.parametrize(("name", "factor"), [("zero", 0.0), ("half", 0.5)])
def test_losses_equal_those_of_single_passes(model, tokenizer, effects, name, factor):
    expected = np.array([by_hand(model, tokenizer, text, factor) for text in LONG])
    np.testing.assert_allclose(effects.replaced[name], expected[:, 0], rtol=1e-4)
    np.testing.assert_allclose(effects.kl[name], expected[:, 1], rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(effects.tokens, expected[:, 2])
    per_token = expected[:, 0].sum() / expected[:, 2].sum()
    assert effects.clean_loss.value + effects.extra_loss(name).value == pytest.approx(per_token, rel=1e-4)


def test_a_perfect_reconstruction_loses_nothing(effects):
    np.testing.assert_allclose(effects.replaced["itself"], effects.clean, rtol=1e-5)
    assert effects.divergence("itself").value == pytest.approx(0, abs=1e-5)
    assert effects.loss_recovered("itself").value == pytest.approx(1, abs=1e-4)


def test_zeros_recover_nothing(effects):
    assert effects.loss_recovered("zero").value == 0
    assert effects.divergence("zero").value > effects.divergence("half").value > 1e-4


def test_an_advantage_is_the_difference_of_two_costs_with_less_spread(effects):
    half, zero = effects.extra_loss("half"), effects.extra_loss("zero")
    advantage = effects.advantage("half", "zero")
    assert advantage.value == pytest.approx(zero.value - half.value, abs=1e-6)
    assert effects.advantage("zero", "half").value == pytest.approx(-advantage.value)
    # Where both rise and fall with the document, their difference is known better than either.
    losses = np.array([1.0, 5.0, 2.0, 9.0, 4.0, 7.0])
    paired = Effects(losses, {"a": 2 * losses, "b": 2 * losses + 1}, {}, np.full(6, 10))
    kept = paired.advantage("a", "b")
    assert kept.low == pytest.approx(kept.high) == pytest.approx(0.1)
    assert paired.extra_loss("a").high > paired.extra_loss("a").low + 0.2


def test_the_bos_is_left_alone(model, tokenizer):
    """A replacement that would break everything, given only to the BOS, must not be given to it."""
    rows = []

    def count(x):
        rows.append(x.shape)
        return x

    replacement_effects(model, LONG[:1], HOOK, {"count": count}, context_size=24)
    ids = tokenizer(LONG[0], add_special_tokens=False)["input_ids"]
    assert rows == [(1, min(len(ids), 23), 32)]


def test_a_text_without_a_prediction_is_refused(model):
    with pytest.raises(ValueError, match=r"texts\[1\] is a single token"):
        replacement_effects(model, ["Goal! Goal!", "a"], HOOK, {})


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_losses_of_a_model_in_half_precision_are_summed_in_more(make_gpt2, dtype):
    """Against the same logits in float64: a sum in bf16 has three digits."""
    model = make_gpt2().to(dtype)
    effects = replacement_effects(
        model, LONG, HOOK, {"half": lambda x: x / 2, "itself": lambda x: x}, context_size=24
    )
    for i, text in enumerate(LONG):
        ids = model.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        tokens = torch.tensor([[0, *ids][:24]])

        def halve(x, hook):
            return torch.cat([x[:, :1], (x[:, 1:].float() / 2).to(dtype)], dim=1)

        with torch.inference_mode():
            logits = model(tokens), model.run_with_hooks(tokens, fwd_hooks=[(HOOK, halve)])
        clean, changed = (x[0, 1:-1].double().log_softmax(-1) for x in logits)
        loss = -float(clean.gather(1, tokens[0, 2:, None]).sum())
        # In a batch with padding the model's own arithmetic rounds differently, which sums up over the text.
        assert effects.clean[i] == pytest.approx(loss, rel=2e-3)
        assert effects.kl["half"][i] == pytest.approx(
            float((clean.exp() * (clean - changed)).sum()), rel=0.1, abs=0.01
        )
    np.testing.assert_array_equal(effects.replaced["itself"], effects.clean)
    assert (effects.kl["half"] > 0).all() and not effects.kl["itself"].any()


def test_models_that_look_ahead_are_refused(tokenizer):
    config = BertConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4)
    model = bridge(BertForMaskedLM(config), tokenizer)
    with pytest.raises(ValueError, match="BertForMaskedLM attends in both directions"):
        replacement_effects(model, LONG, "blocks.1.hook_out", REPLACEMENTS)
