"""What a GPU makes of a training step: host synchronisations, TF32, tokens per second, and a whole study in minutes.

Not part of the default set: `python -m benchmarks gpu` on a machine that has one. The rows are sums of a few known
directions, so that FVU means something; the sizes are GPT-2 small's, 768 -> 6144.
"""

import time

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.report import Row, note
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, TrainConfig
from sae_tutorial.sae.inputs import Inputs
from sae_tutorial.sae.metrics import evaluate_reconstruction
from sae_tutorial.sae.runs import Run
from sae_tutorial.sae.training import train_sae, train_step
from sae_tutorial.toys.known_dictionary import KnownDictionary

D_IN, K = 768, 32
WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "aten::_local_scalar_dense", "aten::item")
STUDY_ROWS, EPOCHS = 1_348_480, 12  # of the original tutorial


def run(quick: bool) -> list[Row]:
    """Every measure, on the first CUDA device.

    Raises:
        RuntimeError: there is none.
    """
    if not torch.cuda.is_available():
        raise RuntimeError("there is no CUDA device; the other benchmarks run on the CPU.")
    rows = KnownDictionary(D_IN, 4 * D_IN, active=20.0).sample(131_072)[0].cuda()
    name, shrink = torch.cuda.get_device_name(), 20 if quick else 1
    speeds = [_speed(rows, batch) for batch in (4096, 16384)]
    exact, fast = (_explained(rows, precision, 400_000 // shrink) for precision in ("highest", "high"))
    study = STUDY_ROWS * EPOCHS // shrink
    start = time.perf_counter()
    train_sae(_coder(), rows, TrainConfig(study, batch_size=4096), progress=False)
    torch.cuda.synchronize()
    minutes = (time.perf_counter() - start) / 60 * shrink
    return [
        Row(f"{name}: host synchronisations in a TopK step", f"{_waits(rows)}", "0"),
        *speeds,
        Row(
            f"{name}: FVU with TF32 against float32",
            f"{1 - fast:.4f}", f"{1 - exact:.4f}", (1 - fast) / (1 - exact), at_most=1.01,
        ),
        Row(
            f"{name}: minutes for the original tutorial's run, 1.35M rows, 12 epochs, 768 x 8",
            f"{minutes:.1f}", "2", minutes / 2, at_most=1.0,
        ),
    ]  # fmt: skip


def _coder() -> SparseAutoencoder:
    return SparseAutoencoder(SAEConfig(D_IN, k=K)).cuda()


def _started(rows: torch.Tensor, batch: int) -> tuple[Run, torch.Tensor]:
    """A run that has begun, and a batch in its units."""
    coder = _coder()
    config = TrainConfig(1_000 * batch, batch)
    inputs = Inputs.of([coder], rows, None, None, config)
    inputs.units.enter(coder)
    run_ = Run(coder, inputs, config, None)
    run_.begin_or_resume()
    return run_, rows[:batch] * inputs.units.scale


def _waits(rows: torch.Tensor) -> int:
    """How often a step in the middle of a run waits for the device."""
    run_, x = _started(rows, 4096)
    for _ in range(5):
        train_step(run_, x, None)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
        train_step(run_, x, None)
    return sum(event.count for event in seen.key_averages() if event.key in WAITS)


def _speed(rows: torch.Tensor, batch: int) -> Row:
    note(f"gpu: steps of {batch}")
    run_, x = _started(rows, batch)
    for _ in ("warm", "timed"):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(50):
            train_step(run_, x, None)
        torch.cuda.synchronize()
        seconds = time.perf_counter() - start
    return Row(f"TopK training at batch {batch}", f"{50 * batch / seconds:,.0f} tokens/s")


def _explained(rows: torch.Tensor, precision: str, tokens: int) -> float:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        coder = _coder()
        train_sae(coder, rows[:-8192], TrainConfig(tokens, 4096), progress=False)
        return evaluate_reconstruction(coder, rows[-8192:], progress=False)["explained_variance"]
    finally:
        torch.set_float32_matmul_precision(before)
