"""Checks for notebook 09: the controls that a learner builds: a cone, weights out of order, a paired test by document."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from sae_tutorial.exercises.matching import Mistakes, match_function, match_untouched, read_tensor
from sae_tutorial.exercises.reporting import Exercise, LearnerError, WrongAnswer, call


def check_soft_freeze(soft_freeze: Callable[[Tensor, Tensor, float], Any]) -> None:
    """Exercise 9.2: `soft_freeze(W, start, cosine)`, rows turned back into the cone around their start."""
    exercise = Exercise(
        "9.2",
        "write the body of `soft_freeze`.",
        "the drawing above the exercise: along the start, across it, and the edge of the cone",
        "you have built the control that comes nearest to a trained SAE, and you know how much it may learn.",
    )
    exercise.check(_judge_soft_freeze, soft_freeze)


def _judge_soft_freeze(answer: Any) -> None:
    flat = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    rows = torch.tensor([[0.0, 1.0], [0.96, 0.28], [0.6, -0.8]])
    inputs = [(rows, flat, 0.8), (rows, flat, 0.6)]
    for seed, cosine in ((0, 0.8), (1, 0.5)):
        draw = torch.Generator().manual_seed(seed)
        start = normalize(torch.randn(6, 5, generator=draw), dim=1)
        wide = torch.tensor([[0.2], [0.4], [1.0], [2.0], [5.0], [0.6]])
        inputs.append((normalize(start + wide * torch.randn(6, 5, generator=draw), dim=1), start, cosine))
    match_function(answer, _soft_freeze, inputs, _FREEZE_MISTAKES, may_write=True)


def check_paired_draws(paired_draws: Callable[[Tensor, Tensor, Tensor, list[list[int]]], Any]) -> None:
    """Exercise 9.5: `paired_draws(one, other, documents, draws)`, the mean difference for every draw of documents."""
    exercise = Exercise(
        "9.5",
        "write the body of `paired_draws`.",
        "the folded help, on whose rows are gathered for one draw",
        "you have written the test that decides whether two methods differ, and its unit is the document.",
    )
    exercise.check(_judge_paired_draws, paired_draws)


def _judge_paired_draws(answer: Any) -> None:
    one = torch.tensor([1.0, 2.0, 6.0, 4.0, 0.0, 8.0])
    other, documents = torch.tensor([0.5, 3.0, 1.0, 4.5, 2.0, 1.0]), torch.tensor([0, 0, 0, 1, 2, 2])
    inputs = [
        (one, other, documents, [[0, 1, 1], [2, 2, 1]]),
        (other, one, documents, [[1, 1, 0], [0, 1, 2], [2, 2, 2]]),
        # Numbers of articles do not begin at 0, and need not be in order.
        (one, other, torch.tensor([7, 4, 4, 9, 7, 4]), [[4, 9, 9], [7, 7, 4]]),
    ]
    try:
        match_function(answer, _paired_draws, inputs, _PAIRED_MISTAKES)
    except LearnerError as error:
        if not isinstance(error.__cause__, LookupError):
            raise
        # Where the documents are numbered from 0 it may run: what does it compute there?
        match_function(answer, _paired_draws, inputs[:2], [*_PAIRED_MISTAKES, _BY_ROW_NUMBER])
        raise WrongAnswer(
            "it is right where documents are numbered 0, 1, 2, and stops where they are numbered 4, 7, 9, as articles "
            "are. A number is a name and no place in a list: `documents == 7` marks the rows of document 7."
        ) from error


def check_shuffle_weights(
    shuffle: Callable[[dict[str, Tensor], set[str], torch.Generator], Any],
) -> None:
    """Exercise 9.3: `shuffle_weights(weights, keep, generator)`, every matrix with its own entries in another order."""
    exercise = Exercise(
        "9.3",
        "write the body of `shuffle_weights`.",
        "the drawing above the exercise: what stays, and what changes places within what",
        "you have built a model whose blocks were never taught anything, with weights of the same sizes.",
    )
    exercise.check(_judge_shuffle, shuffle)


def _soft_freeze(W: Tensor, start: Tensor, cosine: float) -> Tensor:
    along, across = _parts(W, start)
    edge = cosine * start + (1 - cosine**2) ** 0.5 * normalize(across, dim=1)
    return torch.where(along < cosine, edge, W)


def _parts(W: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """How far each row points along its start, and what is left of it."""
    along = (W * start).sum(1, keepdim=True)
    return along, W - along * start


_FREEZE_MISTAKES: Mistakes = [
    (
        lambda W, s, c: c * s + (1 - c**2) ** 0.5 * normalize(_parts(W, s)[1], dim=1),
        "rows that are inside the cone already are turned as well, out to its edge. They are free: leave them.",
    ),
    (
        lambda W, s, c: torch.where(_parts(W, s)[0] < c, c * s + (1 - c**2) ** 0.5 * W, W),
        "you add the whole row to its start. Part of it points along the start already: take that part out first, and "
        "what is left is at a right angle.",
    ),
    (
        lambda W, s, c: torch.where(_parts(W, s)[0] < c, normalize(c * s + (1 - c) * W, dim=1), W),
        "a weighted mean of row and start has another cosine with the start. Build it from two parts at a right angle: "
        "`cosine` along the start, and the rest of the length across.",
    ),
    (
        lambda W, s, c: torch.where(_parts(W, s)[0] < c, normalize(c * s + W, dim=1), W),
        "the rows have length 1, but not the cosine: part of the row points along the start already, so together they "
        "point too much that way. Take that part out first, and what is left is at a right angle.",
    ),
    (
        lambda W, s, c: torch.where(
            _parts(W, s)[0] < c, c * s + (1 - c) * normalize(_parts(W, s)[1], dim=1), W
        ),
        "the result has not length 1. Two sides at a right angle: their squares add up to 1, so the part across has "
        "length √(1 − cosine²).",
    ),
    (
        lambda W, s, c: torch.where(_parts(W, s)[0] < c, c * s + _parts(W, s)[1], W),
        "the result has not length 1: the part across keeps its old length. Give it the length √(1 − cosine²).",
    ),
    (
        lambda W, s, c: torch.where(_parts(W, s)[0] < c, s, W),
        "you set a row that left the cone back to its start. It may stay as far away as the cone allows: turn it to the "
        "edge only.",
    ),
    (
        lambda W, s, c: W,
        "nothing is turned back; a row outside the cone has a cosine *below* the limit.",
    ),
]


def shuffle_in_use(shuffle: Callable[..., Any]) -> Callable[..., Any]:
    """The learner's `shuffle_weights` if it is right, and the course's in its place; prints which."""
    from sae_tutorial.lab.models import (
        shuffle_weights,
    )  # it loads TransformerLens, which no other check needs

    try:
        _judge_shuffle(shuffle)
        used = shuffle
    except Exception:  # whatever is wrong with it, the exercise says so; the notebook goes on with ours
        used = shuffle_weights
    print("weights shuffled by", "your function" if used is shuffle else "ours, until yours is written")
    return used


def _paired_draws(one: Tensor, other: Tensor, documents: Tensor, draws: list[list[int]]) -> Tensor:
    return torch.stack([_drawn_mean(one - other, documents, drawn) for drawn in draws])


def _drawn_mean(values: Tensor, documents: Tensor, drawn: list[int]) -> Tensor:
    return torch.cat([values[documents == document] for document in drawn]).mean()


_PAIRED_MISTAKES: Mistakes = [
    (
        lambda a, b, d, draws: _paired_draws(b, a, d, draws),
        "the sign is the other way round: `one` minus `other`.",
    ),
    (
        lambda a, b, d, draws: torch.stack(
            [(a - b)[torch.isin(d, torch.tensor(drawn))].mean() for drawn in draws]
        ),
        "a document that was drawn twice counts once, as with `isin`, which only asks whether it was drawn. Take its "
        "rows twice.",
    ),
    (
        lambda a, b, d, draws: torch.stack(
            [torch.stack([(a - b)[d == document].mean() for document in drawn]).mean() for drawn in draws]
        ),
        "you average the documents' means, so a short document counts as much as a long one. Pool the rows.",
    ),
    (
        lambda a, b, d, draws: torch.stack([_drawn_mean(a, d, drawn) for drawn in draws]) - b.mean(),
        "only `one` is taken on the documents drawn, `other` on all of them. Then hard documents no longer cancel: take "
        "both on the same rows.",
    ),
    (
        lambda a, b, d, draws: torch.stack([_drawn_mean(a, d, drawn) for drawn in draws]),
        "these are the means of `one` alone; where is `other` on the same rows?",
    ),
    (
        lambda a, b, d, draws: (a - b).mean().expand(len(draws)),
        "this is the difference on the whole sample, the same for every draw: the interval would have no width.",
    ),
    (
        lambda a, b, d, draws: torch.stack(
            [torch.cat([(a - b)[d == document] for document in drawn]).sum() for drawn in draws]
        ),
        "these are sums; divide each by its number of rows.",
    ),
    (
        lambda a, b, d, draws: _paired_draws(a, b, d, draws).mean(),
        "this is the mean over all draws. Return one difference for each: their spread is the interval.",
    ),
]


# Apart from the others: where documents are numbered otherwise than from 0, it stops.
_BY_ROW_NUMBER = (
    lambda a, b, d, draws: torch.stack([(a - b)[drawn].mean() for drawn in draws]),
    "you take the numbers of the documents for numbers of rows. `documents` says whose each row is: `documents == 7` marks "
    "all rows of document 7.",
)


def _judge_shuffle(answer: Callable[[dict[str, Tensor], set[str], torch.Generator], Any]) -> None:
    shapes = {
        "embed": (5, 4),
        "0.up": (6, 4),
        "0.norm": (4,),
        "0.down": (4, 6),
        "1.up": (6, 4),
        "1.norm": (4,),
    }
    keep, model, first = {"embed", "0.norm", "1.norm"}, {}, 0
    for name, shape in shapes.items():
        size = torch.Size(shape).numel()
        model[name] = torch.arange(first, first + size).float().view(shape)
        first += size

    def twin(seed: int) -> dict[str, Tensor]:
        found = call(answer, model, set(keep), torch.Generator().manual_seed(seed))
        if not isinstance(found, Mapping):
            raise WrongAnswer(
                f"return a dictionary {{name: tensor}}, as `weights` is; got {type(found).__name__}."
            )
        if missing := [name for name in model if name not in found]:
            raise WrongAnswer(
                f"{missing[0]!r} is missing in what you return; the twin needs every tensor, also those that stay."
            )
        return {name: read_tensor(found[name]) for name in model}

    found, again, other = twin(0), twin(0), twin(1)
    for name, W in model.items():
        _judge_tensor(name, W, found[name], name in keep, model)
    if all(torch.equal(found[name], other[name]) for name in model):
        raise WrongAnswer("two generators give the same order: draw it from `generator`.")
    if any(not torch.equal(found[name], again[name]) for name in model):
        raise WrongAnswer(
            "the same seed gives another order: draw from `generator`, so that others can repeat your twin."
        )
    if torch.equal(found["0.up"] - model["0.up"], found["1.up"] - model["1.up"]):
        raise WrongAnswer(
            "two matrices of the same size are put into the same order: draw a new order for each."
        )
    match_untouched(answer, {"weights": model, "keep": set(keep), "generator": torch.Generator()})


def _judge_tensor(name: str, W: Tensor, found: Tensor, stays: bool, model: Mapping[str, Tensor]) -> None:
    if found.shape != W.shape:
        raise WrongAnswer(
            f"{name!r} had shape {list(W.shape)} and has {list(found.shape)}; give it its own shape back."
        )
    if stays:
        if not torch.equal(found.float(), W):
            raise WrongAnswer(f"{name!r} is among the names to keep, and you changed it.")
        return
    if torch.equal(found.float(), W):
        raise WrongAnswer(f"{name!r} is as it was; only the names in `keep` stay.")
    if not torch.equal(found.float().flatten().sort().values, W.flatten()):
        everything = torch.cat([tensor.flatten() for tensor in model.values()])
        if torch.isin(found.float(), everything).all():
            raise WrongAnswer(
                f"{name!r} has numbers of other tensors, or some twice: put each matrix's own numbers into another order."
            )
        raise WrongAnswer(
            f"{name!r} has new numbers. Then its sizes may differ from the trained ones; take its own, in another order."
        )
    if _same_sets(found, W):
        raise WrongAnswer(
            f"in {name!r} the numbers of a row stay together. A row is what one unit reads; mix over the whole matrix."
        )
    if _same_sets(found.T, W.T):
        raise WrongAnswer(
            f"in {name!r} the numbers of a column stay together. A column is what one unit writes; mix over the whole matrix."
        )


def _same_sets(found: Tensor, W: Tensor) -> bool:
    """Whether every row has the numbers of some row."""
    one, other = ({tuple(sorted(row)) for row in matrix.tolist()} for matrix in (found, W))
    return one == other


# By name: how an answer is judged, the course's own, and how the notebook reads what the learner's returns.
PARTS = {
    "soft_freeze": (_judge_soft_freeze, _soft_freeze, read_tensor),
    "paired_draws": (_judge_paired_draws, _paired_draws, read_tensor),
}
