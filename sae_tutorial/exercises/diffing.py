"""Checks for notebook 12: a crosscoder, whose a latent is, words, a rival of the learner's own, claims."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from sae_tutorial.effects.steering import word_shares
from sae_tutorial.exercises.matching import (
    Mistakes,
    match_choices,
    match_function,
    match_untouched,
    read_number,
    read_tensor,
    show,
)
from sae_tutorial.exercises.reporting import Exercise, WrongAnswer, call


def check_crosscoder(crosscoder: Callable[..., Tensor]) -> None:
    """Exercise 12.2: `crosscoder(base, tuned, W_enc, b_enc, W_dec, b_dec)`, both models' rows again, side by side."""
    exercise = Exercise(
        "12.2",
        "write the body of `crosscoder`.",
        "the drawing above the exercise: one encoder reads both rows",
        "you can turn any autoencoder you have into a crosscoder of two models.",
    )
    exercise.check(_judge_crosscoder, crosscoder)


def check_tuned_share(tuned_share: Callable[[Tensor], Tensor]) -> None:
    """Exercise 12.3: `tuned_share(W_dec)`, the tuned model's share of each latent's decoder norm."""
    exercise = Exercise(
        "12.3",
        "write the body of `tuned_share`.",
        "the drawing above the exercise: each latent has two arrows",
        "you can sort the latents of any crosscoder by whose they are.",
    )
    exercise.check(_judge_tuned_share, tuned_share)


def check_rival(rival: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Exercise 12.5: `rival(base, tuned)`, a direction by a rule of the learner's own that finds an arrow hidden in few rows."""
    exercise = Exercise(
        "12.5",
        "write the body of `rival`.",
        "the folded help, on which rows to ask",
        "your rule found an arrow that one made-up row of a thousand has. Next it takes the two tests on real rows.",
    )
    exercise.check(_judge_rival, rival)


def check_word_shares(word_shares: Callable[[list[list[str]]], Mapping[str, float]]) -> None:
    """Exercise 12.1: `word_shares(texts)`, the share of the texts that each word is in."""
    exercise = Exercise(
        "12.1",
        "write the body of `word_shares`.",
        "the folded help; a text counts once for a word, however often the word is in it",
        "you can ask any two heaps of texts for the words that tell them apart.",
    )
    exercise.check(_judge_word_shares, word_shares)


def check_told(told: Iterable[str] | None) -> None:
    """Exercise 12.8: which of six sentences this notebook's measurements carry."""
    exercise = Exercise(
        "12.8",
        "replace None by a set of letters, such as {'A'}.",
        "the figure of both tests, and the tables above it",
        "you can say what a diff shows in the words of what was measured.",
    )
    exercise.check(
        lambda answer: match_choices(
            answer,
            {
                "A": "A was measured: 32 texts with the arrow added, and the interval of their share lies above a quarter.",
                "D": "D was measured: two starts read the same rows, and latent scaling passed the first latent of one.",
            },
            {
                "B": "B needs a second fine-tune of another kind. Here there was one plant, and we knew that there was one.",
                "C": "C is more than was tried: it failed on one plant that acts at few tokens. What changes every token a little "
                "could be its case.",
                "E": "E says that nothing else changed, and that is wrong here. The twin was trained without the habit, and yet "
                "its rows moved by 39 to 50. The base model also writes in another voice than both fine-tuned models.",
                "F": "F puts two shares of 32 texts in order. Look at the interval of their difference: does it keep clear of 0?",
            },
        ),
        told,
    )


def _judge_crosscoder(answer: Any) -> None:
    inputs = [_crosscoder_weights(seed) for seed in range(3)]
    match_function(answer, _crosscoder, inputs, _CROSSCODER_MISTAKES)


def _crosscoder_weights(seed: int) -> tuple[Tensor, ...]:
    draw = torch.Generator().manual_seed(seed)
    shapes = ((3, 2), (3, 2), (4, 5), (5,), (5, 4), (4,))
    return tuple(torch.randn(*shape, generator=draw) for shape in shapes)


def _crosscoder(
    base: Tensor, tuned: Tensor, W_enc: Tensor, b_enc: Tensor, W_dec: Tensor, b_dec: Tensor
) -> Tensor:
    x = torch.cat([base, tuned], dim=1)
    return ((x - b_dec) @ W_enc + b_enc).relu() @ W_dec + b_dec


def _two_saes(b: Tensor, t: Tensor, W: Tensor, b_enc: Tensor, D: Tensor, c: Tensor) -> Tensor:
    halves = zip((b, t), c.chunk(2), W.chunk(2), D.chunk(2, dim=1), strict=True)
    return torch.cat(
        [((x - centre) @ read + b_enc).relu() @ write + centre for x, centre, read, write in halves], 1
    )


def _two_encoders(bias_of_base: float, bias_of_tuned: float) -> Callable[..., Tensor]:
    """Two ReLUs, with so much of b_enc in each."""

    def wrong(b: Tensor, t: Tensor, W: Tensor, b_enc: Tensor, D: Tensor, c: Tensor) -> Tensor:
        halves = zip((b, t), c.chunk(2), W.chunk(2), (bias_of_base, bias_of_tuned), strict=True)
        return sum(((x - centre) @ half + part * b_enc).relu() for x, centre, half, part in halves) @ D + c

    return wrong


_CROSSCODER_MISTAKES: Mistakes = [
    (
        lambda b, t, W, b_enc, D, c: _crosscoder(t, b, W, b_enc, D, c),
        "you put the tuned row first. The base model's half comes first, in x as in the weights.",
    ),
    (
        _two_saes,
        "these are two SAEs side by side, each with activations of its own. A crosscoder's latent has one activation, read "
        "from both rows.",
    ),
    *(
        (
            _two_encoders(*biases),
            f"each half has its own ReLU here, with {words}, so a latent has two activations. Add what both halves read, then "
            "one ReLU.",
        )
        for biases, words in (
            ((1, 1), "b_enc in both"),
            ((0.5, 0.5), "half of b_enc in each"),
            ((1, 0), "b_enc in the base half"),
            ((0, 1), "b_enc in the tuned half"),
        )
    ),
    (
        lambda *given: torch.stack(_crosscoder(*given).chunk(2, 1)),
        "you return the two models' rows as a pair. Return one tensor: lay them side by side with `torch.cat(..., dim=1)`.",
    ),
    (
        lambda b, t, W, b_enc, D, c: (torch.cat([b, t], 1) @ W + b_enc).relu() @ D + c,
        "b_dec is to be taken off x before the encoder reads it, as in notebook 04.",
    ),
    (
        lambda b, t, W, b_enc, D, c: ((torch.cat([b, t], 1) - c) @ W + b_enc) @ D + c,
        "the ReLU is missing, so latents can be negative.",
    ),
    (
        lambda b, t, W, b_enc, D, c: ((torch.cat([b, t], 1) - c) @ W + b_enc).relu() @ D,
        "add b_dec behind the decoder.",
    ),
    (
        lambda b, t, W, b_enc, D, c: ((torch.cat([b, t], 1) - c) @ W + b_enc).relu(),
        "those are the latents; the rows they write are wanted. Multiply by W_dec and add b_dec.",
    ),
]


def _judge_tuned_share(answer: Any) -> None:
    inputs = [
        (torch.tensor([[3.0, 4.0, 0.0, 5.0], [0.0, 0.0, 3.0, 4.0], [1.0, 0.0, 0.0, 3.0]]),),
        *((torch.randn(5, 8, generator=torch.Generator().manual_seed(seed)),) for seed in range(2)),
    ]
    match_function(answer, _share, inputs, _SHARE_MISTAKES)


def _share(W_dec: Tensor) -> Tensor:
    base, tuned = (half.norm(dim=1) for half in W_dec.chunk(2, dim=1))
    return tuned / (base + tuned)


_SHARE_MISTAKES: Mistakes = [
    (
        lambda W: 1 - _share(W),
        "that is the base model's share. The base half comes first in every row, the tuned half second.",
    ),
    (
        lambda W: W.chunk(2, 1)[1].pow(2).sum(1) / W.pow(2).sum(1),
        "those are shares of the squared norms, which push every latent towards 0 or 1. Take the norms.",
    ),
    (
        lambda W: W.chunk(2, 1)[1].norm(dim=1) / W.norm(dim=1),
        "you divided by the norm of the whole row; norms of halves do not add up to it. Divide by the sum of both norms.",
    ),
    (
        lambda W: W.chunk(2, 1)[1].norm(dim=1),
        "that is the tuned half's norm; its share is wanted. Divide by the sum of both norms.",
    ),
    (
        lambda W: W.chunk(2, 1)[1].norm(dim=1) / W.chunk(2, 1)[0].norm(dim=1),
        "that is tuned over base, which has no upper end. Divide by the sum of both norms.",
    ),
    (
        lambda W: W.chunk(2, 1)[1].abs().sum(1) / W.abs().sum(1),
        "you added absolute numbers; the length of an arrow is the root of the sum of squares.",
    ),
    (
        lambda W: W.chunk(2, 0)[-1].norm(dim=1),
        "you cut the latents in two halves; cut each row in two halves (dim=1).",
    ),
]


# Rows with an answer: of N_ROWS one in a thousand has a hidden arrow in the tuned model, and all of them drift and shake.
N_ROWS, WIDTH, NEAR_ENOUGH = 20_000, 64, 0.9


def hidden_arrow(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """(base rows, tuned rows, the arrow that one tuned row of a thousand has): what exercise 12.5 is judged on."""
    draw = torch.Generator().manual_seed(seed)
    arrow, drift = normalize(torch.randn(2, WIDTH, generator=draw), dim=1)
    base = 3 * torch.randn(N_ROWS, WIDTH, generator=draw)
    has_it = torch.randperm(N_ROWS, generator=draw)[: N_ROWS // 1000]
    change = 3 * drift + 1.5 * torch.randn(N_ROWS, WIDTH, generator=draw)
    change[has_it] += 24 * arrow
    return base, base + change, arrow


def _judge_rival(answer: Any) -> None:
    cosines = []
    for seed in range(3):
        base, tuned, arrow = hidden_arrow(seed)
        got = read_tensor(call(answer, base, tuned)).double()
        if got.shape != (WIDTH,):
            raise WrongAnswer(
                f"a direction has as many numbers as a row, {WIDTH} here; yours has shape {list(got.shape)}. If you have "
                "chosen rows, take the mean of their change."
            )
        if not got.isfinite().all() or not got.norm() > 0:
            raise WrongAnswer("your direction has no length, or numbers that are not finite.")
        # Some of them nearly agree on so many rows: the nearest one is meant.
        nearest, message = max(
            (abs(float(cosine_similarity(got, mistake(base, tuned).double(), dim=0))), message)
            for mistake, message in _RIVAL_MISTAKES
        )
        if nearest > 0.999:
            raise WrongAnswer(message)
        cosines.append(float(cosine_similarity(got, arrow.double(), dim=0)))
    if max(cosines) < -NEAR_ENOUGH:
        raise WrongAnswer("your direction points from the tuned model to the base model. Turn it round.")
    if min(map(abs, cosines)) >= NEAR_ENOUGH > min(cosines):
        raise WrongAnswer(
            f"your direction lies along the hidden arrow, but points against it in some sets: its cosines are {show(cosines, 2)}. "
            "A principal direction has no sign of its own. Turn it to where the larger changes are."
        )
    if min(cosines) < NEAR_ENOUGH:
        raise WrongAnswer(
            f"on three sets of rows that we made up your direction has cosines of {show(cosines, 2)} with the hidden arrow; "
            f"{NEAR_ENOUGH} is wanted in each. Only one row of a thousand has the arrow: which rows would show it, and how many are they?"
        )
    match_untouched(answer, {"base": base, "tuned": tuned})


def _rival(base: Tensor, tuned: Tensor) -> Tensor:
    change = tuned - base
    furthest = change.norm(dim=1).topk(20).indices
    return change[furthest].mean(0)


_RIVAL_MISTAKES: Mistakes = [
    (
        lambda base, tuned: (tuned - base).mean(0),
        "that is the mean difference over all rows, which is in the figure already. All but one row of a thousand only drift, "
        "and the drift fills the mean. Choose rows.",
    ),
    (
        lambda base, tuned: (tuned - base)[(tuned - base).norm(dim=1).argmax()],
        "that is the one row that moved furthest, with its own noise. Take the mean of more such rows, and the noise cancels.",
    ),
    (
        lambda base, tuned: tuned[tuned.norm(dim=1).topk(20).indices].mean(0),
        "you took the tuned model's longest rows; they are long in the base model, too. Ask how far a row *moved*, tuned − base.",
    ),
    (
        lambda base, tuned: tuned[(tuned - base).norm(dim=1).topk(20).indices].mean(0),
        "you chose the rows that moved furthest, and then took the mean of the tuned rows themselves. Take the mean of their change.",
    ),
    (
        lambda base, tuned: normalize(tuned - base, dim=1).mean(0),
        "every row's change was made equally long before the mean, so the rows with the arrow count no more than the others.",
    ),
    (
        lambda base, tuned: torch.linalg.svd(tuned - base, full_matrices=False).Vh[0],
        "that is the first singular direction of the changes with their mean still in them, so most of it is drift. Take the "
        "mean change off first. Then choose the sign, because such a direction has none of its own.",
    ),
]


_TEXTS = [
    [["coast", "near", "coast"], ["near"], ["ship", "coast"], ["lamp"]],
    [["lamp", "lamp", "lamp"], ["coast", "ship"]],
]


def _judge_word_shares(answer: Callable[[list[list[str]]], Mapping[str, float]]) -> None:
    got = [call(answer, texts) for texts in _TEXTS]
    for shares in got:
        if not isinstance(shares, Mapping):
            raise WrongAnswer(f"return a dict, {{word: share}}, not {type(shares).__name__}.")
    got = [{word: read_number(word, share) for word, share in shares.items()} for shares in got]
    for mistake, message in _WORD_MISTAKES:
        if all(_nearly(mistake(texts), shares) for texts, shares in zip(_TEXTS, got, strict=True)):
            raise WrongAnswer(message)
    for texts, shares in zip(_TEXTS, got, strict=True):
        if not _nearly(word_shares(texts), shares):
            raise WrongAnswer(f"for texts = {texts} expected {word_shares(texts)}, got {shares}.")
    match_untouched(answer, {"texts": _TEXTS[0]})


def _nearly(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    return all(abs(one.get(word, 0) - other.get(word, 0)) < 1e-4 for word in {*one, *other})


def _in_all(texts: list[list[str]]) -> Counter[str]:
    return Counter(word for text in texts for word in text)


_WORD_MISTAKES: list[tuple[Callable[[list[list[str]]], Mapping[str, float]], str]] = [
    (
        lambda texts: {word: n / len(texts) for word, n in _in_all(texts).items()},
        "a word that is three times in one text counts three times here. Count each text once: `set(text)`.",
    ),
    (
        lambda texts: {word: n / _in_all(texts).total() for word, n in _in_all(texts).items()},
        "that is each word's share of all words. The share of the *texts* that have it is wanted.",
    ),
    (
        _in_all,
        "those are counts of words, and two heaps of texts may differ in size. Divide the number of texts by `len(texts)`.",
    ),
    (
        lambda texts: Counter(word for text in texts for word in set(text)),
        "that is the number of texts; a share is wanted. Divide by `len(texts)`.",
    ),
    (
        lambda texts: {word: n * len(texts) / len(_in_all(texts)) for word, n in word_shares(texts).items()},
        "you divided by the number of different words. Divide by the number of texts.",
    ),
]


PARTS = {
    "word_shares": (_judge_word_shares, word_shares, dict),
    "tuned_share": (_judge_tuned_share, _share, read_tensor),
    "crosscoder": (_judge_crosscoder, _crosscoder, read_tensor),
    "rival": (_judge_rival, _rival, read_tensor),
}
