"""Answers to the exercises of notebook 11: right ones written in several ways, and plausible wrong ones."""

import numpy as np
import pytest
import torch
from answers import Right, Wrong, last_line, said, ways_to_choose, ways_to_return

from sae_tutorial import exercises
from sae_tutorial.exercises import graphs, transcoding
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig


def loss_of_the_package(x, y, W_enc, b_enc, W_dec, b_dec):
    coder = SparseAutoencoder(SAEConfig(4, 1.25, architecture="relu_free", l1_coefficient=0.0, d_out=4))
    for name, value in {"W_enc": W_enc, "b_enc": b_enc, "W_dec": W_dec, "b_dec": b_dec}.items():
        getattr(coder, name).data = value
    return coder.loss(x, y).reconstruction


def back_in_a_loop(gradient, pattern, W_V, W_O):
    before = gradient.clone()
    for query in range(len(gradient)):
        for key in range(len(gradient)):
            before[key] += pattern[query, key] * (W_V @ (W_O @ gradient[query]))
    return before


def back_by_autograd(gradient, pattern, W_V, W_O):
    x = torch.zeros_like(gradient, requires_grad=True)
    with torch.enable_grad():
        (before,) = torch.autograd.grad((gradient * (x + pattern @ (x @ W_V @ W_O))).sum(), x)
    return before


def influence_by_length(edges, weights):
    shares = torch.nn.functional.normalize(edges, p=1, dim=1).abs()
    total, reached = torch.zeros(len(edges)), weights
    for _ in range(len(edges)):
        reached = reached @ shares
        total = total + reached
    return total


def influence_solved(edges, weights):
    shares = torch.nan_to_num(edges.abs() / edges.abs().sum(1, keepdim=True))
    return torch.linalg.solve((torch.eye(len(edges)) - shares).T, weights) - weights


def prune_in_a_loop(influence, share):
    kept, held = set(), 0.0
    for i in influence.argsort(descending=True).tolist():
        if held >= share * float(influence.sum()) - 1e-6:
            break
        kept.add(i)
        held += float(influence[i])
    return [i in kept for i in range(len(influence))]


def edited_in_a_copy(f, mask, instead):
    f, mask = f.clone(), mask.expand_as(f)
    f[mask] = instead[mask]
    return f


def edited_in_place(f, mask, instead):
    f[mask.expand_as(f)] = instead[mask.expand_as(f)]
    return f


def lead_in_a_loop(logits):
    return [
        [float(row[i] - (sum(row) - row[i]) / (len(row) - 1)) for i, row in enumerate(template)]
        for template in logits
    ]


def lead_by_a_mask(logits):
    n = logits.shape[2]
    right = torch.eye(n, dtype=torch.bool)
    return logits[:, right] - logits.masked_fill(right, 0).sum(2) / (n - 1)


RIGHT: Right = [
    *[("lead", (f,)) for f in ways_to_return(transcoding._lead)],
    *[("lead", (f,)) for f in (lead_in_a_loop, lead_by_a_mask)],
    ("lead", (lambda z: np.einsum("tii->ti", z) * 4 / 3 - np.asarray(z).sum(2) / 3,)),
    *[("transcoder_loss", (f,)) for f in ways_to_return(transcoding._transcoder_loss)],
    ("transcoder_loss", (loss_of_the_package,)),
    *[("reader", (f,)) for f in ways_to_return(graphs._reader)],
    ("reader", (lambda row, gain, scale: torch.diag(gain / scale) @ row,)),
    *[("back", (f,)) for f in ways_to_return(graphs._back)],
    *[("back", (f,)) for f in (back_in_a_loop, back_by_autograd)],
    *[("edges", (f,)) for f in ways_to_return(graphs._edges)],
    ("edges", (lambda f, W, r: r @ (f[:, None] * W).T,)),
    ("edges", (lambda f, W, r: np.einsum("s,sd,td->ts", f.numpy(), W.numpy(), r.numpy()),)),
    *[("influence", (f,)) for f in ways_to_return(graphs._influence)],
    *[("influence", (f,)) for f in (influence_by_length, influence_solved)],
    *[("prune", (f,)) for f in ways_to_return(graphs._prune)],
    ("prune", (prune_in_a_loop,)),
    *[("edited", (f,)) for f in ways_to_return(graphs._edited)],
    ("edited", (lambda f, mask, instead: f * ~mask + instead * mask,)),
    ("edited", (edited_in_a_copy,)),
    *[("graph_claims", (way,)) for way in ways_to_choose("C")],
]

WRONG: Wrong = [
    ("lead", (lambda z: torch.einsum("tii->ti", z) - z.mean(-1),), "a quarter too small"),
    ("lead", (lambda z: torch.einsum("tii->ti", z),), "logit alone"),
    ("lead", (lambda z: 2 * z.diagonal(0, 1, 2) - z.sum(-1),), "divide it by their number"),
    ("lead", (lambda z: -lead_by_a_mask(z),), "sign is wrong"),
    ("lead", (lambda z: lead_by_a_mask(z.mT),), "mean over languages"),
    ("lead", (lambda z: z.diagonal(0, 1, 2) - z.topk(2, 2).values[..., 1],), "second largest"),
    ("lead", (lambda z: lead_by_a_mask(z.softmax(2)),), "expected"),
    ("transcoder_loss", (lambda x, y, We, be, Wd, bd: (((x - bd) @ We + be).relu() @ Wd + bd - y).square().mean(),),
     "you took b_dec off x"),
    ("transcoder_loss", (lambda x, y, We, be, Wd, bd: ((x @ We + be).relu() @ Wd + bd - x).square().mean(),),
     "you compare with x"),
    ("transcoder_loss", (lambda x, y, We, be, Wd, bd: ((x @ We + be) @ Wd + bd - y).square().mean(),), "ReLU is missing"),
    ("transcoder_loss", (lambda x, y, We, be, Wd, bd: ((y @ We + be).relu() @ Wd + bd - y).square().mean(),),
     "reads x and has to find y"),
    ("transcoder_loss", (lambda x, y, We, be, Wd, bd: ((x @ We + be).relu() @ Wd - y).square().mean(),),
     "b_dec is missing"),
    ("transcoder_loss", (lambda x, y, We, be, Wd, bd: ((x @ We + be).relu() @ Wd + bd - y).abs().mean(),), "expected"),
    ("reader", (lambda row, gain, scale: gain * row,), "divide by the scale"),
    ("reader", (lambda row, gain, scale: row / scale,), "its gain"),
    ("reader", (lambda row, gain, scale: row / (gain * scale),), "the gain multiplies"),
    ("reader", (lambda row, gain, scale: scale * gain * row,), "the norm divides"),
    ("reader", (lambda row, gain, scale: gain @ row / scale,), "a direction is wanted"),
    ("reader", (lambda row, gain, scale: gain / scale,), "expected"),
    ("back", (lambda g, A, V, W: A.T @ (g @ W.T @ V.T),), "through the head alone"),
    ("back", (lambda g, A, V, W: g + A @ (g @ W.T @ V.T),), "transpose the pattern"),
    ("back", (lambda g, A, V, W: g + A @ g @ V @ W,), "that is the forward pass"),
    ("back", (lambda g, A, V, W: g + A.T @ g @ V @ W,), "Backwards W_O comes first"),
    ("back", (lambda g, A, V, W: g + g @ (V @ W).T,), "the pattern is unused"),
    ("back", (lambda g, A, V, W: 2 * g,), "expected"),
    ("edges", (lambda f, W, r: r @ W.T,), "one unit of each source"),
    ("edges", (lambda f, W, r: (r @ W.T) * f.sign(),), "on or off"),
    ("edges", (lambda f, W, r: abs(r @ W.T * f),), "dropped the sign"),
    ("edges", (lambda f, W, r: f[:, None] * (W @ r.T),), "the other way round"),
    ("edges", (lambda f, W, r: r @ W.T @ f,), "target's value"),
    ("edges", (lambda f, W, r: f,), "your result has shape"),
    ("influence", (lambda e, w: w @ (e.abs() / e.abs().sum(1, keepdim=True).clamp(min=1e-9)),), "direct edges"),
    ("influence", (lambda e, w: graphs._influence(e, w) + w,), "path of length 0"),
    ("influence", (lambda e, w: w @ graphs._paths(e),), "take the shares first"),
    ("influence", (lambda e, w: w @ graphs._paths(abs(e)),), "not divided by their sums"),
    ("influence", (lambda e, w: graphs._paths(graphs._shares(e)).sum(0),), "only the answers count"),
    ("influence", (lambda e, w: graphs._influence(e, w)[:4],), "your result has shape"),
    ("prune", (lambda i, s: i >= s * i.max(),), "compare with the largest"),
    ("prune", (lambda i, s: i > s,), "hold it together"),
    ("prune", (lambda i, s: i.cumsum(0) <= s * i.sum(),), "sort first"),
    ("prune", (lambda i, s: ~graphs._prune(i, s),), "mark what stays"),
    ("prune", (lambda i, s: graphs._first(i, int((graphs._running(i)[1] < s - 1e-6).sum())),), "last node is missing"),
    ("prune", (lambda i, s: i * 0 == 0,), "expected"),
    ("lead", (lambda logits: logits.diagonal(dim1=1, dim2=2) - transcoding._largest_other(logits),), "strongest rival alone"),
    ("reader", (lambda row, gain, scale: row * scale / gain,), "upside down"),
    ("edited", (edited_in_place,), "has changed as well"),
    ("edited", (lambda f, mask, instead: torch.where(mask, f, instead),), "other way round"),
    ("edited", (lambda f, mask, instead: f * ~mask,), "you take them out"),
    ("edited", (lambda f, mask, instead: f + instead * mask,), "you added"),
    ("edited", (lambda f, mask, instead: f * ~mask + instead,), "added everywhere"),
    ("edited", (lambda f, mask, instead: instead,), "you replaced all"),
    ("edited", (lambda f, mask, instead: 2 * f,), "expected"),
    ("graph_claims", ({"A", "C"},), "frozen attention"),
    ("graph_claims", ("b, c",), "not which"),
    ("graph_claims", (["C", "D"],), "very prompt"),
    ("graph_claims", ({"E"},), "a guess from contexts"),
    ("graph_claims", (set(),), "C is shown"),
    ("graph_claims", ({"F"},), "'F' is not one of"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_a_right_answer_is_accepted_however_it_is_written(check, answer):
    assert " right: " in last_line(said(check, *answer))


@pytest.mark.parametrize(("check", "answer", "words"), WRONG)
def test_a_wrong_answer_is_told_what_is_wrong(check, answer, words):
    printed = last_line(said(check, *answer))
    assert "not right yet: " in printed and words in printed, printed


def test_every_check_of_the_notebook_is_exported():
    assert {name for name in vars(graphs) if name.startswith("check_")} <= set(exercises.__all__)
