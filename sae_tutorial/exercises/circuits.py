"""Checks for notebook 03: an induction score, a control for heads, claims, faithfulness, a patch."""

from collections.abc import Callable, Iterable
from functools import partial
from operator import index
from typing import Any

import torch
from torch import Tensor
from transformer_lens.hook_points import HookPoint

from sae_tutorial.exercises.matching import (
    Mistakes,
    match_choices,
    match_draws,
    match_function,
    match_untouched,
)
from sae_tutorial.exercises.reporting import Exercise, WrongAnswer, call
from sae_tutorial.transformer.heads import random_heads


def check_induction_score(induction_score: Callable[[Tensor, int], float]) -> None:
    """Exercise 3.1: `induction_score(pattern, n)` of one head on BOS and n tokens, twice."""
    exercise = Exercise(
        "3.1",
        "write the body of `induction_score`.",
        "the section 'Which heads look back?'",
        "you can find induction heads in any model that shows you its attention.",
    )
    exercise.check(_judge_induction, induction_score)


def check_control_heads(control_heads: Callable[..., list[tuple[int, int]]]) -> None:
    """Exercise 3.2: `control_heads(found, n_heads, seed)`, as many other heads of the same layers."""
    exercise = Exercise(
        "3.2",
        "write the body of `control_heads`.",
        "the section 'Does it matter? Ablation'",
        "you can tell 'these heads matter' from 'heads in these layers matter'.",
    )
    exercise.check(_judge_control_heads, control_heads)


def check_shown(shown: Iterable[str] | None) -> None:
    """Exercise 3.3: which of five claims a table of ablations shows."""
    exercise = Exercise(
        "3.3",
        "replace None by a set of letters, such as {'A'}.",
        "the section 'Does it matter? Ablation'",
        "you can read a table of ablations, in a paper too, for what it shows and what it leaves open.",
    )
    exercise.check(_judge_shown, shown)


def check_patch(patch: Callable[..., Tensor]) -> None:
    """Exercise 3.6: `patch(activation, hook, donor, position)`, the donor's vector at one position."""
    exercise = Exercise(
        "3.6",
        "write the body of `patch`.",
        "the section 'Where is the country? Activation patching'",
        "you can move one vector from one run to another, and so ask where a piece of information sits.",
    )
    exercise.check(_judge_patch, patch)


def check_faithfulness(faithfulness: Callable[[float, float, float], float]) -> None:
    """Exercise 3.5: `faithfulness(full, ablated, circuit)`, from three losses."""
    exercise = Exercise(
        "3.5",
        "write the body of `faithfulness`.",
        "the section 'Are these heads enough?'",
        "you can put a circuit of any size on one scale: 0 as bad as no heads at all, 1 as good as the model.",
    )
    exercise.check(_judge_faithfulness, faithfulness)


def _pattern(size: int, seed: int) -> Tensor:
    scores = torch.randn(size, size, generator=torch.Generator().manual_seed(seed))
    return scores.masked_fill(torch.ones(size, size).triu(1).bool(), float("-inf")).softmax(-1)


def _judge_induction(induction_score: Callable[[Tensor, int], float]) -> None:
    small = [
        [1.0, 0.0, 0.0, 0.0, 0.0],
        [0.7, 0.3, 0.0, 0.0, 0.0],
        [0.2, 0.5, 0.3, 0.0, 0.0],
        [0.1, 0.2, 0.6, 0.1, 0.0],
        [0.2, 0.0, 0.1, 0.5, 0.2],
    ]
    inputs = [(torch.tensor(small), 2), *((_pattern(2 * n + 1, seed), n) for seed, n in enumerate((3, 5)))]
    match_function(induction_score, _induction, inputs, _INDUCTION_MISTAKES)


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
        lambda p, n: p[n + 1 :, 2 : n + 2].mean(),
        "that is the mean of a block, every query with every key. Give both at once, pattern[queries, keys], and each "
        "query is paired with its own key.",
    ),
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


def _judge_control_heads(control_heads: Any) -> None:
    for found, n_heads in (([(3, 0), (3, 4), (7, 2), (1, 5)], 6), ([(2, 9), (0, 0), (5, 11)], 12)):
        for seed in range(12):
            _judge_heads(_heads(call(control_heads, found, n_heads, seed)), found, n_heads)
    # Two of the four other heads of layer 3, one of five in layer 7, one of five in layer 1: 6 · 5 · 5 controls.
    found, n_heads = [(3, 0), (3, 4), (7, 2), (1, 5)], 6
    match_draws(lambda seed: tuple(sorted(_heads(call(control_heads, found, n_heads, seed)))), 150)
    match_untouched(control_heads, {"found": found, "n_heads": n_heads, "seed": 0})


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


def _judge_patch(patch: Callable[..., Tensor]) -> None:
    generator = torch.Generator().manual_seed(0)
    hook = HookPoint()
    hook.name = "blocks.2.hook_resid_pre"
    # At least as many texts as `position`, so that an answer that takes the batch for positions runs and is named.
    small = torch.arange(12.0).reshape(2, 3, 2)
    activation, donor = torch.randn(2, 4, 5, 3, generator=generator)
    inputs = [(small, hook, 20 + small, 1), (activation, hook, donor, 3)]
    match_function(patch, _patch, inputs, _PATCH_MISTAKES, may_write=True)


def _patch(activation: Tensor, hook: HookPoint, donor: Tensor, position: int) -> Tensor:
    return _put(activation, position, donor[:, position])


def _put(activation: Tensor, places: Any, values: Tensor) -> Tensor:
    patched = activation.clone()
    patched[:, places] = values
    return patched


_PATCH_MISTAKES: Mistakes = [
    (
        lambda a, hook, d, p: d,
        "you hand over the whole donor run: every position follows it, and nothing is located. Copy one position.",
    ),
    (lambda a, hook, d, p: a, "what you return is what came in: the donor's vector was not put in."),
    (
        lambda a, hook, d, p: _put(a, p, 0),
        "you set the position to zero, which is an ablation. Put the donor's vector there.",
    ),
    (
        lambda a, hook, d, p: _put(a, p, a[:, p] + d[:, p]),
        "you add the donor's vector; the position then holds both runs. Put it in place of what was there.",
    ),
    (
        lambda a, hook, d, p: _put(a, slice(p, None), d[:, p:]),
        "you copy this position and all after it. Only one place may change, or you cannot say which one mattered.",
    ),
    (
        lambda a, hook, d, p: _put(a, slice(0, p + 1), d[:, : p + 1]),
        "you copy this position and all before it. Only one place may change, or you cannot say which one mattered.",
    ),
    (
        lambda a, hook, d, p: _put(a, p, d[0, p]),
        "every text of the batch gets the first donor's vector. Keep the batch: donor[:, position].",
    ),
    (
        lambda a, hook, d, p: torch.cat([a[:p], d[p : p + 1], a[p + 1 :]]),
        "the first axis is the batch, so this copies a whole text. Positions are the second axis: [:, position].",
    ),
    (
        lambda a, hook, d, p: _put(a, p, d[:, -1]),
        "you copy the donor's last position; take the one at `position`.",
    ),
    (
        lambda a, hook, d, p: _put(a, -1, d[:, -1]),
        "you change the last position, wherever `position` points. The first index after the batch is [:, position].",
    ),
    (
        lambda a, hook, d, p: torch.cat([_put(a[:1], p, d[:1, p]), a[1:]]),
        "only the first text of the batch is patched, the others go on as they were. Take all of them: [:, position].",
    ),
    (
        lambda a, hook, d, p: _put(d, p, a[:, p]),
        "the two runs are swapped: that is the donor's run with one vector of this one.",
    ),
    (
        lambda a, hook, d, p: d[:, p],
        "that is the donor's vector alone. A hook gives back the whole activation, with one position changed.",
    ),
]


def _judge_faithfulness(faithfulness: Callable[[float, float, float], float]) -> None:
    inputs = [(2.0, 10.0, 4.0), (1.5, 3.0, 3.75), (6.0, 12.0, 6.0)]
    match_function(faithfulness, _faithfulness, inputs, _FAITHFULNESS_MISTAKES)


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
        lambda f, a, c: abs(_faithfulness(f, a, c)),
        "the sign is lost: a circuit worse than no heads at all would score above 0.",
    ),
    (
        lambda f, a, c: min(max(_faithfulness(f, a, c), 0.0), 1.0),
        "you clip to 0 and 1. A circuit can be worse than no heads, and the number should say so.",
    ),
]


def _judge_shown(shown: Any) -> None:
    match_choices(
        shown,
        {"A": "A is shown: small as its effect is, it exceeds its control by far more than either spreads."},
        {
            "B": "B has the largest effect, and random heads of its layers have much of it. From five draws each, so widely "
            "spread, a difference of 0.9 is too small to call.",
            "C": "C has one draw. Without a spread, 0.9 against 0.1 may be luck.",
            "D": "D's heads also matter on ordinary text, as much: that they serve *repetition* is not shown.",
            "E": "nothing was changed inside the model for E: an attention score says where a head looks, not that it "
            "matters.",
        },
    )


# What the notebook goes on with where the learner's function is right: how it is judged, ours, and what makes one kind
# of thing of a right answer.
PARTS = {
    "induction_score": (_judge_induction, _induction, float),
    "control_heads": (_judge_control_heads, random_heads, _heads),
    "patch": (_judge_patch, _patch, torch.as_tensor),
    "faithfulness": (_judge_faithfulness, _faithfulness, float),
}
