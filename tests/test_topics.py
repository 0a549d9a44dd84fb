"""Topics: sentences are cut from texts, and a mean difference is that of sentences with the words and without."""

import pytest
import torch

from sae_tutorial.activations.collect import run_to_hook
from sae_tutorial.effects.topics import TOPICS, mean_difference_of_topic, sentences
from sae_tutorial.sae.pretrained import pretrained_gallery

HOOK = "blocks.1.hook_mlp_out"
WITH = "The spider sat under the old bridge and waited there for the evening rain."
WITHOUT = "The teacher sat under the old bridge and waited there for the evening rain!"


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def model(request):
    return request.getfixturevalue(request.param)


def test_sentences_are_neither_fragments_nor_paragraphs():
    assert sentences([f"Too short. {WITH} {WITHOUT}", "word " * 100 + "."]) == [WITH, WITHOUT]


@torch.no_grad()
def test_a_topics_direction_is_the_difference_of_mean_rows(model):
    found = mean_difference_of_topic(model, HOOK, [WITH, WITHOUT], "spider spiders", n_each=1)
    rows = [run_to_hook(model, model.to_tokens([text]), HOOK)[0, 1:].mean(0) for text in (WITH, WITHOUT)]
    torch.testing.assert_close(found, rows[0] - rows[1], rtol=1e-3, atol=1e-4)


def test_too_few_sentences_are_refused(model):
    with pytest.raises(ValueError, match="1 sentences of a kind, 2 are needed"):
        mean_difference_of_topic(model, HOOK, [WITH, WITHOUT], "spider", n_each=2)


def test_every_topics_latent_was_described_by_readers():
    described = {row["latent"] for row in pretrained_gallery()["SAE"]}
    assert {topic.latent for topic in TOPICS.values()} <= described
    assert all(topic.words == topic.words.lower() for topic in TOPICS.values())
