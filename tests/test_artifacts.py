"""What notebooks share is made once, from the same settings, and found again."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
import torch
from conftest import TEXTS

from sae_tutorial.course import artifacts
from sae_tutorial.course.artifacts import (
    collected_once,
    lab_activations,
    lab_sae,
    lab_sae_config,
    lab_train_config,
    quick_sae,
)
from sae_tutorial.lab.lab import Budget, Lab
from sae_tutorial.sae.coder import SparseAutoencoder

TINY = Budget("smoke", documents=8, train_tokens=2_000, sweep_tokens=500, probe_documents=4)


@pytest.fixture
def lab(gpt2, tmp_path, monkeypatch) -> Lab:
    """A lab whose context fits the tiny model."""
    collect = artifacts.collect_activations
    monkeypatch.setattr(artifacts, "collect_activations", lambda *a, **k: collect(*a, **k, context_size=64))
    return Lab(
        "offline", gpt2, TEXTS, np.zeros(len(TEXTS), dtype=int), 1, TINY, "cpu", tmp_path / "artifacts"
    )


def changed(directory: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in directory.rglob("*")}


def test_activations_are_collected_once_and_split_by_document(lab):
    train, test = lab_activations(lab)
    assert set(train.document_ids).isdisjoint(test.document_ids)
    assert set(train.document_ids) | set(test.document_ids) == set(range(len(TEXTS)))
    before = changed(lab.artifacts)
    again, _ = lab_activations(lab)
    assert changed(lab.artifacts) == before
    assert torch.equal(again[:], train[:])


def test_of_two_notebooks_side_by_side_the_second_waits_and_finds_it_made(lab, monkeypatch):
    collect, began = artifacts.collect_activations, []
    both = Barrier(2)

    def slowly(*a, **k):
        began.append(a)
        time.sleep(0.3)
        return collect(*a, **k)

    def notebook(_):
        both.wait()
        return lab_activations(lab)[0][:]

    monkeypatch.setattr(artifacts, "collect_activations", slowly)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(notebook, range(2))
    assert len(began) == 1 and torch.equal(one, other)


def test_hooks_are_collected_once_for_the_same_texts_and_anew_for_others(lab):
    hooks = ["blocks.0.hook_mlp_out", "blocks.1.hook_resid_post"]
    stores = collected_once(lab, "some", TEXTS[:4], hooks)
    before = changed(lab.artifacts)
    again = collected_once(lab, "some", TEXTS[:4], hooks)
    assert list(stores) == list(again) == hooks and changed(lab.artifacts) == before
    assert all(torch.equal(stores[hook][:], again[hook][:]) for hook in hooks)
    others = collected_once(lab, "some", TEXTS[4:8], hooks)
    assert len(others[hooks[0]]) != len(stores[hooks[0]]) or changed(lab.artifacts) != before


def test_activations_are_split_by_article(lab):
    _, test = lab_activations(replace(lab, groups=np.arange(len(TEXTS)) // 2))
    assert len({d // 2 for d in test.document_ids}) == 1 and len(set(test.document_ids)) == 2


def test_the_autoencoder_is_trained_once_on_the_training_documents(lab, monkeypatch):
    trained_on = []
    real = artifacts.train_sae

    def spy(sae, activations, config):
        trained_on.append(activations)
        return real(sae, activations, config)

    monkeypatch.setattr(artifacts, "train_sae", spy)
    first = lab_sae(lab)
    train, _ = lab_activations(lab)
    assert [np.array_equal(view.rows, train.rows) for view in trained_on] == [True]
    assert first.config == lab_sae_config(lab)
    assert first.metadata["hook_name"] == lab.hook_name
    assert not torch.equal(first.W_dec, SparseAutoencoder(first.config).W_dec)
    again = lab_sae(lab)
    assert len(trained_on) == 1
    assert torch.equal(again.W_enc, first.W_enc)


def test_settings_follow_the_budget(lab):
    assert lab_train_config(lab).total_tokens == TINY.train_tokens
    assert lab_sae_config(lab).d_in == lab.d_in
    assert lab_sae_config(lab).d_sae == 8 * lab.d_in


def test_a_stopped_collection_leaves_nothing_that_would_be_found(lab, monkeypatch):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(artifacts, "train_sae", stop)
        with pytest.raises(KeyboardInterrupt):
            lab_sae(lab)
    assert [path.name.split("-")[0] for path in lab.artifacts.glob("[!.]*")] == ["activations"]


def test_a_quick_autoencoder_reads_the_hook_asked_for_and_shares_no_document(lab):
    hook = "blocks.2.hook_resid_post"
    sae, train, test = quick_sae(lab, hook, TEXTS[3:])
    assert sae.metadata["hook_name"] == train.settings["hook_name"] == hook != lab.hook_name
    assert set(train.document_ids) | set(test.document_ids) == set(range(len(TEXTS) - 3))
    assert set(train.document_ids).isdisjoint(test.document_ids)
    assert sae.config.d_sae == 4 * 32 and not torch.equal(sae.W_dec, SparseAutoencoder(sae.config).W_dec)
    before = changed(lab.artifacts)
    again, _, _ = quick_sae(lab, hook, TEXTS[3:])
    assert changed(lab.artifacts) == before and torch.equal(again.W_dec, sae.W_dec)
