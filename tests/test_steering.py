"""A changed latent writes its difference and keeps the error, directions are what they say, sampling is seeded."""

import numpy as np
import pytest
import torch
from tiny_families import make
from torch.nn.functional import one_hot

from sae_tutorial.effects.steering import (
    added,
    edited,
    matched_latents,
    mean_difference,
    median_norm,
    mentions,
    random_directions,
    sample_text,
    set_latents,
    set_log_probability,
    steered_samples,
    surprise,
    whole_words,
    without_direction,
    word_shares,
)
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig
from sae_tutorial.transformer.edits import intervene
from sae_tutorial.transformer.heads import repeated_tokens

HOOK = "blocks.1.hook_mlp_out"


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def model(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def tokens(model):
    return repeated_tokens(model, 3, 5, seed=0)


@pytest.fixture(params=["topk", "relu", "jumprelu", "gated"])
def any_sae(request):
    return SparseAutoencoder(SAEConfig(32, 4, request.param, k=6, tied_init=False))


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


@torch.no_grad()
def test_an_edit_that_changes_nothing_changes_no_bit(any_sae, model, tokens):
    x = rows()
    assert torch.equal(edited(any_sae, lambda f: f)(x), x)
    with intervene(model, {HOOK: edited(any_sae, lambda f: f)}):
        changed = model(tokens)
    assert torch.equal(changed, model(tokens))


@torch.no_grad()
def test_an_ablation_takes_away_what_the_latents_write_and_keeps_the_error(any_sae):
    x = rows()
    f = any_sae.encode(x)
    latents = f.sum(0).topk(3).indices.tolist()
    assert f[:, latents].any()
    ablated = edited(any_sae, set_latents(latents))(x)
    torch.testing.assert_close(ablated, x - f[:, latents] @ any_sae.W_dec[latents])
    off = torch.ones(len(f.T), dtype=torch.bool)
    off[latents] = False
    without = any_sae.decode(f * off)
    torch.testing.assert_close(ablated - without, x - any_sae(x)[0])


@torch.no_grad()
def test_a_clamped_latent_writes_its_value_everywhere(sae):
    x = rows()
    f = sae.encode(x)
    latent = int(f.sum(0).argmax())
    clamped = edited(sae, set_latents([latent], 2.5))(x)
    torch.testing.assert_close(clamped - x, (2.5 - f[:, [latent]]) * sae.W_dec[latent])
    assert set_latents([latent], 2.5)(f)[:, latent].unique().tolist() == [2.5]


@torch.no_grad()
def test_latents_that_are_off_can_be_ablated_without_effect(sae):
    x = rows()
    off = (sae.encode(x).sum(0) == 0).nonzero().flatten().tolist()
    assert off and torch.equal(edited(sae, set_latents(off))(x), x)


@torch.no_grad()
def test_an_intervention_spares_the_bos_and_ends_with_its_context(model, tokens):
    before, push = model(tokens), torch.ones(32)
    with intervene(model, {HOOK: added(push)}):
        inside, seen = model(tokens), run(model, tokens)
    assert torch.equal(inside[:, 0], before[:, 0]) and not torch.allclose(inside[:, 1], before[:, 1])
    clean = run(model, tokens)
    torch.testing.assert_close(seen[:, 1:] - clean[:, 1:], push.expand(3, 10, 32), rtol=1e-4, atol=1e-4)
    assert torch.equal(model(tokens), before)


@torch.no_grad()
def test_each_text_can_be_steered_its_own_way(model, tokens):
    vectors = random_directions(3, 32)[:, None]
    with intervene(model, {HOOK: added(vectors)}):
        together = model(tokens)
    for i in range(3):
        with intervene(model, {HOOK: added(vectors[i])}):
            torch.testing.assert_close(model(tokens[i : i + 1])[0], together[i], rtol=1e-4, atol=1e-4)


def test_a_direction_taken_out_is_that_of_the_mean_and_the_rest_stays():
    x, mean, vector = rows(), rows().mean(0), 3 * rows()[0]
    left = without_direction(vector, mean)(x)
    unit = vector / vector.norm()
    torch.testing.assert_close(left @ unit, (mean @ unit).expand(7))
    across = torch.eye(32) - torch.outer(unit, unit)
    torch.testing.assert_close(left @ across, x @ across, rtol=1e-4, atol=1e-5)


def test_a_mean_difference_is_that_of_the_two_means(store):
    labels = torch.from_numpy(np.arange(len(store)) % 3 == 0)
    x = store[:]
    expected = x[labels].mean(0) - x[~labels].mean(0)
    torch.testing.assert_close(mean_difference(store, labels), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(mean_difference(x, labels), expected, rtol=1e-4, atol=1e-5)
    assert median_norm(store) == pytest.approx(float(x.norm(dim=1).median()), rel=1e-5)
    with pytest.raises(ValueError, match="0 of 7 rows have the label"):
        mean_difference(rows(), torch.zeros(7, dtype=torch.bool))


def test_random_directions_have_norm_1_and_a_seed():
    one = random_directions(5, 32, seed=3)
    torch.testing.assert_close(one.norm(dim=1), torch.ones(5))
    assert torch.equal(one, random_directions(5, 32, seed=3))
    assert not torch.equal(one, random_directions(5, 32, seed=4))


def test_matched_latents_are_as_strong_active_and_other_ones():
    strength = torch.tensor([0.0, 0.5, 3.0, 2.5, 0.0, 0.25, 9.0, 0.625])
    assert matched_latents([2, 5], strength) == [3, 1]
    assert matched_latents([3, 2], strength) == [7, 1]  # 7 is nearest to both, and taken once
    with pytest.raises(ValueError, match="4 latents are named, and only 2 others are on"):
        matched_latents([1, 2, 3, 5], strength)
    assert strength.tolist() == [0.0, 0.5, 3.0, 2.5, 0.0, 0.25, 9.0, 0.625]


def test_sampled_text_goes_on_with_the_prompt_by_its_seed(model, tokens):
    out = sample_text(model, tokens, 6, seed=0)
    assert out.shape == (3, 17) and torch.equal(out[:, :11], tokens)
    assert not set(out[:, 11:].flatten().tolist()) & set(model.tokenizer.all_special_ids)
    assert torch.equal(out, sample_text(model, tokens, 6, seed=0))
    assert not torch.equal(out, sample_text(model, tokens, 6, seed=1))
    assert not out.is_inference()


def test_copies_of_a_prompt_are_the_texts_of_the_prompt_repeated(model, tokens):
    repeated = sample_text(model, tokens.repeat_interleave(4, 0), 6, seed=0)
    assert torch.equal(sample_text(model, tokens, 6, seed=0, copies=4), repeated)
    twice = sample_text(model, tokens.repeat(2, 1), 6, seed=0, copies=4, draws=12)
    assert torch.equal(twice, repeated.repeat(2, 1))  # the second half draws what the first does
    with pytest.raises(ValueError, match="draws = 5 does not divide"):
        sample_text(model, tokens, 6, seed=0, copies=4, draws=5)


@torch.no_grad()
def test_sampling_reads_the_same_model_as_a_pass_without_a_cache(model, tokens):
    """At a temperature near zero the most likely token is drawn, also under an intervention."""
    for push in (torch.zeros(32), 4 * torch.ones(32)):
        with intervene(model, {HOOK: added(push)}):
            out = sample_text(model, tokens, 4, seed=0, temperature=1e-6)
            logits = model(out[:, :-1])[:, 10:]
        logits[..., model.tokenizer.all_special_ids] = -torch.inf
        assert torch.equal(logits.argmax(-1), out[:, 11:])


def test_samples_follow_the_models_probabilities(model):
    prompts = repeated_tokens(model, 1, 3, seed=0).expand(4000, -1)
    drawn = sample_text(model, prompts, 1, seed=0)[:, -1]
    with torch.no_grad():
        logits = model(prompts[:1])[0, -1]
    logits[model.tokenizer.all_special_ids] = -torch.inf
    share = one_hot(drawn, len(logits)).float().mean(0)
    assert float((share - logits.softmax(-1)).abs().max()) < 0.04
    assert not share[model.tokenizer.all_special_ids].any()


def test_the_log_probability_of_a_set_is_that_of_its_sum():
    logits = torch.randn(2, 3, 9)
    expected = logits.softmax(-1)[..., [1, 4]].sum(-1).log()
    torch.testing.assert_close(set_log_probability(logits, torch.tensor([1, 4])), expected)


def test_ids_that_are_no_token_are_not_sampled(tokenizer):
    """A vocabulary padded beyond the tokenizer: half of its ids are none, and in a model like this the likeliest."""
    model = make("GPT2LMHeadModel", tokenizer, 2 * len(tokenizer))
    prompts = repeated_tokens(model, 50, 3, seed=0)
    assert int(model(prompts)[:, -1].argmax(-1).max()) >= len(tokenizer)
    drawn = sample_text(model, prompts, 10, seed=0)[:, 7:]
    assert 0.9 * len(tokenizer) < int(drawn.max()) < len(tokenizer)


def test_steered_samples_are_those_of_the_steered_model_each_its_own_way(model):
    vectors = torch.cat([torch.zeros(1, 32), 4 * random_directions(2, 32)])
    together = steered_samples(model, HOOK, "The people", vectors, 5, seed=1)
    prompt = model.to_tokens(["The people"]).repeat(3, 1)
    assert torch.equal(together[0], sample_text(model, prompt, 5, 1, temperature=0.7)[0])
    with intervene(model, {HOOK: added(vectors[2])}):
        assert torch.equal(together[2], sample_text(model, prompt, 5, 1, temperature=0.7)[2])
    twice = steered_samples(model, HOOK, "The people", vectors.repeat_interleave(2, 0), 5, seed=1)
    apart = steered_samples(
        model, HOOK, "The people", torch.cat([vectors[:1], vectors[:1], vectors, vectors[:1]]), 5, seed=1
    )
    assert torch.equal(twice[:2], apart[:2]) and len(twice) == len(apart) == 6
    alike = steered_samples(model, HOOK, "The people", torch.zeros(4, 32), 5, seed=1, draws=2)
    assert torch.equal(alike[:2], alike[2:]) and not torch.equal(alike[0], alike[1])


def test_surprise_is_the_loss_of_the_last_tokens_whatever_the_batches(model, tokens):
    with torch.no_grad():
        chances = model(tokens).log_softmax(-1)
    expected = -chances[:, -4:-1].gather(-1, tokens[:, -3:, None])[..., 0].mean(1)
    for size in (1, 2, 16):
        torch.testing.assert_close(surprise(model, tokens, 3, size), expected, rtol=1e-4, atol=1e-4)


def test_a_text_mentions_whole_words_only():
    texts = ["An ant.", "What do you want?", "ANTS, wasps", "antics", "a.n.t"]
    assert mentions(texts, "ant wasps").tolist() == [True, False, True, False, False]
    assert not mentions(["anything"], "any.hing").any()
    assert whole_words("ant bee").startswith("(?i)")


def test_a_model_in_half_precision_is_steered_and_goes_on(tokenizer, sae):
    model = make("LlamaForCausalLM", tokenizer).to(torch.bfloat16)
    prompts = repeated_tokens(model, 2, 5, seed=0)
    for replace in (
        edited(sae, set_latents([3], 4.0)),
        added(torch.ones(32)),
        without_direction(torch.ones(32), torch.zeros(32)),
    ):
        with intervene(model, {HOOK: replace}):
            out = sample_text(model, prompts, 5, seed=0)
        assert out.shape == (2, 16)
    whole = model(prompts).detach()
    with torch.no_grad(), intervene(model, {HOOK: edited(sae, lambda f: f)}):
        assert torch.equal(model(prompts), whole)
    said = set_log_probability(whole, torch.tensor([1, 4]))
    assert said.dtype == torch.float32
    torch.testing.assert_close(
        said, whole.double().softmax(-1)[..., [1, 4]].sum(-1).log().float(), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (torch.tensor([1, -1, 0, 1, 1, 1, 1]), TypeError, "labels must be True or False, got torch.int64"),
        (torch.rand(7), TypeError, "labels must be True or False, got torch.float32"),
        (np.array([True, False]), ValueError, r"labels has shape \(2,\); one per row is needed, 7"),
        (torch.ones(7, 1, dtype=torch.bool), ValueError, r"labels has shape \(7, 1\)"),
    ],
)
def test_labels_of_another_kind_are_refused(labels, error, message):
    with pytest.raises(error, match=message):
        mean_difference(rows(), labels)


def test_labels_from_numpy_do():
    labels = np.arange(7) % 2 == 0
    torch.testing.assert_close(
        mean_difference(rows(), labels), mean_difference(rows(), torch.from_numpy(labels))
    )


def test_new_tensors_name_their_device():
    """Under a default device on which a CPU generator cannot draw, as `cuda` is one."""
    with torch.device("meta"):
        assert random_directions(3, 32).device.type == "cpu"
        assert mean_difference(rows_on_cpu(), torch.arange(7, device="cpu") < 3).isfinite().all()


def rows_on_cpu():
    return torch.randn(7, 32, generator=torch.Generator("cpu").manual_seed(2), device="cpu")


def test_a_text_that_repeats_a_word_counts_once_for_it():
    assert word_shares([["lamp", "lamp", "sea"], ["sea"]]) == {"lamp": 0.5, "sea": 1.0}
