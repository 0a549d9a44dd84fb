"""One coder in four forms: it computes what twenty plain lines compute, and finds what was planted.

The forms are an autoencoder, a transcoder, a transcoder with a skip, and a crosscoder; each of the seven architectures
makes all four.
"""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from sae_tutorial.sae import sparse
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, TrainConfig
from sae_tutorial.sae.dead_latents import auxk_loss
from sae_tutorial.sae.metrics import evaluate_reconstruction
from sae_tutorial.sae.training import train_sae, train_saes

ARCHITECTURES = ["relu", "relu_free", "gated", "topk", "batchtopk", "matryoshka", "jumprelu"]
D_IN, D_OUT, D_SAE, K = 12, 9, 48, 3
FORMS = {
    "autoencoder": {},
    "transcoder": {"d_out": D_OUT},
    "skip transcoder": {"d_out": D_OUT, "skip": True},
    "crosscoder": {"sides": 2},
}
TRANSCODERS = ["transcoder", "skip transcoder"]

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)
every_form = pytest.mark.parametrize("form", FORMS)


def make(architecture: str, form: str, dtype: torch.dtype = torch.float64) -> SparseAutoencoder:
    """A small coder in which no bias, threshold or skip is zero."""
    config = SAEConfig(D_IN, D_SAE / D_IN, architecture, k=K, l1_coefficient=0.05, **FORMS[form])
    coder = SparseAutoencoder(config).to(dtype)
    generator = torch.Generator().manual_seed(5)
    for name, tensor in coder.state_dict().items():
        if name == "threshold":
            spread = torch.rand(D_SAE, generator=generator) if architecture == "jumprelu" else 1.0
            tensor.copy_(0.8 + 0.5 * spread)
        elif name not in ("W_enc", "W_dec"):
            tensor.copy_(0.3 * torch.randn(tensor.shape, generator=generator))
    return coder


def rows(coder: SparseAutoencoder, n: int = 30) -> tuple[Tensor, Tensor | None]:
    """Rows to read, and the target of a transcoder."""
    generator = torch.Generator().manual_seed(7)
    x = 2 * torch.randn(n, D_IN, generator=generator).to(coder.b_dec.dtype)
    y = torch.randn(n, D_OUT, generator=generator).to(x.dtype)
    return x, y if coder.config.is_transcoder else None


# --------------------------------------------------------------------------------------- the plain version


def plain_coder(coder: SparseAutoencoder, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(loss, ŷ, f) from dense products alone, with the gradients that autograd finds by itself."""
    c, W_dec, price = coder.config, coder.W_dec, 0.0
    projected = (x if c.is_transcoder else x - coder.b_dec) @ coder.W_enc
    z = projected + coder.b_enc
    f, offset = z.relu(), coder.b_dec + (x @ coder.W_skip if c.skip else 0.0)
    if c.architecture == "topk":
        f = f * (z >= z.topk(c.k).values[:, -1:])
    elif c.architecture in ("batchtopk", "matryoshka"):
        f = f * (z >= z.flatten().topk(c.k * len(x)).values[-1])
    elif c.architecture == "gated":
        gate, f = f, (z > 0) * (projected * coder.r_mag.exp() + coder.b_mag).relu()
        by_gate = gate @ W_dec.detach() + offset.detach()
        price = c.l1_coefficient * gate.sum() / len(x) + (y - by_gate).pow(2).mean()
    elif c.architecture == "jumprelu":
        f, on = above_threshold(z, coder.threshold, 0.03 * c.d_in**0.5)
        price = (on.sum() / len(x) / c.k - 1) ** 2
    else:
        norms = W_dec.unflatten(1, (c.sides, -1)).norm(dim=2).sum(1) if c.architecture == "relu_free" else 1.0
        price = c.l1_coefficient * (f * norms).sum() / len(x)
    nested = sum((y - f[:, :m] @ W_dec[:m] - offset).pow(2).mean() for m in c.prefixes[:-1])
    y_hat = f @ W_dec + offset
    return (y - y_hat).pow(2).mean() + price + nested, y_hat, f


def above_threshold(z: Tensor, theta: Tensor, width: float) -> tuple[Tensor, Tensor]:
    """JumpReLU and its step: `blur` is zero, and gives θ the gradients of a step blurred over the window."""
    on, near = (z > theta).to(z.dtype), ((z - theta).abs() < width / 2).to(z.dtype)
    blur = -near / width * (theta - theta.detach())
    return z * on + theta.detach() * blur, on + blur


@every_form
@every_architecture
@pytest.mark.parametrize("share", [0.0, 2.0])
def test_outputs_and_gradients_are_those_of_the_plain_version(monkeypatch, architecture, form, share):
    monkeypatch.setattr(sparse, "DENSE_SHARE", share)  # 0: dense products, 2: never
    coder = make(architecture, form)
    x, target = rows(coder)
    x.requires_grad_()
    variables = {"x": x, **dict(coder.named_parameters())}
    loss, y_hat, f = plain_coder(coder, x, x if target is None else target)
    expected = torch.autograd.grad(loss, list(variables.values()))
    got = coder.loss(x, target)
    gradients = torch.autograd.grad(got.total, list(variables.values()))
    torch.testing.assert_close(got.total, loss)
    torch.testing.assert_close(got.y_hat, y_hat)
    torch.testing.assert_close(got.pairs.to_dense(), f)
    torch.testing.assert_close(got.l0, (f > 0).sum(1).float().mean())
    for name, gradient, reference in zip(variables, gradients, expected, strict=True):
        assert reference.abs().max() > 1e-4, name  # no comparison of zeros
        torch.testing.assert_close(gradient, reference, msg=lambda text, name=name: f"{name}: {text}")


@every_form
@every_architecture
def test_forward_is_the_path_that_trains(architecture, form):
    """With its thresholds an evaluated BatchTopK differs from a trained one; made to agree, so do ŷ and f."""
    coder = make(architecture, form)
    x, target = rows(coder)
    loss = coder.loss(x, target)
    if coder.config.prefixes:
        kept = loss.pairs.values.detach()[loss.pairs.values > 0].min()
        coder.threshold.fill_(float(kept) * (1 - 1e-9))
    y_hat, f = coder(x)
    torch.testing.assert_close(y_hat, loss.y_hat)
    torch.testing.assert_close(f, loss.pairs.to_dense())
    torch.testing.assert_close(coder.encode(x), f)
    torch.testing.assert_close(coder.write(x, coder.active_pairs(x)), y_hat)
    skipped = x @ coder.W_skip if coder.config.skip else 0.0
    torch.testing.assert_close(coder.decode(f) + skipped, y_hat)


# ------------------------------------------------------------------------------------- finite differences


@every_form
@every_architecture
def test_gradients_of_the_loss_equal_finite_differences(architecture, form):
    """Along a random direction for x and each parameter; not where the loss holds fixed, or jumps."""
    coder = make(architecture, form)
    x, target = rows(coder)
    x.requires_grad_()
    coder.loss(x, target).total.backward()
    held = {"gated": ("W_dec", "b_dec", "W_skip"), "jumprelu": ("threshold",)}.get(architecture, ())
    if architecture == "gated" and form in ("autoencoder", "skip transcoder"):
        held += ("x",)
    generator = torch.Generator().manual_seed(11)
    for name, variable in {"x": x, **dict(coder.named_parameters())}.items():
        if name in held:
            continue
        direction = torch.randn(variable.shape, generator=generator, dtype=torch.float64)
        losses = []
        for step in (1e-6, -2e-6):
            variable.data += step * direction
            losses.append(coder.loss(x, target).total.item())
        variable.data += 1e-6 * direction
        along = (variable.grad * direction).sum().item()
        assert abs(along) > 1e-4, name
        assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(along, rel=1e-5), name


@every_form
@every_architecture
def test_every_gradient_of_forward_equals_finite_differences(architecture, form):
    """Entry by entry: (ŷ, f) by x and by each weight. A threshold only chooses, and has none."""
    coder = make(architecture, form)
    x = rows(coder, 4)[0].requires_grad_()
    weights = {name: w.detach().clone() for name, w in coder.named_parameters() if name != "threshold"}

    def forward(x: Tensor, *values: Tensor) -> tuple[Tensor, Tensor]:
        return functional_call(coder, dict(zip(weights, values, strict=True)), (x,))

    inputs = (x, *(w.requires_grad_() for w in weights.values()))
    assert torch.autograd.gradcheck(forward, inputs, atol=1e-6)


@every_form
@every_architecture
def test_rows_with_more_axes_have_the_same_gradients(architecture, form):
    coder = make(architecture, form)
    flat = rows(coder)[0].requires_grad_()
    deep = flat.detach().view(5, 3, 2, D_IN).requires_grad_()
    for code in (coder.encode, lambda x: coder(x)[0]):
        by_flat = torch.autograd.grad(code(flat).sin().sum(), flat)[0]
        out = code(deep)
        assert out.shape[:-1] == (5, 3, 2)
        by_deep = torch.autograd.grad(out.sin().sum(), deep)[0]
        assert by_flat.abs().max() > 0.01
        torch.testing.assert_close(by_deep.view_as(by_flat), by_flat)


# --------------------------------------------------------------------------------------------------- AuxK


@pytest.mark.parametrize("form", TRANSCODERS)
@every_architecture
def test_auxk_of_a_transcoder_explains_what_is_missing_of_the_target(architecture, form):
    coder = make(architecture, form)
    x, y = rows(coder)
    dead = torch.arange(D_SAE) % 3 == 0
    y_hat = coder.loss(x, y).y_hat
    got = auxk_loss(coder, x, y, y_hat, dead)

    e = (y - y_hat).detach()
    f = (x @ coder.W_enc + coder.b_enc).relu() * dead
    f = f * (f >= f.topk(D_IN // 2).values[:, -1:])
    expected = (e - f @ coder.W_dec).pow(2).sum() / (e - e.mean(0)).pow(2).sum()
    torch.testing.assert_close(got, expected)

    gradients = torch.autograd.grad(got, list(coder.parameters()), allow_unused=True)
    trained = {
        name
        for (name, _), g in zip(coder.named_parameters(), gradients, strict=True)
        if g is not None and g.any()
    }
    assert trained == {"W_enc", "b_enc", "W_dec"}
    by_name = dict(zip(dict(coder.named_parameters()), gradients, strict=True))
    assert not by_name["W_dec"][~dead].any() and not by_name["W_enc"][:, ~dead].any()


@pytest.mark.parametrize("form", TRANSCODERS)
def test_auxk_revives_the_latents_of_a_transcoder(form):
    """Half of them read too faintly to be among the k largest; only AuxK's gradient can change that."""
    x, y = SparseMap(D_IN, D_OUT, 32).sample(2000)
    dead = []
    for coefficient in (0.0, 1 / 32):
        coder = fresh(form)
        coder.W_enc.data[:, : D_SAE // 2] *= 0.05
        config = TrainConfig(
            20_000, batch_size=64, dead_window=1280, aux_coefficient=coefficient, restart_until=0
        )
        dead.append(train_sae(coder, x, config, target=y, progress=False).dead_fraction[-1])
    assert dead[0] > 0.35
    assert dead[1] < 0.2


# -------------------------------------------------------------------------------------------------- units


@every_form
@every_architecture
def test_a_change_of_units_is_the_same_function_and_can_be_undone(architecture, form):
    coder = make(architecture, form)
    before = {name: tensor.clone() for name, tensor in coder.state_dict().items()}
    x, _ = rows(coder)
    y_hat, f = coder(x)
    if coder.config.is_transcoder:
        mean, scale, target_scale = torch.linspace(-1, 2, D_IN, dtype=torch.float64), 0.3, 7.0
    else:
        mean, scale, target_scale = torch.zeros(D_IN, dtype=torch.float64), 0.3, 0.3
    coder.change_units(mean, scale, target_scale)
    raw_y_hat, raw_f = coder(x / scale + mean)
    assert f.any()
    torch.testing.assert_close(raw_y_hat * target_scale, y_hat)
    torch.testing.assert_close(raw_f * target_scale, f)
    torch.testing.assert_close(coder.W_dec, before["W_dec"])  # rows keep their norm
    coder.change_units(-scale * mean, 1 / scale, 1 / target_scale)
    for name, tensor in coder.state_dict().items():
        torch.testing.assert_close(tensor, before[name], msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@every_form
def test_rows_in_another_precision_are_taken(form, dtype):
    coder = make("topk", form, torch.float32)
    x, target = (t if t is None else t.to(dtype) for t in rows(coder))
    y_hat, f = coder(x)
    assert y_hat.dtype == f.dtype == torch.float32
    torch.testing.assert_close(y_hat, coder(x.float())[0])
    if dtype != torch.float64:
        expected = coder.loss(x.float(), target if target is None else target.float()).total
        torch.testing.assert_close(coder.loss(x, target).total, expected)


# -------------------------------------------------------------------------------- what was planted is found


class SparseMap:
    """x = Σ f_i u_i and y = Σ f_i v_i with few f on, and more features than x has axes; `linear` adds x A to y."""

    def __init__(self, d_in: int, d_out: int, n_features: int, active: int = 3, linear: float = 0.0) -> None:
        self.generator = torch.Generator().manual_seed(987)
        self.active = active
        self.read, self.written = (self._directions(n_features, d) for d in (d_in, d_out))
        self.linear = linear * torch.randn(d_in, d_out, generator=self.generator) / d_in**0.5

    def _directions(self, n: int, d: int) -> Tensor:
        rows = torch.randn(n, d, generator=self.generator)
        return rows / rows.norm(dim=1, keepdim=True)

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Rows and targets, with means and lengths far from those that training works at."""
        chosen = torch.rand(n, len(self.read), generator=self.generator).topk(self.active).indices
        strengths = 0.5 + torch.rand(n, self.active, generator=self.generator)
        f = torch.zeros(n, len(self.read)).scatter(1, chosen, strengths)
        x = f @ self.read
        return 5 * x + 3, 0.2 * (f @ self.written + x @ self.linear) - 1


def explained_by_a_linear_map(x: Tensor, y: Tensor, held_out: tuple[Tensor, Tensor]) -> float:
    """Of least squares with an intercept."""
    with_one, test = (torch.cat([t, torch.ones(len(t), 1)], 1).double() for t in (x, held_out[0]))
    weights = torch.linalg.lstsq(with_one, y.double()).solution
    y = held_out[1].double()
    return float(1 - (y - test @ weights).pow(2).sum() / (y - y.mean(0)).pow(2).sum())


def matched(rows: Tensor, truth: Tensor) -> Tensor:
    """For each true direction, the best cosine with a row."""
    return (torch.nn.functional.normalize(truth, dim=1) @ torch.nn.functional.normalize(rows, dim=1).T).max(1)


@pytest.mark.parametrize("linear", [0.0, 1.0])
def test_a_transcoder_finds_a_planted_map_that_no_linear_map_is(linear):
    world = SparseMap(24, 24, 40, active=2, linear=linear)
    x, y = world.sample(20_000)
    held_x, held_y = world.sample(2000)
    scores = {}
    for form in TRANSCODERS:
        coder = SparseAutoencoder(SAEConfig(24, 3, k=2, d_out=24, skip=form == "skip transcoder"), seed=1)
        config = TrainConfig(150_000, batch_size=256, dead_window=10_000)
        train_sae(coder, x, config, target=y, progress=False)
        score = evaluate_reconstruction(coder, held_x, progress=False, target=held_y)
        scores[form] = score["explained_variance"]
        if form == "transcoder" and not linear:  # with one, v_i is not all that a feature writes
            found = matched(coder.W_dec.detach(), world.written).values
            untrained = matched(SparseAutoencoder(coder.config, seed=1).W_dec.detach(), world.written).values
            assert (found > 0.95).float().mean() > 0.9
            assert (untrained > 0.95).float().mean() < 0.1
    assert scores["transcoder"] > 0.93 > explained_by_a_linear_map(x, y, (held_x, held_y)) + 0.05
    assert scores["skip transcoder"] > scores["transcoder"] + (0.01 if linear else -0.01)


@pytest.mark.parametrize("form", TRANSCODERS)
@pytest.mark.parametrize(("size", "offset"), [(1.0, 0.0), (100.0, 0.0), (1.0, 20.0), (0.01, -5.0)])
def test_neither_the_unit_nor_the_mean_of_a_target_matters(form, size, offset):
    """A target is measured from its mean; else one with a large mean would vary too little to be learned."""
    x, y = SparseMap(D_IN, D_OUT, 24).sample(2000)
    y = y - y.mean(0)
    scores = []
    for target in (y, size * y + offset * y.std()):
        coder = fresh(form)
        config = dataclasses.replace(CONFIG, total_tokens=150 * 32)
        train_sae(coder, x, config, target=target, progress=False)
        score = evaluate_reconstruction(coder, x, progress=False, target=target)
        scores.append(score["explained_variance"])
    assert scores[0] > 0.3
    assert scores[1] == pytest.approx(scores[0], abs=0.02)


N_SHARED, N_ONE_SIDE, SIDE = 20, 10, 16


def two_models(n: int) -> tuple[Tensor, Tensor]:
    """Rows of two models side by side, and the directions of their features, first the shared ones.

    A feature that one model lacks has a direction of zeros there.
    """
    generator = torch.Generator().manual_seed(321)
    n_features = N_SHARED + 2 * N_ONE_SIDE
    sides = torch.randn(2, n_features, SIDE, generator=generator)
    sides /= sides.norm(dim=2, keepdim=True)
    sides[1, N_SHARED : N_SHARED + N_ONE_SIDE] = 0.0
    sides[0, N_SHARED + N_ONE_SIDE :] = 0.0
    directions = torch.cat([sides[0], sides[1]], dim=1)
    chosen = torch.rand(n, n_features, generator=generator).topk(3).indices
    f = torch.zeros(n, n_features).scatter(1, chosen, 0.5 + torch.rand(n, 3, generator=generator))
    return f @ directions, directions


@pytest.mark.parametrize("architecture", ["topk", "batchtopk", "relu_free"])
def test_a_crosscoder_tells_what_two_models_share_from_what_one_has(architecture):
    x, directions = two_models(20_000)
    config = SAEConfig(2 * SIDE, 2, architecture, k=3, sides=2, l1_coefficient=0.01)
    coder = SparseAutoencoder(config, seed=1)
    train_sae(coder, x, TrainConfig(200_000, batch_size=256, dead_window=10_000), progress=False)
    norms = coder.decoder_norms().detach()
    assert norms.shape == (4 * SIDE, 2)
    share_of_second = norms[:, 1] / norms.sum(1)
    cosines, latents = matched(coder.W_dec.detach(), directions)
    assert (cosines > 0.95).float().mean() > 0.9
    planted = torch.tensor([0.5] * N_SHARED + [0.0] * N_ONE_SIDE + [1.0] * N_ONE_SIDE)
    told = (share_of_second[latents] - planted).abs() < 0.1
    assert told[cosines > 0.95].float().mean() > 0.9


# ----------------------------------------------------------------------------------- several, and again


CONFIG = TrainConfig(total_tokens=50 * 32, batch_size=32, dead_window=64)


def fresh(form: str, architecture: str = "topk", seed: int = 0) -> SparseAutoencoder:
    return SparseAutoencoder(SAEConfig(D_IN, 4, architecture, k=K, **FORMS[form]), seed)


def data(form: str) -> dict[str, Tensor | tuple[Tensor, Tensor]]:
    """Rows, validation and, of a transcoder, targets, as arguments of `train_sae`."""
    x, y = SparseMap(D_IN, D_OUT, 24).sample(300)
    if form in TRANSCODERS:
        return {"activations": x, "target": y, "validation": (x[:50], y[:50])}
    return {"activations": x, "validation": x[:50]}


def bits(coder: SparseAutoencoder) -> dict[str, bytes]:
    return {name: tensor.contiguous().numpy().tobytes() for name, tensor in coder.state_dict().items()}


@every_form
def test_several_end_with_the_bits_that_each_would_have_alone(form):
    options = data(form)
    alone = [
        fresh(form, architecture, seed) for seed, architecture in enumerate(["topk", "jumprelu", "gated"])
    ]
    expected = [train_sae(coder, config=CONFIG, progress=False, **options) for coder in alone]
    together = [fresh(form, coder.config.architecture, seed) for seed, coder in enumerate(alone)]
    assert train_saes(together, config=CONFIG, progress=False, **options) == expected
    assert [bits(coder) for coder in together] == [bits(coder) for coder in alone]


class Stop(Exception):
    """Stands for whatever ends a run early."""


def run_in_two_parts(
    coders: list[SparseAutoencoder], directory: Path, config: TrainConfig, **options
) -> None:
    """Train the first until it is stopped between two checkpoints, and let the second go on."""
    stopped, goes_on = coders

    def stop(history) -> None:
        if len(history.tokens) == 23:
            raise Stop

    with pytest.raises(Stop):
        train_sae(stopped, config=config, on_log=stop, checkpoint_dir=directory, progress=False, **options)
    train_sae(goes_on, config=config, checkpoint_dir=directory, progress=False, **options)


@pytest.mark.parametrize("frozen", ["nothing", "decoder", "soft decoder", "encoder"])
@every_form
def test_a_resumed_run_ends_with_the_same_bits(tmp_path, form, frozen):
    config, options = dataclasses.replace(CONFIG, frozen=frozen), data(form)
    whole = fresh(form)
    train_sae(whole, config=config, progress=False, **options)
    coders = [fresh(form), fresh(form)]
    run_in_two_parts(coders, tmp_path / "run", config, **options)
    assert bits(coders[1]) == bits(whole)


@every_architecture
def test_a_skip_transcoder_of_every_architecture_resumes(tmp_path, architecture):
    options = data("skip transcoder")
    whole = fresh("skip transcoder", architecture)
    before = bits(whole)
    train_sae(whole, config=CONFIG, progress=False, **options)
    assert all(value != before[name] for name, value in bits(whole).items())  # everything was trained
    coders = [fresh("skip transcoder", architecture) for _ in range(2)]
    run_in_two_parts(coders, tmp_path / "run", CONFIG, **options)
    assert bits(coders[1]) == bits(whole)


def test_a_trained_transcoder_takes_raw_rows_and_gives_raw_targets():
    """Its last validation, which is in the units of the run, and an evaluation of raw rows are one number."""
    config = dataclasses.replace(CONFIG, total_tokens=400 * 32)
    for form in TRANSCODERS:
        options = data(form)
        coder = fresh(form)
        history = train_sae(coder, config=config, progress=False, **options)
        x, y = options["validation"]
        score = evaluate_reconstruction(coder, x, progress=False, target=y)
        assert score["explained_variance"] == pytest.approx(
            history.validation_explained_variance[-1], abs=1e-4
        )
        assert score["explained_variance"] > 0.3


# ---------------------------------------------------------------------------------------------------- files


@every_form
@every_architecture
def test_a_saved_coder_is_the_same_function_and_configuration(tmp_path, architecture, form):
    coder = make(architecture, form, torch.float32)
    coder.metadata = {"model_name": "tiny", "hook_name": "blocks.1.hook_mlp_out"}
    coder.save(tmp_path / "coder")
    again = SparseAutoencoder.load(tmp_path / "coder")
    assert again.config == coder.config
    assert again.metadata.items() >= coder.metadata.items()
    assert bits(again) == bits(coder)
    x = rows(coder)[0]
    for one, other in zip(again(x), coder(x), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("form", TRANSCODERS)
@every_architecture
def test_a_transcoders_file_without_our_key_is_the_same_function(tmp_path, architecture, form):
    """As another library would write it: its architecture is the name in cfg.json, W_skip is [d_out, d_in]."""
    coder = make(architecture, form, torch.float32)
    coder.W_dec.data /= coder.W_dec.norm(dim=1, keepdim=True)
    coder.save(tmp_path / "coder")
    cfg = tmp_path / "coder" / "cfg.json"
    settings = json.loads(cfg.read_text())
    del settings["sae_tutorial"]
    cfg.write_text(json.dumps(settings))
    again = SparseAutoencoder.load(tmp_path / "coder")
    assert (again.config.d_out, again.config.skip) == (D_OUT, form == "skip transcoder")
    x = rows(coder)[0]
    for one, other in zip(again(x), coder(x), strict=True):
        torch.testing.assert_close(one, other)
