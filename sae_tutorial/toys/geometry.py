"""What a toy model has learned, read off the directions that it gave its features: who shares dimensions with whom."""

from typing import NamedTuple

from einops import einsum
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize


def interference(W: Float[Tensor, "instances n m"]) -> Float[Tensor, "instances n"]:
    """Σ_{j≠i} (Ŵ_i · W_j)², how much of the other features lies along feature i; Ŵ_i is W_i at norm 1."""
    along = _along(W)
    return along.sum(2) - along.diagonal(dim1=1, dim2=2)


def dimensionality(W: Float[Tensor, "instances n m"]) -> Float[Tensor, "instances n"]:
    """D_i = ‖W_i‖² / Σ_j (Ŵ_i · W_j)², feature i's share of a dimension (Elhage et al. 2022, section 4).

    1 for a dimension of one's own, 1/2 for each of two features back to back, 2/5 in a pentagon, 0 for a feature
    that is not represented.
    """
    return W.pow(2).sum(2) / _along(W).sum(2).clamp(min=1e-12)


def _along(W: Float[Tensor, "instances n m"]) -> Float[Tensor, "instances n n"]:
    """(Ŵ_i · W_j)²."""
    return einsum(normalize(W, dim=2), W, "instances i m, instances j m -> instances i j").pow(2)


def superposition_boundary(importance: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """The probability below which two features in one dimension should share it, by pen and paper.

    Of x₁ with importance 1 and x₂ with importance I, each uniform in [0, 1] when on, either one is given the
    dimension and the other its mean, or both lie back to back and spoil each other when both are on:

        (p/3 − p²/4) min(1, I)        against        (1 + I) p²/6        equal at p = 4a / (2 (1 + I) + 3a)

    with a = min(1, I). Norms other than 1 are left out, so a trained toy may do slightly better.
    """
    least = importance.clamp(max=1)
    return 4 * least / (2 * (1 + importance) + 3 * least)


class NeuronCount(NamedTuple):
    """Hidden neurons by the number of features they read, for each instance."""

    monosemantic: Float[Tensor, " instances"]
    polysemantic: Float[Tensor, " instances"]
    silent: Float[Tensor, " instances"]


def count_neurons(W: Float[Tensor, "instances n m"]) -> NeuronCount:
    """A rule for toys: monosemantic if one feature holds over 0.9 of the squared weights, silent if the norm is below 0.1."""
    squares = W.pow(2)
    silent = squares.sum(1) < 0.01
    mono = (squares.amax(1) > 0.9 * squares.sum(1)) & ~silent
    return NeuronCount(*(kind.sum(1).float() for kind in (mono, ~mono & ~silent, silent)))
