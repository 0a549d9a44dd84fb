"""Saved autoencoders: the SAELens v6 directory format, written and read.

    directory/cfg.json                   what the weights are and where they came from
    directory/sae_weights.safetensors    W_enc [d_in, d_sae], W_dec [d_sae, d_in], b_enc [d_sae], b_dec [d_in]

This module maps between those files and plain dictionaries; `SparseAutoencoder.save` and `.load` use it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sae_tutorial import storage

CONFIG_FILE, WEIGHTS_FILE = "cfg.json", "sae_weights.safetensors"
SAELENS_NAMES = {"relu": "standard", "topk": "topk"}
# SAELens reads the metadata of files that name at least this version, and loses the hook name of older ones.
SAELENS_VERSION = "6.0.0"


def write_sae(
    directory: str | Path,
    config: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    metadata: Mapping[str, Any],
) -> None:
    """Write an autoencoder as one directory, atomically; an older one in its place is replaced.

    Args:
        directory: where to write.
        config: the fields of an `SAEConfig`, with `d_sae`.
        weights: `W_enc`, `W_dec`, `b_enc`, `b_dec` in the shapes above.
        metadata: where the activations came from (`model_name`, `hook_name`, ...).

    Raises:
        FileExistsError: the directory holds other files than a saved autoencoder.
    """
    saelens = {
        **config,
        "architecture": SAELENS_NAMES[config["architecture"]],
        "dtype": str(weights["W_enc"].dtype).removeprefix("torch."),
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {
            "sae_lens_version": SAELENS_VERSION,
            "hook_head_index": None,
            "model_from_pretrained_kwargs": {},
            **metadata,
        },
    }
    if config["architecture"] == "topk":
        saelens["rescale_acts_by_decoder_norm"] = False  # decoder rows have unit norm
    with storage.new_directory(directory, (CONFIG_FILE, WEIGHTS_FILE)) as partial:
        storage.write_json(partial / CONFIG_FILE, saelens)
        storage.write_tensors(partial / WEIGHTS_FILE, weights)


def read_sae(directory: str | Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read what `write_sae` or SAELens v6 wrote: the settings in this package's terms, and float32 weights.

    SAELens's variants are turned into this package's form without changing the function: a decoder bias that is
    not subtracted from the input goes into `b_enc`, and decoder norms that scale a TopK choice into the weights.

    Raises:
        FileNotFoundError: no such directory, or a file is missing.
        storage.DamagedFileError: a file is cut short, or shapes do not fit each other.
        ValueError: a file of another kind: an unknown architecture or an input normalisation.
    """
    directory = Path(directory)
    config = storage.read_json(_existing(directory / CONFIG_FILE))
    names = {saelens: ours for ours, saelens in SAELENS_NAMES.items()}
    if config.get("architecture") not in names:
        known = ", ".join(names)
        raise ValueError(
            f"{directory} holds architecture {config.get('architecture')!r}; this package reads {known}."
        )
    if config.get("normalize_activations", "none") != "none":
        raise ValueError(
            f"{directory} expects inputs normalised by {config['normalize_activations']!r}; "
            "fold the normalisation into its weights with SAELens first."
        )
    if config["architecture"] == "topk" and "k" not in config:
        raise ValueError(
            f"{directory / CONFIG_FILE} names no k; add the number of latents kept per position."
        )
    weights = storage.read_tensors(directory / WEIGHTS_FILE)
    _check_shapes(directory, weights)
    weights = {name: tensor.float() for name, tensor in weights.items()}
    if not config.get("apply_b_dec_to_input", True):
        weights["b_enc"] = weights["b_enc"] + weights["b_dec"] @ weights["W_enc"]
    if config.get("rescale_acts_by_decoder_norm"):
        norms = weights["W_dec"].norm(dim=1)
        directions = weights["W_dec"] / norms.clamp(min=torch.finfo(norms.dtype).tiny)[:, None]  # 0 stays 0
        weights |= {
            "W_enc": weights["W_enc"] * norms,
            "b_enc": weights["b_enc"] * norms,
            "W_dec": directions,
        }
    return {**config, "architecture": names[config["architecture"]]}, weights


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist: a saved autoencoder is a directory with {CONFIG_FILE} and {WEIGHTS_FILE}."
        )
    return path


def _check_shapes(directory: Path, weights: Mapping[str, Tensor]) -> None:
    expected = {"W_enc", "W_dec", "b_enc", "b_dec"}
    if set(weights) != expected:
        raise ValueError(f"{directory} holds tensors {sorted(weights)}, not {sorted(expected)}.")
    if weights["W_enc"].ndim != 2:
        raise storage.DamagedFileError(
            f"{directory}: W_enc has shape {tuple(weights['W_enc'].shape)}, not [d_in, d_sae]."
        )
    d_in, d_sae = weights["W_enc"].shape
    shapes = {"W_enc": (d_in, d_sae), "W_dec": (d_sae, d_in), "b_enc": (d_sae,), "b_dec": (d_in,)}
    for name, shape in shapes.items():
        if tuple(weights[name].shape) != shape:
            raise storage.DamagedFileError(
                f"{directory}: {name} has shape {tuple(weights[name].shape)}, but W_enc's calls for {shape}."
            )
        if not torch.isfinite(weights[name]).all():
            raise storage.DamagedFileError(
                f"{directory}: {name} holds NaN or infinity; save the autoencoder again."
            )
