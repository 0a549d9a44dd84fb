"""The shipped results of notebook 08 agree with themselves: the table of longer runs, and the frontier's lines."""

import pytest

from sae_tutorial.course.longer import frontier_line, longer_runs


def test_longer_runs_are_four_architectures_and_two_controls_with_the_same_columns():
    rows = longer_runs()
    assert [row["architecture"] for row in rows] == [
        "L1", "L1, rate 3e-3", "TopK", "BatchTopK", "JumpReLU", "TopK, soft-frozen"
    ]  # fmt: skip
    assert len({tuple(row) for row in rows}) == 1
    assert max(float(row["latents on"]) for row in rows) < 1.1 * min(float(row["latents on"]) for row in rows)


def test_what_is_saved_beside_topk_is_the_difference_of_the_extra_losses():
    nats = {row["architecture"]: float(row["extra nats"]) for row in longer_runs()}
    for row in longer_runs():
        saved = float(row["nats saved beside TopK"].split()[0])
        assert abs(saved - (nats["TopK"] - nats[row["architecture"]])) < 0.016  # three roundings


@pytest.mark.parametrize("name", ["L1", "TopK", "BatchTopK", "JumpReLU"])
def test_more_latents_explain_more_on_each_line_of_the_frontier(name):
    on, values = frontier_line(name)
    asked = (8, 16, 32, 64, 72) if name == "TopK" else (8, 16, 32, 64)
    assert on == sorted(on) and values == sorted(values) and 0 < values[0] < values[-1] < 1
    assert on == pytest.approx(asked, rel=0.1)
