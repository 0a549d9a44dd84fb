"""What four architectures of notebook 08 and two controls do after ten times as many steps: measured once, and shipped as numbers."""

from importlib import resources
from pathlib import Path

from sae_tutorial.storage import read_json


def longer_runs() -> list[dict[str, str]]:
    """A row for each run, as notebook 08 shows it; `scripts/pretrain/longer.py` (in the repository) makes them."""
    path = Path(str(resources.files("sae_tutorial"))) / "data" / "longer_runs.json"
    return read_json(path)["runs"]
