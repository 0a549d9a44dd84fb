"""Run notebooks from the first cell to the last, showing progress; an error stops the run with its traceback.

    execute_notebooks.py --output DIRECTORY NOTEBOOK...   executed copies; the notebooks themselves stay as they are
    execute_notebooks.py --in-place NOTEBOOK...           the maintainer's: what is committed (see `for_commit`)

The notebooks are started in the order given, two at a time: much of what a notebook does keeps one core busy only. Each
has a kernel of its own, whose working directory is the notebook's and which takes its share of the machine's threads.
"""

import argparse
import asyncio
import base64
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import kaleido
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode

PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
PICTURE_WIDTH = 900
LARGEST_MEGABYTES = 4
AT_ONCE = 2
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "file_extension": ".py", "pygments_lexer": "ipython3"},
}


class Progress:
    """Prints which cell of each running notebook runs, and for how long the notebook has been running.

    On a terminal one line is overwritten; in a log every cell has a line, so that a slow one can be seen to run.
    """

    running: ClassVar[dict[str, str]] = {}

    def __init__(self, name: str, nb: NotebookNode) -> None:
        self.name = name
        self.code_cells = [i for i, cell in enumerate(nb.cells) if is_code(cell)]
        self.position = 0
        self.start = time.monotonic()

    def cell_starts(self, cell: NotebookNode, cell_index: int) -> None:
        """Show the cell; nbclient calls this before it runs one."""
        self.position = self.code_cells.index(cell_index) + 1
        self.show()

    def show(self, outcome: str = "") -> None:
        """Print the line; `outcome` ends it."""
        line = f"{self.name}  cell {self.position}/{len(self.code_cells)}  {self.seconds():.0f} s  {outcome}".rstrip()
        if outcome:
            self.running.pop(self.name, None)
        else:
            self.running[self.name] = line
        if sys.stdout.isatty():
            print(
                "\r\x1b[K" + f"{line}\n" * bool(outcome) + " | ".join(self.running.values()),
                end="",
                flush=True,
            )
        else:
            print(line, flush=True)

    def seconds(self) -> float:
        """Seconds since the notebook started."""
        return time.monotonic() - self.start


def is_code(cell: NotebookNode) -> bool:
    """True for a cell that a kernel runs."""
    return cell.cell_type == "code" and bool(cell.source.strip())


class Stopped(Exception):
    """A notebook did not run to its end; the message is the report."""


def execute_all(
    paths: Sequence[Path], ended: Callable[[Path, NotebookNode, str | None, float], None]
) -> None:
    """Run the notebooks, `AT_ONCE` at a time, and hand each to `ended` with the report of its error and its seconds.

    What `ended` raises stops the others.
    """
    threads = str(max(1, (os.cpu_count() or 1) // AT_ONCE))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, threads)  # kernels inherit it

    async def run() -> None:
        free = asyncio.Semaphore(AT_ONCE)

        async def one(path: Path) -> None:
            async with free:
                start = time.monotonic()
                ended(path, *await execute(path), time.monotonic() - start)

        async with asyncio.TaskGroup() as group:
            for path in paths:
                group.create_task(one(path))

    asyncio.run(run())


async def execute(path: Path) -> tuple[NotebookNode, str | None]:
    """Run the notebook at `path`; return it with its outputs, and the report of the error that stopped it, if any."""
    nb = nbformat.read(path, as_version=4)
    progress = Progress(path.stem, nb)
    client = NotebookClient(
        nb,
        timeout=None,  # a cell may train for hours on the full budget
        startup_timeout=120,
        kernel_name="python3",  # of the environment that runs this script, whatever the notebook was saved with
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--log-level=ERROR"],  # else each kernel warns of its local connection
        record_timing=False,
        coalesce_streams=True,
        on_cell_execute=progress.cell_starts,
    )
    try:
        await client.async_execute()
    except CellExecutionError as error:
        progress.show("FAILED")
        return nb, str(error)
    except (DeadKernelError, AssertionError):  # nbclient, clearing up after a dead kernel, fails an assertion
        progress.show("FAILED")
        source = nb.cells[progress.code_cells[progress.position - 1]].source
        return (
            nb,
            f"The kernel was stopped or died, perhaps for want of memory, in this cell:\n------\n{source}\n------",
        )
    progress.show("done")
    return nb, None


def without_progress(nb: NotebookNode) -> NotebookNode:
    """Drop, in place, what only mattered while the notebook ran: standard error, and widgets such as bars."""
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if not is_progress(out)]
    nb.metadata.pop("widgets", None)
    return nb


def is_progress(output: NotebookNode) -> bool:
    """True for standard error and for a widget, which is dead without its kernel."""
    return output.get("name") == "stderr" or WIDGET in output.get("data", {})


def for_commit(nb: NotebookNode) -> NotebookNode:
    """Make a notebook that has run fit to be committed, in place.

    Progress goes, plotly figures get a picture for places that run no JavaScript and the tag with which nbval leaves
    them alone, and the metadata is the same whoever ran the notebook; of a cell's own metadata its tags stay.
    """
    without_progress(nb)
    nb.metadata = nbformat.from_dict(METADATA)
    for cell in nb.cells:
        cell.metadata = nbformat.from_dict({"tags": cell.metadata.tags} if "tags" in cell.metadata else {})
        for output in cell.get("outputs", []):
            if PLOTLY in output.get("data", {}):
                output.data["image/png"] = picture(output.data[PLOTLY])
                cell.metadata.tags = sorted({*cell.metadata.get("tags", []), "nbval-ignore-output"})
    nbformat.validate(nb)
    return nb


def picture(figure: NotebookNode) -> str:
    """The plotly figure as a PNG in base64; needs Chromium, which stays open for the next picture."""
    # No MathJax: it would come from the network.
    kaleido.start_sync_server(page_generator=kaleido.PageGenerator(mathjax=False), silence_warnings=True)
    options = {"format": "png", "width": figure.layout.get("width", PICTURE_WIDTH)}
    return base64.b64encode(kaleido.calc_fig_sync(figure, opts=options)).decode()


def write(nb: NotebookNode, path: Path) -> None:
    """Save the notebook whole or not at all, and warn if it is too large for a code-hosting site to show."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    nbformat.write(nb, partial)
    partial.replace(path)
    if (size := path.stat().st_size / 2**20) > LARGEST_MEGABYTES:
        print(f"WARNING: {path.name} is {size:.1f} MB, over {LARGEST_MEGABYTES}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the notebooks; 0 if all ran to the end."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebooks", nargs="+", type=Path)
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--output", type=Path, metavar="DIRECTORY")
    target.add_argument("--in-place", action="store_true")
    options = parser.parse_args(arguments)
    start = time.monotonic()

    def ended(path: Path, nb: NotebookNode, error: str | None, _: float) -> None:
        if error is not None:
            report = error if sys.stdout.isatty() else strip_ansi(error)
            raise Stopped(f"{report}\nstopped at the cell of {path} shown above")
        if options.in_place:
            write(for_commit(nb), path)
        else:
            write(without_progress(nb), options.output / path.name)

    reports: Sequence[Exception] = ()
    try:
        execute_all(options.notebooks, ended)
    except* Stopped as stopped:
        reports = stopped.exceptions
    if reports:
        print(*reports, sep="\n", flush=True)
        return 1
    print(
        f"{len(options.notebooks)} notebooks ran in {(time.monotonic() - start) / 60:.1f} minutes", flush=True
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
