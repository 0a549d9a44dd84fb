"""What one of several processes trains, for test_processes.py: started by `accelerate launch`, or called by the test.

python process_worker.py DIRECTORY
"""

import dataclasses
import json
import sys
from pathlib import Path

import torch

from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, TrainConfig
from sae_tutorial.sae.runs import History, this_process
from sae_tutorial.sae.training import train_sae

ARCHITECTURES = ["topk", "relu", "relu_free", "gated", "batchtopk", "matryoshka", "jumprelu"]
# The window is so short that AuxK has work to do.
CONFIG = TrainConfig(60 * 64, batch_size=64, dead_window=192, restart_until=0, aux_coefficient=1 / 32)
# Restarts take rows of the first process's share, so their curves depend on how many processes there are.
RESTARTS = dataclasses.replace(CONFIG, restart_until=0.9, aux_coefficient=0)


class Stop(Exception):
    """Ends a run in all processes at the same step."""


def data() -> torch.Tensor:
    """Rows with a mean and with some directions stronger than others."""
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(16, 16, generator=generator) * torch.linspace(2, 0.2, 16)[:, None]
    return torch.randn(400, 16, generator=generator) @ mixing + 1


def train(architecture: str, seed: int = 0, config: TrainConfig = CONFIG, **options) -> dict:
    """A run's curves and what its weights add up to."""
    sae = SparseAutoencoder(SAEConfig(16, 8, architecture, k=4), seed=seed)
    history = train_sae(sae, data(), config, validation=data()[:64], progress=False, **options)
    weights = {name: tensor.double().sum().item() for name, tensor in sae.state_dict().items()}
    return {"history": dataclasses.asdict(history), "weights": weights}


def main(directory: Path) -> None:
    """Every architecture whole, and TopK and BatchTopK stopped after 33 steps; then the latter taken up again."""
    torch.set_num_threads(1)
    # A seed of its own for each: all must begin with the first one's weights.
    results = {name: train(name, seed=this_process().process_index) for name in ARCHITECTURES}
    results["topk, restarted"] = train("topk", seed=this_process().process_index, config=RESTARTS)
    real, calls = SparseAutoencoder.loss, []

    def loss(self: SparseAutoencoder, x: torch.Tensor, *rest) -> History:
        calls.append(1)
        if len(calls) == 33:
            raise Stop
        return real(self, x, *rest)

    for name in ("topk", "batchtopk"):
        SparseAutoencoder.loss = loss
        calls.clear()
        try:
            train(name, checkpoint_dir=directory / name)
        except Stop:
            SparseAutoencoder.loss = real
    results["batchtopk, resumed"] = train("batchtopk", checkpoint_dir=directory / "batchtopk")
    (directory / f"{this_process().process_index}.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
