"""Texts as token ids: each begins with BOS, batches are padded on the right, and tokens are shown as strings."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

TEXTS_PER_TOKENIZER_CALL = 1000


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


def vocabulary(tokenizer: Any, d_vocab: int, *, special: bool = True) -> Int[Tensor, " tokens"]:
    """The ids that are tokens, ascending, on the CPU; without the special ones if `special` is False.

    A model's vocabulary is often padded beyond its tokenizer's, to a round number: those logits belong to no token.
    """
    marked = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    left_out = set() if special else marked | set(tokenizer.all_special_ids)
    token_ids = set(tokenizer.get_vocab().values()) - left_out
    return torch.tensor(sorted(i for i in token_ids if i < d_vocab), device="cpu")


def token_strings(tokenizer: Any, token_ids: Sequence[int] | Int[np.ndarray, " tokens"]) -> list[str]:
    """One string per token, for display.

    A character that spans several tokens is shown at the last of them, and "⋯" at those before it. A space that a token
    begins with is shown: SentencePiece, which writes it "▁", would leave it away from the first token it decodes.
    """
    strings: list[str] = []
    waiting: list[int] = []  # tokens since the last one that ended with a whole character
    shown, silent = "", 0  # what of their text was shown already, and how many tokens ago
    for token_id in token_ids:
        waiting.append(int(token_id))
        text = tokenizer.decode(waiting, clean_up_tokenization_spaces=False)
        piece = tokenizer.convert_ids_to_tokens(waiting[0]) or ""
        spaces = len(piece) - len(piece.lstrip("▁"))
        text = " " * (spaces - len(text) + len(text.lstrip(" "))) + text
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
