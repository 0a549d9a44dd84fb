"""Link the first use of each symbol and term in a notebook to its entry in `notebooks/glossary.ipynb`.

    glossary.py NOTEBOOK...

An entry is a table row whose first cell holds `<a id="NAME"></a>` and one or more spellings in bold. Running the
script again changes nothing; after a notebook or the glossary was edited, the links move to what is now first.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from notebook_files import rewrite

GLOSSARY = Path(__file__).resolve().parents[1] / "notebooks" / "glossary.ipynb"
ANCHOR = re.compile(r'^<a id="([a-z0-9-]+)"></a>')
SPELLING = re.compile(r"\*\*(.+?)\*\*")
LINK = re.compile(r"\[([^\]]+)\]\(glossary\.ipynb#[a-z0-9-]+\)")
# What a link must not be put into: code, formulas, links and pictures, HTML, headings, tables, an exercise's difficulty, bold openings.
PROTECTED = re.compile(
    r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]+\$|!?\[[^\]]*\]\([^)]*\)|<summary>.*?</summary>|<[^>\n]+>"
    r"|^#.*?$|^\|.*?$|^Difficulty: .*?$|^\*\*[A-Z][^*\n]*\.\*\*",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Entry:
    """One row of the glossary: its anchor, its spellings, and its other cells as Markdown."""

    anchor: str
    spellings: tuple[str, ...]
    meaning: str
    shape: str
    code: str
    source: str


def read_entries(glossary: NotebookNode) -> list[Entry]:
    """Every entry of the glossary, in its order.

    Raises:
        ValueError: a row has another number of cells than its table's five, or no spelling.
    """
    entries = []
    for line in "\n".join(cell.source for cell in glossary.cells).splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        anchor = ANCHOR.match(cells[0]) if cells else None
        if not anchor:
            continue
        spellings = tuple(SPELLING.findall(cells[0]))
        if len(cells) != 5 or not spellings:
            raise ValueError(
                f"the glossary's row {anchor.group(1)!r} needs five cells and a spelling in bold."
            )
        entries.append(Entry(anchor.group(1), spellings, *cells[1:]))
    return entries


def link_first_uses(nb: NotebookNode, entries: list[Entry]) -> NotebookNode:
    """Link, in place, the first use of each entry in the notebook's Markdown, and unlink any later one."""
    waiting = {spelling: entry.anchor for entry in entries for spelling in entry.spellings}
    for cell in nb.cells:
        if cell.cell_type != "markdown":
            continue
        source, parts, end = LINK.sub(r"\1", cell.source), [], 0
        for piece in PROTECTED.finditer(source):
            parts += [_link(source[end : piece.start()], waiting), _link_formula(piece.group(), waiting)]
            end = piece.end()
        cell.source = "".join([*parts, _link(source[end:], waiting)])
    return nb


def _link(prose: str, waiting: dict[str, str]) -> str:
    """`prose` with each waiting word linked once; a linked entry no longer waits, under any spelling."""
    words = [re.escape(spelling).replace(r"\ ", r"\s+") for spelling in waiting if "$" not in spelling]
    if not words:
        return prose
    # The longest first: "dead latent" is not to be read as "latent".
    pattern = rf"(?<![\w-])({'|'.join(sorted(words, key=len, reverse=True))})(e?s)?(?![\w-])"
    lower = {" ".join(spelling.lower().split()): anchor for spelling, anchor in waiting.items()}

    def replace(match: re.Match[str]) -> str:
        anchor = lower[" ".join(match.group(1).lower().split())]
        if anchor not in waiting.values():
            return match.group()
        for spelling in [spelling for spelling, other in waiting.items() if other == anchor]:
            del waiting[spelling]
        return f"[{match.group()}](glossary.ipynb#{anchor})"

    return re.sub(pattern, replace, prose, flags=re.IGNORECASE)


def _link_formula(piece: str, waiting: dict[str, str]) -> str:
    """A formula that is a waiting symbol and nothing else, linked; any other protected piece as it is."""
    anchor = waiting.get(piece) if piece.startswith("$") else None
    if anchor is None:
        return piece
    for spelling in [spelling for spelling, other in waiting.items() if other == anchor]:
        del waiting[spelling]
    return f"[{piece}](glossary.ipynb#{anchor})"


def main(paths: list[str]) -> None:
    """Write each notebook whose links change."""
    entries = read_entries(nbformat.read(GLOSSARY, as_version=4))
    rewrite(paths, lambda nb, _: link_first_uses(nb, entries), "links to the glossary written")


if __name__ == "__main__":
    main(sys.argv[1:])
