"""Answers to the exercises of notebook 13: right ones written in several ways, and plausible wrong ones."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from answers import Right, Wrong, ways_to_return
from scipy.special import rel_entr

from sae_tutorial.exercises import asking


def mistakes_by_loops(here, elsewhere):
    missed = [sum(not on for on in column) for column in here.T.tolist()]
    return [n + sum(column) for n, column in zip(missed, elsewhere.T.tolist(), strict=True)]


def mistakes_in_numpy(here, elsewhere):
    return len(here) - np.count_nonzero(here, axis=0) + np.count_nonzero(elsewhere, axis=0)


def mistakes_by_comparing(here, elsewhere):
    wanted = torch.cat([torch.ones_like(here), torch.zeros_like(elsewhere)])
    return (torch.cat([here, elsewhere]) != wanted).sum(dim=0)


def divergence_by_torch(clean, changed):
    pointwise = torch.nn.functional.kl_div(
        changed, clean.expand_as(changed), log_target=True, reduction="none"
    )
    return pointwise.sum(dim=1)


def divergence_by_products(clean, changed):
    p = clean.exp()
    return p @ clean - changed @ p


def divergence_in_scipy(clean, changed):
    return rel_entr(np.exp(clean.numpy()), np.exp(changed.numpy())).sum(1)


def luck_in_fractions(n_on, n_classes):
    p = Fraction(1, n_classes)
    return n_classes * sum(
        math.comb(n_on, i) * p**i * (1 - p) ** (n_on - i) for i in range(n_on + 1) if 5 * i > 4 * n_on
    )


def luck_by_counting(n_on, n_classes):
    ways = sum(math.comb(n_on, i) * (n_classes - 1) ** (n_on - i) for i in range(n_on + 1) if i / n_on > 0.8)
    return n_classes * ways / n_classes**n_on


def luck_in_scipy(n_on, n_classes):
    from scipy.stats import binom

    return n_classes * binom.sf(math.floor(0.8 * n_on), n_on, 1 / n_classes)


def luck_by_simulation(n_on, n_classes):
    drawn = np.random.default_rng(0).integers(0, n_classes, (20_000, n_on))
    most = np.stack([(drawn == c).sum(1) for c in range(n_classes)]).max(0)
    return (most > 0.8 * n_on).mean()


def seam_by_loops(rows):
    points = rows.tolist()
    steps = [math.dist(a, b) for a, b in zip(points, points[1:], strict=False)]
    return math.dist(points[-1], points[0]) / (sum(steps) / len(steps))


def seam_by_diff(rows):
    return (rows[0] - rows[-1]).norm() / rows.diff(dim=0).norm(dim=1).mean()


def seam_in_numpy(rows):
    steps = np.linalg.norm(np.diff(rows.numpy(), axis=0), axis=1)
    return np.linalg.norm(rows.numpy()[-1] - rows.numpy()[0]) * len(steps) / steps.sum()


def seam_from_all_distances(rows):
    far = torch.cdist(rows, rows)
    return far[-1, 0] / far.diagonal(1).mean()


RIGHT: Right = [
    *[("mistakes", (f,)) for f in ways_to_return(asking._mistakes)],
    *[("mistakes", (f,)) for f in (mistakes_by_loops, mistakes_in_numpy, mistakes_by_comparing)],
    *[("divergence", (f,)) for f in ways_to_return(asking._divergence)],
    *[("divergence", (f,)) for f in (divergence_by_torch, divergence_by_products, divergence_in_scipy)],
    *[("seam", (f,)) for f in ways_to_return(asking._seam)],
    *[("seam", (f,)) for f in (seam_by_loops, seam_by_diff, seam_in_numpy, seam_from_all_distances)],
    *[("luck", (f,)) for f in ways_to_return(asking._luck)],
    *[("luck", (f,)) for f in (luck_in_fractions, luck_by_counting, luck_in_scipy)],
]

WRONG: Wrong = [
    (
        "seam",
        (lambda rows: (s := (rows - rows.roll(1, 0)).norm(dim=1))[-1] / s[:-1].mean(),),
        "rolled the other way",
    ),
    (
        "divergence",
        (lambda p, q: torch.einsum("rv,rv->r", q.exp(), p - q),),
        "weights are those of the changed",
    ),
    (
        "luck",
        (lambda n, c: sum(c * (1 / c) ** i * (1 - 1 / c) ** (n - i) for i in range(n + 1) if i > 0.8 * n),),
        "one order",
    ),
    ("mistakes", (lambda h, e: len(h) - h.sum(0),), "misses none"),
    ("mistakes", (lambda h, e: e.sum(0),), "never on has none"),
    ("mistakes", (lambda h, e: torch.cat([h, e]).sum(0),), "being on is right"),
    ("mistakes", (lambda h, e: h.sum(0) + len(e) - e.sum(0),), "counts what is right"),
    ("mistakes", (lambda h, e: len(h) - h.sum(0) - e.sum(0),), "Add them"),
    ("mistakes", (lambda h, e: 1 - h.float().mean(0) + e.float().mean(0),), "number of sentences"),
    ("mistakes", (lambda h, e: mistakes_by_comparing(h, e).sum(),), "one number for each"),
    ("mistakes", (lambda h, e: mistakes_by_comparing(h, e) + 1,), "expected"),
    ("divergence", (lambda p, q: rel_entr(q.exp().numpy(), p.exp().numpy()).sum(1),), "other way round"),
    ("divergence", (lambda p, q: -divergence_by_torch(p, q),), "sign is wrong"),
    ("divergence", (lambda p, q: p.mean() - q.mean(dim=1),), "however unlikely"),
    ("divergence", (lambda p, q: divergence_by_torch(p, q) / p.numel(),), "add up to 1 already"),
    ("divergence", (lambda p, q: p.square().sum() - q @ p,), "no weights"),
    ("divergence", (lambda p, q: (p.exp() - q.exp()) @ p.exp(),), "differences of probabilities"),
    ("divergence", (lambda p, q: divergence_by_torch(p, q).sum(),), "one number for each row"),
    ("divergence", (lambda p, q: divergence_by_torch(p, q) / math.log(2),), "expected"),
    ("seam", (lambda rows: (s := asking._steps(rows))[-1] / s.mean(),), "has the seam in it"),
    ("seam", (lambda rows: (rows[-1] - rows[0]).norm(),), "the seam's length"),
    ("seam", (lambda rows: 1 / seam_by_diff(rows),), "upside down"),
    ("seam", (lambda rows: seam_by_diff(rows) / (len(rows) - 1),), "mean step"),
    (
        "seam",
        (lambda rows: (rows[0] - rows[-1]).square().sum() / rows.diff(dim=0).square().sum(1).mean(),),
        "squared",
    ),
    ("seam", (lambda rows: (rows[-1] - rows[0]).norm() / torch.pdist(rows).mean(),), "only neighbours"),
    ("seam", (lambda rows: 1 + seam_by_diff(rows),), "expected"),
    ("luck", (lambda n, c: (1 / c) ** n * c,), "all rows share a class"),
    ("luck", (lambda n, c: asking._luck(n, c) / c,), "one given class; any"),
    ("luck", (lambda n, c: asking._luck(n, c) * 2304,), "expected number"),
    ("luck", (lambda n, c: c * asking._tail(n, c, range(math.ceil(0.8 * n), n + 1)),), "exactly 80%"),
    ("luck", (lambda n, c: 1 - asking._luck(n, c),), "does *not* happen"),
    ("luck", (luck_by_simulation,), "expected 0.003906, got "),
    ("luck", (lambda n, c: (1 / c) ** (n * 4 // 5 + 1) * c,), "number of ways to choose"),
]


def test_luck_agrees_with_a_simulation() -> None:
    drawn = np.random.default_rng(0).integers(0, 4, (200_000, 10))
    most = np.stack([(drawn == c).sum(1) for c in range(4)]).max(0)
    assert (most > 8).mean() == pytest.approx(asking._luck(10, 4), abs=1e-4)
