"""A file is whole or not there, whatever happens while it is written; what is not whole is named when read."""

import os
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


def killed_between_the_renames(tmp_path: Path, monkeypatch) -> None:
    """Leave `d` as a process killed at the worst moment does: the old one moved aside, the new one not yet there."""
    write(tmp_path / "d", "old")
    real = Path.rename

    def only_the_first(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise OSError("killed here")
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", only_the_first)
        with pytest.raises(OSError, match="killed here"):
            write(tmp_path / "d", "new")
    assert not (tmp_path / "d").exists()


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path, monkeypatch):
    killed_between_the_renames(tmp_path, monkeypatch)
    storage.recover_directory(tmp_path / "d")
    assert (tmp_path / "d" / "a.txt").read_text() == "old"
    storage.recover_directory(tmp_path / "d")  # nothing to do any more
    assert (tmp_path / "d" / "a.txt").read_text() == "old"


def test_a_write_after_such_a_kill_keeps_the_older_directory_until_it_is_complete(tmp_path, monkeypatch):
    killed_between_the_renames(tmp_path, monkeypatch)
    with pytest.raises(RuntimeError), storage.new_directory(tmp_path / "d", FILES):
        raise RuntimeError
    assert (tmp_path / "d" / "a.txt").read_text() == "old"
    write(tmp_path / "d", "new")
    assert (tmp_path / "d" / "a.txt").read_text() == "new"
    assert names(tmp_path) == ["d"]


def test_a_directory_with_files_of_other_kinds_is_refused_and_kept(tmp_path):
    write(tmp_path / "d", "old")
    (tmp_path / "d" / "thesis.md").write_text("three years")
    (tmp_path / "d" / "figures").mkdir()
    with pytest.raises(FileExistsError, match=r"d holds figures, thesis.md, which writing here would delete"):
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
