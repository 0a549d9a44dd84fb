"""Find the places that `python -m sae_tutorial look` shows: `python scripts/pretrain/examples.py CACHE`.

Run it when the pretrained SAE has changed, and commit what it writes to sae_tutorial/data/examples/: numbers, no text.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from card import lab_store, lab_texts

from sae_tutorial.features.examples import find_examples
from sae_tutorial.features.gallery import gallery
from sae_tutorial.features.latents import read_latents
from sae_tutorial.lab.models import load_offline_model
from sae_tutorial.lab.texts import wikipedia
from sae_tutorial.sae.pretrained import pretrained_sae

EXAMPLES = Path(__file__).resolve().parents[2] / "sae_tutorial" / "data" / "examples"


def main(cache: Path) -> None:
    """Rank the latents, find the places of all of them, and write them."""
    sae, (some, held_out), store = pretrained_sae(), lab_texts(), lab_store(cache)
    latents = read_latents(sae, store)
    best = [exhibit.latent for exhibit in gallery(latents, some.labels, some.groups, held_out)]
    texts = wikipedia().documents
    # The store has a part of the texts, in their order; a paragraph may be there twice.
    numbered = iter(enumerate(texts))
    of_all = np.array([next(i for i, text in numbered if text == wanted) for wanted in some.documents])
    latents = replace(latents, document_ids=of_all[latents.document_ids])
    find_examples(load_offline_model("cpu"), sae, latents, texts, best).save(EXAMPLES)
    print(f"{EXAMPLES}: {sum(path.stat().st_size for path in EXAMPLES.iterdir()) / 1e6:.1f} MB")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
