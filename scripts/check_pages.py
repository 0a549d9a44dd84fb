"""Look over the built course as a careful visitor would: every link, every heading, both colours, a phone.

    check_pages.py COURSE_DIRECTORY

Without a browser: a link that leads nowhere, a page without one title, a heading level that is skipped, a picture
without a description. With Chromium, where there is one: what axe-core calls serious or critical, in light and in dark;
complaints in the console; requests to other hosts; a page wider than a phone; a search that does not find "absorption".
"""

import asyncio
import contextlib
import functools
import json
import re
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from urllib.parse import unquote, urlsplit

import choreographer
from bs4 import BeautifulSoup
from choreographer.browsers.chromium import Chromium

DESKTOP, PHONE = 1280, 390  # pixels
WORST = ("serious", "critical")
SEARCHED, SEARCH_SECONDS = "absorption", 10
LOAD_SECONDS = 300  # a page of thirty figures on a very busy machine
# What nobody reads as a page: Sphinx's own indices have headings of their own making.
MADE_BY_SPHINX = ("genindex.html", "py-modindex.html", "search.html")

# What a visitor's figures, dashboards and games do inside a frame is the frame's own affair, tested where it is made. The
# attention patterns of circuitsvis are canvases that it draws without names; the words beside them say what they show.
RUN_AXE = """(async () => {
  const found = await axe.run({exclude: ["iframe", "[id^='circuits-vis']"]}, {resultTypes: ["violations"], ...OPTIONS});
  return JSON.stringify(found.violations.filter(v => WORST.includes(v.impact)).map(v => ({
    rule: v.id, help: v.help, nodes: v.nodes.map(n => n.target.join(" ") + " :: " + n.html.slice(0, 120))})));
})()"""
SET_THEME = (
    "document.documentElement.dataset.theme = document.documentElement.dataset.mode = '{theme}'; "
    "new Promise(done => setTimeout(done, 400))"  # colours fade
)
# What is folded is read too; and axe-core takes the ground of folded code for that of the text over it.
UNFOLD = "document.querySelectorAll('details').forEach(fold => { fold.open = true; })"
WIDTH = "document.documentElement.scrollWidth"
COUNT_RESULTS = """new Promise(done => {
  const end = Date.now() + SECONDS * 1000;
  const look = () => {
    const n = document.querySelectorAll("#search-results li").length;
    n || Date.now() > end ? done(n) : setTimeout(look, 100);
  };
  look();
})"""


def main(course: Path) -> int:
    """Print the findings; 0 if there are none."""
    pages = [page for page in sorted(course.glob("**/*.html")) if "_static" not in page.parts]
    findings = faults_without_a_browser(course, pages)
    if Chromium.find_browser(skip_local=False) is None:
        print("SKIPPED: contrast, console, phone and search. There is no Chromium or Chrome here.")
    else:
        with served(course) as address:
            names = [page.relative_to(course).as_posix() for page in pages]
            findings += asyncio.run(faults_in_a_browser(address, names))
    print("\n".join(findings))
    print(f"{len(pages)} pages looked over: {len(findings) or 'no'} findings")
    return bool(findings)


# ------------------------------------------------------------------------------------------ without a browser


def faults_without_a_browser(course: Path, pages: list[Path]) -> list[str]:
    """Broken links, and pages whose headings or pictures a screen reader cannot follow."""
    soups = {page.resolve(): BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser") for page in pages}
    anchors = {page: {tag["id"] for tag in soup.find_all(id=True)} for page, soup in soups.items()}
    findings = []
    for page, soup in soups.items():
        name = page.relative_to(course.resolve()).as_posix()
        faults = broken_links(page, soup, anchors)
        if name not in MADE_BY_SPHINX:
            faults += heading_faults(soup) + picture_faults(soup)
        findings += [f"{name}: {fault}" for fault in faults]
    return findings


def broken_links(page: Path, soup: BeautifulSoup, anchors: dict[Path, set[str]]) -> list[str]:
    """Links to a file that is not there, or to a place that its page does not have."""
    faults = []
    for link in soup.find_all("a", href=True):
        parts = urlsplit(link["href"])
        if parts.scheme or parts.netloc:
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        place = unquote(parts.fragment)
        if not target.exists():
            faults.append(f"the link {link['href']!r} leads to no file")
        elif place and place not in ("top", "") and place not in anchors.get(target, {place}):
            faults.append(f"the link {link['href']!r} leads to no place on that page")
    return faults


def heading_faults(soup: BeautifulSoup) -> list[str]:
    """A page has one title, and a heading is at most one level below the one before it."""
    headings = (soup.find("article") or soup).find_all(re.compile("^h[1-6]$"))
    levels = [int(heading.name[1]) for heading in headings]
    faults = [] if levels.count(1) == 1 else [f"{levels.count(1)} titles (h1) in place of one"]
    for before, heading, level in zip(levels, headings[1:], levels[1:], strict=False):
        if level > before + 1:
            faults.append(f"the heading {heading.get_text()[:50]!r} skips a level, from {before} to {level}")
    return faults


def picture_faults(soup: BeautifulSoup) -> list[str]:
    """Every picture says in words what it shows; an empty description says that it is decoration."""
    return [
        f"a picture without a description: {picture.get('src', '')[:60]!r}"
        for picture in soup.find_all("img")
        if picture.get("alt") is None
    ]


# --------------------------------------------------------------------------------------------- in a browser


@contextlib.contextmanager
def served(directory: Path) -> Iterator[str]:
    """Serve a directory to this machine; yields its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    handler = functools.partial(Quiet, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


async def faults_in_a_browser(address: str, names: list[str]) -> list[str]:
    """What Chromium and axe-core find on each page, and whether the search finds something."""
    axe = resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    findings = []
    async with choreographer.Browser(headless=True) as browser:
        visitor = Visitor(await browser.create_tab("about:blank"), address)
        await visitor.listen()
        for name in names:
            try:
                await visitor.open(name, DESKTOP)
            except TimeoutError:
                findings.append(f"{name}: not loaded after {LOAD_SECONDS} seconds")
                continue
            await visitor.evaluate(UNFOLD)
            await visitor.evaluate(axe)
            # In the dark only colours differ.
            for theme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
                await visitor.evaluate(SET_THEME.format(theme=theme))
                run = RUN_AXE.replace("WORST", json.dumps(WORST)).replace("OPTIONS", json.dumps(rules))
                found = await visitor.evaluate(run)
                findings += [f"{name} ({theme}): {line}" for line in _in_lines(json.loads(found))]
            await visitor.resize(PHONE)
            if (width := await visitor.evaluate(WIDTH)) > PHONE:
                findings.append(f"{name}: {width} pixels wide on a phone of {PHONE}")
            findings += [f"{name}: {complaint}" for complaint in visitor.complaints()]
        await visitor.open(f"search.html?q={SEARCHED}", DESKTOP)
        if not await visitor.evaluate(COUNT_RESULTS.replace("SECONDS", str(SEARCH_SECONDS))):
            findings.append(f"search.html: nothing found for {SEARCHED!r}")
        findings += [f"search.html: {complaint}" for complaint in visitor.complaints()]
    return findings


def _in_lines(violations: list[dict]) -> list[str]:
    return [f"{v['rule']}, {len(v['nodes'])} times, such as {v['nodes'][0]}" for v in violations]


class Visitor:
    """One tab, and what it has asked for and complained of since it was last asked."""

    def __init__(self, tab: choreographer.browser_async.Tab, address: str) -> None:
        self.tab, self.address = tab, address
        self.loaded, self.heard = asyncio.Event(), []

    async def listen(self) -> None:
        """Hear errors, requests and the end of loading from now on."""

        async def hear(event: dict) -> None:
            self.heard.append(event)

        async def finish(event: dict) -> None:
            self.loaded.set()

        for name in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
            self.tab.subscribe(name, hear)
        self.tab.subscribe("Network.requestWillBeSent", hear)
        self.tab.subscribe("Page.loadEventFired", finish)
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.tab.send_command(f"{domain}.enable")

    async def open(self, name: str, width: int) -> None:
        """Go to a page and wait until it has loaded."""
        await self.resize(width)
        self.heard.clear()
        self.loaded.clear()
        await self.tab.send_command("Page.navigate", {"url": self.address + name})
        await asyncio.wait_for(self.loaded.wait(), LOAD_SECONDS)

    async def resize(self, width: int) -> None:
        """Make the window `width` pixels wide."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        await self.tab.send_command("Emulation.setDeviceMetricsOverride", size)

    async def evaluate(self, script: str) -> object:
        """The value of a JavaScript expression; a promise is waited for."""
        options = {"expression": script, "returnByValue": True, "awaitPromise": True}
        answer = (await self.tab.send_command("Runtime.evaluate", options))["result"]
        if "exceptionDetails" in answer:
            raise RuntimeError(f"the page's script failed: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def complaints(self) -> list[str]:
        """Errors in the console, and requests that left this machine."""
        found = []
        for event in self.heard:
            told = event["params"]
            if event["method"] == "Network.requestWillBeSent":
                url = told["request"]["url"]
                if not url.startswith((self.address, "data:", "blob:", "about:")):
                    found.append(f"it asked for {url[:100]}")
            elif event["method"] == "Runtime.exceptionThrown":
                found.append(f"an exception: {json.dumps(told['exceptionDetails'])[:200]}")
            elif told.get("type") == "error" or told.get("entry", {}).get("level") == "error":
                found.append(f"an error in the console: {json.dumps(told)[:200]}")
        return found


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
