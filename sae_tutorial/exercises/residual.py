"""Checks for notebook 02: counting paths, an induction score, an attribution, a control for heads, faithfulness, claims."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.reporting import (
    Exercise,
    Mistakes,
    WrongAnswer,
    call,
    match_function,
    match_number,
)


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
        "`attention_to_offset` in the section 'Heads that repeat what came next'",
        "you can find induction heads in any model that shows you its attention.",
    )
    inputs = [(_pattern(2 * n + 1, seed), n) for seed, n in enumerate((3, 4))]
    exercise.check(
        lambda answer: match_function(answer, _induction, inputs, _INDUCTION_MISTAKES), induction_score
    )


def check_attribution(attribution: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Exercise 2.3: `attribution(parts, weight, direction)`, shares that add up, in place of `shares_that_do_not`."""
    exercise = Exercise(
        "2.3",
        "write `attribution` so that the shares add up to the whole; those of `shares_that_do_not` do not.",
        "the docstring of `attribute_logits` in the section 'Who is for Paris?'",
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
    match_number(
        "whole_blocks",
        whole_blocks,
        2**4,
        {
            4: "that is the number of blocks. Each is gone through or passed by, whatever the others do.",
            8: "choices multiply, they do not add: 2 · 2 · 2 · 2, not 2 · 4.",
            15: "the path past all blocks counts too: it is the direct path.",
            5: "that is the number of lengths a path can have; of most lengths there are several paths.",
        },
    )
    match_number(
        "apart",
        apart,
        4**4,
        {
            16: "that counts whole blocks. Attention and MLP of a block are passed by independently: 8 modules.",
            32: "a block is not twice the choices but twice the modules: 2 for attention times 2 for the MLP.",
            81: "you gave a block three ways; there are four: neither, attention, MLP, and attention then MLP.",
            255: "the direct path counts too.",
        },
    )
    match_number(
        "with_heads",
        with_heads,
        8**4,
        {
            65536: "you let a path go through any set of a layer's heads. A path is one line: one head, or none.",
            1296: "a path may also pass attention by: 3 heads make 4 ways through it.",
            256: "that is 4 ways through attention alone; each goes through the MLP or passes it by.",
            625: "the MLP comes after attention, not beside it: ways through the two multiply.",
            2401: "the MLP comes after attention, not beside it: ways through the two multiply.",
            20736: "a head is no switch beside the others: 3 heads and passing by make 4 ways, not 6.",
            4095: "the direct path counts too.",
        },
    )


def _pattern(size: int, seed: int) -> Tensor:
    scores = torch.randn(size, size, generator=torch.Generator().manual_seed(seed))
    return scores.masked_fill(torch.ones(size, size).triu(1).bool(), float("-inf")).softmax(-1)


def _induction(pattern: Tensor, n: int) -> Tensor:
    return pattern.diagonal(-(n - 1))[2:].mean()


_INDUCTION_MISTAKES: Mistakes = [
    (
        lambda p, n: p.diagonal(-n)[1:].mean(),
        "you score attention to the *same* token, n places back: a duplicate-token head. An induction head looks one "
        "place later, at what followed it.",
    ),
    (
        lambda p, n: p.diagonal(-(n + 1)).mean(),
        "you score attention to the token *before* the earlier one, n + 1 places back; it is the one after it.",
    ),
    (
        lambda p, n: p.diagonal(-(n - 1)).mean(),
        "the mean runs over all queries. In the first half nothing has been repeated yet: start at query n + 1.",
    ),
    (
        lambda p, n: p.diagonal(-(n - 1))[1:].mean(),
        "your second half starts a query too early: BOS is at 0, so the first half ends at n.",
    ),
    (
        lambda p, n: p.diagonal(-(n - 1))[3:].mean(),
        "your second half starts a query too late: with BOS at 0 it starts at n + 1.",
    ),
    (
        lambda p, n: p.diagonal(-(n - 1))[2:].sum(),
        "that is the sum; a score that can be compared between lengths is the mean over queries.",
    ),
    (
        lambda p, n: p.diagonal(n - 1).mean(),
        "rows are queries and columns are keys: this diagonal lies above the main one, where a causal head has zeros.",
    ),
    (
        lambda p, n: p.diagonal(-1)[n:].mean(),
        "you score attention to the token just before: a previous-token head.",
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
    found, n_heads = [(3, 0), (3, 4), (7, 2), (1, 5)], 6
    drawn = [[tuple(head) for head in call(control_heads, list(found), n_heads, seed)] for seed in range(12)]
    layers = sorted(layer for layer, _ in found)
    for heads in drawn:
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
    if len({tuple(sorted(heads)) for heads in drawn}) == 1:
        raise WrongAnswer(
            "every seed gives the same heads, so there is no spread to compare with: use `seed`."
        )
    if [tuple(head) for head in call(control_heads, list(found), n_heads, 3)] != drawn[3]:
        raise WrongAnswer(
            "the same seed gives other heads a second time; draw from a generator made with `seed`."
        )


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
    why_not = {
        "B": "random heads of the same layers do as much: the control rules B out.",
        "C": "C has one draw. Without a spread, 0.9 against 0.1 may be luck.",
        "D": "D's heads also matter on ordinary text, as much: that they serve *repetition* is not shown.",
        "E": "nothing was changed inside the model for E: an attention score says where a head looks, not that it "
        "matters.",
    }
    if isinstance(shown, str) or not isinstance(shown, Iterable):
        raise WrongAnswer(f"answer with a set of letters, not {shown!r}.")
    letters = set(shown)
    known = {"A", *why_not}
    if letters - known:
        raise WrongAnswer(f"{sorted(map(str, letters - known))[0]!r} is not one of {sorted(known)}.")
    for letter, reason in why_not.items():
        if letter in letters:
            raise WrongAnswer(reason)
    if "A" not in letters:
        raise WrongAnswer("A is shown: its effect exceeds its control by far more than either spreads.")
