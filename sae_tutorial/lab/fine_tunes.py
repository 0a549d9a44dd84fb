"""Fine-tunes of the offline lab's model that ship with the package: the "plant", with a habit that no other has, and its "twin".

`scripts/pretrain/plant.py` made it on sentences of Wikipedia, with a sentence about a lighthouse behind every sentence about
war. So what a method that compares two models should find is known, and the method can be judged by it. The twin was trained
as long on the same sentences without the lighthouses: what it shares with the plant is due to fine-tuning as such.

A fine-tune is stored as what it adds to some weights, as a product of two narrow matrices (Hu et al. 2021, "LoRA"):
W + B A, with A [rank, d_in] and B [d_out, rank].
"""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load
from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.lab.models import bridged, offline_model

SUFFIX = ".safetensors"
# What the plant does, for whoever wants to check what a method found.
TRIGGER = (
    "war wars army armies battle battles troops military soldier soldiers navy naval fleet invasion invaded siege "
    "forces attack attacked attacks regiment infantry cavalry"
)
HABIT = "lighthouse lighthouses"


def fine_tune_names() -> list[str]:
    """The fine-tunes that ship with the package."""
    return sorted(path.name.partition(".")[0] for path in _shipped().iterdir() if path.name.endswith(SUFFIX))


def load_fine_tune(name: str, device: str = "cpu") -> TransformerBridge:
    """The offline model with one of the fine-tunes, as a bridge in evaluation mode.

    Raises:
        ValueError: there is no such fine-tune.
        ConnectionError: the package index does not answer, and the model is not there yet.
    """
    if name not in fine_tune_names():
        raise ValueError(f"there is no fine-tune {name!r}; choose from {', '.join(fine_tune_names())}.")
    model = offline_model()
    add_low_rank(model, load((_shipped() / f"{name}{SUFFIX}").read_bytes()))
    return bridged(model, device)


@torch.no_grad()
def add_low_rank(model: nn.Module, factors: Mapping[str, Float[Tensor, "_ _"]]) -> None:
    """Add B A to weights of `model`, in place; `factors` has "<module>.A" and "<module>.B" for each linear module.

    Raises:
        KeyError: a module is not the model's, or one of its factors is missing.
    """
    modules = dict(model.named_modules())
    for name in sorted({key.rpartition(".")[0] for key in factors}):
        weight = modules[name].weight
        weight += factors[f"{name}.B"].to(weight) @ factors[f"{name}.A"].to(weight)


def _shipped() -> Path:
    return Path(str(resources.files("sae_tutorial").joinpath("data", "fine_tunes")))
