"""The last lines of `make test`: what was covered, and what was not.

covered.py NOTEBOOK...
"""

import os
import sys
from pathlib import Path

import nbformat
from choreographer.browsers.chromium import Chromium

import outputs

ROOT = Path(__file__).resolve().parents[1]


def covered(notebooks: list[Path]) -> list[str]:
    """One line per kind of test."""
    compared = lines = skipped = 0
    for path in notebooks:
        for cell in nbformat.read(path, as_version=4).cells:
            found = outputs.compared_lines(cell.get("outputs", []))
            left_out = outputs.skipped(path.stem, cell.source) is not None
            skipped += left_out
            if found and not left_out:
                compared, lines = compared + 1, lines + len(found)
    browser = Chromium.find_browser(skip_local=False) is not None
    peers = (ROOT / "build" / "peers" / "installed").exists()
    hub = Path(os.environ.get("HUB_STANDIN") or "/nowhere").exists()
    return [
        f"covered: {len(list((ROOT / 'tests').glob('test_*.py')))} modules of unit tests, on tiny models made by the tests",
        f"covered: {len(notebooks)} notebooks run again on SmolLM2; {lines:,} lines of {compared} cells agree with the saved ones",
        f"not compared: {skipped} cells that differ by machine, figures (only that they are there), and how long things take",
        _line(browser, "pages opened in a browser", "there is no Chromium"),
        _line(
            peers,
            "files to and from sae-lens and dictionary-learning",
            "`make test-peers` makes their environment",
        ),
        _line(hub, "the notebooks on a GPT-2 of random weights", "there is no stand-in for the model hub"),
        "not covered: trained GPT-2, the larger budgets (`make test-labs`), any GPU, the README's example on SmolLM2, and",
        "             installing from a kit and on Colab (`pytest -m slow tests`)",
    ]


def _line(covered: bool, what: str, why_not: str) -> str:
    return f"covered: {what}" if covered else f"SKIPPED: {what}; {why_not}"


if __name__ == "__main__":
    print("\n".join(covered([Path(path) for path in sys.argv[1:]])))
