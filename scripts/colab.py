"""Give every notebook its Open-in-Colab badge and a first code cell that installs the package there.

    colab.py NOTEBOOK...

Both come from one setting, `[project.urls] Repository` in pyproject.toml. Running the script again changes nothing.
"""

import sys
import tomllib
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from notebook_files import calls, rewrite

ROOT = Path(__file__).resolve().parents[1]
SETUP_ID = "colab-setup"
BADGE_START = "[![Open in Colab]("
BADGE_IMAGE = "https://colab.research.google.com/assets/colab-badge.svg"

INSTALL = """\
if "google.colab" in sys.modules:  # elsewhere the course is installed already
    %pip install --quiet "sae-tutorial @ git+{repository}"
"""
# Only for notebooks that leave the model open: the others name the one that their numbers are about.
CHOOSE_LAB = """\
import os
import sys

os.environ.setdefault("SAE_LAB", "auto")  # the language model: "gpt2", "offline" or "auto"
"""


def repository() -> str:
    """Where the course is published, https://github.com/OWNER/NAME."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"][
        "Repository"
    ]


def badge(repository: str, name: str) -> str:
    """The Markdown of the badge that opens the notebook file `name` in Colab."""
    address = repository.replace("https://github.com/", "https://colab.research.google.com/github/")
    return f"{BADGE_START}{BADGE_IMAGE})]({address}/blob/main/notebooks/{name})"


def without_badge(source: str) -> str:
    """A first cell's source without the badge."""
    return "\n".join(line for line in source.splitlines() if not line.startswith(BADGE_START)).lstrip("\n")


def prepare(nb: NotebookNode, repository: str, name: str) -> NotebookNode:
    """Put the badge and the set-up cell where they belong, in place; what a cell printed or counted stays.

    Raises:
        ValueError: the notebook does not open with Markdown.
    """
    if not nb.cells or nb.cells[0].cell_type != "markdown":
        raise ValueError(f"{name} must open with a Markdown cell.")
    nb.cells[0].source = f"{badge(repository, name)}\n\n{without_badge(nb.cells[0].source)}"
    found = [cell for cell in nb.cells if cell.id == SETUP_ID] or [nbformat.v4.new_code_cell(id=SETUP_ID)]
    opening = CHOOSE_LAB if calls(nb, "open_lab()") else "import sys\n\n"
    found[0].source = opening + INSTALL.format(repository=repository).rstrip()
    rest = [cell for cell in nb.cells[1:] if cell.id != SETUP_ID]
    nb.cells = [nb.cells[0], found[0], *rest]
    return nb


def main(paths: list[str]) -> None:
    """Write what `prepare` makes of each notebook, if it differs from what is there."""
    address = repository()
    rewrite(paths, lambda nb, name: prepare(nb, address, name), "badge and set-up cell written")


if __name__ == "__main__":
    main(sys.argv[1:])
