"""Drawings of an SAE show what they say: the kept latents, the rows on a side, the products of the example."""

import numpy as np

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
    assert all(shape in said for shape in ("[20, 80]", "[80, 20]", "[80]"))
