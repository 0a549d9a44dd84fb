"""The README's picture, on light and on dark: a trained SAE's first latent beside that of an untrained one.

    python scripts/pretrain/hero.py CACHE      writes docs/_static/hero-light.png and hero-dark.png; needs Chromium

Each is the first of its coder's gallery, by the same rule on the same texts, and shows the first places that
`top_contexts` finds. The untrained coder has as many latents, as many of them on, and random directions.
"""

import asyncio
import base64
import html
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from card import lab_store, lab_texts
from choreographer import Browser

from sae_tutorial.features.contexts import Context, top_contexts
from sae_tutorial.features.gallery import gallery
from sae_tutorial.features.latents import read_latents
from sae_tutorial.lab.models import load_offline_model
from sae_tutorial.sae.controls import random_dictionary
from sae_tutorial.sae.pretrained import pretrained_sae

TARGET = Path(__file__).resolve().parents[2] / "docs" / "_static"
PIXELS_WIDE, SHARPNESS = 900, 2
SENTENCES, WIDTH = 4, 8
NOTE = "the latent that keeps most to one topic: {:.0%} of its energy"
COLOURS = {
    "light": ("#ffffff", "#1c2126", "#59636e", "#f0a830"),
    "dark": ("#0d1117", "#e6e9ed", "#a3adb8", "#9a5b00"),
}
PAGE = """<!DOCTYPE html><meta charset="utf-8"><style>
:root {{ --page: {0}; --text: {1}; --soft: {2}; --heat: {3}; }}
body {{ margin: 0; padding: 14px 18px 18px; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }}
main {{ display: grid; grid-template-columns: 1fr 1fr; gap: 0 36px; }}
h2 {{ font-size: 19px; margin: 0; }}
h2 + p {{ color: var(--soft); margin: 0 0 6px; }}
section p + p {{ margin: 0; padding: 7px 0; border-top: 1px solid color-mix(in srgb, var(--soft) 40%, transparent); }}
span {{ padding: 2px 0; border-radius: 2px; white-space: pre-wrap;
        background: color-mix(in srgb, var(--heat) calc(var(--share) * 100%), transparent); }}
.centre {{ font-weight: 650; box-shadow: inset 0 -2px var(--text); }}
</style><main>{4}</main>"""


def columns(cache: Path) -> list[str]:
    """The two halves of the picture as HTML, the trained latent's first."""
    store, (texts, held_out), trained = lab_store(cache), lab_texts(), pretrained_sae()
    tokenizer = load_offline_model("cpu").tokenizer
    coders = {
        "Trained SAE": trained,
        "Untrained SAE": random_dictionary(trained.config, store),
    }
    found = []
    for title, coder in coders.items():
        latents = read_latents(coder, store)
        first = gallery(latents, texts.labels, texts.groups, held_out, n=1)[0]
        contexts = top_contexts(tokenizer, latents, first.latent, n=SENTENCES, width=WIDTH)
        print(f"{title}: {first.latent}, specificity {first.specificity:.2f}")
        found.append(_column(title, NOTE.format(first.specificity), contexts, first.maximum))
    return found


def _column(title: str, note: str, contexts: Sequence[Context], largest: float) -> str:
    lines = "".join(
        "<p>" + "".join(
            # The space before a word stays outside, or it would light up at the end of a line.
            f'{" " * (i > 0 and token.startswith(" "))}<span class="{"centre" if i == context.centre else ""}" '
            f'style="--share:{value / largest:.2f}">{html.escape(token.lstrip())}</span>'
            for i, (token, value) in enumerate(zip(context.tokens, context.activations, strict=True))
        ) + "</p>"
        for context in contexts
    )  # fmt: skip
    return f"<section><h2>{title}</h2><p>{note}</p>{lines}</section>"


async def photograph(halves: Sequence[str]) -> None:
    """Write a picture for each colour scheme."""
    with tempfile.TemporaryDirectory() as directory:
        async with Browser(headless=True) as browser:
            for scheme, colours in COLOURS.items():
                page = Path(directory, f"{scheme}.html")
                page.write_text(PAGE.format(*colours, "".join(halves)), encoding="utf-8")
                session = await (await browser.create_tab(page.as_uri())).create_session()
                await asyncio.sleep(1)
                size = {"width": PIXELS_WIDE, "height": 300, "deviceScaleFactor": SHARPNESS, "mobile": False}
                await session.send_command("Emulation.setDeviceMetricsOverride", params=size)
                await asyncio.sleep(1)  # to be laid out anew
                height = await session.send_command(
                    "Runtime.evaluate",
                    params={
                        "expression": "document.body.getBoundingClientRect().height",
                        "returnByValue": True,
                    },
                )
                clip = {
                    "x": 0,
                    "y": 0,
                    "width": PIXELS_WIDE,
                    "height": height["result"]["result"]["value"],
                    "scale": 1,
                }
                shot = await session.send_command(
                    "Page.captureScreenshot", params={"clip": clip, "captureBeyondViewport": True}
                )
                (TARGET / f"hero-{scheme}.png").write_bytes(base64.b64decode(shot["result"]["data"]))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    asyncio.run(photograph(columns(Path(sys.argv[1]))))
