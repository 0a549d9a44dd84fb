"""From texts to a store of activations on disk: one row per real token, none for padding or BOS.

`collect_activations` runs a language model just far enough to reach one hook and keeps what passes there.
Two things make it fast: texts of similar length share a batch, so that little padding is computed, and the
forward pass stops after the hooked layer. Padding is on the right, where a causal model cannot see it, and
rows are kept by each text's length, never by token id (in GPT-2 padding, BOS and EOS are the same id).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial import storage
from sae_tutorial.activations.store import FORMAT, STORE_FILE, STORE_FILES, ActivationStore
from sae_tutorial.storage import RowWriter
from sae_tutorial.transformer.families import check_bridge, check_causal, check_hooks
from sae_tutorial.transformer.tokens import batches_by_length, pad_right, tokenize


@overload
def collect_activations(
    model: TransformerBridge, texts: Sequence[str], hook_name: str, **settings: Any
) -> ActivationStore: ...
@overload
def collect_activations(
    model: TransformerBridge, texts: Sequence[str], hook_name: Sequence[str], **settings: Any
) -> dict[str, ActivationStore]: ...
def collect_activations(
    model: TransformerBridge,
    texts: Sequence[str],
    hook_name: str | Sequence[str],
    *,
    directory: str | Path,
    context_size: int = 128,
    tokens_per_batch: int = 1024,
    dtype: str = "float16",
) -> ActivationStore | dict[str, ActivationStore]:
    """Run `model` over `texts` and store what passes `hook_name`, one row per real token.

    Args:
        model: any TransformerLens 4 bridge with a tokenizer.
        texts: documents; special-token strings in them are read as plain text.
        hook_name: a hook of width d_in per position, e.g. "blocks.6.hook_mlp_out"; or several, which one forward pass
            collects row by row alike. A hook with heads, such as "blocks.6.attn.hook_z", is stored head after head.
        directory: where the store goes; written atomically, replacing an older one. Of several hooks each has a
            directory of its name in it.
        context_size: tokens of a text that are used, BOS included; what is longer is cut and counted in a warning.
        tokens_per_batch: positions in one forward pass, padding included.
        dtype: "float16", or "float32" for a hook whose values exceed 65,504.

    Returns:
        The store, or for several hooks a store for each name.

    Raises:
        TypeError: a text is not a string, or the model is no TransformerBridge.
        ValueError: no texts, an empty text, an unknown hook, a context the model does not have, a model that reads
            in both directions, dropout switched on, activations that are NaN, infinite or too large for float16.
        FileExistsError: `directory` holds other files than a store.
    """
    hooks = [hook_name] if isinstance(hook_name, str) else list(hook_name)
    _check_model(model, hooks)
    if not 2 <= context_size <= model.cfg.n_ctx:
        raise ValueError(
            f"context_size must lie between 2 and the model's {model.cfg.n_ctx}, got {context_size}."
        )
    if dtype not in ("float16", "float32"):
        raise ValueError(f"dtype must be float16 or float32, got {dtype!r}.")
    token_ids, starts, n_truncated = tokenize(model.tokenizer, _listed(texts), context_size)
    lengths = np.diff(starts)
    kept_starts = starts - np.arange(len(starts))  # every document before this one lost its BOS row
    is_bos = np.zeros(len(token_ids), dtype=bool)
    is_bos[starts[:-1]] = True
    document_ids = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths - 1)
    place = storage.full_path(directory)
    places = [place] if isinstance(hook_name, str) else [place / hook for hook in hooks]
    origin = {"format": FORMAT, "model_name": str(model.cfg.model_name), "context_size": context_size}
    counted = {"prepend_bos": True, "n_truncated": n_truncated}
    settings: dict[str, dict[str, Any]] = {hook: origin | {"hook_name": hook} | counted for hook in hooks}
    with ExitStack() as stack:
        partial = {
            hook: stack.enter_context(storage.new_directory(place, STORE_FILES))
            for hook, place in zip(hooks, places, strict=True)
        }
        with ExitStack() as open_files:
            writers = {
                hook: open_files.enter_context(
                    RowWriter(path / "activations.npy", int(kept_starts[-1]), dtype)
                )
                for hook, path in partial.items()
            }
            bar = open_files.enter_context(
                tqdm(total=int(kept_starts[-1]), unit=" tokens", desc=f"collecting {', '.join(hooks)}")
            )
            for documents in batches_by_length(lengths, tokens_per_batch):
                padded = pad_right([token_ids[starts[d] : starts[d + 1]] for d in documents])
                for hook, batch in run_to_hooks(model, padded, hooks).items():
                    for document, rows in zip(documents, batch, strict=True):
                        real = rearrange(rows[1 : lengths[document]], "position ... -> position (...)")
                        writers[hook].write(int(kept_starts[document]), real)
                    settings[hook] |= {"heads": batch.shape[2]} if batch.ndim == 4 else {}
                bar.update(int(lengths[documents].sum()) - len(documents))
        for hook, path in partial.items():
            storage.write_json(path / STORE_FILE, settings[hook])
            np.save(path / "token_ids.npy", token_ids[~is_bos])
            np.save(path / "document_ids.npy", document_ids)
    stores = [ActivationStore.open(place) for place in places]
    return stores[0] if isinstance(hook_name, str) else dict(zip(hooks, stores, strict=True))


@torch.no_grad()  # inference_mode's tensors could not be trained on
def run_to_hooks(
    model: TransformerBridge, token_ids: Int[Tensor, "batch length"], hook_names: Sequence[str]
) -> dict[str, Float[Tensor, "batch length *width"]]:
    """What passes each hook on these tokens, [batch, length, d_in] or [batch, length, heads, d_head].

    Layers after the last hook are not run.
    """
    seen: dict[str, Tensor] = {}

    def keeper(name: str) -> Any:
        def keep(activation: Tensor, hook: Any) -> None:  # TransformerLens requires the name `hook`
            if name in seen or activation.ndim not in (3, 4) or activation.shape[:2] != token_ids.shape:
                raise ValueError(
                    f"{name} gave shape {tuple(activation.shape)} (call {1 + (name in seen)}); one activation "
                    "[batch, position, d_in] or [batch, position, heads, d_head] is needed."
                )
            seen[name] = activation

        return keep

    layers = [re.match(r"blocks\.(\d+)\.", name) for name in hook_names]
    model.run_with_hooks(
        token_ids.to(model.cfg.device),
        fwd_hooks=[(name, keeper(name)) for name in hook_names],
        stop_at_layer=1 + max(int(layer[1]) for layer in layers) if all(layers) else None,
        return_type=None,
    )
    if missing := [name for name in hook_names if name not in seen]:
        raise ValueError(
            f"nothing passed {missing[0]}; some hooks need one of the model's set_use_... switches."
        )
    return seen


def run_to_hook(
    model: TransformerBridge, token_ids: Int[Tensor, "batch length"], hook_name: str
) -> Float[Tensor, "batch length *width"]:
    """What passes one hook: see `run_to_hooks`."""
    return run_to_hooks(model, token_ids, [hook_name])[hook_name]


def text_activations(
    model: TransformerBridge, text: str, hook_name: str, context_size: int = 128
) -> tuple[Int[np.ndarray, " tokens"], Float[Tensor, "tokens d_in"]]:
    """Token ids and activations of one text, BOS left out; a hook with heads is flattened as in a store."""
    token_ids, _, _ = tokenize(model.tokenizer, [text], min(context_size, model.cfg.n_ctx))
    batch = run_to_hooks(model, torch.from_numpy(token_ids.astype(np.int64))[None], [hook_name])[hook_name]
    return token_ids[1:], rearrange(batch[0, 1:], "position ... -> position (...)").float().cpu()


def _listed(texts: Any) -> Any:
    """Texts from wherever they can be read one by one; a table is refused, whose columns would be read as texts."""
    if isinstance(texts, Mapping) or getattr(texts, "ndim", 1) != 1 or getattr(texts, "column_names", None):
        raise TypeError(f"texts is a {type(texts).__name__}; pass one of its columns, such as texts['text'].")
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        raise TypeError(
            f"texts must be a list of strings, got {texts!r}; wrap it in a list if it is one text."
        )
    return list(texts)


def _check_model(model: TransformerBridge, hooks: Sequence[str]) -> None:
    check_bridge(model)
    check_hooks(model, hooks)
    if not hooks or len(set(hooks)) < len(hooks):
        raise ValueError(f"hook_name must name different hooks, at least one; got {hooks}.")
    if any(
        module.training and module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)
    ):
        raise ValueError(
            "the model is in training mode, where dropout changes activations; call model.eval()."
        )
    check_causal(model)
