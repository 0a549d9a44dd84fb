"""Texts come with classes and groups, and Wikipedia's markup becomes clean prose or nothing."""

import bz2
import csv
import gzip
import json
import zipfile
from pathlib import Path

import numpy as np
import platformdirs
import pytest

from sae_tutorial import storage
from sae_tutorial.lab import texts as texts_module
from sae_tutorial.lab.lab import BUDGETS
from sae_tutorial.lab.texts import NEWS_CLASSES, WIKIPEDIA_CLASSES, bundled_news, wikipedia
from sae_tutorial.lab.wikitext import paragraphs

REST = " It is made long enough here, with some more plain words, to count as a paragraph of running text."


def one(markup: str) -> str:
    """The only paragraph of `markup` followed by REST."""
    (paragraph,) = paragraphs(markup + REST)
    assert paragraph.endswith(REST.strip())
    return paragraph.removesuffix(REST.strip()).rstrip()


# ------------------------------------------------------------------------------------------------- news


def test_the_bundled_news_load_and_suit_the_budgets():
    news = bundled_news()
    assert len(news.documents) == len(news.labels) == len(news.groups) >= BUDGETS["quick"].documents
    assert set(news.labels.tolist()) == set(range(len(NEWS_CLASSES)))
    assert all(isinstance(text, str) and text.strip() for text in news.documents)
    first = news.first(BUDGETS["smoke"].documents)
    assert len(first.documents) == len(first.groups) == BUDGETS["smoke"].documents
    assert np.bincount(first.labels, minlength=4).min() > 0.15 * len(first.labels)  # of every class


def test_odd_separators_inside_a_text_do_not_cut_it(monkeypatch, tmp_path):
    rows = 'text,label\r\n"one\u2028two\x85three\nfour, ""five""",2\r\nplain,0\r\n'
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "news_corpus.csv.gz").write_bytes(gzip.compress(rows.encode()))
    monkeypatch.setattr(texts_module.resources, "files", lambda _: tmp_path)
    news = bundled_news()
    assert news.documents == ['one\u2028two\x85three\nfour, "five"', "plain"]
    assert news.labels.tolist() == [2, 0]


# ------------------------------------------------------------------------------------------- wikitext


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("'''Albedo''' is a ''[[ratio]]'' of [[light|sunlight]].", "Albedo is a ratio of sunlight."),
        ("A fact.<ref name=x>{{cite|a}}</ref> Another.<ref name=y/>", "A fact. Another."),
        ("A fact.{{sfn|Barnes|1995}}{{Citation needed|date=May 2015}}<!-- a [[note]] -->", "A fact."),
        ("[[File:A.jpg|thumb|left|A [[cat]] sits.]] The cat sat.", "The cat sat."),
        ("It is {{convert|1300|mi|km}} by {{convert|3|-|5|ft|m}}.", "It is 1,300 miles by 3 to 5 feet."),
        ("From {{lang|grc|ἀρχή}}, {{nowrap|Pope John}}{{'s}} word.", "From ἀρχή, Pope John’s word."),
        ("{{as of|2014|7}}, and {{as of|2010|lc=y}}.", "As of 2014 7, and as of 2010."),
        ("E = mc<sup>2</sup> and H<sub>2</sub>O, the 19<sup>th</sup>.", "E = mc² and H₂O, the 19th."),
        ("Zeus ({{IPAc-en|z|uː|s}}; Greek: {{lang-grc|Ζεύς}}) ruled.", "Zeus ruled."),
        ("Zeus ({{IPA-el|z}}; a god) ruled.", "Zeus (a god) ruled."),
        ("Zeus (a god ({{respell|ZOOS}}) of old) ruled.", "Zeus (a god of old) ruled."),
        ("Zeus ( ) ruled ( ; ), alone .", "Zeus ruled, alone."),
        ("See [http://a.org this page], [[wikt:word]] and [[:Category:Gods|gods]].", "See this page, word and gods."),
        ("OS&nbsp;X and R&amp;D, &ldquo;so&rdquo;.", "OS X and R&D, “so”."),
        ("Lines of\none paragraph\nare joined.", "Lines of one paragraph are joined."),
        ("A<br />B and <span style='x'>C</span>, D[3].", "A B and C, D."),
    ],
)  # fmt: skip
def test_what_a_reader_sees_stays_and_the_rest_goes(markup, text):
    assert one(markup) == text


@pytest.mark.parametrize(
    "markup",
    [
        "The energy is <math>E = mc^2</math> in this sentence." + REST,
        "The number is {{some unknown template|5}} in this sentence." + REST,
        "The length is {{convert|5|parsec|ly}} in this sentence." + REST,
        "* An item of a list." + REST,
        ": An indented line." + REST,
        "# Another item." + REST,
        "== A heading that goes on and on ==",
        "{| class=x\n| A cell." + REST + "\n|}",
        "<gallery>\nA.jpg|A caption." + REST + "\n</gallery>",
        "<blockquote>A quotation." + REST + "</blockquote>",
        "Too short.",
        "where a sentence goes on after a formula." + REST,
        "The following is a list of things, of which the first few are these ones here:",
        "A caption with a | bar in it." + REST,
        "A broken [[link that never ends." + REST,
        "{{Infobox thing\n| name = A name." + REST + "\n}}",
        "A stray reference.</ref>" + REST,
        "An address http://a.org in it." + REST,
    ],
)
def test_what_is_no_clean_prose_is_left_out_whole(markup):
    assert paragraphs(markup) == []


def test_paragraphs_are_told_apart():
    first, second = "One is here." + REST, "Two is here." + REST
    markup = f"{first}\n\n{second}\n* item\n{first}\n== Heading ==\n{second}"
    assert paragraphs(markup) == [first, second, first, second]


# ------------------------------------------------------------------------------------------ wikipedia


def dump(pages: list[tuple[str, str, str]]) -> bytes:
    """A dump as MediaWiki writes one, of (title, namespace, markup)."""
    body = "".join(
        f"<page><title>{title}</title><ns>{ns}</ns><revision><text>{text}</text></revision></page>"
        for title, ns, text in pages
    )
    return bz2.compress(
        f'<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/">{body}</mediawiki>'.encode()
    )


def test_articles_are_read_from_the_package_and_nothing_else_of_it(tmp_path):
    pages = [
        ("Albedo", "0", "Light." + REST),
        ("AccessibleComputing", "0", "#REDIRECT [[Computer]]" + REST),
        ("Talk:Albedo", "1", "Chatter." + REST),
        ("Austin (disambiguation)", "0", "Many." + REST),
        ("Nothing", "0", "Short."),
        ("Acid", "0", "Sour." + REST + "\n\nWet." + REST),
    ]
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as archive:
        archive.writestr("x/enwiki-latest-pages-articles1.xml-p1p2-shortened.bz2", dump(pages))
        archive.writestr("x/bgwiki-latest-pages-articles.xml.bz2", "not this one")
    texts_module._strip(tmp_path / "a.whl", tmp_path)
    read = storage.read_json(tmp_path / "articles.json")
    assert list(read) == ["Albedo", "Acid"] and len(read["Acid"]) == 2


@pytest.fixture
def articles(tmp_path, monkeypatch) -> dict[str, list[str]]:
    """A stripped package in which every title of the committed table has three paragraphs."""
    path = texts_module._data("wikipedia_classes.csv")
    titles = [row["title"] for row in csv.DictReader(path.read_text("utf-8").splitlines())]
    made = {title: [f"{title}, paragraph {i}." for i in range(3)] for title in titles}
    (tmp_path / "articles.json").write_text(json.dumps(made))
    monkeypatch.setattr(texts_module, "unpacked", lambda *_: tmp_path)
    return made


def test_paragraphs_of_an_article_are_a_group_of_one_class(articles):
    read = wikipedia()
    assert len(read.documents) == 3 * len(articles) == 3 * 98
    assert set(read.labels.tolist()) == set(range(len(WIKIPEDIA_CLASSES)))
    titles = list(articles)
    for text, label, group in zip(read.documents, read.labels, read.groups, strict=True):
        assert text.startswith(f"{titles[group]}, paragraph")
        assert WIKIPEDIA_CLASSES[label] == {"Albedo": "Science", "Alabama": "Places", "A": "Culture"}.get(
            titles[group], WIKIPEDIA_CLASSES[label]
        )
    for group in range(len(titles)):
        assert len(set(read.labels[read.groups == group].tolist())) == 1
    assert "CC BY-SA" in read.credit and "98 articles" in read.credit
    assert read.titles == tuple(titles)


def test_the_first_documents_are_of_many_articles_and_the_order_is_always_the_same(articles):
    read = wikipedia()
    assert len(set(read.groups[:98].tolist())) > 50
    assert set(read.first(60).labels.tolist()) == set(range(len(WIKIPEDIA_CLASSES)))
    assert wikipedia().documents == read.documents


CACHED = f"wikipedia-v{texts_module.STRIPPING}-{texts_module.WIKIPEDIA_WHEEL.sha256[:8]}"


@pytest.mark.skipif(
    not (Path(platformdirs.user_cache_dir("sae_tutorial")) / CACHED).is_dir(),
    reason="Wikipedia's texts were not fetched on this machine",
)
def test_the_real_texts_are_clean_and_balanced():
    read = wikipedia()
    assert len(read.documents) > 4_000 and len(set(read.documents)) == len(read.documents)
    assert len(set(read.groups.tolist())) == 98
    assert np.bincount(read.labels).min() > 0.08 * len(read.labels)
    for text in read.documents:
        assert len(text.split()) >= 12 and not any(
            mark in text
            for mark in (
                "[[",
                "]]",
                "{{",
                "}}",
                "|",
                "''",
                "thumb|",
                "( ",
                "()",
                " ,",
                "  ",
                "&nbsp;",
                "\ufffc",
            )
        ), text
