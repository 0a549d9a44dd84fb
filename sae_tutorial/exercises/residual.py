"""Checks for notebook 02: a hook, the cut that tells, a logit lens, an attribution."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformer_lens.hook_points import HookPoint

from sae_tutorial.exercises.matching import Mistakes, match_function, read_tensor
from sae_tutorial.exercises.reporting import Exercise, LearnerError, WrongAnswer


def check_silence(silence: Callable[[Tensor, HookPoint], Tensor]) -> None:
    """Exercise 2.3: `silence(activation, hook)`, zero at every position but the first."""
    exercise = Exercise(
        "2.3",
        "write the body of `silence`.",
        "the section 'Open the model: a cache and a hook'",
        "you can step into a forward pass at any hook and see what breaks.",
    )
    exercise.check(_judge_silence, silence)


def check_third_cut(third_cut: Callable[[Tensor, HookPoint], Tensor]) -> None:
    """Exercise 2.4: `third_cut(activation, hook)`, zero at the first position alone: what the two other cuts differ in."""
    exercise = Exercise(
        "2.4",
        "write the body of `third_cut`.",
        "the section 'Skip a whole block'",
        "you can find the cut that an explanation would not survive if it were wrong.",
    )
    exercise.check(_judge_third_cut, third_cut)


def check_lens(lens: Callable[[Tensor, Callable[[Tensor], Tensor], Tensor], Tensor]) -> None:
    """Exercise 2.5: `lens(stream, norm, W_U)`, the logits of a stream that is read early."""
    exercise = Exercise(
        "2.5",
        "write the body of `lens`.",
        "the section 'Read the stream early: the logit lens'",
        "you can ask a model at any depth what it would say if it stopped there.",
    )
    exercise.check(_judge_lens, lens)


def check_attribution(attribution: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Exercise 2.6: `attribution(parts, weight, direction)`, shares that add up, in place of `shares_that_do_not`."""
    exercise = Exercise(
        "2.6",
        "write `attribution` so that the shares add up to the whole; those of `shares_that_do_not` do not.",
        "the section 'Who votes for Paris?'",
        "you can split a logit among parts without the shares depending on how the parts are cut.",
    )
    exercise.check(_judge_attribution, attribution)


def _judge_hook(answer: Any, right: Callable[[Tensor, HookPoint], Tensor], mistakes: Mistakes) -> None:
    generator = torch.Generator().manual_seed(0)
    hook = HookPoint()
    hook.name = "blocks.0.hook_attn_out"
    inputs = [
        (torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]), hook),
        (torch.randn(2, 4, 3, generator=generator), hook),
    ]
    match_function(answer, right, inputs, mistakes, may_write=True)
    names = list(inspect.signature(answer).parameters)
    if len(names) == 2 and names[1] != "hook":
        raise WrongAnswer(
            f"right, but TransformerLens hands over the hook by its name: call the second argument `hook`, not `{names[1]}`."
        )


def _judge_silence(answer: Any) -> None:
    _judge_hook(answer, _silence, _SILENCE_MISTAKES)


def _judge_third_cut(answer: Any) -> None:
    _judge_hook(answer, _third_cut, _THIRD_CUT_MISTAKES)


def _judge_lens(answer: Any) -> None:
    """Compare; if the answer stops with an error, see whether it is right for a transposed unembedding."""
    generator = torch.Generator().manual_seed(0)
    inputs = [
        (torch.tensor([[[3.0, 4.0]]]), _rms_norm, torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, -1.0]])),
        (5 * torch.randn(2, 3, 4, generator=generator), _rms_norm, torch.randn(4, 6, generator=generator)),
    ]
    try:
        match_function(answer, _lens, inputs, _LENS_MISTAKES)
    except LearnerError as error:
        try:
            match_function(lambda stream, norm, W_U: answer(stream, norm, W_U.T), _lens, inputs, [])
        except Exception:
            raise error from None
        raise WrongAnswer(
            "`W_U` has the shape [d_model, d_vocab] already; transposed, it does not fit the stream. Leave the `.T` out."
        ) from None


def _judge_attribution(answer: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = [
        (torch.tensor([[3.0, 0.0], [0.0, 4.0]]), torch.tensor([1.0, 2.0]), torch.tensor([1.0, -1.0])),
        tuple(torch.randn(shape, generator=generator) for shape in ((4, 3), (3,), (3,))),
    ]
    match_function(answer, _attribution, inputs, _ATTRIBUTION_MISTAKES)


def _silence(activation: Tensor, hook: HookPoint) -> Tensor:
    return _silent(activation, slice(1, None))


def _third_cut(activation: Tensor, hook: HookPoint) -> Tensor:
    return _silent(activation, slice(None, 1))


def _all_silent(activation: Tensor) -> Tensor:
    return torch.zeros_like(activation)


def _silent(activation: Tensor, places: Any) -> Tensor:
    silenced = activation.clone()
    silenced[:, places] = 0
    return silenced


_SILENCE_MISTAKES: Mistakes = [
    (
        lambda a, hook: _all_silent(a),
        "you silence the first position too. BOS must keep what it has.",
    ),
    (lambda a, hook: a, "what you return is what came in: nothing is set to zero."),
    (
        lambda a, hook: _silent(a, 0),
        "you silence the first position and keep the others; it is the other way round.",
    ),
    (
        lambda a, hook: _silent(a, -1),
        "you silence the last position alone; the positions are `activation[:, 1:]`.",
    ),
    (
        lambda a, hook: torch.cat([a[:1], torch.zeros_like(a[1:])]),
        "you count along the batch. The axes are [batch, position, d_model], so positions are the second one.",
    ),
    (
        lambda a, hook: a[:, :1],
        "you cut the positions off. A hook must give back the shape it was given: set them to zero instead.",
    ),
    (
        lambda a, hook: torch.cat([a[..., :1], _silent(a[..., 1:], slice(1, None))], dim=-1),
        "the first number of every vector is still there. Silence the whole vector: `activation[:, 1:]`, with no third "
        "index, takes all of its numbers.",
    ),
    (
        lambda a, hook: torch.cat([a[..., :1], torch.zeros_like(a[..., 1:])], dim=-1),
        "you count along the numbers of each vector. Positions are the second axis: `activation[:, 1:]`, not `[..., 1:]`.",
    ),
]


_THIRD_CUT_MISTAKES: Mistakes = [
    (lambda a, hook: _silence(a, hook), "that is `silence` again, which spares BOS. What did it spare?"),
    (
        lambda a, hook: _all_silent(a),
        "that is the blunt cut again: it takes out BOS *and* the words, so it cannot tell which of them mattered.",
    ),
    (lambda a, hook: a, "what you return is what came in: nothing is set to zero."),
    (
        lambda a, hook: torch.cat([torch.zeros_like(a[:1]), a[1:]]),
        "you count along the batch. The axes are [batch, position, d_model], so positions are the second one.",
    ),
    (
        lambda a, hook: _silent(a, -1),
        "you silence the last position. The suspect is the first.",
    ),
    (
        lambda a, hook: a[:, 1:],
        "you cut the position off. A hook must give back the shape it was given: set it to zero instead.",
    ),
    (
        lambda a, hook: _silent(a, 1),
        "you silence the second position, the first *word*: counting starts at 0.",
    ),
    (
        lambda a, hook: torch.cat([torch.zeros_like(a[..., :1]), a[..., 1:]], dim=-1),
        "you count along the numbers of each vector. Positions are the second axis: `activation[:, 0]`, not `[..., 0]`.",
    ),
]


def _rms_norm(stream: Tensor) -> Tensor:
    """With weights, as in the model: a norm without them can be applied twice and nobody sees it."""
    weight = torch.linspace(0.5, 1.5, stream.shape[-1])
    return stream / stream.pow(2).mean(-1, keepdim=True).sqrt() * weight


def _lens(stream: Tensor, norm: Callable[[Tensor], Tensor], W_U: Tensor) -> Tensor:
    return norm(stream) @ W_U


_LENS_MISTAKES: Mistakes = [
    (
        lambda s, norm, W: s @ W,
        "the final norm is missing. The unembedding only ever met streams of the norm's size, and early ones are short.",
    ),
    (
        lambda s, norm, W: norm(s),
        "that is the normalised stream; the unembedding `W_U` turns it into logits.",
    ),
    (
        lambda s, norm, W: (norm(s) @ W).softmax(-1),
        "these are probabilities. The lens gives logits; take the softmax afterwards, where you need it.",
    ),
    (
        lambda s, norm, W: (norm(s) @ W).argmax(-1),
        "that is the likeliest token already; give the logits of all tokens, [..., d_vocab].",
    ),
    (
        lambda s, norm, W: norm(norm(s)) @ W,
        "you apply the norm twice. Its weights then count twice too: once is what the model does.",
    ),
    (
        lambda s, norm, W: norm(s @ W),
        "the order is turned: the norm reads the stream, then the unembedding reads the norm.",
    ),
    (
        lambda s, norm, W: (norm(s) @ W)[:, -1],
        "that is the last position alone; give the logits at every position.",
    ),
    (
        lambda s, norm, W: s / s.norm(dim=-1, keepdim=True) @ W,
        "you divide by the vector's length yourself. The model has a norm of its own, which is given to you as a "
        "function: call `norm(stream)`.",
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
        lambda p, w, d: (
            (own := _scaled(p, w, d, p.pow(2).mean(1, keepdim=True).sqrt()))
            * (_attribution(p, w, d).sum() / own.sum())
        ),
        "these add up because you forced them to, by one factor on all. Divide every part by the size of the sum, and they add "
        "up by themselves.",
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
        lambda p, w, d: _scaled(p, w, d, p.pow(2).sum(0).mean().sqrt()),
        "your scale adds up the squares of the parts. Parts may cancel: add the parts first, then square the sum.",
    ),
    (
        lambda p, w, d: _scaled(p, w, d, p.pow(2).mean(1).sqrt().sum()),
        "your scale is the sum of the parts' sizes. Parts may cancel, so the size of their sum is smaller: add the "
        "parts first, then take one size.",
    ),
    (
        lambda p, w, d: p / p.sum(1).pow(2).mean().sqrt() * w @ d,
        "you add up the numbers within each part. The parts are the first axis: `parts.sum(0)` is the stream.",
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


def _for_the_model(value: Any) -> Tensor:
    """A result in float32, on its own device where it is a tensor: the model goes on with it."""
    return (value if isinstance(value, Tensor) else read_tensor(value)).float()


PARTS = {
    "silence": (_judge_silence, _silence, _for_the_model),
    "third_cut": (_judge_third_cut, _third_cut, _for_the_model),
    "lens": (_judge_lens, _lens, _for_the_model),
    "attribution": (_judge_attribution, _attribution, _for_the_model),
}
