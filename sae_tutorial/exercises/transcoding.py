"""The check of notebook 11's first exercise: the loss that turns an autoencoder into a transcoder."""

from collections.abc import Callable

from torch import Tensor

from sae_tutorial.exercises.graphs import random_tensors
from sae_tutorial.exercises.matching import Mistakes, match_function
from sae_tutorial.exercises.reporting import Exercise


def check_transcoder_loss(transcoder_loss: Callable[..., Tensor]) -> None:
    """Exercise 11.1: `transcoder_loss(x, y, W_enc, b_enc, W_dec, b_dec)`, the squared error of a ReLU transcoder."""
    exercise = Exercise(
        "11.1",
        "write the body of `transcoder_loss`.",
        "the section 'From what is there to what is done'",
        "you can turn any autoencoder you have into a transcoder.",
    )
    inputs = [_transcoder(seed) for seed in range(3)]
    exercise.check(lambda a: match_function(a, _transcoder_loss, inputs, _LOSS_MISTAKES), transcoder_loss)


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
