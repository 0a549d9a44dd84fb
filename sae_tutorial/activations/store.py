"""Activations on disk, with the token and the document that each row came from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from einops import rearrange
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
        settings: model_name, hook_name, context_size, prepend_bos, n_truncated; of a hook with heads their number.
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
        directory = Path(directory).expanduser()
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

    def by_head(self, rows: Float[Tensor, "rows d_in"]) -> Float[Tensor, "rows heads d_head"]:
        """Rows of a hook that has heads, or decoder rows of a coder trained on it, head by head again.

        Raises:
            ValueError: the store's hook has no heads.
        """
        if "heads" not in self.settings:
            raise ValueError(f"{self.settings['hook_name']} has no heads.")
        return rearrange(rows, "row (head d_head) -> row head d_head", head=self.settings["heads"])

    def positions(self) -> Int[np.ndarray, " tokens"]:
        """Each token's place in its document, counting from 1 (place 0 is BOS, which is not stored)."""
        first_rows = np.unique(self.document_ids, return_index=True)[1]
        lengths = np.diff(np.append(first_rows, len(self)))
        return np.arange(len(self)) - np.repeat(first_rows, lengths) + 1

    def split_by_document(
        self,
        test_fraction: float = 0.1,
        seed: int = 0,
        groups: Int[np.ndarray, " documents"] | None = None,
    ) -> tuple[Self, Self]:
        """Two stores, train and test, that share no document.

        Args:
            test_fraction: share of the documents, or of the groups, in test.
            seed: of the draw.
            groups: the group of every document, such as its article (a lab's `groups`); none is on both sides.

        Raises:
            ValueError: a side would be empty.
        """
        of_row = self.document_ids if groups is None else np.asarray(groups)[self.document_ids]
        documents = np.unique(of_row)
        n_test = round(test_fraction * len(documents))
        if not 0 < n_test < len(documents):
            raise ValueError(
                f"test_fraction {test_fraction} of {len(documents)} documents leaves one side empty."
            )
        held_out = np.random.default_rng(seed).choice(documents, n_test, replace=False)
        in_test = np.isin(of_row, held_out)
        return self._take(np.flatnonzero(~in_test)), self._take(np.flatnonzero(in_test))

    def from_position(self, first: int) -> Self:
        """The rows at place `first` of their documents and later: the first few tokens of a text are like no others.

        Raises:
            ValueError: no row is left.
        """
        kept = np.flatnonzero(self.positions() >= first)
        if not len(kept):
            raise ValueError(f"no document has a token at place {first}.")
        return self._take(kept)

    def first_documents(self, n: int) -> Self:
        """The rows of the first n documents: what was collected for another page may be more than this one needs."""
        return self._take(np.flatnonzero(self.document_ids < n))

    def _take(self, rows: np.ndarray) -> Self:
        in_files = rows if self.rows is None else self.rows[rows]
        return type(self)(
            self.activations, self.token_ids[rows], self.document_ids[rows], self.settings, in_files
        )


class SideBySide:
    """Rows of several stores or tensors side by side, for a crosscoder: [n, sum of their widths].

    Sides are brought to one scale, so that none counts for more because its rows are longer: each is multiplied by the
    mean norm of the first over its own.

    Attributes:
        sides: what is read; row i of each belongs to the same token.
        scales: what each side is multiplied by.

    Raises:
        ValueError: the sides have different numbers of rows or tokens, or a side is zero throughout.
    """

    def __init__(self, *sides: "ActivationStore | Float[Tensor, '_ d']") -> None:
        self.sides = [as_rows(f"side {i}", side) for i, side in enumerate(sides)]
        check_row_alike(*self.sides)
        norms = [mean_norm(side) for side in self.sides]
        if not all(norms):
            raise ValueError(f"side {norms.index(0)} is zero on every row that was looked at.")
        self.scales = [norms[0] / norm for norm in norms]

    def __len__(self) -> int:
        return len(self.sides[0])

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, width of all sides together)."""
        return len(self), sum(side.shape[1] for side in self.sides)

    @property
    def origin(self) -> dict[str, Any]:
        """Where each side came from and what it was multiplied by; a crosscoder's metadata."""
        return {"sides": [getattr(side, "origin", {}) for side in self.sides], "scales": self.scales}

    def __getitem__(self, index: Any) -> Float[Tensor, "rows width"]:
        """Rows as a float32 tensor in memory."""
        parts = zip(self.sides, self.scales, strict=True)
        return torch.cat([side[index].float() * scale for side, scale in parts], dim=1)


Activations = ActivationStore | SideBySide | Float[Tensor, "_ d_in"]


def as_rows(name: str, rows: Any) -> Activations:
    """`rows` as what the package reads: a store, sides, or a tensor [n, d_in]; arrays and lists become tensors.

    Raises:
        TypeError: it is none of these, or not of numbers.
        ValueError: it has no rows, or more axes than two.
    """
    if isinstance(rows, np.ndarray | list | tuple):
        try:
            rows = torch.from_numpy(
                np.asarray(rows, dtype=np.float32)
            )  # on the CPU, whatever the default device
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} is not an array of numbers [n, d_in] ({error}).") from None
    if not isinstance(rows, ActivationStore | SideBySide | Tensor):
        raise TypeError(
            f"{name} is a {type(rows).__name__}; pass an ActivationStore, a tensor or an array [n, d_in]."
        )
    if len(rows.shape) != 2:
        raise ValueError(
            f"{name} has shape {tuple(rows.shape)}; rows [n, d_in] are needed. Flatten it first."
        )
    if not len(rows):
        raise ValueError(f"{name} has no rows.")
    return rows


def check_row_alike(*sources: Activations) -> None:
    """Raise ValueError unless row i of every source can belong to the same token: as many rows, the same tokens."""
    if len({len(source) for source in sources}) > 1:
        raise ValueError(
            f"row i must belong together, but there are {[len(source) for source in sources]} rows."
        )
    stores = [source for source in sources if isinstance(source, ActivationStore)]
    for store in stores[1:]:
        if not np.array_equal(store.token_ids, stores[0].token_ids):
            raise ValueError(
                "the stores hold other tokens; collect their hooks together, and split them alike."
            )


def spaced_rows(
    activations: Activations, n: int, among: Int[np.ndarray, " rows"] | None = None
) -> Float[Tensor, "rows d_in"]:
    """Up to n evenly spaced rows, as float32, of all or of those in `among`."""
    count = len(activations) if among is None else len(among)
    rows = np.unique(np.linspace(0, count - 1, min(n, count)).astype(np.int64))
    return activations[rows if among is None else among[rows]].detach().float()


def mean_norm(activations: Activations, n: int = 32_768) -> float:
    """Mean norm of up to n evenly spaced rows."""
    return float(spaced_rows(activations, n).norm(dim=1).mean())


def iterate_batches(activations: Activations, batch_size: int) -> Iterator[Float[Tensor, "batch d_in"]]:
    """All rows in order, `batch_size` at a time, as float32."""
    for first in range(0, len(activations), batch_size):
        yield activations[first : first + batch_size].detach().float()
