"""The coders that ship with the package load, do what their cards say, and stay small."""

import pytest
import torch
from safetensors.torch import load_file

from sae_tutorial.sae import pretrained
from sae_tutorial.sae.metrics import evaluate_reconstruction
from sae_tutorial.sae.pretrained import (
    RESIDUAL_SAE,
    pretrained_card,
    pretrained_names,
    pretrained_sae,
)

# Some rows of the held-out articles, which `scripts/pretrain/card.py` took when it measured the card's numbers.
ROWS = "tests/data/pretrained_rows.safetensors"
MEGABYTES = 25


@pytest.fixture(scope="module")
def rows(request) -> torch.Tensor:
    return load_file(request.config.rootpath / ROWS)["rows"].float()


def test_the_coder_does_on_a_sample_what_its_card_says(rows):
    sae, card = pretrained_sae(), pretrained_card()
    found = evaluate_reconstruction(sae, rows, progress=False)
    says = card["measured"][0]
    assert says["coder"] == "the SAE"
    assert found["l0"] == pytest.approx(says["L0"], abs=0.5)
    assert found["explained_variance"] == pytest.approx(says["explained variance"], abs=0.05)
    assert sae.metadata["hook_name"] == card["hook"]
    assert (sae.config.d_in, sae.config.d_sae, sae.config.k) == (card["d_in"], card["d_sae"], card["k"])


def test_the_card_has_the_controls_beside_the_coder_and_every_text_with_a_licence():
    card = pretrained_card()
    measured = {row["coder"]: row for row in card["measured"]}
    assert {"the SAE", "untrained random directions", "the mean"} <= set(measured)
    assert all(
        {"explained variance", "loss recovered", "extra nats"} <= set(row) for row in measured.values()
    )
    assert card["distinct tokens"] >= 2_900_000
    assert all(text["licence"] for text in card["texts"])


def test_an_unknown_name_is_refused_with_those_there_are():
    for read in (pretrained_sae, pretrained_card):
        with pytest.raises(ValueError, match=f"no pretrained coder '../x'; choose from .*{RESIDUAL_SAE}"):
            read("../x")


def test_all_coders_together_are_small_and_are_package_data(request):
    files = [path for path in pretrained._coders().rglob("*") if path.is_file()]
    assert RESIDUAL_SAE in pretrained_names()
    # The transcoders may take as much again.
    assert sum(path.stat().st_size for path in files) < 2 * MEGABYTES * 1e6
    # setuptools' pattern reaches exactly this deep
    assert all(len(path.relative_to(pretrained._coders()).parts) == 2 for path in files)
    assert '"data/coders/*/*"' in (request.config.rootpath / "pyproject.toml").read_text()
