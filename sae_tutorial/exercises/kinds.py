"""Checks for notebook 07: where a latent's energy goes, a control as rare, and whether a kind lasts on other texts."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import Mistakes, match_function, read_tensor
from sae_tutorial.exercises.reporting import Exercise, WrongAnswer


def check_top_share(top_share: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 7.3: `top_share(f, ids)`, the id that gets most of a latent's energy, and its share of it."""
    exercise = Exercise(
        "7.3",
        "write the body of `top_share`.",
        "the section 'Counting kinds', and the folded help",
        "with the ids of the words, or of the words before them, this one function finds two of the kinds.",
    )
    exercise.check(_judge_top_share, top_share)


def check_as_rare(as_rare: Callable[[Tensor, int], Any]) -> None:
    """Exercise 7.4: `as_rare(f, n)`, a latent's `n` largest activations where they are, and 0 elsewhere."""
    exercise = Exercise(
        "7.4",
        "write the body of `as_rare`.",
        "the section 'Counting kinds', and the folded help",
        "the untrained latents are now on as seldom as the trained ones, and rarity alone no longer tells them apart.",
    )
    exercise.check(_judge_as_rare, as_rare)


def check_both_halves(both_halves: Callable[..., Any]) -> None:
    """Exercise 7.5: `both_halves(f, ids, here, limit, top_share)`, how many latents are picked, and how many last."""
    exercise = Exercise(
        "7.5",
        "write the body of `both_halves`.",
        "the section 'Counting kinds', and the folded help",
        "one half of the articles picks, the other judges, and no latent is its own witness.",
    )
    exercise.check(_judge_both_halves, both_halves)


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


def _strongest(values: Tensor, ids: Tensor) -> Tensor:
    return torch.zeros(int(ids.max()) + 1).scatter_reduce(0, ids, values.float(), "amax")


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
        lambda f, ids: (ids[f.argmax()], f.max() / f.sum()),
        "this is the strongest single row, and its share of activation. Energy is its square, and an id may be met in many "
        "rows: sum f**2 over all of them.",
    ),
    (
        lambda f, ids: (_top_share(f, ids)[0], f.max() ** 2 / (f**2).sum()),
        "the id is right, but the share is of the strongest single row. Give the energy of all the rows of that id.",
    ),
    (
        lambda f, ids: (ids[f.argmax()], _summed(f**2, ids)[ids[f.argmax()]] / (f**2).sum()),
        "the share is summed, but the id is the one of the strongest single row. First sum the energy of every id, then "
        "take the largest sum.",
    ),
    (
        lambda f, ids: _largest(_strongest(f**2, ids)),
        "only one row of each id counts here. An id may be met in many rows: sum over all of them, as `index_add` does.",
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


def _as_rare(f: Tensor, n: int) -> Tensor:
    kept = torch.zeros_like(f)
    strongest = f.topk(n).indices
    kept[strongest] = f[strongest]
    return kept


def _as_rare_inputs() -> list[tuple[Tensor, int]]:
    """One latent's activations [rows], all different where it is on, and how many places it may keep."""
    return [
        (torch.tensor([0.0, 3.0, 0.0, 1.0, 5.0, 2.0]), 2),
        (torch.tensor([4.0, 0.5, 2.5, 0.0, 1.5]), 3),
        (torch.tensor([0.0, 0.25, 7.0, 6.0, 0.0, 0.0, 8.0]), 1),
    ]


def _largest_first(f: Tensor) -> Tensor:
    """The activations, sorted."""
    return f.sort(descending=True).values


_FIRST_PLACES = (
    "you kept the first n places of the text. A latent with a higher threshold keeps its strongest."
)
_RARE_MISTAKES: Mistakes = [
    (
        lambda f, n: f.topk(n).values,
        "these are the right activations, but nobody knows where they were. Keep the shape of `f`, with 0 elsewhere.",
    ),
    (lambda f, n: f.topk(n).indices, "these are the right rows; return activations, in the shape of `f`."),
    (
        lambda f, n: (f >= _largest_first(f)[n - 1]).float(),
        "the right places are marked, but each has a 1. Keep the activations that were there.",
    ),
    (
        lambda f, n: f * (f > _largest_first(f)[n - 1]),
        "one is missing: the n-th largest must stay too, so compare with `>=`.",
    ),
    (
        lambda f, n: f - _as_rare(f, n),
        "you took the largest away and kept the rest; do it the other way round.",
    ),
    (
        lambda f, n: f * ((f > 0) & ((f > 0).cumsum(0) <= n)),
        "you kept the first n places at which it is on. A latent with a higher threshold keeps its strongest.",
    ),
    (
        lambda f, n: f * ((f > 0) & (f <= f[f > 0].sort().values[n - 1])),
        "you kept the weakest. No threshold does that: a higher one lets the strongest through.",
    ),
    (
        lambda f, n: f * (f <= f.sort().values[n - 1]),
        "you kept the weakest, and rows where it is off are the weakest of all. A higher threshold lets the strongest through.",
    ),
    (lambda f, n: f * (torch.arange(len(f)) < n), _FIRST_PLACES),
    (lambda f, n: f[:n], f"{_FIRST_PLACES} And keep the shape of `f`, with 0 elsewhere."),
    (
        lambda f, n: f * (f > n),
        "`n` is a number of places, and you used it as a threshold.",
    ),
    (
        lambda f, n: _largest_first(f) * (torch.arange(len(f)) < n),
        "the right activations are there, sorted; each has to stay at its own row.",
    ),
]


def _keeps_others(answer: Any) -> bool:
    """Whether it keeps at most `n` activations where they are, whichever they be: as one does who drops at random."""
    for f, n in _as_rare_inputs():
        kept = read_tensor(answer(f.clone(), n))
        if kept.shape != f.shape or not ((kept == f) | (kept == 0)).all() or (kept != 0).sum() > n:
            return False
    return True


def _judge_as_rare(answer: Any) -> None:
    try:
        match_function(answer, _as_rare, _as_rare_inputs(), _RARE_MISTAKES)
    except WrongAnswer as wrong:
        if str(wrong).startswith("for f") and _keeps_others(answer):
            raise WrongAnswer(
                "you keep few enough, where they were, but not the strongest: perhaps at random. A latent with a higher "
                "threshold keeps its strongest."
            ) from None
        raise


def _both_halves(
    f: Tensor,
    ids: Tensor,
    here: Tensor,
    limit: float,
    top_share: Callable[[Tensor, Tensor], Any] = _top_share,
) -> tuple[int, int]:
    picked = lasting = 0
    for latent in range(f.shape[1]):
        name, share = top_share(f[here, latent], ids[here])
        if share > limit:
            other_name, other_share = top_share(f[~here, latent], ids[~here])
            picked += 1
            lasting += int(other_name == name and other_share > limit)
    return picked, lasting


def _halves_inputs() -> list[tuple[Tensor, Tensor, Tensor, float]]:
    """Activations [rows, latents], ids [rows], which rows pick, and the limit; no known mistake gets all counts right."""
    generator = torch.Generator().manual_seed(5)
    inputs = []
    for n_rows, n_latents, limit in ((8, 4, 0.6), (10, 8, 0.5), (12, 8, 0.7)):
        ids = torch.randint(3, (n_rows,), generator=generator)
        here = torch.arange(n_rows) < n_rows // 2
        main = torch.randint(3, (2, n_latents), generator=generator)
        main[1, ::2] = main[0, ::2]
        on_main = torch.where(here[:, None], ids[:, None] == main[0], ids[:, None] == main[1])
        noise = torch.rand(n_rows, n_latents, generator=generator).mul(2).round(decimals=1)
        inputs.append((noise + 2 * on_main, ids, here, limit))
    return inputs


def _counted(
    f: Tensor, ids: Tensor, picks: Tensor, judges: Tensor, limit: float, lasts: Callable[..., Any]
) -> tuple[int, int]:
    """Picked and lasting, where `lasts(name, share, other_name, other_share)` decides."""
    here, there = ([_top_share(f[rows, i], ids[rows]) for i in range(f.shape[1])] for rows in (picks, judges))
    both = [(*a, *b) for a, b in zip(here, there, strict=True) if a[1] > limit]
    return len(both), sum(int(lasts(*each)) for each in both)


_HALVES_MISTAKES: Mistakes = [
    (
        lambda f, ids, h, x, *_: _counted(f, ids, h, ~h, x, lambda n, s, m, t: t > x),
        "a latent that changed its word or subject counts as lasting. Compare the ids of the two halves, too.",
    ),
    (
        lambda f, ids, h, x, *_: _counted(f, ids, h, ~h, x, lambda n, s, m, t: m == n),
        "the ids agree, but the share on the other half may be small: it has to be over the limit there as well.",
    ),
    (
        lambda f, ids, h, x, *_: _counted(f, ids, ~h, h, x, lambda n, s, m, t: m == n and t > x),
        "you picked on the half that should judge. The rows where `here` is True pick.",
    ),
    (
        lambda f, ids, h, x, *_: (_both_halves(f, ids, h, x)[1],) * 2,
        "you picked by both halves, so those that fail on the other are left out instead of counted. Count a latent as "
        "picked before you look at the other half.",
    ),
    (
        lambda f, ids, h, x, *_: (_both_halves(f, ids, h, x)[0],) * 2,
        "everything lasts: the half that picked is judging, too. Judge on `~here`.",
    ),
    (
        lambda f, ids, h, x, *_: _counted(f, ids, h | ~h, ~h, x, lambda n, s, m, t: m == n and t > x),
        "you picked on all rows, so the half that judges had a say. Index with `here`.",
    ),
    (
        lambda f, ids, h, x, *_: _counted(f, ids, h, h | ~h, x, lambda n, s, m, t: m == n and t > x),
        "you judged on all rows, so the half that picked vouches for itself. Index with `~here`.",
    ),
    (
        lambda f, ids, h, x, *_: _both_halves(f, ids, h, x)[::-1],
        "both counts are right, in the wrong order: first how many are picked.",
    ),
    (
        lambda f, ids, h, x, *_: _both_halves(f, ids, h, x)[1],
        "this is how many last; return how many were picked as well, first.",
    ),
    (lambda f, ids, h, x, *_: _both_halves(f, ids, h, x)[0], "this is how many are picked; return how many last as well."),
    (
        lambda f, ids, h, x, *_: (p := _both_halves(f, ids, h, x))[1] / max(p[0], 1),
        "this is the share that lasts; return the two counts.",
    ),
    (
        lambda f, ids, h, x, *_: ((p := _both_halves(f, ids, h, x))[0], p[1] / max(p[0], 1)),
        "the first count is right, and the second is the share that lasts; return how many last.",
    ),
    (
        lambda f, ids, h, x, *_: tuple(count / f.shape[1] for count in _both_halves(f, ids, h, x)),
        "both are shares of all latents; return the two counts.",
    ),
    (
        lambda f, ids, h, x, *_: ((p := _both_halves(f, ids, h, x))[0] / f.shape[1], p[1] / max(p[0], 1)),
        "both are shares, of all latents and of the picked ones; return the two counts.",
    ),
    (
        lambda f, ids, h, x, *_: _both_halves(f, ids, h, x)[1] / f.shape[1],
        "this is the share of all latents that last; return the two counts.",
    ),
    (
        lambda f, ids, h, x, *_: _both_halves(f[:, :1], ids, h, x),
        "only the first latent is counted. Is the `return` inside the loop?",
    ),
]  # fmt: skip


def _judge_both_halves(answer: Any) -> None:
    def with_ours(f: Tensor, ids: Tensor, here: Tensor, limit: float) -> Any:
        return answer(f, ids, here, limit, _top_share)

    def reference(f: Tensor, ids: Tensor, here: Tensor, limit: float) -> tuple[int, int]:
        return _both_halves(f, ids, here, limit)

    given = with_ours if callable(answer) else answer
    match_function(given, reference, _halves_inputs(), _HALVES_MISTAKES)


PARTS = {
    "top_share": (_judge_top_share, _top_share, lambda pair: (int(pair[0]), float(pair[1]))),
    "as_rare": (_judge_as_rare, _as_rare, read_tensor),
    "both_halves": (_judge_both_halves, _both_halves, lambda pair: (int(pair[0]), int(pair[1]))),
}
