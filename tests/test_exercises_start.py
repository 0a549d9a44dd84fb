"""Answers to the exercises of notebook 00: right ones written in several ways, and plausible wrong ones."""

import numpy as np
import torch
from answers import Right, Wrong, ways_to_return
from torch.nn.functional import cosine_similarity, normalize

from sae_tutorial import exercises
from sae_tutorial.exercises import start, two_lists


def values_in_numpy(rows, direction, bias):
    return np.maximum(rows.numpy() @ direction.numpy() + float(bias), 0)


def values_in_a_loop(rows, direction, bias):
    return [max(0.0, float(row @ direction) + float(bias)) for row in rows]


def values_with_where(rows, direction, bias):
    values = (rows * direction).sum(dim=1) + bias
    return torch.where(values > 0, values, 0.0)


def nearest_by_lengths(x, means):
    return ((x @ means.T) / means.norm(dim=1)).argmax(dim=1)  # the length of x changes no ranking


def nearest_in_a_loop(x, means):
    return [int(cosine_similarity(row[None], means).argmax()) for row in x]


def nearest_by_broadcasting(x, means):
    return cosine_similarity(x[:, None], means[None], dim=-1).max(dim=1).indices


def shuffled_by_numpy(X, seed):
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(x) for x in X.numpy()])


def shuffled_by_noise(X, seed):
    order = torch.rand(X.shape[:2], generator=torch.Generator().manual_seed(seed)).argsort(1)
    return X.gather(1, order[..., None].expand_as(X))


def shuffled_with_repeats(X, seed):
    rng = np.random.default_rng(seed)
    return torch.stack([x[torch.from_numpy(rng.integers(len(x), size=len(x)))] for x in X])


def shuffled_in_place(X, seed):
    for i, x in enumerate(X):
        X[i] = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(seed + i))]
    return X


def shuffled_alike(X, seed):
    return X[:, torch.randperm(X.shape[1], generator=torch.Generator().manual_seed(seed))]


def shuffled_anew(X, seed):
    return torch.stack([x[torch.randperm(len(x))] for x in X])


WORDS, LAW = two_lists.OURS["words_no_law"], two_lists.OURS["law_no_words"]
OTHER_WORDS = [
    "At the song contest ten points came from the jury",
    "The new battery lost its charge.",
    "They took the early train in that case",
    "The old song is her sweetest crime",
]
OTHER_LAW = [
    "He was found to have stolen the horse",
    "The two neighbours let a stranger decide who owned the wall",
    "They wanted him hanged for what he had done",
    "She signed the paper and lost the house",
]


def with_sentence(sentences, sentence):
    return [sentence, *sentences[1:]]


RIGHT: Right = [
    *[("two_lists", (WORDS, LAW, way)) for way in ("words", "LAW", " alike ", ["law"])],
    ("two_lists", (tuple(OTHER_WORDS), tuple(OTHER_LAW), "alike")),
    ("two_lists", (WORDS[:4], LAW[2:], "law")),
    ("two_lists", (WORDS, with_sentence(LAW, "A man on the lawn said that the flaw was theirs"), "words")),
    *[("latent_values", (f,)) for f in ways_to_return(start._latent_values)],
    *[("latent_values", (f,)) for f in (values_in_numpy, values_in_a_loop, values_with_where)],
    *[("nearest", (f,)) for f in ways_to_return(start._nearest)],
    *[("nearest", (f,)) for f in (nearest_by_lengths, nearest_in_a_loop, nearest_by_broadcasting)],
    *[
        ("shuffle_names", (f,))
        for f in (*ways_to_return(start._shuffle_names), shuffled_by_numpy, shuffled_by_noise)
    ],
]
WRONG: Wrong = [
    ("two_lists", (WORDS[:2], LAW, "law"), "could be flukes"),
    ("two_lists", (WORDS, " ".join(LAW), "law"), "a list of sentences"),
    ("two_lists", ([1, 2, 3, 4], LAW, "law"), "a text in quotes"),
    ("two_lists", (WORDS, [*LAW[:5], LAW[0].upper()], "law"), "stands twice in law_no_words"),
    ("two_lists", (WORDS, with_sentence(LAW, "He was judged by the old king himself"), "law"), "'judged'"),
    ("two_lists", (WORDS, with_sentence(LAW, "She paid the lawyer with a fat goose"), "law"), "other words"),
    ("two_lists", (with_sentence(WORDS, "The cook put bread into the oven"), LAW, "law"), "no word of law"),
    ("two_lists", (with_sentence(WORDS, "The judge spoke to the court again"), LAW, "law"), "2 words of law"),
    (
        "two_lists",
        (with_sentence(WORDS, "The judges gave the skater nine points"), LAW, "law"),
        "the rest first",
    ),
    ("two_lists", ([WORDS[1].replace("tennis", x) for x in "abcdef"], LAW, "law"), "1 of law's words only"),
    ("two_lists", (WORDS, LAW[:5], "law"), "the same number"),
    ("two_lists", (with_sentence(WORDS, "The court"), LAW, "law"), "has 2 words"),
    ("two_lists", (WORDS, with_sentence(LAW, "and " * 20), "law"), "more chances"),
    ("two_lists", (WORDS, LAW, "both"), "is not one of"),
    ("two_lists", (WORDS, LAW, "words, law"), "one of the three"),
    ("latent_values", (lambda r, d, b: r @ d + b,), "never below zero"),
    ("latent_values", (lambda r, d, b: (r @ d).clamp(min=0) + b,), "after the negative values became zero"),
    ("latent_values", (lambda r, d, b: (r @ d).clamp(min=0),), "the bias is missing"),
    ("latent_values", (lambda r, d, b: (r @ d - b).clamp(min=0),), "you subtract the bias"),
    ("latent_values", (lambda r, d, b: (r @ d + b).abs(),), "drop the sign"),
    ("latent_values", (lambda r, d, b: [float(v > -b) for v in r @ d],), "How strongly is asked for"),
    ("latent_values", (lambda r, d, b: (cosine_similarity(r, d[None]) + b).relu(),), "makes a cosine"),
    ("latent_values", (lambda r, d, b: (r * d + b).relu(),), "do not add up"),
    ("latent_values", (lambda r, d, b: (r @ d + b).relu().amax(),), "the largest value in the text"),
    ("latent_values", (lambda r, d, b: (r @ d + b).relu().sum(),), "shape"),
    ("latent_values", (lambda r, d, b: d @ r + b,), "stopped"),
    ("nearest", (lambda x, m: (x @ m.T).argmax(1),), "a long mean wins"),
    ("nearest", (lambda x, m: torch.cdist(x, m).argmin(1),), "mix direction with length"),
    ("nearest", (lambda x, m: cosine_similarity(x[:, None], m[None], dim=-1).argmax(0),), "for each mean"),
    ("nearest", (lambda x, m: cosine_similarity(x[:, None], m[None], dim=-1).argmin(1),), "point away"),
    ("nearest", (lambda x, m: cosine_similarity(x[:, None], m[None], dim=-1).amax(1),), "its place"),
    ("nearest", (lambda x, m: cosine_similarity(x[:, None], m[None], dim=-1),), "one step is missing"),
    ("nearest", (lambda x, m: cosine_similarity(x, m),), "stopped"),
    (
        "nearest",
        (lambda x, m: cosine_similarity(x[:, None], m[None], dim=-1).abs().argmax(1),),
        "opposite way",
    ),
    ("nearest", (lambda x, m: (normalize(x, dim=0) @ normalize(m, dim=0).T).argmax(1),), "each column"),
    ("nearest", (lambda x, m: (x / x.norm() @ (m / m.norm()).T).argmax(1),), "the whole table"),
    ("nearest", (lambda x, m: (normalize(x, dim=1) @ m.T).argmax(1),), "dividing x alone"),
    ("shuffle_names", (shuffled_alike,), "the same new order"),
    ("shuffle_names", (shuffled_anew,), "the same seed"),
    ("shuffle_names", (shuffled_with_repeats,), "another twice"),
    ("shuffle_names", (shuffled_in_place,), "X itself is changed"),
    ("shuffle_names", (lambda X, seed: X.clone(),), "nothing has moved"),
    ("shuffle_names", (lambda X, seed: X.flip(0),), "left their sentence"),
    ("shuffle_names", (lambda X, seed: X[0],), "the shape"),
    (
        "shuffle_names",
        (lambda X, seed: torch.stack([x.roll(seed + i, 0) for i, x in enumerate(X)]),),
        "different draws",
    ),
]


def test_right_lists_are_run_beside_ours_and_others_are_not(capsys):
    in_use = exercises.sentences_in_use(OTHER_WORDS, OTHER_LAW)
    assert in_use["yours"] == {"words_no_law": OTHER_WORDS, "law_no_words": OTHER_LAW}
    assert in_use["ours"] == two_lists.OURS
    assert capsys.readouterr().out == "In use: ours and yours\n"
    for wrong in (None, [], WORDS):
        assert list(exercises.sentences_in_use(WORDS, wrong)) == ["ours"]
    assert capsys.readouterr().out == "In use: ours\n" * 3
