"""Training from a store that the system's cache does not hold, against the same rows in memory.

A store larger than memory is one of which every row has to come from the disk again in each epoch. So the run is one
epoch over a file that was dropped from the cache, and a hundred times during it, what the system read ahead
of us is dropped as well. (What a process has mapped stays: of that, this run reads nothing twice.)
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.report import Row, note, spread
from benchmarks.training_speed import D_IN
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, TrainConfig
from sae_tutorial.sae.training import train_sae

N_ROWS, BATCH, TURNS = 270_000, 1024, 2  # rows for two pools and a bit of `sae_tutorial.activations.batches`


def run(quick: bool) -> list[Row]:
    """Seconds of an epoch from either, in turns."""
    if not hasattr(os, "posix_fadvise"):
        note("stores: this system's cache cannot be emptied by a program; left out")
        return []
    n, turns = (N_ROWS // 2, 1) if quick else (N_ROWS, TURNS)
    with tempfile.TemporaryDirectory(dir=".") as directory:  # /tmp may be memory
        file = Path(directory) / "activations.npy"
        note(f"stores: writing {n:,} rows")
        _write(file, n)
        in_memory = torch.from_numpy(np.load(file).astype(np.float32))
        seconds: dict[str, list[float]] = {"disk": [], "memory": []}
        for turn in range(turns):
            note(f"stores: turn {turn + 1} of {turns}")
            seconds["disk"].append(_epoch_from_disk(file, n))
            seconds["memory"].append(_epoch(in_memory, n, lambda _: None))
        size = file.stat().st_size / 1e6
    rates = {name: n / statistics.mean(times) for name, times in seconds.items()}
    ratios = [memory / disk for disk, memory in zip(*seconds.values(), strict=True)]
    what = (
        f"TopK training, k = 32, {D_IN} x 8, batch {BATCH}, from a store of {size:,.0f} MB that is not cached"
    )
    return [
        Row(
            f"{what}, against the same rows in memory",
            f"{rates['disk']:,.0f} tokens/s",
            f"{rates['memory']:,.0f} tokens/s",
            rates["disk"] / rates["memory"],
            *spread(ratios),
            at_least=0.9,
        )
    ]


def _write(file: Path, n: int) -> None:
    rows = np.lib.format.open_memmap(file, "w+", dtype=np.float16, shape=(n, D_IN))
    generator = np.random.default_rng(0)
    for first in range(0, n, 10_000):
        rows[first : first + 10_000] = generator.standard_normal((min(10_000, n - first), D_IN), np.float32)
    rows.flush()


def _forget(file: Path) -> None:
    """Drop the file's pages from the system's cache, except those that a process has mapped."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _epoch_from_disk(file: Path, n: int) -> float:
    _forget(file)
    ids = np.zeros(n, dtype=np.int32)
    store = ActivationStore(np.load(file, mmap_mode="r"), ids, ids, {})
    return _epoch(store, n, lambda _: _forget(file))


def _epoch(rows: ActivationStore | torch.Tensor, n: int, on_log: object) -> float:
    start = time.perf_counter()
    train_sae(
        SparseAutoencoder(SAEConfig(D_IN, k=32)), rows, TrainConfig(n, BATCH), on_log=on_log, progress=False
    )
    return time.perf_counter() - start


if __name__ == "__main__":
    print(run(quick=False))
