"""A change changes what it names and nothing else, and the model is itself again afterwards."""

import pytest
import torch
from tiny_families import FAMILIES, close, make

from sae_tutorial.transformer.edits import EVERYWHERE, intervene, watch
from sae_tutorial.transformer.families import float_norm
from sae_tutorial.transformer.heads import key_head, repeated_tokens
from sae_tutorial.transformer.patching import (
    ablated_loss,
    cut_loss,
    cut_paths,
    mean_ablation,
    mean_z,
    misplaced_loss,
    patch_stream,
    pattern_with_keys,
)
from sae_tutorial.transformer.stream import cache_stream, next_token_loss

N = 6  # tokens in a half


@pytest.fixture(scope="module", params=["GPT2LMHeadModel", "LlamaForCausalLM"])
def model(request, tokenizer):
    return make(request.param, tokenizer)


@pytest.fixture
def tokens(model):
    return repeated_tokens(model, 3, N, seed=0)


def all_heads(model):
    return [(layer, head) for layer in range(model.cfg.n_layers) for head in range(model.cfg.n_heads)]


def test_an_ablated_head_puts_out_its_mean_and_only_it(model, tokens):
    means = mean_z(model, tokens)
    assert means.shape == (model.cfg.n_layers, 4, model.cfg.d_head)
    name = "blocks.1.attn.hook_z"
    with torch.inference_mode():
        before = model.run_with_cache(tokens, names_filter=name)[1][name]
        with mean_ablation(model, [(1, 2)], means):
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
    means = mean_z(model, tokens)
    loss = ablated_loss(model, tokens, all_heads(model), means)
    assert loss.shape == (3, 2 * N)
    assert torch.equal(model(tokens), before)
    assert torch.equal(ablated_loss(model, tokens, [], means), next_token_loss(before, tokens))


def test_a_misplaced_cut_takes_the_same_vectors_from_the_same_head_elsewhere(model, tokens):
    means, name = mean_z(model, tokens), "blocks.1.attn.hook_z"
    z = cache_stream(model, tokens)[name].clone()
    z[:, 1:, 2] -= (z[:, 1:, 2] - means[1, 2]).roll(3, 1)
    with torch.inference_mode():
        expected = next_token_loss(
            model.run_with_hooks(tokens, fwd_hooks=[(name, lambda _, hook: z)]), tokens
        )
    torch.testing.assert_close(
        misplaced_loss(model, tokens, [(1, 2)], means, 3), expected, rtol=1e-4, atol=1e-4
    )
    ablated = ablated_loss(model, tokens, [(1, 2)], means)
    torch.testing.assert_close(
        misplaced_loss(model, tokens, [(1, 2)], means, 0), ablated, rtol=1e-4, atol=1e-4
    )
    assert (expected - ablated).abs().max() > 1e-4


def test_patching_puts_the_clean_stream_into_one_place(model, tokens):
    clean, corrupted = tokens, repeated_tokens(model, 3, N, seed=9)

    def metric(logits):
        return logits[:, -1, 50] - logits[:, -1, 60]

    layers, positions = [0, 2], [3, 2 * N]
    patched = patch_stream(model, clean, corrupted, metric, layers, positions)
    assert patched.shape == (2, 2, 3)
    stream = cache_stream(model, clean)
    for row, layer in enumerate(layers):
        for column, position in enumerate(positions):

            def put(value, hook, layer=layer, position=position):
                kept = torch.arange(value.shape[1]) == position
                return torch.where(kept[None, :, None], stream[f"blocks.{layer}.hook_resid_pre"], value)

            with torch.inference_mode():
                logits = model.run_with_hooks(corrupted, fwd_hooks=[(f"blocks.{layer}.hook_resid_pre", put)])
            torch.testing.assert_close(patched[row, column], metric(logits), rtol=1e-4, atol=1e-5)


def test_cutting_no_path_changes_nothing(model, tokens):
    means = mean_z(model, tokens)
    patterns = cut_paths(model, tokens, [], [(2, 1)], means)
    cache = cache_stream(model, tokens)
    assert close(patterns[0], cache["blocks.2.attn.hook_pattern"][:, 1])


@pytest.mark.parametrize("into", ["k", "q"])
def test_a_cut_path_is_cut_where_it_enters_and_nowhere_else(model, tokens, into):
    """Against the whole layer's input to the projection changed by hand, which only the receiver's heads should see."""
    means = mean_z(model, tokens)
    sender, receiver = (0, 2), (2, 1)
    patterns = cut_paths(model, tokens, [sender], [receiver], means, into)
    cache = cache_stream(model, tokens)
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
    means = mean_z(model, tokens)
    name, seen = "blocks.2.attn.hook_pattern", []
    with model.hooks(fwd_hooks=[(name, lambda pattern, hook: seen.append(pattern.clone()))]):
        cut_paths(model, tokens, [(0, 2)], [(2, 0)], means)
        model(tokens)
    cut, whole = seen[-2], seen[-1]
    assert not close(cut[:, 0], whole[:, 0], 1e-3)
    assert close(cut[:, 3], whole[:, 3], 1e-6)


def make_keys_as_they_were(stream, z, mean, W_O, norm, W_K):
    return norm(stream) @ W_K


def make_keys_without_the_note(stream, z, mean, W_O, norm, W_K):
    return norm(stream - (z - mean) @ W_O) @ W_K


def test_keys_made_by_hand_are_those_of_a_cut_path(model, tokens):
    means = mean_z(model, tokens)
    sender, receiver = (0, 2), (2, 1)
    whole = pattern_with_keys(model, tokens, sender, receiver, means[0, 2], make_keys_as_they_were)
    assert close(whole, cache_stream(model, tokens)["blocks.2.attn.hook_pattern"][:, 1])
    cut = pattern_with_keys(model, tokens, sender, receiver, means[0, 2], make_keys_without_the_note)
    expected = cut_paths(model, tokens, [sender], [receiver], means)
    assert close(cut, expected[0])
    assert not close(cut, whole, 1e-3)


def test_a_receiver_reads_nothing_of_what_another_one_does_with_its_cut_keys(model, tokens):
    means, sender = mean_z(model, tokens), (0, 2)
    together = cut_paths(model, tokens, [sender], [(1, 0), (2, 1)], means)
    for pattern, receiver in zip(together, ((1, 0), (2, 1)), strict=True):
        assert close(pattern, cut_paths(model, tokens, [sender], [receiver], means)[0])


def test_a_moved_cut_takes_out_the_same_vectors_elsewhere(model, tokens):
    means, sender, receiver = mean_z(model, tokens), (0, 2), (2, 1)

    def make_keys(stream, z, mean, W_O, norm, W_K):
        note = ((z - mean) @ W_O)[:, 1:].roll(3, 1)
        return norm(stream - torch.cat([torch.zeros_like(note[:, :1]), note], 1)) @ W_K

    moved = cut_paths(model, tokens, [sender], [receiver], means, moved=3)[0]
    assert close(moved, pattern_with_keys(model, tokens, sender, receiver, means[0, 2], make_keys))
    assert not close(moved, cut_paths(model, tokens, [sender], [receiver], means)[0], 1e-3)


def test_the_loss_of_a_cut_path_is_that_of_its_keys_made_by_hand(model, tokens):
    """With one receiver in the last layer, the run goes on from its changed keys, and from nothing else."""
    means, sender, receiver = mean_z(model, tokens), (0, 2), (2, 1)
    whole = next_token_loss(model(tokens), tokens)
    torch.testing.assert_close(cut_loss(model, tokens, [], [receiver], means), whole, rtol=1e-4, atol=1e-4)
    cache, shared = cache_stream(model, tokens), key_head(model, 1)
    W_K = model.blocks[2].attn.W_K[shared].float()
    note = (cache["blocks.0.attn.hook_z"][:, :, 2] - means[0, 2]) @ model.W_O[0, 2]
    stream, norm = cache["blocks.2.hook_resid_pre"], float_norm(model, model.blocks[2].ln1)
    for moved in (0, 3):
        lost = torch.cat([torch.zeros_like(note[:, :1]), note[:, 1:].roll(moved, 1)], 1)

        def change(keys, lost=lost):
            keys = keys.clone()
            keys[:, :, shared] += ((norm(stream - lost) - norm(stream)) @ W_K)[:, 1:]
            return keys

        with torch.inference_mode(), intervene(model, {"blocks.2.attn.hook_k": change}):
            expected = next_token_loss(model(tokens), tokens)
        cut = cut_loss(model, tokens, [sender], [receiver], means, moved=moved)
        torch.testing.assert_close(cut, expected, rtol=1e-4, atol=1e-4)
        assert (cut - whole).abs().max() > 1e-4


def test_a_path_can_only_be_cut_into_keys_or_queries(model, tokens):
    with pytest.raises(ValueError, match="got 'v'"):
        cut_paths(model, tokens, [], [(1, 0)], mean_z(model, tokens), "v")


CUT = sorted(
    FAMILIES.keys()
    - {
        "Gemma2ForCausalLM",
        "Gemma3ForCausalLM",
        "Olmo2ForCausalLM",
        "GraniteForCausalLM",
        "Glm4ForCausalLM",
    }
)


@torch.no_grad()
@pytest.mark.parametrize("family", CUT)
def test_a_path_is_cut_alike_in_every_family(family, tokenizer):
    """Against the whole layer run on the stream without what the sender wrote, read at the receiver."""
    model = make(family, tokenizer)
    tokens = repeated_tokens(model, 2, N, seed=0)
    means, cache = mean_z(model, tokens), cache_stream(model, tokens)
    patterns = cut_paths(model, tokens, [(0, 2)], [(2, 1)], means)
    beyond = cache["blocks.0.attn.hook_z"][:, :, 2] - means[0, 2]
    beyond[:, 0] = 0
    changed, queries = cache["blocks.2.hook_resid_pre"] - beyond @ model.W_O[0, 2], {}
    with watch(model, ["blocks.2.attn.hook_q"], queries):
        model(tokens)
    edits = {  # only the keys are to change, so the queries are put back
        "blocks.2.hook_resid_pre": lambda x: changed,
        "blocks.2.attn.hook_q": lambda x: queries["blocks.2.attn.hook_q"],
    }
    seen = {}
    with intervene(model, edits, EVERYWHERE), watch(model, ["blocks.2.attn.hook_pattern"], seen):
        model(tokens)
    expected = seen["blocks.2.attn.hook_pattern"][:, 1]
    assert close(patterns[0], expected, 1e-3)
    assert not close(patterns[0], cache["blocks.2.attn.hook_pattern"][:, 1], 1e-3)


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ("Gemma2ForCausalLM", "Gemma2ForCausalLM has a norm behind attention"),
        ("Gemma3ForCausalLM", "Gemma3ForCausalLM has a norm behind attention"),
        ("Olmo2ForCausalLM", "Olmo2ForCausalLM: attention does not read through a norm"),
        ("Glm4ForCausalLM", "Glm4ForCausalLM has a norm behind attention"),
        ("GraniteForCausalLM", "GraniteForCausalLM: its attention is not the sum of z W_O"),
    ],
)
def test_paths_are_not_cut_through_blocks_of_another_shape(family, message, tokenizer):
    model = make(family, tokenizer)
    with pytest.raises(ValueError, match=message):
        cut_paths(model, repeated_tokens(model, 2, N, seed=0), [(0, 2)], [(2, 1)], torch.zeros(3, 4, 8))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_changes_of_a_model_in_half_precision_are_near_those_of_the_whole_one(model, dtype, tokenizer):
    half = make(str(model.cfg.architecture), tokenizer).to(dtype)
    tokens = repeated_tokens(model, 3, N, seed=0)

    def everything(model):
        means = mean_z(model, tokens)
        patterns = cut_paths(model, tokens, [(0, 2)], [(2, 1)], means)
        patched = patch_stream(model, tokens, tokens.flip(0), lambda logits: logits[:, -1, 50], [1], [3, 5])
        ablated = ablated_loss(model, tokens, [(1, 2), (0, 1)], means)
        return means, patterns, patched, ablated

    for one, other in zip(everything(half), everything(model), strict=True):
        assert one.dtype == torch.float32
        assert close(one, other, 0.05)
