"""Topics: sentences are cut from texts, and a mean difference is that of sentences with the words and without."""

import pytest
import torch

from sae_tutorial.activations.collect import run_to_hook
from sae_tutorial.effects.steering import added, random_directions
from sae_tutorial.effects.topics import TOPICS, mean_difference_of_topic, sentences, word_gains, word_ids
from sae_tutorial.sae.pretrained import pretrained_gallery
from sae_tutorial.transformer.edits import intervene
from sae_tutorial.transformer.heads import repeated_tokens
from sae_tutorial.transformer.stream import next_token_loss

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


def test_words_are_counted_where_they_are_one_token(tokenizer):
    ids = word_ids(tokenizer, "said that Zanzibar said")
    assert ids == sorted(ids) and [tokenizer.decode(i) for i in ids] == sorted(
        [" said", " that"], key=tokenizer.encode
    )


@torch.no_grad()
def test_a_words_gain_stands_beside_that_of_a_word_as_likely_before(model):
    tokens, pushes = repeated_tokens(model, 3, 5, seed=0), 3 * random_directions(2, 32)
    gains = word_gains(model, HOOK, tokens, torch.cat([pushes, torch.zeros(1, 32)]), "said")
    torch.testing.assert_close(gains[2], torch.zeros(3), atol=1e-5, rtol=0)
    (word,) = word_ids(model.tokenizer, "said")
    clean = model(tokens)
    likely = clean[:, 1:].softmax(-1).mean((0, 1))
    pieces = [model.tokenizer.decode(i) for i in range(len(likely))]
    free = [
        i for i, s in enumerate(pieces) if s.startswith(" ") and s[1:].isalpha() and len(s) > 3 and i != word
    ]
    partner = min(free, key=lambda i: abs(likely[i] - likely[word]))
    for push, gain in zip(pushes, gains, strict=False):
        with intervene(model, {HOOK: added(push)}):
            logits = model(tokens)
        risen = (logits.log_softmax(-1) - clean.log_softmax(-1))[:, 1:].mean((0, 1))
        worse = (next_token_loss(logits, tokens) - next_token_loss(clean, tokens))[:, 1:].mean()
        torch.testing.assert_close(
            gain, torch.stack([risen[word], risen[partner], worse]), rtol=1e-3, atol=1e-4
        )
