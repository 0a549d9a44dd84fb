"""Duplicates, splits and absorption are found where they were put, and not where they were not."""

import numpy as np
import pytest
import torch
from scipy.sparse import csc_array
from torch.nn.functional import normalize

from sae_tutorial.features.dictionaries import drawn_counts, find_absorption, find_splits


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


def absorbing() -> tuple[csc_array, torch.Tensor, np.ndarray, np.ndarray]:
    """100 rows of a concept, then 100 without it.

    Latent 0 is on in 70 of the former, and latent 4, which writes along the concept too, in 20 of the other 30.
    """
    W_dec = directions(6)
    direction = W_dec[0].numpy().astype(np.float64)
    W_dec[4] = normalize(W_dec[0] + W_dec[4], dim=0)
    units = np.zeros((200, 6))
    units[:70, 0] = units[70:90, 4] = 1.0
    units[:, 2] = 0.01
    return csc_array(units), W_dec, 3 * direction, np.arange(200) < 100


def test_what_fires_in_the_holes_is_found():
    units, W_dec, direction, labels = absorbing()
    found = find_absorption(units, W_dec, np.array([0]), direction, labels, np.ones(200))
    assert found[:6] == (100, 30, 20, [(4, 20)], 0.0, 30)
    assert found.usual == pytest.approx(1.0)
    assert found.hole_rows[found.filled[70:100]].tolist() == list(range(70, 90))
    assert (found.taker[70:90] == 4).all() and (found.most[70:90] >= found.usual / 2).all()
    assert (found.most[90:100] < found.usual / 2).all()


def test_a_latent_that_writes_as_much_everywhere_shows_in_the_control():
    units, W_dec, direction, labels = absorbing()
    everywhere = units.toarray()
    everywhere[:, 4] = 1.0
    found = find_absorption(csc_array(everywhere), W_dec, np.array([0]), direction, labels, labels)
    assert (found.absorbed, found.elsewhere) == (30, 1.0)


def test_the_control_is_of_rows_that_the_probe_likes_best_and_as_many_as_the_holes():
    units, W_dec, direction, labels = absorbing()
    here = units.toarray()
    here[100:115, 4] = 1.0  # 15 of 100 rows without the concept
    # A false alarm of the concept's own latent is no row of the control.
    here[120:130, 0] = here[120:130, 4] = 1.0
    score = labels - 0.5
    score[100:130] = 0.4
    score[100:110] = 2.0
    found = find_absorption(csc_array(here), W_dec, np.array([0]), direction, labels, score)
    # 20 rows with a score above 0 have no own latent on; 10 more make up the 30.
    assert (found.holes, found.alarms, found.alarms_filled) == (30, 20, 15)
    assert found.elsewhere == pytest.approx(15 / 30)
    assert found.absorbed == 20


def test_rows_that_the_probe_does_not_recognise_are_no_holes():
    units, W_dec, direction, labels = absorbing()
    found = find_absorption(units, W_dec, np.array([0]), direction, labels, np.arange(200) < 75)
    assert (found.read, found.holes, found.absorbed, found.takers) == (75, 5, 5, [(4, 5)])


def test_a_latent_across_the_direction_absorbs_nothing():
    units, W_dec, direction, labels = absorbing()
    across = W_dec - torch.outer(W_dec @ W_dec[0], W_dec[0])
    across[0] = W_dec[0]
    found = find_absorption(units, across, np.array([0]), direction, labels, labels)
    assert (found.holes, found.absorbed, found.takers) == (30, 0, [])


def test_with_nothing_to_compare_with_nothing_is_absorbed():
    units, W_dec, direction, labels = absorbing()
    found = find_absorption(units, W_dec, np.array([5]), direction, labels, labels)
    assert found[:8] == (100, 100, 0, [], 0.0, 0, 0, 0.0)


def test_an_autoencoders_own_parameters_are_taken_in_any_precision_and_labels_as_ones_and_zeros():
    units, W_dec, direction, labels = absorbing()
    parameter = torch.nn.Parameter(W_dec.bfloat16())
    found = find_absorption(units, parameter, np.array([0]), direction, labels.astype(int), [1] * 200)
    assert found[:4] == (100, 30, 20, [(4, 20)])
    with pytest.raises(ValueError, match="score must have one entry for each of the 200 rows"):
        find_absorption(units, parameter, np.array([0]), direction, labels, labels[:90])
    (narrow, rows), wide = split_world()
    assert find_splits((narrow, torch.nn.Parameter(rows)), wide) == find_splits((narrow, rows), wide)


def test_counts_are_drawn_by_document_and_the_first_draw_is_the_sample():
    units, W_dec, direction, labels = absorbing()
    units = units.toarray()
    units[100:115, 4] = 1.0  # of the control's rows, too, some are filled
    score = np.where(np.arange(200) < 110, 1.0, -1.0 - np.arange(200) / 1000)
    found = find_absorption(csc_array(units), W_dec, np.array([0]), direction, labels, score)
    assert (found.hole_rows == np.arange(70, 100)).all() and len(found.control_rows) == 30
    documents = np.arange(200) // 10
    holes, absorbed, rate = drawn_counts([found], documents)
    assert (holes[0], absorbed[0], rate[0]) == (30, 20, found.elsewhere == 0.5 and 0.5)
    assert (holes % 10 == 0).all() and holes.max() > 30  # whole documents, some of them twice
    assert (absorbed <= holes).all() and ((rate >= 0) & (rate <= 1)).all()
    _, _, strict = drawn_counts([found], documents, alarms_only=True)
    assert (
        strict == 1.0
    ).all()  # the ten rows that the probe takes for the concept are all filled, in every draw
    none = find_absorption(
        csc_array(units), W_dec, np.array([0]), direction, labels, np.where(labels, 1.0, -1.0)
    )
    assert drawn_counts([none, found], documents, alarms_only=True)[0].shape[1] == 1
