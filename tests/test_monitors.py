"""A monitor is judged at names as wholes and at other tokens."""

import numpy as np
import pytest
import torch

from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.features.intervals import Interval
from sae_tutorial.features.monitors import cost_of, judged_rows, share_of, watched_rows
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig

HOOK = "blocks.1.hook_mlp_out"
TEXTS = ["The cup final was in Zürich on Friday night.", "Zürich, and Zürich again.", "Stocks fell."]


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def model(request):
    return request.getfixturevalue(request.param)


def test_a_name_is_one_thing_within_its_document_and_has_the_highest_score_of_its_pieces(model, tmp_path):
    store = collect_activations(model, TEXTS, HOOK, directory=tmp_path / "all", context_size=48)
    labels = np.zeros(len(store), dtype=bool)
    first = np.searchsorted(
        store.document_ids, 1
    )  # a name at the end of one text, another at the start of the next
    labels[[1, 2, first - 2, first - 1, first, first + 1, first + 2]] = True
    seen = judged_rows(store, np.zeros((len(store), 1)), labels)
    assert seen.starts[seen.is_name].tolist() == [1, first - 2, first]
    assert seen.documents[seen.is_name].tolist() == [0, 0, 1]
    assert len(seen.starts) == len(store) - 4
    scores = np.arange(len(store), dtype=float)
    scores[1] = 99
    assert seen.highest(scores)[seen.is_name].tolist() == [99, first - 1, first + 2]
    assert seen.highest(scores)[~seen.is_name].tolist() == scores[~labels].tolist()


def test_texts_are_watched_by_a_rule(model, tmp_path):
    sae = SparseAutoencoder(SAEConfig(32, 4, k=6, tied_init=False))
    seen = watched_rows(model, sae, HOOK, TEXTS, "Zürich", directory=tmp_path / "watched", context_size=48)
    assert seen.is_name.sum() == 3 and np.bincount(seen.documents, seen.is_name, 3).tolist() == [1, 2, 0]
    assert seen.labels.sum() > 3  # the name has several pieces
    assert (
        len(seen.x) == seen.units.shape[0] == len(seen.token_ids) == len(seen.starts) + seen.labels.sum() - 3
    )
    with torch.no_grad():
        f = sae.encode(torch.from_numpy(seen.x)).numpy()
    np.testing.assert_allclose(seen.units.toarray(), f, rtol=1e-3, atol=1e-4)


def test_a_share_draws_texts_and_is_never_surer_than_independent_rows():
    documents = np.repeat(np.arange(8), 5)
    rows = np.arange(40) % 5 > 0
    rings = (documents < 4) & rows  # a text rings at all of its names or at none
    found, alone = share_of(rings, rows, documents), Interval.of_share(16, 32)
    assert found.value == 0.5 and found.low < alone.low - 0.05 and found.high > alone.high + 0.05
    never = share_of(np.zeros(40, dtype=bool), rows, documents)
    assert (never.value, never.low) == (0, 0) and never.high == Interval.of_share(0, 32).high
    assert share_of(rings.astype(float) - 1, np.ones(40, dtype=bool), documents).value == pytest.approx(-0.6)
    with pytest.raises(ValueError, match="no rows"):
        share_of(rings, np.zeros(40, dtype=bool), documents)


def test_a_cost_counts_misses_and_false_alarms_beside_a_monitor_that_is_silent():
    documents, is_name = np.repeat(np.arange(8), 5), np.arange(40) % 5 == 0
    assert cost_of(np.zeros(40, dtype=bool), is_name, documents, 3) == Interval(1, 1, 1)
    assert cost_of(is_name, is_name, documents, 3).value == 0
    alarm = is_name & (documents < 4) | (np.arange(40) == 39)
    found = cost_of(alarm, is_name, documents, 3)
    assert found.value == pytest.approx((3 * 4 + 1) / 24) and found.low < 0.3 < 0.8 < found.high
    assert cost_of(~is_name, is_name, documents, 3).value == pytest.approx(
        (24 + 32) / 24
    )  # worse than silence
    assert cost_of(alarm, is_name, documents, 3, less=alarm) == Interval(0, 0, 0)
    beside = cost_of(alarm, is_name, documents, 3, less=np.zeros(40, dtype=bool))
    assert (beside.value, beside.low) == (pytest.approx(found.value - 1), pytest.approx(found.low - 1))
