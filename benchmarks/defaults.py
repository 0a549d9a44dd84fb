"""Do the defaults travel? With no argument but k, beside the best of five rates, and which architecture at equal L0.

Three places of SmolLM2 with different spectra, on Wikipedia paragraphs split by article: an MLP's output, the residual
stream (whose first tokens are a hundred times longer than the rest), and the heads of an attention layer side by side.
Half of the held-out articles choose the best rate; the figures are from the other half.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.report import Row, note
from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.lab.lab import open_lab
from sae_tutorial.lab.texts import wikipedia
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, TrainConfig, auxk_recipe
from sae_tutorial.sae.metrics import evaluate_reconstruction
from sae_tutorial.sae.training import train_sae

HOOKS = ("blocks.12.hook_mlp_out", "blocks.16.hook_resid_post", "blocks.8.attn.hook_z")
RATES = (2e-3, 4e-3, 8e-3, 1.13e-2, 1.6e-2)
MOST_DEAD = {8: 0.05, 32: 0.02, 128: 0.02}
TOKENS = 200_000
Split = tuple[ActivationStore, ActivationStore, ActivationStore]  # train, choose, report


def run(quick: bool) -> list[Row]:
    """Train at every place, every k and every rate; then three architectures at k = 32."""
    lab = open_lab(
        "offline", budget="smoke"
    )  # its model; of the texts more is read than a lab's budget asks for
    texts = wikipedia().first(150 if quick else 1_400)
    tokens, ks = (20_000, (32,)) if quick else (TOKENS, tuple(MOST_DEAD))
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        stores = collect_activations(
            lab.model, texts.documents, list(HOOKS), directory=Path(directory) / "stores"
        )
        for hook, store in stores.items():
            train, held_out = store.split_by_document(0.2, groups=texts.groups)
            choose, report = held_out.split_by_document(0.5, groups=texts.groups)
            splits = train, choose, report
            for k in ks:
                rows += list(_rates(hook, splits, k, tokens))
            rows += [_architecture(hook, splits, name, tokens) for name in ("topk", "batchtopk", "jumprelu")]
    return rows


def _rates(hook: str, splits: Split, k: int, tokens: int) -> Iterator[Row]:
    default = TrainConfig(tokens).learning_rate
    scores = {rate: _scores(splits, SAEConfig(splits[0].shape[1], k=k), TrainConfig(tokens, learning_rate=rate))
              for rate in RATES}  # fmt: skip
    best = min(RATES, key=lambda rate: scores[rate][0]["fvu"])
    ours, other = scores[default][1], scores[best][1]
    what = f"SmolLM2 {hook}, Wikipedia, k = {k}, {tokens:,} tokens: FVU on ordinary rows"
    yield Row(
        f"{what}, default rate against the best of five ({best:g})",
        f"{ours['fvu']:.4f}", f"{other['fvu']:.4f}", ours["fvu"] / other["fvu"], at_most=1.02,
    )  # fmt: skip
    yield Row(
        f"{what}: latents never on", f"{ours['dead']:.1%}", f"{MOST_DEAD[k]:.0%}", ours["dead"] / MOST_DEAD[k],
        at_most=1.0,
    )  # fmt: skip
    _, before = _scores(splits, SAEConfig(splits[0].shape[1], k=k), auxk_recipe(tokens))
    yield Row(
        f"{what}, default against AuxK at a rate of 5e-3 (which left {before['dead']:.1%} never on)",
        f"{ours['fvu']:.4f}", f"{before['fvu']:.4f}", ours["fvu"] / before["fvu"],
    )  # fmt: skip


def _architecture(hook: str, splits: Split, name: str, tokens: int) -> Row:
    _, score = _scores(splits, SAEConfig(splits[0].shape[1], architecture=name, k=32), TrainConfig(tokens))
    return Row(
        f"SmolLM2 {hook}, Wikipedia, {name} at k = 32, {tokens:,} tokens",
        f"FVU on ordinary rows {score['fvu']:.4f}, L0 {score['l0']:.1f}, never on {score['dead']:.1%}",
    )


def _scores(splits: Split, config: SAEConfig, training: TrainConfig) -> list[dict[str, float]]:
    """FVU on ordinary rows, L0 and latents never on, for the articles that choose and those that are reported."""
    train, *held_out = splits
    note(
        f"defaults: {train.settings['hook_name']}, {config.architecture}, k {config.k}, {training.learning_rate:g}"
    )
    coder = SparseAutoencoder(config)
    train_sae(coder, train, training, progress=False)
    found = []
    for rows in held_out:
        metrics = evaluate_reconstruction(coder, rows, progress=False)
        explained = metrics.get("ordinary_explained_variance", metrics["explained_variance"])
        found.append({"fvu": 1 - explained, "l0": metrics["l0"], "dead": metrics["dead_fraction"]})
    return found
