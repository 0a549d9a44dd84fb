"""A dashboard says what the latents are, shows any text as text, and works in a browser without asking for anything."""

import json
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import visit
from bs4 import BeautifulSoup
from test_tokens import TEXT, sentencepiece_like

import build_course
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.features import latents as features
from sae_tutorial.features.contexts import TextFeatures
from sae_tutorial.features.directions import logit_effects
from sae_tutorial.features.latents import Latents, analyze_feature_usage, coactive_latents, read_latents
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig
from sae_tutorial.show import dashboard
from sae_tutorial.show.game import Game

# What corpora and vocabularies hold: markup, the ends of elements, entities, quotes, separators that end a line of
# JavaScript, characters that turn the direction of text, and the template's own places.
HOSTILE = [
    "<script>document.title = 'owned'</script>", "</script>", "<!--", "<img src=x onerror=\"document.title='owned'\">",
    "&lt;b&gt;", "&amp;", "\"'`${document.title='owned'}`", "\u2028", "\u2029", "\u202eabc", "{{script}}", "\\u003c",
    "]]>", "\n", "\t", "", " the", "é🙂", "<iframe src=https://example.org>",
]  # fmt: skip
DEAD, D_SAE, N_ROWS = 5, 32, 600
LABELS = np.arange(20) % 3
FEW = [9, DEAD, 3, 14, 20]


class HostileTokenizer:
    """Token i is HOSTILE[i]."""

    def decode(self, token_ids: Sequence[int], **_: object) -> str:
        return "".join(HOSTILE[i] for i in token_ids)

    def convert_ids_to_tokens(self, token_id: int) -> str:
        return HOSTILE[token_id]


@pytest.fixture(scope="module")
def hostile_store() -> ActivationStore:
    rng = np.random.default_rng(0)
    return ActivationStore(
        rng.standard_normal((N_ROWS, 8)).astype(np.float32),
        rng.integers(0, len(HOSTILE), N_ROWS),
        np.arange(N_ROWS) // 30,
        {"model_name": "<b>model</b>", "hook_name": "blocks.0.<i>hook</i>"},
    )


@pytest.fixture(scope="module")
def sae() -> SparseAutoencoder:
    sae = SparseAutoencoder(SAEConfig(8, 4, "topk", k=3))
    sae.b_enc.data[DEAD] = -1000
    return sae


@pytest.fixture(scope="module")
def latents(sae, hostile_store) -> Latents:
    return read_latents(sae, hostile_store)


@pytest.fixture(scope="module")
def page(sae, latents, tmp_path_factory) -> Path:
    return dashboard.write_dashboard(
        sae, latents, HostileTokenizer(), tmp_path_factory.mktemp("page") / "page.html", range(D_SAE),
        labels=LABELS, class_names=("<u>one</u>", "two", "three"), title="</title><script>document.title='owned'</script>",
    )  # fmt: skip


def data_of(path: Path) -> dict:
    return json.loads(BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").find(id="data").string)


# ------------------------------------------------------------------------------------------- contents


def test_what_it_says_is_what_the_latents_are(page, sae, hostile_store, latents):
    rows = data_of(page)["latents"]
    assert [row["latent"] for row in rows] == list(range(D_SAE))
    with torch.no_grad():
        f = sae.encode(hostile_store[:]).numpy()
    cosines = (
        torch.nn.functional.cosine_similarity(sae.W_dec[:, None], sae.W_dec[None], dim=-1).detach().numpy()
    )
    for i, row in enumerate(rows):
        on = f[:, i] > 0
        assert row["density"] == pytest.approx(on.mean(), rel=6e-3)
        assert row["max"] == pytest.approx(f[:, i].max(), rel=6e-3)
        assert sum(row["histogram"]["counts"]) == row["n_active"] == on.sum()
        assert row["dead"] == (i == DEAD)
        assert row["neighbours"][0][1] == pytest.approx(np.delete(cosines[i], i).max(), rel=6e-3)
        for context in [*row["top"], *(context for third in row["sampled"] for context in third)]:
            centre = context["activations"][context["centre"]]
            assert np.isclose(
                f[hostile_store.document_ids == context["document"], i], centre, rtol=6e-3
            ).any()
        strengths = [context["activations"][context["centre"]] for context in row["top"]]
        assert strengths == sorted(strengths, reverse=True)
        assert [row["token"], row["token_share"]] == (row["tokens"][0] if row["tokens"] else ["", 0])
        together = coactive_latents(latents, [i], dashboard.TABLE_ROWS)[i]
        assert [(j, share) for j, share, _ in row["together"]] == [
            (j, pytest.approx(s, rel=6e-3)) for j, s in together
        ]
        thirds = np.array_split(np.sort(f[on, i])[::-1], 3)
        for third, contexts in zip(thirds, row["sampled"], strict=True):
            assert len(contexts) == min(3, len(third))
            for context in contexts:
                assert third[-1] * 0.99 <= context["activations"][context["centre"]] <= third[0] * 1.01


def test_latents_by_default_are_those_of_middling_density(sae, latents, tmp_path):
    density = analyze_feature_usage(latents).density
    middling = np.flatnonzero((density >= 0.001) & (density <= 0.1))
    assert 0 < len(middling) < D_SAE
    path = dashboard.write_dashboard(sae, latents, HostileTokenizer(), tmp_path / "x.html")
    assert {row["latent"] for row in data_of(path)["latents"]} == set(middling.tolist())


def test_with_a_model_there_are_logit_tables(gpt2, store, tmp_path):
    sae = SparseAutoencoder(SAEConfig(32, 2, k=6), seed=4)
    read = read_latents(sae, store)
    path = dashboard.write_dashboard(sae, read, gpt2, tmp_path / "x.html", [3, 9])
    for row in data_of(path)["latents"]:
        raised, lowered = logit_effects(gpt2, sae, row["latent"], dashboard.TABLE_ROWS)
        assert [token for token, _ in row["raised"]] == [token for token, _ in raised]
        assert [effect for _, effect in row["lowered"]] == pytest.approx(
            [effect for _, effect in lowered], rel=6e-3
        )
    only_tokens = dashboard.write_dashboard(sae, read, gpt2.tokenizer, tmp_path / "y.html", [3, 9])
    assert "raised" not in data_of(only_tokens)["latents"][0]


def test_a_model_and_an_autoencoder_in_bf16_have_a_dashboard(make_gpt2, store, tmp_path):
    sae = SparseAutoencoder(SAEConfig(32, 2, k=6), seed=4).bfloat16()
    read = read_latents(sae, store)
    path = dashboard.write_dashboard(sae, read, make_gpt2().to(torch.bfloat16), tmp_path / "x.html", [3, 9])
    for row in data_of(path)["latents"]:
        assert len(row["raised"]) == len(row["lowered"]) == len(row["neighbours"]) == dashboard.TABLE_ROWS


def test_without_labels_there_are_no_topics(sae, latents, tmp_path):
    path = dashboard.write_dashboard(sae, latents, HostileTokenizer(), tmp_path / "x.html", [1])
    assert data_of(path)["topics"] is False


def test_labels_without_names_are_classes_by_number(sae, latents, tmp_path):
    path = dashboard.write_dashboard(
        sae, latents, HostileTokenizer(), tmp_path / "x.html", labels=LABELS.tolist()
    )
    data = data_of(path)
    assert data["topics"] is True
    assert {row["topic"] for row in data["latents"]} <= {"class 0", "class 1", "class 2"}


def test_a_sample_of_documents_is_said_to_be_one(sae, hostile_store, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "MOST_ACTIVE", 900)
    read = read_latents(sae, hostile_store)
    path = dashboard.write_dashboard(sae, read, HostileTokenizer(), tmp_path / "x.html", [1])
    assert data_of(path)["facts"][-1] == ["read on", "300 tokens, a random sample of the documents of 600"]


# --------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        ([], "there are no latents to show"),
        ([0, 32], "there is no latent 32; this autoencoder has latents 0 to 31"),
        ([-1], "there is no latent -1"),
        ([4, 2, 4], "latent 4 is named twice"),
    ],
)
def test_latents_that_cannot_be_shown_are_named(sae, latents, tmp_path, shown, message):
    with pytest.raises(ValueError, match=message):
        dashboard.write_dashboard(sae, latents, HostileTokenizer(), tmp_path / "x.html", shown)
    assert list(tmp_path.iterdir()) == []


def test_latents_of_another_autoencoder_are_refused(latents, tmp_path):
    other = SparseAutoencoder(SAEConfig(8, 5))
    with pytest.raises(ValueError, match="latents are 32, but this autoencoder has 40"):
        dashboard.write_dashboard(other, latents, HostileTokenizer(), tmp_path / "x.html", [1])


def test_topics_are_not_lost_in_silence(sae, latents, tmp_path):
    def write(**options):
        dashboard.write_dashboard(sae, latents, HostileTokenizer(), tmp_path / "x.html", [1], **options)

    with pytest.raises(ValueError, match="class_names came without labels"):
        write(class_names=("a", "b", "c"))
    with pytest.raises(ValueError, match="class_names has 2 entries, but labels go up to 2"):
        write(labels=LABELS, class_names=("a", "b"))
    with pytest.raises(ValueError, match=r"labels\[0\] is -1"):
        write(labels=LABELS - 1)
    assert list(tmp_path.iterdir()) == []


def test_what_is_neither_a_bridge_nor_a_tokenizer_is_refused(sae, latents, gpt2, tmp_path, monkeypatch):
    with pytest.raises(TypeError, match="GPT2LMHeadModel, not a TransformerBridge"):
        dashboard.write_dashboard(sae, latents, gpt2.original_model, tmp_path / "x.html", [1])
    with pytest.raises(TypeError, match="NoneType, not a TransformerBridge"):
        dashboard.write_dashboard(sae, latents, None, tmp_path / "x.html", [1])
    monkeypatch.setattr(type(gpt2), "tokenizer", None)
    with pytest.raises(ValueError, match="no tokenizer"):
        dashboard.write_dashboard(sae, latents, gpt2, tmp_path / "x.html", [1])


def test_a_failed_write_leaves_the_older_page(sae, latents, tmp_path, monkeypatch):
    path = tmp_path / "x.html"
    path.write_text("older")
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        dashboard.write_dashboard(sae, latents, HostileTokenizer(), path, [1])
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


# ------------------------------------------------------------------------------------- text stays text


def test_no_text_reaches_the_page_as_markup(page):
    text = page.read_text(encoding="utf-8")
    soup = BeautifulSoup(text, "html.parser")
    assert len(soup.find_all("script")) == 2
    assert soup.find_all(["img", "iframe", "b", "i", "u"]) == []
    embedded = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1]
    assert not set(embedded) & set("<>&\u2028\u2029")
    assert embedded.isascii()
    assert set(HOSTILE) <= set(texts(data_of(page)))


def texts(value: object) -> list[str]:
    """All strings in a JSON value."""
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for part in parts for text in texts(part)]


def test_the_script_has_no_way_to_make_markup():
    data = Path(dashboard.__file__).parents[1] / "data"
    script = "".join(path.read_text(encoding="utf-8") for path in data.glob("*.js"))
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|Function\(|srcdoc|setHTML|DOMParser|createContextualFragment"
    assert re.findall(ways, script) == []


# ---------------------------------------------------------------------------------------- in a browser

TYPE = "(document.getElementById('search').value = {text!r}, document.getElementById('search').dispatchEvent(new Event('input')))"
NUMBERS = "[...document.querySelectorAll('#rows tr th')].map((cell) => Number(cell.textContent))"
SHOWN = "document.getElementById('detail-title').textContent"


def press_head(name: str, nth: int = 0) -> str:
    return f"[...document.querySelectorAll('#heads button')].filter((b) => b.textContent === {name!r})[{nth}].click()"


def test_it_loads_without_complaint_and_shows_any_text_as_text(page):
    (title, heading, elements, shown), heard = visit(
        page,
        "document.title",
        "document.querySelector('h1').textContent",
        "document.querySelectorAll('img, iframe, b, i, u, script').length",
        "(() => { const seen = []; for (const l of data.latents) { show(l.latent, false);"
        " seen.push(document.body.innerText); } return seen.join('\\n'); })()",
    )
    assert heard == []
    assert title == heading == "</title><script>document.title='owned'</script>"
    assert elements == 2  # the page's own scripts
    assert "<b>model</b>" in shown and "blocks.0.<i>hook</i>" in shown and "<u>one</u>" in shown
    for token in HOSTILE:
        expected = {
            "\u2028": r"\u2028",
            "\u2029": r"\u2029",
            "\u202eabc": r"\u202eabc",
            "\n": "↵",
            "\t": "⇥",
        }.get(token, token)
        assert expected in shown


def test_searching(page):
    rows = data_of(page)["latents"]
    values, heard = visit(
        page, TYPE.format(text="onerror"), NUMBERS, "document.getElementById('count').textContent",
        TYPE.format(text="no such thing"), NUMBERS, TYPE.format(text=" 31 "), NUMBERS,
    )  # fmt: skip
    expected = [r["latent"] for r in rows if "onerror" in f"{r['token']}{r['previous']}"]
    assert values[1] == expected
    assert 0 < len(expected) < D_SAE
    assert values[2] == f"{len(expected)} of {D_SAE} latents"
    assert (values[4], values[6], heard) == ([], [31], [])


def test_sorting(page):
    rows = data_of(page)["latents"]
    sorts = "[...document.querySelectorAll('#heads th')].map((head) => head.getAttribute('aria-sort'))"
    values, heard = visit(
        page, sorts, press_head("largest activation"), NUMBERS, sorts, press_head("largest activation"), NUMBERS, sorts,
        press_head("latent"), NUMBERS,
    )  # fmt: skip
    largest = {row["latent"]: row["max"] for row in rows}
    assert set(values[0]) == {None}  # they come as they were given
    assert [largest[i] for i in values[2]] == sorted(largest.values(), reverse=True)
    assert values[3][2] == "descending" and values[3][0] is None
    assert [largest[i] for i in values[5]] == sorted(largest.values())
    assert values[6][2] == "ascending"
    assert values[8] == list(range(D_SAE))
    assert heard == []


def test_the_keyboard_is_enough(page):
    """Everything that acts is a button, a link or a field; focus goes where the reader goes on."""
    active = "document.activeElement.id || document.activeElement.textContent"
    arrow = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{key: '{}', bubbles: true}}))"
    values, heard = visit(
        page,
        "document.querySelector('#row-3 button').click()", SHOWN, active, "location.hash",
        "[...document.querySelectorAll('.move button')].map((b) => b.click && b.textContent)",
        "document.querySelectorAll('.move button')[1].click()", SHOWN,
        "document.querySelectorAll('.move button')[2].click()", active,
        "document.querySelector('.context .centre').focus()", "document.getElementById('value').textContent",
        arrow.format("ArrowLeft"), "document.activeElement.nextSibling.className",
        "document.querySelectorAll('.context [tabindex=\"0\"]').length === document.querySelectorAll('.context').length",
        "[...document.querySelectorAll('[onclick], [tabindex]')].filter((e) => e.tabIndex > 0).length",
    )  # fmt: skip
    assert values[1:4] == ["Latent 3", "detail-title", "#latent-3"]
    assert values[6] == "Latent 4"
    assert values[8] == "4"
    assert re.fullmatch(r"“.+” in document \d+: activation [\d.]+", values[10], re.S)
    assert values[12] == "centre"
    assert values[13] is True
    assert values[14] == 0
    assert heard == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_light_and_dark(page, scheme):
    """At least 4.5 to 1 (WCAG 2.2, criterion 1.4.3) for text, soft text and links, and for text on the strongest colour."""
    read = (
        "(() => { const style = getComputedStyle(document.documentElement); return Object.fromEntries("
        "['page', 'text', 'soft', 'panel', 'link', 'heat'].map((n) => [n, style.getPropertyValue('--' + n).trim()])); })()"
    )
    (colours, background), _ = visit(
        page, read, "getComputedStyle(document.body).backgroundColor", media={"prefers-color-scheme": scheme}
    )
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")
    pairs = [
        ("text", "page"),
        ("text", "panel"),
        ("text", "heat"),
        ("soft", "page"),
        ("soft", "panel"),
        ("link", "page"),
    ]
    for front, back in pairs:
        assert contrast(colours[front], colours[back]) >= 4.5, (front, back)


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours like #fff or #1c2126."""

    def luminance(colour: str) -> float:
        digits = colour.lstrip("#")
        digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
        parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted(map(luminance, (first, second)))
    return (lighter + 0.05) / (darker + 0.05)


def test_in_a_frame_as_in_a_notebook(page, tmp_path):
    """`show_dashboard` puts the file in a frame without an address of its own; choosing a latent works there too."""
    framed = dashboard.show_dashboard(page).data
    assert framed.count('sandbox="allow-scripts"') == 1
    framed = framed.replace('sandbox="allow-scripts"', "")  # so that the test can look inside
    outer = tmp_path / "outer.html"
    outer.write_text("<!DOCTYPE html><meta charset='utf-8'>" + framed, encoding="utf-8")
    values, heard = visit(
        outer, "frames[0].document.querySelector('#row-4 button').click()",
        "frames[0].document.getElementById('detail-title').textContent", "frames[0].document.title", "location.hash",
    )  # fmt: skip
    assert values[1:] == ["Latent 4", "</title><script>document.title='owned'</script>", ""]
    assert [line for line in heard if line != "about:srcdoc"] == []


def test_the_course_may_link_it_and_show_it(page):
    """The course's build refuses pages that would load anything from outside."""
    assert build_course.loaded_from_outside(page.read_text(encoding="utf-8")) == []
    assert build_course.loaded_from_outside(dashboard.show_dashboard(page).data) == []


class WordTokenizer:
    """Tokens as long as those of running text, a sixth of them in letters that JSON writes as escapes."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.tokens = [
            " " * int(rng.random() < 0.7)
            + "".join(rng.choice(list("etaoinshrdlu" if i % 6 else "аеионтсвлрк"), rng.integers(1, 10)))
            for i in range(4000)
        ]

    def decode(self, token_ids: Sequence[int], **_: object) -> str:
        return "".join(self.tokens[i] for i in token_ids)

    def convert_ids_to_tokens(self, token_id: int) -> str:
        return self.tokens[token_id]


def test_a_hundred_latents_are_under_5_megabytes_and_load_nothing(tmp_path):
    """With topics, a column of sentences, a map of 4,096 latents and a game."""
    rng, d_sae, tokenizer = np.random.default_rng(0), 4096, WordTokenizer()
    rows = rng.standard_normal((40_000, 8)).astype(np.float32)
    store = ActivationStore(rows, rng.integers(0, 4000, len(rows)), np.arange(len(rows)) // 400, {})
    sae = SparseAutoencoder(SAEConfig(8, d_sae // 8, "topk", k=20))
    read = read_latents(sae, store)
    shown = np.argsort(-analyze_feature_usage(read).density)[:100].tolist()
    path = dashboard.write_dashboard(
        sae, read, tokenizer, tmp_path / "x.html", shown, labels=np.arange(100) % 4, class_names=("a", "b", "c", "d"),
        columns={"described as": dict.fromkeys(shown, "what a reader says of it, in a sentence " * 4)},
        positions=rng.standard_normal((d_sae, 2)), game=Game(tokenizer, {"a": (read, read, shown[:20])}),
    )  # fmt: skip
    data = data_of(path)
    contexts = [one for row in data["latents"] for part in (row["top"], *row["sampled"]) for one in part]
    assert len(contexts) >= 1500  # a page of less would say little
    assert np.mean([len(one["tokens"]) for one in contexts]) > 18
    assert len(data["map"]) > d_sae / 2
    assert path.stat().st_size < 5e6
    page = path.read_text(encoding="utf-8")
    assert build_course.loaded_from_outside(page) == []
    soup = BeautifulSoup(page, "html.parser")
    soup.find(id="data").decompose()  # it is text
    asking = r"https?:|[\"'`(=]//|\b(?:fetch|import)\s*\(|@import|url\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|\bWorker\("
    assert re.findall(asking, str(soup).replace("http://www.w3.org/2000/svg", "")) == []
    (shown_rows,), heard = visit(path, "document.querySelectorAll('#rows tr').length")
    assert (shown_rows, heard) == (100, [])


def test_this_test_hears_complaints_and_requests(tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text("<!DOCTYPE html><img src='nothing.png'><script>console.error('no'); nothing.here</script>")
    _, heard = visit(bad)
    assert any("nothing.png" in line for line in heard)
    assert any("consoleAPICalled" in line for line in heard)
    assert any("exceptionThrown" in line for line in heard)


# ----------------------------------------------------------------------- what whoever writes the page adds


@pytest.fixture(scope="module")
def fuller(sae, latents, tmp_path_factory) -> Path:
    rng = np.random.default_rng(0)
    return dashboard.write_dashboard(
        sae, latents, HostileTokenizer(), tmp_path_factory.mktemp("fuller") / "page.html", range(D_SAE),
        columns={"specificity": {3: 0.91234, 4: 0.2}, "readers say": {4: "<b>names</b>"}},
        positions=rng.standard_normal((D_SAE, 2)),
        game=Game(HostileTokenizer(), {"a": (latents, latents, [3])}),
    )  # fmt: skip


def test_columns_can_be_sorted_and_searched(fuller):
    (_, first, found), heard = visit(
        fuller, "[...document.querySelectorAll('thead button')].find((b) => b.textContent === 'specificity').click()",
        "[...document.querySelectorAll('#rows tr')].slice(0, 2).map((row) => row.lastChild.previousSibling.textContent)",
        """(() => { const box = document.getElementById('search'); box.value = '<B>NAMES'; box.dispatchEvent(new Event('input'));
           return [...document.querySelectorAll('#rows tr')].map((row) => row.id + ' ' + row.lastChild.textContent); })()""",
    )  # fmt: skip
    assert (first, found, heard) == (["0.912", "0.2"], ["row-4 <b>names</b>"], [])


def test_the_map_has_every_latent_that_is_on_and_opens_it(fuller):
    (dots, said, opened, faint), heard = visit(
        fuller, "document.querySelectorAll('#map circle').length",
        """(() => { document.querySelector('#map circle.here').dispatchEvent(new MouseEvent('mouseenter'));
           return document.querySelector('#map output').textContent; })()""",
        """(() => { document.querySelectorAll('#map circle')[0].dispatchEvent(new MouseEvent('click'));
           return [document.getElementById('detail-title').textContent, document.querySelectorAll('circle.here').length]; })()""",
        """(() => { document.querySelector('#map .keys button').click();
           return document.querySelectorAll('circle.faint').length; })()""",
    )  # fmt: skip
    assert dots == D_SAE - 1 and said.startswith("Latent 0, mostly at ") and heard == []
    assert opened[1] == 1 and re.fullmatch(r"Latent \d+", opened[0])
    assert 0 < faint < dots


@pytest.fixture(scope="module")
def partly(sae, latents, tmp_path_factory) -> Path:
    """Its map has many latents that its table does not list, and its table one that is not on the map."""
    return dashboard.write_dashboard(
        sae, latents, HostileTokenizer(), tmp_path_factory.mktemp("partly") / "page.html", FEW,
        positions=np.random.default_rng(0).standard_normal((D_SAE, 2)),
    )  # fmt: skip


# The numbers of the dots that a CSS selector finds, as the map tells them.
DOTS = """[...document.querySelectorAll('#map circle{}')].map((dot) => {{ dot.dispatchEvent(new MouseEvent('mouseenter'));
          return Number(/^Latent (\\d+),/.exec(document.querySelector('#map output').textContent)[1]); }})"""
MAP_SAYS = "document.querySelector('#map svg').getAttribute('aria-label')"


@pytest.mark.parametrize("wanted", ["<!--", "dense", "14", "no such thing"])
def test_the_search_fades_the_dots_that_it_does_not_find(partly, wanted):
    points = {number: f"{number}\n{group}\n{token}" for number, _, _, group, token in data_of(partly)["map"]}
    (before, _, rows, faint, count, said, _, after), heard = visit(
        partly, DOTS.format(".faint"), TYPE.format(text=wanted), NUMBERS, DOTS.format(".faint"),
        "document.getElementById('count').textContent", MAP_SAYS, TYPE.format(text=""), DOTS.format(".faint"),
    )  # fmt: skip
    bright = {i for i, known in points.items() if (i in rows if i in FEW else wanted in known)}
    assert sorted(faint) == sorted(points.keys() - bright)
    assert count == f"{len(rows)} of {len(FEW)} latents, {len(bright)} of {len(points)} dots on the map"
    assert said.endswith(f"; the table lists {len(bright & set(rows))} of them")
    assert (before, after, heard) == ([], [], [])
    if wanted in ("<!--", "dense"):  # else the test says little
        assert len(bright - set(FEW)) > 1 and len(faint) > 1


def test_the_search_and_a_choice_of_kind_both_fade_dots(partly):
    (searched, _, both, _, chosen), _ = visit(
        partly, f"({TYPE.format(text='<')}, {DOTS.format('.faint')})", "document.querySelector('#map .keys button').click()",
        DOTS.format(".faint"), TYPE.format(text=""), DOTS.format(".faint"),
    )  # fmt: skip
    assert set(both) == set(searched) | set(chosen)
    assert set(searched) - set(chosen) and set(chosen) - set(searched)


def test_the_map_says_which_of_its_latents_the_table_lists(partly, fuller):
    said = "Map of 31 latents by the direction of their decoder rows; the table lists {} of them"
    assert visit(partly, MAP_SAYS) == ([said.format(len(FEW) - 1)], [])
    assert visit(fuller, MAP_SAYS) == ([said.format("all")], [])


def test_the_keyboard_reaches_and_opens_every_dot_that_the_table_lists(partly):
    def press(key: str) -> str:
        return (
            f"(document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}})),"
            " document.activeElement.getAttribute('aria-label') || document.activeElement.id)"
        )

    places = {number: (x, y) for number, x, y, _, _ in data_of(partly)["map"] if number in FEW}
    across, down = ([f"latent {i}" for i in sorted(places, key=lambda i: places[i][axis])] for axis in (0, 1))
    steps = len(places) + 1  # one more than there are: it stays at the last
    sides = [
        ("ArrowLeft", across[0]),
        ("ArrowRight", across[-1]),
        ("ArrowUp", down[0]),
        ("ArrowDown", down[-1]),
    ]
    values, heard = visit(
        partly, "[...document.querySelectorAll('#map [tabindex=\"0\"]')].map((dot) => dot.getAttribute('aria-label'))",
        "document.querySelectorAll('#map svg [role=button]').length", "document.querySelector('#map [tabindex=\"0\"]').focus()",
        "document.querySelector('#map output').textContent", *(press(key) for key, _ in sides for _ in range(steps)),
        press("Enter"), SHOWN, "document.querySelector('#map [tabindex=\"0\"]').getAttribute('aria-label')",
    )  # fmt: skip
    walks, opened = np.array_split(np.array(values[4:-3]), len(sides)), values[-3:]
    assert values[0] == [f"latent {FEW[0]}"]  # the one that is shown
    assert values[1] == len(FEW) - 1
    assert values[3].startswith(f"Latent {FEW[0]}, mostly at ")
    assert [walk[-1] for walk in walks] == [last for _, last in sides]
    assert [*dict.fromkeys(walks[1])] == across[1:]
    assert [*dict.fromkeys(walks[3])] == down[1:]
    assert opened == ["detail-title", down[-1].capitalize(), down[-1]]
    assert heard == []


def test_the_arrow_keys_pass_over_dots_that_the_search_does_not_find(partly):
    arrow = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{key: '{}', bubbles: true}}))"
    x = {point[0]: point[1] for point in data_of(partly)["map"] if point[0] in FEW}
    last, *between = sorted((i for i in x if x[i] < x[FEW[0]]), key=x.get)
    assert between
    values, heard = visit(
        partly, TYPE.format(text=str(last)), "document.querySelector('#map [tabindex=\"0\"]').focus()",
        arrow.format("ArrowLeft"), "document.activeElement.getAttribute('aria-label')",
    )  # fmt: skip
    assert (values[-1], heard) == (f"latent {last}", [])


def test_the_game_is_on_the_page_and_sections_without_content_are_hidden(fuller, page):
    hidden = "['map', 'play'].map((id) => document.getElementById(id).hidden)"
    (there, began), _ = visit(fuller, hidden, "document.querySelector('#game button').textContent")
    (absent,), _ = visit(page, hidden)
    assert (there, began, absent) == ([False, False], "Start", [True, True])


def test_columns_and_places_that_fit_nothing_are_refused(sae, latents, tmp_path):
    write = partial(dashboard.write_dashboard, sae, latents, HostileTokenizer(), tmp_path / "x.html", [1])
    with pytest.raises(ValueError, match="columns\\['a'\\] must have a number or a text"):
        write(columns={"a": [1, 2]})
    with pytest.raises(ValueError, match="two numbers for each of the 32 latents"):
        write(positions=np.zeros((3, 2)))
    with pytest.raises(ValueError, match="no latent with two finite numbers"):
        write(positions=np.full((D_SAE, 2), np.nan))


def test_a_latent_without_a_place_is_not_on_the_map(sae, latents, tmp_path):
    positions = np.random.default_rng(0).standard_normal((D_SAE, 2))
    positions[9, 1] = np.nan
    path = dashboard.write_dashboard(
        sae, latents, HostileTokenizer(), tmp_path / "x.html", [1], positions=positions
    )
    assert {row[0] for row in data_of(path)["map"]} == set(range(D_SAE)) - {DEAD, 9}


def test_a_text_of_ones_own_is_lit_up_above_the_dashboard():
    found = TextFeatures([" <b>", " two"], np.array([4, 9]), np.array([[2.0, 0.0], [0.0, 1.0]]), 2)
    box = dashboard._own_text(lambda text: found)
    box.children[0].value = "anything"
    assert "(4)" in box.children[1].value and "&lt;b&gt;" in box.children[1].value
    assert box.children[1].value.index("(4)") < box.children[1].value.index("(9)")
    box.children[0].value = " "
    assert box.children[1].value == ""


# --------------------------------------------------------------------------------------------- folder


def test_a_folder_has_an_index_that_leads_to_every_latent(sae, latents, tmp_path, monkeypatch):
    monkeypatch.setattr(dashboard, "PAGE_LATENTS", 20)
    index = dashboard.write_dashboard(sae, latents, HostileTokenizer(), tmp_path / "folder")
    assert sorted(path.name for path in index.parent.iterdir()) == [
        "index.html",
        "page-0000.html",
        "page-0001.html",
    ]
    assert {row["latent"]: row["page"] for row in data_of(index)["latents"]} == {
        i: f"page-{i // 20:04}.html" for i in range(D_SAE)
    }
    (links, empty), heard = visit(
        index,
        "[...document.querySelectorAll('#rows a')].map((a) => a.getAttribute('href'))",
        "document.getElementById('detail').children.length",
    )
    assert links == [f"page-{i // 20:04}.html#latent-{i}" for i in range(D_SAE)]
    assert (empty, heard) == (0, [])
    (back,), heard = visit(
        index.parent / "page-0001.html", "document.querySelector('header a').getAttribute('href')"
    )
    assert (back, heard) == ("index.html", [])
    # Another with fewer pages replaces all of it; a stranger's file is kept.
    dashboard.write_dashboard(sae, latents, HostileTokenizer(), index.parent, [1])
    assert sorted(path.name for path in index.parent.iterdir()) == ["index.html", "page-0000.html"]
    (index.parent / "notes.txt").touch()
    dashboard.write_dashboard(sae, latents, HostileTokenizer(), index.parent, [1])
    assert (index.parent / "notes.txt").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    with pytest.raises(FileExistsError, match="notes.txt"):
        dashboard.write_dashboard(sae, latents, HostileTokenizer(), tmp_path / "mine", [1])


# ------------------------------------------------------------------------------------------- tokenizers


@pytest.mark.parametrize("kind", ["byte fallback", "BPE always", "Unigram always"])
def test_spaces_of_sentencepiece_are_seen_in_contexts_and_tables(sae, tmp_path, kind):
    """A decoder that strips the first space of what it is given must not glue words together."""
    tokenizer = sentencepiece_like(kind)
    ids = np.array(tokenizer(TEXT, add_special_tokens=False)["input_ids"] * 30)
    rows = np.random.default_rng(0).standard_normal((len(ids), 8)).astype(np.float32)
    read = read_latents(sae, ActivationStore(rows, ids, np.arange(len(ids)) // (len(ids) // 30), {}))
    page = dashboard.write_dashboard(sae, read, tokenizer, tmp_path / "x.html", range(D_SAE))
    latents = [latent for latent in data_of(page)["latents"] if not latent["dead"]]
    for latent in latents:
        for context in latent["top"]:
            assert " ".join("".join(context["tokens"]).split()) in TEXT.replace("  ", " ")
    shown = {
        token for latent in latents for token, _ in latent["tokens"] + latent["previous_tokens"] if token
    }
    begins_a_word = [
        token for token in shown if token.strip() in ("the", "bank", "that", "profits", "fell", "stocks")
    ]
    assert begins_a_word and all(token[0] == " " for token in begins_a_word)
