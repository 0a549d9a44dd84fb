"""The README's picture: one latent's sentences lit up, on light and on dark, out of the page that `look` writes.

hero.py LATENT      writes docs/_static/hero-light.png and hero-dark.png; needs Chromium
"""

import asyncio
import base64
import sys
import tempfile
from pathlib import Path

from choreographer import Browser

from sae_tutorial.course.look import look

TARGET = Path(__file__).resolve().parents[1] / "docs" / "_static"
PIXELS_WIDE, SHARPNESS = 900, 2


async def photograph(page: Path, latent: int) -> None:
    """Write a picture of the latent's card for each colour scheme."""
    async with Browser(headless=True) as browser:
        tab = await browser.create_tab(page.as_uri())
        session = await tab.create_session()
        await asyncio.sleep(1)
        for scheme in ("light", "dark"):
            media = [{"name": "prefers-color-scheme", "value": scheme}]
            await session.send_command("Emulation.setEmulatedMedia", params={"features": media})
            await session.send_command(
                "Emulation.setDeviceMetricsOverride",
                params={
                    "width": PIXELS_WIDE,
                    "height": 1200,
                    "deviceScaleFactor": SHARPNESS,
                    "mobile": False,
                },
            )
            found = await session.send_command(
                "Runtime.evaluate",
                params={
                    "expression": f"(() => {{ const card = document.getElementById('latent-{latent}'); "
                    "const a = card.getBoundingClientRect(), b = card.querySelector('.contexts').getBoundingClientRect(); "
                    "return {x: a.x, y: a.y + scrollY, width: a.width, height: b.bottom - a.y}; })()",
                    "returnByValue": True,
                },
            )
            clip = found["result"]["result"]["value"] | {"scale": 1}
            shot = await session.send_command(
                "Page.captureScreenshot", params={"clip": clip, "captureBeyondViewport": True}
            )
            (TARGET / f"hero-{scheme}.png").write_bytes(base64.b64decode(shot["result"]["data"]))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(photograph(look(None, Path(directory, "look.html")), int(sys.argv[1])))
