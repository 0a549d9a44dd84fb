"""Attention heads: where they look, which of them look for a pattern, and whose output enters whose keys."""

from collections.abc import Sequence

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens import ActivationCache
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.transformer.families import (
    NormParts,
    check_bridge,
    check_length,
    check_norm_first,
    norm_parts,
    tolerance,
)
from sae_tutorial.transformer.tokens import vocabulary

Head = tuple[int, int]  # layer, head


def head_name(head: Head) -> str:
    """A head as the course writes it: layer.number."""
    return f"{head[0]}.{head[1]}"


def repeated_tokens(
    model: TransformerBridge, n: int, length: int, seed: int, *, repeat: bool = True
) -> Int[Tensor, "n position"]:
    """BOS, `length` random tokens, and the same again; without `repeat`, other ones instead of the same.

    No token occurs twice in a half, so each has exactly one earlier place. Special tokens are not drawn, nor ids of a
    padded vocabulary that are no token.

    Returns:
        [n, 1 + 2·length], on the model's device.

    Raises:
        ValueError: more positions than the model has, or more tokens than its vocabulary.
    """
    check_bridge(model)
    check_length(model, 1 + 2 * length)
    generator = torch.Generator("cpu").manual_seed(seed)
    ordinary = vocabulary(model.tokenizer, model.cfg.d_vocab, special=False)
    if len(ordinary) < 2 * length:
        raise ValueError(
            f"length is {length}, and the vocabulary has no {2 * length} tokens to draw; shorten it."
        )
    orders = [torch.randperm(len(ordinary), generator=generator, device="cpu") for _ in range(n)]
    halves = ordinary[torch.stack(orders)[:, : 2 * length]]
    if repeat:
        halves = torch.cat([halves[:, :length]] * 2, dim=1)
    bos = torch.full((n, 1), model.tokenizer.bos_token_id, device="cpu")
    return torch.cat([bos, halves], dim=1).to(model.cfg.device)


def attention_patterns(
    cache: ActivationCache, n_layers: int
) -> Float[Tensor, "layers batch heads query key"]:
    """The attention patterns of all layers in one tensor."""
    return torch.stack([cache[f"blocks.{layer}.attn.hook_pattern"] for layer in range(n_layers)])


def attention_to_offset(
    patterns: Float[Tensor, "*kinds query key"], offset: int, first_query: int
) -> Float[Tensor, "*kinds"]:
    """Mean attention from each query, `first_query` and later, to the key `offset` places before it.

    Offset 1 scores previous-token heads.
    """
    diagonal = patterns.diagonal(-offset, dim1=-2, dim2=-1)
    return diagonal[..., first_query - offset :].mean(-1)


def induction_scores(patterns: Float[Tensor, "*kinds query key"]) -> Float[Tensor, "*kinds"]:
    """Mean attention, on `repeated_tokens`, from the second half to the token that followed the same token last time.

    Heads that score high are induction heads (Olsson et al. 2022, "In-context learning and induction heads").
    """
    length = (patterns.shape[-1] - 1) // 2
    return attention_to_offset(patterns, length - 1, length + 1)


def strongest_heads(scores: Float[Tensor, "layers heads"], n: int) -> list[Head]:
    """The n heads with the highest scores, highest first."""
    order = scores.flatten().argsort(descending=True, stable=True)[:n].tolist()
    return [divmod(place, scores.shape[1]) for place in order]


def random_heads(heads: Sequence[Head], n_heads: int, seed: int) -> list[Head]:
    """The control for `heads`: as many others, drawn from the same layers.

    Raises:
        ValueError: a layer of `n_heads` has fewer others than `heads` takes from it.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    drawn = []
    for layer in sorted({layer for layer, _ in heads}):
        others = [(layer, head) for head in range(n_heads) if (layer, head) not in heads]
        wanted = sum(other == layer for other, _ in heads)
        if wanted > len(others):
            raise ValueError(
                f"layer {layer} has {len(others)} other heads, {wanted} are needed for a control."
            )
        order = torch.randperm(len(others), generator=generator, device="cpu")
        drawn += [others[i] for i in order[:wanted].tolist()]
    return drawn


def shuffled_heads(heads: Sequence[Head], n_heads: int, seed: int) -> list[Head]:
    """As many heads of the same layers, any of them: the control for a circuit that holds most heads of a layer.

    In each of its layers the `n_heads` heads change places at random, so some of `heads` may stay among the drawn.
    """
    generator, orders = torch.Generator("cpu").manual_seed(seed), {}
    for layer in sorted({layer for layer, _ in heads}):
        orders[layer] = torch.randperm(n_heads, generator=generator, device="cpu").tolist()
    return [(layer, orders[layer][head]) for layer, head in heads]


def head_outputs(
    model: TransformerBridge,
    layer: int,
    z: Float[Tensor, "*places head d_head"],
    attention: Float[Tensor, "*places d_model"],
    behind: NormParts | None = None,
    scale: Float[Tensor, "*places 1"] | None = None,
) -> Float[Tensor, "*places head d_model"]:
    """What each head of a layer wrote to the stream, in float32: z W_O.

    Args:
        model: the model.
        layer: the layer.
        z: what its heads put out before W_O.
        attention: what attention wrote, `hook_attn_out`. What no head of it wrote is a bias, equal at all places.
        behind: a norm behind attention, which the heads write through.
        scale: what that norm divided by.

    Raises:
        ValueError: what the heads write and a bias do not add up to `attention`, as in families that scale it.
    """
    W_O = model.blocks[layer].attn.W_O.float()
    written = einsum(z.float(), W_O, "... head d_head, head d_head d_model -> ... head d_model")
    attention, scales = attention.float(), 1.0 if scale is None else scale
    if behind is not None:
        written = behind.written(written) / scale[..., None]
    bias = ((attention - written.sum(-2)) * scales).flatten(0, -2)
    if (bias - bias[:1]).norm() > tolerance(model) * (attention * scales).norm():
        raise ValueError(
            f"{model.cfg.architecture}: its attention is not the sum of z W_O over heads and a bias."
        )
    return written


@torch.no_grad()
def k_composition(model: TransformerBridge, head: Head) -> Float[Tensor, "layers heads"]:
    """How much each earlier head's output enters the keys of `head`, by the weights alone.

    ‖W_OV W_QKᵀ‖ / (‖W_OV‖ ‖W_QK‖) in Frobenius norms, with W_OV = W_V W_O of the earlier head and W_QK =
    W_Q W_Kᵀ of `head` (Elhage et al. 2021, "Attention-only two-layer transformers"). Every norm on the way is folded
    in, as gain and centring: the one that W_Q, W_K and the earlier head's W_V read through, one behind attention
    (Gemma 2), those of queries and keys (Qwen 3). What their scales do, which depends on the text, and rotary
    positions are left out. Zero for heads of the same and of later layers.

    Raises:
        ValueError: a family whose norms sit elsewhere.
    """
    check_norm_first(model)
    layer, index = head
    query, key = _reading(model, layer, "Q")[index], _reading(model, layer, "K")[key_head(model, index)]
    scores = torch.zeros(model.cfg.n_layers, model.cfg.n_heads, device=query.device)
    queries, one = query.T @ query, torch.eye(model.cfg.d_model, device=key.device)
    receiver = _norm_between(key.T @ key, torch.eye(len(key.T), device=key.device), queries)
    for earlier in range(layer):
        block = model.blocks[earlier]
        W_V, W_O = _reading(model, earlier, "V"), block.attn.W_O.float()
        if "ln1_post" in block.submodules:
            W_O = norm_parts(model, block.ln1_post).written(W_O)
        # ‖V (O K) Qᵀ‖² = tr((O K)ᵀ (VᵀV) (O K) (QᵀQ)): matrices of d_head × d_head instead of d_model × d_model.
        values = (W_V.transpose(-1, -2) @ W_V).repeat_interleave(model.cfg.n_heads // len(W_V), dim=0)
        sender = _norm_between(values, W_O, one)
        scores[earlier] = _norm_between(values, W_O @ key, queries) / (sender * receiver)
    return scores


def _reading(model: TransformerBridge, layer: int, which: str) -> Float[Tensor, "heads d_model d_head"]:
    """W_Q, W_K or W_V of a layer's heads, with the norms before and behind it folded in."""
    attention = model.blocks[layer].attn
    weight = getattr(attention, f"W_{which}").float()
    norm = norm_parts(model, model.blocks[layer].ln1)
    weight = norm.read(weight.transpose(-1, -2)).transpose(-1, -2)
    behind = f"{which.lower()}_norm"
    if behind in attention.submodules and getattr(attention, behind).original_component is not None:
        weight = norm_parts(model, getattr(attention, behind), width=weight.shape[-1]).written(weight)
    return weight


def _norm_between(
    left: Float[Tensor, "*kinds a a"], middle: Float[Tensor, "*kinds a b"], right: Float[Tensor, "b b"]
) -> Float[Tensor, "*kinds"]:
    """‖L M Rᵀ‖ from the Gram matrices LᵀL and RᵀR."""
    return einsum(middle, left @ middle @ right, "... a b, ... a b -> ...").clamp(min=0).sqrt()


def key_head(model: TransformerBridge, head: int) -> int:
    """The key head that a query head uses; several share one where keys are grouped."""
    return head // (model.cfg.n_heads // len(model.blocks[0].attn.W_K))
