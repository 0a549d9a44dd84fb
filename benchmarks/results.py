"""Results in files: a JSON that every run adds to, and a Markdown page and a figure made from it.

results.json    by benchmark: the rows, and when, where and in how many minutes it ran
results.md      the same as tables
results.html    each ratio over its target as a bar; loads nothing
results.png     the same as a picture, where Chromium is installed
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from benchmarks.report import Row, machine, note, table
from sae_tutorial import storage

TURNS = "Contenders of a ratio take turns within one run; in brackets, the middle 80% of the turns."
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 20, 50, 100)
LABEL_WIDTH, BAR_HEIGHT = 72, 46  # characters, pixels


def save(directory: Path, name: str, rows: Sequence[Row], minutes: float, quick: bool) -> None:
    """Put one benchmark's rows in the place of its earlier ones, and write the files anew."""
    file = directory / "results.json"
    runs = storage.read_json(file) if file.exists() else {}
    runs[name] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "minutes": round(minutes, 1),
        "quick": quick,
        "rows": [asdict(row) | {"margin": row.margin, "met": row.met} for row in rows],
    }
    with storage.new_file(file) as partial:
        storage.write_json(partial, runs)
    (directory / "results.md").write_text(page(runs), encoding="utf-8")
    picture = figure(runs)
    picture.write_html(directory / "results.html", include_plotlyjs=True)
    try:
        picture.write_image(directory / "results.png")
    except RuntimeError as error:
        note(f"no picture of the figure: {error}")


def rows_of(run: Mapping[str, Any]) -> list[Row]:
    """The rows of a saved run."""
    kept = Row.__dataclass_fields__
    return [Row(**{key: value for key, value in row.items() if key in kept}) for row in run["rows"]]


def page(runs: Mapping[str, Any]) -> str:
    """All saved runs as a Markdown page."""
    parts = [f"# Benchmarks\n\nPrinted by `python -m benchmarks`. {TURNS}"]
    for name, run in runs.items():
        quick = ", with `--quick`" if run["quick"] else ""
        where = f"{run['date']}, {run['minutes']} minutes{quick}, on {run['machine']}."
        parts.append(f"## {name}\n\n{where}\n\n{table(rows_of(run))}")
    return "\n\n".join(parts) + "\n"


def figure(runs: Mapping[str, Any]) -> go.Figure:
    """A bar for each ratio with a target: to the right of 1 if it is met, to the left and hatched if not."""
    rows = [row for run in runs.values() for row in rows_of(run) if row.margin is not None]
    drawn = go.Figure()
    for met, name, colour, pattern in ((True, "met", "#0b3954", ""), (False, "missed", "#e09f3e", "/")):
        some = [row for row in rows if row.met is met]
        drawn.add_bar(
            x=[row.margin - 1 for row in some],
            base=1,
            y=[_label(row) for row in some],
            orientation="h",
            name=name,
            marker={"color": colour, "pattern": {"shape": pattern, "fgcolor": "#222222"}},
            text=[f"{row.margin:.2f}" for row in some],
            textposition="outside",
            cliponaxis=False,
        )
    drawn.add_vline(x=1, line={"color": "#222222", "width": 1})
    margins = [row.margin for row in rows] + [1]
    drawn.update_xaxes(
        type="log",
        range=[np.log10(min(margins) / 1.2), np.log10(max(margins) * 1.2)],  # room for the numbers
        tickvals=TICKS,
        title="ratio over its target (its inverse for “at most”)",
    )
    drawn.update_yaxes(categoryorder="array", categoryarray=[_label(row) for row in reversed(rows)])
    drawn.update_layout(
        title={"text": f"{sum(row.met for row in rows)} of {len(rows)} targets are met", "x": 0.02},
        template="plotly_white",
        barmode="overlay",
        width=1100,
        height=160 + BAR_HEIGHT * len(rows),
        margin={"l": 20, "r": 60, "t": 60, "b": 60},
        showlegend=True,
    )
    return drawn


def _label(row: Row) -> str:
    *_, ratio, target = row.cells()
    lines = textwrap.wrap(row.what, LABEL_WIDTH)
    return "<br>".join([*lines, f"<b>{ratio.split(' ')[0]}, {target}</b>"])
