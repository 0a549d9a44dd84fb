"""Transcoders in the model: in the place of an MLP, and with single latents changed.

An autoencoder says what is there in one place; a transcoder what a layer makes of it. It reads x, what the MLP reads, and
writes y, what the MLP writes, through latents of which few are on (Dunefsky et al. 2024, "Transcoders find interpretable
LLM feature circuits").
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.effects.loss import Effects, replacement_effects
from sae_tutorial.effects.steering import Edit
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.metrics import Reconstruct
from sae_tutorial.transformer.edits import Replace, intervene, watch
from sae_tutorial.transformer.families import norm_parts

Coders = Mapping[int, SparseAutoencoder]  # a transcoder by layer


def mlp_hooks(layer: int) -> tuple[str, str]:
    """What the MLP of a layer reads (the stream behind its norm), and what it writes: a transcoder's x and y."""
    return f"blocks.{layer}.mlp.hook_in", f"blocks.{layer}.hook_mlp_out"


@torch.no_grad()
def virtual_weights(
    model: TransformerBridge, coders: Coders, early: int, late: int
) -> Float[np.ndarray, "late early"]:
    """How one unit of each latent of an early layer pushes each latent of a late one by the direct path, in any text.

    The dot product of what one writes with what the other reads, through the gain of the norm between; the norm's scale,
    which depends on the text, is left out.
    """
    reads = norm_parts(model, model.blocks[late].ln2).read(coders[late].W_enc.T)
    return (reads @ coders[early].W_dec.T).cpu().numpy()


def edited_mlps(
    model: TransformerBridge, coders: Coders, edits: Mapping[int, Edit]
) -> AbstractContextManager:
    """A context in which latents of transcoders are changed in the model itself: its attention and norms go along.

    The MLP stays, and what changes is added to what it writes, at all positions but the BOS: y -> y + (edit(f) − f) W_dec,
    with f as the transcoder reads it in the pass that goes on.

    Args:
        model: the model.
        coders: a transcoder for each layer of `edits`, and perhaps for others.
        edits: by layer, a function from f [batch, position, d_sae] to its replacement.
    """
    seen: dict[int, Tensor] = {}

    def read(x: Tensor, layer: int) -> Tensor:
        seen[layer] = coders[layer].encode(x)
        return x

    def write(y: Tensor, layer: int) -> Tensor:
        return y + (edits[layer](seen[layer]) - seen[layer]) @ coders[layer].W_dec

    hooks: dict[str, Callable] = {}
    for layer in edits:
        hooks |= zip(mlp_hooks(layer), (partial(read, layer=layer), partial(write, layer=layer)), strict=True)
    return intervene(model, hooks)


def mlp_effects(
    model: TransformerBridge,
    texts: Sequence[str],
    layer: int,
    from_input: Mapping[str, Reconstruct],
    from_output: Mapping[str, Replace],
) -> Effects:
    """What the model loses when an MLP gives way to something else, by name.

    Args:
        model: the model.
        texts: documents that nothing was trained on.
        layer: whose MLP.
        from_input: functions of what the MLP reads, such as a transcoder: in the MLP's place.
        from_output: functions of what the MLP wrote, such as an SAE of it: behind the MLP.
    """
    read, write = mlp_hooks(layer)
    seen: dict[str, Tensor] = {}

    def instead(function: Reconstruct) -> Replace:
        return lambda y: function(seen[read][:, 1:])

    replacements = {name: instead(function) for name, function in from_input.items()} | dict(from_output)
    with watch(model, [read], seen):
        return replacement_effects(model, texts, write, replacements)
