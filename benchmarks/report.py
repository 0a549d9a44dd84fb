"""What every benchmark shares: a row of the final table, medians with their spread, and a line about the machine."""

import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

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


def median_and_spread(values: Sequence[float]) -> str:
    """The median; in brackets the lowest and the highest, where there is more than one value."""
    middle = f"{statistics.median(values):.2f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.2f} to {max(values):.2f})"


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
