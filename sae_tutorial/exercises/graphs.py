"""Checks for notebook 11: readers, a frozen head, edges, influence, pruning, an edit."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import (
    Mistakes,
    match_function,
    read_tensor,
)
from sae_tutorial.exercises.reporting import Exercise


def check_reader(reader: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Exercise 11.2: `reader(row, gain, scale)`, the direction of the stream that a row behind a held RMSNorm reads."""
    exercise = Exercise(
        "11.2",
        "write the body of `reader`.",
        "the section 'Freeze'",
        "you can say what a latent reads in the stream, though a norm stands between.",
    )
    exercise.check(lambda a: PARTS["reader"][0](a), reader)


def check_back(back: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> None:
    """Exercise 11.3: `back(gradient, pattern, W_V, W_O)`, a gradient carried back through a block with one frozen head."""
    exercise = Exercise(
        "11.3",
        "write the body of `back`.",
        "the section 'Freeze'",
        "you can follow a gradient from where something is read to where it was written.",
    )
    exercise.check(lambda a: PARTS["back"][0](a), back)


def check_edges(edges: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Exercise 11.4: `edges(f, W_dec, readers)`, what each source latent added to each target, [targets, sources]."""
    exercise = Exercise(
        "11.4",
        "write the body of `edges`.",
        "the section 'Nodes and edges'",
        "you can take a latent's pre-activation apart into what each earlier latent gave.",
    )
    exercise.check(lambda a: PARTS["edges"][0](a), edges)


def check_influence(influence: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Exercise 11.5: `influence(edges, weights)`, each node's share in the answers over paths of any length."""
    exercise = Exercise(
        "11.5",
        "write the body of `influence`.",
        "the section 'Influence'",
        "you can rank nodes by all paths at once, of which there may be millions.",
    )
    exercise.check(lambda a: PARTS["influence"][0](a), influence)


def check_prune(prune: Callable[[Tensor, float], Tensor]) -> None:
    """Exercise 11.6: `prune(influence, share)`, True for the fewest nodes that hold this share of all influence."""
    exercise = Exercise(
        "11.6",
        "write the body of `prune`.",
        "the folded help, on the running sum",
        "you can make a graph small by a rule, not by taste.",
    )
    exercise.check(lambda a: PARTS["prune"][0](a), prune)


def check_edited(edited: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Exercise 11.7: `edited(f, mask, instead)`, latents with those of the mask as `instead` has them."""
    exercise = Exercise(
        "11.7",
        "write the body of `edited`.",
        "the section 'Put to the test'",
        "you can take latents out of a model or put another text's in, by the same line.",
    )
    exercise.check(lambda a: PARTS["edited"][0](a), edited)


def random_tensors(seed: int, *shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    """Standard normal tensors of these shapes, the same ones for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)


def _graph(seed: int) -> tuple[Tensor, Tensor]:
    """Edges of six nodes, the first two of which read nothing, and an answer in the last two."""
    (edges,) = random_tensors(seed, (6, 6))
    edges = edges.tril(-1)
    edges[:2] = 0
    return edges, torch.tensor([0.0, 0.0, 0.0, 0.0, 0.25, 0.75])


def _reader(row: Tensor, gain: Tensor, scale: Tensor) -> Tensor:
    return row * gain / scale


def _reader_inputs() -> list[tuple[Tensor, Tensor, Tensor]]:
    """A row and a gain [d], and a scale."""
    small = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([2.0, 1.0, 4.0]), torch.tensor(4.0)
    return [small, *((*random_tensors(seed, (5,), (5,)), torch.tensor(1.5 + seed)) for seed in range(2))]


_READER_MISTAKES: Mistakes = [
    (lambda r, g, s: r * g, "divide by the scale, which is held where it came out."),
    (lambda r, g, s: r / s, "the norm also multiplies each dimension by its gain."),
    (lambda r, g, s: r / g / s, "the gain multiplies: x · reader has to be (gain · x / scale) · row."),
    (lambda r, g, s: r * g * s, "the norm divides by the scale."),
    (lambda r, g, s: r * s / g, "upside down: the norm multiplies by the gain and divides by the scale."),
    (lambda r, g, s: (r * g).sum() / s, "you summed over dimensions; a direction is wanted, one number for each."),
    (
        lambda r, g, s: r * g / (r * g).norm(),
        "you gave the direction length 1. Its length says how strongly the latent reads.",
    ),
]  # fmt: skip


def _back(gradient: Tensor, pattern: Tensor, W_V: Tensor, W_O: Tensor) -> Tensor:
    return gradient + pattern.T @ gradient @ W_O.T @ W_V.T


def _head(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A gradient [3, 4], a causal pattern of three positions, W_V [4, 2] and W_O [2, 4]."""
    gradient, scores, W_V, W_O = random_tensors(seed, (3, 4), (3, 3), (4, 2), (2, 4))
    masked = scores.masked_fill(torch.ones(3, 3).triu(1).bool(), -torch.inf)
    return gradient, masked.softmax(1), W_V, W_O


_BACK_MISTAKES: Mistakes = [
    (
        lambda g, A, V, W: A.T @ g @ W.T @ V.T,
        "this is the way through the head alone. What was in the stream also stays there: add the gradient itself.",
    ),
    (
        lambda g, A, V, W: g + A @ g @ W.T @ V.T,
        "that goes from keys to queries, the way the head moves things. Backwards, each key collects from the queries "
        "that looked at it: transpose the pattern.",
    ),
    (
        lambda g, A, V, W: g + A.T @ g @ V @ W,
        "the order and direction of the matrices is that of the forward pass. Backwards W_O comes first, and both are "
        "transposed.",
    ),
    (
        lambda g, A, V, W: g + A @ g @ V @ W,
        "that is the forward pass: what the head would make of the stream. A gradient goes the other way through "
        "everything.",
    ),
    (
        lambda g, A, V, W: g + g @ W.T @ V.T,
        "the pattern is unused: the head moves things between positions.",
    ),
    (lambda g, A, V, W: g, "the head is missing: here only what stays in the stream comes through."),
]


def _edges(f: Tensor, W_dec: Tensor, readers: Tensor) -> Tensor:
    return (readers @ W_dec.T) * f


def _edge_inputs() -> list[tuple[Tensor, Tensor, Tensor]]:
    """Activations [sources], decoder rows [sources, d] and readers [targets, d]."""
    rows, readers = (
        torch.tensor([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]]),
        torch.tensor([[1.0, 1.0], [0.5, -2.0]]),
    )
    drawn = (random_tensors(seed, (4,), (4, 3), (2, 3)) for seed in range(2))
    return [(torch.tensor([2.0, 0.0, 0.5]), rows, readers), *((f.abs(), *others) for f, *others in drawn)]


_EDGE_MISTAKES: Mistakes = [
    (
        lambda f, W, r: r @ W.T,
        "that is what one unit of each source would add. It wrote f of them: multiply by the activation.",
    ),
    (
        lambda f, W, r: (r @ W.T) * (f > 0),
        "you count a source as on or off; how strongly it is on matters too.",
    ),
    (lambda f, W, r: ((r @ W.T) * f).abs(), "you dropped the sign: a source may hold its target down."),
    (
        lambda f, W, r: ((r @ W.T) * f).relu(),
        "you set negative edges to 0: the ReLU comes after the sum, and a source may hold its target down.",
    ),
    (
        lambda f, W, r: ((r @ W.T) * f).T,
        "rows are targets and columns sources: yours is the other way round.",
    ),
    (
        lambda f, W, r: ((r @ W.T) * f).sum(1),
        "you summed over the sources: that is the target's value, and the single edges are wanted.",
    ),
    (
        lambda f, W, r: (r @ torch.nn.functional.normalize(W, dim=1).T) * f,
        "you normalised the decoder rows; a source writes f_i W_dec_i as it is.",
    ),
]


def _shares(edges: Tensor) -> Tensor:
    absolute = edges.abs()
    return absolute / absolute.sum(1, keepdim=True).clamp(min=1e-12)


def _paths(shares: Tensor) -> Tensor:
    one = torch.eye(len(shares))
    return torch.linalg.inv(one - shares) - one


def _influence(edges: Tensor, weights: Tensor) -> Tensor:
    return weights @ _paths(_shares(edges))


def _over_signed_sums(part: Tensor, edges: Tensor) -> Tensor:
    return (part / edges.sum(1, keepdim=True)).nan_to_num()


def _by_columns(edges: Tensor) -> Tensor:
    return edges.abs() / edges.abs().sum(0).clamp(min=1e-12)


_INFLUENCE_MISTAKES: Mistakes = [
    (
        lambda e, w: w @ _paths(e.abs() / e.abs().sum(1, keepdim=True)),
        "a row without edges is divided by a sum of 0, and what is no number spreads everywhere: `clamp(min=1e-12)` the sums.",
    ),
    (
        lambda e, w: w @ _shares(e),
        "these are the direct edges into the answers. Paths over other nodes are missing: (I − A)⁻¹ − I has them all.",
    ),
    (
        lambda e, w: w @ (_paths(_shares(e)) + torch.eye(len(e))),
        "the path of length 0 is in it, from a node to itself. Subtract I.",
    ),
    (
        lambda e, w: w @ _paths(e),
        "take the shares first: absolute edges, each row divided by its sum.",
    ),
    (
        lambda e, w: w @ _paths(e.abs()),
        "the rows are not divided by their sums, so that a node with large edges counts for more than there is.",
    ),
    (
        lambda e, w: w @ _paths(e / e.abs().sum(1, keepdim=True).clamp(min=1e-12)),
        "you kept the sign: a node that lowers the answer counts like one that raises it, so take absolute values first.",
    ),
    (
        lambda e, w: w @ _paths(_shares(e.relu())),
        "you kept the edges that raise. One that lowers the answer matters as much, so take absolute values.",
    ),
    *[
        (
            lambda e, w, shares=shares: w @ _paths(shares(e)),
            "you divided by the sum with signs, in which edges cancel. Take absolute values first, then the sum of these"
            + more,
        )
        for shares, more in (
            (lambda e: _over_signed_sums(e, e), "."),
            (lambda e: _over_signed_sums(e.abs(), e), "; above the line you did."),
            (lambda e: e / e.sum(1, keepdim=True).clamp(min=1e-12), "; `clamp` does not mend it."),
            (
                lambda e: e.abs() / e.sum(1, keepdim=True).clamp(min=1e-12),
                "; above the line you did, and `clamp` does not help below it.",
            ),
        )
    ],
    (
        lambda e, w: w @ _paths(_by_columns(e)),
        "you divided by the columns' sums. A row holds what its target was made of, and has to sum to 1.",
    ),
    (
        lambda e, w: _paths(_shares(e)) @ w,
        "you multiplied from the other side: this says how much of each node came from the answers, of which none did.",
    ),
    (
        lambda e, w: _paths(_shares(e)).sum(0),
        "you summed over all targets alike; only the answers count, by their weights.",
    ),
]


def _running(influence: Tensor) -> tuple[Tensor, Tensor]:
    order = influence.argsort(descending=True)
    return order, influence[order].cumsum(0) / influence.sum()


def _first(influence: Tensor, n: int) -> Tensor:
    keep = torch.zeros(len(influence), dtype=torch.bool)
    keep[influence.argsort(descending=True)[:n]] = True
    return keep


def _prune(influence: Tensor, share: float) -> Tensor:
    _, held = _running(influence)
    return _first(influence, int((held < share - 1e-6).sum()) + 1)


_PRUNE_INPUTS = [
    (torch.tensor([0.1, 0.5, 0.05, 0.3, 0.05]), 0.75),
    (torch.tensor([4.0, 1.0, 3.0, 2.0]), 0.65),
    (torch.tensor([0.2, 0.7, 0.4, 0.1, 0.6]), 0.6),
    (torch.tensor([1.0, 8.0, 1.0]), 0.8),
]
_PRUNE_MISTAKES: Mistakes = [
    (
        lambda i, s: _first(i, int((_running(i)[1] <= s + 1e-6).sum())),
        "the nodes kept hold less than the share: the one that crosses the line belongs to them.",
    ),
    (
        lambda i, s: _first(i, int((_running(i)[1] < s - 1e-6).sum())),
        "the last node is missing: without it the others hold less than the share.",
    ),
    (
        lambda i, s: _first(i, int((i.sort(descending=True).values.cumsum(0) < s - 1e-6).sum()) + 1),
        "you compare the running sum with the share itself: divide it by the sum of all influence.",
    ),
    (lambda i, s: i >= s * i.max(), "you compare with the largest node; the share is one of the sum."),
    (lambda i, s: i > s, "you compare each node with the share; the nodes kept have to hold it together."),
    (
        lambda i, s: _first(i, round(s * len(i))),
        "you kept a share of the nodes; a share of their influence is wanted.",
    ),
    (
        lambda i, s: i.cumsum(0) <= s * i.sum(),
        "the running sum has to begin with the largest; sort first.",
    ),
    (
        lambda i, s: ~_prune(i, s),
        "you marked what goes; mark what stays.",
    ),
]


def _edited(f: Tensor, mask: Tensor, instead: Tensor) -> Tensor:
    return torch.where(mask, instead, f)


_EDIT_MISTAKES: Mistakes = [
    (lambda f, m, i: torch.where(m, f, i), "the other way round: where mask is True, `instead` is wanted."),
    (lambda f, m, i: f.masked_fill(m, 0.0), "you take them out; `instead` has to come in their place."),
    (lambda f, m, i: torch.where(m, f + i, f), "you added `instead`; it comes in the latents' place."),
    (lambda f, m, i: f * ~m + i, "`instead` is added everywhere; it is wanted only where mask is True."),
    (lambda f, m, i: i.expand_as(f), "you replaced all latents; those outside the mask stay."),
]


def _latents(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Latents of two prompts at three places, a mask of some latents of each prompt, and the prompts exchanged."""
    f, drawn = random_tensors(seed, (2, 3, 4), (2, 1, 4))
    return f.relu(), drawn > 0, f.relu()[[1, 0]]


def _judge(
    reference: Callable[..., Tensor], inputs: Callable[[], list[tuple[Any, ...]]], mistakes: Mistakes
) -> Callable[[Any], None]:
    """Raises where an answer differs from `reference` on `inputs`."""
    return lambda answer: match_function(answer, reference, inputs(), mistakes)


def _judge_edited(answer: Any) -> None:
    inputs = [_latents(seed) for seed in range(3)]
    match_function(answer, _edited, inputs, _EDIT_MISTAKES)


PARTS = {
    "reader": (_judge(_reader, _reader_inputs, _READER_MISTAKES), _reader, read_tensor),
    "back": (_judge(_back, lambda: [_head(seed) for seed in range(3)], _BACK_MISTAKES), _back, read_tensor),
    "edges": (_judge(_edges, _edge_inputs, _EDGE_MISTAKES), _edges, read_tensor),
    "influence": (
        _judge(_influence, lambda: [_graph(seed) for seed in range(3)], _INFLUENCE_MISTAKES),
        _influence,
        read_tensor,
    ),
    "prune": (_judge(_prune, lambda: _PRUNE_INPUTS, _PRUNE_MISTAKES), _prune, read_tensor),
    "edited": (_judge_edited, _edited, read_tensor),
}
