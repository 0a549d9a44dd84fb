"""Answers to the exercises of notebooks 02 and 03: right ones written in several ways, and plausible wrong ones."""

import numpy as np
import torch
from answers import Right, Wrong, said, ways_to_choose, ways_to_count, ways_to_return

from sae_tutorial import exercises
from sae_tutorial.exercises import circuits, cutting, residual
from sae_tutorial.transformer import heads as residual_stream

# 2.3


def silence_a_copy(activation, hook):
    quiet = activation.clone()
    quiet[:, 1:, :] = 0.0
    return quiet


def silence_with_a_mask(activation, hook):
    first = torch.arange(activation.shape[1]) == 0
    return activation * first[None, :, None]


def silence_by_padding(activation, hook):
    return torch.cat([activation[:, :1], torch.zeros_like(activation[:, 1:])], dim=1)


def silence_in_a_loop(activation, hook):
    for position in range(1, activation.shape[1]):
        activation[:, position].zero_()
    return activation


# 2.4


def cut_a_copy(activation, hook):
    changed = activation.clone()
    changed[:, 0] = 0
    return changed


def cut_in_place(activation, hook):
    activation[:, :1] = 0.0
    return activation


def cut_by_difference(activation, hook):
    return activation - torch.nn.functional.pad(activation[:, :1], (0, 0, 0, activation.shape[1] - 1))


# 2.5


def lens_by_einsum(stream, norm, W_U):
    return torch.einsum("bpd,dv->bpv", norm(stream), W_U)


def lens_by_rows(stream, norm, W_U):
    return torch.stack([torch.stack([norm(row) @ W_U for row in text]) for text in stream])


# 3.6


def patch_a_copy(activation, hook, donor, position):
    patched = activation.clone()
    patched[:, position, :] = donor[:, position, :]
    return patched


def patch_with_where(activation, hook, donor, position):
    here = torch.arange(activation.shape[1]) == position
    return torch.where(here[None, :, None], donor, activation)


def patch_by_pieces(activation, hook, donor, position):
    pieces = activation[:, :position], donor[:, position : position + 1], activation[:, position + 1 :]
    return torch.cat(pieces, dim=1)


def patch_without_a_return(activation, hook, donor, position):
    activation[:, position] = donor[:, position]


def patch_a_text(activation, hook, donor, position):
    activation[position] = donor[position]
    return activation


def patch_the_last_position(activation, hook, donor, position):
    activation[:, -1] = donor[:, -1]
    return activation


def patch_the_first_text(activation, hook, donor, position):
    activation[0, position] = donor[0, position]
    return activation


def patch_text_by_text(activation, hook, donor, position):
    for row, other in zip(activation, donor, strict=True):
        row[position] = other[position]
    return activation


# 3.4


def cut_in_steps(stream, z, mean, W_O, norm, W_K):
    written = z @ W_O - mean @ W_O
    return norm(stream - written) @ W_K


def cut_by_putting_the_mean_in(stream, z, mean, W_O, norm, W_K):
    stream -= z @ W_O
    stream += mean @ W_O
    return torch.einsum("bpm,md->bpd", norm(stream), W_K)


def cut_as_a_change(stream, z, mean, W_O, norm, W_K):
    keys = norm(stream) @ W_K
    return keys + (norm(stream - (z - mean) @ W_O) - norm(stream)) @ W_K


def cut_before_W_O(stream, z, mean, W_O, norm, W_K):
    return norm(stream - (z - mean)) @ W_K


# 3.7


def average_by_pieces(z, head):
    mean = z.mean(dim=0, keepdim=True).expand_as(z)
    return torch.cat([z[:, :, :head], mean[:, :, head : head + 1], z[:, :, head + 1 :]], dim=2)


def average_with_where(z, head):
    mine = torch.arange(z.shape[2])[:, None] == head
    return torch.where(mine, z.mean(0), z)


def average_in_a_loop(z, head):
    mean = sum(z[i, :, head] for i in range(len(z))) / len(z)
    for prompt in range(len(z)):
        z[prompt, :, head] = mean
    return z


def average_without_a_return(z, head):
    z[:, :, head] = z[:, :, head].mean(0)


# 3.1


def score_in_a_loop(pattern, n):
    return sum(pattern[q, q - n + 1] for q in range(n + 1, 2 * n + 1)) / n


def score_of_a_block(pattern, n):
    return pattern[n + 1 :, 2 : n + 2].diagonal().mean()


def score_in_numpy(pattern, n):
    return np.diagonal(pattern.numpy(), offset=1 - n)[-n:].mean()


def score_by_trace(pattern, n):
    return torch.trace(pattern[-n:, 2 : 2 + n]) / n


# 2.6


def shares_one_by_one(parts, weight, direction):
    rms = (sum(parts) ** 2).mean() ** 0.5
    return [float(part / rms * weight @ direction) for part in parts]


def shares_by_einsum(parts, weight, direction):
    return torch.einsum("nd,d,d->n", parts, weight, direction) * torch.rsqrt(parts.sum(0).square().mean())


# 3.2


def heads_of_the_solution(found, n_heads, seed):
    generator = np.random.default_rng(seed)
    drawn = []
    for layer, _ in found:
        for head in generator.permutation(n_heads).tolist():
            if (layer, head) not in found and (layer, head) not in drawn:
                drawn.append((layer, head))
                break
    return drawn


def heads_by_sampling(found, n_heads, seed):
    import random

    draw = random.Random(seed)
    result = []
    for layer in {layer for layer, _ in found}:
        free = [head for head in range(n_heads) if (layer, head) not in found]
        result += [[layer, head] for head in draw.sample(free, sum(other == layer for other, _ in found))]
    return result


def heads_after_seeding(found, n_heads, seed):
    torch.manual_seed(seed)
    return torch.tensor(residual_stream.random_heads(found, n_heads, int(torch.randint(10**6, ()))))


def any_layer(found, n_heads, seed):
    generator = torch.Generator().manual_seed(seed)
    others = [(layer, head) for layer in range(8) for head in range(n_heads) if (layer, head) not in found]
    return [others[i] for i in torch.randperm(len(others), generator=generator)[: len(found)]]


def may_be_found(found, n_heads, seed):
    generator = np.random.default_rng(seed)
    return [(layer, int(generator.integers(n_heads))) for layer, _ in found]


def with_replacement(found, n_heads, seed):
    generator = np.random.default_rng(seed)
    others = {layer: [h for h in range(n_heads) if (layer, h) not in found] for layer, _ in found}
    return [(layer, int(generator.choice(others[layer]))) for layer, _ in found]


def the_first_free(found, n_heads, seed):
    taken = list(found)
    for layer, _ in found:
        taken.append(next((layer, h) for h in range(n_heads) if (layer, h) not in taken))
    return taken[len(found) :]


def moved_by_the_seed(found, n_heads, seed):
    taken = list(found)
    for layer, _ in found:
        in_turn = [(h + seed) % n_heads for h in range(n_heads)]
        taken.append(next((layer, h) for h in in_turn if (layer, h) not in taken))
    return taken[len(found) :]


def without_a_seed(found, n_heads, seed):
    return residual_stream.random_heads(found, n_heads, int(np.random.default_rng().integers(10**6)))


def always_of_six(found, n_heads, seed):
    return heads_of_the_solution(found, 6, seed)


def one_less(found, n_heads, seed):
    return heads_of_the_solution(found, n_heads, seed)[:-1]


RIGHT: Right = [
    *[
        ("nats", ways)
        for ways in zip(*map(ways_to_count, (np.log(8), np.log(49_152), np.exp(-3))), strict=True)
    ],
    ("nats", (2.08, 10.8, 0.05)),
    *[("silence", (f,)) for f in ways_to_return(residual._silence)],
    *[
        ("silence", (f,))
        for f in (silence_a_copy, silence_with_a_mask, silence_by_padding, silence_in_a_loop)
    ],
    *[("third_cut", (f,)) for f in ways_to_return(residual._third_cut)],
    *[("third_cut", (f,)) for f in (cut_a_copy, cut_in_place, cut_by_difference)],
    *[("lens", (f,)) for f in ways_to_return(residual._lens)],
    *[("lens", (f,)) for f in (lens_by_einsum, lens_by_rows)],
    *[("patch", (f,)) for f in ways_to_return(circuits._patch)],
    *[("cut_keys", (f,)) for f in ways_to_return(cutting._cut)],
    *[("cut_keys", (f,)) for f in (cut_in_steps, cut_by_putting_the_mean_in, cut_as_a_change)],
    *[("average_head", (f,)) for f in ways_to_return(cutting._average)],
    *[("average_head", (f,)) for f in (average_by_pieces, average_with_where, average_in_a_loop)],
    *[("patch", (f,)) for f in (patch_a_copy, patch_with_where, patch_by_pieces, patch_text_by_text)],
    *[("paths", ways) for ways in zip(*map(ways_to_count, (16, 256, 4096)), strict=True)],
    *[("induction_score", (f,)) for f in ways_to_return(circuits._induction)],
    *[("induction_score", (f,)) for f in (score_in_a_loop, score_of_a_block, score_in_numpy, score_by_trace)],
    *[("attribution", (f,)) for f in ways_to_return(residual._attribution)],
    *[("attribution", (f,)) for f in (shares_one_by_one, shares_by_einsum)],
    *[
        ("control_heads", (f,))
        for f in (
            heads_of_the_solution,
            residual_stream.random_heads,
            heads_by_sampling,
            heads_after_seeding,
            lambda *inputs: set(heads_of_the_solution(*inputs)),
            lambda *inputs: np.array(heads_of_the_solution(*inputs)),
        )
    ],
    *[("faithfulness", (f,)) for f in ways_to_return(circuits._faithfulness)],
    ("faithfulness", (lambda full, ablated, circuit: 1 - (circuit - full) / (ablated - full),)),
    *[("shown", (way,)) for way in ways_to_choose("A")],
]

WRONG: Wrong = [
    ("nats", (3, 10.8, 0.05), "in bits, log2 8"),
    ("nats", (-2.08, 10.8, 0.05), "the sign is turned"),
    ("nats", (0.125, 10.8, 0.05), "that is the probability; the loss"),
    ("nats", (2.08, 15.6, 0.05), "take the natural logarithm"),
    ("nats", (2.08, 49152, 0.05), "the number of tokens"),
    ("nats", (2.08, 10.8, 20.1), "at most 1"),
    ("nats", (2.08, 10.8, 0.125), "as if the loss were in bits"),
    ("nats", (2.08, 10.8, 0.95), "the chance of everything else"),
    ("nats", (2.08, 10.8, 5), "in per cent"),
    ("nats", (2.08, 10.8, 1.0986), "its probability is asked for"),
    ("nats", ("two", 10.8, 0.05), "must be a number, got 'two'"),
    ("nats", (2.5, 10.8, 0.05), "too large. A probability of 1/2"),
    ("silence", (lambda a, h: residual._silence(a, h),), "hands over the hook by its name"),
    ("silence", (lambda a, hook: a * 0,), "silence the first position too"),
    ("silence", (lambda a, hook: a,), "nothing is set to zero"),
    ("silence", (lambda a, hook: residual._silent(a, slice(None, 1)),), "the other way round"),
    ("silence", (lambda a, hook: residual._silent(a, [-1]),), "the last position alone"),
    ("silence", (lambda a, hook: torch.cat([a[:1], 0 * a[1:]]),), "along the batch"),
    ("silence", (lambda a, hook: a[:, :1],), "cut the positions off"),
    (
        "silence",
        (lambda a, hook: torch.cat([a[..., :1], a[..., 1:] * (torch.arange(a.shape[1]) == 0)[:, None]], -1),),
        "the whole vector",
    ),
    ("silence", (lambda a, hook: silence_a_copy(a, hook) + 1,), "expected"),
    ("silence", (lambda a: a,), "stopped"),
    ("third_cut", (silence_a_copy,), "which spares BOS"),
    ("third_cut", (lambda a, hook: a * 0,), "the blunt cut again"),
    ("third_cut", (lambda a, hook: a,), "nothing is set to zero"),
    ("third_cut", (lambda a, hook: torch.cat([0 * a[:1], a[1:]]),), "along the batch"),
    ("third_cut", (lambda a, hook: residual._silent(a, [-1]),), "the last position"),
    ("third_cut", (lambda a, hook: a[:, 1:],), "cut the position off"),
    ("third_cut", (lambda a, hook: residual._silent(a, [1]),), "the first *word*"),
    ("silence", (lambda a, hook: a * (torch.arange(a.shape[-1]) == 0),), "along the numbers of each vector"),
    ("third_cut", (lambda a, hook: a * (torch.arange(a.shape[-1]) > 0),), "along the numbers of each vector"),
    ("third_cut", (lambda a, h: cut_a_copy(a, h),), "hands over the hook by its name"),
    ("lens", (lambda s, norm, W: torch.einsum("bpd,dv->bpv", s, W),), "the final norm is missing"),
    (
        "lens",
        (lambda s, norm, W: torch.nn.functional.normalize(s, dim=-1) @ W,),
        "divide by the vector's length",
    ),
    ("lens", (lambda s, norm, W: norm(s),), "that is the normalised stream"),
    ("lens", (lambda s, norm, W: (norm(s) @ W).softmax(2),), "these are probabilities"),
    ("lens", (lambda s, norm, W: (norm(s) @ W).max(-1).indices,), "the likeliest token already"),
    ("lens", (lambda s, norm, W: norm(s @ W),), "the order is turned"),
    ("lens", (lambda s, norm, W: norm(norm(s)) @ W,), "the norm twice"),
    ("lens", (lambda s, norm, W: norm(s)[:, -1] @ W,), "the last position alone"),
    ("lens", (lambda s, norm, W: norm(s) @ W.T,), "Leave the `.T` out"),
    ("lens", (lambda s, norm, W: norm(s) @ W[:1],), "stopped"),
    ("lens", (lambda s, norm, W: (norm(s) @ W).log_softmax(-1) * 2,), "expected"),
    ("patch", (lambda a, hook, d, p: d,), "the whole donor run"),
    ("patch", (lambda a, hook, d, p: a,), "was not put in"),
    ("patch", (lambda a, hook, d, p: circuits._put(a, p, 0.0),), "which is an ablation"),
    ("patch", (lambda a, hook, d, p: circuits._put(a, p, a[:, p] + d[:, p]),), "holds both runs"),
    ("patch", (lambda a, hook, d, p: torch.cat([a[:, :p], d[:, p:]], 1),), "and all after it"),
    ("patch", (lambda a, hook, d, p: torch.cat([d[:, : p + 1], a[:, p + 1 :]], 1),), "and all before it"),
    ("patch", (lambda a, hook, d, p: circuits._put(a, p, d[:, -1]),), "the donor's last position"),
    ("patch", (patch_the_last_position,), "you change the last position"),
    ("patch", (patch_the_first_text,), "only the first text of the batch"),
    ("patch", (lambda a, hook, d, p: patch_a_copy(d, hook, a, p),), "the two runs are swapped"),
    ("patch", (lambda a, hook, d, p: d[:, p],), "the donor's vector alone"),
    ("patch", (patch_without_a_return,), "returns nothing: the last line is missing"),
    ("patch", (patch_a_text,), "the first axis is the batch"),
    ("patch", (lambda a, hook, d, p: circuits._put(a, p, d[0, p]),), "the first donor's vector"),
    ("patch", (lambda a, hook, d, p: circuits._put(a, p - 1, d[:, p - 1]),), "expected"),
    ("cut_keys", (lambda s, z, m, W, norm, K: norm(s) @ K,), "nothing was cut"),
    ("cut_keys", (lambda s, z, m, W, norm, K: norm(s - z @ W) @ K,), "it puts out zero"),
    ("cut_keys", (lambda s, z, m, W, norm, K: norm(s - m @ W) @ K,), "leave the note in"),
    ("cut_keys", (lambda s, z, m, W, norm, K: norm(s + (z - m) @ W) @ K,), "the sign is turned"),
    ("cut_keys", (lambda s, z, m, W, norm, K: norm(s - (z - z.mean(1).mean(0)) @ W) @ K,), "that is given"),
    (
        "cut_keys",
        (lambda s, z, m, W, norm, K: (norm(s) - (z - m) @ W) @ K,),
        "the norm must come after the cut",
    ),
    ("cut_keys", (lambda s, z, m, W, norm, K: norm(s) @ K - norm(z @ W - m @ W) @ K,), "difference of norms"),
    ("cut_keys", (lambda s, z, m, W, norm, K: (s - (z - m) @ W) @ K,), "the norm is missing"),
    ("cut_keys", (lambda s, z, m, W, norm, K: norm(s - (z - m) @ W),), "turns it into keys"),
    ("cut_keys", (lambda s, z, m, W, norm, K: norm((s - (z - m) @ W) @ K),), "the order is turned"),
    ("cut_keys", (lambda s, z, m, W, norm, K: norm(s * 0 + m @ W) @ K,), "of the sender alone"),
    ("cut_keys", (lambda s, z, m, W, norm, K: norm((z - m) @ W) @ K,), "of the note alone"),
    ("cut_keys", (cut_before_W_O,), "stopped"),
    ("cut_keys", (lambda s, z, m, W, norm, K: 2 * norm(s) @ K,), "expected"),
    ("average_head", (lambda z, head: z,), "what came in"),
    ("average_head", (lambda z, head: cutting._put(z, head, 0),), "you set the head to zero"),
    ("average_head", (lambda z, head: 0 * z + z.mean(0),), "every head is averaged"),
    (
        "average_head",
        (lambda z, head: cutting._put(z, head, z[:, :, head].mean((0, 1))),),
        "the positions too",
    ),
    (
        "average_head",
        (lambda z, head: cutting._put(z, head, z.mean(1)[:, None, head]),),
        "what it knows of its prompt",
    ),
    ("average_head", (lambda z, head: cutting._put(z, head, z.mean(2)),), "mean over the *heads*"),
    (
        "average_head",
        (lambda z, head: cutting._put(z, head, z[:, :, head].mean(-1)[..., None]),),
        "within a vector",
    ),
    ("average_head", (lambda z, head: cutting._put(z, head, z[0, :, head]),), "on the first"),
    ("average_head", (lambda z, head: cutting._put(z, head, z[:, :, head].sum(0)),), "that is the sum"),
    ("average_head", (lambda z, head: z[:, :, head].mean(0),), "the mean alone"),
    ("average_head", (lambda z, head: cutting._put_position(z, head),), "the second axis is the position"),
    ("average_head", (average_without_a_return,), "returns nothing: the last line is missing"),
    ("average_head", (lambda z, head: average_by_pieces(z, head) + 1,), "expected"),
    ("paths", (4, 256, 4096), "number of blocks"),
    ("paths", (15, 256, 4096), "past all blocks"),
    ("paths", (16, 16, 4096), "counts whole blocks"),
    ("paths", (16, 81, 4096), "3 ways for each block"),
    ("paths", (16, 256, 2**16), "any set of a layer's heads"),
    ("paths", (16, 256, 6**4), "may also pass attention by"),
    ("paths", (16, 256, 10_000), "too large. With 2 blocks"),
    ("paths", (16, 257, 4096), "too large. With 2 blocks"),
    ("paths", ("sixteen", 256, 4096), "must be a number, got 'sixteen'"),
    ("paths", (float("nan"), 256, 4096), "must be a finite number"),
    (
        "induction_score",
        (lambda p, n: p.diagonal(-n)[-n:].mean(),),
        "from n + 1 to 2n, the key n places back. The query's own token",
    ),
    (
        "induction_score",
        (lambda p, n: np.mean([float(p[q, q - n + 1]) for q in range(n, 2 * n + 1)]),),
        "for the queries from n to 2n, the key n - 1 places back. BOS",
    ),
    (
        "induction_score",
        (lambda p, n: p[n + 2 :, 3:].diagonal().mean(),),
        "for the queries from n + 2 to 2n, the key",
    ),
    (
        "induction_score",
        (lambda p, n: p[n : 2 * n, 1:].diagonal().mean(),),
        "from n to 2n - 1, the key n - 1 places",
    ),
    (
        "induction_score",
        (lambda p, n: p[n + 1 : 2 * n, 2:].diagonal().mean(),),
        "from n + 1 to 2n - 1, the key n - 1",
    ),
    ("induction_score", (lambda p, n: p[n + 1 :, : n + 1].diagonal().mean(),), "the key n + 1 places back"),
    ("induction_score", (lambda p, n: p[n:, :].diagonal().mean(),), "the key n places back"),
    (
        "induction_score",
        (lambda p, n: torch.stack([p[q, q - 1] for q in range(n + 1, 2 * n + 1)]).mean(),),
        "the key 1 places back. That is the token just before",
    ),
    ("induction_score", (lambda p, n: p.diagonal(1 - n).mean().item(),), "from the first one possible to 2n"),
    ("induction_score", (lambda p, n: p.diagonal(n - 1).mean(),), "rows are queries, columns are keys"),
    ("induction_score", (lambda p, n: p[n + 1 :].amax(1).mean(),), "how sharp"),
    ("induction_score", (lambda p, n: p.diagonal(1 - n)[-n:].sum(),), "that is the sum"),
    ("induction_score", (lambda p, n: p.diagonal(1 - n)[-n:],), "shape [2], expected []"),
    (
        "induction_score",
        (lambda p, n: p[torch.arange(n + 1, 2 * n + 1)][:, torch.arange(2, n + 2)].mean(),),
        "every query with every key",
    ),
    ("induction_score", (lambda p, n: p.mean(),), "expected"),
    ("attribution", (lambda p, w, d: (p / p.pow(2).mean(-1, keepdim=True).sqrt() * w) @ d,), "its own size"),
    (
        "attribution",
        (lambda p, w, d: p / p.square().sum(0).mean().sqrt() * w @ d,),
        "adds up the squares of the parts",
    ),
    (
        "attribution",
        (lambda p, w, d: p / p.square().mean(1).sqrt().sum() * w @ d,),
        "sum of the parts' sizes",
    ),
    ("attribution", (lambda p, w, d: p @ d / p.sum(0).pow(2).mean().sqrt(),), "weight is missing"),
    (
        "attribution",
        (lambda p, w, d: torch.nn.functional.rms_norm(p.sum(0), (len(w),), w) @ d,),
        "the logit itself",
    ),
    ("attribution", (lambda p, w, d: p / p.sum(0).norm() * w @ d,), "√d smaller"),
    ("attribution", (lambda p, w, d: torch.einsum("nd,d,d->n", p, w, d),), "the scale is missing"),
    (
        "attribution",
        (lambda p, w, d: (s := residual._attribution(p, w, d)) / s.sum(),),
        "divide by the total",
    ),
    ("attribution", (lambda p, w, d: p / p.sum(0).std() * w @ d,), "expected"),
    ("attribution", (lambda p, w, d: p / p.sum(1).pow(2).mean().sqrt() * w @ d,), "within each part"),
    ("control_heads", (any_layer,), "place in the model matters"),
    ("control_heads", (may_be_found,), "must not contain"),
    ("control_heads", (with_replacement,), "drawn twice"),
    ("control_heads", (the_first_free,), "every seed gives the same draw"),
    ("control_heads", (moved_by_the_seed,), "different draws, where chance would give about 35"),
    ("control_heads", (without_a_seed,), "two calls with the same seed"),
    ("control_heads", (one_less,), "another dose"),
    (
        "control_heads",
        (lambda found, n, s: [(layer, None) for layer, _ in found],),
        "(3, None) is among the results",
    ),
    ("control_heads", (lambda found, n, s: [layer for layer, _ in found],), "3 is among the results"),
    ("control_heads", (lambda found, n, s: ("3", "1"),), "a pair of whole numbers"),
    (
        "control_heads",
        (lambda found, n_heads, seed: [(layer, 20 - seed % 2 - i) for i, (layer, _) in enumerate(found)],),
        "below n_heads",
    ),
    ("faithfulness", (lambda full, ablated, circuit: (circuit - full) / (ablated - full),), "is *lost*"),
    ("faithfulness", (lambda full, ablated, circuit: full / circuit,), "has no zero: "),
    ("faithfulness", (lambda full, ablated, circuit: circuit / full,), "a worse circuit scores higher"),
    (
        "faithfulness",
        (lambda full, ablated, circuit: np.clip((ablated - circuit) / (ablated - full), 0, 1),),
        "you clip",
    ),
    ("faithfulness", (lambda f, a, c: abs((c - a) / (a - f)),), "the sign is lost"),
    ("faithfulness", (lambda full, ablated, circuit: ablated - circuit,), "the gain in nats"),
    ("faithfulness", (lambda full, ablated, circuit: (ablated - circuit) / ablated,), "lacks its upper end"),
    (
        "faithfulness",
        (lambda full, ablated, circuit: (circuit - ablated) / (full - ablated) * 100,),
        "expected",
    ),
    ("shown", ({"A", "B"},), "too small to call"),
    ("shown", (["a", "c"],), "one draw"),
    ("shown", ("A, D",), "ordinary text"),
    ("shown", ({"E"},), "where a head looks"),
    ("shown", (set(),), "A is shown"),
    ("shown", ({"G"},), "is not one of"),
    ("shown", ({"A": True},), "answer in text, with choices out of"),
]


def test_a_place_right_of_the_diagonal_is_told_from_a_score_of_another_offset() -> None:
    """Every window and offset near the right ones gets a message that names both as they are."""
    for offset in ("n - 1", "n"):
        for first, start in (("n", 0), ("n + 1", 1), ("n + 2", 2)):
            for last, end in (("2n", 0), ("2n - 1", -1)):
                places = {"n - 1": -1, "n": 0}[offset]
                printed = said(
                    exercises.check_induction_score,
                    lambda p, n, start=start, end=end, places=places: torch.tensor(
                        [float(p[q, q - n - places]) for q in range(n + start, 2 * n + end + 1)]
                    ).mean(),
                )
                if (offset, first, last) != ("n - 1", "n + 1", "2n"):
                    assert f"for the queries from {first} to {last}, the key {offset} places back" in printed
