"""Transcoders: a step's time beside an autoencoder's, and quality at equal tokens beside what needs no latents.

Quality is that on the offline lab's layer 12: the variance of what its MLP writes that is left unexplained, on documents
held out.
"""

import tempfile

import torch
from jaxtyping import Float
from torch import Tensor

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

TEXTS, TOKENS, LAYER = 400, 240_000, 12


def run(quick: bool) -> list[Row]:
    """Speed, then quality."""
    note("transcoder: making data")
    x = language_model_like(10_000)
    n_steps = TOPK_STEPS[1024] // (4 if quick else 1)
    return [_step(x, 1024, n_steps), *_quality(TEXTS // (4 if quick else 1), TOKENS // (4 if quick else 1))]


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
    what = f"MLP {LAYER} of SmolLM2-135M, {x.shape[1]} x 4, k = 32, {n:,} rows, {tokens:,} tokens, unexplained variance"
    return [
        Row(f"{name}: {what}, against {rival}", f"{left[name]:.3f}", f"{left[rival]:.3f}", left[name] / left[rival], at_most=1.0)
        for name, rival in (("transcoder with skip", "affine map"), ("transcoder with skip", "transcoder"))
    ]  # fmt: skip


def _unexplained(y_hat: Float[Tensor, "rows d_out"], y: Float[Tensor, "rows d_out"]) -> float:
    sums = ReconstructionSums()
    sums.add(y, y_hat)
    return 1 - sums.explained_variance()
