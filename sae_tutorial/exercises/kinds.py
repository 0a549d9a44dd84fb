"""Checks for notebook 07: where a latent's energy goes, and whether what it shows on some texts lasts on others."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import Mistakes, match_function, read_tensor
from sae_tutorial.exercises.reporting import Exercise


def check_top_share(top_share: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 7.5: `top_share(f, ids)`, the id that gets most of a latent's energy, and its share of it."""
    exercise = Exercise(
        "7.5",
        "write the body of `top_share`.",
        "the section 'Counting kinds', and the folded help",
        "with the ids of the words, or of the words before them, this one function finds two of the kinds.",
    )
    exercise.check(_judge_top_share, top_share)


def check_lasts(lasts: Callable[..., Any]) -> None:
    """Exercise 7.7: `lasts(name, share, other_name, other_share, limit)`, for each latent picked on one half."""
    exercise = Exercise(
        "7.7",
        "write the body of `lasts`.",
        "the section 'Does a kind last?', and the folded help",
        "one half of the articles picks, the other judges, and no latent is its own witness.",
    )
    exercise.check(_judge_lasts, lasts)


def _summed(values: Tensor, ids: Tensor) -> Tensor:
    return torch.zeros(int(ids.max()) + 1).index_add(0, ids, values.float())


def _largest(sums: Tensor) -> tuple[Tensor, Tensor]:
    return sums.argmax(), sums.max() / sums.sum()


def _top_share(f: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    return _largest(_summed(f**2, ids))


def _top_inputs() -> list[tuple[Tensor, Tensor]]:
    """Activations and ids [rows]; the id with most energy has neither most rows nor most activation."""
    return [
        (torch.tensor([3.0, 1.0, 1.0, 1.0, 2.0, 2.0]), torch.tensor([4, 1, 1, 1, 2, 2])),
        (torch.tensor([0.0, 0.5, 0.5, 2.0, 0.0, 1.5, 1.5]), torch.tensor([0, 3, 3, 5, 0, 7, 7])),
        (torch.tensor([1.0, 2.0, 4.0, 0.5]), torch.tensor([2, 0, 0, 1])),
    ]


_TOP_MISTAKES: Mistakes = [
    (lambda f, ids: _largest(_summed(f, ids)), "these are shares of activation. Energy is its square: f**2."),
    (
        lambda f, ids: _largest(ids.bincount().float()),
        "you counted the rows of each id; sum the energy there, f**2.",
    ),
    (
        lambda f, ids: _largest(_summed(f > 0, ids)),
        "you counted the rows on which the latent is on; sum the energy there, f**2.",
    ),
    (
        lambda f, ids: (ids[f.argmax()], f.max() ** 2 / (f**2).sum()),
        "this is the share of the strongest single row. An id may be met in many rows: sum over all of them.",
    ),
    (
        lambda f, ids: (_top_share(f, ids)[0], _summed(f**2, ids).max()),
        "the energy is right; divide by the sum over all ids.",
    ),
    (
        lambda f, ids: (_top_share(f, ids)[0], _summed(f**2, ids).max() / len(f)),
        "you divided by the number of rows; divide by the energy of all ids.",
    ),
    (
        lambda f, ids: _top_share(f, ids)[::-1],
        "both are right, in the wrong order: first the id, then its share.",
    ),
    (lambda f, ids: _top_share(f, ids)[1], "the share is right; return the id as well: `return id, share`."),
    (lambda f, ids: _top_share(f, ids)[0], "the id is right; return its share as well: `return id, share`."),
    (
        lambda f, ids: _summed(f**2, ids) / (f**2).sum(),
        "these are the shares of all ids; return the id with the largest, and that share.",
    ),
    (
        lambda f, ids: _largest(_summed(f**2, ids) / ids.bincount().clamp(min=1)),
        "you divided each id's energy by its rows. That is fair to rare ids, but asks another question: here it is "
        "where the latent's energy goes.",
    ),
]


def _judge_top_share(answer: Any) -> None:
    match_function(answer, _top_share, _top_inputs(), _TOP_MISTAKES)


def _lasts(name: Tensor, share: Tensor, other_name: Tensor, other_share: Tensor, limit: float) -> Tensor:
    picked = share > limit
    return (other_name[picked] == name[picked]) & (other_share[picked] > limit)


def _lasts_inputs() -> list[tuple[Any, ...]]:
    """Names and shares [latents] on the half that picks and on the other, and the limit."""
    return [
        (
            torch.tensor([3, 5, 3, 8, 9, 2]),
            torch.tensor([0.9, 0.95, 0.85, 0.4, 0.82, 0.6]),
            torch.tensor([3, 6, 3, 8, 9, 2]),
            torch.tensor([0.85, 0.9, 0.5, 0.9, 0.99, 0.3]),
            0.8,
        ),
        (
            torch.tensor([1, 1, 0, 2, 4]),
            torch.tensor([0.7, 0.65, 0.2, 0.9, 0.8]),
            torch.tensor([1, 1, 0, 4, 4]),
            torch.tensor([0.5, 0.75, 0.9, 0.95, 0.85]),
            0.6,
        ),
    ]


_LASTS_MISTAKES: Mistakes = [
    (
        lambda n, s, m, t, limit: t[s > limit] > limit,
        "a latent that changed its word or subject counts as lasting: for name 5 on one half and 6 on the other, both "
        "with large shares, nothing lasted. Compare the names too.",
    ),
    (
        lambda n, s, m, t, limit: m[s > limit] == n[s > limit],
        "the names agree, but the share on the other half may be small: it has to be over the limit there as well.",
    ),
    (
        lambda n, s, m, t, limit: (n[t > limit] == m[t > limit]) & (s[t > limit] > limit),
        "you picked on the half that should judge. Pick by `share`, judge by `other_share`.",
    ),
    (
        lambda n, s, m, t, limit: n[(s > limit) & (t > limit)] == m[(s > limit) & (t > limit)],
        "you picked by both halves, so those that fail on the other are left out instead of counted. Pick by `share` "
        "alone.",
    ),
    (
        lambda n, s, m, t, limit: (s > limit) & (n == m) & (t > limit),
        "you return one value for every latent; those that were not picked are no failures. Return one for each picked "
        "latent: index with `share > limit`.",
    ),
    (
        lambda n, s, m, t, limit: (n == m) & (t > limit),
        "nobody was picked: a latent with a small share on the first half does not count at all. Index with "
        "`share > limit`.",
    ),
    (
        lambda n, s, m, t, limit: _lasts(n, s, m, t, limit).float().mean(),
        "this is the share that lasts; return True or False for each picked latent.",
    ),
    (lambda n, s, m, t, limit: ~_lasts(n, s, m, t, limit), "True and False are the wrong way round."),
    (
        lambda n, s, m, t, limit: (m[s > limit] == n[s > limit]) & (t[s > limit] >= s[s > limit]),
        "the share may be smaller on the other half, as long as it is over the limit.",
    ),
    (
        lambda n, s, m, t, limit: torch.nonzero((s > limit) & (n == m) & (t > limit))[:, 0],
        "these are the numbers of those that last; return True or False for each picked latent.",
    ),
]


def _judge_lasts(answer: Any) -> None:
    match_function(answer, _lasts, _lasts_inputs(), _LASTS_MISTAKES)


PARTS = {
    "top_share": (_judge_top_share, _top_share, lambda pair: (int(pair[0]), float(pair[1]))),
    "lasts": (_judge_lasts, _lasts, read_tensor),
}
