"""An edit changes what it names, where it is asked to, in float32 and in half precision, and nothing else."""

import pytest
import torch
from tiny_families import FAMILIES, close, make

from sae_tutorial.transformer.edits import EVERYWHERE, intervene, watch

HOOK, LATER = "blocks.1.hook_mlp_out", "blocks.2.attn.hook_z"
TOKENS = torch.tensor([[0, 5, 9, 77, 30, 41], [0, 8, 7, 6, 5, 4]])


@pytest.fixture(scope="module", params=[torch.float32, torch.bfloat16, torch.float16, torch.float64])
def model(request, tokenizer):
    return make("LlamaForCausalLM", tokenizer).to(request.param)


def run(model, *names):
    seen = {}
    with torch.no_grad(), watch(model, names, seen):
        logits = model(TOKENS)
    return logits, seen


def test_an_edit_that_changes_nothing_changes_no_bit(model):
    before, activations = run(model, HOOK, LATER)
    with intervene(model, {HOOK: lambda x: x, LATER: lambda z: z.clone()}):
        after, same = run(model, HOOK, LATER)
    assert torch.equal(before, after)
    assert all(torch.equal(same[name], activations[name]) for name in (HOOK, LATER))


def test_functions_get_at_least_float32_and_the_model_its_own_type(model):
    seen = []

    def look(x):
        seen.append((x.dtype, x.shape))
        return x + 1

    with intervene(model, {HOOK: look, LATER: look}):
        logits, _ = run(model)
    wide = torch.float64 if logits.dtype == torch.float64 else torch.float32
    assert seen == [(wide, (2, 5, 32)), (wide, (2, 5, 4, 8))]


@pytest.mark.parametrize(
    ("positions", "changed"),
    [
        (None, [1, 2, 3, 4, 5]),
        (EVERYWHERE, [0, 1, 2, 3, 4, 5]),
        ([2, 4], [2, 4]),
        ([-1], [5]),
        (slice(0, 2), [0, 1]),
    ],
)
def test_only_the_positions_asked_for_change(model, positions, changed):
    _, before = run(model, HOOK)
    with intervene(model, {HOOK: torch.zeros_like}, *([] if positions is None else [positions])):
        _, after = run(model, HOOK)
    rest = [p for p in range(6) if p not in changed]
    assert not after[HOOK][:, changed].any()
    assert torch.equal(after[HOOK][:, rest], before[HOOK][:, rest])


def test_an_edit_is_that_of_a_hook_written_by_hand(model):
    def double(x, hook):
        return torch.cat([x[:, :1], 2 * x[:, 1:]], dim=1)

    with torch.no_grad():
        expected = model.run_with_hooks(TOKENS, fwd_hooks=[(HOOK, double)])
    with intervene(model, {HOOK: lambda x: 2 * x}):
        assert torch.equal(run(model)[0], expected)
    assert not close(run(model)[0], expected, 1e-2)


def test_an_inner_context_sees_what_the_outer_one_made(model):
    with intervene(model, {HOOK: torch.zeros_like}), intervene(model, {HOOK: lambda x: x + 3}):
        _, seen = run(model, HOOK)
    assert (seen[HOOK][:, 1:] == 3).all()


def test_the_model_is_itself_again_even_after_an_error(model):
    before, _ = run(model)

    def fail(x):
        raise RuntimeError("by design")

    with pytest.raises(RuntimeError, match="by design"), intervene(model, {HOOK: fail}):
        run(model)
    assert torch.equal(run(model)[0], before)


def test_an_edit_that_gives_another_shape_is_refused(model):
    with (
        intervene(model, {HOOK: lambda x: x.flatten(0, 1)}),
        pytest.raises(ValueError, match=r"blocks.1.hook_mlp_out turned shape \(2, 5, 32\) into \(10, 32\)"),
    ):
        run(model)


def test_a_pass_over_one_position_is_changed_there(model):
    with torch.no_grad(), intervene(model, {HOOK: lambda x: x + 1}):
        seen = {}
        with watch(model, [HOOK], seen):
            model(TOKENS[:, :1])
        changed = seen[HOOK]
    with torch.no_grad(), watch(model, [HOOK], seen):
        model(TOKENS[:, :1])
    torch.testing.assert_close(changed, seen[HOOK] + 1, rtol=1e-2, atol=1e-2)


def test_gradients_flow_through_an_edit(tokenizer):
    model = make("GPT2LMHeadModel", tokenizer)
    push = torch.zeros(32, requires_grad=True)
    with intervene(model, {HOOK: lambda x: x + push}):
        model(TOKENS)[:, -1, 50].sum().backward()
    assert push.grad.norm() > 0.1


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "OPTForCausalLM/post-norm"])
def test_every_family_is_edited_alike(family, tokenizer):
    """Zeros for what the last block writes leave the stream that it read."""
    model = make(family, tokenizer)
    off = {f"blocks.2.hook_{part}_out": torch.zeros_like for part in ("attn", "mlp")}
    with intervene(model, off, EVERYWHERE):
        _, seen = run(model, "blocks.2.hook_resid_pre", "blocks.2.hook_resid_post", *off)
    assert not any(seen[name].any() for name in off)
    if family != "BloomForCausalLM/residual-of-the-norm":
        torch.testing.assert_close(seen["blocks.2.hook_resid_post"], seen["blocks.2.hook_resid_pre"])
