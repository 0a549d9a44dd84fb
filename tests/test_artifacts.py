"""What notebooks share is made once, from the same settings, and found again."""

import shutil
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
    judge_texts,
    lab_activations,
    lab_sae,
    lab_sae_config,
    lab_train_config,
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


def test_what_an_interrupted_collection_left_is_collected_again(lab):
    hooks = ["blocks.0.hook_mlp_out", "blocks.1.hook_resid_post"]
    whole = {hook: store[:] for hook, store in collected_once(lab, "some", TEXTS[:4], hooks).items()}
    directory = lab.artifact("some", texts=TEXTS[:4], hooks=hooks)
    shutil.rmtree(directory / hooks[1])
    (directory / f".{hooks[1]}.part").mkdir()  # a killed kernel's
    again = collected_once(lab, "some", TEXTS[:4], hooks)
    assert all(torch.equal(again[hook][:], whole[hook]) for hook in hooks)


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


def test_texts_to_judge_are_of_unseen_articles_and_the_others_are_not(lab):
    texts, groups = [f"text {i}" for i in range(40)], np.repeat(np.arange(8), 5)
    found = judge_texts(replace(lab, texts=texts, groups=groups), [2, 6], n_each=3)
    assert found.texts == [
        f"text {i}" for i in [*range(10), 10, 11, 12, 30, 31, 32]
    ]  # a quarter of 40, then three each
    assert (found.article[found.unseen] == [2, 2, 2, 6, 6, 6]).all() and not found.unseen[:10].any()
