"""The gallery shows what is about a subject on articles that did not choose it; descriptions are tested fairly."""

import numpy as np
import pytest
from scipy.sparse import csc_array

from sae_tutorial.features import explanations
from sae_tutorial.features.explanations import (
    detection_task,
    marked_contexts,
    near_misses,
    spread_contexts,
)
from sae_tutorial.features.gallery import gallery
from sae_tutorial.features.latents import Latents

DOCUMENTS, LENGTH = 24, 60
LABELS = np.arange(DOCUMENTS) % 2
GROUPS = np.arange(DOCUMENTS) // 2 % 6 * 2 + LABELS  # an article has one class
HELD_OUT = GROUPS >= 6


def made(*columns: np.ndarray, seed: int = 0) -> Latents:
    f = np.stack(columns, axis=1).astype(np.float32)
    n = DOCUMENTS * LENGTH
    token_ids = np.random.default_rng(seed).integers(20, 90, n)
    return Latents(csc_array(f), token_ids, np.repeat(np.arange(DOCUMENTS), LENGTH), {}, n)


@pytest.fixture
def rows() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    document = np.repeat(np.arange(DOCUMENTS), LENGTH)
    sometimes = generator.random(len(document)) < 0.5
    label, held_out = LABELS[document], HELD_OUT[document]
    return {
        "class 1": sometimes * (label == 1),
        "mostly 1": sometimes * np.where(label == 1, 1.0, 0.5),
        "turns round": sometimes
        * (label == held_out),  # class 0 where it is chosen, class 1 where it is judged
        "one article": sometimes * np.where(held_out, GROUPS[document] == 7, 0.3 * (label == 1)),
        "everywhere": sometimes.astype(float),
    }


def test_what_is_specific_on_held_out_articles_comes_first(rows):
    found = gallery(made(*rows.values()), LABELS, GROUPS, HELD_OUT)
    by_name = {list(rows)[exhibit.latent]: exhibit for exhibit in found}
    assert [list(rows)[e.latent] for e in found] == ["class 1", "mostly 1", "everywhere", "turns round"]
    assert by_name["class 1"].specificity == pytest.approx(1)
    assert by_name["mostly 1"].specificity == pytest.approx(0.8, abs=0.03)
    assert by_name["everywhere"].specificity == pytest.approx(0.5, abs=0.06)
    assert by_name["turns round"].specificity == pytest.approx(0)


def test_a_latent_of_one_token_or_of_few_held_out_rows_is_left_out(rows):
    latents = made(rows["class 1"], rows["class 1"])
    latents.token_ids[np.flatnonzero(rows["class 1"])[: int(rows["class 1"].sum() * 0.3)]] = 5
    assert gallery(latents, LABELS, GROUPS, HELD_OUT) == []
    seldom = np.zeros(DOCUMENTS * LENGTH)
    seldom[np.flatnonzero(rows["class 1"] & HELD_OUT.repeat(LENGTH))[:40]] = 1
    assert gallery(made(seldom + rows["class 1"] * ~HELD_OUT.repeat(LENGTH)), LABELS, GROUPS, HELD_OUT) == []


def test_a_split_through_an_article_is_refused(rows):
    with pytest.raises(ValueError, match="held_out cuts through group 0"):
        gallery(made(rows["class 1"]), LABELS, GROUPS, np.arange(DOCUMENTS) < 12)
    with pytest.raises(ValueError, match="both sides need some"):
        gallery(made(rows["class 1"]), LABELS, GROUPS, np.zeros(DOCUMENTS))


@pytest.fixture
def spaced() -> Latents:
    """Latent 0 on at one row in sixty, latent 1 on beside it and at places of its own."""
    n = DOCUMENTS * LENGTH
    on, beside = np.zeros(n), np.zeros(n)
    on[20::60] = np.linspace(1, 9, DOCUMENTS)
    beside[20::120] = beside[50::60] = 1
    return made(on, beside)


def test_half_of_the_snippets_turn_the_latent_on_and_the_others_do_not(tokenizer, spaced, monkeypatch):
    shown = []
    monkeypatch.setattr(
        explanations, "contexts_around",
        lambda tokenizer, latents, latent, rows, width: shown.append(list(rows)) or [type("C", (), {"tokens": [str(r)]}) for r in rows],
    )  # fmt: skip
    task = detection_task(tokenizer, spaced, 0)
    assert (len(task.snippets), task.truth.sum()) == (10, 5)
    on, width = spaced.column(0)[0], explanations.WIDTH
    for row, true in zip(shown[0], task.truth, strict=True):
        assert (np.abs(on - row).min() <= width) == true
    # One of each fifth of the range.
    strength = spaced.matrix[:, [0]].toarray()[:, 0] / 9
    fifths = [min(int(strength[row] * 5), 4) for row, true in zip(shown[0], task.truth, strict=True) if true]
    assert sorted(fifths) == [0, 1, 2, 3, 4]
    # At least one of the others is where the rival is on.
    assert any(row in spaced.column(1)[0] for row, true in zip(shown[0], task.truth, strict=True) if not true)


def test_scores(tokenizer, spaced):
    task = detection_task(tokenizer, spaced, 0)
    assert task.score(task.truth) == 1
    assert task.score(~task.truth) == 0
    assert task.score([True] * 10) == task.score([False] * 10) == 0.5
    with pytest.raises(ValueError, match="10 predictions are needed, got 3"):
        task.score([True] * 3)


def test_a_latent_without_a_task_is_refused(tokenizer, spaced):
    n = DOCUMENTS * LENGTH
    with pytest.raises(ValueError, match="on at 2 rows"):
        detection_task(tokenizer, made(np.eye(1, n)[0] + np.eye(1, n, 50)[0]), 0)
    with pytest.raises(ValueError, match="nearly everywhere"):
        detection_task(tokenizer, made(np.ones(n)), 0)


def test_an_explainer_sees_the_tokens_that_are_on(tokenizer, spaced):
    found = marked_contexts(tokenizer, spaced, 0, n=2)
    assert len(found) == 4
    assert all(text.count("«") == 1 for _, text in found)
    assert min(share for share, _ in found[:2]) > max(share for share, _ in found[2:])


def test_an_explainer_of_the_whole_range_sees_faint_contexts_of_many_documents(tokenizer, spaced):
    found = spread_contexts(tokenizer, spaced, 0, n=2)
    shares = [share for share, _ in found]
    assert shares == sorted(shares, reverse=True)
    assert [sum(low <= share * 5 < low + 1 for share in shares) for low in range(4)] == [2, 2, 2, 2]
    assert len({text for _, text in found}) == len(found)


def test_near_misses_are_where_what_goes_with_the_latent_is_on_and_it_is_off(tokenizer, spaced, monkeypatch):
    shown = []
    monkeypatch.setattr(
        explanations, "contexts_around",
        lambda tokenizer, latents, latent, rows, width: shown.extend(rows) or [type("C", (), {"tokens": [str(r)]}) for r in rows],
    )  # fmt: skip
    assert len(near_misses(tokenizer, spaced, 0, n=5)) == 5
    on = spaced.column(0)[0]
    assert all(np.abs(on - row).min() > explanations.WIDTH for row in shown)
    assert set(shown) <= set(spaced.column(1)[0].tolist())
    assert len(set(spaced.document_ids[shown].tolist())) == 5
