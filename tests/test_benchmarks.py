"""What the benchmarks make of their figures: targets, tables, and files that later runs add to."""

import sys
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from conftest import CONTEXT, HOOK, TEXTS

from benchmarks import __main__ as command
from benchmarks import defaults, report, results, training_speed
from benchmarks.report import Row
from sae_tutorial import storage
from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.sae.config import SAEConfig, TrainConfig
from sae_tutorial.sae.training import train_sae

FASTER = Row("speed against a peer", "6 tokens/s", "2 tokens/s", np.float64(3.0), 2.5, 3.5, at_least=2)
SLOWER = Row("speed against the floor", "5 tokens/s", "10 tokens/s", 0.5, at_least=0.75)
SMALLER = Row("error against a peer's", "0.9", "1.0", 0.9, at_most=0.97)
LARGER = Row("memory of many tokens", "3 MB", "2 MB", 1.5, at_most=1.1)
PLAIN = Row("a score", "0.7")


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where pictures would have been written: Chromium is not started."""
    written: list[Path] = []
    monkeypatch.setattr(go.Figure, "write_image", lambda _, path, **__: written.append(path))
    return written


@pytest.mark.parametrize(
    ("row", "margin", "met"),
    [(FASTER, 1.5, True), (SLOWER, 2 / 3, False), (SMALLER, 0.97 / 0.9, True), (LARGER, 1.1 / 1.5, False)],
)
def test_a_margin_above_one_is_a_target_met(row, margin, met):
    assert row.margin == pytest.approx(margin)
    assert row.met is met


def test_a_ratio_that_just_reaches_its_target_meets_it():
    assert Row("", "", "", 3.0, at_least=3).met
    assert Row("", "", "", 1.1, at_most=1.1).met


def test_a_row_without_a_target_is_neither_met_nor_missed():
    assert PLAIN.margin is None
    assert PLAIN.met is None
    assert PLAIN.cells() == ("a score", "0.7", "", "", "")


def test_the_table_shows_ratio_spread_target_and_verdict():
    *_, first, second = report.table([FASTER, LARGER]).splitlines()
    assert (
        first == "| speed against a peer | 6 tokens/s | 2 tokens/s | 3.00 (2.50 to 3.50) | at least 2: met |"
    )
    assert second == "| memory of many tokens | 3 MB | 2 MB | 1.500 | at most 1.1: missed |"


def test_the_spread_leaves_out_a_tenth_at_either_end():
    assert report.spread(range(11)) == (1, 9)


def test_a_run_replaces_its_own_rows_and_no_others(tmp_path, pictures):
    results.save(tmp_path, "speed", [SLOWER], 1.0, quick=True)
    results.save(tmp_path, "memory", [LARGER, PLAIN], 2.0, quick=False)
    results.save(tmp_path, "speed", [FASTER, SLOWER], 3.04, quick=False)
    runs = storage.read_json(tmp_path / "results.json")
    assert list(runs) == ["speed", "memory"]
    assert results.rows_of(runs["speed"]) == [FASTER, SLOWER]
    assert results.rows_of(runs["memory"]) == [LARGER, PLAIN]
    assert (runs["speed"]["minutes"], runs["speed"]["quick"]) == (3.0, False)
    assert [row["met"] for row in runs["speed"]["rows"]] == [True, False]
    assert runs["speed"]["machine"] == report.machine()
    assert pictures == [tmp_path / "results.png"] * 3


def test_the_page_holds_every_row_and_says_which_runs_were_quick(tmp_path, pictures):
    results.save(tmp_path, "speed", [FASTER], 1.0, quick=True)
    results.save(tmp_path, "memory", [LARGER], 2.0, quick=False)
    _, speed, memory = (tmp_path / "results.md").read_text().split("\n## ")
    assert report.table([FASTER]) in speed
    assert "--quick" in speed
    assert report.table([LARGER]) in memory
    assert "--quick" not in memory


def test_the_figure_draws_missed_targets_to_the_left_and_hatched(tmp_path, pictures):
    results.save(tmp_path, "speed", [FASTER, SLOWER, PLAIN], 1.0, quick=False)
    results.save(tmp_path, "memory", [LARGER, SMALLER], 1.0, quick=False)
    figure = results.figure(storage.read_json(tmp_path / "results.json"))
    assert figure.layout.title.text == "2 of 4 targets are met"
    met, missed = figure.data
    assert [base + 1 for base in met.x] == pytest.approx([FASTER.margin, SMALLER.margin])
    assert [base + 1 for base in missed.x] == pytest.approx([SLOWER.margin, LARGER.margin])
    assert (met.base, missed.base, figure.layout.xaxis.type) == (1, 1, "log")
    assert not met.marker.pattern.shape
    assert missed.marker.pattern.shape == "/"
    assert set(met.y) | set(missed.y) == set(figure.layout.yaxis.categoryarray)


def test_the_page_of_the_figure_loads_nothing(tmp_path, pictures):
    results.save(tmp_path, "speed", [FASTER], 1.0, quick=False)
    assert "<script src" not in (tmp_path / "results.html").read_text()


def test_without_a_browser_everything_but_the_picture_is_written(tmp_path, monkeypatch, capsys):
    def refuse(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("there is no Chrome")

    monkeypatch.setattr(go.Figure, "write_image", refuse)
    results.save(tmp_path, "speed", [FASTER], 1.0, quick=False)
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", "results.md", "results.html"}
    assert "there is no Chrome" in capsys.readouterr().err


def test_the_command_prints_what_it_ran_and_saves_it(tmp_path, monkeypatch, capsys, pictures):
    asked = []
    monkeypatch.setattr(training_speed, "run", lambda quick: asked.append(quick) or [FASTER])
    monkeypatch.setattr(sys, "argv", ["benchmarks", "training", "--quick", "--save", str(tmp_path)])
    results.save(tmp_path, "memory", [LARGER], 1.0, quick=False)
    command.main()
    assert asked == [True]
    printed = capsys.readouterr().out
    assert FASTER.what in printed
    assert LARGER.what not in printed
    assert list(storage.read_json(tmp_path / "results.json")) == ["memory", "training"]


def test_an_unknown_benchmark_is_refused_by_name(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "trainig"])
    with pytest.raises(SystemExit):
        command.main()
    assert "no benchmark trainig" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:.*were cut")
def test_the_grid_of_defaults_goes_on_where_it_was_stopped(gpt2, tmp_path, monkeypatch):
    texts, runs = 5 * TEXTS, []
    collect_activations(gpt2, texts, HOOK, directory=tmp_path / HOOK, context_size=CONTEXT)
    monkeypatch.setattr(
        defaults, "train_sae", lambda *a, **options: runs.append(a[0].config) or train_sae(*a, **options)
    )

    def scores(**options):
        place = defaults.Place(tmp_path / HOOK, np.arange(len(texts)))
        config = SAEConfig(place.train.shape[1], 1, k=4, **options)
        return place.scores(config, TrainConfig(64, batch_size=8))

    first = scores()
    assert scores() == first
    assert len(runs) == 1
    assert [set(part) for part in first] == [{"fvu", "l0", "dead"}] * 2
    batchtopk = scores(architecture="batchtopk")
    assert len(runs) == 2
    assert batchtopk[0]["l0"] == pytest.approx(4, abs=0.5)
