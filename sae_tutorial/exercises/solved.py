"""Which exercises were solved on this machine: a small file in the user's own folder, a row of dots, a way to forget.

A check that says "right" calls `remember`. The file is JSON and is written whole or not at all; one that cannot be
written or read loses a learner's dots and stops nothing. `SAE_PROGRESS` names another file.
"""

import html
import os
import re
from importlib import resources
from pathlib import Path

import platformdirs
from filelock import FileLock
from IPython.display import HTML

from sae_tutorial import storage

_NUMBER = re.compile(
    r'"(\d{1,2}\.\d{1,2}(?: \([a-z]+\))?)"'
)  # "6.2 (repair)" is a part with a check of its own
_DOT, _ROW = 14, 16  # pixels


def progress(notebook: int | None = None) -> HTML:
    """A dot for each exercise, filled if it was solved on this machine.

    Args:
        notebook: a notebook's number; by default all of them, one row each.

    Raises:
        ValueError: no exercise belongs to that notebook.
    """
    exercises, done = all_exercises(), solved_here()
    if notebook is not None and notebook not in exercises:
        known = ", ".join(map(str, sorted(exercises)))
        raise ValueError(f"notebook {notebook!r} has no exercises; those that have: {known}.")
    shown = sorted(exercises) if notebook is None else [notebook]
    return HTML("".join(_row(number, exercises[number], done) for number in shown))


def forget() -> None:
    """Forget which exercises were solved on this machine."""
    _file().unlink(missing_ok=True)


def remember(number: str) -> None:
    """Note that an exercise, such as "4.8", was solved."""
    try:
        path = _file()
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=1):
            if number not in (done := solved_here()):
                with storage.new_file(path) as partial:
                    storage.write_json(partial, {"solved": sorted(done | {number})})
    except (
        OSError,
        NotImplementedError,
    ):  # a home that cannot be written, or another notebook that holds the lock
        return


def solved_here() -> set[str]:
    """The numbers of the exercises that were solved on this machine."""
    try:
        return set(storage.read_json(_file())["solved"])
    except (OSError, storage.DamagedFileError, KeyError, TypeError):
        return set()


def all_exercises() -> dict[int, list[str]]:
    """Every notebook's exercises in order, read from the checks, which name them."""
    numbers: set[str] = set()
    for module in resources.files("sae_tutorial.exercises").iterdir():
        if module.name.endswith(".py"):
            numbers.update(_NUMBER.findall(module.read_text(encoding="utf-8")))
    found: dict[int, list[str]] = {}
    for number in sorted(numbers, key=_place):
        found.setdefault(_place(number)[0], []).append(number)
    return found


def _file() -> Path:
    return Path(
        os.environ.get("SAE_PROGRESS")
        or Path(platformdirs.user_data_dir("sae_tutorial", appauthor=False)) / "progress.json"
    )


def _place(number: str) -> tuple[int, int, str]:
    exercise, _, part = number.partition(" ")
    notebook, _, exercise = exercise.partition(".")
    return int(notebook), int(exercise), part


def _row(notebook: int, exercises: list[str], done: set[str]) -> str:
    """One notebook's dots and what they say; a drawing, so that no saved output is compared with another's dots."""
    here = [number for number in exercises if number in done]
    said = f"Notebook {notebook:02d}: {len(here)} of {len(exercises)} exercises solved on this machine"
    dots = "".join(
        f'<circle cx="{_DOT * place + 7}" cy="8" r="5" stroke="currentColor" '
        f'fill="{"currentColor" if number in done else "none"}"><title>{number}</title></circle>'
        for place, number in enumerate(exercises)
    )
    return (
        f'<div><svg role="img" aria-label="{html.escape(said)}" width="{_DOT * len(exercises)}" height="{_ROW}" '
        f'style="vertical-align:middle">{dots}</svg> {html.escape(said)}</div>'
    )
