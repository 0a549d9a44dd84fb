"""Draw the README's figure, on light and on dark: how good is the pretrained SAE beside what one would use instead?

results_figure.py      writes docs/_static/results-light.svg and results-dark.svg, from the autoencoder's card
"""

import html
from pathlib import Path

from sae_tutorial.sae.pretrained import pretrained_card

TARGET = Path(__file__).resolve().parents[1] / "docs" / "_static"
SHOWN = {
    "the SAE": "the SAE",
    "decoder soft-frozen at random": "an SAE held near random directions",
    "32 principal components": "32 principal components",
    "untrained random directions": "random directions, untrained",
}
PANELS = (
    ("explained variance", "variance kept, of 1", 1.0, "{:.2f}"),
    ("extra nats", "loss added in the model, nats", 4.0, "{:.2f}"),
)
COLOURS = {"light": ("#1c1f23", "#b45309", "#9aa3ad"), "dark": ("#e6edf3", "#f0ad3a", "#6e7781")}
NAMES, PANEL, ROW, TOP = 280, 260, 34, 62  # pixels


def draw(theme: str) -> str:
    """The figure as SVG."""
    ink, ours, others = COLOURS[theme]
    rows = {row["coder"]: row for row in pretrained_card()["measured"]}
    height = TOP + ROW * len(SHOWN) + 8
    title = "A token described by 32 numbers: the SAE beside three controls"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {NAMES + 2 * PANEL + 40} {height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="14" fill="{ink}"><title>{html.escape(title)}</title>',
        f'<text x="0" y="18" font-size="17" font-weight="600">{html.escape(title)}</text>',
    ]
    for place, (key, label, largest, form) in enumerate(PANELS):
        left = NAMES + place * (PANEL + 20)
        parts.append(f'<text x="{left}" y="48">{label}</text>')
        for number, name in enumerate(SHOWN):
            width, y = (PANEL - 60) * rows[name][key] / largest, TOP + ROW * number
            colour = ours if number == 0 else others
            parts.append(f'<rect x="{left}" y="{y}" width="{width:.0f}" height="22" rx="3" fill="{colour}"/>')
            parts.append(
                f'<text x="{left + width + 6:.0f}" y="{y + 16}">{form.format(rows[name][key])}</text>'
            )
    for number, name in enumerate(SHOWN.values()):
        parts.append(f'<text x="{NAMES - 10}" y="{TOP + ROW * number + 16}" text-anchor="end">{name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    for theme in COLOURS:
        (TARGET / f"results-{theme}.svg").write_text(draw(theme), encoding="utf-8")
