"""Training recovers what is there, gives the same bits for the same seed, and goes on where it was stopped."""

import dataclasses
import json
import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from jupyter_client.manager import start_new_kernel

from sae_tutorial import storage
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.sae import runs
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, TrainConfig, seed_recipe
from sae_tutorial.sae.dead_latents import auxk_loss, restart_dead
from sae_tutorial.sae.inputs import Inputs
from sae_tutorial.sae.metrics import evaluate_reconstruction
from sae_tutorial.sae.runs import History, Run
from sae_tutorial.sae.training import train_sae, train_saes

D_IN = 16
ARCHITECTURES = ["topk", "relu", "relu_free", "gated", "batchtopk", "matryoshka", "jumprelu"]


def dictionary_data(n: int, n_features: int, active: int, d_in: int):
    """Rows that are sums of `active` of `n_features` unit directions, and the directions.

    The seed is not that of any autoencoder here: the same draws would hand it the directions.
    """
    generator = torch.Generator().manual_seed(987)
    directions = torch.randn(n_features, d_in, generator=generator)
    directions /= directions.norm(dim=1, keepdim=True)
    chosen = torch.rand(n, n_features, generator=generator).topk(active).indices
    strengths = 0.5 + torch.rand(n, active, generator=generator)
    return torch.zeros(n, n_features).scatter(1, chosen, strengths) @ directions, directions


def matched_cosine(sae: SparseAutoencoder, directions: torch.Tensor) -> float:
    """Mean over the true directions of the best |cosine| with a decoder row."""
    rows = sae.W_dec.detach() / sae.W_dec.detach().norm(dim=1, keepdim=True)
    return float((directions @ rows.T).abs().max(dim=1).values.mean())


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    """300 rows with a mean and a scale far from the ones training works at."""
    return 5 * dictionary_data(300, 24, 3, D_IN)[0] + 2


@pytest.fixture(params=ARCHITECTURES)
def architecture(request) -> str:
    return request.param


def new_sae(architecture: str = "topk", **options) -> SparseAutoencoder:
    return SparseAutoencoder(SAEConfig(D_IN, 4, architecture, **{"k": 4} | options))


CONFIG = TrainConfig(
    total_tokens=50 * 32, batch_size=32, dead_window=200, aux_coefficient=1 / 32
)  # 50 steps, over five epochs of `x`


def bits(sae: SparseAutoencoder) -> dict[str, bytes]:
    return {name: tensor.contiguous().numpy().tobytes() for name, tensor in sae.state_dict().items()}


def train(sae: SparseAutoencoder, x, config: TrainConfig = CONFIG, **options) -> History:
    return train_sae(sae, x, config, progress=False, **options)


# ------------------------------------------------------------------------------------- what is learned


def test_recovers_a_known_dictionary_that_an_untrained_one_does_not_have(architecture):
    x, directions = dictionary_data(10_000, n_features=40, active=3, d_in=24)
    price = 0.15 if architecture == "gated" else 0.05  # its loss has two squared errors
    sae = SparseAutoencoder(SAEConfig(24, 2, architecture, k=3, l1_coefficient=price))
    assert matched_cosine(sae, directions) < 0.65
    train(sae, x, TrainConfig(total_tokens=150_000, batch_size=512, learning_rate=1e-2, dead_window=5_000))
    assert matched_cosine(sae, directions) > 0.9
    assert evaluate_reconstruction(sae, x[:2000], progress=False)["explained_variance"] > 0.8


def test_decoder_rows_have_norm_one_afterwards_and_the_loss_fell(x, architecture):
    sae = new_sae(architecture)
    history = train(sae, x)
    if architecture == "relu_free":
        assert (sae.W_dec.norm(dim=1) - 0.1).abs().min() > 1e-4
    else:
        torch.testing.assert_close(sae.W_dec.norm(dim=1), torch.ones(64))
    assert history.reconstruction[-1] < 0.7 * history.reconstruction[0]


@pytest.mark.parametrize("architecture", ["topk", "batchtopk", "matryoshka", "jumprelu"], indirect=True)
def test_as_many_latents_are_active_as_configured(architecture):
    """In training, and afterwards on other rows, by the thresholds alone."""
    x, _ = dictionary_data(10_000, n_features=40, active=3, d_in=24)
    sae = SparseAutoencoder(SAEConfig(24, 2, architecture, k=4))
    history = train(sae, 7 * x[:9000], TrainConfig(150_000, batch_size=512, learning_rate=5e-3))
    tolerance = 0.15 if architecture == "jumprelu" else 0.02
    assert history.l0[-1] == pytest.approx(4, rel=tolerance)
    assert evaluate_reconstruction(sae, 7 * x[9000:], progress=False)["l0"] == pytest.approx(4, rel=0.2)


def test_the_trained_autoencoder_takes_raw_activations(x, architecture):
    """The input scale is folded in: held-out explained variance in the history is that of the final autoencoder."""
    sae = new_sae(architecture, l1_coefficient=1e-3)
    history = train(sae, x, validation=x[:100])
    final = evaluate_reconstruction(sae, x[:100], progress=False)["explained_variance"]
    assert history.validation_explained_variance[-1] == pytest.approx(final, abs=1e-5)
    assert final > 0.4


def test_the_unit_of_the_input_does_not_matter(x):
    first, second = new_sae(), new_sae()
    train(first, x)
    train(second, 1024 * x)  # a power of two: every product rounds alike
    torch.testing.assert_close(first(x)[0], second(1024 * x)[0] / 1024, atol=1e-3, rtol=1e-3)


def test_mean_init_starts_the_bias_at_the_mean(x):
    batches = []
    for mean_init in (True, False):
        sae = new_sae()
        train(sae, x, dataclasses.replace(CONFIG, total_tokens=32, learning_rate=1e-12, mean_init=mean_init))
        batches.append(sae.b_dec.detach())
    torch.testing.assert_close(batches[0], x.mean(0))
    assert batches[1].abs().max() < 1e-6


def test_the_seed_decides_the_bits(x):
    runs = []
    for seed in (0, 0, 1):
        sae = new_sae()
        history = train(sae, x, dataclasses.replace(CONFIG, seed=seed))
        runs.append((bits(sae), dataclasses.asdict(history)))
    assert runs[0] == runs[1]
    assert runs[0][0] != runs[2][0]


def test_a_store_and_its_rows_give_the_same_bits(store):
    for view in (store, store.split_by_document(0.3)[0]):
        from_store, from_tensor = (SparseAutoencoder(SAEConfig(32, 2, k=4)) for _ in range(2))
        histories = [train(from_store, view), train(from_tensor, view[:])]
        assert bits(from_store) == bits(from_tensor)
        assert histories[0] == histories[1]
    assert from_store.metadata == {
        "model_name": "tiny", "hook_name": "blocks.1.hook_mlp_out", "context_size": 24, "prepend_bos": True
    }  # fmt: skip


# ------------------------------------------------------------------------------------- the single step


@pytest.fixture
def steps(monkeypatch) -> list[dict]:
    """What Adam was given at each step: the decoder rows, their gradient, its learning rate and the encoder's."""
    seen: list[dict] = []
    real = torch.optim.Adam.step

    def spy(self, *arguments):
        encoder, decoder = self.param_groups[:2]
        (W_dec,) = decoder["params"]
        rates = {"rate": decoder["lr"], "encoder_rate": encoder["lr"]}
        seen.append({"W_dec": W_dec.clone(), "gradient": W_dec.grad.clone(), **rates})
        return real(self, *arguments)

    monkeypatch.setattr(torch.optim.Adam, "step", spy)
    return seen


def test_before_each_step_the_decoder_gradient_is_orthogonal_to_the_rows(x, steps):
    train(new_sae(), x)
    assert len(steps) == CONFIG.n_steps == 50
    for step in steps:
        torch.testing.assert_close(step["W_dec"].norm(dim=1), torch.ones(64))
        along = (step["W_dec"] * step["gradient"]).sum(1)
        assert along.abs().max() < 1e-5 * step["gradient"].norm(dim=1).max()
    assert steps[0]["gradient"].abs().max() > 1e-4


def test_learning_rate_rises_stays_and_falls_to_zero(x, steps):
    config = TrainConfig(50 * 32, batch_size=32, learning_rate=0.01, warmup_fraction=0.1, decay_fraction=0.2)
    train(new_sae(), x, config)
    rates = [step["rate"] for step in steps]
    assert rates == [config.learning_rate_at(step) for step in range(50)]
    assert rates[:5] == pytest.approx([0.002, 0.004, 0.006, 0.008, 0.01])
    assert rates[5:41] == [0.01] * 36
    assert rates[40:] == pytest.approx([0.01 - 0.001 * i for i in range(10)])
    assert config.learning_rate_at(50) == 0


@pytest.mark.parametrize(
    ("config", "share"),
    [
        (SAEConfig(D_IN, 4, k=4), 0.5),
        (SAEConfig(D_IN, 4, k=4, tied_init=False), 1.0),
        (SAEConfig(D_IN, 4, "relu_free"), 1.0),
    ],
)
def test_a_tied_encoder_takes_steps_of_half_the_decoders(x, steps, config, share):
    train(SparseAutoencoder(config), x)
    assert [step["encoder_rate"] for step in steps] == [share * step["rate"] for step in steps]


def test_learning_rate_without_warmup_and_decay_is_constant():
    config = TrainConfig(1000, batch_size=10, learning_rate=0.5, warmup_fraction=0, decay_fraction=0)
    assert {config.learning_rate_at(step) for step in range(100)} == {0.5}


@pytest.mark.parametrize(
    ("n", "batch_size", "total"), [(300, 32, 1600), (50, 64, 1000), (100, 10, 300), (70, 30, 80)]
)
def test_every_row_is_seen_equally_often(monkeypatch, n, batch_size, total):
    """Over several epochs, also with batches longer than the data: counts differ by at most one."""
    x = torch.randn(n, D_IN, generator=torch.Generator().manual_seed(0))
    seen = np.zeros(n, dtype=int)
    batches = []
    real = SparseAutoencoder.loss

    def spy(self, batch, *rest):
        scale = D_IN**0.5 / x.norm(dim=1).mean()
        rows = torch.cdist(batch / scale, x).argmin(dim=1).tolist()
        np.add.at(seen, rows, 1)
        batches.append(sorted(rows))
        return real(self, batch, *rest)

    monkeypatch.setattr(SparseAutoencoder, "loss", spy)
    config = TrainConfig(total, batch_size=batch_size)
    train(new_sae(), x, config)
    assert seen.sum() == config.n_steps * batch_size >= total
    assert seen.max() - seen.min() <= 1
    assert batches[0] != list(range(batch_size))  # shuffled
    assert len({tuple(batch) for batch in batches}) == len(batches)  # and anew in each epoch


# ----------------------------------------------------------------------------------------------- AuxK


@pytest.fixture
def half_dead(x) -> tuple[SparseAutoencoder, torch.Tensor, torch.Tensor]:
    """(sae, scaled x, dead): random biases and a mask that calls half of the latents dead."""
    sae = new_sae()
    generator = torch.Generator().manual_seed(3)
    sae.b_enc.data = 0.1 * torch.randn(64, generator=generator)
    sae.b_dec.data = torch.randn(D_IN, generator=generator)
    return sae, x * D_IN**0.5 / x.norm(dim=1).mean(), torch.arange(64) % 2 == 1


@pytest.mark.parametrize("shift", [0.0, -3.0])  # with -3, fewer than d_in / 2 dead latents are positive
def test_auxk_equals_its_formula(half_dead, shift):
    sae, x, dead = half_dead
    sae.b_enc.data += shift
    with torch.no_grad():
        x_hat = sae(x)[0]
        e = x - x_hat
        e_hat = torch.zeros_like(x)
        for i in range(len(x)):
            pre = (x[i] - sae.b_dec) @ sae.W_enc + sae.b_enc
            candidates = [int(latent) for latent in pre.argsort(descending=True) if dead[latent]]
            for latent in candidates[: D_IN // 2]:
                e_hat[i] += max(float(pre[latent]), 0) * sae.W_dec[latent]  # no bias
        expected = (e - e_hat).pow(2).sum() / (e - e.mean(0)).pow(2).sum()
    torch.testing.assert_close(auxk_loss(sae, x, x, x_hat, dead), expected)


def test_auxk_trains_dead_latents_and_nothing_else(half_dead):
    sae, x, dead = half_dead
    x_hat = sae(x)[0]  # with a graph, which AuxK must not follow
    auxk_loss(sae, x, x, x_hat, dead).backward()
    for gradient in (sae.W_enc.grad.T, sae.W_dec.grad, sae.b_enc.grad[:, None]):
        assert (gradient[dead].abs().sum(1) > 0).sum() > 20  # of 32; the others are never among the largest
        assert not gradient[~dead].any()
    assert sae.b_dec.grad is None or not sae.b_dec.grad.any()


def test_auxk_gradients_equal_those_of_its_formula(half_dead):
    sae, x, dead = half_dead
    sae, x = sae.double(), x.double()
    x_hat = sae(x)[0].detach()
    names = ("W_enc", "b_enc", "W_dec")
    got = torch.autograd.grad(auxk_loss(sae, x, x, x_hat, dead), [getattr(sae, name) for name in names])
    pre = ((x - sae.b_dec) @ sae.W_enc + sae.b_enc).masked_fill(~dead, float("-inf"))
    kept = pre.argsort(dim=1).argsort(dim=1) >= 64 - D_IN // 2
    e_hat = torch.where(kept, pre, 0.0).relu() @ sae.W_dec
    e = x - x_hat
    loss = (e - e_hat).pow(2).sum() / (e - e.mean(0)).pow(2).sum()
    expected = torch.autograd.grad(loss, [getattr(sae, name) for name in names])
    for name, gradient, reference in zip(names, got, expected, strict=True):
        torch.testing.assert_close(gradient, reference, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("n_dead", [1, 3, 64])
def test_auxk_with_fewer_or_more_dead_latents_than_it_picks(half_dead, n_dead):
    sae, x, _ = half_dead
    loss = auxk_loss(sae, x, x, sae(x)[0], torch.arange(64) < n_dead)
    loss.backward()
    assert torch.isfinite(loss)
    assert sae.W_enc.grad.any()


def test_auxk_revives_latents_that_stay_dead_without_it():
    """Half of the latents read too faintly to be among the k largest; only AuxK's gradient can change that."""
    x, _ = dictionary_data(2000, n_features=48, active=3, d_in=D_IN)
    dead = {}
    for coefficient in (0.0, 1 / 32):
        sae = new_sae()
        sae.W_enc.data[:, 32:] *= 0.05
        config = TrainConfig(
            200 * 64,
            batch_size=64,
            learning_rate=5e-3,
            aux_coefficient=coefficient,
            dead_window=1280,
            restart_until=0,
        )
        history = train(sae, x, config)
        dead[coefficient] = history.dead_fraction[-1]
        assert history.dead_fraction[0] == 0  # nothing is dead before a window has passed
    assert dead[0.0] >= 0.4
    assert dead[1 / 32] < 0.2


def test_restarts_revive_latents_that_stay_dead_without_them():
    """The same latents; they begin again at rows that are badly reconstructed."""
    x, _ = dictionary_data(2000, n_features=48, active=3, d_in=D_IN)
    dead, explained = {}, {}
    for until in (0.0, 0.9):
        sae = new_sae()
        sae.W_enc.data[:, 32:] *= 0.05
        config = TrainConfig(200 * 64, batch_size=64, restart_until=until, dead_window=1280)
        dead[until] = train(sae, x, config).dead_fraction[-1]
        explained[until] = evaluate_reconstruction(sae, x, progress=False)["explained_variance"]
    assert dead[0.0] >= 0.4
    assert dead[0.9] < 0.2
    assert explained[0.9] > explained[0.0] + 0.02


@pytest.mark.parametrize("architecture", ["topk", "gated", "jumprelu", "relu_free"])
def test_a_restarted_latent_answers_its_row_with_about_the_error(x, architecture):
    sae, dead = new_sae(architecture), torch.arange(40, 64)
    inputs = Inputs.of([sae], x, None, None, CONFIG)
    run = Run(sae, inputs, dataclasses.replace(CONFIG, dead_window=1), None)
    with inputs.in_units([sae]):
        run.begin_or_resume()
        batch = x * inputs.units.scale
        loss = sae.loss(batch)
        run.tokens_since_active[dead] = 1.0
        alive = sae.W_dec[:40].clone()
        restart_dead(run, batch, batch, loss, torch.ones(len(x)))
        changed = (run.tokens_since_active[dead] == 0).nonzero().flatten() + 40
        assert len(changed) > 3
        assert torch.equal(sae.W_dec[:40], alive)
        share = sae.config.encoder_share
        e = torch.nn.functional.normalize(batch - loss.y_hat, dim=1)
        cosine, row = (torch.nn.functional.normalize(sae.W_dec[changed], dim=1) @ e.T).max(1)
        torch.testing.assert_close(cosine, torch.ones_like(cosine))
        # Each took the direction of some row's error, and answers that row with no more than the error's length.
        answers = sae.pre_activations(batch)[row, changed] / share
        errors = (batch - loss.y_hat).norm(dim=1)[row]
        assert (answers <= errors + 1e-3).all()
        assert (answers > 0).float().mean() > 0.5
    cosines = torch.nn.functional.cosine_similarity(sae.W_dec[changed, None], sae.W_dec[None, changed], dim=2)
    assert cosines.fill_diagonal_(0).max() <= 0.5 + 1e-5


@pytest.mark.parametrize("architecture", ["batchtopk", "matryoshka"])
def test_latents_that_restart_leave_the_shared_pairs_to_the_others(x, architecture):
    """Else some hundred of them push the others out, which fall silent and restart as well: some runs got lost so."""
    sae, dead = new_sae(architecture), torch.arange(32, 64)
    inputs = Inputs.of([sae], x, None, None, CONFIG)
    run = Run(sae, inputs, dataclasses.replace(CONFIG, dead_window=1), None)
    with inputs.in_units([sae]):
        run.begin_or_resume()
        sae.b_enc.data[dead] = -100.0
        batch = x * inputs.units.scale
        loss = sae.loss(batch)
        run.tokens_since_active[dead] = 1.0
        restart_dead(run, batch, batch, loss, torch.ones(len(x)))
        new = (run.tokens_since_active[dead] == 0).nonzero().flatten() + 32
        assert len(new) > 8
        after = sae.loss(batch)
        on = torch.isin(after.pairs.latents, new) & (after.pairs.values > 0)
        assert 0 < on.float().mean() <= len(new) / sae.config.d_sae


def test_a_transcoder_may_be_given_its_own_rows_as_the_target(x):
    """A transcoder of the identity is still one: same object or a copy, the same bits."""
    results = []
    for target in (x, x.clone()):
        coder = SparseAutoencoder(SAEConfig(D_IN, 4, k=4, d_out=D_IN))
        train_sae(coder, x, CONFIG, target=target, progress=False)
        results.append(bits(coder))
    assert results[0] == results[1]


def test_row_limit_counts_far_rows_less_and_leaves_the_others_alone(x):
    sae = new_sae()
    far = torch.cat([x, 100 * x[:3]])
    weights = {}
    for limit in (3.0, None):
        config = dataclasses.replace(CONFIG, row_limit=limit)
        run = Run(sae, Inputs.of([sae], far, None, None, config), config, None)
        with run.inputs.in_units([sae]):
            run.begin_or_resume()
            weights[limit] = run.row_weights(far * run.inputs.units.scale)
    assert (weights[None] == 1).all()
    assert (weights[3.0][:-3] == 1).float().mean() > 0.95
    distance = (far - far.mean(0)).norm(dim=1)
    expected = (3 * distance.median() / distance[-3:]) ** 2
    torch.testing.assert_close(weights[3.0][-3:], expected, rtol=1e-3, atol=0)
    loss, ones = sae.loss(x, None, torch.ones(len(x))), sae.loss(x)
    torch.testing.assert_close(loss.total, ones.total)
    twice = sae.loss(x, None, torch.full((len(x),), 2.0))
    torch.testing.assert_close(twice.reconstruction, 2 * ones.reconstruction)


def test_auxk_pulls_dead_latents_of_every_architecture(x, architecture):
    """It reads W_enc, b_enc and W_dec, which all of them have; b_dec and what is live stay as they are."""
    sae = new_sae(architecture)
    dead = torch.arange(64) % 2 == 1
    x = x * D_IN**0.5 / x.norm(dim=1).mean()
    auxk_loss(sae, x, x, sae.loss(x).y_hat, dead).backward()
    gradients = {name: weight.grad for name, weight in sae.named_parameters() if weight.grad is not None}
    assert set(gradients) == {"W_enc", "b_enc", "W_dec"}
    for gradient in (gradients["W_enc"].T, gradients["W_dec"], gradients["b_enc"][:, None]):
        assert (gradient[dead].abs().sum(1) > 0).sum() > 20
        assert not gradient[~dead].any()


def test_auxk_works_on_batches_of_one_and_on_a_perfect_reconstruction(x):
    sae = new_sae()
    history = train(sae, x, TrainConfig(60, batch_size=1, dead_window=5))
    assert np.isfinite(history.loss).all()
    assert torch.isfinite(auxk_loss(sae, x, x, x.clone(), torch.arange(64) < 5))


# ---------------------------------------------------------------------------------- stop and go on


class Stop(Exception):
    """Stands for whatever ends a run early."""


def stop_after(n_losses: int, monkeypatch) -> None:
    """Make the n-th next call of `loss` fail."""
    real, calls = SparseAutoencoder.loss, []

    def loss(self, batch, *rest):
        calls.append(1)
        if len(calls) == n_losses:
            raise Stop
        return real(self, batch, *rest)

    monkeypatch.setattr(SparseAutoencoder, "loss", loss)


@pytest.mark.parametrize("same_object", [False, True])
@pytest.mark.parametrize(("n_steps", "stop_at"), [(50, 3), (50, 6), (50, 23), (50, 50), (130, 40)])
def test_a_resumed_run_ends_with_the_same_bits(tmp_path, monkeypatch, x, n_steps, stop_at, same_object):
    config = dataclasses.replace(CONFIG, total_tokens=n_steps * 32)
    whole = new_sae()
    expected = train(whole, x, config, validation=x[:50])

    sae = new_sae()
    with monkeypatch.context() as patch:
        stop_after(stop_at, patch)
        with pytest.raises(Stop):
            train(sae, x, config, validation=x[:50], checkpoint_dir=tmp_path / "run")
    assert (tmp_path / "run").exists() == (stop_at > n_steps // 10)
    sae = sae if same_object and stop_at > n_steps // 10 else new_sae()
    history = train(sae, x, config, validation=x[:50], checkpoint_dir=tmp_path / "run")
    assert bits(sae) == bits(whole)
    assert history == expected


def test_every_architecture_resumes_with_the_same_bits(tmp_path, monkeypatch, x, architecture):
    """Also the parameters that only some have, and BatchTopK's running threshold."""
    config = dataclasses.replace(CONFIG, dead_window=64)
    whole = new_sae(architecture)
    before = bits(whole)
    expected = train(whole, x, config, validation=x[:50])
    assert all(value != bits(whole)[name] for name, value in before.items())  # every one was trained
    sae = new_sae(architecture)
    with monkeypatch.context() as patch:
        stop_after(23, patch)
        with pytest.raises(Stop):
            train(sae, x, config, validation=x[:50], checkpoint_dir=tmp_path / "run")
    sae = new_sae(architecture)
    assert train(sae, x, config, validation=x[:50], checkpoint_dir=tmp_path / "run") == expected
    assert bits(sae) == bits(whole)


@pytest.mark.parametrize("log_point", [1, 17, 50])
def test_stopping_in_on_log_loses_nothing(tmp_path, x, log_point):
    whole = new_sae()
    expected = train(whole, x)

    def stop(history: History) -> None:
        if len(history.tokens) == log_point:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(new_sae(), x, checkpoint_dir=tmp_path / "run", on_log=stop)
    sae = new_sae()
    assert train(sae, x, checkpoint_dir=tmp_path / "run") == expected
    assert bits(sae) == bits(whole)


def test_resuming_takes_up_the_last_checkpoint(tmp_path, monkeypatch, x):
    with monkeypatch.context() as patch:
        stop_after(43, patch)
        with pytest.raises(Stop):
            train(new_sae(), x, checkpoint_dir=tmp_path / "run")
    calls = []
    real = SparseAutoencoder.loss
    monkeypatch.setattr(
        SparseAutoencoder, "loss", lambda self, batch, *rest: calls.append(1) or real(self, batch, *rest)
    )
    train(new_sae(), x, checkpoint_dir=tmp_path / "run")
    assert len(calls) == 10  # 42 steps were done, 40 of them saved
    train(new_sae(), x, checkpoint_dir=tmp_path / "run")
    assert len(calls) == 10  # a finished run has nothing left to do


def test_a_kill_while_a_checkpoint_is_written_leaves_the_previous_one(tmp_path, monkeypatch, x):
    whole = new_sae()
    expected = train(whole, x)
    real, calls = storage.write_tensors, []

    def dies_at_the_fourth(path, tensors):
        calls.append(path)
        if len(calls) == 4:
            path.write_bytes(b"half of a file")
            raise OSError(28, "No space left on device")
        real(path, tensors)

    with monkeypatch.context() as patch:
        patch.setattr(storage, "write_tensors", dies_at_the_fourth)
        with pytest.raises(OSError, match="No space"):
            train(new_sae(), x, checkpoint_dir=tmp_path / "run")
    assert storage.read_json(tmp_path / "run" / runs.STATE_FILE)["step"] == 15
    sae = new_sae()
    assert train(sae, x, checkpoint_dir=tmp_path / "run") == expected
    assert bits(sae) == bits(whole)


def test_a_kill_between_the_renames_of_a_checkpoint_loses_no_steps(tmp_path, monkeypatch, x):
    with monkeypatch.context() as patch:
        stop_after(43, patch)
        with pytest.raises(Stop):
            train(new_sae(), x, checkpoint_dir=tmp_path / "run")
    (tmp_path / "run").rename(tmp_path / ".run.whole")
    calls = []
    real = SparseAutoencoder.loss
    monkeypatch.setattr(
        SparseAutoencoder, "loss", lambda self, batch, *rest: calls.append(1) or real(self, batch, *rest)
    )
    train(new_sae(), x, checkpoint_dir=tmp_path / "run")
    assert len(calls) == 10


@pytest.mark.parametrize(
    ("config_change", "sae_change", "data_change", "part"),
    [
        ({"learning_rate": 1e-3}, {}, None, "training"),
        ({"seed": 1}, {}, None, "training"),
        ({"total_tokens": 3200}, {}, None, "training"),
        ({}, {"k": 5}, None, "sae"),
        ({}, {"architecture": "relu"}, None, "sae"),
        ({}, {}, lambda x: x[:-1], "data"),
        ({}, {}, lambda x: 2 * x, "data"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_and_kept(
    tmp_path, x, config_change, sae_change, data_change, part
):
    train(new_sae(), x, checkpoint_dir=tmp_path / "run")
    before = (tmp_path / "run" / runs.STATE_FILE).read_bytes()
    sae = new_sae(**sae_change)
    config = dataclasses.replace(CONFIG, **config_change)
    data = data_change(x) if data_change else x
    untouched = bits(sae)
    with pytest.raises(ValueError, match=f"other {part} settings .*choose another checkpoint_dir"):
        train(sae, data, config, checkpoint_dir=tmp_path / "run")
    assert (tmp_path / "run" / runs.STATE_FILE).read_bytes() == before
    assert bits(sae) == untouched


def test_a_checkpoint_directory_with_other_files_is_refused_before_the_first_step(tmp_path, x, monkeypatch):
    (tmp_path / "results.csv").write_text("1,2")
    sae = new_sae()
    untouched = bits(sae)
    monkeypatch.setattr(SparseAutoencoder, "loss", lambda *_: pytest.fail("a step was taken"))
    with pytest.raises(FileExistsError, match=r"holds results\.csv"):
        train(sae, x, checkpoint_dir=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["results.csv"]
    assert bits(sae) == untouched


def test_a_damaged_checkpoint_is_named(tmp_path, x):
    train(new_sae(), x, checkpoint_dir=tmp_path / "run")
    weights = tmp_path / "run" / runs.STATE_WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-5])
    with pytest.raises(storage.DamagedFileError, match=r"training\.safetensors"):
        train(new_sae(), x, checkpoint_dir=tmp_path / "run")
    (tmp_path / "run" / runs.STATE_FILE).write_text("{}")
    with pytest.raises(ValueError, match="other sae settings"):
        train(new_sae(), x, checkpoint_dir=tmp_path / "run")


def test_an_autoencoder_can_be_trained_further(x):
    sae = new_sae()
    first = train(sae, x)
    second = train(sae, x, dataclasses.replace(CONFIG, seed=1))
    assert second.reconstruction[0] < (first.reconstruction[0] + first.reconstruction[-1]) / 2


def test_a_stopped_run_leaves_an_autoencoder_of_raw_activations(x, monkeypatch):
    sae = new_sae()
    stop_after(40, monkeypatch)
    with pytest.raises(Stop):
        train(sae, x)
    assert evaluate_reconstruction(sae, x, progress=False)["explained_variance"] > 0.5


# ------------------------------------------------------------------------------------ NaN and Ctrl-C


def bits_after(step: int, architecture: str, x) -> dict[str, bytes]:
    """An autoencoder whose run of CONFIG was left alone until `step`, a log point."""

    def stop(history: History) -> None:
        if history.tokens[-1] == step * CONFIG.batch_size:
            raise Stop

    sae = new_sae(architecture)
    with pytest.raises(Stop):
        train(sae, x, on_log=stop)
    return bits(sae)


def break_step(step: int, monkeypatch, how: str) -> None:
    """Make the loss of one step NaN, or the weights that follow from it."""
    real, real_after_step, calls = SparseAutoencoder.loss, SparseAutoencoder.after_step, []

    def loss(self, batch, *rest):
        calls.append(1)
        result = real(self, batch, *rest)
        return result._replace(total=result.total * float("nan")) if len(calls) == step else result

    def after_step(self, pairs, **rest):
        real_after_step(self, pairs, **rest)
        if len(calls) == step:
            self.b_enc.data[3] = float("inf")

    if how == "loss":
        monkeypatch.setattr(SparseAutoencoder, "loss", loss)
    else:
        monkeypatch.setattr(
            SparseAutoencoder, "loss", lambda self, batch, *rest: calls.append(1) or real(self, batch, *rest)
        )
        monkeypatch.setattr(SparseAutoencoder, "after_step", after_step)


@pytest.mark.parametrize("how", ["loss", "weights"])
@pytest.mark.parametrize(("bad", "good", "with_directory"), [(33, 30, False), (35, 30, True), (36, 35, True)])
def test_after_nan_the_last_good_state_is_back(
    tmp_path, monkeypatch, x, architecture, bad, good, how, with_directory
):
    """CONFIG's 50 steps are kept every fifth; whatever fails at the 35th must not be kept."""
    expected = bits_after(good, architecture, x)
    sae = new_sae(architecture)
    directory = tmp_path / "run" if with_directory else None
    with monkeypatch.context() as patch:
        break_step(bad, patch, how)
        with pytest.raises(FloatingPointError, match=rf"lower learning_rate .* as it was at step {good}\."):
            train(sae, x, checkpoint_dir=directory)
    assert bits(sae) == expected
    if with_directory:
        assert storage.read_json(directory / runs.STATE_FILE)["step"] == good
        whole = new_sae(architecture)
        assert train(sae, x, checkpoint_dir=directory) == train(whole, x)
        assert bits(sae) == bits(whole)


def test_a_run_that_diverges_at_once_changes_nothing_but_b_dec(tmp_path, x):
    config = dataclasses.replace(CONFIG, warmup_fraction=0)
    object.__setattr__(config, "learning_rate", 1e25)  # which the settings themselves refuse
    sae = new_sae("relu")
    with pytest.raises(
        FloatingPointError, match=r"at step \d+; lower learning_rate \(1e\+25\).* at step 0\."
    ):
        train(sae, x, config, checkpoint_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert torch.equal(sae.W_dec, new_sae("relu").W_dec)
    torch.testing.assert_close(sae.b_dec.detach(), x.mean(0))


def press_ctrl_c(step: int, monkeypatch, times: int = 1) -> None:
    """Send this process the signal of Ctrl-C in the middle of a step."""
    real, calls = SparseAutoencoder.loss, []

    def loss(self, batch, *rest):
        calls.append(1)
        if len(calls) == step:
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)
        return real(self, batch, *rest)

    monkeypatch.setattr(SparseAutoencoder, "loss", loss)


@pytest.mark.parametrize("step", [1, 17, 49, 50])
def test_ctrl_c_saves_the_step_that_it_falls_into(tmp_path, monkeypatch, x, architecture, step):
    config = dataclasses.replace(CONFIG, dead_window=64)
    whole = new_sae(architecture)
    expected = train(whole, x, config, validation=x[:50])
    sae = new_sae(architecture)
    usual = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        press_ctrl_c(step, patch)
        with pytest.raises(KeyboardInterrupt):
            train(sae, x, config, validation=x[:50], checkpoint_dir=tmp_path / "run")
    assert signal.getsignal(signal.SIGINT) is usual
    assert storage.read_json(tmp_path / "run" / runs.STATE_FILE)["step"] == step
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    for resumed, directory in ((sae, "run"), (new_sae(architecture), "copy")):
        assert train(resumed, x, config, validation=x[:50], checkpoint_dir=tmp_path / directory) == expected
        assert bits(resumed) == bits(whole)


def test_a_second_ctrl_c_does_not_wait_and_loses_no_more_than_the_last_tenth(tmp_path, monkeypatch, x):
    whole = new_sae()
    expected = train(whole, x)
    with monkeypatch.context() as patch:
        press_ctrl_c(18, patch, times=2)
        with pytest.raises(KeyboardInterrupt):
            train(new_sae(), x, checkpoint_dir=tmp_path / "run")
    assert storage.read_json(tmp_path / "run" / runs.STATE_FILE)["step"] == 15
    sae = new_sae()
    assert train(sae, x, checkpoint_dir=tmp_path / "run") == expected
    assert bits(sae) == bits(whole)


@pytest.mark.parametrize("stop_at", [2, 23, 41])
def test_an_interrupt_raised_inside_a_step_can_be_resumed(tmp_path, monkeypatch, x, architecture, stop_at):
    """As a debugger or a second Ctrl-C raises it: what was half done is done again."""
    whole = new_sae(architecture)
    expected = train(whole, x)
    real, calls = SparseAutoencoder.after_step, []

    def after_step(self, pairs, **rest):
        calls.append(1)
        if len(calls) == stop_at:
            raise KeyboardInterrupt
        real(self, pairs, **rest)

    sae = new_sae(architecture)
    with monkeypatch.context() as patch:
        patch.setattr(SparseAutoencoder, "after_step", after_step)
        with pytest.raises(KeyboardInterrupt):
            train(sae, x, checkpoint_dir=tmp_path / "run")
    sae = new_sae(architecture)
    assert train(sae, x, checkpoint_dir=tmp_path / "run") == expected
    assert bits(sae) == bits(whole)


def test_training_in_another_thread_leaves_signals_alone(x):
    with ThreadPoolExecutor(1) as thread:
        history = thread.submit(train, new_sae(), x).result()
    assert history == train(new_sae(), x)


IN_A_NOTEBOOK = """
import time
import torch
from sae_tutorial import SAEConfig, SparseAutoencoder, TrainConfig, train_sae

torch.set_num_threads(1)
x = torch.randn(500, 16, generator=torch.Generator().manual_seed(4))
sae = SparseAutoencoder(SAEConfig(16, 4, k=4))
config = TrainConfig(1_000 * 32, batch_size=32)
if {interrupt}:
    logged = lambda history: (print("log point", flush=True), time.sleep(0.2))  # leaves time to interrupt
    train_sae(sae, x, config, checkpoint_dir="run", on_log=logged, progress=False)
"""


@pytest.fixture
def kernel(tmp_path):
    """A notebook's kernel that works in `tmp_path`."""
    manager, client = start_new_kernel(cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(Path.cwd())})
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_interrupting_a_notebook_saves_the_step_and_loses_nothing(tmp_path, kernel):
    manager, client = kernel
    client.execute(IN_A_NOTEBOOK.format(interrupt=True))
    seen = []
    while len(seen) < 3:  # the cell is in the middle of its run
        message = client.get_iopub_msg(timeout=60)
        assert message["msg_type"] != "error", message["content"]
        seen += [message] if message["msg_type"] == "stream" else []
    manager.interrupt_kernel()
    replies = iter(
        lambda: client.get_shell_msg(timeout=60), None
    )  # the first may still tell about the kernel
    reply = next(reply for reply in replies if reply["msg_type"] == "execute_reply")
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    stopped = storage.read_json(tmp_path / "run" / runs.STATE_FILE)["step"]
    assert 0 < stopped < 1_000
    cells: dict = {}
    exec(IN_A_NOTEBOOK.format(interrupt=False), cells)
    whole, config = cells["sae"], cells["config"]
    resumed = new_sae()
    history = train(resumed, cells["x"], config, checkpoint_dir=tmp_path / "run")
    assert history == train(whole, cells["x"], config)
    assert bits(resumed) == bits(whole)


# ------------------------------------------------------------------------------- several at one time


def several() -> list[SparseAutoencoder]:
    """One of each architecture, and of other widths and sparsities."""
    return [
        *map(new_sae, ARCHITECTURES),
        new_sae(k=2),
        SparseAutoencoder(SAEConfig(D_IN, 2, "relu", l1_coefficient=0.1), seed=5),
    ]


def test_several_end_with_the_bits_that_each_would_have_alone(x):
    together, alone = several(), several()
    histories = train_saes(together, x, CONFIG, validation=x[:50], progress=False)
    for sae, history, other in zip(together, histories, alone, strict=True):
        assert history == train(other, x, validation=x[:50])
        assert bits(sae) == bits(other)


def test_several_read_each_batch_once(store, monkeypatch):
    real, calls, counts = ActivationStore.__getitem__, [], []
    monkeypatch.setattr(ActivationStore, "__getitem__", lambda self, i: calls.append(1) or real(self, i))
    for n in (1, 4):
        saes = [SparseAutoencoder(SAEConfig(32, 2, k=4), seed=seed) for seed in range(n)]
        calls.clear()
        train_saes(saes, store, TrainConfig(640, batch_size=32), progress=False)
        counts.append(len(calls))
        assert all(sae.metadata["model_name"] == "tiny" for sae in saes)
    assert counts[0] == counts[1] > 20


@pytest.mark.parametrize("stop_at", [7, 9 * 23 + 4, 9 * 35])
def test_several_resume_with_the_same_bits(tmp_path, monkeypatch, x, stop_at):
    """Also where some had saved a step that others had not reached."""
    whole = several()
    expected = train_saes(whole, x, CONFIG, progress=False)
    with monkeypatch.context() as patch:
        stop_after(stop_at, patch)
        with pytest.raises(Stop):
            train_saes(several(), x, CONFIG, checkpoint_dir=tmp_path / "runs", progress=False)
    if stop_at == 9 * 35:
        steps = {storage.read_json(path)["step"] for path in tmp_path.glob("runs/*/training.json")}
        assert steps == {30, 35}
    saes = several()
    assert train_saes(saes, x, CONFIG, checkpoint_dir=tmp_path / "runs", progress=False) == expected
    assert [bits(sae) for sae in saes] == [bits(sae) for sae in whole]


def test_several_are_interrupted_at_the_same_step(tmp_path, monkeypatch, x):
    saes = several()
    with monkeypatch.context() as patch:
        press_ctrl_c(9 * 11 + 2, patch)
        with pytest.raises(KeyboardInterrupt):
            train_saes(saes, x, CONFIG, checkpoint_dir=tmp_path / "runs", progress=False)
    steps = [storage.read_json(path)["step"] for path in tmp_path.glob("runs/*/training.json")]
    assert steps == [12] * 9


def test_no_autoencoder_and_the_same_one_twice_are_refused(x):
    with pytest.raises(ValueError, match="at least one; got 0"):
        train_saes([], x, CONFIG)
    with pytest.raises(ValueError, match="different autoencoders"):
        train_saes([new_sae()] * 2, x, CONFIG)
    with pytest.raises(ValueError, match="this autoencoder takes"):
        train_saes([new_sae(), SparseAutoencoder(SAEConfig(D_IN + 1, k=4))], x, CONFIG)


# -------------------------------------------------------------------------------------------- history


@pytest.mark.parametrize("n_steps", [1, 7, 50, 130])
def test_history_has_one_entry_per_log_point(x, n_steps):
    seen = []
    config = dataclasses.replace(CONFIG, total_tokens=32 * n_steps)
    history = train(
        new_sae("relu"), x, config, validation=x[:20], on_log=lambda h: seen.append(len(h.tokens))
    )
    points = min(n_steps, 100)
    assert seen == list(range(1, points + 1))
    for name in ("tokens", "loss", "reconstruction", "sparsity", "l0", "dead_fraction"):
        assert len(getattr(history, name)) == points
    assert history.tokens[-1] == history.validation_tokens[-1] == 32 * n_steps
    assert len(history.validation_tokens) == len(history.validation_explained_variance) == min(n_steps, 10)
    assert sorted(history.tokens) == history.tokens
    l1 = SAEConfig(D_IN, 4, "relu").l1_coefficient
    for total, reconstruction, sparsity in zip(
        history.loss, history.reconstruction, history.sparsity, strict=True
    ):
        assert total == pytest.approx(reconstruction + l1 * sparsity, rel=1e-4)
    assert json.loads(json.dumps(dataclasses.asdict(history))) == dataclasses.asdict(history)


def test_history_entries_are_means_over_the_steps_since_the_last(x, monkeypatch):
    losses = []
    real = SparseAutoencoder.loss

    def spy(self, batch, *rest):
        loss = real(self, batch, *rest)
        losses.append(loss.reconstruction.item())
        return loss

    monkeypatch.setattr(SparseAutoencoder, "loss", spy)
    monkeypatch.setattr(runs, "LOG_POINTS", 10)
    history = train(new_sae(), x, dataclasses.replace(CONFIG, total_tokens=32 * 30))
    assert history.reconstruction == pytest.approx(np.reshape(losses, (10, 3)).mean(1).tolist(), rel=1e-5)


def test_dead_fraction_counts_latents_silent_for_a_window(x):
    sae = new_sae()
    sae.b_enc.data[:16] = -1000  # never on
    history = train(sae, x, dataclasses.replace(CONFIG, dead_window=320, restart_until=0, learning_rate=1e-9))
    assert history.dead_fraction[8] == 0  # 288 tokens: no window has passed
    with torch.no_grad():
        off = float((sae.encode(x) == 0).all(0).float().mean())
    assert off <= history.dead_fraction[20] <= off + 0.2
    assert off >= 0.25


def test_a_latent_chosen_by_topk_with_nothing_to_say_counts_as_dead(x):
    """Where fewer than k pre-activations are positive, TopK's other choices are off."""
    sae = new_sae()
    sae.b_enc.data[3:] = -1000
    config = dataclasses.replace(CONFIG, dead_window=320, restart_until=0, learning_rate=1e-9)
    assert train(sae, x, config).dead_fraction[-1] >= 61 / 64


# ------------------------------------------------------------------------------------- wrong arguments


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("row", [0, 299])
def test_nan_and_infinity_are_refused_with_their_row(x, bad, row):
    broken = x.clone()
    broken[row, 3] = bad
    sae = new_sae()
    before = bits(sae)
    with pytest.raises(ValueError, match=rf"activations\[{row}\] holds NaN or infinity"):
        train(sae, broken)
    assert bits(sae) == before


def test_a_bad_row_far_into_the_data_is_named():
    wide = torch.ones(70_000, D_IN)
    wide[65_540] = float("nan")
    with pytest.raises(ValueError, match=r"activations\[65540\]"):
        train(new_sae(), wide)


@pytest.mark.parametrize("bad", [torch.zeros(20, D_IN + 1), torch.zeros(0, D_IN), torch.zeros(D_IN)])
def test_wrong_shapes_are_refused(bad):
    with pytest.raises(ValueError, match="shape|no rows"):
        train(new_sae(), bad)


def test_wrong_validation_is_refused_before_the_first_step(x, monkeypatch):
    monkeypatch.setattr(SparseAutoencoder, "loss", None)
    with pytest.raises(ValueError, match="shape"):
        train(new_sae(), x, validation=torch.zeros(5, D_IN + 1))
    with pytest.raises(ValueError, match=r"validation\[2\]"):
        train(new_sae(), x, validation=torch.tensor([[1.0], [1.0], [float("nan")]]).expand(3, D_IN))


def test_all_zero_activations_are_refused():
    with pytest.raises(ValueError, match="all activations are zero"):
        train(new_sae(), torch.zeros(50, D_IN))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"total_tokens": 0}, "total_tokens must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"dead_window": -1}, "dead_window must be at least 1, got -1"),
        ({"learning_rate": 0}, "learning_rate must lie between 0 and 1, got 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number, got nan"),
        ({"learning_rate": float("inf")}, "learning_rate must be 0 or more, and finite, got inf"),
        ({"warmup_fraction": -0.1}, "warmup_fraction .*-0.1"),
        ({"decay_fraction": float("nan")}, "decay_fraction .*nan"),
        ({"aux_coefficient": -1}, "aux_coefficient .*-1"),
        ({"warmup_fraction": 0.6, "decay_fraction": 0.5}, "0.6 .* 0.5 exceed"),
        ({"seed": -1}, "seed .*-1"),
    ],
)
def test_wrong_settings_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**{"total_tokens": 100} | options)


def test_train_config_is_frozen_and_round_trips_through_json():
    config = TrainConfig(12345, learning_rate=0.1, seed=7)
    assert TrainConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.seed = 3


def test_seed_recipe_is_plain(x):
    sae_config, config = seed_recipe(D_IN, 1600, l1_coefficient=0.01, seed=4)
    assert (sae_config.architecture, sae_config.d_sae, sae_config.l1_coefficient) == ("relu", 8 * D_IN, 0.01)
    assert not sae_config.tied_init
    assert (config.batch_size, config.total_tokens, config.seed) == (256, 1600, 4)
    assert {config.learning_rate_at(step) for step in range(config.n_steps)} == {1e-3}
    assert config.aux_coefficient == 0
    sae = SparseAutoencoder(sae_config)
    tiny = dataclasses.replace(config, learning_rate=1e-12)
    train(sae, x, tiny)
    assert sae.b_dec.abs().max() < 1e-6  # no start at the mean
