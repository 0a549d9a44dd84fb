"""What drawings are made of: boxes, arrows, lines and words on a white card, without axes.

White, so that a drawing reads alike on light and dark pages and as the static picture that a code host shows. Places are
(x, y) in the drawing's own units.
"""

from collections.abc import Sequence

import plotly.graph_objects as go

from sae_tutorial.show.plots import finish

INK, PALE, GREY = "#222222", "#e8edf2", "#9aa5b1"
Place = tuple[float, float]


def as_drawing(figure: go.Figure, title: str, x: Place, y: Place, *, height: int) -> go.Figure:
    """`figure` as a card that shows x and y from the first to the second number, with a title and no axes."""
    # Plotly draws shapes and words only where there is a trace.
    figure.add_scatter(x=[None], y=[None], mode="markers", showlegend=False)
    figure.update_xaxes(range=list(x), visible=False, fixedrange=True)
    figure.update_yaxes(range=list(y), visible=False, fixedrange=True)
    finish(figure, title, height=height)
    return figure.update_layout(margin={"t": 60, "l": 10, "r": 10, "b": 10}, hovermode=False)


def say(
    figure: go.Figure,
    at: Place,
    text: str,
    *,
    size: int = 13,
    colour: str = INK,
    behind: str = "white",
    anchor: str = "center",
) -> None:
    """Words on a patch of the colour `behind`, so that no line runs through them; `anchor` is the side that is at `at`."""
    figure.add_annotation(
        x=at[0], y=at[1], text=text, showarrow=False, font={"size": size, "color": colour}, bgcolor=behind,
        borderpad=0, xanchor=anchor,
    )  # fmt: skip


def box(
    figure: go.Figure, at: Place, text: str, colour: str, *, width: float, tall: float = 0.56, size: int = 12
) -> None:
    """A frame around words, with `at` in its middle."""
    x, y = at
    figure.add_shape(
        type="rect", x0=x - width / 2, x1=x + width / 2, y0=y - tall / 2, y1=y + tall / 2,
        fillcolor="white", line={"color": colour, "width": 2},
    )  # fmt: skip
    say(figure, at, text, size=size, colour=colour)


def arrow(figure: go.Figure, start: Place, end: Place, colour: str = INK, *, width: float = 1.5) -> None:
    """A straight arrow."""
    figure.add_annotation(
        x=end[0], y=end[1], ax=start[0], ay=start[1], xref="x", yref="y", axref="x", ayref="y", text="",
        showarrow=True, arrowhead=2, arrowwidth=width, arrowcolor=colour,
    )  # fmt: skip


def line(figure: go.Figure, points: Sequence[Place], colour: str, width: float) -> None:
    """A line through the points, beneath the boxes."""
    path = "M" + " L".join(f" {float(x):.3f},{float(y):.3f}" for x, y in points)
    figure.add_shape(type="path", path=path, layer="below", line={"color": colour, "width": width})
