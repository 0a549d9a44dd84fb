"""Run the notebooks that open a lab in labs that people have and the committed pages do not show.

    test_labs.py [--labs NAME,NAME] [--budget quick|smoke] [--hub DIRECTORY] [NOTEBOOK ...]

gpt2 and ag-news read a Hugging Face cache, which `make build/hub/filled` makes: a GPT-2 of random weights with the
extremes of trained ones, and AG News articles. GPT-2 is met by the notebooks that leave the model open; the others name
the one that their SAE belongs to. In these labs and at another layer every notebook that opens a lab has to run to its
end, whatever it finds. The others are the lab of the committed pages under other arithmetic, which is another one for
every notebook: there no verdict and no compared line (see `outputs.py`) may differ from the saved ones. Executed copies
stay in build/labs/. The exit status is 1 after an exception or a difference.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

import execute_notebooks
import outputs
from notebook_files import calls
from sae_tutorial.lab.verdicts import SHOWN

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "labs"


class Lab(NamedTuple):
    """A lab to run in.

    Attributes:
        environment: variables of the kernel.
        setup: code that runs before the notebook's first cell.
        compared: whether the outputs have to be the committed ones.
    """

    environment: dict[str, str]
    setup: str = ""
    compared: bool = False


AG_NEWS = "from sae_tutorial.lab import lab\nlab.bundled_news = lab.wikipedia = lab.ag_news"
LAYER_20 = (
    "from sae_tutorial.lab import lab\nload = lab._load_model\nlab._load_model = lambda *a: (load(*a)[0], 20)"
)
LABS = {
    "gpt2": Lab({"SAE_LAB": "gpt2"}),
    "ag-news": Lab({}, AG_NEWS),
    "layer-20": Lab({}, LAYER_20),
    "aten-default": Lab({"ATEN_CPU_CAPABILITY": "default"}, compared=True),
    "mkl-compatible": Lab({"MKL_CBWR": "COMPATIBLE"}, compared=True),
    "onednn-avx2": Lab({"ONEDNN_MAX_CPU_ISA": "AVX2"}, compared=True),
    "one-thread": Lab({"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}, compared=True),
    "two-threads": Lab({"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}, compared=True),
}
HUB_LABS = ("gpt2", "ag-news")
COLUMNS = f"{'lab':15}{'notebook':26}{'cells run':>10}{'exceptions':>12}{'shown':>8}{'seconds':>9}{'differing verdicts':>20}{'lines':>7}"  # fmt: skip


class Result(NamedTuple):
    """What became of a notebook in a lab; the last two are None where nothing is compared."""

    cells: int
    run: int
    error: str | None
    verdicts: dict[str, str]
    seconds: float
    differing_verdicts: list[str] | None
    differing_lines: list[tuple[str, str]] | None

    @property
    def fine(self) -> bool:
        """Whether it ran to its end and shows what it should."""
        return not (self.error or self.differing_verdicts or self.differing_lines)

    def __str__(self) -> str:
        shown = f"{sum(value == SHOWN for value in self.verdicts.values())}/{len(self.verdicts)}"
        differ = [
            "" if found is None else len(found) for found in (self.differing_verdicts, self.differing_lines)
        ]
        ran = f"{self.run}/{self.cells}"
        return f"{ran:>10}{int(self.error is not None):12}{shown:>8}{self.seconds:9.0f}{differ[0]:>20}{differ[1]:>7}"


def run(paths: Sequence[Path], name: str, environment: dict[str, str]) -> dict[str, Result]:
    """Run copies of the notebooks in the lab called `name`; the results by the notebooks' names."""
    lab, results = LABS[name], {}
    saved = {path.name: nbformat.read(path, as_version=4) for path in paths}
    for path in paths:
        copy = nbformat.from_dict(saved[path.name])
        # It is not counted, and without code it is not run.
        copy.cells.insert(0, nbformat.v4.new_code_cell(lab.setup))
        execute_notebooks.write(without_outputs(copy), BUILD / name / path.name)

    def ended(target: Path, found: NotebookNode, error: str | None, seconds: float) -> None:
        execute_notebooks.write(found, target)
        before, after = code_cells(saved[target.name]), code_cells(found)[bool(lab.setup) :]
        ran = [cell for cell in after if cell.execution_count is not None]
        verdicts = _verdicts(after)
        compared = lab.compared and environment["SAE_BUDGET"] == "quick"
        results[target.stem] = Result(
            len(after), len(ran) - (error is not None), error, verdicts, seconds,
            _differing_verdicts(_verdicts(before), verdicts) if compared else None,
            _differing_lines(target.stem, before, ran) if compared else None,
        )  # fmt: skip

    with variables(environment):
        execute_notebooks.execute_all([BUILD / name / path.name for path in paths], ended)
    return {path.stem: results[path.stem] for path in paths}


def without_outputs(nb: NotebookNode) -> NotebookNode:
    """Forget, in place, what the notebook was saved with."""
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return nb


def code_cells(nb: NotebookNode) -> list[NotebookNode]:
    """The cells that a kernel runs."""
    return [cell for cell in nb.cells if execute_notebooks.is_code(cell)]


def changed_by(lab: Lab, path: Path) -> bool:
    """Whether a notebook is another one in this lab.

    Arithmetic changes every notebook; another model or other texts, those that open a lab; `SAE_LAB`, those that leave
    the model open.
    """
    call = "open_lab()" if "SAE_LAB" in lab.environment else "open_lab("
    return lab.compared or calls(nbformat.read(path, as_version=4), call)


@contextmanager
def variables(changed: dict[str, str]) -> Iterator[None]:
    """Set variables of the environment, which a kernel inherits, for a while."""
    before = dict(os.environ)
    os.environ.update(changed)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _verdicts(cells: list[NotebookNode]) -> dict[str, str]:
    return {claim: value for cell in cells for claim, value in outputs.verdicts(cell.outputs).items()}


def _differing_verdicts(saved: dict[str, str], found: dict[str, str]) -> list[str]:
    claims = [claim for claim in saved | found if saved.get(claim) != found.get(claim)]
    return [f"{claim}: saved {saved.get(claim)}, found {found.get(claim)}" for claim in claims]


def _differing_lines(
    notebook: str, saved: list[NotebookNode], found: list[NotebookNode]
) -> list[tuple[str, str]]:
    return [
        pair
        for a, b in zip(saved, found, strict=False)
        if outputs.skipped(notebook, a.source) is None
        for pair in outputs.differences(a.outputs, b.outputs)
    ]


def main(arguments: list[str] | None = None) -> int:
    """Run the notebooks in the labs; 0 if all went as it should."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebooks", nargs="*", type=Path, help="by default all that a lab changes")
    parser.add_argument("--labs", type=_names, default=list(LABS), metavar="NAME,NAME", help=", ".join(LABS))
    parser.add_argument("--budget", choices=["quick", "smoke"], default="quick")
    parser.add_argument(
        "--hub", type=Path, default=ROOT / "build" / "hub", help="a filled Hugging Face cache"
    )
    options = parser.parse_args(arguments)
    if not options.hub.is_dir() and set(options.labs) & set(HUB_LABS):
        parser.error(
            f"{options.hub} is no directory, and {' and '.join(HUB_LABS)} need one: `make build/hub/filled`"
        )
    paths = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    results = {}
    for name in options.labs:
        shutil.rmtree(BUILD / name, ignore_errors=True)  # what an earlier run made is not used
        environment = {
            "SAE_LAB": "offline", "SAE_TEXTS": "", "SAE_BUDGET": options.budget, "CUDA_VISIBLE_DEVICES": "",
            "SAE_ARTIFACTS": str(BUILD / name / "artifacts"), "HF_HUB_OFFLINE": "1", **LABS[name].environment,
        }  # fmt: skip
        if name in HUB_LABS:
            environment["HF_HOME"] = str(options.hub.resolve())
        here = options.notebooks or [path for path in paths if changed_by(LABS[name], path)]
        for notebook, result in run(here, name, environment).items():
            results[name, notebook] = result
        shutil.rmtree(BUILD / name / "artifacts", ignore_errors=True)
    report(results)
    return int(not all(result.fine for result in results.values()))


def _names(given: str) -> list[str]:
    names = given.split(",")
    if unknown := set(names) - set(LABS):
        raise argparse.ArgumentTypeError(
            f"no lab {', '.join(sorted(unknown))}; choose from {', '.join(LABS)}"
        )
    return names


def report(results: dict[tuple[str, str], Result]) -> None:
    """Print what went wrong, and a line for each lab and notebook."""
    for (name, notebook), result in results.items():
        details = [result.error] if result.error else []
        details += result.differing_verdicts or []
        details += [f"saved: {a}\nfound: {b}" for a, b in result.differing_lines or []]
        if details:
            print(f"\n--- {notebook} in {name}", *details, sep="\n")
    print(f"\n{COLUMNS}")
    for (name, notebook), result in results.items():
        print(f"{name:15}{notebook:26}{result}")


if __name__ == "__main__":
    sys.exit(main())
