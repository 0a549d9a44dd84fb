"""Saved autoencoders come back bit for bit; SAELens's variants come back as the same function."""

import json
import re
from pathlib import Path

import pytest
import torch

from sae_tutorial import storage
from sae_tutorial.sae import SAEConfig, SparseAutoencoder

D_IN, D_SAE = 6, 20


def make(architecture: str) -> SparseAutoencoder:
    sae = SparseAutoencoder(SAEConfig(D_IN, D_SAE / D_IN, architecture, k=4, l1_coefficient=0.07), seed=3)
    generator = torch.Generator().manual_seed(1)
    sae.b_enc.data = torch.randn(D_SAE, generator=generator)
    sae.b_dec.data = torch.randn(D_IN, generator=generator)
    sae.metadata = {
        "model_name": "tiny",
        "hook_name": "blocks.1.hook_mlp_out",
        "context_size": 24,
        "prepend_bos": True,
    }
    return sae


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(40, D_IN, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("architecture", ["relu", "topk"])
def test_round_trip_is_bit_exact(tmp_path, x, architecture):
    sae = make(architecture)
    sae.save(tmp_path / "sae")
    loaded = SparseAutoencoder.load(str(tmp_path / "sae"))
    for (name, weight), (other, read) in zip(sae.named_parameters(), loaded.named_parameters(), strict=True):
        assert name == other
        assert torch.equal(weight, read)
    assert loaded.config == sae.config
    assert loaded.metadata["hook_name"] == "blocks.1.hook_mlp_out"
    assert torch.equal(loaded(x)[0], sae(x)[0])
    loaded.save(tmp_path / "again")
    for name in ("cfg.json", "sae_weights.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "sae" / name).read_bytes()


@pytest.mark.parametrize(("architecture", "name"), [("relu", "standard"), ("topk", "topk")])
def test_cfg_has_the_keys_of_saelens_6(tmp_path, architecture, name):
    make(architecture).save(tmp_path / "sae")
    cfg = json.loads((tmp_path / "sae" / "cfg.json").read_text())
    expected = {
        "architecture": name,
        "d_in": D_IN,
        "d_sae": D_SAE,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
    }
    if name == "topk":
        expected |= {"k": 4, "rescale_acts_by_decoder_norm": False}
    assert {key: cfg.get(key) for key in expected} == expected
    assert cfg["metadata"] == {
        "sae_lens_version": "6.0.0",
        "model_name": "tiny",
        "hook_name": "blocks.1.hook_mlp_out",
        "hook_head_index": None,
        "context_size": 24,
        "prepend_bos": True,
        "model_from_pretrained_kwargs": {},
    }


def test_weight_file_has_saelens_names_shapes_and_nothing_else(tmp_path):
    make("topk").save(tmp_path / "sae")
    assert sorted(path.name for path in (tmp_path / "sae").iterdir()) == [
        "cfg.json",
        "sae_weights.safetensors",
    ]
    shapes = {
        n: tuple(t.shape) for n, t in storage.read_tensors(tmp_path / "sae/sae_weights.safetensors").items()
    }
    assert shapes == {"W_enc": (D_IN, D_SAE), "W_dec": (D_SAE, D_IN), "b_enc": (D_SAE,), "b_dec": (D_IN,)}


# ------------------------------------------------------------------------------------ SAELens's variants


def write_foreign(directory: Path, dtype: torch.dtype = torch.float32, **changes) -> dict[str, torch.Tensor]:
    """A SAELens directory whose decoder rows have different norms, one of them zero."""
    generator = torch.Generator().manual_seed(9)
    weights = {
        "W_enc": torch.randn(D_IN, D_SAE, generator=generator),
        "b_enc": torch.randn(D_SAE, generator=generator),
        "W_dec": torch.randn(D_SAE, D_IN, generator=generator) * torch.linspace(0, 3, D_SAE)[:, None],
        "b_dec": torch.randn(D_IN, generator=generator),
    }
    weights = {name: tensor.to(dtype) for name, tensor in weights.items()}
    cfg = {"architecture": "topk", "k": 4, "d_in": D_IN, "d_sae": D_SAE, "dtype": "float32", "metadata": {}}
    directory.mkdir()
    storage.write_json(directory / "cfg.json", cfg | {"device": "cuda", "an_unknown_key": [1]} | changes)
    storage.write_tensors(directory / "sae_weights.safetensors", weights)
    return {name: tensor.float() for name, tensor in weights.items()}


def saelens(
    weights: dict[str, torch.Tensor], x: torch.Tensor, *, k: int | None, subtract: bool, rescale: bool
):
    """SAELens 6's own order of operations (`topk_sae.py`, `standard_sae.py`), for every choice of its options."""
    pre = (x - weights["b_dec"] if subtract else x) @ weights["W_enc"] + weights["b_enc"]
    norms = weights["W_dec"].norm(dim=-1)
    if rescale:
        pre = pre * norms
    f = pre.relu()
    if k is not None:
        f = torch.zeros_like(f).scatter(-1, pre.topk(k).indices, pre.topk(k).values.relu())
    safe = norms.clamp(min=1e-30)
    return (f / safe if rescale else f) @ weights["W_dec"] + weights["b_dec"], f


@pytest.mark.parametrize("rescale", [False, True])
@pytest.mark.parametrize("subtract", [True, False])
def test_topk_variants_keep_their_function(tmp_path, x, subtract, rescale):
    weights = write_foreign(
        tmp_path / "f", apply_b_dec_to_input=subtract, rescale_acts_by_decoder_norm=rescale
    )
    expected = saelens(weights, x, k=4, subtract=subtract, rescale=rescale)
    torch.testing.assert_close(SparseAutoencoder.load(tmp_path / "f")(x), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("subtract", [True, False])
def test_standard_variants_keep_their_function(tmp_path, x, subtract):
    weights = write_foreign(tmp_path / "f", architecture="standard", apply_b_dec_to_input=subtract)
    sae = SparseAutoencoder.load(tmp_path / "f")
    assert sae.config.architecture == "relu"
    expected = saelens(weights, x, k=None, subtract=subtract, rescale=False)
    torch.testing.assert_close(sae(x), expected, atol=1e-4, rtol=1e-4)


def test_the_variants_differ(tmp_path, x):
    """Otherwise the tests above could not fail."""
    weights = write_foreign(tmp_path / "f")
    outputs = [
        saelens(weights, x, k=4, subtract=subtract, rescale=rescale)[0]
        for subtract in (True, False)
        for rescale in (True, False)
    ]
    for i, first in enumerate(outputs):
        for second in outputs[i + 1 :]:
            assert (first - second).abs().max() > 0.5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_narrow_weights_are_widened(tmp_path, x, dtype):
    weights = write_foreign(tmp_path / "f", dtype)
    sae = SparseAutoencoder.load(tmp_path / "f")
    assert sae.W_enc.dtype == torch.float32
    assert torch.equal(sae.W_enc, weights["W_enc"])


# --------------------------------------------------------------------------------------- wrong files


@pytest.fixture
def saved(tmp_path) -> Path:
    make("topk").save(tmp_path / "sae")
    return tmp_path / "sae"


def rewrite(directory: Path, **changes: torch.Tensor | None) -> None:
    """Change some tensors of a saved autoencoder; None removes one."""
    path = directory / "sae_weights.safetensors"
    tensors = {**storage.read_tensors(path), **changes}
    storage.write_tensors(path, {name: tensor for name, tensor in tensors.items() if tensor is not None})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"W_dec": torch.ones(D_SAE, D_IN - 1)},
            r"W_dec has shape \(20, 5\), but W_enc's calls for \(20, 6\)",
        ),
        ({"b_enc": torch.ones(3)}, r"b_enc has shape \(3,\)"),
        ({"W_enc": torch.ones(D_SAE, D_IN)}, "has shape"),
        ({"W_enc": torch.ones(D_IN)}, r"W_enc has shape \(6,\)"),
        ({"b_dec": torch.full((D_IN,), float("nan"))}, "b_dec holds NaN or infinity"),
        ({"W_enc": torch.full((D_IN, D_SAE), float("inf"))}, "W_enc holds NaN or infinity"),
    ],
)
def test_weights_that_do_not_fit_are_named(saved, changes, message):
    rewrite(saved, **changes)
    with pytest.raises(storage.DamagedFileError, match=message):
        SparseAutoencoder.load(saved)


@pytest.mark.parametrize("changes", [{"b_dec": None}, {"threshold": torch.ones(D_SAE)}])
def test_missing_and_extra_tensors_are_named(saved, changes):
    rewrite(saved, **changes)
    with pytest.raises(ValueError, match=r"holds tensors \[.*\], not \['W_dec', 'W_enc', 'b_dec', 'b_enc'\]"):
        SparseAutoencoder.load(saved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "gated"}, "architecture 'gated'; this package reads standard, topk"),
        ({"architecture": None}, "architecture None"),
        ({"normalize_activations": "layer_norm"}, "normalised by 'layer_norm'"),
        ({"k": 21}, "k must .*got 21"),
    ],
)
def test_settings_this_package_cannot_honour_are_named(saved, changes, message):
    storage.write_json(saved / "cfg.json", storage.read_json(saved / "cfg.json") | changes)
    with pytest.raises(ValueError, match=message):
        SparseAutoencoder.load(saved)


def test_a_topk_file_without_k_is_not_guessed_at(saved):
    cfg = storage.read_json(saved / "cfg.json")
    del cfg["k"]
    storage.write_json(saved / "cfg.json", cfg)
    with pytest.raises(ValueError, match="no k"):
        SparseAutoencoder.load(saved)


def test_missing_and_cut_files_are_named(saved, tmp_path):
    with pytest.raises(FileNotFoundError, match="a saved autoencoder is a directory with cfg.json"):
        SparseAutoencoder.load(tmp_path / "nowhere")
    weights = saved / "sae_weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(storage.DamagedFileError, match=re.escape(str(weights))):
        SparseAutoencoder.load(saved)
    weights.unlink()
    with pytest.raises(FileNotFoundError, match=re.escape(str(weights))):
        SparseAutoencoder.load(saved)
    (saved / "cfg.json").write_text("not json")
    with pytest.raises(storage.DamagedFileError, match="cfg.json is not JSON"):
        SparseAutoencoder.load(saved)


def test_a_failed_save_keeps_the_older_one(saved, monkeypatch):
    older = {path.name: path.read_bytes() for path in saved.iterdir()}

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage, "write_tensors", full_disk)
    with pytest.raises(OSError, match="No space left"):
        make("relu").save(saved)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == older
    assert [path.name for path in saved.parent.iterdir()] == ["sae"]
