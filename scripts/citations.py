"""Turn links to papers into citations: in the book they lead to the bibliography and say on hover what they are.

A notebook keeps ordinary links, so that it reads everywhere. What counts as a paper is what `docs/references.bib` lists.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pybtex.database import Entry, parse_file

LINK = re.compile(r"\[([^\]]+)\]\((https?://(?:[^()\s]|\([^()]*\))+)\)")
MARK = "% Filled in by scripts/build_course.py."


@dataclass(frozen=True)
class Paper:
    """An entry of the bibliography: its key, its address, and one line that says what it is."""

    key: str
    url: str
    line: str


def read_papers(bibliography: Path) -> dict[str, Paper]:
    """Every paper by each address that leads to it."""
    found = {}
    for key, entry in parse_file(str(bibliography)).entries.items():
        paper = Paper(key, entry.fields["url"], _line(entry))
        for url in (paper.url, *entry.fields.get("also", "").split()):
            found[_bare(url)] = paper
    return found


def cite(source: str, papers: Mapping[str, Paper], folder: str = "") -> tuple[str, set[Paper]]:
    """Markdown with its links to `papers` sent to the bibliography, and the papers it cites.

    Args:
        source: Markdown.
        papers: as `read_papers` gives them.
        folder: how the page reaches the book's root, such as "../".
    """
    cited = set()

    def replace(match: re.Match[str]) -> str:
        if (paper := papers.get(_bare(match[2]))) is None:
            return match[0]
        cited.add(paper)
        title = html.escape(paper.line)
        return f'<a href="{folder}references.html#ref-{paper.key}" title="{title}">{match[1]}</a>'

    return LINK.sub(replace, source), cited


def where_cited(pages: Mapping[str, set[Paper]]) -> str:
    """A Markdown table of the papers and of the pages, by file name, that cite them."""
    rows = ["| paper | cited in |", "| --- | --- |"]
    for paper in sorted(set().union(*pages.values()), key=lambda paper: paper.line):
        places = [f"[{_short(page)}]({page})" for page, cited in sorted(pages.items()) if paper in cited]
        rows.append(f"| {paper.line} | {', '.join(places)} |")
    return "\n".join(rows)


def _bare(url: str) -> str:
    """An address without what does not matter in it."""
    return url.removesuffix("index.html").removesuffix("/")


def _short(page: str) -> str:
    stem = page.rsplit("/", 1)[-1].partition(".")[0]
    return stem[:2] if stem[:2].isdigit() else stem.replace("_", " ")


def _line(entry: Entry) -> str:
    names = [" ".join(person.last_names).strip("{}") for person in entry.persons["author"]]
    names = [name.replace('\\"a', "ä").replace("\\c{c}", "ç") for name in names]
    many = len(names) > 2 or "others" in names
    who = f"{names[0]} et al." if many else " and ".join(names)
    return f"{who} {entry.fields['year']}, {entry.fields['title'].strip('{}')}"
