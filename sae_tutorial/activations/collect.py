"""From texts to a store of activations on disk: one row per real token, none for padding or BOS.

`collect_activations` runs a language model just far enough to reach one hook and keeps what passes there.
Two things make it fast: texts of similar length share a batch, so that little padding is computed, and the
forward pass stops after the hooked layer. Padding is on the right, where a causal model cannot see it, and
rows are kept by each text's length, never by token id (in GPT-2 padding, BOS and EOS are the same id).
"""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial import storage
from sae_tutorial.activations.store import FORMAT, STORE_FILE, STORE_FILES, ActivationStore
from sae_tutorial.storage import RowWriter
from sae_tutorial.transformer.tokens import batches_by_length, pad_right, tokenize


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


def _check_hook(model: TransformerBridge, hook_name: str) -> None:
    known = model.hook_dict
    if hook_name not in known:
        near = difflib.get_close_matches(hook_name, known, n=3, cutoff=0.5)
        raise ValueError(f"the model has no hook {hook_name!r}; near matches: {', '.join(near) or 'none'}.")
