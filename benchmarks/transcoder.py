"""Transcoders: a step's time beside an autoencoder's and sparsify's, and quality at equal tokens beside its and a line's.

Quality is that on the offline lab's layer 12: the variance of what its MLP writes that is left unexplained, on documents
held out. sparsify runs in the peers' environment (`peers.py`), with its default optimizer.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.peers import make_environment, peer
from benchmarks.report import Row, note
from benchmarks.training_speed import D_IN, TOPK_STEPS, in_turns, language_model_like, speed_row
from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.effects.transcoders import mlp_hooks
from sae_tutorial.lab.lab import open_lab
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, TrainConfig
from sae_tutorial.sae.controls import linear_map
from sae_tutorial.sae.inputs import Inputs
from sae_tutorial.sae.metrics import ReconstructionSums
from sae_tutorial.sae.runs import Run
from sae_tutorial.sae.training import train_sae, train_step

TEXTS, TOKENS, LAYER, K, BATCH = 400, 240_000, 12, 32, 1024
THEIR_RATES = (5e-3, 1e-2, 2e-2)  # its default at this width is 1.3e-2


def run(quick: bool) -> list[Row]:
    """Speed, then quality."""
    make_environment()
    note("transcoder: making data")
    x = language_model_like(10_000)
    n_steps = TOPK_STEPS[BATCH] // (4 if quick else 1)
    quality = _quality(TEXTS // (4 if quick else 1), TOKENS // (4 if quick else 1))
    return [_step(x, BATCH, n_steps), _step_beside_sparsify(x, n_steps), *quality]


def _step(x: Float[Tensor, "n d_in"], batch_size: int, n_steps: int) -> Row:
    """The steps of both, in turns; the transcoder's target has the statistics of x."""
    note(f"transcoder: a transcoder beside an autoencoder, batch {batch_size}")
    config = TrainConfig(n_steps * batch_size, batch_size)
    inputs = Inputs.of([autoencoder := SparseAutoencoder(SAEConfig(D_IN, k=32))], x, None, None, config)
    other = Run(autoencoder, inputs, config, None)
    other.begin_or_resume()
    batches = inputs.batches(config, range(n_steps), torch.device("cpu"))

    def step() -> None:
        train_step(other, *next(batches))
        other.keep_house()

    transcoder = SparseAutoencoder(SAEConfig(D_IN, k=32, d_out=D_IN))
    _, ours, others = in_turns(transcoder, x, config, step, target=x.flip(1))
    name = f"a transcoder's step, TopK, k = 32, {D_IN} x 8, batch {batch_size}, against an autoencoder's"
    return speed_row(name, batch_size, ours[1:], others[1:], at_least=0.77)  # 1.3 times as long at most


def _step_beside_sparsify(x: Float[Tensor, "n d_in"], n_steps: int) -> Row:
    """Steps of both on the same pairs, in turns; the first two of either prepare."""
    note(f"transcoder: sparsify's beside ours, batch {BATCH}")
    theirs: list[float] = []
    y = x.flip(1)
    with _pairs(x, y) as file, peer("sparsify", "transcoder", file, n_steps * BATCH, BATCH, 1e-2, 8 * D_IN) as other:  # fmt: skip
        coder, config = (
            SparseAutoencoder(SAEConfig(D_IN, k=K, d_out=D_IN)),
            TrainConfig(n_steps * BATCH, BATCH),
        )
        _, ours, _ = in_turns(
            coder, x, config, lambda: theirs.append(other.ask(steps=1)["seconds"]), target=y
        )
    what = f"a transcoder's step, TopK, k = {K}, {D_IN} x 8, batch {BATCH}, against sparsify's"
    return speed_row(what, BATCH, ours[2:], np.array(theirs[2:]))


@contextmanager
def _pairs(x: Float[Tensor, "n d_in"], y: Float[Tensor, "n d_out"]) -> Iterator[Path]:
    """A file with the rows and, behind each, its target."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "pairs.npy"
        np.save(file, torch.cat([x, y], dim=1).float().numpy())
        yield file


def _quality(n_texts: int, tokens: int) -> list[Row]:
    """What a transcoder with and without a skip leaves unexplained, beside the best affine map."""
    lab = open_lab("offline", budget="quick", texts="wikipedia")
    with tempfile.TemporaryDirectory() as directory:
        hooks = mlp_hooks(LAYER)
        stores = collect_activations(lab.model, lab.texts[:n_texts], hooks, directory=directory)
        x, y = (stores[name][:] for name in hooks)
    n = len(x) * 9 // 10
    left = {"affine map": _unexplained(linear_map(x[:n], y[:n])(x[n:]), y[n:])}
    for name, skip in (("transcoder", False), ("transcoder with skip", True)):
        note(f"transcoder: {name}, {tokens:,} tokens")
        coder = SparseAutoencoder(SAEConfig(x.shape[1], 4, k=32, d_out=y.shape[1], skip=skip))
        train_sae(coder, x[:n], TrainConfig(tokens), target=y[:n], progress=False)
        with torch.inference_mode():
            left[name] = _unexplained(coder(x[n:])[0], y[n:])
    rival, left_by_it = _sparsify(x, y, n, tokens)
    left[rival] = left_by_it
    what = f"MLP {LAYER} of SmolLM2-135M, {x.shape[1]} x 4, k = 32, {n:,} rows, {tokens:,} tokens, unexplained variance"
    return [
        Row(f"{name}: {what}, against {rival}", f"{left[name]:.3f}", f"{left[rival]:.3f}", left[name] / left[rival], at_most=1.0)
        for name, rival in (("transcoder with skip", "affine map"), ("transcoder with skip", "transcoder"), ("transcoder", rival))
    ]  # fmt: skip


def _sparsify(
    x: Float[Tensor, "rows d_in"], y: Float[Tensor, "rows d_out"], n: int, tokens: int
) -> tuple[str, float]:
    """What its transcoder leaves unexplained at the best of its rates; trained on the first n rows."""
    x, y = (
        rows * rows.shape[1] ** 0.5 / rows[:n].norm(dim=1).mean() for rows in (x, y)
    )  # as ours are scaled
    left = {}
    with _pairs(x[:n], y[:n]) as train, _pairs(x[n:], y[n:]) as test:
        for rate in THEIR_RATES:
            note(f"transcoder: sparsify, {tokens:,} tokens at {rate}")
            with peer("sparsify", "transcoder", train, tokens, BATCH, rate, 4 * x.shape[1]) as other:
                other.ask(steps=tokens // BATCH)
                left[rate] = other.ask(evaluate=str(test))["fvu"]
    best = min(left, key=left.get)
    return f"sparsify's transcoder, best of {len(left)} rates ({best:g})", left[best]


def _unexplained(y_hat: Float[Tensor, "rows d_out"], y: Float[Tensor, "rows d_out"]) -> float:
    sums = ReconstructionSums()
    sums.add(y, y_hat)
    return 1 - sums.explained_variance()
