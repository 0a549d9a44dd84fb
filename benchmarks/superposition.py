"""Notebook 01's phase diagram: all its toys trained at once against one after the other.

The toys of a grid are tiny, so alone each spends its time on overhead. Both contenders call `train_toys`, once with
the whole grid or with one setting at a time; a share of the settings stands for all of them.
"""

import time

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.report import Row, note, spread
from sae_tutorial.toys.toy_models import ToyConfig, ToyModels, train_toys

CONFIG, SIDE, RESTARTS, STEPS, GRID_SECONDS = ToyConfig(2, 1), 12, 3, 1500, 40
TURNS, SETTINGS_PER_TURN, STEPS_PER_TURN = 8, 6, 150


def run(quick: bool) -> list[Row]:
    """The whole grid as the notebook trains it, then turns of a tenth of its steps against single settings."""
    probability, importance = grid()
    note(f"superposition: a grid of {len(probability)} settings, {RESTARTS} starts each")
    start = time.perf_counter()
    _train(probability, importance, STEPS // (10 if quick else 1))
    whole = time.perf_counter() - start

    order = np.random.default_rng(0).permutation(len(probability))
    together, alone, difference = [], [], 0.0
    for turn in range(2 if quick else TURNS):
        start = time.perf_counter()
        toys = _train(probability, importance, STEPS_PER_TURN)
        together.append(time.perf_counter() - start)
        chosen = order[turn * SETTINGS_PER_TURN : (turn + 1) * SETTINGS_PER_TURN]
        start = time.perf_counter()
        for i in chosen:
            for restart in range(RESTARTS):
                single = _train(probability[i : i + 1], importance[i : i + 1], STEPS_PER_TURN, restarts=1)
                if not restart:  # a toy trained alone starts where the first start of its setting does
                    change = (single.W[0] - toys.W[RESTARTS * i]).detach().abs().max()
                    difference = max(difference, float(change))
        alone.append((time.perf_counter() - start) * len(probability) / len(chosen))
    return _rows(np.array(together), np.array(alone), whole, difference, quick)


def grid() -> tuple[Float[Tensor, " settings"], Float[Tensor, "settings 2"]]:
    """Probabilities from 1 to 0.01 by importances from 0.1 to 10."""
    probability = torch.logspace(0, -2, SIDE).repeat_interleave(SIDE)
    second = torch.logspace(-1, 1, SIDE).repeat(SIDE)
    return probability, torch.stack([torch.ones_like(second), second], 1)


def _train(probability: Tensor, importance: Tensor, steps: int, restarts: int = RESTARTS) -> ToyModels:
    return train_toys(CONFIG, probability, importance, restarts=restarts, steps=steps)


def _rows(together: np.ndarray, alone: np.ndarray, whole: float, difference: float, quick: bool) -> list[Row]:
    n_toys = SIDE * SIDE * RESTARTS
    rate, other = (n_toys * STEPS_PER_TURN / seconds.mean() for seconds in (together, alone))
    what = (
        f"toy models, {n_toys} at once, against one after the other (largest difference in a weight after "
        f"{STEPS_PER_TURN} steps {difference:.0e})"
    )
    steps = STEPS // (10 if quick else 1)
    return [
        Row(
            what,
            f"{rate:,.0f} toy steps/s",
            f"{other:,.0f} toy steps/s",
            alone.sum() / together.sum(),
            *spread(alone / together),
            at_least=10,
        ),
        Row(
            f"the grid of {SIDE} x {SIDE} settings, {RESTARTS} starts, {steps} steps, against the time allowed",
            f"{whole:.1f} s",
            f"{GRID_SECONDS} s",
            whole / GRID_SECONDS,
            at_most=1,
        ),
    ]
