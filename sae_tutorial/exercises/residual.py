"""Checks for notebook 02: counting paths, an induction score, an attribution, a control for heads, faithfulness, claims."""

from collections.abc import Callable, Iterable
from functools import partial
from operator import index
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import (
    Mistakes,
    match_choices,
    match_draws,
    match_function,
    match_number,
)
from sae_tutorial.exercises.reporting import Exercise, WrongAnswer, call


def check_paths(whole_blocks: int | None, apart: int | None, with_heads: int | None) -> None:
    """Exercise 2.1: the paths through 4 blocks of 3 heads: whole blocks, attention and MLP apart, each head apart."""
    exercise = Exercise(
        "2.1",
        "put a number in place of each None.",
        "the table in the section 'Paths, and how many there are'",
        "you can say what a count of paths counts, which a bare 2ⁿ does not.",
    )
    exercise.check(_judge_paths, whole_blocks, apart, with_heads)


def check_induction_score(induction_score: Callable[[Tensor, int], float]) -> None:
    """Exercise 2.2: `induction_score(pattern, n)` of one head on BOS and n tokens, twice."""
    exercise = Exercise(
        "2.2",
        "write the body of `induction_score`.",
        "the section 'Heads that repeat what came next'",
        "you can find induction heads in any model that shows you its attention.",
    )
    small = [
        [1.0, 0.0, 0.0, 0.0, 0.0],
        [0.7, 0.3, 0.0, 0.0, 0.0],
        [0.2, 0.5, 0.3, 0.0, 0.0],
        [0.1, 0.2, 0.6, 0.1, 0.0],
        [0.2, 0.0, 0.1, 0.5, 0.2],
    ]
    inputs = [(torch.tensor(small), 2), *((_pattern(2 * n + 1, seed), n) for seed, n in enumerate((3, 5)))]
    exercise.check(
        lambda answer: match_function(answer, _induction, inputs, _INDUCTION_MISTAKES), induction_score
    )


def check_attribution(attribution: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Exercise 2.3: `attribution(parts, weight, direction)`, shares that add up, in place of `shares_that_do_not`."""
    exercise = Exercise(
        "2.3",
        "write `attribution` so that the shares add up to the whole; those of `shares_that_do_not` do not.",
        "the section 'Who is for Paris?'",
        "you can split a logit among parts without the shares depending on how the parts are cut.",
    )
    generator = torch.Generator().manual_seed(0)
    inputs = [
        (torch.tensor([[3.0, 0.0], [0.0, 4.0]]), torch.tensor([1.0, 2.0]), torch.tensor([1.0, -1.0])),
        tuple(torch.randn(shape, generator=generator) for shape in ((4, 3), (3,), (3,))),
    ]
    exercise.check(
        lambda answer: match_function(answer, _attribution, inputs, _ATTRIBUTION_MISTAKES), attribution
    )


def check_control_heads(control_heads: Callable[..., list[tuple[int, int]]]) -> None:
    """Exercise 2.4: `control_heads(found, n_heads, seed)`, as many other heads of the same layers."""
    exercise = Exercise(
        "2.4",
        "write the body of `control_heads`.",
        "the section 'Does it matter? Ablation'",
        "you can tell 'these heads matter' from 'heads in these layers matter'.",
    )
    exercise.check(_judge_control_heads, control_heads)


def check_faithfulness(faithfulness: Callable[[float, float, float], float]) -> None:
    """Exercise 2.5: `faithfulness(full, ablated, circuit)`, from three losses."""
    exercise = Exercise(
        "2.5",
        "write the body of `faithfulness`.",
        "the section 'What a claim about a circuit needs'",
        "you can put a circuit of any size on one scale: 0 as bad as no heads at all, 1 as good as the model.",
    )
    inputs = [(2.0, 10.0, 4.0), (1.5, 3.0, 3.75), (6.0, 12.0, 6.0)]
    exercise.check(
        lambda answer: match_function(answer, _faithfulness, inputs, _FAITHFULNESS_MISTAKES), faithfulness
    )


def check_shown(shown: Iterable[str] | None) -> None:
    """Exercise 2.6: which of five claims a table of ablations shows."""
    exercise = Exercise(
        "2.6",
        "replace None by a set of letters, such as {'A'}.",
        "the section 'What a claim about a circuit needs'",
        "you can read a table of ablations, in a paper too, for what it shows and what it leaves open.",
    )
    exercise.check(_judge_shown, shown)


def _judge_paths(whole_blocks: Any, apart: Any, with_heads: Any) -> None:
    smaller = "With 2 blocks of 3 heads the three answers would be 4, 16 and 64."
    match_number(
        "whole_blocks",
        whole_blocks,
        2**4,
        {
            4: "that is the number of blocks. Each is gone through or passed by, whatever the others do.",
            8: "that is 2 · 4. Choices multiply, they do not add: 2 · 2 · 2 · 2.",
            15: "one less than all: the path past all blocks, the direct path, counts too.",
            5: "that is the number of lengths a path can have; of most lengths there are several paths.",
        },
        example=smaller,
    )
    match_number(
        "apart",
        apart,
        4**4,
        {
            16: "that counts whole blocks. Attention and MLP of a block are passed by independently: 8 modules.",
            32: "that is 2 · 16. A block has twice the modules, 2 ways for attention times 2 for the MLP.",
            81: "that is 3 ways for each block; there are four: neither, attention, MLP, and attention then MLP.",
            255: "one less than all: the direct path counts too.",
            8: "that is the number of modules; each is gone through or passed by.",
        },
        example=smaller,
    )
    match_number(
        "with_heads",
        with_heads,
        8**4,
        {
            65536: "that is 16 ways for each block, as if a path could go through any set of a layer's heads. A path is "
            "one line: one head, or none.",
            1296: "that is 6 ways for each block, 3 heads times 2. A path may also pass attention by: 3 heads make 4 "
            "ways through it.",
            256: "that is 4 ways for each block, those through attention; each goes on through the MLP or passes it by.",
            625: "that is 5 ways for each block. The MLP comes after attention, not beside it: ways through the two "
            "multiply.",
            2401: "that is 7 ways for each block. The MLP comes after attention: ways through the two multiply.",
            20736: "that is 12 ways for each block. 3 heads and passing by make 4 ways through attention, not 6.",
            4095: "one less than all: the direct path counts too.",
        },
        example=smaller,
    )


def _pattern(size: int, seed: int) -> Tensor:
    scores = torch.randn(size, size, generator=torch.Generator().manual_seed(seed))
    return scores.masked_fill(torch.ones(size, size).triu(1).bool(), float("-inf")).softmax(-1)


def _induction(pattern: Tensor, n: int) -> Tensor:
    return _looking_back(pattern, n - 1, n + 1, 2 * n)


def _looking_back(pattern: Tensor, offset: int, first: int, last: int) -> Tensor:
    """The mean attention to the key `offset` places back, over the queries from `first` to `last`."""
    queries = torch.arange(first, last + 1)
    return pattern[queries, queries - offset].mean()


# What a head is that looks so many places back, as the number to add to or take from n, or counted from the query.
_OFFSETS: dict[str, tuple[Callable[[int], int], str]] = {
    "n - 1": (lambda n: n - 1, ""),
    "n": (
        lambda n: n,
        "The query's own token stood there, so this scores a duplicate-token head. An induction head looks one place "
        "later, n - 1 back, at what followed.",
    ),
    "n + 1": (lambda n: n + 1, "That is the token *before* the earlier one; look at the one after it, n - 1 back."),
    "n - 2": (lambda n: n - 2, "That is two places after the earlier token; look at the one after it, n - 1 back."),
    "1": (lambda n: 1, "That is the token just before, which a previous-token head looks at; look n - 1 back."),
}  # fmt: skip
_FIRST = {"the first one possible": None, "n": 0, "n + 1": 1, "n + 2": 2}
# The first query that can look n or n + 1 places back is n or n + 1, so these are the same as others.
_TWICE = {("n", "the first one possible"), ("n + 1", "n"), ("n + 1", "the first one possible")}


def _off_by_one() -> Mistakes:
    """Every mean over one diagonal, from a query that is right or one place off to one that is."""
    mistakes = []
    for offset, (places, what) in _OFFSETS.items():
        for first, start in _FIRST.items():
            for last, end in (("2n", 0), ("2n - 1", -1)):
                if (offset, first, last) == ("n - 1", "n + 1", "2n") or (offset, first) in _TWICE:
                    continue
                message = (
                    f"your mean reads, for the queries from {first} to {last}, the key {offset} places back."
                )
                if what:
                    message += f" {what}"
                if (first, last) != ("n + 1", "2n"):
                    message += " BOS is at 0 and the second half goes from n + 1 to 2n."
                mistakes.append((partial(_mean_of, places, start, end), message))
    return mistakes


def _mean_of(places: Callable[[int], int], start: int | None, end: int, pattern: Tensor, n: int) -> Tensor:
    return _looking_back(pattern, places(n), places(n) if start is None else n + start, 2 * n + end)


_INDUCTION_MISTAKES: Mistakes = [
    *_off_by_one(),
    (
        lambda p, n: p.diagonal(-(n - 1))[2:].sum(),
        "that is the sum; a score that can be compared between lengths is the mean over queries.",
    ),
    (
        lambda p, n: _induction(p.T, n),
        "your score is 0 for every causal head, like all that lies above the main diagonal: rows are queries, columns "
        "are keys.",
    ),
    (
        lambda p, n: p[n + 1 :].max(-1).values.mean(),
        "you score how sharp the attention is, wherever it looks.",
    ),
]


def _scaled(parts: Tensor, weight: Tensor, direction: Tensor, size: Tensor) -> Tensor:
    return parts / size * weight @ direction


def _attribution(parts: Tensor, weight: Tensor, direction: Tensor) -> Tensor:
    return _scaled(parts, weight, direction, parts.sum(0).pow(2).mean().sqrt())


_ATTRIBUTION_MISTAKES: Mistakes = [
    (
        lambda p, w, d: _scaled(p, w, d, p.pow(2).mean(1, keepdim=True).sqrt()),
        "each part is divided by its own size, as in `shares_that_do_not`: a tiny part then counts as much as a large "
        "one. The model divides the sum, so divide every part by the size of the sum.",
    ),
    (
        lambda p, w, d: p / p.sum(0).pow(2).mean().sqrt() @ d,
        "the norm's weight is missing.",
    ),
    (
        lambda p, w, d: p * w @ d,
        "the scale is missing: the norm divides the stream before its weight is applied.",
    ),
    (
        lambda p, w, d: _attribution(p, w, d).sum(),
        "this is the logit itself; give each part's share, one number per row.",
    ),
    (
        lambda p, w, d: _scaled(p, w, d, p.sum(0).norm()),
        "you divide by the length of the stream; RMSNorm divides by the root of the *mean* square, √d smaller.",
    ),
    (
        lambda p, w, d: _scaled(p, w, d, p.pow(2).mean().sqrt()),
        "your scale is the root mean square over all parts. Parts may cancel: square the sum, not the parts.",
    ),
    (
        lambda p, w, d: _scaled(p, w, d, p.mean(0).pow(2).mean().sqrt()),
        "your scale is that of the mean of the parts; the stream is their sum.",
    ),
    (
        lambda p, w, d: _attribution(p, w, d) / _attribution(p, w, d).sum(),
        "you divide by the total. Shares of 1 hide how large the logit is, and explode when parts cancel.",
    ),
]


def _judge_control_heads(control_heads: Any) -> None:
    for found, n_heads in (([(3, 0), (3, 4), (7, 2), (1, 5)], 6), ([(2, 9), (0, 0), (5, 11)], 12)):
        for seed in range(12):
            _judge_heads(_heads(call(control_heads, found, n_heads, seed)), found, n_heads)
    # Two of the four other heads of layer 3, one of five in layer 7, one of five in layer 1: 6 · 5 · 5 controls.
    found, n_heads = [(3, 0), (3, 4), (7, 2), (1, 5)], 6
    match_draws(lambda seed: tuple(sorted(_heads(call(control_heads, found, n_heads, seed)))), 150)


def _heads(result: Any) -> list[tuple[int, int]]:
    """The pairs in a result, or WrongAnswer."""
    heads = []
    for pair in result if isinstance(result, Iterable) else [result]:
        try:
            layer, head = (index(number) for number in pair)
        except (TypeError, ValueError):
            raise WrongAnswer(
                f"{pair!r} is among the results; a head is a pair of whole numbers, (layer, head)."
            ) from None
        heads.append((layer, head))
    return heads


def _judge_heads(heads: list[tuple[int, int]], found: list[tuple[int, int]], n_heads: int) -> None:
    layers = sorted(layer for layer, _ in found)
    if set(heads) & set(found):
        raise WrongAnswer(
            f"{sorted(set(heads) & set(found))[0]} is one of the found heads; a control must not contain what it "
            "controls for."
        )
    if len(heads) != len(found):
        raise WrongAnswer(
            f"you return {len(heads)} heads for {len(found)} found ones; ablating fewer or more is another dose."
        )
    if sorted(layer for layer, _ in heads) != layers:
        raise WrongAnswer(
            f"the layers are {sorted(layer for layer, _ in heads)}, those of the found heads {layers}: a layer's "
            "place in the model matters by itself, so match it head by head."
        )
    if len(set(heads)) < len(heads):
        raise WrongAnswer("a head was drawn twice, so fewer heads are ablated. Draw without replacement.")
    if not all(0 <= head < n_heads for _, head in heads):
        raise WrongAnswer(f"a head's number must be below n_heads = {n_heads}; got {heads}.")


def _faithfulness(full: float, ablated: float, circuit: float) -> float:
    return (ablated - circuit) / (ablated - full)


_FAITHFULNESS_MISTAKES: Mistakes = [
    (
        lambda f, a, c: (c - f) / (a - f),
        "yours is 0 for a perfect circuit and 1 for one that does nothing: the part that is *lost*. Take the part that "
        "is kept.",
    ),
    (
        lambda f, a, c: f / c,
        "a ratio of two losses has no zero: a circuit that does nothing would still score full / ablated.",
    ),
    (
        lambda f, a, c: c / f,
        "a ratio of two losses has no zero, and a worse circuit scores higher.",
    ),
    (
        lambda f, a, c: (a - c) / a,
        "the scale lacks its upper end: divide by what there is to gain, `ablated - full`.",
    ),
    (
        lambda f, a, c: a - c,
        "that is the gain in nats; divide by what there is to gain, `ablated - full`.",
    ),
    (
        lambda f, a, c: (c - a) / (a - f),
        "the sign is turned: a lower loss than `ablated` should count for the circuit.",
    ),
    (
        lambda f, a, c: min(max(_faithfulness(f, a, c), 0.0), 1.0),
        "you clip to 0 and 1. A circuit can be worse than no heads, and the number should say so.",
    ),
]


def _judge_shown(shown: Any) -> None:
    match_choices(
        shown,
        {"A": "A is shown: its effect exceeds its control by far more than either spreads."},
        {
            "B": "random heads of the same layers do as much: the control rules B out.",
            "C": "C has one draw. Without a spread, 0.9 against 0.1 may be luck.",
            "D": "D's heads also matter on ordinary text, as much: that they serve *repetition* is not shown.",
            "E": "nothing was changed inside the model for E: an attention score says where a head looks, not that it "
            "matters.",
        },
    )
