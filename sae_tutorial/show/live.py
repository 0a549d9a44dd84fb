"""The curves of a training run, afterwards and while it runs."""

import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from IPython.display import display
from jaxtyping import Float
from plotly.subplots import make_subplots
from torch import Tensor

from sae_tutorial.sae.runs import History
from sae_tutorial.show.canvas import GREY
from sae_tutorial.show.plots import COLOURS, LOG_TICKS, finish, labelled_lines, series_style

RED = COLOURS[1]
SILENT = 0.01  # the floor of the axis for L0: a run below it is drawn there, since a logarithm has no zero


def training_curves(histories: Mapping[str, History], title: str) -> go.Figure:
    """Reconstruction error and L0 over tokens, one pair of lines per run."""
    figure = make_subplots(
        1,
        2,
        subplot_titles=["squared error per element", "active latents per token (L0)"],
        horizontal_spacing=0.14,
    )
    for i, (name, history) in enumerate(histories.items()):
        style = {"x": history.tokens, "name": name, "legendgroup": name, **_curve_style(i)}
        figure.add_scatter(y=history.reconstruction, **style, row=1, col=1)
        figure.add_scatter(y=np.maximum(history.l0, SILENT), showlegend=False, **style, row=1, col=2)
    figure.update_xaxes(title="rows seen")
    figure.update_yaxes(title="mean squared error, scaled input", rangemode="tozero", col=1)
    figure.update_yaxes(title="latents", col=2, type="log", tickvals=LOG_TICKS)
    if any(min(history.l0) < SILENT for history in histories.values()):
        figure.update_yaxes(ticktext=_names_from_silence(LOG_TICKS), col=2)
    return finish(figure, title)


def beside_the_first(histories: Mapping[str, History], title: str) -> go.Figure:
    """Each run in a column of its own, the first one in grey behind it: error above, L0 below, both logarithmic."""
    (first, reference), *others = histories.items()
    figure = make_subplots(
        2, len(others), shared_xaxes=True, shared_yaxes=True, horizontal_spacing=0.02, vertical_spacing=0.08,
        column_titles=[name for name, _ in others],
    )  # fmt: skip
    grey = {"color": GREY, "width": 4}
    for column, (name, history) in enumerate(others, 1):
        for row, measure in enumerate(("reconstruction", "l0"), 1):
            for label, run, line in ((first, reference, grey), (name, history, {"color": RED, "width": 2})):
                values = np.maximum(getattr(run, measure), SILENT if measure == "l0" else 0)
                figure.add_scatter(
                    x=run.tokens, y=values, name=label, mode="lines", line=line, row=row, col=column,
                    showlegend=label == first and (row, column) == (1, 1),
                )  # fmt: skip
    ticks = [10.0**e for e in range(-2, 3)]
    figure.update_xaxes(
        tickvals=[0, reference.tokens[-1] // 2000 * 1000, reference.tokens[-1] // 1000 * 1000]
    )
    figure.update_xaxes(title="rows seen", tickformat="~s", tickangle=0, row=2)
    figure.update_yaxes(type="log", tickvals=ticks)
    figure.update_yaxes(ticktext=_names_from_silence(ticks), row=2)
    figure.update_yaxes(title="squared error", row=1, col=1)
    figure.update_yaxes(title="L0", row=2, col=1)
    return finish(figure, title, height=450).update_layout(legend={"orientation": "h", "x": 0.8, "y": 1.22})


def _names_from_silence(ticks: Sequence[float]) -> list[str]:
    return [f"≤ {SILENT}" if tick == SILENT else f"{tick:g}" for tick in ticks]


def _curve_style(i: int) -> dict[str, object]:
    """A solid line with a few markers: dashes would look like gaps in the data."""
    style = series_style(i)
    marks = {"mode": "lines+markers", "marker": style["marker"] | {"maxdisplayed": 7}}
    return marks | {"line": style["line"] | {"dash": "solid"}}


def loss_parts(history: History, title: str) -> go.Figure:
    """The total loss of one run and the two parts it is the sum of, and L0 beside them.

    The penalty is what the total has over the squared error, so the figure needs no λ.
    """
    figure = make_subplots(
        1, 2, subplot_titles=["loss", "active latents per token (L0)"], horizontal_spacing=0.22
    )
    penalty = np.subtract(history.loss, history.reconstruction)
    parts = {"total": history.loss, "squared error": history.reconstruction, "λ · L1": penalty}
    gap, above = 0.07 * float(max(history.loss)), float("inf")
    for i, (name, values) in enumerate(parts.items()):
        style = series_style(i)
        figure.add_scatter(
            x=history.tokens, y=values, name=name, mode="lines", showlegend=False, **style, row=1, col=1
        )
        above = min(
            float(values[-1]), above - gap
        )  # the total is the highest; a name keeps clear of the one above it
        figure.add_annotation(
            x=history.tokens[-1], y=above, text=name, showarrow=False, xanchor="left", xshift=6,
            font={"color": style["line"]["color"], "size": 13}, row=1, col=1,
        )  # fmt: skip
    figure.add_scatter(
        x=history.tokens, y=history.l0, showlegend=False, mode="lines", **series_style(0), row=1, col=2
    )
    figure.update_xaxes(
        title="rows seen", range=[0, history.tokens[-1]]
    )  # the names stand between the panels
    figure.update_yaxes(title="loss, scaled input", col=1, rangemode="tozero")
    figure.update_yaxes(title="latents", col=2, type="log", tickvals=LOG_TICKS)
    return finish(figure, title)


def log_point(
    history: History,
    tokens: int,
    loss: Float[Tensor, ""],
    error: Float[Tensor, ""],
    f: Float[Tensor, "batch d_sae"],
) -> None:
    """Note one step of a loop of one's own: the rows seen so far, its loss, its squared error, and L0 of its batch."""
    history.tokens.append(tokens)
    history.loss.append(loss.item())
    history.reconstruction.append(error.item())
    history.l0.append((f > 0).sum(dim=1).float().mean().item())


def pass_scores(
    history: History,
    looks: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    variance: float,
    rows_in_a_pass: int,
    title: str,
) -> go.Figure:
    """Explained variance of the batches as they come and of fixed samples, with a dotted line at each new pass.

    Args:
        history: of the run; its first two points, which leave the figure's range, are not drawn.
        looks: by sample, the rows seen and the scores then.
        variance: of the training rows per element, in the units of the run: it turns errors into scores.
        rows_in_a_pass: how many training rows there are.
        title: of the figure.
    """
    batches = [1 - error / variance for error in history.reconstruction[2:]]
    series = {"batches as they come": (history.tokens[2:], batches)} | dict(looks)
    figure = labelled_lines(series, title, "rows seen", "explained variance", markers=False)
    for border in range(rows_in_a_pass, history.tokens[-1], rows_in_a_pass):
        figure.add_vline(x=border, line_dash="dot", line_color=GREY)
    return figure


class LiveCurve:
    """A figure that redraws itself while a run goes on: pass it to `train_sae` as `on_log`, or call it in a loop of yours.

    Args:
        title: of the figure.
        draw: what to draw of the history so far, `loss_parts` or a function of yours.
        every: redraw at every so many log points.
    """

    def __init__(self, title: str, draw: Callable[[History, str], go.Figure], every: int = 10) -> None:
        self.title, self.draw, self.every, self.handle = title, draw, every, None

    def __call__(self, history: History) -> None:
        """Redraw, if it is time to."""
        if len(history.tokens) % self.every:
            return
        figure = self.draw(history, self.title)
        # A figure handed to `display` shows itself anew each time; its data can be replaced in place.
        bundle = {"application/vnd.plotly.v1+json": json.loads(figure.to_json())}
        if self.handle is None:
            self.handle = display(bundle, raw=True, display_id=True)
        else:
            self.handle.update(bundle, raw=True)


class PassCurve(LiveCurve):
    """A live curve of a run of several passes over its rows, with the scores of fixed samples (`pass_scores`).

    Args:
        title: of the figure.
        look: the scores of the samples now, by name.
        variance: of the training rows per element, in the units of the run.
        rows_in_a_pass: how many training rows there are.
        every: look and redraw at every so many log points.
    """

    def __init__(
        self,
        title: str,
        look: Callable[[], Mapping[str, float]],
        *,
        variance: float,
        rows_in_a_pass: int,
        every: int,
    ) -> None:
        super().__init__(title, self._look_and_draw, every)
        self.look, self.variance, self.rows_in_a_pass = look, variance, rows_in_a_pass
        self.looks: dict[str, tuple[list[float], list[float]]] = {}

    def _look_and_draw(self, history: History, title: str) -> go.Figure:
        for name, score in self.look().items():
            seen, scores = self.looks.setdefault(name, ([], []))
            seen.append(history.tokens[-1])
            scores.append(score)
        return pass_scores(history, self.looks, self.variance, self.rows_in_a_pass, title)
