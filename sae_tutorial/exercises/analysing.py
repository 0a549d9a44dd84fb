"""Checks for notebook 07: density, scores of predictors that know nothing, contexts, topics, controls."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import Mistakes, match_choice, match_function, match_number
from sae_tutorial.exercises.reporting import Exercise, NotAttempted, WrongAnswer


def check_density(density: Callable[[Tensor], Tensor]) -> None:
    """Exercise 7.2: `density(f)`, the share of rows on which each latent is on."""
    exercise = Exercise(
        "7.2",
        "write the body of `density`.",
        "the section 'How often is a latent on?'",
        "you can tell dead, rare and dense latents apart; and density(f).sum() is L0.",
    )
    exercise.check(_judge_density, density)


def check_know_nothing(mean_ev: float | None, zero_ev: float | None) -> None:
    """Exercise 7.3: explained variance of two predictors where the mean row holds 40% of the squared norm."""
    exercise = Exercise(
        "7.3",
        "put a number in place of each None.",
        "the section 'How well does it rebuild?', and 'Scale and mean' of notebook 05",
        "you know what 0 on the scale means, and that a score can fall below it.",
    )
    exercise.check(_judge_know_nothing, mean_ev, zero_ev)


def check_top_rows(top_rows: Callable[[Tensor, Tensor, int], Any]) -> None:
    """Exercise 7.4: `top_rows(values, document_ids, n)`, rows of the largest values, at most one per document."""
    exercise = Exercise(
        "7.4",
        "write the body of `top_rows`.",
        "the section 'Do not trust the top', and the folded help",
        "your contexts come from different documents, so one repetitive text cannot pass for a meaning.",
    )
    exercise.check(_judge_top_rows, top_rows)


def check_topic_share(topic_share: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Exercise 7.6: `topic_share(f, topics)`, one latent's share of activation per class, classes weighted equally."""
    exercise = Exercise(
        "7.6",
        "write `topic_share` so that a frequent class has no advantage; `raw_share` gives it one.",
        "the section 'Counting kinds', and the folded help",
        "a topic latent of yours is one of a topic, not one of the class with the most rows. (`token_statistics` does "
        "the same with squared activations.)",
    )
    exercise.check(_judge_topic_share, topic_share)


def check_controls(controls: Mapping[str, str | None]) -> None:
    """Exercise 7.9: which control answers which objection."""
    exercise = Exercise(
        "7.9",
        "put the name of a control in place of each None; each control is used once.",
        "the section 'Counting kinds'",
        "you can meet an objection with a number: a control differs in exactly the thing that is doubted.",
    )
    exercise.check(_judge_controls, controls)


def _judge_density(answer: Any) -> None:
    match_function(answer, _density, _density_inputs(), _DENSITY_MISTAKES)


def _density_inputs() -> list[tuple[Any, ...]]:
    return [
        (torch.tensor([[0.0, 2.0, 0.0], [0.0, 4.0, 1.0], [0.0, 0.0, 0.0], [0.0, 6.0, 0.0]]),),
        (torch.tensor([[0.5, 0.0], [0.1, 0.0], [3.0, 0.2]]),),
    ]


def _density(f: Tensor) -> Tensor:
    return (f > 0).float().mean(0)


_DENSITY_MISTAKES: Mistakes = [
    (lambda f: (f > 0).sum(0), "these are counts; density is a share, so divide by the number of rows."),
    (
        lambda f: f.mean(0),
        "this is the mean activation: a latent that is on rarely but strongly would look common.",
    ),
    (
        lambda f: (f > 0).float().mean(1),
        "you averaged over latents (dim=1), which gives the share of latents on in each row; average over rows, dim=0.",
    ),
    (
        lambda f: (f > 0).float().sum(1),
        "this is L0 of each row; density is per latent: average over rows, dim=0.",
    ),
    (
        lambda f: (f >= 0).float().mean(0),
        "zero counts as on: `>=` is true for a latent that is off. Use `>`.",
    ),
    (lambda f: (f == 0).float().mean(0), "this is the share of rows on which the latent is off."),
    (lambda f: (f > 0).float().mean(), "you averaged over rows and latents; keep one number per latent."),
    (
        lambda f: f.sum(0) / (f > 0).sum(0).clamp(min=1),
        "this is the mean activation over the rows on which the latent is on.",
    ),
    (
        lambda f: (f > 0).float().sum(0) / (f > 0).sum(),
        "you divided by all active pairs; divide by the number of rows.",
    ),
    (
        lambda f: f.sum(0) / f.sum(),
        "this is a share of all activation; density only asks whether a latent is on.",
    ),
]


DENSITY = (_judge_density, _density)


def _judge_know_nothing(mean_ev: Any, zero_ev: Any) -> None:
    smaller = "Where the mean row holds half of the squared norm, answering 0 would score 1 - 1 / 0.5 = -1."
    match_number(
        "mean_ev",
        mean_ev,
        0,
        {
            0.4: "that is the share of the squared norm that the mean holds. Variance is what is left when the mean is "
            "taken out, and of that it explains nothing.",
            0.6: "that is the share of the squared norm that the mean leaves over, all of it unexplained.",
            1: "the mean predictor is right on average and wrong on every row; 1 is a perfect reconstruction.",
        },
        within=0.005,
    )
    ratio = "the error is 1 and the variance is 0.6 of the squared norm: the score is 1 minus their ratio."
    match_number(
        "zero_ev",
        zero_ev,
        1 - 1 / 0.6,
        {
            0: "0 is the mean's score, and answering 0 has a larger error than answering the mean.",
            -0.4: ratio,
            -0.6: ratio,
            0.6: ratio,
            -1: "a score below 0 is right, but -1 would mean an error of twice the variance; it is 1 / 0.6 of it.",
            0.4: "its error is the whole squared norm, more than the variance, so the score is negative.",
            -1.5: "that is 1 minus 1 / 0.4, and 0.4 is what the mean holds; the variance is the other 0.6.",
            1 / 0.6: "that is the unexplained share; subtract it from 1.",
            -1 / 0.6: "that is minus the unexplained share; the score is 1 minus it.",
            1 / 0.6
            - 1: "the size is right and the sign is not: the error is larger than the variance, so 1 minus "
            "their ratio is below 0.",
        },
        digits=1,
        within=0.01,
        example=smaller,
    )


def _top_rows(values: Tensor, document_ids: Tensor, n: int) -> list[int]:
    chosen: list[int] = []
    for row in values.argsort(descending=True).tolist():
        if len(chosen) < n and values[row] > 0 and document_ids[row] not in document_ids[chosen]:
            chosen.append(row)
    return chosen


def _each_document(values: Tensor, document_ids: Tensor) -> list[int]:
    """The strongest row of each document, in the order of the documents."""
    return [int(torch.where(document_ids == d, values, -1).argmax()) for d in document_ids.unique()]


def _strongest_first(rows: list[int], values: Tensor, n: int) -> list[int]:
    return sorted(rows, key=lambda row: -float(values[row]))[:n]


_TOP_MISTAKES: Mistakes = [
    (
        lambda v, d, n: v.topk(n).indices,
        "documents repeat: for values = [3, 0.5, 9, 8, 7, 0, 2] and document_ids = [0, 0, 1, 1, 1, 2, 3] your rows "
        "2, 3 and 4 are all of document 1. Skip a row whose document you have already. (Tensors kept in a set are "
        "never found there again, even equal ones; keep int(...) of them.)",
    ),
    (
        lambda v, d, n: [row for row in _top_rows(v, d, n) if row in v.topk(n).indices],
        "you take the n largest first and drop repeated documents afterwards, so fewer than n are left. Go on down "
        "the list until n documents are found.",
    ),
    (
        lambda v, d, n: _strongest_first(_each_document(v, d), v, n),
        "a row with activation 0 is among them: where the latent is on in fewer than n documents, return fewer.",
    ),
    (
        lambda v, d, n: _each_document(v, d)[:n],
        "the rows are in the order of the documents; the strongest should come first.",
    ),
    (lambda v, d, n: _top_rows(v, d, n)[::-1], "the rows are right but the weakest comes first."),
    (
        lambda v, d, n: sorted(_top_rows(v, d, n)),
        "the rows are right but sorted by row; the strongest should come first.",
    ),
    (lambda v, d, n: d[_top_rows(v, d, n)], "you return the documents; return the rows."),
    (lambda v, d, n: v[_top_rows(v, d, n)], "you return the activations; return the rows they are at."),
    (lambda v, d, n: _top_rows(-v + v.max() + 1, d, n), "these are the smallest: sort in descending order."),
]


def _judge_top_rows(answer: Any) -> None:
    match_function(answer, _top_rows, _top_inputs(), _TOP_MISTAKES)


def _top_inputs() -> list[tuple[Tensor, Tensor, int]]:
    """Values and document ids [rows], and how many rows are wanted."""
    return [
        (torch.tensor([3.0, 0.5, 9.0, 8.0, 7.0, 0.0, 2.0]), torch.tensor([0, 0, 1, 1, 1, 2, 3]), 3),
        (torch.tensor([1.0, 6.0, 5.0, 4.0, 0.0]), torch.tensor([0, 0, 0, 1, 2]), 3),
        # Documents in no order, so that agreeing with a mistake by chance is out of the question.
        (
            torch.randn(24, generator=torch.Generator().manual_seed(0)).relu(),
            torch.randint(8, (24,), generator=torch.Generator().manual_seed(1)),
            5,
        ),
    ]


TOP_ROWS = (_judge_top_rows, _top_rows)


def _per_class(values: Tensor, topics: Tensor) -> Tensor:
    return torch.zeros(int(topics.max()) + 1).index_add_(0, topics, values.float())


def _topic_share(f: Tensor, topics: Tensor) -> Tensor:
    per_row = _per_class(f, topics) / _per_class(torch.ones_like(f), topics)
    return per_row / per_row.sum()


def _judge_topic_share(answer: Any) -> None:
    inputs = [
        (torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 2.0]), torch.tensor([0, 0, 0, 0, 1, 1, 2])),
        (torch.tensor([0.0, 3.0, 1.0, 0.0, 0.5]), torch.tensor([1, 0, 2, 2, 2])),
        (torch.tensor([0.5, 0.0, 3.0, 0.25]), torch.tensor([1, 1, 0, 1])),
    ]
    match_function(answer, _topic_share, inputs, _TOPIC_MISTAKES)


TOPIC_SHARE = (_judge_topic_share, _topic_share)

_TOPIC_MISTAKES: Mistakes = [
    (
        lambda f, t: _per_class(f, t) / f.sum(),
        "a class with more rows wins by that alone, as in `raw_share`: divide each class's sum by its number of rows.",
    ),
    (
        lambda f, t: _per_class(f, t) / _per_class(torch.ones_like(f), t),
        "these are the mean activations per class; divide by their sum to get shares that add up to 1.",
    ),
    (
        lambda f, t: _per_class(f > 0, t) / (f > 0).sum(),
        "you counted the rows on which the latent is on; sum its activation, and divide by the rows of the class.",
    ),
    (
        lambda f, t: (p := _per_class(f > 0, t) / _per_class(torch.ones_like(f), t)) / p.sum(),
        "you counted the rows on which the latent is on; a share of *activation* sums its values.",
    ),
    (
        lambda f, t: (p := _per_class(f, t) / _per_class(f > 0, t).clamp(min=1)) / p.sum(),
        "you divided by the rows on which the latent is on. One strong row in a class would then count as much as "
        "many; divide by all rows of the class.",
    ),
    (
        lambda f, t: (p := _per_class(f, t) / _per_class(f > 0, t)) / p.sum(),
        "your shares are not numbers: a class in which the latent is never on gives 0 / 0. Divide by all rows of the "
        "class, not by those on which the latent is on.",
    ),
    (
        lambda f, t: (p := _per_class(f**2, t) / _per_class(torch.ones_like(f), t)) / p.sum(),
        "you squared the activations, as the notebook's `token_statistics` does; this exercise takes them as they are.",
    ),
    (
        lambda f, t: (p := _per_class(f, t) * _per_class(torch.ones_like(f), t)) / p.sum(),
        "you multiplied by the number of rows of the class; divide by it.",
    ),
    (
        lambda f, t: _per_class(torch.ones_like(f), t) / len(f),
        "this is the share of rows in each class; the activations are not used.",
    ),
    (
        lambda f, t: torch.softmax(_per_class(f, t) / _per_class(torch.ones_like(f), t), dim=0),
        "a softmax is not a share; divide by the sum.",
    ),
]

_ANSWERS = {
    "sparsity": "untrained SAE",
    "luck": "shuffled classes",
    "selection": "held-out documents",
    "cosine": "mean",
}
_WHY_NOT = {
    ("sparsity", "shuffled classes"): "this keeps the trained SAE; the doubt is whether training was needed.",
    ("sparsity", "held-out documents"): "this keeps the trained SAE too; the doubt is whether training was needed.",
    ("sparsity", "mean"): "the mean has no latents that could be counted.",
    ("luck", "untrained SAE"): "the untrained SAE has other directions: it tells what training does, and leaves open "
    "how many latents lean to a class by luck.",
    ("luck", "held-out documents"): "held-out documents test a description once made; how many latents luck "
    "alone would put in the list, only labels without meaning can tell.",
    ("luck", "mean"): "the mean has no latents that could lean to a class.",
    ("selection", "untrained SAE"): "the untrained SAE's descriptions would be made from the same rows as well.",
    ("selection", "shuffled classes"): "shuffling measures luck over all latents; the doubt is about these "
    "descriptions, on rows they were not made from.",
    ("selection", "mean"): "the mean has no descriptions.",
    ("cosine", "untrained SAE"): "the untrained SAE starts with the right mean and shows a high cosine too, a fair "
    "objection. But each control is used once, and another objection needs this one; the mean alone shows the floor.",
    ("cosine", "shuffled classes"): "the cosine does not look at classes.",
    ("cosine", "held-out documents"): "a predictor that knows only the mean has a high cosine there too.",
}  # fmt: skip


def _judge_controls(controls: Any) -> None:
    if not isinstance(controls, Mapping) or set(controls) != set(_ANSWERS):
        raise WrongAnswer(f"answer with a dict that has the keys {sorted(_ANSWERS)}.")
    missing = [name for name in _ANSWERS if controls[name] in (None, ...)]
    if missing:
        raise NotAttempted(f" Still open: {', '.join(missing)}.")
    for objection, right in _ANSWERS.items():
        others = [control for control in _ANSWERS.values() if control != right]
        wrong = {
            control: f"'{control}' does not answer '{objection}': {_WHY_NOT[objection, control]}"
            for control in others
        }
        match_choice(controls[objection], right, wrong)
