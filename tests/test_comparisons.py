"""Figures with their control beside them: what is drawn is what was given, and one thing has one colour."""

import numpy as np
import pytest
import torch

from sae_tutorial.features.intervals import Interval
from sae_tutorial.show import comparisons
from sae_tutorial.show.comparisons import (
    BLUE,
    GREY,
    KIND_COLOURS,
    RED,
    costs_figure,
    edge_test_figure,
)


def words(figure) -> str:
    return " ".join(note.text for note in figure.layout.annotations)


def some_rows() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(3_000, 6, generator=generator)
    return {
        "real tokens": real,
        "padding": torch.randn(50, 6, generator=generator) * 0.1 + torch.tensor([9.0, 0, 0, 0, 0, 0]),
        "BOS": torch.zeros(4, 6),
    }


def test_norms_have_the_colours_of_the_drawings():
    norms = {kind: rows.norm(dim=1).numpy() for kind, rows in some_rows().items()}
    figure = comparisons.norms_by_kind(norms, "T")
    assert {trace.name: trace.line.color for trace in figure.data} == KIND_COLOURS
    assert [sum(trace.y[::2]) for trace in figure.data] == [3_000, 50, 4]
    assert (figure.layout.title.text, figure.layout.xaxis.title.text) == ("T", "norm of the row")


def test_clouds_lie_where_their_means_say():
    rows = some_rows()
    figure = comparisons.clouds_by_kind(rows, "T")
    clouds = {trace.name: trace for trace in figure.data if trace.showlegend is None}
    assert list(clouds) == ["real tokens", "padding", "BOS"]
    assert len(clouds["real tokens"].x) == comparisons.MOST_POINTS
    apart = float((rows["padding"].mean(0) - rows["real tokens"].mean(0)).norm())
    assert np.mean(clouds["padding"].x) == pytest.approx(apart, abs=1e-3)
    assert np.mean(clouds["padding"].y) == pytest.approx(0, abs=1e-3)
    notes = {note.text: (note.x, note.y) for note in figure.layout.annotations}
    assert notes["<b>mean of real tokens</b>"] == pytest.approx((0, 0), abs=1e-5)
    assert 0 < notes["<b>mean of all rows</b>"][0] < 0.1 * apart


def test_rows_that_are_all_alike_are_one_dot_that_can_be_seen():
    figure = comparisons.clouds_by_kind(some_rows(), "T")
    sizes = {trace.name: trace.marker.size for trace in figure.data if trace.name}
    assert sizes["BOS"] > 2 * sizes["real tokens"] and sizes["padding"] == sizes["real tokens"]


def test_score_panels_write_each_mean_and_draw_each_seed():
    panels = {"all": {"a": [0.5, 0.7], "b": [0.2, 0.2]}, "some": {"a": [0.1, 0.3], "b": [0.4, 0.6]}}
    figure = comparisons.score_panels(panels, {"a": RED, "b": BLUE}, "T", "score")
    for text in ("0.600", "0.200", "0.500", "all", "some"):
        assert text in words(figure)
    points = [trace for trace in figure.data if trace.marker.symbol is None]
    assert [list(trace.x) for trace in points] == [[0.5, 0.7], [0.2, 0.2], [0.1, 0.3], [0.4, 0.6]]
    assert [trace.marker.color for trace in points] == [RED, BLUE, RED, BLUE]


def test_curves_and_their_controls_differ_in_colour_and_carry_their_bands():
    real, control = np.array([[0.2, 0.4], [0.5, 0.7], [0.6, 0.8]]), np.full((3, 2), 0.25)
    figure = comparisons.curves_beside_controls(
        [0, 5, 9],
        {"here": (real, control)},
        "T",
        "layer",
        "accuracy",
        level=("blind", 0.2),
        place=("read here", 5),
    )
    bands, curves = ([t for t in figure.data if (t.fill == "toself") is filled] for filled in (True, False))
    assert [trace.line.color for trace in curves] == [BLUE, GREY]
    assert list(curves[0].y) == pytest.approx([0.3, 0.6, 0.7])
    assert list(bands[0].y) == [0.4, 0.7, 0.8, 0.6, 0.5, 0.2]
    for text in ("here", "blind", "read here"):
        assert text in words(figure)


def test_only_the_panel_that_asks_for_it_is_logarithmic():
    figure = comparisons.side_by_side(
        [0, 1], {"norm": [1, 100], "share": [0.1, 0.4]}, "T", "layer", log=["norm"]
    )
    assert (figure.layout.yaxis.type, figure.layout.yaxis2.type) == ("log", None)
    assert [list(trace.y) for trace in figure.data] == [[1, 100], [0.1, 0.4]]


def test_dots_write_their_numbers_and_controls_are_grey():
    figure = comparisons.dots_figure(
        {"trained": 0.71, "<b>random": 0.47},
        "T",
        "specificity",
        controls=["<b>random"],
        guides={"none": 1 / 6},
    )
    assert [(trace.text[0], trace.marker.color) for trace in figure.data] == [("0.71", BLUE), ("0.47", GREY)]
    assert figure.data[1].y[0] == "&lt;b&gt;random" and "none" in words(figure)
    low, high = figure.layout.xaxis.range
    assert low < 1 / 6 and high > 0.71


def test_effects_stand_over_sizes_beside_their_control():
    size = np.array([1.0, 10.0])
    effects = {"latents": np.array([0.1, 0.2]), "random": np.array([[0.05, 0.3], [0.06, 0.4]])}
    figure = comparisons.effects_figure(size, effects, "T", "size", "effect")
    assert [(trace.name, list(trace.x), list(trace.y), trace.marker.color) for trace in figure.data] == [
        ("random", [1, 10, 1, 10], [0.05, 0.3, 0.06, 0.4], GREY),
        ("latents", [1, 10], [0.1, 0.2], BLUE),  # the dots lie above the crosses
    ]
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == ("log", "log")


def test_a_grid_of_latents_has_a_line_between_the_meanings():
    on = np.zeros((8, 3), dtype=bool)
    on[:4, 0] = True
    figure = comparisons.on_off_figure(on, ["<a>", "b", "c"], list("stuvwxyz"), "T", groups=[1, 2])
    assert figure.data[0].z[:, 0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    lines = [shape.x0 if shape.yref != "y" else shape.y0 for shape in figure.layout.shapes]
    assert lines == [3.5, 0.5]  # between the meanings, and between the groups
    assert "&lt;a&gt;" in figure.layout.xaxis.ticktext


def test_edges_that_hold_lie_on_the_line():
    edges = np.array([0.5, 0.1])
    figure = edge_test_figure(edges, {"held": edges, "free": -edges}, "T", ["a", "b"], {1: "at Italian"})
    line, held, free = figure.data
    assert tuple(line.x) == tuple(line.y) == (0.1, 0.5)
    assert tuple(held.x) == tuple(held.y) and tuple(free.y) == (-0.5, -0.1) and free.name == "free"
    (note,) = figure.layout.annotations
    assert (note.text, note.x, note.y) == ("at Italian", 0.1, -0.1)


def test_what_groups_cost_is_drawn_by_kind_with_their_mean():
    group, rivals = np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros((3, 2))
    figure = costs_figure({"out": {"the graph's": group, "rivals": rivals}}, ["a", "b"], "T", "nats")
    own, others = figure.data
    assert tuple(own.x) == (2.0, 3.0, 2.5) and len(others.x) == 9
    assert tuple(figure.layout.yaxis.ticktext) == ("a", "b", "mean of all")
    assert own.error_x.array[0] > 0 and others.error_x.array is None


def test_intervals_have_a_panel_for_each_test_and_a_row_for_each_entry():
    found = {"six": Interval(1.0, 0.5, 2.0), "all": Interval(3.0, 2.5, 3.5)}
    figure = comparisons.intervals_figure({"out": found, "swapped": found}, "T", "nats", grey=["all"])
    six, everything, *others = figure.data
    assert len(others) == 2 and (six.x, six.y, six.text) == ((1.0,), ("six",), ("1.00",))
    assert (six.error_x.array[0], six.error_x.arrayminus[0]) == (1.0, 0.5)
    assert six.marker.color != everything.marker.color
