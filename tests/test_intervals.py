"""Intervals cover what they should, and the first draw is the sample itself."""

import numpy as np
import pytest
from scipy import stats

from sae_tutorial.features.intervals import Interval, document_draws, margin_of_mean


def test_the_first_draw_is_the_sample_and_the_others_have_as_many_documents():
    draws = document_draws(7, 50)
    assert draws.shape == (51, 7)
    assert (draws[0] == 1).all()
    assert (draws.sum(1) == 7).all()
    assert (draws[1:] != 1).any()


def test_the_seed_decides_the_draws():
    assert (document_draws(9, seed=1) == document_draws(9, seed=1)).all()
    assert (document_draws(9, seed=1) != document_draws(9, seed=2)).any()


def test_intervals_cover_the_mean_about_as_often_as_they_say():
    generator = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        draws = document_draws(40, 200, seed=trial)
        interval = Interval.of_draws(draws @ generator.normal(size=40) / 40)
        covered += interval.low < 0 < interval.high
    assert 0.88 < covered / 200 < 0.98


def test_it_reads_as_a_value_and_its_bounds():
    interval = Interval.of_draws(np.array([0.5, np.nan, *np.linspace(0, 1, 101)]))
    assert str(interval) == "0.50 [0.03, 0.97]"


def test_a_mean_and_a_difference_are_those_of_the_draws():
    one, other = [0.0, 1.0, 2.0], np.array([4.0, 5.0])
    draws, others = document_draws(3), document_draws(2, seed=1)
    mean = draws @ np.array(one) / 3
    assert Interval.of_mean(one) == Interval.of_draws(mean)
    assert Interval.of_mean([True, False]).value == 0.5
    difference = Interval.of_difference(one, other)
    assert difference == Interval.of_draws(mean - others @ other / 2)
    assert (difference.value, difference.low < -3.5 < difference.high) == (-3.5, True)
    for nothing in (lambda: Interval.of_mean([]), lambda: Interval.of_difference(one, [])):
        with pytest.raises(ValueError, match="over nothing"):
            nothing()


def test_a_margin_is_half_of_students_interval_and_grows_with_the_overlap():
    values = [0.1, 0.4, 0.3, 0.6]
    low, high = stats.ttest_1samp(values, 0).confidence_interval()
    assert margin_of_mean(values) == pytest.approx((high - low) / 2)
    assert margin_of_mean(values, 0.5) == pytest.approx(
        margin_of_mean(values) * 3**0.5
    )  # (1/4 + 1/2) / (1/4)
    with pytest.raises(ValueError, match="one value"):
        margin_of_mean([1.0])


def test_a_share_has_an_interval_even_where_nothing_was_seen():
    none, some, all_of_them = (Interval.of_share(count, 16) for count in (0, 5, 16))
    assert (none.value, none.low, all_of_them.high) == (0, 0, 1)
    assert all_of_them.low**16 == pytest.approx(0.025) and none.high == pytest.approx(1 - all_of_them.low)
    drawn = np.random.default_rng(0).beta(5.5, 11.5, 200_000)
    assert (some.low, some.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.005)
    for count, n in ((3, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="count between 0 and n"):
            Interval.of_share(count, n)


def test_an_interval_is_written_like_each_of_its_numbers():
    share = Interval(0.578, 0.456, 0.693)
    assert str(share) == f"{share}" == "0.58 [0.46, 0.69]"
    assert f"{share:.0%}" == "58% [46%, 69%]" and f"{share:+.1f}" == "+0.6 [+0.5, +0.7]"


def test_an_interval_over_a_grid_is_wide_where_whole_rows_or_columns_agree():
    draw = np.random.default_rng(0)
    by_row = np.repeat(draw.permutation([1.0, 0, 1, 0])[:, None], 10, axis=1)
    scattered = draw.permutation(np.repeat([1.0, 0.0], 20)).reshape(4, 10)
    rows, columns, each = (Interval.of_grid(grid) for grid in (by_row, by_row.T, scattered))
    assert [one.value for one in (rows, columns, each)] == pytest.approx([0.5] * 3)
    assert (rows.low, rows.high) == pytest.approx((0, 1)) == (columns.low, columns.high)
    assert 0.1 < each.low < 0.4 and 0.6 < each.high < 0.9
    alike = Interval.of_grid(np.full((4, 10), 0.3))
    assert (alike.low, alike.high) == pytest.approx((0.3, 0.3))
    for always in (0, 1):  # of shares, none is surely all
        assert Interval.of_grid(np.full((4, 10), always)) == Interval.of_share(40 * always, 40)
    with pytest.raises(ValueError, match="a mean over nothing"):
        Interval.of_grid(np.ones((0, 10)))
