"""Autoencoders saved by other libraries, put into the terms of SAELens v6, which `checkpoint.py` reads.

    SAELens before 6       all settings side by side in cfg.json, some under older names
    sparse_autoencoder     OpenAI's (Gao et al. 2024): a pickle; TopK around rows that are normalised one by one
    dictionary_learning    a pickle, with config.json beside it; PyTorch's [out, in] matrices

A pickle can run any code when it is loaded, so none is loaded here. UNPICKLE turns one into tensors.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from sae_tutorial import storage

# For an environment where a pickle's code could do no harm; makes the two files that `checkpoint.py` looks for.
UNPICKLE = (
    'python -c "import json, sys, torch; from safetensors.torch import save_file; '
    "d = torch.load(sys.argv[1], 'cpu', weights_only=True); "
    "save_file({n: t.clone().contiguous() for n, t in d.items() if torch.is_tensor(t)}, 'sae_weights.safetensors'); "
    "json.dump({n: v for n, v in d.items() if not torch.is_tensor(v)}, open('cfg.json', 'w'))\""
)
# dictionary_learning's classes as SAELens architectures; a threshold for all latents is one for each.
DICTIONARY_CLASSES = {
    "AutoEncoder": "standard",
    "AutoEncoderNew": "standard",
    "AutoEncoderTopK": "topk",
    "BatchTopKSAE": "jumprelu",
    "MatryoshkaBatchTopKSAE": "jumprelu",
    "JumpReluAutoEncoder": "jumprelu",
    "GatedAutoEncoder": "gated",
}
# PyTorch's names for tensors, and those of `dictionary_learning` and OpenAI.
RENAMED = {
    "encoder.weight": "W_enc", "encoder.bias": "b_enc", "decoder.weight": "W_dec", "decoder.bias": "b_dec",
    "bias": "b_dec", "decoder_bias": "b_dec", "gate_bias": "b_gate", "mag_bias": "b_mag",
    "latent_bias": "b_enc", "pre_bias": "b_dec",
}  # fmt: skip


def check_no_pickle(path: Path, weights_file: str) -> None:
    """Raise ValueError, with the cure, where `path` is one file, or has one in place of `weights_file`."""
    if path.is_dir() and not (path / weights_file).exists():
        path = next(iter(sorted(path.glob("*.pt"))), path)
    if path.is_file():
        raise ValueError(
            f"{path} is one file, not the directory of a saved autoencoder. If it is a pickle, loading it could run "
            f"any code: in its directory, in an environment of its own, turn it into tensors with\n"
            f"{UNPICKLE} {path.name}"
        )


def from_older_saelens(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a SAELens before 6; its tensors have the same names."""
    older = {
        "hook_point": "hook_name",
        "hook_point_head_index": "hook_head_index",
        "activation_fn_str": "activation_fn",
    }
    config = {older.get(key, key): value for key, value in config.items()}
    config["architecture"] = config.get("architecture") or "standard"
    activation = config.get("activation_fn") or "relu"
    if activation == "topk":
        config |= {"architecture": "topk"} | (config.get("activation_fn_kwargs") or {})
    elif activation != "relu":
        config["architecture"] += f" with {activation}"  # which nothing reads, and whose name says why
    kept = ("model_name", "hook_name", "hook_head_index", "context_size", "prepend_bos")
    return config | {"metadata": {"prepend_bos": True} | {key: config[key] for key in kept if key in config}}


def from_openai(
    config: Mapping[str, Any], weights: Mapping[str, Tensor]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Settings and tensors of `sparse_autoencoder`; cfg.json may also name k alone."""
    saelens: dict[str, Any] = {"metadata": {}, "architecture": "standard"}
    if config.get("activation", "TopK") == "TopK":
        saelens |= {"architecture": "topk", "normalize_activations": "layer_norm"}
        settings = config.get("activation_state_dict", config)
        saelens |= {key: value for key, value in settings.items() if key == "k"}
        if settings.get("postact_fn", "ReLU") != "ReLU":
            saelens["architecture"] += f" with {settings['postact_fn']}"
    return saelens, _rename(weights, skip=("stats_", "latents_"))  # statistics of its training


def dictionary_learning_settings(directory: Path) -> dict[str, Any] | None:
    """What `dictionary_learning` wrote about the training, or None if the directory is not one of its own."""
    path = directory / "config.json"
    return storage.read_json(path).get("trainer") if path.is_file() else None


def from_dictionary_learning(
    training: Mapping[str, Any], weights: Mapping[str, Tensor]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Settings and tensors of `dictionary_learning`; f is that of version 0.1, which later ones multiply by norms."""
    kind = training.get("dict_class")
    architecture = DICTIONARY_CLASSES.get(kind, kind)
    origin = {"model_name": training.get("lm_name"), "hook_name": training.get("submodule_name")}
    saelens = {
        "architecture": architecture,
        "apply_b_dec_to_input": kind not in ("AutoEncoderNew", "JumpReluAutoEncoder"),
        "metadata": {key: value for key, value in origin.items() if value},
    }
    if "k" in weights:
        saelens["k"] = int(weights["k"])
    unread = ("k", "group_sizes") if architecture == "jumprelu" else ("k", "threshold")
    weights = _rename(weights, skip=unread)
    if {"threshold", "W_enc"} <= set(weights):
        weights["threshold"] = weights["threshold"].expand(weights["W_enc"].shape[1])
    return saelens, weights


def _rename(weights: Mapping[str, Tensor], skip: tuple[str, ...]) -> dict[str, Tensor]:
    """Tensors under SAELens's names, matrices as [d_in, d_sae] and [d_sae, d_in], without those that begin with `skip`."""
    return {
        RENAMED.get(name, name): tensor.T if name in RENAMED and tensor.ndim == 2 else tensor
        for name, tensor in weights.items()
        if not name.startswith(skip)
    }
