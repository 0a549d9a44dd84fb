"""A grid's numbers are those given, and a missing one is marked."""

import numpy as np

from build_course import loaded_from_outside
from sae_tutorial.show.circuit_figures import attention_view, numbered_grid


def test_numbers_over_a_level_are_written_and_no_zero_has_a_minus() -> None:
    figure = numbered_grid(
        np.array([[0.04, -0.5], [-0.001, 2.0]]), ["a", "b"], ["u", "v"], "t", "x", "y", "z", above=0.1
    )
    assert np.array(figure.data[0].text).tolist() == [["", "-0.50"], ["", "2.00"]]
    whole = numbered_grid(np.array([[-0.001]]), ["a"], ["u"], "t", "x", "y", "z")
    assert whole.data[0].text[0][0] == "0.00"


def test_by_row_the_colours_are_shares_and_the_numbers_stay() -> None:
    figure = numbered_grid(
        np.array([[1.0, -2.0], [30.0, 60.0]]),
        ["a", "b"],
        ["u", "v"],
        "t",
        "x",
        "y",
        "z",
        digits=0,
        by_row=True,
    )
    assert np.array(figure.data[0].z).tolist() == [[0.5, -1.0], [0.5, 1.0]]
    assert np.array(figure.data[0].text).tolist() == [["1", "-2"], ["30", "60"]]


def test_a_square_without_a_number_has_a_dash() -> None:
    figure = numbered_grid(np.array([[1.0, np.nan]]), ["a", "b"], ["u"], "t", "x", "y", "z")
    assert [(mark.x, mark.y, mark.text) for mark in figure.layout.annotations] == [(1, 0, "–")]


def test_an_attention_view_carries_what_it_needs_and_fetches_nothing() -> None:
    view = attention_view(["a", "b"], np.array([[[1.0, 0.0], [0.25, 0.75]]]), ["L0H3"])
    assert "L0H3" in view.data and "0.75" in view.data
    assert loaded_from_outside(view.data) == []
    again = attention_view(["a", "b"], np.array([[[1.0, 0.0], [0.251, 0.75]]]), ["L0H3"])
    other = attention_view(["a", "b"], np.array([[[1.0, 0.0], [0.5, 0.5]]]), ["L0H3"])
    assert view.data == again.data and view.data[:50] != other.data[:50]  # the same picture, the same bytes
