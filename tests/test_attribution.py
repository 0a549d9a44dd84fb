"""Attributions are exact where the model is linear, and effects are what an ablation does."""

import pytest
import torch
from tiny_families import close, make

from sae_tutorial.effects.attribution import (
    chosen_and_drawn,
    latent_attribution,
    latent_effects,
    measure,
    values_and_gradients,
)
from sae_tutorial.effects.steering import added, edited, random_directions, set_latents
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig
from sae_tutorial.transformer.edits import intervene
from sae_tutorial.transformer.heads import repeated_tokens

HOOK = "blocks.1.hook_mlp_out"
EARLIER = "blocks.1.attn.hook_z", "blocks.0.hook_resid_pre"


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def model(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def tokens(model):
    return repeated_tokens(model, 3, 5, seed=0)


@pytest.fixture(scope="module")
def sae():
    """Some latents on, some off, and a part of x that it does not reconstruct."""
    sae = SparseAutoencoder(SAEConfig(32, 4, k=6, tied_init=False))
    sae.b_dec.data = 0.1 * torch.randn(32, generator=torch.Generator().manual_seed(1))
    return sae


def rows():
    return torch.randn(7, 32, generator=torch.Generator().manual_seed(2))


def answer_lead(seen, logits):
    return logits[:, -1, 50] - logits[:, -1, 60]


def run(model, tokens, hook=HOOK):
    with torch.no_grad():
        return model.run_with_cache(tokens, names_filter=hook)[1][hook]


def measured_with(model, tokens, vectors):
    with intervene(model, {HOOK: added(vectors)}):
        return measure(model, tokens, answer_lead)


def test_gradients_are_those_of_finite_differences(model, tokens):
    _, gradient = values_and_gradients(model, tokens, [HOOK], answer_lead)[HOOK]
    direction = torch.randn(3, 1, 32, generator=torch.Generator().manual_seed(5))
    up, down = (measured_with(model, tokens, step * direction) for step in (1e-2, -1e-2))
    expected = (gradient[:, 1:] * direction).sum((1, 2))
    torch.testing.assert_close((up - down) / 2e-2, expected, rtol=2e-2, atol=2e-3)


def test_attribution_leaves_no_gradient_and_takes_tensors_of_inference_mode(model, tokens, sae):
    with torch.inference_mode():
        tokens = tokens.clone()
    shares, left_out = latent_attribution(model, sae, HOOK, tokens, answer_lead)
    assert shares.shape == (3, 11, 128) and left_out.shape == (3, 11)
    assert all(value.grad is None for value in model.parameters())
    assert not shares[:, 0].any() and not left_out[:, 0].any()


def test_shares_of_latents_and_the_rest_add_up_to_activation_times_gradient(model, tokens, sae):
    x, gradient = values_and_gradients(model, tokens, [HOOK], answer_lead)[HOOK]
    shares, left_out = latent_attribution(model, sae, HOOK, tokens, answer_lead)
    expected = ((x - sae.b_dec.detach()) * gradient).sum(-1)
    torch.testing.assert_close((shares.sum(-1) + left_out)[:, 1:], expected[:, 1:], rtol=1e-3, atol=1e-4)


def test_latent_attribution_of_a_linear_metric_is_the_effect_of_ablation(model, tokens, sae):
    """What a later hook's own stream adds along a direction is linear in an earlier MLP's output."""
    hook = f"blocks.{model.cfg.n_layers - 1}.hook_mlp_out"
    stream, direction = (
        f"blocks.{model.cfg.n_layers - 1}.hook_resid_post",
        random_directions(1, 32)[0],
    )

    def metric(seen, logits):
        return (seen[stream] @ direction).sum(1)

    shares, _ = latent_attribution(model, sae, hook, tokens, metric, [stream])
    latents = shares.abs().sum((0, 1)).topk(4).indices.tolist()
    effects = latent_effects(model, sae, hook, tokens, metric, [[latent] for latent in latents], [stream])
    assert effects.abs().max() > 0.1
    torch.testing.assert_close(effects, shares.sum(1)[:, latents], rtol=1e-3, atol=1e-4)
    together = latent_effects(model, sae, hook, tokens, metric, [latents], [stream])
    torch.testing.assert_close(together[:, 0], effects.sum(1), rtol=1e-3, atol=1e-4)


def test_only_what_a_metric_depends_on_has_a_gradient(model, tokens):
    direction = random_directions(1, 32)[0]
    hook, heads = "blocks.1.hook_attn_out", [f"blocks.{i}.attn.hook_z" for i in range(model.cfg.n_layers)]

    def metric(seen, logits):
        return seen[hook][:, 3] @ direction

    found = values_and_gradients(model, tokens, [*heads, hook], metric)
    before, at, *after = (found[name][1] for name in heads)
    assert before.any() and at.any() and not any(gradient.any() for gradient in after)
    assert not before[:, 4:].any() and not at[:, 4:].any()  # nor has a later token a part in it
    torch.testing.assert_close(found[hook][1][:, 3], direction.expand(3, -1))


def test_measuring_sees_the_context_around_it(model, tokens, sae):
    whole = measure(model, tokens, answer_lead)
    with intervene(model, {HOOK: edited(sae, set_latents(range(128)))}):
        changed = measure(model, tokens, answer_lead)
    by_group = latent_effects(model, sae, HOOK, tokens, answer_lead, [range(128), []])
    torch.testing.assert_close(by_group[:, 0], whole - changed)
    assert not by_group[:, 1].any() and by_group[:, 0].abs().min() > 1e-5


@pytest.fixture
def no_gradients():
    torch.set_grad_enabled(False)
    yield
    torch.set_grad_enabled(True)


def everything(model, tokens, sae):
    """Also what a latent's pre-activation at a middle layer owes to a head's output and to the embedding before it."""

    def read(seen, logits):
        return sae.pre_activations(seen[HOOK][:, 4])[:, 9]

    x, gradient = values_and_gradients(model, tokens, [HOOK], answer_lead)[HOOK]
    shares, left_out = latent_attribution(model, sae, HOOK, tokens, answer_lead)
    before = values_and_gradients(model, tokens, [*EARLIER, HOOK], read)
    fallen = latent_effects(model, sae, HOOK, tokens, answer_lead, [[9], range(64)])
    return x, gradient, shares, left_out, *(before[name][1] for name in EARLIER), fallen


def test_gradients_that_are_switched_off_outside_do_not_matter(model, tokens, sae, no_gradients):
    without = everything(model, tokens, sae)
    with torch.inference_mode():
        inside = everything(model, tokens, sae)
    with torch.enable_grad():
        usual = everything(model, tokens, sae)
    assert not torch.is_grad_enabled()
    for one, two, other in zip(without, inside, usual, strict=True):
        assert torch.equal(one, other) and torch.equal(two, other)
    assert usual[1].norm() > 0.1


def test_frozen_weights_do_not_matter(tokenizer, sae):
    model = make("GPT2LMHeadModel", tokenizer)
    tokens = repeated_tokens(model, 3, 5, seed=0)
    usual = everything(model, tokens, sae)
    for value in model.parameters():
        value.requires_grad_(False)
    for one, other in zip(everything(model, tokens, sae), usual, strict=True):
        torch.testing.assert_close(one.detach(), other.detach())


def test_attributions_of_a_model_in_half_precision_are_near_those_of_the_whole_one(tokenizer, sae):
    whole, half = (make("LlamaForCausalLM", tokenizer).to(dtype) for dtype in (torch.float32, torch.bfloat16))
    tokens = repeated_tokens(whole, 3, 5, seed=0)
    for one, other in zip(everything(half, tokens, sae), everything(whole, tokens, sae), strict=True):
        assert one.dtype == torch.float32
        assert close(one, other, 0.25)  # TopK chooses other latents here and there


def test_chosen_latents_get_partners_that_are_strongest_at_the_same_token():
    f = torch.tensor(
        [[3.0, 2, 0, 1, 0, 0, 5], [0, 1, 4, 0, 3, 0, 6]]
    )  # strongest at token 0: 0, 1, 3; at 1: 2, 4, 6
    asked = {}

    def draw(latents, strength):
        asked[tuple(latents)] = strength.tolist()
        others = [i for i in strength.nonzero().flatten().tolist() if i not in latents]
        return [others, others[::-1]]

    kept, groups = chosen_and_drawn(f, [5, 2, 0, 4, 1], draw, n=2)
    assert kept == [0, 2]  # 5 is off, and two are enough
    assert groups == [[1, 3, 4, 6], [3, 1, 6, 4]]
    assert asked == {(0,): [3, 2, 0, 1, 0, 0, 0], (2,): [0, 0, 4, 0, 3, 0, 6]}
    kept, _ = chosen_and_drawn(f, [2, 0, 4, 1], draw, n=4)
    assert kept == [0, 2]  # three are on at a token: two of them chosen would leave one partner
