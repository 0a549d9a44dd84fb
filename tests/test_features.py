"""What is said of a latent equals a count by hand over all rows."""

import tracemalloc
from collections import Counter, defaultdict

import numpy as np
import pytest
import torch
from conftest import HOOK, N_POSITIONS, TEXTS
from scipy.sparse import csc_array

from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.features import latents as features
from sae_tutorial.features import statistics
from sae_tutorial.features.contexts import (
    contexts_around,
    contexts_by_strength,
    find_activating_features_for_text,
    top_contexts,
)
from sae_tutorial.features.directions import duplicates, logit_effects, nearest_latents
from sae_tutorial.features.latents import (
    FeatureUsage,
    Latents,
    analyze_feature_usage,
    coactive_latents,
    find_top_features,
    read_latents,
    read_texts,
)
from sae_tutorial.features.statistics import TokenStatistics, feature_kinds, token_statistics, top_tokens
from sae_tutorial.sae import metrics
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig

D_SAE = 64


@pytest.fixture(scope="module", params=["topk", "relu"])
def sae(request, store) -> SparseAutoencoder:
    """An untrained autoencoder with latents of every kind: often on, seldom on, one never."""
    sae = SparseAutoencoder(SAEConfig(32, 2, request.param, k=6), seed=4)
    sae.b_dec.data = store[:].mean(0)
    generator = torch.Generator().manual_seed(1)
    sae.b_enc.data = (torch.randn(D_SAE, generator=generator) - float(request.param == "relu")) / 2
    sae.b_enc.data[7] = -1000
    return sae


@pytest.fixture(scope="module")
def f(sae, store) -> np.ndarray:
    """[tokens, d_sae] all activations at once."""
    with torch.no_grad():
        return sae.encode(store[:]).numpy()


@pytest.fixture(scope="module")
def latents(sae, store) -> Latents:
    return read_latents(sae, store)


def latents_of(f: np.ndarray, token_ids: list[int], document_ids: list[int]) -> Latents:
    """Latents with these activations, as if an autoencoder had made them."""
    return Latents(csc_array(f.astype(np.float32)), np.array(token_ids), np.array(document_ids), {}, len(f))


# ----------------------------------------------------------------------------------------------- matrix


@pytest.mark.parametrize("batch", [1, 10, 4096])
def test_the_matrix_is_what_the_autoencoder_makes_of_every_row(sae, store, f, monkeypatch, batch):
    monkeypatch.setattr(metrics, "BATCH", batch)
    latents = read_latents(sae, store)
    np.testing.assert_allclose(latents.matrix.toarray(), f, atol=1e-5)
    assert latents.matrix.nnz == (f > 0).sum()
    assert (latents.n_active == (f > 0).sum(0)).all()
    np.testing.assert_array_equal(latents.token_ids, store.token_ids)
    np.testing.assert_array_equal(latents.document_ids, store.document_ids)
    assert (len(latents), latents.d_sae, latents.n_store_rows) == (len(store), D_SAE, len(store))
    for latent in (0, np.int64(5), 7):
        rows, values = latents.column(latent)
        assert rows.tolist() == np.flatnonzero(f[:, latent]).tolist()
        np.testing.assert_allclose(values, f[rows, latent], atol=1e-5)


def test_a_latent_that_is_on_costs_eight_bytes_and_twice_that_while_the_matrix_is_made():
    sae = SparseAutoencoder(SAEConfig(32, 8, k=16), seed=0)
    rng = np.random.default_rng(0)
    n = 60_000
    rows = rng.standard_normal((n, 32), dtype=np.float32)
    store = ActivationStore(rows, rng.integers(0, 100, n, dtype=np.int32), np.arange(n) // 50, {})
    tracemalloc.start()
    latents = read_latents(sae, store)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    matrix = latents.matrix
    final = matrix.data.nbytes + matrix.indices.nbytes
    assert final == 8 * matrix.nnz > 7 * 16 * n
    assert peak < 2.3 * final


def test_past_the_limit_whole_documents_are_drawn_and_the_result_says_so(sae, store, f, monkeypatch):
    full = read_latents(sae, store)
    monkeypatch.setattr(features, "MOST_ACTIVE", full.matrix.nnz // 2)
    part = read_latents(sae, store)
    assert part.n_store_rows == len(store) > len(part) == part.matrix.shape[0]
    documents = np.unique(part.document_ids)
    assert 2 <= len(documents) < len(TEXTS)
    rows = np.isin(store.document_ids, documents)
    np.testing.assert_array_equal(part.token_ids, store.token_ids[rows])
    np.testing.assert_allclose(part.matrix.toarray(), f[rows], atol=1e-5)


def test_an_autoencoder_in_bf16_is_read_in_float32(sae, store):
    half = SparseAutoencoder(sae.config)
    half.load_state_dict(sae.state_dict())
    half.bfloat16()
    rounded = SparseAutoencoder(sae.config)
    rounded.load_state_dict(half.state_dict())
    got = read_latents(half, store)
    np.testing.assert_array_equal(got.matrix.toarray(), read_latents(rounded, store).matrix.toarray())
    assert half.W_enc.dtype == torch.bfloat16
    assert got.matrix.dtype == np.float32


@pytest.mark.parametrize("rows", [torch.zeros(5, 32), np.zeros((5, 32)), [[0.0] * 32]])
def test_rows_without_tokens_are_refused_with_the_cure(sae, rows):
    with pytest.raises(TypeError, match=r"ActivationStore\(rows, token_ids, document_ids, \{\}\)"):
        read_latents(sae, rows)
    wrapped = ActivationStore(np.asarray(rows), np.arange(len(rows)), np.zeros(len(rows), dtype=int), {})
    assert len(read_latents(sae, wrapped)) == len(rows)


def test_another_width_and_latents_that_are_not_there_are_refused(sae, store, latents):
    with pytest.raises(ValueError, match=r"takes \[n, 31\]"):
        read_latents(SparseAutoencoder(SAEConfig(31, 2)), store)
    for latent in (D_SAE, -1):
        with pytest.raises(ValueError, match=f"there is no latent {latent}; .* latents 0 to 63"):
            latents.column(latent)


# ------------------------------------------------------------------------------------------------ usage


def test_usage_equals_a_count_over_all_rows(latents, f):
    usage = analyze_feature_usage(latents)
    on = f > 0
    np.testing.assert_allclose(usage.density, on.mean(0))
    np.testing.assert_array_equal(usage.dead, ~on.any(0))
    assert usage.dead[7]
    assert usage.mean_activation[7] == usage.max_activation[7] == 0
    np.testing.assert_allclose(usage.max_activation, f.max(0), rtol=1e-4)
    for latent in range(D_SAE):
        if on[:, latent].any():
            mean = f[on[:, latent], latent].mean()
            assert usage.mean_activation[latent] == pytest.approx(mean, rel=1e-4)


def test_latents_made_rarer_keep_their_strongest_rows_in_place():
    f = np.array([[3.0, 0, 0, 0], [1, 2, 0, 4], [2, 5, 0, 0], [0, 1, 0, 6]])
    given = latents_of(f, [0, 1, 2, 3], [0, 0, 1, 1])

    def strongest(values: torch.Tensor, n: int) -> torch.Tensor:
        return values * (values >= values.topk(n).values.min())

    rarer = features.made_rarer(given, [2, 0, 5, 9], strongest)
    expected = np.array([[3.0, 0, 0, 0], [0, 0, 0, 4], [2, 5, 0, 0], [0, 0, 0, 6]])
    assert np.array_equal(rarer.matrix.toarray(), expected)
    assert rarer.n_active.tolist() == [2, 1, 0, 2] and np.array_equal(given.matrix.toarray(), f)
    with pytest.raises(ValueError, match="zip"):
        features.made_rarer(given, [1], strongest)


def usage_of(density: list[float], mean: list[float]) -> FeatureUsage:
    return FeatureUsage(np.array(density), np.array(mean), np.array(mean))


def test_top_features_are_the_strongest_of_middling_density():
    usage = usage_of([0.5, 0.05, 0.001, 0.0, 0.0005, 0.1, 0.02], [9.0, 1.0, 3.0, 0.0, 8.0, 2.0, 5.0])
    assert find_top_features(usage).tolist() == [6, 2, 5, 1]
    assert find_top_features(usage, n=2).tolist() == [6, 2]
    assert find_top_features(usage, lowest_density=0.3, highest_density=1).tolist() == [0]
    assert find_top_features(usage, lowest_density=0.6, highest_density=1).tolist() == []


# -------------------------------------------------------------------------------------------- one text


def test_latents_of_a_text(gpt2, sae, store, f):
    found = find_activating_features_for_text(gpt2, sae, TEXTS[0], HOOK, top_k=8)
    rows = f[store.document_ids == 0]
    assert len(found.tokens) == len(rows)
    assert "".join(found.tokens) == TEXTS[0]
    strongest = np.sort(rows.max(0))[::-1][:8]
    np.testing.assert_allclose(found.activations.max(0), strongest, rtol=5e-3)  # the store is float16
    np.testing.assert_allclose(found.activations, rows[:, found.latents], atol=2e-2)
    assert abs(found.n_active - int((rows > 0).any(0).sum())) <= 1


def test_latents_that_are_off_are_not_listed(gpt2, sae):
    found = find_activating_features_for_text(gpt2, sae, "a", HOOK, top_k=1000)
    assert len(found.latents) == found.n_active < D_SAE
    assert 7 not in found.latents
    assert (found.activations.max(0) > 0).all()


# a text that is too long, or is no list
@pytest.mark.parametrize("model", ["gpt2", "llama"])
def test_a_text_longer_than_the_models_positions_is_cut(request, model):
    model = request.getfixturevalue(model)
    sae = SparseAutoencoder(SAEConfig(32, 2, k=6), seed=4)
    text = "The bank said on Friday that stocks fell. " * 40
    with pytest.warns(UserWarning, match=f"1 of 1 texts were cut to {N_POSITIONS} tokens"):
        found = find_activating_features_for_text(model, sae, text, HOOK)
    assert len(found.tokens) == N_POSITIONS - 1 and text.startswith("".join(found.tokens))


def test_texts_are_read_one_by_one(gpt2, sae, store, f):
    read = read_texts(gpt2, sae, [TEXTS[7], TEXTS[0]], HOOK)
    for i, document in enumerate((7, 0)):
        rows, expected = read.document_ids == i, store.document_ids == document
        np.testing.assert_array_equal(read.token_ids[rows], store.token_ids[expected])
        np.testing.assert_allclose(
            read.matrix.toarray()[rows], f[expected], atol=2e-2
        )  # the store is float16
    with pytest.raises(TypeError, match="wrap it in a list"):
        read_texts(gpt2, sae, TEXTS[0], HOOK)


# -------------------------------------------------------------------------------------------- contexts


def test_contexts_are_the_strongest_rows_one_per_document(tokenizer, latents, store, f):
    checked = 0
    for latent in range(D_SAE):
        contexts = top_contexts(tokenizer, latents, latent, n=4, width=3)
        in_document = [f[store.document_ids == document, latent].max() for document in range(len(TEXTS))]
        expected = [value for value in np.sort(in_document)[::-1][:4] if value > 0]
        assert len({context.document for context in contexts}) == len(contexts) == len(expected)
        for context, value in zip(contexts, expected, strict=True):
            assert context.activations[context.centre] == pytest.approx(value, rel=1e-4)
            (rows_of_document,) = np.nonzero(store.document_ids == context.document)
            # The window around one of the document's rows of that value (there may be two).
            windows = [
                [r for r in range(row - 3, row + 4) if r in rows_of_document]
                for row in rows_of_document
                if f[row, latent] == pytest.approx(value, rel=1e-4)
            ]
            rows = next(rows for rows in windows if len(rows) == len(context.tokens))
            np.testing.assert_allclose(context.activations, f[rows, latent], atol=1e-4)
            text = tokenizer.decode(store.token_ids[rows])
            if "\ufffd" not in text:  # no character is cut by the window's ends
                assert "".join(token for token in context.tokens if token != "⋯") == text
                checked += 1
    assert checked > 30


def test_contexts_in_a_split_view(tokenizer, sae, store):
    _, part = store.split_by_document(0.5, seed=2)
    latents = read_latents(sae, part)
    contexts = top_contexts(tokenizer, latents, int(np.argmax(latents.n_active)))
    assert contexts
    assert {context.document for context in contexts} <= set(part.document_ids.tolist())
    for context in contexts:
        assert context.activations[context.centre] == context.activations.max()


def test_a_context_with_the_same_tokens_is_listed_once(tokenizer):
    f = np.zeros((12, 1))
    f[[1, 5, 9], 0] = [3.0, 3.0, 1.0]  # the second document repeats the first
    latents = latents_of(f, [5, 6, 7, 8] * 2 + [9, 10, 11, 12], [0] * 4 + [1] * 4 + [2] * 4)
    contexts = top_contexts(tokenizer, latents, 0)
    assert [context.document for context in contexts] == [0, 2]
    assert [len(context.tokens) for context in top_contexts(tokenizer, latents, 0, width=1)] == [3, 3]


def test_contexts_come_in_the_order_of_the_rows_asked_for(tokenizer, latents, store, f):
    latent = int(latents.n_active.argmax())
    rows = latents.column(latent)[0][[4, 0, 9]]
    contexts = contexts_around(tokenizer, latents, latent, rows)
    assert [c.activations[c.centre] for c in contexts] == pytest.approx(f[rows, latent].tolist(), rel=1e-4)
    assert [c.document for c in contexts] == store.document_ids[rows].tolist()


def test_contexts_by_strength_come_from_every_third_alike(tokenizer):
    """300 rows of one latent, stronger and stronger: over many seeds every row of a third is drawn equally often."""
    f = np.arange(1, 301.0)[np.random.default_rng(0).permutation(300), None]
    latents = latents_of(f, list(range(300)), [0] * 300)
    drawn = []
    for seed in range(200):
        parts = contexts_by_strength(tokenizer, latents, 0, n=5, width=0, seed=seed)
        drawn.append([[float(c.activations[0]) for c in part] for part in parts])
    values = np.array(drawn)  # [seeds, thirds, n]
    assert (np.diff(values, axis=2) < 0).all()  # strongest first, none twice
    for third, low in enumerate((200, 100, 0)):
        counts = np.bincount(values[:, third].astype(int).ravel() - low - 1, minlength=100)
        assert len(counts) == 100 and counts.sum() == 1000
        assert abs(counts - 10).max() < 5 * 10**0.5
    again = contexts_by_strength(tokenizer, latents, 0, n=5, width=0, seed=0)
    assert [[float(c.activations[0]) for c in part] for part in again] == drawn[0]


def test_a_dead_latent_has_no_contexts(tokenizer, latents):
    assert top_contexts(tokenizer, latents, 7) == []
    assert contexts_by_strength(tokenizer, latents, 7) == [[], [], []]


# ------------------------------------------------------------------------------------------ statistics


def shares_by_hand(store, f: np.ndarray, labels: np.ndarray, latent: int) -> dict[str, dict[int, float]]:
    """Where one latent's energy goes, row by row."""
    tokens, previous, topics = Counter(), Counter(), defaultdict(float)
    rows_of_topic = Counter(int(labels[document]) for document in store.document_ids)
    early = total = 0.0
    for row in range(len(store)):
        value = float(f[row, latent]) ** 2
        document = int(store.document_ids[row])
        place = sum(store.document_ids[:row] == document)
        total += value
        tokens[int(store.token_ids[row])] += value
        previous[int(store.token_ids[row - 1]) if place else -1] += value
        topics[int(labels[document])] += value / rows_of_topic[int(labels[document])]
        early += value if place < 2 else 0.0
    weighted = sum(topics.values())
    return {
        "token": {key: value / total for key, value in tokens.items()},
        "previous": {key: value / total for key, value in previous.items()},
        "topic": {key: value / weighted for key, value in topics.items()},
        "early": {0: early / total},
    }


@pytest.mark.parametrize("block", [10, 512])
def test_token_statistics_equal_a_count_by_hand(latents, store, f, monkeypatch, block):
    monkeypatch.setattr(statistics, "BLOCK", block)
    labels = np.array([0, 1, 2, 0, 1, 3, 0, 3])
    got = token_statistics(latents, labels)
    np.testing.assert_array_equal(got.n_active, (f > 0).sum(0))
    alive = np.flatnonzero(got.n_active)
    assert len(alive) > 20
    for latent in alive:
        expected = shares_by_hand(store, f, labels, latent)
        for name in ("token", "previous", "topic"):
            best, share = int(getattr(got, name)[latent]), getattr(got, f"{name}_share")[latent]
            assert share == pytest.approx(max(expected[name].values()), rel=1e-3)
            assert share == pytest.approx(expected[name][best], rel=1e-3)
        assert got.early_share[latent] == pytest.approx(expected["early"][0], rel=1e-3, abs=1e-6)
        for name, before in (("token", False), ("previous", True)):
            table = top_tokens(latents, latent, 5, before=before)
            assert [share for _, share in table] == pytest.approx(
                sorted(share for share in expected[name].values() if share)[::-1][:5], rel=1e-3
            )
            assert [expected[name][token] for token, _ in table] == pytest.approx(
                [s for _, s in table], rel=1e-3
            )
    assert top_tokens(latents, 7) == []


def test_token_statistics_of_a_split_view_keep_the_documents_labels(sae, store):
    labels = np.arange(len(TEXTS))
    _, part = store.split_by_document(0.5, seed=2)
    got = token_statistics(read_latents(sae, part), labels)
    assert set(got.topic[got.n_active > 0]) <= set(part.document_ids.tolist())


def test_a_dead_latent_has_no_statistics(latents):
    got = token_statistics(latents, np.zeros(len(TEXTS), dtype=int))
    assert [float(part[7]) for part in got] == [-1, 0, -1, 0, -1, 0, 0, 0]


def test_without_labels_there_are_no_topics(latents):
    with_labels, without = token_statistics(latents, np.arange(8) % 3), token_statistics(latents)
    assert (without.topic == -1).all() and (without.topic_share == 0).all()
    for name in set(TokenStatistics._fields) - {"topic", "topic_share"}:
        np.testing.assert_array_equal(getattr(without, name), getattr(with_labels, name))


def test_a_topic_does_not_win_by_having_more_rows(store):
    """A latent that is on everywhere alike has equal shares of all topics, however many rows they have."""
    sae = SparseAutoencoder(SAEConfig(32, 1, "relu"))
    sae.W_enc.data.zero_()
    sae.b_enc.data.fill_(1.0)
    labels = np.array([0, 0, 0, 0, 0, 0, 0, 1])
    got = token_statistics(read_latents(sae, store), labels)
    assert got.topic_share == pytest.approx(0.5)


@pytest.mark.parametrize("architecture", ["relu", "topk"])  # TopK keeps k even where none is above 0
def test_an_autoencoder_with_nothing_on_has_no_statistics(store, architecture):
    sae = SparseAutoencoder(SAEConfig(32, 1, architecture, k=6))
    sae.b_enc.data.fill_(-1000)
    latents = read_latents(sae, store)
    got = token_statistics(latents, np.zeros(len(TEXTS), dtype=int))
    assert not got.n_active.any()
    assert not got.token_share.any()
    assert analyze_feature_usage(latents).dead.all()
    assert coactive_latents(latents, [3]) == {3: []}


LABELS = [0, 1, 2, 0, 1, 3, 0, 3]


@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        tuple(LABELS),
        np.array(LABELS, dtype=np.uint8),
        np.array(LABELS, dtype=float),
        torch.tensor(LABELS),
    ],
)
def test_whole_numbers_of_any_kind_are_labels(latents, labels):
    got, expected = token_statistics(latents, labels), token_statistics(latents, np.array(LABELS))
    np.testing.assert_array_equal(got.topic, expected.topic)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 2], "labels has 3 entries, but the store has document 7"),
        ([0, 1, -1, 0, 1, 2, 0, 1], r"labels\[2\] is -1; classes count from 0, .* a class of their own"),
        (["a", "b"] * 4, r"got \['a', 'b'.*np.unique\(labels, return_inverse=True\)\[1\]"),
        (np.arange(8) / 2, "one whole number for each document"),
        ([0.0, np.nan] * 4, "one whole number for each document"),
        ([[0, 1]] * 8, "one whole number for each document"),
        ([None] * 8, "one whole number for each document"),
    ],
)
def test_labels_that_are_no_classes_of_documents_are_refused_with_the_cure(latents, labels, message):
    with pytest.raises(ValueError, match=message):
        token_statistics(latents, labels)


def test_labels_that_are_one_per_row_are_refused(latents):
    with pytest.raises(ValueError, match="one for each row; it must have one for each document id, .* 7"):
        token_statistics(latents, np.array(LABELS)[latents.document_ids])


# ----------------------------------------------------------------------------------------------- kinds


def test_feature_kinds_by_their_statistics():
    """One latent of every kind, one seldom on, one of no kind, and one that is of two kinds."""
    names = ["dense", "start", "token", "after", "topic", "seldom", "none", "dense and token", "first word"]
    n = len(names)
    usage = usage_of([0.5, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.2, 0.01], [1.0] * n)
    zeros = np.zeros(n)
    statistics = TokenStatistics(
        token=np.zeros(n, dtype=int),
        token_share=np.array([0.1, 0.2, 0.9, 0.2, 0.1, 0.9, 0.5, 0.95, 0.1]),
        previous=np.array([5, -1, 5, 5, 5, 5, 5, 5, -1]),
        previous_share=np.array([0.1, 0.3, 0.1, 0.7, 0.1, 0.1, 0.2, 0.1, 0.9]),
        topic=np.zeros(n, dtype=int),
        topic_share=np.array([0.3, 0.3, 0.3, 0.3, 0.9, 0.3, 0.9, 0.3, 0.3]),
        early_share=zeros + np.array([0, 0.9, 0, 0, 0, 0, 0, 0, 0.2]),
        n_active=np.array([900, 100, 100, 100, 100, 10, 100, 900, 100]),
    )
    kinds = {
        kind: [names[latent] for latent in latents]
        for kind, latents in feature_kinds(usage, statistics).items()
    }
    assert kinds == {
        "dense": ["dense", "dense and token"],
        "start of text": ["start"],
        "one token": ["token"],
        "after one token": ["after"],
        "topic": ["topic"],
    }


# --------------------------------------------------------------------------------------------- together


def test_latents_that_are_on_together(latents, f):
    chosen = np.argsort(-latents.n_active)[[0, 5, 20]]
    for latent, found in coactive_latents(latents, chosen, n=4).items():
        rows = f[:, latent] > 0
        excess = (f[rows] > 0).mean(0) - (f > 0).mean(0)
        excess[latent] = -1
        assert [j for j, _ in found] and latent not in [j for j, _ in found]
        assert [excess[j] for j, _ in found] == pytest.approx(np.sort(excess)[::-1][: len(found)].tolist())
        assert [share for _, share in found] == pytest.approx([(f[rows, j] > 0).mean() for j, _ in found])
    assert coactive_latents(latents, [7]) == {7: []}


# --------------------------------------------------------------------------------------------- devices


def test_nothing_follows_the_default_device(gpt2, sae, store, latents):
    """Notebooks set a default device of "cuda" or "mps"; "meta", whose tensors hold nothing, stands for them."""
    chosen = [int(i) for i in np.argsort(-latents.n_active)[:3]]
    expected = [
        latents.matrix.toarray(),
        read_texts(gpt2, sae, TEXTS[:2], HOOK).matrix.toarray(),
        nearest_latents(sae.W_dec, chosen),
        duplicates(sae.W_dec, alike=0.3),
        logit_effects(gpt2, sae, chosen[0]),
    ]
    with torch.device("meta"):
        got = [
            read_latents(sae, store).matrix.toarray(),
            read_texts(gpt2, sae, TEXTS[:2], HOOK).matrix.toarray(),
            nearest_latents(sae.W_dec, chosen),
            duplicates(sae.W_dec, alike=0.3),
            logit_effects(gpt2, sae, chosen[0]),
        ]
    for one, other in zip(got, expected, strict=True):
        assert np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other


def test_gradients_that_are_on_or_off_outside_change_nothing(gpt2, sae, store, latents):
    for mode in (torch.no_grad(), torch.enable_grad(), torch.inference_mode()):
        with mode:
            got = read_latents(sae, store)
            find_activating_features_for_text(gpt2, sae, TEXTS[0], HOOK)
        np.testing.assert_array_equal(got.matrix.toarray(), latents.matrix.toarray())
    assert all(parameter.grad is None for parameter in [*sae.parameters(), *gpt2.parameters()])


def test_start_latents_are_counted_with_and_without_giant_rows():
    f = np.zeros((300, 2), dtype=np.float32)
    f[:, 0] = 1  # on everywhere, but one first row is a giant
    f[0, 0] = 100
    f[::3, 1] = 1  # on at first tokens only, of texts of three
    latents = latents_of(f, [0] * 300, np.repeat(np.arange(100), 3).tolist())
    norms = np.where(np.arange(300) == 0, 20.0, 1.0)
    assert statistics.start_latents(latents, norms).tolist() == [0, 1]
    # Two of three rows are early here, so without the giant the first latent is still one of starts; in longer texts not.
    longer = latents_of(f, [0] * 300, np.repeat(np.arange(30), 10).tolist())
    assert statistics.start_latents(longer, norms).tolist() == [0]
    assert statistics.start_latents(longer, norms, limit=3).tolist() == []
    assert (
        statistics.start_latents(latents_of(f[:40], [0] * 40, [0] * 40), norms[:40]).tolist() == []
    )  # on too rarely


def test_the_share_on_tokens_is_of_the_energy():
    f = np.array([[1.0, 0.0, 0.0], [2.0, 0.0, 3.0], [0.0, 0.0, 1.0]], dtype=np.float32)
    share = statistics.share_on_tokens(latents_of(f, [7, 8, 9], [0, 0, 0]), [8, 4])
    np.testing.assert_allclose(share, [0.8, 0.0, 0.9])


def test_plain_blocks_are_the_matrix(latents):
    whole = torch.cat(list(features.plain_blocks(latents, width=7)), dim=1)
    np.testing.assert_array_equal(whole.numpy(), latents.matrix.toarray())
