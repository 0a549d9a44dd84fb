"""A model made linear at one prompt: attention patterns and norm denominators are held, some MLPs are transcoders.

    stream  ->  stream + Σ over heads  A (gain ⊙ stream / scale) W_V W_O         A, scale as they came out
            ->  stream + Σ over latents  f_i W_dec_i  + x W_skip + error          with a transcoder
            ->  stream + what the MLP wrote                                       without one

What an MLP without a transcoder wrote is a constant, and so is what a transcoder left out, its error: together the
frozen model gives back the model's own numbers. Between the places where something is written and the places where it
is read everything is linear, so that what a reader took in is a sum over the writers, with nothing left over (Ameisen
et al. 2025, "Circuit tracing", section "Attribution graphs"; transcoders: Dunefsky et al. 2024; their skip: Paulo et
al. 2025). The BOS is at all prompts the same, and a row of its own kind: its MLPs are left alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from einops import einsum, rearrange
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.effects.transcoders import Coders
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.transformer.families import (
    NormParts,
    check_hooks,
    check_length,
    norm_parts,
    output_logits,
    tolerance,
)  # fmt: skip


@dataclass(frozen=True)
class FrozenLayer:
    """One block at one prompt.

    Attributes:
        patterns: where its heads looked.
        W_V, W_O: of each query head; key heads that several share are repeated.
        attention_norm, mlp_norm: the norms that attention and the MLP read through, without their denominators.
        attention_scale, mlp_scale: those denominators.
        attention_constant: what attention writes whatever the stream is: its biases, and the norm's.
        coder: the transcoder in the MLP's place, or None.
        f: its latents, 0 at the BOS; None without one.
        rest: what the MLP wrote beyond the transcoder: its error; without one, and at the BOS, all of it.
        mlp_constant: what the transcoder writes whatever it reads, 0 at the BOS.
    """

    patterns: Float[Tensor, "heads query key"]
    W_V: Float[Tensor, "heads d_model d_head"]
    W_O: Float[Tensor, "heads d_head d_model"]
    attention_norm: NormParts
    mlp_norm: NormParts
    attention_scale: Float[Tensor, "position 1"]
    mlp_scale: Float[Tensor, "position 1"]
    attention_constant: Float[Tensor, "position d_model"]
    coder: SparseAutoencoder | None
    f: Float[Tensor, "position d_sae"] | None
    rest: Float[Tensor, "position d_model"]
    mlp_constant: Float[Tensor, "position d_model"]

    def back_through_attention(
        self, gradient: Float[Tensor, "targets position d_model"]
    ) -> Float[Tensor, "targets position d_model"]:
        """A gradient behind attention, as it is before: past it, and from each query to the keys it looked at."""
        per_head = einsum(gradient, self.W_O, "t query d, head d_head d -> t query head d_head")
        at_keys = einsum(per_head, self.patterns, "t query head d_head, head query key -> t key head d_head")
        read = einsum(at_keys, self.W_V, "t key head d_head, head d d_head -> t key d")
        return gradient + self.attention_norm.read(read) / self.attention_scale

    def back_through_skip(
        self, gradient: Float[Tensor, "targets position d_model"]
    ) -> Float[Tensor, "targets position d_model"]:
        """A gradient behind the MLP, as it is before: past it, and by W_skip of a transcoder that has one."""
        if self.coder is None or not self.coder.config.skip:
            return gradient
        behind = gradient.clone()
        behind[:, 0] = 0  # the BOS has its own MLP
        return gradient + self.mlp_norm.read(behind @ self.coder.W_skip.T) / self.mlp_scale

    def readers(
        self, latents: Int[Tensor, " targets"], positions: Int[Tensor, " targets"]
    ) -> tuple[Float[Tensor, "targets position d_model"], Float[Tensor, " targets"]]:
        """What pre-activations read in the stream between attention and MLP: a direction each, and a constant."""
        rows = self.coder.W_enc.T[latents].detach()
        gradient = rows.new_zeros(len(latents), len(self.mlp_scale), rows.shape[1])
        gradient[torch.arange(len(latents)), positions] = self.mlp_norm.read(rows) / self.mlp_scale[positions]
        return gradient, (rows @ self.mlp_norm.bias + self.coder.b_enc[latents]).detach()


@dataclass(frozen=True)
class FrozenModel:
    """The linear model of one prompt, made by `freeze`.

    Attributes:
        embeddings: what the stream starts with at each position.
        layers: the blocks.
        norm: the final norm without its denominator, `scale`, at the last position.
        W_U, b_U: the unembedding.
    """

    embeddings: Float[Tensor, "position d_model"]
    layers: list[FrozenLayer]
    norm: NormParts
    scale: Float[Tensor, ""]
    W_U: Float[Tensor, "d_model d_vocab"]
    b_U: Float[Tensor, " d_vocab"]

    def readout(
        self, tokens: Int[Tensor, " targets"]
    ) -> tuple[Float[Tensor, "targets position d_model"], Float[Tensor, " targets"]]:
        """What the logits of `tokens`, each above the mean of all logits, read in the last stream, and a constant."""
        columns = (self.W_U[:, tokens] - self.W_U.mean(1, keepdim=True)).T
        gradient = columns.new_zeros(len(tokens), len(self.embeddings), columns.shape[1])
        gradient[:, -1] = self.norm.read(columns) / self.scale
        return gradient, columns @ self.norm.bias + self.b_U[tokens] - self.b_U.mean()


@torch.no_grad()
def carried_back(
    frozen: FrozenModel,
    reads: Float[Tensor, "position d_model"],
    layers: range,
    through_head: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor],
) -> Float[Tensor, "position d_model"]:
    """What is read between attention and MLP of one block, as it is read in the stream behind an earlier block.

    On the way are each block's attention, and an MLP's skip between two blocks; no way leads through an MLP itself.

    Args:
        frozen: the frozen prompt.
        reads: at each position, the direction that is read.
        layers: the blocks on the way, the last first, such as `range(23, 0, -1)` from the MLP of 23 to behind block 0.
        through_head: (gradient, pattern, W_V, W_O) -> gradient, for one head and what passes beside it. It reads the
            stream as it is; the norm before it is put in here.
    """
    for layer in layers:
        block = frozen.layers[layer]
        if layer != layers[0]:
            reads = block.back_through_skip(reads[None])[0]
        heads = zip(block.patterns, block.W_V, block.W_O, strict=True)
        collected = sum(through_head(reads, *head) - reads for head in heads)
        reads = reads + block.attention_norm.read(collected) / block.attention_scale
    return reads


@torch.no_grad()
def freeze(model: TransformerBridge, tokens: Int[Tensor, " position"], coders: Coders) -> FrozenModel:
    """Run the model on one prompt and hold what makes it nonlinear.

    Args:
        model: a decoder whose blocks read the stream through a norm each, attention first, then the MLP.
        tokens: the prompt, BOS included.
        coders: by layer, a transcoder from what the MLP reads to what it writes (`transcoders.mlp_hooks`).

    Raises:
        ValueError: a coder that is no transcoder of the model's width, a layer that there is not, or a family whose
            blocks have another shape, so that they are not linear even when frozen.
    """
    check_length(model, len(tokens))
    n_layers, d_model = model.cfg.n_layers, model.cfg.d_model
    for layer, coder in coders.items():
        if layer not in range(n_layers):
            raise ValueError(f"coders has layer {layer}; the model has layers 0 to {n_layers - 1}.")
        if not coder.config.is_transcoder or (coder.config.d_in, coder.config.d_out) != (d_model, d_model):
            raise ValueError(
                f"coders[{layer}] reads {coder.config.d_in} and has d_out {coder.config.d_out}; a transcoder of the "
                f"model's width, {d_model} to {d_model}, is needed."
            )
    parts = (
        "hook_resid_pre", "hook_resid_post", "ln1.hook_scale", "ln2.hook_scale", "mlp.hook_in", "hook_attn_out",
        "hook_mlp_out", "attn.hook_pattern",
    )  # fmt: skip
    names = [f"blocks.{layer}.{part}" for layer in range(n_layers) for part in parts] + [
        "ln_final.hook_scale"
    ]
    check_hooks(model, names)
    _, seen = model.run_with_cache(tokens[None], names_filter=names)
    if missing := [name for name in names if name not in seen]:
        raise ValueError(
            f"{model.cfg.architecture}: nothing passed {missing[0]}, which a frozen model needs."
        )
    one = torch.ones(1, device=model.W_U.device, dtype=torch.float64)
    if not torch.equal(output_logits(model, one), one):
        raise ValueError(
            f"{model.cfg.architecture} scales or caps its logits, which is not linear in the stream."
        )
    cache = {name: value[0].float() for name, value in seen.items()}
    layers = [_freeze_layer(model, layer, cache, coders.get(layer)) for layer in range(n_layers)]
    return FrozenModel(
        cache["blocks.0.hook_resid_pre"], layers, norm_parts(model, model.ln_final),
        cache["ln_final.hook_scale"][-1, 0], model.W_U.float().detach(), model.b_U.float().detach(),
    )  # fmt: skip


def _freeze_layer(
    model: TransformerBridge, layer: int, cache: Mapping[str, Tensor], coder: SparseAutoencoder | None
) -> FrozenLayer:
    here = {
        name.split(".", 2)[2]: value for name, value in cache.items() if name.startswith(f"blocks.{layer}.")
    }
    block, y = model.blocks[layer], here["hook_mlp_out"]
    attention = block.attn
    shared = model.cfg.n_heads // len(attention.W_V)
    W_V = attention.W_V.detach().float().repeat_interleave(shared, dim=0)
    W_O, norms = attention.W_O.detach().float(), [norm_parts(model, norm) for norm in (block.ln1, block.ln2)]
    bias_V = einsum(norms[0].bias, W_V, "d, head d d_head -> head d_head")
    if attention.b_V is not None:
        b_V = rearrange(
            attention.b_V.detach().float().flatten(), "(head d_head) -> head d_head", d_head=W_V.shape[2]
        )
        bias_V = bias_V + b_V.repeat_interleave(shared, dim=0)
    # Every pattern sums to 1 over the keys, so that a constant in the values is one in the output.
    constant = einsum(bias_V, W_O, "head d_head, head d_head d -> d")
    if attention.b_O is not None:
        constant = constant + attention.b_O.detach().float()
    f = None if coder is None else coder.encode(here["mlp.hook_in"]).detach()
    rest, mlp_constant = y, torch.zeros_like(y)
    if coder is not None:
        f[0] = 0
        rest = y.clone()
        rest[1:] -= coder(here["mlp.hook_in"][1:])[0]
        mlp_constant[1:] = coder.b_dec
        if coder.config.skip:  # the rest of x W_skip is linear in the stream
            mlp_constant[1:] += norms[1].bias @ coder.W_skip
    frozen = FrozenLayer(
        here["attn.hook_pattern"], W_V, W_O, *norms, here["ln1.hook_scale"], here["ln2.hook_scale"],
        constant.expand_as(y), coder, f, rest.detach(), mlp_constant,
    )  # fmt: skip
    _check(model, frozen, here)
    return frozen


def _check(model: TransformerBridge, frozen: FrozenLayer, here: Mapping[str, Tensor]) -> None:
    """Refuse a block that the frozen one does not give back: another order of its parts, or a norm behind one of them."""
    before, written = here["hook_resid_pre"], here["hook_attn_out"]
    values = einsum(
        frozen.attention_norm.written(before) / frozen.attention_scale, frozen.W_V,
        "key d, head d d_head -> head key d_head",
    )  # fmt: skip
    z = frozen.patterns @ values
    attention = (
        einsum(z, frozen.W_O, "head query d_head, head d_head d -> query d") + frozen.attention_constant
    )
    between = before + written
    read = frozen.mlp_norm.written(between) / frozen.mlp_scale + frozen.mlp_norm.bias
    pairs = {
        "attention": (attention, written),
        "what the MLP reads": (read, here["mlp.hook_in"]),
        "the stream": (between + here["hook_mlp_out"], here["hook_resid_post"]),
    }
    for what, (found, wanted) in pairs.items():
        if (found - wanted).norm() > 10 * tolerance(model) * wanted.norm():
            raise ValueError(
                f"{model.cfg.architecture}: {what} does not come out of a frozen block of the common shape "
                "(norm, attention, add; norm, MLP, add)."
            )
