"""Two CPU processes under `accelerate launch` train the same autoencoder that one process trains alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import process_worker
import pytest

from sae_tutorial import storage
from sae_tutorial.sae import runs

ROOT = Path(__file__).parents[1]
# Elsewhere each process counts active latents over its share of the batch.
SAME = ["topk", "relu", "relu_free", "gated"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What process_worker.py writes: PROCESS.json, and the stopped runs."""
    directory = tmp_path_factory.mktemp("processes")
    # "multi_gpu" is how several processes are asked for; the variable puts them on the CPU, with gloo between them.
    command = [
        Path(sys.executable).with_name("accelerate"), "launch", "--multi_gpu", "--num_processes=2", "--num_machines=1",
        "--main_process_port=0", "--mixed_precision=no", "--dynamo_backend=no", process_worker.__file__, directory,
    ]  # fmt: skip
    environment = os.environ | {
        "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "GLOO_SOCKET_IFNAME": "lo",
        "HF_HOME": str(directory),
    }  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return directory


@pytest.fixture(scope="module")
def two(directory: Path) -> dict:
    first, second = (json.loads((directory / f"{process}.json").read_text()) for process in (0, 1))
    assert first == second  # to the last bit: weights, thresholds, curves, dead latents
    return first


@pytest.mark.parametrize("architecture", SAME)
def test_the_curves_are_those_of_one_process(two, architecture):
    one, both = process_worker.train(architecture), two[architecture]
    for name, curve in one["history"].items():
        # Where latents count, one more or less may be on by rounding.
        rel = 1e-3 if name == "l0" else 1e-4
        assert both["history"][name] == pytest.approx(curve, rel=rel, abs=1e-6), name
    assert both["weights"] == pytest.approx(one["weights"], rel=1e-3, abs=1e-3)
    if architecture == "topk":
        assert max(one["history"]["dead_fraction"]) > 0.2  # so AuxK took part


@pytest.mark.parametrize("architecture", ["batchtopk", "matryoshka", "jumprelu"])
def test_counting_by_share_is_as_good(two, architecture):
    one, both = process_worker.train(architecture)["history"], two[architecture]["history"]
    assert both["reconstruction"] != one["reconstruction"]
    for name, tolerance in (("reconstruction", 0.05), ("l0", 0.2), ("validation_explained_variance", 0.1)):
        assert both[name][-1] == pytest.approx(one[name][-1], abs=tolerance), name


def test_restarts_agree_between_processes_and_help(two):
    """That both ended with the same bits is asserted by `two`."""
    restarted, without = (two[name]["history"] for name in ("topk, restarted", "topk"))
    assert restarted["dead_fraction"] != without["dead_fraction"]
    assert restarted["dead_fraction"][-1] < 0.2


def test_resuming_in_two_processes_ends_with_the_same_bits(two):
    assert two["batchtopk, resumed"] == two["batchtopk"]


def test_one_process_takes_up_what_two_began(directory, two):
    assert storage.read_json(directory / "topk" / runs.STATE_FILE)["step"] == 30
    resumed = process_worker.train("topk", checkpoint_dir=directory / "topk")
    assert resumed["history"]["loss"] == pytest.approx(two["topk"]["history"]["loss"], rel=1e-4)


def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch):
    monkeypatch.setattr(runs.this_process(), "num_processes", 3)
    with pytest.raises(ValueError, match="batch_size 64 cannot be shared by 3 processes"):
        process_worker.train("topk")
