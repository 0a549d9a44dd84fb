"""Activations of the pretraining texts, in shards that a stopped run does not make again, then joined.

    python scripts/pretrain/collect.py CACHE                       every shard
    python scripts/pretrain/collect.py CACHE --part 0 --parts 2    every second one: a process for each core
    python scripts/pretrain/collect.py CACHE --join                one store of all shards for each hook

The forward pass runs in bfloat16, which takes half the time of float32 on CPUs that have it; what the coders are
judged on is collected in float32 (`card.py`).
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from texts import make_texts
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial import storage
from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.activations.store import ARRAYS, STORE_FILE, STORE_FILES, ActivationStore
from sae_tutorial.lab.models import load_offline_model
from sae_tutorial.storage import RowWriter

HOOKS = ("blocks.12.ln2.hook_normalized", "blocks.12.hook_mlp_out", "blocks.16.hook_resid_post")
PIECES_PER_SHARD, CONTEXT = 1500, 256
SHARDS = 19  # about 165,000 tokens each; the texts are shuffled, so that fewer shards are a smaller sample of the same


def model_in_bfloat16() -> TransformerBridge:
    """The offline lab's model, its weights rounded to bfloat16."""
    return load_offline_model("cpu").to(torch.bfloat16)


def collect_shards(cache: Path, part: int, parts: int) -> None:
    """Make the shards that are not there yet."""
    texts = storage.read_json(make_texts(cache))["texts"]
    model = model_in_bfloat16()
    for shard in range(part, SHARDS, parts):
        directory = cache / "shards" / f"{shard:03}"
        if all((directory / hook / STORE_FILE).is_file() for hook in HOOKS):
            continue
        first = shard * PIECES_PER_SHARD
        collect_activations(
            model, texts[first : first + PIECES_PER_SHARD], HOOKS, directory=directory, context_size=CONTEXT
        )


def join_shards(cache: Path, hook: str) -> Path:
    """One store of every shard's rows of one hook; document ids count on from shard to shard.

    Raises:
        FileNotFoundError: there are no shards.
    """
    target = cache / "rows" / hook
    if (target / STORE_FILE).is_file():
        return target
    shards = [
        ActivationStore.open(path / hook) for path in sorted((cache / "shards").glob("[0-9]*"))[:SHARDS]
    ]
    if not shards:
        raise FileNotFoundError(f"{cache} holds no shards; run collect.py first.")
    with storage.new_directory(target, STORE_FILES) as partial:
        with RowWriter(partial / f"{ARRAYS[0]}.npy", sum(map(len, shards)), "float16") as writer:
            first = 0
            for shard in shards:
                writer.write(first, shard[:])
                first += len(shard)
        documents, n_before = [], 0
        for shard in shards:
            documents.append(shard.document_ids + n_before)
            n_before += int(shard.document_ids.max()) + 1
        np.save(partial / "token_ids.npy", np.concatenate([shard.token_ids for shard in shards]))
        np.save(partial / "document_ids.npy", np.concatenate(documents).astype(np.int32))
        cut = sum(shard.settings["n_truncated"] for shard in shards)
        storage.write_json(partial / STORE_FILE, shards[0].settings | {"n_truncated": cut})
    return target


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--join", action="store_true")
    arguments = parser.parse_args()
    if arguments.join:
        for hook in HOOKS:
            join_shards(arguments.cache, hook)
    else:
        collect_shards(arguments.cache, arguments.part, arguments.parts)
