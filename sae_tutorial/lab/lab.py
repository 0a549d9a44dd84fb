"""`open_lab()`: the language model, the texts and the budgets that suit this machine.

    gpt2      GPT-2 small and AG News from the Hugging Face hub: the course's subject.
    offline   SmolLM2-135M and paragraphs of Wikipedia out of packages on the Python index: for firewalls and CI.
    auto      gpt2 when the hub or its local cache has both, else offline. `SAE_LAB` in the environment overrides it.

A name given explicitly never falls back. `SAE_BUDGET` chooses the amount of work: `quick` (two CPU cores, the
default), `full` (the scale of a whole study, for a GPU), or `smoke` (seconds: runs the code, shows nothing).
`SAE_TEXTS` chooses the texts: `wikipedia`, the default offline, or `news` (with GPT-2 AG News, the default there; offline
a bundled corpus of invented items, which needs no download).
"""

import hashlib
import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.lab.hub import hub_answers, hub_is_cached, loading_from_hub
from sae_tutorial.lab.models import load_gpt2, load_offline_model
from sae_tutorial.lab.texts import NEWS_CLASSES, Texts, ag_news, bundled_news, wikipedia
from sae_tutorial.lab.verdicts import NOT_CHECKED, Verdict, Verdicts, judge

LABS, TEXTS = ("gpt2", "offline"), ("news", "wikipedia")
REFERENCE_LAB, REFERENCE_BUDGET = "offline", "quick"  # the committed pages were made on
# A paragraph of Wikipedia has as many tokens as this many news items, both cut at CONTEXT: 94 against 63 on average.
NEWS_ITEMS_PER_PARAGRAPH = 1.5
# For a rough bill before a long run: what two CPU cores do in a second, and how large things are.
COLLECTED_PER_SECOND, TRAINED_PER_SECOND = 1_000, 8_000
CHARACTERS_PER_TOKEN, CONTEXT, WIDEST, BYTES_PER_NUMBER = 4.5, 128, 768, 2


@dataclass(frozen=True)
class Budget:
    """How much work the notebooks do; `documents` and `probe_documents` count texts as long as a news item.

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

    def in_paragraphs(self) -> "Budget":
        """The same amount of work on texts as long as a paragraph of Wikipedia."""
        documents, probe_documents = (
            round(n / NEWS_ITEMS_PER_PARAGRAPH) for n in (self.documents, self.probe_documents)
        )
        return replace(self, documents=documents, probe_documents=probe_documents)


BUDGETS = {
    "smoke": Budget("smoke", documents=150, train_tokens=10_000, sweep_tokens=3_000, probe_documents=40),
    "quick": Budget("quick", documents=1_400, train_tokens=240_000, sweep_tokens=45_000, probe_documents=240),
    "full": Budget(
        "full", documents=12_000, train_tokens=16_000_000, sweep_tokens=1_000_000, probe_documents=4_000
    ),
}


class Choice(NamedTuple):
    """Which lab, why this one, how much work, and on which texts."""

    lab: str
    why: str
    budget: str
    texts: str


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
        groups: documents of one group, such as the paragraphs of one article, belong on one side of a split.
        credit: where the texts are from, and their licence.
        verdicts: what `check` has found so far; show it at a notebook's end.
    """

    name: str
    model: TransformerBridge = field(repr=False)
    texts: Sequence[str] = field(repr=False)
    labels: Int[np.ndarray, " documents"] = field(repr=False)
    layer: int
    budget: Budget
    device: str
    artifacts: Path = field(repr=False)
    class_names: tuple[str, ...] = NEWS_CLASSES
    groups: Int[np.ndarray, " documents"] | None = field(default=None, repr=False)
    credit: str = ""
    verdicts: Verdicts = field(default_factory=Verdicts, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.groups is None:
            object.__setattr__(self, "groups", np.arange(len(self.texts)))

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

    def check(
        self,
        found: object,
        claim: str,
        *,
        above: float | None = None,
        below: float | None = None,
        margin: float = 0.0,
        quiet: bool = False,
    ) -> None:
        """Print and record whether this lab shows what is claimed; the arguments are those of `verdicts.judge`.

            lab.check(len(right) >= 6, "it knows six of ten capitals")
            lab.check(first - second, "the model makes use of the repetition", above=2, margin=0.3)
            lab.check(advantage, "the SAE costs less than the mean", above=0)  # an interval: value, low, high

        A smoke run has nothing to find: it checks the path, not the claim. Nothing is returned, since a notebook would show
        it below what is printed; `verdicts` has it. One of many alike is `quiet`: it is recorded only.
        """
        verdict = judge(found, claim, above=above, below=below, margin=margin)
        if self.budget.name == "smoke":
            verdict = Verdict(claim, NOT_CHECKED)
        if not quiet:
            print(verdict)
        self.verdicts.record(verdict)


def open_lab(name: str = "auto", budget: str | None = None, texts: str | None = None) -> Lab:
    """Open a lab and print what was chosen and why.

    Args:
        name: "gpt2", "offline" or "auto"; the environment's SAE_LAB replaces "auto".
        budget: "smoke", "quick" or "full"; by default the environment's SAE_BUDGET, else "quick", on a GPU too.
        texts: "wikipedia" or "news"; by default the environment's SAE_TEXTS, else "news" with GPT-2 (AG News) and
            "wikipedia" offline.

    Raises:
        ValueError: an unknown name, budget or kind of texts.
        ConnectionError: the lab asked for cannot be had here; the message names the cure.
        storage.DamagedFileError: a downloaded package is not the expected one.
    """
    chosen = choose(name, budget, texts)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    amount = BUDGETS[chosen.budget]
    if chosen.texts == "wikipedia":
        amount = amount.in_paragraphs()
    print(f"lab {chosen.lab} ({chosen.why}), budget {amount.name}, on {device}")
    read = _load_texts(chosen).first(amount.documents)
    if amount.name == "full":
        print(_bill(amount, read.documents))
    elif device == "cuda":
        print(
            "There is a GPU: open_lab(budget='full') does the work of a whole study, and says what it costs."
        )
    model, layer = _load_model(chosen, device)
    print(f"model: {model.cfg.model_name}, {model.cfg.n_layers} layers, width {model.cfg.d_model}")
    lab = Lab(
        chosen.lab, model, read.documents, read.labels, layer, amount, device, artifacts_directory(),
        read.class_names, read.groups, read.credit,
    )  # fmt: skip
    print(f"texts: {len(lab.texts):,} {read.kind}; activations from {lab.hook_name}")
    if lab.credit:
        print(f"source: {lab.credit}")
    of_the_pages = texts or "wikipedia"  # what this call opens where the environment says nothing
    if (lab.name, amount.name, chosen.texts) != (REFERENCE_LAB, REFERENCE_BUDGET, of_the_pages):
        theirs = f"open_lab({REFERENCE_LAB!r}, budget={REFERENCE_BUDGET!r}, texts={of_the_pages!r})"
        print(
            f"The committed pages were made on another lab, so your numbers differ from theirs; {theirs} opens it."
        )
    return lab


def _load_texts(chosen: Choice) -> Texts:
    if chosen.texts == "wikipedia":
        return wikipedia()
    if chosen.lab == "offline":
        return bundled_news()
    with loading_from_hub():
        return ag_news()


def _load_model(chosen: Choice, device: str) -> tuple[TransformerBridge, int]:
    """The model, and the layer of it that the course studies."""
    if chosen.lab == "offline":
        return load_offline_model(device), 12
    with loading_from_hub():
        return load_gpt2(device), 6


def _bill(budget: Budget, documents: Sequence[str]) -> str:
    """What a budget costs, roughly, before anything is done."""
    tokens = sum(min(len(text) / CHARACTERS_PER_TOKEN, CONTEXT) for text in documents)
    gigabytes = tokens * WIDEST * BYTES_PER_NUMBER / 1e9
    minutes = (tokens / COLLECTED_PER_SECOND + budget.train_tokens / TRAINED_PER_SECOND) / 60
    return (
        f"This budget costs: {tokens:,.0f} tokens collected ({gigabytes:.1f} GB in artifacts/ for each hook), "
        f"{budget.train_tokens:,} tokens trained on in the main run and {budget.sweep_tokens:,} in every run of a sweep; "
        f"on two CPU cores about {minutes:.0f} minutes before the sweeps. No GPU has been timed."
    )


def choose(name: str = "auto", budget: str | None = None, texts: str | None = None) -> Choice:
    """What the arguments of `open_lab`, the environment and the network come to.

    Raises:
        ValueError: an unknown name, budget or kind of texts, given or in the environment.
    """
    lab, why = _setting("lab", "" if name == "auto" else name, "SAE_LAB", (*LABS, "auto")), "asked for"
    if name == "auto":
        why = "set by SAE_LAB"
    budget = _setting("budget", budget, "SAE_BUDGET", BUDGETS, default="quick")
    texts = _setting("kind of texts", texts, "SAE_TEXTS", (*TEXTS, "auto"))
    if lab == "auto":
        lab, why = _reachable()
    if texts == "auto":
        texts = "news" if lab == "gpt2" else "wikipedia"
    return Choice(lab, why, budget, texts)


def _reachable() -> tuple[str, str]:
    if hub_is_cached():
        return "gpt2", "in the local hub cache"
    if hub_answers():
        return "gpt2", "the hub answers"
    return "offline", "no hub answers"


def _setting(
    what: str, given: str | None, variable: str, choices: Collection[str], default: str = "auto"
) -> str:
    value = given or os.environ.get(variable) or default
    if value not in choices:
        source = "" if given else f" (set by {variable})"
        raise ValueError(f"there is no {what} {value!r}{source}; choose from {', '.join(choices)}.")
    return value


def artifacts_directory() -> Path:
    """`artifacts/` at the top of a checkout, else in the working directory; SAE_ARTIFACTS overrides both."""
    checkout = Path(__file__).resolve().parents[2]
    default = checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()
    return Path(os.environ.get("SAE_ARTIFACTS", default / "artifacts"))
