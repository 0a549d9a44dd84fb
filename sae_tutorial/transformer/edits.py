"""The one way to change a forward pass: which hook, how, and at which positions.

Ablating, patching, cutting a path, replacing by a reconstruction, clamping a latent and steering are all this, and
differ in the function of the activation alone. It is handed float32 whatever the model computes in, and what it gives
goes back in the model's own type, so that a function that changes nothing changes no bit.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.transformer.families import check_hooks

Replace = Callable[[Float[Tensor, "batch position *width"]], Float[Tensor, "batch position *width"]]
Positions = slice | Sequence[int]
AFTER_BOS, EVERYWHERE = slice(1, None), slice(None)


def intervene(
    model: TransformerBridge, edits: Mapping[str, Replace], positions: Positions = AFTER_BOS
) -> AbstractContextManager:
    """A context in which what passes each hook of `edits` is replaced by what its function makes of it.

    Contexts may be nested: an inner one sees what the outer one made. The model is set back on leaving.

    Args:
        model: the model.
        edits: for each hook name, a function from the activation [batch, position, ...] at `positions` to its
            replacement of the same shape.
        positions: all but the BOS, unless they are given. A pass over a single position goes on with a cached text
            (`sample_text`), so there that position is replaced.

    Raises:
        TypeError: the model is not a bridge.
        ValueError: an unknown hook; during the pass, a function that gives another shape.
    """
    check_hooks(model, edits)
    return model.hooks(
        fwd_hooks=[
            (name, partial(_put, name=name, replace=replace, positions=positions))
            for name, replace in edits.items()
        ]
    )


def watch(model: TransformerBridge, names: Iterable[str], seen: dict[str, Tensor]) -> AbstractContextManager:
    """A context in which what passes the hooks `names` is kept in `seen`, in float32, and nothing is changed."""

    def keep(activation: Tensor, name: str) -> Tensor:
        seen[name] = activation
        return activation

    return intervene(model, {name: partial(keep, name=name) for name in names}, EVERYWHERE)


def at_least_float32(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """In float32, or as it is if it is finer: half precision is for a model's own arithmetic, not for ours."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def _put(activation: Tensor, hook: object, name: str, replace: Replace, positions: Positions) -> Tensor:
    # `name` because hook.name may be another name of the same place; TransformerLens requires the parameter `hook`.
    if activation.shape[1] == 1 and positions == AFTER_BOS:
        positions = EVERYWHERE
    rows = at_least_float32(activation[:, positions])
    replaced = replace(rows)
    if replaced.shape != rows.shape:
        raise ValueError(
            f"the edit of {name} turned shape {tuple(rows.shape)} into {tuple(replaced.shape)}; keep the shape."
        )
    edited = activation.clone()
    edited[:, positions] = replaced.to(edited.dtype)
    return edited
