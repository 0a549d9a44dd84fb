"""Checks for notebook 08, second half: a forgotten threshold, nested dictionaries, a frontier."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import (
    Mistakes,
    match_choices,
    match_function,
    read_tensor,
)
from sae_tutorial.exercises.reporting import Exercise, WrongAnswer, call

Parameters = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def check_frontier(supported: Iterable[str] | None) -> None:
    """Exercise 8.8: which of the claims the frontier figure supports."""
    exercise = Exercise(
        "8.8",
        "replace None by a set of letters, such as {'a', 'c'}.",
        "the figure of the exercise: one vertical line for equal L0, one horizontal line for equal reconstruction",
        "you read a frontier along both axes, keep the spread in mind, and claim nothing that it does not show.",
    )
    exercise.check(_judge_frontier, supported)


def check_nested_loss(nested_loss: Callable[..., Tensor]) -> None:
    """Exercise 8.7: `nested_loss(x, f, W_dec, b_dec, prefixes)`, Matryoshka's sum of squared errors."""
    exercise = Exercise(
        "8.7",
        "write the body of `nested_loss`.",
        "the formula in the section 'Matryoshka: dictionaries inside a dictionary'",
        "your first latents now have to be of use on their own.",
    )
    inputs = [
        _nested_example(seed, prefixes) for seed, prefixes in enumerate([(1, 3), (2, 3, 6), (1, 2, 4, 6)])
    ]
    exercise.check(lambda a: match_function(a, _nested_loss, inputs, _NESTED_MISTAKES), nested_loss)


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


def _nested_example(seed: int, prefixes: tuple[int, ...]) -> tuple[Any, ...]:
    """Rows x [5, 4], their f [5, d_sae] with some latents off, W_dec [d_sae, 4], b_dec [4], and the prefixes."""
    generator = torch.Generator().manual_seed(seed)
    shapes = (5, 4), (5, prefixes[-1]), (prefixes[-1], 4), (4,)
    x, f, W_dec, b_dec = (torch.randn(shape, generator=generator) for shape in shapes)
    return x, f.relu(), W_dec, b_dec, prefixes


def _errors(
    x: Tensor,
    f: Tensor,
    W_dec: Tensor,
    b_dec: Tensor,
    prefixes: Sequence[int],
    starts: Sequence[int] | None = None,
) -> list[Tensor]:
    """The mean squared error of each sum of latents, from its start (0 if none are given) up to its prefix."""
    starts = [0] * len(prefixes) if starts is None else starts
    return [(x - f[:, a:b] @ W_dec[a:b] - b_dec).pow(2).mean() for a, b in zip(starts, prefixes, strict=True)]


def _nested_loss(x: Tensor, f: Tensor, W_dec: Tensor, b_dec: Tensor, prefixes: Sequence[int]) -> Tensor:
    return sum(_errors(x, f, W_dec, b_dec, prefixes))


_NESTED_MISTAKES: Mistakes = [
    (
        lambda x, f, W, b, ms: _errors(x, f, W, b, ms)[-1],
        "this is the error of all latents together, BatchTopK's loss. Add the error of each shorter prefix.",
    ),
    (
        lambda x, f, W, b, ms: _errors(x, f, W, b, ms)[0],
        "this is the error of the shortest prefix alone; does `return` stand inside the loop? Add up all of them.",
    ),
    (
        lambda x, f, W, b, ms: sum(_errors(x, f, W, b, ms)[:-1]),
        "the last prefix is missing: all latents together have to rebuild x as well.",
    ),
    (
        lambda x, f, W, b, ms: sum(_errors(x, f, W, b, ms)) / len(ms),
        "you took the mean over prefixes; the formula adds them up.",
    ),
    (
        lambda x, f, W, b, ms: sum(_errors(x, f, W, b, ms, [0, *ms[:-1]])),
        "your pieces do not overlap: each begins where the one before it ends. A prefix always begins at latent 0.",
    ),
    (
        lambda x, f, W, b, ms: sum((x - f[:, :m] @ W[:m]).pow(2).mean() for m in ms),
        "b_dec is missing in the sums.",
    ),
    (
        lambda x, f, W, b, ms: sum((x - f[:, :m] @ W[:m] - b).pow(2).sum(1).mean() for m in ms),
        "you add up over the width of x; the formula divides by d_in.",
    ),
    (
        lambda x, f, W, b, ms: sum((x - f[:, :m] @ W[:m] - b).pow(2).sum() for m in ms),
        "you add up over rows and width; take the mean over both.",
    ),
    (
        lambda x, f, W, b, ms: sum((x - f[:, :m] @ W[:m] - b).abs().mean() for m in ms),
        "these are absolute errors; square them.",
    ),
    (
        lambda x, f, W, b, ms: sum((x - f[:, m - 1 : m] @ W[m - 1 : m] - b).pow(2).mean() for m in ms),
        "each of your sums has one latent, number m. The first m belong to it: `f[:, :m]`.",
    ),
    (
        lambda x, f, W, b, ms: sum((x - f[:, : m - 1] @ W[: m - 1] - b).pow(2).mean() for m in ms),
        "your prefixes are one latent too short: `f[:, :m]` has m latents, numbers 0 to m − 1.",
    ),
    (
        lambda x, f, W, b, ms: torch.stack(_errors(x, f, W, b, ms)),
        "you return one error for each prefix; add them up.",
    ),
]


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
    (
        lambda We, be, Wd, bd, t, s: (We * s, be, Wd, bd / s, t),
        "the encoder now reads x, but the activations are still those of scale · x: W_dec would have to be divided by the scale.",
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
