"""Checks for notebook 05, what is drawn at random: labels without meaning for a probe's control, a split by document."""

from collections.abc import Callable
from typing import Any

import numpy as np

from sae_tutorial.exercises.matching import N_SEEDS, match_draws, match_untouched, read_tensor
from sae_tutorial.exercises.reporting import Exercise, WrongAnswer, call


def check_shuffled_labels(shuffled_labels: Callable[..., np.ndarray]) -> None:
    """Exercise 5.7: `shuffled_labels(labels, document_ids, seed)`, the labels of a control that ought to lose."""
    exercise = Exercise(
        "5.7",
        "write `shuffled_labels`.",
        "the section 'Why a middle layer?'",
        "you have a control that loses only the thing in question: which topic a document has.",
    )
    exercise.check(_judge_shuffled_labels, shuffled_labels)


def check_split(split: Callable[..., np.ndarray]) -> None:
    """Exercise 5.5: `split(document_ids, test_fraction, seed)`, True for the rows of held-out documents."""
    exercise = Exercise(
        "5.5",
        "write `split` so that no document is on both sides; `by_row` does not.",
        "the section 'A split that leaks', and NumPy's pages on `np.unique`, `Generator.choice` and `np.isin`",
        "your held-out score now says what the SAE does on texts it has not seen.",
    )
    exercise.check(_judge_split, split)


def _shuffled_labels(labels: np.ndarray, document_ids: np.ndarray, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(labels)[document_ids]


def _split(document_ids: np.ndarray, test_fraction: float, seed: int) -> np.ndarray:
    documents = np.unique(document_ids)
    n_test = round(test_fraction * len(documents))
    return np.isin(document_ids, np.random.default_rng(seed).choice(documents, n_test, replace=False))


# Document ids with gaps and of unequal lengths: 10 documents, 2 of them to be held out.
_DOCUMENTS = np.repeat([0, 1, 2, 4, 5, 7, 8, 9, 12, 15], [1, 9, 4, 2, 7, 3, 8, 2, 6, 5])
# 0.2 and 0.3 are whole numbers of documents; of 3.7 `int` makes 3 and of 2.2 `ceil` makes 3.
_FRACTIONS = {0.2: 2, 0.3: 3, 0.37: 4, 0.22: 2}


def _judge_split(split: Any) -> None:
    # Drawing from the rows goes wrong with some seeds only, so many are tried.
    splits = [_held_out(call(split, _DOCUMENTS, 0.2, seed)) for seed in range(N_SEEDS)]
    counts = [len(np.unique(_DOCUMENTS[in_test])) for in_test in splits]
    if set(counts) == {1, 2}:
        raise WrongAnswer(
            f"with seed {counts.index(1)} one of 10 documents is held out, expected 2: it came up twice. Either the "
            "draw is with replacement, as `choice` does unless you write replace=False; or it is from the rows, where "
            "long documents are likelier, and one can come up twice. Draw from the ids that occur, each listed once."
        )
    # Two or three ids out of 0 to 15, gaps among them, never mark more than three documents; a coin for each does.
    if max(counts) > 3 and min(counts) < 2:
        raise WrongAnswer(
            f"{min(counts)} to {max(counts)} of 10 documents are held out, depending on the seed, expected 2 every time. "
            "Do you toss a coin for each document? Then the size of the test set is left to chance; draw exactly "
            "round(test_fraction · number of documents) of them."
        )
    for n_held_out in counts:
        _check_count(n_held_out)
    if all(np.array_equal(splits[0], other) for other in splits):
        raise WrongAnswer(
            f"documents {np.unique(_DOCUMENTS[splits[0]]).tolist()} are held out whatever the seed. One fixed choice may be "
            "unlike the rest, as the end of a sorted corpus is; draw with `np.random.default_rng(seed)`."
        )
    for fraction, expected in _FRACTIONS.items():
        n_held_out = len(np.unique(_DOCUMENTS[_held_out(call(split, _DOCUMENTS, fraction, 0))]))
        if n_held_out != expected:
            raise WrongAnswer(
                f"at test_fraction {fraction} {n_held_out} of 10 documents are held out, expected round({fraction} · "
                f"10) = {expected}. Use test_fraction, and `round`: `int` always goes down and `ceil` always up."
            )
    # Two of ten documents: 45 splits.
    match_draws(lambda seed: tuple(np.unique(_DOCUMENTS[_held_out(call(split, _DOCUMENTS, 0.2, seed))])), 45)
    match_untouched(split, {"document_ids": _DOCUMENTS, "test_fraction": 0.2, "seed": 0})


def _held_out(result: Any) -> np.ndarray:
    """A split of `_DOCUMENTS` that holds out whole documents, or WrongAnswer."""
    in_test = _row_array(result, "one boolean", len(_DOCUMENTS))
    if in_test.dtype != bool:
        raise WrongAnswer(
            f"the result holds {in_test.dtype}, not booleans; True marks the rows of held-out documents."
        )
    both = set(_DOCUMENTS[in_test].tolist()) & set(_DOCUMENTS[~in_test].tolist())
    if both:
        raise WrongAnswer(
            f"the split is by row: document {min(both)} has rows on both sides. Draw documents, then mark their rows."
        )
    return in_test


def _check_count(n_held_out: int) -> None:
    if n_held_out == 8:
        raise WrongAnswer("8 of 10 documents are held out at test_fraction 0.2: True and False are swapped.")
    if n_held_out != 2:
        raise WrongAnswer(
            f"{n_held_out} of 10 documents are held out at test_fraction 0.2, expected 2. Draw from the ids that "
            f"occur ({np.unique(_DOCUMENTS).tolist()}: there are gaps), without repeats."
        )


# Labels of documents 0 to 11, three of each of four classes, and the document of each row.
_LABELS = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
_ROWS = np.repeat(np.arange(12), [3, 5, 2, 4, 6, 3, 2, 5, 1, 4, 2, 3])


def _judge_shuffled_labels(shuffled_labels: Any) -> None:
    def of_documents(seed: int) -> np.ndarray:
        return _document_labels(call(shuffled_labels, _LABELS, _ROWS, seed))

    _refuse_changed_labels(shuffled_labels)
    dealt = [of_documents(seed) for seed in range(N_SEEDS)]
    if all(np.array_equal(labels, _LABELS) for labels in dealt):
        raise WrongAnswer("the labels are unchanged: nothing was shuffled.")
    for labels in dealt:
        counts = [int((labels == label).sum()) for label in range(4)]
        if counts != [3, 3, 3, 3]:
            raise WrongAnswer(
                f"classes 0 to 3 have {counts} documents instead of [3, 3, 3, 3]: these are not the labels that there "
                "were. A class that became frequent is easier to guess; deal out the labels that there are."
            )
    together = [labels[:, None] == labels for labels in dealt]
    if all(np.array_equal(pairs, _LABELS[:, None] == _LABELS) for pairs in together):
        raise WrongAnswer(
            "documents of one class still share a label: only the names of the classes changed places, and a probe "
            "learns those as well as the old ones. Shuffle the labels of the documents."
        )
    moves = [np.roll(_LABELS, shift).tolist() for shift in range(len(_LABELS))]
    if all(labels.tolist() in moves for labels in dealt):
        raise WrongAnswer(
            "the labels have moved along by some places and kept their order. Where neighbouring documents are alike, "
            "most of them keep a label that they share. Deal the labels out at random."
        )
    # 12! / 3!⁴ ways to deal them out.
    match_draws(lambda seed: tuple(of_documents(seed).tolist()), 369_600)


def _refuse_changed_labels(shuffled_labels: Any) -> None:
    """WrongAnswer where the function shuffles the array it was given; `call` hands out copies, so it takes one here."""
    given = _LABELS.copy()
    call(lambda seed: shuffled_labels(given, _ROWS.copy(), seed), 0)
    if not np.array_equal(given, _LABELS):
        raise WrongAnswer(
            "`labels` itself is changed: after one call the caller's real labels are shuffled too, and the probe that "
            "was to be compared with the control is lost. Shuffle a copy; `permutation` returns one, `shuffle` does not."
        )


def _document_labels(result: Any) -> np.ndarray:
    """The label of each document in a result with one for each row, or WrongAnswer."""
    if np.shape(result) == _LABELS.shape:
        raise WrongAnswer(
            "you return one label per document; the probe needs one per row: index by document_ids."
        )
    labels = _row_array(result, "one label", len(_ROWS))
    for document in range(len(_LABELS)):
        found = np.unique(labels[document == _ROWS])
        if len(found) > 1:
            raise WrongAnswer(
                f"rows of document {document} get the labels {found.tolist()}: you shuffle rows. One document "
                "has one topic; a control should keep that, and differ from the real labels in nothing else."
            )
    return labels[np.unique(_ROWS, return_index=True)[1]]


def _row_array(value: Any, what: str, length: int) -> np.ndarray:
    array = None if isinstance(value, tuple) and len(value) != length else read_tensor(value).numpy()
    if array is None or array.shape != (length,):
        shape = f"{len(value)} parts" if array is None else f"shape {list(array.shape)}"
        raise WrongAnswer(f"the result has {shape}; {what} per row is needed, shape [{length}].")
    return array


# By name: how an answer is judged, the course's own, and how the notebook reads what the learner's returns.
PARTS = {
    "shuffled_labels": (
        _judge_shuffled_labels,
        _shuffled_labels,
        lambda labels: np.asarray(labels).astype(int),
    ),
    "split": (_judge_split, _split, np.asarray),
}
