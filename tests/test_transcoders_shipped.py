"""The transcoders that ship with the package stand for the MLPs that their cards name, and stay small."""

import pytest
import torch

from sae_tutorial.effects.transcoders import mlp_hooks
from sae_tutorial.sae import pretrained
from sae_tutorial.sae.pretrained import TRANSCODERS, pretrained_card, pretrained_transcoders

MEGABYTES = 25


def test_each_reads_and_writes_where_its_layer_says():
    coders = pretrained_transcoders()
    assert list(coders) == list(TRANSCODERS)
    for layer, coder in coders.items():
        assert [coder.metadata["hook_name"], coder.metadata["hook_name_out"]] == list(mlp_hooks(layer))
        assert coder.config.is_transcoder and coder.config.skip
        with torch.no_grad():
            f = coder.encode(torch.randn(5, coder.config.d_in))
        assert ((f > 0).sum(1) <= coder.config.k).all()


@pytest.mark.parametrize("name", TRANSCODERS.values())
def test_a_card_says_what_a_coder_explains(name):
    card = pretrained_card(name)
    assert card["held-out rows"]["l0"] <= card["k"]
    assert 0.5 < card["held-out rows"]["explained_variance"] < 1


def test_together_they_are_small():
    files = [path for name in TRANSCODERS.values() for path in (pretrained._coders() / name).iterdir()]
    assert sum(path.stat().st_size for path in files) < MEGABYTES * 1e6
