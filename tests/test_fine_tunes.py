"""The shipped fine-tunes: what they add is small, of low rank, and lands in the right weights."""

from importlib import resources

import pytest
import torch
from safetensors.torch import load
from torch import nn

from sae_tutorial.lab.fine_tunes import add_low_rank, fine_tune_names, load_fine_tune


def test_low_rank_factors_are_added_to_the_weights_they_are_named_after():
    model = nn.ModuleDict({"one": nn.Linear(3, 2, bias=False), "two": nn.Linear(2, 2, bias=False)})
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    A, B = torch.randn(1, 3), torch.randn(2, 1)
    add_low_rank(model, {"one.A": A, "one.B": B})
    torch.testing.assert_close(model["one"].weight.data, before["one.weight"] + B @ A)
    torch.testing.assert_close(model["two"].weight.data, before["two.weight"], rtol=0, atol=0)


def test_a_factor_without_its_other_half_or_its_module_is_refused():
    model = nn.ModuleDict({"one": nn.Linear(3, 2)})
    with pytest.raises(KeyError):
        add_low_rank(model, {"one.A": torch.randn(1, 3)})
    with pytest.raises(KeyError):
        add_low_rank(model, {"three.A": torch.randn(1, 3), "three.B": torch.randn(2, 1)})


def test_an_unknown_fine_tune_is_refused_by_name():
    with pytest.raises(ValueError, match="no fine-tune 'triplet'; choose from .*plant"):
        load_fine_tune("triplet")


@pytest.mark.parametrize("name", fine_tune_names())
def test_a_shipped_fine_tune_is_small_finite_and_whole(name):
    file = resources.files("sae_tutorial").joinpath("data", "fine_tunes", f"{name}.safetensors")
    content = file.read_bytes()
    factors = load(content)
    assert len(content) < 1_000_000
    assert {key.rpartition(".")[2] for key in factors} == {"A", "B"} and len(factors) % 2 == 0
    for key, tensor in factors.items():
        assert tensor.isfinite().all() and tensor.dtype == torch.float16, key
    moved = [key for key in factors if key.endswith(".B") and factors[key].abs().max() > 0]
    assert len(moved) == len(factors) // 2  # every module has learned something
