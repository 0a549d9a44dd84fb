"""One HTML file that opens from disk, asks for nothing else, and shows any text as text.

A page is a template in `data/` with its style sheet, its script and its contents as JSON. Corpora and vocabularies hold
anything, markup and scripts included. Three things keep it text: the JSON has no character that HTML or JavaScript reads
as more than a letter, the script puts it into the page only as text, and the page's content security policy lets run and
load nothing but that script and that style sheet, each named by its hash.
"""

import base64
import hashlib
import html
import json
import re
from importlib import resources
from typing import Any


def filled_page(kind: str, title: str, data: Any, *parts: str) -> str:
    """The template `data/KIND.html`, with the style and the script that all pages share before its own.

    Args:
        kind: "dashboard", "look" or "game".
        title: of the page.
        data: what its script shows, ready for JSON.
        parts: of other pages, whose style and script go before the page's own.
    """
    style, script = (
        "\n".join(_file(f"{name}.{suffix}") for name in ("page", *parts, kind)) for suffix in ("css", "js")
    )
    filled = {
        "title": html.escape(title),
        "style": style,
        "script": script,
        "style_hash": _content_hash(style),
        "script_hash": _content_hash(script),
        "data": _json(data),
    }
    # In one go: what was put in is not searched for more places.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: filled[match[1]], _file(f"{kind}.html"))


def rounded(value: float) -> float:
    """Three significant digits: what is shown, and no more to store."""
    return float(f"{float(value):.3g}")


def _file(name: str) -> str:
    return resources.files("sae_tutorial").joinpath("data", name).read_text(encoding="utf-8")


def _json(value: Any) -> str:
    """JSON in ASCII without <, > and &, so that no text in it can end the element that holds it."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _content_hash(text: str) -> str:
    """How a content security policy names an inline script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
