"""Saved autoencoders come back bit for bit; those of other libraries come back as the same function."""

import json
import re
from pathlib import Path

import pytest
import torch

from sae_tutorial import storage
from sae_tutorial.sae import foreign
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig

D_IN, D_SAE = 6, 20
SAELENS = {
    "relu": "standard", "relu_free": "standard", "gated": "gated", "topk": "topk",
    "batchtopk": "jumprelu", "matryoshka": "jumprelu", "jumprelu": "jumprelu",
}  # fmt: skip


def make(architecture: str) -> SparseAutoencoder:
    sae = SparseAutoencoder(SAEConfig(D_IN, D_SAE / D_IN, architecture, k=4, l1_coefficient=0.07), seed=3)
    generator = torch.Generator().manual_seed(1)
    for name, tensor in sae.state_dict().items():
        if name not in ("W_enc", "W_dec"):
            tensor.copy_(torch.randn(len(tensor), generator=generator))
    if "threshold" in sae.state_dict():
        sae.state_dict()["threshold"].abs_()
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


@pytest.mark.parametrize("architecture", SAELENS)
def test_round_trip_is_bit_exact(tmp_path, x, architecture):
    sae = make(architecture)
    sae.save(tmp_path / "sae")
    loaded = SparseAutoencoder.load(str(tmp_path / "sae"))
    assert sae.state_dict().keys() == loaded.state_dict().keys()
    for name, weight in sae.state_dict().items():
        assert torch.equal(weight, loaded.state_dict()[name])
    assert loaded.config == sae.config
    assert dict(loaded.named_parameters()).keys() == dict(sae.named_parameters()).keys()
    assert loaded.metadata["hook_name"] == "blocks.1.hook_mlp_out"
    assert torch.equal(loaded(x)[0], sae(x)[0])
    loaded.save(tmp_path / "again")
    for name in ("cfg.json", "sae_weights.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "sae" / name).read_bytes()


@pytest.mark.parametrize(("architecture", "name"), SAELENS.items())
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
    assert ("k" in cfg) == (name == "topk")  # SAELens's other classes have no such field
    assert cfg["metadata"] == {
        "sae_lens_version": "6.0.0",
        "model_name": "tiny",
        "hook_name": "blocks.1.hook_mlp_out",
        "hook_head_index": None,
        "context_size": 24,
        "prepend_bos": True,
        "model_from_pretrained_kwargs": {},
    }


@pytest.mark.parametrize(
    ("architecture", "per_latent"),
    [
        ("relu_free", {"b_enc"}),
        ("topk", {"b_enc"}),
        ("matryoshka", {"b_enc", "threshold"}),
        ("jumprelu", {"b_enc", "threshold"}),
        ("gated", {"b_gate", "r_mag", "b_mag"}),
    ],
)
def test_weight_file_has_saelens_names_shapes_and_nothing_else(tmp_path, architecture, per_latent):
    make(architecture).save(tmp_path / "sae")
    assert sorted(path.name for path in (tmp_path / "sae").iterdir()) == [
        "cfg.json",
        "sae_weights.safetensors",
    ]
    tensors = storage.read_tensors(tmp_path / "sae/sae_weights.safetensors")
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == {
        "W_enc": (D_IN, D_SAE), "W_dec": (D_SAE, D_IN), "b_dec": (D_IN,)
    } | dict.fromkeys(per_latent, (D_SAE,))  # fmt: skip


def test_a_saelens_file_without_our_key_is_one_of_saelenss_architectures(tmp_path, x):
    """As after a round trip through SAELens, which drops keys that it does not know."""
    for architecture, known in SAELENS.items():
        sae = make(architecture)
        directory = tmp_path / architecture
        sae.save(directory)
        cfg = storage.read_json(directory / "cfg.json")
        del cfg["sae_tutorial"]
        storage.write_json(directory / "cfg.json", cfg)
        loaded = SparseAutoencoder.load(directory)
        standard = "relu" if sae.config.unit_decoder else "relu_free"
        assert loaded.config.architecture == {"standard": standard}.get(known, known)
        assert torch.equal(loaded(x)[0], sae(x)[0])
        assert (loaded.config.k == 4) == (known == "topk")


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
    assert sae.config.architecture == "relu_free"  # its rows have no norm of 1 to be set back to
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


@pytest.mark.parametrize("subtract", [True, False])
def test_gated_and_jumprelu_variants_keep_their_function(tmp_path, x, subtract):
    weights = write_foreign(tmp_path / "f", architecture="jumprelu", apply_b_dec_to_input=subtract)
    weights["threshold"] = torch.linspace(-1, 2, D_SAE)  # one below 0 is no different from 0
    storage.write_tensors(tmp_path / "f/sae_weights.safetensors", weights)
    pre = (x - weights["b_dec"] if subtract else x) @ weights["W_enc"] + weights["b_enc"]
    f = pre.relu() * (pre > weights["threshold"])
    expected = f @ weights["W_dec"] + weights["b_dec"]
    # Norms go into f where that is exact, so that the rows have norm 1 and training can go on.
    norms = weights["W_dec"].norm(dim=1)
    loaded = SparseAutoencoder.load(tmp_path / "f")
    torch.testing.assert_close(loaded(x), (expected, f * norms), atol=1e-4, rtol=1e-4)

    weights["b_gate"] = weights.pop("b_enc")
    weights |= {"r_mag": weights.pop("threshold"), "b_mag": torch.linspace(1, -1, D_SAE)}
    storage.write_tensors(tmp_path / "f/sae_weights.safetensors", weights)
    cfg = storage.read_json(tmp_path / "f/cfg.json") | {"architecture": "gated"}
    storage.write_json(tmp_path / "f/cfg.json", cfg)
    projected = (x - weights["b_dec"] if subtract else x) @ weights["W_enc"]
    f = (projected + weights["b_gate"] > 0) * (projected * weights["r_mag"].exp() + weights["b_mag"]).relu()
    expected = f @ weights["W_dec"] + weights["b_dec"]
    loaded = SparseAutoencoder.load(tmp_path / "f")
    torch.testing.assert_close(loaded(x), (expected, f * norms), atol=1e-4, rtol=1e-4)


def test_rows_normalised_one_by_one_are_loaded_with_a_warning_and_saved_so_again(tmp_path, x):
    weights = write_foreign(tmp_path / "f", normalize_activations="layer_norm")
    with pytest.warns(UserWarning, match="takes rows normalised one by one"):
        sae = SparseAutoencoder.load(tmp_path / "f")
    expected = saelens(weights, x, k=4, subtract=True, rescale=False)
    torch.testing.assert_close(sae(x), expected, atol=1e-4, rtol=1e-4)
    sae.save(tmp_path / "again")
    cfg = storage.read_json(tmp_path / "again" / "cfg.json")
    assert cfg["normalize_activations"] == "layer_norm"
    assert "normalize_activations" not in cfg["metadata"]


def test_a_coder_of_a_model_with_processed_weights_is_loaded_with_the_call_that_makes_it_fit(
    tmp_path, make_gpt2
):
    kwargs = {"center_writing_weights": True, "dtype": "float32"}
    write_foreign(tmp_path / "f", metadata={"model_from_pretrained_kwargs": kwargs})
    with pytest.warns(UserWarning, match="a model opened with center_writing_weights, so") as caught:
        sae = SparseAutoencoder.load(tmp_path / "f")
    assert caught[0].filename == __file__
    sae.save(tmp_path / "again")
    with pytest.warns(UserWarning, match="center_writing_weights"):
        again = SparseAutoencoder.load(tmp_path / "again")
    assert again.metadata["model_from_pretrained_kwargs"] == kwargs

    model, tokens = make_gpt2(), torch.arange(10)[None]
    for parameter in model.original_model.parameters():  # without biases, folding them would change nothing
        if parameter.ndim == 1:
            parameter.data += 0.1
    before = model.run_with_cache(tokens)[1]
    options = re.findall(r"(\w+)=(True|False)", str(caught[0].message))
    model.enable_compatibility_mode(**{name: value == "True" for name, value in options})
    after = model.run_with_cache(tokens)[1]
    place = "blocks.1.hook_resid_pre"
    centred = before[place] - before[place].mean(-1, keepdim=True)
    assert (before[place] - centred).abs().max() > 0.01
    torch.testing.assert_close(after[place], centred, atol=1e-5, rtol=1e-4)
    for untouched in ("blocks.1.mlp.hook_post", "blocks.1.attn.hook_z"):
        torch.testing.assert_close(after[untouched], before[untouched], atol=1e-5, rtol=1e-4)


def test_saelens_before_6_with_processed_weights_is_warned_of_too(tmp_path):
    write_foreign(tmp_path / "f")
    flat_config(
        tmp_path / "f", model_from_pretrained_kwargs={"fold_ln": True, "center_writing_weights": True}
    )
    with pytest.warns(UserWarning, match="fold_ln and center_writing_weights.*fold_ln=True"):
        sae = SparseAutoencoder.load(tmp_path / "f")
    assert sae.metadata["model_from_pretrained_kwargs"]["fold_ln"]


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"model_from_pretrained_kwargs": None},
        {"model_from_pretrained_kwargs": {"center_writing_weights": False, "center_unembed": True}},
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_coder_of_a_model_as_it_is_comes_without_a_warning(tmp_path, metadata):
    write_foreign(tmp_path / "f", metadata=metadata)
    SparseAutoencoder.load(tmp_path / "f")
    make("topk").save(tmp_path / "ours")
    SparseAutoencoder.load(tmp_path / "ours")


# ------------------------------------------------------------------------------ other libraries' files


def flat_config(directory: Path, **changes) -> None:
    """Replace cfg.json by one of SAELens before 6."""
    cfg = {
        "model_name": "gpt2-small", "hook_point": "blocks.8.hook_resid_pre", "hook_point_layer": 8,
        "hook_point_head_index": None, "context_size": 128, "d_in": D_IN, "d_sae": D_SAE, "dtype": "torch.float32",
        "device": "mps", "l1_coefficient": 8e-5, "use_ghost_grads": True,
    }  # fmt: skip
    storage.write_json(directory / "cfg.json", cfg | changes)


@pytest.mark.parametrize(
    ("changes", "k"),
    [({}, None), ({"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 4}}, 4), ({"architecture": "topk", "k": 4}, 4)],
)  # fmt: skip
def test_saelens_before_6(tmp_path, x, changes, k):
    """As gpt2-small-res-jb has it, with a factor of ones for each latent."""
    weights = write_foreign(tmp_path / "f")
    storage.write_tensors(
        tmp_path / "f/sae_weights.safetensors", weights | {"scaling_factor": torch.ones(D_SAE)}
    )
    flat_config(tmp_path / "f", **changes)
    sae = SparseAutoencoder.load(tmp_path / "f")
    assert sae.metadata == {
        "prepend_bos": True, "model_name": "gpt2-small", "hook_name": "blocks.8.hook_resid_pre",
        "hook_head_index": None, "context_size": 128,
    }  # fmt: skip
    assert sae.config.architecture == ("topk" if k else "relu_free")
    expected = saelens(weights, x, k=k, subtract=True, rescale=False)
    torch.testing.assert_close(sae(x), expected, atol=1e-4, rtol=1e-4)


def test_saelens_before_6_with_more_than_we_know_is_refused(tmp_path):
    weights = write_foreign(tmp_path / "f")
    flat_config(tmp_path / "f", activation_fn_str="tanh-relu")
    with pytest.raises(ValueError, match="architecture 'standard with tanh-relu'"):
        SparseAutoencoder.load(tmp_path / "f")
    flat_config(tmp_path / "f", normalize_activations=True)
    with pytest.raises(ValueError, match="normalised by True"):
        SparseAutoencoder.load(tmp_path / "f")
    flat_config(tmp_path / "f")
    storage.write_tensors(
        tmp_path / "f/sae_weights.safetensors", weights | {"scaling_factor": torch.full((D_SAE,), 1.1)}
    )
    with pytest.raises(ValueError, match="scaling_factor other than 1"):
        SparseAutoencoder.load(tmp_path / "f")


def openai_tensors(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {
        "encoder.weight": weights["W_enc"].T, "decoder.weight": weights["W_dec"].T, "latent_bias": weights["b_enc"],
        "pre_bias": weights["b_dec"], "stats_last_nonzero": torch.zeros(D_SAE, dtype=torch.long),
        "latents_activation_frequency": torch.ones(D_SAE), "latents_mean_square": torch.zeros(D_SAE),
    }  # fmt: skip


@pytest.mark.parametrize(
    "cfg", [{"activation": "TopK", "activation_state_dict": {"k": 4, "postact_fn": "ReLU"}}, {"k": 4}]
)
def test_openai_version_5(tmp_path, x, cfg):
    weights = write_foreign(tmp_path / "f")
    storage.write_tensors(tmp_path / "f/sae_weights.safetensors", openai_tensors(weights))
    storage.write_json(tmp_path / "f/cfg.json", cfg)
    with pytest.warns(UserWarning, match="normalised one by one"):
        sae = SparseAutoencoder.load(tmp_path / "f")
    expected = saelens(weights, x, k=4, subtract=True, rescale=False)
    torch.testing.assert_close(sae(x), expected, atol=1e-4, rtol=1e-4)
    assert sae.config.k == 4


def test_openai_version_1_has_no_topk_and_other_activations_are_refused(tmp_path, x):
    weights = write_foreign(tmp_path / "f")
    storage.write_tensors(tmp_path / "f/sae_weights.safetensors", openai_tensors(weights))
    storage.write_json(tmp_path / "f/cfg.json", {"activation": "ReLU"})
    expected = saelens(weights, x, k=None, subtract=True, rescale=False)
    torch.testing.assert_close(SparseAutoencoder.load(tmp_path / "f")(x), expected, atol=1e-4, rtol=1e-4)
    state = {"k": 4, "postact_fn": "Identity"}
    storage.write_json(tmp_path / "f/cfg.json", {"activation": "TopK", "activation_state_dict": state})
    with pytest.raises(ValueError, match="'topk with Identity'"):
        SparseAutoencoder.load(tmp_path / "f")
    storage.write_json(tmp_path / "f/cfg.json", {})
    with pytest.raises(ValueError, match="names no k"):
        SparseAutoencoder.load(tmp_path / "f")


def test_an_unknown_class_of_dictionary_learning_is_named(tmp_path):
    """The known ones are read in test_peers.py, from files of the library itself."""
    weights = write_foreign(tmp_path / "f")
    (tmp_path / "f/cfg.json").unlink()
    storage.write_json(tmp_path / "f/config.json", {"trainer": {"dict_class": "CrossCoder"}, "buffer": {}})
    storage.write_tensors(tmp_path / "f/sae_weights.safetensors", weights)
    with pytest.raises(ValueError, match="architecture 'CrossCoder'"):
        SparseAutoencoder.load(tmp_path / "f")


def test_a_pickle_is_not_loaded_and_the_cure_is_given(tmp_path):
    (tmp_path / "trainer_0").mkdir()
    (tmp_path / "trainer_0" / "ae.pt").write_bytes(b"\x80\x04.")
    for path in (tmp_path / "trainer_0", tmp_path / "trainer_0" / "ae.pt"):
        with pytest.raises(ValueError, match=r"ae\.pt is one file.*could run any code") as error:
            SparseAutoencoder.load(path)
        assert str(error.value).endswith(f"{foreign.UNPICKLE} ae.pt")


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
        (
            {"architecture": "temporal"},
            "architecture 'temporal'.*; this package reads standard, topk, jumprelu, gated",
        ),
        ({"architecture": "gated"}, "architecture 'gated', trained as 'topk'"),
        ({"architecture": None}, "architecture 'None'"),
        ({"normalize_activations": "expected_average_only_in"}, "normalised by 'expected_average_only_in'"),
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
