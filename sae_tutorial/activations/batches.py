"""In which order training sees the rows, and how they are read from a store that is larger than memory.

    rows on disk    | chunk | chunk | chunk | chunk | ...        a chunk is 128 rows that lie side by side
    a pool          1,024 chunks from all over the data, their rows shuffled as a whole
    a batch         the next rows of the pool

Shuffling all rows at once would make a disk fetch every row on its own, a thousand times for a batch of a thousand.
A chunk is read in one go, and a pool is over a hundred batches, so that a batch still holds rows from everywhere.
Where all rows fit in one pool, this is a plain shuffle.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from sae_tutorial.activations.store import Activations

CHUNK, POOL = 128, 131_072  # rows


def shuffled_batches(
    sources: Sequence[Activations],
    batch_size: int,
    steps: range,
    seed: int,
    share: slice = slice(None),
    kept: Int[np.ndarray, " rows"] | None = None,
) -> Iterator[list[Float[Tensor, "batch width"]]]:
    """The batches of these training steps as float32, one tensor a source; each row once in an epoch.

    Args:
        sources: what to read; row i of each belongs together.
        batch_size: rows in a batch.
        steps: which batches of the whole run; a run that goes on begins later.
        seed: the order depends on it and on the epoch alone.
        share: which rows of each batch are wanted; the others are another process's.
        kept: the rows to draw from, ascending; None for all.
    """
    n = len(sources[0]) if kept is None else len(kept)
    pools = _pools(n, seed, steps.start * batch_size, steps.stop * batch_size)
    if kept is not None:
        pools = (kept[rows] for rows in pools)
    waiting = np.empty(0, dtype=np.int64)
    for rows in _read_ahead(sources, pools):
        waiting = np.concatenate([waiting, rows])
        while len(waiting) >= batch_size:
            batch, waiting = np.sort(waiting[:batch_size])[share], waiting[batch_size:]
            # Detached: rows that a language model was not told to forget would take gradients into it.
            yield [source[batch].detach().float() for source in sources]


def _pools(n: int, seed: int, start: int, stop: int) -> Iterator[Int[np.ndarray, " rows"]]:
    """Places `start` to `stop` of the endless shuffled order of n rows, at most a pool at a time."""
    n_chunks = -(-n // CHUNK)
    firsts = range(0, n_chunks, POOL // CHUNK)
    for epoch in range(start // n, -(-stop // n)):
        chunks = np.random.default_rng([seed, epoch, len(firsts)]).permutation(n_chunks)
        place = epoch * n
        for pool, first in enumerate(firsts):
            rows = np.sort(chunks[first : first + POOL // CHUNK])[:, None] * CHUNK + np.arange(CHUNK)
            rows = rows[rows < n]
            if place < stop and place + len(rows) > start:
                shuffled = np.random.default_rng([seed, epoch, pool]).permutation(rows)
                yield shuffled[max(start - place, 0) : stop - place]
            place += len(rows)


def _read_ahead(
    sources: Sequence[Activations], pools: Iterator[Int[np.ndarray, " rows"]]
) -> Iterator[Int[np.ndarray, " rows"]]:
    """The same pools, each read once, in order, by a thread while the one before is in use.

    Its rows then lie in the system's cache of the file, where single rows are as quick to reach as in memory.
    """
    on_disk = [source for source in sources if not isinstance(source, Tensor)]
    if not on_disk:
        yield from pools
        return

    def read(rows: Int[np.ndarray, " rows"]) -> Int[np.ndarray, " rows"]:
        ordered = np.sort(rows)
        for first in range(0, len(rows), CHUNK):
            for source in on_disk:
                source[ordered[first : first + CHUNK]]
        return rows

    with ThreadPoolExecutor(1) as thread:
        coming = None
        for rows in pools:
            ready, coming = coming, thread.submit(read, rows)
            if ready:
                yield ready.result()
        if coming:
            yield coming.result()
