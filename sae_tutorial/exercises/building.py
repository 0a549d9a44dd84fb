"""Checks for notebook 04: sizes, a TopK encoder, the loss, which parameters learn, a control."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from sae_tutorial.exercises.matching import (
    Mistakes,
    match_choice,
    match_choices,
    match_function,
    match_number,
)
from sae_tutorial.exercises.reporting import Exercise, NotAttempted


def check_sizes(parameters: int | None, relu_l0: float | None, topk_l0: float | None) -> None:
    """Exercise 3.1: the size of an SAE with d_in 64 and expansion 4, and its L0 untrained (ReLU; TopK with k = 8)."""
    exercise = Exercise(
        "3.1",
        "put a number in place of each None.",
        "the sections 'The parts and their shapes' and 'Encode, decode'",
        "you can tell an SAE's size, and its L0 before training, from its configuration alone.",
    )
    exercise.check(_judge_sizes, parameters, relu_l0, topk_l0)


def check_encode(encode: Callable[..., Tensor]) -> None:
    """Exercise 3.2: `encode(x, W_enc, b_enc, b_dec, k)`, a TopK encoder from scratch."""
    exercise = Exercise(
        "3.2",
        "write the body of `encode`.",
        "the section 'Encode, decode'",
        "you can write the encoder of a TopK SAE; with a decoder of one line it is a whole SAE.",
    )
    exercise.check(
        lambda answer: match_function(answer, _encode, _encoder_inputs(), _ENCODER_MISTAKES), encode
    )


def check_loss(loss: Callable[..., Tensor]) -> None:
    """Exercise 3.3: `loss(x, x_hat, f, l1_coefficient)`, repaired."""
    exercise = Exercise(
        "3.3",
        "write `loss` so that it computes the formula; `weak_loss` has one mistake.",
        "the formula in the section 'The loss and its parts'",
        "you can tell what λ multiplies; a λ from a paper means nothing until you know what it averages over.",
    )
    # As many rows as there are dimensions or latents would hide what is summed and what is averaged.
    x, x_hat = (
        torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]]),
        torch.tensor([[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]),
    )
    f = torch.tensor([[1.0, 0.0, 2.0, 0.0], [0.0, 4.0, 0.0, 0.0], [0.5, 0.0, 0.0, 0.0]])
    inputs = [(x, x_hat, f, 0.1), (x, x_hat, f, 1.0)]
    exercise.check(lambda answer: match_function(answer, _loss, inputs, _LOSS_MISTAKES), loss)


def check_who_learns(receives: Iterable[str] | None) -> None:
    """Exercise 3.4: which parameters get a gradient from a batch in which latent 7 is off on every row."""
    exercise = Exercise(
        "3.4",
        "replace None by a set of names, such as {'W_dec[7]'}.",
        "the section 'What the gradients touch'",
        "you know why a latent that is off everywhere cannot learn its way back, which is what AuxK is for.",
    )
    exercise.check(_judge_who_learns, receives)


def check_matched(matched: Callable[[Tensor, Tensor], float], control: str | None) -> None:
    """Exercise 3.5: `matched(truth, dictionary)`, the mean best |cos|, and the dictionary that is a fair control."""
    exercise = Exercise(
        "3.5",
        "write `matched` and choose `control`.",
        "the section 'Does it find a dictionary?'",
        "you can say what a match is worth: only what exceeds the best of as many random rows counts.",
    )
    exercise.check(lambda answer: _judge_matched(answer, control), matched)


def _judge_sizes(parameters: Any, relu_l0: Any, topk_l0: Any) -> None:
    match_number(
        "parameters",
        parameters,
        2 * 64 * 256 + 256 + 64,
        {
            2 * 64 * 256: "that is the two matrices; both biases are missing.",
            2 * 64 * 256 + 256: "b_dec, one number per input dimension, is missing.",
            2 * 64 * 256 + 64: "b_enc, one number per latent, is missing.",
            64 * 256 + 256: "that is the encoder; the decoder has a matrix and a bias too.",
            64 * 256
            + 256
            + 64: "that is one matrix and both biases. A tied start makes W_enc and W_dec equal at "
            "first; they are trained apart, so both count.",
            2 * 64 * 256
            + 2 * 256: "b_enc has one number per latent, but b_dec has one per input dimension, 64.",
            2 * 64 * 256
            + 2 * 64: "b_dec has one number per input dimension, but b_enc has one per latent, 256.",
            9_444_096: "that is the notebook's SAE; here d_in is 64 and d_sae is 4 · 64.",
        },
        example="With d_in = 3 and d_sae = 6 there would be 18 + 18 + 6 + 3 = 45.",
    )
    match_number(
        "relu_l0",
        relu_l0,
        128,
        {
            256: "not all latents are on: a pre-activation is negative as often as positive, and ReLU turns it off.",
            8: "ReLU knows no k; nothing limits how many latents are on.",
            0.5: "that is the share of latents that are on; L0 is their number.",
            32: "that is half of d_in; L0 counts latents, of which there are d_sae.",
            3067: "that is half of the notebook's 6144; here d_sae is 256.",
            0: "nothing has been trained, so nothing has pushed latents to zero yet.",
        },
        within=13,
    )
    match_number(
        "topk_l0",
        topk_l0,
        8,
        {
            4: "the 8 largest of 256 pre-activations are all positive, so ReLU turns none of them off.",
            128: "TopK keeps k latents, also before training.",
            256: "that is every latent; TopK sets all but k of them to zero.",
            2: "that is k / 4: k counts latents, however much wider d_sae is than d_in.",
            32: "k is 8 here, not the notebook's 32.",
        },
    )


def _encode(x: Tensor, W_enc: Tensor, b_enc: Tensor, b_dec: Tensor, k: int) -> Tensor:
    return _keep_largest((x - b_dec) @ W_enc + b_enc, k).relu()


def _keep_largest(pre: Tensor, k: int, by: Tensor | None = None) -> Tensor:
    order = (pre if by is None else by).topk(k, dim=-1).indices
    return torch.zeros_like(pre).scatter(-1, order, pre.gather(-1, order))


def _encoder_inputs() -> list[tuple[Any, ...]]:
    W_enc = torch.tensor([[1.0, -1.0, 0.5, 2.0], [1.0, 2.0, -3.0, 0.5]])
    b_enc, b_dec = torch.tensor([0.1, -0.3, -0.2, -0.4]), torch.tensor([0.5, -0.2])
    x = torch.tensor([[2.0, 1.0], [-1.0, 0.5], [-0.2, -1.5]])
    # In the third row of x fewer than three pre-activations are positive.
    generator = torch.Generator().manual_seed(0)
    larger = [torch.randn(shape, generator=generator) for shape in ((20, 4), (4, 12), (12,), (4,))]
    return [*((x, W_enc, b_enc, b_dec, k) for k in (1, 2, 3)), (*larger, 3)]


_ENCODER_MISTAKES: Mistakes = [
    (
        lambda x, W, b, c, k: _keep_largest(((x - c) @ W).relu() + b, k),
        "the ReLU is applied before b_enc is added, so the bias can turn on a latent that is off, or push it below 0.",
    ),
    (
        lambda x, W, b, c, k: _keep_largest(((x - c) @ W).relu() + b, k).relu(),
        "a ReLU is applied before b_enc is added; add the bias first, it decides which latents are on.",
    ),
    (
        lambda x, W, b, c, k: _keep_largest((x - c) @ W, k).relu(),
        "b_enc is missing: pre-activations are (x - b_dec) W_enc + b_enc.",
    ),
    (
        lambda x, W, b, c, k: _keep_largest(x @ W + b, k).relu(),
        "b_dec is not subtracted: the encoder reads x relative to b_dec.",
    ),
    (
        lambda x, W, b, c, k: _keep_largest((x + c) @ W + b, k).relu(),
        "b_dec is added where it should be subtracted; the decoder adds it back.",
    ),
    (
        lambda x, W, b, c, k: _keep_largest((x - c) @ W + b, k),
        "negative values are kept: where fewer than k pre-activations are positive, the k largest include negative "
        "ones, and the ReLU after TopK is missing.",
    ),
    (
        lambda x, W, b, c, k: _keep_largest(pre := (x - c) @ W + b, k, by=pre.abs()).relu(),
        "you keep the k largest by absolute size, so strongly negative ones take places and are then zeroed.",
    ),
    (
        lambda x, W, b, c, k: _keep_largest(pre := (x - c) @ W + b, k, by=pre.abs()),
        "you keep the k largest by absolute size; latent activations are never negative.",
    ),
    (
        lambda x, W, b, c, k: (
            _keep_largest((pre := (x - c) @ W + b).flatten(), k * len(x)).view_as(pre).relu()
        ),
        "you keep the k·batch largest of the whole batch. That is BatchTopK; here every row keeps its own k.",
    ),
    (
        lambda x, W, b, c, k: _keep_largest(((x - c) @ W + b).T, k).T.relu(),
        "you keep k values per latent (dim=0, over the batch); it should be k per row, dim=-1.",
    ),
    (
        lambda x, W, b, c, k: ((x - c) @ W + b).relu().topk(k).values,
        "you return the k values without their places: f must have d_sae columns, zero for latents that are off. "
        "Scatter the values into zeros at `.indices`.",
    ),
    (
        lambda x, W, b, c, k: ((x - c) @ W + b).topk(k).values,
        "you return the k values without their places (and without the ReLU): f must have d_sae columns.",
    ),
    (
        lambda x, W, b, c, k: (_encode(x, W, b, c, k) > 0).float(),
        "you return which latents are on (ones and zeros), not how strongly.",
    ),
    (
        lambda x, W, b, c, k: ((x - c) @ W + b).relu(),
        "this is the ReLU encoder: TopK is missing, k is not used.",
    ),
    (lambda x, W, b, c, k: (x - c) @ W + b, "these are the pre-activations: TopK and ReLU are missing."),
]


def _loss(x: Tensor, x_hat: Tensor, f: Tensor, l1_coefficient: float) -> Tensor:
    return (x - x_hat).pow(2).mean() + l1_coefficient * f.sum(1).mean()


# How the two terms are reduced, rightly (no message) and wrongly.
_ERRORS: Mistakes = [
    (lambda e: e.mean(), ""),
    (lambda e: e.sum(1).mean(), "the squared error is summed over d_in, where the formula averages over it."),
    (lambda e: e.sum(0).mean(), "the squared error is summed over the rows and averaged over d_in only."),
    (lambda e: e.sum(), "the squared error is summed over rows and d_in; the formula averages over both."),
]
_PENALTIES: Mistakes = [
    (lambda f: f.sum(1).mean(), ""),
    (
        lambda f: f.mean(),
        "the penalty is averaged over the latents too, as in `weak_loss`: that makes λ d_sae times weaker. "
        "Sum over latents, average over rows.",
    ),
    (
        lambda f: f.sum(0).mean(),
        "the penalty is summed over the rows and averaged over the latents; it should be the other way round.",
    ),
    (
        lambda f: f.sum(),
        "the penalty is summed over the batch: twice as many rows would double λ. Average over rows.",
    ),
    (
        lambda f: (f > 0).float().sum(1).mean(),
        "you penalise the number of active latents (L0). Its gradient is zero nearly everywhere; use their sum.",
    ),
    (
        lambda f: f.pow(2).sum(1).mean(),
        "you penalise f squared (L2): its slope vanishes near zero, so small activations are never pushed all the way.",
    ),
    (
        lambda f: f.pow(2).mean(),
        "you penalise the mean of f squared; the formula has the sum of f itself in each row (L1).",
    ),
    (
        lambda f: f.norm(),
        "`norm` is the root of the sum of squares (L2), here over the whole batch. L1 is the sum of f in each row.",
    ),
    (
        lambda f: f.norm(dim=1).mean(),
        "`norm` is the root of the sum of squares (L2); the formula has the sum of f in each row (L1).",
    ),
]


def _reduced_otherwise() -> Mistakes:
    """Every pair of reductions of which at least one is wrong."""
    return [
        (
            lambda x, y, f, a, error=error, penalty=penalty: error((x - y).pow(2)) + a * penalty(f),
            " And ".join(filter(None, (in_error, in_penalty))),
        )
        for error, in_error in _ERRORS
        for penalty, in_penalty in _PENALTIES
        if in_error or in_penalty
    ]


_LOSS_MISTAKES: Mistakes = [
    *_reduced_otherwise(),
    (
        lambda x, y, f, a: (x - y).pow(2).mean() + f.sum(1).mean(),
        "λ is missing: the penalty is not multiplied by l1_coefficient.",
    ),
    (
        lambda x, y, f, a: a * ((x - y).pow(2).mean() + f.sum(1).mean()),
        "λ multiplies the whole loss; it belongs to the penalty alone.",
    ),
    (
        lambda x, y, f, a: a * (x - y).pow(2).mean() + f.sum(1).mean(),
        "λ multiplies the error; it belongs to the penalty.",
    ),
    (
        lambda x, y, f, a: (x - y).abs().mean() + a * f.sum(1).mean(),
        "the error is the absolute difference; the formula squares it.",
    ),
    (
        lambda x, y, f, a: (x - y).pow(2).mean().sqrt() + a * f.sum(1).mean(),
        "you took the root of the mean squared error; the formula has no root.",
    ),
    (
        lambda x, y, f, a: (x - y).pow(2).sum(1) / x.shape[1] + a * f.sum(1),
        "this is a loss for each row; average over the rows as well.",
    ),
    (lambda x, y, f, a: (x - y).pow(2).mean(), "the penalty is missing."),
    (
        lambda x, y, f, a: (x - y).pow(2).mean() - a * f.sum(1).mean(),
        "the penalty is subtracted: training would make activations larger.",
    ),
]


def _judge_who_learns(receives: Any) -> None:
    match_choices(
        receives,
        {"b_dec": "b_dec does: it belongs to no latent and is added to x_hat on every row."},
        {
            "W_enc[:, 7]": "W_enc[:, 7] receives none: the loss sees column 7 only through f_7, and where ReLU or TopK "
            "has switched f_7 off, a small change of the column changes nothing.",
            "b_enc[7]": "b_enc[7] receives none: it acts only through f_7, which stays at zero under a small change of "
            "the bias.",
            "W_dec[7]": "W_dec[7] receives none: row 7 is multiplied by f_7 = 0 on every row, so it does not enter "
            "x_hat.",
        },
    )


def _matched(truth: Tensor, dictionary: Tensor) -> Tensor:
    return (normalize(truth, dim=1) @ normalize(dictionary, dim=1).T).abs().amax(1).mean()


_MATCHED_MISTAKES: Mistakes = [
    (
        lambda t, d: (normalize(t, dim=1) @ normalize(d, dim=1).T).amax(1).mean(),
        "the absolute value is missing: a row that points exactly the other way is on the same line.",
    ),
    (
        lambda t, d: (normalize(t, dim=1) @ normalize(d, dim=1).T).abs().amax(0).mean(),
        "you take the best true direction for each row of the dictionary. Useless rows then count against it; "
        "ask for the best row of each true direction.",
    ),
    (
        lambda t, d: (normalize(t, dim=1) @ normalize(d, dim=1).T).abs().mean(),
        "you average over all pairs; each true direction should look for its best row first.",
    ),
    (
        lambda t, d: (normalize(t, dim=1) @ d.T).abs().amax(1).mean(),
        "the rows of the dictionary are not brought to norm 1, so a long row wins by its length. That is no cosine.",
    ),
    (
        lambda t, d: (t @ d.T).abs().amax(1).mean(),
        "these are plain products: bring the rows of both to norm 1 to get cosines.",
    ),
    (
        lambda t, d: (t @ normalize(d, dim=1).T).abs().amax(1).mean(),
        "the true directions are not brought to norm 1, so a long one counts for more. That is no cosine.",
    ),
    (
        lambda t, d: (normalize(t, dim=1) @ normalize(d, dim=1).T).pow(2).amax(1).mean(),
        "you square the cosine; the score is the mean of |cos|.",
    ),
    (
        lambda t, d: (normalize(t, dim=1) @ normalize(d, dim=1).T).abs().amax(1).sum(),
        "you return the sum; take the mean over the true directions.",
    ),
    (
        lambda t, d: (normalize(t, dim=1) @ normalize(d, dim=1).T).abs().argmax(1),
        "you return which row is nearest to each true direction; return how near it is, and the mean.",
    ),
    (
        lambda t, d: (normalize(t, dim=1) @ normalize(d, dim=1).T).abs().amax(1),
        "you return one number per true direction; take their mean.",
    ),
    (
        lambda t, d: (normalize(t, dim=1) @ normalize(d, dim=1).T).abs().max(),
        "you return the single best pair; take the best row of each true direction and then the mean.",
    ),
]


def _judge_matched(matched: Any, control: Any) -> None:
    truth = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    dictionary = torch.tensor([[-3.0, 1.0], [1.0, 1.0], [0.5, 0.2]])
    generator = torch.Generator().manual_seed(0)
    larger = tuple(torch.randn(rows, 4, generator=generator) for rows in (3, 5))
    inputs = [(truth, dictionary), (truth.flip(1), 2 * dictionary), larger]
    match_function(matched, _matched, inputs, _MATCHED_MISTAKES)
    if control is None or control is Ellipsis:
        raise NotAttempted(" `matched` is right; `control` is still open.")
    match_choice(
        control,
        "a",
        {
            "b": "96 random rows are too easy to beat: the SAE has 192, and the best of more rows is closer by chance.",
            "c": "the shuffled true directions are the true directions: they score 1. A control ought to lose.",
            "d": "zeros have no direction, so they score 0, which any dictionary beats. A control should share "
            "everything but the training.",
        },
    )
