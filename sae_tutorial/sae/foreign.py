"""Coders saved by other libraries, put into the terms of SAELens v6, which `saved.py` reads.

    SAELens before 6       all settings side by side in cfg.json, some under older names
    sparsify               sae.safetensors; TopK, decoder rows kept, transcoders with "transcode"
    Gemma Scope            params.npz, arrays alone; JumpReLU whose b_dec is not taken off x
    sparse_autoencoder     OpenAI's (Gao et al. 2024): a pickle; TopK around rows that are normalised one by one
    dictionary_learning    a pickle, with config.json beside it; PyTorch's [out, in] matrices

A pickle can run any code when it is loaded, so none is loaded here. UNPICKLE turns one into tensors.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from sae_tutorial import storage

# For an environment where a pickle's code could do no harm; makes the two files that `saved.py` looks for.
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


def read_any(
    directory: Path, config_file: str, weights_file: str
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Settings and tensors in the terms of SAELens v6, whoever wrote the directory.

    Raises:
        FileNotFoundError, storage.DamagedFileError, ValueError: see `saved.read_sae`.
    """
    if (directory / "params.npz").is_file():
        return _from_gemma_scope(directory / "params.npz")
    is_sparsify = any(directory.glob("sae[.-]*safetensors*"))  # sae.safetensors, its index or its parts
    files = _weight_files(directory, "sae.safetensors" if is_sparsify else weights_file)
    trained = directory / "config.json"
    training = storage.read_json(trained).get("trainer") if trained.is_file() else None
    config = {} if training else storage.read_json(_existing(directory / config_file, weights_file))
    weights = {name: tensor for file in files for name, tensor in storage.read_tensors(file).items()}
    if training:
        return _from_dictionary_learning(training, weights)
    if is_sparsify:
        return _from_sparsify(config, weights)
    if "pre_bias" in weights:
        return _from_openai(config, weights)
    return (config if "metadata" in config else _from_older_saelens(config)), weights


def _weight_files(directory: Path, name: str) -> list[Path]:
    """The file with the weights, or those that an index names; an error, with the cure, about a pickle."""
    index = directory / f"{name}.index.json"
    if index.is_file():
        return [directory / file for file in sorted(set(storage.read_json(index)["weight_map"].values()))]
    if directory.is_dir() and not (directory / name).exists():
        shards = sorted(directory.glob(f"{name.removesuffix('.safetensors')}-*-of-*.safetensors"))
        if shards:
            return shards
        directory = next(iter(sorted(directory.glob("*.pt"))), directory)
    if directory.is_file():
        raise ValueError(
            f"{directory} is one file, not the directory of a saved autoencoder. If it is a pickle, loading it could "
            f"run any code: in its directory, in an environment of its own, turn it into tensors with\n"
            f"{UNPICKLE} {directory.name}"
        )
    return [directory / name]


def _existing(path: Path, weights_file: str) -> Path:
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist: a saved autoencoder is a directory with {path.name} and {weights_file}."
        )
    return path


def _from_gemma_scope(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Gemma Scope's arrays (Lieberum et al. 2024); they name no model, so the metadata is empty."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            weights = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise storage.DamagedFileError(
            f"{path} is not a whole file of arrays ({error}); copy it again."
        ) from error
    config = {"architecture": "jumprelu", "apply_b_dec_to_input": False, "metadata": {}}
    return config, {name.replace("w_", "W_"): tensor for name, tensor in weights.items()}


def _from_sparsify(
    config: Mapping[str, Any], weights: Mapping[str, Tensor]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A `SparseCoder` of sparsify; only its TopK activation is known here."""
    kind = "topk" if config.get("activation", "topk") == "topk" else config["activation"]
    skip = "skip_" if config.get("skip_connection") else ""
    saelens = {
        "architecture": f"{kind}_{skip}transcoder" if config.get("transcode") else kind,
        "k": config.get("k", 32),
        "dtype": str(weights["W_dec"].dtype).removeprefix("torch."),
        "metadata": {},
    }
    return saelens, _rename(weights, skip=())


def _from_older_saelens(config: Mapping[str, Any]) -> dict[str, Any]:
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
    kept = (
        "model_name", "hook_name", "hook_head_index", "context_size", "prepend_bos", "model_from_pretrained_kwargs"
    )  # fmt: skip
    return config | {"metadata": {"prepend_bos": True} | {key: config[key] for key in kept if key in config}}


def _from_openai(
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


def _from_dictionary_learning(
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
