"""Round trips of saved autoencoders with SAELens and dictionary_learning themselves, in an environment of their own.

`make test-peers` makes that environment and runs these; without it they are skipped.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import peer_files
import pytest
import torch
from test_checkpoint import SAELENS

from benchmarks import peers
from sae_tutorial.sae import foreign
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(
        not (peers.ENVIRONMENT / "installed").exists(),
        reason="`make test-peers` makes the peers' environment",
    ),
]
BIN = peers.ENVIRONMENT / "bin"
FOLDED = ("gated", "jumprelu")  # read with decoder rows of norm 1, whose old norms go into f
D_IN, D_SAE, K = peer_files.D_IN, peer_files.D_SAE, peer_files.K


def ours(architecture: str) -> SparseAutoencoder:
    sae = SparseAutoencoder(SAEConfig(D_IN, D_SAE / D_IN, architecture, k=K))
    generator = torch.Generator().manual_seed(1)
    for name, tensor in sae.state_dict().items():
        if name not in ("W_enc", "W_dec"):
            tensor.copy_(0.2 * torch.randn(len(tensor), generator=generator))
    if "threshold" in sae.state_dict():
        sae.state_dict()["threshold"].abs_()
    sae.metadata = {"model_name": "tiny", "hook_name": "blocks.1.hook_mlp_out", "context_size": 24}
    return sae


@pytest.fixture(scope="module")
def rows() -> torch.Tensor:
    return torch.randn(64, D_IN, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def files(rows: torch.Tensor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What peer_files.py describes."""
    directory = tmp_path_factory.mktemp("peers")
    np.save(directory / "rows.npy", rows.numpy())
    for architecture in SAELENS:
        ours(architecture).save(directory / "ours" / architecture)
    command = [BIN / "python", peer_files.__file__, directory]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-3000:]
    return directory


def assert_same(
    sae: SparseAutoencoder, files: Path, name: str, rows: torch.Tensor, folded: bool = False
) -> None:
    """The autoencoder computes what the library did; and not nothing.

    `folded` says that decoder norms may have gone into f on the way: then f is theirs times one factor for each latent.
    """
    with np.load(files / "results" / f"{name}.npz") as result:
        f, x_hat = torch.from_numpy(result["f"]), torch.from_numpy(result["x_hat"])
    assert 0.02 < (f > 0).float().mean() < 0.98
    ours_f = sae.encode(rows)
    factors = (ours_f.sum(0) / f.sum(0)).nan_to_num(1) if folded else 1
    torch.testing.assert_close(ours_f, f * factors, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(sae(rows)[0], x_hat, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("architecture", SAELENS)
def test_saelens_computes_the_same_from_our_files(files, rows, architecture):
    with torch.no_grad():
        assert_same(ours(architecture), files, f"ours-{architecture}", rows)
    metadata = json.loads((files / "results" / f"{architecture}.json").read_text())
    assert {key: metadata[key] for key in ("model_name", "hook_name", "context_size")} == {
        "model_name": "tiny", "hook_name": "blocks.1.hook_mlp_out", "context_size": 24
    }  # fmt: skip


@pytest.mark.parametrize("architecture", SAELENS)
def test_what_saelens_makes_of_our_files_comes_back_bit_for_bit(files, architecture):
    loaded, sae = SparseAutoencoder.load(files / "again" / architecture), ours(architecture)
    assert loaded.state_dict().keys() == sae.state_dict().keys()
    assert all(torch.equal(weight, loaded.state_dict()[name]) for name, weight in sae.state_dict().items())
    assert loaded.metadata["hook_name"] == "blocks.1.hook_mlp_out"


@pytest.mark.parametrize("name", peer_files.SAELENS_VARIANTS)
def test_we_compute_the_same_from_files_of_saelens(files, rows, name):
    if "layer_norm" not in name:
        with torch.no_grad():
            sae = SparseAutoencoder.load(files / "theirs" / name)
            assert_same(sae, files, f"theirs-{name}", rows, folded=sae.config.architecture in FOLDED)
        return
    with pytest.warns(UserWarning, match="normalised one by one"):
        sae = SparseAutoencoder.load(files / "theirs" / name)
    mean, deviation = rows.mean(-1, keepdim=True), rows.std(-1, keepdim=True)
    with np.load(files / "results" / f"theirs-{name}.npz") as result, torch.no_grad():
        x_hat, f = sae((rows - mean) / (deviation + 1e-5))
        torch.testing.assert_close(f, torch.from_numpy(result["f"]), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(
            x_hat * deviation + mean, torch.from_numpy(result["x_hat"]), atol=1e-5, rtol=1e-4
        )


@pytest.mark.parametrize("name", peer_files.DICTIONARIES)
def test_we_compute_the_same_from_converted_files_of_dictionary_learning(files, rows, name):
    """Converted by the very command that the error about the pickle shows."""
    directory = files / "dictionaries" / name
    with pytest.raises(ValueError, match=r"ae\.pt is one file") as error:
        SparseAutoencoder.load(directory)
    command = str(error.value).splitlines()[-1]
    assert command.startswith(foreign.UNPICKLE)
    paths = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(command, shell=True, check=True, cwd=directory, env=paths)
    sae = SparseAutoencoder.load(directory)
    with torch.no_grad():
        assert_same(sae, files, f"dictionaries-{name}", rows, folded=sae.config.architecture in FOLDED)
    assert sae.metadata == {"model_name": "tiny", "hook_name": "resid_post_layer_1"}
