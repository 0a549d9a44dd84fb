"""Peak memory of collecting a hundred thousand tokens and a million, each in a process of its own.

GPT-2 would take a quarter of an hour for a million tokens on two cores. So the model here is a small GPT-2 of random
weights: 2 blocks with a narrow MLP, but of GPT-2's width and vocabulary, so that the stored rows are as wide
as the real ones and the code path is the same.
"""

import json
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import hub
from benchmarks.report import Row, note

HOOK_NAME, TOKENS_PER_ARTICLE = "blocks.0.hook_mlp_out", 51
FEW, MANY = 100_000, 1_000_000


def run(quick: bool) -> list[Row]:
    """The peak of the large run over the peak of the small one."""
    few, many = (_measure(n) for n in ((FEW // 10, FEW) if quick else (FEW, MANY)))
    return [
        Row(
            f"peak memory, {many['tokens']:,} tokens against {few['tokens']:,} (a 2-block GPT-2 of width 768; "
            f"the larger store is {many['stored'] / 1e6:,.0f} MB)",
            f"{many['peak'] / 1e6:,.0f} MB",
            f"{few['peak'] / 1e6:,.0f} MB",
            many["peak"] / few["peak"],
            at_most=1.1,
        )
    ]


def _measure(n_tokens: int) -> dict[str, int]:
    note(f"memory: {n_tokens:,} tokens")
    command = [sys.executable, "-m", "benchmarks.memory", str(n_tokens)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=hub.CHECKOUT, check=False)
    if done.returncode:
        raise SystemExit(f"collecting {n_tokens:,} tokens failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _collect(n_tokens: int) -> dict[str, int]:
    """Collect about `n_tokens` in this process; the tokens, the bytes stored and the highest memory in use."""
    from sae_tutorial.activations.collect import collect_activations

    texts = _articles(hub.load_texts(), n_tokens // TOKENS_PER_ARTICLE)
    with tempfile.TemporaryDirectory() as directory:
        store = collect_activations(_small_model(), texts, HOOK_NAME, directory=Path(directory) / "store")
        return {
            "tokens": len(store),
            "stored": store.activations.nbytes,
            "peak": peak_memory(),
        }


def _small_model() -> object:
    import torch
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(n_layer=2, n_inner=768)).eval()
    tokenizer = AutoTokenizer.from_pretrained(hub.MODEL, add_bos_token=True)
    return TransformerBridge.boot_transformers(
        hub.MODEL, hf_model=model, tokenizer=tokenizer, device="cpu", dtype=torch.float32
    )


def _articles(articles: Sequence[str], n: int) -> list[str]:
    """`n` articles; when they run out, the same again with their words in another order."""
    rng, made = random.Random(0), list(articles[:n])
    while len(made) < n:
        words = articles[len(made) % len(articles)].split()
        made.append(" ".join(rng.sample(words, len(words))))
    return made


def peak_memory() -> int:
    """The most memory that this process has had in use, in bytes."""
    status = Path("/proc/self/status")
    if (
        status.exists()
    ):  # Linux: ru_maxrss would begin at what the parent process used when it started this one
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    hub.use_stand_in()
    print(json.dumps(_collect(int(sys.argv[1]))))
