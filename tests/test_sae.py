"""The autoencoder computes the formulas in its docstrings, and refuses settings that make no sense."""

import dataclasses
import json

import pytest
import torch

from sae_tutorial import sparse
from sae_tutorial.sae import SAEConfig, SparseAutoencoder

D_IN = 10
ARCHITECTURES = ["relu", "topk"]


def make(architecture: str, **options) -> SparseAutoencoder:
    """A small autoencoder with random biases, at float64."""
    config = SAEConfig(D_IN, 4, architecture, **{"k": 3, "l1_coefficient": 0.05} | options)
    sae = SparseAutoencoder(config).double()
    generator = torch.Generator().manual_seed(5)
    sae.b_dec.data = torch.randn(D_IN, generator=generator, dtype=torch.float64)
    sae.b_enc.data = 0.3 * torch.randn(sae.config.d_sae, generator=generator, dtype=torch.float64)
    return sae


@pytest.fixture
def x() -> torch.Tensor:
    return 2 * torch.randn(30, D_IN, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def written_out(sae: SparseAutoencoder, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(loss, x_hat, f) straight from the docstrings' formulas, one position at a time."""
    rows = []
    for row in x:
        f = torch.relu((row - sae.b_dec) @ sae.W_enc + sae.b_enc)
        if sae.config.architecture == "topk":
            f = torch.where(torch.isin(torch.arange(len(f)), f.argsort()[-sae.config.k :]), f, 0.0)
        rows.append(f)
    f = torch.stack(rows)
    x_hat = f @ sae.W_dec + sae.b_dec
    loss = ((x - x_hat) ** 2).sum() / x.numel()
    if sae.config.architecture == "relu":
        loss = loss + sae.config.l1_coefficient * f.sum() / len(x)
    return loss, x_hat, f


@pytest.mark.parametrize("share", [0.0, 2.0])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_loss_and_gradients_equal_the_written_formula(x, monkeypatch, architecture, share):
    monkeypatch.setattr(sparse, "DENSE_SHARE", share)  # 0: dense products, 2: never
    sae = make(architecture)
    loss, x_hat, f = written_out(sae, x)
    expected = torch.autograd.grad(loss, list(sae.parameters()))
    got = sae.loss(x)
    gradients = torch.autograd.grad(got.total, list(sae.parameters()))
    torch.testing.assert_close(got.total, loss)
    torch.testing.assert_close(got.reconstruction, (x - x_hat).pow(2).mean())
    torch.testing.assert_close(got.sparsity, f.sum(1).mean())
    torch.testing.assert_close(got.l0, (f > 0).sum(1).float().mean())
    torch.testing.assert_close(got.x_hat, x_hat)
    torch.testing.assert_close(got.pairs.to_dense(sae.config.d_sae), f)
    for (name, _), gradient, reference in zip(sae.named_parameters(), gradients, expected, strict=True):
        assert reference.abs().max() > 1e-3
        torch.testing.assert_close(gradient, reference, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_encode_forward_and_active_pairs_agree(x, architecture):
    sae = make(architecture)
    _, x_hat, f = written_out(sae, x)
    torch.testing.assert_close(sae.encode(x), f)
    torch.testing.assert_close(sae(x), (x_hat, f))
    torch.testing.assert_close(sae.active_pairs(x).to_dense(sae.config.d_sae), sae.encode(x))
    assert (f > 0).any()


def test_topk_keeps_at_most_k_and_the_largest(x):
    sae = make("topk", k=4)
    f, pre = sae.encode(x), sae.pre_activations(x)
    on = f > 0
    assert (on.sum(1) <= 4).all()
    assert (on.sum(1) == 4).any()
    assert torch.equal(f[on], pre[on])
    for i in range(len(x)):
        if on[i].sum() == 4:
            assert pre[i][on[i]].min() >= pre[i][~on[i]].max()
        else:
            assert (pre[i][~on[i]] <= 0).all()


def test_topk_loss_has_no_l1_price(x):
    loss = make("topk", l1_coefficient=100.0).loss(x)
    assert torch.equal(loss.total, loss.reconstruction)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_f_is_never_negative(x, architecture):
    assert (make(architecture).encode(x) >= 0).all()


def test_decode_is_affine():
    sae = make("topk")
    generator = torch.Generator().manual_seed(0)
    f, g = torch.rand(2, 6, sae.config.d_sae, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(sae.decode(0.3 * f + 0.7 * g), 0.3 * sae.decode(f) + 0.7 * sae.decode(g))
    assert torch.equal(sae.decode(torch.zeros_like(f)), sae.b_dec.expand(6, D_IN))
    one_hot = torch.eye(sae.config.d_sae, dtype=torch.float64)
    torch.testing.assert_close(sae.decode(one_hot) - sae.b_dec, sae.W_dec)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_rescale_inputs_is_the_same_function_in_other_units(x, architecture):
    of_scaled, of_raw, scale = make(architecture), make(architecture), 3.7
    of_raw.rescale_inputs(scale)
    x_hat, f = of_scaled(scale * x)
    torch.testing.assert_close(of_raw(x), (x_hat / scale, f / scale))
    assert torch.equal(of_raw.W_dec, of_scaled.W_dec)
    of_raw.rescale_inputs(1 / scale)
    torch.testing.assert_close(of_raw(x), of_scaled(x))


def test_size_of_the_course_autoencoder():
    sae = SparseAutoencoder(SAEConfig(768, 8))
    assert sae.config.d_sae == 6144
    assert sum(parameter.numel() for parameter in sae.parameters()) == 9_444_096
    shapes = {name: tuple(parameter.shape) for name, parameter in sae.named_parameters()}
    assert shapes == {"W_enc": (768, 6144), "W_dec": (6144, 768), "b_enc": (6144,), "b_dec": (768,)}


def test_a_new_autoencoder_has_unit_decoder_rows_and_no_biases():
    sae = SparseAutoencoder(SAEConfig(D_IN, 4, k=3))
    torch.testing.assert_close(sae.W_dec.norm(dim=1), torch.ones(40))
    assert not sae.b_enc.any()
    assert not sae.b_dec.any()
    assert torch.equal(sae.W_enc, sae.W_dec.T)


def test_tied_init_shares_values_not_storage():
    sae = SparseAutoencoder(SAEConfig(D_IN, 4, k=3))
    sae.W_enc.data += 1
    torch.testing.assert_close(sae.W_dec.norm(dim=1), torch.ones(40))


def test_untied_init_draws_the_encoder_independently():
    sae = SparseAutoencoder(SAEConfig(256, 4, tied_init=False))
    rows = sae.W_enc.T / sae.W_enc.norm(dim=0)[:, None]
    assert (rows * sae.W_dec).sum(1).abs().mean() < 0.1
    torch.testing.assert_close(sae.W_enc.norm(dim=0).mean(), torch.tensor(1.0), atol=0.05, rtol=0)


def test_initial_weights_depend_on_the_seed_alone():
    first, again, other = (SparseAutoencoder(SAEConfig(D_IN, 4, k=3), seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.W_dec, again.W_dec)
    assert not torch.equal(first.W_dec, other.W_dec)
    torch.manual_seed(123)
    state = torch.get_rng_state()
    SparseAutoencoder(SAEConfig(D_IN, 4, k=3))
    assert torch.equal(torch.get_rng_state(), state)  # the global generator is left alone


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"d_in": 0}, "d_in must be at least 1, got 0"),
        ({"d_in": -3}, "got -3"),
        ({"expansion_factor": 0}, "expansion_factor 0 "),
        ({"expansion_factor": -2}, "expansion_factor -2 "),
        ({"expansion_factor": 0.33}, "expansion_factor 0.33 x d_in 10 must be a whole number"),
        ({"expansion_factor": float("nan")}, "expansion_factor nan"),
        ({"expansion_factor": float("inf")}, "expansion_factor inf"),
        ({"architecture": "jumprelu"}, "architecture must be 'relu' or 'topk', got 'jumprelu'"),
        ({"architecture": None}, "got None"),
        ({"k": 0}, "k must .*got 0"),
        ({"k": 41}, "k must .*between 1 and d_sae = 40, got 41"),
        ({"k": 2.5}, "k must .*got 2.5"),
        ({"l1_coefficient": -0.1}, "l1_coefficient must not be negative, got -0.1"),
        ({"architecture": "relu", "l1_coefficient": float("nan")}, "l1_coefficient .*got nan"),
    ],
)
def test_wrong_settings_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        SAEConfig(**{"d_in": 10, "expansion_factor": 4, "k": 3} | options)


def test_k_is_not_looked_at_for_relu():
    assert SAEConfig(2, 2, "relu").d_sae == 4


@pytest.mark.parametrize(("d_in", "d_sae"), [(10, 25), (7, 29), (49, 53), (3, 1), (768, 6144), (1000, 3333)])
def test_any_whole_number_of_latents_is_accepted(d_in, d_sae):
    config = SAEConfig(d_in, d_sae / d_in, "relu")
    assert config.d_sae == d_sae
    assert isinstance(config.d_sae, int)


def test_config_is_frozen_and_round_trips_through_json():
    config = SAEConfig(10, 2.5, "relu", l1_coefficient=0.1, tied_init=False)
    assert SAEConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.k = 3


def test_one_latents_encoder_weights_lie_side_by_side():
    """Adam and the sparse backward run over W_enc by latent."""
    sae = SparseAutoencoder(SAEConfig(D_IN, 4, k=3))
    assert sae.W_enc.stride() == (1, D_IN)
    loss = sae.loss(torch.randn(5, D_IN, generator=torch.Generator().manual_seed(0)))
    loss.total.backward()
    assert sae.W_enc.grad.stride() == (1, D_IN)
