"""`show_source` shows exactly the source that runs."""

import inspect
import textwrap

import pytest

from sae_tutorial.sae import coder as sae
from sae_tutorial.sae import dead_latents
from sae_tutorial.show.source import show_source


@pytest.mark.parametrize(
    "item",
    [
        dead_latents.auxk_loss,
        sae.SparseAutoencoder.encode,
        sae.SparseAutoencoder.active_pairs,  # wrapped by inference_mode
        sae.SparseAutoencoder.load,  # a class method
        sae.SAEConfig,
    ],
)
def test_the_exact_source_of_functions_methods_and_classes(item):
    shown = show_source(item).data
    assert shown == f"```python\n{textwrap.dedent(inspect.getsource(item)).rstrip()}\n```"
    name = item.__name__
    assert f"def {name}(" in shown or f"class {name}:" in shown


def test_a_method_is_dedented_and_decorators_are_kept():
    shown = show_source(sae.SparseAutoencoder.active_pairs).data
    assert shown.startswith("```python\n@torch.no_grad()\ndef active_pairs(self")


def test_a_property_shows_its_function():
    assert "def d_sae(self) -> int:" in show_source(sae.SAEConfig.d_sae).data


def test_several_objects_follow_one_another():
    shown = show_source(dead_latents.auxk_loss, sae.SparseAutoencoder.decode).data
    assert shown.count("```") == 2
    assert shown.index("def auxk_loss") < shown.index("\n\ndef decode")


@pytest.mark.parametrize("item", [len, dict, 3, "text", None])
def test_what_has_no_python_source_is_refused(item):
    with pytest.raises(
        TypeError, match="show_source needs a function, method or class written in Python, got"
    ):
        show_source(item)
