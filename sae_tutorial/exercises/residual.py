"""Checks for notebook 02: nats, counting paths, a hook, a logit lens, an attribution."""

import inspect
from collections.abc import Callable
from math import exp, log
from typing import Any

import torch
from torch import Tensor
from transformer_lens.hook_points import HookPoint

from sae_tutorial.exercises.matching import Mistakes, match_function, match_number, read_tensor
from sae_tutorial.exercises.reporting import Exercise, LearnerError, WrongAnswer

D_VOCAB = 49_152  # of the offline lab's model


def check_nats(an_eighth: float | None, uniform: float | None, probability: float | None) -> None:
    """Exercise 2.1: the loss of a probability of 1/8, of a uniform guess over 49,152 tokens; the probability of 3 nats."""
    exercise = Exercise(
        "2.1",
        "put a number in place of each None.",
        "the section 'From scores to nats'",
        "you can read a loss in nats as the probability that the right token was given.",
    )
    exercise.check(_judge_nats, an_eighth, uniform, probability)


def check_paths(whole_blocks: int | None, apart: int | None, with_heads: int | None) -> None:
    """Exercise 2.2: the paths through 4 blocks of 3 heads: whole blocks, attention and MLP apart, each head apart."""
    exercise = Exercise(
        "2.2",
        "put a number in place of each None.",
        "the section 'What one block can know'",
        "you can say what a count of paths counts, which a bare 2ⁿ does not.",
    )
    exercise.check(_judge_paths, whole_blocks, apart, with_heads)


def check_silence(silence: Callable[[Tensor, HookPoint], Tensor]) -> None:
    """Exercise 2.3: `silence(activation, hook)`, zero at every position but the first."""
    exercise = Exercise(
        "2.3",
        "write the body of `silence`.",
        "the section 'Open the model: a cache and a hook'",
        "you can step into a forward pass at any hook and see what breaks.",
    )
    exercise.check(_judge_silence, silence)


def check_lens(lens: Callable[[Tensor, Callable[[Tensor], Tensor], Tensor], Tensor]) -> None:
    """Exercise 2.4: `lens(stream, norm, W_U)`, the logits of a stream that is read early."""
    exercise = Exercise(
        "2.4",
        "write the body of `lens`.",
        "the section 'Read the stream early: the logit lens'",
        "you can ask a model at any depth what it would say if it stopped there.",
    )
    exercise.check(_judge_lens, lens)


def check_attribution(attribution: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Exercise 2.5: `attribution(parts, weight, direction)`, shares that add up, in place of `shares_that_do_not`."""
    exercise = Exercise(
        "2.5",
        "write `attribution` so that the shares add up to the whole; those of `shares_that_do_not` do not.",
        "the section 'Who votes for Paris?'",
        "you can split a logit among parts without the shares depending on how the parts are cut.",
    )
    exercise.check(_judge_attribution, attribution)


def _judge_nats(an_eighth: Any, uniform: Any, probability: Any) -> None:
    smaller = "A probability of 1/2 costs ln 2 = 0.693 nats."
    match_number(
        "an_eighth",
        an_eighth,
        log(8),
        {
            3: "that is the loss in bits, log2 8. A nat is made with the natural logarithm: ln 8.",
            -log(
                8
            ): "the sign is turned: the logarithm of a probability is negative, the loss is minus that.",
            0.903: "that is the logarithm to base 10; take the natural one.",
            0.125: "that is the probability; the loss is minus its logarithm.",
            0.875: "that is the chance of being wrong; the loss is minus the logarithm of the chance of being right.",
        },
        digits=2,
        example=smaller,
    )
    match_number(
        "uniform",
        uniform,
        log(D_VOCAB),
        {
            15.585: "that is in bits, log2; take the natural logarithm.",
            4.692: "that is the logarithm to base 10; take the natural one.",
            1 / D_VOCAB: "that is the probability of each token; the loss is minus its logarithm.",
            -log(D_VOCAB): "the sign is turned: the loss is minus the logarithm of the probability.",
            D_VOCAB: "that is the number of tokens; the guess gives each 1 / 49,152, and the loss is minus the log.",
        },
        digits=2,
        example=smaller,
    )
    match_number(
        "probability",
        probability,
        exp(-3),
        {
            exp(3): "that is e to the power of +3. A probability is at most 1: turn the sign.",
            0.125: "that is 2 to the power of -3, as if the loss were in bits.",
            0.001: "that is 10 to the power of -3; nats go with e.",
            100 * exp(-3): "that is in per cent. A probability lies between 0 and 1: divide by 100.",
            1 / 3: "that is 1 / 3. The loss is a logarithm: undo it with e to the power of -3.",
            1 - exp(-3): "that is the chance of everything else; the right token's is what is left of 1.",
        },
        digits=2,
        example=smaller,
    )


def _judge_paths(whole_blocks: Any, apart: Any, with_heads: Any) -> None:
    smaller = "With 2 blocks of 3 heads the three answers would be 4, 16 and 64."
    match_number(
        "whole_blocks",
        whole_blocks,
        2**4,
        {
            4: "that is the number of blocks. Each is gone through or passed by, whatever the others do.",
            8: "that is 2 · 4. Choices multiply, they do not add: 2 · 2 · 2 · 2.",
            15: "one less than all: the path past all blocks, the direct path, counts too.",
            5: "that is the number of lengths a path can have; of most lengths there are several paths.",
        },
        example=smaller,
    )
    match_number(
        "apart",
        apart,
        4**4,
        {
            16: "that counts whole blocks. Attention and MLP of a block are passed by independently: 8 modules.",
            32: "that is 2 · 16. A block has twice the modules, 2 ways for attention times 2 for the MLP.",
            81: "that is 3 ways for each block; there are four: neither, attention, MLP, and attention then MLP.",
            255: "one less than all: the direct path counts too.",
            8: "that is the number of modules; each is gone through or passed by.",
        },
        example=smaller,
    )
    match_number(
        "with_heads",
        with_heads,
        8**4,
        {
            65536: "that is 16 ways for each block, as if a path could go through any set of a layer's heads. A path is "
            "one line: one head, or none.",
            1296: "that is 6 ways for each block, 3 heads times 2. A path may also pass attention by: 3 heads make 4 "
            "ways through it.",
            256: "that is 4 ways for each block, those through attention; each goes on through the MLP or passes it by.",
            625: "that is 5 ways for each block. The MLP comes after attention, not beside it: ways through the two "
            "multiply.",
            2401: "that is 7 ways for each block. The MLP comes after attention: ways through the two multiply.",
            20736: "that is 12 ways for each block. 3 heads and passing by make 4 ways through attention, not 6.",
            4095: "one less than all: the direct path counts too.",
        },
        example=smaller,
    )


def _judge_silence(answer: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    hook = HookPoint()
    hook.name = "blocks.0.hook_attn_out"
    inputs = [
        (torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]), hook),
        (torch.randn(2, 4, 3, generator=generator), hook),
    ]
    match_function(answer, _silence, inputs, _SILENCE_MISTAKES)
    names = list(inspect.signature(answer).parameters)
    if len(names) == 2 and names[1] != "hook":
        raise WrongAnswer(
            f"right, but TransformerLens hands over the hook by its name: call the second argument `hook`, not `{names[1]}`."
        )


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
]


def _rms_norm(stream: Tensor) -> Tensor:
    return stream / stream.pow(2).mean(-1, keepdim=True).sqrt()


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
    "lens": (_judge_lens, _lens, _for_the_model),
    "attribution": (_judge_attribution, _attribution, _for_the_model),
}
