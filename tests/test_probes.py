"""Probes see activations of the right layer and position, and score on documents they were not fitted on."""

import numpy as np
import pytest
import torch
from conftest import TEXTS
from scipy.sparse import csc_array, csr_array

from sae_tutorial.features.probes import (
    activations_of_every_layer,
    document_cosines,
    document_means,
    probe_accuracy,
)


@pytest.mark.parametrize("hook", ["hook_mlp_out", "hook_resid_post"])
def test_rows_are_what_single_passes_give(gpt2, tokenizer, hook):
    positions, hooks = (2, 5, 9), ("hook_mlp_out", "hook_resid_post")
    found, texts = activations_of_every_layer(gpt2, TEXTS, positions=positions, hooks=hooks)
    assert set(found) == set(hooks)
    x = found[hook]
    ids = [
        [0, *tokenizer(t, add_special_tokens=False, split_special_tokens=True)["input_ids"]] for t in TEXTS
    ]
    kept = [i for i in range(len(TEXTS)) if len(ids[i]) > 9]
    assert 1 < len(kept) < len(TEXTS)
    assert texts.tolist() == [i for i in kept for _ in positions]
    assert x.shape == (3, len(texts), 32)
    for layer in range(3):
        name = f"blocks.{layer}.{hook}"
        with torch.inference_mode():
            expected = [
                gpt2.run_with_cache(torch.tensor([ids[i]]), names_filter=name)[1][name][0] for i in kept
            ]
        for row, (document, position) in enumerate((d, p) for d in range(len(kept)) for p in positions):
            np.testing.assert_allclose(x[layer, row], expected[document][position], atol=1e-4)


def separable(noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """60 documents of 5 rows in 3 classes, told apart by a direction each, plus an offset per document."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(60) % 3)
    documents = np.repeat(np.arange(60), 5)
    x = 4 * np.eye(3, 20)[labels[documents]] + generator.normal(size=(300, 20)) * noise
    return x.astype(np.float32), documents, labels


def test_a_label_that_is_there_is_found_and_a_shuffled_one_is_not():
    x, documents, labels = separable(0.5)
    assert probe_accuracy(x, documents, labels) > 0.95
    assert probe_accuracy(x, documents, labels, shuffle=True) < 0.6


def test_the_largest_class_is_worth_no_more_than_any_other():
    """Nine documents in ten are of one class, and the rows say nothing: a coin, not nine in ten."""
    labels = np.array([0] * 54 + [1] * 6)
    documents = np.repeat(np.arange(60), 5)
    nothing = np.zeros((300, 4), dtype=np.float32)
    scores = [probe_accuracy(nothing, documents, labels, seed=seed) for seed in range(8)]
    assert set(scores) <= {0.0, 0.5, 1.0} and 0.4 <= np.mean(scores) <= 0.6


def test_rows_of_one_document_are_never_on_both_sides():
    """With a signature per document and labels at random, only a leak could beat chance."""
    generator = np.random.default_rng(0)
    documents = np.repeat(np.arange(60), 5)
    x = (10 * generator.normal(size=(60, 100))[documents] + generator.normal(size=(300, 100))).astype(
        np.float32
    )
    scores = [probe_accuracy(x, documents, generator.integers(0, 2, 60), seed=seed) for seed in range(8)]
    assert np.mean(scores) == pytest.approx(0.5, abs=0.12)


def test_the_seed_decides_the_split():
    x, documents, labels = separable(6.0)
    scores = [probe_accuracy(x, documents, labels, seed=seed) for seed in (0, 0, 1, 2)]
    assert scores[0] == scores[1]
    assert len(set(scores)) > 1


@pytest.mark.parametrize("positions", [(2, 64), (-1, 3), (100,)])
def test_positions_that_the_model_does_not_have_are_refused(gpt2, positions):
    with pytest.raises(ValueError, match="positions must lie between 0 and 63, got"):
        activations_of_every_layer(gpt2, TEXTS, positions=positions)


def test_lists_and_tensors_are_taken_and_labels_that_are_no_classes_of_documents_refused():
    x, documents, labels = separable(0.5)
    expected = probe_accuracy(x, documents, labels)
    assert probe_accuracy(torch.from_numpy(x), documents.tolist(), labels.tolist()) == expected
    for wrong in (labels - 1, labels[documents], labels[:50], labels.astype(str)):
        with pytest.raises(ValueError, match="labels"):
            probe_accuracy(x, documents, wrong)


def test_means_of_documents_are_those_of_their_rows_dense_or_sparse():
    rows, documents = np.random.default_rng(0).normal(size=(9, 4)), np.array([2, 0, 0, 2, 2, 0, 4, 4, 2])
    means = document_means(rows, documents, 6)
    for document in (0, 2, 4):
        np.testing.assert_allclose(means[document], rows[documents == document].mean(0))
    assert not means[[1, 3, 5]].any()
    for sparse in (csr_array(rows), csc_array(rows)):
        np.testing.assert_allclose(document_means(sparse, documents, 6), means)


def test_cosines_of_documents_are_of_means_without_what_is_common_to_all():
    rows = np.array([[9.0, 1.0], [11.0, 1.0], [10.0, -1.0], [12.0, 0.0], [8.0, 0.0]])
    cosine = document_cosines(rows, np.array([0, 0, 1, 2, 3]), 4)  # means (10, 1), (10, -1), (12, 0), (8, 0)
    expected = [[1, -1, 0, 0], [-1, 1, 0, 0], [0, 0, 1, -1], [0, 0, -1, 1]]
    np.testing.assert_allclose(cosine, expected, atol=1e-9)
