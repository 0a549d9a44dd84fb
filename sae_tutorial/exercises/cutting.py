"""Checks for notebook 03: a path that is cut by hand, a head that is replaced by its mean."""

from collections.abc import Callable

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import Mistakes, match_function
from sae_tutorial.exercises.reporting import Exercise


def check_cut_keys(cut_keys: Callable[..., Tensor]) -> None:
    """Exercise 3.4: `cut_keys(stream, z, mean, W_O, norm, W_K)`, a receiver's keys without a sender's note."""
    exercise = Exercise(
        "3.4",
        "write the body of `cut_keys`.",
        "the section 'Two heads in a row'",
        "you can cut one connection between two heads and leave everything else as it is.",
    )
    exercise.check(_judge_cut, cut_keys)


def check_average_head(average_head: Callable[[Tensor, int], Tensor]) -> None:
    """Exercise 3.7: `average_head(z, head)`, one head's output replaced by its mean over the prompts."""
    exercise = Exercise(
        "3.7",
        "write the body of `average_head`.",
        "the section 'Three methods meet in one head'",
        "you can take out what a head knows of *this* prompt, and leave what it does on every prompt.",
    )
    exercise.check(_judge_average, average_head)


def _rms_norm(stream: Tensor) -> Tensor:
    return stream / stream.square().mean(-1, keepdim=True).sqrt()


def _judge_cut(cut_keys: Callable[..., Tensor]) -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = [
        (
            torch.tensor([[[3.0, 4.0], [0.0, 2.0]]]),
            torch.tensor([[[2.0], [1.0]]]),
            torch.tensor([1.0]),
            torch.tensor([[1.0, 0.0]]),
            _rms_norm,
            torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, -1.0]]),
        ),
        (
            3 * torch.randn(2, 4, 6, generator=generator),
            torch.randn(2, 4, 3, generator=generator),
            torch.randn(3, generator=generator),
            torch.randn(3, 6, generator=generator),
            _rms_norm,
            torch.randn(6, 5, generator=generator),
        ),
    ]
    match_function(cut_keys, _cut, inputs, _CUT_MISTAKES, may_write=True)


def _cut(
    stream: Tensor, z: Tensor, mean: Tensor, W_O: Tensor, norm: Callable[[Tensor], Tensor], W_K: Tensor
) -> Tensor:
    return norm(stream - (z - mean) @ W_O) @ W_K


_CUT_MISTAKES: Mistakes = [
    (
        lambda s, z, m, W, norm, K: norm(s) @ K,
        "these are the keys as they were: nothing was cut. Take the note out of the stream before the norm.",
    ),
    (
        lambda s, z, m, W, norm, K: norm(s - z @ W) @ K,
        "you take out all that the sender wrote, its mean too, so it puts out zero. Take out what lies beyond its "
        "mean: z - mean.",
    ),
    (
        lambda s, z, m, W, norm, K: norm(s - m @ W) @ K,
        "you take the mean out and leave the note in. The note is what lies beyond the mean: z - mean.",
    ),
    (
        lambda s, z, m, W, norm, K: norm(s + (z - m) @ W) @ K,
        "the sign is turned: the note is in the keys twice. Subtract it from the stream.",
    ),
    (
        lambda s, z, m, W, norm, K: norm(s - (z - z.mean((0, 1))) @ W) @ K,
        "you take the mean over the texts at hand. Use the `mean` that is given: it comes from texts that do not "
        "repeat.",
    ),
    (
        lambda s, z, m, W, norm, K: (norm(s) - (z - m) @ W) @ K,
        "the norm must come after the cut: it divides by the size of the whole stream, and you subtract a note that "
        "was never divided.",
    ),
    (
        lambda s, z, m, W, norm, K: (norm(s) - norm((z - m) @ W)) @ K,
        "a norm of a difference is not the difference of norms: subtract the note first, then call `norm` once.",
    ),
    (
        lambda s, z, m, W, norm, K: (s - (z - m) @ W) @ K,
        "the norm is missing: a block reads the stream through it.",
    ),
    (
        lambda s, z, m, W, norm, K: norm(s - (z - m) @ W),
        "that is the normalised stream without the note; `W_K` turns it into keys.",
    ),
    (
        lambda s, z, m, W, norm, K: norm((s - (z - m) @ W) @ K),
        "the order is turned: the norm reads the stream, then `W_K` reads the norm.",
    ),
    (
        lambda s, z, m, W, norm, K: norm(m @ W + 0 * s) @ K,
        "these keys are made of the sender alone. Everything else in the stream must stay.",
    ),
    (
        lambda s, z, m, W, norm, K: norm((z - m) @ W) @ K,
        "these keys are made of the note alone. Take the note *out* of the stream: stream - note.",
    ),
]


def _judge_average(average_head: Callable[[Tensor, int], Tensor]) -> None:
    small = torch.tensor([[[[1.0], [5.0]]], [[[3.0], [6.0]]]])
    large = torch.randn(4, 5, 6, 3, generator=torch.Generator().manual_seed(0))
    match_function(average_head, _average, [(small, 0), (large, 2)], _AVERAGE_MISTAKES, may_write=True)


def _average(z: Tensor, head: int) -> Tensor:
    return _put(z, head, z[:, :, head].mean(0))


def _put(z: Tensor, head: int, values: Tensor | float) -> Tensor:
    changed = z.clone()
    changed[:, :, head] = values
    return changed


def _put_position(z: Tensor, position: int) -> Tensor:
    changed = z.clone()
    changed[:, position % z.shape[1]] = z[:, position % z.shape[1]].mean(0)
    return changed


_AVERAGE_MISTAKES: Mistakes = [
    (lambda z, head: z, "what you return is what came in: the head still puts out what it did."),
    (
        lambda z, head: _put(z, head, 0.0),
        "you set the head to zero, which takes its constant part away too. Put its mean over the prompts there.",
    ),
    (
        lambda z, head: z.mean(0, keepdim=True).expand_as(z),
        "every head is averaged, not the one asked for: [:, :, head].",
    ),
    (
        lambda z, head: _put(z, head, z[:, :, head].mean((0, 1))),
        "you average over the positions too. A head does other things at other places, so keep them apart: mean(0).",
    ),
    (
        lambda z, head: _put(z, head, z[:, :, head].mean(1, keepdim=True)),
        "you average over the positions of each prompt, so it keeps what it knows of its prompt. Average over the "
        "prompts, the first axis.",
    ),
    (
        lambda z, head: _put(z, head, z.mean(2)),
        "that is the mean over the *heads* of a prompt. Average this head over the prompts, the first axis.",
    ),
    (
        lambda z, head: _put(z, head, z[:, :, head].mean(-1, keepdim=True)),
        "you average the numbers within a vector. Average vectors over the prompts, the first axis.",
    ),
    (
        lambda z, head: _put(z, head, z[0, :, head]),
        "every prompt gets what the head puts out on the first. Put the mean of all prompts there.",
    ),
    (
        lambda z, head: _put(z, head, z[:, :, head].sum(0)),
        "that is the sum over the prompts; divide by their number.",
    ),
    (
        lambda z, head: z[:, :, head].mean(0),
        "that is the mean alone. A hook gives back the whole activation, with one head changed.",
    ),
    (
        _put_position,
        "the second axis is the position, so this averages all heads at one place. Heads are the third: [:, :, head].",
    ),
]


# What the notebook goes on with where the learner's function is right: how it is judged, ours, and what makes one kind
# of thing of a right answer.
PARTS = {
    "cut_keys": (_judge_cut, _cut, torch.as_tensor),
    "average_head": (_judge_average, _average, torch.as_tensor),
}
