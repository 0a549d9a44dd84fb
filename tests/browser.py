"""Opens a page in headless Chromium and asks it things, through the driver that comes with kaleido."""

import asyncio
import json
from pathlib import Path
from typing import Any

import choreographer
import pytest
from choreographer.browsers.chromium import Chromium

LOAD_SECONDS = 20


def visit(page: Path, *scripts: str, media: dict[str, str] | None = None) -> tuple[list[Any], list[str]]:
    """Open `page`, run `scripts` one after the other; the value of each, and all complaints and requests.

    A script is a JavaScript expression; a promise is waited for. `media` emulates media features. Skips the test
    where there is no Chromium.
    """
    if Chromium.find_browser(skip_local=False) is None:
        pytest.skip("there is no Chromium or Chrome here to open the dashboard with")
    return asyncio.run(_visit(page.as_uri(), scripts, media or {}))


async def _visit(
    address: str, scripts: tuple[str, ...], media: dict[str, str]
) -> tuple[list[Any], list[str]]:
    heard: list[str] = []
    loaded = asyncio.Event()

    async def hear(event: dict[str, Any]) -> None:
        request = event["params"].get("request")
        heard.append(request["url"] if request else json.dumps(event))

    async def finish(event: dict[str, Any]) -> None:
        loaded.set()

    async with choreographer.Browser(headless=True) as browser:
        tab = await browser.create_tab("about:blank")
        for event in (
            "Runtime.exceptionThrown",
            "Runtime.consoleAPICalled",
            "Log.entryAdded",
            "Network.requestWillBeSent",
        ):
            tab.subscribe(event, hear)
        tab.subscribe("Page.loadEventFired", finish)
        for domain in ("Page", "Runtime", "Log", "Network"):
            await tab.send_command(f"{domain}.enable")
        features = [{"name": name, "value": value} for name, value in media.items()]
        await tab.send_command("Emulation.setEmulatedMedia", {"features": features})
        loaded.clear()
        await tab.send_command("Page.navigate", {"url": address})
        await asyncio.wait_for(loaded.wait(), LOAD_SECONDS)
        values = []
        for script in scripts:
            options = {"expression": script, "returnByValue": True, "awaitPromise": True, "userGesture": True}
            answer = (await tab.send_command("Runtime.evaluate", options))["result"]
            assert "exceptionDetails" not in answer, answer["exceptionDetails"]
            values.append(answer["result"].get("value"))
    heard.remove(address)  # the page itself
    return values, heard
