"""The course's first look: the pretrained autoencoder's best latents, and those that a text of one's own turns on.

Nothing is trained. The places where each latent is on ship with the package, so the page of the best latents needs the
model's tokenizer and the texts, and no pass of the model.
"""

import sys
from importlib import resources
from pathlib import Path

import numpy as np
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.features.examples import Examples, find_examples, fingerprint_of, latents_of_text
from sae_tutorial.features.latents import analyze_feature_usage, read_latents
from sae_tutorial.features.statistics import feature_kinds, token_statistics
from sae_tutorial.lab.lab import artifacts_directory
from sae_tutorial.lab.models import load_offline_model
from sae_tutorial.lab.texts import Texts, wikipedia
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.show.look import write_look

BEST = 50
SAMPLE = (
    200  # paragraphs that are read where no examples of this autoencoder ship with the package: half a minute
)


def look(text: str | None, path: str | Path) -> Path:
    """Write the page of the pretrained autoencoder's latents to `path`; of `text`'s own latents too, if it is given.

    Raises:
        ValueError: `text` has nothing to read.
        ConnectionError: the model or the texts are not here yet, and the package index does not answer.
    """
    from sae_tutorial.sae.pretrained import pretrained_sae

    if text is not None and not text.strip():
        raise ValueError(f"the text is {text!r}: there is nothing to read in it; give a sentence.")
    sae, texts, model = pretrained_sae(), wikipedia(), load_offline_model("cpu")
    examples = shipped_examples(sae) or examples_from_sample(model, sae, texts.first(SAMPLE))
    own = None if text is None else latents_of_text(examples, model, sae, text)
    coder = f"{sae.config.d_sae:,} latents of {model.cfg.model_name} at {examples.settings['hook_name']}"
    documents = texts.documents[: examples.settings["n_texts"]]
    return write_look(
        path, examples, model.tokenizer, documents, coder=coder, credit=f"Texts: {texts.credit}", own=own
    )


def shipped_examples(sae: SparseAutoencoder) -> Examples | None:
    """The examples in the package; None if there are none of this autoencoder."""
    directory = Path(str(resources.files("sae_tutorial").joinpath("data", "examples")))
    if not directory.is_dir():
        return None
    examples = Examples.load(directory)
    return examples if examples.settings["coder"] == fingerprint_of(sae) else None


def examples_from_sample(model: TransformerBridge, sae: SparseAutoencoder, texts: Texts) -> Examples:
    """Examples from a few texts, made once and kept in `artifacts/`."""
    directory = artifacts_directory() / f"examples-{fingerprint_of(sae)}-{len(texts.documents)}"
    if not directory.is_dir():
        print(f"reading {len(texts.documents)} paragraphs, once", file=sys.stderr)
        hook_name = str(sae.metadata["hook_name"])
        store = collect_activations(
            model, texts.documents, hook_name, directory=directory.with_suffix(".store")
        )
        make_examples(model, sae, store, texts).save(directory)
    return Examples.load(directory)


def make_examples(
    model: TransformerBridge, sae: SparseAutoencoder, store: ActivationStore, texts: Texts
) -> Examples:
    """Examples of every latent in `texts`, whose activations `store` holds; the best are those of one class of texts."""
    latents = read_latents(sae, store)
    usage, statistics = analyze_feature_usage(latents), token_statistics(latents, np.asarray(texts.labels))
    best = feature_kinds(usage, statistics)["topic"][:BEST]
    return find_examples(model, sae, latents, texts.documents, best)
