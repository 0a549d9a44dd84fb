"""Tokens per second from texts to activations on disk, on GPT-2 at full size.

Three contenders take turns over several rounds: `collect_activations`; the seed's method on the same bridge; and a
bare Hugging Face forward pass, given our padded batches ready-made, that a hook cuts off after the hooked block.
Only real tokens count: not padding, not BOS.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import psutil
import torch
from jaxtyping import Int
from torch import Tensor

from benchmarks import hub, seed
from benchmarks.report import Row, median_and_spread, note
from sae_tutorial.activations import batches_by_length, collect_activations, pad_right, tokenize

HOOK_NAME, LAYER, CONTEXT_SIZE = "blocks.6.hook_mlp_out", 6, 512  # no article reaches 512 tokens: none is cut
TOKENS_PER_BATCH = 1024
ROUNDS, TEXTS_PER_ROUND, SEED_TEXTS_PER_ROUND = 8, 160, 32
SEED_BYTES_NEEDED = 13 * 2**30


class _Stop(Exception):
    """Raised by the hook that ends the bare forward pass."""


def run(quick: bool) -> list[Row]:
    """Ours against the seed's method and against the bare forward pass.

    Raises:
        SystemExit: the seed's method would not fit in memory.
    """
    if psutil.virtual_memory().available < SEED_BYTES_NEEDED:
        raise SystemExit("The seed's method caches every hook of the model and needs 13 GiB of free memory.")
    bridge, bare, texts = _bridge(), _bare_model(), hub.load_texts()
    rates = []
    with tempfile.TemporaryDirectory() as directory:
        for number in range(1 + (2 if quick else ROUNDS)):
            note(f"collecting: round {number}" + (" (warming up, not counted)" if not number else ""))
            some = texts[number * TEXTS_PER_ROUND :][: TEXTS_PER_ROUND if number else 16]
            rates.append(_round(bridge, bare, some, f"{directory}/store"))
    return _rows(*np.array(rates[1:]).T)


def _round(
    bridge: Any, bare: torch.nn.Module, texts: Sequence[str], directory: str
) -> tuple[float, float, float]:
    """Real tokens per second of ours, of the bare forward pass and of the seed's method, one after the other.

    The seed's method gets the first of the texts only: it would take most of the time otherwise.
    """
    few = texts[:SEED_TEXTS_PER_ROUND]
    batches, n_tokens = _padded_batches(bridge.tokenizer, texts)
    _, n_few = _padded_batches(bridge.tokenizer, few)
    sizes = {"context_size": CONTEXT_SIZE, "tokens_per_batch": TOKENS_PER_BATCH}
    return (
        n_tokens / _seconds(collect_activations, bridge, texts, HOOK_NAME, directory=directory, **sizes),
        n_tokens / _seconds(_forward_until_stopped, bare, batches),
        n_few / _seconds(seed.collect, bridge, few, HOOK_NAME),
    )


def _rows(ours: np.ndarray, forward: np.ndarray, seeds: np.ndarray) -> list[Row]:
    what = "collecting from GPT-2 at full size, real tokens, against"
    return [
        _row(f"{what} the seed's method (pads 32 texts, caches every hook)", ours, seeds, "at least 8"),
        _row(f"{what} a bare forward pass cut off after the hooked block", ours, forward, "at least 0.9"),
    ]


def _row(what: str, ours: np.ndarray, others: np.ndarray, target: str) -> Row:
    rates = [f"{np.median(rate):,.0f} tokens/s" for rate in (ours, others)]
    return Row(what, *rates, median_and_spread(ours / others), target)


def _bridge() -> Any:
    from transformer_lens.model_bridge import TransformerBridge

    return TransformerBridge.boot_transformers(hub.MODEL, device="cpu", dtype=torch.float32).eval()


def _bare_model() -> torch.nn.Module:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(hub.MODEL, dtype=torch.float32).eval()
    model.transformer.h[LAYER].register_forward_hook(_stop)
    return model


def _seconds(work: Callable[..., object], *arguments: Any, **options: Any) -> float:
    start = time.perf_counter()
    work(*arguments, **options)
    return time.perf_counter() - start


def _padded_batches(tokenizer: Any, texts: Sequence[str]) -> tuple[list[Int[Tensor, "batch length"]], int]:
    """The batches that `collect_activations` runs, and how many real tokens they hold."""
    token_ids, starts, _ = tokenize(tokenizer, texts, CONTEXT_SIZE)
    batches = [
        pad_right([token_ids[starts[d] : starts[d + 1]] for d in documents])
        for documents in batches_by_length(np.diff(starts), TOKENS_PER_BATCH)
    ]
    return batches, len(token_ids) - len(texts)


def _stop(*_hook_arguments: object) -> None:
    raise _Stop


@torch.inference_mode()
def _forward_until_stopped(model: torch.nn.Module, batches: Sequence[Int[Tensor, "batch length"]]) -> None:
    for batch in batches:
        try:
            model(batch)
        except _Stop:
            continue
