"""A dashboard says what the survey found, shows any text as text, and works in a browser without asking for anything."""

import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import visit
from bs4 import BeautifulSoup

import build_course
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.features.latents import FeatureSurvey, logit_effects, survey_features
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig
from sae_tutorial.show import dashboard

# What corpora and vocabularies hold: markup, the ends of elements, entities, quotes, separators that end a line of
# JavaScript, characters that turn the direction of text, and the template's own places.
HOSTILE = [
    "<script>document.title = 'owned'</script>", "</script>", "<!--", "<img src=x onerror=\"document.title='owned'\">",
    "&lt;b&gt;", "&amp;", "\"'`${document.title='owned'}`", "\u2028", "\u2029", "\u202eabc", "{{script}}", "\\u003c",
    "]]>", "\n", "\t", "", " the", "é🙂", "<iframe src=https://example.org>",
]  # fmt: skip
DEAD, D_SAE, N_ROWS = 5, 32, 600


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
def survey(sae, hostile_store) -> FeatureSurvey:
    return survey_features(sae, hostile_store, np.arange(20) % 3)


@pytest.fixture(scope="module")
def page(sae, hostile_store, survey, tmp_path_factory) -> Path:
    return dashboard.write_dashboard(
        sae, hostile_store, HostileTokenizer(), tmp_path_factory.mktemp("page") / "page.html", range(D_SAE),
        survey=survey, class_names=("<u>one</u>", "two", "three"), title="</title><script>document.title='owned'</script>",
    )  # fmt: skip


def data_of(path: Path) -> dict:
    return json.loads(BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").find(id="data").string)


# ------------------------------------------------------------------------------------------- contents


def test_what_it_says_is_what_the_survey_found(page, sae, hostile_store, survey):
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


def test_latents_by_default_are_those_of_middling_density(sae, hostile_store, survey, tmp_path, monkeypatch):
    usage = dataclasses.replace(survey.usage, density=np.where(np.arange(D_SAE) < 4, 0.05, 0.5))
    changed = dataclasses.replace(survey, usage=usage)
    path = dashboard.write_dashboard(
        sae, hostile_store, HostileTokenizer(), tmp_path / "x.html", survey=changed
    )
    assert {row["latent"] for row in data_of(path)["latents"]} == {0, 1, 2, 3}


def test_with_a_model_there_are_logit_tables(gpt2, store, tmp_path):
    sae = SparseAutoencoder(SAEConfig(32, 2, k=6), seed=4)
    path = dashboard.write_dashboard(sae, store, gpt2, tmp_path / "x.html", [3, 9])
    for row in data_of(path)["latents"]:
        raised, lowered = logit_effects(gpt2, sae, row["latent"], dashboard.TABLE_ROWS)
        assert [token for token, _ in row["raised"]] == [token for token, _ in raised]
        assert [effect for _, effect in row["lowered"]] == pytest.approx(
            [effect for _, effect in lowered], rel=6e-3
        )
    only_tokens = dashboard.write_dashboard(sae, store, gpt2.tokenizer, tmp_path / "y.html", [3, 9])
    assert "raised" not in data_of(only_tokens)["latents"][0]


def test_without_labels_there_are_no_topics(sae, hostile_store, tmp_path):
    path = dashboard.write_dashboard(sae, hostile_store, HostileTokenizer(), tmp_path / "x.html", [1])
    assert data_of(path)["topics"] is False


# --------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("latents", "message"),
    [
        ([], "there are no latents to show"),
        ([0, 32], "there is no latent 32; this autoencoder has latents 0 to 31"),
        ([-1], "there is no latent -1"),
        ([4, 2, 4], "latent 4 is named twice"),
    ],
)
def test_latents_that_cannot_be_shown_are_named(sae, hostile_store, survey, tmp_path, latents, message):
    with pytest.raises(ValueError, match=message):
        dashboard.write_dashboard(
            sae, hostile_store, HostileTokenizer(), tmp_path / "x.html", latents, survey=survey
        )
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_another_width_and_a_survey_of_another_store_are_refused(
    sae, hostile_store, store, survey, tmp_path
):
    with pytest.raises(ValueError, match=r"takes \[n, 8\]"):
        dashboard.write_dashboard(sae, store, HostileTokenizer(), tmp_path / "x.html", [1])
    other = dataclasses.replace(survey, n_rows=7)
    with pytest.raises(ValueError, match="the survey is of 32 latents on 7 rows"):
        dashboard.write_dashboard(
            sae, hostile_store, HostileTokenizer(), tmp_path / "x.html", [1], survey=other
        )


def test_a_failed_write_leaves_the_older_page(sae, hostile_store, survey, tmp_path, monkeypatch):
    path = tmp_path / "x.html"
    path.write_text("older")
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        dashboard.write_dashboard(sae, hostile_store, HostileTokenizer(), path, [1], survey=survey)
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
    script = (Path(dashboard.__file__).parents[1] / "data" / "dashboard.js").read_text(encoding="utf-8")
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


def test_this_test_hears_complaints_and_requests(tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text("<!DOCTYPE html><img src='nothing.png'><script>console.error('no'); nothing.here</script>")
    _, heard = visit(bad)
    assert any("nothing.png" in line for line in heard)
    assert any("consoleAPICalled" in line for line in heard)
    assert any("exceptionThrown" in line for line in heard)


# --------------------------------------------------------------------------------------------- folder


def test_a_folder_has_an_index_that_leads_to_every_latent(sae, hostile_store, survey, tmp_path, monkeypatch):
    monkeypatch.setattr(dashboard, "PAGE_LATENTS", 20)
    index = dashboard.write_dashboard_folder(
        sae, hostile_store, HostileTokenizer(), tmp_path / "folder", survey=survey
    )
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
    dashboard.write_dashboard_folder(sae, hostile_store, HostileTokenizer(), index.parent, [1], survey=survey)
    assert sorted(path.name for path in index.parent.iterdir()) == ["index.html", "page-0000.html"]
    (index.parent / "notes.txt").touch()
    dashboard.write_dashboard_folder(sae, hostile_store, HostileTokenizer(), index.parent, [1], survey=survey)
    assert (index.parent / "notes.txt").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    with pytest.raises(FileExistsError, match="notes.txt"):
        dashboard.write_dashboard_folder(
            sae, hostile_store, HostileTokenizer(), tmp_path / "mine", [1], survey=survey
        )
