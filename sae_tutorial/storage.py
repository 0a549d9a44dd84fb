"""Files that are whole or not there: every write goes to a temporary name and is then renamed into place.

A rename within one file system is atomic, so a full disk or a killed process leaves the old file (or none),
never half of a new one. Leftovers of killed runs carry the suffix `.partial` and are removed by the next write.
Weights are stored as safetensors and settings as JSON: nothing here can run code on loading.
"""

import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
from filelock import FileLock, Timeout
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor


class DamagedFileError(ValueError):
    """A file exists but is not what it should be; the message names the file, the fault and the cure."""


@contextmanager
def new_directory(directory: str | Path, files: Collection[str]) -> Iterator[Path]:
    """Yield a temporary directory that becomes `directory` when the block ends without an exception.

    An existing `directory` is replaced as a whole, and only after the new one is complete.

    Args:
        directory: where the files go.
        files: names that `directory` may hold already; they are the writer's own.

    Raises:
        FileExistsError: `directory` is a file, or holds something else, which replacing it would delete.
        RuntimeError: another process is writing the same directory.
    """
    target = Path(directory)
    partial, previous = _beside(target, "partial"), _beside(target, "previous")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _only_writer(target):
        recover_directory(target)
        check_replaceable(target, files)
        for leftover in (partial, previous):
            shutil.rmtree(leftover, ignore_errors=True)
        partial.mkdir()
        try:
            yield partial
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        if target.exists():
            target.rename(previous)
        partial.rename(target)
        shutil.rmtree(previous, ignore_errors=True)


def check_replaceable(directory: str | Path, files: Collection[str]) -> None:
    """Raise FileExistsError if `directory` is there and holds anything but `files`."""
    target = Path(directory)
    if not target.exists():
        return
    if not target.is_dir():
        raise FileExistsError(f"{target} is a file; choose another directory.")
    others = sorted({path.name for path in target.iterdir()} - set(files))
    if others:
        shown = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        raise FileExistsError(
            f"{target} holds {shown}, which writing here would delete; choose a directory of its own, "
            f"such as {target / 'new'}."
        )


@contextmanager
def _only_writer(target: Path) -> Iterator[None]:
    lock = FileLock(_beside(target, "lock"), blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise RuntimeError(f"another process is writing {target}; wait until it is done.") from None
    try:
        yield
    finally:
        with suppress(OSError):  # not where an open file cannot be deleted: there it stays, empty
            Path(lock.lock_file).unlink()
        lock.release()


def recover_directory(directory: str | Path) -> None:
    """Put back what a process killed between the two renames of `new_directory` had moved aside.

    For a directory's only writer, before it reads what an earlier run left.
    """
    target = Path(directory)
    previous = _beside(target, "previous")
    if previous.exists() and not target.exists():
        previous.rename(target)


def _beside(target: Path, suffix: str) -> Path:
    return target.with_name(f".{target.name}.{suffix}")


@contextmanager
def new_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path whose file replaces `path` when the block ends without an exception."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = _beside(target, "partial")
    try:
        yield partial
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write `value` as indented JSON. Call it inside `new_directory` or `new_file`."""
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedFileError: the file is not a JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DamagedFileError(f"{path} is not JSON ({error}); delete it and make it again.") from error
    if not isinstance(value, dict):
        raise DamagedFileError(
            f"{path} holds a {type(value).__name__}, not a JSON object; is it another tool's file?"
        )
    return value


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write named tensors as safetensors, contiguous and on the CPU."""
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read named tensors onto the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedFileError: the file is cut short or not safetensors.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist; was the directory saved by this package or by SAELens?"
        )
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise DamagedFileError(
            f"{path} is not a whole safetensors file ({error}); save or copy it again."
        ) from error


class RowWriter:
    """Writes rows of a [n_rows, d_in] .npy file in any order, through ordinary writes.

    A memory map would do, but its dirty pages count as the process's memory until the system writes them out.
    """

    def __init__(self, path: Path, n_rows: int, dtype: str) -> None:
        self.path, self.n_rows, self.dtype = path, n_rows, np.dtype(dtype)

    def __enter__(self) -> Self:
        self.file = self.path.open("wb")
        self.header_size = 0
        return self

    def __exit__(self, *exception: object) -> None:
        self.file.close()

    def write(self, first_row: int, rows: Float[Tensor, "rows d_in"]) -> None:
        """Put `rows` at `first_row`.

        Raises:
            ValueError: a value is NaN or infinite, or becomes so in the file's number format.
        """
        if not self.header_size:
            self._write_header(rows.shape[1])
        with np.errstate(over="ignore"):  # reported below
            values = rows.float().cpu().numpy().astype(self.dtype)
        if not np.isfinite(values).all():
            biggest = rows.abs().max().item()
            cure = (
                "collect with dtype='float32'"
                if np.isfinite(biggest)
                else "check the model's weights and dtype"
            )
            raise ValueError(f"an activation of size {biggest:.4g} does not fit {self.dtype}; {cure}.")
        self.file.seek(self.header_size + first_row * values[:1].nbytes)
        self.file.write(values.tobytes())

    def _write_header(self, d_in: int) -> None:
        description = {"descr": self.dtype.str, "fortran_order": False, "shape": (self.n_rows, d_in)}
        np.lib.format.write_array_header_1_0(self.file, description)
        self.header_size = self.file.tell()
