"""What breaks when a part of the model is changed: heads ablated, streams patched, paths cut.

Reading a part shows what it holds. Only changing it, and looking at what the model then says, can show that it matters.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial

import torch
from einops import einsum, rearrange, reduce
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.transformer.edits import at_least_float32, intervene, watch
from sae_tutorial.transformer.families import check_length, check_norm_first, float_norm
from sae_tutorial.transformer.heads import Head, head_outputs, key_head
from sae_tutorial.transformer.stream import cache_stream, next_token_loss


@torch.inference_mode()
def mean_z(
    model: TransformerBridge, tokens: Int[Tensor, "batch position"]
) -> Float[Tensor, "layers heads d_head"]:
    """Each head's mean output (before W_O) over all positions of the reference set `tokens` but the BOS.

    What an ablated head puts out instead. Zero would be another choice; but a head that always adds the same vector
    acts as a bias that later layers rely on, and removing that bias breaks more than what the head computes.
    """
    check_length(model, tokens.shape[1])
    names, seen = [f"blocks.{layer}.attn.hook_z" for layer in range(model.cfg.n_layers)], {}
    with watch(model, names, seen):
        model(tokens, return_type=None, stop_at_layer=len(names))
    z = torch.stack([seen[name] for name in names])
    return reduce(z[:, :, 1:], "layer batch position head d_head -> layer head d_head", "mean")


@torch.inference_mode()
def ablated_loss(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch position"],
    heads: Sequence[Head],
    means: Float[Tensor, "layers heads d_head"],
) -> Float[Tensor, "batch predicted"]:
    """`next_token_loss` with every one of `heads` putting out its mean at all positions but the BOS."""
    check_length(model, tokens.shape[1])
    with mean_ablation(model, heads, means):
        return next_token_loss(model(tokens), tokens)


def mean_ablation(
    model: TransformerBridge, heads: Sequence[Head], means: Float[Tensor, "layers heads d_head"]
) -> AbstractContextManager:
    """A context in which `heads` put out their means. Sets the model back on leaving."""

    def ablate(z: Tensor, layer: int) -> Tensor:
        z, indices = z.clone(), [head for other, head in heads if other == layer]
        z[:, :, indices] = means[layer, indices].to(z)
        return z

    layers = {layer for layer, _ in heads}
    return intervene(model, {f"blocks.{layer}.attn.hook_z": partial(ablate, layer=layer) for layer in layers})


@torch.inference_mode()
def misplaced_loss(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch position"],
    heads: Sequence[Head],
    means: Float[Tensor, "layers heads d_head"],
    moved: int,
) -> Float[Tensor, "batch predicted"]:
    """`next_token_loss` with what `heads` put out beyond their means subtracted `moved` positions too late.

    The control of `ablated_loss`: vectors of the same size go missing, in the wrong place. What stood at the last
    positions is subtracted at the first ones after the BOS.

    Raises:
        ValueError: more tokens than the model has positions for.
    """
    check_length(model, tokens.shape[1])

    def misplace(z: Tensor, layer: int) -> Tensor:
        z, indices = z.clone(), [head for other, head in heads if other == layer]
        z[:, :, indices] -= (z[:, :, indices] - means[layer, indices].to(z)).roll(moved, 1)
        return z

    layers = {layer for layer, _ in heads}
    with intervene(
        model, {f"blocks.{layer}.attn.hook_z": partial(misplace, layer=layer) for layer in layers}
    ):
        return next_token_loss(model(tokens), tokens)


@torch.inference_mode()
def patch_stream(
    model: TransformerBridge,
    clean: Int[Tensor, "batch position"],
    corrupted: Int[Tensor, "batch position"],
    metric: Callable[[Float[Tensor, "batch position d_vocab"]], Float[Tensor, " batch"]],
    layers: Sequence[int],
    positions: Sequence[int],
) -> Float[Tensor, "layers positions batch"]:
    """Activation patching: run `corrupted` with the stream before one block, at one position, taken from `clean`.

    Returns:
        The metric of each patched run. 0 and 1 of a recovery scale are the metric of `corrupted` and of `clean`.
    """
    cache, patched = cache_stream(model, clean), []
    for layer in layers:
        name = f"blocks.{layer}.hook_resid_pre"
        for position in positions:
            donor = at_least_float32(cache[name][:, [position]])
            with intervene(model, {name: lambda _, donor=donor: donor}, [position]):
                patched.append(metric(at_least_float32(model(corrupted))))
    runs = torch.stack(patched)
    return rearrange(runs, "(layer position) batch -> layer position batch", layer=len(layers))


@torch.inference_mode()
def pattern_with_keys(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch position"],
    sender: Head,
    receiver: Head,
    mean: Float[Tensor, " d_head"],
    make_keys: Callable[..., Float[Tensor, "batch position d_head"]],
) -> Float[Tensor, "batch query key"]:
    """Where `receiver` looks when `make_keys(stream, z, mean, W_O, norm, W_K)` makes its keys; the BOS keeps its own.

    `stream` [batch, position, d_model] is what the receiver's block reads, `z` [batch, position, d_head] what the
    sender, of an earlier layer, put out before its W_O. The keys' bias stays, where there is one, and so do queries and
    values. Heads that share the receiver's keys read the new ones, too.
    """
    check_length(model, tokens.shape[1])
    (layer, head), (earlier, index), seen = receiver, sender, {}
    stream_at, z_at = f"blocks.{layer}.hook_resid_pre", f"blocks.{earlier}.attn.hook_z"
    pattern_at, shared = f"blocks.{layer}.attn.hook_pattern", key_head(model, head)
    norm = float_norm(model, model.blocks[layer].ln1)
    W_K, W_O = model.blocks[layer].attn.W_K[shared].float(), model.blocks[earlier].attn.W_O[index].float()

    def replace(keys: Tensor) -> Tensor:
        stream, z, keys = seen[stream_at], seen[z_at][:, :, index], keys.clone()
        new = make_keys(stream.clone(), z.clone(), mean, W_O, norm, W_K)
        keys[:, :, shared] += (new - norm(stream) @ W_K)[:, 1:].to(keys)
        return keys

    edits = {f"blocks.{layer}.attn.hook_k": replace}
    with watch(model, [stream_at, z_at, pattern_at], seen), intervene(model, edits):
        model(tokens, return_type=None, stop_at_layer=layer + 1)
    return seen[pattern_at][:, head]


@torch.inference_mode()
def cut_paths(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch position"],
    senders: Sequence[Head],
    receivers: Sequence[Head],
    means: Float[Tensor, "layers heads d_head"],
    into: str = "k",
    *,
    moved: int = 0,
) -> Float[Tensor, "receivers batch query key"]:
    """Path patching: in the keys (or queries) of `receivers` alone, `senders` put out their means.

    Everything else still reads the senders as they are, and what reaches a receiver by way of a third part stays. The
    receivers' layers put out what they do in the real run, so no receiver reads what another one did with its cut keys.
    The stream that a receiver's keys are made from loses (z − mean) W_O of every sender in an earlier layer, and is
    normalised anew (Wang et al. 2022, "Interpretability in the wild", section 3.1). Where query heads share their
    keys in groups, a receiver's whole group reads the changed keys.

    `moved` is for a control of the same size: it takes what a sender wrote at one position out of the stream that many
    positions further on.

    Returns:
        The receivers' attention patterns.

    Raises:
        ValueError: `into` is neither "k" nor "q"; a family whose blocks have another shape.
    """
    seen: dict[str, Tensor] = {}
    edits = _cuts(model, tokens, senders, receivers, means, into, moved, seen)
    cut_layers = {layer for layer, _ in receivers}
    kept = [*_read_by_cuts(senders, cut_layers), *(f"blocks.{layer}.attn.hook_z" for layer in cut_layers)]
    end, patterns = max(cut_layers) + 1, {}
    with watch(model, kept, seen):
        model(tokens, return_type=None, stop_at_layer=end)
    for name in (f"blocks.{layer}.attn.hook_z" for layer in cut_layers):
        edits[name] = lambda _, name=name: seen[name][:, 1:]
    pattern_at = [f"blocks.{layer}.attn.hook_pattern" for layer in cut_layers]
    with watch(model, pattern_at, patterns), intervene(model, edits):
        model(tokens, return_type=None, stop_at_layer=end)
    return torch.stack([patterns[f"blocks.{layer}.attn.hook_pattern"][:, head] for layer, head in receivers])


@torch.inference_mode()
def cut_loss(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch position"],
    senders: Sequence[Head],
    receivers: Sequence[Head],
    means: Float[Tensor, "layers heads d_head"],
    into: str = "k",
    *,
    moved: int = 0,
) -> Float[Tensor, "batch predicted"]:
    """`next_token_loss` with the paths of `cut_paths` cut, and everything behind them running on.

    Here a receiver does read what an earlier one did with its cut keys: what counts is what the cuts cost together.
    """
    seen: dict[str, Tensor] = {}
    edits = _cuts(model, tokens, senders, receivers, means, into, moved, seen)
    with (
        watch(model, _read_by_cuts(senders, {layer for layer, _ in receivers}), seen),
        intervene(model, edits),
    ):
        return next_token_loss(model(tokens), tokens)


def _read_by_cuts(senders: Sequence[Head], cut_layers: set[int]) -> list[str]:
    """The hooks whose values the edits of `_cuts` read."""
    names = [f"blocks.{n}.{name}" for n, _ in senders for name in ("attn.hook_z", "hook_attn_out")]
    return [*names, *(f"blocks.{layer}.hook_resid_pre" for layer in cut_layers)]


def _cuts(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch position"],
    senders: Sequence[Head],
    receivers: Sequence[Head],
    means: Float[Tensor, "layers heads d_head"],
    into: str,
    moved: int,
    seen: dict[str, Tensor],
) -> dict[str, Callable[[Tensor], Tensor]]:
    """For each receiver's layer the edit of its keys (or queries), which reads what is in `seen` when it runs."""
    if into not in ("k", "q"):
        raise ValueError(f"into must be 'k' or 'q', got {into!r}.")
    check_length(model, tokens.shape[1])
    check_norm_first(model)
    if "ln1_post" in model.blocks[0].submodules:
        raise ValueError(
            f"{model.cfg.architecture} has a norm behind attention, through which paths are not cut here."
        )

    def beyond_mean(layer: int) -> Float[Tensor, "batch position d_model"]:
        """What the senders of a layer wrote beyond their mean."""
        z, attention = (seen[f"blocks.{layer}.{name}"][:, 1:] for name in ("attn.hook_z", "hook_attn_out"))
        indices = [head for other, head in senders if other == layer]
        means_written = einsum(means[layer], model.blocks[layer].attn.W_O.to(means), "h d, h d m -> h m")
        beyond = head_outputs(model, layer, z, attention) - means_written
        return beyond[:, :, indices].sum(2).roll(moved, 1)

    def cut(projected: Tensor, layer: int) -> Tensor:
        norm = float_norm(model, model.blocks[layer].ln1)
        stream = seen[f"blocks.{layer}.hook_resid_pre"][:, 1:]
        earlier = {other for other, _ in senders if other < layer}
        change = norm(stream - sum(beyond_mean(other) for other in earlier)) - norm(stream)
        W = getattr(model.blocks[layer].attn, f"W_{into.upper()}")
        own = {head for other, head in receivers if other == layer}
        projected = projected.clone()
        for head in own if into == "q" else {key_head(model, head) for head in own}:
            projected[:, :, head] += change @ W[head].to(change)
        return projected

    layers = {layer for layer, _ in receivers}
    return {f"blocks.{layer}.attn.hook_{into}": partial(cut, layer=layer) for layer in layers}
