"""Answers to the exercises of notebook 01: right ones written in several ways, and plausible wrong ones."""

import numpy as np
import torch
from answers import Right, Wrong, ways_to_choose, ways_to_count, ways_to_return
from torch.nn.functional import normalize

from sae_tutorial.exercises import neurons, superposition

# 1.2


def toy_by_rows(x, W, b):
    return torch.stack([torch.relu((row @ W) @ W.T + b) for row in x])


def toy_by_einsum(x, W, b):
    h = torch.einsum("bn,nm->bm", x, W)
    return torch.nn.functional.relu(torch.einsum("bm,nm->bn", h, W) + b)


def toy_by_clamp(x, W, b):
    return torch.clamp(torch.addmm(b, x @ W, W.T), min=0)


# 1.8


def read_in_a_loop(W):
    counts = []
    for neuron in W.T:
        squares, n, so_far = sorted((neuron**2).tolist(), reverse=True), 0, 0.0
        while so_far < 0.9 * sum(squares):
            so_far, n = so_far + squares[n], n + 1
        counts.append(n)
    return counts


def read_in_numpy(W):
    squares = -np.sort(-(np.asarray(W) ** 2), axis=0)
    return (np.cumsum(squares, axis=0) / squares.sum(0) >= 0.9).argmax(0) + 1


def read_without_squares(W):
    sizes = W.abs().sort(dim=0, descending=True).values
    return (sizes.cumsum(0) / sizes.sum(0) < 0.9).sum(0) + 1


def read_unsorted(W):
    return (W.pow(2).cumsum(0) / W.pow(2).sum(0) < 0.9).sum(0) + 1


# 1.6


def shares_in_loops(W):
    shares = []
    for row in W:
        along = [(row @ other / row.norm()) ** 2 for other in W]
        shares.append(row.norm() ** 2 / sum(along))
    return torch.stack(shares)


def shares_in_numpy(W):
    W = np.asarray(W)
    unit = W / np.linalg.norm(W, axis=1, keepdims=True)
    return (W**2).sum(1) / ((unit @ W.T) ** 2).sum(1)


def shares_from_gram(W):
    gram = torch.einsum("id,jd->ij", W, W)
    return gram.diagonal() ** 2 / (gram**2).sum(1)


# 1.3


def good_rows(p, rows, n, g):
    return torch.rand(rows, n, generator=g) * (torch.rand(rows, n, generator=g) < p)


def rows_by_where(probability, n_rows, n_features, generator):
    size = torch.rand((n_rows, n_features), generator=generator)
    return torch.where(torch.rand(size.shape, generator=generator) > 1 - probability, size, 0)


def rows_by_bernoulli(probability, n_rows, n_features, generator):
    on = torch.bernoulli(torch.full((n_rows, n_features), probability), generator=generator)
    return on * torch.rand(n_rows, n_features, generator=generator)


def rows_from_one_draw(probability, n_rows, n_features, generator):
    u = torch.rand(n_rows, n_features, generator=generator, dtype=torch.float64)
    return (u < probability) * u / probability  # below p it is uniform in [0, p]


def rows_in_a_loop(probability, n_rows, n_features, generator):
    columns = []
    for _ in range(n_features):
        on = torch.rand(n_rows, generator=generator) < probability
        columns.append(torch.rand(n_rows, generator=generator) * on)
    return torch.stack(columns, dim=1)


def rows_in_numpy(probability, n_rows, n_features, generator):
    draw = np.random.default_rng(generator.initial_seed())
    return draw.random((n_rows, n_features)) * (draw.random((n_rows, n_features)) < probability)


def one_number_per_row(p, rows, n, g):
    return torch.rand(rows, n, generator=g) * (torch.rand(rows, 1, generator=g) < p)


def one_number_per_feature(p, rows, n, g):
    return torch.rand(rows, n, generator=g) * (torch.rand(n, generator=g) < p)


def one_draw_for_both(p, rows, n, g):
    u = torch.rand(rows, n, generator=g)
    return u * (u < p)


def never_together(p, rows, n, g):
    """Each row has one feature or none: a choice among the features, on n · p of the time."""
    on = torch.zeros(rows, n)
    on[torch.arange(rows), torch.randint(n, (rows,), generator=g)] = 1
    return torch.rand(rows, n, generator=g) * on * (torch.rand(rows, 1, generator=g) < n * p)


def first_with_fourth(p, rows, n, g):
    on = torch.rand(rows, n, generator=g) < p
    on[:, 3] = on[:, 0]
    return torch.rand(rows, n, generator=g) * on


def one_size_per_row(p, rows, n, g):
    return torch.rand(rows, 1, generator=g) * (torch.rand(rows, n, generator=g) < p)


def one_size_per_feature(p, rows, n, g):
    return torch.rand(n, generator=g) * (torch.rand(rows, n, generator=g) < p)


def always_a_tenth(p, rows, n, g):
    return good_rows(0.1, rows, n, g)


def always_six(p, rows, n, g):
    return good_rows(p, rows, 6, g)


def sizes_without_the_generator(p, rows, n, g):
    return torch.rand(rows, n) * (torch.rand(rows, n, generator=g) < p)


def seeded_inside(p, rows, n, g):
    return good_rows(p, rows, n, torch.Generator().manual_seed(5))


# 1.9


def off_in_a_copy(h, neuron):
    off = h.clone()
    off[:, neuron] = 0
    return off


def off_by_where(h, neuron):
    return torch.where(torch.arange(h.shape[1]) == neuron, 0.0, h)


def off_in_numpy(h, neuron):
    off = h.numpy().copy()
    off[:, neuron] = 0
    return off


def off_in_place(h, neuron):
    h[:, neuron] = 0
    return h


def off_at_its_mean(h, neuron):
    off = h.clone()
    off[:, neuron] = h[:, neuron].mean()
    return off


SHAPES = [
    *zip(ways_to_count(1 / 3), ways_to_count(3 / 4), ways_to_count(5 / 2), strict=False),
    (0.33, 0.75, 2.5),
    ("2/6", "3/4", "5/2"),
]
RIGHT: Right = [
    *[
        ("pair", answers)
        for answers in zip(ways_to_count(0.0), ways_to_count(0.3), ways_to_count(0.32), strict=False)
    ],
    *[("pentagon", answers) for answers in zip(ways_to_count(0.309017), ways_to_count(0.0), strict=False)],
    *[("pentagon", answers) for answers in ((0.31, 0), ("0.31", "0"))],
    *[("toy", (f,)) for f in ways_to_return(superposition._toy)],
    *[("toy", (f,)) for f in (toy_by_rows, toy_by_einsum, toy_by_clamp)],
    *[("switch_off", (f,)) for f in ways_to_return(neurons._switch_off)],
    *[("switch_off", (f,)) for f in (off_in_a_copy, off_by_where, off_in_numpy)],
    *[("features_read", (f,)) for f in ways_to_return(superposition._features_read)],
    *[("features_read", (f,)) for f in (read_in_a_loop, read_in_numpy)],
    *[("dimensionality", (f,)) for f in ways_to_return(superposition._dimensionality)],
    *[("dimensionality", (f,)) for f in (shares_in_loops, shares_in_numpy, shares_from_gram)],
    *[("shapes", answers) for answers in SHAPES],
    *[
        ("sample_rows", (f,))
        for f in (
            good_rows,
            rows_by_where,
            rows_by_bernoulli,
            rows_from_one_draw,
            rows_in_a_loop,
            rows_in_numpy,
        )
    ],
    *[("phase", (0.24, way)) for way in ways_to_choose("b")],
    *[("phase", (number, "b")) for number in (0.2, 0.25, "0.28", *ways_to_count(0.24))],
]

WRONG: Wrong = [
    ("pair", (0.4, 0.3, 0.32), "with B off"),
    ("pair", (-0.3, 0.3, 0.32), "turns a negative number into zero"),
    ("pair", (0.3, 0, 0.32), "without a minus"),
    ("pair", (0, 0.7, 0.32), "with A off"),
    ("pair", (0, 1.1, 0.32), "h = A − B"),
    ("pair", (0, 0, 0.32), "with a minus"),
    ("pair", (0, 0.3, 0.16), "add that of the other"),
    ("pair", (0, 0.3, 0.8), "square each before you add"),
    ("pair", (0, 0.3, 0.64), "squared the sum"),
    ("pair", (0, 0.3, 0.566), "leave it squared"),
    ("pair", (0.6, 0, 0.18), "0.6"),
    ("pair", ("x", 0.3, 0.32), "must be a number"),
    ("pentagon", (0.951, 0), "the sine of 72°"),
    ("pentagon", (-0.81, 0), "the cosine of 144°"),
    ("pentagon", (-0.967, 0), "72 radians"),
    ("pentagon", (1, 0), "for itself"),
    ("pentagon", (0.1, 0), "with its bias"),
    ("pentagon", (0.42, 0), "too large"),
    ("pentagon", (0.4, 0), "whose arrows are longer"),
    ("pentagon", (0.31, -0.81), "before the ReLU"),
    ("pentagon", (0.31, 0.81), "the other way"),
    ("pentagon", (0.3, 0), "rounded too far"),
    ("toy", (lambda x, W, b: x @ W @ W.T + b,), "no ReLU"),
    ("toy", (lambda x, W, b: torch.relu(x @ W @ W.T) + b,), "before the ReLU"),
    ("toy", (lambda x, W, b: torch.relu(x @ W @ W.T),), "bias b is missing"),
    ("toy", (lambda x, W, b: torch.relu(torch.relu(x @ W) @ W.T + b),), "h has a ReLU too"),
    ("toy", (lambda x, W, b: x @ W,), "still squeezed"),
    ("toy", (lambda x, W, b: torch.relu(x @ W @ W.T - b),), "it is added"),
    ("toy", (lambda x, W, b: torch.relu(x @ W.T @ W + b),), "stopped"),
    ("switch_off", (off_in_place,), "has changed as well"),
    (
        "switch_off",
        (lambda h, neuron: torch.cat([h[:neuron], 0 * h[neuron : neuron + 1], h[neuron + 1 :]]),),
        "a row",
    ),
    (
        "switch_off",
        (lambda h, neuron: torch.cat([h[:, :neuron], h[:, neuron + 1 :]], 1),),
        "gone from the table",
    ),
    ("switch_off", (lambda h, neuron: h - off_in_a_copy(h, neuron),), "kept this neuron alone"),
    ("switch_off", (off_at_its_mean,), "to its mean"),
    ("switch_off", (lambda h, neuron: h[:, neuron].tolist(),), "the neuron's own numbers"),
    ("switch_off", (lambda h, neuron: h.clone(),), "nothing is switched off"),
    ("switch_off", (lambda h, neuron: h * 0,), "all neurons are off"),
    ("features_read", (lambda W: superposition._features_read(W.T),), "you took rows"),
    ("features_read", (lambda W: superposition._features_read(W) - 1,), "one too few"),
    ("features_read", (read_without_squares,), "not squared"),
    ("features_read", (read_unsorted,), "the largest must come first: sort"),
    ("features_read", (lambda W: (W.pow(2) > 0.9 * W.pow(2).sum(0)).sum(0),), "90% alone"),
    ("features_read", (lambda W: (W.abs() > 0.1).sum(0),), "depends on the scale"),
    ("features_read", (lambda W: (W.pow(2) > 0.1 * W.pow(2).sum(0)).sum(0),), "more than 10% each"),
    ("features_read", (lambda W: superposition._features_read(W)[0],), "shape [], expected [2]"),
    ("dimensionality", (lambda W: (W**2).sum(1) / ((W @ W.T) ** 2).sum(1),), "gets a smaller share"),
    ("dimensionality", (lambda W: (W**2).sum(1) / (normalize(W) @ W.T).abs().sum(1),), "expected"),
    ("dimensionality", (lambda W: (W**2).sum(1) / ((normalize(W) @ W.T) ** 2).sum(0),), "along the row"),
    ("dimensionality", (lambda W: (W**2).sum() / W.shape[1],), "features per dimension"),
    ("dimensionality", (lambda W: ((normalize(W) @ W.T) ** 2).sum(1) / (W**2).sum(1),), "upside down"),
    ("dimensionality", (lambda W: (W**2).sum(0) / ((normalize(W, dim=0).T @ W) ** 2).sum(1),), "columns"),
    ("dimensionality", (lambda W: W.norm(dim=1) / ((normalize(W) @ W.T) ** 2).sum(1),), "squared length"),
    ("dimensionality", (lambda W: (W**2).sum(1) / ((normalize(W) @ W) ** 2).sum(1),), "stopped"),
    ("shapes", (1 / 6, 0.75, 2.5), "they share *two*"),
    ("shapes", (3, 0.75, 2.5), "share each dimension"),
    ("shapes", (0.5, 0.75, 2.5), "all in one plane"),
    ("shapes", (0.333, 0.25, 2.5), "they share *three*"),
    ("shapes", (0.333, 0.667, 2.5), "that is the triangle"),
    ("shapes", (0.333, 1.333, 2.5), "its inverse"),
    ("shapes", (0.333, 0.75, 0.4), "five squared lengths"),
    ("shapes", (0.333, 0.75, 5), "divide by the number"),
    ("shapes", (0.3, 0.75, 2.5), "rounded too far: give 2 digits"),
    ("shapes", (0.333, 0.75, 1.118), "with the root taken"),
    ("shapes", (True, 0.75, 2.5), "must be a number, got True"),
    ("sample_rows", (one_number_per_row,), "as in `bad_rows`"),
    ("sample_rows", (one_number_per_feature,), "one random number per feature"),
    ("sample_rows", (one_draw_for_both,), "Draw the two apart"),
    ("sample_rows", (lambda p, r, n, g: good_rows(1 - p, r, n, g),), "should be off"),
    ("sample_rows", (lambda p, r, n, g: torch.rand(r, n, generator=g),), "on in every row"),
    ("sample_rows", (lambda p, r, n, g: (good_rows(p, r, n, g) > 0).float(),), "all values are the same"),
    ("sample_rows", (lambda p, r, n, g: good_rows(p, r, n, None),), "pass `generator` to every"),
    ("sample_rows", (sizes_without_the_generator,), "pass `generator` to every"),
    ("sample_rows", (seeded_inside,), "draw from the one that is handed in"),
    (
        "sample_rows",
        (lambda p, r, n, g: torch.randn(r, n, generator=g) * (good_rows(p, r, n, g) > 0),),
        "negative",
    ),
    ("sample_rows", (lambda p, r, n, g: 3 * good_rows(p, r, n, g),), "the maximum 3.00"),
    ("sample_rows", (lambda p, r, n, g: good_rows(p / 2, r, n, g),), "of the rows."),
    ("sample_rows", (lambda p, r, n, g: good_rows(p, n, r, g),), "[n_rows, n_features]"),
    ("sample_rows", (never_together,), "are on together in 0.0% of the rows"),
    ("sample_rows", (first_with_fourth,), "features 0 and 3 are on together in 9.7%"),
    ("sample_rows", (one_size_per_row,), "one size per row serves them all"),
    ("sample_rows", (one_size_per_feature,), "feature 0 has the same size in every row"),
    ("sample_rows", (always_a_tenth,), "for probability 0.4 feature"),
    ("sample_rows", (always_six,), "for n_rows = 3000 and n_features = 4"),
    ("phase", (0.16, "b"), "at importance 0.1"),
    ("phase", (4.2, "b"), "the other crossing"),
    ("phase", (0.571, "b"), "at importance 1"),
    ("phase", (0.3, "b"), "that is the probability"),
    ("phase", (0.5, "b"), "too large"),
    ("phase", ("x", "b"), "must be a number"),
    ("phase", (0.24, "a"), "does not pay"),
    ("phase", (0.24, "c"), "eight times as important"),
    ("phase", (0.24, "e"), "'e' is not one of 'a', 'b', 'c'"),
    ("phase", (0.24, "ab"), "exactly one of"),
    ("phase", (0.24, 1), "not 1"),
]
