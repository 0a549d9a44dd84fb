"""The bundled corpus is large enough, balanced, clean, and not the same few sentences over and over."""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter
from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[1] / "sae_tutorial" / "data" / "news_corpus.csv.gz"


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with gzip.open(CORPUS, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def texts(rows: list[dict[str, str]]) -> list[str]:
    return [row["text"] for row in rows]


def runs_of_words(text: str, length: int) -> set[str]:
    words = re.findall(r"[a-z0-9]+", text.lower())
    return {" ".join(words[i : i + length]) for i in range(len(words) - length + 1)}


def test_file_is_small_and_reproducible() -> None:
    assert CORPUS.stat().st_size < 1_500_000
    assert CORPUS.read_bytes()[4:8] == bytes(4), "the gzip header carries a time stamp"


def test_columns_and_size(rows: list[dict[str, str]]) -> None:
    assert list(rows[0]) == ["text", "label"]
    assert len(rows) >= 3600
    # SmolLM2 makes about three tokens of two words: this many words are more than 190 thousand tokens.
    assert sum(len(row["text"].split()) for row in rows) > 150_000


def test_classes_are_balanced_and_mixed(rows: list[dict[str, str]]) -> None:
    labels = [row["label"] for row in rows]
    counts = Counter(labels)
    assert set(counts) == {"0", "1", "2", "3"}
    assert max(counts.values()) <= 1.1 * min(counts.values())
    first = Counter(labels[:400])
    assert min(first.get(label, 0) for label in counts) > 60, "the rows are sorted by class"


def test_no_item_occurs_twice(texts: list[str]) -> None:
    assert len(set(texts)) == len(texts)
    letters_only = {re.sub(r"[^a-z]", "", text.lower()) for text in texts}
    assert len(letters_only) > 0.995 * len(texts), "items that differ in nothing but their numbers"


def test_text_is_plain_printable_ascii(texts: list[str]) -> None:
    assert all(text.isascii() and text.isprintable() for text in texts)


def test_no_mark_of_the_grammar_is_left(texts: list[str]) -> None:
    for text in texts:
        assert not re.search(r"[\[\]{}|]|  | [.,]|\bNone\b", text), text
        assert text[-1] in '."', text
        assert text.count('"') % 2 == 0, text


def test_items_have_the_length_of_a_news_brief(texts: list[str]) -> None:
    lengths = [len(text.split()) for text in texts]
    assert min(lengths) >= 10 and max(lengths) <= 110


def test_long_runs_of_words_are_rarely_shared(texts: list[str]) -> None:
    counts = Counter(run for text in texts for run in runs_of_words(text, 12))
    run, count = counts.most_common(1)[0]
    assert count <= 6, f"{count} items contain: {run}"
    assert sum(count > 3 for count in counts.values()) < 0.002 * len(counts)


def test_vocabulary_is_varied(texts: list[str]) -> None:
    words = Counter(word for text in texts for word in re.findall(r"[a-z]+", text.lower()))
    assert len(words) > 3500
    assert sum(count >= 5 for count in words.values()) > 2500
