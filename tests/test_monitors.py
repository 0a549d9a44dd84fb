"""A monitor is judged at the last piece of a name and at other tokens, on the same sentences in two languages."""

import numpy as np
import pytest
import torch

from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.features.intervals import Interval
from sae_tutorial.features.monitors import (
    NAMES,
    SENTENCES,
    country_sentences,
    last_pieces,
    share_of,
    watched_rows,
)
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig

HOOK = "blocks.1.hook_mlp_out"
TEXTS = ["The cup final was in Zürich on Friday night.", "Zürich, and Zürich again.", "Stocks fell."]


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def model(request):
    return request.getfixturevalue(request.param)


def test_the_last_piece_of_each_name_within_its_document():
    labels = np.array([0, 1, 1, 0, 1, 1, 0, 1], dtype=bool)
    documents = np.array([0, 0, 0, 0, 0, 1, 1, 1])
    assert last_pieces(labels, documents).tolist() == [False, False, True, False, True, True, False, True]


def test_both_languages_have_ten_countries_in_four_sentences():
    english, german = (country_sentences(language) for language in ("English", "German"))
    assert len(english) == len(german) == 40
    assert len(NAMES["German"].split("|")) == 10 and len(SENTENCES["German"]) == 4
    assert [text.count("France") for text in english[:5]] == [1, 1, 1, 1, 0] and "Italy" in english[4]
    assert all("Frankreich" in text for text in german[:4])


def test_what_is_judged_are_last_pieces_and_all_other_tokens(model, tmp_path):
    sae = SparseAutoencoder(SAEConfig(32, 4, k=6, tied_init=False))
    seen = watched_rows(model, sae, HOOK, TEXTS, "Zürich", directory=tmp_path / "watched", context_size=48)
    store = collect_activations(model, TEXTS, HOOK, directory=tmp_path / "all", context_size=48)
    pieces = {
        len(model.tokenizer(name, add_special_tokens=False)["input_ids"]) for name in ("Zürich", " Zürich")
    }
    assert min(pieces) > 1  # so that there are earlier pieces to leave out
    assert seen.is_name.sum() == 3 and np.bincount(seen.documents, seen.is_name, 3).tolist() == [1, 2, 0]
    assert all(model.tokenizer.decode([i]).endswith("h") for i in seen.token_ids[seen.is_name])
    assert len(store) - 3 * max(pieces) < len(seen.x) - 3 <= len(store) - 3 * min(pieces)
    assert len(seen.x) == seen.units.shape[0] == len(seen.token_ids)
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


def test_a_share_over_countries_and_sentences_draws_both():
    rings = np.tile([True, False, False, False], 10)  # one of four sentences, in every country
    every = np.ones(40, dtype=bool)
    found, as_grid = share_of(rings, every, np.arange(40), (10, 4)), Interval.of_grid(rings.reshape(10, 4))
    assert (found.value, found.high) == (as_grid.value, as_grid.high) and found.high > 0.6
    assert share_of(rings, every, np.arange(40)).high < 0.5
