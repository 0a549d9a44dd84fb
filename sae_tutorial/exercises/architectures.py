"""Checks for notebook 07: BatchTopK's selection, JumpReLU's L0, AuxK, a frontier, a control, a forgotten threshold."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.reporting import (
    Exercise,
    Mistakes,
    WrongAnswer,
    call,
    match_choice,
    match_function,
    match_number,
)

Parameters = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def check_batchtopk(batchtopk: Callable[[Tensor, int], Tensor]) -> None:
    """Exercise 7.1: `batchtopk(pre, k)`, the k · batch largest pre-activations of a batch, in their places."""
    exercise = Exercise(
        "7.1",
        "write the body of `batchtopk`.",
        "`pairs_from_batchtopk` in the section 'BatchTopK'",
        "your selection shares k · batch places among the positions; a position may get none of them.",
    )
    pre = torch.tensor([[0.5, 3.0, 2.0, -1.0], [0.1, 0.4, -4.0, 0.2], [2.5, 1.0, -0.5, 1.5]])
    scarce = torch.tensor([[-0.5, 1.0, -2.0], [-0.25, -3.0, -1.0]])  # fewer than k · batch are positive
    inputs = [(pre, 1), (pre, 2), (scarce, 1)]
    exercise.check(lambda answer: match_function(answer, _batchtopk, inputs, _BATCHTOPK_MISTAKES), batchtopk)


def check_jumprelu_l0(l0: float | None, relu_l0: float | None, total: float | None) -> None:
    """Exercise 7.2: L0 of the batch on the page with its thresholds and with none, and Σ f of its first position."""
    exercise = Exercise(
        "7.2",
        "put a number in place of each None.",
        "the equation in the section 'JumpReLU'",
        "you can read a threshold: it decides what is on, and leaves the size of what is on alone.",
    )
    exercise.check(_judge_jumprelu_l0, l0, relu_l0, total)


def check_auxk(e_hat: Callable[..., Tensor]) -> None:
    """Exercise 7.3: `e_hat(pre, dead, W_dec, b_dec, k_aux)`, AuxK's reconstruction of the error, repaired."""
    exercise = Exercise(
        "7.3",
        "write `e_hat`; `broken_e_hat` has two mistakes.",
        "`auxk_loss` in the section 'Dead latents'",
        "dead latents now learn from the error alone, and nothing that works is disturbed.",
    )
    pre = torch.tensor([[3.0, 0.5, -1.0, 2.0, 0.2], [-0.5, -2.0, -0.3, 4.0, -1.0], [1.0, 2.0, 1.5, 0.5, 0.7]])
    W_dec = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [-0.8, 0.6], [0.0, -1.0]])
    dead = torch.tensor([False, True, True, False, True])
    inputs = [(pre, dead, W_dec, torch.tensor([0.3, -0.7]), k) for k in (1, 2)]
    exercise.check(lambda answer: match_function(answer, _e_hat, inputs, _AUXK_MISTAKES), e_hat)


def check_frontier(supported: Iterable[str] | None) -> None:
    """Exercise 7.4: which of the claims the frontier figure supports."""
    exercise = Exercise(
        "7.4",
        "replace None by a set of letters, such as {'a', 'c'}.",
        "the figure of the exercise: one vertical line for equal L0, one horizontal line for equal reconstruction",
        "you read a frontier along both axes, keep the spread in mind, and claim nothing that it does not show.",
    )
    exercise.check(_judge_frontier, supported)


def check_narrow(strongest: Callable[[Tensor, int], Tensor], control: str | None) -> None:
    """Exercise 7.5: `strongest(f, n)`, the n latents with the most energy, and the fair control for a prefix."""
    exercise = Exercise(
        "7.5",
        "write `strongest` and choose `control`.",
        "the section 'Matryoshka', where three ways to cut a dictionary are compared",
        "you gave the rival its best cut. Only what still exceeds it is due to training with prefixes.",
    )
    exercise.check(_judge_narrow, strongest, control)


def check_fold(fold: Callable[..., Parameters]) -> None:
    """Exercise 7.6: `fold(W_enc, b_enc, W_dec, b_dec, threshold, scale)`, from an SAE of scale · x to one of x."""
    exercise = Exercise(
        "7.6",
        "write `fold`; `broken_fold` forgets something.",
        "`rescale_inputs` in the section 'BatchTopK'",
        "the folded SAE turns on the same latents as before, on rows as the model makes them.",
    )
    exercise.check(_judge_fold, fold)


def _keep(pre: Tensor, n: int, by: Tensor | None = None) -> Tensor:
    """`pre` with all but the n largest of the whole tensor set to 0."""
    flat = pre.flatten()
    chosen = (flat if by is None else by.flatten()).topk(min(n, len(flat))).indices
    return torch.zeros_like(flat).scatter(0, chosen, flat[chosen]).view_as(pre)


def _batchtopk(pre: Tensor, k: int) -> Tensor:
    return _keep(pre, k * len(pre)).relu()


def _topk(pre: Tensor, k: int, dim: int) -> Tensor:
    largest = pre.topk(min(k, pre.shape[dim]), dim=dim)
    return torch.zeros_like(pre).scatter(dim, largest.indices, largest.values)


_BATCHTOPK_MISTAKES: Mistakes = [
    (
        lambda pre, k: _topk(pre, k, 1).relu(),
        "you keep k per position. That is TopK; here positions share k · batch places.",
    ),
    (
        lambda pre, k: _keep(pre, k).relu(),
        "you keep k of the whole batch; k is the number per position, so k · batch are kept.",
    ),
    (
        lambda pre, k: _topk(pre, k, 0).relu(),
        "you keep k per latent (dim=0); the whole batch is one list.",
    ),
    (
        lambda pre, k: _keep(pre, k * len(pre)),
        "negative values are kept: where fewer than k · batch pre-activations are positive, the ReLU is missing.",
    ),
    (
        lambda pre, k: _keep(pre, k * len(pre), by=pre.abs()).relu(),
        "you choose by absolute size, so strongly negative ones take places and are then zeroed.",
    ),
    (
        lambda pre, k: _keep(pre, k * pre.shape[1]).relu(),
        "you keep k · d_sae; it should be k times the number of positions, `len(pre)`.",
    ),
    (
        lambda pre, k: (_batchtopk(pre, k) > 0).float(),
        "you return which latents are on (ones and zeros), not how strongly.",
    ),
    (
        lambda pre, k: _batchtopk(pre, k) > 0,
        "you return which latents are on (a mask); multiply by the pre-activations.",
    ),
    (
        lambda pre, k: pre.flatten().topk(k * len(pre)).values.relu(),
        "you return the values without their places: the result has the shape of `pre`, zero where a latent is off.",
    ),
    (
        lambda pre, k: torch.where(pre > pre.flatten().topk(k * len(pre)).values.min(), pre, 0.0).relu(),
        "the smallest of those to be kept is lost: compare with >=, or use the indices.",
    ),
    (lambda pre, k: pre.relu(), "this is ReLU: nothing is selected, k is not used."),
]


def _judge_jumprelu_l0(l0: Any, relu_l0: Any, total: Any) -> None:
    match_number(
        "l0",
        l0,
        1.5,
        {
            6: "that is how many are on in the whole batch; L0 is their number per position.",
            0.5: "that is the share of pre-activations that are on; L0 counts latents per position.",
            2.5: "that is the L0 of ReLU. A latent is on if it exceeds its own threshold, not if it exceeds 0.",
            1.75: "you counted the one that equals its threshold. It has to exceed it: z > θ.",
            0.75: "did every latent get the threshold 1.5? Each latent (column) has its own.",
            2: "did every latent get the threshold 0.4 or 0.5? Each latent (column) has its own.",
        },
        tolerance=1e-6,
    )
    match_number(
        "relu_l0",
        relu_l0,
        2.5,
        {
            10: "that is how many are on in the whole batch; L0 is their number per position.",
            3: "all latents are not on: negative pre-activations stay off without a threshold too.",
            1.5: "that is the L0 with thresholds. With θ = 0 everything positive is on.",
        },
        tolerance=1e-6,
    )
    match_number(
        "total",
        total,
        5.0,
        {
            3: "you subtracted the thresholds: z − θ is what a ReLU with a lower bias gives. JumpReLU keeps z.",
            5.3: "that is the sum over everything positive; the second latent's 0.3 does not exceed its 0.4.",
            2: "that is how many are on; the sum is of their activations.",
            7: "thresholds are not added to activations.",
        },
        tolerance=1e-6,
    )


def _e_hat(pre: Tensor, dead: Tensor, W_dec: Tensor, b_dec: Tensor, k_aux: int) -> Tensor:
    return _topk(pre[:, dead].relu(), k_aux, 1) @ W_dec[dead]


_AUXK_MISTAKES: Mistakes = [
    (
        lambda pre, dead, W, b, k: _topk(pre.relu(), k, 1) @ W + b,
        "both mistakes of `broken_e_hat` are still there.",
    ),
    (
        lambda pre, dead, W, b, k: _topk(pre.relu(), k, 1) @ W,
        "b_dec is gone, but all latents compete: live ones win most of the places, and AuxK trains what works already.",
    ),
    (
        lambda pre, dead, W, b, k: _e_hat(pre, dead, W, b, k) + b,
        "b_dec is still added. The error is what is left after b_dec was added once: with it ê starts from the wrong "
        "point, and the dead latents learn to cancel the mean.",
    ),
    (
        lambda pre, dead, W, b, k: _topk(pre.relu(), k, 1)[:, dead] @ W[dead],
        "you chose the largest of all latents and then dropped the live ones, so few dead ones get a place. "
        "Choose among the dead.",
    ),
    (
        lambda pre, dead, W, b, k: _topk(pre[:, dead], k, 1) @ W[dead],
        "the ReLU is missing: where the dead latents' pre-activations are negative, they would be decoded with a "
        "minus sign, which they can never have when they are on.",
    ),
    (
        lambda pre, dead, W, b, k: pre[:, dead].relu() @ W[dead],
        "all dead latents are decoded; only the k_aux largest of each position should be.",
    ),
    (
        lambda pre, dead, W, b, k: _topk(pre[:, ~dead].relu(), k, 1) @ W[~dead],
        "these are the live latents; `dead` is True for those to train.",
    ),
    (
        lambda pre, dead, W, b, k: _topk(pre[:, dead].relu(), k, 1),
        "these are the activations; decode them with the dead latents' rows of W_dec.",
    ),
    (
        lambda pre, dead, W, b, k: _keep(pre[:, dead], k * len(pre)).relu() @ W[dead],
        "you chose over the whole batch; AuxK keeps k_aux per position.",
    ),
]


_CLAIMS = {
    "a": "On a vertical line at L0 = 20 the lines are 0.08 apart, several times the spread.",
    "d": "On a horizontal line at 0.70, A crosses at about L0 = 55 and B at about 42.",
}
_NOT_SHOWN = {
    "b": "the lines cross. Which one is better depends on L0, so neither is better as such.",
    "c": "the lines are 0.005 apart at L0 = 32, and seeds of one architecture differ by 0.01: that is no difference.",
    "e": "explained variance says how well x is rebuilt. What a latent means was not measured, and L0 is equal there.",
    "f": "no point lies beyond L0 = 100, and lines that rise more slowly may cross again.",
}


def _judge_frontier(supported: Any) -> None:
    if isinstance(supported, str) or not isinstance(supported, Iterable):
        raise WrongAnswer(f"answer with a set of letters, not {supported!r}.")
    letters = set(supported)
    if letters - set("abcdef"):
        raise WrongAnswer(f"{sorted(map(str, letters - set('abcdef')))[0]!r} is none of the claims a to f.")
    for letter in sorted(letters & set(_NOT_SHOWN)):
        raise WrongAnswer(f"({letter}) is not supported: {_NOT_SHOWN[letter]}")
    for letter in sorted(set(_CLAIMS) - letters):
        raise WrongAnswer(f"({letter}) is supported. {_CLAIMS[letter]}")


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


def _sorted(values: Any) -> Any:
    """The order of the latents does not matter."""
    return torch.as_tensor(values).sort().values


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
    inputs = [(f, 1), (f.flip(1), 1), (f, 2), (f.flip(0), 2)]
    for values in inputs:
        call(strongest, *values)  # a stub or an exception is reported as such
    mistakes = [
        (lambda f, n, wrong=wrong: _sorted(wrong(f, n)), message) for wrong, message in _STRONGEST_MISTAKES
    ]
    match_function(
        lambda f, n: _sorted(strongest(f, n)), lambda f, n: _sorted(_strongest(f, n)), inputs, mistakes
    )
    match_choice(
        control,
        "c",
        {
            "a": "random directions are too easy: any training at all beats them, with prefixes or without.",
            "b": "the first 144 of a BatchTopK dictionary are 144 drawn at random: their order means nothing, and "
            "nobody would cut there. Give the rival its best cut.",
            "d": "the whole Matryoshka SAE has 16 times as many latents; that it does better says nothing about the cut.",
            "e": "PCA is not a dictionary that was cut; it says what 144 directions can do if all of them are on "
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
    scale = 2.0
    got = call(fold, *parts, scale)
    if not isinstance(got, tuple | list) or len(got) != 5:
        raise WrongAnswer("return five tensors: W_enc, b_enc, W_dec, b_dec, threshold.")
    for new, old in zip(got, parts, strict=True):
        if not isinstance(new, Tensor) or new.shape != old.shape:
            raise WrongAnswer("each of the five keeps its shape; the order is that of the arguments.")
    right, x_hat = _run_jumprelu(scale * x, parts) / scale, _run_jumprelu(x, got)
    if torch.allclose(x_hat, right, atol=1e-5):
        return
    for mistake, message in _FOLD_MISTAKES:
        if torch.allclose(x_hat, _run_jumprelu(x, mistake(*parts, scale)), atol=1e-5):
            raise WrongAnswer(message)
    raise WrongAnswer(
        "on rows of x the folded SAE should answer what the old one answers on scale · x, divided by scale; "
        f"it differs by up to {float((x_hat - right).abs().max()):.3f}."
    )
