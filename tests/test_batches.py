"""Every row once in an epoch, in an order that the seed decides, wherever one begins; and how a store is read."""

import itertools

import numpy as np
import pytest
import torch

from sae_tutorial.activations import batches
from sae_tutorial.activations.batches import shuffled_batches
from sae_tutorial.activations.store import ActivationStore

N = 1000


@pytest.fixture
def small_pools(monkeypatch) -> None:
    """Chunks of 8 rows, pools of 64: 1,000 rows make 16 pools, the last chunk being cut nowhere."""
    monkeypatch.setattr(batches, "CHUNK", 8)
    monkeypatch.setattr(batches, "POOL", 64)


def numbered(n: int = N) -> torch.Tensor:
    """Rows that hold their own number."""
    return torch.arange(n, dtype=torch.float32)[:, None]


def order(n: int, size: int, steps: range, seed: int = 0, **options) -> list[list[int]]:
    return [
        batch[:, 0].int().tolist()
        for (batch,) in shuffled_batches([numbered(n)], size, steps, seed, **options)
    ]


@pytest.mark.parametrize("n", [1000, 1001, 1007, 60, 7])
@pytest.mark.parametrize("size", [10, 30, 128])
def test_every_row_once_in_an_epoch(small_pools, n, size):
    steps = 5 * n // size
    seen = list(itertools.chain.from_iterable(order(n, size, range(steps))))
    assert len(seen) == steps * size
    counts = np.bincount(seen, minlength=n)
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("first", [1, 5, 33, 99, 100, 101, 299])
def test_a_run_that_goes_on_sees_what_it_would_have_seen(small_pools, first):
    assert order(N, 10, range(first, 300)) == order(N, 10, range(300))[first:]


def test_a_run_with_nothing_left_to_do_gets_nothing(small_pools, tmp_path):
    for rows in (numbered(), store(tmp_path)):
        for done in (100, 103):  # at the end of an epoch and within one
            assert list(shuffled_batches([rows], 10, range(done, done), 0)) == []


def test_seeds_and_epochs_differ(small_pools):
    first, second = order(N, 10, range(200)), order(N, 10, range(200), seed=1)
    assert first != second
    assert first[:100] != first[100:]
    assert first == order(N, 10, range(200))


def test_rows_that_fit_in_a_pool_are_simply_shuffled():
    rows = np.random.default_rng([3, 1]).permutation(N)[:100]
    assert order(N, 100, range(10, 11), seed=3) == [sorted(rows.tolist())]


def test_a_batch_of_a_large_store_comes_from_everywhere(monkeypatch):
    """Of 64 chunks of a pool of 512 rows, drawn from 12,500: neighbours are rare and all tenths are there."""
    monkeypatch.setattr(batches, "CHUNK", 8)
    monkeypatch.setattr(batches, "POOL", 512)
    for batch in order(100_000, 64, range(1000, 1008)):
        assert len(np.unique(np.array(batch) // 8)) > 30
        assert np.ptp(batch) > 80_000


def test_shares_of_a_batch_are_the_batch(small_pools):
    whole = order(N, 12, range(100))
    shares = [order(N, 12, range(100), share=slice(process, None, 3)) for process in range(3)]
    for batch, *parts in zip(whole, *shares, strict=True):
        assert [len(part) for part in parts] == [4, 4, 4]
        assert sorted(itertools.chain.from_iterable(parts)) == batch


class Recorder(np.ndarray):
    """Notes which rows are asked for, in order."""

    asked: list[np.ndarray] = []

    def __getitem__(self, index):
        if isinstance(index, np.ndarray):
            Recorder.asked.append(index)
        return np.asarray(self)[index]


def store(tmp_path, n: int = N) -> ActivationStore:
    np.save(tmp_path / "rows.npy", numbered(n).numpy())
    rows = np.load(tmp_path / "rows.npy", mmap_mode="r")
    ids = np.zeros(n, dtype=np.int32)
    return ActivationStore(rows.view(Recorder), ids, ids, {})


def test_a_store_is_read_in_stretches_before_its_rows_are_picked(small_pools, tmp_path):
    Recorder.asked.clear()
    from_store = [
        batch[:, 0].int().tolist() for (batch,) in shuffled_batches([store(tmp_path)], 10, range(230), 0)
    ]
    assert from_store == order(N, 10, range(230))
    read: set[int] = set()
    stretches = 0
    for rows in Recorder.asked:
        if len(rows) == 8 and np.ptp(rows) == 7:
            stretches += 1
            read.update(rows.tolist())
        elif len(rows) == 10:
            assert read.issuperset(rows.tolist())  # it was in the cache by then
    assert stretches >= 0.9 * 2300 / 8
