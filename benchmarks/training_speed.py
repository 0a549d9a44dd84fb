"""Training steps per second at 768 x 8: against the seed's loop, and TopK against its floor.

The other contender runs inside `train_sae`'s `on_log` callback, so that the two take turns every few steps and
share whatever else the machine is doing.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks import seed
from benchmarks.report import Row, note, spread
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, TrainConfig, seed_recipe
from sae_tutorial.sae.runs import History
from sae_tutorial.sae.training import train_sae

D_IN, D_SAE, L1_COEFFICIENT = 768, 6144, 3e-3
N_ROWS, SEED_STEPS = 50_000, 500
DENSE_STEPS = 25  # after about as many, few enough latents are active for sparse sums
TOPK_STEPS = {256: 100, 1024: 40, 4096: 12}


def run(quick: bool) -> list[Row]:
    """The seed's recipe, then TopK at three batch sizes."""
    note("training: making data")
    x = language_model_like(N_ROWS // (5 if quick else 1))
    rows = _against_the_seed(x, SEED_STEPS // (5 if quick else 1))
    for batch_size, n_steps in TOPK_STEPS.items():
        rows.append(_topk_against_floor(x, batch_size, n_steps // (4 if quick else 1)))
    return rows


def _against_the_seed(x: Float[Tensor, "n d_in"], n_steps: int) -> list[Row]:
    """The seed's recipe in `train_sae` and in the seed's loop, turn by turn, and what both reached."""
    note(f"training: the seed's recipe, {n_steps} steps each")
    sae_config, config = seed_recipe(D_IN, n_steps * seed.ROWS_PER_BATCH, L1_COEFFICIENT)
    torch.manual_seed(0)
    steps = seed.train(seed.DenseAutoencoder(D_IN, D_SAE, L1_COEFFICIENT), x)
    turn = n_steps // 100
    logs: list[dict[str, float]] = []
    history, ours, seeds = in_turns(
        SparseAutoencoder(sae_config), x, config, lambda: logs.extend(next(steps) for _ in range(turn))
    )
    reached = [statistics.mean(log[name] for log in logs[-10 * turn :]) for name in ("reconstruction", "l0")]
    tokens, dense = turn * seed.ROWS_PER_BATCH, DENSE_STEPS // turn
    name = f"the seed's training recipe, {D_IN} x 8, batch {seed.ROWS_PER_BATCH}"
    whole = (
        f"{name}, {100 * tokens:,} tokens (at the end MSE {statistics.mean(history.reconstruction[-10:]):.2f} and L0 "
        f"{statistics.mean(history.l0[-10:]):.0f}; the seed's loop {reached[0]:.2f} and {reached[1]:.0f})"
    )
    return [
        speed_row(whole, tokens, ours, seeds, at_least=1.5),
        speed_row(
            f"of these, the first {dense * turn} steps: many latents active",
            tokens,
            ours[:dense],
            seeds[:dense],
        ),
        speed_row("of these, the rest: few latents active", tokens, ours[dense:], seeds[dense:]),
    ]


def _topk_against_floor(x: Float[Tensor, "n d_in"], batch_size: int, n_steps: int) -> Row:
    """A whole TopK step beside the one product that it cannot do without, the encoder's."""
    note(f"training: TopK, batch {batch_size}")
    sae = SparseAutoencoder(SAEConfig(D_IN, k=32))
    batch, bias = x[:batch_size], torch.zeros(D_SAE)
    encoder = torch.randn(D_SAE, D_IN).T
    config = TrainConfig(n_steps * batch_size, batch_size)
    _, ours, floor = in_turns(sae, x, config, lambda: torch.addmm(bias, batch, encoder))
    name = f"TopK training, k = 32, {D_IN} x 8, batch {batch_size}, against its encoder's dense product alone"
    return speed_row(name, batch_size, ours[1:], floor[1:], at_least=0.75)


def speed_row(
    what: str, tokens: int, ours: np.ndarray, others: np.ndarray, at_least: float | None = None
) -> Row:
    """Rates and their ratio over all turns of `tokens` each."""
    rates = [f"{tokens / seconds.mean():,.0f} tokens/s" for seconds in (ours, others)]
    return Row(what, *rates, others.sum() / ours.sum(), *spread(others / ours), at_least)


def in_turns(
    sae: SparseAutoencoder,
    x: Float[Tensor, "n d_in"],
    config: TrainConfig,
    other: Callable[[], None],
    target: Float[Tensor, "n d_out"] | None = None,
) -> tuple[History, np.ndarray, np.ndarray]:
    """Train `sae`, with a call of `other` at each log point; the seconds of every turn of either.

    The first turn of `train_sae` includes its preparations.
    """
    ours, others = [], []
    clock = time.perf_counter()

    def turn(_: History) -> None:
        nonlocal clock
        ours.append(time.perf_counter() - clock)
        clock = time.perf_counter()
        other()
        others.append(time.perf_counter() - clock)
        clock = time.perf_counter()

    history = train_sae(sae, x, config, target=target, on_log=turn, progress=False)
    return history, np.array(ours), np.array(others)


def language_model_like(n: int) -> Float[Tensor, "n d_in"]:
    """Rows with the statistics that decide how fast training is: how many latents are active, and when.

    Each row is a sum of some 40 of 6,144 directions, drawn by a power law, with exponentially distributed sizes, plus
    noise; some dimensions vary more than others. On MLP outputs of a real language model (576 wide, 100 dimensions
    holding 59% of the variance) the seed's recipe goes from half of the latents to 90 active ones in 80 steps,
    and here (57%) it does the same. The rows have mean norm √d_in, so that both contenders see the same input.
    """
    generator = torch.Generator().manual_seed(0)
    spread = torch.arange(1, D_IN + 1) ** -0.35
    directions = torch.nn.functional.normalize(torch.randn(D_SAE, D_IN, generator=generator) * spread, dim=1)
    chance = 1 / (torch.arange(D_SAE) + 20)
    chance *= 40 / chance.sum()
    chunks = []
    for first in range(0, n, 2_000):
        size = (min(2_000, n - first), D_SAE)
        active = torch.rand(size, generator=generator) < chance
        signal = (active * torch.empty(size).exponential_(generator=generator)) @ directions
        noise = torch.randn(size[0], D_IN, generator=generator) * spread
        chunks.append(signal + noise * (0.5 * signal.norm() / noise.norm()))
    x = torch.cat(chunks)
    return x * (D_IN**0.5 / x.norm(dim=1).mean())
