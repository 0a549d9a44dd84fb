"""The shipped results of the longer runs are a table that notebook 08 can show."""

from sae_tutorial.course.longer import longer_runs


def test_longer_runs_are_four_architectures_with_the_same_columns():
    rows = longer_runs()
    assert [row["architecture"] for row in rows] == ["L1", "TopK", "BatchTopK", "JumpReLU"]
    assert len({tuple(row) for row in rows}) == 1
    for row in rows:
        assert all(row.values())
