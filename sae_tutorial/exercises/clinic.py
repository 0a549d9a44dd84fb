"""Training runs that went wrong for a reason, to be diagnosed from their curves and numbers.

The rows are sums of a few directions of a known dictionary, small enough that a run takes about a second. All
patients use the loop below, which is shorter than `training.train_sae` and does less: what to do to the rows
before training and to the decoder after a step is handed in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig
from sae_tutorial.sae.metrics import evaluate_reconstruction
from sae_tutorial.sae.runs import History

D_IN, N_DIRECTIONS, SHARE_ON = 24, 48, 0.05
N_TRAIN, N_TEST, N_STEPS, BATCH, LOG_EVERY = 10_000, 2_000, 400, 256, 8
L1_COEFFICIENT, LEARNING_RATE = 0.1, 2e-2

# Each of them tells one patient's cause by itself.
TESTS = {"rows": "mean norm of the rows trained on", "decoder": "mean norm of decoder rows"}

Prepare = Callable[[Float[Tensor, "n d_in"]], Float[Tensor, "n d_in"]]
AfterStep = Callable[[Float[Tensor, "d_sae d_in"]], Float[Tensor, "d_sae d_in"]]


@dataclass(frozen=True)
class Run:
    """A finished run: its curves (without dead latents, which the loop does not count) and its numbers."""

    history: History
    numbers: dict[str, float]


@cache
def first_patient() -> dict[str, Run]:
    """A healthy run, the patient, and the patient at a tenth of the learning rate."""
    slow = train(_small_rows(), prepare=_unchanged, learning_rate=LEARNING_RATE / 10)
    return {"healthy": _healthy(), "patient 1": _first(), "patient 1, a tenth of the rate": slow}


@cache
def second_patient() -> dict[str, Run]:
    """A healthy run, the patient, and a healthy run at half the λ."""
    half = train(_rows(), l1_coefficient=L1_COEFFICIENT / 2)
    return {"healthy": _healthy(), "patient 2": _second(), "healthy, half the λ": half}


@cache
def ward() -> dict[str, Run]:
    """A healthy run, and five, A to E, that went wrong for reasons that exercise 6.6 asks for."""
    return {
        "healthy": _healthy(),
        "A": train(_rows(), learning_rate=1e-5),
        "B": train(_rows(), l1_coefficient=3.0),
        "C": train(_rows(), l1_coefficient=0.0),
        "D": train(_by_subject(_rows()), shuffled=False),
        "E": train(_copies(N_TRAIN + N_TEST)),
    }


@cache
def second_opinion() -> Run:
    """Patient E, scored on rows that it has not seen instead of on copies."""
    return train(torch.cat([_copies(N_TRAIN), _rows()[N_TRAIN:]]))


def chart(runs: dict[str, Run]) -> list[dict[str, object]]:
    """The numbers of several runs side by side, one line per number, for `tables.table`; without those to be ordered."""
    lines = [line for line in next(iter(runs.values())).numbers if line not in TESTS.values()]
    # L0 differs from machine to machine in the second digit behind the point.
    digits = {line: 1 if line == "L0" else 3 for line in lines}
    return [
        {"": line, **{name: f"{run.numbers[line]:.{digits[line]}f}" for name, run in runs.items()}}
        for line in lines
    ]


def order(runs: dict[str, Run], test: str | None = None) -> None:
    """Print one of the numbers that `chart` holds back: a doctor asks for a test with a suspicion in mind.

    Raises:
        ValueError: there is no such test.
    """
    if test is None:
        print(f"No test ordered yet; there are {' and '.join(map(repr, TESTS))}.")
        return
    if test not in TESTS:
        raise ValueError(f"test must be one of {', '.join(map(repr, TESTS))}, got {test!r}.")
    found = ", ".join(f"{name} {run.numbers[TESTS[test]]:.3f}" for name, run in runs.items())
    print(f"{TESTS[test]}: {found}")


def retrain_first(prepare: Prepare) -> tuple[Run, Run]:
    """The first patient as it was, and trained on `prepare(rows)`."""
    return _first(), train(_small_rows(), prepare=prepare)


def retrain_second(after_step: AfterStep) -> tuple[Run, Run]:
    """The second patient as it was, and with `after_step` applied to W_dec after each step."""
    return _second(), train(_rows(), after_step=after_step)


def unit_mean_norm(rows: Float[Tensor, "n d_in"]) -> Float[Tensor, "n d_in"]:
    """Rows scaled to mean norm √d_in."""
    return rows * rows.shape[1] ** 0.5 / rows.norm(dim=1).mean()


def unit_rows(W_dec: Float[Tensor, "d_sae d_in"]) -> Float[Tensor, "d_sae d_in"]:
    """Decoder rows of norm 1."""
    return normalize(W_dec, dim=1)


def train(
    rows: Float[Tensor, "n d_in"],
    *,
    prepare: Prepare = unit_mean_norm,
    after_step: AfterStep = unit_rows,
    l1_coefficient: float = L1_COEFFICIENT,
    learning_rate: float = LEARNING_RATE,
    shuffled: bool = True,
) -> Run:
    """A plain loop: rows drawn at random or one after the other, Adam at a constant rate, the last `N_TEST` rows held out."""
    rows = prepare(rows.clone())
    sae = SparseAutoencoder(SAEConfig(D_IN, 4, "relu", l1_coefficient=l1_coefficient))
    # The decoder's whole rows: from the half, the package's own start, patient 2 does not fall ill in time.
    sae.W_enc.data = sae.W_dec.data.T.clone()
    optimizer = torch.optim.Adam(sae.parameters(), lr=learning_rate, fused=True)
    generator = torch.Generator().manual_seed(0)
    size = float(rows.norm(dim=1).mean()) / D_IN**0.5
    history, sums = History(), torch.zeros(4)
    for step in range(1, N_STEPS + 1):
        drawn = torch.randint(N_TRAIN, (BATCH,), generator=generator)
        if not shuffled:
            drawn = (step * BATCH + torch.arange(BATCH)) % N_TRAIN
        x = rows[drawn]
        x_hat, f = sae(x)
        reconstruction, sparsity = (x - x_hat).pow(2).mean(), f.sum(1).mean()
        loss = reconstruction + l1_coefficient * sparsity
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sae.W_dec.data = after_step(sae.W_dec.data)
        parts = [loss, reconstruction / size**2, sparsity / size, (f > 0).sum(1).float().mean()]
        sums += torch.stack([part.detach() for part in parts])
        if step % LOG_EVERY == 0:
            _log(history, step, sums / LOG_EVERY)
            sums.zero_()
    return Run(history, _numbers(sae, rows, history))


def _numbers(sae: SparseAutoencoder, rows: Tensor, history: History) -> dict[str, float]:
    scores = evaluate_reconstruction(sae, rows[-N_TEST:], progress=False)
    numbers = {
        "λ": sae.config.l1_coefficient,
        "loss at the end": history.loss[-1],
        "mean L1 of f": history.sparsity[-1] * float(rows.norm(dim=1).mean()) / D_IN**0.5,
        "L0": scores["l0"],
        "explained variance": scores["explained_variance"],
        "mean norm of the rows trained on": float(rows.norm(dim=1).mean()),
        "mean norm of decoder rows": float(sae.W_dec.detach().norm(dim=1).mean()),
    }
    return {name: round(value, 3) + 0.0 for name, value in numbers.items()}


def _log(history: History, step: int, means: Tensor) -> None:
    history.tokens.append(step * BATCH)
    lists = (history.loss, history.reconstruction, history.sparsity, history.l0)
    for values, mean in zip(lists, means.tolist(), strict=True):
        values.append(mean)


@cache
def _rows() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    directions = normalize(torch.randn(N_DIRECTIONS, D_IN, generator=generator), dim=1)
    shape = (N_TRAIN + N_TEST, N_DIRECTIONS)
    strength = torch.rand(shape, generator=generator) + 0.5
    on = torch.rand(shape, generator=generator) < SHARE_ON
    return unit_mean_norm((strength * on) @ directions)


def _by_subject(rows: Tensor) -> Tensor:
    """The training rows in an order like that of a sorted corpus: what is alike comes together."""
    order = rows[:N_TRAIN, 0].argsort()
    return torch.cat([rows[order], rows[N_TRAIN:]])


def _copies(n: int) -> Tensor:
    """A hundred rows, over and over."""
    return _rows()[:100].repeat(n // 100, 1)


def _small_rows() -> Tensor:
    return _rows() * 0.03


def _unchanged(value: Tensor) -> Tensor:
    return value


@cache
def _healthy() -> Run:
    return train(_rows())


@cache
def _first() -> Run:
    return train(_small_rows(), prepare=_unchanged)


@cache
def _second() -> Run:
    return train(_rows(), after_step=_unchanged)
