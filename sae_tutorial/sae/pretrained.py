"""Coders that ship with the package, trained on millions of tokens by `scripts/pretrain`, each with its card.

A notebook trains for seconds. These trained for the better part of an hour, on the residual stream of the offline lab's
model, so that there is something worth looking at on any machine. In a coder's directory lie its weights in SAELens
format (float16) and `card.json` (what it was trained on, and how well it does beside its controls).
"""

from importlib import resources
from pathlib import Path
from typing import Any

from sae_tutorial import storage
from sae_tutorial.sae.coder import SparseAutoencoder

CARD_FILE, GALLERY_FILE = "card.json", "gallery.json"
RESIDUAL_SAE = "smollm2-135m-layer16-topk32"
# Of the MLPs of these layers of the same model, with a skip.
TRANSCODERS = {layer: f"smollm2-135m-mlp{layer}-transcoder-topk32" for layer in (0, 13, 21, 23, 24)}


def pretrained_names() -> list[str]:
    """The coders that ship with the package."""
    return sorted(path.parent.name for path in _coders().glob(f"*/{CARD_FILE}"))


def pretrained_sae(name: str = RESIDUAL_SAE) -> SparseAutoencoder:
    """A coder that ships with the package, on the CPU in float32.

    `metadata["hook_name"]` says what it reads, of the model `metadata["model_name"]`; `pretrained_card` how it does.

    Raises:
        ValueError: there is no coder of that name.
    """
    return SparseAutoencoder.load(_directory(name))


def pretrained_transcoders() -> dict[int, SparseAutoencoder]:
    """The transcoders that ship with the package, by the layer whose MLP each stands for, on the CPU in float32."""
    return {layer: pretrained_sae(name) for layer, name in TRANSCODERS.items()}


def pretrained_card(name: str = RESIDUAL_SAE) -> dict[str, Any]:
    """A coder's card: its data and their licences, its training, what was measured on it and on its controls.

    `card["measured"]` has a row of numbers for the coder and for each control, to be shown as a table.

    Raises:
        ValueError: there is no coder of that name.
    """
    return storage.read_json(_directory(name) / CARD_FILE)


def pretrained_gallery(name: str = RESIDUAL_SAE) -> dict[str, Any]:
    """Descriptions of a coder's best latents by readers who saw contexts alone, and how well each one predicts.

    Raises:
        ValueError: there is no coder of that name.
        FileNotFoundError: nobody has described its latents.
    """
    return storage.read_json(_directory(name) / GALLERY_FILE)


def _coders() -> Path:
    return Path(str(resources.files("sae_tutorial").joinpath("data", "coders")))


def _directory(name: str) -> Path:
    if name not in pretrained_names():
        raise ValueError(
            f"there is no pretrained coder {name!r}; choose from {', '.join(pretrained_names())}."
        )
    return _coders() / name
