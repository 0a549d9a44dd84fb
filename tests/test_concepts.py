"""Labels fall on the right tokens, and scores equal what scikit-learn says of the same rows."""

import re

import numpy as np
import pytest
from conftest import TEXTS
from scipy.sparse import csc_array
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from sae_tutorial.features.concepts import (
    CONCEPTS,
    Detector,
    best_unit,
    f1_advantage,
    label_tokens,
    mean_f1_advantage,
    row_labels,
    score_detector,
    sparse_probe,
)


def words(tokenizer, texts, store, pattern) -> set[str]:
    """The labelled tokens as text, each row by itself."""
    labels = label_tokens(tokenizer, texts, store, pattern)
    return {tokenizer.decode([i]).strip() for i in store.token_ids[labels]}


def test_tokens_with_a_character_in_a_match_are_labelled(tokenizer, store):
    labels = label_tokens(tokenizer, TEXTS, store, "Friday")
    texts = {
        d: tokenizer.decode(store.token_ids[labels & (store.document_ids == d)]) for d in range(len(TEXTS))
    }
    with_friday = {d for d, text in enumerate(TEXTS) if "Friday" in text}
    assert {d for d, text in texts.items() if text} <= with_friday
    assert "Friday" in texts[7]
    assert len(texts[7]) <= len(" Friday") + 2


def test_characters_of_several_bytes_do_not_move_the_labels(tokenizer, store):
    assert "caf" in "".join(words(tokenizer, TEXTS, store, "naïve café"))
    assert not label_tokens(tokenizer, TEXTS, store, "zebra").any()
    every = label_tokens(tokenizer, TEXTS, store, r"(?s).+")
    assert every.all()


def test_texts_that_the_store_was_not_made_from_are_refused(tokenizer, store):
    with pytest.raises(ValueError, match=r"texts\[0\] has other tokens"):
        label_tokens(tokenizer, TEXTS[::-1], store, "a")


@pytest.mark.parametrize(
    ("concept", "text", "matches"),
    [
        ("a digit", "In 1987, 4 of 5", ["1", "9", "8", "7", "4", "5"]),
        ("a capitalised word", "She met Ann Lee in Rome. The end", ["Ann", "Lee", "Rome"]),
        ("a currency word", "He paid 5 dollars, then $6 and a pound of tea", ["dollars", "$"]),
        ("in a quotation", 'He said "come in" and left', ['"come in"']),
        ("a negation", "It isn't so, and no one knows another notion", ["n't", "no"]),
        ("a day", "On Monday, not Someday", ["Monday"]),
        ("a country", "From Chile to the United States and Chileans", ["Chile", "United States"]),
    ],
)
def test_each_concept_matches_what_its_name_says(concept, text, matches):
    assert [match.group() for match in re.finditer(CONCEPTS[concept], text)] == matches


def test_an_advantage_is_the_difference_of_f1_and_narrower_than_two_intervals():
    units, labels, documents = concept_rows()
    hard = documents < 20  # where every unit sees less
    units[hard] *= 0.3
    one, other = Detector(np.array([3]), 1.0), Detector(np.array([3]), 1.4)
    found = f1_advantage((one, units), (other, units), labels, documents)
    scores = [score_detector(detector, units, labels, documents).f1 for detector in (one, other)]
    assert found.value == pytest.approx(scores[0].value - scores[1].value)
    assert found.high - found.low < 0.8 * sum(score.high - score.low for score in scores)
    itself = f1_advantage((one, units), (one, units), labels, documents)
    assert (itself.value, itself.low, itself.high) == (0, 0, 0)


def test_the_mean_advantage_over_concepts_draws_the_same_documents_for_all():
    units, labels, documents = concept_rows()
    one, other = (Detector(np.array([3]), 1.0), units), (Detector(np.array([3]), 1.4), units)
    single = f1_advantage(one, other, labels, documents)
    both = mean_f1_advantage([(one, other, labels), (one, other, labels)], documents)
    assert (both.value, both.low, both.high) == pytest.approx((single.value, single.low, single.high))
    cancelled = mean_f1_advantage([(one, other, labels), (other, one, labels)], documents)
    assert (cancelled.value, cancelled.low, cancelled.high) == pytest.approx((0, 0, 0))
    with pytest.raises(ValueError, match="at least one concept"):
        mean_f1_advantage([], documents)


def concept_rows(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """600 rows of 40 documents; unit 3 is high with the concept, unit 5 low, the rest noise; a sixth have it."""
    generator = np.random.default_rng(seed)
    labels = generator.random(600) < 1 / 6
    units = generator.normal(size=(600, 8))
    units[:, 3] += 3.0 * labels
    units[:, 5] -= 1.5 * labels
    return units, labels, np.repeat(np.arange(40), 15)


@pytest.mark.parametrize("kind", [np.asarray, csc_array])
def test_the_best_unit_is_found_with_its_sign_and_threshold(kind):
    units, labels, _ = concept_rows()
    detector = best_unit(kind(units), labels)
    assert detector.units.tolist() == [3]
    assert detector.sign == 1
    units[:, 3] *= -1
    flipped = best_unit(kind(units), labels)
    assert (flipped.units.tolist(), flipped.sign) == ([3], -1)
    best = max(f1_score(labels, -units[:, 3] >= threshold) for threshold in -units[:, 3])
    assert f1_score(labels, flipped.scores(kind(units)) > flipped.threshold) == pytest.approx(best)


def test_rows_with_equal_scores_are_all_in_or_all_out():
    units = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 2.0])[:, None]
    labels = np.array([False, False, True, True, True, True])
    detector = best_unit(units, labels)
    assert detector.threshold == pytest.approx(0.5)


def test_scores_equal_scikit_learns():
    units, labels, documents = concept_rows()
    fresh, truth, _ = concept_rows(1)
    fresh[:, 3] = fresh[:, 3].round(1)  # ties
    detector = best_unit(units, labels)
    score = score_detector(detector, fresh, truth, documents)
    yes = fresh[:, 3] > detector.threshold
    assert score.f1.value == pytest.approx(f1_score(truth, yes))
    assert score.auroc.value == pytest.approx(roc_auc_score(truth, fresh[:, 3]))
    assert score.precision == pytest.approx(precision_score(truth, yes))
    assert score.recall == pytest.approx(recall_score(truth, yes))
    assert score.f1.low < score.f1.value < score.f1.high


def test_intervals_come_from_documents_not_from_rows():
    """The same rows as one document each and as 600: whoever counts rows as independent gets the narrower one."""
    units, labels, _ = concept_rows()
    labels = np.repeat(np.arange(40) % 4 == 0, 15)
    units[:, 3] = labels * 3.0 + np.repeat(np.random.default_rng(3).normal(size=40) * 2, 15)
    detector = best_unit(units, labels)
    by_document = score_detector(detector, units, labels, np.repeat(np.arange(40), 15)).auroc
    by_row = score_detector(detector, units, labels, np.arange(600)).auroc
    assert by_document.high - by_document.low > 2 * (by_row.high - by_row.low)


def test_a_probe_on_k_units_reads_only_those():
    units, labels, _ = concept_rows()
    probe = sparse_probe(csc_array(units), labels, 2)
    assert set(probe.units) == {3, 5}
    spoiled = units.copy()
    spoiled[:, [0, 1, 2, 4, 6, 7]] = 99
    np.testing.assert_allclose(probe.scores(spoiled), probe.scores(units))
    both = roc_auc_score(labels, probe.scores(units))
    assert both > max(roc_auc_score(labels, units[:, 3]), roc_auc_score(labels, -units[:, 5])) + 0.005


def test_without_k_every_unit_is_read():
    units, labels, _ = concept_rows()
    assert len(sparse_probe(units, labels).units) == 8


def test_a_shuffled_label_cannot_be_detected():
    units, labels, documents = concept_rows()
    shuffled = np.random.default_rng(1).permutation(labels)
    fresh, truth, _ = concept_rows(1)
    score = score_detector(sparse_probe(units, shuffled), fresh, truth, documents)
    assert abs(score.auroc.value - 0.5) < 0.2
    assert score_detector(sparse_probe(units, labels), fresh, truth, documents).auroc.low > 0.9


def test_one_kind_of_row_cannot_be_scored():
    units, _, documents = concept_rows()
    detector = Detector(np.array([3]), 0.0)
    with pytest.raises(ValueError, match="0 of 600 rows"):
        score_detector(detector, units, np.zeros(600, dtype=bool), documents)


@pytest.mark.parametrize(
    "labels", [[1, 0, 1], (True, False, True), np.array([1.0, 0.0, 1.0]), np.array([1, 0, 1], dtype=np.int8)]
)
def test_ones_and_zeros_of_any_kind_are_labels_of_rows(labels):
    assert row_labels(labels, 3).tolist() == [True, False, True]
    assert row_labels(labels, 3).dtype == bool


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1, -1, 1], "labels must be True or False for each row, got values such as .*-1"),
        ([0, 1, 2], "got values such as .*2"),
        (["yes", "no", "no"], "got values such as .*yes"),
        ([0.5, 0, 1], "got values such as .*0.5"),
        ([True, False], r"one entry for each of the 3 rows, got shape \(2,\); .* by labels\[document_ids\]"),
    ],
)
def test_labels_of_rows_that_are_neither_yes_nor_no_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        row_labels(labels, 3)


def test_every_detector_checks_its_labels():
    units, labels, documents = concept_rows()
    wrong = np.where(labels, 1, -1)
    detector = Detector(np.array([3]), 0.0)
    for work in (
        lambda y: best_unit(units, y),
        lambda y: sparse_probe(units, y, 2),
        lambda y: score_detector(detector, units, y, documents),
    ):
        with pytest.raises(ValueError, match="True or False"):
            work(wrong)
        work(labels.astype(int).tolist())
    expected = score_detector(detector, units, labels, documents)
    assert score_detector(detector, units, labels.astype(float), documents) == expected


def test_texts_that_are_too_few_or_no_list_are_refused(tokenizer, store):
    with pytest.raises(ValueError, match="texts has 3 entries, but the store has document 7"):
        label_tokens(tokenizer, TEXTS[:3], store, "a")
    with pytest.raises(TypeError, match="wrap it in a list"):
        label_tokens(tokenizer, "text", store, "a")
    expected = label_tokens(tokenizer, TEXTS, store, "a")
    np.testing.assert_array_equal(label_tokens(tokenizer, (text for text in TEXTS), store, "a"), expected)
