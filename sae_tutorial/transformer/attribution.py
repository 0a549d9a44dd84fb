"""Direct logit attribution: a logit difference as a sum over everything that wrote to the residual stream."""

from dataclasses import dataclass

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens import ActivationCache
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.transformer.families import check_length, norm_parts, output_logits
from sae_tutorial.transformer.heads import head_outputs
from sae_tutorial.transformer.stream import cache_stream, check_sum


@dataclass(frozen=True)
class Attribution:
    """A logit difference as a sum over everything that wrote to the stream, with the final norm's scale held fixed.

    Attributes:
        embeddings: what the token (and, where there is one, position) embedding contributes.
        heads: [layers, heads].
        attention_biases: [layers], the output biases of the attention layers, which belong to no head.
        mlps: [layers].
        constant: the biases of the final norm and of the unembedding, the same for every text.
        difference: the model's own logit difference.
    """

    embeddings: float
    heads: Float[Tensor, "layers heads"]
    attention_biases: Float[Tensor, " layers"]
    mlps: Float[Tensor, " layers"]
    constant: float
    difference: float

    @property
    def total(self) -> float:
        """The sum of all parts, which should be `difference`."""
        by_layer = (part.cpu().double().sum() for part in (self.heads, self.attention_biases, self.mlps))
        return float(sum(by_layer)) + self.embeddings + self.constant


@torch.inference_mode()
def written_parts(
    model: TransformerBridge, tokens: Int[Tensor, " position"]
) -> tuple[Float[Tensor, "part d_model"], list[str]]:
    """What each part wrote to the stream after the last of `tokens`, and its name: "embed", "0_attn_out", "0_mlp_out", ...

    Where the final norm takes each vector's mean away first, as LayerNorm does, it has been taken away here, so that the
    size of the parts' sum is what the norm divides by.
    """
    check_length(model, len(tokens))
    cache = cache_stream(model, tokens[None])
    check_sum(model, cache)
    parts, names = cache.decompose_resid(return_labels=True)
    last = parts[:, 0, -1].float()
    centred = norm_parts(model, model.ln_final).centred
    return (last - last.mean(1, keepdim=True) if centred else last), names


@torch.inference_mode()
def attribute_logits(
    model: TransformerBridge, tokens: Int[Tensor, " position"], token: int, other: int
) -> Attribution:
    """Direct logit attribution: what each part adds to logit(token) − logit(other) after the last of `tokens`.

    The final norm divides by a number that depends on the whole stream. With that number as it came out, the rest
    is linear: a part p adds p·u / scale, where u is the difference of the two unembedding columns times the norm's
    gain (and centred, where the norm centres). Exact for LayerNorm and RMSNorm, weights folded or not. Where a family
    puts a norm behind its attention (Gemma 2), that one's scale is held as well. Where it caps its logits, each part is
    multiplied by what the cap left of the difference.

    Raises:
        ValueError: a family whose parts do not add up, since its blocks have another shape.
    """
    check_length(model, len(tokens))
    cache = cache_stream(model, tokens[None])
    check_sum(model, cache)
    layers = range(model.cfg.n_layers)
    norm, unembedding = norm_parts(model, model.ln_final), (model.W_U[:, token] - model.W_U[:, other]).float()
    unembedded = model.unembed(model.ln_final(cache[f"blocks.{layers[-1]}.hook_resid_post"][:, -1:]))[0, 0]
    unembedded = unembedded.cpu().double()
    logits = output_logits(model, unembedded)
    difference, uncapped = (float(x[token] - x[other]) for x in (logits, unembedded))
    kept = difference / uncapped if uncapped else 1.0
    direction = norm.read(unembedding) / cache["ln_final.hook_scale"][0, -1] * kept
    written = torch.stack([_head_outputs(model, cache, layer) for layer in layers])[:, -1]
    heads = einsum(written, direction, "layer head d_model, d_model -> layer head")

    def along(name: str) -> Float[Tensor, " layers"]:
        return torch.stack([cache[f"blocks.{layer}.{name}"][0, -1].float() for layer in layers]) @ direction

    constant = norm.bias @ unembedding + (model.b_U[token] - model.b_U[other]).float()
    return Attribution(
        embeddings=float(cache["blocks.0.hook_resid_pre"][0, -1].float() @ direction),
        heads=heads,
        attention_biases=along("hook_attn_out") - heads.sum(1),
        mlps=along("hook_mlp_out"),
        constant=float(constant) * kept,
        difference=difference,
    )


def _head_outputs(
    model: TransformerBridge, cache: ActivationCache, layer: int
) -> Float[Tensor, "position head d_model"]:
    """What each head of a layer wrote to the stream, through the norm behind attention where there is one."""
    z, attention = (cache[f"blocks.{layer}.{name}"][0] for name in ("attn.hook_z", "hook_attn_out"))
    if "ln1_post" not in model.blocks[layer].submodules:
        return head_outputs(model, layer, z, attention)
    norm, scale = model.blocks[layer].ln1_post, cache[f"blocks.{layer}.ln1_post.hook_scale"][0]
    return head_outputs(model, layer, z, attention, norm_parts(model, norm), scale)
