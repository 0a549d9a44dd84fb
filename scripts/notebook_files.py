"""Change notebooks in place, and leave alone those that are as they should be."""

from collections.abc import Callable, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode


def calls(nb: NotebookNode, call: str) -> bool:
    """Whether a code cell has the text `call`, such as "open_lab()"."""
    return any(call in cell.source for cell in nb.cells if cell.cell_type == "code")


def rewrite(paths: Sequence[str], change: Callable[[NotebookNode, str], NotebookNode], done: str) -> None:
    """Write what `change(notebook, file name)` makes of each notebook, if it differs; `done` says what was written."""
    for path in map(Path, paths):
        before = path.read_text(encoding="utf-8")
        after = nbformat.writes(change(nbformat.reads(before, as_version=4), path.name)) + "\n"
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"{path}: {done}")
