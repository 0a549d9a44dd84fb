"""What notebook 08 ships as numbers: runs ten times as long, and short runs at four numbers of latents on. Measured once."""

from importlib import resources
from pathlib import Path
from typing import Any

from sae_tutorial.storage import read_json


def longer_runs() -> list[dict[str, str]]:
    """A row for each run, as notebook 08 shows it; `scripts/pretrain/longer.py` (in the repository) makes them."""
    return _runs("longer_runs.json")


def frontier_line(architecture: str) -> tuple[list[float], list[float]]:
    """Latents on at an unseen token, ascending, and explained variance: a point for each short run of an architecture.

    The runs are of SmolLM2's layer 16; `scripts/pretrain/frontier.py` (in the repository) makes them.
    """
    points = sorted(
        (run["latents on"], run["explained variance"])
        for run in _runs("frontier_runs.json")
        if run["architecture"] == architecture
    )
    return [on for on, _ in points], [value for _, value in points]


def _runs(name: str) -> list[dict[str, Any]]:
    return read_json(Path(str(resources.files("sae_tutorial"))) / "data" / name)["runs"]
