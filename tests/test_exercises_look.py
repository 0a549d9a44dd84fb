"""Answers to the exercises of notebooks 07 to 10 and 15: right ones written in several ways, and plausible wrong ones."""

import math
import re

import numpy as np
import torch
from answers import Right, Wrong, ways_to_choose, ways_to_count, ways_to_return
from torch.nn.functional import normalize

from sae_tutorial.exercises import (
    alarms,
    analysing,
    architectures,
    frontier,
    kinds,
    looking,
    meaning,
    removing,
    rivals,
    using,
)
from sae_tutorial.lab.models import shuffle_weights

# A claim of one's own


def claim_by_loops(f, token_ids, wanted):
    wanted = set(wanted.tolist())
    energy = [value**2 for value in f.tolist()]
    on_words = [e for e, token in zip(energy, token_ids.tolist(), strict=True) if token in wanted]
    return sum(on_words) / sum(energy)


def claim_by_comparing(f, token_ids, wanted):
    hit = (token_ids[:, None] == wanted).any(1)
    return torch.dot(f * hit, f) / f.dot(f)


def claim_in_numpy(f, token_ids, wanted):
    weights = np.square(f.numpy())
    return np.average(np.isin(token_ids.numpy(), wanted.numpy()), weights=weights)


def claim_by_what_is_left(f, token_ids, wanted):
    left = f.clone()
    for token in wanted:
        left[token_ids == token] = 0
    return 1 - left.square().sum() / f.square().sum()


# 7.1


def stretch_by_least_squares(x, x_hat, b_dec):
    a, b = ((part - b_dec).flatten()[:, None].double() for part in (x_hat, x))
    return torch.linalg.lstsq(a, b).solution


def stretch_in_numpy(x, x_hat, b_dec):
    x, x_hat = x.numpy() - b_dec.numpy(), x_hat.numpy() - b_dec.numpy()
    return np.vdot(x, x_hat) / np.vdot(x_hat, x_hat)


def stretch_row_by_row(x, x_hat, b_dec):
    pairs = [(a - b_dec, b - b_dec) for a, b in zip(x, x_hat, strict=True)]
    return float(sum(a @ b for a, b in pairs) / sum(b @ b for _, b in pairs))


def gated_by_where(projected, b_gate, r_mag, b_mag):
    return torch.where(projected > -b_gate, projected * torch.exp(r_mag) + b_mag, 0.0).clamp(min=0)


def gated_in_numpy(projected, b_gate, r_mag, b_mag):
    p, gate, r, b = (part.numpy() for part in (projected, b_gate, r_mag, b_mag))
    return np.heaviside(p + gate, 0) * np.maximum(p * np.exp(r) + b, 0)


def gated_in_place(projected, b_gate, r_mag, b_mag):
    f = torch.relu(projected * r_mag.exp() + b_mag)
    f[projected + b_gate <= 0] = 0
    return f


def batchtopk_by_threshold(pre, k):
    threshold = pre.flatten().sort(descending=True).values[k * len(pre) - 1]
    return torch.where(pre >= threshold, pre, 0.0).clamp(min=0)


def batchtopk_in_numpy(pre, k):
    pre = pre.numpy()
    chosen = np.argsort(-pre, axis=None)[: k * len(pre)]
    f = np.zeros(pre.size)
    f[chosen] = np.maximum(pre.ravel()[chosen], 0)
    return f.reshape(pre.shape)


def kept_by_a_mask(pre, k):
    smallest = torch.sort(pre.flatten(), descending=True).values[k - 1]
    return torch.where(pre >= smallest, pre, torch.zeros(())).clamp(min=0)


def stretch_in_place(x, x_hat, b_dec):
    x -= b_dec
    x_hat -= b_dec
    return (x * x_hat).sum() / x_hat.pow(2).sum()


def gated_over_its_input(projected, b_gate, r_mag, b_mag):
    on = projected + b_gate > 0
    return on * projected.mul_(r_mag.exp()).add_(b_mag).relu_()


def batchtopk_over_its_input(pre, k):
    pre[pre < pre.flatten().topk(k * len(pre)).values.min()] = 0
    return pre.relu()


# 7.3


def ramp_in_place(z, theta, width):
    z -= theta
    return -(z.abs() < width / 2).float() / width


def ramp_by_rows(z, theta, width):
    return ramp_by_where(z, theta[None, :], width)


def ramp_latent_by_latent(z, theta, width):
    return torch.stack([ramp_by_where(z[:, i], t, width) for i, t in enumerate(theta)], dim=1)


def ramp_by_autograd(z, theta, width):
    theta = theta.expand_as(z).clone().requires_grad_()
    ramp = ((z - theta) / width + 0.5).clamp(0, 1)
    return torch.autograd.grad(ramp.sum(), theta)[0]


def ramp_by_where(z, theta, width):
    inside = (z > theta - width / 2) & (z < theta + width / 2)
    return torch.where(inside, -1 / width, 0.0)


def nested_step_by_step(x, f, W_dec, b_dec, prefixes):
    x_hat, total, start = b_dec.clone(), 0.0, 0
    for m in prefixes:
        x_hat = x_hat + f[:, start:m] @ W_dec[start:m]
        total, start = total + ((x - x_hat) ** 2).sum() / x.numel(), m
    return total


def nested_in_numpy(x, f, W_dec, b_dec, prefixes):
    x, f, W_dec, b_dec = (part.numpy() for part in (x, f, W_dec, b_dec))
    return sum(np.mean((f[:, :m] @ W_dec[:m] + b_dec - x) ** 2) for m in prefixes)


def nested_in_place(x, f, W_dec, b_dec, prefixes):
    x -= b_dec
    return sum((x - f[:, :m] @ W_dec[:m]).pow(2).mean() for m in prefixes)


def nested_returning_early(x, f, W_dec, b_dec, prefixes):
    for m in prefixes:
        return (x - f[:, :m] @ W_dec[:m] - b_dec).pow(2).mean()


# 7.3 to 7.5


def energy_of(f, ids):
    return torch.tensor([float(f[ids == i].square().sum()) for i in range(int(ids.max()) + 1)])


def top_by_loop(f, ids):
    energy = {}
    for value, i in zip(f.tolist(), ids.tolist(), strict=True):
        energy[i] = energy.get(i, 0) + value**2
    best = max(energy, key=energy.get)
    return best, energy[best] / sum(energy.values())


def top_in_numpy(f, ids):
    energy = np.bincount(ids.numpy(), f.numpy() ** 2)
    return energy.argmax(), energy.max() / energy.sum()


def top_by_one_hot(f, ids):
    shares = torch.nn.functional.one_hot(ids).float().T @ f.pow(2) / f.pow(2).sum()
    return shares.argmax(), shares.max()


def top_by_max(f, ids):
    share, at = (energy_of(f, ids) / f.square().sum()).max(0)
    return at, share


def top_of_activation(f, ids):
    sums = np.bincount(ids.numpy(), f.numpy())
    return sums.argmax(), sums.max() / sums.sum()


def top_by_strongest_row(f, ids):
    at = ids[f.argmax()]
    return at, f[ids == at].square().sum() / f.square().sum()


def top_without_sums(f, ids):
    energy = np.zeros(int(ids.max()) + 1)
    energy[ids.numpy()] = f.numpy() ** 2
    return energy.argmax(), energy.max() / energy.sum()


def rare_by_threshold(f, n):
    return torch.where(f >= f.sort(descending=True).values[n - 1], f, 0.0)


def rare_in_numpy(f, n):
    kept, strongest = np.zeros(len(f)), np.argsort(-f.numpy())[:n]
    kept[strongest] = f.numpy()[strongest]
    return kept


def rare_in_a_loop(f, n):
    strongest = sorted(f.tolist(), reverse=True)[:n]
    return [value if value in strongest else 0.0 for value in f.tolist()]


def rare_at_random(f, n):
    where = f.nonzero()[:, 0]
    kept = torch.zeros_like(f)
    some = where[torch.randperm(len(where), generator=torch.Generator().manual_seed(1))[:n]]
    kept[some] = f[some]
    return kept


def rare_by_order_of_text(f, n):
    kept, first = torch.zeros_like(f), f.nonzero()[:n, 0]
    kept[first] = f[first]
    return kept


def halves_one_by_one(f, ids, here, limit, top_share):
    chosen = [i for i in range(f.shape[1]) if top_share(f[here][:, i], ids[here])[1] > limit]
    on_other = [top_share(f[~here][:, i], ids[~here]) for i in chosen]
    names = [top_share(f[here][:, i], ids[here])[0] for i in chosen]
    same = [name == other and share > limit for name, (other, share) in zip(names, on_other, strict=True)]
    return len(chosen), sum(same)


def halves_with_own_share(f, ids, here, limit, top_share):
    found = [(top_by_loop(c[here], ids[here]), top_by_loop(c[~here], ids[~here])) for c in f.T]
    found = [(a, b) for a, b in found if a[1] > limit]
    return torch.tensor([len(found), sum(a[0] == b[0] and b[1] > limit for a, b in found)])


def halves_returning_early(f, ids, here, limit, top_share):
    picked = lasting = 0
    for column in f.T:
        name, share = top_share(column[here], ids[here])
        if share > limit:
            picked += 1
            other, other_share = top_share(column[~here], ids[~here])
            lasting += int(other == name and other_share > limit)
        return picked, lasting


def halves_by_share_alone(f, ids, here, limit, top_share):
    shares = [(top_share(c[here], ids[here])[1], top_share(c[~here], ids[~here])[1]) for c in f.T]
    return sum(a > limit for a, b in shares), sum(a > limit and b > limit for a, b in shares)


# 8.2


def paired_by_weights(one, other, documents, draws):
    weights = torch.tensor([[drawn.count(int(d)) for d in documents] for drawn in draws]).float()
    return weights @ (one - other) / weights.sum(1)


def paired_in_numpy(one, other, documents, draws):
    one, other, documents = one.numpy(), other.numpy(), documents.numpy()
    rows = [np.concatenate([np.flatnonzero(documents == d) for d in drawn]) for drawn in draws]
    return np.array([one[r].mean() - other[r].mean() for r in rows])


def paired_by_place(one, other, documents, draws):
    """Right only where documents are numbered 0, 1, 2."""
    difference = one - other
    parts = [difference[documents == d] for d in documents.unique()]
    return [torch.cat([parts[i] for i in drawn]).mean() for drawn in draws]


def paired_in_loops(one, other, documents, draws):
    found = []
    for drawn in draws:
        total, n = 0.0, 0
        for wanted in drawn:
            for a, b, document in zip(one.tolist(), other.tolist(), documents.tolist(), strict=True):
                if document == wanted:
                    total, n = total + a - b, n + 1
        found.append(total / n)
    return found


# 9.4


def shuffle_in_a_loop(weights, keep, generator):
    twin = {}
    for name, W in weights.items():
        if name in keep:
            twin[name] = W
        else:
            order = torch.randperm(W.numel(), generator=generator)
            twin[name] = W.reshape(-1)[order].reshape(W.shape)
    return twin


def shuffle_by_sorting(weights, keep, generator):
    twin = {name: W.clone() for name, W in weights.items()}
    for name in twin.keys() - set(keep):
        order = torch.rand(twin[name].numel(), generator=generator).argsort()
        twin[name] = twin[name].flatten()[order].view(twin[name].shape)
    return twin if list(twin) == list(weights) else None


def shuffle_in_numpy(weights, keep, generator):
    draw = np.random.default_rng(generator.initial_seed())
    return {
        n: W if n in keep else draw.permutation(W.numpy().ravel()).reshape(W.shape)
        for n, W in weights.items()
    }


def shuffle_on_a_list(weights, keep, generator):
    twin = dict(weights)
    for name in set(weights).difference(keep):
        numbers = weights[name].flatten().tolist()
        order = torch.randperm(len(numbers), generator=generator).tolist()
        twin[name] = torch.tensor([numbers[i] for i in order]).view(weights[name].shape)
    return twin


def shuffle_by_scattering(weights, keep, generator):
    def moved(W):
        new = torch.empty(W.numel())
        new[torch.randperm(W.numel(), generator=generator)] = W.flatten()
        return new.view_as(W)

    return {name: W.clone() if name in keep else moved(W) for name, W in weights.items()}


def shuffle_in_place(weights, keep, generator):
    for name, W in weights.items():
        if name not in keep:
            W.copy_(W.flatten()[torch.randperm(W.numel(), generator=generator)].view_as(W))
    return weights


def shuffles(change):
    """A shuffle that does `change(W, generator)` to what is not kept."""
    return lambda weights, keep, g: {n: W if n in keep else change(W, g) for n, W in weights.items()}


# 9.1


def freeze_in_place(W, start, cosine):
    for i in range(len(W)):
        along = W[i] @ start[i]
        if along < cosine:
            across = W[i] - along * start[i]
            W[i] = cosine * start[i] + math.sqrt(1 - cosine**2) * across / across.norm()
    return W


def freeze_in_numpy(W, start, cosine):
    W, start = W.numpy().copy(), start.numpy()
    along = (W * start).sum(1, keepdims=True)
    across = W - along * start
    out = along[:, 0] < cosine
    turned = cosine * start + np.sin(np.arccos(cosine)) * across / np.linalg.norm(
        across, axis=1, keepdims=True
    )
    W[out] = turned[out]
    return W


def freeze_by_angle(W, start, cosine):
    """From the start towards the row, by the angle that is allowed."""
    angle = torch.acos((W * start).sum(1, keepdim=True).clamp(-1, 1))
    allowed = torch.minimum(angle, torch.tensor(math.acos(cosine)))
    return (torch.sin(angle - allowed) * start + torch.sin(allowed) * W) / torch.sin(angle)


# 10.1


def ablate_one_by_one(x, f, W_dec, latents):
    for latent in latents:
        x = x - torch.outer(f[:, latent], W_dec[latent])
    return x


def ablate_with_the_rest(x, f, W_dec, latents):
    rest = x - f @ W_dec
    f = f.clone()
    f[:, latents] = 0
    return f @ W_dec + rest


def ablate_in_numpy(x, f, W_dec, latents):
    x, f, W_dec = (part.numpy() for part in (x, f, W_dec))
    return x - f[:, latents] @ W_dec[latents]


def reconstructs(x, f, W_dec, latents):
    f = f.clone()
    f[:, latents] = 0
    return f @ W_dec


def takes_whole_rows(x, f, W_dec, latents):
    return x - W_dec[latents].sum(0)


def takes_unit_rows(x, f, W_dec, latents):
    W_dec = W_dec / W_dec.norm(dim=1, keepdim=True)
    return ablate_one_by_one(x, f, W_dec, latents)


# 10.6


def nearest_by_masking(named, strength):
    free = strength > 0
    free[named] = False
    chosen = []
    for latent in named:
        distance = torch.where(free, (strength - strength[latent]).abs(), torch.inf)
        chosen.append(distance.argmin())
        free[chosen[-1]] = False
    return torch.stack(chosen)


def nearest_by_sorting(named, strength):
    strength, chosen = strength.tolist(), []
    for latent in named:
        others = sorted(range(len(strength)), key=lambda i: abs(strength[i] - strength[latent]))
        chosen.append(next(i for i in others if strength[i] > 0 and i not in named and i not in chosen))
    return np.array(chosen)


def nearest_of_all(named, strength):
    return [int((strength - strength[latent]).abs().argmin()) for latent in named]


def nearest_with_repeats(named, strength):
    others = [i for i in range(len(strength)) if i not in named and strength[i] > 0]
    return [min(others, key=lambda i: abs(strength[i] - strength[latent])) for latent in named]


def nearest_even_if_off(named, strength):
    chosen = []
    for latent in named:
        distance = (strength - strength[latent]).abs()
        distance[named] = torch.inf
        distance[chosen] = torch.inf
        chosen.append(int(distance.argmin()))
    return chosen


def push_normalised_first(x, direction, dose, median_norm):
    return x + torch.nn.functional.normalize(direction, dim=0).mul(median_norm * dose)


def push_in_numpy(x, direction, dose, median_norm):
    unit = direction.numpy() / np.sqrt((direction.numpy() ** 2).sum())
    return x.numpy() + unit * dose * median_norm


# 15.3


def threshold_by_sorting(scores, is_name, per_miss):
    order = np.argsort(scores.numpy())
    names = is_name.numpy()[order]
    below = names.cumsum()  # missed, if the threshold is this score
    above = (~names)[::-1].cumsum()[::-1] - ~names
    return scores.numpy()[order][(per_miss * below + above).argmin()]


def threshold_in_a_loop(scores, is_name, per_miss):
    best, least = None, float("inf")
    for threshold in sorted(scores.tolist()):
        cost = 0
        for score, name in zip(scores.tolist(), is_name.tolist(), strict=True):
            cost += per_miss * (name and score <= threshold) + (score > threshold and not name)
        if cost < least:
            best, least = threshold, cost
    return best


def costs(scores, is_name, per_miss):
    missed = ((scores <= scores[:, None]) & is_name).sum(1)
    return per_miss * missed + ((scores > scores[:, None]) & ~is_name).sum(1)


# 15.4

QUIET, LOUD = list(alarms.SILENT), list(alarms.CRYING)


def watch(sentences):
    """A monitor that raises an alarm at capitals of four letters and more, and at three places."""
    return [
        [
            f" {word}"
            for word in sentence.rstrip(".").split()
            if word in {"Texas", "Quebec", "Tibet"} or re.fullmatch("[A-Z]{4,}", word)
        ]
        for sentence in sentences
    ]


# 10.3

BEES = "bee bees wasp"
ON_TOPIC, PLAIN = ["They say the bees are back."] * 20, ["The mayor had been seen."] * 20


# 15.1


def hold_by_outer(x, direction, mean):
    return x - torch.outer(x @ direction - mean @ direction, direction) / direction.square().sum()


def hold_in_two_steps(x, direction, mean):
    unit = torch.nn.functional.normalize(direction, dim=0)
    emptied = x - (x @ unit)[:, None] * unit
    return emptied + (mean @ unit) * unit


def hold_in_numpy(x, direction, mean):
    unit = direction.numpy() / np.linalg.norm(direction.numpy())
    return x.numpy() - np.outer((x.numpy() - mean.numpy()) @ unit, unit)


def hold_row_by_row(x, direction, mean):
    unit = direction / direction.norm()
    return torch.stack([row + (mean @ unit - row @ unit) * unit for row in x])


# 15.2


def look_again_in_one_edit(fit_probe, edit, rows, labels, judged):
    all_edited = edit(torch.cat([rows, judged]))
    return fit_probe(all_edited[: len(rows)], labels)(all_edited[len(rows) :])


def look_again_row_by_row(fit_probe, edit, rows, labels, judged):
    probe = fit_probe(torch.stack([edit(row) for row in rows]), labels)
    return [float(probe(edit(row))) for row in judged]


def holes_in_numpy(*given):
    values, W_dec, direction, own, concept, found = (part.numpy() for part in given)
    adds = values * (W_dec @ direction)
    on = values[:, own].any(1)
    usual = np.median(adds[:, own].sum(1)[on & concept & found])
    return concept & found & ~on, np.delete(adds, own, axis=1).max(1) >= usual / 2


def holes_token_by_token(values, W_dec, direction, own, concept, found):
    own = own.tolist()
    usual, hole, most = [], [], []
    for token, row in enumerate(values.tolist()):
        adds = [value * float(W_dec[i] @ direction) for i, value in enumerate(row)]
        on = any(row[i] > 0 for i in own)
        wanted = bool(concept[token]) and bool(found[token])
        usual += [sum(adds[i] for i in own)] * (on and wanted)
        hole.append(wanted and not on)
        most.append(max(added for i, added in enumerate(adds) if i not in own))
    return hole, [added >= sorted(usual)[len(usual) // 2] / 2 for added in most]


def holes_with(off_of):
    """The detector with another rule for where the pair is off."""
    return lambda v, W, d, own, c, f: (c & f & off_of(v[:, own]), meaning._find_holes(v, W, d, own, c, f)[1])


def holes_that_overwrite(values, W_dec, direction, own, concept, found):
    right = meaning._find_holes(values, W_dec, direction, own, concept, found)
    values[:, own] = -1
    return right


def lean_in_numpy(latents, feature, companion):
    rows, f, c = latents.numpy(), feature.numpy(), companion.numpy()
    across = c - (c @ f) * f
    return float(rows[np.argmax(rows @ f)] @ across / np.linalg.norm(across))


def lean_by_subtracting_from_the_latent(latents, feature, companion):
    latent = max(latents, key=lambda row: float(row @ feature))
    rest = latent - (latent @ feature) * feature
    return rest @ normalize(companion - (companion @ feature) * feature, dim=0)


def lean_by_angles(latents, feature, companion):
    cosine = feature @ companion
    latent = latents[(latents @ feature).argmax()]
    return (latent @ companion - cosine * (latent @ feature)) / (1 - cosine**2).sqrt()


RIGHT: Right = [
    *[("shares", (f,)) for f in ways_to_return(looking._shares)],
    ("shares", (lambda f, m: torch.minimum(f / m, torch.ones(())),)),
    ("shares", (lambda f, m: np.minimum(np.asarray(f) / np.asarray(m)[None, :], 1),)),
    *[("claimed_share", (f,)) for f in ways_to_return(looking._claimed)],
    *[
        ("claimed_share", (f,))
        for f in (claim_by_loops, claim_by_comparing, claim_in_numpy, claim_by_what_is_left)
    ],
    *[("calendar", (way,)) for way in ways_to_count(1 / 360)],
    ("calendar", ("14/5040",)),
    ("calendar", (2 / 720,)),
    ("calendar", (0.0028,)),
    *[("density", (f,)) for f in ways_to_return(analysing._density)],
    ("density", (lambda f: np.count_nonzero(f, axis=0) / len(f),)),
    ("density", (lambda f: torch.sign(f).mean(axis=0),)),
    ("density", (lambda f: [sum(value > 0 for value in column) / len(column) for column in f.T],)),
    *[("top_share", (f,)) for f in (kinds._top_share, top_by_loop, top_in_numpy, top_by_one_hot, top_by_max)],
    ("top_share", (lambda f, ids: list(top_by_loop(f, ids)),)),
    ("top_share", (lambda f, ids: torch.tensor(top_by_loop(f, ids)),)),
    *[("as_rare", (f,)) for f in ways_to_return(kinds._as_rare)],
    *[("as_rare", (f,)) for f in (rare_by_threshold, rare_in_numpy, rare_in_a_loop)],
    *[("both_halves", (f,)) for f in ways_to_return(kinds._both_halves)],
    *[("both_halves", (f,)) for f in (halves_one_by_one, halves_with_own_share)],
    *[("cheapest", ways) for ways in zip(*map(ways_to_count, (0.6, 0.0, 0.3)), strict=False)],
    ("cheapest", (0.9 - 0.03 * 20 / 2, 0, "3/10")),
    *[("stretch", (f,)) for f in ways_to_return(lambda *parts: architectures._stretch(*parts))],
    *[("stretch", (f,)) for f in (stretch_in_numpy, stretch_row_by_row)],
    ("stretch", (lambda *parts: stretch_by_least_squares(*parts).squeeze(),)),
    *[("gated", (f,)) for f in ways_to_return(architectures._gated)],
    *[("gated", (f,)) for f in (gated_by_where, gated_in_numpy, gated_in_place)],
    *[("batchtopk", (f,)) for f in ways_to_return(architectures._batchtopk)],
    *[("batchtopk", (f,)) for f in (batchtopk_by_threshold, batchtopk_in_numpy)],
    *[("ramp_slope", (f,)) for f in ways_to_return(frontier._ramp_slope)],
    *[("ramp_slope", (f,)) for f in (ramp_by_autograd, ramp_by_where)],
    *[("nested_loss", (f,)) for f in ways_to_return(frontier._nested_loss)],
    *[("nested_loss", (f,)) for f in (nested_step_by_step, nested_in_numpy)],
    *[("frontier", (way,)) for way in ways_to_choose("a", "d")],
    *[("own_run", (16, frontier._topk_at(16) + 0.02, way)) for way in ways_to_choose("above")],
    ("own_run", ("12", 0.62 - 0.2, "below")),
    ("own_run", (torch.tensor(20.0), np.float64(frontier._topk_at(20) + 0.002), "level")),
    ("own_run", (64, frontier._topk_at(64), "Level")),
    ("own_run", (25.2, 0.686, "above")),
    ("own_run", (24, 0.676, "level")),
    *[("soft_freeze", (f,)) for f in ways_to_return(rivals._soft_freeze)],
    *[("soft_freeze", (f,)) for f in (freeze_in_place, freeze_in_numpy, freeze_by_angle)],
    *[("paired_draws", (f,)) for f in ways_to_return(rivals._paired_draws)],
    *[("paired_draws", (f,)) for f in (paired_by_weights, paired_in_numpy, paired_in_loops)],
    *[
        ("shuffle_weights", (f,))
        for f in (
            shuffle_weights,
            shuffle_in_a_loop,
            shuffle_by_sorting,
            shuffle_in_numpy,
            shuffle_on_a_list,
            shuffle_by_scattering,
        )
    ],
    *[
        ("nearer_abroad", (f,))
        for f in (
            lambda first, second: (
                (first @ second.T).max(1).values > (first @ first.T - 2 * torch.eye(len(first))).max(1).values
            ),
            lambda first, second: [
                max(float(row @ other) for other in second)
                > max(float(row @ other) for j, other in enumerate(first) if j != i)
                for i, row in enumerate(first)
            ],
            lambda first, second: (first @ second.T).amax(1) > torch.topk(first @ first.T, 2).values[:, 1],
            lambda first, second: (
                (first.numpy() @ second.numpy().T).max(1) > np.sort(first.numpy() @ first.numpy().T, 1)[:, -2]
            ),
            lambda first, second: (first @ second.T > (first @ first.T).sort(1).values[:, [-2]]).any(1),
            meaning._nearer_abroad,
        )
    ],
    *[
        ("find_holes", (f,))
        for f in (
            meaning._find_holes,
            holes_in_numpy,
            holes_token_by_token,
            lambda *given: torch.stack(meaning._find_holes(*given)),
            lambda *given: [mask.tolist() for mask in meaning._find_holes(*given)],
            lambda *given: torch.stack(meaning._find_holes(*given)).numpy(),
            lambda v, W, d, own, c, f: meaning._find_holes(v, (W @ d)[:, None], torch.ones(1), own, c, f),
            meaning._with_usual(lambda pair, on, counts: pair[counts].sum(1).quantile(0.5)),
        )
    ],
    *[("lean", (f,)) for f in ways_to_return(meaning._lean)],
    *[("lean", (f,)) for f in (lean_in_numpy, lean_by_subtracting_from_the_latent, lean_by_angles)],
    *[("push", (f,)) for f in ways_to_return(using._push)],
    *[("push", (f,)) for f in (push_normalised_first, push_in_numpy)],
    *[("own_latent", (BEES, ON_TOPIC, PLAIN, way)) for way in ways_to_count(0.5)],
    ("own_latent", (BEES, ON_TOPIC[:9] + PLAIN[:11], PLAIN, 0.5)),
    ("own_latent", ("Bees", tuple(ON_TOPIC), tuple(PLAIN), -0.1)),
    ("own_latent", ("wasp\nbees", [text.upper() for text in ON_TOPIC], PLAIN, "0.9")),
    *[("hold_constant", (f,)) for f in ways_to_return(removing._held)],
    *[("hold_constant", (f,)) for f in (hold_in_two_steps, hold_by_outer, hold_in_numpy, hold_row_by_row)],
    *[("look_again", (f,)) for f in ways_to_return(removing._look_again)],
    *[("look_again", (f,)) for f in (look_again_in_one_edit, look_again_row_by_row)],
    *[("ablate", (f,)) for f in ways_to_return(using._ablate)],
    *[("ablate", (f,)) for f in (ablate_one_by_one, ablate_with_the_rest, ablate_in_numpy)],
    *[("latent_shares", (f,)) for f in ways_to_return(using._shares)],
    ("latent_shares", (lambda f, g, W: torch.einsum("rl,rd,ld->rl", f, g, W),)),
    ("latent_shares", (lambda f, g, W: (f[:, :, None] * W * g[:, None]).sum(-1),)),
    *[("matched_latents", (f,)) for f in ways_to_return(using._matched)],
    *[("matched_latents", (f,)) for f in (nearest_by_masking, nearest_by_sorting)],
    *[("steers", (way,)) for way in ways_to_choose("B")],
    ("slip_past", (QUIET, LOUD, watch)),
    ("slip_past", (tuple(QUIET), tuple(LOUD), watch)),
    ("slip_past", ([*QUIET, "Ein Schiff aus Schweden brachte Weizen."], LOUD[:3], watch)),
    ("slip_past", ([s.lower() for s in QUIET], LOUD, watch)),
    (
        "slip_past",
        (["We went to Oman by bus.", "We went to oman by bus.", "Is it hot in Mali?"], LOUD, watch),
    ),
    (
        "slip_past",
        (QUIET, ["The mayor of TROY left.", "A road to ROME opened.", "He met ZEUS in a dream."], watch),
    ),
    *[("choose_threshold", (f,)) for f in ways_to_return(alarms._choose_threshold)],
    *[("choose_threshold", (f,)) for f in (threshold_by_sorting, threshold_in_a_loop)],
]

WRONG: Wrong = [
    ("claimed_share", (lambda f, t, w: f[torch.isin(t, w)].sum() / f.sum(),), "shares of the activation"),
    (
        "claimed_share",
        (lambda f, t, w: (torch.isin(t, w) & (f > 0)).sum() / (f > 0).sum(),),
        "count the places",
    ),
    ("claimed_share", (lambda f, t, w: (f > 0)[torch.isin(t, w)].float().mean(),), "other way round"),
    ("claimed_share", (lambda f, t, w: (f * torch.isin(t, w)).square().sum(),), "so that it is a share"),
    ("claimed_share", (lambda f, t, w: torch.isin(t, w).float().mean(),), "never looks at f"),
    ("claimed_share", (lambda f, t, w: 1 - claim_by_comparing(f, t, w),), "all the other words"),
    ("claimed_share", (lambda f, t, w: ((t == w[0]) * f**2).sum() / (f**2).sum(),), "`torch.isin`"),
    ("claimed_share", (lambda f, t, w: 100 * claim_by_comparing(f, t, w),), "expected"),
    ("shares", (lambda f, m: f / m,), "Cut at 1"),
    ("shares", (lambda f, m: f / f.max(dim=0).values,), "over all texts"),
    ("shares", (lambda f, m: f / f.max(),), "one number for all latents"),
    ("shares", (lambda f, m: f / f.sum(1)[:, None],), "shares of the row"),
    ("shares", (lambda f, m: (100 * f / m).clamp(max=100),), "expected"),
    ("shares", (lambda f, m: (f * m).clamp(max=1),), "divide by it"),
    ("calendar", (1 / 5040,), "no first place"),
    ("calendar", (1 / 720,), "one direction only"),
    ("calendar", (2 / 5040,), "any of the seven days"),
    ("calendar", (14,), "divide"),
    ("calendar", (1 / 7,), "all seven"),
    ("calendar", (0.05,), "Of four seasons"),
    ("push", (lambda x, v, dose, norm: x + dose * norm * v,), "still has its own length"),
    ("push", (lambda x, v, dose, norm: x + dose * v / v.norm(),), "the median length of a row, is missing"),
    ("push", (lambda x, v, dose, norm: x * 0 + dose * norm * v / v.norm(),), "in place of x"),
    ("push", (lambda x, v, dose, norm: x - dose * norm * v / v.norm(),), "steers away"),
    (
        "push",
        (lambda x, v, dose, norm: x + dose * x.norm(dim=-1)[..., None] * v / v.norm(),),
        "its own length",
    ),
    ("push", (lambda x, v, dose, norm: x.lerp(norm * v / v.norm(), dose),), "lost a share of itself"),
    ("own_latent", (BEES, ON_TOPIC[:6] + PLAIN[:14], PLAIN, 0.4), "30% of your texts are on the topic"),
    ("own_latent", (BEES, ON_TOPIC, ON_TOPIC, 0.4), "found without the latent too"),
    ("own_latent", (BEES, ON_TOPIC, PLAIN, 2.5), "they are falling apart"),
    ("own_latent", (BEES, ON_TOPIC, PLAIN, -9), "likelier than its own"),
    ("own_latent", (BEES, ON_TOPIC, PLAIN, -0.3), "likelier than its own"),
    ("own_latent", ("bee wasp", ON_TOPIC, PLAIN, 0.4), "inside others, such as 'bees'"),
    ("own_latent", ("moth", ON_TOPIC, PLAIN, 0.4), "Push harder"),
    ("own_latent", (BEES, ON_TOPIC, PLAIN[:16], 0.4), "equally many of both"),
    (
        "own_latent",
        (BEES, ON_TOPIC[:19] + PLAIN[:1], ON_TOPIC[:12] + PLAIN[:8], 0.4),
        "found without the latent too",
    ),
    ("own_latent", (BEES, ON_TOPIC, PLAIN, "little"), "my_price"),
    ("own_latent", (" ", ON_TOPIC, PLAIN, 0.5), "my_words is to be one text"),
    ("own_latent", (BEES.split(), ON_TOPIC, PLAIN, 0.5), "my_words is to be one text"),
    ("own_latent", (BEES, ON_TOPIC[:8], PLAIN, 0.5), "my_texts has 8 texts"),
    ("own_latent", (BEES, ON_TOPIC, 0.0, 0.5), "random_texts is to be a list of texts"),
    ("hold_constant", (lambda x, v, mean: x - torch.outer(x @ v, v) / v.norm() ** 2,), "nowhere near 0"),
    ("hold_constant", (lambda x, v, mean: x - torch.outer((x - mean) @ v, v),), "enters twice"),
    ("hold_constant", (lambda x, v, mean: hold_by_outer(x, v, mean) - mean,), "subtracted the whole mean"),
    ("hold_constant", (lambda x, v, mean: x + mean - hold_by_outer(x, v, mean),), "the other way round"),
    ("hold_constant", (lambda x, v, mean: 2 * hold_by_outer(x, v, mean) - x,), "mirrored"),
    ("hold_constant", (lambda x, v, mean: 2 * x - hold_by_outer(x, v, mean),), "twice as large"),
    ("hold_constant", (lambda x, v, mean: hold_by_outer(x, v, mean * 0) + mean,), "added the whole mean"),
    ("hold_constant", (lambda x, v, mean: x - v[None] / v.square().sum().sqrt(),), "Each row loses its own"),
    ("hold_constant", (lambda x, v, mean: hold_by_outer(x, v, x.mean(0)),), "mean of the rows at hand"),
    ("hold_constant", (lambda x, v, mean: x,), "expected"),
    ("look_again", (lambda fit, e, x, y, z: fit(x, y)(e(z)),), "That is the old probe"),
    ("look_again", (lambda fit, e, x, y, z: fit(e(x), y)(z),), "before the edit. It has to find"),
    ("look_again", (lambda fit, e, x, y, z: fit(x, y)(z),), "nothing was removed"),
    ("look_again", (lambda fit, e, x, y, z: fit(e(x), y)(e(x)),), "it knows those"),
    ("look_again", (lambda fit, e, x, y, z: fit(e(z), y)(e(z)),), "belong to `rows`"),
    ("look_again", (lambda fit, e, x, y, z: fit(e(x), y == 0)(e(z)),), "turned the labels round"),
    ("look_again", (lambda fit, e, x, y, z: fit(e(x), y)(e(z)) > 0,), "yes and no"),
    ("look_again", (lambda fit, e, x, y, z: fit(e(e(x)), y)(e(e(z))),), "twice"),
    ("look_again", (lambda fit, e, x, y, z: fit(e(x), y)(e(z)).mean(),), "shape [], expected [4]"),
    ("density", (lambda f: f.mean(axis=0),), "mean activation: "),
    ("density", (lambda f: np.count_nonzero(f, axis=0),), "these are counts"),
    ("density", (lambda f: (f > 0).float().mean(-1),), "averaged over latents"),
    ("density", (lambda f: (f >= 0).float().mean(0),), "zero counts as on"),
    ("density", (lambda f: (f > 0).float().mean(),), "keep one number per latent"),
    ("density", (lambda f: 100 * (f > 0).float().mean(0),), "expected [0, 0.75, 0.25], got [0, 75, 25]"),
    ("top_share", (top_of_activation,), "Energy is its square"),
    (
        "top_share",
        (lambda f, ids: (ids.bincount().argmax(), ids.bincount().max() / len(ids)),),
        "counted the rows",
    ),
    ("top_share", (lambda f, ids: top_by_loop((f > 0).float(), ids),), "on which the latent is on"),
    ("top_share", (lambda f, ids: (ids[f.argmax()], f.max() ** 2 / f.square().sum()),), "single row"),
    ("top_share", (lambda f, ids: (int(ids[f.argmax()]), float(max(f) / sum(f))),), "share of activation"),
    (
        "top_share",
        (lambda f, ids: (top_by_loop(f, ids)[0], max(f) ** 2 / f.square().sum()),),
        "the id is right, but",
    ),
    ("top_share", (top_by_strongest_row,), "the id is the one of the strongest"),
    ("top_share", (top_without_sums,), "only one row of each id"),
    ("top_share", (lambda f, ids: (top_by_loop(f, ids)[0], energy_of(f, ids).max()),), "divide by the sum"),
    ("top_share", (lambda f, ids: top_by_loop(f, ids)[::-1],), "wrong order"),
    ("top_share", (lambda f, ids: top_by_loop(f, ids)[1],), "return the id as well"),
    ("top_share", (lambda f, ids: energy_of(f, ids).argmax(),), "return its share as well"),
    ("top_share", (lambda f, ids: energy_of(f, ids).max(0),), "returns a pair"),
    (
        "top_share",
        (lambda f, ids: (energy_of(f, ids) / energy_of(f, ids).sum()).numpy(),),
        "shares of all ids",
    ),
    ("as_rare", (lambda f, n: f.topk(n)[0],), "nobody knows where they were"),
    ("as_rare", (lambda f, n: torch.where(f > f.sort().values[-n], f, 0.0),), "one is missing"),
    ("as_rare", (lambda f, n: (f >= f.sort().values[-n]).int(),), "each has a 1"),
    ("as_rare", (lambda f, n: f - rare_by_threshold(f, n),), "the other way round"),
    ("as_rare", (lambda f, n: torch.where(f > n, f, 0.0),), "used it as a threshold"),
    ("as_rare", (lambda f, n: torch.cat([f[:n], torch.zeros(len(f) - n)]),), "first n places"),
    ("as_rare", (lambda f, n: f.numpy()[:n],), "And keep the shape"),
    ("as_rare", (rare_by_order_of_text,), "places at which it is on"),
    ("as_rare", (rare_at_random,), "not the strongest: perhaps at random"),
    (
        "as_rare",
        (lambda f, n: torch.zeros_like(f).index_copy(0, f.argsort()[:n], f.sort().values[:n]),),
        "kept the weakest",
    ),
    ("as_rare", (lambda f, n: f.topk(n),), "returns a pair"),
    ("as_rare", (lambda f, n: f / 2,), "expected"),
    ("both_halves", (halves_returning_early,), "inside the loop"),
    ("both_halves", (halves_by_share_alone,), "Compare the ids"),
    (
        "both_halves",
        (lambda f, ids, here, *rest: halves_one_by_one(f, ids, ~here, *rest),),
        "half that should judge",
    ),
    (
        "both_halves",
        (lambda f, ids, here, *rest: halves_one_by_one(f, ids, here, *rest)[0],),
        "how many last as well",
    ),
    (
        "both_halves",
        (lambda f, ids, here, *rest: halves_one_by_one(f, ids, here, *rest)[::-1],),
        "wrong order",
    ),
    ("both_halves", (lambda *given: (n := halves_one_by_one(*given))[1] / n[0],), "return the two counts"),
    (
        "both_halves",
        (lambda *given: ((n := halves_one_by_one(*given))[0], n[1] / n[0]),),
        "the second is the share",
    ),
    (
        "both_halves",
        (lambda f, *rest: np.array(halves_one_by_one(f, *rest)) / f.shape[1],),
        "both are shares of all latents",
    ),
    (
        "both_halves",
        (lambda f, *rest: ((n := halves_one_by_one(f, *rest))[0] / len(f.T), n[1] / n[0]),),
        "both are shares, of all",
    ),
    ("both_halves", (lambda f, *rest: halves_one_by_one(f, *rest)[1] / len(f.T),), "all latents that last"),
    ("both_halves", (lambda *given: (0, 0),), "expected"),
    ("cheapest", (0.3, 0, 0.3), "twice too much"),
    ("cheapest", (0.9, 0, 0.3), "that is the true size"),
    ("cheapest", (0.87, 0.17, 0.03), "You took λ away".lower()),
    ("cheapest", (0.6, -0.1, 0.3), "never negative"),
    ("cheapest", (0.6, 0.2, 0.3), "silence is cheaper"),
    ("cheapest", (0.6, 0, 0.6), "λ · d_in; the slope"),
    ("cheapest", (0.6, 0, 0.5), "In a smaller case"),
    ("stretch", (lambda x, y, b: (x * y).sum() / (y * y).sum(),), "still in both"),
    ("stretch", (lambda x, y, b: 1 / stretch_in_numpy(x, y, b),), "1 over the factor"),
    ("stretch", (lambda x, y, b: stretch_in_numpy(y, x, b),), "Divide by x̂'s"),
    (
        "stretch",
        (lambda x, y, b: torch.linalg.norm(x - b) / torch.linalg.norm(y - b),),
        "ratio of the lengths",
    ),
    ("stretch", (lambda x, y, b: ((x - b) / (y - b)).mean(),), "number by number"),
    ("stretch", (lambda x, y, b: ((x - b) * (y - b)).sum(1) / ((y - b) ** 2).sum(1),), "factor for each row"),
    ("stretch", (lambda x, y, b: (x - b) * stretch_in_numpy(x, y, b),), "has shape [2, 2], expected []"),
    ("stretch", (stretch_in_place,), "`x`, which your function was given, has changed"),
    ("gated", (gated_over_its_input,), "`projected`, which your function was given, has changed"),
    ("gated", (lambda p, g, r, b: (p + g > 0) * torch.relu(r.exp() * (b + p)),), "you stretch `b_mag` too"),
    ("gated", (lambda p, g, r, b: gated_by_where(p, g, 2 * r, b),), "expected [[4.5, 0, 0, 0]]"),
    ("gated", (lambda p, g, r, b: torch.clamp(p + g, min=0),), "the gate's own value"),
    ("gated", (lambda p, g, r, b: torch.relu(p * r.exp() + b),), "the gate is missing"),
    ("gated", (lambda p, g, r, b: gated_by_where(p, g, torch.log(r.abs()), b),), "expected"),
    ("gated", (lambda p, g, r, b: (p + g > 0) * torch.relu(r * p + b),), "is a logarithm"),
    ("gated", (lambda p, g, r, b: torch.where(p + g > 0, p * r.exp() + b, 0.0),), "the ReLU is missing"),
    ("gated", (lambda p, g, r, b: p + g > 0,), "expected"),
    ("gated", (lambda p, g, r, b: gated_by_where(p, 0 * g, r, b),), "its bias `b_gate` is missing"),
    ("batchtopk", (lambda p, k: p * (p >= p.sort(1).values[:, -k][:, None]) * (p > 0),), "That is TopK"),
    ("batchtopk", (kept_by_a_mask,), "k of the whole batch"),
    ("batchtopk", (lambda p, k: p.clamp(min=0),), "this is ReLU"),
    ("batchtopk", (lambda p, k: p.flatten().topk(k * len(p)).values.clamp(min=0),), "without their places"),
    ("batchtopk", (lambda p, k: batchtopk_by_threshold(p, k) > 0,), "(a mask)"),
    ("batchtopk", (lambda p, k: p.flatten().topk(k * len(p)),), "`topk` gives values and places"),
    (
        "batchtopk",
        (lambda p, k: p.relu() * (p > p.flatten().topk(k * len(p) + 1).values.min() - 1e-6),),
        "expected",
    ),
    ("batchtopk", (lambda p, k: batchtopk_by_threshold(p, k).flatten(),), "shape [12], expected [3, 4]"),
    ("batchtopk", (batchtopk_over_its_input,), "`pre`, which your function was given, has changed"),
    ("ramp_slope", (ramp_in_place,), "`z`, which your function was given, has changed"),
    ("ramp_slope", (ramp_by_rows,), "leave θ in its shape"),
    ("ramp_slope", (ramp_latent_by_latent,), "leave θ in its shape"),
    ("ramp_slope", (lambda z, t, w: -ramp_by_autograd(z, t, w),), "the sign is turned"),
    ("ramp_slope", (lambda z, t, w: -((z - t).abs() < w / 2).float(),), "how steep is it?"),
    ("ramp_slope", (lambda z, t, w: (z - t).abs() < w / 2,), "which way?"),
    ("ramp_slope", (lambda z, t, w: -w * ((z - t).abs() < w / 2),), "divide"),
    ("ramp_slope", (lambda z, t, w: ramp_by_where(z, t, 2 * w) * 2,), "twice as wide"),
    ("ramp_slope", (lambda z, t, w: ramp_by_where(z, t, 2 * w),), "half as steep"),
    ("ramp_slope", (lambda z, t, w: ramp_by_where(z, t, w) * (z > t),), "only what lies above"),
    ("ramp_slope", (lambda z, t, w: torch.where(z > t, -1 / w, 0.0),), "everything above θ"),
    ("ramp_slope", (lambda z, t, w: torch.where(z - t > -w / 2, -1 / w, 0.0),), "no upper end"),
    ("ramp_slope", (lambda z, t, w: torch.clamp((z - t) / w + 0.5, 0, 1),), "the ramp itself"),
    ("ramp_slope", (lambda z, t, w: (z > t) * 1.0,), "the step itself"),
    ("ramp_slope", (lambda z, t, w: 0 * z,), "the true slope of a step"),
    ("ramp_slope", (lambda z, t, w: t * ramp_by_where(z, t, w),), "a θ too many"),
    ("ramp_slope", (lambda z, t, w: ramp_by_where(z, t, w).sum(0),), "added up over rows"),
    ("ramp_slope", (lambda z, t, w: ramp_by_where(z, t + w, w),), "expected"),
    ("nested_loss", (nested_in_place,), "`x`, which your function was given, has changed"),
    ("nested_loss", (nested_returning_early,), "inside the loop"),
    ("nested_loss", (lambda x, f, W, b, ms: ((x - f @ W - b) ** 2).mean(),), "BatchTopK's loss"),
    (
        "nested_loss",
        (lambda x, f, W, b, ms: nested_in_numpy(x, f, W, b, ms[:-1]),),
        "the last prefix is missing",
    ),
    (
        "nested_loss",
        (lambda x, f, W, b, ms: nested_in_numpy(x, f, W, b, ms) / len(ms),),
        "the mean over prefixes",
    ),
    ("nested_loss", (lambda x, f, W, b, ms: nested_in_numpy(x, f, W, 0 * b, ms),), "b_dec is missing"),
    ("nested_loss", (lambda x, f, W, b, ms: 4 * nested_in_numpy(x, f, W, b, ms),), "divides by d_in"),
    ("nested_loss", (lambda x, f, W, b, ms: 20 * nested_in_numpy(x, f, W, b, ms),), "over rows and width"),
    (
        "nested_loss",
        (lambda x, f, W, b, ms: nested_in_numpy(x, f, W, b, [m - 1 for m in ms]),),
        "one latent too short",
    ),
    ("nested_loss", (lambda x, f, W, b, ms: [nested_in_numpy(x, f, W, b, [m]) for m in ms],), "add them up"),
    ("nested_loss", (lambda x, f, W, b, ms: nested_in_numpy(x, f, W, b, ms) + 1,), "expected"),
    ("nested_loss", (lambda x, f, W, b, ms: f[: ms[0]] @ W,), "shape"),
    ("frontier", ({"a", "b", "d"},), "(b) is not supported: at an L0 of 8"),
    ("frontier", ({"a", "c", "d"},), "luck can do that"),
    ("frontier", ("ade",), "was not measured"),
    ("frontier", (["A", "D", "F"],), "beyond an L0 of 72"),
    ("frontier", ({"d"},), "(a) is supported"),
    ("frontier", ({"a"},), "(d) is supported"),
    ("frontier", ({"a", "x"},), "'x' is not one of"),
    ("own_run", (200, 0.8, "above"), "reaches from 8 to 72"),
    ("own_run", (16, 1.2, "above"), "too good"),
    ("own_run", (20, frontier._topk_at(20) + 0.003, "above"), "calls level"),
    ("own_run", (30, frontier._topk_at(30) + 0.02, "level"), "more than 0.005"),
    ("own_run", (20, frontier._topk_at(20) - 0.03, "level"), "0.030 apart"),
    ("own_run", (12, frontier._topk_at(12) + 0.02, "below"), "with TopK at 32 latents"),
    ("own_run", (32, frontier._topk_at(32) + 0.02, "below"), "the other way round"),
    ("own_run", (24, 0.686, "above"), "was asked for. On unseen documents"),
    ("own_run", (16, 0.6, "worse"), "is not one of"),
    ("own_run", (16, "much", "above"), "`explained` must be a number"),
    (
        "soft_freeze",
        (lambda W, s, c: c * s + (1 - c**2) ** 0.5 * normalize(W - (W * s).sum(1)[:, None] * s),),
        "leave them",
    ),
    ("soft_freeze", (lambda W, s, c: torch.where((W * s).sum(1)[:, None] < c, s, W),), "to the edge only"),
    (
        "soft_freeze",
        (lambda W, s, c: torch.where((W * s).sum(1)[:, None] < c, normalize(c * s + (1 - c) * W), W),),
        "weighted mean",
    ),
    ("soft_freeze", (lambda W, s, c: W,), "nothing is turned back"),
    (
        "soft_freeze",
        (
            lambda W, s, c: torch.where(
                (W * s).sum(1)[:, None] < c, c * s + W - (W * s).sum(1)[:, None] * s, W
            ),
        ),
        "keeps its old length",
    ),
    (
        "soft_freeze",
        (lambda W, s, c: torch.where((W * s).sum(1)[:, None] < c, c * s + (1 - c**2) ** 0.5 * W, W),),
        "add the whole row",
    ),
    ("soft_freeze", (lambda W, s, c: normalize(c * s + W),), "expected"),
    (
        "soft_freeze",
        (lambda W, s, c: torch.where((W * s).sum(1)[:, None] < c, normalize(c * s + W), W),),
        "but not the cosine",
    ),
    ("paired_draws", (lambda a, b, d, draws: rivals._paired_draws(b, a, d, draws),), "other way round"),
    (
        "paired_draws",
        (lambda a, b, d, draws: [(a - b)[[int(i) in drawn for i in d]].mean() for drawn in draws],),
        "counts once",
    ),
    (
        "paired_draws",
        (
            lambda a, b, d, draws: [
                sum((a - b)[d == i].mean() for i in drawn) / len(drawn) for drawn in draws
            ],
        ),
        "as much as a long one",
    ),
    (
        "paired_draws",
        (lambda a, b, d, draws: [paired_by_weights(a, 0 * b, d, [drawn])[0] - b.mean() for drawn in draws],),
        "hard documents no longer cancel",
    ),
    ("paired_draws", (lambda a, b, d, draws: paired_by_weights(a, 0 * b, d, draws),), "means of `one` alone"),
    ("paired_draws", (lambda a, b, d, draws: [a.mean() - b.mean() for _ in draws],), "no width"),
    (
        "paired_draws",
        (lambda a, b, d, draws: [sum((a - b)[d == i].sum() for i in drawn) for drawn in draws],),
        "these are sums",
    ),
    ("paired_draws", (lambda a, b, d, draws: [(a - b)[drawn].mean() for drawn in draws],), "numbers of rows"),
    (
        "paired_draws",
        (lambda a, b, d, draws: [(a.numpy() - b.numpy())[drawn].mean() for drawn in draws],),
        "numbers of rows",
    ),
    ("paired_draws", (paired_by_place,), "a name and no place"),
    ("paired_draws", (lambda a, b, d, draws: [(a - b)[99] for _ in draws],), "stopped"),
    (
        "paired_draws",
        (lambda a, b, d, draws: np.mean(paired_in_numpy(a, b, d, draws)),),
        "the mean over all draws",
    ),
    (
        "paired_draws",
        (lambda a, b, d, draws: [torch.cat([(a - b)[d == i] for i in drawn]).median() for drawn in draws],),
        "expected",
    ),
    ("shuffle_weights", (lambda weights, keep, g: weights,), "'0.up' is as it was"),
    ("shuffle_weights", (lambda weights, keep, g: list(weights.values()),), "return a dictionary"),
    (
        "shuffle_weights",
        (lambda weights, keep, g: shuffle_weights(weights, [], g),),
        "'embed' is among the names to keep",
    ),
    (
        "shuffle_weights",
        (
            lambda weights, keep, g: {
                n: W for n, W in shuffle_weights(weights, keep, g).items() if n not in keep
            },
        ),
        "'embed' is missing",
    ),
    ("shuffle_weights", (shuffle_in_place,), "`weights`, which your function was given, has changed"),
    (
        "shuffle_weights",
        (shuffles(lambda W, g: W.flatten()[torch.randperm(W.numel(), generator=g)]),),
        "shape back",
    ),
    ("shuffle_weights", (shuffles(lambda W, g: torch.randn(W.shape, generator=g)),), "has new numbers"),
    (
        "shuffle_weights",
        (shuffles(lambda W, g: W[torch.randperm(len(W), generator=g)]),),
        "of a row stay together",
    ),
    (
        "shuffle_weights",
        (shuffles(lambda W, g: W[:, torch.randperm(W.shape[1], generator=g)]),),
        "of a row stay together",
    ),
    (
        "shuffle_weights",
        (shuffles(lambda W, g: torch.stack([c[torch.randperm(len(c), generator=g)] for c in W.T], dim=1)),),
        "of a column stay together",
    ),
    (
        "shuffle_weights",
        (shuffles(lambda W, g: W.flatten()[torch.randint(W.numel(), W.shape, generator=g)]),),
        "or some twice",
    ),
    (
        "shuffle_weights",
        (shuffles(lambda W, g: W.flatten()[torch.randperm(W.numel())].view_as(W)),),
        "generator",
    ),
    (
        "shuffle_weights",
        (
            lambda weights, keep, g: shuffles(
                lambda W, _: W.flatten()[
                    torch.randperm(W.numel(), generator=torch.Generator().manual_seed(g.initial_seed()))
                ].view_as(W)
            )(weights, keep, g),
        ),
        "same order",
    ),
    ("nearer_abroad", (lambda f, s: (f @ s.T).amax(1) > (f @ f.T).amax(1),), "nearest to itself"),
    (
        "nearer_abroad",
        (lambda f, s: (f @ s.T).abs().amax(1) > (f @ f.T).abs().fill_diagonal_(0).amax(1),),
        "opposite way",
    ),
    ("nearer_abroad", (lambda f, s: ~meaning._nearer_abroad(f, s),), "*sibling* is nearer"),
    ("nearer_abroad", (lambda f, s: (f @ s.T).amax(1),), "these are the cosines"),
    (
        "nearer_abroad",
        (lambda f, s: (f @ s.T).mean(1) > (f @ f.T).fill_diagonal_(-1).mean(1),),
        "mean cosines",
    ),
    ("nearer_abroad", (lambda f, s: (f @ s.T).amax(1) > 0.5,), "with ½"),
    ("nearer_abroad", (lambda f, s: (f @ s.T).max(1),), "a pair"),
    ("find_holes", (holes_with(lambda pair: (pair == 0).any(1)),), "only *one* latent"),
    (
        "find_holes",
        (lambda *given: (meaning._find_holes(*given)[0], ~meaning._find_holes(*given)[1]),),
        "expected",
    ),
    (
        "find_holes",
        (lambda v, W, d, own, c, f: (c & (v[:, own].sum(1) == 0), holes_in_numpy(v, W, d, own, c, f)[1]),),
        "leave out the probe",
    ),
    ("find_holes", (lambda *given: meaning._find_holes(*given)[0],), "shape [12], expected [2, 12]"),
    ("find_holes", (lambda *given: tuple(reversed(holes_in_numpy(*given))),), "other order"),
    (
        "find_holes",
        (lambda *given: (holes_in_numpy(*given)[0], np.logical_and(*holes_in_numpy(*given))),),
        "always False",
    ),
    (
        "find_holes",
        (
            lambda v, W, d, own, c, f: meaning._find_holes(
                v, W @ d[:, None] * 0 + 1, torch.ones(1), own, c, f
            ),
        ),
        "values",
    ),
    ("find_holes", (holes_that_overwrite,), "`values`, which your function was given, has changed"),
    ("lean", (lambda rows, f, c: rows[(rows @ f).argmax()] @ c,), "whole companion"),
    ("lean", (lambda rows, f, c: rows[(rows @ f).argmax()] @ (c - (c @ f) * f),), "Divide by its length"),
    ("lean", (lambda rows, f, c: -lean_in_numpy(rows, f, c),), "sign"),
    ("lean", (lambda rows, f, c: lean_in_numpy(rows, c, f),), "expected"),
    (
        "lean",
        (lambda rows, f, c: rows[(rows @ f).abs().argmax()] @ normalize(c - (c @ f) * f, dim=0),),
        "opposite way",
    ),
    ("lean", (lambda rows, f, c: (rows @ normalize(c - (c @ f) * f, dim=0)).max(),), "leans most"),
    ("lean", (lambda rows, f, c: rows @ normalize(c - (c @ f) * f, dim=0),), "shape [4], expected []"),
    ("ablate", (reconstructs,), "What the SAE does not reconstruct"),
    ("ablate", (takes_whole_rows,), "where it is off"),
    ("ablate", (takes_unit_rows,), "normalised the decoder rows"),
    ("ablate", (lambda x, *rest: x + (x - ablate_one_by_one(x, *rest)),), "now it is there twice"),
    ("ablate", (lambda x, *rest: x - ablate_one_by_one(x, *rest),), "Subtract it from x"),
    (
        "ablate",
        (lambda x, f, W, n: ablate_one_by_one(x, f, W, set(range(len(W))) - set(n)),),
        "*other* latents",
    ),
    ("ablate", (lambda x, f, W, n: x,), "expected"),
    ("latent_shares", (lambda f, g, W: f.sum(1)[:, None] * torch.einsum("nd,ld->nl", g, W),), "its own"),
    ("latent_shares", (lambda f, g, W: torch.einsum("nd,ld->nl", g, W),), "one more unit"),
    ("latent_shares", (lambda f, g, W: torch.einsum("nl,nd,ld->l", f, g, W),), "summed over rows"),
    ("latent_shares", (lambda f, g, W: f * torch.einsum("nd,ld->nl", g, W).abs(),), "dropped the sign"),
    ("latent_shares", (lambda f, g, W: f.sign() * (g @ W.T),), "Multiply by f itself"),
    ("latent_shares", (lambda f, g, W: (f[:, :, None] * W).sum(2),), "left out the gradient"),
    ("latent_shares", (lambda f, g, W: (f @ W) * g,), "shape [2, 2], expected [2, 3]"),
    ("matched_latents", (nearest_of_all,), "each is nearest to itself"),
    ("matched_latents", (nearest_with_repeats,), "taken twice"),
    ("matched_latents", (nearest_even_if_off,), "it is no control"),
    ("matched_latents", (lambda n, s: sorted(nearest_by_sorting(n, s)),), "right but sorted"),
    ("matched_latents", (lambda n, s: s[nearest_by_masking(n, s)],), "you return the strengths"),
    ("matched_latents", (lambda n, s: set(nearest_by_sorting(n, s)),), "returns set"),
    ("steers", ({"A", "B"},), "random direction of the same norm"),
    ("steers", ("b, c",), "best of 400"),
    ("steers", (["B", "D"],), "fallen apart"),
    ("steers", ({"E"},), "*shorter*"),
    ("steers", (set(),), "B is shown"),
    ("steers", ({"F"},), "'F' is not one of"),
    ("slip_past", (LOUD, QUIET, watch), "wrong way round"),
    (
        "slip_past",
        ([*QUIET, "The cook put bread into the oven."], LOUD, watch),
        "sentence 4 of `silent` names no country",
    ),
    ("slip_past", (QUIET, [*LOUD, "The king of FRANCE slept."], watch), "'FRANCE'"),
    (
        "slip_past",
        ([*QUIET, "We flew to KENYA on Monday."], LOUD, watch),
        "sentence 4 of `silent` raises an alarm, at 'KENYA'",
    ),
    (
        "slip_past",
        (QUIET, [*LOUD, "The governor of Ohio signed the law."], watch),
        "sentence 4 of `crying` raises no alarm",
    ),
    (
        "slip_past",
        ([f"We met {n} cooks from Spain." for n in ["two", "three", "four"]], LOUD, watch),
        "one country only",
    ),
    (
        "slip_past",
        (QUIET, [f"The {n} of Texas slept well." for n in ["mayor", "judge", "cook"]], watch),
        "copied",
    ),
    ("slip_past", (QUIET[:2], LOUD, watch), "could be flukes"),
    ("slip_past", (QUIET[0], LOUD, watch), "a list of sentences"),
    ("slip_past", (QUIET, [1, 2, 3], watch), "a text in quotes"),
    ("slip_past", ([*QUIET, QUIET[0]], LOUD, watch), "stands twice"),
    ("slip_past", ([*QUIET, "In Peru."], LOUD, watch), "has 2 words"),
    ("slip_past", (QUIET, LOUD, watch(LOUD)), "without brackets"),
    ("choose_threshold", (lambda s, y, c: s[~y].max(),), "false alarms only"),
    ("choose_threshold", (lambda s, y, c: s.min(),), "missed names only"),
    ("choose_threshold", (lambda s, y, c: threshold_by_sorting(s, y, 1),), "did not use `per_miss`"),
    (
        "choose_threshold",
        (lambda s, y, c: s[costs(s, y, c) == costs(s, y, c).min()].max(),),
        "the lowest of them",
    ),
    (
        "choose_threshold",
        (lambda s, y, c: s[costs(s, y, c) == costs(s, y, c).max()].min(),),
        "costs the *most*",
    ),
    (
        "choose_threshold",
        (lambda s, y, c: threshold_by_sorting(s, y, c * (~y).sum().item() / y.sum().item()),),
        "you weigh *shares*",
    ),
    ("choose_threshold", (lambda s, y, c: costs(s, y, c).min(),), "that is the cost"),
    ("choose_threshold", (lambda s, y, c: costs(s, y, c).argmin(),), "the place of the threshold"),
    ("choose_threshold", (lambda s, y, c: s[y].min(),), "deep among the others"),
    ("choose_threshold", (lambda s, y, c: (s[y].mean() + s[~y].mean()) / 2,), "halfway"),
    ("choose_threshold", (lambda s, y, c: s.median(),), "expected"),
]
