"""A file is whole or not there, whatever happens while it is written; what is not whole is named when read."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sae_tutorial import storage

FILES = ("a.txt", "old.txt")


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def write(directory: Path, text: str) -> None:
    with storage.new_directory(directory, FILES) as partial:
        (partial / "a.txt").write_text(text)


def test_new_directory_appears_complete_and_makes_its_parents(tmp_path):
    with storage.new_directory(tmp_path / "x" / "y", FILES) as partial:
        (partial / "a.txt").write_text("1")
        assert not (tmp_path / "x" / "y").exists()
    assert names(tmp_path / "x") == ["y"]
    assert (tmp_path / "x" / "y" / "a.txt").read_text() == "1"


def test_new_directory_replaces_an_older_one_as_a_whole(tmp_path):
    with storage.new_directory(str(tmp_path / "d"), FILES) as partial:
        (partial / "old.txt").write_text("old")
    write(tmp_path / "d", "new")
    assert names(tmp_path) == ["d"]
    assert names(tmp_path / "d") == ["a.txt"]


def fail_midway(directory: Path, failure: BaseException) -> None:
    with storage.new_directory(directory, FILES) as partial:
        (partial / "a.txt").write_text("half")
        raise failure


@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left on device"), KeyboardInterrupt(), SystemExit(1)]
)
def test_an_exception_leaves_the_older_directory_and_nothing_else(tmp_path, failure):
    with pytest.raises(type(failure)):
        fail_midway(tmp_path / "d", failure)
    assert names(tmp_path) == []
    write(tmp_path / "d", "old")
    with pytest.raises(type(failure)):
        fail_midway(tmp_path / "d", failure)
    assert names(tmp_path) == ["d"]
    assert (tmp_path / "d" / "a.txt").read_text() == "old"


def test_leftovers_of_a_killed_process_are_removed_and_never_used(tmp_path):
    (tmp_path / ".d.partial").mkdir()
    (tmp_path / ".d.partial" / "junk.txt").write_text("half")
    write(tmp_path / "d", "new")
    assert names(tmp_path) == ["d"]
    assert names(tmp_path / "d") == ["a.txt"]


# ------------------------------------------------------------------------------------------- killed anywhere


class Killed(BaseException):
    """The process is gone."""


def kill_before(patch: pytest.MonkeyPatch, operation: int) -> list[str]:
    """Die before the n-th thing that changes a directory, counted from 0; the list records them."""
    done: list[str] = []

    def counted(name: str, real: Callable) -> Callable:
        def act(*arguments: object, **options: object) -> object:
            if Path(str(arguments[0])).name.endswith("lock"):
                return real(*arguments, **options)
            if len(done) >= operation:
                raise Killed
            done.append(name)
            return real(*arguments, **options)

        return act

    for owner, name in ((os, "replace"), *((Path, name) for name in ("rename", "unlink", "rmdir", "mkdir"))):
        patch.setattr(owner, name, counted(name, getattr(owner, name)))
    return done


def pair(directory: Path, text: str) -> None:
    """Write two files and the JSON file that says what they are."""
    with storage.new_directory(directory, PAIR) as partial:
        for name in PAIR:
            (partial / name).write_text(text)


PAIR = ("b.json", "a.npy", "c.npy")


def seen(directory: Path) -> str | None:
    """What a reader sees: nothing, or the text that all the files hold."""
    if not (directory / "b.json").exists():
        return None
    (text,) = {(directory / name).read_text() for name in PAIR}  # a mix of two fails here
    return text


@pytest.fixture(params=["new", "there", "empty", "a link", "a link to nothing"])
def place(request, tmp_path) -> Path:
    """A directory in the states in which a writer may find it."""
    if request.param == "there":
        pair(tmp_path / "d", "old")
    elif request.param == "empty":
        (tmp_path / "d").mkdir()
    elif request.param.startswith("a link"):
        (tmp_path / "disk").mkdir()
        (tmp_path / "d").symlink_to(tmp_path / "disk" / "e")
        if request.param == "a link":
            pair(tmp_path / "d", "old")
    return tmp_path / "d"


@pytest.mark.parametrize("operation", range(12))
def test_a_kill_before_any_operation_leaves_the_old_or_the_new_and_never_a_mix(place, monkeypatch, operation):
    old, was_link = seen(place), place.is_symlink()
    with monkeypatch.context() as patch:
        done = kill_before(patch, operation)
        try:
            pair(place, "new")
        except Killed:
            assert len(done) == operation
    assert seen(place) in (None, old, "new")
    storage.recover_directory(place)
    assert seen(place) in (old, "new")
    storage.recover_directory(place)  # nothing to do any more
    pair(place, "newer")
    assert seen(place) == "newer"
    assert names(place) == sorted(PAIR) and place.is_symlink() == was_link
    assert names(place.parent) in (["d"], ["d", "disk"])


def test_every_operation_was_killed_once(place, monkeypatch):
    with monkeypatch.context() as patch:
        done = kill_before(patch, 99)
        pair(place, "new")
    assert 3 <= len(done) < 12


def test_what_was_whole_when_the_process_died_is_not_made_again(tmp_path, monkeypatch):
    """From the rename on, which says that the files are complete, the new ones win."""
    pair(tmp_path / "d", "old")
    with monkeypatch.context() as patch:
        done = kill_before(patch, 5)
        with pytest.raises(Killed):
            pair(tmp_path / "d", "new")
    assert done[-2:] == ["rename", "unlink"]  # the unlinked one is the old JSON
    assert seen(tmp_path / "d") is None and (tmp_path / "d" / ".whole").is_dir()
    storage.recover_directory(tmp_path / "d")
    assert seen(tmp_path / "d") == "new"


# -------------------------------------------------------------------------------- links, mounts and company


def test_a_link_stays_a_link_and_the_files_go_where_it_points(tmp_path):
    """The first write used to replace the link, and the second to fail."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "run").symlink_to(tmp_path / "disk" / "run")
    (tmp_path / "home" / "other").symlink_to(Path("..") / "disk")
    for text in ("first", "second", "third"):
        write(tmp_path / "home" / "run", text)
        assert (tmp_path / "disk" / "run" / "a.txt").read_text() == text
        write(tmp_path / "home" / "other" / "below", text)
        assert (tmp_path / "disk" / "below" / "a.txt").read_text() == text
    assert (tmp_path / "home" / "run").is_symlink() and (tmp_path / "home" / "other").is_symlink()
    assert names(tmp_path / "home") == ["other", "run"] and names(tmp_path / "disk") == ["below", "run"]
    with storage.new_file(tmp_path / "home" / "run" / "a.txt") as partial:
        partial.write_text("fourth")
    (tmp_path / "page.html").symlink_to(tmp_path / "disk" / "page.html")
    for text in ("1", "2"):
        with storage.new_file(tmp_path / "page.html") as partial:
            partial.write_text(text)
    assert (tmp_path / "page.html").is_symlink() and (tmp_path / "disk" / "page.html").read_text() == "2"


def test_the_working_directory_and_the_home_directory_are_understood(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "me"))
    for text in ("first", "second"):
        write(Path("."), text)
        assert Path("a.txt").read_text() == text  # the process is still in a directory that exists
        write(Path("~/x"), text)
        write(Path("../there/../there"), text)
        with storage.new_file("~/page.html") as partial:
            partial.write_text(text)
    assert names(tmp_path / "here") == names(tmp_path / "there") == ["a.txt"]
    assert names(tmp_path / "me") == ["page.html", "x"]
    storage.check_replaceable("~/x", FILES)
    assert storage.full_path("~/x") == tmp_path / "me" / "x"


@pytest.fixture
def mount(tmp_path, monkeypatch) -> Path:
    """A directory that acts like a mount point: it cannot be renamed, nor anything be renamed into or out of it."""
    volume = tmp_path / "volume"
    volume.mkdir()

    def guarded(real: Callable) -> Callable:
        def rename(source: str | Path, target: str | Path, *rest: object, **options: object) -> object:
            source, target = Path(source), Path(target)
            if volume in (source, target):
                raise OSError(errno.EBUSY, "Device or resource busy", str(source))
            if source.is_relative_to(volume) != target.is_relative_to(volume):
                raise OSError(errno.EXDEV, "Invalid cross-device link", str(source))
            return real(source, target, *rest, **options)

        return rename

    for name in ("rename", "replace"):
        monkeypatch.setattr(os, name, guarded(getattr(os, name)))
    with pytest.raises(OSError, match="busy"):
        volume.rename(tmp_path / "elsewhere")
    return volume


def test_a_mount_point_is_written_again_and_again(mount):
    (mount / "lost+found").mkdir()
    for text in ("first", "second", "third"):
        pair(mount, text)
        assert seen(mount) == text
    assert names(mount) == sorted([*PAIR, "lost+found"]) and names(mount.parent) == ["volume"]


def test_a_folder_on_a_mounted_disk_is_written_again_and_again(mount):
    for text in ("first", "second"):
        write(mount / "run", text)
        assert (mount / "run" / "a.txt").read_text() == text
    assert names(mount) == ["run"]


def test_a_file_that_is_mounted_by_itself_is_written(mount, tmp_path, monkeypatch):
    (tmp_path / "page.html").write_text("old")

    def busy(source: Path, target: Path) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(os, "replace", busy)
    with storage.new_file(tmp_path / "page.html") as partial:
        partial.write_text("new")
    assert (tmp_path / "page.html").read_text() == "new"
    assert names(tmp_path) == ["page.html", "volume"]


def test_what_cannot_be_put_in_place_is_kept_named_and_put_there_by_the_next_call(tmp_path, monkeypatch):
    """A directory that appears while the work goes on, on another disk: the finished files stay beside it."""

    def full(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    def work() -> None:
        with storage.new_directory(tmp_path / "d", FILES) as partial:
            (partial / "a.txt").write_text("a night's work")
            (tmp_path / "d").mkdir()

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="cross-device") as caught:
            work()
    assert f"complete and lies in {tmp_path / '.d.whole'}" in caught.value.__notes__[0]
    assert (tmp_path / ".d.whole" / "a.txt").read_text() == "a night's work"
    storage.recover_directory(tmp_path / "d")
    assert (tmp_path / "d" / "a.txt").read_text() == "a night's work"
    assert names(tmp_path) == ["d"]


def litter(directory: Path) -> None:
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._a.txt"):
        (directory / name).write_text("a file browser was here")
    for name in (".ipynb_checkpoints", "lost+found"):
        (directory / name).mkdir(exist_ok=True)


def test_what_file_browsers_and_notebooks_leave_beside_ours_stays_and_disturbs_nothing(tmp_path):
    (tmp_path / "d").mkdir()
    litter(tmp_path / "d")
    for text in ("first", "second"):
        write(tmp_path / "d", text)
        litter(tmp_path / "d")
        assert (tmp_path / "d" / "a.txt").read_text() == text
    assert len(names(tmp_path / "d")) == 7


def test_what_is_put_beside_a_complete_set_of_ours_stays_and_stops_nothing(tmp_path):
    pair(tmp_path / "d", "first")
    (tmp_path / "d" / "note.md").write_text("went well so far")
    with storage.new_directory(tmp_path / "d", PAIR) as partial:
        for name in PAIR:
            (partial / name).write_text("second")
        (tmp_path / "d" / "late.md").write_text("put there while it was written")
    assert seen(tmp_path / "d") == "second"
    assert (tmp_path / "d" / "note.md").read_text() == "went well so far"
    assert (tmp_path / "d" / "late.md").exists()


def test_a_folder_with_the_name_of_a_file_of_ours_is_found_before_the_work(tmp_path):
    (tmp_path / "d" / "a.txt").mkdir(parents=True)
    with pytest.raises(FileExistsError, match=r"d holds a\.txt"):
        write(tmp_path / "d", "new")
    with (
        pytest.raises(IsADirectoryError, match="is a directory; name a file in it"),
        storage.new_file(tmp_path / "d"),
    ):
        pytest.fail("the work began")


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOLCK, "No locks available"), NotImplementedError("no flock")]
)
def test_a_file_system_without_locks_is_named_and_written_all_the_same(tmp_path, monkeypatch, error):
    def refuse(self: object, *_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(storage.FileLock, "acquire", refuse)
    with pytest.warns(UserWarning, match=f"{tmp_path / 'd'} is on a file system without locks"):
        write(tmp_path / "d", "new")
    assert (tmp_path / "d" / "a.txt").read_text() == "new"


# ------------------------------------------------------------------------------------------------ the rest


def test_a_directory_with_files_of_other_kinds_is_refused_and_kept(tmp_path):
    write(tmp_path / "d", "old")
    (tmp_path / "d" / "thesis.md").write_text("three years")
    (tmp_path / "d" / "figures").mkdir()
    with pytest.raises(
        FileExistsError, match=r"d holds figures, thesis.md, among which these files do not belong"
    ):
        write(tmp_path / "d", "new")
    assert names(tmp_path / "d") == ["a.txt", "figures", "thesis.md"]
    assert (tmp_path / "d" / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["d"]


def test_an_empty_directory_is_taken_and_a_file_is_not(tmp_path):
    (tmp_path / "d").mkdir()
    write(tmp_path / "d", "new")
    assert names(tmp_path / "d") == ["a.txt"]
    with pytest.raises(FileExistsError, match="is a file; choose another directory"):
        write(tmp_path / "d" / "a.txt", "new")
    assert (tmp_path / "d" / "a.txt").read_text() == "new"


def test_a_second_writer_is_refused_and_the_first_is_not_disturbed(tmp_path):
    with storage.new_directory(tmp_path / "d", FILES) as partial:
        (partial / "a.txt").write_text("first")
        with pytest.raises(RuntimeError, match="another process is writing"):
            write(tmp_path / "d", "second")
    assert (tmp_path / "d" / "a.txt").read_text() == "first"
    write(tmp_path / "d", "third")
    assert names(tmp_path) == ["d"]


def fail_midway_in_file(path: Path) -> None:
    with storage.new_file(path) as partial:
        partial.write_text("half")
        raise KeyboardInterrupt


def test_new_file_replaces_only_when_complete(tmp_path):
    path = tmp_path / "x" / "f.txt"
    with storage.new_file(path) as partial:
        partial.write_text("1")
        assert not path.exists()
    with pytest.raises(KeyboardInterrupt):
        fail_midway_in_file(path)
    assert path.read_text() == "1"
    with storage.new_file(path) as partial:
        partial.write_text("2")
    assert path.read_text() == "2"
    assert names(tmp_path / "x") == ["f.txt"]


def test_json_round_trip_keeps_every_bit_of_a_float(tmp_path):
    value = {"a": 0.1 + 0.2, "b": [1, None, "é"], "c": {"d": 1e-300}}
    storage.write_json(tmp_path / "v.json", value)
    assert storage.read_json(tmp_path / "v.json") == value


def test_json_that_begins_with_a_byte_order_mark_is_read(tmp_path):
    """Some editors put one there when a settings file is looked at and saved."""
    (tmp_path / "v.json").write_bytes(b"\xef\xbb\xbf" + b'{"k": 32}')
    assert storage.read_json(tmp_path / "v.json") == {"k": 32}


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": 1', b"\xff\xfe\x00", b"PK\x03\x04"])
def test_damaged_json_is_named(tmp_path, content):
    (tmp_path / "v.json").write_bytes(content)
    with pytest.raises(storage.DamagedFileError, match=r"v\.json is not JSON"):
        storage.read_json(tmp_path / "v.json")


def test_json_of_another_shape_is_named(tmp_path):
    (tmp_path / "v.json").write_text("[1, 2]")
    with pytest.raises(storage.DamagedFileError, match=r"v\.json holds a list, not a JSON object"):
        storage.read_json(tmp_path / "v.json")
    with pytest.raises(FileNotFoundError):
        storage.read_json(tmp_path / "w.json")


def test_tensors_round_trip_bit_for_bit_from_views_and_parameters(tmp_path):
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(6, 4, generator=generator)
    tensors = {
        "view": table.T,
        "parameter": torch.nn.Parameter(table[:, 1]),
        "half": table.half(),
        "count": torch.arange(3),
        "scalar": torch.tensor(7.0),
    }
    storage.write_tensors(tmp_path / "t.safetensors", tensors)
    read = storage.read_tensors(tmp_path / "t.safetensors")
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype
        assert torch.equal(read[name], tensor)


@pytest.mark.parametrize("keep", [0, 4, 60, -1])
def test_a_tensor_file_cut_short_is_named(tmp_path, keep):
    path = tmp_path / "t.safetensors"
    storage.write_tensors(path, {"a": torch.ones(50)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(storage.DamagedFileError, match=r"t\.safetensors is not a whole safetensors file"):
        storage.read_tensors(path)


def test_a_foreign_or_missing_tensor_file_is_named(tmp_path):
    path = tmp_path / "t.safetensors"
    torch.save({"a": torch.ones(3)}, path)  # a pickle: must not be opened
    with pytest.raises(storage.DamagedFileError, match="not a whole safetensors file"):
        storage.read_tensors(path)
    with pytest.raises(FileNotFoundError, match=r"u\.safetensors does not exist"):
        storage.read_tensors(tmp_path / "u.safetensors")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind here")
def test_a_directory_that_cannot_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match=str(tmp_path)):
        write(tmp_path / "d", "x")
