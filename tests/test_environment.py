"""Every check prints one line, a failing one says what to do, and none stops the others."""

import re
import subprocess

import pytest

from sae_tutorial import __main__ as command_line
from sae_tutorial.lab import environment, lab


@pytest.fixture(autouse=True)
def small_needs(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(environment, "NEEDED_MEMORY", 0)
    monkeypatch.setattr(environment, "NEEDED_DISK", 0)
    monkeypatch.setenv("SAE_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setattr(lab, "_reachable", lambda: ("offline", "for a test"))
    for name in ("SAE_LAB", "SAE_BUDGET", "SAE_TEXTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(environment.importlib.metadata, "requires", lambda name: ["numpy>=1", "torch"])


def lines(capsys) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_all_well_is_six_lines_of_ok(capsys, tmp_path):
    assert environment.check_environment() is True
    printed = lines(capsys)
    assert len(printed) == 6
    assert all(line.startswith("OK    ") for line in printed)
    assert any("lab offline, for a test" in line for line in printed)
    assert list(tmp_path.iterdir()) == []  # nothing stays behind


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.setattr(environment, "NEEDED_MEMORY", 10**9), "GB are free; close other programs"),
        (lambda m: m.setattr(environment, "NEEDED_DISK", 10**9), "GB are free; set SAE_ARTIFACTS"),
        (lambda m: m.setattr(environment.sys, "version_info", (3, 9)), "install a newer Python"),
        (
            lambda m: m.setattr(
                environment.importlib.metadata, "requires", lambda n: ["no-such-package-here>=1"]
            ),
            "no-such-package-here is missing. Install with: pip install -r requirements.lock",
        ),
        (
            lambda m: m.setattr(environment.importlib.metadata, "requires", lambda n: ["numpy>=999"]),
            r"numpy .* is not >=999",
        ),
    ],
)
def test_a_failing_check_says_what_to_do_and_the_others_go_on(capsys, monkeypatch, change, message):
    change(monkeypatch)
    assert environment.check_environment() is False
    printed = lines(capsys)
    failed = [line for line in printed if line.startswith("FAIL")]
    assert (len(printed), len(failed)) == (6, 1)
    assert re.search(message, failed[0])


def test_whatever_a_check_raises_is_printed(capsys, monkeypatch):
    def broken() -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(lab, "_reachable", broken)
    assert environment.check_environment() is False
    assert "FAIL  a language model and texts: of all things" in lines(capsys)


@pytest.mark.parametrize("variable", ["SAE_LAB", "SAE_BUDGET", "SAE_TEXTS"])
def test_a_setting_that_opens_no_lab_fails(capsys, monkeypatch, variable):
    monkeypatch.setenv(variable, "nonsense")
    assert environment.check_environment() is False
    (failed,) = (line for line in lines(capsys) if line.startswith("FAIL"))
    assert f"'nonsense' (set by {variable}); choose from" in failed


def test_the_command_line_checks_and_opens_the_lab(monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(lab, "open_lab", lambda: opened.append(1))
    assert command_line.main(["check"]) == 0 and opened == [1]
    monkeypatch.setattr(environment, "NEEDED_MEMORY", 10**9)
    assert command_line.main(["check"]) == 1 and opened == [1]
    with pytest.raises(SystemExit):
        command_line.main(["dance"])
    assert "invalid choice: 'dance'" in capsys.readouterr().err


def test_the_command_line_opens_the_notebooks(monkeypatch, capsys, tmp_path):
    started = []

    def run(command: list[str]) -> subprocess.CompletedProcess:
        started.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(command_line.subprocess, "run", run)
    assert command_line.main(["lab"]) == 0
    assert started[0][1:3] == ["-m", "jupyterlab"] and started[0][3].endswith("notebooks")
    monkeypatch.setattr(command_line, "ROOT", tmp_path)
    assert command_line.main(["lab"]) == 1
    assert "there are no notebooks in" in capsys.readouterr().err
