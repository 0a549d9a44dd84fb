"""What differs from one family of language models to another, found by trying it on the model, not by its name.

Gemma's norms multiply by 1 + weight, others have no weight, and some models squash or scale their logits. The rest of
this room asks here, and a model whose shape it does not know is refused by name instead of giving wrong numbers:

    Norm(x) = gain ⊙ (x − mean(x) where it centres) / scale(x) + bias
"""

import copy
import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.transformer.tokens import vocabulary


@dataclass(frozen=True)
class NormParts:
    """A LayerNorm or RMSNorm without its division by the scale, which leaves a linear map and a constant.

    Attributes:
        gain: what each dimension is multiplied by.
        bias: what is added at the end.
        centred: whether the mean over dimensions is subtracted first.
    """

    gain: Float[Tensor, " d_model"]
    bias: Float[Tensor, " d_model"]
    centred: bool

    def written(self, x: Float[Tensor, "*rows d_model"]) -> Float[Tensor, "*rows d_model"]:
        """What x turns into: gain ⊙ centred(x)."""
        return self.gain * self._centre(x.float())

    def read(self, u: Float[Tensor, "*directions d_model"]) -> Float[Tensor, "*directions d_model"]:
        """The direction v that u, which reads after the norm, has before it: x · v is written(x) · u."""
        return self._centre(self.gain * u.float())

    def _centre(self, x: Tensor) -> Tensor:
        return x - x.mean(-1, keepdim=True) if self.centred else x


@torch.no_grad()
def norm_parts(model: TransformerBridge, norm: Any, width: int | None = None) -> NormParts:
    """What `norm`, one of the model's (such as `model.ln_final`), multiplies by and adds, in float32.

    It is measured: a weight may be stored as its distance from 1, folded into the next matrix, or not be there at all.
    `width` is that of the stream, unless it is given.

    Raises:
        ValueError: `norm` is neither a LayerNorm nor an RMSNorm.
    """
    wrapped = float_norm(model, norm)
    d, device = width or model.cfg.d_model, model.W_U.device
    low_half = torch.arange(d, device=device) < d // 2
    probe = torch.where(low_half, 1.0, -(d // 2) / (d - d // 2))  # of mean 0, and nowhere 0
    probe = probe / probe.square().mean().sqrt()
    try:
        up, down = wrapped(1000 * probe), wrapped(-1000 * probe)  # so large that the ε of the scale is lost
    except (IndexError, NotImplementedError, RuntimeError, TypeError) as error:  # rows of another shape
        raise ValueError(
            f"{model.cfg.architecture}: its {type(wrapped).__name__} takes no single row."
        ) from error
    generator = torch.Generator("cpu").manual_seed(0)
    x = 1000 * torch.randn(4, d, generator=generator, device="cpu").to(device) + 500
    for centred in (False, True):
        parts = NormParts((up - down) / (2 * probe), (up + down) / 2, centred)
        scale = parts._centre(x).square().mean(-1, keepdim=True).sqrt()
        guess = parts.written(x) / scale + parts.bias
        if up.shape == probe.shape and torch.allclose(guess, wrapped(x), rtol=1e-3, atol=1e-4):
            return parts
    raise ValueError(
        f"{model.cfg.architecture}: its {type(wrapped).__name__} is neither a LayerNorm nor an RMSNorm, "
        "so what it does to a single direction is not known here."
    )


def float_norm(model: TransformerBridge, norm: Any) -> torch.nn.Module:
    """A float32 copy of one of the model's norms, without its hooks, which would fire inside a pass.

    Raises:
        ValueError: the family has no such norm.
    """
    if norm.original_component is None:
        raise ValueError(
            f"{model.cfg.architecture} of this shape lacks a norm ({norm.name}); that is not known here."
        )
    return copy.deepcopy(norm.original_component).float()


def check_bridge(model: Any, *, tokenizer: bool = True) -> None:
    """Refuse what is not a bridge, and one without a tokenizer for a function that reads or writes texts.

    Raises:
        TypeError: another kind of model, such as one of transformers.
        ValueError: a bridge without a tokenizer.
    """
    if not isinstance(model, TransformerBridge):
        raise TypeError(
            f"model is a {type(model).__name__}, not a TransformerBridge; wrap it: "
            "TransformerBridge.boot_transformers(name, hf_model=model, tokenizer=tokenizer)."
        )
    if tokenizer and model.tokenizer is None:
        raise ValueError("the model has no tokenizer; set model.tokenizer first.")


def check_length(model: TransformerBridge, n_positions: int) -> None:
    """Refuse more positions than the model has, BOS included.

    Raises:
        ValueError: `n_positions` is above the model's context.
    """
    check_bridge(model, tokenizer=False)
    if n_positions > model.cfg.n_ctx:
        raise ValueError(
            f"{n_positions} positions are asked for, {model.cfg.architecture} has {model.cfg.n_ctx}; cut the texts."
        )


def check_hooks(model: TransformerBridge, hook_names: Iterable[str]) -> None:
    """Refuse hooks that the model does not have.

    Raises:
        ValueError: an unknown hook, with the names that come near.
    """
    check_bridge(model, tokenizer=False)
    known = model.hook_dict
    for name in hook_names:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5)
            raise ValueError(f"the model has no hook {name!r}; near matches: {', '.join(near) or 'none'}.")


@torch.no_grad()
def check_norm_first(model: TransformerBridge) -> None:
    """Refuse blocks whose attention does not read the stream through a norm of its own, `ln1` (BERT, OLMo 2, Mamba).

    Raises:
        ValueError: another kind of block.
    """
    check_bridge(model, tokenizer=False)
    names = ["blocks.0.hook_resid_pre", "blocks.0.ln1.hook_in", "blocks.0.attn.hook_z"]
    cache = {}
    if set(names) <= set(model.hook_dict):
        tokens = torch.tensor([[0, 1]], device=model.cfg.device)
        _, cache = model.run_with_cache(tokens, return_type=None, names_filter=names, stop_at_layer=1)
    if not all(name in cache for name in names) or not torch.equal(cache[names[0]], cache[names[1]]):
        raise ValueError(
            f"{model.cfg.architecture}: attention does not read through a norm before it, which is not known here."
        )


@torch.no_grad()
def check_causal(model: TransformerBridge) -> None:
    """Refuse a model whose first block lets a token see what comes after it.

    Padding on the right would change the rows of a text, so that they depended on the texts beside it in a batch.

    Raises:
        ValueError: a model that attends in both directions, or has no blocks to try that on.
    """
    check_bridge(model, tokenizer=False)
    first_block = "blocks.0.hook_out"
    if first_block not in model.hook_dict:
        raise ValueError(
            f"{model.cfg.architecture} has no {first_block}; a decoder of causal blocks is needed."
        )
    tokens = torch.tensor([[0, 1, 2], [0, 1, 3]], device=model.cfg.device)
    _, cache = model.run_with_cache(tokens, return_type=None, names_filter=first_block, stop_at_layer=1)
    if first_block not in cache:
        raise ValueError(
            f"{model.cfg.architecture}: its blocks are of another shape, which is not known here."
        )
    one, other = cache[first_block][:, :2].float()
    if (one - other).norm() > 1e-4 * one.norm():
        raise ValueError(
            f"{model.cfg.architecture} attends in both directions, so padding would change a text's activations; "
            "use a model with causal attention."
        )


def tolerance(model: TransformerBridge) -> float:
    """Half of the digits of the model's arithmetic: a share of 0.0003 in float32, of 0.09 in bfloat16."""
    return torch.finfo(model.W_U.dtype).eps ** 0.5


def output_logits(
    model: TransformerBridge, unembedded: Float[Tensor, "*places d_vocab"]
) -> Float[Tensor, "*places d_vocab"]:
    """What the family does after the unembedding: a soft cap (Gemma), a scale (Cohere, Granite), mostly nothing."""
    return model.adapter.apply_output_logits_transform(unembedded)


@torch.no_grad()
def direct_effects(
    model: TransformerBridge, direction: Float[Tensor, "*rows d_model"]
) -> tuple[Int[Tensor, " tokens"], Float[Tensor, "*rows tokens"]]:
    """How far one unit of `direction`, written to the last stream, raises each token's logit by the direct path.

    That is the direction through the final norm's gain and the unembedding (Elhage et al. 2021, "direct path"), minus
    the mean over all tokens, which changes no probability. The norm's scale is left out, and a soft cap too; a scale of
    the logits is kept.

    Returns:
        The ids of the tokenizer's tokens, and the effect on each, in float32 on the CPU. A vocabulary padded beyond
        the tokenizer has more logits than tokens; those are left out.

    Raises:
        ValueError: a family whose final norm is not known.
    """
    check_bridge(model)
    if not hasattr(model, "ln_final"):
        raise ValueError(f"{model.cfg.architecture} has no final norm, which is not known here.")
    written = norm_parts(model, model.ln_final).written(direction.to(model.W_U.device))
    tiny = torch.full((1,), 1e-6, dtype=torch.float64, device="cpu")
    slope = float(output_logits(model, tiny) / tiny)  # of a soft cap it is 1 where logits are small
    effects = (written.to(model.W_U) @ model.W_U).float().cpu() * slope
    token_ids = vocabulary(model.tokenizer, effects.shape[-1])
    effects = effects[..., token_ids]
    return token_ids, effects - effects.mean(-1, keepdim=True)
