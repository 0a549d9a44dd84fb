"""Checks for notebook 05: rows of a store, masks by length, latents off the text, the scale."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import Mistakes, match_function, match_number, read_tensor
from sae_tutorial.exercises.reporting import Exercise, LearnerError


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
    exercise.check(_judge_real_rows, real_rows)


def check_mostly_off(mostly_off: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Exercise 5.6: `mostly_off(f, is_text)`, True for latents with over half of their activation off the text."""
    exercise = Exercise(
        "5.6",
        "write the body of `mostly_off`.",
        "the folded help",
        "you can ask of any latent whether it serves the text, and the next cells ask it of eight SAEs.",
    )
    exercise.check(_judge_mostly_off, mostly_off)


def check_scale(scale: Callable[[Tensor], float]) -> None:
    """Exercise 5.8: `scale(x)`, the s that brings the mean norm of the rows to √d_in."""
    exercise = Exercise(
        "5.8",
        "write the body of `scale`.",
        "the formula for s in the section 'Scale and mean'",
        "you can bring any layer of any model to the scale at which the course's λ and learning rate were chosen.",
    )
    exercise.check(_judge_scale, scale)


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


def _judge_real_rows(answer: Any) -> None:
    inputs = [
        (torch.tensor([[0, 7, 0, 9, 0, 0], [0, 5, 6, 8, 4, 3]]), torch.tensor([4, 6])),
        (torch.tensor([[0, 2, 0, 0], [0, 0, 2, 0], [0, 3, 4, 5]]), torch.tensor([2, 4, 3])),
        (torch.tensor([[0, 6, 0, 0, 5, 1, 0]]), torch.tensor([5])),
    ]
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


def _judge_scale(answer: Any) -> None:
    inputs = [
        (torch.tensor([[3.0, 4.0], [0.0, 1.0], [0.0, 3.0]]),),
        (torch.randn(4, 3, generator=torch.Generator().manual_seed(0)),),
    ]
    match_function(answer, _scale, inputs, _SCALE_MISTAKES)


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


def _judge_mostly_off(answer: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(40, 12, generator=generator).relu(), torch.rand(40, generator=generator) < 0.6
    by_hand = torch.tensor(
        [
            [2.0, 0.0, 1.0, 0.0],
            [0.0, 0.0, 0.0, 3.0],
            [1.0, 0.0, 0.5, 0.0],
            [1.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.5, 2.5],
        ]
    )
    inputs = [(by_hand, torch.tensor([True, True, False, True, False])), drawn]
    match_function(answer, _mostly_off, inputs, _OFF_MISTAKES)


def _mostly_off(f: Tensor, is_text: Tensor) -> Tensor:
    return f[~is_text].sum(0) > 0.5 * f.sum(0)


_OFF_MISTAKES: Mistakes = [
    (
        lambda f, t: f[t].sum(0) > 0.5 * f.sum(0),
        "these fire mostly *on* the text; `is_text` is True at real tokens, so the other rows are `~is_text`.",
    ),
    (
        lambda f, t: f[~t].sum(0) >= 0.5 * f.sum(0),
        "with `>=` a latent that is never on counts, too: 0 is at least half of 0. More than half is asked for.",
    ),
    (
        lambda f, t: (f[~t] > 0).sum(0) > 0.5 * (f > 0).sum(0),
        "you counted the rows where a latent is on; asked is the share of its activation, in which a strong row weighs more.",
    ),
    (
        lambda f, t: f[~t].mean(0) > f[t].mean(0),
        "you compared means per row; asked is the share of the whole activation, and there are more rows of one kind.",
    ),
    (
        lambda f, t: f[~t].sum(0) / f.sum(0).clamp(min=1e-9),
        "these are the shares; answer True where the share is over one half.",
    ),
    (
        lambda f, t: f[~t].sum(0) > 0,
        "this asks whether a latent is ever on off the text; asked is more than half of its activation.",
    ),
]


# By name: how an answer is judged, the course's own, and how the notebook reads what the learner's returns.
PARTS = {
    "real_rows": (_judge_real_rows, _real_rows, read_tensor),
    "mostly_off": (_judge_mostly_off, _mostly_off, read_tensor),
    "scale": (_judge_scale, _scale, float),
}
