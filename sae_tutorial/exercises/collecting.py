"""Checks for notebook 05: rows of a store, masks by length, the scale, a split by document, a control for a probe."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sae_tutorial.exercises.matching import (
    N_SEEDS,
    Mistakes,
    match_draws,
    match_function,
    match_number,
    read_tensor,
)
from sae_tutorial.exercises.reporting import Exercise, LearnerError, WrongAnswer, call


def check_store_rows(stored: int | None, computed: int | None) -> None:
    """Exercise 5.1: rows stored and positions computed for texts of 5, 12, 40 and 3 tokens, context_size 16."""
    exercise = Exercise(
        "5.1",
        "put a number in place of each None.",
        "the section 'Rows that do not belong: BOS and padding'",
        "you can tell how large a store will be, and how much of the work is padding, before you start.",
    )
    exercise.check(_judge_store_rows, stored, computed)


def check_real_rows(real_rows: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Exercise 5.2: `real_rows(token_ids, lengths)`, True where a position holds a real token."""
    exercise = Exercise(
        "5.2",
        "write `real_rows` so that it goes by length; `by_token_id` does not.",
        "the section 'Rows that do not belong: BOS and padding'",
        "you can keep exactly the real tokens of any batch, also where padding, BOS and the end of a text share an id.",
    )
    inputs = [
        (torch.tensor([[0, 7, 0, 9, 0, 0], [0, 5, 6, 8, 4, 3]]), torch.tensor([4, 6])),
        (torch.tensor([[0, 2, 0, 0], [0, 0, 2, 0], [0, 3, 4, 5]]), torch.tensor([2, 4, 3])),
        (torch.tensor([[0, 6, 0, 0, 5, 1, 0]]), torch.tensor([5])),
    ]
    exercise.check(lambda answer: _judge_real_rows(answer, inputs), real_rows)


def check_scale(scale: Callable[[Tensor], float]) -> None:
    """Exercise 5.5: `scale(x)`, the s that brings the mean norm of the rows to √d_in."""
    exercise = Exercise(
        "5.5",
        "write the body of `scale`.",
        "the formula for s in the section 'Scale and mean'",
        "you can bring any layer of any model to the scale at which the course's λ and learning rate were chosen.",
    )
    generator = torch.Generator().manual_seed(0)
    inputs = [
        (torch.tensor([[3.0, 4.0], [0.0, 1.0], [0.0, 3.0]]),),
        (torch.randn(4, 3, generator=generator),),
    ]
    exercise.check(lambda answer: match_function(answer, _scale, inputs, _SCALE_MISTAKES), scale)


def check_split(split: Callable[..., np.ndarray]) -> None:
    """Exercise 5.4: `split(document_ids, test_fraction, seed)`, True for the rows of held-out documents."""
    exercise = Exercise(
        "5.4",
        "write `split` so that no document is on both sides; `by_row` does not.",
        "the section 'Collecting', and NumPy's pages on `np.unique`, `Generator.choice` and `np.isin`",
        "your held-out score now says what the SAE does on texts it has not seen.",
    )
    exercise.check(_judge_split, split)


def check_shuffled_labels(shuffled_labels: Callable[..., np.ndarray]) -> None:
    """Exercise 5.3: `shuffled_labels(labels, document_ids, seed)`, the labels of a control that ought to lose."""
    exercise = Exercise(
        "5.3",
        "write `shuffled_labels`.",
        "the section 'Why a middle layer?'",
        "you have a control that loses only the thing in question: which topic a document has.",
    )
    exercise.check(_judge_shuffled_labels, shuffled_labels)


def _judge_store_rows(stored: Any, computed: Any) -> None:
    smaller = (
        "In a smaller batch, texts of 2 and 9 tokens with context_size 8, 2 + 7 = 9 rows are stored and 2 · 8 = 16 "
        "positions computed."
    )
    match_number(
        "stored",
        stored,
        5 + 12 + 15 + 3,
        {
            39: "that is 35 tokens and four BOS rows; BOS is not stored.",
            36: "that is 5 + 12 + 16 + 3. The longest text is cut to 16 positions, BOS included, so 15 tokens are stored.",
            60: "that is every token, with nothing cut: context_size allows 16 positions, BOS included.",
            64: "that is every position of the padded batch; padding and BOS are not stored.",
            40: "that is 36 tokens and four BOS rows. BOS is not stored, and takes one of the 16 positions.",
            31: "the lengths do not count BOS, so there is none to take off the shorter texts.",
            20: "that is without the longest text; it is cut to what fits, not left out.",
        },
        example=smaller,
    )
    rectangle = (
        "a batch is a rectangle: shorter texts are padded to the longest, and padding is computed too."
    )
    match_number(
        "computed",
        computed,
        4 * 16,
        {
            160: "that is 4 · 40, with nothing cut: no text takes more than context_size = 16 positions.",
            164: "that is 4 · 41, with nothing cut: no text takes more than context_size = 16 positions.",
            39: rectangle,
            35: rectangle,
            36: rectangle,
            40: rectangle,
            60: "that is 4 · 15, or every token with nothing cut. The batch is as wide as its longest text after cutting, "
            "BOS included.",
            68: "that is 4 · 17; BOS is one of the 16 positions, not a 17th.",
            48: "that is 3 · 16 or 4 · 12. All four texts are in the batch, and the longest is cut to 16, not left out.",
            52: "that is 4 · 13. The longest text is not left out but cut, to 16 positions.",
        },
        example=smaller,
    )


def _real_rows(token_ids: Tensor, lengths: Tensor) -> Tensor:
    place = torch.arange(token_ids.shape[1])
    return (place > 0) & (place < lengths[:, None])


def _judge_real_rows(answer: Any, inputs: list[tuple[Tensor, Tensor]]) -> None:
    try:
        match_function(answer, _real_rows, inputs, _MASK_MISTAKES)
    except LearnerError as error:
        wide = "must match the size of tensor" in str(error) or "be broadcast together" in str(error)
        raise LearnerError(f"{error}{' `lengths[:, None]` is a column, one for each text.' * wide}") from None


def _place(token_ids: Tensor) -> Tensor:
    return torch.arange(token_ids.shape[1]).expand_as(token_ids)


_MASK_MISTAKES: Mistakes = [
    (
        lambda t, n: t != 0,
        "your mask is by token id, as in `by_token_id`: a token 0 inside a text ([0, 7, 0, 9] of length 4) is lost.",
    ),
    (
        lambda t, n: (t != 0) & (_place(t) < n[:, None]),
        "your mask still asks for the token id: a token 0 inside a text ([0, 7, 0, 9] of length 4) is lost.",
    ),
    (
        lambda t, n: (t != 0).long().cumprod(1).bool(),
        "your mask ends at the first token 0, and position 0, BOS, is one: nothing is left.",
    ),
    (
        lambda t, n: _place(t) < n[:, None],
        "BOS is kept: position 0 of every text holds the same vector and no token of the text.",
    ),
    (
        lambda t, n: (_place(t) > 0) & (_place(t) <= n[:, None]),
        "one row of padding is kept behind each text: with BOS at place 0, the last token is at length - 1.",
    ),
    (
        lambda t, n: _place(t) <= n[:, None],
        "BOS is kept, and so is one row of padding behind each text: real tokens are at places 1 to length - 1.",
    ),
    (
        lambda t, n: (_place(t) > 0) & (_place(t) < n[:, None] - 1),
        "the last token of every text is lost: `lengths` counts BOS, so places 1 to length - 1 are real.",
    ),
    (
        lambda t, n: _place(t) < n[:, None] - 1,
        "your mask is one place too far left: it keeps BOS and loses each text's last token.",
    ),
    (
        lambda t, n: (_place(t) > 0) & (_place(t) >= t.shape[1] - n[:, None] + 1),
        "your mask is for padding on the left; here it is on the right.",
    ),
    (
        lambda t, n: _place(t) >= n[:, None],
        "your mask is True for padding; it should be True for the rows to keep.",
    ),
    (lambda t, n: ~_real_rows(t, n), "your mask is the wrong way round: it is True for BOS and padding."),
    (lambda t, n: _place(t) > 0, "`lengths` is not used: only BOS is dropped, padding is kept."),
]


def _scale(x: Tensor) -> Tensor:
    return x.shape[1] ** 0.5 / x.norm(dim=1).mean()


_SCALE_MISTAKES: Mistakes = [
    (
        lambda x: x.shape[1] / x.norm(dim=1).mean(),
        "the root is missing: the mean norm would become d_in, where √d_in is wanted.",
    ),
    (
        lambda x: 1 / x.norm(dim=1).mean(),
        "this makes the mean norm 1. With √d_in each element has a size of about 1, whatever the width.",
    ),
    (
        lambda x: x.norm(dim=1).mean() / x.shape[1] ** 0.5,
        "this is 1/s: upside down. Small rows need a large s.",
    ),
    (lambda x: x.norm(dim=1).mean(), "this is the mean norm; s is √d_in divided by it."),
    (
        lambda x: (x.shape[1] / x.pow(2).sum(1).mean()) ** 0.5,
        "you divided by the root of the mean *squared* norm. It is larger than the mean norm, the more so the more "
        "the norms differ.",
    ),
    (
        lambda x: x.shape[1] ** 0.5 / x.mean(0).norm(),
        "you took the norm of the mean row; take the norm of each row first, then the mean.",
    ),
    (
        lambda x: x.shape[1] ** 0.5 / (x - x.mean(0)).norm(dim=1).mean(),
        "you took the mean row away first; s is measured on the rows as they are, their mean included.",
    ),
    (
        lambda x: 1 / x.std(),
        "this makes the standard deviation 1; s is defined by the mean norm of the rows.",
    ),
    (
        lambda x: x.shape[1] ** 0.5 / x.norm(dim=1),
        "you return one factor per row. That would give every row the same norm and throw away how strong it was; "
        "s is one number for all.",
    ),
    (
        lambda x: x.shape[1] ** 0.5 / x.norm(dim=1, keepdim=True),
        "you return one factor per row (as a column). That would throw away how strong each row was; s is one number.",
    ),
    (
        lambda x: x.shape[1] ** 0.5 / x.norm(dim=0).mean(),
        "the norm is taken over the rows (dim=0); each row has a norm of its own, over d_in (dim=1).",
    ),
    (
        lambda x: x.shape[1] ** 0.5 / x.norm(),
        "this is the norm of the whole table; take one norm per row (dim=1), then the mean.",
    ),
    (
        lambda x: len(x) ** 0.5 / x.norm(dim=1).mean(),
        "√ of the number of rows; d_in is the width, x.shape[1].",
    ),
    (
        lambda x: x.shape[1] ** 0.5 / x.norm(dim=1).median(),
        "this is √d_in over the *median* norm; s is defined by the mean. A few very long rows move only the mean.",
    ),
    (
        lambda x: (x.shape[1] ** 0.5 / x.norm(dim=1)).mean(),
        "this is the mean of one factor per row, where short rows count most. Take the mean of the norms first, then "
        "divide √d_in by it.",
    ),
    (
        lambda x: x * _scale(x),
        "you return the scaled rows; return s itself, which is needed again when the SAE is saved.",
    ),
]


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
