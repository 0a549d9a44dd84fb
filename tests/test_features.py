"""What is said of a latent equals a count by hand over all rows."""

import dataclasses
import tracemalloc
from collections import Counter, defaultdict

import numpy as np
import pytest
import torch
from conftest import HOOK, TEXTS

from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.features import latents as features
from sae_tutorial.features.latents import (
    HISTOGRAM_EDGES,
    FeatureUsage,
    TokenStatistics,
    _KeySums,
    analyze_feature_activations,
    analyze_feature_usage,
    coactive_latents,
    feature_kinds,
    find_activating_features_for_text,
    find_top_features,
    logit_effects,
    survey_features,
    token_statistics,
    top_contexts,
)
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


# ------------------------------------------------------------------------------------------------ usage


@pytest.mark.parametrize("batch", [1, 10, 4096])
def test_usage_equals_a_count_over_all_rows(sae, store, f, monkeypatch, batch):
    monkeypatch.setattr(metrics, "BATCH", batch)
    usage = analyze_feature_usage(sae, store, top_n=5)
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
        largest = np.sort(f[:, latent])[::-1][:5]
        np.testing.assert_allclose(usage.top_values[latent], largest, rtol=1e-4, atol=1e-6)
        assert ((usage.top_rows[latent] == -1) == (largest == 0)).all()
        rows = usage.top_rows[latent][largest > 0]  # rows of equal values may come in any order
        assert len(set(rows)) == len(rows)
        np.testing.assert_allclose(f[rows, latent], largest[largest > 0], rtol=1e-4)


def test_usage_with_more_top_rows_than_there_are(sae, store, f):
    usage = analyze_feature_usage(sae, store[:3], top_n=10)
    assert usage.top_rows.shape == (D_SAE, 10)
    assert ((usage.top_rows >= 0).sum(1) == (f[:3] > 0).sum(0)).all()
    assert usage.top_rows.max() <= 2


def test_usage_of_a_store_is_that_of_its_rows(sae, store):
    part, _ = store.split_by_document(0.3)
    of_store, of_rows = analyze_feature_usage(sae, part), analyze_feature_usage(sae, part[:])
    for field in dataclasses.fields(FeatureUsage):
        np.testing.assert_array_equal(getattr(of_store, field.name), getattr(of_rows, field.name))


def test_usage_refuses_another_width(sae):
    with pytest.raises(ValueError, match=r"takes \[n, 32\]"):
        analyze_feature_usage(sae, torch.zeros(5, 31))


def usage_of(density: list[float], mean: list[float]) -> FeatureUsage:
    n = len(density)
    empty = np.zeros((n, 1))
    return FeatureUsage(np.array(density), np.array(mean), np.array(mean), empty, empty.astype(int))


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


def test_ignored_latents_are_left_out_and_the_next_move_up(gpt2, sae):
    everything = find_activating_features_for_text(gpt2, sae, TEXTS[0], HOOK, top_k=8)
    ignore = everything.latents[[0, 2]]
    rest = find_activating_features_for_text(gpt2, sae, TEXTS[0], HOOK, top_k=6, ignore=ignore)
    assert rest.latents.tolist() == np.delete(everything.latents, [0, 2]).tolist()
    assert rest.n_active == everything.n_active
    assert find_activating_features_for_text(gpt2, sae, TEXTS[0], HOOK, ignore=range(D_SAE)).latents.size == 0


def test_latents_that_are_off_are_not_listed(gpt2, sae):
    found = find_activating_features_for_text(gpt2, sae, "a", HOOK, top_k=1000)
    assert len(found.latents) == found.n_active < D_SAE
    assert 7 not in found.latents
    assert (found.activations.max(0) > 0).all()


def test_mean_activation_of_each_text(gpt2, sae, store, f):
    results = analyze_feature_activations(gpt2, sae, [TEXTS[0], TEXTS[7]], HOOK, top_k=4)
    for document, (latents, means) in zip((0, 7), results, strict=True):
        expected = f[store.document_ids == document].mean(0)
        np.testing.assert_allclose(means, np.sort(expected)[::-1][:4], rtol=1e-2)
        np.testing.assert_allclose(means, expected[latents], rtol=1e-2)


def test_ignored_and_silent_latents_have_no_mean_activation(gpt2, sae):
    ((everything, means),) = analyze_feature_activations(gpt2, sae, [TEXTS[0]], HOOK, top_k=6)
    ((rest, rest_means),) = analyze_feature_activations(
        gpt2, sae, [TEXTS[0]], HOOK, top_k=4, ignore=everything[[0, 2]]
    )
    assert rest.tolist() == np.delete(everything, [0, 2]).tolist()
    np.testing.assert_array_equal(rest_means, np.delete(means, [0, 2]))
    ((found, means),) = analyze_feature_activations(gpt2, sae, ["a"], HOOK, top_k=1000)
    assert 7 not in found and 0 < len(found) < D_SAE and (means > 0).all()


# -------------------------------------------------------------------------------------------- contexts


def test_contexts_are_the_strongest_rows_one_per_document(tokenizer, sae, store, f):
    usage = analyze_feature_usage(sae, store, top_n=len(store))
    checked = 0
    for latent in range(D_SAE):
        contexts = top_contexts(tokenizer, sae, store, usage, latent, n=4, width=3)
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
    usage = analyze_feature_usage(sae, part)
    latent = int(np.argmax(usage.density))
    contexts = top_contexts(tokenizer, sae, part, usage, latent)
    assert contexts
    assert {context.document for context in contexts} <= set(part.document_ids.tolist())
    for context in contexts:
        assert context.activations[context.centre] == context.activations.max()


def test_a_context_with_the_same_tokens_is_listed_once(tokenizer, sae):
    text = [5, 6, 7, 8]
    rows = torch.randn(4, 32, generator=torch.Generator().manual_seed(0)).repeat(3, 1)
    rows[8:] *= 0.9  # the third document is another text with the weakest rows
    store = ActivationStore(rows, np.array(text * 2 + [9, 10, 11, 12]), np.repeat([0, 1, 2], 4), {})
    usage = analyze_feature_usage(sae, store)
    on = np.flatnonzero(usage.top_rows[:, 2] >= 0)
    assert len(on)
    for latent in on:
        contexts = top_contexts(tokenizer, sae, store, usage, int(latent))
        assert len({tuple(context.tokens) for context in contexts}) == len(contexts) <= 2


def test_a_dead_latent_has_no_contexts(tokenizer, sae, store):
    assert top_contexts(tokenizer, sae, store, analyze_feature_usage(sae, store), 7) == []


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


@pytest.mark.parametrize("batch", [10, 4096])
def test_token_statistics_equal_a_count_by_hand(sae, store, f, monkeypatch, batch):
    monkeypatch.setattr(metrics, "BATCH", batch)
    labels = np.array([0, 1, 2, 0, 1, 3, 0, 3])
    got = token_statistics(sae, store, labels)
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


def test_token_statistics_of_a_split_view_keep_the_documents_labels(sae, store):
    labels = np.arange(len(TEXTS))
    _, part = store.split_by_document(0.5, seed=2)
    got = token_statistics(sae, part, labels)
    assert set(got.topic[got.n_active > 0]) <= set(part.document_ids.tolist())


def test_a_dead_latent_has_no_statistics(sae, store):
    got = token_statistics(sae, store, np.zeros(len(TEXTS), dtype=int))
    assert (got.n_active[7], got.token[7], got.token_share[7], got.early_share[7]) == (0, -1, 0, 0)


def test_a_topic_does_not_win_by_having_more_rows(store):
    """A latent that is on everywhere alike has equal shares of all topics, however many rows they have."""
    sae = SparseAutoencoder(SAEConfig(32, 1, "relu"))
    sae.W_enc.data.zero_()
    sae.b_enc.data.fill_(1.0)
    labels = np.array([0, 0, 0, 0, 0, 0, 0, 1])
    got = token_statistics(sae, store, labels)
    assert got.topic_share == pytest.approx(0.5)


def test_an_autoencoder_with_nothing_on_has_no_statistics(store):
    sae = SparseAutoencoder(SAEConfig(32, 1, "relu"))
    sae.b_enc.data.fill_(-1000)
    got = token_statistics(sae, store, np.zeros(len(TEXTS), dtype=int))
    assert not got.n_active.any()
    assert not got.token_share.any()


def test_labels_may_be_a_list(sae, store):
    labels = [0, 1, 2, 0, 1, 3, 0, 3]
    got, expected = token_statistics(sae, store, labels), token_statistics(sae, store, np.array(labels))
    np.testing.assert_array_equal(got.topic, expected.topic)


def test_too_few_labels_are_named(sae, store):
    with pytest.raises(ValueError, match="labels has 3 entries, but the store has document 7"):
        token_statistics(sae, store, np.array([0, 1, 2]))


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


# ---------------------------------------------------------------------------------------------- logits


def test_logit_effects_are_the_product_with_the_unembedding(gpt2, sae, tokenizer):
    unembedding = gpt2.original_model.lm_head.weight.detach().T  # [d_model, vocabulary]
    effects = sae.W_dec[3].detach() @ unembedding
    effects = effects - effects.mean()
    raised, lowered = logit_effects(gpt2, sae, 3, n=5)
    order = effects.argsort(descending=True)
    assert [token for token, _ in raised] == [tokenizer.decode([int(i)]) for i in order[:5]]
    assert [token for token, _ in lowered] == [tokenizer.decode([int(i)]) for i in order.flip(0)[:5]]
    assert [value for _, value in raised] == pytest.approx(effects[order[:5]].tolist(), rel=1e-4)
    assert [value for _, value in lowered] == pytest.approx(effects[order.flip(0)[:5]].tolist(), rel=1e-4)
    assert raised[0][1] > 0 > lowered[0][1]


# ---------------------------------------------------------------------------------------------- survey


@pytest.mark.parametrize("batch", [7, 4096])
def test_a_survey_is_usage_and_statistics_at_once(sae, store, f, monkeypatch, batch):
    monkeypatch.setattr(metrics, "BATCH", batch)
    labels = np.array([0, 1, 2, 0, 1, 3, 0, 3])
    survey = survey_features(sae, store, labels, top_n=5)
    alone = analyze_feature_usage(sae, store, top_n=5), token_statistics(sae, store, labels)
    for got, expected in zip((survey.usage, survey.statistics), alone, strict=True):
        for field in dataclasses.fields(expected):
            np.testing.assert_array_equal(getattr(got, field.name), getattr(expected, field.name))
    assert survey.n_rows == len(store)
    for latent in range(D_SAE):
        on = f[f[:, latent] > 0, latent]
        np.testing.assert_array_equal(survey.histogram[latent], np.histogram(on, HISTOGRAM_EDGES)[0])
        shares = shares_by_hand(store, f, labels, latent) if len(on) else {"token": {}, "previous": {}}
        for name, table in (("token", survey.token_shares), ("previous", survey.previous_shares)):
            expected = sorted(shares[name].values(), reverse=True)[: table.shape[1]]
            np.testing.assert_allclose(table[latent], np.pad(expected, (0, 8 - len(expected))), atol=1e-5)
    assert (survey.tokens[7] == -1).all() and (survey.sampled_rows[7] == -1).all()


def test_a_survey_draws_every_active_row_with_the_same_chance(sae, store, f):
    """Chance of a row over many seeds, for the busiest latent; the rows drawn are different and come by strength."""
    latent = int((f > 0).sum(0).argmax())
    active, m, seeds = np.flatnonzero(f[:, latent]), 10, 300
    drawn = [survey_features(sae, store, sample_n=m, seed=seed) for seed in range(seeds)]
    rows = np.stack([survey.sampled_rows[latent] for survey in drawn])
    assert all(len(set(some)) == m for some in rows)
    np.testing.assert_allclose(drawn[0].sampled_values[latent], f[rows[0], latent], rtol=1e-4)
    assert (np.diff(drawn[0].sampled_values, axis=1) <= 0).all()
    chances = np.bincount(rows.ravel(), minlength=len(store))[active] / seeds
    expected = m / len(active)
    assert abs(chances - expected).max() < 5 * (expected * (1 - expected) / seeds) ** 0.5
    again = survey_features(sae, store, sample_n=m, seed=0)
    np.testing.assert_array_equal(again.sampled_rows, drawn[0].sampled_rows)


def test_activations_beyond_the_histogram_fall_into_its_end_bins(store):
    sae = SparseAutoencoder(SAEConfig(32, 1, "relu"))
    sae.W_enc.data.zero_()
    sae.b_enc.data = torch.full((32,), 1.0)
    sae.b_enc.data[:3] = torch.tensor([1e-9, 1e9, 2.0])
    histogram = survey_features(sae, store).histogram
    filled = [np.flatnonzero(row).tolist() for row in histogram[:4]]
    assert filled[:2] == [[0], [len(HISTOGRAM_EDGES) - 2]]
    assert HISTOGRAM_EDGES[filled[2][0]] == 2.0 and HISTOGRAM_EDGES[filled[3][0]] == 1.0
    assert (histogram.sum(1) == len(store)).all()


def test_without_labels_a_survey_has_no_topics(sae, store):
    statistics = survey_features(sae, store).statistics
    assert (statistics.topic == -1).all() and (statistics.topic_share == 0).all()


def test_rare_pairs_are_forgotten_and_frequent_ones_kept():
    """With room for 200 of some 10,000 pairs, each latent's leading token keeps nearly all of its share."""
    rng = np.random.default_rng(0)
    sums, totals = _KeySums(capacity=200), np.zeros(4)
    for _ in range(600):
        latents = rng.integers(0, 4, 1000)
        tokens = np.where(rng.random(1000) < 0.3, latents, rng.integers(0, 2500, 1000))
        sums.add(latents, tokens, np.ones(1000))
        totals += np.bincount(latents, minlength=4)
    tokens, shares = sums.largest(totals, 1)
    assert len(sums.pairs) <= 200
    assert tokens[:, 0].tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(shares[:, 0], 0.3, atol=0.01)


def test_a_surveys_memory_does_not_grow_with_the_rows(monkeypatch):
    """NumPy's peak while four times as many rows go by; PyTorch's batches are of the same size."""
    monkeypatch.setattr(features, "WAITING_PAIRS", 2**14)  # the tables fill up within the smaller store
    sae = SparseAutoencoder(SAEConfig(32, 4, k=4), seed=0)
    rng = np.random.default_rng(0)

    def peak(n: int) -> int:
        rows = rng.standard_normal((n, 32), dtype=np.float32)
        made = ActivationStore(rows, rng.integers(0, 100, n), np.arange(n) // 50, {})
        labels = np.arange(n // 50) % 4
        tracemalloc.start()
        survey_features(sae, made, labels)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    assert peak(120_000) < 1.1 * peak(30_000)


def test_latents_that_are_on_together(store, sae, f):
    survey = survey_features(
        sae, store, sample_n=len(store)
    )  # all active rows are drawn, so the shares are exact
    latents = [int(i) for i in np.argsort(-survey.usage.density)[[0, 5, 20]]]
    for latent, found in coactive_latents(sae, store, survey, latents, n=4).items():
        rows = f[:, latent] > 0
        excess = (f[rows] > 0).mean(0) - (f > 0).mean(0)
        excess[latent] = -1
        assert [j for j, _ in found] and latent not in [j for j, _ in found]
        assert [excess[j] for j, _ in found] == pytest.approx(np.sort(excess)[::-1][: len(found)].tolist())
        assert [share for _, share in found] == pytest.approx([(f[rows, j] > 0).mean() for j, _ in found])
    assert coactive_latents(sae, store, survey, [7]) == {7: []}
