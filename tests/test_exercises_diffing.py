"""Answers to the exercises of notebook 12: right ones written in several ways, and plausible wrong ones."""

from collections import Counter
from fractions import Fraction

import numpy as np
import torch
from answers import Right, Wrong, ways_to_choose, ways_to_return
from torch.nn.functional import normalize

from sae_tutorial.effects.steering import without_direction
from sae_tutorial.features import diffing
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig


def by_chunks(W_dec):
    base, tuned = W_dec.chunk(2, dim=1)
    return tuned.norm(dim=1) / (base.norm(dim=1) + tuned.norm(dim=1))


def by_a_view(W_dec):
    norms = W_dec.reshape(len(W_dec), 2, -1).norm(dim=2)
    return (norms / norms.sum(1, keepdim=True))[:, 1]


def by_a_loop(W_dec):
    d = W_dec.shape[1] // 2
    lengths = [(float((row[:d] ** 2).sum()) ** 0.5, float((row[d:] ** 2).sum()) ** 0.5) for row in W_dec]
    return [tuned / (base + tuned) for base, tuned in lengths]


def by_the_furthest(base, tuned):
    change = tuned - base
    return change[change.norm(dim=1).topk(20).indices].mean(0)


def by_an_outlying_length(base, tuned):
    """Rows whose movement is far above the median one, however many they are."""
    change = tuned - base
    length = change.norm(dim=1)
    return normalize(change[length > 1.7 * length.median()].sum(0), dim=0)


def by_principal_direction(base, tuned):
    return diffing.main_changes(base, tuned, n=1)[1][0]


def by_an_svd_of_the_spread(base, tuned):
    change = tuned - base
    direction = torch.linalg.svd(change - change.mean(0), full_matrices=False).Vh[0]
    return direction * torch.sign(direction @ by_the_furthest(base, tuned))


def by_svd_without_the_mean(base, tuned):
    return torch.linalg.svd(tuned - base, full_matrices=False).Vh[0]


def by_svd_of_any_sign(base, tuned):
    """The first principal direction; the sign of an SVD depends on the machine, so here it depends on the rows."""
    return by_an_svd_of_the_spread(base, tuned) * torch.sign(base[0, 0])


def by_numpy(base, tuned):
    change = np.asarray(tuned - base)
    order = np.argsort(-np.linalg.norm(change, axis=1))
    return change[order[: len(change) // 1000]].mean(0) - change.mean(0)


def by_formula(f, d, y):
    return (f * (y @ d)).sum() / (f.pow(2).sum() * d.pow(2).sum())


def by_least_squares(f, d, y):
    a = (f[:, None] * d).flatten()
    return (a @ y.flatten()) / (a @ a)


def by_a_solver(f, d, y):
    a = (f[:, None] * d).reshape(-1, 1).double()
    return torch.linalg.lstsq(a, y.reshape(-1, 1).double()).solution[0, 0]


def by_conditions(share, nu_e, nu_r, n_rows, line):
    return (share > line) & (nu_e < 0.2) & (nu_r < 0.5) & (n_rows >= 20)


def by_striking_off(share, nu_e, nu_r, n_rows, line):
    own = torch.ones_like(share, dtype=torch.bool)
    for struck in (share <= line, nu_e >= 0.2, nu_r >= 0.5, n_rows < 20):
        own[struck] = False
    return own


def by_a_list(share, nu_e, nu_r, n_rows, line):
    return [
        s > line and e < 0.2 and r < 0.5 and n >= 20
        for s, e, r, n in zip(share.tolist(), nu_e.tolist(), nu_r.tolist(), n_rows.tolist(), strict=True)
    ]


def by_a_counter(texts):
    counts = Counter(word for text in texts for word in set(text))
    return {word: count / len(texts) for word, count in counts.items()}


def by_membership(texts):
    words = {word for text in texts for word in text}
    return {word: np.mean([word in text for text in texts]) for word in words}


def by_hand(texts):
    shares = {}
    for text in texts:
        for word in dict.fromkeys(text):
            shares[word] = shares.get(word, 0) + 1 / len(texts)
    return shares


def by_sets(texts):
    sets = [set(text) for text in texts]
    return {word: sum(word in one for one in sets) / len(sets) for one in sets for word in one}


def by_fractions(texts):
    return {
        word: Fraction(sum(word in text for text in texts), len(texts)) for text in texts for word in text
    }


def by_tensors(texts):
    return {
        word: torch.tensor([word in text for text in texts]).float().mean() for word in set(sum(texts, []))
    }


def side_by_side(base, tuned, W_enc, b_enc, W_dec, b_dec):
    f = ((torch.cat([base, tuned], dim=1) - b_dec) @ W_enc + b_enc).relu()
    return f @ W_dec + b_dec


def half_by_half(base, tuned, W_enc, b_enc, W_dec, b_dec):
    d = base.shape[1]
    f = ((base - b_dec[:d]) @ W_enc[:d] + (tuned - b_dec[d:]) @ W_enc[d:] + b_enc).clamp(min=0)
    return torch.hstack([f @ W_dec[:, :d] + b_dec[:d], f @ W_dec[:, d:] + b_dec[d:]])


def the_package(base, tuned, W_enc, b_enc, W_dec, b_dec):
    coder = SparseAutoencoder(SAEConfig(4, 1.25, architecture="relu_free", l1_coefficient=0.0, sides=2))
    for name, value in {"W_enc": W_enc, "b_enc": b_enc, "W_dec": W_dec, "b_dec": b_dec}.items():
        getattr(coder, name).data = value
    return coder(torch.cat([base, tuned], dim=1))[0]


def by_projection(x, direction, mean):
    unit = direction / direction.norm()
    return x - ((x - mean) @ unit)[..., None] * unit


def by_two_terms(x, direction, mean):
    unit = normalize(direction, dim=0)
    return x - (x @ unit)[..., None] * unit + (mean @ unit) * unit


def by_a_matrix(x, direction, mean):
    P = torch.outer(direction, direction) / (direction @ direction)
    return x @ (torch.eye(len(direction)) - P) + mean @ P


RIGHT: Right = [
    *(("crosscoder", (way,)) for way in ways_to_return(side_by_side)),
    ("crosscoder", (half_by_half,)),
    ("crosscoder", (the_package,)),
    *(("take_out", (way,)) for way in ways_to_return(by_projection)),
    ("take_out", (by_two_terms,)),
    ("take_out", (by_a_matrix,)),
    ("take_out", (lambda x, direction, mean: without_direction(direction, mean)(x),)),
    *(("tuned_share", (way,)) for way in ways_to_return(by_chunks)),
    ("tuned_share", (by_a_view,)),
    ("tuned_share", (by_a_loop,)),
    *(("rival", (way,)) for way in ways_to_return(by_the_furthest)),
    ("rival", (by_an_outlying_length,)),
    ("rival", (by_principal_direction,)),
    ("rival", (by_an_svd_of_the_spread,)),
    ("rival", (by_numpy,)),
    *(("best_multiple", (way,)) for way in ways_to_return(by_formula)),
    ("best_multiple", (by_least_squares,)),
    ("best_multiple", (by_a_solver,)),
    *(
        ("word_shares", (way,))
        for way in (by_a_counter, by_membership, by_hand, by_sets, by_fractions, by_tensors)
    ),
    *(("own_latents", (way,)) for way in (by_conditions, by_striking_off, by_a_list)),
    ("own_latents", (lambda *given: by_conditions(*given).numpy(),)),
    ("own_latents", (lambda s, e, r, n, line: torch.stack([s > line, e < 0.2, r < 0.5, n >= 20]).all(0),)),
    ("own_latents", (lambda s, e, r, n, line: ((s > line) * (e < 0.2) * (r < 0.5) * (n >= 20)).bool(),)),
    *(("told", (way,)) for way in ways_to_choose("A", "D")),
]

WRONG: Wrong = [
    ("crosscoder", (lambda b, t, *weights: side_by_side(t, b, *weights),), "tuned row first"),
    ("crosscoder", (lambda b, t, W, e, D, c: (torch.cat([b, t], 1) @ W + e).relu() @ D + c,), "b_dec is to be taken off"),
    ("crosscoder", (lambda b, t, W, e, D, c: ((torch.cat([b, t], 1) - c) @ W + e) @ D + c,), "ReLU is missing"),
    ("crosscoder", (lambda b, t, W, e, D, c: ((torch.cat([b, t], 1) - c) @ W + e).relu(),), "those are the latents"),
    ("crosscoder", (lambda b, t, W, e, D, c: side_by_side(b, t, W, e, D, c) - c,), "add b_dec"),
    (
        "crosscoder",
        (lambda b, t, W, e, D, c: (((b - c[:2]) @ W[:2] + e).relu() + ((t - c[2:]) @ W[2:] + e).relu()) @ D + c,),
        "its own ReLU",
    ),
    (
        "crosscoder",
        (lambda b, t, W, e, D, c: (((b - c[:2]) @ W[:2] + e).relu() + ((t - c[2:]) @ W[2:]).relu()) @ D + c,),
        "its own ReLU",
    ),
    ("crosscoder", (lambda *given: side_by_side(*given).chunk(2, 1),), "as a pair"),
    ("crosscoder", (lambda b, t, W, e, D, c: ((b + t) @ W + e).relu() @ D + c,), "stopped"),
    ("crosscoder", (lambda b, t, W, e, D, c: side_by_side(b, t, W, e, D, c)[:, :2],), "shape"),
    ("take_out", (lambda x, d, m: by_projection(x, d, 0 * m),), "nowhere near 0"),
    ("take_out", (lambda x, d, m: x - ((x - m) @ d)[..., None] * d,), "enters twice"),
    ("take_out", (lambda x, d, m: x - ((x - m) @ d)[..., None] * d / d.norm(),), "in the dot product"),
    ("take_out", (lambda x, d, m: x - d / d.norm(),), "Each row loses its own"),
    ("take_out", (lambda x, d, m: 2 * x - by_projection(x, d, m),), "twice as large"),
    ("take_out", (lambda x, d, m: x - by_projection(x, d, m),), "should go"),
    ("take_out", (lambda x, d, m: x - m,), "whole mean row"),
    ("take_out", (lambda x, d, m: (x - m) @ (d / d.norm()),), "shape"),
    ("take_out", (lambda x, d, m: x - ((x - m) @ d).relu()[..., None] * d / (d @ d),), "further along the direction than the mean"),
    ("take_out", (lambda x, d, m: x - (x @ d).clamp(min=0)[..., None] * d / (d @ d),), "only the positive shares"),
    ("tuned_share", (lambda W: W.chunk(2, 1)[0].norm(dim=1) / sum(h.norm(dim=1) for h in W.chunk(2, 1)),), "base model's share"),
    ("tuned_share", (lambda W: (W.chunk(2, 1)[1] ** 2).sum(1) / (W**2).sum(1),), "squared norms"),
    ("tuned_share", (lambda W: W[:, W.shape[1] // 2 :].norm(dim=1),), "its share is wanted"),
    ("tuned_share", (lambda W: W.chunk(2, 1)[1].norm(dim=1) / W.norm(dim=1),), "norm of the whole row"),
    ("tuned_share", (lambda W: W.chunk(2, 1)[1].norm(dim=1) / W.chunk(2, 1)[0].norm(dim=1),), "no upper end"),
    ("tuned_share", (lambda W: by_chunks(W)[:, None],), "shape"),
    ("tuned_share", (lambda W: W.missing,), "stopped"),
    ("best_multiple", (lambda f, d, y: (f * (y @ d)).sum() / (f**2).sum(),), "length of d is missing"),
    ("best_multiple", (lambda f, d, y: (f * (y @ d)).sum() / (d @ d),), "how strong the latent is"),
    ("best_multiple", (lambda f, d, y: (f * (y @ d)).sum() / f.sum() / (d @ d),), "slope of the squared error has Σ f²"),
    ("best_multiple", (lambda f, d, y: (f * (y @ d)).sum() / (f**2).sum() / d.norm(),), "its square, d · d"),
    ("best_multiple", (lambda f, d, y: (y @ d).sum() / (f.sum() * (d @ d)),), "counts alike"),
    ("best_multiple", (lambda f, d, y: (y @ d) / (d @ d),), "shape"),
    ("rival", (lambda b, t: (t - b).mean(0),), "the mean difference over all rows"),
    ("rival", (lambda b, t: (t - b)[(t - b).norm(dim=1).argmax()],), "its own noise"),
    ("rival", (lambda b, t: t[t.norm(dim=1).topk(20).indices].mean(0),), "the tuned model's longest rows"),
    ("rival", (lambda b, t: t[(t - b).norm(dim=1).topk(20).indices].mean(0),), "the mean of the tuned rows themselves"),
    ("rival", (lambda b, t: normalize(t - b, dim=1).mean(0),), "made equally long"),
    ("rival", (lambda b, t: by_the_furthest(t, b),), "Turn it round"),
    ("rival", (lambda b, t: -by_principal_direction(b, t),), "Turn it round"),
    ("rival", (lambda b, t: (b - t).mean(0),), "the mean difference over all rows"),
    ("rival", (by_svd_without_the_mean,), "has none of its own"),
    ("rival", (by_svd_of_any_sign,), "points against it in some sets"),
    ("rival", (lambda b, t: (t - b)[:200].mean(0),), "which rows would show it"),
    ("rival", (lambda b, t: (t - b)[(t - b).norm(dim=1).topk(len(t) // 30).indices].mean(0),), "and how many are they"),
    ("rival", (lambda b, t: (t - b).norm(dim=1).topk(20).indices,), "has shape [20]"),
    ("rival", (lambda b, t: 0 * t[0],), "has no length"),
    ("rival", (lambda b, t: t.missing,), "stopped"),
    ("own_latents", (lambda s, e, r, n, line: (e < 0.2) & (r < 0.5) & (n >= 20),), "did not ask for the share"),
    ("own_latents", (lambda s, e, r, n, line: (s > line) & (r < 0.5) & (n >= 20),), "complete shrinkage"),
    ("own_latents", (lambda s, e, r, n, line: (s > line) & (e < 0.2) & (n >= 20),), "latent decoupling"),
    ("own_latents", (lambda s, e, r, n, line: (s > line) & (e < 0.2) & (r < 0.5),), "two sums over two rows"),
    ("own_latents", (lambda s, e, r, n, line: (s > line) | (e < 0.2) | (r < 0.5) | (n >= 20),), "`&`, not `|`"),
    ("own_latents", (lambda s, e, r, n, line: (s > line) & (e < 0.5) & (r < 0.2) & (n >= 20),), "swapped"),
    ("own_latents", (lambda s, e, r, n, line: (s > line) & (e > 0.2) & (r > 0.5) & (n >= 20),), "how much *it* has"),
    ("own_latents", (lambda s, e, r, n, line: by_conditions(s, e, r, n, 0.83),), "the paper's 0.83"),
    ("own_latents", (lambda s, e, r, n, line: by_conditions(s, e, r, n, 0.54),), "one twin's furthest"),
    ("own_latents", (lambda s, e, r, n, line: by_conditions(s, e, r, n, line) & (r < 0.2),), "both numbers to be below 0.2"),
    ("own_latents", (lambda s, e, r, n, line: (s > line) & (e < 0.5) & (r < 0.5) & (n >= 20),), "both numbers to be below 0.5"),
    ("own_latents", (lambda s, e, r, n, line: by_conditions(s, e, r, n, line) & (n > 20),), "`>=`, not `>`"),
    ("own_latents", (lambda *given: ~by_conditions(*given),), "struck off"),
    ("own_latents", (lambda *given: by_conditions(*given).float(),), "Return True and False"),
    ("own_latents", (lambda s, e, r, n, line: s > 0.5,), "expected"),
    ("own_latents", (lambda s, *rest: s.missing,), "stopped"),
    ("word_shares", (lambda texts: {w: n / len(texts) for w, n in Counter(sum(texts, [])).items()},), "counts three times"),
    ("word_shares", (lambda texts: {w: n / len(sum(texts, [])) for w, n in Counter(sum(texts, [])).items()},), "share of all words"),
    ("word_shares", (lambda texts: Counter(sum(texts, [])),), "counts of words"),
    ("word_shares", (lambda texts: Counter(word for text in texts for word in set(text)),), "number of texts; a share"),
    ("word_shares", (lambda texts: Counter(sum(texts, [])).most_common(),), "return a dict"),
    ("word_shares", (lambda texts: {},), "expected"),
    ("word_shares", (lambda texts: {"coast": "often"},), "must be a number"),
    ("word_shares", (lambda texts: texts.shape,), "stopped"),
    ("told", ({"A", "B", "D"},), "second fine-tune"),
    ("told", ({"A", "C", "D"},), "more than was tried"),
    ("told", ({"A", "D", "E"},), "its rows moved by 39 to 50"),
    ("told", ({"A", "D", "F"},), "two shares of 32"),
    ("told", ({"A"},), "D was measured"),
    ("told", ({"D"},), "A was measured"),
    ("told", (3,), "answer in text"),
]  # fmt: skip
