"""What a crosscoder says about two models, on rows whose features are known."""

import numpy as np
import pytest
import torch
from torch import Tensor

from sae_tutorial.activations.store import ActivationStore, SideBySide
from sae_tutorial.features import diffing
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, TrainConfig
from sae_tutorial.sae.training import train_sae

D, N = 24, 12  # width of a side, features; feature N - 1 is the tuned model's alone


def planted(n: int = 4_000, on: float = 0.2, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """(rows of the base model, rows of the tuned one, the features' directions), of independent orthogonal features."""
    draw = torch.Generator().manual_seed(seed)
    directions = torch.linalg.qr(torch.randn(D, D, generator=draw)).Q[:N]
    f = torch.rand(n, N, generator=draw).add(0.5) * (torch.rand(n, N, generator=draw) < on)
    in_base = f.clone()
    in_base[:, -1] = 0
    return in_base @ directions, f @ directions, directions


def by_hand(directions: Tensor, base: dict[int, float], tuned: dict[int, float]) -> SparseAutoencoder:
    """A crosscoder whose latent i reads feature i from the tuned side and writes the given multiples of it.

    Latents from N on read and write feature i - N, from the base side.
    """
    coder = SparseAutoencoder(SAEConfig(2 * D, N / D, "relu", sides=2))
    with torch.no_grad():
        coder.W_enc.zero_(), coder.W_dec.zero_()
        for i in range(2 * N):
            feature = directions[i % N]
            coder.W_enc[:, i] = torch.cat([feature * (i >= N), feature * (i < N)])
            coder.W_dec[i] = torch.cat([base.get(i, 0.0) * feature, tuned.get(i, 0.0) * feature])
    return coder


def test_a_latent_of_both_models_and_one_of_the_tuned_alone():
    base, tuned, directions = planted()
    shared = dict.fromkeys(range(N - 1), 1.0)
    coder = by_hand(directions, shared, shared | {N - 1: 1.0})
    share = diffing.tuned_share(coder)
    torch.testing.assert_close(share[: N - 1], torch.full((N - 1,), 0.5))
    assert share[N - 1] == 1 and share[N] == 0.5  # a row of zeros is nobody's
    found = diffing.latent_scaling(coder, torch.cat([base, tuned], 1), [0, N - 1, N])
    assert found.error[0] > 0.99 and abs(found.error[1]) < 0.01 and found.error[2].isnan()
    assert found.reconstruction[0] > 0.99 and abs(found.reconstruction[1]) < 0.01


def test_complete_shrinkage_shows_in_the_error():
    """The base model has feature 0 as well, at 0.8 of the strength; the crosscoder writes it for the tuned side only."""
    base, tuned, directions = planted()
    base = base - 0.2 * (tuned @ directions[0])[:, None] * directions[0]
    shared = dict.fromkeys(range(1, N - 1), 1.0)
    coder = by_hand(directions, shared, dict.fromkeys(range(N), 1.0))
    assert diffing.tuned_share(coder)[0] == 1  # which the norms alone would call exclusive
    found = diffing.latent_scaling(coder, torch.cat([base, tuned], 1), [0, N - 1])
    assert found.error[0] == pytest.approx(0.8, abs=0.01) and abs(found.error[1]) < 0.01


def test_latent_decoupling_shows_in_the_reconstruction():
    """Feature 0 has a latent for each model, so that both look exclusive and nothing is left unexplained."""
    base, tuned, directions = planted()
    shared = dict.fromkeys(range(1, N - 1), 1.0)
    coder = by_hand(directions, shared | {N: 1.0}, dict.fromkeys(range(N), 1.0))
    assert diffing.tuned_share(coder)[0] == 1 and diffing.tuned_share(coder)[N] == 0
    found = diffing.latent_scaling(coder, torch.cat([base, tuned], 1), [0, N - 1])
    assert abs(found.error[0]) < 0.01 and found.reconstruction[0] > 0.99
    assert abs(found.reconstruction[1]) < 0.01


def test_a_trained_crosscoder_finds_the_planted_feature_and_calls_no_other_exclusive():
    base, tuned, directions = planted(on=0.08)
    sides = SideBySide(base, tuned)
    coder = SparseAutoencoder(SAEConfig(2 * D, 0.5, "batchtopk", k=1, sides=2))
    train_sae(coder, sides, TrainConfig(120_000, batch_size=256), progress=False)
    exclusive = (diffing.tuned_share(coder) > 0.9).nonzero().flatten()
    cosine = torch.nn.functional.cosine_similarity(diffing.side_rows(coder, 1), directions[-1], dim=1)
    on = torch.from_numpy(np.diff(diffing.encoded(coder, sides).indptr)) > 0
    assert [int(i) for i in exclusive if on[i]] == [int(cosine.argmax())] and cosine.max() > 0.95
    ids = np.arange(len(base))
    stores = [ActivationStore(rows.numpy(), ids, ids, {"hook_name": "h"}) for rows in (base, tuned)]
    found = diffing.own_latents(coder, sides, diffing.read_sides(coder, *stores))
    assert found == [int(cosine.argmax())]
    assert diffing.own_latents(coder, sides, diffing.read_sides(coder, *stores), len(base)) == []
    assert diffing.own_latents(coder, sides, diffing.read_sides(coder, *stores), least_share=0.3) == found


def test_the_mean_change_and_the_main_direction_of_a_planted_feature():
    base, tuned, directions = planted()
    mean, main, share = diffing.main_changes(base, tuned, n=2)
    torch.testing.assert_close(mean, (tuned - base).mean(0))
    assert main[0] @ directions[-1] > 0.999 and share[0] > 0.999  # it points to where the feature is on
    assert diffing.main_changes(tuned, base, n=1)[1][0] @ directions[-1] < -0.999
    with pytest.raises(ValueError, match="row i must belong together"):
        diffing.main_changes(base[:5], tuned)


def test_latents_of_two_stores_keep_tokens_and_documents():
    base, tuned, directions = planted(40)
    shared = dict.fromkeys(range(N), 1.0)
    ids = np.arange(40)
    stores = [ActivationStore(rows.numpy(), ids, ids // 10, {"hook_name": "h"}) for rows in (base, tuned)]
    read = diffing.read_sides(by_hand(directions, shared, shared), *stores)
    assert len(read) == 40 and read.token_ids is stores[0].token_ids
    on, values = read.column(0)
    expected = (SideBySide(*stores)[:][:, D:] @ directions[0]).relu()
    torch.testing.assert_close(torch.from_numpy(values), expected[on], atol=1e-5, rtol=1e-4)


def test_an_autoencoder_is_refused():
    with pytest.raises(ValueError, match="sides = 1"):
        diffing.tuned_share(SparseAutoencoder(SAEConfig(4, 2, k=2)))
