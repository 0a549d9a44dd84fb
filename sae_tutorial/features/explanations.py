"""Does a description of a latent predict where it is on? A test for whoever wrote it: person, rule or language model.

The explainer sees contexts of a latent and writes a line. The judge sees that line, and snippets that neither has seen.
Three tasks (Paulo et al. 2024, "Automatically interpreting millions of features in large language models"; Paulo and
Belrose 2025, "Evaluating SAE interpretability without explanations"):

    detection   half of the snippets turn the latent on, at all strengths: which?
    fuzzing     it is on in all of them, and tokens are marked: are they the right ones?
    intruder    it is on in all but one: which one does not belong?

Some of the snippets without it are hard: contexts of the latents that are most alike. A description such as "any text" or
"a name" fails there. Whoever answers yes to all, or at random, has 0.5 in each task.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csc_array
from scipy.stats import rankdata

from sae_tutorial.features.contexts import Context, contexts_around
from sae_tutorial.features.latents import Latents, coactive_latents

SNIPPETS, HARD, WIDTH = 10, 3, 10
INTRUDERS, OF_INTRUDER = 3, 5  # sets of snippets, and snippets of a set
TINY = 1e-12  # in place of a largest activation of 0
MARK = 1 / 3  # of a context's strongest activation, from which a token is marked

# From marked contexts, a line of text.
Explainer = Callable[[Sequence[str]], str]
# From a line of text and snippets, how well each fits: yes or no, or any number, the larger the better.
Judge = Callable[[str, Sequence[str]], Sequence[float]]


class Task(NamedTuple):
    """Snippets to judge, and the truth.

    Attributes:
        kind: "detection", "fuzzing" or "intruder".
        latent: the latent that was described.
        snippets: texts of some 20 tokens, in random order; in "fuzzing" with some tokens in «».
        truth: [snippets], whether the latent is on anywhere in the snippet; in "fuzzing", whether it is on at the marks.
    """

    kind: str
    latent: int
    snippets: list[str]
    truth: Bool[np.ndarray, " snippets"]

    def score(self, answers: Sequence[float]) -> float:
        """How often a true snippet has the larger answer than a false one, where a tie counts half (the area under ROC).

        For answers of yes and no that is balanced accuracy: the mean of the share of hits and of correct rejections.

        Raises:
            ValueError: not one number for each snippet.
        """
        answers = np.asarray(answers, dtype=np.float64)
        if answers.shape != self.truth.shape:
            raise ValueError(f"{len(self.truth)} predictions are needed, got {answers.size}.")
        if np.isnan(answers).any():
            raise ValueError(
                f"answer {int(np.isnan(answers).argmax())} is not a number; give False for a no."
            )
        n_true, n_false = self.truth.sum(), (~self.truth).sum()
        return float((rankdata(answers)[self.truth].sum() - n_true * (n_true + 1) / 2) / (n_true * n_false))


class Scores(NamedTuple):
    """What an explanation scores in each task; 0.5 is chance."""

    detection: float
    fuzzing: float
    intruder: float


def explain(
    tokenizer: Any, latents: Latents, latent: int, explainer: Explainer, n: int = 5, seed: int = 0
) -> str:
    """What `explainer` makes of a latent's marked contexts; see `marked_contexts`.

    Args:
        tokenizer: of the model.
        latents: what is on where, on texts that no judge will see.
        latent: the latent to explain.
        explainer: a rule, a person at the keyboard, or any language model behind a function.
        n: contexts of the upper and of the middle third of its range, at most.
        seed: of the draw.

    Raises:
        ValueError: the latent is on nowhere, or the explainer says nothing.
    """
    contexts = [text for _, text in marked_contexts(tokenizer, latents, latent, n, seed)]
    explanation = explainer(contexts)
    if not isinstance(explanation, str) or not explanation.strip():
        raise ValueError(f"the explainer must return a line of text, got {explanation!r}.")
    return explanation.strip()


def score(tasks: Sequence[Task], explanation: str, judge: Judge) -> Scores:
    """What `judge`, who knows a latent by its `explanation` alone, scores in `tasks`; the mean of the tasks of a kind.

    Args:
        tasks: `all_tasks(tokenizer, latents, latent)`.
        explanation: what is said of the latent.
        judge: a rule, a person, a language model.

    Raises:
        ValueError: a kind of task is missing, or the judge does not give one number for each snippet.
    """
    found: dict[str, list[float]] = {kind: [] for kind in Scores._fields}
    for task in tasks:
        found[task.kind].append(task.score(judge(explanation, task.snippets)))
    if missing := [kind for kind, scores in found.items() if not scores]:
        raise ValueError(
            f"there is no task of kind {missing[0]!r}; pass all_tasks(tokenizer, latents, latent)."
        )
    return Scores(*(float(np.mean(scores)) for scores in found.values()))


def all_tasks(tokenizer: Any, latents: Latents, latent: int, seed: int = 0) -> list[Task]:
    """The detection task, the fuzzing task and three sets with an intruder.

    Raises:
        ValueError: as `detection_task`.
    """
    return [
        detection_task(tokenizer, latents, latent, seed),
        fuzzing_task(tokenizer, latents, latent, seed),
        *intruder_tasks(tokenizer, latents, latent, seed),
    ]


def detection_task(tokenizer: Any, latents: Latents, latent: int, seed: int = 0) -> Task:
    """Ten snippets for one latent: five that turn it on, one of each fifth of its range, and five that do not.

    The range goes from nothing to its maximum: by count, most activations are faint, and the strong ones are few.

    Of those five, three are contexts of the latents that are most often on together with it, in documents' places where
    it is off; the other two are drawn from all rows.

    Args:
        tokenizer: of the model.
        latents: what is on where, on texts from which no description was written.
        latent: the latent to test.
        seed: of the draw.

    Raises:
        ValueError: the latent is on at too few places, or at too many for a snippet without it.
    """
    generator = np.random.default_rng([seed, latent])
    on, off = _drawn(latents, latent, generator)
    order = generator.permutation(SNIPPETS)
    snippets = _snippets(tokenizer, latents, latent, [[*on, *off][i] for i in order])
    return Task("detection", latent, snippets, order < len(on))


def fuzzing_task(tokenizer: Any, latents: Latents, latent: int, seed: int = 0) -> Task:
    """Ten snippets in which the latent is on, two of each fifth of its range, with marks; in half they are on other tokens.

    Marks are as in `marked_contexts`; the wrong ones are as many, on tokens at which the latent is off.

    Raises:
        ValueError: the latent is on at too few places.
    """
    generator = np.random.default_rng([seed, latent, 1])
    rows, values = latents.column(latent)
    # One of each fifth in turn, and so on, until there are ten with enough tokens that can be marked wrongly.
    order, turn = generator.permutation(len(rows)), np.zeros(len(rows), dtype=int)
    fifth = _fifths(values)
    for part in range(SNIPPETS // 2):
        inside = order[fifth[order] == part]
        turn[inside] = np.arange(len(inside))
    chosen: list[Context] = []
    for row in rows[order[np.argsort(turn[order], kind="stable")]]:
        (context,) = contexts_around(tokenizer, latents, latent, [row], WIDTH)
        if (context.activations == 0).sum() >= _marked(context).sum():
            chosen.append(context)
        if len(chosen) == SNIPPETS:
            break
    if len(chosen) < 2:
        raise ValueError(
            f"latent {latent} is on at {len(rows)} rows, too few to mark right and wrong tokens."
        )
    truth = generator.permutation(np.arange(len(chosen)) % 2 == 0)
    snippets = []
    for context, true in zip(chosen, truth, strict=True):
        marked = _marked(context)
        if not true:
            wrong = generator.choice(np.flatnonzero(context.activations == 0), marked.sum(), replace=False)
            marked = np.isin(np.arange(len(marked)), wrong)
        snippets.append(_with_marks(context, marked))
    return Task("fuzzing", latent, snippets, truth)


def intruder_tasks(tokenizer: Any, latents: Latents, latent: int, seed: int = 0) -> list[Task]:
    """Three sets of five snippets; four turn the latent on, and one, where a latent much like it is on, does not.

    Raises:
        ValueError: the latent is on at too few places, or at too many for a snippet without it.
    """
    tasks = []
    for number in range(INTRUDERS):
        generator = np.random.default_rng([seed, latent, 2 + number])
        on, off = _drawn(latents, latent, generator)
        rows = [*generator.choice(on, OF_INTRUDER - 1, replace=False).tolist(), off[0]]
        order = generator.permutation(OF_INTRUDER)
        snippets = _snippets(tokenizer, latents, latent, [rows[i] for i in order])
        tasks.append(Task("intruder", latent, snippets, order < OF_INTRUDER - 1))
    return tasks


def marked_contexts(
    tokenizer: Any, latents: Latents, latent: int, n: int = 5, seed: int = 0
) -> list[tuple[float, str]]:
    """What an explainer reads: contexts of the upper and of the middle third of a latent's range.

    Tokens with at least a third of the context's strongest activation stand in «».

    Returns:
        Activation over the latent's maximum, and the text; at most `n` of each third.
    """
    generator = np.random.default_rng([seed, latent])
    rows, values = latents.column(latent)
    third = np.minimum((values / values.max() * 3).astype(int), 2)
    found: list[tuple[float, str]] = []
    for part in (2, 1):
        inside = rows[third == part]
        drawn = generator.choice(inside, min(n, len(inside)), replace=False)
        for context in contexts_around(tokenizer, latents, latent, drawn, WIDTH):
            share = float(context.activations[context.centre] / values.max())
            found.append((share, _with_marks(context, _marked(context))))
    return found


def spread_contexts(
    tokenizer: Any, latents: Latents, latent: int, n: int = 4, seed: int = 0
) -> list[tuple[float, str]]:
    """What an explainer reads who will be judged on the whole range: strong contexts alone make too narrow a line.

    Returns:
        The strongest activation in the context over the latent's maximum, and the text, marked as in `marked_contexts`;
        at most `n` of each fifth of the range, of different documents where there are enough, strongest first.
    """
    generator = np.random.default_rng([seed, latent])
    rows, values = latents.column(latent)
    fifth = _fifths(values)
    drawn = np.concatenate([_spread(latents, rows[fifth == i], n, generator) for i in np.unique(fifth)])
    found = [
        (float(context.activations.max() / values.max()), _with_marks(context, _marked(context)))
        for context in contexts_around(tokenizer, latents, latent, drawn, WIDTH)
    ]
    return sorted(found, reverse=True)


def near_misses(tokenizer: Any, latents: Latents, latent: int, n: int = 6, seed: int = 0) -> list[str]:
    """Snippets in which a latent is off throughout, although what else is on there speaks for it.

    Rows are ranked by naive Bayes: every other latent that is on adds the log of how much more often it is on where this
    one is. Drawn are `n` of the highest 1% of the rows, of different documents where there are enough. They are nearer
    than the three hard snippets of `detection_task`, whose rivals are on at a great deal else.
    """
    generator = np.random.default_rng([seed, latent, 2 + INTRUDERS])
    rows = latents.column(latent)[0]
    on = csc_array(latents.matrix > 0, dtype=np.float32)
    together = np.asarray(on.tocsr()[rows].sum(axis=0))
    weights = np.log((together + 1) / (len(rows) + 1)) - np.log((latents.n_active + 1) / (len(latents) + 1))
    weights[latent] = 0
    evidence = on @ weights
    evidence[_near(latents, rows)] = -np.inf
    highest = np.argsort(-evidence, kind="stable")[: max(n, len(latents) // 100)]
    drawn = _spread(latents, highest[np.isfinite(evidence[highest])], n, generator)
    return _snippets(tokenizer, latents, latent, drawn)


def _drawn(latents: Latents, latent: int, generator: np.random.Generator) -> tuple[list[int], list[int]]:
    """Five rows on which the latent is on and five far from any such; of these, the first three are the hard ones."""
    rows, values = latents.column(latent)
    n_on = SNIPPETS // 2
    if len(rows) < n_on:
        raise ValueError(f"latent {latent} is on at {len(rows)} rows; at least {n_on} are needed.")
    fifth = _fifths(values)
    on = [int(generator.choice(rows[fifth == i])) for i in np.unique(fifth)]
    on += generator.choice(np.setdiff1d(rows, on), n_on - len(on), replace=False).tolist()
    near = _near(latents, rows)
    rivals = [other for other, _ in coactive_latents(latents, [latent], n=SNIPPETS)[latent]]
    off: list[int] = []
    for other in rivals:
        free = latents.column(other)[0]
        free = free[~near[free]]
        if len(free) and len(off) < HARD:
            off.append(int(generator.choice(free)))
    anywhere = np.flatnonzero(~near)
    missing = SNIPPETS - n_on - len(off)
    if len(anywhere) < missing:
        raise ValueError(f"latent {latent} is on nearly everywhere: no snippet is without it.")
    return on, off + generator.choice(anywhere, missing, replace=False).tolist()


def _spread(
    latents: Latents, rows: Int[np.ndarray, " rows"], n: int, generator: np.random.Generator
) -> Int[np.ndarray, " n"]:
    """Up to `n` of the rows at random, of as many documents as there are."""
    order = generator.permutation(rows)
    first = np.sort(np.unique(latents.document_ids[order], return_index=True)[1])
    return np.concatenate([order[first], np.delete(order, first)])[:n]


def _fifths(values: Float[np.ndarray, " active"]) -> Int[np.ndarray, " active"]:
    """In which fifth of the latent's range each of its activations lies."""
    n = SNIPPETS // 2
    return np.minimum((values / values.max(initial=TINY) * n).astype(int), n - 1)


def _snippets(tokenizer: Any, latents: Latents, latent: int, rows: Sequence[int]) -> list[str]:
    contexts = contexts_around(tokenizer, latents, latent, rows, WIDTH)
    return ["".join(context.tokens) for context in contexts]


def _marked(context: Context) -> Bool[np.ndarray, " tokens"]:
    return context.activations >= MARK * context.activations.max()


def _with_marks(context: Context, marked: Bool[np.ndarray, " tokens"]) -> str:
    pairs = zip(context.tokens, marked, strict=True)
    return "".join(f"«{token}»" if mark else token for token, mark in pairs)


def _near(latents: Latents, rows: Int[np.ndarray, " active"]) -> Bool[np.ndarray, " rows"]:
    """Rows whose window holds a row on which the latent is on; neighbours in other documents count too."""
    near = np.zeros(len(latents), dtype=bool)
    for step in range(-WIDTH, WIDTH + 1):
        near[np.clip(rows + step, 0, len(latents) - 1)] = True
    return near
