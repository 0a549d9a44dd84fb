"""Speed and quality beside the libraries that researchers use, in one run.

Each peer runs in an environment of its own, made on first use under build/peers, and in a process of its own that
takes turns with ours (`peer_worker.py`). All see the same rows, scaled to mean norm √d_in, and the same schedule: warm-up
over 2% of the steps, linear decay to zero over the last 20%.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks import seed
from benchmarks.defaults import RATES as SWEEP
from benchmarks.peer_worker import evaluate
from benchmarks.report import Row, note
from benchmarks.training_speed import D_IN, D_SAE, L1_COEFFICIENT, in_turns, language_model_like, speed_row
from sae_tutorial.activations.store import mean_norm
from sae_tutorial.course.artifacts import lab_activations
from sae_tutorial.lab.lab import open_lab
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, TrainConfig, seed_recipe
from sae_tutorial.sae.metrics import evaluate_reconstruction
from sae_tutorial.sae.runs import LOG_POINTS
from sae_tutorial.sae.training import train_sae

ENVIRONMENT = Path(__file__).resolve().parent.parent / "build" / "peers"
# torch first and alone, as in the Makefile; the last two without their dependencies, which pull builds for GPUs.
INSTALLS = (
    ["torch==2.13.0"], ["sae-lens==6.54.12"], ["natsort==8.4.0", "schedulefree==1.4.1", "simple-parsing==0.1.9"],
    ["--no-deps", "dictionary-learning==0.1.0"], ["--no-deps", "eai-sparsify==1.3.3"],
)  # fmt: skip
K, TURNS = 32, 12
RELU_STEPS = 200  # two in a turn, since `train_sae` logs, and so takes turns, 100 times at most
QUALITY_TOKENS, QUALITY_BATCH = 200_000, 1024
RATES = (1e-3, 2e-3, 4e-3)  # of sae-lens


def run(quick: bool) -> list[Row]:
    """Steps per second, then held-out FVU."""
    make_environment()
    return _speed(4 if quick else TURNS) + _quality(QUALITY_TOKENS // (10 if quick else 1))


def make_environment() -> None:
    """Install the peers once; pip's own errors end the run."""
    python, installed = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "installed"
    if installed.exists() and installed.read_text() == str(INSTALLS):
        return
    note(f"peers: installing {', '.join(name for *_, name in INSTALLS)} into {ENVIRONMENT}, once")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
    for arguments in INSTALLS:
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *arguments], check=True)
    installed.write_text(str(INSTALLS))


class Peer:
    """One autoencoder of another library, trained in another process a few steps at a time."""

    def __init__(self, settings: dict[str, Any]) -> None:
        command = [str(ENVIRONMENT / "bin" / "python"), str(Path(__file__).with_name("peer_worker.py"))]
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed with the process
        self.process = subprocess.Popen(
            [*command, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )

    def ask(self, **request: Any) -> dict[str, float]:
        """Send one request and wait for its answer."""
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            self.log.seek(0)
            raise SystemExit(f"a peer stopped:\n{self.log.read()[-2000:]}")
        return json.loads(answer)

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()
        self.log.close()


@contextmanager
def peer(
    library: str,
    architecture: str,
    rows: Path,
    tokens: int,
    batch_size: int,
    learning_rate: float,
    d_sae: int,
) -> Iterator[Peer]:
    """Start a peer and end it."""
    started = Peer(
        {
            "library": library, "architecture": architecture, "k": K, "d_sae": d_sae, "batch_size": batch_size,
            "learning_rate": learning_rate, "total_tokens": tokens, "rows": str(rows), "l1_coefficient": 5.0,
            "options": {},
        }
    )  # fmt: skip
    try:
        yield started
    finally:
        started.close()


# ---------------------------------------------------------------------------------------------- speed


def _speed(turns: int) -> list[Row]:
    note("peers: making data")
    x = language_model_like(20_000)
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "rows.npy"
        np.save(file, x.numpy())
        for batch_size in (1024, 4096):
            rows.append(_steps_against("sae-lens", "topk", x, file, batch_size, turns + 2, 3))
            rows.append(_steps_against("dictionary-learning", "topk", x, file, batch_size, turns + 2, None))
            rows.append(_topk_against_the_seed(x, batch_size, turns))
        # A ReLU autoencoder is dense at first and sparse after some 80 steps; a run has both.
        n_steps = RELU_STEPS * turns // TURNS
        rows.append(_steps_against("sae-lens", "standard", x, file, 1024, n_steps, 1.5))
    return rows


def _steps_against(
    library: str,
    architecture: str,
    x: Float[Tensor, "n d_in"],
    file: Path,
    batch_size: int,
    n_steps: int,
    at_least: float | None,
) -> Row:
    """Steps of ours and of a peer in turns, from the start of training; the first two turns of either prepare."""
    note(f"peers: {library} {architecture}, batch {batch_size}")
    theirs: list[float] = []
    per_turn = max(1, n_steps // LOG_POINTS)
    with peer(library, architecture, file, RELU_STEPS * batch_size, batch_size, 1e-3, D_SAE) as other:
        _, ours, _ = in_turns(
            *_contender(architecture, x, batch_size, n_steps),
            lambda: theirs.append(other.ask(steps=per_turn)["seconds"]),
        )
    name = "TopK, k = 32" if architecture == "topk" else f"ReLU with L1, the first {n_steps} steps"
    what = f"a training step, {name}, {D_IN} x 8, batch {batch_size}, against {library}'s {architecture}"
    return speed_row(what, per_turn * batch_size, ours[2:], np.array(theirs[2:]), at_least)


def _contender(
    architecture: str, x: Float[Tensor, "n d_in"], batch_size: int, n_steps: int
) -> tuple[SparseAutoencoder, Float[Tensor, "n d_in"], TrainConfig]:
    """What `train_sae` takes, for one of ours: our defaults for TopK, the seed's recipe for ReLU."""
    tokens = n_steps * batch_size
    if architecture == "topk":
        return SparseAutoencoder(SAEConfig(D_IN, k=K)), x, TrainConfig(tokens, batch_size)
    config, training = seed_recipe(D_IN, tokens, L1_COEFFICIENT)
    return SparseAutoencoder(config), x, replace(training, batch_size=batch_size)


def _topk_against_the_seed(x: Float[Tensor, "n d_in"], batch_size: int, turns: int) -> Row:
    """TopK against the seed's loop at the seed's own batch size, in tokens per second."""
    note(f"peers: the seed's loop beside TopK, batch {batch_size}")
    torch.manual_seed(0)
    steps = seed.train(seed.DenseAutoencoder(D_IN, D_SAE, L1_COEFFICIENT), x)
    per_turn = batch_size // seed.ROWS_PER_BATCH
    _, ours, theirs = in_turns(
        *_contender("topk", x, batch_size, turns + 2), lambda: [next(steps) for _ in range(per_turn)] and None
    )
    what = (
        f"TopK training, k = 32, {D_IN} x 8, batch {batch_size}, against the seed's loop at its batch of 256"
    )
    return speed_row(what, batch_size, ours[2:], theirs[2:], 5)


# -------------------------------------------------------------------------------------------- quality


def _quality(tokens: int) -> list[Row]:
    """Held-out FVU on the lab's activations: at equal tokens, at equal time, and with a third of the seed's L0."""
    note("peers: the lab's activations")
    lab = open_lab("offline", budget="quick", texts="news")
    train, test = lab_activations(lab)
    scale = lab.d_in**0.5 / mean_norm(train)
    train, test = train[:] * scale, test[:] * scale
    best = {}
    with tempfile.TemporaryDirectory() as directory:
        files = Path(directory) / "train.npy", Path(directory) / "test.npy"
        for file, rows in zip(files, (train, test), strict=True):
            np.save(file, rows.numpy())
        for architecture in ("topk", "batchtopk"):
            scores = [_their_score(architecture, files, tokens, rate, 8 * lab.d_in) for rate in RATES]
            best[architecture] = min(scores, key=lambda score: score["fvu"])
    ours = {rate: _our_score(train, test, TrainConfig(tokens, learning_rate=rate)) for rate in SWEEP}
    what = f"held-out FVU, SmolLM2, {lab.d_in} x 8"
    rows = _quality_rows(f"{what}, k = {K}, batch {QUALITY_BATCH}", tokens, ours, best)
    default = ours[TrainConfig(tokens).learning_rate]
    equal = _our_score(train, test, TrainConfig(int(tokens * best["topk"]["seconds"] / default["seconds"])))
    in_time = (
        f"{what}, k = {K}, in the time of sae-lens's topk ({equal['tokens']:,} tokens against {tokens:,})"
    )
    seeds = _seed_score(train, test, tokens)
    third = _our_score(train, test, TrainConfig(tokens), round(seeds["l0"] / 3))
    as_seed = f"{what}, {tokens:,} tokens, TopK with a third of the active latents of the seed's loop"
    return [*rows, _fvu_row(in_time, equal, best["topk"], 0.9), _fvu_row(as_seed, third, seeds, 1)]


def _quality_rows(
    what: str, tokens: int, ours: dict[float, dict[str, float]], best: dict[str, dict[str, float]]
) -> list[Row]:
    """The default learning rate against sae-lens at its best and against a sweep, and its dead latents."""
    default = ours[TrainConfig(tokens).learning_rate]
    rows = [
        _fvu_row(
            f"{what}, {tokens:,} tokens, against sae-lens's {name}, best of {len(RATES)} rates ({score['rate']:g})",
            default,
            score,
            0.97,
        )
        for name, score in best.items()
    ]
    sweep = min(ours.values(), key=lambda score: score["fvu"])
    name = (
        f"{what}: the default rate ({default['rate']:g}) against the best of {len(ours)} ({sweep['rate']:g})"
    )
    alive = 1 - default["dead_fraction"]
    return [
        *rows,
        _fvu_row(name, default, sweep, 1.01),
        Row(
            f"{what}, {tokens:,} tokens: latents that fire on held-out rows",
            f"{alive:.2%}",
            "100%",
            alive,
            at_least=0.98,
        ),
    ]


def _fvu_row(what: str, ours: dict[str, float], other: dict[str, float], at_most: float) -> Row:
    figures = [
        f"{s['fvu']:.4f} in {s['seconds']:.0f} s, L0 {s['l0']:.1f}, {s['dead_fraction']:.1%} never on"
        for s in (ours, other)
    ]
    return Row(what, *figures, ours["fvu"] / other["fvu"], at_most=at_most)


def _their_score(
    architecture: str, files: tuple[Path, Path], tokens: int, rate: float, d_sae: int
) -> dict[str, float]:
    note(f"peers: sae-lens {architecture}, {tokens:,} tokens at {rate}")
    with peer("sae-lens", architecture, files[0], tokens, QUALITY_BATCH, rate, d_sae) as other:
        seconds = other.ask(steps=tokens // QUALITY_BATCH)["seconds"]
        return other.ask(evaluate=str(files[1])) | {"seconds": seconds, "rate": rate}


def _our_score(train: Tensor, test: Tensor, config: TrainConfig, k: int = K) -> dict[str, float]:
    note(f"peers: ours, k = {k}, {config.total_tokens:,} tokens at {config.learning_rate}")
    sae = SparseAutoencoder(SAEConfig(train.shape[1], k=k))
    start = time.perf_counter()
    train_sae(sae, train, config, progress=False)
    seconds = time.perf_counter() - start
    scores = evaluate_reconstruction(sae, test, progress=False)
    own = {"tokens": config.total_tokens, "rate": config.learning_rate}
    return scores | own | {"fvu": 1 - scores["explained_variance"], "seconds": seconds}


def _seed_score(train: Tensor, test: Tensor, tokens: int) -> dict[str, float]:
    note(f"peers: the seed's loop, {tokens:,} tokens")
    torch.manual_seed(0)
    sae = seed.DenseAutoencoder(train.shape[1], 8 * train.shape[1], L1_COEFFICIENT)
    start = time.perf_counter()
    for _ in zip(range(tokens // seed.ROWS_PER_BATCH), seed.train(sae, train)):  # noqa: B905, it has no end
        pass
    seconds = time.perf_counter() - start
    return evaluate(sae.encode, sae.decode, test) | {"seconds": seconds}
