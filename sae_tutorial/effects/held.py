"""A model with attention, norms or MLPs held where one prompt put them, so that an edit moves only what is let go.

With all three held an edit changes a latent by just its edge (`graphs.py`). Letting go of one after the other shows
which of them answers to the edit, and so what a drawn edge leaves out.
"""

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.effects.graphs import Node
from sae_tutorial.effects.transcoders import Coders, edited_mlps, mlp_hooks
from sae_tutorial.transformer.edits import EVERYWHERE, Replace, at_least_float32, intervene

Part = Literal["attention", "norms", "MLPs"]


@contextmanager
def hold(
    model: TransformerBridge, tokens: Int[Tensor, " position"], coders: Coders, parts: Collection[Part]
) -> Iterator[None]:
    """A context in which these parts do in every row of a batch what they did in the prompt, whatever they now read.

    Args:
        model: see `frozen.freeze`.
        tokens: the prompt, BOS included; the batches in the context have its length.
        coders: transcoders by layer. The skip of one is linear, so it stays alive when its MLP is held.
        parts: "attention" holds where each head looked; "norms" what each norm divided by; "MLPs" what each wrote.
            An inner context (`transcoders.edited_mlps`) edits what is held.

    Raises:
        RuntimeError: during a pass, a batch of another length than the prompt.
        KeyError: a family whose blocks lack one of these hooks (`frozen.freeze` says which).
    """
    layers = range(model.cfg.n_layers)
    names = {
        "attention": [f"blocks.{layer}.attn.hook_pattern" for layer in layers],
        "norms": [f"blocks.{layer}.{norm}.hook_scale" for layer in layers for norm in ("ln1", "ln2")]
        + ["ln_final.hook_scale"],
        "MLPs": [mlp_hooks(layer)[1] for layer in layers],
    }
    reads = [mlp_hooks(layer)[0] for layer, coder in coders.items() if coder.config.skip]
    with torch.no_grad():
        _, cache = model.run_with_cache(tokens[None], names_filter=[*sum(names.values(), []), *reads])
    before = {name: at_least_float32(value) for name, value in cache.items()}
    edits: dict[str, Replace] = {
        name: partial(_as_before, before[name]) for part in parts for name in names[part]
    }
    if "MLPs" in parts:
        for layer, coder in coders.items():
            if coder.config.skip:
                edits |= _with_skip(before, layer, coder.W_skip)
    with warnings.catch_warnings(), intervene(model, edits, EVERYWHERE):
        warnings.filterwarnings("ignore", message="A forward hook edited hook_scale")
        yield


@torch.no_grad()
def falls(
    model: TransformerBridge,
    tokens: Int[Tensor, " position"],
    coders: Coders,
    sources: Sequence[Node],
    target: Node,
    held: Collection[Part],
) -> Float[np.ndarray, " sources"]:
    """By how much a latent's pre-activation falls when each source is taken out of the prompt, with these parts held.

    Args:
        model: see `hold`.
        tokens: the prompt, BOS included.
        coders: transcoders by layer.
        sources: latents of one layer, none at the BOS.
        target: a latent of a later layer.
        held: see `hold`. With all three the fall is the edge (`graphs.py`).
    """
    copies, reads = torch.arange(len(sources)), mlp_hooks(target.layer)[0]
    places, latents = torch.tensor([(node.position - 1, node.index) for node in sources]).T

    def without_one(f: Tensor) -> Tensor:  # the last copy stays as it is
        f = f.clone()
        f[copies, places, latents] = 0.0
        return f

    edit = edited_mlps(model, coders, {sources[0].layer: without_one})
    with hold(model, tokens, coders, held), edit:
        _, cache = model.run_with_cache(tokens.repeat(len(sources) + 1, 1), names_filter=[reads])
    rows = at_least_float32(cache[reads][:, target.position])
    value = coders[target.layer].pre_activations(rows)[:, target.index]
    return (value[-1] - value[:-1]).cpu().numpy()


def _as_before(before: Tensor, now: Tensor) -> Tensor:
    return before.expand_as(now)


def _with_skip(before: Mapping[str, Tensor], layer: int, W_skip: Tensor) -> dict[str, Replace]:
    """An MLP held but for what its transcoder's skip makes of the change in what it reads."""
    (read, write), seen = mlp_hooks(layer), {}

    def keep(x: Tensor) -> Tensor:
        seen[read] = x
        return x

    return {read: keep, write: lambda y: before[write] + (seen[read] - before[read]) @ W_skip}
