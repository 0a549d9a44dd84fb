"""What is known of every latent from one pass: its time beside encoding alone, its memory, and a dashboard afterwards.

On the offline lab: the course's autoencoder (576 -> 4,608, k = 32) and SmolLM2's activations, its documents read again
and again until there are enough tokens. Encoding alone and the whole pass take turns.
"""

import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import Row, note, spread
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.course.artifacts import lab_activations, lab_sae
from sae_tutorial.features.latents import Latents, analyze_feature_usage, read_latents
from sae_tutorial.features.statistics import feature_kinds, token_statistics
from sae_tutorial.lab.lab import open_lab
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.metrics import encode_in_batches
from sae_tutorial.show.dashboard import DEFAULT_LATENTS, write_dashboard

TOKENS, ROUNDS, DASHBOARD_SECONDS = 150_000, 3, 20


def run(quick: bool) -> list[Row]:
    """The pass against encoding alone, its memory against what it keeps, and the dashboard."""
    note("features: the lab's activations and autoencoder")
    lab = open_lab("offline", budget="quick", texts="news")
    sae, n_tokens = lab_sae(lab), TOKENS // (5 if quick else 1)
    store, labels = repeated(lab_activations(lab)[0], lab.labels, n_tokens)
    tracemalloc.start()  # sees what NumPy holds; PyTorch's batches are of the same size, however many rows there are
    latents = analysed(sae, store, labels)
    peak, kept = tracemalloc.get_traced_memory()[1], 8 * latents.matrix.nnz
    tracemalloc.stop()
    seconds = []
    for number in range(1 if quick else ROUNDS):
        note(f"features: round {number + 1}")
        latents, ours = timed(lambda: analysed(sae, store, labels))
        _, encoding = timed(lambda: [None for _ in encode_in_batches(sae, store, "encoding")])
        seconds.append((ours, encoding))
    note("features: the dashboard")
    with tempfile.TemporaryDirectory() as directory:
        path, dashboard = timed(
            lambda: write_dashboard(sae, latents, lab.model, Path(directory) / "page.html", labels=labels)
        )
        size = path.stat().st_size / 1e6
    ours, encoding = np.array(seconds).T
    what = f"{sae.config.d_sae:,} latents on {n_tokens:,} tokens"
    return [
        Row(
            f"the matrix of {what}, usage, token statistics and kinds, in one pass, against encoding alone",
            f"{ours.mean():.1f} s",
            f"{encoding.mean():.1f} s",
            ours.sum() / encoding.sum(),
            *spread(ours / encoding),
            at_most=2,
        ),
        Row(
            "peak memory of NumPy during that pass, against that of the matrix",
            f"{peak / 1e6:,.0f} MB",
            f"{kept / 1e6:,.0f} MB",
            peak / kept,
            at_most=3,
        ),
        Row(
            f"the dashboard of {DEFAULT_LATENTS} latents after that pass ({size:.1f} MB), against the time allowed",
            f"{dashboard:.1f} s",
            f"{DASHBOARD_SECONDS} s",
            dashboard / DASHBOARD_SECONDS,
            at_most=1,
        ),
    ]


def analysed(sae: SparseAutoencoder, store: ActivationStore, labels: np.ndarray) -> Latents:
    """Which latents are on where, once everything that is said of all of them has been asked."""
    latents = read_latents(sae, store)
    feature_kinds(analyze_feature_usage(latents), token_statistics(latents, labels))
    return latents


def repeated(store: ActivationStore, labels: np.ndarray, n_tokens: int) -> tuple[ActivationStore, np.ndarray]:
    """A store in memory of `n_tokens` rows, the documents of `store` over and over as new ones, and their labels."""
    times = -(-n_tokens // len(store))
    rows = np.asarray(store.activations[np.arange(len(store)) if store.rows is None else store.rows])
    documents = np.concatenate([store.document_ids + len(labels) * i for i in range(times)])
    made = (np.tile(rows, (times, 1)), np.tile(store.token_ids, times), documents)
    return ActivationStore(*(array[:n_tokens] for array in made), store.settings), np.tile(labels, times)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What `work` returns, and the seconds it took."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start
