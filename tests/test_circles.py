"""Words on a circle: the order that is kept, the chance of it; and the drawings of them and of latents."""

import re

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from scipy.sparse import csc_array

from sae_tutorial.features.circles import chance_of_order, neighbours_kept, on_plane
from sae_tutorial.features.contexts import Context, TextFeatures
from sae_tutorial.features.latents import Latents
from sae_tutorial.features.statistics import next_words
from sae_tutorial.show.cards import gallery_cards, lit_sentences, lit_text
from sae_tutorial.show.maps import circle_figure, latent_map, steps_figure


def ring(n: int, turn: float = 1.0) -> torch.Tensor:
    """N points on a share `turn` of a circle, in six dimensions, hidden by a rotation."""
    angle = torch.arange(n) / n * 2 * torch.pi * turn
    rotation = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(0))).Q
    return torch.cat([angle.cos()[:, None], angle.sin()[:, None], torch.zeros(n, 4)], 1) @ rotation + 3


def angles_of(places: np.ndarray) -> np.ndarray:
    return np.arctan2(places[:, 1], places[:, 0])


def test_a_hidden_ring_is_found_in_order_and_a_plane_of_others_shows_it_too() -> None:
    rows = ring(7)
    assert neighbours_kept(angles_of(on_plane(rows))) == 7
    assert neighbours_kept(angles_of(on_plane(rows + 0.01 * torch.randn(7, 6), rows))) == 7
    swapped = rows[[0, 2, 1, 3, 4, 5, 6]]
    assert neighbours_kept(angles_of(on_plane(swapped))) == 5


def test_a_turn_or_a_mirror_changes_no_neighbour() -> None:
    angles = np.array([0.1, 1.0, 2.0, 3.0, -2.0, -1.0])
    for other in (angles + 0.5, -angles):
        assert neighbours_kept(np.angle(np.exp(1j * other))) == 6


def test_the_chance_of_a_perfect_order_is_one_in_360_for_seven() -> None:
    assert chance_of_order(7, 7) == pytest.approx(1 / 360)
    assert chance_of_order(0, 7) == 1
    assert chance_of_order(4, 4) == pytest.approx(1 / 3)
    drawn = chance_of_order(12, 12, draws=500)
    assert drawn == pytest.approx(1 / 501)


def test_a_word_is_found_on_the_map_and_no_name_is_read_as_markup() -> None:
    places = np.random.default_rng(0).normal(size=(4, 2))
    names, kinds = ["<b>river", "city", "River bank", "of"], ["a", "b", "a", "b"]
    plain = latent_map(places, names, kinds, "map")
    assert [trace.name for trace in plain.data] == ["a", "b"]
    greyed = latent_map(places, names, kinds, "map", pale="b")
    assert greyed.data[0].name == "b" and greyed.data[0].marker.color != plain.data[1].marker.color
    found = latent_map(places, names, kinds, "map", find="river")
    assert sorted(note.text for note in found.layout.annotations) == ["&lt;b&gt;river", "River bank"]
    assert isinstance(circle_figure({"days": (places, ["x", "y", "<i>", "w"])}, "t"), go.Figure)


def test_names_of_latents_side_by_side_stand_one_above_the_other() -> None:
    places = np.array([[1.0, 0], [0.9, 0.001], [5, 5], [0, -5]])
    figure = latent_map(places, ["water", "warm water", "of", "by"], ["a"] * 4, "map", find="water")
    first, second = figure.layout.annotations
    assert (first.text, second.text) == ("warm water", "water")
    assert first.ax == second.ax > 5 and first.ay - second.ay > 0.4
    assert (first.x, first.y) == (0.9, 0.001)


def test_a_ring_marks_where_a_kind_is_densest_and_names_its_heaviest() -> None:
    places = np.array([[0.0, 0], [0.1, 0], [0, 0.1], [9, 9], [5, 5], [5.1, 5]])
    names, kinds = ["a · x", "<b>", "c", "far", "grey", "grey"], ["k", "k", "k", "k", "pale", "pale"]
    figure = latent_map(places, names, kinds, "map", pale="pale", weight=np.array([0.1, 0.9, 0.5, 1, 1, 1]))
    (ring,), (note,) = figure.layout.shapes, figure.layout.annotations
    assert note.text.split("<br>") == ["<b>k</b>", "&lt;b&gt;", "c"] and note.ax > 9
    assert ring.x0 < 0 < ring.x1 < 5 and ring.line.color == figure.data[1].marker.color


def test_a_second_crowd_has_a_ring_and_names_of_words_go_first() -> None:
    places = np.array([[0.0, 0], [0.1, 0], [0, 0.1], [9, 0.1], [9, 0], [9.1, 0], [9, 9]])
    names = ["12 · 34", "mountain · valley", "%", "river · water", "5", "6", "far"]
    figure = latent_map(places, names, ["k"] * 7, "map", weight=np.arange(7.0))
    assert len(figure.layout.shapes) == 2
    said = [note.text.split("<br>")[1:] for note in figure.layout.annotations]
    assert said == [["mountain · valley"], ["river · water"]]
    assert (
        figure.layout.annotations[0].ay - figure.layout.annotations[1].ay > 1
    )  # one label does not cover the other


def boxes(figure: go.Figure) -> list[tuple[float, float, float, float]]:
    """The middle and half the size of each label of a circle's first panel, in units of its axes."""
    words = figure.data[0]
    unit = np.ptp(figure.layout.xaxis.range) / 780
    sides = {"left": -1, "right": 1, "center": 0, "top": 1, "bottom": -1, "middle": 0}
    found = []
    for x, y, text, side in zip(words.x, words.y, words.text, words.textposition, strict=True):
        up, right = (sides[part] for part in side.split())
        half, high = 3.2 * len(text) * unit, 6 * unit
        found.append((x + right * (half + 5 * unit), y + up * (high + 4 * unit), half, high))
    return found


def test_no_label_of_a_circle_covers_another_or_a_point() -> None:
    places = np.array([[1.0, 0.1], [1.02, 0.0], [-1.0, 0.0], [-0.95, -0.02], [0.1, -1.0], [0.0, 1.0]])
    figure = circle_figure({"w": (places, ["eight", "nine", "two", "three", "b", "c"])}, "t")
    labels = boxes(figure)
    for i, (x, y, half, high) in enumerate(labels):
        assert not any(abs(x - a) < half and abs(y - b) < high for a, b in places)
        assert not any(abs(x - a) < half + w and abs(y - b) < high + h for a, b, w, h in labels[i + 1 :])


def test_more_than_three_circles_stand_in_rows_of_two() -> None:
    places = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    figure = circle_figure({name: (places, ["x", "y", "z"]) for name in "abcd"}, "t")
    axes = [figure.layout[f"yaxis{n or ''}"] for n in ("", 2, 3, 4)]
    assert [axis.scaleanchor for axis in axes] == ["x", "x2", "x3", "x4"]  # a ring is not stretched
    assert len(figure.data) == 8 and figure.layout.yaxis.domain == figure.layout.yaxis2.domain
    assert figure.layout.yaxis3.domain[1] < figure.layout.yaxis.domain[0]


def test_cards_fold_the_description_and_escape_what_texts_contain() -> None:
    context = Context([" <script>", " gods"], np.array([0.0, 6.0]), 1, 0)
    page = gallery_cards([([context], 8.0, "Greek & Roman")]).data
    assert "<script>" not in page and "Greek &amp; Roman</details>" in page and "0.75" in page
    features = TextFeatures(["a", "<b>"], np.array([3]), np.array([[0.0], [1.0]]), 1)
    line = lit_text(features, {3: "gods & heroes"}).data
    assert "gods &amp; heroes" in line and "&lt;b&gt;" in line and ",1.00)" in line


def test_activations_that_are_no_shares_are_coloured_by_the_largest_of_their_line() -> None:
    activations = np.array([[0.0, 0.25], [30.0, 0.5], [60.0, 0.0]])
    page = lit_text(TextFeatures(["a", "b", "c"], np.array([3, 4]), activations, 2)).data
    assert re.findall(r"title='([\d.]+)'", page) == ["0.00", "0.50", "1.00", "0.25", "0.50", "0.00"]
    assert "latent <span" in page and "(4)" in page


def test_sentences_are_lit_by_one_latent_a_line_each(tokenizer) -> None:
    token_ids = np.array(tokenizer(" said that said", add_special_tokens=False)["input_ids"][:3])
    matrix = csc_array(np.array([[0.0, 9], [2, 0], [4, 9]], dtype=np.float32))
    read = Latents(matrix, token_ids, np.array([3, 3, 7]), {}, 3)
    page = lit_sentences(read, tokenizer, 0, darkest=4.0).data
    assert page.count("<div>") == 2 and re.findall(r"title='([\d.]+)'", page) == ["0.00", "2.00", "4.00"]
    assert re.findall(r",([\d.]+)\)", page) == ["0.00", "0.50", "1.00"] and "that" in page


def test_the_next_word_is_the_one_with_the_energy_and_never_from_another_text() -> None:
    matrix = csc_array(np.array([[1.0, 0], [1, 0], [3, 0], [2, 0], [0, 0]], dtype=np.float32))
    read = Latents(matrix, np.array([5, 6, 5, 7, 8]), np.array([0, 0, 0, 0, 1]), {}, 5)
    assert next_words(read, [0, 1]).tolist() == [7, -1]


def test_the_way_back_is_the_last_bar_and_stands_out():
    week, numbers = {"Monday": 1.9, "Tuesday": 0.7, "Wednesday": 0.8}, {"two": 2.0, "three": 1.0}
    figure = steps_figure({"days": week, "numbers": numbers, "more": numbers}, "Steps", "step")
    bars, beside, below = figure.data
    assert bars.y == ("Tuesday", "Wednesday", "Monday") and bars.x == (0.7, 0.8, 1.9)
    *others, back = bars.marker.color
    assert len(set(others)) == 1 and back not in others
    days, two, three = (figure.layout[f"yaxis{n or ''}"].domain for n in ("", 2, 3))
    assert days == two and three[1] < days[0]  # pairs beside one another
    assert days[1] - days[0] > three[1] - three[0]  # three bars are higher than two
