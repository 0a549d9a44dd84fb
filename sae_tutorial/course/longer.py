"""What four architectures of notebook 08 do after ten times as many steps: measured once, and shipped as numbers."""

import json
from importlib import resources


def longer_runs() -> list[dict[str, str]]:
    """One row per architecture and length of run, as notebook 08 shows them; `docs/measurements.md` says how."""
    path = resources.files("sae_tutorial") / "data" / "longer_runs.json"
    return json.loads(path.read_text(encoding="utf-8"))
