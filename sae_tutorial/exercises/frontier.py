"""Checks for notebook 08, second half: a threshold's slope, nested dictionaries, a frontier, and a run of one's own."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sae_tutorial.course.longer import frontier_line
from sae_tutorial.exercises.matching import (
    Mistakes,
    match_choice,
    match_choices,
    match_function,
    read_number,
    read_tensor,
)
from sae_tutorial.exercises.reporting import Exercise, LearnerError, WrongAnswer

LEVEL = 0.005  # closer than this to TopK's line counts as level with it
# What the page's own run is asked for, and what it explains; on unseen rows it has 25 latents on.
UNCHOSEN = 24, 0.686


def check_ramp_slope(ramp_slope: Callable[[Tensor, Tensor, float], Tensor]) -> None:
    """Exercise 8.5: `ramp_slope(z, theta, width)`, how the ramp in place of JumpReLU's step changes with θ."""
    exercise = Exercise(
        "8.5",
        "write the body of `ramp_slope`.",
        "the drawing in the section 'JumpReLU: a threshold for each latent'",
        "a threshold can now learn from the few pre-activations that lie near it.",
    )
    exercise.check(_judge_ramp_slope, ramp_slope)


def check_frontier(supported: Iterable[str] | None) -> None:
    """Exercise 8.7: which of the claims the frontier figure supports."""
    exercise = Exercise(
        "8.7",
        "replace None by a set of letters, such as {'a', 'c'}.",
        "the figure of the exercise: one vertical line for equal L0, one horizontal line for equal reconstruction",
        "you read a frontier along both axes, keep the spread in mind, and claim nothing that it does not show.",
    )
    exercise.check(_judge_frontier, supported)


def check_nested_loss(nested_loss: Callable[..., Tensor]) -> None:
    """Exercise 8.6: `nested_loss(x, f, W_dec, b_dec, prefixes)`, Matryoshka's sum of squared errors."""
    exercise = Exercise(
        "8.6",
        "write the body of `nested_loss`.",
        "the formula in the section 'Matryoshka: dictionaries inside a dictionary'",
        "your first latents now have to be of use on their own.",
    )
    exercise.check(_judge_nested_loss, nested_loss)


def check_own_run(latents_on: float, explained: float, beside_topk: str | None) -> None:
    """Exercise 8.8: where a run of one's own lies, and whether that is above TopK's line, level with it, or below."""
    exercise = Exercise(
        "8.8",
        "put the two numbers of your run, and 'above', 'level' or 'below', in place of each None.",
        "the frontier's figure: go up from your number of latents to TopK's line",
        "you trained a run, and compared it with a rival that has equally many latents on.",
    )
    exercise.check(_judge_own_run, latents_on, explained, beside_topk)


def _topk_at(latents_on: float) -> float:
    """TopK's line at any number of latents that it reaches."""
    on, values = frontier_line("TopK")
    return float(np.interp(np.log(latents_on), np.log(on), values))


def _side(lead: float) -> str:
    return "level" if abs(lead) < LEVEL else "above" if lead > 0 else "below"


def _judge_own_run(latents_on: Any, explained: Any, beside_topk: Any) -> None:
    on, value = read_number("latents_on", latents_on), read_number("explained", explained)
    ends = frontier_line("TopK")[0]
    if not ends[0] <= on <= ends[-1]:
        raise WrongAnswer(
            f"TopK's line reaches from {ends[0]:.0f} to {ends[-1]:.0f} latents, and your run has {on:g}: nothing stands beside "
            "it there. Ask for another number, and train again."
        )
    if value >= 1:
        raise WrongAnswer(
            f"an explained variance of {value:g} is too good: at 1 every row is rebuilt exactly."
        )
    if on == UNCHOSEN[0] and abs(value - UNCHOSEN[1]) < 0.0015:
        raise WrongAnswer(
            f"{on:g} is what the run that trains while you have chosen nothing was asked for. On unseen documents it has more "
            "latents on: take the L0 that the cell printed."
        )
    line = _topk_at(on)
    right = _side(value - line)
    there = f"at {on:g} latents TopK's line is at {line:.3f}, and your run at {value:.3f}"
    level = f"{there}. They are closer than {LEVEL}, which the exercise calls level."
    apart = f"{there}. That is {abs(value - line):.3f} apart, more than {LEVEL}."
    other = f"{there}: it is the other way round."
    wrong = {
        side: level if right == "level" else apart if side == "level" else other
        for side in ("above", "level", "below")
    }
    at_32 = _side(value - _topk_at(32))
    if at_32 != right:
        wrong[at_32] = f"you compared with TopK at 32 latents. But {there}: compare at equally many."
    match_choice(beside_topk, right, {side: why for side, why in wrong.items() if side != right})


def _judge_frontier(supported: Any) -> None:
    match_choices(
        supported,
        {
            "a": "(a) is supported. On a vertical line at 16 the two are 0.08 apart, on one at 64 they are 0.04 apart.",
            "d": "(d) is supported. On a horizontal line at 0.65 TopK stands at about 17 latents and L1 at about 34.",
        },
        {
            "b": "(b) is not supported: at an L0 of 8 the two are level, and one layer of one model was tried.",
            "c": "(c) is not supported: at 8 they are 0.002 apart, and luck can do that.",
            "e": "(e) is not supported: explained variance says how well x is rebuilt. What a latent means was not "
            "measured.",
            "f": "(f) is not supported: no point lies beyond an L0 of 72. L1's lag shrinks up to there, and what comes later "
            "nobody measured.",
        },
    )


def _near(z: Tensor, theta: Tensor, width: float) -> Tensor:
    """Which pre-activations lie in the window of this width around their latent's threshold."""
    return (z - theta).abs() < width / 2


def _judge_ramp_slope(answer: Any) -> None:
    # Latents: just above and far above, just below and far below, inside half a window only, on the other side.
    z = torch.tensor([[2.1, 0.3, -0.9], [3.5, -0.6, 0.2], [1.8, 0.7, -0.3], [1.2, 0.95, 1.4]])
    theta = torch.tensor([2.0, 0.5, 0.0])
    generator = torch.Generator().manual_seed(0)
    larger = torch.randn(30, 7, generator=generator), torch.rand(7, generator=generator)
    inputs = [(z, theta, 0.5), (z, theta, 2.0), (*larger, 0.8)]
    match_function(answer, _ramp_slope, inputs, _RAMP_MISTAKES)
    try:
        match_function(answer, _ramp_slope, [(z, torch.tensor(0.5), 1.0)], [])
    except (LearnerError, WrongAnswer) as error:
        raise WrongAnswer(
            "it is right where each latent has a threshold of its own. The next cell gives one number for all of them, a θ of "
            "shape [], and there it fails. `z - theta` fits both: leave θ in its shape."
        ) from error


def _ramp_slope(z: Tensor, theta: Tensor, width: float) -> Tensor:
    return -_near(z, theta, width).float() / width


_RAMP_MISTAKES: Mistakes = [
    (
        lambda z, theta, width: -((z > theta) & (z < theta + width)).float() / width,
        "your window lies above θ alone; it reaches half its width to either side.",
    ),
    (
        lambda z, theta, width: -((z < theta) & (z > theta - width)).float() / width,
        "your window lies below θ alone; it reaches half its width to either side.",
    ),
    (
        lambda z, theta, width: -_ramp_slope(z, theta, width),
        "the sign is turned. That is how the ramp changes with z; if θ rises, the whole ramp moves to the right and "
        "its value at z falls.",
    ),
    (
        lambda z, theta, width: -_near(z, theta, width).float(),
        "the slope is always −1 inside the window. The ramp climbs by 1 over a window of width `width`: how steep is it?",
    ),
    (
        lambda z, theta, width: _near(z, theta, width).float(),
        "this says which pre-activations lie in the window. How steep is the ramp there, and which way?",
    ),
    (
        lambda z, theta, width: _near(z, theta, width),
        "this is a mask of the window, True and False. How steep is the ramp inside it, and which way?",
    ),
    (
        lambda z, theta, width: -_near(z, theta, width).float() * width,
        "you multiplied by the width. The narrower the window, the steeper the ramp: divide.",
    ),
    (
        lambda z, theta, width: -_near(z, theta, 2 * width).float() / width,
        "your window is twice as wide: the ramp reaches from θ − width/2 to θ + width/2.",
    ),
    (
        lambda z, theta, width: -_near(z, theta, 2 * width).float() / (2 * width),
        "your ramp is twice as wide and half as steep: it reaches from θ − width/2 to θ + width/2.",
    ),
    (
        lambda z, theta, width: -((z > theta) & _near(z, theta, width)).float() / width,
        "you count only what lies above θ. What lies just below it belongs to the window too: it would switch on if θ fell.",
    ),
    (
        lambda z, theta, width: -(z > theta).float() / width,
        "everything above θ is counted. Far from θ the ramp is flat, and θ learns nothing there.",
    ),
    (
        lambda z, theta, width: -(z < theta + width / 2).float() / width,
        "the window has no lower end: below θ − width/2 the ramp is flat.",
    ),
    (
        lambda z, theta, width: -(z > theta - width / 2).float() / width,
        "the window has no upper end: above θ + width/2 the ramp is flat.",
    ),
    (
        lambda z, theta, width: ((z - theta) / width + 0.5).clamp(0, 1),
        "this is the ramp itself. Its slope by θ is asked for.",
    ),
    (
        lambda z, theta, width: (z > theta).float(),
        "this is the step itself. The slope of the ramp is asked for.",
    ),
    (
        lambda z, theta, width: torch.zeros_like(z),
        "this is the true slope of a step, and nothing can be learned from it. Take the ramp's.",
    ),
    (
        lambda z, theta, width: theta * _ramp_slope(z, theta, width),
        "there is a θ too many. That is the slope of z · 1[z > θ]; here the step alone is asked for.",
    ),
    (
        lambda z, theta, width: z * _ramp_slope(z, theta, width),
        "you multiplied by z. Here the step alone is asked for.",
    ),
    (
        lambda z, theta, width: _ramp_slope(z, theta, width).sum(0),
        "you added up over rows. Return one number for each pre-activation; the sum comes later.",
    ),
]


def _judge_nested_loss(answer: Any) -> None:
    inputs = [
        _nested_example(seed, prefixes) for seed, prefixes in enumerate([(1, 3), (2, 3, 6), (1, 2, 4, 6)])
    ]
    match_function(answer, _nested_loss, inputs, _NESTED_MISTAKES)


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


PARTS = {
    "ramp_slope": (_judge_ramp_slope, _ramp_slope, read_tensor),
    "nested_loss": (_judge_nested_loss, _nested_loss, float),
}
