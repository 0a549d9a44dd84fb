"""Splits are found where they were put, and not where they were not."""

import numpy as np
import torch
from scipy.sparse import csc_array
from torch.nn.functional import normalize

from sae_tutorial.features.dictionaries import find_splits


def directions(n: int, d_in: int = 64, seed: int = 0) -> torch.Tensor:
    return normalize(torch.randn(n, d_in, generator=torch.Generator().manual_seed(seed)), dim=1)


def split_world() -> tuple[tuple[csc_array, torch.Tensor], tuple[csc_array, torch.Tensor]]:
    """400 rows. Narrow latent 0 is on in the first 200; wide 2 in the first 120 of these, wide 5 in the next 80."""
    narrow, wide = np.zeros((400, 4)), np.zeros((400, 8))
    narrow[:200, 0] = narrow[200:, 1] = 1
    wide[:120, 2] = wide[120:200, 5] = wide[300:400, 6] = 1
    narrow_rows, wide_rows = directions(4), directions(8, seed=1)
    wide_rows[2] = normalize(narrow_rows[0] + 0.8 * wide_rows[2], dim=0)
    wide_rows[5] = normalize(narrow_rows[0] + 0.8 * wide_rows[5], dim=0)
    wide_rows[6] = narrow_rows[1]
    return (csc_array(narrow), narrow_rows), (csc_array(wide), wide_rows)


def test_a_split_is_found_and_a_single_successor_is_not():
    (split,) = find_splits(*split_world())
    assert (split.whole, split.parts, split.covered) == (0, [2, 5], 1.0)


def test_parts_must_lie_inside_point_the_same_way_and_be_apart():
    narrow, (units, rows) = split_world()
    outside = units.toarray()
    outside[200:400, 5] = 1  # on mostly where the whole is off
    assert find_splits(narrow, (csc_array(outside), rows)) == []
    turned = rows.clone()
    turned[5] = directions(1, seed=9)[0]
    assert find_splits(narrow, (units, turned)) == []
    assert len(find_splits(narrow, (units, turned), alike=-1)) == 1  # where they are on is as before
    together = units.toarray()
    together[:200, 2] = 1  # now on in all rows of the other part
    assert find_splits(narrow, (csc_array(together), rows)) == []
    assert find_splits(narrow, (units, rows), min_rows=90) == []  # a part with 80 rows


def test_an_autoencoders_own_parameters_are_taken():
    (narrow, rows), wide = split_world()
    assert find_splits((narrow, torch.nn.Parameter(rows)), wide) == find_splits((narrow, rows), wide)
