"""The arithmetic on active pairs equals the dense formulas, forwards and backwards."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from sae_tutorial.sae import sparse
from sae_tutorial.sae.sparse import (
    decode_pairs,
    encode_pairs,
    encode_topk,
    pairs_above,
    pairs_from_batchtopk,
    pairs_from_topk,
    split_by_prefix,
)

BATCH, D_IN, D_SAE, K = 7, 5, 12, 3


@pytest.fixture
def parameters() -> dict[str, torch.Tensor]:
    """x, W_enc, b_enc, W_dec, b_dec at float64; about half of all pre-activations are positive."""
    generator = torch.Generator().manual_seed(0)
    shapes = {
        "x": (BATCH, D_IN),
        "W_enc": (D_IN, D_SAE),
        "b_enc": (D_SAE,),
        "W_dec": (D_SAE, D_IN),
        "b_dec": (D_IN,),
    }
    return {
        name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()
    }


def dense(x, W_enc, b_enc, W_dec, b_dec, k):
    """(x_hat, f) written out with autograd's own operations."""
    f = ((x - b_dec) @ W_enc + b_enc).relu()
    if k is not None:
        kth = f.topk(k, dim=-1).values[:, -1:]
        f = f * (f >= kth)
    return f @ W_dec + b_dec, f


def choose(k):
    return partial(encode_topk, k=k) if k else lambda x, W, b: pairs_above(torch.addmm(b, x, W))


def apply(x, W_enc, b_enc, W_dec, b_dec, k):
    pairs = encode_pairs(x, b_dec, W_enc, b_enc, choose(k))
    pairs = replace(pairs, values=pairs.values.relu())
    return decode_pairs(pairs, W_dec) + b_dec, pairs


# k, DENSE_SHARE: ReLU and TopK, each by dense products and by sums over pairs
CASES = [(None, 0.0), (None, 2.0), (K, 0.0), (K, 2.0)]


def test_the_cases_take_different_branches(parameters, monkeypatch):
    taken = []
    real = sparse.F.embedding_bag
    monkeypatch.setattr(sparse.F, "embedding_bag", lambda *a, **k: taken.append(1) or real(*a, **k))
    for k, share in CASES:
        monkeypatch.setattr(sparse, "DENSE_SHARE", share)
        parameters["W_enc"].requires_grad_()
        taken.clear()
        apply(**parameters, k=k)[0].sum().backward()
        assert len(taken) == (3 if share else 0)


@pytest.mark.parametrize("chunk", [1, 3, BATCH, 100])
def test_encoding_in_chunks_gives_the_pairs_of_the_whole_batch(parameters, monkeypatch, chunk):
    monkeypatch.setattr(sparse, "CHUNK", chunk)
    x, W_enc, b_enc = (parameters[name] for name in ("x", "W_enc", "b_enc"))
    pairs, whole = encode_topk(x, W_enc, b_enc, K), pairs_from_topk(x @ W_enc + b_enc, K)
    assert torch.equal(pairs.positions, whole.positions)
    assert torch.equal(pairs.starts, whole.starts)
    torch.testing.assert_close(pairs.to_dense(), whole.to_dense())


@pytest.mark.parametrize(("group", "k"), [(1, 3), (2, 3), (4, 1), (4, 2), (4, 3), (8, 1), (5, 1)])
def test_the_largest_by_groups_are_the_largest(monkeypatch, group, k):
    monkeypatch.setattr(sparse, "GROUP", group)
    pre = torch.randn(50, 16, generator=torch.Generator().manual_seed(0))
    pre[0] = torch.arange(16)  # several of a row's largest in one group, in two orders, and ties everywhere
    pre[1] = torch.arange(16).view(4, 4).T.flatten()
    pre[2] = 1.0
    values, latents = sparse._largest(pre, k)
    assert torch.equal(values.sort().values, pre.topk(k).values.sort().values)
    assert torch.equal(pre.gather(1, latents), values)
    assert all(len(set(row)) == k for row in latents.tolist())


@pytest.mark.parametrize(("k", "share"), CASES)
def test_values_and_gradients_equal_the_dense_formula(parameters, monkeypatch, k, share):
    monkeypatch.setattr(sparse, "DENSE_SHARE", share)
    weights = {name: tensor.requires_grad_() for name, tensor in parameters.items()}
    generator = torch.Generator().manual_seed(1)
    out_weight = torch.randn(BATCH, D_IN, generator=generator, dtype=torch.float64)
    f_weight = torch.randn(BATCH, D_SAE, generator=generator, dtype=torch.float64)

    x_hat, f = dense(**parameters, k=k)
    expected = torch.autograd.grad(
        (x_hat.sin() * out_weight).sum() + (f * f_weight).sum(), list(weights.values())
    )

    x_hat_sparse, pairs = apply(**parameters, k=k)
    torch.testing.assert_close(x_hat_sparse, x_hat)
    torch.testing.assert_close(pairs.to_dense(), f)
    of_values = (pairs.values * f_weight[pairs.positions, pairs.latents]).sum()
    got = torch.autograd.grad((x_hat_sparse.sin() * out_weight).sum() + of_values, list(weights.values()))
    for name, gradient, reference in zip(weights, got, expected, strict=True):
        assert reference.abs().max() > 0.1
        torch.testing.assert_close(gradient, reference, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize(("k", "share"), CASES)
def test_gradients_equal_finite_differences(parameters, monkeypatch, k, share):
    monkeypatch.setattr(sparse, "DENSE_SHARE", share)
    weights = tuple(tensor.requires_grad_() for tensor in parameters.values())

    def code(*tensors):
        x_hat, pairs = apply(*tensors, k)
        return x_hat, pairs.values

    assert torch.autograd.gradcheck(code, weights)


def test_pairs_are_sorted_by_latent_once_a_step(parameters, monkeypatch):
    sorted_ = []
    real = torch.Tensor.argsort
    monkeypatch.setattr(sparse, "DENSE_SHARE", 2.0)
    monkeypatch.setattr(torch.Tensor, "argsort", lambda self: sorted_.append(1) or real(self))
    for name in parameters:
        parameters[name].requires_grad_()
    apply(**parameters, k=K)[0].pow(2).sum().backward()
    assert len(sorted_) == 1


@pytest.mark.parametrize(("k", "share"), CASES)
def test_nothing_active_gives_the_bias_and_no_latent_gradient(parameters, monkeypatch, k, share):
    monkeypatch.setattr(sparse, "DENSE_SHARE", share - 1)  # below zero, or the dense branch needs a pair
    parameters["b_enc"] -= 1000
    for name in ("W_enc", "b_enc", "W_dec", "b_dec"):
        parameters[name].requires_grad_()
    x_hat, pairs = apply(**parameters, k=k)
    assert torch.equal(x_hat, parameters["b_dec"].expand(BATCH, D_IN))
    assert not pairs.to_dense().any()
    (x_hat.sum() + pairs.values.sum()).backward()
    for name in ("W_enc", "b_enc", "W_dec"):
        assert not parameters[name].grad.any()
    assert torch.equal(parameters["b_dec"].grad, torch.full((D_IN,), float(BATCH), dtype=torch.float64))


def test_pairs_from_topk_are_the_k_largest():
    pre = torch.tensor([[3.0, -1.0, 5.0, 4.0], [-1.0, -2.0, 6.0, -3.0]])
    f = pairs_from_topk(pre, 2).to_dense()
    assert f.tolist() == [[0, 0, 5, 4], [-1, 0, 6, 0]]


def test_pairs_above_0_are_all_positive_ones_also_in_rows_without_any():
    pre = torch.tensor([[-1.0, -2.0], [1.0, -2.0], [-1.0, -2.0], [3.0, 4.0], [-5.0, 0.0]])
    pairs = pairs_above(pre)
    assert pairs.starts.tolist() == [0, 0, 1, 1, 3]
    assert pairs.to_dense().tolist() == [[0, 0], [1, 0], [0, 0], [3, 4], [0, 0]]
    decoded = decode_pairs(pairs, torch.eye(2))
    assert decoded.tolist() == pairs.to_dense().tolist()


def test_decode_pairs_is_the_dense_product():
    generator = torch.Generator().manual_seed(0)
    pre, W_dec = torch.randn(9, 20, generator=generator), torch.randn(20, 4, generator=generator)
    for pairs in (pairs_from_topk(pre, 4), pairs_above(pre)):
        torch.testing.assert_close(decode_pairs(pairs, W_dec), pairs.to_dense() @ W_dec)


# ------------------------------------------------------------------------------------ k · batch, and prefixes


@pytest.mark.parametrize(("shape", "k"), [((200, 1500), 20), ((200, 1500), 1), ((6, 9), 4), ((5, 3), 3)])
@pytest.mark.parametrize("shift", [0.0, -3.0])  # with -3, fewer than k · batch are positive
def test_pairs_from_batchtopk_are_the_largest_of_the_whole_batch(shape, k, shift):
    pre = torch.randn(shape, generator=torch.Generator().manual_seed(0)) + shift
    pre[3] -= 2  # a position with few
    pairs = pairs_from_batchtopk(pre, k)
    smallest = pre.flatten().topk(k * len(pre)).values[-1]
    assert torch.equal(pairs.to_dense(), torch.where(pre >= smallest, pre, 0.0))
    assert len(pairs.values) == k * len(pre)
    assert torch.equal(pairs.positions, pairs.positions.sort().values)
    W_dec = torch.randn(shape[1], 4, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(decode_pairs(pairs, W_dec), pairs.to_dense() @ W_dec)


@pytest.mark.parametrize("where", [slice(0, None, 61), slice(1, None, 61), slice(0, 3000)])
def test_pairs_from_batchtopk_do_not_depend_on_the_sample(where):
    """A sample that holds all of the largest values, none of them, or an even share."""
    pre = torch.randn(100, 1000, generator=torch.Generator().manual_seed(0))
    pre.view(-1)[where] += 10
    smallest = pre.flatten().topk(500).values[-1]
    assert torch.equal(pairs_from_batchtopk(pre, 5).to_dense(), torch.where(pre >= smallest, pre, 0.0))


def test_split_by_prefix_gives_each_prefix_its_own_sum():
    generator = torch.Generator().manual_seed(0)
    pre, W_dec = torch.randn(9, 20, generator=generator), torch.randn(20, 4, generator=generator)
    prefixes = (2, 7, 20)
    pairs = pairs_from_batchtopk(pre, 4)
    parts = decode_pairs(split_by_prefix(pairs, prefixes), W_dec).view(9, 3, 4).cumsum(1)
    for i, width in enumerate(prefixes):
        expected = pairs.to_dense()[:, :width] @ W_dec[:width]
        torch.testing.assert_close(parts[:, i], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("prefixes", [(D_SAE,), (1, 4, D_SAE)])
def test_gradients_of_every_prefix_equal_finite_differences(parameters, prefixes):
    def code(x, W_enc, b_enc, W_dec, b_dec):
        pairs = encode_pairs(
            x, b_dec, W_enc, b_enc, lambda x, W, b: pairs_from_batchtopk(torch.addmm(b, x, W), K)
        )
        return decode_pairs(split_by_prefix(pairs, prefixes), W_dec)

    weights = tuple(tensor.requires_grad_() for tensor in parameters.values())
    assert code(*weights).shape == (BATCH * len(prefixes), D_IN)
    assert torch.autograd.gradcheck(code, weights)
