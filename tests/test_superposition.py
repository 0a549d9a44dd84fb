"""Toys train together as they train alone; geometry is scored right; a known dictionary is found, controls do not find it."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from sae_tutorial.features.recovery import learned_dictionary, recovery_curves, rival_dictionaries
from sae_tutorial.toys.geometry import (
    count_neurons,
    dimensionality,
    interference,
    superposition_boundary,
)
from sae_tutorial.toys.hierarchy import HierarchicalWorld
from sae_tutorial.toys.known_dictionary import KnownDictionary, matched_cosine, recovery
from sae_tutorial.toys.toy_models import ToyConfig, ToyModels, sample_features, toy_loss, train_toys

SHORT = {"steps": 150, "batch_size": 64}


def polygon(corners: int) -> torch.Tensor:
    angle = 2 * math.pi * torch.arange(corners) / corners
    return torch.stack([angle.cos(), angle.sin()], 1)


def importance(settings: int, n: int) -> torch.Tensor:
    return torch.ones(settings, n) * 0.9 ** torch.arange(n)


# ---------------------------------------------------------------------------------------------- toy models


@pytest.mark.parametrize("kind", ["linear", "relu", "neurons", "absolute"])
def test_a_toy_comes_out_the_same_in_company_and_alone(kind):
    config = ToyConfig(5, 2, kind)
    probability, weights = torch.tensor([0.9, 0.3, 0.05]), importance(3, 5)
    together = train_toys(config, probability, weights, restarts=2, **SHORT)
    alone = train_toys(config, probability[1:2], weights[1:2], restarts=2, **SHORT)
    for name, tensor in alone.state_dict().items():
        torch.testing.assert_close(together.state_dict()[name][2:4], tensor, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(together.W[0], together.W[2], atol=0.05)  # another setting, another toy
    assert not torch.allclose(together.W[0], together.W[1], atol=0.05)  # another start, another toy


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    runs = [
        train_toys(ToyConfig(4, 2), torch.tensor([0.3]), torch.ones(1, 4), seed=seed, **SHORT)
        for seed in (0, 0, 1)
    ]
    assert torch.equal(runs[0].W, runs[1].W)
    assert not torch.equal(runs[0].W, runs[2].W)


@pytest.mark.parametrize("instances", [1, 3])
def test_no_two_toys_share_memory(instances):
    toys = ToyModels(ToyConfig(3, 2), instances)
    assert toys.W.is_contiguous() and toys.W.stride(0) == 6
    toys.W.data[0] = 0
    assert (toys.W[1:] != 0).all()


def test_the_forward_pass_is_the_formula():
    x = torch.rand(2, 7, 5)
    for kind in ("linear", "relu", "neurons", "absolute"):
        toys = ToyModels(ToyConfig(5, 3, kind), 2)
        toys.b.data.normal_(generator=torch.Generator().manual_seed(0))
        h = x @ toys.W
        h = h.relu() if kind in ("neurons", "absolute") else h
        y = h @ (toys.W_out if kind == "absolute" else toys.W.mT) + toys.b[:, None]
        torch.testing.assert_close(toys(x), y if kind == "linear" else y.relu())


def test_the_loss_weighs_by_importance_and_sums_over_features():
    toys = ToyModels(ToyConfig(2, 1), 1)
    toys.W.data.zero_()
    x = torch.tensor([[[1.0, 2.0], [3.0, 0.0]]])
    assert toy_loss(toys, x, torch.tensor([[1.0, 0.5]])).item() == pytest.approx((1 + 9) / 2 + 0.5 * 4 / 2)
    signed = ToyModels(ToyConfig(2, 1, "absolute"), 1)
    signed.W.data.zero_()
    assert toy_loss(signed, -x, torch.ones(1, 2)).item() == pytest.approx((1 + 4 + 9) / 2)


def test_the_best_restart_has_the_lowest_loss():
    toys = ToyModels(ToyConfig(2, 1), 4, restarts=2)
    toys.loss.copy_(torch.tensor([3.0, 1.0, 2.0, 5.0]))
    assert toys.best(2).loss.tolist() == [1.0, 2.0]
    assert torch.equal(toys.best(2).W, toys.W[[1, 2]])


def test_features_are_on_as_often_as_asked_and_meet_by_chance():
    rows = sample_features(
        ToyConfig(4, 2), torch.tensor([0.1, 0.4]), 40_000, torch.Generator().manual_seed(0)
    )
    on = rows > 0
    torch.testing.assert_close(on.float().mean(1), torch.tensor([[0.1] * 4, [0.4] * 4]), atol=0.01, rtol=0)
    both = (on[1, :, 0] & on[1, :, 1]).float().mean().item()
    assert both == pytest.approx(0.16, abs=0.01)
    assert rows.max() <= 1 and (rows[1][on[1]]).mean() == pytest.approx(0.5, abs=0.01)
    assert (on[0] <= on[1]).all()  # one draw for all: what is on in the sparser is on in the denser


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_features": 0}, "n_features must be at least 1, got 0"),
        ({"d_hidden": -1}, "d_hidden must be at least 1"),
        ({"kind": "tanh"}, "kind must be one of linear, relu"),
    ],
)
def test_an_impossible_toy_says_so(options, words):
    with pytest.raises(ValueError, match=words):
        ToyConfig(**{"n_features": 4, "d_hidden": 2, **options})


def test_impossible_settings_say_so():
    config = ToyConfig(4, 2)
    with pytest.raises(ValueError, match=r"shape \[1, 4\]"):
        train_toys(config, torch.tensor([0.1]), torch.ones(2, 4))
    for probability in (0.0, 1.1):
        with pytest.raises(ValueError, match=r"in \(0, 1\]"):
            train_toys(config, torch.tensor([probability]), torch.ones(1, 4))


def test_a_toy_chooses_as_pen_and_paper_say():
    """Far from the boundary on either side, and only where there is a ReLU."""
    bound = superposition_boundary(torch.tensor([1.0])).item()
    assert bound == pytest.approx(4 / 7)
    settings, weights = torch.tensor([0.98, 0.1]), torch.tensor([[1.0, 0.7]] * 2)
    relu = train_toys(ToyConfig(2, 1), settings, weights, restarts=4, steps=1000, learning_rate=0.03).best(4)
    shares = dimensionality(relu.W.detach())
    torch.testing.assert_close(shares[1], torch.tensor([0.5, 0.5]), atol=0.05, rtol=0)
    torch.testing.assert_close(shares[0], torch.tensor([1.0, 0.0]), atol=0.1, rtol=0)
    linear = train_toys(
        ToyConfig(2, 1, "linear"), settings, weights, restarts=4, steps=1000, learning_rate=0.03
    )
    assert dimensionality(linear.best(4).W.detach())[1].min() < 0.1


def test_the_boundary_is_where_the_two_losses_meet():
    for value in (0.1, 0.6, 1.0, 4.0):
        p = superposition_boundary(torch.tensor([value])).item()
        alone = min(1, value) * (p / 3 - p**2 / 4)
        assert (1 + value) * p**2 / 6 == pytest.approx(alone, rel=1e-5)


# ------------------------------------------------------------------------------------------------ geometry


def test_dimensionality_of_known_shapes():
    antipodal = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    for corners, share in ((3, 2 / 3), (5, 2 / 5), (8, 2 / 8)):
        torch.testing.assert_close(
            dimensionality(1.3 * polygon(corners)[None])[0], torch.full((corners,), share)
        )
    torch.testing.assert_close(dimensionality(antipodal[None])[0], torch.full((4,), 0.5))
    torch.testing.assert_close(dimensionality(torch.eye(3)[None])[0], torch.ones(3))
    assert dimensionality(torch.zeros(1, 2, 2)).tolist() == [[0, 0]]


def test_interference_by_hand():
    W = torch.tensor([[[2.0, 0.0], [1.0, 1.0], [0.0, 0.0]]])
    torch.testing.assert_close(interference(W), torch.tensor([[1.0, 2.0, 0.0]]))
    assert interference(torch.eye(3)[None]).abs().max() == 0


def test_neurons_are_counted_by_what_they_read():
    W = torch.tensor([[[1.0, 0.5, 0.0, 0.3], [0.1, -0.5, 0.01, 0.0]]])
    count = count_neurons(W)
    assert (count.monosemantic.tolist(), count.polysemantic.tolist(), count.silent.tolist()) == (
        [2],
        [1],
        [1],
    )


# ---------------------------------------------------------------------------------------- known dictionary


def test_rows_are_sums_of_few_directions():
    known = KnownDictionary(d_in=8, n_features=20, active=2, seed=3)
    x, strength = known.sample(5_000)
    torch.testing.assert_close(x, strength @ known.directions)
    assert (strength > 0).float().sum(1).mean().item() == pytest.approx(2, abs=0.1)
    torch.testing.assert_close(known.directions.norm(dim=1), torch.ones(20))
    assert torch.equal(known.sample(10)[0], known.sample(10)[0])
    assert not torch.equal(known.sample(10)[0], known.sample(10, seed=1)[0])


def test_noise_and_correlation_are_as_strong_as_asked():
    noisy = KnownDictionary(noise=0.5)
    x, strength = noisy.sample(4_000)
    signal = strength @ noisy.directions
    assert ((x - signal).norm() / signal.norm()).item() == pytest.approx(0.5, rel=1e-3)
    for wanted in (0.0, 0.6, 1.0):
        _, strength = KnownDictionary(n_features=7, active=1.4, correlation=wanted).sample(40_000)
        on = (strength > 0).float()
        assert torch.corrcoef(on[:, :2].T)[0, 1].item() == pytest.approx(wanted, abs=0.03)
        assert torch.corrcoef(on[:, [0, 6]].T)[0, 1].item() == pytest.approx(0, abs=0.03)
        assert torch.corrcoef(strength[on[:, :2].all(1), :2].T)[0, 1].abs().item() < 0.06


@pytest.mark.parametrize(
    "options", [{"active": 0}, {"active": 65}, {"correlation": 1.1}, {"correlation": -1}, {"noise": -0.1}]
)
def test_an_impossible_dictionary_says_so(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} must"):
        KnownDictionary(**options)


def test_matched_cosine_asks_for_the_nearest_row_whatever_its_length_and_sign():
    truth = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    rows = torch.tensor([[-3.0, 0.0], [1.0, 1.0]])
    torch.testing.assert_close(matched_cosine(truth, rows), torch.tensor([1.0, 0.5**0.5]))
    assert recovery(truth, rows) == pytest.approx(((1 + 0.5**0.5) / 2, 0.5))


def test_a_known_dictionary_is_recovered_and_controls_do_not_recover_it():
    known = KnownDictionary(d_in=16, n_features=32, active=2)
    sae = learned_dictionary(known, d_sae=64, total_tokens=100_000)
    truth = known.directions
    assert recovery(truth, sae.W_dec.detach()).share > 0.9
    rivals = rival_dictionaries(known, d_sae=64)
    assert set(rivals) == {"ICA", "PCA", "neurons", "random", "random, as few as ICA"}
    assert len(rivals["random"]) == 64
    assert len(rivals["random, as few as ICA"]) == len(rivals["ICA"]) == 16
    for name, rows in rivals.items():
        assert recovery(truth, rows).share < 0.5, name
    other = KnownDictionary(d_in=16, n_features=32, active=2, seed=9)
    assert recovery(other.directions, sae.W_dec.detach()).share < 0.1


def test_ica_finds_what_does_not_outnumber_the_dimensions():
    known = KnownDictionary(d_in=16, n_features=12, active=2)
    rivals = rival_dictionaries(known, d_sae=64)
    assert recovery(known.directions, rivals["ICA"]).share == 1
    assert recovery(known.directions, rivals["PCA"]).share < 0.5


def test_curves_have_a_score_for_every_setting_and_seed(monkeypatch):
    monkeypatch.setattr("sae_tutorial.features.recovery.learned_dictionary", untrained)
    settings = [KnownDictionary(8, 10, active=a) for a in (1, 3)]
    curves = recovery_curves(settings, [16, 32], n_seeds=3)
    third = replace(settings[0], seed=2)
    expected = recovery(third.directions, rival_dictionaries(third, d_sae=16, seed=2)["random"])
    assert curves["random"][0, 2].tolist() == pytest.approx(list(expected))
    assert list(curves) == ["SAE", "ICA", "PCA", "neurons", "random", "random, as few as ICA"]
    assert all(values.shape == (2, 3, 2) for values in curves.values())
    assert np.isfinite(curves["ICA"]).all()
    assert len(set(curves["random"][:, :, 0].flatten())) == 6


def untrained(known, *, d_sae, seed):
    return learned_dictionary(known, d_sae=d_sae, total_tokens=512, seed=seed)


def test_rivals_do_not_follow_the_default_device():
    """Random rows come from a generator on the CPU; "meta" stands for a default device of "cuda" or "mps"."""
    known = KnownDictionary(d_in=8, n_features=12)
    expected = rival_dictionaries(known, d_sae=16)
    rows = known.sample(10_000)
    with torch.device("meta"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(KnownDictionary, "sample", lambda *_: rows)  # the world's own rows are tested elsewhere
        got = rival_dictionaries(known, d_sae=16)
    for name in expected:
        torch.testing.assert_close(got[name], expected[name])


# ------------------------------------------------------------------------- what a notebook has switched on or off


@pytest.fixture(params=[torch.no_grad, torch.inference_mode, lambda: torch.device("meta")])
def around(request):
    """Gradients off, as many notebooks begin, or another default device."""
    with request.param():
        yield


SETTINGS = torch.tensor([0.9, 0.3]), importance(2, 4)
EXPECTED = {kind: train_toys(ToyConfig(4, 2, kind), *SETTINGS, **SHORT) for kind in ("relu", "absolute")}


@pytest.mark.parametrize("kind", EXPECTED)
def test_toys_train_the_same_whatever_was_switched_outside(around, kind):
    before = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    toys = train_toys(ToyConfig(4, 2, kind), *SETTINGS, **SHORT)
    assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == before
    for name, tensor in EXPECTED[kind].state_dict().items():
        assert torch.equal(toys.state_dict()[name], tensor), name
    assert not toys.W.is_inference() and toys.W.requires_grad
    assert toys.best(1).W.device.type == "cpu"


def test_settings_made_in_inference_mode_can_be_trained_on():
    with torch.inference_mode():
        settings = [t.clone() for t in SETTINGS]
    assert torch.equal(train_toys(ToyConfig(4, 2), *settings, **SHORT).W, EXPECTED["relu"].W)


EXPECTED_ROWS = {
    "dictionary": KnownDictionary(correlation=0.5, noise=0.1).sample(50, seed=1),
    "hierarchy": HierarchicalWorld().sample(50, seed=1),
}


@pytest.mark.parametrize(
    ("name", "world"),
    [("dictionary", KnownDictionary(correlation=0.5, noise=0.1)), ("hierarchy", HierarchicalWorld())],
)
def test_worlds_are_the_same_whatever_was_switched_outside(around, name, world):
    for got, expected in zip(world.sample(50, seed=1), EXPECTED_ROWS[name], strict=True):
        assert torch.equal(got, expected)
