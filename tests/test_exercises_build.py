"""Answers to the exercises of notebooks 04 to 06: right ones written in several ways, and plausible wrong ones."""

import random
from copy import deepcopy
from functools import cache

import numpy as np
import pytest
import torch
from answers import Right, Wrong, said, ways_to_choose, ways_to_count, ways_to_return
from torch.nn.functional import mse_loss, normalize

from sae_tutorial import exercises
from sae_tutorial.exercises import (
    architectures,
    building,
    building_loss,
    building_whole,
    circuits,
    collecting,
    collecting_loop,
    collecting_splits,
    cutting,
    graphs,
    meaning,
    residual,
    resuming,
    rivals,
    training,
)
from sae_tutorial.toys.known_dictionary import KnownDictionary
from sae_tutorial.transformer.heads import random_heads

MATCHED = building_whole._matched

# 4.9


def encode_by_threshold(x, W_enc, b_enc, b_dec, k):
    pre = torch.relu((x - b_dec) @ W_enc + b_enc)
    return pre * (pre >= pre.sort(dim=1, descending=True).values[:, k - 1 : k])


def encode_row_by_row(x, W_enc, b_enc, b_dec, k):
    rows = []
    for row in x:
        pre = torch.einsum("d,ds->s", row - b_dec, W_enc) + b_enc
        f = torch.zeros(len(b_enc))
        for latent in pre.argsort(descending=True)[:k].tolist():
            f[latent] = max(0.0, float(pre[latent]))
        rows.append(f)
    return rows


def encode_in_numpy(x, W_enc, b_enc, b_dec, k):
    pre = np.asarray((x - b_dec) @ W_enc + b_enc)
    largest = np.argpartition(-pre, k - 1, axis=1)[:, :k]
    mask = np.zeros_like(pre)
    np.put_along_axis(mask, largest, 1, axis=1)
    return np.maximum(pre * mask, 0)


def relu_before_bias(x, W_enc, b_enc, b_dec, k):
    pre = torch.relu((x - b_dec) @ W_enc) + b_enc
    values, indices = torch.topk(pre, k)
    return torch.zeros_like(pre).scatter_(1, indices, values)


def without_relu(x, W_enc, b_enc, b_dec, k):
    pre = (x - b_dec) @ W_enc + b_enc
    threshold = pre.sort(dim=1, descending=True).values[:, k - 1 : k]
    return pre * (pre >= threshold)


def by_size(x, W_enc, b_enc, b_dec, k):
    pre = (x - b_dec) @ W_enc + b_enc
    kept = torch.zeros_like(pre)
    kept[torch.arange(len(x))[:, None], pre.abs().topk(k).indices] = 1
    return (pre * kept).clamp(min=0)


# What takes the learner's functions into the notebook's SAE


def test_what_is_right_and_trains_is_used_and_all_else_is_replaced(capsys):
    def encode(x, W_enc, b_enc, b_dec):
        return torch.relu((x - b_dec) @ W_enc + b_enc)

    def decode(f, W_dec, b_dec): ...

    parts = exercises.yours_or_ours(encode=encode, decode=decode, topk_encode=encode_in_numpy, loss=3)
    assert parts.encode is encode
    assert (parts.decode, parts.topk_encode, parts.loss) == (
        building._decode,
        building._encode,
        building_loss._loss,
    )
    assert "encode (yours), decode (ours), topk_encode (ours), loss (ours)" in capsys.readouterr().out


def test_the_collectors_functions_are_used_too_and_read_alike(capsys):
    parts = exercises.yours_or_ours(
        real_rows=mask_in_loops, catch=catch_by_a_hook, collect=collect_in_order, split=lambda d, p, s: d > 0
    )
    lengths = torch.tensor([2, 3])
    assert torch.equal(
        parts.real_rows(torch.zeros(2, 3), lengths), torch.tensor([[0, 1, 0], [0, 1, 1]]).bool()
    )
    ids = [torch.tensor([1, 7, 8]), torch.tensor([1, 9])]
    for function in (parts.collect, collecting_loop._collected):
        rows, document_ids = function(ids, collecting_loop._Batches(), 2)
        assert isinstance(document_ids, np.ndarray) and sorted(document_ids) == [0, 0, 1]
        assert rows[document_ids == 0, 0].tolist() == [7, 8]
    assert parts.split is collecting_splits._split
    assert "real_rows (yours), catch (yours), collect (yours), split (ours)" in capsys.readouterr().out


def test_the_functions_of_notebook_02_are_used_and_a_hook_is_called_by_name(capsys):
    parts = exercises.yours_or_ours(
        silence=lambda activation, hook: torch.cat([activation[:, :1], 0 * activation[:, 1:]], 1).double(),
        third_cut=lambda activation, hook: torch.cat([0 * activation[:, :1], activation[:, 1:]], 1).double(),
        lens=lambda stream, norm, W_U: (norm(stream) @ W_U).numpy(),
        attribution=lambda parts, weight, direction: parts @ direction,
    )
    quiet = parts.silence(torch.ones(1, 2, 3), hook=None)
    assert quiet.dtype == torch.float32 and quiet.sum() == 3
    assert parts.third_cut(torch.ones(1, 3, 3), hook=None).sum() == 6
    assert torch.equal(parts.lens(torch.ones(1, 1, 2), torch.neg, torch.eye(2)), -torch.ones(1, 1, 2))
    assert parts.attribution is residual._attribution
    assert "silence (yours), third_cut (yours), lens (yours), attribution (ours)" in capsys.readouterr().out


def test_the_functions_of_notebook_03_are_used_and_read_alike(capsys):
    def drawn_in_numpy(found, n_heads, seed):
        return np.array(random_heads(found, n_heads, seed))

    parts = exercises.yours_or_ours(
        induction_score=lambda pattern, n: pattern.diagonal(1 - n)[-n:].mean(),
        control_heads=drawn_in_numpy,
        patch=lambda activation, hook, donor, position: donor,
        cut_keys=lambda stream, z, mean, W_O, norm, W_K: norm(stream) @ W_K,
        average_head=lambda z, head: z.index_fill(2, torch.tensor(head), float(z[:, :, head].mean())),
        faithfulness=lambda full, ablated, circuit: torch.tensor((ablated - circuit) / (ablated - full)),
    )
    assert (parts.cut_keys, parts.average_head) == (cutting._cut, cutting._average)
    assert parts.patch is circuits._patch
    assert parts.induction_score(torch.eye(5), 2) == 0 and isinstance(
        parts.induction_score(torch.eye(5), 2), float
    )
    assert parts.control_heads([(1, 0), (2, 3)], 4, 5) == random_heads([(1, 0), (2, 3)], 4, 5)
    assert parts.faithfulness(2.0, 10.0, 4.0) == 0.75
    printed = capsys.readouterr().out
    assert "induction_score (yours), control_heads (yours), patch (ours)" in printed
    assert "cut_keys (ours), average_head (ours), faithfulness (yours)" in printed


def test_the_functions_of_notebook_07_are_used_and_read_alike(capsys):
    parts = exercises.yours_or_ours(
        density=lambda f: (f > 0).float().mean(0).tolist(),
        shares=lambda f, m: np.minimum(f / m, 1),
        seam=lambda rows: 1,
        both_halves=lambda f, ids, here, limit, top_share: np.array([1, 0]),
    )
    ids, here = torch.tensor([0, 1, 0, 1]), torch.tensor([True, True, False, False])
    assert parts.both_halves(torch.tensor([[2.0], [0.0], [1.0], [0.0]]), ids, here, 0.5) == (1, 1)
    assert parts.density(torch.tensor([[1.0, 0.0], [2.0, 0.0]])).tolist() == [1, 0]
    assert torch.equal(parts.shares(torch.tensor([[3.0]]), torch.tensor([2.0])), torch.tensor([[1.0]]))
    assert float(parts.seam(torch.tensor([[0.0], [1.0], [2.0]]))) == 2
    assert "density (yours), shares (yours), seam (ours), both_halves (ours)" in capsys.readouterr().out


def test_the_functions_of_notebook_09_are_used_and_read_alike(capsys):
    parts = exercises.yours_or_ours(
        find_holes=lambda *given: [mask.tolist() for mask in meaning._find_holes(*given)],
        lead_over_all=lambda counts, name: torch.tensor(
            np.mean(counts[name]) - max(np.mean(counts[other]) for other in counts if other != name)
        ),
        soft_freeze=lambda W, start, cosine: start,
    )
    given = meaning._tokens(0)
    assert all(map(torch.equal, parts.find_holes(*given), meaning._find_holes(*given)))
    assert parts.lead_over_all({"ours": [3.0, 5.0], "a": [1.0], "b": [2.0, 4.0]}, "ours") == 1.0
    assert parts.soft_freeze is rivals._soft_freeze
    assert "find_holes (yours), lead_over_all (yours), soft_freeze (ours)" in capsys.readouterr().out


def test_the_functions_of_notebook_11_are_used_and_read_alike(capsys):
    parts = exercises.yours_or_ours(
        reader=lambda row, gain, scale: row / scale * gain,
        back=lambda gradient, pattern, W_V, W_O: gradient,
        edges=lambda f, W_dec, readers: (readers @ (f[:, None] * W_dec).T).tolist(),
        influence=lambda edges, weights: weights,
        prune=lambda influence, share: influence > 0,
    )
    assert parts.edges(torch.tensor([2.0]), torch.eye(1), torch.tensor([[3.0]])).tolist() == [[6.0]]
    assert (parts.back, parts.influence, parts.prune) == (graphs._back, graphs._influence, graphs._prune)
    printed = capsys.readouterr().out
    assert "reader (yours), back (ours), edges (yours), influence (ours), prune (ours)" in printed


def test_what_a_learner_wrote_of_latents_is_used_where_it_is_right(capsys):
    parts = exercises.yours_or_ours(
        as_rare=lambda f, n: f,
        balanced_accuracy=lambda truth, answers: (
            (answers[truth].double().mean() + (~answers[~truth]).double().mean()) / 2
        ).item(),
    )
    assert float(parts.balanced_accuracy(torch.tensor([True, False]), torch.tensor([True, True]))) == 0.5
    assert parts.as_rare(torch.tensor([1.0, 3.0, 2.0]), 2).tolist() == [0, 3, 2]
    assert "as_rare (ours), balanced_accuracy (yours)" in capsys.readouterr().out


def test_a_wrong_push_ablation_match_removal_or_threshold_does_not_run_in_notebook_10(capsys):
    parts = exercises.yours_or_ours(
        push=lambda x, direction, dose, median_norm: x + dose * direction,
        ablate=lambda x, f, W_dec, latents: f @ W_dec,
        matched_latents=lambda named, strength: list(named),
        hold_constant=lambda x, direction, mean: x - x @ direction,
        look_again=lambda fit_probe, edit, rows, labels, judged: fit_probe(rows, labels)(judged),
        choose_threshold=lambda scores, is_name, per_miss: scores.mean(),
    )
    assert capsys.readouterr().out.count("(ours)") == 6
    assert parts.choose_threshold(torch.tensor([1.0, 3.0, 2.0]), torch.tensor([False, True, False]), 3) == 2.0
    assert parts.push(torch.zeros(1, 2), torch.tensor([0.0, 2.0]), 0.5, 6.0).tolist() == [[0.0, 3.0]]
    assert parts.ablate(torch.eye(2), torch.eye(2), torch.eye(2), [1]).tolist() == [[1.0, 0.0], [0.0, 0.0]]
    assert parts.matched_latents([0], torch.tensor([1.0, 5.0, 2.0])) == [2]
    held = parts.hold_constant(torch.eye(2), torch.tensor([3.0, 0.0]), torch.tensor([0.5, 9.0]))
    assert held.tolist() == [[0.5, 0.0], [0.5, 1.0]]


def test_a_search_for_a_price_and_a_share_are_used_where_they_are_right(capsys):
    parts = exercises.yours_or_ours(
        next_price=price_as_a_tensor,
        readers_share=lambda own, patient, ideal: patient / ideal,
    )
    assert parts.next_price({1.0: 40.0, 4.0: 10.0}, 20) == pytest.approx(2.0)
    assert parts.readers_share(0.5, 0.6, 0.9) == pytest.approx(0.25)
    assert "next_price (yours), readers_share (ours)" in capsys.readouterr().out


def test_a_loop_that_can_be_stopped_is_used_where_it_is_right(capsys):
    bench = resuming._Bench()
    for name, whose in (("resume", "yours"), ("resume_never", "ours")):
        parts = exercises.yours_or_ours(train_until=globals()[name])
        assert f"train_until ({whose})" in capsys.readouterr().out
        _, state = parts.train_until(3, None, bench.start, bench.one_step)
        resumed, _ = parts.train_until(6, state, bench.start, bench.one_step)
        unbroken, _ = parts.train_until(6, None, bench.start, bench.one_step)
        assert all(map(torch.equal, resumed, unbroken))


def test_a_wrong_function_does_not_run_in_the_experiments_of_01_08_and_12(capsys):
    parts = exercises.yours_or_ours(
        toy=lambda x, W, b: x @ W @ W.T + b,
        meeting=lambda x: x.clone(),
        stretch=lambda x, x_hat, b_dec: 2.0,
        ramp_slope=lambda z, theta, width: z,
        tuned_share=lambda W_dec: W_dec,
        best_multiple=lambda f, d, y: 1.0,
        own_latents=lambda share, nu_e, nu_r, n_rows, line: share > line,
        take_out=lambda x, direction, mean: x,
        rival=lambda base, tuned: (tuned - base).mean(0),
        crosscoder=lambda base, tuned, *weights: torch.cat([base, tuned], dim=1),
        word_shares=lambda texts: {},
    )
    assert capsys.readouterr().out.count("(ours)") == 11
    x, W, b = torch.rand(3, 4), torch.rand(4, 2), torch.zeros(4)
    assert torch.equal(parts.toy(x, W, b), torch.relu(x @ W @ W.T + b))
    rows = torch.tensor([[0.0, 0.3], [0.5, 0.0], [0.2, 0.1]])
    assert parts.meeting(rows).tolist() == torch.tensor([[0.5, 0.3], [0.2, 0.1], [0.0, 0.0]]).tolist()
    assert parts.stretch(2 * x, x, torch.zeros(4)) == pytest.approx(2)
    assert parts.take_out(torch.eye(2), torch.tensor([1.0, 0.0]), torch.zeros(2))[0].norm() == 0
    assert parts.word_shares([["a", "b"], ["a"]]) == {"a": 1.0, "b": 0.5}


def test_the_pieces_of_architectures_are_used_where_they_are_right_and_can_be_trained_through(capsys):
    def without_gradient(pre, k):
        return architectures._batchtopk(pre.detach(), k)

    def nested(x, f, W_dec, b_dec, prefixes):
        return sum(float(mse_loss(f[:, :m] @ W_dec[:m] + b_dec, x)) for m in prefixes)

    parts = exercises.yours_or_ours(
        gated=lambda p, b_gate, r_mag, b_mag: np.where(p + b_gate > 0, (p * r_mag.exp() + b_mag).relu(), 0.0),
        batchtopk=without_gradient,
        nested_loss=nested,
    )
    assert "gated (yours), batchtopk (ours), nested_loss (yours)" in capsys.readouterr().out
    ones = torch.ones(2)
    assert parts.gated(torch.tensor([[2.0, 1.0]]), ones, 0 * ones, -ones).tolist() == [[1.0, 0.0]]
    pre = torch.tensor([[3.0, 2.0], [1.0, -1.0]], requires_grad=True)
    parts.batchtopk(pre, 1).sum().backward()
    assert pre.grad.tolist() == [[1.0, 1.0], [0.0, 0.0]]
    x, f, W_dec = torch.ones(1, 2), torch.ones(1, 2), torch.eye(2)
    assert parts.nested_loss(x, f, W_dec, torch.zeros(2), (1, 2)) == pytest.approx(0.5)
    exercises.yours_or_ours(
        gated=lambda *parts: 0, batchtopk=lambda pre, k: pre, nested_loss=lambda *parts: 1.0
    )
    assert "gated (ours), batchtopk (ours), nested_loss (ours)" in capsys.readouterr().out


def test_a_right_function_runs_in_the_experiments_of_01_08_and_12(capsys):
    parts = exercises.yours_or_ours(
        toy=lambda x, W, b: (x @ W @ W.T + b).clamp(min=0),
        ramp_slope=lambda z, theta, width: np.where(np.abs(z - theta) < width / 2, -1 / width, 0.0),
        tuned_share=lambda W_dec: [
            float(w[len(w) // 2 :].norm() / sum(half.norm() for half in w.chunk(2))) for w in W_dec
        ],
    )
    assert "toy (yours), ramp_slope (yours), tuned_share (yours)" in capsys.readouterr().out
    assert isinstance(parts.tuned_share(torch.rand(3, 4)), torch.Tensor)
    assert isinstance(parts.ramp_slope(torch.rand(3, 4), torch.rand(4), 0.5), torch.Tensor)


@pytest.mark.parametrize(
    ("name", "mistakes"),
    [
        ("unit_rows", building._UNIT_TURNED),
        ("encode", building._RELU_TURNED),
        ("decode", building._DECODER_TURNED),
    ],
)
def test_a_matrix_turned_over_is_named_though_it_raises(name, mistakes):
    for mistake, message in mistakes:
        assert f"not right yet: {message} Where to look: " in said(name, mistake)


# 4.10


def trained_by_hand(
    data, d_sae, l1_coefficient, n_steps, rate=3e-3, unit=True, relu=True, price=lambda f: f.sum(1).mean()
):
    torch.manual_seed(0)
    W_dec = normalize(torch.randn(d_sae, data.shape[1]), dim=1).requires_grad_()
    W_enc = W_dec.detach().T.clone().requires_grad_()
    b_enc, b_dec = torch.zeros(d_sae, requires_grad=True), torch.zeros(data.shape[1], requires_grad=True)
    optimizer = torch.optim.Adam([W_enc, b_enc, W_dec, b_dec], lr=rate)

    def encode(x):
        pre = (x - b_dec) @ W_enc + b_enc
        return pre.relu() if relu else pre

    for _ in range(n_steps):
        x = data[torch.randint(len(data), (256,))]
        f = encode(x)
        loss = (x - f @ W_dec - b_dec).pow(2).mean() + l1_coefficient * price(f)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if unit:
            W_dec.data = normalize(W_dec.data, dim=1)
    return encode(data), W_dec, b_dec


@cache
def trained_once():
    """One right run on the check's own rows; the ways of returning it need no training of their own."""
    world = KnownDictionary(d_in=8, n_features=12, active=1.5, seed=3)
    return tuple(part.detach() for part in trained_by_hand(world.sample(4_000)[0], 24, 0.02, 1_000))


def returned(change):
    return lambda *inputs: change(*trained_once())


# 4.6


def matched_in_loops(truth, dictionary):
    best = [max(abs(float(t @ row / t.norm() / row.norm())) for row in dictionary) for t in truth]
    return sum(best) / len(best)


def matched_by_cosine(truth, dictionary):
    return torch.cosine_similarity(truth[:, None], dictionary[None], dim=-1).abs().max(dim=1).values.mean()


# 4.2


def mask_in_loops(token_ids, lengths):
    return [[0 < place < int(length) for place in range(token_ids.shape[1])] for length in lengths]


def mask_in_numpy(token_ids, lengths):
    place = np.arange(token_ids.shape[1])
    return np.logical_and(place >= 1, place <= lengths.numpy()[:, None] - 1)


def mask_filled_in(token_ids, lengths):
    mask = torch.zeros_like(token_ids, dtype=torch.bool)
    for row, length in enumerate(lengths):
        mask[row, 1:length] = True
    return mask


# 4.4


def good_split(document_ids, test_fraction, seed):
    documents = np.random.default_rng(seed).permutation(np.unique(document_ids))
    return np.isin(document_ids, documents[: round(test_fraction * len(documents))])


def split_by_choice(document_ids, test_fraction, seed):
    documents = np.unique(document_ids)
    drawn = np.random.default_rng(seed).choice(
        documents, round(test_fraction * len(documents)), replace=False
    )
    return np.isin(document_ids, drawn)


def split_in_python(document_ids, test_fraction, seed):
    documents = sorted(set(document_ids.tolist()))
    drawn = set(random.Random(seed).sample(documents, round(test_fraction * len(documents))))
    return [document in drawn for document in document_ids.tolist()]


def split_in_torch(document_ids, test_fraction, seed):
    ids = torch.as_tensor(document_ids)
    documents = ids.unique()
    order = torch.randperm(len(documents), generator=torch.Generator().manual_seed(seed))
    return torch.isin(ids, documents[order[: round(test_fraction * len(documents))]])


def split_with_the_global_seed(document_ids, test_fraction, seed):
    np.random.seed(seed)
    documents = np.unique(document_ids)
    np.random.shuffle(documents)
    return np.isin(document_ids, documents[: int(np.round(test_fraction * len(documents)))])


def documents_of_the_largest_ids(document_ids, test_fraction, seed):
    documents = np.unique(document_ids)
    return document_ids >= documents[-round(test_fraction * len(documents))]


def drawn_from_a_range(document_ids, test_fraction, seed):
    n = document_ids.max() + 1
    return np.isin(
        document_ids, np.random.default_rng(seed).choice(n, round(test_fraction * n), replace=False)
    )


def drawn_from_the_rows(document_ids, test_fraction, seed):
    n = round(test_fraction * len(np.unique(document_ids)))
    return np.isin(document_ids, np.random.default_rng(seed).choice(document_ids, n, replace=False))


def drawn_with_replacement(document_ids, test_fraction, seed):
    documents = np.unique(document_ids)
    n = round(test_fraction * len(documents))
    return np.isin(document_ids, np.random.default_rng(seed).choice(documents, n))


def a_coin_for_each_document(document_ids, test_fraction, seed):
    documents, of_row = np.unique(document_ids, return_inverse=True)
    return (np.random.default_rng(seed).random(len(documents)) < test_fraction)[of_row]


def without_the_seed(document_ids, test_fraction, seed):
    return good_split(document_ids, test_fraction, None)


def always_two(document_ids, test_fraction, seed):
    return np.isin(document_ids, np.random.default_rng(seed).permutation(np.unique(document_ids))[:2])


def rounded_down(document_ids, test_fraction, seed):
    documents = np.random.default_rng(seed).permutation(np.unique(document_ids))
    return np.isin(document_ids, documents[: int(test_fraction * len(documents) + 1e-9)])


def rounded_up(document_ids, test_fraction, seed):
    documents = np.random.default_rng(seed).permutation(np.unique(document_ids))
    return np.isin(document_ids, documents[: int(np.ceil(test_fraction * len(documents) - 1e-9))])


def a_stretch_that_starts_anywhere(document_ids, test_fraction, seed):
    documents = np.unique(document_ids)
    return np.isin(document_ids, np.roll(documents, seed)[: round(test_fraction * len(documents))])


# 4.5


def dealt(labels, document_ids, seed):
    return np.random.default_rng(seed).permutation(labels)


def dealt_in_torch(labels, document_ids, seed):
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    return torch.as_tensor(labels)[order][torch.as_tensor(document_ids)]


def dealt_in_python(labels, document_ids, seed):
    shuffled = labels.tolist()
    random.Random(seed).shuffle(shuffled)
    return [shuffled[document] for document in document_ids]


def dealt_in_place(labels, document_ids, seed):
    np.random.seed(seed)
    np.random.shuffle(labels)
    return labels[document_ids]


def dealt_on_a_copy(labels, document_ids, seed):
    shuffled = np.array(labels)
    np.random.default_rng(seed).shuffle(shuffled)
    return shuffled[document_ids]


def dealt_by_sorting(labels, document_ids, seed):
    return labels[np.argsort(np.random.default_rng(seed).random(len(labels)))][document_ids]


def dealt_without_the_seed(labels, document_ids, seed):
    return np.random.default_rng().permutation(labels)[document_ids]


def classes_renamed(labels, document_ids, seed):
    return np.random.default_rng(seed).permutation(4)[labels][document_ids]


# 6.6


def nearest_prices(tried, wanted):
    by_price = sorted(tried.items())
    for (cheap, more), (dear, less) in zip(by_price, by_price[1:], strict=False):
        if more >= wanted > less:
            return cheap, more, dear, less
    raise AssertionError


def price_half_way(tried, wanted):
    cheap, _, dear, _ = nearest_prices(tried, wanted)
    return (cheap + dear) / 2


def price_by_logarithm(tried, wanted):
    cheap, more, dear, less = nearest_prices(tried, wanted)
    share = np.log(more / wanted) / np.log(more / less)
    return np.exp(np.log(cheap) + share.clip(0.1, 0.9) * np.log(dear / cheap))


def price_by_a_line(tried, wanted):
    cheap, more, dear, less = nearest_prices(tried, wanted)
    return cheap + min(max((more - wanted) / (more - less), 0.2), 0.8) * (dear - cheap)


def price_by_sorting(tried, wanted):
    prices = np.array(sorted(tried))
    place = int((np.array([tried[price] for price in prices]) >= wanted).sum())
    return np.sqrt(prices[place - 1] * prices[place])


def price_as_a_tensor(tried, wanted):
    cheap, _, dear, _ = nearest_prices(tried, wanted)
    return torch.tensor([cheap, dear]).log().mean().exp()


def price_on_the_wrong_side(tried, wanted):
    too_cheap = min(price for price, l0 in tried.items() if l0 >= wanted)
    too_dear = max(price for price, l0 in tried.items() if l0 < wanted)
    return (too_cheap * too_dear) ** 0.5


def price_by_small_steps(tried, wanted):
    return 1.02 * max(price for price, l0 in tried.items() if l0 >= wanted)


# 6.7


def resume(
    last, saved, start, one_step, *, put=lambda weight, value: weight.data.copy_(value), take_out=deepcopy
):
    """Another way to write it: a list for a state, with Adam's first, and the weights put back by `put`."""
    weights, adam = start()
    done = 0
    if saved is not None:
        done, memory, values, generator = take_out(saved)
        adam.load_state_dict(memory)
        for weight, value in zip(weights, values, strict=True):
            put(weight, value)
        torch.set_rng_state(generator)
    while done < last:
        one_step(weights, adam)
        done += 1
    return weights, [done, adam.state_dict(), [weight.detach() for weight in weights], torch.get_rng_state()]


def resume_with(**ways):
    return lambda *inputs: resume(*inputs, **ways)


def resume_by_data(weight, value):
    weight.data = value


def resume_without_gradients(weight, value):
    with torch.no_grad():
        weight[:] = value


def resume_saving_each_step(last, saved, start, one_step):
    for step in range(1 if saved is None else saved[0] + 1, last + 1):
        weights, saved = resume(step, saved, start, one_step)
    return weights, saved


def resume_never(last, saved, start, one_step):
    weights, adam = start()
    for _ in range(last):
        one_step(weights, adam)
    return weights, weights


def resume_with_live_weights(last, saved, start, one_step):
    """The state is a list that holds the weights themselves, gradients and all."""
    weights, (done, memory, _, generator) = resume(last, saved, start, one_step)
    return weights, [done, memory, weights, generator]


def resume_with_the_saved_optimizer(last, saved, start, one_step):
    """What was saved are the live objects, and going on moves them."""
    done, weights, adam, generator = saved or (0, *start(), torch.get_rng_state())
    torch.set_rng_state(generator)
    for _ in range(done, last):
        one_step(weights, adam)
    return weights, (last, weights, adam, torch.get_rng_state())


def resume_emptying(last, saved, start, one_step):
    weights, state = resume(last, saved, start, one_step)
    if saved is not None:
        saved.clear()
    return weights, state


def resume_counting_in_the_state(last, saved, start, one_step):
    weights, state = resume(last, saved, start, one_step)
    if saved is not None:
        saved[0] = last
    return weights, state


def resume_saving_nothing(last, saved, start, one_step):
    return resume(last, saved, start, one_step)[0], None


def resume_from_the_oldest(last, saved, start, one_step):
    weights, state = resume(last, saved, start, one_step)
    return weights, saved or state


# 6.1


def ev_in_one_pass(batches):
    n = errors = squares = 0
    total = 0
    for x, x_hat in batches:
        n, total, squares = n + len(x), total + x.double().sum(0), squares + float((x.double() ** 2).sum())
        errors += float(((x - x_hat) ** 2).sum())
    return 1 - errors / (squares - float((total**2).sum()) / n)


def ev_of_variances(batches):
    x, x_hat = (torch.cat(parts) for parts in zip(*batches, strict=True))
    return 1 - mse_loss(x_hat, x) / x.var(0, correction=0).mean()


def ev_in_numpy(batches):
    x = np.concatenate([x.numpy() for x, _ in batches])
    x_hat = np.concatenate([x_hat.numpy() for _, x_hat in batches])
    return 1 - ((x - x_hat) ** 2).sum() / ((x - x.mean(0)) ** 2).sum()


def per_batch_mean(batches):
    errors = squares = 0.0
    for x, x_hat in batches:
        errors += ((x - x_hat) ** 2).sum().item()
        squares += ((x - x.mean(dim=0, keepdim=True)) ** 2).sum().item()
    return 1 - errors / squares


def first_batch_mean(batches):
    mean = batches[0][0].mean(0)
    return 1 - sum(float(((x - y) ** 2).sum()) for x, y in batches) / sum(
        float(((x - mean) ** 2).sum()) for x, _ in batches
    )


def zero_centred(batches):
    errors = sum(float(((x - x_hat) ** 2).sum()) for x, x_hat in batches)
    return 1 - errors / sum(float((x**2).sum()) for x, _ in batches)


def mean_of_scores(batches):
    return np.mean([1 - float(((x - y) ** 2).sum() / ((x - x.mean(0)) ** 2).sum()) for x, y in batches])


# 6.2 and 6.3


def scaled(rows):
    return rows * rows.shape[1] ** 0.5 / rows.norm(dim=1).mean()


def scaled_in_place(rows):
    rows *= rows.shape[1] ** 0.5 / torch.linalg.norm(rows, dim=-1).mean()
    return rows


def with_no_grad(W_dec):
    with torch.no_grad():
        W_dec /= torch.linalg.vector_norm(W_dec, dim=1, keepdim=True) + 1e-8
    return W_dec


def ways_to_name_causes(letters):
    names = "ABCDE"
    return [
        dict(zip(names, letters, strict=True)),
        dict(zip(names.lower(), letters.upper(), strict=True)),
        dict(zip(reversed(names), reversed(letters), strict=True)),
        {f" {name}": f"({letter})" for name, letter in zip(names, letters, strict=True)},
        list(letters),
        np.array(list(letters)),
    ]


# 5.3


def catch_by_a_hook(model, token_ids, keep, layer):
    seen = []

    def listen(x, hook):
        seen.append(x)

    name = f"blocks.{layer}.hook_mlp_out"
    model.run_with_hooks(token_ids, fwd_hooks=[(name, listen)], stop_at_layer=layer + 1, return_type=None)
    return seen[0][keep]


def catch_with(pick=lambda x, keep: x[keep], **settings):
    """By a cache, with other arguments to `run_with_cache`, or other rows picked from what it kept."""

    def catch(model, token_ids, keep, layer):
        name = f"blocks.{layer}.hook_mlp_out"
        given = {"names_filter": name, "stop_at_layer": layer + 1} | {
            k: v(layer) for k, v in settings.items()
        }
        return pick(model.run_with_cache(token_ids, **given)[1][name], keep)

    return catch


# 5.4


def collect_otherwise(
    by=lambda ids: np.argsort([len(text) for text in ids]),
    numbers=lambda chosen, first: chosen,
    steps=range,
    size=lambda n: n,
    lengths_of=lambda chosen: [len(text) for text in chosen],
    repeats=lambda lengths: [n - 1 for n in lengths],
    left=False,
):
    """The loop over batches, with one thing done in another way."""

    def collect(ids, rows_of_batch, batch_size):
        order, rows, document_ids = list(by(ids)), [], []
        for first in steps(0, len(order), size(batch_size)):
            chosen = order[first : first + size(batch_size)]
            lengths = lengths_of([ids[d] for d in chosen])
            token_ids = torch.zeros(len(chosen), max(len(ids[d]) for d in chosen), dtype=torch.long)
            for row, d in enumerate(chosen):
                start = token_ids.shape[1] - len(ids[d]) if left else 0
                token_ids[row, start : start + len(ids[d])] = ids[d]
            rows += list(rows_of_batch(token_ids, torch.tensor(lengths)))
            for d, n in zip(numbers(chosen, first), repeats(lengths), strict=True):
                document_ids += [int(d)] * n
        return torch.stack(rows), document_ids

    return collect


def collect_in_order(ids, rows_of_batch, batch_size):
    rows, document_ids = collect_otherwise()(ids, rows_of_batch, batch_size)
    order = np.argsort(document_ids, kind="stable")
    return rows.numpy()[order], np.array(document_ids)[order]


def whole_batches_only(start, stop, step):
    return range(start, stop - step + 1, step)


def plane_by_qr(rows, a, b):
    basis, _ = torch.linalg.qr(torch.stack([a, b], dim=1))
    return (rows @ basis).norm(dim=1)


def plane_by_projector(rows, a, b):
    keys = torch.stack([a, b], dim=1)
    return (rows @ keys @ torch.linalg.pinv(keys)).square().sum(1).sqrt()


def plane_from_b_first(rows, a, b):
    across = normalize(a - (a @ b) * b, dim=0)
    return torch.stack([rows @ b, rows @ across]).norm(dim=0)


def plane_by_least_squares(rows, a, b):
    keys = torch.stack([a, b], dim=1)
    return (keys @ torch.linalg.lstsq(keys, rows.T).solution).norm(dim=0).numpy()


RIGHT: Right = [
    *[("sizes", ways) for ways in zip(*map(ways_to_count, (33_088, 128, 8)), strict=True)],
    ("sizes", (33_088, 120.5, 8)),
    ("sizes", (33_088, 130, 8.0)),
    *[("topk", (f,)) for f in ways_to_return(building._encode)],
    *[("topk", (f,)) for f in (encode_by_threshold, encode_row_by_row, encode_in_numpy)],
    *[("unit_rows", (f,)) for f in ways_to_return(building._unit_rows)],
    ("unit_rows", (lambda W: normalize(W, dim=1),)),
    ("unit_rows", (lambda W: torch.stack([row / (row @ row) ** 0.5 for row in W]),)),
    ("unit_rows", (with_no_grad,)),
    *[("encode", (f,)) for f in ways_to_return(building._relu_encode)],
    ("encode", (lambda x, W, b, c: torch.clamp((x - c) @ W + b, min=0),)),
    ("encode", (lambda x, W, b, c: torch.relu(x @ W - c @ W + b),)),
    *[("decode", (f,)) for f in ways_to_return(building._decode)],
    (
        "decode",
        (lambda f, W, b: torch.stack([sum(a * w for a, w in zip(row, W, strict=True)) + b for row in f]),),
    ),
    ("decode", (lambda f, W, b: torch.einsum("bs,sd->bd", f, W).add(b),)),
    *[
        ("loop_order", (order,))
        for order in ("cfdbae", "cdfbae", "dcfbae", "cfbaed", "cfbade", list("cfdbae"))
    ],
    ("loop_order", ("C, F, D, B, A, E",)),
    *[("broken", ways) for ways in zip(*map(ways_to_choose, "abc"), strict=True)],
    *[("in_plane", (f,)) for f in ways_to_return(building_whole._in_plane)],
    *[
        ("in_plane", (f,))
        for f in (plane_by_qr, plane_by_least_squares, plane_from_b_first, plane_by_projector)
    ],
    *[("readers_share", (f,)) for f in ways_to_return(building_whole._readers_share)],
    ("readers_share", (lambda o, p, i: 1 - (i - p) / (i - o),)),
    ("from_memory", (trained_by_hand,)),
    ("from_memory", (lambda *inputs: trained_by_hand(*inputs, rate=1e-2),)),
    ("from_memory", (returned(lambda f, W, b: (f, W, b)),)),
    ("from_memory", (returned(lambda f, W, b: [f.numpy(), W.numpy(), b.numpy()]),)),
    (
        "from_memory",
        (
            returned(
                lambda f, W, b: (f.double(), W, b.requires_grad_()),
            ),
        ),
    ),
    ("from_memory", (returned(lambda f, W, b: (f.flip(1), W.flip(0), b)),)),
    *[("loss", (f,)) for f in ways_to_return(building_loss._loss)],
    ("loss", (lambda x, x_hat, f, a: mse_loss(x_hat, x) + a * f.abs().sum(dim=-1).mean(),)),
    ("loss", (lambda x, x_hat, f, a: ((x - x_hat) ** 2).mean() + a * f.norm(p=1, dim=1).mean(),)),
    ("loss", (lambda x, x_hat, f, a: (x - x_hat).square().mean(1).mean() + a * f.sum() / len(f),)),
    ("loss", (lambda x, x_hat, f, a: ((x - x_hat) ** 2).sum() / x.numel() + a * f.mean(0).sum(),)),
    *[("who_learns", (way,)) for way in ways_to_choose("b_dec")],
    ("who_learns", (["B_dec"],)),
    *[("matched", (f, "a")) for f in (*ways_to_return(MATCHED), matched_in_loops, matched_by_cosine)],
    *[("matched", (MATCHED, way)) for way in ways_to_choose("a")],
    *[("store_rows", ways) for ways in zip(*map(ways_to_count, (35, 64)), strict=True)],
    *[("mostly_off", (f,)) for f in ways_to_return(collecting._mostly_off)],
    ("mostly_off", (lambda f, t: (f * ~t[:, None]).sum(0) > (f * t[:, None]).sum(0),)),
    ("mostly_off", (lambda f, t: [float(c[~t].sum()) > float(c[t].sum()) for c in f.T],)),
    ("mostly_off", (lambda f, t: torch.einsum("rl,r->l", f, t.float()) < f.sum(0) / 2,)),
    *[("real_rows", (f,)) for f in ways_to_return(collecting._real_rows)],
    *[("real_rows", (f,)) for f in (mask_in_loops, mask_in_numpy, mask_filled_in)],
    *[("catch", (f,)) for f in ways_to_return(collecting_loop._catch)],
    *[
        ("catch", (f,))
        for f in (
            catch_by_a_hook,
            catch_with(names_filter=lambda n: [f"blocks.{n}.hook_mlp_out"]),
            catch_with(names_filter=lambda n: lambda name: name == f"blocks.{n}.hook_mlp_out"),
            catch_with(lambda x, keep: torch.cat([row[k] for row, k in zip(x, keep, strict=True)])),
        )
    ],
    *[
        ("collect", (f,))
        for f in (
            collecting_loop._collect,
            collecting_loop._collected,
            collect_in_order,
            collect_otherwise(),
            collect_otherwise(by=lambda ids: sorted(range(len(ids)), key=lambda d: -len(ids[d]))),
            lambda *inputs: list(collecting_loop._collect(*inputs)),
            lambda *inputs: [part.tolist() for part in collecting_loop._collect(*inputs)],
        )
    ],
    *[("scale", (f,)) for f in ways_to_return(collecting._scale)],
    ("scale", (lambda x: (x.shape[-1] ** 0.5 / torch.linalg.norm(x, dim=-1).mean()).item(),)),
    ("scale", (lambda x: np.sqrt(x.shape[1]) / np.linalg.norm(x.numpy(), axis=1).mean(),)),
    ("scale", (lambda x: len(x) * x.shape[1] ** 0.5 / sum(row.norm() for row in x),)),
    *[
        ("split", (f,))
        for f in (good_split, split_by_choice, split_in_python, split_in_torch, split_with_the_global_seed)
    ],
    ("split", (lambda *inputs: good_split(*inputs).tolist(),)),
    *[
        ("shuffled_labels", (f,))
        for f in (
            lambda y, d, s: dealt(y, d, s)[d],
            dealt_in_torch,
            dealt_in_python,
            dealt_on_a_copy,
            dealt_by_sorting,
            lambda y, d, s: dealt(y, d, s)[d].astype(float),
        )
    ],
    *[("explained_variance", (f,)) for f in ways_to_return(training._ev)],
    *[("explained_variance", (f,)) for f in (ev_in_one_pass, ev_of_variances, ev_in_numpy)],
    *[
        ("budget", answer)
        for answer in (
            (4, 0.5, 0.5),
            (1, 2, 0.44),
            ("1/2", "4", "0.4"),
            (8, 0.25, 0.3),
            (torch.tensor(3), np.float64(0.66), 0.99),
            (0.25, 7.5, torch.tensor(0.1)),
        )
    ],
    *[
        ("next_price", (way,))
        for way in (
            training._next_price,
            price_half_way,
            price_by_logarithm,
            price_by_a_line,
            price_by_sorting,
            price_as_a_tensor,
        )
    ],
    *[
        ("train_until", (f,))
        for f in (
            resuming._train_until,
            resume,
            resume_with(put=resume_by_data),
            resume_with(put=resume_without_gradients),
            resume_saving_each_step,
            resume_with_live_weights,
            lambda *inputs: (lambda weights, state: (tuple(weights), state))(*resume(*inputs)),
        )
    ],
    *[("symptoms", (way,)) for way in ways_to_name_causes("cabde")],
    *[("first_diagnosis", (way,)) for way in ways_to_choose("c")],
    *[
        ("first_repair", (f,))
        for f in (
            scaled,
            scaled_in_place,
            lambda rows: rows / rows.pow(2).mean().sqrt(),
            lambda rows: rows / rows.std(),
            lambda rows: rows.numpy() / rows.numpy().std(),
            lambda rows: rows * (rows.shape[1] / rows.pow(2).sum(1).mean()).sqrt(),
        )
    ],
    *[("second_diagnosis", (way,)) for way in ways_to_choose("d")],
    *[
        ("second_repair", (f,))
        for f in (
            lambda W: W / W.norm(dim=1, keepdim=True),
            normalize,
            with_no_grad,
            lambda W: torch.stack([row / row.norm() for row in W]),
            lambda W: W.double() / W.double().pow(2).sum(-1, keepdim=True).sqrt(),
            lambda W: W.numpy() / np.linalg.norm(W.numpy(), axis=1)[:, None],
        )
    ],
]

WRONG: Wrong = [
    ("unit_rows", (lambda W: W / W.norm(),), "one norm for the whole matrix"),
    ("unit_rows", (lambda W: W / W.norm(dim=0),), "norm of each column"),
    ("unit_rows", (lambda W: normalize(W, p=1, dim=1),), "that is the L1 norm"),
    ("unit_rows", (lambda W: W / W.norm(dim=1),), "keepdim=True"),
    ("unit_rows", (lambda W: W / (W**2).sum(1, keepdim=True),), "the root is missing"),
    ("unit_rows", (lambda W: W.norm(dim=1),), "these are the norms"),
    ("encode", (lambda x, W, b, c: torch.relu((x - c) @ W) + b,), "before b_enc is added"),
    ("encode", (lambda x, W, b, c: (x - c) @ W + b,), "the ReLU is missing"),
    ("encode", (lambda x, W, b, c: torch.relu(x @ W + b),), "b_dec is not subtracted"),
    ("encode", (lambda x, W, b, c: torch.relu((x - c) @ W),), "b_enc is missing"),
    ("encode", (lambda x, W, b, c: torch.sigmoid((x - c) @ W + b),), "never zero"),
    ("encode", (lambda x, W, b, c: torch.relu((x - c) @ W.T + b),), "W_enc is turned over"),
    ("decode", (lambda f, W, b: f @ W,), "b_dec is missing"),
    ("decode", (lambda f, W, b: f @ W - b,), "b_dec is subtracted"),
    ("decode", (lambda f, W, b: torch.relu(f @ W + b),), "entries of x may be negative"),
    ("decode", (lambda f, W, b: f @ W.T + b,), "W_dec is turned over"),
    ("decode", (lambda f, W, b: (f > 0).float() @ W + b,), "multiply the row"),
    ("decode", (lambda f, W, b: 2 * (f @ W) + b,), "expected"),
    ("loop_order", ("fcdbae",), "needs the batch"),
    ("loop_order", ("cbfdae",), "cannot come first"),
    ("loop_order", ("cfdabe",), "(b) has to come before it"),
    ("loop_order", ("cfbdae",), "wipes out the gradients"),
    ("loop_order", ("cfdbea",), "comes too early"),
    ("loop_order", ("ecfdba",), "after the last step nobody does"),
    ("loop_order", ("cfdba",), "each of the letters"),
    ("loop_order", (5,), "a text of six letters"),
    ("broken", ("b", "b", "c"), "cannot all fall silent"),
    ("broken", ("d", "b", "c"), "content with any code"),
    ("broken", ("a", "a", "c"), "dearer than the error"),
    ("broken", ("a", "c", "c"), "they cannot grow"),
    ("broken", ("a", "b", "b"), "cheaper way out"),
    ("broken", ("a", "b", "d"), "shrink while their product stays"),
    ("in_plane", (lambda rows, a, b: (rows @ torch.stack([a, b], 1)).norm(dim=1),), "counted twice"),
    ("in_plane", (lambda rows, a, b: torch.stack([rows @ a, rows @ b]).abs().amax(0),), "near neither"),
    ("in_plane", (lambda rows, a, b: plane_by_qr(rows, a, b) ** 2,), "take the root"),
    ("in_plane", (lambda rows, a, b: plane_by_qr(rows, a, b) > 0.9,), "expected"),
    ("in_plane", (lambda rows, a, b: (rows @ normalize(a + b, dim=0)).abs(),), "the equal mixture"),
    (
        "in_plane",
        (lambda rows, a, b: torch.stack([rows @ a, rows @ (b - (b @ a) * a)]).norm(dim=0),),
        "divide it by its length",
    ),
    ("readers_share", (lambda o, p, i: (p - o) / (1 - o),), "missing to 1"),
    ("readers_share", (lambda o, p, i: (i - p) / (i - o),), "share of the list"),
    ("readers_share", (lambda o, p, i: p - o,), "divide it by all"),
    ("readers_share", (lambda o, p, i: (o - p) / (i - o),), "sign is turned"),
    ("readers_share", (lambda o, p, i: (p - o) / i,), "`ideal` itself"),
    ("readers_share", (lambda o, p, i: p / i,), "expected"),
    (
        "from_memory",
        (lambda *inputs: trained_by_hand(*inputs, unit=False),),
        "set them to 1 after every step",
    ),
    (
        "from_memory",
        (lambda *inputs: trained_by_hand(*inputs, price=torch.mean),),
        "times the sum over latents",
    ),
    (
        "from_memory",
        (lambda *inputs: trained_by_hand(*inputs, price=torch.sum),),
        "the penalty is too strong",
    ),
    ("from_memory", (lambda *inputs: trained_by_hand(*inputs, relu=False),), "the encoder's ReLU is missing"),
    ("from_memory", (lambda *inputs: trained_by_hand(*inputs[:3], 0),), "does the optimiser step"),
    ("from_memory", (returned(lambda f, W, b: (f, W.T, b)),), "`W_dec` has shape [8, 24]"),
    ("from_memory", (returned(lambda f, W, b: (f[:512], W, b)),), "`f` has shape [512, 24]"),
    ("from_memory", (returned(lambda f, W, b: (f, W)),), "return three things"),
    ("from_memory", (returned(lambda f, W, b: (f, W * torch.nan, b)),), "NaN or infinity"),
    ("from_memory", (returned(lambda f, W, b: (f, -W, b)),), "do not fit each other"),
    ("from_memory", (returned(lambda f, W, b: (f.flip(0), W, b)),), "in their order"),
    ("sizes", (32_768, 128, 8), "both biases are missing"),
    ("sizes", (16_704, 128, 8), "one matrix"),
    ("sizes", (9_444_096, 128, 8), "the notebook's SAE"),
    ("sizes", (16_640, 128, 8), "that is the encoder"),
    ("sizes", (33_280, 128, 8), "one per input dimension, 64"),
    ("sizes", (33_000, 128, 8), "too small. With d_in = 3 and d_sae = 6"),
    ("sizes", (33_088, 256, 8), "not all latents are on"),
    ("sizes", (33_088, 8, 8), "ReLU knows no k"),
    ("sizes", (33_088, 0, 8), "nothing has been trained"),
    ("sizes", (33_088, 0.5, 8), "share of latents"),
    ("sizes", (33_088, 128, 4), "are all positive"),
    ("sizes", (33_088, 90, 8), "too small"),
    ("topk", (relu_before_bias,), "the ReLU is applied before b_enc is added"),
    ("topk", (without_relu,), "negative values are kept"),
    ("topk", (by_size,), "by absolute size, so"),
    ("topk", (lambda x, W, b, c, k: (x - c) @ W.T + b,), "stopped"),
    ("topk", (lambda x, W, b, c, k: ((x - c) @ W + b).topk(k),), "`topk` gives values and places"),
    ("topk", (lambda x, W, b, c, k: ((x - c) @ W + b).relu().topk(k)[0],), "without their places"),
    ("topk", (lambda x, W, b, c, k: encode_by_threshold(x, W, b, 0 * c, k),), "b_dec is not subtracted"),
    ("topk", (lambda x, W, b, c, k: encode_by_threshold(x, W, 0 * b, c, k),), "b_enc is missing"),
    ("topk", (lambda x, W, b, c, k: encode_by_threshold(x, W, b, c, k + 1),), "expected"),
    ("loss", (lambda x, y, f, a: ((x - y) ** 2).mean() + a * f.mean(),), "averaged over the latents too"),
    ("loss", (lambda x, y, f, a: ((x - y) ** 2).mean() + a * torch.norm(f, 1),), "summed over the batch"),
    (
        "loss",
        (lambda x, y, f, a: ((x - y) ** 2).sum(-1).mean() + a * f.sum(-1).mean(),),
        "summed over d_in, where",
    ),
    (
        "loss",
        (lambda x, y, f, a: ((x - y) ** 2).sum(0).mean() + a * f.sum(-1).mean(),),
        "averaged over d_in only",
    ),
    (
        "loss",
        (lambda x, y, f, a: ((x - y) ** 2).mean() + a * f.sum(0).mean(),),
        "it should be the other way round",
    ),
    (
        "loss",
        (lambda x, y, f, a: ((x - y) ** 2).sum(1).mean() + a * f.mean(),),
        "where the formula averages over it. And the penalty is averaged over the latents too",
    ),
    (
        "loss",
        (lambda x, y, f, a: ((x - y) ** 2).sum() + a * f.sum(),),
        "averages over both. And the penalty is summed over the batch",
    ),
    ("loss", (lambda x, y, f, a: ((x - y) ** 2).mean() + a * torch.norm(f),), "over the whole batch"),
    (
        "loss",
        (lambda x, y, f, a: ((x - y) ** 2).mean() + a * torch.norm(f, dim=1).mean(),),
        "in each row (L1)",
    ),
    ("loss", (lambda x, y, f, a: ((x - y) ** 2).mean(1) + a * f.sum(1),), "a loss for each row"),
    ("loss", (lambda x, y, f, a: a * mse_loss(x, y) + f.sum(1).mean(),), "belongs to the penalty."),
    ("who_learns", (set(),), "b_dec does"),
    ("who_learns", ({"W_dec[7]", "b_dec"},), "row 7 is multiplied by f_7 = 0"),
    ("who_learns", ("b_enc[7]",), "acts only through f_7"),
    ("who_learns", ({"W_enc[:, 7]", "b_dec"},), "only through f_7, and"),
    ("who_learns", ("W_enc[:,7], b_dec",), "W_enc[:, 7] receives none"),
    ("who_learns", ({"W_dec"},), "'W_dec' is not one of"),
    ("who_learns", (7,), "answer in text"),
    ("matched", (lambda t, d: (normalize(t) @ normalize(d).T).max(1).values.mean(), "a"), "absolute value"),
    (
        "matched",
        (lambda t, d: (normalize(t) @ normalize(d).T).abs().max(1), "a"),
        "`max` gives values and places, `.values` and `.indices`. One tensor of shape [] is needed",
    ),
    ("matched", (lambda t, d: (normalize(t) @ normalize(d).T).abs().max(1).indices, "a"), "how near it is"),
    (
        "matched",
        (lambda t, d: (t @ normalize(d).T).abs().amax(1).mean(), "a"),
        "true directions are not brought",
    ),
    ("matched", (lambda t, d: (normalize(t) @ normalize(d).T).abs().amax(0).mean(), "a"), "Useless rows"),
    ("matched", (lambda t, d: (normalize(t) @ normalize(d).T).abs().amax(1).median(), "a"), "expected"),
    ("matched", (MATCHED, "b"), "40 random rows are too easy"),
    ("matched", (MATCHED, "c"), "they score 1"),
    ("matched", (MATCHED, "d"), "zeros have no direction"),
    ("matched", (MATCHED, "random"), "'random' is not one of"),
    ("store_rows", (39, 64), "four BOS rows"),
    ("store_rows", (36, 64), "BOS included, so 15"),
    ("store_rows", (60, 64), "with nothing cut"),
    ("store_rows", (20, 64), "not left out"),
    ("store_rows", (48, 64), "too large. In a smaller batch"),
    ("store_rows", (56, 64), "too large. In a smaller batch, texts of 2 and 9 tokens"),
    ("store_rows", (35, 164), "that is 4 · 41"),
    ("store_rows", (35, 39), "rectangle: shorter"),
    ("store_rows", (35, 60), "as wide as its longest text after cutting"),
    ("store_rows", (35, 48), "3 · 16 or 4 · 12"),
    ("store_rows", (35, 56), "too small. In a smaller batch"),
    ("catch", (catch_with(names_filter=lambda n: None),), "what passed 8 hooks was kept"),
    (
        "catch",
        (catch_with(names_filter=lambda n: lambda name: "mlp" in name),),
        "what passed 2 hooks was kept",
    ),
    ("catch", (catch_with(stop_at_layer=lambda n: None),), "4 blocks were run, where 2 are enough"),
    ("catch", (catch_with(stop_at_layer=lambda n: n),), "stopped"),
    ("catch", (catch_with(lambda x, keep: x * keep),), "stopped"),
    ("catch", (catch_with(lambda x, keep: x[:, 1:].flatten(0, 1)),), "shape [15, 3], expected [9, 3]"),
    ("catch", (catch_with(lambda x, keep: x),), "you return every position of the batch"),
    ("catch", (catch_with(lambda x, keep: x[keep].sum(1)),), "shape [9], expected [9, 3]"),
    ("collect", (lambda *inputs: collecting_loop._collect(*inputs)[0],), "return two things"),
    ("collect", (lambda *inputs: (collecting_loop._collect(*inputs)[0], None),), "is nothing"),
    ("collect", (collect_otherwise(by=lambda ids: range(len(ids))),), "Sort by length first"),
    ("collect", (collect_otherwise(size=lambda n: 1),), "8 batches for 8 texts"),
    ("collect", (collect_otherwise(size=lambda n: 8),), "a batch holds 8 texts"),
    ("collect", (collect_otherwise(steps=whole_batches_only),), "texts 1, 5 of 8 never ran"),
    (
        "collect",
        (
            collect_otherwise(
                lengths_of=lambda chosen: [len(text) - 1 for text in chosen],
                repeats=list,
            ),
        ),
        "the end of some texts is lost",
    ),
    ("collect", (collect_otherwise(left=True),), "padding is on its right"),
    ("collect", (collect_otherwise(repeats=lambda lengths: lengths),), "That counts BOS, which has no row"),
    (
        "collect",
        (collect_otherwise(repeats=lambda lengths: [1] * len(lengths)),),
        "One for each row is needed",
    ),
    (
        "collect",
        (collect_otherwise(numbers=lambda chosen, first: range(first, first + len(chosen))),),
        "in the order in which they ran",
    ),
    (
        "collect",
        (collect_otherwise(numbers=lambda chosen, first: range(len(chosen))),),
        "from 0 again in every batch",
    ),
    (
        "collect",
        (collect_otherwise(numbers=lambda chosen, first: np.array(chosen) + 1),),
        "your document id says",
    ),
    (
        "collect",
        (lambda ids, f, n: [list(part) * 2 for part in collecting_loop._collect(ids, f, n)],),
        "twice",
    ),
    ("collect", (lambda ids, f, n: (f(ids, [len(i) for i in ids]), range(8)),), "stopped"),
    ("mostly_off", (lambda f, t: f[t].sum(0) > f[~t].sum(0),), "mostly *on* the text"),
    ("mostly_off", (lambda f, t: f[~t].sum(0) >= f[t].sum(0),), "never on counts, too"),
    ("mostly_off", (lambda f, t: (f[~t] > 0).sum(0) > (f[t] > 0).sum(0),), "counted the rows"),
    ("mostly_off", (lambda f, t: f[~t].mean(0) > f[t].mean(0),), "means per row"),
    ("mostly_off", (lambda f, t: f[~t].sum(0) / f.sum(0).clamp(min=1e-9),), "over one half"),
    ("mostly_off", (lambda f, t: f[~t].any(0),), "ever on off the text"),
    ("mostly_off", (lambda f, t: f.sum(0) > 100,), "expected"),
    ("real_rows", (lambda t, n: t.ne(0),), "by token id"),
    ("real_rows", (lambda t, n: torch.arange(t.shape[1])[None] < n[:, None],), "BOS is kept: "),
    ("real_rows", (lambda t, n: [[0 < i < m for i in range(t.shape[1])] for m in n - 1],), "last token"),
    ("real_rows", (lambda t, n: collecting._real_rows(t, n).to(torch.uint8),), "but with numbers (uint8)"),
    ("real_rows", (lambda t, n: collecting._real_rows(t, n).long(),), "but with numbers (int64)"),
    ("real_rows", (lambda t, n: collecting._real_rows(t, n).float(),), "but with numbers (float32)"),
    ("real_rows", (lambda t, n: (torch.arange(t.shape[1]) < n[:, None]).byte(),), "BOS is kept: "),
    ("real_rows", (lambda t, n: mask_filled_in(t, n).flatten(),), "expected [2, 6]"),
    ("real_rows", (lambda t, n: torch.arange(t.shape[1]) < n,), "stopped"),
    ("scale", (lambda x: 1 / x.norm(dim=-1).mean().item(),), "makes the mean norm 1"),
    ("scale", (lambda x: np.sqrt(x.shape[1] / (x**2).sum(-1).mean().item()),), "*squared* norm"),
    ("scale", (lambda x: x.shape[1] ** 0.5 / torch.linalg.norm(x, dim=1),), "one factor per row"),
    ("scale", (lambda x: x.norm(dim=1).mean() / x.shape[1] ** 0.5,), "upside down"),
    ("scale", (lambda x: x.shape[1] / x.norm(dim=1).mean(),), "the root is missing"),
    ("scale", (lambda x: len(x) ** 0.5 / x.norm(dim=1).mean(),), "√ of the number of rows"),
    ("scale", (lambda x: 1 / x.std(),), "standard deviation 1"),
    ("scale", (lambda x: x.shape[1] ** 0.5 / x.norm(dim=1).median(),), "over the *median* norm"),
    ("scale", (lambda x: (x.shape[1] ** 0.5 / x.norm(dim=1)).mean(),), "mean of one factor per row"),
    ("scale", (lambda x: x.shape[1] ** 0.4 / x.norm(dim=1).mean(),), "expected"),
    ("split", (lambda d, p, s: np.random.default_rng(s).random(len(d)) < p,), "split is by row"),
    ("split", (documents_of_the_largest_ids,), "whatever the seed"),
    ("split", (drawn_from_a_range,), "there are gaps"),
    ("split", (drawn_from_the_rows,), "long documents are likelier, and one can come up twice"),
    ("split", (drawn_with_replacement,), "unless you write replace=False"),
    ("split", (a_coin_for_each_document,), "Do you toss a coin for each document?"),
    ("split", (without_the_seed,), "two calls with the same seed"),
    ("split", (always_two,), "at test_fraction 0.3 2 of 10"),
    (
        "split",
        (rounded_down,),
        "at test_fraction 0.37 3 of 10 documents are held out, expected round(0.37 · 10) = 4",
    ),
    ("split", (rounded_up,), "at test_fraction 0.22 3 of 10"),
    ("split", (a_stretch_that_starts_anywhere,), "40 seeds give only 10 different draws"),
    ("split", (lambda d, p, s: ~good_split(d, p, s),), "swapped"),
    ("split", (lambda d, p, s: np.flatnonzero(good_split(d, p, s)),), "one boolean per row"),
    ("split", (lambda d, p, s: (good_split(d, p, s), 1),), "the result has 2 parts"),
    ("split", (lambda d, p, s: good_split(d, p, s).astype(int),), "not booleans"),
    ("shuffled_labels", (lambda y, d, s: dealt(y[d], d, s),), "you shuffle rows"),
    ("shuffled_labels", (dealt,), "one label per document"),
    ("shuffled_labels", (dealt_in_place,), "the caller's real labels are shuffled too"),
    ("shuffled_labels", (lambda y, d, s: y[d],), "unchanged"),
    ("shuffled_labels", (classes_renamed,), "only the names of the classes changed places"),
    ("shuffled_labels", (lambda y, d, s: ((y + s) % 4)[d],), "only the names of the classes changed places"),
    ("shuffled_labels", (lambda y, d, s: np.roll(y, s)[d],), "moved along by some places"),
    ("shuffled_labels", (lambda y, d, s: np.roll(y, 1)[d],), "moved along by some places"),
    ("shuffled_labels", (dealt_without_the_seed,), "two calls with the same seed"),
    ("shuffled_labels", (lambda y, d, s: dealt(y, d, s % 3)[d],), "40 seeds give only 3 different draws"),
    (
        "shuffled_labels",
        (lambda y, d, s: np.random.default_rng(s).integers(0, 4, len(y))[d],),
        "these are not the labels that there were",
    ),
    ("shuffled_labels", (lambda y, d, s: dealt(y, d, 0)[d],), "every seed gives the same draw"),
    ("explained_variance", (per_batch_mean,), "a mean of its own, as in `per_batch`"),
    ("explained_variance", (first_batch_mean,), "the first batch's mean"),
    ("explained_variance", (zero_centred,), "the mean is not subtracted"),
    ("explained_variance", (mean_of_scores,), "one score per batch. Add"),
    ("explained_variance", (lambda batches: 1 - ev_in_numpy(batches),), "*un*explained"),
    ("explained_variance", (lambda batches: 100 * ev_in_numpy(batches),), "expected"),
    ("explained_variance", (lambda batches: 1 - sum(mse_loss(y, x) for x, y in batches),), "expected"),
    ("budget", (4, 1, 0.5), "4 times 1 is 4, over the budget"),
    ("budget", (1, 1, 0.5), "is unspent"),
    ("budget", (2, 1, 0.5), "the page's own run"),
    ("budget", (2304, 0.5, 0.5), "1.15e+03, over the budget"),
    ("budget", (0.05, 40, 0.5), "`my_width` must be at least 0.25"),
    ("budget", (40, 0.05, 0.5), "`my_length` must be at least 0.1"),
    ("budget", (0.33, 6, 0.5), "a whole number of latents"),
    ("budget", (4, 0.5, 50), "at most 1"),
    ("budget", (4, 0.5, 0), "that of the mean row"),
    ("budget", (4, "half", 0.5), "must be a number"),
    ("next_price", (lambda tried, wanted: sum(tried) / len(tried),), "lies between them"),
    ("next_price", (lambda tried, wanted: (min(tried) * max(tried)) ** 0.5,), "again, which was tried"),
    ("next_price", (lambda tried, wanted: 2 * max(tried),), "lies between them"),
    ("next_price", (lambda tried, wanted: min(tried) / 2,), "lies between them"),
    (
        "next_price",
        (lambda tried, wanted: min(tried, key=lambda p: abs(tried[p] - wanted)),),
        "again, which was tried",
    ),
    ("next_price", (lambda tried, wanted: sum(tried.values()) / len(tried),), "is it an L0?"),
    ("next_price", (lambda tried, wanted: wanted,), "is it an L0?"),
    ("next_price", (price_on_the_wrong_side,), "again, which was tried"),
    ("next_price", (price_by_small_steps,), "well into the gap"),
    ("next_price", (lambda tried, wanted: tuple(tried),), "must be a number"),
    ("train_until", (resume_never,), "is it read?"),
    ("train_until", (resume_saving_nothing,), "the state that you return is None"),
    ("train_until", (resume_from_the_oldest,), "steps more where"),
    ("train_until", (resuming._forgetting("weights", "step"),), "is it read?"),
    ("train_until", (resume_with(put=lambda weight, saved: None),), "those of a new start"),
    ("train_until", (resume_with(take_out=lambda saved: saved),), "has changed the saved state"),
    (
        "train_until",
        (resume_with(take_out=lambda saved: [saved[0], deepcopy(saved[1]), *saved[2:]], put=resume_by_data),),
        "has changed the saved state",
    ),
    ("train_until", (resume_with_the_saved_optimizer,), "has changed the saved state"),
    ("train_until", (resume_emptying,), "has changed the saved state"),
    ("train_until", (resume_counting_in_the_state,), "has changed the saved state"),
    ("train_until", (lambda *inputs: resume(inputs[0] + 1, *inputs[1:]),), "10 steps are done"),
    ("train_until", (lambda *inputs: resume(*inputs)[0],), "return two things"),
    (
        "train_until",
        (lambda *inputs: ([w.detach() + 1 for w in resume(*inputs)[0]], 0),),
        "ends with other weights",
    ),
    ("train_until", (lambda last, saved: [],), "stopped"),
    ("symptoms", (list("aabde"),), "look again at A"),
    ("symptoms", (list("cbbde"),), "look again at B"),
    ("symptoms", (list("cadde"),), "look again at C"),
    ("symptoms", (list("cabee"),), "look again at D"),
    ("symptoms", (list("cabdd"),), "look again at E"),
    ("symptoms", ({"A": "c"},), "for each of A, B, C, D and E"),
    ("first_diagnosis", ("a",), "λ is the same"),
    ("first_diagnosis", ("b",), "the healthy run has the same rate and learns"),
    ("first_diagnosis", ("d",), "have norm 1"),
    ("first_diagnosis", ("e",), "long before the end"),
    ("first_diagnosis", ("z",), "'z' is not one of"),
    ("first_diagnosis", ({"a", "c"},), "exactly one of"),
    ("first_repair", (lambda rows: rows,), "unchanged"),
    ("first_repair", (normalize,), "every row comes out with the same norm"),
    ("first_repair", (lambda rows: rows / rows.norm(dim=1).mean(),), "the mean norm is about 1"),
    ("first_repair", (lambda rows: (rows - rows.mean(0)) / rows.std(0),), "not multiplied by one number"),
    ("first_repair", (lambda rows: rows - rows.mean(0),), "b_dec takes care of the mean"),
    ("first_repair", (lambda rows: rows * rows.shape[1] ** 0.5,), "rows ten times as large"),
    ("first_repair", (lambda rows: rows * 33,), "ompute the factor from the rows"),
    ("first_repair", (lambda rows: rows / rows.abs().max(),), "√d_in is 4.000"),
    (
        "first_repair",
        (lambda rows: rows * 24**0.5 / rows.norm(dim=1).mean(),),
        "rows with d_in = 4 becomes 4.899",
    ),
    ("first_repair", (lambda rows: rows.mean(),), "the shape of what goes in"),
    ("second_diagnosis", ("a",), "has a *larger* L1"),
    ("second_diagnosis", ("b",), "same mean norm"),
    ("second_diagnosis", ("c",), "the subject changes"),
    ("second_diagnosis", ("e",), "switches latents off"),
    ("second_diagnosis", ("norm",), "'norm' is not one of"),
    ("second_diagnosis", ("a, d",), "exactly one of"),
    ("second_repair", (lambda W: W,), "unchanged"),
    ("second_repair", (lambda W: W / W.norm(dim=0),), "columns"),
    ("second_repair", (lambda W: W / W.norm(),), "whole matrix"),
    ("second_repair", (lambda W: W / W.norm(dim=1).mean(),), "long rows stay longer"),
    ("second_repair", (lambda W: torch.renorm(W, 2, 0, 1),), "shorter ones stay"),
    ("second_repair", (lambda W: W / (W**2).sum(1, keepdim=True),), "squared norm"),
    ("second_repair", (lambda W: normalize(W, p=1),), "absolute values"),
    ("second_repair", (lambda W: 2.0001 * normalize(W),), "the norms become [2, 2, 2]; each should be 1"),
    ("second_repair", (lambda W: W / 3,), "the norms become [1.667, 0.1667, 0.6667]; each should be 1"),
    ("second_repair", (lambda W: normalize(W + 1),), "directions changed"),
]
