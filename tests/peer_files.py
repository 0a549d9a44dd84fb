"""Saves and loads autoencoders with the libraries themselves; run by test_peers.py in the peers' own environment.

    python peer_files.py DIRECTORY

DIRECTORY holds rows.npy and ours/NAME, as `SparseAutoencoder.save` wrote them. This adds again/NAME, the same as
SAELens loads and saves them, theirs/NAME, made by SAELens, dictionaries/NAME/ae.pt and config.json, made by
dictionary_learning, and results/FOLDER-NAME.npz with f and x_hat of the rows as each library computes them.
"""

import json
import sys
import types
from pathlib import Path

import numpy as np
import torch

D_IN, D_SAE, K = 12, 48, 5
SAELENS_VARIANTS = {
    "standard": ("standard", {}),
    "standard, b_dec not subtracted": ("standard", {"apply_b_dec_to_input": False}),
    "gated": ("gated", {}),
    "gated, b_dec not subtracted": ("gated", {"apply_b_dec_to_input": False}),
    "jumprelu": ("jumprelu", {}),
    "topk": ("topk", {"k": K, "rescale_acts_by_decoder_norm": False}),
    "topk, rescaled": ("topk", {"k": K, "rescale_acts_by_decoder_norm": True}),
    "topk, layer_norm": ("topk", {"k": K, "normalize_activations": "layer_norm"}),
    "batchtopk": ("batchtopk", {"k": K}),
    "matryoshka": ("matryoshka_batchtopk", {"k": K, "matryoshka_widths": [6, 12, 48]}),
}
DICTIONARIES = {
    "AutoEncoder": (), "AutoEncoderNew": (), "GatedAutoEncoder": (), "JumpReluAutoEncoder": (), "AutoEncoderTopK": (K,),
    "BatchTopKSAE": (K,), "MatryoshkaBatchTopKSAE": (K, [6, 42]),
}  # fmt: skip


def randomise(autoencoder: torch.nn.Module, seed: int) -> None:
    """Weights under which every term of the encoder matters."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in [*autoencoder.named_parameters(), *autoencoder.named_buffers()]:
        if "threshold" in name:
            tensor.data.copy_(0.3 + 0.1 * torch.rand(tensor.shape, generator=generator))
        elif tensor.is_floating_point():
            scale = 0.3 if tensor.ndim == 2 else 0.2
            tensor.data.copy_(scale * torch.randn(tensor.shape, generator=generator))


@torch.no_grad()
def write_result(directory: Path, name: str, autoencoder: torch.nn.Module, rows: torch.Tensor) -> None:
    """What the autoencoder computes."""
    f = autoencoder.encode(rows)
    np.savez(directory / "results" / f"{name}.npz", f=f, x_hat=autoencoder.decode(f))


def saelens(directory: Path, rows: torch.Tensor) -> None:
    """Load and save ours, and make theirs."""
    from sae_lens import SAE
    from sae_lens.registry import get_sae_training_class

    for path in sorted((directory / "ours").iterdir()):
        sae = SAE.load_from_disk(path)
        write_result(directory, f"ours-{path.name}", sae, rows)
        sae.save_model(directory / "again" / path.name)
        (directory / "results" / f"{path.name}.json").write_text(json.dumps(sae.cfg.metadata.to_dict()))
    for seed, (name, (architecture, options)) in enumerate(SAELENS_VARIANTS.items()):
        sae_class, config_class = get_sae_training_class(architecture)
        sae = sae_class(config_class(d_in=D_IN, d_sae=D_SAE, **options))
        randomise(sae, seed)
        sae.save_inference_model(directory / "theirs" / name)
        write_result(directory, f"theirs-{name}", SAE.load_from_disk(directory / "theirs" / name), rows)


def dictionary_learning(directory: Path, rows: torch.Tensor) -> None:
    """Make theirs, as its trainers save them."""
    sys.modules["nnsight"] = types.SimpleNamespace(LanguageModel=None)  # gigabytes, and not used here
    from dictionary_learning import dictionary
    from dictionary_learning.trainers import batch_top_k, matryoshka_batch_top_k, top_k

    for seed, (name, arguments) in enumerate(DICTIONARIES.items()):
        modules = (dictionary, top_k, batch_top_k, matryoshka_batch_top_k)
        (autoencoder_class,) = {getattr(module, name) for module in modules if hasattr(module, name)}
        autoencoder = autoencoder_class(D_IN, D_SAE, *arguments)
        randomise(autoencoder, seed)
        target = directory / "dictionaries" / name
        target.mkdir(parents=True)
        torch.save(autoencoder.state_dict(), target / "ae.pt")
        trainer = {"dict_class": name, "lm_name": "tiny", "submodule_name": "resid_post_layer_1", "layer": 1}
        (target / "config.json").write_text(json.dumps({"trainer": trainer, "buffer": {}}))
        write_result(directory, f"dictionaries-{name}", autoencoder, rows)


if __name__ == "__main__":
    root = Path(sys.argv[1])
    for folder in ("again", "theirs", "dictionaries", "results"):
        (root / folder).mkdir()
    data = torch.from_numpy(np.load(root / "rows.npy"))
    saelens(root, data)
    dictionary_learning(root, data)
