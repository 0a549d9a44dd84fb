"""The course's first look: the pretrained autoencoder's best latents, and those that a text of one's own turns on.

Nothing is trained. The places where each latent is on ship with the package (`scripts/pretrain/examples.py` found them),
so the page of the best latents needs the texts and the model's tokenizer, and no pass of the model.
"""

from importlib import resources
from pathlib import Path

from sae_tutorial.features.examples import Examples, fingerprint_of, latents_of_text
from sae_tutorial.lab.models import load_offline_model
from sae_tutorial.lab.texts import wikipedia
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.pretrained import pretrained_gallery, pretrained_sae
from sae_tutorial.show.look import write_look


def look(text: str | None, path: str | Path) -> Path:
    """Write the page of the pretrained autoencoder's latents to `path`; of `text`'s own latents too, if it is given.

    Raises:
        ValueError: `text` has nothing to read.
        ConnectionError: the model or the texts are not here yet, and the package index does not answer.
    """
    if text is not None and not text.strip():
        raise ValueError(f"the text is {text!r}: there is nothing to read in it; give a sentence.")
    sae = pretrained_sae()
    examples = shipped_examples(sae)
    texts, model = wikipedia(), load_offline_model("cpu")
    descriptions = {row["latent"]: row["explanation"] for row in pretrained_gallery()["SAE"]}
    return write_look(
        path, examples, model.tokenizer, texts.documents,
        coder=f"{sae.config.d_sae:,} latents of {model.cfg.model_name} at {examples.settings['hook_name']}",
        credit=f"Texts: {texts.credit}", descriptions=descriptions,
        own=None if text is None else latents_of_text(examples, model, sae, text),
    )  # fmt: skip


def shipped_examples(sae: SparseAutoencoder) -> Examples:
    """The examples in the package.

    Raises:
        ValueError: there are none of this autoencoder.
    """
    directory = Path(str(resources.files("sae_tutorial").joinpath("data", "examples")))
    examples = Examples.load(directory) if directory.is_dir() else None
    if examples is None or examples.settings["coder"] != fingerprint_of(sae):
        raise ValueError(
            f"{directory} holds no examples of this autoencoder; make them with scripts/pretrain/examples.py."
        )
    return examples
