"""Find the places that `python -m sae_tutorial look` shows: `latent_examples.py [STORE]`.

Run it when the pretrained autoencoder has changed, and commit what it writes to sae_tutorial/data/examples/: numbers, no
text. STORE holds the activations of all Wikipedia paragraphs at the autoencoder's hook; without it they are collected,
which takes a quarter of an hour on two cores.
"""

import sys
from pathlib import Path

from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.course.look import make_examples
from sae_tutorial.lab.lab import artifacts_directory
from sae_tutorial.lab.models import load_offline_model
from sae_tutorial.lab.texts import wikipedia

EXAMPLES = Path(__file__).resolve().parents[1] / "sae_tutorial" / "data" / "examples"


def main(store: str | None = None) -> None:
    """Collect what is missing, find the places of all latents, and write them."""
    from sae_tutorial.sae.pretrained import pretrained_sae

    sae, texts, model = pretrained_sae(), wikipedia(), load_offline_model("cpu")
    hook_name = str(sae.metadata["hook_name"])
    directory = Path(store) if store else artifacts_directory() / f"wikipedia-{hook_name}"
    if not directory.is_dir():
        collect_activations(model, texts.documents, hook_name, directory=directory)
    make_examples(model, sae, ActivationStore.open(directory), texts).save(EXAMPLES)
    print(f"{EXAMPLES}: {sum(path.stat().st_size for path in EXAMPLES.iterdir()) / 1e6:.1f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
