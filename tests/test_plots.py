"""Every figure has a title and labelled axes and shows the numbers it was given; markup in texts stays text."""

import inspect
from types import SimpleNamespace

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from sae_tutorial.features.contexts import Context, TextFeatures
from sae_tutorial.sae.runs import History
from sae_tutorial.show import arrows, live, plots, tables

HISTORY = History(
    tokens=[10, 20], loss=[2.0, 1.0], reconstruction=[1.5, 0.5], sparsity=[9.0, 8.0], l0=[30.0, 12.0],
    dead_fraction=[0.0, 0.1], validation_tokens=[20], validation_explained_variance=[0.4],
)  # fmt: skip
TEXT = TextFeatures(
    ["The", " <b>bank", "\n"],
    np.array([5, 2]),
    np.array([[0.0, 1.0], [3.0, 0.5], [0.2, 0.0]], dtype=np.float32),
    7,
)
ARROWS = {"one": np.array([[1.0, 0.0], [0.0, 0.5]]), "two": np.array([[0.0, 0.01], [1.0, 1.0]])}
SAMPLES = {"one": np.array([0.0, 1.0, 1.0, 4.0]), "two": np.array([2.0, 2.5])}
FIGURES = {
    "line_figure": lambda: plots.line_figure({"a": ([1, 2], [3, 4]), "b": ([1], [2])}, "T", "x", "y"),
    "bar_figure": lambda: plots.bar_figure({"a": 1.0, "b": 0.25}, "T", "y"),
    "grouped_bar_figure": lambda: plots.grouped_bar_figure(
        {"trained": {"word": 3.0, "topic": 1.0}, "untrained": {"word": 0.0, "topic": 2.0}},
        "T",
        "y",
        controls=["untrained"],
    ),  # fmt: skip
    "histogram_figure": lambda: plots.histogram_figure(SAMPLES, "T", "x", "y"),
    "chance_figure": lambda: plots.chance_figure([1, 2, 2], {"a": 9, "<b>": 9, "c": 2}, 2.5, "T", "x"),
    "spread_figure": lambda: plots.spread_figure({"a": [1.0, 3.0], "b": [-1.0]}, "T", "x"),
    "scatter_figure": lambda: plots.scatter_figure(
        np.arange(3), np.arange(3), "T", "x", "y", hover=["a", "b", "c"]
    ),
    "line_spread_figure": lambda: plots.line_spread_figure(
        [1, 2], {"a": np.array([[1.0, 3.0], [2.0, 2.5]])}, "T", "x", "y"
    ),
    "heat_figure": lambda: plots.heat_figure(
        np.array([[0.0, 1.0], [0.5, 0.2]]),
        [1, 10],
        [0.1, 1],
        "T",
        "x",
        "y",
        "z",
        curve=("c", [1, 10], [0.1, 1]),
    ),
    "strip_figure": lambda: plots.strip_figure(
        [0.1, 1.0], np.array([[0.5, 0.5], [1.0, 0.0]]), {"half": 0.5}, "T", "x", "y"
    ),
    "direction_figure": lambda: arrows.direction_figure({"toys": ARROWS}, "T"),
    "direction_slider": lambda: arrows.direction_slider(ARROWS, "T", "two"),
    "weight_maps": lambda: arrows.weight_maps(
        {"a": np.array([[1.0, -0.5], [0.01, 0.0]]), "b": np.array([[3], [0]])}, "T"
    ),
    "squeeze_drawing": lambda: arrows.squeeze_drawing(5, 2, 1, "T"),
    "pair_drawing": lambda: arrows.pair_drawing({"both on": (0.9, 0.3), "A on": (0.5, 0.0)}, "T"),
    "grid_figure": lambda: plots.grid_figure(
        np.array([[0.0, 1.0, 2.0], [0.5, 0.2, 0.1]]), ["a", "<b>", "c"], [0, 1], "T", "x", "y", "z"
    ),
    "loss_parts": lambda: live.loss_parts(HISTORY, "T"),
    "beside_the_first": lambda: live.beside_the_first(dict.fromkeys("abc", HISTORY), "T"),
    "training_curves": lambda: live.training_curves({"a": HISTORY, "b": HISTORY}, "T"),
    "pass_scores": lambda: live.pass_scores(
        History(tokens=[1, 2, 3, 4], reconstruction=[0.9, 0.8, 0.7, 0.6]),
        {"held out": ([3, 4], [0.1, 0.2])},
        1.0,
        2,
        "T",
    ),
    "labelled_lines": lambda: plots.labelled_lines({"a": ([1, 10], [1, 2])}, "T", "x", "y", log_x=True),
}


def axes(figure: go.Figure) -> dict[str, object]:
    return {
        name: axis for name, axis in figure.layout.to_plotly_json().items() if name[1:].startswith("axis")
    }


def test_every_figure_function_is_tested_here():
    made = [
        name
        for module in (plots, arrows, live)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and inspect.signature(function).return_annotation is go.Figure
    ]
    assert set(made) - {"finish"} == set(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_has_a_title_labelled_axes_and_survives_export(name):
    figure = FIGURES[name]()
    assert isinstance(figure, go.Figure)
    assert figure.layout.title.text == "T"
    for axis_name, axis in axes(figure).items():
        # Bars by name, and latents by name, say what they are on the axis itself.
        if axis.get("title", {}).get("text") is None:
            assert (name, axis_name) in {
                ("bar_figure", "xaxis"),
                ("spread_figure", "yaxis"),
                ("direction_figure", "yaxis2"),  # the scale of the first panel's
                ("weight_maps", "yaxis2"),  # the rows of the first panel
                *(
                    (f"{drawing}_drawing", f"{x}axis") for drawing in ("squeeze", "pair") for x in "xy"
                ),  # hidden
                *(("beside_the_first", axis) for axis in ("xaxis", "xaxis2", "yaxis2", "yaxis4")),  # shared
            }, axis_name
    assert go.Figure(figure.to_dict()) == figure
    assert len(figure.to_json()) < 60_000


def test_what_chance_gave_is_a_histogram_and_equal_counts_share_a_line():
    figure = FIGURES["chance_figure"]()
    assert list(figure.data[0].x) == [1, 2] and list(figure.data[0].y) == [1, 2]
    assert sorted(shape.x0 for shape in figure.layout.shapes) == [2, 2.5, 9]
    assert [a.text for a in figure.layout.annotations] == ["a: 9<br>&lt;b&gt;: 9", "c: 2", "a guess: 2.5"]


def test_bars_of_a_control_are_grey():
    trained, control = FIGURES["grouped_bar_figure"]().data
    assert (trained.marker.color, control.marker.color) == (plots.COLOURS[0], plots.COLOURS[5])


def test_a_logarithmic_axis_names_each_tick_in_full():
    line = plots.line_figure({"a": ([6, 300], [0, 1])}, "T", "x", "y", log_x=True)
    curves = live.training_curves({"a": HISTORY}, "T")
    for axis in (line.layout.xaxis, curves.layout.yaxis2):
        assert axis.type == "log"
        assert [tick for tick in axis.tickvals if 6 <= tick <= 300] == [10, 20, 50, 100, 200]
    assert plots.line_figure({"a": ([6], [0])}, "T", "x", "y").layout.xaxis.tickvals is None


def test_series_differ_in_more_than_colour():
    figure = plots.line_figure({str(i): ([1, 2], [i, i]) for i in range(6)}, "T", "x", "y")
    assert len({trace.line.dash for trace in figure.data}) == 6
    assert len({trace.marker.symbol for trace in figure.data}) == 6
    two = live.training_curves({"a": HISTORY, "b": HISTORY}, "T").data
    assert two[0].marker.symbol == two[1].marker.symbol != two[2].marker.symbol


def test_a_silent_run_lies_on_the_floor_of_the_logarithmic_axis():
    silent = History(tokens=[10, 20], reconstruction=[1.0, 0.001], l0=[3.0, 0.0])
    figure = live.training_curves({"a": silent}, "T")
    assert list(figure.data[1].y) == [3.0, live.SILENT]
    assert figure.layout.yaxis2.type == "log" and "≤ 0.01" in figure.layout.yaxis2.ticktext
    grey, red = live.beside_the_first({"a": HISTORY, "b": silent}, "T").select_traces(row=2, col=1)
    assert list(grey.y) == [30.0, 12.0] and list(red.y) == [3.0, live.SILENT]


def test_twelve_lines_differ_in_the_pair_of_dash_and_marker():
    figure = plots.line_figure({str(i): ([1, 2], [i, i]) for i in range(12)}, "T", "x", "y")
    assert len({(trace.line.dash, trace.marker.symbol) for trace in figure.data}) == 12
    assert len({trace.line.color for trace in figure.data}) == 12


def test_a_spread_shows_every_value_and_the_mean():
    points, mean, *_ = plots.spread_figure({"a": [1.0, 2.0, 6.0], "b": [-1.0]}, "T", "x").data
    assert (points.x.tolist(), set(points.y)) == ([1, 2, 6], {"a"})
    assert (list(mean.x), mean.y) == ([3], ("a",))


def test_a_spread_shows_its_controls_in_grey_and_all_else_alike():
    values = {"a": [1.0], "b": [2.0], "a, at random": [0.0]}
    a, _, b, _, control, _ = plots.spread_figure(values, "T", "x", controls=["a, at random"]).data
    assert a.marker.color == b.marker.color != control.marker.color == "#777777"
    assert {trace.marker.symbol for trace in (a, b, control)} == {"circle"}


def test_a_grid_shows_its_numbers_its_names_as_text_and_its_first_row_where_asked():
    figure = FIGURES["grid_figure"]()
    np.testing.assert_array_equal(figure.data[0].z, [[0.0, 1.0, 2.0], [0.5, 0.2, 0.1]])
    assert figure.layout.xaxis.ticktext == ("a", "&lt;b&gt;", "c") and figure.layout.yaxis.autorange is None
    turned = plots.grid_figure(np.zeros((2, 120)), range(120), [0, 1], "T", "x", "y", "z", top_down=True)
    assert turned.layout.yaxis.autorange == "reversed"
    assert turned.layout.xaxis.tickvals == tuple(range(0, 120, 3))


def test_lines_show_their_numbers():
    figure = plots.line_figure({"a": ([1, 10], [3, 4])}, "T", "x", "y", log_x=True, markers=False)
    assert (figure.data[0].x.tolist(), figure.data[0].y.tolist(), figure.data[0].name) == (
        [1, 10],
        [3, 4],
        "a",
    )
    assert figure.layout.xaxis.type == "log"
    assert figure.data[0].mode == "lines"


def test_bars_show_their_numbers():
    bar = plots.bar_figure({"a": 1.23456, "b": -2.0}, "T", "y").data[0]
    assert (list(bar.x), bar.y.tolist(), list(bar.text)) == (["a", "b"], [1.23456, -2.0], ["1.23", "-2"])


def test_a_histogram_counts_every_sample_over_common_bins():
    figure = plots.histogram_figure(SAMPLES, "T", "x", "y", bins=4)
    for trace, samples in zip(figure.data, SAMPLES.values(), strict=True):
        assert trace.x.min() == 0
        assert trace.x.max() == 4
        assert trace.y[::2].sum() == len(samples)
    assert figure.data[0].y[::2].tolist() == [1, 2, 0, 1]


@pytest.mark.parametrize("values", [[2.0, 2.0, 2.0], [-np.inf, -2.0, -1.0], [np.nan, 1.0, 2.0]])
def test_a_histogram_of_equal_or_infinite_samples(values):
    """The log10 density of a dead latent is minus infinity: it has no place on the axis."""
    trace = plots.histogram_figure({"a": np.array(values)}, "T", "x", "y", bins=5).data[0]
    assert np.isfinite(trace.x).all()
    assert trace.y[::2].sum() == np.isfinite(values).sum()


def test_a_spread_runs_from_the_lowest_seed_to_the_highest():
    trace = plots.line_spread_figure([1, 2], {"a": np.array([[1.0, 3.0], [2.0, 2.5]])}, "T", "x", "y").data[0]
    assert trace.y.tolist() == [2.0, 2.25]
    assert (trace.error_y.array.tolist(), trace.error_y.arrayminus.tolist()) == ([1.0, 0.25], [1.0, 0.25])


def test_heat_and_its_curve_lie_on_the_same_axes():
    heat, halo, curve = FIGURES["heat_figure"]().data
    np.testing.assert_array_equal(heat.z, [[0.0, 1.0], [0.5, 0.2]])
    assert curve.name == "c" and curve.x.tolist() == halo.x.tolist() == [1, 10]


def test_a_strip_has_a_point_per_value_and_a_line_per_guide():
    figure = FIGURES["strip_figure"]()
    first, second, third, fourth = figure.data[0].x
    assert figure.data[0].y.tolist() == [0.5, 0.5, 1, 0]
    assert first < 0.1 < second and third < 1 < fourth and first * second == pytest.approx(0.01)
    assert [
        (line.y0, note.text)
        for line, note in zip(figure.layout.shapes, figure.layout.annotations, strict=True)
    ] == [(0.5, "half")]


def test_a_strip_may_have_a_control_beside_it():
    figure = plots.strip_figure(
        [0.1, 1.0], np.array([[0.5], [1.0]]), {"half": 0.5}, "T", "x", "y", beside={"random": np.array([[0.2], [0.3]])}
    )  # fmt: skip
    trained, control = figure.data
    assert (control.name, control.y.tolist(), trained.y.tolist()) == ("random", [0.2, 0.3], [0.5, 1.0])
    assert (trained.xaxis, control.xaxis) == ("x", "x2") and control.x.tolist() == trained.x.tolist()
    assert [note.text for note in figure.layout.annotations] == ["trained", "random", "half"]


def test_short_arrows_can_be_asked_for():
    figure = arrows.direction_figure({"toys": {"a": np.array([[0.3, 0.0], [0.05, 0.0]])}}, "T", shortest=0.1)
    assert [trace.text[0] for trace in figure.data if trace.mode == "text"] == ["A"]


def test_letters_of_arrows_that_lie_on_one_another_do_not_overlap():
    figure = arrows.direction_figure({"toys": {"a": np.array([[0.7, 0.0], [0.7, 0.0]])}}, "T")
    first, second = (trace.x[0] for trace in figure.data if trace.mode == "text")
    assert second > first + 0.2


def test_weight_maps_keep_signs_centre_zero_and_write_what_counts():
    weights, counts = FIGURES["weight_maps"]().data
    assert weights.z.tolist() == [[1.0, -0.5], [0.01, 0.0]] and (weights.zmin, weights.zmax) == (-1, 1)
    assert [list(row) for row in weights.text] == [["1.00", "−0.50"], ["", ""]]
    assert [list(row) for row in counts.text] == [["3"], [""]]


def test_one_neuron_of_a_panel_can_be_framed():
    panels = {"a": np.array([[1.0, -0.5]]), "b": np.array([[3, 1]])}
    (frame,) = arrows.weight_maps(panels, "T", framed={"b": 1}).layout.shapes
    assert (frame.x0, frame.x1, frame.xref) == (0.5, 1.5, "x2")


def test_arrows_can_be_drawn_larger():
    figure = arrows.direction_figure({"toys": ARROWS}, "T", reach=1.1, tall=400)
    assert (list(figure.layout.xaxis.range), figure.layout.height) == ([-1.1, 1.1], 490)


def test_arrows_are_lettered_unless_too_short_to_see():
    texts = [trace.text[0] for trace in FIGURES["direction_figure"]().data if trace.mode == "text"]
    assert texts == ["A", "B", "B"]


def test_a_slider_starts_where_it_is_told_and_each_step_shows_its_own_arrows():
    figure = FIGURES["direction_slider"]()
    slider = figure.layout.sliders[0]
    assert [trace.visible for trace in figure.data] == [False] * 4 + [True] * 2
    assert slider.active == 1 and [step.label for step in slider.steps] == ["one", "two"]
    shown = [step.args[0]["visible"] for step in slider.steps]
    assert shown == [[True] * 4 + [False] * 2, [False] * 4 + [True] * 2]


def test_a_pair_is_followed_by_the_numbers_that_are_drawn():
    texts = [note.text for note in FIGURES["pair_drawing"]().layout.annotations]
    assert "h = 0.9 − 0.3 = 0.6" in texts and "Â = ReLU(h) = 0.6<br>B̂ = ReLU(−h) = 0.0" in texts
    assert [text for text in texts if text in ("<b>✓</b>", "<b>✗</b>")] == ["<b>✗</b>", "<b>✓</b>"]


def test_training_curves_show_the_history():
    error, l0 = live.training_curves({"a": HISTORY}, "T").data
    assert (list(error.x), list(error.y), list(l0.y)) == ([10, 20], [1.5, 0.5], [30.0, 12.0])


def test_a_live_curve_redraws_one_display(monkeypatch):
    shown, updated = [], []
    handle = SimpleNamespace(update=lambda bundle, raw: updated.append(bundle))
    monkeypatch.setattr(live, "display", lambda bundle, raw, display_id: shown.append(bundle) or handle)
    curve = live.LiveCurve("T", live.loss_parts, every=2)
    history = History()
    for step in range(1, 7):
        for name in ("tokens", "loss", "reconstruction", "l0"):
            getattr(history, name).append(step)
        curve(history)
    assert (len(shown), len(updated)) == (1, 2)
    assert updated[-1]["application/vnd.plotly.v1+json"]["data"][0]["x"] == [1, 2, 3, 4, 5, 6]


def test_a_line_carries_its_name_at_its_right_end_and_covers_no_other():
    figure = plots.labelled_lines(
        {"a": ([100, 1], [5, 2]), "b": ([1, 10], [3, 4])}, "T", "x", "y", log_x=True
    )
    assert {note.text: (note.x, note.y) for note in figure.layout.annotations} == {"a": (2, 5), "b": (1, 4)}
    assert figure.layout.showlegend is False
    near = plots.labelled_lines({"a": ([0, 1], [0, 10]), "b": ([0, 1], [0, 9.9])}, "T", "x", "y")
    heights = {note.text: note.y for note in near.layout.annotations}
    assert heights == {"b": pytest.approx(9.9), "a": pytest.approx(10.6)}


def test_a_pass_curve_looks_when_it_draws_and_marks_each_new_pass(monkeypatch):
    drawn = []
    monkeypatch.setattr(live, "display", lambda bundle, raw, display_id: None)
    scores = iter((0.5, 0.6))
    curve = live.PassCurve("T", lambda: {"held out": next(scores)}, variance=2.0, rows_in_a_pass=25, every=3)
    draw = curve.draw
    monkeypatch.setattr(curve, "draw", lambda history, title: drawn.append(draw(history, title)) or drawn[-1])
    curve.handle = SimpleNamespace(update=lambda bundle, raw: None)
    history = History()
    for step in range(1, 7):
        history.tokens.append(10 * step)
        history.reconstruction.append(1.0)
        curve(history)
    assert curve.looks == {"held out": ([30, 60], [0.5, 0.6])}
    batches, held_out = drawn[-1].data
    assert list(batches.x) == [30, 40, 50, 60] and list(batches.y) == [0.5] * 4
    assert [line.x0 for line in drawn[-1].layout.shapes] == [25, 50]


def test_a_step_of_ones_own_is_noted_for_the_curves():
    history = History()
    f = torch.tensor([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0]])
    live.log_point(history, 512, torch.tensor(2.0), torch.tensor(1.5), f)
    assert (history.tokens, history.loss, history.reconstruction, history.l0) == ([512], [2.0], [1.5], [1.5])


# ------------------------------------------------------------------------------------------------ HTML

EVIL = "<script>alert('1')</script>&\"x\""


def test_context_table_escapes_tokens_and_headings():
    context = Context(["a", EVIL, "\n"], np.array([0.0, 2.0, 1.0]), 1, 0)
    page = tables.context_table({EVIL: [context]}).data
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(") == 2
    assert "↵" in page


def test_context_table_shades_by_strength_and_marks_the_centre():
    strong = Context(["x", "y"], np.array([4.0, 1.0]), 0, 0)
    weak = Context(["z"], np.array([2.0]), 0, 1)
    page = tables.context_table({"one": [strong, weak], "none": []}).data
    assert ("0.25)" in page, "0.50)" in page, "1.00)" in page) == (True, True, True)
    assert page.count("outline") == 2
    assert page.index(">x<") < page.index(">y<") < page.index(">z<")


def test_context_table_on_one_scale():
    weak = Context(["a", "b"], np.array([0.25, 0.0], np.float32), 0, 0)
    assert "rgba(224,159,62,1.00)" in tables.context_table({"h": [weak]}).data
    assert "rgba(224,159,62,0.25)" in tables.context_table({"h": [weak]}, darkest=1).data


def test_context_table_of_a_silent_latent():
    silent = Context(["x"], np.array([0.0]), 0, 0)
    assert "nan" not in tables.context_table({"h": [silent]}).data


def test_table_escapes_and_keeps_the_order():
    page = tables.table([{"name": EVIL, "n": 1}, {"name": "b", "n": 2.5}]).data
    assert "<script" not in page
    assert page.index("name") < page.index(">1<") < page.index(">b<") < page.index(">2.5<")
    folded = tables.table([{"n": 1}], fold=EVIL).data
    assert (
        "<script" not in folded and folded.startswith("<details><summary") and folded.endswith("</details>")
    )
