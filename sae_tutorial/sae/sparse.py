"""The coder's arithmetic on the few latents that are active, forwards and backwards.

Of d_sae latents only some tens are active on a row, and a latent that is off takes no part in the reconstruction nor
in any gradient. So only one dense product is needed, the encoder's (to learn which latents are on); the decoder and
both weight gradients are sums over active (position, latent) pairs:

    y_hat[n]   = b_dec + sum over active i of  f[n, i] * W_dec[i]
    dW_dec[i]  =         sum over active n of  f[n, i] * g[n]                    g  = dLoss/dy_hat
    dW_enc[:,i]=         sum over active n of df[n, i] * (x[n] - centre)         df = dLoss/df

Each is one call of `embedding_bag`, PyTorch's weighted sum of table rows; for the gradients the pairs are first sorted
by latent. Dense products are used instead while many latents are active, as early in ReLU training.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

# Above this share of active latents the dense products are faster (measured on CPU at 768 -> 6144, batch 256 and 1024).
DENSE_SHARE = 0.08
# Rows that a CPU encodes at a time, and latents in a group of `_largest` (measured at 768 -> 6144, k = 32).
CHUNK, GROUP = 1024, 8


@dataclass(frozen=True, eq=False)
class ActivePairs:
    """The chosen (position, latent) pairs of a batch, position by position.

    Positions may have different numbers of pairs, or none. A pair that was chosen but whose latent is off is kept with
    value 0: TopK's k-th largest need not be positive.

    Attributes:
        positions: [pairs], ascending.
        latents: [pairs].
        values: [pairs], the activations.
        starts: [positions], where each position's pairs begin.
        d_sae: how many latents there are.
    """

    positions: Int[Tensor, " pairs"]
    latents: Int[Tensor, " pairs"]
    values: Float[Tensor, " pairs"]
    starts: Int[Tensor, " positions"]
    d_sae: int
    # Sorting the pairs by latent is done once for all that differ in values alone.
    _order: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict, repr=False)

    def to_dense(self) -> Float[Tensor, "positions d_sae"]:
        """Spread the pairs over a dense tensor of zeros."""
        dense = self.values.new_zeros(len(self.starts), self.d_sae)
        return dense.index_put((self.positions, self.latents), self.values)

    @property
    def by_latent(self) -> tuple[Int[Tensor, " pairs"], Int[Tensor, " d_sae"]]:
        """The order that sorts the pairs by latent, and where each latent begins in it."""
        if not self._order:
            self._order["by latent"] = self.latents.argsort(), _starts(self.latents, self.d_sae)
        return self._order["by latent"]

    @property
    def are_many(self) -> bool:
        """Whether dense products would be faster than sums over these pairs."""
        return len(self.values) > DENSE_SHARE * len(self.starts) * self.d_sae


# What chooses the pairs: from centred rows, W_enc and b_enc, pairs whose values are the pre-activations as they are.
Choose = Callable[
    [Float[Tensor, "batch d_in"], Float[Tensor, "d_in d_sae"], Float[Tensor, " d_sae"]], ActivePairs
]

# ------------------------------------------------------------------------------------------- choosing


def pairs_from_topk(pre: Float[Tensor, "batch d_sae"], k: int) -> ActivePairs:
    """The k largest pre-activations of each row (Gao et al. 2024, equation 2, before ReLU)."""
    return _rows_of_k(*_largest(pre, k), pre.shape[1])


def pairs_from_batchtopk(pre: Float[Tensor, "batch d_sae"], k: int) -> ActivePairs:
    """The k · batch largest pre-activations of the whole batch (Bussmann et al. 2024, section 3, before ReLU)."""
    flat, n, stride = pre.flatten(), k * len(pre), 61
    # Every 61st number tells about where the n-th largest lies; only what reaches that is sorted out (a sixth of the
    # time of `topk` over everything). Twice as many as needed are let through, so that the guess is rarely too high.
    sample = flat[::stride]
    guess = sample.topk(min(len(sample), 2 * n // stride + 1), sorted=False).values.min()
    chosen = (flat >= guess).nonzero().flatten()
    if len(chosen) < n:
        chosen = torch.arange(len(flat), device=flat.device)
    chosen = chosen[flat[chosen].topk(n, sorted=False).indices].sort().values
    positions, latents = chosen // pre.shape[1], chosen % pre.shape[1]
    return ActivePairs(positions, latents, flat[chosen], _starts(positions, len(pre)), pre.shape[1])


def pairs_above(
    pre: Float[Tensor, "batch d_sae"], threshold: Float[Tensor, " d_sae"] | float = 0.0
) -> ActivePairs:
    """Every pre-activation above its latent's threshold; above 0 for ReLU."""
    positions, latents = (pre > threshold).nonzero(as_tuple=True)
    return ActivePairs(
        positions, latents, pre[positions, latents], _starts(positions, len(pre)), pre.shape[1]
    )


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
    return _rows_of_k(*(torch.cat(parts) for parts in zip(*chunks, strict=True)), W_enc.shape[1])


def _largest(
    pre: Float[Tensor, "batch d_sae"], k: int
) -> tuple[Float[Tensor, "batch k"], Int[Tensor, "batch k"]]:
    """Values and latents of `pre.topk(k)`, in any order; on CPU in about two thirds of its time.

    Cut a row into groups of eight latents and take each group's largest. If the j-th largest number of the row lies
    in some group, that group's largest is at least as large, so its group is among the k groups whose largest are
    largest. Only those k groups, 8 k numbers in place of d_sae, need a closer look.
    """
    d_sae = pre.shape[1]
    if d_sae % GROUP or d_sae < 2 * k * GROUP:
        return pre.topk(k, dim=-1, sorted=False)
    # Member m of group g is latent m · n_groups + g: then the maximum over members runs along whole stretches of memory.
    members = rearrange(pre, "batch (member group) -> batch member group", member=GROUP)
    groups = members.amax(1).topk(k, dim=-1, sorted=False).indices
    candidates = members.gather(2, groups[:, None].expand(-1, GROUP, -1)).flatten(1)
    values, places = candidates.topk(k, dim=-1, sorted=False)
    # A place among the candidates is (member, which of the k groups); turn both back into a latent.
    return values, places // k * (d_sae // GROUP) + groups.gather(1, places % k)


def _rows_of_k(values: Float[Tensor, "batch k"], latents: Int[Tensor, "batch k"], d_sae: int) -> ActivePairs:
    """Pairs of which every position has the same number."""
    n, k = latents.shape
    positions = torch.arange(n, device=latents.device).repeat_interleave(k)
    starts = torch.arange(0, n * k, k, device=latents.device)
    return ActivePairs(positions, latents.flatten(), values.flatten(), starts, d_sae)


def split_by_prefix(pairs: ActivePairs, prefixes: tuple[int, ...]) -> ActivePairs:
    """The same pairs with every position cut in `len(prefixes)`: one for the latents that each prefix adds.

    `pairs` must be sorted by position and latent. Position n becomes n · len(prefixes), and those that follow.
    """
    edges = torch.tensor(prefixes[:-1], device=pairs.latents.device)
    positions = pairs.positions * len(prefixes) + torch.bucketize(pairs.latents, edges, right=True)
    return replace(pairs, positions=positions, starts=_starts(positions, len(pairs.starts) * len(prefixes)))


def _starts(bags: Int[Tensor, " pairs"], n_bags: int) -> Int[Tensor, " bags"]:
    """Where each bag's members begin in a list sorted by bag: after all members of the bags before it."""
    counts = torch.bincount(bags, minlength=n_bags)
    return counts.cumsum(0) - counts


# ------------------------------------------------------------------------------------------- the two halves


def encode_pairs(
    x: Float[Tensor, "batch d_in"],
    centre: Float[Tensor, " d_in"],
    W_enc: Float[Tensor, "d_in d_sae"],
    b_enc: Float[Tensor, " d_sae"],
    choose: Choose,
) -> ActivePairs:
    """Pre-activations (x − centre) W_enc + b_enc of the latents that `choose` picks, with gradients for all four."""
    with torch.no_grad():
        centred = x - centre
        chosen = choose(centred, W_enc, b_enc)
    return replace(chosen, values=_Encode.apply(x, centre, W_enc, b_enc, centred, chosen))


def decode_pairs(pairs: ActivePairs, W_dec: Float[Tensor, "d_sae d_out"]) -> Float[Tensor, "positions d_out"]:
    """Sum of the decoder rows of each position's pairs, weighted by their values; gradients for both."""
    return _Decode.apply(pairs.values, W_dec, pairs)


class _Encode(torch.autograd.Function):
    """See `encode_pairs`: the choice is made already, what is left is its backward pass."""

    @staticmethod
    def forward(ctx, x, centre, W_enc, b_enc, centred, chosen):
        ctx.pairs = chosen
        ctx.save_for_backward(centred, W_enc)
        return chosen.values.detach()

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        centred, W_enc = ctx.saved_tensors
        pairs = ctx.pairs
        db_enc = g.new_zeros(pairs.d_sae).index_add_(0, pairs.latents, g)
        dW_enc = sum_by_latent(pairs, g, pairs.positions, centred).T
        # The centre feeds every latent of every row: the product of all their gradients with W_enc is that of the sum.
        dx = decode_pairs(replace(pairs, values=g), W_enc.T) if ctx.needs_input_grad[0] else None
        return dx, -(W_enc @ db_enc), dW_enc, db_enc, None, None


class _Decode(torch.autograd.Function):
    """See `decode_pairs`."""

    @staticmethod
    def forward(ctx, values, W_dec, pairs):
        ctx.pairs, ctx.dense = replace(pairs, values=values.detach()), pairs.are_many
        ctx.save_for_backward(W_dec)
        if ctx.dense:
            return ctx.pairs.to_dense() @ W_dec
        # A graph of this sum alone: `backward` follows it from y_hat to the values.
        with torch.enable_grad():
            ctx.values = values.detach().requires_grad_()
            ctx.decoded = F.embedding_bag(
                pairs.latents, W_dec.detach(), pairs.starts, per_sample_weights=ctx.values, mode="sum"
            )
        return ctx.decoded.detach()

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        (W_dec,) = ctx.saved_tensors
        pairs = ctx.pairs
        if ctx.dense:
            d_values = (g @ W_dec.T)[pairs.positions, pairs.latents]
        else:
            (d_values,) = torch.autograd.grad(ctx.decoded, ctx.values, g, retain_graph=True)
        return d_values, sum_by_latent(pairs, pairs.values, pairs.positions, g), None


def sum_by_latent(
    pairs: ActivePairs,
    weights: Float[Tensor, " pairs"],
    rows: Int[Tensor, " pairs"],
    table: Float[Tensor, "rows width"],
) -> Float[Tensor, "d_sae width"]:
    """For each latent the weighted sum of the table's rows that its pairs name: both weight gradients."""
    if pairs.are_many:
        return replace(pairs, values=weights).to_dense().T @ table
    order, starts = pairs.by_latent
    return F.embedding_bag(rows[order], table, starts, per_sample_weights=weights[order], mode="sum")
