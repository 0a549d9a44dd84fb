"""The glossary names what exists, and every notebook links the first use of its terms to it."""

import copy
import dataclasses
import importlib
import pkgutil
import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import execute_notebooks
import glossary
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("[0-9]*.ipynb"))
ENTRIES = glossary.read_entries(nbformat.read(glossary.GLOSSARY, as_version=4))


def names_in(text: str) -> list[str]:
    return re.findall(r"`([a-z_]+\.[A-Za-z0-9_.]+)`", text)


def resolve(name: str) -> object:
    """The object that `room.Name.attribute` names; a dataclass field without a default counts."""
    room, first, *path = name.split(".")
    package = importlib.import_module(f"sae_tutorial.{room}")
    files = [file.name for file in pkgutil.iter_modules(getattr(package, "__path__", []))]
    modules = [package, *(importlib.import_module(f"sae_tutorial.{room}.{file}") for file in files)]
    item = next((getattr(module, first) for module in modules if hasattr(module, first)), None)
    if item is None:
        raise AttributeError(f"no module of {room} has {first}")
    for part in path:
        if dataclasses.is_dataclass(item) and part in {field.name for field in dataclasses.fields(item)}:
            return part
        item = getattr(item, part)
    return item


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.anchor)
def test_an_entry_is_whole_and_its_code_exists(entry):
    assert entry.meaning and entry.shape and entry.source
    assert names_in(entry.code)
    for name in names_in(entry.code):
        resolve(name)


def test_a_name_that_does_not_exist_is_found():
    for name in ("sae.SparseAutoencoder.decipher", "sea.SAEConfig", "sae.SAEConfig.d_hidden"):
        with pytest.raises((AttributeError, ImportError)):
            resolve(name)


def test_anchors_and_spellings_are_unique():
    anchors = [entry.anchor for entry in ENTRIES]
    spellings = [spelling.lower() for entry in ENTRIES for spelling in entry.spellings]
    assert len(ENTRIES) > 40
    assert len(set(anchors)) == len(anchors)
    assert len(set(spellings)) == len(spellings)


def test_shapes_are_those_of_the_parameters():
    shapes = {entry.anchor: entry.shape.strip("`") for entry in ENTRIES}
    sizes = {"batch": 5, "d_in": 4, "d_sae": 12}
    for name, parameter in SparseAutoencoder(SAEConfig(4, 3, k=1)).named_parameters():
        axes = shapes[name.lower().replace("_", "-")].strip("[]").split(", ")
        assert [sizes[axis] for axis in axes] == list(parameter.shape), name


def test_the_glossary_is_a_clean_notebook():
    nb = nbformat.read(glossary.GLOSSARY, as_version=nbformat.NO_CONVERT)
    nbformat.validate(nb)
    assert nb.metadata == execute_notebooks.METADATA
    assert {cell.cell_type for cell in nb.cells} == {"markdown"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_links_the_first_use_of_its_terms(path):
    nb = nbformat.read(path, as_version=4)
    linked = glossary.link_first_uses(copy.deepcopy(nb), ENTRIES)
    assert nb == linked, "run `scripts/glossary.py notebooks/[0-9]*.ipynb`"
    links = re.findall(r"\(glossary\.ipynb#([^)]+)\)", "\n".join(cell.source for cell in nb.cells))
    assert len(set(links)) == len(links) > 5
    assert set(links) <= {entry.anchor for entry in ENTRIES}


# ---------------------------------------------------------------------------------------- the linking


def entry(anchor: str, *spellings: str) -> glossary.Entry:
    return glossary.Entry(anchor, spellings, "meaning", "—", "`sae.SAEConfig`", "—")


FEW = [entry("latent", "latent"), entry("dead", "dead latent"), entry("x", "$x$"), entry("l0", "L0")]


def linked(*sources: str) -> list[str]:
    nb = new_notebook(cells=[new_markdown_cell(source) for source in sources])
    return [cell.source for cell in glossary.link_first_uses(nb, FEW).cells]


def test_the_first_use_is_linked_and_no_other():
    first, second = linked("Latents are on. A latent.", "The latent and L0.")
    assert first == "[Latents](glossary.ipynb#latent) are on. A latent."
    assert second == "The latent and [L0](glossary.ipynb#l0)."


def test_the_longest_term_counts_and_a_line_break_does_not():
    assert linked("A dead\nlatent is a latent.") == [
        "A [dead\nlatent](glossary.ipynb#dead) is a [latent](glossary.ipynb#latent)."
    ]


def test_a_formula_that_is_a_symbol_is_linked():
    assert linked("Take $x + 1$, then $x$.") == ["Take $x + 1$, then [$x$](glossary.ipynb#x)."]


@pytest.mark.parametrize(
    "source",
    [
        "# The latent",
        "`latent` and ```\nlatent\n```",
        "$$latent$$ in $latent_1$",
        "[a latent](https://example.org) ![latent](x.png)",
        "| a latent | in a table |",
        "<summary>The latent</summary>",
        "**Latent.** bold",
        "dead-latents, superlatent, pre-L0",
    ],
)
def test_what_is_no_plain_prose_stays_as_it_is(source):
    assert linked(source) == [source]


def test_linking_again_changes_nothing_and_an_edit_moves_the_link():
    (once,) = linked("Here a latent, there a latent.")
    assert linked(once) == [once]
    assert linked("L0 first", once.replace("Here", "The latent, here"))[1].startswith("The [latent](gl")


def test_code_cells_are_left_alone():
    nb = new_notebook(cells=[new_code_cell("latent = 1")])
    assert glossary.link_first_uses(nb, FEW).cells[0].source == "latent = 1"


def test_a_broken_row_is_an_error():
    def read(row: str) -> NotebookNode:
        return glossary.read_entries(new_notebook(cells=[new_markdown_cell(row)]))

    assert read('| <a id="a"></a>**A** | means | — | `c` | src |')[0].spellings == ("A",)
    for row in ('| <a id="a"></a>**A** | means | — | src |', '| <a id="a"></a>A | means | — | `c` | src |'):
        with pytest.raises(ValueError, match="row 'a' needs five cells"):
            read(row)
