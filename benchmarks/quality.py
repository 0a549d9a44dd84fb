"""The whole pipeline on a real language model: SmolLM2 and AG News articles, from texts to held-out scores.

Not a race: the plain recipe and the course's, each at the same number of tokens. Controls are PCA, an untrained
dictionary, and the course's recipe with a tied encoder as long as the decoder. The model is real; the articles are the hub stand-in's.
"""

import tempfile
from pathlib import Path
from unittest.mock import patch

from benchmarks import hub
from benchmarks.report import Row, note
from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.course.artifacts import TEST_FRACTION
from sae_tutorial.lab.lab import open_lab
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, TrainConfig, seed_recipe
from sae_tutorial.sae.controls import pca, random_dictionary
from sae_tutorial.sae.metrics import evaluate_function, evaluate_reconstruction
from sae_tutorial.sae.training import train_sae

DOCUMENTS, TOKENS, L1_COEFFICIENT = 2_700, 400_000, 3e-3


def run(quick: bool) -> list[Row]:
    """Collect, train, evaluate on held-out documents."""
    shrink = 10 if quick else 1
    lab = open_lab("offline", budget="smoke")  # its model; the texts below replace its own
    with tempfile.TemporaryDirectory() as directory:
        note("quality: collecting")
        store = collect_activations(
            lab.model,
            hub.load_texts()[: DOCUMENTS // shrink],
            lab.hook_name,
            directory=Path(directory) / "store",
        )
        return _compare(*store.split_by_document(TEST_FRACTION), lab.d_in, TOKENS // shrink)


def _compare(train: ActivationStore, test: ActivationStore, d_in: int, tokens: int) -> list[Row]:
    results = {}
    for name, (sae_config, config) in {
        "the plain recipe (λ = 3e-3)": seed_recipe(d_in, tokens, L1_COEFFICIENT),
        "TopK, k = 32 (the course's)": (SAEConfig(d_in, k=32), TrainConfig(tokens)),
        "TopK, k = 100": (SAEConfig(d_in, k=100), TrainConfig(tokens)),
    }.items():
        note(f"quality: {name}")
        sae = SparseAutoencoder(sae_config)
        train_sae(sae, train, config)
        results[name] = evaluate_reconstruction(sae, test)
    for rate in (2e-3, 5e-3):
        note(f"quality: the encoder's rows and steps whole, rate {rate}")
        with patch("sae_tutorial.sae.config.TIED_SHARE", 1.0):
            sae = SparseAutoencoder(SAEConfig(d_in, k=32))
            train_sae(sae, train, TrainConfig(tokens, learning_rate=rate))
        name = f"TopK, k = 32, tied encoder's rows and steps whole, rate {rate:g}"
        results[name] = evaluate_reconstruction(sae, test)
    results["an untrained dictionary, k = 32"] = evaluate_reconstruction(
        random_dictionary(SAEConfig(d_in, k=32), train), test
    )
    components = pca(train)
    for n in (32, 100):
        results[f"PCA, {n} components"] = evaluate_function(components(n), test) | {
            "l0": n,
            "dead_fraction": 0.0,
        }
    what = f"SmolLM2 and AG News, {d_in} x 8, {tokens:,} tokens of {len(train):,}, held out {len(test):,}"
    return [Row(f"{what}: {name}", _scores(result)) for name, result in results.items()]


def _scores(result: dict[str, float]) -> str:
    return (
        f"explained variance {result['explained_variance']:.3f}, L0 {result['l0']:.0f}, "
        f"cosine {result['cosine_mean']:.3f}, MSE {result['mse']:.3f}, dead {result['dead_fraction']:.1%}"
    )
