"""The residual stream of a hooked model: cached, read early, and what single tokens say.

Every attention layer and every MLP reads the stream x, and adds its output to it (Elhage et al. 2021, "A
mathematical framework for transformer circuits"):

    x_final = embedding + Σ over layers (attention output + MLP output)
    logits  = Norm(x_final) W_U + b_U
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens import ActivationCache
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.transformer.edits import at_least_float32
from sae_tutorial.transformer.families import check_bridge, check_length, output_logits, tolerance
from sae_tutorial.transformer.tokens import tokenize


def text_tokens(
    model: TransformerBridge, texts: Sequence[str], n: int, length: int
) -> Int[Tensor, "n position"]:
    """BOS and the first tokens of the first `n` texts that have enough of them: rows of `length` without padding.

    Raises:
        ValueError: fewer than `n` of the texts are long enough.
    """
    check_bridge(model)
    check_length(model, length)
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
    before W_O), attention patterns and the scales of the final norm and of norms behind attention: about 0.4 MB per token
    for 30 layers.
    """
    check_length(model, tokens.shape[1])
    kept = (
        "hook_embed", "hook_pos_embed", "hook_resid_pre", "hook_resid_post", "hook_attn_out", "hook_mlp_out",
        "attn.hook_z", "attn.hook_pattern", "ln_final.hook_scale", "ln1_post.hook_scale",
    )  # fmt: skip
    _, cache = model.run_with_cache(tokens, return_type=None, names_filter=lambda name: name.endswith(kept))
    return cache


def check_sum(model: TransformerBridge, cache: ActivationCache) -> None:
    """Refuse a model whose last stream is not the sum of the embedding and of what attention and MLPs wrote.

    Raises:
        ValueError: a family whose blocks have another shape.
    """
    layers = range(model.cfg.n_layers)
    last, first = f"blocks.{layers[-1]}.hook_resid_post", "blocks.0.hook_resid_pre"
    parts = [f"blocks.{layer}.hook_{part}_out" for layer in layers for part in ("attn", "mlp")]
    known = all(name in cache for name in (last, first, *parts))
    left_out = cache[last].float() - sum(cache[name].float() for name in (first, *parts)) if known else None
    if left_out is None or left_out.norm() > tolerance(model) * cache[last].norm():
        raise ValueError(
            f"{model.cfg.architecture}: its stream is not the sum of what attention and MLPs write, so it cannot be taken "
            "apart here."
        )


def stream_logits(
    model: TransformerBridge, stream: Float[Tensor, "batch position d_model"]
) -> Float[Tensor, "batch position d_vocab"]:
    """What the model would say if `stream` were its last: final norm, unembedding, and a cap where the family has one.

    On the stream of an earlier layer this is the logit lens (nostalgebraist 2020, "Interpreting GPT: the logit
    lens"). The norm's scale is that of `stream` itself.
    """
    return output_logits(model, model.unembed(model.ln_final(stream.to(model.W_U.dtype))))


def next_token_loss(
    logits: Float[Tensor, "batch position d_vocab"], tokens: Int[Tensor, "batch position"]
) -> Float[Tensor, "batch predicted"]:
    """Cross-entropy in nats of each token after the first, given all before it, in float32."""
    logits = at_least_float32(logits[:, :-1])
    of_next = logits.gather(-1, tokens[:, 1:, None]).squeeze(-1)
    # Not `cross_entropy`: it would keep a log-probability of each of the vocabulary's tokens for the one that is needed.
    return logits.logsumexp(-1) - of_next


@torch.inference_mode()
def turned_down_losses(
    logits: Float[Tensor, "text position d_vocab"],
    tokens: Int[Tensor, "text position"],
    scales: Sequence[float] = (1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32),
) -> Float[Tensor, " tried"]:
    """The mean next-token loss of every second text, after the logits were multiplied by the best of `scales`.

    The best is the one with the lowest loss on the other texts. So a guesser who sounds too sure pays for what it knows,
    and not for how loudly it says it.
    """
    chosen = min(scales, key=lambda scale: float(next_token_loss(logits[::2] * scale, tokens[::2]).mean()))
    return next_token_loss(logits[1::2] * chosen, tokens[1::2]).mean(1)


def common_token_loss(
    model: TransformerBridge, texts: Sequence[str], tokens: Int[Tensor, "text position"]
) -> float:
    """What a guesser pays per token, in nats, who knows only how common each token is in `texts`.

    Every token is counted once more than it was seen, and the tokens to be guessed, all but the first column, are not
    counted.
    """
    seen = torch.tensor(sum(model.tokenizer(list(texts), add_special_tokens=False)["input_ids"], []))
    wanted = tokens[:, 1:].cpu().flatten()
    counts = [torch.bincount(ids, minlength=model.cfg.d_vocab) for ids in (seen, wanted)]
    often = (counts[0] - counts[1]).clamp(min=0) + 1.0
    return float(-(often / often.sum()).log()[wanted].mean())


def frequent_pairs(
    tokenizer: Any, texts: Sequence[str], n: int
) -> tuple[Int[Tensor, " n"], Int[np.ndarray, "two pairs"], Int[np.ndarray, "two others"]]:
    """The `n` most frequent tokens that have a follower in `texts`, what followed each, and what came before each.

    Pairs are columns: a frequent token's place among the `n`, and the id of its neighbour.
    """
    rows = [ids for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"] if len(ids) > 1]
    before, after = np.concatenate([np.stack([ids[:-1], ids[1:]]) for ids in rows], axis=1)
    kinds, count = np.unique(before, return_counts=True)
    frequent = kinds[np.argsort(-count, kind="stable")[:n]]
    place = {token: i for i, token in enumerate(frequent.tolist())}
    followed, preceded = (
        np.array([(place[a], b) for a, b in zip(one.tolist(), other.tolist(), strict=True) if a in place]).T
        for one, other in ((before, after), (after, before))
    )
    return torch.from_numpy(frequent), followed, preceded


def places_in_lists(
    logits: Float[Tensor, "n d_vocab"],
    pairs: Int[np.ndarray, "two pairs"],
    *,
    seed: int = 0,
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, "others pairs"]]:
    """At which place a token's own list has its neighbour, 1 for the likeliest, and where lists of other tokens have it.

    Row i of `logits` is the list of the i-th token, as in `frequent_pairs`; of the others 20 are drawn at random.
    """
    order, (row, wanted), n = logits.argsort(dim=1, descending=True).cpu(), pairs, len(logits)
    numbers = torch.arange(1, order.shape[1] + 1).expand_as(order)
    place = torch.empty_like(order).scatter_(1, order, numbers).numpy()
    steps = np.random.default_rng(seed).choice(np.arange(1, n), size=min(20, n - 1), replace=False)
    return place[row, wanted], place[(row + steps[:, None]) % n, wanted]


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


@torch.inference_mode()
def single_token_logits(
    model: TransformerBridge, token_ids: Int[Tensor, " n"], paths: str
) -> Float[Tensor, "n d_vocab"]:
    """The next-token logits after one token, by the paths allowed.

    Args:
        model: the model.
        token_ids: the tokens.
        paths: "direct", embedding to unembedding and nothing else (no position either); "all", the whole model, which
            reads the token after a BOS.

    Raises:
        ValueError: another name for `paths`.
    """
    if paths == "direct":
        return stream_logits(model, model.W_E[token_ids][:, None])[:, 0]
    check_bridge(model)
    after_bos = torch.stack([torch.full_like(token_ids, model.tokenizer.bos_token_id), token_ids], dim=1)
    if paths == "all":
        return model(after_bos)[:, 1]
    raise ValueError(f"paths must be 'direct' or 'all', got {paths!r}.")
