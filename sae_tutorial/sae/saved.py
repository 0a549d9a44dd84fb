"""Saved coders: the SAELens v6 directory format, written and read.

    directory/cfg.json                   what the weights are and where they came from
    directory/sae_weights.safetensors    W_enc [d_in, d_sae], W_dec [d_sae, d_out], b_dec [d_out], and [d_sae] each:

    standard, topk    b_enc
    jumprelu          b_enc, threshold
    gated             b_gate, r_mag, b_mag

A transcoder is called "transcoder", "jumprelu_transcoder" and so on, with "skip_" and W_skip [d_out, d_in] where it has
one. SAELens knows fewer architectures than we train (no gated or TopK transcoder, no crosscoder, for which it has no
name): what its keys cannot say, our own key in cfg.json does. Files of other libraries are first put into the terms of
SAELens v6 (`foreign.py`).
"""

import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sae_tutorial import storage
from sae_tutorial.sae import foreign
from sae_tutorial.sae.config import SAEConfig

CONFIG_FILE, WEIGHTS_FILE, OWN_KEY = "cfg.json", "sae_weights.safetensors", "sae_tutorial"
# Once trained, BatchTopK and its nested kin cut at a threshold, as JumpReLU does.
SAELENS_NAMES = {
    "relu": "standard", "relu_free": "standard", "gated": "gated", "topk": "topk",
    "batchtopk": "jumprelu", "matryoshka": "jumprelu", "jumprelu": "jumprelu",
}  # fmt: skip
PER_LATENT = {
    "standard": ("b_enc",), "topk": ("b_enc",), "jumprelu": ("b_enc", "threshold"), "gated": ("b_enc", "r_mag", "b_mag")
}  # fmt: skip
# What TransformerLens can do to a model's weights. SAELens has it do only what `model_from_pretrained_kwargs` names.
PROCESSING = (
    "fold_ln", "center_writing_weights", "center_unembed", "fold_value_biases", "refactor_factored_attn_matrices"
)  # fmt: skip
# SAELens reads the metadata of files that name at least this version, and loses the hook name of older ones.
SAELENS_VERSION = "6.0.0"


def write_sae(
    directory: str | Path, config: SAEConfig, weights: Mapping[str, Tensor], metadata: Mapping[str, Any]
) -> None:
    """Write a coder as one directory, atomically; an older one in its place is replaced.

    Args:
        directory: where to write.
        config: what the coder is.
        weights: the state of a `SparseAutoencoder`.
        metadata: where the activations came from (`model_name`, `hook_name`, ...).

    Raises:
        FileExistsError: the directory holds other files than a saved coder.
    """
    kind = SAELENS_NAMES[config.architecture]
    origin = {
        "sae_lens_version": SAELENS_VERSION,
        "hook_head_index": None,
        "model_from_pretrained_kwargs": {},
    }
    settings = {
        "architecture": _saelens_name(config),
        "d_in": config.d_in,
        "d_sae": config.d_sae,
        "dtype": str(weights["W_enc"].dtype).removeprefix("torch."),
        "device": "cpu",
        "apply_b_dec_to_input": not config.is_transcoder,
        "normalize_activations": metadata.get("normalize_activations", "none"),
        "reshape_activations": "none",
        "metadata": origin | {key: metadata[key] for key in metadata if key != "normalize_activations"},
        OWN_KEY: asdict(config),
    }
    if config.is_transcoder:
        settings["d_out"] = config.d_out
    if kind == "topk":
        settings |= {"k": config.k, "rescale_acts_by_decoder_norm": False}
    names = {"b_enc": "b_gate"} if kind == "gated" else {}
    tensors = {
        names.get(key, key): tensor.T if key == "W_skip" else tensor for key, tensor in weights.items()
    }
    with storage.new_directory(directory, (CONFIG_FILE, WEIGHTS_FILE)) as partial:
        storage.write_json(partial / CONFIG_FILE, settings)
        storage.write_tensors(partial / WEIGHTS_FILE, tensors)


def read_sae(directory: str | Path) -> tuple[SAEConfig, dict[str, Tensor], dict[str, Any]]:
    """Read a saved coder: what it is, float32 weights, and metadata.

    `directory` is one of these; they are told apart by what it holds:

    * what `write_sae` or SAELens 6 wrote, or SAELens before 6 (one flat cfg.json);
    * what sparsify wrote (sae.safetensors), or Gemma Scope's params.npz;
    * an autoencoder of OpenAI's `sparse_autoencoder` or of `dictionary_learning` (with its config.json), after
      its pickle was turned into tensors with the command that the error about a pickle shows.

    Weights may lie in several files with an index (sharded safetensors). The function that is computed stays the same:
    a decoder bias that is not subtracted from the input goes into the encoder's biases, and decoder norms go into f
    where that is exact. TopK's do not (the largest would be others), so such a coder gets a free decoder. An
    autoencoder of rows normalised one by one (OpenAI's, "layer_norm") comes with a warning: it takes
    (x − mean) / (standard deviation + 1e-5). So does one of a model whose weights were processed (centred, norms
    folded): the warning has the call that does the same to a model opened here.

    Raises:
        FileNotFoundError: no such directory, or a file is missing.
        storage.DamagedFileError: a file is cut short, or shapes do not fit each other.
        ValueError: a pickle, or a file of another kind: an unknown architecture or an input normalisation.
    """
    directory = Path(directory).expanduser()
    settings, weights = foreign.read_any(directory, CONFIG_FILE, WEIGHTS_FILE)
    weights = {name: tensor.float() for name, tensor in weights.items()}
    return _from_saelens(directory, settings, weights)


def _saelens_name(config: SAEConfig) -> str:
    kind = SAELENS_NAMES[config.architecture]
    if not config.is_transcoder:
        return kind
    name = "skip_transcoder" if config.skip else "transcoder"
    return name if kind == "standard" else f"{kind}_{name}"


def _from_saelens(
    directory: Path, settings: dict[str, Any], weights: dict[str, Tensor]
) -> tuple[SAEConfig, dict[str, Tensor], dict[str, Any]]:
    """SAELens v6 in this package's terms."""
    name = str(settings.get("architecture"))
    kind = name.removesuffix("transcoder").removesuffix("skip_").removesuffix("_") or "standard"
    is_transcoder, has_skip = name.endswith("transcoder"), name.endswith("skip_transcoder")
    own = settings.get(OWN_KEY, {})
    if kind not in PER_LATENT or (own and SAELENS_NAMES.get(own.get("architecture")) != kind):
        found = f"{name!r}, trained as {own['architecture']!r}" if own else repr(name)
        raise ValueError(
            f"{directory} holds architecture {found}; this package reads {', '.join(PER_LATENT)}, and transcoders of them."
        )
    if kind == "topk" and "k" not in settings:
        raise ValueError(
            f"{directory / CONFIG_FILE} names no k; add the number of latents kept per position."
        )
    metadata = (settings.get("metadata") or {}) | _normalisation(
        directory, settings.get("normalize_activations")
    )
    _warn_of_processed_weights(directory, metadata.get("model_from_pretrained_kwargs") or {})
    weights = {"b_enc" if key == "b_gate" else key: weights[key] for key in weights}
    # SAELens before 6 wrote it: ones, unless the latents were rescaled after training.
    if "scaling_factor" in weights and not (weights.pop("scaling_factor") == 1).all():
        raise ValueError(f"{directory} has a scaling_factor other than 1; multiply W_dec's rows by it first.")
    _check_shapes(
        directory, name, {"W_enc", "W_dec", "b_dec", *PER_LATENT[kind], *["W_skip"] * has_skip}, weights
    )
    if has_skip:
        weights["W_skip"] = weights["W_skip"].T
    if not is_transcoder and not settings.get("apply_b_dec_to_input", True):
        shift = weights["b_dec"] @ weights["W_enc"]
        weights["b_enc"] = weights["b_enc"] + shift
        if kind == "gated":
            weights["b_mag"] = weights["b_mag"] + shift * weights["r_mag"].exp()
    if "threshold" in weights:
        weights["threshold"] = weights["threshold"].clamp(min=0)  # ReLU cuts at 0 in any case
    # How finely a number format tells 1 from its neighbours; rows that were saved in bf16 have norm 1 within 1%.
    written_in = getattr(torch, str(settings.get("dtype", "float32")).removeprefix("torch."), torch.float32)
    tolerance = max(1e-3, 2 * torch.finfo(written_in).eps) if written_in.is_floating_point else 1e-3
    norms = weights["W_dec"].norm(dim=1)
    is_unit = bool(((norms - 1).abs() <= tolerance).logical_or(norms == 0).all())
    k = {"k": settings["k"]} if "k" in settings else {}
    if own:
        return SAEConfig(**own | k), weights, metadata
    if settings.get("rescale_acts_by_decoder_norm") or (not is_unit and kind in ("jumprelu", "gated")):
        weights, is_unit = _fold_norms(weights), True
    d_in, d_sae = weights["W_enc"].shape
    config = SAEConfig(
        d_in, d_sae / d_in,
        architecture=kind if kind != "standard" else "relu" if is_unit else "relu_free",
        d_out=weights["W_dec"].shape[1] if is_transcoder else None,
        skip=has_skip, free_decoder=kind == "topk" and not is_unit, **{"k": min(32, d_sae)} | k,
    )  # fmt: skip
    return config, weights, metadata


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


def _warn_of_processed_weights(directory: Path, opened_with: Mapping[str, Any]) -> None:
    options = {name: bool(opened_with.get(name)) for name in PROCESSING}
    # A centred unembedding shifts the logits alone.
    changing = [name for name, on in options.items() if on and name != "center_unembed"]
    if changing:
        warnings.warn(
            f"{directory} was trained on a model opened with {' and '.join(changing)}, so activations of the model as it "
            "is may not fit. Open it anew as a TransformerBridge and, before reading activations, call "
            f"model.enable_compatibility_mode({', '.join(f'{name}={on}' for name, on in options.items())}).",
            stacklevel=5,
        )


def _fold_norms(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same ŷ from decoder rows of norm 1 and f times the old norms; r_mag stays, it is a ratio's logarithm."""
    norms = weights["W_dec"].norm(dim=1)
    as_they_are = {name: weights[name] for name in ("b_dec", "r_mag", "W_skip") if name in weights}
    folded = {
        name: weights[name] * norms for name in ("W_enc", "b_enc", "b_mag", "threshold") if name in weights
    }
    rows = (
        weights["W_dec"] / norms.where(norms > 0, 1.0)[:, None]
    )  # a row of zeros stays one; its latent falls silent
    return as_they_are | folded | {"W_dec": rows}


def _check_shapes(directory: Path, name: str, expected: set[str], weights: Mapping[str, Tensor]) -> None:
    if set(weights) != expected:
        raise ValueError(f"{directory} ({name}) holds tensors {sorted(weights)}, not {sorted(expected)}.")
    for matrix in ("W_enc", "W_dec"):
        if weights[matrix].ndim != 2:
            raise storage.DamagedFileError(
                f"{directory}: {matrix} has shape {tuple(weights[matrix].shape)}, not two axes."
            )
    (d_in, d_sae), d_out = weights["W_enc"].shape, weights["W_dec"].shape[1]
    shapes = {
        "W_enc": (d_in, d_sae),
        "W_dec": (d_sae, d_out if name.endswith("transcoder") else d_in),
        "b_dec": (d_out,),
        "W_skip": (d_out, d_in),
    }
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
