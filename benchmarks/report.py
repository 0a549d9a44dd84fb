"""What every benchmark shares: a row of the final table, medians with their spread, and a line about the machine."""

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
        ratio: the ratio of the two, with its spread.
        target: what the ratio should reach; "" where nothing is promised.
    """

    what: str
    ours: str
    other: str
    ratio: str
    target: str = ""


def ratio_and_range(ratio: float, by_turn: Sequence[float]) -> str:
    """The ratio, and in brackets where the middle 80% of the turns lie."""
    low, high = np.quantile(by_turn, [0.1, 0.9])
    return f"{ratio:.2f} ({low:.2f} to {high:.2f})"


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
    lines += [f"| {row.what} | {row.ours} | {row.other} | {row.ratio} | {row.target} |" for row in rows]
    return "\n".join(lines)
