"""The curves of a training run, afterwards and while it runs."""

import json
from collections.abc import Mapping

import plotly.graph_objects as go
from IPython.display import display
from plotly.subplots import make_subplots

from sae_tutorial.sae.runs import History
from sae_tutorial.show.plots import LOG_TICKS, finish, series_style


def training_curves(histories: Mapping[str, History], title: str) -> go.Figure:
    """Reconstruction error and L0 over tokens, one pair of lines per run; held-out points where there are any."""
    figure = make_subplots(
        1, 2, subplot_titles=["squared error per element", "active latents per token (L0)"]
    )
    for i, (name, history) in enumerate(histories.items()):
        style = {"x": history.tokens, "name": name, "legendgroup": name, "mode": "lines", **series_style(i)}
        figure.add_scatter(y=history.reconstruction, **style, row=1, col=1)
        figure.add_scatter(y=history.l0, showlegend=False, **style, row=1, col=2)
    figure.update_xaxes(title="tokens seen")
    figure.update_yaxes(title="mean squared error, scaled input", col=1, rangemode="tozero")
    figure.update_yaxes(title="latents", col=2, type="log", tickvals=LOG_TICKS)
    return finish(figure, title)


class LiveCurve:
    """A figure that redraws itself while `train_sae` runs: pass it as `on_log`."""

    def __init__(self, title: str, every: int = 10) -> None:
        self.title, self.every, self.handle = title, every, None

    def __call__(self, history: History) -> None:
        """Redraw at every tenth log point."""
        if len(history.tokens) % self.every:
            return
        figure = training_curves({"this run": history}, self.title)
        # A figure handed to `display` shows itself anew each time; its data can be replaced in place.
        bundle = {"application/vnd.plotly.v1+json": json.loads(figure.to_json())}
        if self.handle is None:
            self.handle = display(bundle, raw=True, display_id=True)
        else:
            self.handle.update(bundle, raw=True)
