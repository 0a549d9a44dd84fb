"""Tokens per second from texts to activations on disk, on GPT-2 at full size.

Three contenders take turns over several rounds: `collect_activations`; a bare Hugging Face forward pass, given our
padded batches ready-made, that a hook cuts off after the hooked block; and the seed's method on the same bridge.
Only real tokens count: not padding, not BOS.

How much padding a method computes depends on how it forms batches from all 7,600 articles, which would take hours to
run. So each round runs every n-th of the batches that a method would form, which pads as much as the whole does.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from jaxtyping import Int
from torch import Tensor

from benchmarks import hub, seed
from benchmarks.report import Row, note, spread
from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.transformer.tokens import batches_by_length, pad_right, tokenize

HOOK_NAME, LAYER, CONTEXT_SIZE = "blocks.6.hook_mlp_out", 6, 512  # no article reaches 512 tokens: none is cut
TOKENS_PER_BATCH = 1024
ROUNDS, BATCHES_PER_ROUND = 8, 12  # of the seed's much larger batches, one a round
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
    token_ids, starts, _ = tokenize(bridge.tokenizer, texts, CONTEXT_SIZE)
    samples = zip(*_samples(np.diff(starts), 2 if quick else ROUNDS), strict=True)
    tokens, seconds = [], []
    with tempfile.TemporaryDirectory() as directory:
        store = Path(directory) / "store"
        collect_activations(bridge, texts[:16], HOOK_NAME, directory=store)
        for number, (batches, few) in enumerate(samples, start=1):
            note(f"collecting: round {number}")
            some = np.sort(np.concatenate(batches))
            padded = [pad_right([token_ids[starts[d] : starts[d + 1]] for d in batch]) for batch in batches]
            sizes = {"context_size": CONTEXT_SIZE, "tokens_per_batch": TOKENS_PER_BATCH, "directory": store}
            ours = _seconds(collect_activations, bridge, [texts[d] for d in some], HOOK_NAME, **sizes)
            forward = _seconds(_forward_until_stopped, bare, padded)
            seeds = _seconds(seed.collect, bridge, [texts[d] for d in few], HOOK_NAME)
            counts = [int((np.diff(starts)[documents] - 1).sum()) for documents in (some, some, few)]
            tokens.append(counts)
            seconds.append([ours, forward, seeds])
    return _rows(np.array(tokens), np.array(seconds))


def _samples(lengths: np.ndarray, rounds: int) -> tuple[list[list[np.ndarray]], list[np.ndarray]]:
    """For each round, batches of ours and one batch of the seed's, evenly spread over all that each would form."""
    ours = batches_by_length(lengths, TOKENS_PER_BATCH)
    size = seed.TEXTS_PER_BATCH
    seeds = [np.arange(first, first + size) for first in range(0, len(lengths) - size + 1, size)]
    seeds.sort(key=lambda documents: lengths[documents].max())
    chosen = np.linspace(0, len(ours), rounds * BATCHES_PER_ROUND, endpoint=False).astype(int)
    middles = (np.arange(rounds) + 0.5) / rounds * len(seeds)
    return (
        [[ours[i] for i in chosen[number::rounds]] for number in range(rounds)],
        [seeds[int(i)] for i in middles],
    )


def _rows(tokens: np.ndarray, seconds: np.ndarray) -> list[Row]:
    """One row per opponent; both arrays are [rounds, 3]: ours, forward pass, seed's."""
    rates = tokens.sum(0) / seconds.sum(0)
    by_round = tokens / seconds
    shown = [f"{rate:,.0f} tokens/s" for rate in rates]
    what = "collecting from GPT-2 at full size, real tokens, against"
    opponents = {
        f"{what} the seed's method (pads 32 texts, caches every hook)": (2, 8),
        f"{what} a bare forward pass cut off after the hooked block": (1, 0.9),
    }
    return [
        Row(
            name,
            shown[0],
            shown[i],
            rates[0] / rates[i],
            *spread(by_round[:, 0] / by_round[:, i]),
            at_least=target,
        )
        for name, (i, target) in opponents.items()
    ]


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


def _stop(*_hook_arguments: object) -> None:
    raise _Stop


@torch.inference_mode()
def _forward_until_stopped(model: torch.nn.Module, batches: Sequence[Int[Tensor, "batch length"]]) -> None:
    for batch in batches:
        try:
            model(batch)
        except _Stop:
            continue
