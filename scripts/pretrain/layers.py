"""Which layer's residual stream has the most to show? A small SAE at each, judged by what the gallery would hold.

    python scripts/pretrain/layers.py CACHE

Some 100,000 tokens of the lab's Wikipedia articles, all layers from one forward pass; the same width, k and dose for
each; 20 articles are held out. The measure is how specific the 50 best latents are on those, none about one token.
"""

import sys
from pathlib import Path

import numpy as np
from collect import model_in_bfloat16
from texts import held_out_articles
from train import K, training_config

from sae_tutorial import storage
from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.features.gallery import gallery
from sae_tutorial.features.latents import read_latents
from sae_tutorial.lab.texts import wikipedia
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig
from sae_tutorial.sae.metrics import evaluate_reconstruction
from sae_tutorial.sae.training import train_sae

LAYERS = (8, 12, 16, 20, 24)
EXPANSION, ROWS_SEEN, BEST = 2, 250_000, 50


def measure(cache: Path) -> None:
    """Print a row for each layer and write them to `cache`/layers.json."""
    texts = wikipedia()
    held_out = np.isin(texts.groups, held_out_articles(texts))
    chosen = np.flatnonzero(np.arange(len(held_out)) % np.where(held_out, 2, 5) == 0)
    documents, labels, groups = (
        [texts.documents[i] for i in chosen],
        texts.labels[chosen],
        texts.groups[chosen],
    )
    held_out = held_out[chosen]
    hooks = {layer: f"blocks.{layer}.hook_resid_post" for layer in LAYERS}
    directory = cache / "layers"
    if not all((directory / hook).is_dir() for hook in hooks.values()):
        collect_activations(model_in_bfloat16(), documents, list(hooks.values()), directory=directory)
    found = []
    for layer, hook in hooks.items():
        store = ActivationStore.open(directory / hook)
        on_test = held_out[store.document_ids]
        sae = SparseAutoencoder(SAEConfig(store.shape[1], EXPANSION, k=K))
        train_sae(sae, store[np.flatnonzero(~on_test)], training_config("nothing", ROWS_SEEN), progress=False)
        test = store[np.flatnonzero(on_test)]
        norms = test.norm(dim=1)
        fit = evaluate_reconstruction(sae, test[norms <= 10 * norms.median()], progress=False)
        best = gallery(read_latents(sae, store), labels, groups, held_out, n=BEST)
        specificity = np.array([exhibit.specificity for exhibit in best])
        found.append(
            {
                "layer": layer, "explained variance": round(fit["explained_variance"], 3),
                f"mean specificity of the best {BEST}": round(float(specificity.mean()), 3),
                "latents with 0.8 or more": int((specificity >= 0.8).sum()),
                "mean largest token share": round(float(np.mean([e.token_share for e in best])), 3),
            }
        )  # fmt: skip
        print(found[-1], flush=True)
    with storage.new_file(cache / "layers.json") as partial:
        storage.write_json(partial, {"layers": found})


if __name__ == "__main__":
    measure(Path(sys.argv[1]))
