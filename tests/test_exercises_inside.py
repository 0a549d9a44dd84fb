"""Answers to the exercises of notebook 01: right ones written in several ways, and plausible wrong ones."""

import numpy as np
import torch
from answers import Right, Wrong, ways_to_count, ways_to_return
from torch.nn.functional import normalize

from sae_tutorial.exercises import meeting, neurons, superposition
from sae_tutorial.toys.geometry import superposition_boundary

# 1.2


def toy_by_rows(x, W, b):
    return torch.stack([torch.relu((row @ W) @ W.T + b) for row in x])


def toy_by_einsum(x, W, b):
    h = torch.einsum("bn,nm->bm", x, W)
    return torch.nn.functional.relu(torch.einsum("bm,nm->bn", h, W) + b)


def toy_by_clamp(x, W, b):
    return torch.clamp(torch.addmm(b, x @ W, W.T), min=0)


# 1.7


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


def met_by_columns(x):
    return torch.stack([torch.cat([c[c > 0], c[c == 0]]) for c in x.T], dim=1)


def met_in_numpy(x):
    out = np.zeros(tuple(x.shape), dtype=np.float32)
    for j, column in enumerate(x.numpy().T):
        values = column[column > 0]
        out[len(out) - len(values) :, j] = values
    return out


def met_at_random(x):
    generator = torch.Generator().manual_seed(0)
    order = ((x > 0) + torch.rand(x.shape, generator=generator)).argsort(0, descending=True)
    return x.gather(0, order)


def met_anywhere(x):
    return met_at_random(x)[torch.randperm(len(x), generator=torch.Generator().manual_seed(1))]


def met_in_place(x):
    x.copy_(met_by_columns(x))
    return x


def met_but_the_last(x):
    return torch.cat([met_by_columns(x)[:, :-1], x[:, -1:]], dim=1)


def columns_shuffled(x):
    generator = torch.Generator().manual_seed(0)
    return torch.stack([c[torch.randperm(len(c), generator=generator)] for c in x.T], dim=1)


def sizes_drawn_anew(x):
    on = met_by_columns(x) > 0
    return torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) * on


# 1.5


def bound_in_a_loop(importance):
    found = []
    for i in importance.tolist():
        least = min(1, i)
        found.append((least / 3) / ((1 + i) / 6 + least / 4))
    return found


def bound_in_numpy(importance):
    least = np.minimum(1, importance.numpy())
    return 4 * least / (2 + 2 * importance.numpy() + 3 * least)


def bound_by_where(importance):
    return torch.where(importance < 1, 4 * importance / (2 + 5 * importance), 4 / (5 + 2 * importance))


# 1.8


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


RIGHT: Right = [
    *[
        ("pair", answers)
        for answers in zip(ways_to_count(0.0), ways_to_count(0.3), ways_to_count(0.32), strict=False)
    ],
    *[
        ("pentagon", answers)
        for answers in zip(
            ways_to_count(0.309017), ways_to_count(0.190983), ways_to_count(0.618034), strict=False
        )
    ],
    *[("pentagon", answers) for answers in ((0.31, 0.19, 0.62), ("0.31", "0.19", "0.62"))],
    *[("toy", (f,)) for f in ways_to_return(superposition._toy)],
    *[("toy", (f,)) for f in (toy_by_rows, toy_by_einsum, toy_by_clamp)],
    *[("switch_off", (f,)) for f in ways_to_return(neurons._switch_off)],
    *[("switch_off", (f,)) for f in (off_in_a_copy, off_by_where, off_in_numpy)],
    *[("features_read", (f,)) for f in ways_to_return(superposition._features_read)],
    *[("features_read", (f,)) for f in (read_in_a_loop, read_in_numpy)],
    *[("dimensionality", (f,)) for f in ways_to_return(superposition._dimensionality)],
    *[("dimensionality", (f,)) for f in (shares_in_loops, shares_in_numpy, shares_from_gram)],
    *[("meeting", (f,)) for f in ways_to_return(meeting._meeting)],
    *[("meeting", (f,)) for f in (met_by_columns, met_in_numpy, met_at_random, met_anywhere)],
    *[("boundary", (f,)) for f in ways_to_return(superposition_boundary)],
    *[("boundary", (f,)) for f in (bound_in_a_loop, bound_in_numpy, bound_by_where)],
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
    ("pentagon", (0.951, 0.19, 0.62), "the sine of 72°"),
    ("pentagon", (-0.81, 0.19, 0.62), "the cosine of 144°"),
    ("pentagon", (-0.967, 0.19, 0.62), "72 radians"),
    ("pentagon", (1, 0.19, 0.62), "for itself"),
    ("pentagon", (0.1, 0.19, 0.62), "with its bias"),
    ("pentagon", (0.42, 0.19, 0.62), "too large"),
    ("pentagon", (0.4, 0.19, 0.62), "whose arrows are longer"),
    ("pentagon", (0.3, 0.19, 0.62), "rounded too far"),
    ("pentagon", (0.31, 1, 0.62), "C with B off"),
    ("pentagon", (0.31, 1.81, 0.62), "B lowers"),
    ("pentagon", (0.31, -0.81, 0.62), "what B adds"),
    ("pentagon", (0.31, 0.81, 0.62), "takes away"),
    ("pentagon", (0.31, 0, 0.62), "not all of it"),
    ("pentagon", (0.31, 1.31, 0.62), "no neighbour of C"),
    ("pentagon", (0.31, 0.62, 0.62), "which lies between"),
    ("pentagon", (0.31, 0.41, 0.62), "less the sine"),
    ("pentagon", (0.31, 0.19, 0.31), "C alone adds"),
    ("pentagon", (0.31, 0.19, 0), "a part of each"),
    ("pentagon", (0.31, 0.19, 0.19), "that is C itself"),
    ("pentagon", (0.31, 0.19, -0.5), "lies between them"),
    ("pentagon", (0.31, 0.19, 1.62), "its own part"),
    ("pentagon", (0.31, 0.19, 0.096), "not multiplied"),
    ("pentagon", (0.31, 0.19, 0.6), "rounded too far"),
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
    ("meeting", (met_in_place,), "`x`, which your function was given, has changed"),
    ("meeting", (lambda x: x[:10],), "the shape"),
    ("meeting", (lambda x: x * (x[:, :1] > 0),), "must keep its numbers"),
    ("meeting", (lambda x: x[:, :1].expand(x.shape),), "with other sizes"),
    ("meeting", (lambda x: met_by_columns(x).sort(1).values,), "from one column to another"),
    ("meeting", (sizes_drawn_anew,), "with other sizes"),
    ("meeting", (lambda x: met_by_columns(x).roll(1, 1),), "from one column to another"),
    ("meeting", (lambda x: x.clone(),), "whole rows have moved"),
    ("meeting", (lambda x: x[torch.arange(len(x)).flip(0)],), "whole rows have moved"),
    ("meeting", (columns_shuffled,), "as seldom as before"),
    ("meeting", (met_but_the_last,), "of the rows in which they could"),
    ("meeting", (lambda x: x.sort(0, descending=True).values,), "the sizes are tied"),
    ("boundary", (lambda i: 4 * i / (2 + 5 * i),), "whatever its importance"),
    ("boundary", (lambda i: 4 / (5 + 2 * i),), "Below importance 1"),
    ("boundary", (lambda i: 2 * i.clamp(max=1) / (1 + i),), "left out p²/4"),
    ("boundary", (lambda i: 4 * i.clamp(max=1) / (4 + 3 * i.clamp(max=1)),), "B's error counts I times"),
    ("boundary", (lambda i: 1 / bound_by_where(i),), "upside down"),
    ("boundary", (lambda i: 4 * i.clamp(min=1) / (2 + 2 * i + 3 * i.clamp(min=1)),), "max(1, I)"),
    ("boundary", (lambda i: 0 * i + 4 / 7,), "expected"),
]
