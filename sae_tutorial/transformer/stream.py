"""The residual stream of a hooked model: taken apart, read early, attributed, and cut into.

Every attention layer and every MLP reads the stream x, and adds its output to it (Elhage et al. 2021, "A
mathematical framework for transformer circuits"):

    x_final = embedding + Σ over layers (attention output + MLP output)
    logits  = Norm(x_final) W_U + b_U

The first half of this module reads: what each part adds, which head attends where. The second half intervenes: it
changes one part in a forward pass and looks at what the model then says. Only the second can show that a part
matters.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from math import comb

import numpy as np
import pandas as pd
import torch
from einops import einsum, rearrange, reduce
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformer_lens import ActivationCache, patching
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.transformer.tokens import tokenize

Head = tuple[int, int]  # layer, head


# ------------------------------------------------------------------------------------------- reading


def text_tokens(
    model: TransformerBridge, texts: Sequence[str], n: int, length: int
) -> Int[Tensor, "n position"]:
    """BOS and the first tokens of the first `n` texts that have enough of them: rows of `length` without padding.

    Raises:
        ValueError: fewer than `n` of the texts are long enough.
    """
    token_ids, starts, _ = tokenize(model.tokenizer, texts, model.cfg.n_ctx)
    long_enough = np.flatnonzero(np.diff(starts) >= length)[:n]
    if len(long_enough) < n:
        raise ValueError(f"{len(long_enough)} of {len(texts)} texts have {length} tokens, {n} are needed.")
    rows = np.stack([token_ids[starts[text] : starts[text] + length] for text in long_enough])
    return torch.from_numpy(rows.astype(np.int64)).to(model.cfg.device)


@torch.inference_mode()
def cache_stream(model: TransformerBridge, tokens: Int[Tensor, "batch position"]) -> ActivationCache:
    """The cache of all that a pass over `tokens` wrote to the stream, head by head, and of where heads looked.

    It holds the stream before and after each block, embeddings, attention and MLP outputs, `z` (a head's output
    before W_O), attention patterns and the scale of the final norm: about 0.4 MB per token for 30 layers.
    """
    kept = (
        "hook_embed", "hook_pos_embed", "hook_resid_pre", "hook_resid_post", "hook_attn_out", "hook_mlp_out",
        "attn.hook_z", "attn.hook_pattern", "ln_final.hook_scale",
    )  # fmt: skip
    _, cache = model.run_with_cache(tokens, return_type=None, names_filter=lambda name: name.endswith(kept))
    return cache


def stream_logits(
    model: TransformerBridge, stream: Float[Tensor, "batch position d_model"]
) -> Float[Tensor, "batch position d_vocab"]:
    """What the model would say if `stream` were its last: final norm, then unembedding.

    On the stream of an earlier layer this is the logit lens (nostalgebraist 2020, "Interpreting GPT: the logit
    lens"). The norm's scale is that of `stream` itself.
    """
    return model.unembed(model.ln_final(stream))


def next_token_loss(
    logits: Float[Tensor, "batch position d_vocab"], tokens: Int[Tensor, "batch position"]
) -> Float[Tensor, "batch predicted"]:
    """Cross-entropy in nats of each token after the first, given all before it."""
    return cross_entropy(rearrange(logits[:, :-1], "b p v -> b v p"), tokens[:, 1:], reduction="none")


def path_counts(n_layers: int, n_heads: int) -> dict[str, int]:
    """The number of paths from embedding to unembedding, each part taken or passed by.

    Three ways to count, from coarse to fine: a block as one part, 2ⁿ; attention and MLP apart, 2²ⁿ; every head a
    way of its own through its attention layer, (2 (1 + heads))ⁿ.
    """
    return {
        "whole blocks": 2**n_layers,
        "attention and MLP apart": 4**n_layers,
        "each head apart": (2 * (1 + n_heads)) ** n_layers,
    }


def paths_of_length(n_layers: int, length: int) -> int:
    """How many paths go through exactly `length` of the 2n attention layers and MLPs: a binomial coefficient."""
    return comb(2 * n_layers, length)


@torch.inference_mode()
def short_paths(
    model: TransformerBridge, tokens: Int[Tensor, "batch position"]
) -> Iterator[Float[Tensor, "batch position d_model"]]:
    """Final streams made of paths of at most k modules, for k = 0, 1, ..., 2 n_layers.

    A module is an attention layer or an MLP. With k = 0 the stream is the embedding. With k, every module reads,
    instead of the whole stream below it, the part that paths of at most k − 1 modules have built there:

        x_m(k) = embedding + Σ_{i<m} module_i(x_i(k − 1))

    For linear modules that is exactly the sum of all paths of at most k modules (expand Π (1 + module_i), as in
    Veit et al. 2016, "Residual networks behave like ensembles of relatively shallow networks"). The modules here
    are not linear: there is then no such sum, and this is its counterpart. The last one is the model itself.

    Raises:
        ValueError: blocks whose attention and MLP read side by side, which this does not know.
    """
    if getattr(model.cfg, "parallel_attn_mlp", False):
        raise ValueError("short_paths needs blocks in which the MLP reads after attention has written.")
    cache = cache_stream(model, tokens)
    embedding = cache["blocks.0.hook_resid_pre"]
    outputs = torch.zeros(2 * model.cfg.n_layers, *embedding.shape, device=embedding.device)
    for _ in range(len(outputs) + 1):
        below = torch.cat([torch.zeros_like(outputs[:1]), outputs.cumsum(0)])
        yield embedding + below[-1]
        outputs = _outputs_when_reading(model, tokens, embedding + below[:-1])


def _outputs_when_reading(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch position"],
    streams: Float[Tensor, "modules batch position d_model"],
) -> Float[Tensor, "modules batch position d_model"]:
    """What each module puts out when it reads its own entry of `streams`: the hooks sit before the norms."""
    layers = range(model.cfg.n_layers)
    reads = [f"blocks.{layer}.{norm}.hook_in" for layer in layers for norm in ("ln1", "ln2")]
    writes = [f"blocks.{layer}.hook_{part}_out" for layer in layers for part in ("attn", "mlp")]
    hooks = [(name, partial(_replace, by=stream)) for name, stream in zip(reads, streams, strict=True)]
    with model.hooks(fwd_hooks=hooks):
        _, cache = model.run_with_cache(
            tokens, return_type=None, names_filter=writes, stop_at_layer=len(layers)
        )
    return torch.stack([cache[name] for name in writes])


@torch.inference_mode()
def single_token_logits(
    model: TransformerBridge, token_ids: Int[Tensor, " n"], paths: str
) -> Float[Tensor, "n d_vocab"]:
    """The next-token logits after one token, by the paths allowed.

    Args:
        model: the model.
        token_ids: the tokens.
        paths: "direct", embedding to unembedding and nothing else (no position either); "no attention", all paths
            through MLPs alone; "all", the whole model. The latter two read the token after a BOS.

    Raises:
        ValueError: another name for `paths`.
    """
    if paths == "direct":
        return stream_logits(model, model.W_E[token_ids][:, None])[:, 0]
    after_bos = torch.stack([torch.full_like(token_ids, model.tokenizer.bos_token_id), token_ids], dim=1)
    if paths == "all":
        return model(after_bos)[:, 1]
    if paths == "no attention":
        hooks = [(f"blocks.{layer}.hook_attn_out", _zero) for layer in range(model.cfg.n_layers)]
        return model.run_with_hooks(after_bos, fwd_hooks=hooks)[:, 1]
    raise ValueError(f"paths must be 'direct', 'no attention' or 'all', got {paths!r}.")


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
        parts = (self.heads, self.attention_biases, self.mlps)
        return self.embeddings + self.constant + float(sum(part.double().sum() for part in parts))


@torch.inference_mode()
def attribute_logits(
    model: TransformerBridge, tokens: Int[Tensor, " position"], token: int, other: int
) -> Attribution:
    """Direct logit attribution: what each part adds to logit(token) − logit(other) after the last of `tokens`.

    The final norm divides by a number that depends on the whole stream. With that number as it came out, the rest
    is linear: a part p adds p·u / scale, where u is the difference of the two unembedding columns times the norm's
    weight (and centred, where the norm centres). Exact for LayerNorm and RMSNorm, weights folded or not.
    """
    cache = cache_stream(model, tokens[None])
    unembedding = model.W_U[:, token] - model.W_U[:, other]
    direction = unembedding * model.ln_final.weight
    if not model.cfg.uses_rms_norm:
        direction = direction - direction.mean()
    direction = direction / cache["ln_final.hook_scale"][0, -1]
    layers = range(model.cfg.n_layers)
    z = torch.stack([cache[f"blocks.{layer}.attn.hook_z"][0, -1] for layer in layers])
    heads = einsum(
        z, model.W_O, direction, "layer head d_head, layer head d_head d_model, d_model -> layer head"
    )
    attention = torch.stack([cache[f"blocks.{layer}.hook_attn_out"][0, -1] for layer in layers]) @ direction
    logits = stream_logits(model, cache[f"blocks.{layers[-1]}.hook_resid_post"][:, -1:])[0, 0]
    norm_bias = getattr(model.ln_final, "bias", torch.zeros_like(unembedding))
    return Attribution(
        embeddings=float(cache["blocks.0.hook_resid_pre"][0, -1] @ direction),
        heads=heads,
        attention_biases=attention - heads.sum(1),
        mlps=torch.stack([cache[f"blocks.{layer}.hook_mlp_out"][0, -1] for layer in layers]) @ direction,
        constant=float(norm_bias @ unembedding + model.b_U[token] - model.b_U[other]),
        difference=float(logits[token] - logits[other]),
    )


# ------------------------------------------------------------------------------- heads and where they look


def repeated_tokens(
    model: TransformerBridge, n: int, length: int, seed: int, *, repeat: bool = True
) -> Int[Tensor, "n position"]:
    """BOS, `length` random tokens, and the same again; without `repeat`, other ones instead of the same.

    No token occurs twice in a half, so each has exactly one earlier place. Special tokens are not drawn.

    Returns:
        [n, 1 + 2·length], on the model's device.
    """
    generator = torch.Generator().manual_seed(seed)
    special = set(model.tokenizer.all_special_ids)
    ordinary = torch.tensor([i for i in range(len(model.tokenizer)) if i not in special])
    drawn = torch.stack([torch.randperm(len(ordinary), generator=generator)[: 2 * length] for _ in range(n)])
    halves = ordinary[drawn]
    if repeat:
        halves = torch.cat([halves[:, :length]] * 2, dim=1)
    bos = torch.full((n, 1), model.tokenizer.bos_token_id)
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

    Offset 1 scores previous-token heads. On `repeated_tokens` of length n, with the queries of the second half
    (`first_query` n + 1), offset n − 1 scores induction heads: they look at the token that *followed* the same
    token last time (Olsson et al. 2022, "In-context learning and induction heads").
    """
    diagonal = patterns.diagonal(-offset, dim1=-2, dim2=-1)
    return diagonal[..., first_query - offset :].mean(-1)


def strongest_heads(scores: Float[Tensor, "layers heads"], n: int) -> list[Head]:
    """The n heads with the highest scores, highest first."""
    order = scores.flatten().argsort(descending=True, stable=True)[:n].tolist()
    return [divmod(place, scores.shape[1]) for place in order]


def k_composition(model: TransformerBridge, head: Head) -> Float[Tensor, "layers heads"]:
    """How much each earlier head's output enters the keys of `head`, by the weights alone.

    ‖W_OV W_QKᵀ‖ / (‖W_OV‖ ‖W_QK‖) in Frobenius norms, with W_OV = W_V W_O of the earlier head and W_QK =
    W_Q W_Kᵀ of `head`, its norm's weight folded in (Elhage et al. 2021, "Attention-only two-layer transformers").
    Rotary positions are left out. Zero for heads of the same and of later layers.
    """
    layer, index = head
    norm = model.blocks[layer].ln1.weight
    key = norm[:, None] * model.W_K[layer, _key_head(model, index)]
    query = norm[:, None] * model.W_Q[layer, index]
    W_V = model.W_V.repeat_interleave(model.cfg.n_heads // model.W_V.shape[1], dim=1)
    # ‖V (O K) Qᵀ‖² = tr((O K)ᵀ (VᵀV) (O K) (QᵀQ)): matrices of d_head × d_head instead of d_model × d_model.
    inner = model.W_O @ key
    values = W_V.transpose(-1, -2) @ W_V
    composed = _norm_between(values, inner, query.T @ query)
    sender = _norm_between(values, model.W_O, torch.eye(model.cfg.d_model, device=norm.device))
    receiver = _norm_between(key.T @ key, torch.eye(len(key.T), device=norm.device), query.T @ query)
    scores = composed / (sender * receiver)
    scores[layer:] = 0
    return scores.detach()


def _norm_between(
    left: Float[Tensor, "*kinds a a"], middle: Float[Tensor, "*kinds a b"], right: Float[Tensor, "b b"]
) -> Float[Tensor, "*kinds"]:
    """‖L M Rᵀ‖ from the Gram matrices LᵀL and RᵀR."""
    return einsum(middle, left @ middle @ right, "... a b, ... a b -> ...").clamp(min=0).sqrt()


# ---------------------------------------------------------------------------------------- intervening


@torch.inference_mode()
def mean_z(
    model: TransformerBridge, tokens: Int[Tensor, "batch position"]
) -> Float[Tensor, "layers heads d_head"]:
    """Each head's mean output (before W_O) over all positions of the reference set `tokens` but the BOS.

    What an ablated head puts out instead. Zero would be another choice; but a head that always adds the same vector
    acts as a bias that later layers rely on, and removing that bias breaks more than what the head computes.
    """
    names = [f"blocks.{layer}.attn.hook_z" for layer in range(model.cfg.n_layers)]
    _, cache = model.run_with_cache(tokens, return_type=None, names_filter=names, stop_at_layer=len(names))
    z = torch.stack([cache[name] for name in names])
    return reduce(z[:, :, 1:], "layer batch position head d_head -> layer head d_head", "mean")


@torch.inference_mode()
def ablated_loss(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch position"],
    heads: Sequence[Head],
    means: Float[Tensor, "layers heads d_head"],
) -> Float[Tensor, "batch predicted"]:
    """`next_token_loss` with every one of `heads` putting out its mean at all positions but the BOS."""
    with mean_ablation(model, heads, means):
        return next_token_loss(model(tokens), tokens)


def mean_ablation(
    model: TransformerBridge, heads: Sequence[Head], means: Float[Tensor, "layers heads d_head"]
) -> AbstractContextManager:
    """A context in which `heads` put out their means. Sets the model back on leaving."""
    by_layer: dict[int, list[int]] = {}
    for layer, head in heads:
        by_layer.setdefault(layer, []).append(head)

    def ablate(z: Tensor, hook: object, layer: int, indices: list[int]) -> Tensor:
        z = z.clone()
        z[:, 1:, indices] = means[layer, indices].to(z)
        return z

    return model.hooks(
        fwd_hooks=[
            (f"blocks.{layer}.attn.hook_z", partial(ablate, layer=layer, indices=indices))
            for layer, indices in by_layer.items()
        ]
    )


def random_heads(heads: Sequence[Head], n_heads: int, seed: int) -> list[Head]:
    """The control for `heads`: as many others, drawn from the same layers.

    Raises:
        ValueError: a layer of `n_heads` has fewer others than `heads` takes from it.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = []
    for layer in sorted({layer for layer, _ in heads}):
        others = [(layer, head) for head in range(n_heads) if (layer, head) not in heads]
        wanted = sum(other == layer for other, _ in heads)
        if wanted > len(others):
            raise ValueError(
                f"layer {layer} has {len(others)} other heads, {wanted} are needed for a control."
            )
        drawn += [others[i] for i in torch.randperm(len(others), generator=generator)[:wanted].tolist()]
    return drawn


@torch.inference_mode()
def lesion_losses(
    model: TransformerBridge, tokens: Int[Tensor, "batch position"]
) -> Float[Tensor, "layers batch"]:
    """Each text's mean loss with one block skipped, for each block: half of all paths go with it (Veit et al. 2016)."""
    losses = []
    for layer in range(model.cfg.n_layers):
        hooks = [(f"blocks.{layer}.hook_{part}_out", _zero) for part in ("attn", "mlp")]
        losses.append(next_token_loss(model.run_with_hooks(tokens, fwd_hooks=hooks), tokens).mean(1))
    return torch.stack(losses)


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
    cells = pd.DataFrame([(layer, position) for layer in layers for position in positions])
    patched = patching.generic_activation_patch(
        model, corrupted, cache_stream(model, clean), metric, patching.layer_pos_patch_setter, "resid_pre",
        index_df=cells, reduce="none",
    )  # fmt: skip
    return rearrange(patched.values, "(layer position) batch -> layer position batch", layer=len(layers))


@torch.inference_mode()
def cut_paths(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch position"],
    senders: Sequence[Head],
    receivers: Sequence[Head],
    means: Float[Tensor, "layers heads d_head"],
    into: str = "k",
) -> tuple[Float[Tensor, "receivers batch query key"], Float[Tensor, "batch predicted"]]:
    """Path patching: in the keys (or queries) of `receivers` alone, `senders` put out their means.

    Everything else still reads the senders as they are, and what reaches a receiver by way of a third part stays.
    The stream that a receiver's keys are made from loses (z − mean) W_O of every sender in an earlier layer, and is
    normalised anew (Wang et al. 2022, "Interpretability in the wild", section 3.1). Where query heads share their
    keys in groups, a receiver's whole group reads the changed keys.

    Returns:
        The receivers' attention patterns, and the loss of each predicted token.

    Raises:
        ValueError: `into` is neither "k" nor "q".
    """
    if into not in ("k", "q"):
        raise ValueError(f"into must be 'k' or 'q', got {into!r}.")
    written: dict[int, Tensor] = {}  # what the senders of a layer wrote beyond their mean, in this very pass
    streams: dict[int, Tensor] = {}

    def record(z: Tensor, hook: object, layer: int) -> None:
        indices = [head for other, head in senders if other == layer]
        beyond = z[:, :, indices] - means[layer, indices]
        beyond[:, 0] = 0
        written[layer] = einsum(beyond, model.W_O[layer, indices], "b p h d, h d m -> b p m")

    def remember(stream: Tensor, hook: object, layer: int) -> None:
        streams[layer] = stream

    def cut(projected: Tensor, hook: object, layer: int) -> Tensor:
        norm = model.blocks[layer].ln1.original_component  # without hooks, which would fire inside this one
        without = streams[layer] - sum(vector for other, vector in written.items() if other < layer)
        change = norm(without) - norm(streams[layer])
        heads = {
            head if into == "q" else _key_head(model, head) for other, head in receivers if other == layer
        }
        projected = projected.clone()
        for head in heads:
            projected[:, :, head] += change @ (model.W_Q if into == "q" else model.W_K)[layer, head]
        return projected

    hooks = [(f"blocks.{n}.attn.hook_z", partial(record, layer=n)) for n in {layer for layer, _ in senders}]
    for layer in {layer for layer, _ in receivers}:
        hooks.append((f"blocks.{layer}.hook_resid_pre", partial(remember, layer=layer)))
        hooks.append((f"blocks.{layer}.attn.hook_{into}", partial(cut, layer=layer)))
    names = {f"blocks.{layer}.attn.hook_pattern" for layer, _ in receivers}
    with model.hooks(fwd_hooks=hooks):
        logits, cache = model.run_with_cache(tokens, names_filter=sorted(names))
    patterns = torch.stack([cache[f"blocks.{layer}.attn.hook_pattern"][:, head] for layer, head in receivers])
    return patterns, next_token_loss(logits, tokens)


def _key_head(model: TransformerBridge, head: int) -> int:
    """The key head that a query head uses; several share one where keys are grouped."""
    return head // (model.cfg.n_heads // model.W_K.shape[1])


def _replace(value: Tensor, hook: object, by: Tensor) -> Tensor:
    return by


def _zero(value: Tensor, hook: object) -> Tensor:
    return torch.zeros_like(value)
