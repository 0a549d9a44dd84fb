"""The page of latents: places come back as the text they were found in, shares are of the largest activation."""

import json

import numpy as np
import pytest
from browser import visit
from bs4 import BeautifulSoup
from conftest import TEXTS
from test_dashboard import HOSTILE

import build_course
from sae_tutorial.course.look import shipped_examples
from sae_tutorial.features.contexts import Context, top_contexts
from sae_tutorial.features.examples import STRONGEST, Examples, find_examples, latents_of_text
from sae_tutorial.features.latents import Latents, read_latents
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig
from sae_tutorial.sae.pretrained import pretrained_sae
from sae_tutorial.show.look import lit_table, name_of, word_at, write_look

OWN = "The bank said on Friday that <b>stocks</b> fell."


@pytest.fixture(scope="module")
def sae() -> SparseAutoencoder:
    return SparseAutoencoder(SAEConfig(32, 2, k=6), seed=4)


@pytest.fixture(scope="module")
def latents(sae, store) -> Latents:
    return read_latents(sae, store)


@pytest.fixture(scope="module")
def examples(gpt2, sae, latents) -> Examples:
    return find_examples(gpt2, sae, latents, TEXTS, best=np.argsort(-latents.n_active)[:5])


@pytest.fixture(scope="module")
def own(gpt2, sae, examples):
    return latents_of_text(examples, gpt2, sae, OWN, top_k=6)


@pytest.fixture(scope="module")
def page(gpt2, examples, own, tmp_path_factory):
    path = tmp_path_factory.mktemp("look") / "look.html"
    return write_look(
        path, examples, gpt2.tokenizer, TEXTS, coder="<i>a</i> coder", credit="</script>", own=own,
        descriptions={int(own.latents[0]): "<b>money</b>"},
    )  # fmt: skip


def data_of(path) -> dict:
    return json.loads(BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").find(id="data").string)


def test_places_come_back_as_the_text_they_were_found_in(gpt2, latents, examples):
    seen = 0
    for latent in range(latents.d_sae):
        expected = top_contexts(gpt2.tokenizer, latents, latent, STRONGEST, width=16)
        found = examples.contexts(gpt2.tokenizer, TEXTS, latent)
        for there, back in zip(expected, found, strict=False):
            assert (there.tokens, there.centre, there.document) == (back.tokens, back.centre, back.document)
            np.testing.assert_allclose(back.activations, there.activations, rtol=1e-3)
            seen += 1
        assert all(context.activations[context.centre] > 0 for context in found)
    assert seen > latents.d_sae


def test_shares_are_of_the_largest_activation_anywhere(gpt2, examples):
    latent = int(examples.best[0])
    for place, context in zip(
        examples.places(gpt2.tokenizer, TEXTS, latent),
        examples.contexts(gpt2.tokenizer, TEXTS, latent),
        strict=True,
    ):
        np.testing.assert_allclose(
            place.activations * examples.largest[latent], context.activations, rtol=1e-5
        )
    assert examples.places(gpt2.tokenizer, TEXTS, latent)[0].activations.max() == pytest.approx(1, rel=1e-3)


def test_a_text_stands_once_under_each_latent_it_turns_on(gpt2, examples, own):
    shown = BeautifulSoup(lit_table(examples, gpt2.tokenizer, TEXTS, own).data, "html.parser")
    assert shown.get_text().count("stocks") >= len(shown.select("p")) > 1
    assert f"({own.activations[:, 0].max():.0%} of its maximum)" in shown.select("p")[0].get_text()


def test_examples_are_saved_and_other_texts_are_refused(examples, tmp_path):
    examples.save(tmp_path / "examples")
    again = Examples.load(tmp_path / "examples")
    assert again.settings == examples.settings
    for name in ("document", "first", "centre", "activations", "largest", "density", "raised", "best"):
        np.testing.assert_array_equal(getattr(again, name), getattr(examples, name))
    again.check_texts(TEXTS)
    with pytest.raises(ValueError, match="are not the 8 that the examples were found in"):
        again.check_texts(TEXTS[::-1])


def test_no_text_is_kept_with_the_examples(examples, tmp_path):
    examples.save(tmp_path / "examples")
    kept = b"".join(path.read_bytes() for path in (tmp_path / "examples").iterdir())
    assert not any(word.encode() in kept for word in ("Tuesday", "stocks", "replay"))


def test_a_text_s_latents_are_ranked_by_their_share_of_the_largest(examples, own):
    largest = own.activations.max(axis=0)
    assert 0 < len(own.latents) <= 6
    assert list(largest) == sorted(largest, reverse=True)
    assert largest[-1] > 0 and largest[0] <= 1
    assert (examples.density[own.latents] <= 0.1).all()


@pytest.mark.parametrize(
    ("tokens", "centre", "word"),
    [([" the", " Sat", "urn", " ro", "cket"], 2, "Saturn"), (["Zür", "ich", ","], 0, "Zürich"), ([" a", ".", " b"], 1, "."), ([""], 0, "")],
)  # fmt: skip
def test_a_latent_is_named_by_whole_words(tokens, centre, word):
    assert word_at(tokens, centre) == word
    twice = [Context(tokens, np.ones(len(tokens)), centre, 0)] * 2
    assert name_of(twice) == word


def test_a_context_begins_with_its_sentence(gpt2, examples, page):
    for card in data_of(page)["own"] + data_of(page)["best"]:
        for line in card["strongest"] + card["random"]:
            assert len(line["tokens"]) == len(line["shares"]) and 0 <= line["centre"] < len(line["tokens"])
            assert 0 < line["shares"][line["centre"]] <= 1


def test_it_loads_nothing_and_text_stays_text(page):
    text = page.read_text(encoding="utf-8")
    assert build_course.loaded_from_outside(text) == []
    soup = BeautifulSoup(text, "html.parser")
    assert len(soup.find_all("script")) == 2 and soup.find_all(["b", "i"]) == []


def test_in_a_browser_a_word_chooses_its_latents(page, own):
    cards = "document.querySelectorAll('#own-cards article').length"
    press = "document.dispatchEvent(new KeyboardEvent('keydown', {{key: '{}'}}))"
    values, heard = visit(
        page, cards, "(document.querySelectorAll('#text span')[2].focus(), 0)", cards,
        press.format("Escape"), cards, press.format("j"), "document.activeElement.id",
        "document.querySelectorAll('#best-cards article').length",
    )  # fmt: skip
    assert heard == []
    assert values[0] == values[4] == len(own.latents)
    assert values[2] == (own.activations[2] > 0).sum()
    assert values[6] == f"latent-{own.latents[0]}"
    assert values[7] >= 1


def test_words_are_a_card_s_heading_and_a_description_stands_under_it(page):
    (heads, described), heard = visit(
        page,
        "[...document.querySelectorAll('#own-cards h3')].map((head) => head.textContent)",
        "[...document.querySelectorAll('#own-cards article')].map((card) => card.textContent.includes('<b>money</b>'))",
    )
    assert heads == [card["words"] for card in data_of(page)["own"]] and heard == []
    assert described == [True] + [False] * (len(described) - 1)


def test_the_package_holds_examples_of_its_coder():
    sae = pretrained_sae()
    examples = shipped_examples(sae)
    assert len(examples.best) >= 35 and examples.document.shape[0] == sae.config.d_sae
    other = SparseAutoencoder(SAEConfig(32, 2, k=6), seed=4)
    with pytest.raises(
        ValueError, match=r"holds no examples of this autoencoder; make them with scripts/pretrain"
    ):
        shipped_examples(other)


def test_hostile_words_are_shown_as_they_are(gpt2, examples, tmp_path):
    path = write_look(
        tmp_path / "x.html", examples, gpt2.tokenizer, TEXTS, coder=HOSTILE[0], credit=HOSTILE[3]
    )
    (title,), heard = visit(path, "document.title")
    assert (title, heard) == ("Latents to look at", [])


def test_a_text_s_first_token_ranks_no_latent(gpt2, sae, examples):
    """Latents of a text's beginning are on at its first token whatever it says."""
    for text in [text for text in TEXTS if len(text.split()) > 5][:30]:
        reached = latents_of_text(examples, gpt2, sae, text).activations[1:].max(axis=0)
        assert (reached > 0).all() and (np.diff(reached) <= 0).all()
