"""Answers to the exercises of notebook 11: right ones written in several ways, and plausible wrong ones."""

import numpy as np
import pytest
import torch
from answers import Right, Wrong, last_line, said, ways_to_return

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


def share_of_signed_sum(edges):
    total = edges.sum(1, keepdim=True)
    return edges / torch.where(total == 0, torch.ones_like(total), total)


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


def rival_by_neighbours(group, strength, generator):
    taken = torch.zeros_like(group)
    for latent in group.nonzero()[:, 0].tolist():
        distance = (strength - strength[latent]).abs().masked_fill(group | taken, torch.inf)
        near = distance.argsort()[:4]
        taken[near[torch.randint(4, (), generator=generator)]] = True
    return taken


def rival_in_a_loop(group, strength, generator):
    n, target = int(group.sum()), float(strength[group].mean())
    order = [i for i in strength.argsort(descending=True).tolist() if not group[i]]
    pool = order[:n]
    for latent in order[n:]:
        if float(strength[[*pool, latent]].mean()) < target:
            break
        pool.append(latent)
    lot = torch.randperm(len(pool), generator=generator)[:n].tolist()
    chosen = {pool[i] for i in lot}
    return [i in chosen for i in range(len(group))]


def rival_by_numpy(group, strength, generator):
    rng = np.random.default_rng(torch.randint(10**6, (), generator=generator).item())
    pool = transcoding._pool(group, strength).numpy()
    drawn = np.zeros(len(group), dtype=bool)
    drawn[rng.choice(pool, int(group.sum()), replace=False)] = True
    return drawn


def margins_in_a_loop(cost, group, rivals):
    own, theirs = cost(group).mean(0), [cost(rival).mean(0) for rival in rivals]
    return [float(own[k]) - max(float(rival[k]) for rival in theirs) for k in range(len(own))]


def margins_by_the_nearest(cost, group, rivals):
    return torch.stack([(cost(group) - cost(rival)).mean(0) for rival in rivals]).min(0).values


def margins_running(cost, group, rivals):
    most = cost(rivals[0]).mean(0)
    for rival in rivals[1:]:
        most = torch.maximum(most, cost(rival).mean(0))
    return cost(group).mean(0) - most


def margins_of_the_overall_means(cost, group, rivals):
    return cost(group).mean(0) - max(cost(rival).mean() for rival in rivals)


RIGHT: Right = [
    *[("rival_group", (f,)) for f in ways_to_return(transcoding._rival_group)],
    *[("rival_group", (f,)) for f in (rival_by_neighbours, rival_in_a_loop, rival_by_numpy)],
    *[("margins", (f,)) for f in ways_to_return(transcoding._margins)],
    *[("margins", (f,)) for f in (margins_in_a_loop, margins_by_the_nearest, margins_running)],
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
]

WRONG: Wrong = [
    ("rival_group", (lambda group, s, g: group,), "a latent of the group itself"),
    ("rival_group", (lambda group, s, g: ~group,), "as many latents"),
    ("rival_group", (lambda group, s, g: transcoding._by_lot((~group & (s > 0)).nonzero()[:, 0], group, g),),
     "weaker than the group"),
    ("rival_group", (lambda group, s, g: transcoding._by_lot(s.masked_fill(group, -99).topk(8).indices, group, g),),
     "stronger than the group"),
    ("rival_group", (lambda group, s, g: rival_by_neighbours(group, s, torch.Generator().manual_seed(0)),),
     "every generator gives the same"),
    ("rival_group", (lambda group, s, g: rival_by_neighbours(group, s, torch.default_generator),), "same seed"),
    ("rival_group", (lambda group, s, g: rival_by_neighbours(group, s, g)[:5],), "True or False for each latent"),
    ("rival_group", (lambda group, s, g: rival_by_neighbours(group, s, g).float(),), "True or False for each latent"),
    ("margins", (lambda c, g, rs: c(g).mean(0) - sum(c(r).mean(0) for r in rs) / len(rs),), "rivals' mean"),
    ("margins", (lambda c, g, rs: c(g).mean(0) - torch.cat([c(r) for r in rs]).amax(0),), "runs over templates too"),
    ("margins", (lambda c, g, rs: torch.stack([c(g) - c(r) for r in rs]).amin(0).mean(0),), "of each template"),
    ("margins", (lambda c, g, rs: -margins_running(c, g, rs),), "sign is wrong"),
    ("margins", (lambda c, g, rs: torch.stack([(c(g) - c(r)).mean(0) for r in rs]).amax(0),), "cheapest rival"),
    ("margins", (lambda c, g, rs: c(g).mean() - max(c(r).mean() for r in rs),), "one number for all languages"),
    ("margins", (lambda c, g, rs: c(g).mean(0),), "the rivals are missing"),
    ("margins", (margins_of_the_overall_means,), "each rival's mean over languages"),
    ("margins", (lambda c, g, rs: c(g).mean(0) - max(c(r).mean(0).max() for r in rs),), "rivals and languages together"),
    ("margins", (lambda c, g, rs: c(g).mean(0) - max(float(c(r).max()) for r in rs),), "one maximum over everything"),
    ("margins", (lambda c, g, rs: 2 * margins_running(c, g, rs),), "expected"),
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
    ("edges", (lambda f, W, r: (f * (r @ W.T)).clamp(min=0),), "negative edges to 0"),
    ("edges", (lambda f, W, r: f[:, None] * (W @ r.T),), "the other way round"),
    ("edges", (lambda f, W, r: r @ W.T @ f,), "target's value"),
    ("edges", (lambda f, W, r: f,), "your result has shape"),
    ("influence", (lambda e, w: w @ (e.abs() / e.abs().sum(1, keepdim=True).clamp(min=1e-9)),), "direct edges"),
    ("influence", (lambda e, w: graphs._influence(e, w) + w,), "path of length 0"),
    ("influence", (lambda e, w: w @ graphs._paths(e),), "take the shares first"),
    ("influence", (lambda e, w: w @ graphs._paths(abs(e)),), "not divided by their sums"),
    *[("influence", (lambda e, w, shares=shares: w @ graphs._paths(shares(e)),), "sum with signs")
      for shares in (share_of_signed_sum, lambda e: share_of_signed_sum(e).abs() * e.sum(1, keepdim=True).sign(),
                     lambda e: e / e.sum(1, keepdim=True).clamp(min=1e-12),
                     lambda e: abs(e) / e.sum(1, keepdim=True).clamp(min=1e-12))],
    ("influence", (lambda e, w: influence_by_length(e.clamp(min=0), w),), "kept the edges that raise"),
    ("influence", (lambda e, w: graphs._paths(graphs._shares(e)).sum(0),), "only the answers count"),
    ("influence", (lambda e, w: graphs._influence(e, w)[:4],), "your result has shape"),
    ("prune", (lambda i, s: i >= s * i.max(),), "compare with the largest"),
    ("prune", (lambda i, s: i > s,), "hold it together"),
    ("prune", (lambda i, s: i.cumsum(0) <= s * i.sum(),), "sort first"),
    ("prune", (lambda i, s: ~graphs._prune(i, s),), "mark what stays"),
    ("prune", (lambda i, s: graphs._first(i, int((graphs._running(i)[1] < s - 1e-6).sum())),), "last node is missing"),
    ("prune", (lambda i, s: i * 0 == 0,), "expected"),
    ("reader", (lambda row, gain, scale: row * scale / gain,), "upside down"),
    ("edited", (edited_in_place,), "has changed as well"),
    ("edited", (lambda f, mask, instead: torch.where(mask, f, instead),), "other way round"),
    ("edited", (lambda f, mask, instead: f * ~mask,), "you take them out"),
    ("edited", (lambda f, mask, instead: f + instead * mask,), "you added"),
    ("edited", (lambda f, mask, instead: f * ~mask + instead,), "added everywhere"),
    ("edited", (lambda f, mask, instead: instead,), "you replaced all"),
    ("edited", (lambda f, mask, instead: 2 * f,), "expected"),
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
