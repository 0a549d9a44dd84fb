"""Saved autoencoders: the SAELens v6 directory format, written and read.

    directory/cfg.json                   what the weights are and where they came from
    directory/sae_weights.safetensors    W_enc [d_in, d_sae], W_dec [d_sae, d_in], b_dec [d_in], and [d_sae] each:

    standard, topk    b_enc
    jumprelu          b_enc, threshold
    gated             b_gate, r_mag, b_mag

SAELens knows fewer architectures than we train: what its keys cannot say, our own key in cfg.json does. Files of
other libraries are first put into the terms of SAELens v6 (`foreign.py`). This module maps between files and plain
dictionaries; `SparseAutoencoder.save` and `.load` use it.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sae_tutorial import storage
from sae_tutorial.sae import foreign

CONFIG_FILE, WEIGHTS_FILE, OWN_KEY = "cfg.json", "sae_weights.safetensors", "sae_tutorial"
# Once trained, BatchTopK and its nested kin cut at a threshold, as JumpReLU does.
SAELENS_NAMES = {
    "relu": "standard", "relu_free": "standard", "gated": "gated", "topk": "topk",
    "batchtopk": "jumprelu", "matryoshka": "jumprelu", "jumprelu": "jumprelu",
}  # fmt: skip
PER_LATENT = {
    "standard": ("b_enc",), "topk": ("b_enc",), "jumprelu": ("b_enc", "threshold"), "gated": ("b_enc", "r_mag", "b_mag")
}  # fmt: skip
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
        config: the fields of an `SAEConfig`.
        weights: the state of a `SparseAutoencoder`.
        metadata: where the activations came from (`model_name`, `hook_name`, ...).

    Raises:
        FileExistsError: the directory holds other files than a saved autoencoder.
    """
    name = SAELENS_NAMES[config["architecture"]]
    origin = {
        "sae_lens_version": SAELENS_VERSION,
        "hook_head_index": None,
        "model_from_pretrained_kwargs": {},
    }
    d_in, d_sae = weights["W_enc"].shape
    saelens = {
        "architecture": name,
        "d_in": d_in,
        "d_sae": d_sae,
        "dtype": str(weights["W_enc"].dtype).removeprefix("torch."),
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": metadata.get("normalize_activations", "none"),
        "reshape_activations": "none",
        "metadata": origin | {key: metadata[key] for key in metadata if key != "normalize_activations"},
        OWN_KEY: dict(config),
    }
    if name == "topk":
        saelens |= {"k": config["k"], "rescale_acts_by_decoder_norm": False}
    if name == "gated":
        weights = {"b_gate" if key == "b_enc" else key: weights[key] for key in weights}
    with storage.new_directory(directory, (CONFIG_FILE, WEIGHTS_FILE)) as partial:
        storage.write_json(partial / CONFIG_FILE, saelens)
        storage.write_tensors(partial / WEIGHTS_FILE, weights)


def read_sae(directory: str | Path) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Any]]:
    """Read a saved autoencoder: the fields of an `SAEConfig`, float32 weights, and metadata.

    `directory` is one of these; they are told apart by what it holds:

    * what `write_sae` or SAELens 6 wrote, or SAELens before 6 (one flat cfg.json);
    * an autoencoder of OpenAI's `sparse_autoencoder` or of `dictionary_learning` (with its config.json), after
      its pickle was turned into tensors with the command that the error about a pickle shows.

    The function that is computed stays the same: a decoder bias that is not subtracted from the input goes into
    the encoder's biases, and decoder norms that scale f into the encoder. An autoencoder of rows normalised one by
    one (OpenAI's, "layer_norm") comes with a warning: it takes (x − mean) / (standard deviation + 1e-5).

    Raises:
        FileNotFoundError: no such directory, or a file is missing.
        storage.DamagedFileError: a file is cut short, or shapes do not fit each other.
        ValueError: a pickle, or a file of another kind: an unknown architecture or an input normalisation.
    """
    directory = Path(directory)
    foreign.check_no_pickle(directory, WEIGHTS_FILE)
    training = foreign.dictionary_learning_settings(directory)
    config = {} if training else storage.read_json(_existing(directory / CONFIG_FILE))
    weights = {name: t.float() for name, t in storage.read_tensors(directory / WEIGHTS_FILE).items()}
    if training:
        config, weights = foreign.from_dictionary_learning(training, weights)
    elif "pre_bias" in weights:
        config, weights = foreign.from_openai(config, weights)
    elif "metadata" not in config:
        config = foreign.from_older_saelens(config)
    return _from_saelens(directory, config, weights)


def _from_saelens(
    directory: Path, config: dict[str, Any], weights: dict[str, Tensor]
) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Any]]:
    """SAELens v6 in this package's terms."""
    _check_settings(directory, config)
    name = config["architecture"]
    metadata = (config["metadata"] or {}) | _normalisation(directory, config.get("normalize_activations"))
    weights = {"b_enc" if key == "b_gate" else key: weights[key] for key in weights}
    # SAELens before 6 wrote it: ones, unless the latents were rescaled after training.
    if not (weights.pop("scaling_factor", torch.ones(1)) == 1).all():
        raise ValueError(f"{directory} has a scaling_factor other than 1; multiply W_dec's rows by it first.")
    _check_shapes(directory, name, weights)
    if not config.get("apply_b_dec_to_input", True):
        shift = weights["b_dec"] @ weights["W_enc"]
        weights["b_enc"] = weights["b_enc"] + shift
        if name == "gated":
            weights["b_mag"] = weights["b_mag"] + shift * weights["r_mag"].exp()
    if config.get("rescale_acts_by_decoder_norm"):
        weights = _fold_norms(weights)
    if "threshold" in weights:
        weights["threshold"] = weights["threshold"].clamp(min=0)  # ReLU cuts at 0 in any case
    k = {"k": config["k"]} if "k" in config else {}
    return config.get(OWN_KEY, _guess_config(name, weights)) | k, weights, metadata


def _check_settings(directory: Path, config: Mapping[str, Any]) -> None:
    name, ours = config.get("architecture"), config.get(OWN_KEY, {}).get("architecture")
    if name not in PER_LATENT or (ours and SAELENS_NAMES.get(ours) != name):
        found = f"{name!r}, trained as {ours!r}" if ours else repr(name)
        raise ValueError(
            f"{directory} holds architecture {found}; this package reads {', '.join(PER_LATENT)}."
        )
    if name == "topk" and "k" not in config:
        raise ValueError(
            f"{directory / CONFIG_FILE} names no k; add the number of latents kept per position."
        )


def _guess_config(name: str, weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """The fields of an `SAEConfig` for a file of other origin: those with which it could be trained further."""
    d_in, d_sae = weights["W_enc"].shape
    if name == "standard":
        unit = torch.allclose(weights["W_dec"].norm(dim=1), torch.ones(d_sae), atol=1e-3)
        name = "relu" if unit else "relu_free"
    return {"d_in": d_in, "expansion_factor": d_sae / d_in, "architecture": name, "k": min(32, d_sae)}


def _normalisation(directory: Path, kind: str | None) -> dict[str, str]:
    if kind in (None, False, "none"):
        return {}
    if kind != "layer_norm":
        raise ValueError(
            f"{directory} expects inputs normalised by {kind!r}; "
            "fold the normalisation into its weights with SAELens first."
        )
    warnings.warn(
        f"{directory} takes rows normalised one by one: (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) "
        "+ 1e-5). Do that before encoding, and undo it after decoding.",
        stacklevel=5,
    )
    return {"normalize_activations": kind}


def _fold_norms(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same x̂ from decoder rows of norm 1 and f times the old norms; r_mag stays, it is a ratio's logarithm."""
    norms = weights["W_dec"].norm(dim=1)
    rows = weights["W_dec"] / norms.clamp(min=torch.finfo(norms.dtype).tiny)[:, None]  # 0 stays 0
    as_they_are = {"b_dec": weights["b_dec"], "r_mag": weights.get("r_mag"), "W_dec": rows}
    return {
        name: as_they_are[name] if name in as_they_are else tensor * norms for name, tensor in weights.items()
    }


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist: a saved autoencoder is a directory with {CONFIG_FILE} and {WEIGHTS_FILE}."
        )
    return path


def _check_shapes(directory: Path, name: str, weights: Mapping[str, Tensor]) -> None:
    expected = {"W_enc", "W_dec", "b_dec", *PER_LATENT[name]}
    if set(weights) != expected:
        raise ValueError(f"{directory} ({name}) holds tensors {sorted(weights)}, not {sorted(expected)}.")
    if weights["W_enc"].ndim != 2:
        raise storage.DamagedFileError(
            f"{directory}: W_enc has shape {tuple(weights['W_enc'].shape)}, not [d_in, d_sae]."
        )
    d_in, d_sae = weights["W_enc"].shape
    shapes = {"W_enc": (d_in, d_sae), "W_dec": (d_sae, d_in), "b_dec": (d_in,)}
    for tensor_name, tensor in weights.items():
        shape = shapes.get(tensor_name, (d_sae,))
        if tuple(tensor.shape) != shape:
            raise storage.DamagedFileError(
                f"{directory}: {tensor_name} has shape {tuple(tensor.shape)}, but W_enc's calls for {shape}."
            )
        if not torch.isfinite(tensor).all():
            raise storage.DamagedFileError(
                f"{directory}: {tensor_name} holds NaN or infinity; save the autoencoder again."
            )
