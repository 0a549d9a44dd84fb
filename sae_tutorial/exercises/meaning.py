"""Checks for notebook 09: loss recovered, a fit, holes and their control, what is shown; `rivals` checks what is built."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import Mistakes, match_choices, match_function, read_tensor
from sae_tutorial.exercises.reporting import Exercise, WrongAnswer, call


def check_loss_recovered(loss_recovered: Callable[[float, float, float], float]) -> None:
    """Exercise 9.1: `loss_recovered(clean, replaced, zero)` from three losses."""
    exercise = Exercise(
        "9.1",
        "write the body of `loss_recovered`.",
        "the equations in the section 'What does the model lose?'",
        "you can turn a published loss recovered back into nats, if its pieces were published too.",
    )
    exercise.check(_judge_loss_recovered, loss_recovered)


def _judge_loss_recovered(answer: Any) -> None:
    inputs = [(3.0, 3.5, 5.0), (2.0, 2.0, 2.4), (4.0, 6.0, 5.0), (3.0, 2.9, 3.2)]
    match_function(answer, _loss_recovered, inputs, _RECOVERED_MISTAKES)


def check_fit(fit: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 9.5: `fit(f, described)`, the sensitivity and precision of a description of one latent."""
    exercise = Exercise(
        "9.5",
        "return two numbers: sensitivity, then precision.",
        "the section 'Sensitivity and precision'",
        "you can tell a description that is too narrow from one that is too wide.",
    )
    exercise.check(_judge_fit, fit)


def _judge_fit(answer: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = [
        (
            torch.tensor([0.0, 2.0, 1.0, 0.0, 0.0, 3.0, 0.5, 0.0]),
            torch.tensor([True, True, True, True, False, False, True, True]),
        ),
        (torch.tensor([1.0, 0.0, 4.0, 0.0, 0.0]), torch.tensor([True, False, False, False, False])),
        # Counts of a few rows agree by chance; these do not.
        ((torch.rand(97, generator=generator) - 0.6).relu(), torch.rand(97, generator=generator) < 0.3),
        # A rival's score may lie below zero: it is not on there.
        (torch.tensor([-1.0, 2.0, -0.5, 1.0, 0.0]), torch.tensor([True, True, False, False, True])),
    ]
    match_function(answer, _fit, inputs, _FIT_MISTAKES)


def check_holes(holes: Callable[[Tensor, Tensor, list[int]], Any]) -> None:
    """Exercise 9.7: `holes(f, label, own)`, which rows with the label none of the label's own latents is on at."""
    exercise = Exercise(
        "9.7",
        "write the body of `holes`.",
        "the drawing in the section 'Holes'",
        "you can look for what fires in the holes, which no list of top contexts would have shown.",
    )
    exercise.check(_judge_holes, holes)


def _judge_holes(answer: Any) -> None:
    f = torch.tensor([[0.0, 1.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    label = torch.tensor([True, True, True, False, False])
    generator = torch.Generator().manual_seed(0)
    larger = (torch.rand(30, 5, generator=generator) - 0.6).relu(), torch.rand(30, generator=generator) < 0.5
    inputs = [(f, label, [0]), (f, label, [0, 1]), (f, ~label, [2]), (*larger, [3, 1])]
    match_function(answer, _holes, inputs, _HOLES_MISTAKES)


def check_matched_rates(matched_rates: Callable[[Tensor, Tensor, Tensor], Any]) -> None:
    """Exercise 9.8: `matched_rates(holes, absorbed, elsewhere)`, a share over all holes and the background weighed alike."""
    exercise = Exercise(
        "9.8",
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


def check_shown_claims(shown: Any) -> None:
    """Exercise 9.9: for which of six latents it is shown that it detects the concept better than its control."""
    exercise = Exercise(
        "9.9",
        "replace None by a set of letters, such as {'A'}.",
        "the columns of the table one by one: where it was scored, beside what, and how clear the difference is",
        "you ask three questions of a claim: on new documents? beside a control that loses? with an interval?",
    )
    exercise.check(_judge_shown, shown)


def _loss_recovered(clean: float, replaced: float, zero: float) -> float:
    return (zero - replaced) / (zero - clean)


_RECOVERED_MISTAKES: Mistakes = [
    (
        lambda c, r, z: (r - c) / (z - c),
        "this is the share that is lost: 0 for a perfect replacement. Recovered is what is left of it.",
    ),
    (
        lambda c, r, z: c / r,
        "a ratio of two losses is near 1 whatever is replaced; compare with what zeros would have cost.",
    ),
    (
        lambda c, r, z: min(1.0, max(0.0, (z - r) / (z - c))),
        "you clip it to 0..1. A replacement can be worse than zeros, and better than the model; both are news.",
    ),
    (
        lambda c, r, z: (z - r) / z,
        "you divide by the loss with zeros; divide by what zeros cost *more* than the clean model.",
    ),
    (
        lambda c, r, z: (z - r) / (r - c) if r != c else float("inf"),
        "the denominator is what zeros cost, CE(0) − CE(x).",
    ),
    (lambda c, r, z: z - r, "these are nats; divide by what zeros cost, CE(0) − CE(x)."),
]


def _fit(f: Tensor, described: Tensor) -> tuple[Tensor, Tensor]:
    on = f > 0
    return (on & described).sum() / described.sum(), (on & described).sum() / on.sum()


_FIT_MISTAKES: Mistakes = [
    (
        lambda f, d: _fit((f != 0).float(), d),
        "a score below zero counts as on in yours. A latent is on where it is *above* zero, and the notebook also asks "
        "your function about rivals whose scores can be negative.",
    ),
    (
        lambda f, d: _fit(f, d)[::-1],
        "the two are in the other order. Sensitivity looks at the tokens described: how many of them turn the "
        "latent on? Precision looks at the tokens with the latent on: how many of them are described?",
    ),
    (
        lambda f, d: (_fit(f, d)[0], ((f <= 0) & ~d).sum() / (~d).sum()),
        "the second is specificity, the share of *other* tokens that leave it off. Where few tokens are described "
        "that is near 1 for any latent that is rarely on; precision is asked for.",
    ),
    (
        lambda f, d: (_fit(f, d)[0], ((f > 0) == d).float().mean()),
        "the second is accuracy. A latent that is never on has a high one, because most tokens are not described.",
    ),
    (
        lambda f, d: (f[d].sum() / f.sum(), _fit(f, d)[1]),
        "the first weighs by activation: a share of energy. Sensitivity counts tokens.",
    ),
    (
        lambda f, d: (_fit(f, d)[0], f[d].sum() / f.sum()),
        "the second weighs by activation; precision counts tokens, the faint ones as well.",
    ),
]


def _holes(f: Tensor, label: Tensor, own: list[int]) -> Tensor:
    return label & ~(f[:, own] > 0).any(1)


_HOLES_MISTAKES: Mistakes = [
    (
        lambda f, label, own: ~(f[:, own] > 0).any(1),
        "you include rows without the label, where nothing is missing.",
    ),
    (
        lambda f, label, own: label & ~(f[:, own] > 0).all(1),
        "you call it a hole if *one* of the latents is off; it is a hole if *all* of them are.",
    ),
    (
        lambda f, label, own: label & ~(f > 0).any(1),
        "you look at all latents; only the label's own, `own`, are asked about. What else is on there is the question.",
    ),
    (
        lambda f, label, own: label & (f[:, own] > 0).any(1),
        "these are the rows where one of them is on: the opposite.",
    ),
    (
        lambda f, label, own: ~label & ~(f[:, own] > 0).any(1),
        "these are rows *without* the label at which none is on; a hole has the label.",
    ),
    (
        lambda f, label, own: torch.nonzero(_holes(f, label, own)).flatten(),
        "these are the numbers of the rows; return one True or False for every row.",
    ),
    (
        lambda f, label, own: (label & ~(f[:, own] > 0).any(1)).sum(),
        "this is their number; return one True or False per row, so that they can be looked at.",
    ),
]


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
    (lambda h, a, e: _matched_rates(h, a, e)[::-1], "the two are in the other order."),
    (
        lambda h, a, e: (a.sum() / h.sum(), (h * e).sum()),
        "the second is a number of holes: divide by all holes to have a share.",
    ),
]


def _judge_shown(shown: Any) -> None:
    match_choices(
        shown,
        {
            "A": "A is shown: new documents, a control that loses, and a difference that stays clear of 0.",
            "F": "F is shown: the two intervals overlap, because some documents are hard for both, but the difference "
            "document by document stays clear of 0. That one decides ('Text by text').",
        },
        {
            "B": "B was scored on the documents that chose it; of thousands of latents the best one always looks good "
            "there.",
            "C": "in C a latent of the untrained dictionary scores as well: training has nothing to do with it.",
            "D": "D's difference reaches below 0: with nine documents it may be luck. More documents could still show it.",
            "E": "E has no control at all, and 0.97 of the tokens lack the concept: who always says no is right as "
            "often.",
        },
    )


def _two_numbers(value: Any) -> list[float]:
    return [float(number) for number in value]


# By name: how an answer is judged, the course's own, and how the notebook reads what the learner's returns.
PARTS = {
    "loss_recovered": (_judge_loss_recovered, _loss_recovered, float),
    "fit": (_judge_fit, _fit, _two_numbers),
    "holes": (_judge_holes, _holes, read_tensor),
    "matched_rates": (_judge_matched_rates, _matched_rates, _two_numbers),
}
