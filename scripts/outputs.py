"""What two runs of a notebook are compared by: the text of their outputs, line by line, with a tolerance for numbers.

Figures (plotly, pictures, HTML that draws) need only be there; standard error and widgets are progress and not looked
at. Everything else is text: what was printed, tables without their markup, shown source. Words have to be equal, and so
has a verdict. Two numbers agree within `RELATIVE` of the larger, or `LAST_PLACES` units of the last decimal printed:
about what other arithmetic does to a trained autoencoder. A whole number under 20 therefore has to be equal.

A number that is printed with its own uncertainty may move by that, since a coder that is trained on another machine is
another draw:

    0.16 [0.12, 0.21]                              by the width of its interval
    (0.9, to be above 0.5 by more than 0.1)        by the margin, or by half its distance from the bound
    39% of 64                                      by two standard errors of a share of so many
"""

import html
import re
from collections.abc import Sequence
from itertools import zip_longest

from nbformat import NotebookNode

from execute_notebooks import is_progress
from sae_tutorial.lab.verdicts import NOT_CHECKED, NOT_SHOWN, SHOWN, TOO_CLOSE

RELATIVE, LAST_PLACES = 0.05, 2

# Outputs that are not compared, by notebook and by what their cell calls, each with its reason. Ten at most.
SKIPPED = {
    ("00_start_here", "check_environment()"): "versions, memory and disk of the machine",
    (
        "14_four_ways_a_latent_misleads",
        "row_of(name) for",
    ): "tokens that a probe recognises, by near ties at its threshold",
    (
        "14_four_ways_a_latent_misleads",
        "{split_share[kind, 0.4]:.0%}",
    ): "shares of split latents at a cosine, of one short run each",
    (
        "12_what_fine_tuning_changed",
        '"passes the ownership rule": "yes"',
    ): "a first latent of each start of a short training",
    (
        "12_what_fine_tuning_changed",
        '"with the arrow": put_in(',
    ): "what a model writes with a direction learned here",
    (
        "12_what_fine_tuning_changed",
        '"the arrow out": after_eight(',
    ): "what a model writes without a direction learned here",
    (
        "08_beyond_l1",
        "seconds[name] / seconds",
    ): "a table with the time of a step beside another's, on this machine",
    ("08_beyond_l1", '"rebuilt by": name'): "nats of single starts, which other arithmetic moved by 0.05",
    ("06_training", '"start": start, "dead"'): "shares of dead latents after one short run from each start",
}

# What differs from run to run whatever is computed.
UNSTABLE = [
    (re.compile(r"0x[0-9a-f]{6,16}"), "ADDRESS"),
    (re.compile(r"\S*ipykernel_\d+/\d+\.py"), "CELL"),  # as in a warning
    (re.compile(r"\d[\d.,]*\s?(?:tokens|rows|steps) (?:/\s?|per |a )s(?:econd)?\b|\d[\d.,]*\s?\w+/s\b"), "SPEED"),
    (re.compile(r"\d[\d.,]*\s?(?:seconds?|minutes?|ms|s)\b"), "TIME"),
    (re.compile(r"^(lab \w+) \(.*?\), (budget \w+), on \w+$"), r"\1, \2"),  # why this lab, and its device
]  # fmt: skip

FIGURE, DRAWS = "[figure]", re.compile(r"<(?:iframe|svg|script|canvas)\b")
NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?")
INTERVAL = re.compile(rf"({NUMBER.pattern})%? \[({NUMBER.pattern})%?, ({NUMBER.pattern})%?\]")
DECIDED = re.compile(
    rf"({NUMBER.pattern})(?: \[{NUMBER.pattern}, {NUMBER.pattern}\])?, to be (?:above|below) ({NUMBER.pattern})"
    rf"(?: by more than ({NUMBER.pattern}))?"
)
SHARE = re.compile(rf"({NUMBER.pattern})% of (\d+)")
VERDICT = re.compile(rf"({SHOWN}|{NOT_SHOWN}|{TOO_CLOSE}|{NOT_CHECKED}): (.*?)(?: \([^()]*, to be [^()]*\))?")


def skipped(notebook: str, source: str) -> str | None:
    """Why a cell's output is not compared; None if it is."""
    for (name, call), reason in SKIPPED.items():
        if name == notebook and call in source:
            return reason
    return None


def compared_lines(outputs: Sequence[NotebookNode]) -> list[str]:
    """The lines of a cell's outputs that a second run has to give again."""
    shown = [output for output in outputs if not is_progress(output)]
    printed = "".join(output.text for output in shown if output.output_type == "stream")
    texts = [printed, *(_text(output.data) for output in shown if "data" in output)]
    lines = (" ".join(_stable(line).split()) for text in texts for line in text.splitlines())
    return [line for line in lines if line]


def differences(saved: Sequence[NotebookNode], found: Sequence[NotebookNode]) -> list[tuple[str, str]]:
    """The compared lines that do not agree, as (saved, found); "" where one run has no such line."""
    pairs = zip_longest(compared_lines(saved), compared_lines(found), fillvalue="")
    return [(a, b) for a, b in pairs if not agree(a, b)]


def agree(a: str, b: str) -> bool:
    """Whether two lines say the same, with the tolerance for numbers."""
    if NUMBER.sub("#", a) != NUMBER.sub("#", b):
        return False
    return all(map(_close, NUMBER.findall(a), NUMBER.findall(b), map(max, _uncertain(a), _uncertain(b))))


def verdicts(outputs: Sequence[NotebookNode]) -> dict[str, str]:
    """Which claims were checked, and what became of each; numbers in a claim are left out of its name."""
    found = (VERDICT.fullmatch(line) for line in compared_lines(outputs))
    return {NUMBER.sub("#", match[2]): match[1] for match in found if match}


def _text(data: NotebookNode) -> str:
    """A displayed object as text, or that it is a figure."""
    if any(kind.startswith(("image/", "application/vnd.plotly")) for kind in data):
        return FIGURE
    if "text/html" in data:
        return FIGURE if DRAWS.search(data["text/html"]) else _without_markup(data["text/html"])
    return data.get("text/markdown") or data.get("text/plain", "")


def _without_markup(page: str) -> str:
    lines = re.sub(
        r"</(?:tr|p|div|li|h\d)>|<br\s*/?>", "\n", re.sub(r"</t[dh]>", " | ", page.replace("\n", " "))
    )
    return html.unescape(re.sub(r"<[^>]*>", "", lines))


def _stable(line: str) -> str:
    for pattern, name in UNSTABLE:
        line = pattern.sub(name, line)
    return line


def _uncertain(line: str) -> list[float]:
    """How far each number of a line may move by what the line itself says of it."""
    numbers = list(NUMBER.finditer(line))
    spread = [0.0] * len(numbers)

    def widen(start: int, end: int, by: float) -> None:
        for i, number in enumerate(numbers):
            if start <= number.start() and number.end() <= end:
                spread[i] = max(spread[i], by)

    for found in INTERVAL.finditer(line):
        _, low, high = map(_value, found.groups())
        widen(*found.span(), high - low)
    for found in DECIDED.finditer(line):
        value, bound, margin = (_value(number or "0") for number in found.groups())
        inside = INTERVAL.match(found[0])
        width = _value(inside[3]) - _value(inside[2]) if inside else 0.0
        widen(*found.span(), max(margin, width, abs(value - bound) / 2))
    for found in SHARE.finditer(line):
        share, n = _value(found[1]) / 100, _value(found[2])
        likely = (share * n + 1) / (n + 2)  # so that none of n is uncertain too
        widen(*found.span(1), 200 * (likely * (1 - likely) / n) ** 0.5)
    return spread


def _value(number: str) -> float:
    return float(number.replace(",", "").replace("−", "-"))


def _close(a: str, b: str, uncertain: float) -> bool:
    x, y = _value(a), _value(b)
    decimals = [len(mantissa.partition(".")[2]) for mantissa in (a.partition("e")[0], b.partition("e")[0])]
    last_places = LAST_PLACES * 10.0 ** -max(decimals) if any(decimals) and "e" not in a + b else 0
    return abs(x - y) <= max(last_places, uncertain, RELATIVE * max(abs(x), abs(y))) * (1 + 1e-9)
