"""Controls that train hold what they say they hold, and lose; rows of extreme norm are left out and counted."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, TrainConfig
from sae_tutorial.sae.controls import trained_controls
from sae_tutorial.sae.metrics import evaluate_reconstruction
from sae_tutorial.sae.training import History, train_sae

D_IN, N_FEATURES, ACTIVE = 16, 40, 3
ARCHITECTURES = ["relu", "relu_free", "gated", "topk", "batchtopk", "matryoshka", "jumprelu"]
HELD = {"decoder": {"W_dec"}, "soft decoder": set(), "encoder": {"W_enc", "b_enc"}}
SHORT = TrainConfig(200 * 64, batch_size=64, dead_window=2000)
LONG = TrainConfig(100_000, batch_size=256, dead_window=10_000)


def world(n: int) -> Tensor:
    """Rows that are sums of a few of some known directions, far from zero."""
    generator = torch.Generator().manual_seed(987)
    directions = torch.randn(N_FEATURES, D_IN, generator=generator)
    directions /= directions.norm(dim=1, keepdim=True)
    chosen = torch.rand(n, N_FEATURES, generator=generator).topk(ACTIVE).indices
    strengths = 0.5 + torch.rand(n, ACTIVE, generator=generator)
    return 3 * torch.zeros(n, N_FEATURES).scatter(1, chosen, strengths) @ directions + 1


def config(architecture: str = "topk", **options) -> SAEConfig:
    return SAEConfig(D_IN, 4, architecture, k=ACTIVE, l1_coefficient=0.01, **options)


def explained(coder: SparseAutoencoder, x: Tensor) -> float:
    return evaluate_reconstruction(coder, x, progress=False)["explained_variance"]


def with_sinks(x: Tensor, share: float = 0.01, factor: float = 100.0) -> tuple[Tensor, Tensor]:
    """The same rows, some of them replaced by one direction at `factor` times the median norm; and which."""
    generator = torch.Generator().manual_seed(4)
    sinks = torch.randperm(len(x), generator=generator)[: round(share * len(x))]
    direction = torch.nn.functional.normalize(torch.randn(x.shape[1], generator=generator), dim=0)
    lengths = factor * x.norm(dim=1).median() * (1 + 0.1 * torch.rand(len(sinks), 1, generator=generator))
    return x.index_copy(0, sinks, lengths * direction), sinks


# ----------------------------------------------------------------------------------------- what is held


@pytest.mark.parametrize("kind", HELD)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_is_held_keeps_its_bits_and_the_rest_is_trained(architecture, kind):
    x = world(1000)
    first = SparseAutoencoder(config(architecture), seed=3).state_dict()
    control = trained_controls(config(architecture), x, SHORT, seed=3, progress=False)[kind].state_dict()
    same = {name for name in first if torch.equal(first[name], control[name])}
    assert same == HELD[kind]


@pytest.mark.parametrize("architecture", ["topk", "relu_free", "jumprelu"])
def test_rows_of_a_soft_frozen_decoder_stay_within_the_cone_and_some_lie_on_it(architecture):
    x = world(2000)
    first = SparseAutoencoder(config(architecture)).W_dec
    free = SparseAutoencoder(config(architecture))
    train_sae(free, x, LONG, progress=False)
    (soft,) = trained_controls(config(architecture), x, LONG, kinds=["soft decoder"], progress=False).values()
    rows = soft.W_dec
    cosines = cosine_similarity(rows, first, dim=1)
    assert cosines.min() > 0.8 - 1e-5
    assert ((cosines - 0.8).abs() < 1e-3).sum() > 10
    assert cosine_similarity(free.W_dec, first, dim=1).min() < 0.6
    if architecture == "relu_free":  # their directions are held, not their lengths
        assert (rows.norm(dim=1) - 0.1).abs().max() > 0.05
    else:
        torch.testing.assert_close(rows.norm(dim=1), torch.ones(len(rows)))


@pytest.mark.parametrize("form", [{"d_out": 10}, {"d_out": 10, "skip": True}, {"sides": 2}])
def test_transcoders_and_crosscoders_have_such_controls_too(form):
    x = world(1000)
    target = {"target": x[:, :10].relu()} if "d_out" in form else {}
    first = SparseAutoencoder(config(**form), seed=3)
    controls = trained_controls(config(**form), x, SHORT, seed=3, progress=False, **target)
    assert torch.equal(controls["decoder"].W_dec, first.W_dec)
    assert cosine_similarity(controls["soft decoder"].W_dec, first.W_dec, dim=1).min() > 0.8 - 1e-5
    # In raw units a transcoder's encoder is longer by one factor; its directions are the ones that were drawn.
    ratio = (controls["encoder"].W_enc / first.W_enc).detach()
    torch.testing.assert_close(ratio, ratio[0, 0].expand_as(ratio))
    for control in controls.values():
        assert control.b_dec.any()


def test_each_control_loses_to_the_trained_coder_and_wins_over_an_untrained_one():
    x = world(20_000)
    x, held_out = x[:18_000], x[18_000:]
    trained = SparseAutoencoder(config(), seed=1)
    untrained = SparseAutoencoder(config(), seed=1)
    untrained.b_dec.data.copy_(x.mean(0))
    train_sae(trained, x, LONG, progress=False)
    controls = trained_controls(config(), x, LONG, seed=1, progress=False)
    scores = {kind: explained(control, held_out) for kind, control in controls.items()}
    assert set(scores) == set(HELD)
    for score in scores.values():
        assert explained(untrained, held_out) < score < explained(trained, held_out) - 0.02
    assert scores["soft decoder"] > scores["decoder"]  # which has less freedom


# --------------------------------------------------------------------------------- rows of extreme norm


def trained_on(x: Tensor, limit: float | None, **options) -> tuple[SparseAutoencoder, History]:
    coder = SparseAutoencoder(config(), seed=1)
    training = TrainConfig(60_000, batch_size=256, dead_window=10_000, norm_limit=limit)
    return coder, train_sae(coder, x, training, progress=False, **options)


def test_rows_over_the_limit_are_counted_and_never_seen(monkeypatch):
    x, sinks = with_sinks(world(3000))
    seen = []
    real = SparseAutoencoder.loss

    def loss(self, batch, *others):
        seen.append(batch.norm(dim=1).max() / batch.norm(dim=1).median())
        return real(self, batch, *others)

    monkeypatch.setattr(SparseAutoencoder, "loss", loss)
    _, history = trained_on(x, 10.0)
    assert history.rows_left_out == len(sinks) == 30
    assert max(seen) < 10
    seen.clear()
    _, history = trained_on(x, None)
    assert history.rows_left_out == 0
    assert max(seen) > 50


@pytest.mark.parametrize(("limit", "left_out"), [(1.5, 60), (3.0, 40), (7.0, 20), (20.0, 0)])
def test_a_row_is_left_out_when_it_is_longer_than_the_limit_times_the_median(limit, left_out):
    x = torch.nn.functional.normalize(world(1000), dim=1)
    for rows, length in ((slice(20), 2.0), (slice(20, 40), 5.0), (slice(40, 60), 10.0)):
        x[rows] *= length
    _, history = trained_on(x, limit)
    assert history.rows_left_out == left_out


def test_leaving_sinks_out_explains_more_of_the_ordinary_rows():
    x, _ = with_sinks(world(10_000))
    scores = {}
    for limit in (10.0, None):
        coder, _ = trained_on(x, limit)
        scores[limit] = evaluate_reconstruction(coder, x, progress=False)["ordinary_explained_variance"]
    assert scores[10.0] > 0.8
    assert scores[10.0] > scores[None] + 0.04


def test_a_run_that_leaves_sinks_out_is_the_run_without_them():
    """Its units too: they would be other ones if the sinks counted for the mean norm."""
    clean = world(10_000)
    x, sinks = with_sinks(clean)
    ordinary = torch.ones(len(x), dtype=torch.bool).index_fill(0, sinks, False)
    left_out, _ = trained_on(x, 10.0)
    without, _ = trained_on(x[ordinary], None)
    for name, weights in without.state_dict().items():
        assert torch.equal(left_out.state_dict()[name], weights), name


def test_extreme_targets_of_a_transcoder_are_left_out_with_their_rows():
    """A sink is written by the layer at which it begins; its input is an ordinary row."""
    x = world(2000)
    y, sinks = with_sinks(x.relu())
    coder = SparseAutoencoder(config(d_out=D_IN))
    training = TrainConfig(20_000, batch_size=256, norm_limit=10.0)
    history = train_sae(coder, x, training, target=y, progress=False)
    assert history.rows_left_out == len(sinks)


def test_a_run_that_leaves_rows_out_resumes_with_the_same_bits(tmp_path):
    x, _ = with_sinks(world(1000))

    def stop(history: History) -> None:
        if len(history.tokens) == 57:
            raise KeyboardInterrupt

    whole, expected = trained_on(x, 10.0)
    with pytest.raises(KeyboardInterrupt):
        trained_on(x, 10.0, checkpoint_dir=tmp_path / "run", on_log=stop)
    again, history = trained_on(x, 10.0, checkpoint_dir=tmp_path / "run")
    assert history == expected
    assert torch.equal(again.W_dec, whole.W_dec)


@pytest.mark.parametrize("limit", [0.5, 0.0, -3.0, float("nan"), float("inf"), "10", True])
def test_limits_that_make_no_sense_are_refused(limit):
    with pytest.raises(ValueError, match="norm_limit"):
        TrainConfig(1000, norm_limit=limit)


@pytest.mark.parametrize("frozen", ["all", "", None, "decoder soft"])
def test_an_unknown_part_to_hold_is_refused(frozen):
    with pytest.raises(ValueError, match="frozen must be one of nothing, decoder, soft decoder, encoder"):
        TrainConfig(1000, frozen=frozen)


# -------------------------------------------------------------------------------------------- metrics


@pytest.mark.parametrize(("share", "factor"), [(0.01, 100.0), (0.002, 30.0), (0.05, 1000.0)])
def test_explained_variance_over_ordinary_rows_is_what_a_hand_computes(share, factor):
    x, sinks = with_sinks(world(5000), share, factor)
    coder, _ = trained_on(x, 10.0)
    score = evaluate_reconstruction(coder, x, progress=False)
    ordinary = torch.ones(len(x), dtype=torch.bool).index_fill(0, sinks, False)
    for name, rows in (("ordinary_explained_variance", ordinary), ("explained_variance", slice(None))):
        y = x[rows].double()
        errors = (y - coder(x[rows])[0].detach().double()).pow(2).sum()
        by_hand = float(1 - errors / (y - y.mean(0)).pow(2).sum())
        assert score[name] == pytest.approx(by_hand, rel=1e-6, abs=1e-6)
    assert score["extreme_rows"] == len(sinks)
    assert abs(score["explained_variance"] - score["ordinary_explained_variance"]) > 0.01


def test_without_extreme_rows_there_is_one_explained_variance():
    x = world(1000)
    coder, _ = trained_on(x, None)
    score = evaluate_reconstruction(coder, x, progress=False)
    assert score["extreme_rows"] == 0
    assert "ordinary_explained_variance" not in score
