"""Controls are what they say they are, and lose or win where they must."""

import numpy as np
import pytest
import torch

from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig
from sae_tutorial.sae.controls import (
    components_to_keep,
    linear_map,
    mean_predictor,
    most_explained,
    pca,
    random_dictionary,
)
from sae_tutorial.sae.metrics import evaluate_function, evaluate_reconstruction


@pytest.fixture
def x() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(12, 12, generator=generator) * torch.linspace(0.1, 3, 12)
    return torch.randn(500, 12, generator=generator) @ mixing + 4


def test_the_mean_predictor_explains_nothing_of_its_own_rows(x, store):
    for rows in (x, store):
        assert evaluate_function(mean_predictor(rows), rows)["explained_variance"] == pytest.approx(
            0, abs=1e-12
        )


def test_pca_explains_what_its_singular_values_say(x):
    singular = np.linalg.svd((x - x.mean(0)).double().numpy(), compute_uv=False) ** 2
    with_components = pca(x)
    for n in (0, 1, 5, 12):
        expected = singular[:n].sum() / singular.sum()
        got = evaluate_function(with_components(n), x)["explained_variance"]
        assert got == pytest.approx(expected, abs=1e-4)


def test_the_fewest_components_that_keep_a_share_of_the_variance_of_other_rows(x):
    by_components, others = pca(x[:300]), x[300:]
    kept = [evaluate_function(by_components(n), others)["explained_variance"] for n in range(13)]
    for share in (0.5, 0.9, kept[7]):
        n = components_to_keep(share, by_components, others)
        assert kept[n] >= share > kept[n - 1]
    with pytest.raises(ValueError, match="all 12 components keep"):
        components_to_keep(1.1, by_components, others)


def test_pca_of_a_store_is_that_of_its_rows(store):
    first, second = pca(store)(4)(store[:]), pca(store[:])(4)(store[:])
    torch.testing.assert_close(first, second)


def test_a_random_dictionary_is_untrained_and_not_handicapped(x):
    config = SAEConfig(12, 4, k=4)
    control = random_dictionary(config, x, seed=3)
    torch.testing.assert_close(control.W_dec, SparseAutoencoder(config, seed=3).W_dec)
    torch.testing.assert_close(control.b_dec, x.mean(0))
    score = evaluate_reconstruction(control, x, progress=False)
    assert score["l0"] <= 4
    assert 0 < score["explained_variance"] < evaluate_function(pca(x)(4), x)["explained_variance"]
    scores = []
    for factor in (0.9, 1.0, 1.1):
        scaled = random_dictionary(config, x, seed=3)
        scaled.W_enc.data *= factor
        scores.append(evaluate_reconstruction(scaled, x, progress=False)["explained_variance"])
    assert scores[1] == max(scores)  # its size is the best one


def test_a_greedy_search_explains_all_of_what_few_directions_made_and_more_with_more_of_them():
    draw = torch.Generator().manual_seed(0)
    directions = torch.nn.functional.normalize(torch.randn(40, 16, generator=draw), dim=1)
    made = torch.zeros(50, 40)
    made.scatter_(1, torch.rand(50, 40, generator=draw).topk(2).indices, 1.0)
    x = made @ directions
    x = torch.cat([x, -x])  # its mean is zero
    one, two, six = (most_explained(directions, x, k) for k in (1, 2, 6))
    assert one < two < six <= 1
    assert most_explained(torch.eye(16), x, 16) == pytest.approx(1, abs=1e-5)
    assert most_explained(
        directions[:1], x[:50] * 0 + directions[0] * torch.arange(50.0)[:, None], 1
    ) == pytest.approx(1, abs=1e-5)


def test_the_linear_map_finds_an_affine_map_and_nothing_beyond_it():
    generator = torch.Generator().manual_seed(0)
    x, W = torch.randn(500, 6, generator=generator), torch.randn(6, 4, generator=generator)
    b = torch.tensor([1.0, -2.0, 0.0, 3.0])
    torch.testing.assert_close(linear_map(x, x @ W + b)(x), x @ W + b, atol=1e-3, rtol=1e-3)
    bent = (x @ W).relu()
    left = bent - linear_map(x, bent)(x)
    torch.testing.assert_close(left.mean(0), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(x.T @ left / len(x), torch.zeros(6, 4), atol=1e-3, rtol=0)
    assert left.pow(2).mean() > 0.01
