"""Loaded with `-p tests.nbval_plugin`: nbval runs the cells, and `scripts/outputs.py` compares what they put out.

A cell's tag `nbval-ignore-output` changes nothing here: figures are never compared and text always is, but for the cells
in `outputs.SKIPPED`.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbval.plugin import IPyNbCell


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give a notebook's cell our comparison."""
    import outputs  # pytest reads its path to scripts/ after it has loaded this file

    if isinstance(item, IPyNbCell):
        item.options["check"] = outputs.skipped(Path(item.path).stem, item.cell.source) is None
        item.compare_outputs = partial(_compare, item)


def _compare(item: IPyNbCell, found: Sequence[NotebookNode], saved: Sequence[NotebookNode]) -> bool:
    """Whether the outputs agree; nbval prints `comparison_traceback` if not."""
    import outputs

    differ = outputs.differences(saved, found)
    item.comparison_traceback = [f"saved: {a}\nfound: {b}" for a, b in differ]
    return not differ
