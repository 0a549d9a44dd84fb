"""Make the students' and the teachers' copies of the notebooks: `python scripts/copies.py`.

    build/students/    every folded solution removed; help stays
    build/teachers/    every folded solution unfolded
    build/answer_key.md    every exercise's solution on one page

The copies come without outputs. A solution is a block `<details><summary>Solution</summary> ... </details>` of a
markdown cell.
"""

import argparse
import re
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
SOLUTION = re.compile(r"<details(?: open)?>\s*<summary>Solution</summary>(.*?)</details>\n?", re.DOTALL)
NOTEBOOK_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\.ipynb[^)]*\)")


def main() -> None:
    """Read the command line and write both sets of copies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notebooks", type=Path, default=ROOT / "notebooks")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    arguments = parser.parse_args()
    for name, change in (("students", without_solutions), ("teachers", with_solutions_open)):
        paths = write_copies(arguments.notebooks, arguments.build / name, change)
        print(f"{arguments.build / name}: {len(paths)} notebooks")
    key = arguments.build / "answer_key.md"
    key.write_text(answer_key(arguments.notebooks), encoding="utf-8")
    print(f"{key}: the solutions")


def write_copies(source: Path, target: Path, change: Callable[[str], str]) -> list[Path]:
    """Write every notebook of `source` to `target` with `change` applied to its markdown; return the new paths.

    Raises:
        FileNotFoundError: `source` holds no notebook.
    """
    notebooks = sorted(source.glob("*.ipynb"))
    if not notebooks:
        raise FileNotFoundError(f"{source} holds no notebooks.")
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for path in notebooks:
        nbformat.write(copy_of(nbformat.read(path, as_version=4), change), target / path.name)
        written.append(target / path.name)
    return written


def answer_key(source: Path) -> str:
    """Every exercise's solution, by notebook and in its order, as a page of Markdown."""
    parts = [
        "# Answer key",
        "Every exercise's solution, out of the notebooks. Others can be right too: the checks say so.",
    ]
    for path in sorted(source.glob("[0-9]*.ipynb")):
        cells = [
            cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"
        ]
        title = next(line for line in cells[0].splitlines() if line.startswith("# "))
        parts.append(f"#{title}")
        exercise = None
        for cell in cells:
            if heading := re.search(r"^### (Exercise .*)$", cell, re.MULTILINE):
                exercise = heading[1]
            for solution in SOLUTION.findall(cell):
                if exercise is not None:
                    parts.append(f"### {exercise}")
                    exercise = None
                parts.append(NOTEBOOK_LINK.sub(r"\1", solution).strip())
    return "\n\n".join(parts) + "\n"


def copy_of(notebook: NotebookNode, change: Callable[[str], str]) -> NotebookNode:
    """The notebook without outputs and with `change` applied to its markdown; cells left empty are dropped."""
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = change(cell.source)
        elif cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.metadata.pop("execution", None)
        if cell.source.strip():
            cells.append(cell)
    notebook.cells = cells
    return notebook


def without_solutions(markdown: str) -> str:
    """Markdown with its solution blocks taken out."""
    return SOLUTION.sub("", markdown).rstrip()


def with_solutions_open(markdown: str) -> str:
    """Markdown with its solution blocks unfolded."""
    return SOLUTION.sub(lambda found: "<details open>" + found.group(0).split(">", 1)[1], markdown)


if __name__ == "__main__":
    main()
