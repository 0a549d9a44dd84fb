"""Give every notebook with exercises a line that shows which of them were solved on this machine.

    progress_line.py NOTEBOOK...

The line is a cell of its own after the set-up cell. Running the script again changes nothing.
"""

import sys

import nbformat
from nbformat import NotebookNode

from colab import SETUP_ID
from notebook_files import rewrite
from sae_tutorial.exercises.solved import all_exercises

PROGRESS_ID = "progress"
LINE = "from sae_tutorial import exercises\n\nexercises.progress({notebook})"


def prepare(nb: NotebookNode, name: str) -> NotebookNode:
    """Put the cell where it belongs, in place; what it showed and counted stays.

    Raises:
        ValueError: the notebook has no set-up cell; scripts/colab.py writes that.
    """
    if not name[:2].isdigit() or int(name[:2]) not in all_exercises():
        return nb
    found = [cell for cell in nb.cells if cell.id == PROGRESS_ID]
    line = found[0] if found else nbformat.v4.new_code_cell(id=PROGRESS_ID)
    line.source = LINE.format(notebook=int(name[:2]))
    rest = [cell for cell in nb.cells if cell.id != PROGRESS_ID]
    setup = [place for place, cell in enumerate(rest) if cell.id == SETUP_ID]
    if not setup:
        raise ValueError(f"{name} has no set-up cell; run scripts/colab.py first.")
    nb.cells = [*rest[: setup[0] + 1], line, *rest[setup[0] + 1 :]]
    return nb


if __name__ == "__main__":
    rewrite(sys.argv[1:], prepare, "line of progress written")
