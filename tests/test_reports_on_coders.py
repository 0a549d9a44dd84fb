"""Faults that readers reported about coders, by the number of their kind, each with its neighbours."""

import dataclasses
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from conftest import CONTEXT, HOOK, TEXTS, bridge
from safetensors.torch import save_file
from torch import Tensor

from sae_tutorial import storage
from sae_tutorial.activations.collect import collect_activations, run_to_hook
from sae_tutorial.activations.store import SideBySide
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, TrainConfig
from sae_tutorial.sae.controls import mean_predictor, pca, random_dictionary
from sae_tutorial.sae.inputs import Units
from sae_tutorial.sae.metrics import ReconstructionSums, evaluate_reconstruction
from sae_tutorial.sae.training import train_sae, train_saes

D_IN, D_SAE, K = 12, 48, 4
ARCHITECTURES = ["relu", "relu_free", "gated", "topk", "batchtopk", "matryoshka", "jumprelu"]
FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
SHORT = TrainConfig(40 * 32, batch_size=32)


@pytest.fixture
def x() -> Tensor:
    """Rows on a scale and around a mean of their own: sums of a few of 30 directions."""
    generator = torch.Generator().manual_seed(7)
    directions = torch.randn(30, D_IN, generator=generator)
    chosen = torch.rand(400, 30, generator=generator).topk(3).indices
    return 4 * torch.zeros(400, 30).scatter(1, chosen, 1.0) @ directions + 1


def new(architecture: str = "topk", **options) -> SparseAutoencoder:
    config = {"k": K, "l1_coefficient": 0.01} | options
    return SparseAutoencoder(SAEConfig(D_IN, D_SAE / D_IN, architecture, **config))


def trained(architecture: str, x: Tensor, steps: int = 400, **options) -> SparseAutoencoder:
    coder = new(architecture, **options)
    train_sae(coder, x, TrainConfig(steps * 64, batch_size=64), progress=False)
    return coder


def explained(coder: SparseAutoencoder, x: Tensor) -> float:
    return evaluate_reconstruction(coder, x, progress=False)["explained_variance"]


# ------------------------------------------------------------------------------- 2: loaded, and trained further


def foreign_file(
    directory: Path, coder: SparseAutoencoder, norm: float, dtype: torch.dtype
) -> Callable[[Tensor], Tensor]:
    """Another library's file of the same coder with decoder rows of another norm; returns its reconstruction.

    f is as much larger as the rows are shorter, where that is the same function; TopK's f and a free decoder's
    stay as they are, so that theirs is another coder.
    """
    weights = {name: tensor.clone() for name, tensor in coder.state_dict().items()}
    norms = norm * (1 + torch.rand(D_SAE, generator=torch.Generator().manual_seed(2))) if norm != 1 else 1.0
    weights["W_dec"] = (weights["W_dec"].T * norms).T
    for name in ("W_enc", "b_enc", "b_mag", "threshold"):
        if name in weights:
            weights[name] = weights[name] / norms
    weights = {name: tensor.to(dtype) for name, tensor in weights.items()}
    kind = {"relu": "standard", "relu_free": "standard"}.get(
        coder.config.architecture, coder.config.architecture
    )
    settings = {"architecture": kind, "dtype": str(dtype).removeprefix("torch."), "metadata": {}, "k": K}
    directory.mkdir()
    (directory / "cfg.json").write_text(json.dumps(settings))
    names = {"b_enc": "b_gate"} if kind == "gated" else {}
    files = {names.get(name, name): tensor.contiguous() for name, tensor in weights.items()}
    save_file(files, directory / "sae_weights.safetensors")

    def reconstruct(x: Tensor) -> Tensor:
        w = {name: tensor.float() for name, tensor in weights.items()}
        projected = (x - w["b_dec"]) @ w["W_enc"]
        pre = projected + w["b_enc"]
        f = pre.relu()
        if kind == "topk":
            f = f * (pre >= pre.topk(K).values[:, -1:])
        elif kind == "jumprelu":
            f = f * (pre > w["threshold"])
        elif kind == "gated":
            f = (pre > 0) * (projected * w["r_mag"].exp() + w["b_mag"]).relu()
        return f @ w["W_dec"] + w["b_dec"]

    return reconstruct


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("norm", [1.0, 0.3, 5.0])
@pytest.mark.parametrize("architecture", ["relu", "gated", "topk", "jumprelu"])
def test_2_a_loaded_file_keeps_its_function_also_when_trained_further(tmp_path, x, architecture, norm, dtype):
    reconstruct = foreign_file(tmp_path / "sae", trained(architecture, x), norm, FORMATS[dtype])
    coder = SparseAutoencoder.load(tmp_path / "sae")
    scale = x.std()
    with torch.no_grad():
        torch.testing.assert_close(coder(x)[0] / scale, reconstruct(x) / scale, atol=1e-4, rtol=1e-3)
    if norm == 1:  # whatever format its rows were rounded to
        assert coder.config.architecture == architecture
    before = explained(coder, x)
    assert before > (0.5 if norm == 1 or architecture != "topk" else -20)
    train_sae(coder, x, TrainConfig(5 * 64, batch_size=64, learning_rate=1e-12), progress=False)
    assert explained(coder, x) == pytest.approx(before, abs=1e-3)
    train_sae(coder, x, TrainConfig(200 * 64, batch_size=64, learning_rate=1e-3), progress=False)
    assert explained(coder, x) > before - 0.02  # and it goes on learning


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_2_our_own_file_is_trained_further_without_a_jump(tmp_path, x, architecture):
    coder = trained(architecture, x)
    coder.save(tmp_path / "sae")
    again = SparseAutoencoder.load(tmp_path / "sae")
    before = explained(coder, x)
    train_sae(again, x, TrainConfig(5 * 64, batch_size=64, learning_rate=1e-12), progress=False)
    assert explained(again, x) == pytest.approx(before, abs=1e-3)


# ------------------------------------------------------------------------- 4: models that read in both directions


@pytest.mark.parametrize("family", ["BertForMaskedLM", "RobertaForMaskedLM", "BertLMHeadModel"])
def test_4_a_model_that_reads_in_both_directions_is_refused_before_anything_is_written(
    tokenizer, tmp_path, family
):
    """Padding would change a text's rows: what lay beside it in a batch would decide."""
    model_class = getattr(transformers, family)
    config = model_class.config_class(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4
    )
    model = bridge(model_class(config).eval(), tokenizer)
    with pytest.raises(ValueError, match=f"{family} attends in both directions"):
        collect(model, TEXTS, tmp_path / "s", "blocks.1.hook_out")
    assert list(tmp_path.iterdir()) == []


def test_4_a_model_that_reads_one_way_gives_a_text_the_same_rows_beside_any_other(gpt2, tmp_path):
    alone = collect(gpt2, TEXTS[:1], tmp_path / "alone")
    beside = collect(gpt2, [TEXTS[0], TEXTS[3] * 2], tmp_path / "beside")
    torch.testing.assert_close(beside[: len(alone)], alone[:], rtol=1e-2, atol=1e-2)


# ------------------------------------------------------------------------------- 5: rows with more axes than two


@pytest.mark.parametrize("shape", [(4, 10, D_IN), (2, 2, 10, D_IN), (D_IN,), (1, 40, D_IN)])
@pytest.mark.parametrize("architecture", ["topk", "relu", "batchtopk", "jumprelu"])
def test_5_pairs_are_of_rows_alone_and_the_rest_takes_any_shape(x, architecture, shape):
    coder = new(architecture)
    deep = x[:40].flatten()[: int(np.prod(shape))].view(shape)
    with pytest.raises(ValueError, match=r"active_pairs takes \[rows, d_in\].*flatten it first"):
        coder.active_pairs(deep)
    flat = deep.reshape(-1, D_IN)
    y_hat, f = coder(deep)
    assert f.shape == (*shape[:-1], D_SAE)
    assert y_hat.shape == shape
    torch.testing.assert_close(y_hat.reshape(-1, D_IN), coder(flat)[0])
    torch.testing.assert_close(coder.encode(deep).reshape(-1, D_SAE), coder.active_pairs(flat).to_dense())
    torch.testing.assert_close(coder.decode(f), y_hat)


def test_5_rows_of_another_width_are_refused_by_name(x):
    for rows in (x[:, :-1], torch.cat([x, x], 1), x[0, :5]):
        with pytest.raises(ValueError, match=f"{D_IN}"):
            new().encode(rows)


# --------------------------------------------------------------------------------------- 8: numbers from NumPy

WHOLE = [np.int64(8), np.int32(8), np.uint8(8), 8.0, np.float32(8), np.float64(8), torch.tensor(8).item()]
NO_NUMBER = [True, np.bool_(True), "8", float("nan"), np.nan, float("inf"), None, 8.5, [8], 0, -8]
SAE_FIELDS = {"k": 8, "d_in": D_IN, "sides": 2, "d_out": D_IN, "expansion_factor": 4.0, "l1_coefficient": 0.1}
TRAIN_FIELDS = ["total_tokens", "batch_size", "dead_window", "seed"]


@pytest.mark.parametrize("value", WHOLE, ids=lambda value: f"{type(value).__name__} {value}")
def test_8_whole_numbers_of_every_kind_are_taken(tmp_path, x, value):
    config = SAEConfig(np.int64(D_IN), np.float32(4), k=value, l1_coefficient=np.float64(0.1))
    assert config == SAEConfig(D_IN, 4, k=8, l1_coefficient=0.1)
    assert [type(number) for number in (config.d_in, config.k, config.d_sae)] == [int, int, int]
    assert json.loads(json.dumps(dataclasses.asdict(config))) == dataclasses.asdict(config)
    training = TrainConfig(1e3, batch_size=value, dead_window=np.float32(500), seed=value)
    assert training == TrainConfig(1000, batch_size=8, dead_window=500, seed=8)
    assert json.loads(json.dumps(dataclasses.asdict(training))) == dataclasses.asdict(training)
    coder = SparseAutoencoder(config)
    train_sae(coder, x, training, checkpoint_dir=tmp_path / "run", progress=False)
    coder.save(tmp_path / "sae")
    assert SparseAutoencoder.load(tmp_path / "sae").config == config


@pytest.mark.parametrize("value", NO_NUMBER, ids=repr)
@pytest.mark.parametrize("name", ["k", "d_in", "sides"])
def test_8_what_is_no_whole_number_is_refused_by_name_in_a_coder(name, value):
    with pytest.raises(ValueError, match=name):
        SAEConfig(**{"d_in": D_IN, "expansion_factor": 4, "k": 4} | {name: value})


@pytest.mark.parametrize("value", NO_NUMBER, ids=repr)
@pytest.mark.parametrize("name", TRAIN_FIELDS)
def test_8_what_is_no_whole_number_is_refused_by_name_in_training(name, value):
    if name == "seed" and value == 0 and not isinstance(value, bool):
        return  # 0 is the default seed
    with pytest.raises(ValueError, match=name):
        TrainConfig(**{"total_tokens": 1000} | {name: value})


@pytest.mark.parametrize("value", [True, "0.1", float("nan"), float("inf"), None, -0.1, [0.1]], ids=repr)
@pytest.mark.parametrize(
    "name", ["learning_rate", "warmup_fraction", "decay_fraction", "aux_coefficient", "expansion_factor", "l1_coefficient"]
)  # fmt: skip
def test_8_what_is_no_number_is_refused_by_name(name, value):
    settings = (
        {"d_in": D_IN, "k": 4} if name in ("expansion_factor", "l1_coefficient") else {"total_tokens": 1000}
    )
    config = SAEConfig if "d_in" in settings else TrainConfig
    with pytest.raises(ValueError, match=name):
        config(**settings | {name: value})


@pytest.mark.parametrize("name", ["tied_init", "skip", "free_decoder", "mean_init"])
def test_8_switches_from_numpy_are_saved_too(tmp_path, name):
    """NumPy's True is no JSON either."""
    config = (
        TrainConfig(1000, mean_init=np.bool_(True))
        if name == "mean_init"
        else SAEConfig(D_IN, 4, k=4, d_out=9, **{name: np.bool_(True)})
    )
    assert json.loads(json.dumps(dataclasses.asdict(config)))[name] is True


# ------------------------------------------------------------------------------------- 9: latents that were cut


@pytest.mark.parametrize("aux_coefficient", [0.0, 1 / 32])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_9_decoder_rows_of_zeros_stay_zero_and_nothing_becomes_nan(x, architecture, aux_coefficient):
    coder = trained(architecture, x)
    coder.W_dec.data[[3, 17, 40]] = 0.0
    config = TrainConfig(60 * 64, batch_size=64, dead_window=640, aux_coefficient=aux_coefficient)
    history = train_sae(coder, x, config, validation=x[:50], progress=False)
    assert np.isfinite(history.loss).all()
    assert all(tensor.isfinite().all() for tensor in coder.state_dict().values())
    assert (coder.W_dec == 0).all(1).nonzero().flatten().tolist() == [3, 17, 40]
    others = torch.ones(D_SAE, dtype=torch.bool).index_fill(0, torch.tensor([3, 17, 40]), False)
    if coder.config.unit_decoder:
        torch.testing.assert_close(coder.W_dec[others].norm(dim=1), torch.ones(D_SAE - 3))


@pytest.mark.parametrize("architecture", ["relu", "gated", "topk", "jumprelu"])
@pytest.mark.parametrize("norm", [1.0, 0.3])
def test_9_a_file_with_rows_of_zeros_keeps_its_function_and_trains(tmp_path, x, architecture, norm):
    coder = trained(architecture, x)
    coder.W_dec.data[5] = 0.0
    reconstruct = foreign_file(tmp_path / "sae", coder, norm, torch.float32)
    again = SparseAutoencoder.load(tmp_path / "sae")
    torch.testing.assert_close(again(x)[0].detach(), reconstruct(x), atol=1e-3, rtol=1e-3)
    train_sae(again, x, SHORT, progress=False)
    assert not again.W_dec[5].any()
    assert all(tensor.isfinite().all() for tensor in again.state_dict().values())


@pytest.mark.parametrize("frozen", ["decoder", "soft decoder", "encoder"])
def test_9_controls_of_a_coder_with_a_cut_latent_train(x, frozen):
    coder = new()
    coder.W_dec.data[5] = 0.0
    train_sae(coder, x, dataclasses.replace(SHORT, frozen=frozen), progress=False)
    assert not coder.W_dec[5].any()
    assert all(tensor.isfinite().all() for tensor in coder.state_dict().values())
    assert (coder.W_dec.norm(dim=1) > 0.99).sum() == D_SAE - 1


# ------------------------------------------------------------------------- 10: gradients on or off outside


def rows_with_a_graph(model) -> Tensor:
    """Rows from hooks, not detached: they lead back into the language model."""
    kept = []
    token_ids = torch.arange(1, 41)[None].repeat(8, 1) + torch.arange(8)[:, None]
    model.run_with_hooks(token_ids, fwd_hooks=[(HOOK, lambda activation, hook: kept.append(activation))])
    rows = kept[0].flatten(0, 1)
    assert rows.requires_grad and rows.grad_fn is not None
    return rows


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("form", [{}, {"d_out": 32}, {"d_out": 32, "skip": True}, {"sides": 2}])
def test_10_rows_that_carry_a_graph_train_and_leave_the_language_model_alone(gpt2, form, steps):
    rows = rows_with_a_graph(gpt2)
    given = {}
    if "d_out" in form:
        given["target"], given["validation"] = rows_with_a_graph(gpt2) * 2, (rows, rows)
    activations, width = (SideBySide(rows, rows), 64) if "sides" in form else (rows, 32)
    results = []
    for detached in (False, True):
        coder = SparseAutoencoder(SAEConfig(width, 2, k=4, **form))
        data = {"activations": activations} | given
        if detached:
            data = {
                name: SideBySide(rows.detach(), rows.detach()) if isinstance(value, SideBySide)
                else tuple(part.detach() for part in value) if isinstance(value, tuple) else value.detach()
                for name, value in data.items()
            }  # fmt: skip
        train_sae(coder, config=TrainConfig(steps * 32, batch_size=32), progress=False, **data)
        results.append(coder.state_dict())
    assert all(weights.grad is None for weights in gpt2.parameters())
    for name, weights in results[0].items():
        assert torch.equal(weights, results[1][name]), name


def test_10_controls_and_metrics_take_rows_that_carry_a_graph(gpt2):
    rows = rows_with_a_graph(gpt2)
    for made in (mean_predictor(rows)(rows), pca(rows)(3)(rows)):
        assert torch.isfinite(made).all()
    control = random_dictionary(SAEConfig(32, 2, k=4), rows)
    assert 0 < explained(control, rows) < 1
    assert all(weights.grad is None for weights in gpt2.parameters())


@pytest.mark.parametrize(
    "switch", ["set_grad_enabled", "no_grad", "inference_mode", "rows of inference_mode"]
)
@pytest.mark.parametrize("form", [{}, {"d_out": D_IN, "skip": True}])
def test_10_training_does_not_depend_on_gradients_outside(x, switch, form):
    expected, coder = new(**form), new(**form)
    target = {"target": x.relu()} if form else {}
    train_sae(expected, x, SHORT, progress=False, **target)
    if switch == "set_grad_enabled":
        torch.set_grad_enabled(False)
        try:
            train_sae(coder, x, SHORT, progress=False, **target)
            assert not torch.is_grad_enabled()  # as the caller left it
        finally:
            torch.set_grad_enabled(True)
    elif switch == "rows of inference_mode":
        with torch.inference_mode():
            x, target = x.clone(), {name: rows.clone() for name, rows in target.items()}
        train_sae(coder, x, SHORT, progress=False, **target)
    else:
        with getattr(torch, switch)():
            train_sae(coder, x, SHORT, progress=False, **target)
    for name, weights in expected.state_dict().items():
        assert torch.equal(weights, coder.state_dict()[name]), name


def test_10_what_active_pairs_gives_can_be_used_anywhere(x):
    coder = new()
    pairs = coder.active_pairs(x)
    torch.testing.assert_close(coder.write(x, pairs), coder(x)[0])
    (pairs.values * torch.ones_like(pairs.values, requires_grad=True)).sum().backward()


# -------------------------------------------------------------------------------- 14: wrong kinds of input


def collect(model, texts, directory: Path, hook_name=HOOK, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # texts that are cut
        return collect_activations(
            model, texts, hook_name, directory=directory, context_size=CONTEXT, dtype="float32", **options
        )


@pytest.mark.parametrize(
    "kind",
    [tuple, iter, lambda texts: (text for text in texts), np.array, pd.Series, pd.Index,
     lambda texts: pd.Series(texts, index=range(5, 5 + len(texts))), lambda texts: dict.fromkeys(texts).keys()],
)  # fmt: skip
def test_14_texts_may_come_from_anything_that_can_be_read_one_by_one(gpt2, store, tmp_path, kind):
    got = collect(gpt2, kind(TEXTS), tmp_path / "store")
    assert np.array_equal(got.token_ids, store.token_ids)
    assert np.array_equal(got.document_ids, store.document_ids)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (pd.DataFrame({"text": TEXTS}), r"texts is a DataFrame; pass one of its columns"),
        ({"text": TEXTS}, r"texts is a dict; pass one of its columns"),
        (np.array([TEXTS, TEXTS]), r"texts is a ndarray; pass one of its columns"),
        (5, "texts must be a list of strings, got 5"),
        (None, "texts must be a list of strings, got None"),
        ("one text", "texts must be a list of strings"),
        ([["a", "b"]], r"texts\[0\] is \['a', 'b'\]"),
        ([b"bytes"], r"texts\[0\] is b'bytes'"),
        (["a", float("nan")], r"texts\[1\] is nan"),
    ],
    ids=str,
)
def test_14_texts_that_are_none_are_refused_by_name(gpt2, tmp_path, texts, message):
    with pytest.raises(TypeError, match=message):
        collect(gpt2, texts, tmp_path / "store")


def test_14_a_table_of_the_datasets_library_is_refused(gpt2, tmp_path):
    from datasets import Dataset

    with pytest.raises(TypeError, match=r"texts is a Dataset; pass one of its columns"):
        collect(gpt2, Dataset.from_dict({"text": TEXTS}), tmp_path / "store")


def test_14_models_of_another_kind_are_refused_with_the_cure(gpt2, monkeypatch, tmp_path):
    for model in (gpt2.original_model, torch.nn.Linear(2, 2), "gpt2", None):
        with pytest.raises(TypeError, match=r"model is a .*boot_transformers"):
            collect(model, TEXTS, tmp_path / "store")
    monkeypatch.setattr(gpt2, "tokenizer", None)
    with pytest.raises(ValueError, match="the model has no tokenizer"):
        collect(gpt2, TEXTS, tmp_path / "store")


@pytest.mark.parametrize(
    "kind",
    [Tensor.numpy, Tensor.tolist, lambda x: x.numpy().astype(np.float64), lambda x: list(x.numpy()),
     lambda x: tuple(map(tuple, x.tolist())), Tensor.double],
)  # fmt: skip
def test_14_rows_may_be_arrays_and_lists(x, kind):
    expected, coder = new(), new()
    train_sae(expected, x, SHORT, validation=x, progress=False)
    held_out = kind(x)  # a tuple would be rows and targets
    train_sae(
        coder,
        kind(x),
        SHORT,
        validation=list(held_out) if type(held_out) is tuple else held_out,
        progress=False,
    )
    assert torch.equal(coder.W_dec, expected.W_dec)
    assert explained(coder, kind(x)) == explained(expected, x)
    for control in (mean_predictor, pca):
        assert callable(control(kind(x)))
    by_target = new(d_out=D_IN)
    train_sae(by_target, kind(x), SHORT, target=kind(x), progress=False)


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        (lambda x: pd.DataFrame(x.numpy()), "DataFrame"),
        (lambda x: (row for row in x), "generator"),
        (lambda x: "rows", "str"),
        (lambda x: None, "NoneType"),
        (lambda x: [["a"] * D_IN], "not an array of numbers"),
        (lambda x: [[1.0] * D_IN, [1.0]], "not an array of numbers"),
        (lambda x: 5.0, "float"),
    ],
)
def test_14_rows_that_are_none_are_refused_by_name(x, rows, error):
    for call in (
        lambda: train_sae(new(), rows(x), SHORT, progress=False),
        lambda: evaluate_reconstruction(new(), rows(x), progress=False),
        lambda: mean_predictor(rows(x)),
    ):
        with pytest.raises(TypeError, match=rf"(?s)activations .*{error}"):
            call()
    if rows(x) is not None:
        with pytest.raises(TypeError, match=rf"(?s)target .*{error}"):
            train_sae(new(d_out=D_IN), x, SHORT, target=rows(x), progress=False)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_14_a_coder_in_another_precision_is_refused_with_the_cure_and_unchanged(x, dtype):
    coder = new().to(dtype)
    before = {name: tensor.clone() for name, tensor in coder.state_dict().items()}
    for train in (lambda: train_sae(coder, x, SHORT), lambda: train_saes([coder], x, SHORT)):
        with pytest.raises(TypeError, match=rf"W_enc is {dtype}; train in float32: call sae.float\(\) first"):
            train()
    for name, tensor in coder.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("name", ["W_enc", "W_dec", "b_dec", "b_enc"])
def test_14_frozen_weights_are_refused_with_the_cure(x, name):
    coder = new()
    getattr(coder, name).requires_grad_(False)
    with pytest.raises(ValueError, match=rf"{name} does not require gradients.*TrainConfig\.frozen"):
        train_sae(coder, x, SHORT, progress=False)


@pytest.mark.parametrize(("options", "target"), [({}, True), ({"d_out": 9}, False)])
def test_14_a_target_too_many_or_too_few_is_named(x, options, target):
    target = {"target": x} if target else {}
    for call in (
        lambda: train_sae(new(**options), x, SHORT, progress=False, **target),
        lambda: evaluate_reconstruction(new(**options), x, progress=False, **target),
        lambda: new(**options).loss(x, *target.values()),
    ):
        with pytest.raises(ValueError, match="this coder (takes no|needs a) target"):
            call()


def test_14_targets_that_do_not_fit_the_rows_are_named(x):
    for target, message in (
        (x[:-1], "400, 399"),
        (x[:, :5], "target has shape"),
        (x[None], "target has shape"),
    ):
        with pytest.raises(ValueError, match=message):
            train_sae(new(d_out=D_IN), x, SHORT, target=target, progress=False)


# ------------------------------------------------------------------------------------------ 16: formats people have


def weights_of(architecture: str, **options) -> dict[str, Tensor]:
    """Random weights in which every term matters, by our names, with decoder rows of norm 1."""
    generator = torch.Generator().manual_seed(3)
    coder = new(architecture, **options)
    return {
        name: tensor if name in ("W_dec", "W_enc") else 0.3 * torch.rand(tensor.shape, generator=generator)
        for name, tensor in coder.state_dict().items()
    }


def sparsify_directory(directory: Path, norm: float = 1.0, **config) -> tuple[Path, dict[str, Tensor]]:
    """What sparsify writes: encoder.weight [d_sae, d_in], W_dec [d_sae, d_out], W_skip [d_out, d_in]."""
    d_out, skip = (9 if config.get("transcode") else None), config.get("skip_connection", False)
    w = weights_of("topk", d_out=d_out, skip=skip)
    w["W_dec"] = norm * w["W_dec"]
    names = {"W_enc": "encoder.weight", "b_enc": "encoder.bias"}
    directory.mkdir()
    files = {
        names.get(name, name): (t.T if name in ("W_enc", "W_skip") else t).contiguous()
        for name, t in w.items()
    }
    save_file(files, directory / "sae.safetensors")
    settings = {
        "activation": "topk",
        "expansion_factor": 4,
        "normalize_decoder": True,
        "num_latents": 0,
        "k": K,
    }
    settings |= {"multi_topk": False, "skip_connection": False, "transcode": False, "d_in": D_IN} | config
    (directory / "cfg.json").write_text(json.dumps(settings))
    return directory, w


@pytest.mark.parametrize("norm", [1.0, 0.3])
@pytest.mark.parametrize(
    "config", [{}, {"transcode": True}, {"transcode": True, "skip_connection": True}], ids=str
)
def test_16_sparsify(tmp_path, x, config, norm):
    directory, w = sparsify_directory(tmp_path / "sae", norm, **config)
    coder = SparseAutoencoder.load(directory)
    pre = (x if config else x - w["b_dec"]) @ w["W_enc"] + w["b_enc"]
    f = pre.relu() * (pre >= pre.topk(K).values[:, -1:])
    y_hat = f @ w["W_dec"] + w["b_dec"] + (x @ w["W_skip"] if "W_skip" in w else 0.0)
    torch.testing.assert_close(coder.encode(x).detach(), f)
    torch.testing.assert_close(coder(x)[0].detach(), y_hat)
    assert (coder.config.k, coder.config.free_decoder) == (K, norm != 1)
    coder.save(tmp_path / "again")
    assert torch.equal(SparseAutoencoder.load(tmp_path / "again")(x)[0], coder(x)[0])


def test_16_another_activation_of_sparsify_is_refused_by_name(tmp_path):
    directory, _ = sparsify_directory(tmp_path / "sae", activation="groupmax")
    with pytest.raises(ValueError, match="groupmax"):
        SparseAutoencoder.load(directory)


def gemma_scope_file(path: Path, norm: float = 1.0, dtype: type = np.float32, old_names: bool = False):
    """What Gemma Scope publishes: arrays W_enc [d_in, d_sae], W_dec, b_enc, b_dec, threshold."""
    w = weights_of("jumprelu")
    w["W_dec"] = norm * w["W_dec"]
    path.parent.mkdir()
    arrays = {name: tensor.numpy().astype(dtype) for name, tensor in w.items()}
    np.savez(path, **{name.replace("W_", "w_") if old_names else name: a for name, a in arrays.items()})
    return {name: torch.from_numpy(a.astype(np.float32)) for name, a in arrays.items()}


@pytest.mark.parametrize(
    "options", [{}, {"norm": 0.3}, {"dtype": np.float16}, {"dtype": np.float64}, {"old_names": True}], ids=str
)
def test_16_gemma_scope(tmp_path, x, options):
    w = gemma_scope_file(tmp_path / "sae" / "params.npz", **options)
    coder = SparseAutoencoder.load(tmp_path / "sae")
    pre = x @ w["W_enc"] + w["b_enc"]
    y_hat = pre.relu() * (pre > w["threshold"]) @ w["W_dec"] + w["b_dec"]
    torch.testing.assert_close(coder(x)[0].detach(), y_hat, atol=1e-4, rtol=1e-4)
    assert coder.config.architecture == "jumprelu"


def test_16_nothing_in_an_npz_file_is_unpickled(tmp_path):
    """An object in an array could be any program; this one would make a file."""

    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    for name in ("W_enc", "threshold", "extra"):
        path = tmp_path / name / "params.npz"
        gemma_scope_file(path)
        arrays = dict(np.load(path)) | {name: np.array([Trap()], dtype=object)}
        np.savez(path, **arrays)
        with pytest.raises(storage.DamagedFileError, match="params.npz"):
            SparseAutoencoder.load(path.parent)
    assert not (tmp_path / "ran").exists()


def test_16_damaged_and_incomplete_npz_files_are_named(tmp_path):
    gemma_scope_file(tmp_path / "cut" / "params.npz")
    whole = (tmp_path / "cut" / "params.npz").read_bytes()
    for length in (0, 100, len(whole) // 2):
        (tmp_path / "cut" / "params.npz").write_bytes(whole[:length])
        with pytest.raises(storage.DamagedFileError, match="params.npz"):
            SparseAutoencoder.load(tmp_path / "cut")
    gemma_scope_file(tmp_path / "less" / "params.npz")
    arrays = dict(np.load(tmp_path / "less" / "params.npz"))
    del arrays["threshold"]
    np.savez(tmp_path / "less" / "params.npz", **arrays)
    with pytest.raises(ValueError, match="threshold"):
        SparseAutoencoder.load(tmp_path / "less")


@pytest.mark.parametrize("with_index", [True, False])
@pytest.mark.parametrize("n_shards", [1, 2, 4])
@pytest.mark.parametrize("library", ["saelens", "sparsify"])
def test_16_weights_in_several_files(tmp_path, x, library, n_shards, with_index):
    directory = tmp_path / "sae"
    if library == "sparsify":
        sparsify_directory(directory, transcode=True, skip_connection=True)
        whole = directory / "sae.safetensors"
    else:
        coder = new("gated")
        coder.load_state_dict(weights_of("gated"))
        coder.save(directory)
        whole = directory / "sae_weights.safetensors"
    expected = SparseAutoencoder.load(directory)(x)[0]
    tensors = storage.read_tensors(whole)
    whole.unlink()
    index = {}
    for shard in range(n_shards):
        name = whole.name.replace(".safetensors", f"-{shard + 1:05}-of-{n_shards:05}.safetensors")
        part = dict(list(tensors.items())[shard::n_shards])
        save_file(part, directory / name)
        index |= dict.fromkeys(part, name)
    if with_index:
        (directory / f"{whole.name}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    assert torch.equal(SparseAutoencoder.load(directory)(x)[0], expected)
    (directory / name).unlink()  # a download that was not finished
    with pytest.raises((FileNotFoundError, ValueError), match="safetensors|W_|b_"):
        SparseAutoencoder.load(directory)


# ------------------------------------------------------------------------------------- 17: devices that are not here


@pytest.fixture
def elsewhere():
    """Every new tensor that names no device is one without numbers, as on a machine whose default is a GPU."""
    torch.set_default_device("meta")
    yield
    torch.set_default_device(None)


@pytest.mark.parametrize("form", [{}, {"d_out": 9}, {"d_out": 9, "skip": True}, {"sides": 2}], ids=str)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_17_a_new_coder_lies_on_the_cpu_with_the_same_numbers(architecture, form):
    expected = new(architecture, **form).state_dict()
    with torch.device("meta"):
        got = new(architecture, **form).state_dict()
    for name, tensor in expected.items():
        assert got[name].device.type == "cpu"
        assert torch.equal(got[name], tensor), name


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_17_training_measuring_and_saving_under_another_default_device(x, tmp_path, architecture, request):
    expected = new(architecture)
    training = TrainConfig(60 * 64, batch_size=64, dead_window=640, norm_limit=5.0)
    train_sae(expected, x, training, validation=x, progress=False)
    score = evaluate_reconstruction(expected, x, progress=False)
    request.getfixturevalue("elsewhere")
    coder = new(architecture)
    train_sae(coder, x, training, validation=x, checkpoint_dir=tmp_path / "run", progress=False)
    for name, tensor in expected.state_dict().items():
        assert torch.equal(coder.state_dict()[name], tensor), name
    assert evaluate_reconstruction(coder, x, progress=False) == score
    coder.save(tmp_path / "sae")
    again = SparseAutoencoder.load(tmp_path / "sae")
    assert torch.equal(again.W_dec, expected.W_dec)


def test_17_transcoders_crosscoders_controls_and_lists_under_another_default_device(x, request):
    request.getfixturevalue("elsewhere")
    for soft in ("soft decoder", "nothing"):
        transcoder = new(d_out=D_IN, skip=True)
        train_sae(transcoder, x, dataclasses.replace(SHORT, frozen=soft), target=x * 2, progress=False)
    train_sae(new(sides=2), SideBySide(x[:, :6], x[:, 6:]), SHORT, progress=False)
    train_sae(new(), x.tolist(), SHORT, progress=False)
    rows = x.clone()
    for made in (mean_predictor(x)(rows), pca(x)(3)(rows), random_dictionary(new().config, x)(rows)[0]):
        assert made.device.type == "cpu"


@pytest.fixture
def no_float64(monkeypatch):
    """Let `meta` stand for an accelerator that knows no float64, as Apple's; what is copied from it is noise."""

    def to_cpu(tensor: Tensor) -> Tensor:
        return torch.rand(tensor.shape).to(tensor.dtype) if tensor.is_meta else tensor

    def double(tensor: Tensor) -> Tensor:
        assert not tensor.is_meta, "float64 on a device that has none"
        return tensor.to(torch.float64)

    monkeypatch.setattr(Tensor, "cpu", to_cpu)
    monkeypatch.setattr(Tensor, "double", double)


def test_17_float64_is_made_on_the_cpu_alone(x, no_float64):
    rows = x.to("meta")
    sums = ReconstructionSums()
    sums.add(rows, rows)
    assert np.isfinite(sums.metrics()["mse"])
    assert mean_predictor(rows)(rows).device.type == "meta"
    assert pca(rows)(3)(rows).device.type == "meta"
    for target in (None, rows, x.to("meta")):
        assert np.isfinite(Units.of(rows, target).scale)


# ---------------------------------------------------------------------------------- several hooks, and heads


@pytest.mark.parametrize(
    "hooks",
    [
        ["blocks.0.hook_mlp_out", "blocks.1.hook_mlp_out"],
        ["blocks.2.hook_resid_post", "blocks.0.hook_resid_pre", "hook_embed"],
        ["blocks.1.attn.hook_z", "blocks.1.hook_attn_out"],
        [HOOK],
    ],
)
@pytest.mark.parametrize("model_name", ["gpt2", "llama"])
def test_several_hooks_in_one_pass_are_the_single_collections(
    request, tmp_path, monkeypatch, model_name, hooks
):
    model = request.getfixturevalue(model_name)
    hooks = [
        hook for hook in hooks if hook in model.hook_dict and (model_name == "gpt2" or "blocks.2" not in hook)
    ]
    together = collect(model, TEXTS, tmp_path / "all", hooks)
    assert list(together) == hooks
    for hook in hooks:
        alone = collect(model, TEXTS, tmp_path / "one", hook)
        assert torch.equal(together[hook][:], alone[:])
        assert np.array_equal(together[hook].token_ids, alone.token_ids)
        assert np.array_equal(together[hook].document_ids, alone.document_ids)
        assert together[hook].settings == alone.settings


def test_several_hooks_run_the_model_once_a_batch(gpt2, tmp_path, monkeypatch):
    calls = []
    real = type(gpt2).run_with_hooks
    monkeypatch.setattr(
        type(gpt2),
        "run_with_hooks",
        lambda self, *args, **options: (calls.append(1), real(self, *args, **options))[1],
    )
    collect(gpt2, TEXTS, tmp_path / "one", HOOK)
    once = len(calls)
    collect(gpt2, TEXTS, tmp_path / "all", ["blocks.0.hook_mlp_out", HOOK, "blocks.2.hook_resid_post"])
    assert len(calls) == 2 * once


def test_heads_are_stored_side_by_side_and_come_apart_again(gpt2, tmp_path):
    hook = "blocks.1.attn.hook_z"
    store = collect(gpt2, TEXTS[1:2], tmp_path / "store", hook)
    ids = gpt2.tokenizer(TEXTS[1], add_special_tokens=False)["input_ids"]
    token_ids = torch.tensor([[gpt2.tokenizer.bos_token_id, *ids]])
    z = run_to_hook(gpt2, token_ids, hook)[0, 1:]
    assert store.shape == (len(ids), 32)
    assert store.settings["heads"] == 4
    apart = store.by_head(store[:])
    torch.testing.assert_close(apart, z, atol=2e-5, rtol=1e-4)
    assert torch.equal(apart.flatten(1), store[:])
    train, _ = collect(gpt2, TEXTS, tmp_path / "more", hook).split_by_document(0.3)
    coder = SparseAutoencoder(SAEConfig(32, 2, k=4))
    assert train.by_head(coder.W_dec).shape == (64, 4, 8)
    with pytest.raises(ValueError, match="has no heads"):
        collect(gpt2, TEXTS[1:2], tmp_path / "none", HOOK).by_head(store[:])


@pytest.mark.parametrize(
    "hooks", [[], [HOOK, HOOK], ["blocks.0.hook_mlp_out", "blocks.0.hook_nonsense"], [HOOK, 3]]
)
def test_hook_names_that_make_no_sense_are_refused_before_anything_is_written(gpt2, tmp_path, hooks):
    with pytest.raises(ValueError, match="hook"):
        collect(gpt2, TEXTS, tmp_path / "store", hooks)
    assert not (tmp_path / "store").exists()
