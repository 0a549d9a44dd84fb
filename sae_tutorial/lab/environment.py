"""`check_environment()`: one OK or FAIL line for everything the course needs, and what to do about a FAIL."""

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import torch
from packaging.requirements import Requirement

from sae_tutorial import storage
from sae_tutorial.lab import lab

GIGABYTE = 2**30
NEEDED_MEMORY, NEEDED_DISK = 4, 2


def check_environment() -> bool:
    """Print a line per requirement and return whether all hold."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("Python 3.11 or newer", _python),
        ("the course's packages", _packages),
        ("PyTorch multiplies matrices", _torch),
        (f"{NEEDED_MEMORY} GB of memory", _memory),
        (f"{NEEDED_DISK} GB of disk for artifacts", _disk),
        ("a language model and texts", _language_model),
    ]
    results = [_report(name, check) for name, check in checks]  # all of them, also after a FAIL
    return all(results)


def _report(name: str, check: Callable[[], str]) -> bool:
    try:
        detail = check()
    except Exception as error:  # whatever goes wrong is the answer to the question
        print(f"FAIL  {name}: {error}")
        return False
    print(f"OK    {name}: {detail}")
    return True


def _python() -> str:
    if sys.version_info < (3, 11):
        raise RuntimeError(
            f"this is {sys.version.split()[0]}; install a newer Python and make a new environment"
        )
    return sys.version.split()[0]


def _packages() -> str:
    """Every requirement of the package's own metadata, at an accepted version."""
    requirements = [Requirement(line) for line in importlib.metadata.requires("sae-tutorial") or []]
    wrong = []
    for requirement in requirements:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version.split("+")[0], prereleases=True):
            wrong.append(f"{requirement.name} {version} is not {requirement.specifier}")
    if wrong:
        raise RuntimeError("; ".join(wrong) + ". Install with: pip install -r requirements.lock")
    return f"{len(requirements)} checked"


def _torch() -> str:
    x = torch.eye(64)
    if not torch.equal(x @ x, x):
        raise RuntimeError("the product of two identities is not the identity; reinstall torch")
    device = (
        torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else f"CPU, {torch.get_num_threads()} threads"
    )
    return f"{torch.__version__} on {device}"


def _memory() -> str:
    free = psutil.virtual_memory().available / GIGABYTE
    if free < NEEDED_MEMORY:
        raise RuntimeError(f"{free:.1f} GB are free; close other programs")
    return f"{free:.0f} GB free"


def _disk() -> str:
    directory = lab.artifacts_directory()
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    free = shutil.disk_usage(existing).free / GIGABYTE
    if not os.access(existing, os.W_OK):
        raise RuntimeError("the directory for artifacts cannot be written; set SAE_ARTIFACTS to one that can")
    if free < NEEDED_DISK:
        raise RuntimeError(f"{free:.1f} GB are free; set SAE_ARTIFACTS to a directory with more")
    with storage.new_file(Path(existing) / ".sae_tutorial_check") as path:
        path.write_text("written")
    (Path(existing) / ".sae_tutorial_check").unlink()
    return f"{free:.0f} GB free"


def _language_model() -> str:
    chosen = lab.choose()
    return f"lab {chosen.lab}, {chosen.why}; budget {chosen.budget}, texts {chosen.texts}"
