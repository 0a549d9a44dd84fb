"""Activations on disk, with the token and the document that each row came from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from sae_tutorial import storage

STORE_FILE, FORMAT = "store.json", 1
ARRAYS = ("activations", "token_ids", "document_ids")
STORE_FILES = (STORE_FILE, *(f"{name}.npy" for name in ARRAYS))


@dataclass(frozen=True)
class ActivationStore:
    """Activations on disk with the token and the document that each row came from.

    Rows lie in the order of the documents and of the tokens in them. Reading uses a memory map: opening is
    immediate, and only the rows asked for are loaded.

    Attributes:
        activations: [tokens, d_in], float16 on disk.
        token_ids: [tokens], the token at whose position the activation was read.
        document_ids: [tokens], the index of the text.
        settings: model_name, hook_name, context_size, prepend_bos, n_truncated.
        rows: the rows of the files that this store shows, ascending; None for all.
    """

    activations: np.ndarray
    token_ids: np.ndarray
    document_ids: np.ndarray
    settings: dict[str, Any]
    rows: np.ndarray | None = None

    @classmethod
    def open(cls, directory: str | Path) -> Self:
        """Open a store that `collect_activations` wrote.

        Raises:
            FileNotFoundError: there is no store.
            storage.DamagedFileError: files are cut short or do not fit each other.
        """
        directory = Path(directory)
        if not (directory / STORE_FILE).is_file():
            raise FileNotFoundError(
                f"{directory} holds no activation store; make one with collect_activations."
            )
        settings = storage.read_json(directory / STORE_FILE)
        if settings.get("format") != FORMAT:
            raise storage.DamagedFileError(
                f"{directory} has format {settings.get('format')!r}, not {FORMAT}."
            )
        try:
            arrays = [
                np.load(directory / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ARRAYS
            ]
        except (OSError, ValueError, EOFError) as error:
            raise storage.DamagedFileError(
                f"{directory} is damaged ({error}); delete and collect again."
            ) from error
        if [array.ndim for array in arrays] != [2, 1, 1] or len({len(array) for array in arrays}) != 1:
            raise storage.DamagedFileError(
                f"{directory}: its files do not fit each other ({[array.shape for array in arrays]}); "
                "delete and collect again."
            )
        return cls(arrays[0], np.asarray(arrays[1]), np.asarray(arrays[2]), settings)

    def __len__(self) -> int:
        return len(self.token_ids)

    @property
    def shape(self) -> tuple[int, int]:
        """(tokens, d_in)."""
        return len(self), self.activations.shape[1]

    @property
    def origin(self) -> dict[str, Any]:
        """The settings that say where the activations came from; an autoencoder's metadata."""
        return {key: self.settings[key] for key in self.settings if key not in ("format", "n_truncated")}

    def __getitem__(
        self, index: slice | Sequence[int] | Int[np.ndarray, " rows"]
    ) -> Float[Tensor, "rows d_in"]:
        """Rows as a float32 tensor in memory."""
        if self.rows is not None:
            index = self.rows[index]
        # A copy, also of float32: a tensor over the read-only map would crash when written to.
        return torch.from_numpy(np.array(self.activations[index], dtype=np.float32))

    def positions(self) -> Int[np.ndarray, " tokens"]:
        """Each token's place in its document, counting from 1 (place 0 is BOS, which is not stored)."""
        first_rows = np.unique(self.document_ids, return_index=True)[1]
        lengths = np.diff(np.append(first_rows, len(self)))
        return np.arange(len(self)) - np.repeat(first_rows, lengths) + 1

    def split_by_document(self, test_fraction: float = 0.1, seed: int = 0) -> tuple[Self, Self]:
        """Two stores, train and test, that share no document.

        Raises:
            ValueError: a side would be empty.
        """
        documents = np.unique(self.document_ids)
        n_test = round(test_fraction * len(documents))
        if not 0 < n_test < len(documents):
            raise ValueError(
                f"test_fraction {test_fraction} of {len(documents)} documents leaves one side empty."
            )
        held_out = np.random.default_rng(seed).choice(documents, n_test, replace=False)
        in_test = np.isin(self.document_ids, held_out)
        return self._take(np.flatnonzero(~in_test)), self._take(np.flatnonzero(in_test))

    def _take(self, rows: np.ndarray) -> Self:
        in_files = rows if self.rows is None else self.rows[rows]
        return type(self)(
            self.activations, self.token_ids[rows], self.document_ids[rows], self.settings, in_files
        )


def iterate_batches(
    activations: ActivationStore | Float[Tensor, "n d_in"], batch_size: int
) -> Iterator[Float[Tensor, "batch d_in"]]:
    """All rows in order, `batch_size` at a time, as float32."""
    for first in range(0, len(activations), batch_size):
        yield activations[first : first + batch_size].float()
