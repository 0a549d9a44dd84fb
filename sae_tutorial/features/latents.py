"""Which latents are on at which token: one sparse matrix, made in one pass, on which everything else is a query.

A row of the matrix is a token, a column is a latent. It is kept column by column (SciPy's CSC), because most questions
are about one latent: where is it on, how strongly, at which words? What is off is not stored, so a latent that is on at
a token costs 8 bytes: a million tokens with 32 latents on at each are 256 MB.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.sparse import csc_array, csr_array, issparse
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.activations.collect import text_activations
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.metrics import check_width, encode_in_batches

MOST_ACTIVE = 2**27  # latents that are on, over all rows of one matrix: 1 GB of them
TEXT_TOKENS = 128  # of a text that is read on its own, BOS included


@dataclass(frozen=True)
class Latents:
    """Which latents are on at which token, and how strongly.

    Attributes:
        matrix: [rows, d_sae], float32, sorted; an entry is stored only where the latent is on.
        token_ids: [rows], the token of each row.
        document_ids: [rows], the index of the text that it is from; a text's rows lie side by side, in order.
        origin: the model and the hook that the rows are from, as the store's `origin` says.
        n_store_rows: rows of the store. More than `len(self)` if only a sample of its documents was read.
    """

    matrix: csc_array
    token_ids: Int[np.ndarray, " rows"]
    document_ids: Int[np.ndarray, " rows"]
    origin: dict[str, Any]
    n_store_rows: int

    def __len__(self) -> int:
        return self.matrix.shape[0]

    @property
    def d_sae(self) -> int:
        """The number of latents."""
        return self.matrix.shape[1]

    @property
    def n_active(self) -> Int[np.ndarray, " d_sae"]:
        """On how many rows each latent is on."""
        return np.diff(self.matrix.indptr)

    def column(self, latent: int) -> tuple[Int[np.ndarray, " active"], Float[np.ndarray, " active"]]:
        """The rows on which one latent is on, ascending, and its activations there.

        Raises:
            ValueError: there is no such latent.
        """
        if not 0 <= latent < self.d_sae:
            raise ValueError(
                f"there is no latent {latent}; this autoencoder has latents 0 to {self.d_sae - 1}."
            )
        where = slice(*self.matrix.indptr[latent : latent + 2])
        return self.matrix.indices[where], self.matrix.data[where]


def read_latents(sae: SparseAutoencoder, store: ActivationStore) -> Latents:
    """Encode every row of `store` once and keep the latents that are on.

    While it is made, the matrix takes twice its final memory. Where more than `MOST_ACTIVE` latents would be on (1 GB),
    a random sample of whole documents is read instead, as large as fits: `n_store_rows` then exceeds the number of rows.

    Raises:
        TypeError: `store` does not know its tokens and documents.
        ValueError: the store has another width than the autoencoder, or no rows.
    """
    if not isinstance(store, ActivationStore):
        raise TypeError(
            f"store must be an ActivationStore, which knows the token and the document of every row, got a "
            f"{type(store).__name__}; rows in memory become one by ActivationStore(rows, token_ids, document_ids, {{}})."
        )
    check_width(sae, store)
    n_rows, origin = len(store), dict(store.origin)
    if n_rows * sae.config.d_sae > MOST_ACTIVE:  # else all could be on
        some = store[:: max(1, n_rows // 2048)]
        expected = encoded(sae, some).nnz / len(some) * n_rows
        if expected > MOST_ACTIVE:
            _, store = store.split_by_document(MOST_ACTIVE / expected)
    return Latents(encoded(sae, store), store.token_ids, store.document_ids, origin, n_rows)


def encoded(sae: SparseAutoencoder, rows: ActivationStore | Float[Tensor, "rows d_in"]) -> csc_array:
    """What the autoencoder makes of every row, [rows, d_sae], as the sparse matrix of `Latents`.

    It computes in float32, also with an autoencoder in bf16 or fp16.
    """
    check_width(sae, rows)
    if sae.W_enc.dtype != torch.float32:
        sae = copy.deepcopy(sae).float()
    values, latents, counts = [], [], []
    for x, pairs in encode_in_batches(sae, rows, "reading latents"):
        on = pairs.values > 0
        values.append(pairs.values[on].cpu().numpy())
        latents.append(pairs.latents[on].int().cpu().numpy())
        counts.append(torch.bincount(pairs.positions[on], minlength=len(x)).cpu().numpy())
    # SciPy wants one type of integer for both; below `MOST_ACTIVE` 32 bits hold them.
    starts = np.append(0, np.concatenate(counts).cumsum()).astype(np.int32)
    by_row = csr_array((_joined(values), _joined(latents), starts), shape=(len(rows), sae.config.d_sae))
    return by_row.tocsc()


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """The parts end to end; they are let go, so that they and the copies of other parts are not held together."""
    joined = np.concatenate(parts)
    parts.clear()
    return joined


# ---------------------------------------------------------------------------------------------- usage


@dataclass(frozen=True)
class FeatureUsage:
    """How each latent is used over a set of rows.

    Attributes:
        density: [d_sae], share of rows on which the latent is on.
        mean_activation: [d_sae], mean over the rows on which it is on; 0 for a dead latent.
        max_activation: [d_sae].
    """

    density: Float[np.ndarray, " d_sae"]
    mean_activation: Float[np.ndarray, " d_sae"]
    max_activation: Float[np.ndarray, " d_sae"]

    @property
    def dead(self) -> np.ndarray:
        """True for latents that are off on every row."""
        return self.density == 0


def analyze_feature_usage(latents: Latents) -> FeatureUsage:
    """Density, mean and largest activation of every latent."""
    counts, starts = latents.n_active, latents.matrix.indptr[:-1]
    alive = counts > 0  # a column without entries has none to add up
    sums, largest = np.zeros(latents.d_sae), np.zeros(latents.d_sae, dtype=np.float32)
    if alive.any():
        sums[alive] = np.add.reduceat(latents.matrix.data, starts[alive], dtype=np.float64)
        largest[alive] = np.maximum.reduceat(latents.matrix.data, starts[alive])
    return FeatureUsage(counts / len(latents), sums / np.maximum(counts, 1), largest)


def find_top_features(
    usage: FeatureUsage, n: int = 10, lowest_density: float = 0.001, highest_density: float = 0.1
) -> Int[np.ndarray, " n"]:
    """The n latents of middling density with the strongest mean activation, strongest first.

    Latents that are nearly always on or nearly never say little about a text.
    """
    middling = (usage.density >= lowest_density) & (usage.density <= highest_density)
    order = np.argsort(-np.where(middling, usage.mean_activation, -1.0), kind="stable")
    return order[: min(n, int(middling.sum()))]


def coactive_latents(
    latents: Latents, chosen: Sequence[int], n: int = 6
) -> dict[int, list[tuple[int, float]]]:
    """For each of `chosen`, the latents that are on with it more often than elsewhere.

    Each comes with the share of the chosen latent's rows on which it is on too; the order is by that share minus its
    density over all rows.
    """
    chosen = list(chosen)
    on = csc_array(
        (np.ones_like(latents.matrix.data), latents.matrix.indices, latents.matrix.indptr),
        latents.matrix.shape,
    )
    together = (on.T @ on[:, chosen]).toarray().T  # rows on which both are on, [chosen, d_sae]
    share = together / np.maximum(latents.n_active[chosen], 1)[:, None]
    excess = share - latents.n_active / len(latents)
    excess[np.arange(len(chosen)), chosen] = -1  # it is always on with itself
    order = np.argsort(-excess, axis=1, kind="stable")[:, :n]
    return {
        int(latent): [(int(j), float(share[i, j])) for j in order[i] if excess[i, j] > 0]
        for i, latent in enumerate(chosen)
    }


def lifts(
    early: Latents, late: Latents, at_least: int = 20
) -> tuple[Float[np.ndarray, "late early"], Bool[np.ndarray, "late early"]]:
    """How many times as often as by chance two latents of two coders are on at one token.

    Returns:
        The lifts, and for which pairs both are on at least `at_least` times: of the others a lift says little.
    """
    on = [(latents.matrix > 0).astype(float) for latents in (late, early)]
    counts = [latents.n_active for latents in (late, early)]
    by_chance = np.outer(*counts) / len(early)
    often = np.minimum.outer(*counts) >= at_least
    return (on[0].T @ on[1]).toarray() / np.maximum(by_chance, 1e-12), often


def plain_blocks(latents: Latents, width: int = 256) -> Iterator[Float[Tensor, "rows width"]]:
    """The matrix as plain tensors, some latents at a time: all of them at once would fill the memory."""
    for first in range(0, latents.d_sae, width):
        yield torch.from_numpy(latents.matrix[:, first : first + width].toarray())


# ---------------------------------------------------------------------------------------------- texts


def read_texts(
    model: TransformerBridge, sae: SparseAutoencoder, texts: Sequence[str], hook_name: str
) -> Latents:
    """The latents of a few texts; of each the first 127 tokens, or as many as the model has positions for.

    Args:
        model: the language model.
        sae: trained on `hook_name` of that model.
        texts: none of them empty.
        hook_name: where the activations are read.
    """
    if isinstance(texts, str):
        raise TypeError("texts must be a list of strings, got one string; wrap it in a list.")
    context = min(TEXT_TOKENS, model.cfg.n_ctx)
    token_ids, rows = zip(*(text_activations(model, text, hook_name, context) for text in texts), strict=True)
    document_ids = np.repeat(np.arange(len(rows)), [len(ids) for ids in token_ids])
    matrix = encoded(sae, torch.cat(rows))
    return Latents(
        matrix, np.concatenate(token_ids), document_ids, {"hook_name": hook_name}, len(document_ids)
    )


def some_rows(
    units: csc_array | Float[np.ndarray, "rows units"], chosen: Bool[np.ndarray, " rows"]
) -> csc_array | Float[np.ndarray, "chosen units"]:
    """The chosen rows of a sparse or of a plain matrix."""
    return csc_array(units.tocsr()[np.flatnonzero(chosen)]) if issparse(units) else units[chosen]


def part_of(latents: Latents, chosen: Bool[np.ndarray, " rows"]) -> Latents:
    """What a dictionary's latents do at the chosen rows, such as those of held-out articles."""
    return replace(
        latents,
        matrix=some_rows(latents.matrix, chosen),
        token_ids=latents.token_ids[chosen],
        document_ids=latents.document_ids[chosen],
    )


def made_rarer(
    latents: Latents, counts: Sequence[int], keep: Callable[[Float[Tensor, " active"], int], Any]
) -> Latents:
    """The latents with fewer activations: `keep(activations, n)` leaves `n` of each latent's and puts 0 for the others.

    Args:
        latents: what is on where.
        counts: of each latent, on how many rows it may stay on; at least one is kept.
        keep: called with a latent's activations where it is on.
    """
    matrix = latents.matrix.copy()
    for (first, last), n in zip(pairwise(matrix.indptr), counts, strict=True):
        if last > first:
            n_kept = min(max(int(n), 1), int(last - first))
            matrix.data[first:last] = np.asarray(keep(torch.from_numpy(matrix.data[first:last]), n_kept))
    matrix.eliminate_zeros()
    return replace(latents, matrix=matrix)
