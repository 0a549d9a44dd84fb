"""Do the defaults travel? With no argument but k, beside the best of five rates, and which architecture at equal L0.

Three places of SmolLM2 with different spectra, on Wikipedia paragraphs split by article: an MLP's output, the residual
stream (whose first tokens are a hundred times longer than the rest), and the heads of an attention layer side by side.
Half of the held-out articles choose the best rate; the figures are from the other half.

The grid takes an hour. What it has measured so far is kept in build/defaults, where a run that was stopped goes on;
when the grid is whole, the directory goes.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from math import inf
from pathlib import Path

import numpy as np

from benchmarks import hub
from benchmarks.report import Row, note
from sae_tutorial import storage
from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.features.fates import count_fates, fates, train_on
from sae_tutorial.lab.lab import open_lab
from sae_tutorial.lab.texts import wikipedia
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, TrainConfig, auxk_recipe
from sae_tutorial.sae.metrics import evaluate_reconstruction
from sae_tutorial.sae.training import train_sae
from sae_tutorial.toys.hierarchy import HierarchicalWorld
from sae_tutorial.toys.known_dictionary import recovery

HOOKS = ("blocks.12.hook_mlp_out", "blocks.16.hook_resid_post", "blocks.8.attn.hook_z")
RATES = (2e-3, 4e-3, 8e-3, 1.13e-2, 1.6e-2)
MOST_DEAD = {8: 0.05, 32: 0.02, 128: 0.02}
ARCHITECTURES = ("topk", "batchtopk", "jumprelu")
TOKENS = 200_000
SEEDS = range(3)  # of the worlds of known features, which take seconds
Scores = list[dict[str, float]]  # on the articles that choose, and on those that are reported


class Place:
    """A hook's rows, split by article into those that train, that choose and that are reported; and its scores."""

    def __init__(self, directory: Path, groups: np.ndarray) -> None:
        store = ActivationStore.open(directory)
        self.hook = store.settings["hook_name"]
        self.train, held_out = store.split_by_document(0.2, groups=groups)
        self.held_out = held_out.split_by_document(0.5, groups=groups)
        self.file = directory.parent / f"{self.hook}.json"
        self.known = storage.read_json(self.file) if self.file.exists() else {}

    def scores(self, config: SAEConfig, training: TrainConfig) -> Scores:
        """FVU on ordinary rows, L0 and latents never on of a coder trained so; from the file if it is known."""
        name = json.dumps([asdict(config), asdict(training)])
        if name not in self.known:
            note(f"defaults: {self.hook}, {config.architecture}, k {config.k}, {training.learning_rate:g}")
            coder = SparseAutoencoder(config)
            try:
                train_sae(coder, self.train, training, progress=False)
            except FloatingPointError:  # the rate was too high
                self.known[name] = [{"fvu": inf, "l0": inf, "dead": inf}] * 2
            else:
                if config.architecture != "topk":
                    self._to_equal_l0(coder)
                self.known[name] = [_score(coder, rows) for rows in self.held_out]
            with storage.new_file(self.file) as partial:
                storage.write_json(partial, self.known)
        return self.known[name]

    def _to_equal_l0(self, coder: SparseAutoencoder) -> None:
        """Raise or lower all thresholds by one factor until L0 is k on the articles that choose."""
        learned, low, high = coder.threshold.detach().clone(), 0.5, 2.0
        for _ in range(8):
            factor = (low + high) / 2
            coder.threshold.data.copy_(factor * learned)
            l0 = evaluate_reconstruction(coder, self.held_out[0], progress=False)["l0"]
            low, high = (factor, high) if l0 > coder.config.k else (low, factor)


def run(quick: bool) -> list[Row]:
    """Train at every place, every k and every rate; then three architectures at k = 32."""
    kept = hub.CHECKOUT / "build" / ("defaults-quick" if quick else "defaults")
    texts = wikipedia().first(150 if quick else 1_400)
    if not all((kept / hook).exists() for hook in HOOKS):
        lab = open_lab("offline", budget="smoke")  # for its model; of the texts we need more than a lab reads
        collect_activations(lab.model, texts.documents, list(HOOKS), directory=kept)
    tokens, ks = (20_000, (32,)) if quick else (TOKENS, tuple(MOST_DEAD))
    rows = []
    for hook in HOOKS:
        place = Place(kept / hook, texts.groups)
        for k in ks:
            rows += _rates(place, k, tokens)
        rows += [_architecture(place, name, tokens) for name in ARCHITECTURES]
    rows += [_known_world(name, 20_000 if quick else 100_000) for name in ARCHITECTURES]
    shutil.rmtree(kept)
    return rows


def _rates(place: Place, k: int, tokens: int) -> Iterator[Row]:
    config, default = SAEConfig(place.train.shape[1], k=k), TrainConfig(tokens)
    scores = {rate: place.scores(config, TrainConfig(tokens, learning_rate=rate)) for rate in RATES}
    best = min(RATES, key=lambda rate: scores[rate][0]["fvu"])
    ours, other = place.scores(config, default)[1], scores[best][1]
    what = f"SmolLM2 {place.hook}, Wikipedia, k = {k}, {tokens:,} tokens: FVU on ordinary rows"
    yield Row(
        f"{what}, default rate against the best of five ({best:g})",
        f"{ours['fvu']:.4f}", f"{other['fvu']:.4f}", ours["fvu"] / other["fvu"], at_most=1.02,
    )  # fmt: skip
    yield Row(
        f"{what}: latents never on", f"{ours['dead']:.1%}", f"{MOST_DEAD[k]:.0%}", ours["dead"] / MOST_DEAD[k],
        at_most=1.0,
    )  # fmt: skip
    before = place.scores(config, auxk_recipe(tokens))[1]
    yield Row(
        f"{what}, default against AuxK at a rate of 5e-3 (which left {before['dead']:.1%} never on)",
        f"{ours['fvu']:.4f}", f"{before['fvu']:.4f}", ours["fvu"] / before["fvu"],
    )  # fmt: skip


def _architecture(place: Place, name: str, tokens: int) -> Row:
    score = place.scores(SAEConfig(place.train.shape[1], architecture=name, k=32), TrainConfig(tokens))[1]
    return Row(
        f"SmolLM2 {place.hook}, Wikipedia, {name} at k = 32, {tokens:,} tokens",
        f"FVU on ordinary rows {score['fvu']:.4f}, L0 {score['l0']:.1f}, never on {score['dead']:.1%}",
    )


def _known_world(name: str, tokens: int) -> Row:
    """How many of a world's 62 features come back, as notebook 09 counts them."""
    world, found, met = HierarchicalWorld(), [], []
    for seed in SEEDS:
        coder = train_on(world, name, seed=seed, total_tokens=tokens)
        by_kind = count_fates(world, fates(world, coder))
        found.append(sum(verdicts["recovered"] for verdicts in by_kind.values()))
        met.append(recovery(world.directions, coder.W_dec.detach()).share)
    return Row(
        f"a world of {len(world.kinds)} known features, {name}, {len(SEEDS)} seeds",
        f"recovered {np.mean(found):.0f}, directions met at a cosine of 0.9 {np.mean(met):.0%}",
    )


def _score(coder: SparseAutoencoder, rows: ActivationStore) -> dict[str, float]:
    metrics = evaluate_reconstruction(coder, rows, progress=False)
    explained = metrics.get("ordinary_explained_variance", metrics["explained_variance"])
    return {"fvu": 1 - explained, "l0": metrics["l0"], "dead": metrics["dead_fraction"]}
