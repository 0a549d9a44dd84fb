"""The autoencoder's arithmetic on the few latents that are active, forwards and backwards.

Of d_sae latents only some tens are active at a position, and a latent that is off takes no part in the
reconstruction nor in any gradient. So only one dense product is needed, the encoder's (to learn which latents
are on); the decoder and both weight gradients are sums over active (position, latent) pairs:

    x_hat[n]   = b_dec + sum over active i of  f[n, i] * W_dec[i]
    dW_dec[i]  =         sum over active n of  f[n, i] * g[n]                    g  = dLoss/dx_hat
    dW_enc[:,i]=         sum over active n of df[n, i] * (x[n] - b_dec)          df = dLoss/df

Each is one call of `embedding_bag`, PyTorch's weighted sum of table rows; for the gradients the pairs are
first sorted by latent. Dense products are used instead while many latents are active, as early in ReLU training.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

# Above this share of active latents the dense products are faster (measured on CPU at 768 -> 6144, batch 256 and 1024).
DENSE_SHARE = 0.08
# Rows that a CPU encodes at a time, and latents in a group of `_largest` (measured at 768 -> 6144, k = 32).
CHUNK, GROUP = 1024, 8


class ActivePairs(NamedTuple):
    """The active (position, latent) pairs of a batch, position by position.

    Positions may have different numbers of pairs, or none; a pair chosen by TopK whose value was not positive is
    kept with value 0.
    """

    positions: Int[Tensor, " pairs"]
    latents: Int[Tensor, " pairs"]
    values: Float[Tensor, " pairs"]
    starts: Int[Tensor, " batch"]

    def to_dense(self, d_sae: int) -> Float[Tensor, "batch d_sae"]:
        """Spread the pairs over a dense [batch, d_sae] tensor of zeros."""
        dense = self.values.new_zeros(len(self.starts), d_sae)
        dense[self.positions, self.latents] = self.values
        return dense


def pairs_from_topk(pre: Float[Tensor, "batch d_sae"], k: int) -> ActivePairs:
    """The k largest pre-activations of each position, after ReLU (Gao et al. 2024, equation 2)."""
    values, latents = pre.topk(k, dim=-1, sorted=False)
    starts = torch.arange(0, latents.numel(), k, device=pre.device)
    positions = torch.arange(len(pre), device=pre.device).repeat_interleave(k)
    return ActivePairs(positions, latents.flatten(), values.relu().flatten(), starts)


def encode_topk(
    centred: Float[Tensor, "batch d_in"],
    W_enc: Float[Tensor, "d_in d_sae"],
    b_enc: Float[Tensor, " d_sae"],
    k: int,
) -> ActivePairs:
    """`pairs_from_topk` of the encoder's product, which on CPU is never held as a whole.

    There a chunk of rows at a time is written over the one before: memory that the process touches for the first
    time costs more than what is written to it.
    """
    if centred.device.type != "cpu":
        return pairs_from_topk(torch.addmm(b_enc, centred, W_enc), k)
    room = centred.new_empty(min(CHUNK, len(centred)), W_enc.shape[1])
    chunks = [
        _largest(torch.addmm(b_enc, rows, W_enc, out=room[: len(rows)]), k) for rows in centred.split(CHUNK)
    ]
    values, latents = (torch.cat(parts).flatten() for parts in zip(*chunks, strict=True))
    positions = torch.arange(len(centred)).repeat_interleave(k)
    return ActivePairs(positions, latents, values.relu(), torch.arange(0, len(latents), k))


def _largest(
    pre: Float[Tensor, "batch d_sae"], k: int
) -> tuple[Float[Tensor, "batch k"], Int[Tensor, "batch k"]]:
    """Values and latents of `pre.topk(k)`, in any order; on CPU in about two thirds of its time.

    The k largest lie in those k groups of latents whose own largest are largest, and no other is looked into.
    """
    d_sae = pre.shape[1]
    if d_sae % GROUP or d_sae < 2 * k * GROUP:
        return pre.topk(k, dim=-1, sorted=False)
    members = rearrange(pre, "batch (member group) -> batch member group", member=GROUP)
    groups = members.amax(1).topk(k, dim=-1, sorted=False).indices
    candidates = members.gather(2, groups[:, None].expand(-1, GROUP, -1)).flatten(1)
    values, places = candidates.topk(k, dim=-1, sorted=False)
    return values, places // k * (d_sae // GROUP) + groups.gather(1, places % k)


def pairs_from_batchtopk(pre: Float[Tensor, "batch d_sae"], k: int) -> ActivePairs:
    """The k · batch largest pre-activations of the whole batch, after ReLU (Bussmann et al. 2024, section 3)."""
    flat, n, stride = pre.flatten(), k * len(pre), 61
    # What a sample calls too small is not looked at: on CPU a sixth of the time of `topk` over everything.
    sample = flat[::stride]
    guess = sample.topk(min(len(sample), 2 * n // stride + 1), sorted=False).values.min()
    chosen = (flat >= guess).nonzero().flatten()
    if len(chosen) < n:
        chosen = torch.arange(len(flat), device=flat.device)
    chosen = chosen[flat[chosen].topk(n, sorted=False).indices].sort().values
    positions, latents = chosen // pre.shape[1], chosen % pre.shape[1]
    return ActivePairs(positions, latents, flat[chosen].relu(), _starts(positions, len(pre)))


def pairs_from_relu(pre: Float[Tensor, "batch d_sae"]) -> ActivePairs:
    """Every positive pre-activation."""
    positions, latents = (pre > 0).nonzero(as_tuple=True)
    return ActivePairs(positions, latents, pre[positions, latents], _starts(positions, len(pre)))


def split_by_prefix(pairs: ActivePairs, prefixes: tuple[int, ...]) -> ActivePairs:
    """The same pairs with every position cut in `len(prefixes)`: one for the latents that each prefix adds.

    `pairs` must be sorted by position and latent. Position n becomes n · len(prefixes), and those that follow.
    """
    edges = torch.tensor(prefixes[:-1], device=pairs.latents.device)
    positions = pairs.positions * len(prefixes) + torch.bucketize(pairs.latents, edges, right=True)
    starts = _starts(positions, len(pairs.starts) * len(prefixes))
    return ActivePairs(positions, pairs.latents, pairs.values, starts)


def _starts(bags: Int[Tensor, " pairs"], n_bags: int) -> Int[Tensor, " bags"]:
    """Where each bag's members begin, in a list sorted by bag."""
    counts = torch.bincount(bags, minlength=n_bags)
    return counts.cumsum(0) - counts


def decode_pairs(pairs: ActivePairs, W_dec: Float[Tensor, "d_sae d_in"]) -> Float[Tensor, "batch d_in"]:
    """Sum of the decoder rows of each position's active latents, weighted by their values, without b_dec."""
    return F.embedding_bag(pairs.latents, W_dec, pairs.starts, per_sample_weights=pairs.values, mode="sum")


class SparseAutoencode(torch.autograd.Function):
    """x -> (x_hat, active values, positions, latents, starts), with gradients for the four parameters.

    `k` selects the k largest latents of each position; `k=None` keeps every positive one. With `prefixes`, a
    tuple of widths that ends with d_sae, the k · batch largest of the whole batch are kept, and x_hat is
    [batch, prefixes, d_in]: what each prefix adds to the one before, b_dec in the first. No gradient is computed
    for x, which is data.
    """

    @staticmethod
    def forward(ctx, x, W_enc, b_enc, W_dec, b_dec, k, prefixes=()):
        """Encode densely, choose the active pairs, decode them."""
        centred = x - b_dec
        if k is not None and not prefixes:
            pairs = bags = encode_topk(centred, W_enc, b_enc, k)
        else:
            pre = torch.addmm(b_enc, centred, W_enc)
            pairs = bags = pairs_from_relu(pre) if k is None else pairs_from_batchtopk(pre, k)
            if prefixes:
                bags = split_by_prefix(pairs, prefixes)
        ctx.dense = k is None and len(pairs.values) > DENSE_SHARE * pre.numel()
        ctx.save_for_backward(centred, W_enc, W_dec, bags.positions, *pairs)
        if ctx.dense:
            decoded = pre.relu_() @ W_dec
        else:
            # A graph of this sum alone: `backward` follows it from x_hat to the values.
            with torch.enable_grad():
                ctx.values = pairs.values.detach().requires_grad_()
                ctx.decoded = decode_pairs(bags._replace(values=ctx.values), W_dec.detach())
            decoded = ctx.decoded.detach()
        ctx.mark_non_differentiable(pairs.positions, pairs.latents, pairs.starts)
        if prefixes:
            x_hat = decoded.view(len(x), len(prefixes), -1)
            x_hat[:, 0] += b_dec
        else:
            x_hat = decoded + b_dec
        return x_hat, pairs.values, pairs.positions, pairs.latents, pairs.starts

    @staticmethod
    def backward(ctx, g, g_values, *_unused):
        """Gradients of W_enc, b_enc, W_dec and b_dec from those of x_hat (g) and of the active values."""
        centred, W_enc, W_dec, bags, *parts = ctx.saved_tensors
        pairs = ActivePairs(parts[0], parts[1], parts[2], parts[3])
        # x - b_dec feeds every latent, and b_dec is added to the output. The product of the whole batch's
        # latent gradients with W_enc collapses to that of their sum.
        db_dec = (g if g.ndim == 2 else g[:, 0]).sum(0)
        if ctx.dense:
            dW_enc, db_enc, dW_dec = _dense_gradients(centred, W_dec, pairs, g, g_values)
        else:
            g = g.reshape(-1, g.shape[-1])  # one row for each bag
            (d_values,) = torch.autograd.grad(ctx.decoded, ctx.values, g, retain_graph=True)
            d_values += g_values
            dW_enc, db_enc, dW_dec = _sparse_gradients(centred, len(W_dec), pairs, bags, g, d_values)
        return None, dW_enc, db_enc, dW_dec, db_dec - W_enc @ db_enc, None, None


def _sparse_gradients(
    centred: Float[Tensor, "batch d_in"],
    d_sae: int,
    pairs: ActivePairs,
    bags: Int[Tensor, " pairs"],
    g: Float[Tensor, "bags d_in"],
    d_values: Float[Tensor, " pairs"],
) -> tuple[Float[Tensor, "d_in d_sae"], Float[Tensor, " d_sae"], Float[Tensor, "d_sae d_in"]]:
    """Gradients of W_enc, b_enc and W_dec as sums over the active pairs.

    `bags` names the row of g, the gradient of x_hat, that each pair helped to make; `d_values` is the gradient of
    the pairs' values.
    """
    d_values = torch.where(pairs.values > 0, d_values, 0.0)  # ReLU: no gradient where it cut
    order, starts = pairs.latents.argsort(), _starts(pairs.latents, d_sae)

    def sum_by_latent(table: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
        return F.embedding_bag(rows[order], table, starts, per_sample_weights=weights[order], mode="sum")

    db_enc = d_values.new_zeros(d_sae).index_add_(0, pairs.latents, d_values)
    dW_enc = sum_by_latent(centred, pairs.positions, d_values).T
    return dW_enc, db_enc, sum_by_latent(g, bags, pairs.values)


def _dense_gradients(
    centred: Float[Tensor, "batch d_in"],
    W_dec: Float[Tensor, "d_sae d_in"],
    pairs: ActivePairs,
    g: Float[Tensor, "batch d_in"],
    g_values: Float[Tensor, " pairs"],
) -> tuple[Float[Tensor, "d_in d_sae"], Float[Tensor, " d_sae"], Float[Tensor, "d_sae d_in"]]:
    """The same gradients by dense products."""
    f = pairs.to_dense(len(W_dec))
    df = torch.where(f > 0, g @ W_dec.T + pairs._replace(values=g_values).to_dense(len(W_dec)), 0.0)
    return (df.T @ centred).T, df.sum(0), f.T @ g
