"""Checks for notebook 14: two rates weighed alike, and whose neighbour is nearer. `designing` has a lead over all rivals."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from sae_tutorial.exercises.matching import Mistakes, match_function, read_tensor
from sae_tutorial.exercises.reporting import Exercise, WrongAnswer, call


def check_matched_rates(matched_rates: Callable[[Tensor, Tensor, Tensor], Any]) -> None:
    """Exercise 14.1: `matched_rates(holes, absorbed, elsewhere)`, a share over all holes and the background weighed alike."""
    exercise = Exercise(
        "14.1",
        "return two numbers: the share of all holes that is absorbed, then the background.",
        "the folded help, on what one hole counts in each of the two numbers",
        "you compare a number with a control that is averaged in the same way.",
    )
    exercise.check(_judge_matched_rates, matched_rates)


def _judge_matched_rates(answer: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = [
        (torch.tensor([1000, 10]), torch.tensor([900, 5]), torch.tensor([0.50, 0.02])),
        (torch.arange(3, 9), torch.arange(2, 8), torch.rand(6, generator=generator)),
    ]
    without = (torch.tensor([4, 0, 12]), torch.tensor([1, 0, 9]), torch.tensor([0.25, 0.9, 0.125]))

    match_function(answer, _matched_rates, inputs, _RATE_MISTAKES)
    if read_tensor(call(answer, *without)).double().isnan().any():
        raise WrongAnswer(
            "right, until a concept has no holes at all: then your function divides 0 by 0, and the whole answer is "
            "nan. Add up over the concepts first, and divide once."
        )
    match_function(answer, _matched_rates, [without], [])


def _matched_rates(holes: Tensor, absorbed: Tensor, elsewhere: Tensor) -> tuple[Tensor, Tensor]:
    return absorbed.sum() / holes.sum(), (holes * elsewhere).sum() / holes.sum()


_RATE_MISTAKES: Mistakes = [
    (
        lambda h, a, e: (_matched_rates(h, a, e)[0], e.mean()),
        "the first number counts a concept by its holes, the second counts every concept once. A concept with a thousand "
        "holes then meets the background of one with ten. Weigh both by holes.",
    ),
    (
        lambda h, a, e: ((a / h).mean(), e.mean()),
        "both are plain means over concepts: matched, but a concept with three holes counts as much as one with a "
        "thousand. The question was about all holes.",
    ),
    (
        lambda h, a, e: ((a / h).mean(), _matched_rates(h, a, e)[1]),
        "the first is a mean over concepts, the second weighs by holes: the two do not match.",
    ),
    (
        lambda h, a, e: (_matched_rates(h, a, e)[0], (a * e).sum() / a.sum()),
        "you weigh the background by the *absorbed* holes. Whether a hole is absorbed is the result; weigh by all holes.",
    ),
    (
        lambda h, a, e: ((h * a).sum() / h.sum(), _matched_rates(h, a, e)[1]),
        "`absorbed` is a number of holes already, and only `elsewhere` is a rate. Do not multiply `absorbed` by the holes "
        "once more.",
    ),
    (lambda h, a, e: _matched_rates(h, a, e)[::-1], "the two are in the other order."),
    (
        lambda h, a, e: (a.sum() / h.sum(), (h * e).sum()),
        "the second is a number of holes: divide by all holes to have a share.",
    ),
]


def check_nearer_abroad(nearer_abroad: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 14.2: `nearer_abroad(first, second)`, whether a latent's nearest in another SAE beats its nearest sibling."""
    exercise = Exercise(
        "14.2",
        "write the body of `nearer_abroad`.",
        "the folded help, on two matrices of cosines",
        "you have a bar that the SAE sets itself, and no number that we chose.",
    )
    exercise.check(_judge_nearer_abroad, nearer_abroad)


def _judge_nearer_abroad(answer: Any) -> None:
    flat = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    inputs = [(flat, torch.tensor([[0.96, 0.28], [0.0, -1.0]]))]
    for seed in (0, 1):
        draw = torch.Generator().manual_seed(seed)
        first, second = torch.randn(7, 3, generator=draw), torch.randn(5, 3, generator=draw)
        inputs.append((normalize(first, dim=1), normalize(second, dim=1)))
    match_function(answer, _nearer_abroad, inputs, _NEARER_MISTAKES)


def _nearest(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """The largest cosine of every row of `first` with its siblings, and with the rows of `second`."""
    siblings = (first @ first.T).fill_diagonal_(-1)
    return siblings.amax(1), (first @ second.T).amax(1)


def _nearer_abroad(first: Tensor, second: Tensor) -> Tensor:
    sibling, abroad = _nearest(first, second)
    return abroad > sibling


_NEARER_MISTAKES: Mistakes = [
    (
        lambda f, s: (f @ s.T).amax(1) > (f @ f.T).amax(1),
        "a row is nearest to itself, at cosine 1, so nothing abroad can be nearer. Leave each row out of its own siblings: "
        "`fill_diagonal_(-1)`.",
    ),
    (
        lambda f, s: (f @ s.T).abs().amax(1) > (f @ f.T).abs().fill_diagonal_(-1).amax(1),
        "you take the size of the cosine. A latent that points the opposite way is no neighbour: keep the sign.",
    ),
    (
        lambda f, s: _nearest(f, s)[0] > _nearest(f, s)[1],
        "this is True where the *sibling* is nearer. The question is where the row of `second` is.",
    ),
    (
        lambda f, s: _nearest(f, s)[1],
        "these are the cosines with `second`. Compare each with the nearest sibling: True or False.",
    ),
    (
        lambda f, s: (f @ s.T).mean(1) > (f @ f.T).fill_diagonal_(-1).mean(1),
        "you compare mean cosines. The question is about the *nearest* row on each side.",
    ),
    (
        lambda f, s: (f @ s.T).amax(1) > 0.5,
        "this compares with ½. Here the bar is the row's own nearest sibling.",
    ),
]


def _two_numbers(value: Any) -> list[float]:
    return [float(number) for number in value]


# By name: how an answer is judged, the course's own, and how the notebook reads what the learner's returns.
PARTS = {
    "matched_rates": (_judge_matched_rates, _matched_rates, _two_numbers),
    "nearer_abroad": (_judge_nearer_abroad, _nearer_abroad, read_tensor),
}
