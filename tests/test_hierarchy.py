"""The world keeps its rules, and every verdict is given to an autoencoder that was built to deserve it."""

import numpy as np
import pytest
import torch

from sae_tutorial.features.fates import count_fates, f1, fates, train_on
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig
from sae_tutorial.toys.hierarchy import HierarchicalWorld

WORLD = HierarchicalWorld()
N = len(WORLD.kinds)


@pytest.fixture(scope="module")
def strength() -> torch.Tensor:
    return WORLD.sample(20_000, seed=3)[1]


def test_children_imply_their_parent_and_exclude_their_siblings(strength):
    on = strength > 0
    for parent in range(WORLD.n_parents):
        children = on[:, list(WORLD.children(parent))]
        assert (on[:, parent] | ~children.any(1)).all()
        assert (children.sum(1) <= 1).all()
        assert children.any(1).float().mean() / on[:, parent].float().mean() == pytest.approx(0.8, abs=0.05)
        assert {WORLD.kinds[child] for child in WORLD.children(parent)} == {"child"}


def test_partners_come_together_and_singles_fall_off(strength):
    on = (strength > 0).float()
    first = WORLD.kinds.index("partner")
    together = (on[:, first] * on[:, first + 1]).mean() / on[:, first].mean()
    apart = (on[:, first] * on[:, first + 2]).mean() / on[:, first].mean()
    assert together > 0.75 > 0.1 > apart
    singles = on[:, WORLD.kinds.index("single") :].mean(0)
    assert singles[0] == pytest.approx(0.2, abs=0.02)
    assert singles[9] == pytest.approx(0.02, abs=0.005)


def test_rows_are_sums_of_the_directions_and_the_seed_decides():
    x, strength = WORLD.sample(50)
    assert torch.allclose(x, strength @ WORLD.directions)
    assert torch.equal(x, WORLD.sample(50)[0])
    assert not torch.equal(x, WORLD.sample(50, seed=1)[0])
    on = strength[strength > 0]
    assert on.min() >= 0.5 and on.max() <= 1.5


def oracle(rows: torch.Tensor, bias: torch.Tensor | float = -0.3) -> SparseAutoencoder:
    """An autoencoder whose latents read the true features exactly: W_enc is the pseudo-inverse, one latent per row."""
    sae = SparseAutoencoder(SAEConfig(rows.shape[1], len(rows) / rows.shape[1], "relu"))
    sae.W_dec.data = rows.clone()
    sae.W_enc.data = torch.linalg.pinv(rows)
    sae.b_enc.data = torch.full((len(rows),), 0.0) + bias
    return sae


@pytest.fixture(scope="module")
def roomy() -> HierarchicalWorld:
    """With more dimensions than features, every feature can be read without error."""
    return HierarchicalWorld(d_in=128, n_parents=2, n_children=2, n_pairs=1, n_singles=4)


def verdicts(world: HierarchicalWorld, sae: SparseAutoencoder) -> list[str]:
    return [fate.verdict for fate in fates(world, sae, 4000)]


def test_an_oracle_recovers_everything(roomy):
    sae = oracle(roomy.directions, 0.0)
    assert verdicts(roomy, sae) == ["recovered"] * len(roomy.kinds)
    assert min(fate.f1 for fate in fates(roomy, sae, 4000)) > 0.99


def test_a_random_dictionary_recovers_nothing():
    sae = SparseAutoencoder(SAEConfig(WORLD.d_in, 2 * N / WORLD.d_in, k=3), seed=5)
    counts = sum(count_fates(WORLD, fates(WORLD, sae, 4000)).values(), start=count_fates(WORLD, [])["parent"])
    assert counts["recovered"] == counts["absorbed"] == counts["split"] == 0
    assert counts["missed"] > 0.9 * N


def test_a_latent_that_swallows_its_parent_is_absorption(roomy):
    """Child 2 of parent 0 is written together with it by one latent, and the parent's own stays off then."""
    sae = oracle(roomy.directions, 0.0)
    child = roomy.children(0)[0]
    sae.W_dec.data[child] += roomy.directions[0]
    sae.W_dec.data[child] /= sae.W_dec.data[child].norm()
    sae.W_enc.data[:, 0] -= 3 * sae.W_enc.data[:, child]
    sae.W_enc.data[:, 0] -= 3 * sae.W_enc.data[:, roomy.children(0)[1]]
    fate = fates(roomy, sae, 4000)[0]
    assert (fate.verdict, fate.latents) == ("absorbed", [0, child])
    assert verdicts(roomy, sae)[1:] == ["recovered"] * (len(roomy.kinds) - 1)


def test_two_latents_that_share_a_feature_split_it(roomy):
    """Both write the parent alone; one is on where its first child is off, the other where that is on."""
    child = roomy.children(0)[0]
    sae = oracle(torch.cat([roomy.directions, roomy.directions[[0]]]), 0.0)
    sae.W_enc.data[:, :-1] = torch.linalg.pinv(roomy.directions)
    reads, of_child = sae.W_enc.data[:, 0].clone(), sae.W_enc.data[:, child]
    sae.W_enc.data[:, 0], sae.W_enc.data[:, -1] = reads - 9 * of_child, reads + 9 * of_child
    sae.b_enc.data[-1] = -3.0
    fate = fates(roomy, sae, 4000)[0]
    assert (fate.verdict, sorted(fate.latents)) == ("split", [0, len(roomy.kinds)])
    assert fate.f1 > 0.99


def test_a_latent_on_at_the_wrong_rows_is_blurred(roomy):
    sae = oracle(roomy.directions, 0.0)
    sae.b_enc.data[3] = 1.0  # always on
    assert verdicts(roomy, sae)[3] == "blurred"


def test_faint_latents_are_off(roomy):
    sae = oracle(roomy.directions, 0.0)
    sae.b_enc.data[3] = 0.2  # on everywhere, and nowhere over a quarter but where the feature is
    assert verdicts(roomy, sae)[3] == "recovered"


def test_f1_of_nothing_said_is_zero():
    nothing, some = np.zeros(5, dtype=bool), np.array([True, False, False, True, False])
    assert f1(nothing, some) == f1(nothing, nothing) == 0
    assert f1(some, some) == 1


def test_counts_add_up():
    sae = train_on(WORLD, "topk", l1_coefficient=0.0, seed=0, total_tokens=5_000)
    assert sae.config.k == 3
    assert train_on(WORLD, "topk", seed=0, total_tokens=512, k=5).config.k == 5
    held = [train_on(WORLD, "topk", seed=0, total_tokens=n, frozen="decoder").W_dec for n in (512, 5_000)]
    assert torch.equal(*held) and not torch.equal(held[0], sae.W_dec)
    counts = count_fates(WORLD, fates(WORLD, sae, 2000))
    assert {kind: counter.total() for kind, counter in counts.items()} == {
        "parent": 6, "child": 24, "partner": 12, "single": 20,
    }  # fmt: skip
    assert set().union(*counts.values()) <= {"recovered", "absorbed", "split", "blurred", "missed"}
