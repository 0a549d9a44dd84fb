"""A finding is a verdict with its numbers, never an exception; wrong use of `check` is one."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from conftest import TEXTS

from sae_tutorial.lab.lab import BUDGETS, Lab
from sae_tutorial.lab.verdicts import NOT_CHECKED, NOT_SHOWN, SHOWN, TOO_CLOSE, Verdicts, judge


@dataclass
class Interval:
    value: float
    low: float
    high: float


@pytest.fixture
def lab(gpt2, tmp_path) -> Lab:
    return Lab("offline", gpt2, TEXTS, np.zeros(len(TEXTS), dtype=int), 1, BUDGETS["quick"], "cpu", tmp_path)


def test_a_quiet_verdict_is_recorded_and_not_printed(lab, capsys):
    lab.check(True, "one of many", quiet=True)
    assert [verdict.value for verdict in lab.verdicts] == [SHOWN] and not capsys.readouterr().out


@pytest.mark.parametrize("yes", [True, np.bool_(True), torch.tensor(True)])
def test_a_plain_yes_or_no(lab, capsys, yes):
    assert lab.check(yes, "water is wet") is None
    lab.check(type(yes)(0) if not torch.is_tensor(yes) else ~yes, "water is dry")
    assert [verdict.value for verdict in lab.verdicts] == [SHOWN, NOT_SHOWN]
    assert capsys.readouterr().out == "shown: water is wet\nnot shown in this lab: water is dry\n"


@pytest.mark.parametrize(
    ("found", "options", "value"),
    [
        (0.5, {"above": 0.3}, SHOWN),
        (0.3, {"above": 0.3}, NOT_SHOWN),
        (0.2, {"above": 0.3}, NOT_SHOWN),
        (0.2, {"below": 0.3}, SHOWN),
        (0.3, {"below": 0.3}, NOT_SHOWN),
        (0.4, {"below": 0.3}, NOT_SHOWN),
        (0.35, {"above": 0.3, "margin": 0.1}, TOO_CLOSE),
        (0.25, {"above": 0.3, "margin": 0.1}, TOO_CLOSE),
        (0.45, {"above": 0.3, "margin": 0.1}, SHOWN),
        (0.15, {"above": 0.3, "margin": 0.1}, NOT_SHOWN),
        (-0.45, {"below": -0.3, "margin": 0.1}, SHOWN),
        (-0.25, {"below": -0.3, "margin": 0.1}, TOO_CLOSE),
        (Interval(1, 0.1, 2), {"above": 0}, SHOWN),
        (Interval(1, -0.1, 2), {"above": 0}, TOO_CLOSE),
        (Interval(-1, -2, -0.1), {"above": 0}, NOT_SHOWN),
        (Interval(0, 0, 0), {"above": 0}, NOT_SHOWN),  # what equals the bound is not above it
        (Interval(-1, -2, 0), {"above": 0}, NOT_SHOWN),
        (Interval(1, 0, 2), {"above": 0}, TOO_CLOSE),
        (Interval(-1, -2, -0.1), {"below": 0}, SHOWN),
        (Interval(1, 0.1, 2), {"above": 0, "margin": 0.2}, TOO_CLOSE),  # a margin widens an interval
        (Interval(1, 0.3, 2), {"above": 0, "margin": 0.2}, SHOWN),
        (Interval(-1, -2, -0.1), {"above": 0, "margin": 0.2}, TOO_CLOSE),
        (torch.tensor(0.5), {"above": 0.3}, SHOWN),
        (np.float32(0.5), {"below": 0.3}, NOT_SHOWN),
        (float("nan"), {"above": 0.3}, TOO_CLOSE),
        (Interval(float("nan"), float("nan"), float("nan")), {"below": 0}, TOO_CLOSE),
    ],
)
def test_a_number_is_clearly_on_one_side_or_too_close_to_call(found, options, value):
    assert judge(found, "x", **options).value == value


def test_the_numbers_that_decided_are_told():
    assert judge(0.123456, "x", above=0.1, margin=0.01).numbers == "0.123, to be above 0.1 by more than 0.01"
    assert judge(Interval(1, 0.5, 2), "x", below=3).numbers == "1 [0.5, 2], to be below 3"
    assert (
        judge(Interval(1, 0.5, 2), "x", below=3, margin=0.1).numbers
        == "1 [0.5, 2], to be below 3 by more than 0.1"
    )
    assert str(judge(2, "it rises", above=1)) == "shown: it rises (2, to be above 1)"


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("a claim", True), {}, "the finding comes first"),
        (("a", "b"), {}, "give True or False, or a number with one of"),
        ((1.0, "x"), {"above": 0, "below": 2}, "one of above= and below="),
        ((Interval(1, 0, 2), "x"), {}, "one of above= and below="),
        ((0.3, "x"), {}, "one of above= and below=; got 0.3"),
        ((1, "x"), {}, "one of above= and below=; got 1"),
        ((float("nan"), "x"), {}, "got nan"),
        ((torch.tensor(0.3), "x"), {}, "got tensor"),
        ((np.float32(2), "x"), {}, "one of above= and below="),
        (([1, 2], "x"), {"above": 0}, r"found must be a number or have value, low and high, got \[1, 2\]"),
    ],
)
def test_wrong_use_is_an_error(arguments, options, message):
    with pytest.raises(TypeError, match=message):
        judge(*arguments, **options)


def test_a_smoke_run_claims_nothing(gpt2, tmp_path, capsys):
    smoke = Lab("offline", gpt2, TEXTS, np.zeros(8), 1, BUDGETS["smoke"], "cpu", tmp_path)
    smoke.check(False, "water is dry")
    smoke.check(1.0, "water is deep", above=0.5)
    assert capsys.readouterr().out.startswith("not checked on a smoke budget: water is dry\n")
    assert [verdict.value for verdict in smoke.verdicts] == [NOT_CHECKED] * 2


def test_verdicts_are_kept_in_order_and_a_cell_run_again_replaces_its_own(lab):
    lab.check(True, "one")
    lab.check(False, "two")
    lab.check(0.31, "three", above=0.3, margin=0.1)
    lab.check(True, "two")
    assert [(v.claim, v.value) for v in lab.verdicts] == [
        ("one", SHOWN),
        ("two", SHOWN),
        ("three", TOO_CLOSE),
    ]
    assert lab.verdicts.summary == "2 of 3 claims shown in this lab"


def test_verdicts_show_as_a_table(lab):
    lab.check(True, "a < b & c")
    lab.check(0.5, "rises", above=1)
    page = lab.verdicts._repr_html_()
    assert page.count("<tr>") == 3 and "a &lt; b &amp; c" in page and "0.5, to be above 1" in page
    assert repr(lab.verdicts).splitlines() == [
        "shown                  a < b & c",
        "not shown in this lab  rises (0.5, to be above 1)",
        "1 of 2 claims shown in this lab",
    ]
    assert repr(Verdicts()) == "0 of 0 claims shown in this lab"


def test_labs_do_not_share_verdicts(lab, gpt2, tmp_path):
    lab.check(True, "one")
    assert Lab("offline", gpt2, TEXTS, np.zeros(8), 1, BUDGETS["quick"], "cpu", tmp_path).verdicts == []
