"""A latent's name is made of the words in its strongest contexts, whole, and of the words that it raises."""

import numpy as np
import pytest
import torch

from sae_tutorial.features.contexts import Context
from sae_tutorial.features.latents import lifts, read_texts
from sae_tutorial.features.naming import Names, commonest_words, whole_word
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig

TEXTS = ["The bank said that profits would shrink.", "Goal! The cup final ended one to one."]
HOOK = "blocks.0.hook_resid_post"


def context(*tokens, centre):
    return Context(list(tokens), np.zeros(len(tokens), dtype=np.float32), centre, 0)


def test_a_piece_is_shown_in_its_word():
    assert whole_word(context(" the", " Lomb", "ardy", ",", centre=1)) == "[Lomb]ardy"
    assert whole_word(context(" the", " Lomb", "ardy", ".", centre=2)) == "Lomb[ardy]"
    assert whole_word(context(" in", " Rome", " and", centre=1)) == "Rome"
    assert whole_word(context(" in", " Rome", ",", centre=1)) == "Rome"


def test_the_commonest_words_come_first_and_among_equals_the_strongest():
    contexts = [context(word, centre=0) for word in (" a", " b", " c", " b")]
    assert commonest_words(contexts, 2) == ["b", "a"]


@pytest.fixture
def coders():
    return {
        0: SparseAutoencoder(SAEConfig(32, 2, k=4), seed=0),
        1: SparseAutoencoder(SAEConfig(32, 2, k=4), seed=1),
    }


def test_names_are_words_of_the_texts_and_of_the_vocabulary(gpt2, coders):
    seen = {layer: read_texts(gpt2, coder, TEXTS, HOOK) for layer, coder in coders.items()}
    names, latent = Names(gpt2, coders, seen), int(seen[1].n_active.argmax())
    words = names.on_at(1, latent, 2).split(", ")
    text = " ".join(TEXTS)
    assert 1 <= len(words) <= 2 and all(word.replace("[", "").replace("]", "") in text for word in words)
    assert len(names.contexts(1, latent, 1)) == 1
    raised = names.raises(1, latent, 2)
    assert all(word.isalpha() for word in raised.split(", ") if word)


def test_a_lift_is_how_much_more_often_than_by_chance(gpt2, coders):
    early, late = (read_texts(gpt2, coder, TEXTS, HOOK) for coder in coders.values())
    found, often = lifts(early, late, at_least=2)
    on = [torch.tensor(latents.matrix.toarray() > 0).double() for latents in (late, early)]
    i, j = np.argwhere(often)[0]
    share = float((on[0][:, i] * on[1][:, j]).mean() / on[0][:, i].mean() / on[1][:, j].mean())
    assert found[i, j] == pytest.approx(share)
    counts = np.minimum.outer(late.n_active, early.n_active)
    assert np.array_equal(often, counts >= 2)
