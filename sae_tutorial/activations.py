"""From texts to a store of activations on disk: one row per real token, none for padding or BOS.

`collect_activations` runs a language model just far enough to reach one hook and keeps what passes there.
Two things make it fast: texts of similar length share a batch, so that little padding is computed, and the
forward pass stops after the hooked layer. Padding is on the right, where a causal model cannot see it, and
rows are kept by each text's length, never by token id (in GPT-2 padding, BOS and EOS are the same id).
"""

import difflib
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial import storage
from sae_tutorial.storage import RowWriter

STORE_FILE, FORMAT = "store.json", 1
ARRAYS = ("activations", "token_ids", "document_ids")
STORE_FILES = (STORE_FILE, *(f"{name}.npy" for name in ARRAYS))
TEXTS_PER_TOKENIZER_CALL = 1000


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


def collect_activations(
    model: TransformerBridge,
    texts: Sequence[str],
    hook_name: str,
    *,
    directory: str | Path,
    context_size: int = 128,
    tokens_per_batch: int = 1024,
    dtype: str = "float16",
) -> ActivationStore:
    """Run `model` over `texts` and store what passes `hook_name`, one row per real token.

    Args:
        model: any TransformerLens 4 bridge with a tokenizer.
        texts: documents; special-token strings in them are read as plain text.
        hook_name: a hook of width d_in per position, e.g. "blocks.6.hook_mlp_out".
        directory: where the store goes; written atomically, replacing an older one.
        context_size: tokens of a text that are used, BOS included; what is longer is cut and counted in a warning.
        tokens_per_batch: positions in one forward pass, padding included.
        dtype: "float16", or "float32" for a hook whose values exceed 65,504.

    Raises:
        TypeError: a text is not a string.
        ValueError: no texts, an empty text, an unknown hook, a context the model does not have,
            dropout switched on, activations that are NaN, infinite or too large for float16.
        FileExistsError: `directory` holds other files than a store.
    """
    _check_hook(model, hook_name)
    if any(
        module.training and module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)
    ):
        raise ValueError(
            "the model is in training mode, where dropout changes activations; call model.eval()."
        )
    if not 2 <= context_size <= model.cfg.n_ctx:
        raise ValueError(
            f"context_size must lie between 2 and the model's {model.cfg.n_ctx}, got {context_size}."
        )
    if dtype not in ("float16", "float32"):
        raise ValueError(f"dtype must be float16 or float32, got {dtype!r}.")
    token_ids, starts, n_truncated = tokenize(model.tokenizer, texts, context_size)
    lengths = np.diff(starts)
    kept_starts = starts - np.arange(len(starts))  # every document before this one lost its BOS row
    settings = {
        "format": FORMAT,
        "model_name": str(model.cfg.model_name),
        "hook_name": hook_name,
        "context_size": context_size,
        "prepend_bos": True,
        "n_truncated": n_truncated,
    }
    is_bos = np.zeros(len(token_ids), dtype=bool)
    is_bos[starts[:-1]] = True
    with storage.new_directory(directory, STORE_FILES) as partial:
        np.save(partial / "token_ids.npy", token_ids[~is_bos])
        np.save(partial / "document_ids.npy", np.repeat(np.arange(len(lengths), dtype=np.int32), lengths - 1))
        batches = batches_by_length(lengths, tokens_per_batch)
        with (
            RowWriter(partial / "activations.npy", int(kept_starts[-1]), dtype) as writer,
            tqdm(total=int(kept_starts[-1]), unit=" tokens", desc=f"collecting {hook_name}") as bar,
        ):
            for documents in batches:
                padded = pad_right([token_ids[starts[d] : starts[d + 1]] for d in documents])
                batch = run_to_hook(model, padded, hook_name)
                for document, rows in zip(documents, batch, strict=True):
                    writer.write(int(kept_starts[document]), rows[1 : lengths[document]])
                bar.update(int(lengths[documents].sum()) - len(documents))
        storage.write_json(partial / STORE_FILE, settings)
    return ActivationStore.open(directory)


def tokenize(
    tokenizer: Any, texts: Sequence[str], context_size: int, *, warn: bool = True
) -> tuple[Int[np.ndarray, " tokens"], Int[np.ndarray, " boundaries"], int]:
    """Token ids of all texts end to end, each beginning with BOS; where each starts; how many were cut.

    Raises:
        TypeError: a text is not a string.
        ValueError: no texts, an empty one, or a tokenizer without a BOS token.
    """
    _check_texts(texts)
    if tokenizer.bos_token_id is None:
        raise ValueError("the tokenizer has no BOS token; set tokenizer.bos_token first.")
    pieces, n_truncated = [], 0
    bos = [tokenizer.bos_token_id]
    for first in range(0, len(texts), TEXTS_PER_TOKENIZER_CALL):
        chunk = list(texts[first : first + TEXTS_PER_TOKENIZER_CALL])
        # No truncation here: it would hide how many texts are too long.
        for ids in tokenizer(chunk, add_special_tokens=False, split_special_tokens=True, verbose=False)[
            "input_ids"
        ]:
            n_truncated += len(ids) >= context_size
            pieces.append(np.asarray((bos + ids)[:context_size], dtype=np.int32))
    if n_truncated and warn:
        warnings.warn(f"{n_truncated} of {len(texts)} texts were cut to {context_size} tokens.", stacklevel=3)
    starts = np.cumsum([0, *map(len, pieces)])
    return np.concatenate(pieces), starts, n_truncated


def batches_by_length(lengths: Int[np.ndarray, " documents"], tokens_per_batch: int) -> list[np.ndarray]:
    """Group documents of similar length so that no batch exceeds `tokens_per_batch` padded positions.

    The longest come first: a batch that does not fit in memory fails at once.
    """
    order = np.argsort(-lengths, kind="stable")
    batches, first = [], 0
    while first < len(order):
        size = max(1, tokens_per_batch // int(lengths[order[first]]))
        batches.append(order[first : first + size])
        first += size
    return batches


def pad_right(documents: Sequence[Int[np.ndarray, " _"]]) -> Int[Tensor, "batch length"]:
    """Stack token ids of different lengths; the padding value is never looked at by a causal model."""
    padded = np.zeros((len(documents), max(map(len, documents))), dtype=np.int64)
    for row, ids in zip(padded, documents, strict=True):
        row[: len(ids)] = ids
    return torch.from_numpy(padded)


@torch.no_grad()  # inference_mode's tensors could not be trained on
def run_to_hook(
    model: TransformerBridge, token_ids: Int[Tensor, "batch length"], hook_name: str
) -> Float[Tensor, "batch length d_in"]:
    """What passes `hook_name` on these tokens; layers after the hook are not run."""
    seen: list[Tensor] = []

    def keep(activation: Tensor, hook: Any) -> None:  # TransformerLens requires the name `hook`
        seen.append(activation)

    layer = re.match(r"blocks\.(\d+)\.", hook_name)
    stop = int(layer.group(1)) + 1 if layer else None
    model.run_with_hooks(
        token_ids.to(model.cfg.device), fwd_hooks=[(hook_name, keep)], stop_at_layer=stop, return_type=None
    )
    if len(seen) != 1 or seen[0].ndim != 3:
        shapes = [tuple(activation.shape) for activation in seen]
        raise ValueError(
            f"{hook_name} gave shapes {shapes}; one activation [batch, position, d_in] is needed."
        )
    return seen[0]


def text_activations(
    model: TransformerBridge, text: str, hook_name: str, context_size: int = 128
) -> tuple[Int[np.ndarray, " tokens"], Float[Tensor, "tokens d_in"]]:
    """Token ids and activations of one text, BOS left out."""
    token_ids, _, _ = tokenize(model.tokenizer, [text], context_size)
    rows = run_to_hook(model, torch.from_numpy(token_ids.astype(np.int64))[None], hook_name)[0, 1:]
    return token_ids[1:], rows.float().cpu()


def token_strings(tokenizer: Any, token_ids: Sequence[int] | Int[np.ndarray, " tokens"]) -> list[str]:
    """One string per token, for display.

    A character that spans several tokens is shown at the last of them, and "⋯" at those before it.
    """
    strings: list[str] = []
    waiting: list[int] = []  # tokens since the last one that ended with a whole character
    shown, silent = "", 0  # what of their text was shown already, and how many tokens ago
    for token_id in token_ids:
        waiting.append(int(token_id))
        text = tokenizer.decode(waiting, clean_up_tokenization_spaces=False)
        whole = text.rstrip("\N{REPLACEMENT CHARACTER}")
        if whole == text or silent == 3:  # no character has more than four tokens: these bytes are none
            strings.append(text[len(shown) :])
            waiting, shown, silent = [], "", 0
        elif len(whole) > len(shown):  # the token ends one character and begins the next
            strings.append(whole[len(shown) :])
            shown, silent = whole, 1
        else:
            strings.append("⋯")
            silent += 1
    return strings


def iterate_batches(
    activations: ActivationStore | Float[Tensor, "n d_in"], batch_size: int
) -> Iterator[Float[Tensor, "batch d_in"]]:
    """All rows in order, `batch_size` at a time, as float32."""
    for first in range(0, len(activations), batch_size):
        yield activations[first : first + batch_size].float()


def _check_texts(texts: Sequence[str]) -> None:
    if isinstance(texts, str):
        raise TypeError("texts must be a list of strings, got one string; wrap it in a list.")
    if not len(texts):
        raise ValueError("texts is empty; pass at least one document.")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(
                f"texts[{index}] is {text!r}, a {type(text).__name__}; every text must be a string."
            )
        if not text.strip():
            raise ValueError(f"texts[{index}] is {text!r}: it has nothing to read; drop it first.")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"texts[{index}] is not valid Unicode ({error}); decode it again.") from error


def _check_hook(model: TransformerBridge, hook_name: str) -> None:
    known = model.hook_dict
    if hook_name not in known:
        near = difflib.get_close_matches(hook_name, known, n=3, cutoff=0.5)
        raise ValueError(f"the model has no hook {hook_name!r}; near matches: {', '.join(near) or 'none'}.")
