"""Checks of notebook 11 beside those in `graphs`: the loss of a transcoder, rival groups, and the margin over them."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.graphs import random_tensors
from sae_tutorial.exercises.matching import Mistakes, match_function, match_untouched, read_tensor
from sae_tutorial.exercises.reporting import Exercise, WrongAnswer, call


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


def check_rival_group(rival_group: Callable[[Tensor, Tensor, torch.Generator], Tensor]) -> None:
    """Exercise 11.8: `rival_group(group, strength, generator)`, another group drawn by lot, as large and as strong."""
    exercise = Exercise(
        "11.8",
        "write the body of `rival_group`.",
        "the folded help, on the running mean",
        "whoever says that any group as strong would have done can be answered with these rivals.",
    )
    exercise.check(_judge_rival_group, rival_group)


def check_margins(margins: Callable[..., Tensor]) -> None:
    """Exercise 11.9: `margins(cost, group, rivals)`, by how much a group costs more than its costliest rival, by language."""
    exercise = Exercise(
        "11.9",
        "write the body of `margins`.",
        "the folded help, on what comes before the maximum",
        "you have a test that a graph can fail, and a number for each language.",
    )
    exercise.check(_judge_margins, margins)


N_DRAWS = 30
_SHAPE = "give True or False for each latent, a tensor like `group`."
_OVERLAP = "a latent of the group itself is in the rival group. Leave out the whole group before you draw."
_SIZE = "a rival group has to hold as many latents as the group. Did one latent come twice?"
_LUCK = "two generators with the same seed give different groups: hand `generator` to every draw."
_FIXED = "every generator gives the same group. Draw from `generator`, so that there can be nineteen."
_WEAK = "the rivals are weaker than the group, on average, so that they would lose for that alone."
_STRONG = "the rivals are stronger than the group, on average. That is unfair too: match its mean strength."


def _judge_rival_group(answer: Any) -> None:
    for seed, latents in enumerate(([3, 7, 12, 20, 31], [0, 9, 14])):
        drawn, lot = random_tensors(seed, (600,), (600,))
        strength = 10 * drawn.abs() * (lot > 0.67)  # most latents are off, as in a prompt
        strength[latents] = 12.0 + torch.arange(len(latents))
        group = torch.zeros(600, dtype=torch.bool)
        group[latents] = True
        draws = [_one_draw(answer, group, strength, draw) for draw in range(N_DRAWS)]
        again = _one_draw(answer, group, strength, 0)
        ratio = float(
            torch.stack([strength[drawn].mean() for drawn in draws]).mean() / strength[group].mean()
        )
        for wrong, message in (
            (not torch.equal(again, draws[0]), _LUCK),
            (all(torch.equal(drawn, draws[0]) for drawn in draws), _FIXED),
            (ratio < 0.85, _WEAK),
            (ratio > 1.2, _STRONG),
        ):
            if wrong:
                raise WrongAnswer(message)
    match_untouched(answer, {"group": group, "strength": strength, "generator": torch.Generator()})


def _one_draw(answer: Any, group: Tensor, strength: Tensor, seed: int) -> Tensor:
    drawn = read_tensor(call(answer, group, strength, torch.Generator().manual_seed(seed)))
    if drawn.dtype != torch.bool or drawn.shape != group.shape:
        raise WrongAnswer(_SHAPE)
    if (drawn & group).any():
        raise WrongAnswer(_OVERLAP)
    if drawn.sum() != group.sum():
        raise WrongAnswer(_SIZE)
    return drawn


def _pool(group: Tensor, strength: Tensor) -> Tensor:
    """The strongest latents outside the group, as many as are on the mean as strong as it."""
    free = strength.masked_fill(group, -torch.inf)
    order = free.argsort(descending=True)
    running = free[order].cumsum(0) / torch.arange(1, len(order) + 1)
    return order[running >= strength[group].mean()]


def _by_lot(pool: Tensor, group: Tensor, generator: torch.Generator | None) -> Tensor:
    drawn = torch.zeros_like(group)
    drawn[pool[torch.randperm(len(pool), generator=generator)[: int(group.sum())]]] = True
    return drawn


def _rival_group(group: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    return _by_lot(_pool(group, strength), group, generator)


def _with_repeats(group: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    pool, drawn = _pool(group, strength)[:4], torch.zeros_like(group)
    drawn[pool[torch.randint(len(pool), (int(group.sum()),), generator=generator)]] = True
    return drawn


_RIVAL_MISTAKES: Mistakes = [
    (lambda group, s, g: (~group).nonzero()[: int(group.sum()), 0], _SHAPE),
    (lambda group, s, g: _by_lot(s.topk(60).indices, group, g), _OVERLAP),
    (_with_repeats, _SIZE),
    (lambda group, s, g: _by_lot(_pool(group, s), group, None), _LUCK),
    (lambda group, s, g: _by_lot(_pool(group, s)[: int(group.sum())], group, g), _FIXED),
    (lambda group, s, g: _by_lot((~group).nonzero()[:, 0], group, g), _WEAK),
    (lambda group, s, g: _by_lot(_pool(group, s)[: int(group.sum()) + 2], group, g), _STRONG),
]  # fmt: skip


class _Cost:
    """What each latent of each language costs in each template, so that a group costs the sum."""

    def __init__(self, seed: int) -> None:
        (self.weights,) = random_tensors(seed, (3, 3, 6))

    def __call__(self, group: Tensor) -> Tensor:
        return torch.einsum("tkl,kl->tk", self.weights, torch.as_tensor(group).float())

    def __repr__(self) -> str:
        return "cost"


def _cost_inputs() -> list[tuple[_Cost, Tensor, list[Tensor]]]:
    """A cost, a group [languages, latents], and six rivals."""
    masks = (random_tensors(10 + seed, (7, 3, 6))[0] > 0 for seed in range(4))
    return [(_Cost(seed), group, list(rivals)) for seed, (group, *rivals) in enumerate(masks)]


def _margins(cost: Callable[[Tensor], Tensor], group: Tensor, rivals: Sequence[Tensor]) -> Tensor:
    return cost(group).mean(0) - _of_rivals(cost, rivals).amax(0)


def _of_rivals(cost: Callable[[Tensor], Tensor], rivals: Sequence[Tensor]) -> Tensor:
    return torch.stack([cost(rival).mean(0) for rival in rivals])


def _judge_margins(answer: Any) -> None:
    match_function(answer, _margins, _cost_inputs(), _MARGIN_MISTAKES)


_MARGIN_MISTAKES: Mistakes = [
    (
        lambda c, g, rs: c(g).mean(0) - _of_rivals(c, rs).mean(0),
        "you compare with the rivals' mean, which half of all rivals beat. Take the costliest.",
    ),
    (
        lambda c, g, rs: c(g).mean(0) - torch.stack([c(r) for r in rs]).amax((0, 1)),
        "your maximum runs over templates too. Take the mean over templates first, then the costliest rival.",
    ),
    (
        lambda c, g, rs: c(g).mean(0) - _of_rivals(c, rs).max(),
        "you took one maximum over rivals and languages together. Each language has a costliest rival: `.amax(0)`.",
    ),
    (
        lambda c, g, rs: c(g).mean(0) - torch.stack([c(r) for r in rs]).max(),
        "you took one maximum over everything. Take the mean over templates first, then each language's costliest rival.",
    ),
    (
        lambda c, g, rs: c(g).mean(0) - _of_rivals(c, rs).mean(1).max(),
        "you took each rival's mean over languages. Compare in each language with what the rivals cost there.",
    ),
    (
        lambda c, g, rs: (c(g) - torch.stack([c(r) for r in rs]).amax(0)).mean(0),
        "you took the costliest rival of each template. A rival is one group: take its mean over templates first.",
    ),
    (
        lambda c, g, rs: c(g).mean(0) - _of_rivals(c, rs)[_of_rivals(c, rs).mean(1).argmax()],
        "you took one rival for all languages. In each language another one may be the costliest.",
    ),
    (
        lambda c, g, rs: _of_rivals(c, rs).amax(0) - c(g).mean(0),
        "the sign is wrong: a margin is positive where the group costs more.",
    ),
    (
        lambda c, g, rs: c(g).mean(0) - _of_rivals(c, rs).amin(0),
        "you compare with the cheapest rival; the group has to beat the costliest.",
    ),
    (lambda c, g, rs: c(g).mean(0), "the rivals are missing: subtract what the costliest of them costs."),
    (
        lambda c, g, rs: c(g).mean() - _of_rivals(c, rs).mean(1).max(),
        "that is one number for all languages; one for each is wanted.",
    ),
    (
        lambda c, g, rs: c(g).mean(1) - torch.stack([c(r).mean(1) for r in rs]).amax(0),
        "you took the mean over languages; templates are the first axis, and the mean goes over them.",
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

PARTS = {
    "rival_group": (_judge_rival_group, _rival_group, read_tensor),
    "margins": (_judge_margins, _margins, read_tensor),
}
