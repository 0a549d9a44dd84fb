"""What every benchmark shares: a row of the final table, the spread over turns, and a line about the machine."""

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import psutil
import torch

PACKAGES = ("torch", "transformer-lens", "transformers")


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        what: the comparison, in words.
        ours, other: the two figures with their units, as shown.
        ratio: the ratio of the two; None where nothing is compared.
        low, high: where the ratios of single turns lie, as `spread` gives it; None without turns.
        at_least, at_most: what the ratio should reach, or not exceed; both None where nothing is promised.
    """

    what: str
    ours: str
    other: str = ""
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def margin(self) -> float | None:
        """How many times better than its target the ratio is: 1 or more where it is met. None without a target."""
        if self.at_least is not None:
            return self.ratio / self.at_least
        return None if self.at_most is None else self.at_most / self.ratio

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        return None if self.margin is None else bool(self.margin >= 1)  # NumPy's own fits no JSON

    def cells(self) -> tuple[str, ...]:
        """What a table says of it."""
        ratio = "" if self.ratio is None else shown(self.ratio)
        if self.low is not None:
            ratio += f" ({shown(self.low)} to {shown(self.high)})"
        target = "" if self.at_least is None else f"at least {self.at_least:g}"
        target = target if self.at_most is None else f"at most {self.at_most:g}"
        verdict = {None: "", True: ": met", False: ": missed"}[self.met]
        return self.what, self.ours, self.other, ratio, target + verdict


def shown(ratio: float) -> str:
    """A ratio, with three decimals up to 2 and two from there."""
    return f"{ratio:.3f}" if ratio < 2 else f"{ratio:.2f}"


def spread(by_turn: Sequence[float]) -> tuple[float, float]:
    """The bounds of the middle 80% of the turns."""
    low, high = np.quantile(by_turn, [0.1, 0.9])
    return float(low), float(high)


def note(text: str) -> None:
    """Tell what is happening, apart from the results on stdout."""
    print(text, file=sys.stderr, flush=True)


def machine() -> str:
    """Cores, memory and versions, in one line."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{platform.machine()}, {psutil.cpu_count()} cores ({torch.get_num_threads()} PyTorch threads), "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB of memory; Python {platform.python_version()}, {versions}"
    )


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| comparison | ours | other | ratio | target |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {' | '.join(row.cells())} |" for row in rows]
    return "\n".join(lines)
