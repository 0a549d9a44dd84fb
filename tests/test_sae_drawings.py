"""Drawings of an SAE show what they say: the kept latents, the rows on a side, the products of the example."""

import numpy as np
import pytest

from sae_tutorial.show import sae_drawings


def test_topk_keeps_k_bars_and_relu_the_positive_ones():
    pre = np.array([0.3, -0.8, 1.4, 0.1, -0.2, 0.9])
    before, relu, topk = sae_drawings.relu_topk_drawing(pre, 2, "title").data
    assert np.array_equal(before.y, pre)
    assert np.array_equal(relu.y, np.maximum(pre, 0))
    assert np.flatnonzero(topk.y).tolist() == [2, 5]


def test_the_dead_latents_side_is_empty_and_the_living_ones_is_not():
    figure = sae_drawings.dead_latent_drawing("title")
    living, dead = (
        [trace for trace in figure.data if trace.xaxis == axis and trace.marker.symbol == "circle"]
        for axis in ("x", "x2")
    )
    assert len(living[0].x) > 5 and len(dead[0].x) == 0


def test_a_product_mistakes_c_for_b_and_pursuit_does_not():
    texts = [
        note.text
        for note in sae_drawings.pursuit_drawing("title").layout.annotations
        if "·" in (note.text or "")
    ]
    first, second = ([float(line.split("=")[1]) for line in text.split("<br>")[:3]] for text in texts)
    assert first[2] > first[1] and second[1] > max(second[0], second[2])


def test_cosines_share_one_scale_and_a_sum_is_centred_at_zero():
    panels = sae_drawings.cosine_panels({"before": np.zeros((2, 3)), "after": np.ones((2, 3))}, "title")
    assert (panels.layout.coloraxis.cmin, panels.layout.coloraxis.cmax) == (0, 1)
    (strips,) = sae_drawings.sum_figure({"a": np.array([1.0, -3.0])}, "title").data
    assert (strips.zmin, strips.zmax) == (-3, 3)


def test_the_sae_is_drawn_with_its_shapes():
    said = " ".join(note.text for note in sae_drawings.sae_drawing(20, 80, "title").layout.annotations)
    assert all(shape in said for shape in ("[20, 80]", "[80, 20]", "[80]", "few stay above 0"))
    kept = sae_drawings.sae_drawing(20, 80, "title", kept="the 32 largest stay").layout.annotations
    assert any("the 32 largest stay" in note.text for note in kept)


@pytest.mark.parametrize(("size", "price", "answer"), [(1.0, 0.02, 0.8), (1.0, 0.05, 0.5), (0.15, 0.02, 0.0)])
def test_the_cheapest_answer_is_the_formulas(size, price, answer):
    figure = sae_drawings.price_drawing(size, price, 20, "title")
    total = figure.data[2]
    assert total.x[np.argmin(total.y)] == pytest.approx(max(0.0, size - price * 20 / 2), abs=0.005)
    assert f"cheapest: {answer:.1f}" in [note.text for note in figure.layout.annotations]


def test_only_l1_stays_below_the_truth_where_it_is_on():
    curves = [t for t in sae_drawings.activations_drawing("title").data if t.line.color != sae_drawings.INK]
    short = [bool((np.array(t.y) < np.array(t.x) - 1e-9)[np.array(t.y) > 0].all()) for t in curves]
    honest = [
        bool(np.allclose(np.array(t.y)[np.array(t.y) > 0], np.array(t.x)[np.array(t.y) > 0])) for t in curves
    ]
    assert len(curves) == 6 and short == [True] + [False] * 5 and honest == [False] + [True] * 5


def test_a_shared_budget_keeps_as_many_and_not_as_many_in_each_row():
    pre = np.array([[3.1, 2.6, 2.2], [0.9, 0.3, -0.5]])
    by_row, by_batch = (np.array(t.z) for t in sae_drawings.shared_budget_drawing(pre, 2, "title").data)
    assert by_row.sum(1).tolist() == [2, 2] and by_batch.sum() == 4
    assert by_batch.tolist() == [[1, 1, 1], [1, 0, 0]]


def test_the_first_latents_stand_in_every_sum_and_the_last_in_one():
    figure = sae_drawings.nesting_drawing((2, 6, 24), "title")
    left = [shape.x0 for shape in figure.layout.shapes]
    assert sorted(left.count(x) for x in set(left)) == [1, 2, 3] and left.count(0) == 3
    assert any("24" in note.text for note in figure.layout.annotations)


def test_sizes_are_drawn_beside_the_truth():
    figure = sae_drawings.sizes_figure(np.array([0.0, 1.0]), {"a": np.zeros(2), "b": np.ones(2)}, "title")
    diagonals = [t for t in figure.data if t.mode == "lines"]
    assert len(diagonals) == 2 and all(list(t.x) == list(t.y) == [0, 1] for t in diagonals)
