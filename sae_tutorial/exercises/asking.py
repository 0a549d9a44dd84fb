"""Checks for notebook 13: mistakes of a latent, a change of what the model says, the seam of a ring, paragraphs alike."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import Mistakes, match_function, read_number, read_tensor
from sae_tutorial.exercises.reporting import Exercise


def check_mistakes(mistakes: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 13.1: `mistakes(here, elsewhere)`, the sentences in which each latent is wrongly off or wrongly on."""
    exercise = Exercise(
        "13.1",
        "write the body of `mistakes`.",
        "the paragraphs above it, and the folded help",
        "a remark about a latent has become a number that can refute it; the next cells count with it.",
    )
    exercise.check(_judge_mistakes, mistakes)


def check_divergence(divergence: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 13.2: `divergence(clean, changed)`, the KL divergence of changed predictions from the clean one, in nats."""
    exercise = Exercise(
        "13.2",
        "write the body of `divergence`.",
        "the folded help",
        "whatever you change in a model, you can now say how far its prediction moved.",
    )
    exercise.check(_judge_divergence, divergence)


def check_seam(seam: Callable[[Tensor], Any]) -> None:
    """Exercise 13.3: `seam(rows)`, the step from the last row back to the first over the mean of the other steps."""
    exercise = Exercise(
        "13.3",
        "write the body of `seam`.",
        "the section 'Does the ring close?', and the folded help",
        "you can ask of any sequence how wide its way back is; the next cell asks it of eight.",
    )
    exercise.check(_judge_seam, seam)


def check_alike(alike: Callable[[Tensor, Tensor, Tensor], Any]) -> None:
    """Exercise 13.4: `alike(cosine, subjects, articles)`, how far cosines within a subject lie above those across subjects."""
    exercise = Exercise(
        "13.4",
        "write the body of `alike`.",
        "the paragraph above it, and the folded help",
        "you can ask any space what it holds of a subject, with no SAE at all; the next cells ask two.",
    )
    exercise.check(_judge_alike, alike)


def _judge_mistakes(answer: Any) -> None:
    match_function(answer, _mistakes, _mistake_inputs(), _COUNT_MISTAKES)


def _mistake_inputs() -> list[tuple[Any, ...]]:
    generator = torch.Generator().manual_seed(0)
    return [
        (
            torch.tensor([[True, False, True], [True, False, False]]),
            torch.tensor([[False, False, True], [False, False, True], [False, False, False]]),
        ),
        (torch.rand(8, 5, generator=generator) < 0.7, torch.rand(6, 5, generator=generator) < 0.4),
    ]


def _mistakes(here: Tensor, elsewhere: Tensor) -> Tensor:
    return (~here).sum(0) + elsewhere.sum(0)


_COUNT_MISTAKES: Mistakes = [
    (
        lambda here, elsewhere: (~here).sum(0),
        "these are the sentences of `here` that a latent missed. One that is always on misses none: count where it is on "
        "`elsewhere`, too.",
    ),
    (
        lambda here, elsewhere: elsewhere.sum(0),
        "these are the false alarms. A latent that is never on has none: count the sentences of `here` where it is off, too.",
    ),
    (
        lambda here, elsewhere: here.sum(0) + elsewhere.sum(0),
        "you counted every sentence in which a latent is on; in `here` being on is right, so count `~here`.",
    ),
    (
        lambda here, elsewhere: here.sum(0) + (~elsewhere).sum(0),
        "this counts what is right; the mistakes are all the other sentences.",
    ),
    (
        lambda here, elsewhere: (~here).sum(0) - elsewhere.sum(0),
        "you subtracted one kind of mistake from the other, so a latent that makes both looks good. Add them.",
    ),
    (
        lambda here, elsewhere: (~here).float().mean(0) + elsewhere.float().mean(0),
        "these are shares of the sentences; the answer is a number of sentences, so sum and do not take the mean.",
    ),
    (
        lambda here, elsewhere: (~here).sum() + elsewhere.sum(),
        "you summed over the latents, too: keep one number for each, by `sum(0)`.",
    ),
]


def _judge_divergence(answer: Any) -> None:
    match_function(answer, _divergence, _divergence_inputs(), _DIVERGENCE_MISTAKES)


def _divergence_inputs() -> list[tuple[Any, ...]]:
    generator = torch.Generator().manual_seed(0)
    halves = torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.375, 0.125]]).log()
    drawn = torch.randn(5, 9, generator=generator).log_softmax(-1)
    return [(halves[0], halves), (drawn[0], drawn[1:])]


def _divergence(clean: Tensor, changed: Tensor) -> Tensor:
    return (clean.exp() * (clean - changed)).sum(-1)


_DIVERGENCE_MISTAKES: Mistakes = [
    (
        lambda clean, changed: (changed.exp() * (clean - changed)).sum(-1),
        "the weights are those of the changed model; what the unchanged one expects is `clean.exp()`.",
    ),
    (
        lambda clean, changed: (changed.exp() * (changed - clean)).sum(-1),
        "this is the divergence the other way round, weighted by what the changed model expects. Weight by `clean.exp()`.",
    ),
    (
        lambda clean, changed: (clean.exp() * (changed - clean)).sum(-1),
        "the sign is wrong: a word that became less likely counts as a gain. Take `clean - changed`.",
    ),
    (
        lambda clean, changed: (clean - changed).mean(-1),
        "every word of the vocabulary counts the same here, however unlikely; weight by `clean.exp()`.",
    ),
    (
        lambda clean, changed: (clean.exp() * (clean - changed)).mean(-1),
        "the weights add up to 1 already, so sum: dividing by the size of the vocabulary makes every change tiny.",
    ),
    (
        lambda clean, changed: (clean * (clean - changed)).sum(-1),
        "`clean` holds logarithms, which are no weights. Their exponentials are the probabilities.",
    ),
    (
        lambda clean, changed: (clean.exp() * (clean.exp() - changed.exp())).sum(-1),
        "these are differences of probabilities; nats are differences of their logarithms.",
    ),
    (
        lambda clean, changed: (clean.exp() * (clean - changed)).sum(),
        "you summed over the rows, too: keep one number for each row of `changed`, by `sum(-1)`.",
    ),
]


def _judge_seam(answer: Any) -> None:
    match_function(answer, _seam, _seam_inputs(), _SEAM_MISTAKES)


def _seam_inputs() -> list[tuple[Any, ...]]:
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.tensor([[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0], [0.0, 4.0]]),),
        (torch.randn(7, 5, generator=generator),),
        (torch.randn(12, 3, generator=generator),),
    ]


def _steps(rows: Tensor) -> Tensor:
    return (rows - rows.roll(-1, 0)).norm(dim=1)


def _turned(rows: Tensor) -> Tensor:
    return (rows - rows.roll(1, 0)).norm(dim=1)


def _seam(rows: Tensor) -> Tensor:
    steps = _steps(rows)
    return steps[-1] / steps[:-1].mean()


_SEAM_MISTAKES: Mistakes = [
    (
        lambda rows: _turned(rows)[-1] / _turned(rows)[:-1].mean(),
        "you rolled the other way: with `roll(1, 0)` the *first* of your steps goes from the last row to the first. Roll "
        "by -1, or take the first step as the seam.",
    ),
    (
        lambda rows: _steps(rows)[-1] / _steps(rows).mean(),
        "your mean has the seam in it, so a wide seam hides itself. Take the mean of the other steps.",
    ),
    (lambda rows: _steps(rows)[-1], "this is the seam's length; divide by the mean of the other steps."),
    (
        lambda rows: _steps(rows)[-1] / _steps(rows)[:-1].sum(),
        "you divided by the whole way along the sequence; divide by its mean step.",
    ),
    (
        lambda rows: _steps(rows)[:-1].mean() / _steps(rows)[-1],
        "upside down: the step back to the first goes above, the mean of the others below.",
    ),
    (
        lambda rows: _steps(rows)[-1] ** 2 / (_steps(rows)[:-1] ** 2).mean(),
        "these are squared distances; a seam twice as long would count four times.",
    ),
    (
        lambda rows: (rows[-1] - rows[0]).abs().sum() / (rows[1:] - rows[:-1]).abs().sum(1).mean(),
        "you added up the differences of the coordinates; the distance is the root of the sum of their squares.",
    ),
    (
        lambda rows: (rows[-1] - rows[0]).norm() / torch.pdist(rows).mean(),
        "you divided by the mean over all pairs; only neighbours in the sequence make a step.",
    ),
    (
        lambda rows: _steps(rows)[0] / _steps(rows)[:-1].mean(),
        "this is the first step; the seam goes from the last row back to the first.",
    ),
]


def _judge_alike(answer: Any) -> None:
    match_function(answer, _alike, _alike_inputs(), _ALIKE_MISTAKES)


def _alike_inputs() -> list[tuple[Any, ...]]:
    generator = torch.Generator().manual_seed(0)
    small = torch.tensor(
        [[1.0, 0.9, 0.4, 0.1], [0.9, 1.0, 0.2, 0.0], [0.4, 0.2, 1.0, 0.3], [0.1, 0.0, 0.3, 1.0]]
    )
    rows = torch.nn.functional.normalize(torch.randn(12, 5, generator=generator), dim=1)
    articles = torch.tensor([3, 3, 0, 0, 0, 1, 4, 4, 2, 2, 5, 1])
    return [
        (small, torch.tensor([0, 0, 0, 1]), torch.tensor([7, 7, 8, 9])),
        (rows @ rows.T, torch.tensor([1, 1, 0, 0, 0, 0, 2, 2, 1, 1, 2, 0]), articles),
    ]


def _pairs(subjects: Tensor, articles: Tensor) -> tuple[Tensor, Tensor]:
    """[n, n] each: where two paragraphs share their subject, and where they come from two articles."""
    return subjects[:, None] == subjects, articles[:, None] != articles


def _alike(cosine: Tensor, subjects: Tensor, articles: Tensor) -> Tensor:
    same, two_articles = _pairs(subjects, articles)
    return cosine[same & two_articles].mean() - cosine[~same].mean()


def _by_pairs(within: Callable[[Tensor, Tensor], Tensor], across: Callable[[Tensor, Tensor], Tensor]) -> Any:
    """The same difference of two means, over other pairs."""
    return lambda cosine, subjects, articles: (
        cosine[within(*_pairs(subjects, articles))].mean()
        - cosine[across(*_pairs(subjects, articles))].mean()
    )


_ALIKE_MISTAKES: Mistakes = [
    (
        _by_pairs(lambda same, two: same, lambda same, two: ~same),
        "pairs of one article are among yours, and every paragraph with itself. They are alike whatever their subject: keep "
        "the pairs of one subject that come from two articles.",
    ),
    (
        _by_pairs(lambda same, two: same & ~torch.eye(len(same), dtype=torch.bool), lambda same, two: ~same),
        "you left out each paragraph with itself, but other pairs of one article are still among yours. Keep those that come "
        "from two articles.",
    ),
    (
        lambda cosine, subjects, articles: -_alike(cosine, subjects, articles),
        "the sign is wrong: take the mean across subjects away from the mean within a subject.",
    ),
    (
        lambda cosine, subjects, articles: cosine[torch.logical_and(*_pairs(subjects, articles))].mean(),
        "this is the mean within a subject. It has nothing to be compared with: take away the mean across subjects.",
    ),
    (
        _by_pairs(lambda same, two: same & two, lambda same, two: torch.ones_like(same)),
        "your second mean is over all pairs, those within a subject too. Take the pairs of two subjects alone.",
    ),
    (
        _by_pairs(lambda same, two: same & two, lambda same, two: two),
        "your second mean is over all pairs of two articles, those within a subject too. Take the pairs of two subjects alone.",
    ),
    (
        _by_pairs(lambda same, two: same & ~two, lambda same, two: ~same),
        "these are the pairs of one article, which are alike whatever their subject. Keep the others: `articles` must differ.",
    ),
    (
        _by_pairs(lambda same, two: ~two, lambda same, two: two),
        "this compares pairs of one article with pairs of two; ask for the subjects of the pairs from two articles.",
    ),
    (
        lambda cosine, subjects, articles: (
            cosine[torch.logical_and(*_pairs(subjects, articles))].sum()
            - cosine[~_pairs(subjects, articles)[0]].sum()
        ),
        "these are sums, and there are more pairs across subjects than within one. Take means.",
    ),
    (
        lambda cosine, subjects, articles: (
            cosine[torch.logical_and(*_pairs(subjects, articles))].mean()
            / cosine[~_pairs(subjects, articles)[0]].mean()
        ),
        "you divided. A mean cosine may be near 0 or below it, so take the difference.",
    ),
]


# What the notebook goes on with if the learner's function is right: how it is judged, ours, how its result is read.
PARTS = {
    "mistakes": (_judge_mistakes, _mistakes, read_tensor),
    "divergence": (_judge_divergence, _divergence, read_tensor),
    "seam": (_judge_seam, _seam, read_tensor),
    "alike": (_judge_alike, _alike, lambda difference: read_number("the difference", difference)),
}
