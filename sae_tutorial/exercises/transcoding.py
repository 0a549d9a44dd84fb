"""Checks of notebook 11 beside those in `graphs`: the loss of a transcoder, and how far an answer leads."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.graphs import random_tensors
from sae_tutorial.exercises.matching import Mistakes, match_function, read_tensor
from sae_tutorial.exercises.reporting import Exercise


def check_transcoder_loss(transcoder_loss: Callable[..., Tensor]) -> None:
    """Exercise 11.1: `transcoder_loss(x, y, W_enc, b_enc, W_dec, b_dec)`, the squared error of a ReLU transcoder."""
    exercise = Exercise(
        "11.1",
        "write the body of `transcoder_loss`.",
        "the section 'From *what is there?*' and its drawing",
        "you can turn any autoencoder you have into a transcoder.",
    )
    inputs = [_transcoder(seed) for seed in range(3)]
    exercise.check(lambda a: match_function(a, _transcoder_loss, inputs, _LOSS_MISTAKES), transcoder_loss)


def check_lead(lead: Callable[[Tensor], Tensor]) -> None:
    """Exercise 11.8: `lead(logits)`, the right answer's logit minus the mean of the others'."""
    exercise = Exercise(
        "11.8",
        "write the body of `lead`.",
        "the folded help, on the diagonal",
        "you have a number that an edit can lower and that no constant can move.",
    )
    exercise.check(_judge_lead, lead)


def _judge_lead(answer: Any) -> None:
    match_function(answer, _lead, [random_tensors(seed, (2, 4, 4)) for seed in range(2)], _LEAD_MISTAKES)


def _lead(logits: Tensor) -> Tensor:
    right = logits.diagonal(dim1=1, dim2=2)
    return right - (logits.sum(2) - right) / (logits.shape[2] - 1)


def _largest_other(logits: Tensor) -> Tensor:
    return logits.masked_fill(torch.eye(logits.shape[2], dtype=torch.bool), -torch.inf).amax(2)


_LEAD_MISTAKES: Mistakes = [
    (
        lambda logits: logits.diagonal(dim1=1, dim2=2) - logits.mean(2),
        "your mean has the right capital in it, so the lead comes out a quarter too small. Take the mean of the other three.",
    ),
    (
        lambda logits: logits.diagonal(dim1=1, dim2=2),
        "this is the right capital's logit alone; a constant added to all four would move it. Subtract the mean of the others.",
    ),
    (
        lambda logits: 2 * logits.diagonal(dim1=1, dim2=2) - logits.sum(2),
        "you subtracted the sum of the others; divide it by their number.",
    ),
    (
        lambda logits: -_lead(logits),
        "the sign is wrong: a lead is positive where the right capital is ahead.",
    ),
    (
        lambda logits: _lead(logits.transpose(1, 2)),
        "you took the mean over languages; the rivals of a capital are the other capitals of the same prompt, the last axis.",
    ),
    (
        lambda logits: logits.diagonal(dim1=1, dim2=2) - _largest_other(logits),
        "you subtracted the strongest rival alone; here the rival is the mean of the other three.",
    ),
    (
        lambda logits: logits.diagonal(dim1=1, dim2=2) - logits.sort(2).values[..., -2],
        "you subtracted the second largest logit; here the rival is the mean of the other three.",
    ),
]


def _transcoder(seed: int) -> tuple[Tensor, ...]:
    """Rows x and y [3, 4], and W_enc, b_enc, W_dec, b_dec of a transcoder with five latents."""
    return random_tensors(seed, (3, 4), (3, 4), (4, 5), (5,), (5, 4), (4,))


def _transcoder_loss(
    x: Tensor, y: Tensor, W_enc: Tensor, b_enc: Tensor, W_dec: Tensor, b_dec: Tensor
) -> Tensor:
    return ((x @ W_enc + b_enc).relu() @ W_dec + b_dec - y).pow(2).mean()


_LOSS_MISTAKES: Mistakes = [
    (
        lambda x, y, We, be, Wd, bd: (((x - bd) @ We + be).relu() @ Wd + bd - y).pow(2).mean(),
        "you took b_dec off x. In a transcoder it belongs to y, another place: x is read as it is.",
    ),
    (
        lambda x, y, We, be, Wd, bd: ((x @ We + be).relu() @ Wd + bd - x).pow(2).mean(),
        "you compare with x, as an autoencoder does. The target is y.",
    ),
    (
        lambda x, y, We, be, Wd, bd: (((x - bd) @ We + be).relu() @ Wd + bd - x).pow(2).mean(),
        "that is the autoencoder's loss as it was: compare with y, and leave x as it is.",
    ),
    (
        lambda x, y, We, be, Wd, bd: ((y @ We + be).relu() @ Wd + bd - y).pow(2).mean(),
        "you read y. A transcoder reads x and has to find y.",
    ),
    (
        lambda x, y, We, be, Wd, bd: ((x @ We + be) @ Wd + bd - y).pow(2).mean(),
        "the ReLU is missing, so that this is one linear map.",
    ),
    (
        lambda x, y, We, be, Wd, bd: ((x @ We + be).relu() @ Wd - y).pow(2).mean(),
        "b_dec is missing behind the decoder.",
    ),
    (
        lambda x, y, We, be, Wd, bd: ((x @ We + be).relu() @ Wd + bd - y).pow(2).sum(-1).mean(),
        "you sum over the width; the mean over all entries is wanted.",
    ),
]

PARTS = {"lead": (_judge_lead, _lead, read_tensor)}
