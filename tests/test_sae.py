"""The autoencoder computes the formulas in its docstrings, and refuses settings that make no sense."""

import dataclasses
import json

import pytest
import torch

from sae_tutorial.sae import coder as sae_module
from sae_tutorial.sae import sparse
from sae_tutorial.sae.coder import JumpReLU, SparseAutoencoder, Step
from sae_tutorial.sae.config import SAEConfig

D_IN = 10
ARCHITECTURES = ["relu", "relu_free", "gated", "topk", "batchtopk", "matryoshka", "jumprelu"]
OVER_BATCH = ["batchtopk", "matryoshka"]
PREFIXES = (1, 3, 8, 18, 40)  # of 40 latents


def make(architecture: str, **options) -> SparseAutoencoder:
    """A small autoencoder with random biases and thresholds, at float64."""
    config = SAEConfig(D_IN, 4, architecture, **{"k": 3, "l1_coefficient": 0.05} | options)
    sae = SparseAutoencoder(config).double()
    generator = torch.Generator().manual_seed(5)
    sae.b_dec.data = torch.randn(D_IN, generator=generator, dtype=torch.float64)
    for name in ("b_enc", "r_mag", "b_mag"):
        if hasattr(sae, name):
            getattr(sae, name).data = 0.3 * torch.randn(40, generator=generator, dtype=torch.float64)
    if architecture == "jumprelu":
        sae.threshold.data = 1 + torch.rand(40, generator=generator, dtype=torch.float64)
    elif architecture in OVER_BATCH:
        sae.threshold.fill_(1.7)
    return sae


@pytest.fixture
def x() -> torch.Tensor:
    return 2 * torch.randn(30, D_IN, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def written_out(
    sae: SparseAutoencoder, x: torch.Tensor, training: bool = True
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(loss, x_hat, f) straight from the docstrings' formulas, one position at a time."""
    architecture, k, price = sae.config.architecture, sae.config.k, sae.config.l1_coefficient
    projected = torch.stack([(row - sae.b_dec) @ sae.W_enc for row in x])
    pre = projected + sae.b_enc
    f = torch.relu(pre)
    if architecture == "topk":
        f = torch.stack(
            [torch.where(torch.isin(torch.arange(40), row.argsort()[-k:]), row, 0.0) for row in f]
        )
    elif architecture in OVER_BATCH and training:
        f = torch.where(f >= f.flatten().sort().values[-k * len(x)], f, 0.0)
    elif architecture in (*OVER_BATCH, "jumprelu"):
        f = f * (pre > sae.threshold)
    elif architecture == "gated":
        f = (pre > 0) * torch.relu(projected * sae.r_mag.exp() + sae.b_mag)

    def squares(of_x: torch.Tensor) -> torch.Tensor:
        return ((x - of_x) ** 2).sum() / x.numel()

    x_hat = f @ sae.W_dec + sae.b_dec
    loss = squares(x_hat)
    if architecture == "relu":
        loss = loss + price * f.sum() / len(x)
    elif architecture == "relu_free":
        loss = loss + price * (f * sae.W_dec.norm(dim=1)).sum() / len(x)
    elif architecture == "gated":
        gate = torch.relu(pre)
        loss = loss + price * gate.sum() / len(x) + squares(gate @ sae.W_dec.detach() + sae.b_dec.detach())
    elif architecture == "matryoshka":
        loss = sum(squares(f[:, :m] @ sae.W_dec[:m] + sae.b_dec) for m in PREFIXES)
    elif architecture == "jumprelu":
        loss = loss + ((f > 0).sum() / len(x) / k - 1) ** 2
    return loss, x_hat, f


@pytest.mark.parametrize("share", [0.0, 2.0])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_loss_and_gradients_equal_the_written_formula(x, monkeypatch, architecture, share):
    monkeypatch.setattr(sparse, "DENSE_SHARE", share)  # 0: dense products, 2: never
    sae = make(architecture)
    parameters = {name: weight for name, weight in sae.named_parameters() if name != "threshold"}
    loss, x_hat, f = written_out(sae, x)
    expected = torch.autograd.grad(loss, list(parameters.values()))
    got = sae.loss(x)
    gradients = torch.autograd.grad(got.total, list(parameters.values()))
    torch.testing.assert_close(got.total, loss)
    torch.testing.assert_close(got.reconstruction, (x - x_hat).pow(2).mean())
    if architecture in ("relu", "topk", *OVER_BATCH):
        torch.testing.assert_close(got.sparsity, f.sum(1).mean())
    torch.testing.assert_close(got.l0, (f > 0).sum(1).float().mean())
    torch.testing.assert_close(got.y_hat, x_hat)
    torch.testing.assert_close(got.pairs.to_dense(), f)
    for name, gradient, reference in zip(parameters, gradients, expected, strict=True):
        assert reference.abs().max() > 1e-3
        torch.testing.assert_close(gradient, reference, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_gradients_equal_finite_differences(x, architecture):
    """Along a random direction for each parameter. What the loss holds fixed, or jumps over, is tested below."""
    sae = make(architecture)
    sae.loss(x).total.backward()
    generator = torch.Generator().manual_seed(11)
    fixed = {"gated": ("W_dec", "b_dec"), "jumprelu": ("threshold",)}.get(architecture, ())
    for name, weight in sae.named_parameters():
        if name in fixed:
            continue
        direction = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
        losses = []
        for step in (1e-6, -2e-6):
            weight.data += step * direction
            losses.append(sae.loss(x).total.item())
        weight.data += 1e-6 * direction
        along = (weight.grad * direction).sum().item()
        assert abs(along) > 1e-3, name
        assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(along, rel=1e-5), name


def test_gated_loss_does_not_train_the_decoder_to_follow_the_gate(x):
    sae = make("gated")
    sae.loss(x).total.backward()
    x_hat, f = sae(x)
    g = 2 * (x_hat - x).detach() / x.numel()
    torch.testing.assert_close(sae.W_dec.grad, f.T @ g)


@pytest.mark.parametrize("bandwidth", [0.03, 0.3])
def test_jumprelu_trains_its_thresholds_by_the_papers_estimators(x, monkeypatch, bandwidth):
    monkeypatch.setattr(sae_module, "BANDWIDTH", bandwidth)
    sae, width = make("jumprelu"), bandwidth * D_IN**0.5
    got = sae.loss(x)
    got.total.backward()
    z = sae.pre_activations(x).detach()
    g_f = 2 * (sae(x)[0] - x).detach() @ sae.W_dec.detach().T / x.numel()
    g_on = 2 * (got.l0 / sae.config.k - 1) / sae.config.k / len(x)
    expected = torch.zeros(40, dtype=torch.float64)
    for n in range(len(x)):
        for i, theta in enumerate(sae.threshold.tolist()):
            if abs((z[n, i] - theta) / width) < 0.5:
                expected[i] += -(theta / width) * g_f[n, i] - (1 / width) * g_on
    assert (expected != 0).sum() >= 10
    torch.testing.assert_close(sae.threshold.grad, expected)


def test_jumprelu_estimators_are_the_slopes_of_means_over_many_inputs():
    """On evenly spread z, the mean of f and of 1[z > θ] falls smoothly as θ rises: its slope can be measured."""
    z = torch.linspace(0, 4, 40_001, dtype=torch.float64)[:, None]
    theta = torch.tensor([1.3], dtype=torch.float64, requires_grad=True)
    for estimator in (JumpReLU, Step):
        (slope,) = torch.autograd.grad(estimator.apply(z, theta.expand_as(z), 0.2).mean(), theta)
        above, below = (estimator.apply(z, theta + step, 0.2).mean().item() for step in (0.1, -0.1))
        assert slope.item() == pytest.approx((above - below) / 0.2, rel=2e-3)
        assert slope < -0.2


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_encode_forward_and_active_pairs_agree(x, architecture):
    sae = make(architecture)
    _, x_hat, f = written_out(sae, x, training=False)
    torch.testing.assert_close(sae.encode(x), f)
    torch.testing.assert_close(sae(x), (x_hat, f))
    torch.testing.assert_close(sae.active_pairs(x).to_dense(), sae.encode(x))
    assert (f > 0).any()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_loss_is_of_the_activations_that_encode_gives(x, architecture):
    """BatchTopK: with the threshold that follows this batch."""
    sae = make(architecture)
    kept = sae.loss(x).pairs
    if architecture in OVER_BATCH:
        assert not torch.allclose(sae.encode(x), kept.to_dense())
        sae.threshold.fill_(kept.values.min() * (1 - 1e-9))
    torch.testing.assert_close(sae.encode(x), kept.to_dense())
    torch.testing.assert_close(sae(x)[0], sae.loss(x).y_hat)


@pytest.mark.parametrize("architecture", OVER_BATCH)
@pytest.mark.parametrize("k", [1, 3, 10])
def test_batchtopk_keeps_k_per_position_on_average(x, architecture, k):
    pairs = make(architecture, k=k).loss(x).pairs
    assert (pairs.values > 0).sum() == k * len(x)
    counts = torch.bincount(pairs.positions, minlength=len(x))
    assert counts.min() < k < counts.max()


def test_batchtopk_threshold_follows_the_smallest_activation_kept(x):
    sae = SparseAutoencoder(SAEConfig(D_IN, 4, "batchtopk", k=3))
    assert not sae.threshold.any()
    smallest = []
    for scale in (1.0, 2.0, 0.5):
        pairs = sae.loss(scale * x.float()).pairs
        smallest.append(pairs.values.min())
        sae.after_step(pairs)
    memory = sae_module.THRESHOLD_MEMORY
    expected = memory * (memory * smallest[0] + (1 - memory) * smallest[1]) + (1 - memory) * smallest[2]
    torch.testing.assert_close(sae.threshold, expected.expand(40))
    assert sae.threshold.dtype == torch.float32
    assert "threshold" not in dict(sae.named_parameters())
    before = sae.threshold.clone()
    sae.b_enc.data -= 1000
    sae.after_step(sae.loss(x.float()).pairs)  # nothing was active: nothing to follow
    assert torch.equal(sae.threshold, before)


def test_after_step_restores_unit_rows_and_thresholds_that_are_not_negative(x):
    for architecture in ARCHITECTURES:
        sae = make(architecture)
        sae.W_dec.data *= 3
        if architecture == "jumprelu":
            sae.threshold.data[:5] = -1
        sae.after_step(sae.loss(x).pairs)
        norm = 0.3 if architecture == "relu_free" else 1.0
        torch.testing.assert_close(sae.W_dec.norm(dim=1), torch.full((40,), norm, dtype=torch.float64))
        if architecture == "jumprelu":
            assert not sae.threshold[:5].any()
            assert (sae.threshold[5:] >= 1).all()


def test_matryoshka_prefixes_are_those_of_the_paper():
    assert SAEConfig(768, 8, "matryoshka").prefixes == (192, 576, 1344, 2880, 6144)
    assert SAEConfig(10, 4, "matryoshka", k=3).prefixes == PREFIXES
    assert SAEConfig(2, 2, "matryoshka", k=3).prefixes == (1, 4)  # too narrow for five
    assert SAEConfig(768, 8, "batchtopk").prefixes == (6144,)


def test_topk_keeps_at_most_k_and_the_largest(x):
    sae = make("topk", k=4)
    f, pre = sae.encode(x), sae.pre_activations(x)
    on = f > 0
    assert (on.sum(1) <= 4).all()
    assert (on.sum(1) == 4).any()
    torch.testing.assert_close(f[on], pre[on])
    for i in range(len(x)):
        if on[i].sum() == 4:
            assert pre[i][on[i]].min() >= pre[i][~on[i]].max()
        else:
            assert (pre[i][~on[i]] <= 0).all()


def test_topk_loss_has_no_l1_price(x):
    loss = make("topk", l1_coefficient=100.0).loss(x)
    assert torch.equal(loss.total, loss.reconstruction)


@pytest.mark.parametrize("architecture", ["topk", "batchtopk"])
def test_topk_losses_have_no_other_term(x, architecture):
    loss = make(architecture).loss(x)
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
def test_change_units_is_the_same_function_in_other_units(x, architecture):
    of_scaled, of_raw, scale = make(architecture), make(architecture), 3.7
    of_raw.change_units(0.0, scale, scale)
    x_hat, f = of_scaled(scale * x)
    torch.testing.assert_close(of_raw(x), (x_hat / scale, f / scale))
    assert torch.equal(of_raw.W_dec, of_scaled.W_dec)
    assert 0 < (f > 0).sum() < f.numel() / 2
    of_raw.change_units(0.0, 1 / scale, 1 / scale)
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
    assert torch.equal(sae.W_enc, sae.W_dec.T / 2)


def test_a_free_decoder_starts_with_rows_of_norm_a_tenth():
    sae = SparseAutoencoder(SAEConfig(D_IN, 4, "relu_free"))
    torch.testing.assert_close(sae.W_dec.norm(dim=1), torch.full((40,), 0.1))
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
        ({"expansion_factor": 0}, "expansion_factor 0.0 "),
        ({"expansion_factor": -2}, "expansion_factor must be 0 or more, and finite, got -2"),
        ({"expansion_factor": 0.33}, "expansion_factor 0.33 x d_in 10 must be a whole number"),
        ({"expansion_factor": float("nan")}, "expansion_factor must be a number, got nan"),
        ({"expansion_factor": float("inf")}, "expansion_factor must be 0 or more, and finite, got inf"),
        ({"architecture": "topp"}, "architecture must be one of relu, relu_free, .*, got 'topp'"),
        ({"architecture": None}, "got None"),
        ({"k": 0}, "k must .*got 0"),
        ({"k": 41}, "k must .*between 1 and d_sae = 40, got 41"),
        ({"k": 2.5}, "k must .*got 2.5"),
        ({"k": 0, "architecture": "batchtopk"}, "k must .*got 0"),
        ({"k": 41, "architecture": "matryoshka"}, "k must .*got 41"),
        ({"k": 0, "architecture": "jumprelu"}, "k must .*got 0"),
        ({"l1_coefficient": -0.1}, "l1_coefficient must be 0 or more, and finite, got -0.1"),
        ({"architecture": "relu", "l1_coefficient": float("nan")}, "l1_coefficient .*got nan"),
    ],
)
def test_wrong_settings_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        SAEConfig(**{"d_in": 10, "expansion_factor": 4, "k": 3} | options)


@pytest.mark.parametrize("architecture", ["relu", "relu_free", "gated"])
def test_k_is_not_looked_at_where_a_price_decides(architecture):
    assert SAEConfig(2, 2, architecture).d_sae == 4


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
