"""The course from a command line, also where there is no `make`.

python -m sae_tutorial check    whether this machine has what the course needs; downloads the model on first use
python -m sae_tutorial lab      the notebooks in JupyterLab
"""

import argparse
import subprocess
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Do what was asked; 0 if it went well."""
    parser = argparse.ArgumentParser(
        "sae_tutorial", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["check", "lab"])
    return {"check": _check, "lab": _lab}[parser.parse_args(arguments).command]()


def _check() -> int:
    from sae_tutorial.lab.environment import check_environment
    from sae_tutorial.lab.lab import open_lab

    if not check_environment():
        return 1
    open_lab()
    return 0


def _lab() -> int:
    notebooks = Path(__file__).parents[1] / "notebooks"
    if not notebooks.is_dir():
        print(
            f"there are no notebooks in {notebooks}; run this in a copy of the repository.", file=sys.stderr
        )
        return 1
    return subprocess.run([sys.executable, "-m", "jupyterlab", f"--notebook-dir={notebooks}"]).returncode


if __name__ == "__main__":
    sys.exit(main())
