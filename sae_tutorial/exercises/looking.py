"""Checks for notebook 07 beside those in `analysing`: activation over maximum, the chance of an order, a claim of one's own."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises import analysing, judging
from sae_tutorial.exercises.matching import Mistakes, match_function, match_number, read_tensor
from sae_tutorial.exercises.reporting import Exercise


def check_shares(shares: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Exercise 7.1: `shares(f, maxima)`, each activation as a share of its latent's maximum, at most 1."""
    exercise = Exercise(
        "7.1",
        "write the body of `shares`.",
        "the section 'Your own sentence', and the folded help",
        "a latent that whispers and a latent that shouts can now be compared.",
    )
    exercise.check(_judge_shares, shares)


def check_calendar(chance: float | None) -> None:
    """Exercise 7.6: the chance that seven days in random order on a circle are in calendar order."""
    exercise = Exercise(
        "7.6",
        "put a number in place of None.",
        "the section 'Seven days on a circle'",
        "one order of 360 is one that chance does not give you by accident; and 'in order' says which orders you count.",
    )
    exercise.check(_judge_calendar, chance)


def check_claimed_share(claimed_share: Callable[[Tensor, Tensor, Tensor], Any]) -> None:
    """Exercise 7.8: `claimed_share(f, token_ids, wanted)`, the share of a latent's energy on the tokens of a claim."""
    exercise = Exercise(
        "7.8",
        "write the body of `claimed_share`.",
        "the section 'A claim of your own', and the folded help",
        "a sentence about a latent is now a number, and the next cell puts it beside its controls.",
    )
    exercise.check(_judge_claimed, claimed_share)


def _judge_shares(answer: Any) -> None:
    match_function(answer, _shares, _share_inputs(), _SHARE_MISTAKES)


def _share_inputs() -> list[tuple[Any, ...]]:
    return [
        (torch.tensor([[2.0, 0.0, 30.0], [4.0, 1.0, 0.0]]), torch.tensor([4.0, 2.0, 20.0])),
        (torch.tensor([[1.0, 5.0], [3.0, 0.0], [0.0, 0.5]]), torch.tensor([2.0, torch.inf])),
        (torch.tensor([[0.5, 6.0, 1.0], [2.0, 0.0, 9.0], [1.0, 3.0, 4.0]]), torch.tensor([4.0, 8.0, 12.0])),
    ]


def _shares(f: Tensor, maxima: Tensor) -> Tensor:
    return (f / maxima).clamp(max=1)


_SHARE_MISTAKES: Mistakes = [
    (
        lambda f, m: f / m,
        "a new text can exceed the largest activation seen so far: [30] over a maximum of [20] gives 1.5. Cut at 1.",
    ),
    (
        lambda f, m: f / f.max(0).values.clamp(min=1e-9),
        "you divided by the largest activation in this text, so every latent that is on anywhere reaches 1. Divide by "
        "`maxima`, which is over all texts.",
    ),
    (
        lambda f, m: (f / m[m.isfinite()].max()).clamp(max=1),
        "you divided by the largest maximum of all, so loud latents still win; each latent has a maximum of its own.",
    ),
    (
        lambda f, m: f / f.max(),
        "you divided by one number for all latents, so loud latents still win; each latent has a maximum of its own.",
    ),
    (
        lambda f, m: f / f.sum(1, keepdim=True),
        "these are shares of the row: how much of a token's activation is this latent's. Divide by the latent's maximum.",
    ),
    (lambda f, m: (f * m).clamp(max=1), "you multiplied by the maximum; divide by it."),
    (
        lambda f, m: (m / f.clamp(min=1e-9)).clamp(max=1),
        "upside down: the activation goes above, the maximum below.",
    ),
]


def _judge_claimed(answer: Any) -> None:
    match_function(answer, _claimed, _claimed_inputs(), _CLAIMED_MISTAKES)


def _claimed_inputs() -> list[tuple[Any, ...]]:
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.tensor([1.0, 2.0, 0.0, 3.0, 0.5]), torch.tensor([7, 8, 7, 9, 9]), torch.tensor([8, 7])),
        # Tokens of many kinds, so that agreeing with a mistake by chance is out of the question.
        (
            torch.randn(40, generator=generator).relu(),
            torch.randint(6, (40,), generator=generator),
            torch.tensor([1, 4]),
        ),
    ]


def _claimed(f: Tensor, token_ids: Tensor, wanted: Tensor) -> Tensor:
    energy = f**2
    return energy[torch.isin(token_ids, wanted)].sum() / energy.sum()


_CLAIMED_MISTAKES: Mistakes = [
    (
        lambda f, t, w: f[torch.isin(t, w)].sum() / f.sum(),
        "these are shares of the activation; energy is its square, so that faint activations count little.",
    ),
    (
        lambda f, t, w: (f[torch.isin(t, w)] > 0).sum() / (f > 0).sum(),
        "you count the places where the latent is on; weigh each by its energy, the squared activation.",
    ),
    (
        lambda f, t, w: (f[torch.isin(t, w)] > 0).double().mean(),
        "this is how often your words turn the latent on. The claim is the other way round: of what the latent does, how "
        "much falls on your words?",
    ),
    (
        lambda f, t, w: torch.isin(t, w).double().mean(),
        "this is how common your words are. It never looks at f.",
    ),
    (
        lambda f, t, w: (f**2)[torch.isin(t, w)].sum(),
        "this is the energy on your words; divide by all of the latent's energy, so that it is a share.",
    ),
    (
        lambda f, t, w: (f**2)[torch.isin(t, w)].mean() / (f**2).mean(),
        "you divided a mean by a mean, which says how much stronger the latent is on your words than elsewhere. Take sums.",
    ),
    (
        lambda f, t, w: (f**2)[~torch.isin(t, w)].sum() / (f**2).sum(),
        "this is the share on all the other words; take it on the words of the claim.",
    ),
    (
        lambda f, t, w: (f**2)[t == w[0]].sum() / (f**2).sum(),
        "only the first word of the claim is counted; `torch.isin` asks for any of them.",
    ),
]


def _judge_calendar(chance: Any) -> None:
    match_number(
        "chance",
        chance,
        1 / 360,
        {
            1
            / 5040: "that is one list of 7! = 5040. But a circle has no first place, and no direction: Tuesday to Monday, "
            "or all of it backwards, is the same circle.",
            1 / 720: "that counts one direction only; a circle read backwards is in calendar order too.",
            2 / 5040: "that counts both directions, but the circle may start with any of the seven days.",
            7 / 5040: "that counts one direction only; a circle read backwards is in calendar order too.",
            14: "that is how many of the 5040 lists are in calendar order; divide.",
            360: "that is how many circles there are; one of them is in order.",
            1 / 7: "that is the chance of one day's place; all seven have to be in order.",
            1 / 49: "days cannot share a place, so the choices shrink: 7 · 6 · 5 · …",
        },
        digits=2,
        within=2e-5,
        example="Of four seasons there are 4! = 24 lists; 4 starts and 2 directions make 8 of them the same circle: 8 / 24.",
    )


# What the notebook goes on with where the learner's function is right: how it is judged, ours, and what makes one kind
# of thing of a right answer.
PARTS = {
    "shares": (_judge_shares, _shares, read_tensor),
    "density": (*analysing.DENSITY, read_tensor),
    "balanced_accuracy": (*judging.BALANCED_ACCURACY, read_tensor),
    "claimed_share": (_judge_claimed, _claimed, read_tensor),
}
