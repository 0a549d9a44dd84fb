"""A lab is what was asked for, or one error within seconds that names the cure; nothing half-made stays behind."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from conftest import TEXTS
from huggingface_hub import constants

from sae_tutorial.lab import hub, models
from sae_tutorial.lab import lab as lab_module
from sae_tutorial.lab.lab import BUDGETS, Budget, Lab, choose, open_lab
from sae_tutorial.lab.models import shuffled_twin, untrained_twin
from sae_tutorial.lab.texts import Texts, bundled_news
from sae_tutorial.sae.config import SAEConfig


@pytest.fixture
def lab(gpt2, tmp_path) -> Lab:
    return Lab("offline", gpt2, TEXTS, np.zeros(len(TEXTS), dtype=int), 1, BUDGETS["quick"], "cpu", tmp_path)


@pytest.fixture
def tiny_labs(gpt2, monkeypatch) -> list[tuple[str, str]]:
    """Models and texts replaced by tiny ones; the list records which lab was opened with which texts."""
    opened = []

    def load_model(chosen: lab_module.Choice, device: str):
        opened.append((chosen.lab, chosen.texts))
        return gpt2, 1

    def load_texts(chosen: lab_module.Choice) -> Texts:
        n = len(TEXTS)
        credit = "by its contributors; CC BY-SA" if chosen.texts == "wikipedia" else ""
        return Texts(TEXTS, np.zeros(n, dtype=int), ("a",), np.arange(n) // 2, "paragraphs", credit)

    monkeypatch.setattr(lab_module, "_load_model", load_model)
    monkeypatch.setattr(lab_module, "_load_texts", load_texts)
    for name in ("SAE_LAB", "SAE_BUDGET", "SAE_TEXTS"):
        monkeypatch.delenv(name, raising=False)
    return opened


@pytest.fixture
def no_hub(monkeypatch) -> None:
    """No cache, and a hub that refuses the connection."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    hub_at(monkeypatch, port)


def hub_at(monkeypatch, port: int) -> None:
    monkeypatch.setattr(hub, "hub_is_cached", lambda: False)
    monkeypatch.setattr(lab_module, "hub_is_cached", lambda: False)
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
    monkeypatch.setattr(hub, "HUB_TIMEOUT_SECONDS", 0.2)

    def hang(*_: object, **__: object) -> None:
        time.sleep(3)
        raise httpx.ConnectError("at last")

    monkeypatch.setattr(httpx, "head", hang)
    start = time.monotonic()
    assert choose()[:2] == ("offline", "no hub answers")
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    ("status", "expected"),
    [("200 OK", "gpt2"), ("307 Moved", "gpt2"), ("403 No", "offline"), ("502 Bad", "offline")],
)
def test_auto_takes_gpt2_only_from_a_hub_that_serves_it(serve, status, expected):
    serve(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    assert choose().lab == expected


def test_offline_mode_of_the_hub_library_is_respected(serve, monkeypatch):
    serve(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert choose().lab == "offline"


def test_auto_prefers_a_filled_cache(monkeypatch, no_hub):
    monkeypatch.setattr(lab_module, "hub_is_cached", lambda: True)
    assert choose()[:2] == ("gpt2", "in the local hub cache")


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
    assert hub.hub_is_cached()


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "tokenizer.json", "ag_news-train.arrow"]
)
def test_a_cache_that_lacks_a_file_does_not_count(cache, name):
    next(cache.rglob(name)).unlink()
    assert not hub.hub_is_cached()


def test_a_cache_that_cannot_be_loaded_is_an_error_and_leaves_the_hub_reachable(cache, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        assert constants.HF_HUB_OFFLINE
        raise OSError("cut short")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(models.TransformerBridge, "boot_transformers", fail)
    monkeypatch.setattr("datasets.load_dataset", fail)
    for texts in ("news", "wikipedia"):
        monkeypatch.setattr(lab_module, "wikipedia", bundled_news)
        with pytest.raises(ConnectionError, match="OSError: cut short"):
            open_lab("gpt2", texts=texts)
    assert not constants.HF_HUB_OFFLINE


def test_auto_says_what_it_took_and_why(tiny_labs, no_hub, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    lab = open_lab()
    assert (lab.name, lab.budget.name, lab.device) == ("offline", "quick", "cpu")
    assert tiny_labs == [("offline", "wikipedia")]
    printed = capsys.readouterr().out
    assert "lab offline (no hub answers), budget quick, on cpu" in printed
    assert "committed pages" not in printed  # it is their lab


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
    with pytest.raises(ValueError, match="no lab 'gpt-2'; choose from gpt2, offline, auto"):
        open_lab("gpt-2")
    with pytest.raises(ValueError, match="no budget 'huge'; choose from smoke, quick, full"):
        open_lab("offline", budget="huge")
    with pytest.raises(ValueError, match="no kind of texts 'books'; choose from news, wikipedia, auto"):
        open_lab("offline", texts="books")


@pytest.mark.parametrize("variable", ["SAE_LAB", "SAE_BUDGET", "SAE_TEXTS"])
def test_an_unknown_name_in_the_environment_says_where_it_is_from(monkeypatch, variable):
    monkeypatch.setenv(variable, "nonsense")
    with pytest.raises(ValueError, match=rf"'nonsense' \(set by {variable}\); choose from"):
        choose()


def test_the_budget_is_asked_for_and_never_follows_from_a_gpu(tiny_labs, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert open_lab("offline").budget.name == "quick"
    assert "There is a GPU: open_lab(budget='full')" in capsys.readouterr().out
    monkeypatch.setenv("SAE_BUDGET", "smoke")
    assert open_lab("offline", texts="news").budget == BUDGETS["smoke"]
    assert open_lab("offline", budget="full").budget.name == "full"


def test_the_full_budget_says_what_it_costs_before_a_model_is_loaded(tiny_labs, monkeypatch, capsys):
    def not_yet(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(lab_module, "_load_model", not_yet)
    with pytest.raises(KeyboardInterrupt):
        open_lab("offline", budget="full")
    printed = capsys.readouterr().out
    bill = re.search(r"costs: ([\d,]+) tokens collected \(([\d.]+) GB .*about (\d+) minutes", printed)
    assert bill and bill[1] == f"{sum(min(len(t) / 4.5, 128) for t in TEXTS):,.0f}"
    assert "16,000,000 tokens" in printed and 30 <= int(bill[3]) <= 60


def test_texts_are_wikipedia_offline_and_ag_news_with_gpt2_unless_asked_for(tiny_labs, monkeypatch):
    assert choose("offline").texts == "wikipedia" and choose("gpt2").texts == "news"
    monkeypatch.setenv("SAE_TEXTS", "news")
    assert choose("offline").texts == "news"
    assert choose("offline", texts="wikipedia").texts == "wikipedia"
    monkeypatch.setenv("SAE_TEXTS", "wikipedia")
    assert choose("gpt2").texts == "wikipedia"


def test_a_lab_that_is_not_that_of_the_pages_says_so_and_how_to_get_theirs(tiny_labs, monkeypatch, capsys):
    for options in ({"name": "gpt2"}, {"budget": "full"}, {"budget": "smoke"}):
        open_lab(**{"name": "offline", **options})
        printed = capsys.readouterr().out
        assert "The committed pages were made on another lab" in printed
        assert "open_lab('offline', budget='quick', texts='wikipedia') opens it" in printed
    open_lab("offline")
    assert "committed pages" not in capsys.readouterr().out
    monkeypatch.setenv("SAE_TEXTS", "news")
    open_lab("offline")
    assert "texts='wikipedia') opens it" in capsys.readouterr().out


def test_a_page_that_asks_for_its_texts_was_made_on_them(tiny_labs, monkeypatch, capsys):
    open_lab("offline", texts="news")
    assert "committed pages" not in capsys.readouterr().out
    open_lab("gpt2", texts="news")
    assert "texts='news') opens it" in capsys.readouterr().out


def test_texts_bring_groups_and_credit(tiny_labs, capsys):
    lab = open_lab("offline")
    assert "source: by its contributors; CC BY-SA" in capsys.readouterr().out
    assert lab.groups.tolist() == [0, 0, 1, 1, 2, 2, 3, 3] and lab.class_names == ("a",)
    assert open_lab("offline", texts="news").credit == ""


def test_paragraphs_are_fewer_than_news_items_since_they_are_longer(tiny_labs):
    for name, budget in BUDGETS.items():
        paragraphs, news = (
            open_lab("offline", budget=name, texts=kind).budget for kind in ("wikipedia", "news")
        )
        assert news == budget
        assert paragraphs.documents == pytest.approx(budget.documents / 1.5, abs=1)
        assert paragraphs.probe_documents == pytest.approx(budget.probe_documents / 1.5, abs=1)
        assert (paragraphs.name, paragraphs.train_tokens) == (name, budget.train_tokens)


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


def test_documents_of_a_lab_stand_alone_if_nothing_else_is_said(lab):
    assert lab.groups.tolist() == list(range(len(TEXTS)))


# --------------------------------------------------------------------------------------------- the rest


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


def test_an_untrained_twin_is_the_same_under_another_default_device_and_draws_from_no_other_generator(
    gpt2, monkeypatch
):
    expected = untrained_twin(gpt2, 3).W_E
    monkeypatch.setattr(
        torch, "manual_seed", None
    )  # it would seed the GPU's generators too, which are not put back
    with torch.device("meta"):
        twin = untrained_twin(gpt2, 3)
    assert torch.equal(twin.W_E, expected)


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_a_shuffled_twin_keeps_tokens_and_sizes_and_nothing_that_was_learned(request, name):
    model = request.getfixturevalue(name)
    tokens = model.to_tokens("Stocks fell")
    before = model(tokens)
    twin, again, other = (shuffled_twin(model, seed) for seed in (3, 3, 4))
    assert torch.equal(model(tokens), before)  # the model is left as it is
    assert torch.equal(twin(tokens), again(tokens)) and not torch.equal(twin(tokens), other(tokens))
    assert not torch.allclose(twin(tokens), before)
    assert torch.equal(twin.W_E, model.W_E) and torch.equal(twin.W_U, model.W_U)
    moved, trained = 0, model.original_model.state_dict()
    for name, W in twin.original_model.state_dict().items():
        parts = re.search(r"\.attn\.(q|k|v)\.", name)  # the bridge's, of what GPT-2 has in one matrix
        assert parts or torch.equal(W.flatten().sort().values, trained[name].flatten().sort().values)
        moved += not torch.equal(W, trained[name])
    assert moved >= 4 * model.cfg.n_layers


def test_a_shuffle_of_your_own_is_used_and_must_give_every_tensor(gpt2):
    seen = {}

    def nothing(weights, keep, generator):
        seen.update(weights)
        assert any("wte" in name or "embed" in name for name in keep)
        return weights

    tokens = gpt2.to_tokens("Stocks fell")
    assert torch.equal(shuffled_twin(gpt2, shuffle=nothing)(tokens), gpt2(tokens))
    first = next(iter(seen))
    with pytest.raises(ValueError, match="got none"):
        shuffled_twin(gpt2, shuffle=lambda weights, *_: {n: W for n, W in weights.items() if n != first})
    with pytest.raises(ValueError, match="shape"):
        shuffled_twin(gpt2, shuffle=lambda weights, *_: {n: W.flatten() for n, W in weights.items()})
