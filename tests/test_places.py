"""A store, a saved autoencoder and a run's checkpoints live wherever a person points: links, mounts, ".", "~"."""

import errno
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import CONTEXT, HOOK, TEXTS

from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, TrainConfig
from sae_tutorial.sae.training import train_sae

X = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))


def train(place: str | Path, steps: int) -> SparseAutoencoder:
    sae = SparseAutoencoder(SAEConfig(8, 2, k=2))
    train_sae(sae, X, TrainConfig(20 * steps, batch_size=20), checkpoint_dir=place, progress=False)
    return sae


def use_checkpoints(place: str | Path, **_: object) -> None:
    first = train(place, 20)
    again = train(place, 20)  # takes the finished run up
    assert torch.equal(first.W_dec, again.W_dec)


def use_saved(place: str | Path, **_: object) -> None:
    for seed in (0, 1):
        sae = SparseAutoencoder(SAEConfig(8, 2, k=2), seed=seed)
        sae.save(place)
        assert torch.equal(SparseAutoencoder.load(place).W_enc, sae.W_enc)


def use_store(place: str | Path, gpt2: Callable) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the cut text
        for texts in (TEXTS[:3], TEXTS[3:]):
            store = collect_activations(gpt2, texts, HOOK, directory=place, context_size=CONTEXT)
            assert len(ActivationStore.open(place)) == len(store)


USES = [use_checkpoints, use_saved, use_store]


def litter(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / ".DS_Store").write_text("a file browser was here")
    (directory / ".ipynb_checkpoints").mkdir(exist_ok=True)
    (directory / "lost+found").mkdir(exist_ok=True)


@pytest.mark.parametrize("use", USES)
def test_a_link_stays_and_the_files_are_where_it_points(tmp_path, gpt2, use):
    (tmp_path / "disk").mkdir()
    (tmp_path / "here").symlink_to(tmp_path / "disk" / "there")
    use(tmp_path / "here", gpt2=gpt2)
    assert (tmp_path / "here").is_symlink()
    assert len(list((tmp_path / "disk" / "there").iterdir())) >= 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "here"]


@pytest.mark.parametrize("place", [".", "~/x", "~"])
@pytest.mark.parametrize("use", USES)
def test_here_and_home(tmp_path, gpt2, monkeypatch, use, place):
    for name in ("here", "me"):
        litter(tmp_path / name)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "me"))
    use(place, gpt2=gpt2)
    assert Path.cwd().exists() and not Path("~").exists()
    assert (tmp_path / "me" / ".DS_Store").exists() and (tmp_path / "here" / ".DS_Store").exists()


@pytest.mark.parametrize("use", USES)
def test_a_mount_point_with_what_systems_put_there(tmp_path, gpt2, monkeypatch, use):
    volume = tmp_path / "volume"
    litter(volume)

    def guarded(real: Callable) -> Callable:
        def rename(source: str | Path, target: str | Path, **options: object) -> object:
            if volume in (Path(source), Path(target)):
                raise OSError(errno.EBUSY, "Device or resource busy", str(source))
            return real(source, target, **options)

        return rename

    for name in ("rename", "replace"):
        monkeypatch.setattr(os, name, guarded(getattr(os, name)))
    use(volume, gpt2=gpt2)
    assert {".DS_Store", ".ipynb_checkpoints", "lost+found"} < {path.name for path in volume.iterdir()}


def test_a_night_is_not_lost_over_a_file_that_appears_beside_the_checkpoints(tmp_path, monkeypatch):
    real, calls = SparseAutoencoder.loss, []

    def loss(self: SparseAutoencoder, *arguments: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == 25:
            litter(tmp_path / "run")
            (tmp_path / "run" / "note.md").write_text("looks good so far")
        return real(self, *arguments, **options)

    monkeypatch.setattr(SparseAutoencoder, "loss", loss)
    train(tmp_path / "run", 40)
    assert len(calls) == 40
    train(tmp_path / "run", 40)
    assert len(calls) == 40
    assert (tmp_path / "run" / "note.md").read_text() == "looks good so far"
