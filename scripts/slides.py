"""Write the slides of the opening talk as one HTML file that loads nothing: figures, notes and keys are inside.

    slides.py TALK.html

`docs/teaching/talk.md` is the source. A picture there is a file, or a figure of a notebook by the start of its title,
taken from the committed notebook: what the talk shows is what the course computed. After `#left` only that half is seen
until the next key, and of the notes the first paragraph; after `#right-only` the other half is never seen.
"""

import base64
import html
import struct
import sys
from pathlib import Path
from urllib.parse import unquote

import nbformat
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "docs" / "teaching" / "talk.md"
PLOTLY = "application/vnd.plotly.v1+json"

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; --paper: #fdfdfb; --ink: #1c1f23; --notes: #eef0ea; }}
@media (prefers-color-scheme: dark) {{ :root {{ --paper: #16181b; --ink: #e9e9e4; --notes: #24282c; }} }}
body {{ margin: 0; background: var(--paper); color: var(--ink); font: 2.6vmin/1.4 system-ui, sans-serif; }}
section {{ box-sizing: border-box; min-height: 100vh; padding: 5vmin 8vmin; display: none; flex-direction: column; justify-content: center; }}
section.shown {{ display: flex; }}
h2 {{ font-size: 5.2vmin; line-height: 1.15; margin: 0 0 3vmin; }}
h1 {{ position: absolute; clip-path: inset(50%); margin: 0; font-size: 1rem; }}
p, ol {{ font-size: 3.4vmin; margin: 1.5vmin 0; }}
img {{ width: min(100%, 58vh * var(--ratio)); background: #fff; border-radius: 1vmin; }}
aside {{ display: none; background: var(--notes); padding: 1vmin 3vmin; border-radius: 1vmin; margin-top: 2vmin; }}
img.left {{ clip-path: inset(0 50% 0 0); }}
img.right-only {{ clip-path: inset(13% 0 0 50.9%); }}
.notes aside {{ display: block; }}
section:has(img.left) aside p + p {{ display: none; }}
aside p {{ font-size: 2.4vmin; }}
.notes img {{ width: min(100%, 42vh * var(--ratio)); }}
footer {{ position: fixed; right: 2vmin; bottom: 1.5vmin; font-size: 2vmin; }}
@media print {{ img.left {{ clip-path: none; }} section:has(img.left) aside p + p {{ display: block; }} section {{ display: flex; break-after: page; }} aside {{ display: block; }} footer {{ display: none; }} }}
</style></head><body>
<main>
<h1>{title}</h1>
{slides}
</main>
<footer aria-live="polite"></footer>
<script>
const slides = [...document.querySelectorAll("section")];
let at = 0;
const half = () => slides[at].querySelector("img.left");
function on() {{
  if (half()) half().className = "";
  else show(at + 1);
}}
function show(place) {{
  at = Math.min(Math.max(place, 0), slides.length - 1);
  slides.forEach((slide, i) => slide.classList.toggle("shown", i === at));
  document.querySelector("footer").textContent = `${{at + 1}} of ${{slides.length}}`;
  history.replaceState(null, "", `#${{at + 1}}`);
}}
addEventListener("keydown", event => {{
  if (["ArrowRight", "ArrowDown", "PageDown", " "].includes(event.key)) on();
  else if (["ArrowLeft", "ArrowUp", "PageUp"].includes(event.key)) show(at - 1);
  else if (event.key === "Home") show(0);
  else if (event.key === "End") show(slides.length - 1);
  else if (event.key === "n") document.body.classList.toggle("notes");
  else if (event.key === "p") print();
  else return;
  event.preventDefault();
}});
addEventListener("click", event => {{ if (!event.target.closest("a")) event.clientX < innerWidth / 3 ? show(at - 1) : on(); }});
show((parseInt(location.hash.slice(1)) || 1) - 1);
</script></body></html>
"""


class SlideError(Exception):
    """A picture of the talk cannot be had; the message names it."""


def make_slides(source: Path = SOURCE) -> str:
    """The talk as one page.

    Raises:
        SlideError: a picture is no file, and no figure of a notebook.
    """
    head, *slides = source.read_text(encoding="utf-8").split("\n---\n")
    sections = "\n".join(f"<section>{_slide(slide, source.parent)}</section>" for slide in slides)
    title = head.strip().splitlines()[0].removeprefix("# ")
    return PAGE.format(title=html.escape(title), slides=sections)


def _slide(markdown: str, folder: Path) -> str:
    parser = MarkdownIt()
    tokens = parser.parse(markdown)
    for token in tokens:
        if token.type.startswith("blockquote"):
            token.tag = "aside"
        for child in token.children or []:
            if child.type == "image":
                child.attrs["src"], _, half = str(child.attrs["src"]).partition("#")
                if half:
                    child.attrs["class"] = half
                picture = _picture(child, folder)
                width, height = struct.unpack(">II", picture[16:24])  # of a PNG
                child.attrs["style"] = f"--ratio: {width / height:.3f}"
                child.attrs["src"] = "data:image/png;base64," + base64.b64encode(picture).decode()
                child.attrs.pop("title", None)
    return parser.renderer.render(tokens, parser.options, {})


def _picture(token: Token, folder: Path) -> bytes:
    """The picture, a PNG."""
    source = unquote(str(token.attrs["src"]))
    if "title" in token.attrs:
        return base64.b64decode(_figure(source, str(token.attrs["title"])))
    if not (folder / source).is_file():
        raise SlideError(f"{source} is no file beside the talk.")
    return (folder / source).read_bytes()


def _figure(notebook: str, title: str) -> str:
    """The saved picture of the first figure whose title starts so, in base64."""
    path = ROOT / "notebooks" / f"{notebook}.ipynb"
    if not path.is_file():
        raise SlideError(f"there is no notebook {notebook!r} to take {title!r} from.")
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            figure = output.get("data", {}).get(PLOTLY)
            if figure and figure["layout"].get("title", {}).get("text", "").startswith(title):
                return output.data["image/png"]
    raise SlideError(f"no figure of {notebook} has a title that starts with {title!r}.")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    target = Path(sys.argv[1])
    try:
        page = make_slides()
    except SlideError as error:
        sys.exit(f"slides: {error}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page, encoding="utf-8")
    print(f"the slides are ready: open {target}")
