"""Metrics equal their definitions, whatever the batch size, the mean of the data and the size of the numbers."""

import math

import pytest
import torch
import torch.nn.functional as F

from sae_tutorial.sae import metrics
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig
from sae_tutorial.sae.metrics import ReconstructionSums, evaluate_function, evaluate_reconstruction


def make(architecture: str) -> SparseAutoencoder:
    sae = SparseAutoencoder(SAEConfig(8, 4, architecture, k=8), seed=2)
    generator = torch.Generator().manual_seed(1)
    sae.b_dec.data = torch.randn(8, generator=generator)
    sae.b_enc.data = torch.randn(32, generator=generator) - 2
    return sae


@pytest.fixture
def x() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(101, 8, generator=generator) * torch.linspace(0.2, 3, 8) + torch.linspace(-2, 4, 8)


def test_worked_example():
    """Two rows whose variance is 10 and whose squared errors are 2."""
    x, x_hat = torch.tensor([[2.0, 0.0], [0.0, 4.0]]), torch.tensor([[2.0, 1.0], [0.0, 3.0]])
    sums = ReconstructionSums()
    sums.add(x, x_hat)
    got = sums.metrics()
    assert got["explained_variance"] == pytest.approx(0.8, abs=1e-12)
    assert got["mse"] == pytest.approx(0.5, abs=1e-12)
    assert got["cosine_mean"] == pytest.approx((2 / 5**0.5 + 1) / 2, abs=1e-6)
    assert got["cosine_std"] == pytest.approx((1 - 2 / 5**0.5) / 2, abs=1e-6)


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.0, 1.3])
def test_relative_bias_is_the_factor_that_a_reconstruction_is_too_long_by(x, factor):
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    x = x.double()
    # What is left after the best rescaling is orthogonal to the reconstruction: take the part along x out of noise.
    noise -= (noise * x).sum() / (x * x).sum() * x
    shrunk = evaluate_function(lambda batch: factor * batch, x)
    assert shrunk["relative_bias"] == pytest.approx(factor, abs=1e-6)
    missing = evaluate_function(lambda batch: batch - noise[: len(batch)], x)
    best = float((x - noise).pow(2).sum() / ((x - noise) * x).sum())
    assert missing["relative_bias"] == pytest.approx(best, abs=1e-6)
    assert math.isnan(evaluate_function(torch.zeros_like, x)["relative_bias"])


@pytest.mark.parametrize("batch", [1, 7, 1000])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_the_mean_predictor_explains_exactly_nothing(x, monkeypatch, batch, offset):
    monkeypatch.setattr(metrics, "BATCH", batch)
    x = x + offset
    mean = x.double().mean(0)
    got = evaluate_function(lambda batch: mean.expand_as(batch), x)
    assert got["explained_variance"] == pytest.approx(0, abs=1e-12)


def test_a_float32_mean_predictor_too(x):
    mean = x.double().mean(0).float()
    assert evaluate_function(lambda batch: mean.expand_as(batch), x)["explained_variance"] == pytest.approx(
        0, abs=1e-12
    )


def test_perfect_constant_and_worse_than_the_mean(x):
    assert evaluate_function(lambda batch: batch, x)["explained_variance"] == 1
    assert evaluate_function(lambda batch: batch, x)["mse"] == 0
    zero = evaluate_function(torch.zeros_like, x)
    variance = (x - x.mean(0)).pow(2).sum()
    assert zero["explained_variance"] == pytest.approx(1 - float(x.pow(2).sum() / variance), rel=1e-5)
    assert zero["explained_variance"] < -0.1
    assert evaluate_function(lambda batch: 2 * x.mean(0) - batch, x)["explained_variance"] == pytest.approx(
        -3, abs=1e-4
    )


@pytest.mark.parametrize("n", [2, 7, 10])
def test_rows_without_variance_have_no_explained_variance(n):
    """For some n the rounding of the sums leaves a tiny positive variance, for others none or a negative one."""
    x = torch.tensor([0.1, 0.7, 1 / 3]).expand(n, 3)
    got = evaluate_function(lambda batch: batch + 1, x)
    assert math.isnan(got["explained_variance"])
    assert got["mse"] == pytest.approx(1)


@pytest.mark.parametrize("batch", [1, 10, 5000])
@pytest.mark.parametrize("architecture", ["relu", "topk"])
def test_evaluate_reconstruction_equals_the_definitions(x, monkeypatch, architecture, batch):
    monkeypatch.setattr(metrics, "BATCH", batch)
    sae = make(architecture)
    with torch.no_grad():
        x_hat, f = sae(x)
    cosine = F.cosine_similarity(x, x_hat)
    expected = {
        "explained_variance": 1 - float((x - x_hat).pow(2).sum() / (x - x.mean(0)).pow(2).sum()),
        "mse": float((x - x_hat).pow(2).mean()),
        "cosine_mean": float(cosine.mean()),
        "cosine_std": float(cosine.std(correction=0)),
        "relative_bias": float((x_hat * x_hat).sum() / (x_hat * x).sum()),
        "l0": float((f > 0).sum(1).float().mean()),
        "dead_fraction": float((f == 0).all(0).float().mean()),
        "extreme_rows": 0,
    }
    assert 0 < expected["dead_fraction"] < 1
    assert 0 < expected["l0"] < 32
    got = evaluate_reconstruction(sae, x, progress=False)
    assert got == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_a_store_and_its_rows_score_the_same(store):
    sae = SparseAutoencoder(SAEConfig(32, 2, k=4))
    for view in (store, store.split_by_document(0.3)[1]):
        assert evaluate_reconstruction(sae, view, progress=False) == evaluate_reconstruction(
            sae, view[:], progress=False
        )
    assert evaluate_function(lambda x: x * 0.5, store) == evaluate_function(lambda x: x * 0.5, store[:])


def test_evaluation_leaves_the_autoencoder_as_it_was(x):
    sae = make("topk")
    before = {name: tensor.clone() for name, tensor in sae.state_dict().items()}
    evaluate_reconstruction(sae, x, progress=False)
    assert all(torch.equal(before[name], tensor) for name, tensor in sae.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in sae.parameters())


def test_large_numbers_do_not_drown_the_error():
    """float64 sums: a million-fold mean must not hide a small error."""
    x = torch.randn(5000, 4, generator=torch.Generator().manual_seed(0)) + 1000
    noise = 0.1 * torch.randn(5000, 4, generator=torch.Generator().manual_seed(1))
    noise = (x + noise) - x  # what float32 keeps of it
    expected = 1 - float(noise.double().pow(2).sum() / (x.double() - x.double().mean(0)).pow(2).sum())
    position = iter(range(0, 5000, metrics.BATCH))

    def noisy(batch: torch.Tensor) -> torch.Tensor:
        first = next(position)
        return batch + noise[first : first + len(batch)]

    assert evaluate_function(noisy, x)["explained_variance"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5, 9), r"activations have shape \(5, 9\); this autoencoder takes \[n, 8\]"),
        ((5, 2, 8), r"shape \(5, 2, 8\)"),
        ((8,), r"shape \(8,\)"),
        ((0, 8), "activations has no rows"),
    ],
)
def test_wrong_shapes_are_named(shape, message):
    with pytest.raises(ValueError, match=message):
        evaluate_reconstruction(make("topk"), torch.zeros(shape))
