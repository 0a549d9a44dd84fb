"""Files that are whole or not there: every write goes to a temporary name and is then renamed into place.

A rename within one file system is atomic, so a full disk or a killed process leaves the old files (or none), never
half of new ones. A directory is written in three steps, and a kill in any of them loses nothing that was whole:

    .partial   is being written; what a killed run left here is removed by the next write
    .whole     is complete: a rename makes it so, and from here on the new files win over the old ones
    in place   a directory that was not there appears by one more rename; one that was there keeps its place, since
               it may be a mount point or the working directory, and the new files are moved into it one by one

Whoever finds a `.whole` finishes the third step. Nothing but the writer's own files is ever moved or deleted.
Weights are stored as safetensors and settings as JSON: nothing here can run code on loading.
"""

import errno
import json
import os
import shutil
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
from filelock import FileLock, Timeout
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

# Besides hidden files, what systems put into folders by themselves.
LITTER = {"Thumbs.db", "desktop.ini", "lost+found"}
NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}
MOUNTED = {errno.EBUSY, errno.EXDEV}


class DamagedFileError(ValueError):
    """A file exists but is not what it should be; the message names the file, the fault and the cure."""


def full_path(path: str | Path) -> Path:
    """The absolute path with `~` and symbolic links resolved, so that a link stays and what it points to changes."""
    return Path(path).expanduser().resolve()


@contextmanager
def new_directory(directory: str | Path, files: Collection[str]) -> Iterator[Path]:
    """Yield a temporary directory whose files become those of `directory` when the block ends without an exception.

    The writer's files in an existing `directory` are replaced all together, and only after the new ones are complete.

    Args:
        directory: where the files go; "~" and links are followed, and it may be a mount point.
        files: names that `directory` may hold already; they are the writer's own.

    Raises:
        FileExistsError: `directory` is a file, or holds something else; see `check_replaceable`.
        RuntimeError: another process is writing the same directory.
    """
    target = full_path(directory)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _only_writer(target):
        _recover(target)
        check_replaceable(target, files)
        for place in (_beside, _inside):
            shutil.rmtree(place(target, "partial"), ignore_errors=True)
        place = _inside if target.exists() else _beside
        partial = place(target, "partial")
        partial.mkdir()
        try:
            yield partial
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        whole = partial.rename(place(target, "whole"))
        stale = set(files) - {path.name for path in whole.iterdir()}
        _put_in_place(whole, target, stale)


def check_replaceable(directory: str | Path, files: Collection[str]) -> None:
    """Raise FileExistsError if `directory` is there and holds other things than `files`.

    Hidden files may lie there: file browsers and notebooks make them. So may anything that was put beside a complete
    set of `files`: the directory is theirs then, and a run that has written for hours must not stop over a note.
    """
    target = full_path(directory)
    if not target.exists():
        return
    if not target.is_dir():
        raise FileExistsError(f"{target} is a file; choose another directory.")
    own = {path.name for path in target.iterdir() if path.name in files and path.is_file()}
    others = sorted(
        path.name
        for path in target.iterdir()
        if not path.name.startswith(".") and path.name not in own | LITTER
    )
    if others and not (own and own == set(files)):
        shown = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        raise FileExistsError(
            f"{target} holds {shown}, among which these files do not belong; choose a directory of its own, "
            f"such as {target / 'new'}."
        )


def recover_directory(directory: str | Path) -> None:
    """Finish what a process had written whole when it was killed. Call it before reading what an earlier run left.

    Raises:
        RuntimeError: another process is writing the directory.
    """
    target = full_path(directory)
    if any(place(target, "whole").exists() for place in (_beside, _inside)):
        with _only_writer(target):
            _recover(target)


def _recover(target: Path) -> None:
    for place in (_beside, _inside):
        if place(target, "whole").exists():
            _put_in_place(place(target, "whole"), target)


def _put_in_place(whole: Path, target: Path, stale: Collection[str] = ()) -> None:
    """Make the complete files those of `target`; done again after a kill, it goes on where it was."""
    try:
        if not target.exists():
            whole.rename(target)
            return
        # JSON files say what the others are. They go first and come last: no reader sees new weights with old settings.
        new = sorted(whole.iterdir(), key=lambda path: (path.suffix == ".json", path.name))
        for name in [*stale, *(path.name for path in new if path.suffix == ".json")]:
            (target / name).unlink(missing_ok=True)
        for path in new:
            os.replace(path, target / path.name)
        whole.rmdir()
    except OSError as error:
        error.add_note(f"What was made is complete and lies in {whole}; the next call puts it into {target}.")
        raise


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process makes `path`: of two that want it at the same time, the second finds it made.

    The lock, an empty hidden file beside `path`, stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        # A file system without locks refuses; whoever writes there warns of it.
        with suppress(NotImplementedError, OSError):
            stack.enter_context(FileLock(_beside(path, "made-once")))
        yield


@contextmanager
def _only_writer(target: Path) -> Iterator[None]:
    lock = FileLock((_inside if target.is_dir() else _beside)(target, "lock"), blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise RuntimeError(f"another process is writing {target}; wait until it is done.") from None
    except (NotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in NO_LOCKS:
            raise
        warnings.warn(
            f"{target} is on a file system without locks ({error}): nothing stops a second process from writing it.",
            stacklevel=4,
        )
    try:
        yield
    finally:
        with suppress(OSError):  # not where an open file cannot be deleted: there it stays, empty
            Path(lock.lock_file).unlink()
        lock.release()


def _beside(target: Path, suffix: str) -> Path:
    return target.parent / f".{target.name}.{suffix}"


def _inside(target: Path, suffix: str) -> Path:
    return target / f".{suffix}"


@contextmanager
def new_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path whose file replaces `path` when the block ends without an exception.

    Raises:
        IsADirectoryError: `path` is a directory.
    """
    target = full_path(path)
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a directory; name a file in it.")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = _beside(target, "partial")
    try:
        yield partial
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    try:
        os.replace(partial, target)
    except OSError as error:
        if error.errno not in MOUNTED:
            error.add_note(f"What was made is complete and lies in {partial}.")
            raise
        shutil.copyfile(partial, target)  # a file that is mounted by itself can be written, but not replaced
        partial.unlink()


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
        value = json.loads(path.read_text(encoding="utf-8-sig"))  # some editors put a mark first
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
