"""Checks for notebook 08, second half: a frontier, a control for a prefix, a forgotten threshold."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import (
    Mistakes,
    match_choice,
    match_choices,
    match_function,
    read_tensor,
)
from sae_tutorial.exercises.reporting import Exercise, NotAttempted, WrongAnswer, call

Parameters = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def check_frontier(supported: Iterable[str] | None) -> None:
    """Exercise 8.9: which of the claims the frontier figure supports."""
    exercise = Exercise(
        "8.9",
        "replace None by a set of letters, such as {'a', 'c'}.",
        "the figure of the exercise: one vertical line for equal L0, one horizontal line for equal reconstruction",
        "you read a frontier along both axes, keep the spread in mind, and claim nothing that it does not show.",
    )
    exercise.check(_judge_frontier, supported)


def check_narrow(strongest: Callable[[Tensor, int], Tensor], control: str | None) -> None:
    """Exercise 8.7: `strongest(f, n)`, the n latents with the most energy, and the fair control for a prefix."""
    exercise = Exercise(
        "8.7",
        "write `strongest` and choose `control`.",
        "the section 'Matryoshka: dictionaries inside a dictionary', where a prefix meets its rivals",
        "you gave the rival its best cut. Only what still exceeds it is due to training with prefixes.",
    )
    exercise.check(lambda answer: _judge_narrow(answer, control), strongest)


def check_fold(fold: Callable[..., Parameters]) -> None:
    """Exercise 8.5: `fold(W_enc, b_enc, W_dec, b_dec, threshold, scale)`, from an SAE of scale · x to one of x."""
    exercise = Exercise(
        "8.5",
        "write `fold`; `broken_fold` forgets something.",
        "the folded help, on what is compared with the threshold",
        "the folded SAE turns on the same latents as before, on rows as the model makes them.",
    )
    exercise.check(_judge_fold, fold)


def _judge_frontier(supported: Any) -> None:
    match_choices(
        supported,
        {
            "a": "(a) is supported. On a vertical line at L0 = 20 the lines are 0.08 apart, several times the spread.",
            "d": "(d) is supported. On a horizontal line at 0.70, A crosses at about L0 = 55 and B at about 42.",
        },
        {
            "b": "(b) is not supported: the lines cross. Which one is better depends on L0, so neither is better as such.",
            "c": "(c) is not supported: the lines are 0.005 apart at L0 = 32, and seeds of one architecture differ by "
            "0.01: that is no difference.",
            "e": "(e) is not supported: explained variance says how well x is rebuilt. What a latent means was not "
            "measured, and L0 is equal there.",
            "f": "(f) is not supported: no point lies beyond L0 = 100, and lines that rise more slowly may cross again.",
        },
    )


def _strongest(f: Tensor, n: int) -> Tensor:
    return f.pow(2).sum(0).topk(n).indices


_STRONGEST_MISTAKES: Mistakes = [
    (
        lambda f, n: torch.arange(n),
        "these are the first n. In a BatchTopK dictionary the order of the latents means nothing.",
    ),
    (
        lambda f, n: (f > 0).sum(0).topk(n).indices,
        "you took those that are on most often; one that is on often and weakly rebuilds little. Sum the squares.",
    ),
    (
        lambda f, n: f.amax(0).topk(n).indices,
        "you took those with the largest single activation; one row can do that. Sum the squares over rows.",
    ),
    (
        lambda f, n: f.sum(0).topk(n).indices,
        "you summed the activations; a row of norm 1 times f removes about f² of squared error, so sum the squares.",
    ),
    (
        lambda f, n: f.var(0).topk(n).indices,
        "you took those that vary most. The variance leaves out the mean, and what a latent writes at every row is "
        "rebuilt as well: sum the squares.",
    ),
    (
        lambda f, n: (f.sum(0) / (f > 0).sum(0).clamp(min=1)).topk(n).indices,
        "you took those that are strongest where they are on; one that is on in a single row rebuilds little. Sum the "
        "squares over all rows.",
    ),
    (lambda f, n: f.pow(2).sum(0).topk(n, largest=False).indices, "these are the weakest n."),
    (
        lambda f, n: f.pow(2).sum(0).topk(n).values,
        "you return the energies; return which latents have them (`.indices`).",
    ),
    (
        lambda f, n: f.pow(2).sum(1).topk(n).indices,
        "you summed over latents (dim=1), which ranks the rows; sum over rows, dim=0.",
    ),
]


def _in_any_order(values: Any) -> Any:
    """Indices as a set, list or tensor, in order, so that theirs does not matter."""
    return read_tensor(list(values) if isinstance(values, set | frozenset) else values).sort().values


def _judge_narrow(strongest: Any, control: Any) -> None:
    # Latents: the largest sum, the largest activation, the most energy, the second most, the most rows.
    f = torch.tensor(
        [
            [1.6, 0.0, 2.0, 0.0, 0.1],
            [1.6, 3.0, 2.0, 2.3, 0.1],
            [1.6, 0.0, 2.0, 2.3, 0.1],
            [1.6, 0.0, 0.0, 0.0, 0.1],
            [0.0, 0.0, 0.0, 0.0, 0.1],
        ]
    )
    # More latents of all kinds, so that agreeing with a mistake by chance is out of the question.
    generator = torch.Generator().manual_seed(0)
    on = torch.rand(40, 30, generator=generator) < torch.rand(30, generator=generator)
    larger = (torch.rand(40, 30, generator=generator) + 0.2) * torch.rand(30, generator=generator) * on
    inputs = [(f, 1), (f.flip(1), 1), (f, 2), (f.flip(0), 2), (larger, 8), (larger.flip(1), 12)]
    for values in inputs:
        _in_any_order(call(strongest, *values))  # a stub or an exception is reported as such
    mistakes = [
        (lambda f, n, wrong=wrong: _in_any_order(wrong(f, n)), message)
        for wrong, message in _STRONGEST_MISTAKES
    ]
    match_function(
        lambda f, n: _in_any_order(strongest(f, n)),
        lambda f, n: _in_any_order(_strongest(f, n)),
        inputs,
        mistakes,
    )
    if control is None or control is Ellipsis:
        raise NotAttempted(" `strongest` is right; `control` is still open.")
    match_choice(
        control,
        "c",
        {
            "a": "random directions are too easy: any training at all beats them, with prefixes or without.",
            "b": "the first n of a BatchTopK dictionary are n drawn at random: their order means nothing, and "
            "nobody would cut there. Give the rival its best cut.",
            "d": "the whole Matryoshka SAE has many times as many latents; that it does better says nothing about the cut.",
            "e": "PCA is not a dictionary that was cut; it says what n directions can do if all of them are on "
            "at every token.",
        },
    )


def _run_jumprelu(x: Tensor, parts: Parameters) -> Tensor:
    W_enc, b_enc, W_dec, b_dec, threshold = parts
    pre = (x - b_dec) @ W_enc + b_enc
    return torch.where(pre > threshold, pre.relu(), 0.0) @ W_dec + b_dec


_FOLD_MISTAKES: list[tuple[Callable[..., Parameters], str]] = [
    (
        lambda We, be, Wd, bd, t, s: (We, be / s, Wd, bd / s, t),
        "the thresholds are as they were, as in `broken_fold`. Pre-activations are now 1/scale of what they were, so "
        "the old thresholds cut elsewhere.",
    ),
    (
        lambda We, be, Wd, bd, t, s: (We, be / s, Wd, bd / s, t * s),
        "you multiplied the thresholds by the scale; pre-activations become smaller by it, and thresholds with them.",
    ),
    (
        lambda We, be, Wd, bd, t, s: (We, be * s, Wd, bd * s, t * s),
        "you went the wrong way: the SAE was made for scale · x, and is to take x.",
    ),
    (
        lambda We, be, Wd, bd, t, s: (We / s, be / s, Wd / s, bd / s, t / s),
        "you divided everything. W_enc and W_dec stay: then f comes out in the units of x, and rows keep norm 1.",
    ),
    (
        lambda We, be, Wd, bd, t, s: (We, be, Wd, bd / s, t / s),
        "b_enc is in the units of the pre-activations, like the thresholds: divide it as well.",
    ),
    (
        lambda We, be, Wd, bd, t, s: (We, be / s, Wd, bd, t / s),
        "b_dec is a point in the space of scale · x; in the space of x it is b_dec / scale.",
    ),
    (
        lambda We, be, Wd, bd, t, s: (We, be, Wd, bd, t / s),
        "only the thresholds are divided; the biases have units too.",
    ),
    (
        lambda We, be, Wd, bd, t, s: (We * s, be, Wd, bd, t),
        "the encoder now reads x, but W_dec still writes scale · x, and b_dec is a point of that space.",
    ),
    (
        lambda We, be, Wd, bd, t, s: (We / s, be, Wd * s, bd / s, t),
        "W_enc and W_dec are scaled the wrong way round: an SAE that takes x has to multiply by scale what it reads, "
        "or divide b_enc and the thresholds.",
    ),
    (lambda *parts: parts[:5], "nothing has changed: the SAE still expects scale · x."),
]


def _judge_fold(fold: Any) -> None:
    x = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    W_enc = torch.tensor([[1.0, 0.0, -0.6], [0.0, 1.0, 0.8]])
    parts = (
        W_enc,
        torch.tensor([0.5, -0.4, 0.2]),
        W_enc.T.contiguous(),
        torch.tensor([0.2, -0.3]),
        torch.tensor([1.5, 0.6, 0.9]),
    )
    scales = (2.0, 0.75)
    right = [_run_jumprelu(scale * x, parts) / scale for scale in scales]
    got = [_run_jumprelu(x, _five_parts(call(fold, *parts, scale), parts)) for scale in scales]
    if _all_close(got, right):
        return
    for mistake, message in _FOLD_MISTAKES:
        if _all_close(got, [_run_jumprelu(x, mistake(*parts, scale)) for scale in scales]):
            raise WrongAnswer(message)
    off = max(float((one - other).abs().max()) for one, other in zip(got, right, strict=True))
    raise WrongAnswer(
        "on rows of x the folded SAE should answer what the old one answers on scale · x, divided by scale; "
        f"it differs by up to {off:.3f}."
    )


def _five_parts(result: Any, like: Parameters) -> Parameters:
    if not isinstance(result, tuple | list) or len(result) != 5:
        raise WrongAnswer("return five tensors: W_enc, b_enc, W_dec, b_dec, threshold.")
    parts = tuple(read_tensor(part).float() for part in result)
    for name, new, old in zip(("W_enc", "b_enc", "W_dec", "b_dec", "threshold"), parts, like, strict=True):
        if new.shape != old.shape:
            raise WrongAnswer(
                f"`{name}` comes back with the shape {list(new.shape)}; it had {list(old.shape)}. Return the five in "
                "the order of the arguments."
            )
    return parts


def _all_close(some: list[Tensor], others: list[Tensor]) -> bool:
    return all(torch.allclose(one, other, atol=1e-5) for one, other in zip(some, others, strict=True))
