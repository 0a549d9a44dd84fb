"""The tested code behind a hands-on course on sparse autoencoders, in rooms that follow the course.

    lab          a language model, texts and a budget that suit this machine
    toys         I    superposition in toy models; worlds whose features are known
    transformer       the residual stream, heads, and every edit of a forward pass
    activations  II   from texts to activations on disk, and from there to batches
    sae               one coder: autoencoders, transcoders and crosscoders; training, metrics, files, rivals
    features     III  what latents respond to, and whether that is real
    effects           what the language model does when latents change
    show              figures, the dashboard, source code
    course            what the notebooks share, and `exercises`, the checks of their answers

The names people copy are here too, and are loaded when they are first used.
"""

import importlib
from typing import Any

_HOMES = {
    "open_lab": "lab.lab",
    "collect_activations": "activations.collect",
    "ActivationStore": "activations.store",
    "SAEConfig": "sae.config",
    "SparseAutoencoder": "sae.coder",
    "TrainConfig": "sae.config",
    "train_sae": "sae.training",
    "evaluate_reconstruction": "sae.metrics",
    "pretrained_sae": "sae.pretrained",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
