"""Answers to the exercises of notebook 13: right ones written in several ways, and plausible wrong ones."""

import math

import numpy as np
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


def alike_by_loops(cosine, subjects, articles):
    within, across = [], []
    for i, one in enumerate(subjects):
        for j, other in enumerate(subjects):
            if one != other:
                across.append(cosine[i, j])
            elif articles[i] != articles[j]:
                within.append(cosine[i, j])
    return sum(within) / len(within) - sum(across) / len(across)


def alike_in_numpy(cosine, subjects, articles):
    same, one_article = (np.equal.outer(x.numpy(), x.numpy()) for x in (subjects, articles))
    return np.average(cosine.numpy(), weights=same & ~one_article) - cosine.numpy()[~same].mean()


def alike_by_pairs(cosine, subjects, articles):
    i, j = torch.triu_indices(*cosine.shape, offset=1)
    same, apart = subjects[i] == subjects[j], articles[i] != articles[j]
    return cosine[i, j][same & apart].mean() - cosine[i, j][~same].mean()


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


def within(cosine, pairs):
    """The mean cosine of some pairs."""
    return cosine[pairs].mean()


RIGHT: Right = [
    *[("mistakes", (f,)) for f in ways_to_return(asking._mistakes)],
    *[("mistakes", (f,)) for f in (mistakes_by_loops, mistakes_in_numpy, mistakes_by_comparing)],
    *[("divergence", (f,)) for f in ways_to_return(asking._divergence)],
    *[("divergence", (f,)) for f in (divergence_by_torch, divergence_by_products, divergence_in_scipy)],
    *[("seam", (f,)) for f in ways_to_return(asking._seam)],
    *[("seam", (f,)) for f in (seam_by_loops, seam_by_diff, seam_in_numpy, seam_from_all_distances)],
    *[("alike", (f,)) for f in ways_to_return(asking._alike)],
    *[("alike", (f,)) for f in (alike_by_loops, alike_in_numpy, alike_by_pairs)],
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
    (
        "alike",
        (lambda c, s, a: within(c, s[:, None] == s) - within(c, s[:, None] != s),),
        "every paragraph with itself",
    ),
    (
        "alike",
        (
            lambda c, s, a: (
                within(c, (s[:, None] == s) ^ torch.eye(len(s)).bool()) - within(c, s[:, None] != s)
            ),
        ),
        "other pairs of one article",
    ),
    ("alike", (lambda c, s, a: -alike_by_pairs(c, s, a),), "sign is wrong"),
    (
        "alike",
        (lambda c, s, a: within(c, (s[:, None] == s) & (a[:, None] != a)),),
        "nothing to be compared with",
    ),
    (
        "alike",
        (lambda c, s, a: within(c, (s[:, None] == s) & (a[:, None] != a)) - c.mean(),),
        "is over all pairs, those",
    ),
    (
        "alike",
        (lambda c, s, a: within(c, (s[:, None] == s) & (a[:, None] != a)) - within(c, a[:, None] != a),),
        "all pairs of two articles",
    ),
    ("alike", (lambda c, s, a: within(c, a[:, None] == a) - within(c, s[:, None] != s),), "Keep the others"),
    (
        "alike",
        (lambda c, s, a: within(c, a[:, None] == a) - within(c, a[:, None] != a),),
        "ask for the subjects",
    ),
    (
        "alike",
        (lambda c, s, a: c[(s[:, None] == s) & (a[:, None] != a)].sum() - c[s[:, None] != s].sum(),),
        "Take means",
    ),
    (
        "alike",
        (lambda c, s, a: within(c, (s[:, None] == s) & (a[:, None] != a)) / within(c, s[:, None] != s),),
        "you divided",
    ),
    ("alike", (lambda c, s, a: alike_by_pairs(c, s, a) + 0.1,), "expected"),
]


def test_what_is_alike_within_an_article_alone_does_not_count() -> None:
    generator = torch.Generator().manual_seed(0)
    subjects, articles = torch.arange(2).repeat_interleave(20), torch.arange(10).repeat_interleave(4)

    def advantage(rows: torch.Tensor, dealt: torch.Tensor) -> float:
        unit = torch.nn.functional.normalize(rows - rows.mean(0), dim=1)
        return float(asking._alike(unit @ unit.T, dealt, articles))

    of_article = torch.randn(10, 50, generator=generator)[articles]
    of_subject = torch.randn(2, 50, generator=generator)[subjects]
    assert advantage(of_subject + of_article, subjects) > 0.5
    assert abs(advantage(of_article, subjects)) < 0.15
    assert (
        abs(advantage(of_subject + of_article, torch.randperm(10, generator=generator)[articles] % 2)) < 0.2
    )
