"""Do descriptions of the best latents predict where they are on? Packets for readers, and their score.

    python scripts/pretrain/gallery.py CACHE PACKETS            write what explainers and judges read
    python scripts/pretrain/gallery.py CACHE PACKETS --score WHO    read their answers, write gallery.json into the package

Latents of the SAE and of the soft-frozen control come under code names in one random order, so that no reader knows
which is which. Explainers get contexts from articles of the training texts (explain.json) and answer with descriptions
(explanations.json: {code name: text}); judges get descriptions and snippets of held-out articles (judge.json, which has
to be merged with them) and answer with a list of true and false for each code name (predictions.json).
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from card import PACKAGED, lab_store, lab_texts

from sae_tutorial import storage
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.features.explanations import Task, detection_task, marked_contexts
from sae_tutorial.features.gallery import Exhibit, gallery
from sae_tutorial.features.latents import Latents, read_latents
from sae_tutorial.lab.models import load_offline_model
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.pretrained import GALLERY_FILE, RESIDUAL_SAE, pretrained_sae

SHOWN, PREDICTS = 50, 0.8


def exhibits(cache: Path, tokenizer: object) -> list[tuple[str, Exhibit, list[tuple[float, str]], Task]]:
    """Of both coders the latents of the gallery, what explainers see of each, and its task."""
    store = lab_store(cache)
    texts, held_out = lab_texts()
    test = held_out[store.document_ids]
    found = []
    coders = {"SAE": pretrained_sae()}
    controls = sorted((cache / "coders").glob("soft-decoder*"))  # the full dose comes first
    coders |= {"control": SparseAutoencoder.load(controls[0])} if controls else {}
    for kind, coder in coders.items():
        best = gallery(read_latents(coder, store), texts.labels, texts.groups, held_out, n=SHOWN)
        seen, unseen = (_latents(coder, store, rows) for rows in (~test, test))
        for exhibit in best:
            contexts = marked_contexts(tokenizer, seen, exhibit.latent)
            found.append((kind, exhibit, contexts, detection_task(tokenizer, unseen, exhibit.latent)))
    order = np.random.default_rng(0).permutation(len(found))
    return [found[i] for i in order]


def _latents(coder: SparseAutoencoder, store: ActivationStore, chosen: np.ndarray) -> Latents:
    keep = np.flatnonzero(chosen)
    rows = ActivationStore(
        store[keep].numpy(), store.token_ids[keep], store.document_ids[keep], store.settings
    )
    return read_latents(coder, rows)


def write_packets(cache: Path, directory: Path) -> None:
    """What explainers and judges read; both without a word about which coder a latent is of."""
    directory.mkdir(parents=True, exist_ok=True)
    found = exhibits(cache, load_offline_model("cpu").tokenizer)
    contexts = {f"L{i:03}": [f"{a:.2f} {text}" for a, text in c] for i, (_, _, c, _) in enumerate(found)}
    snippets = {f"L{i:03}": task.snippets for i, (_, _, _, task) in enumerate(found)}
    for name, packet in (("explain.json", contexts), ("judge.json", snippets)):
        (directory / name).write_text(json.dumps(packet, indent=1, ensure_ascii=False), encoding="utf-8")


def score(cache: Path, directory: Path, readers: str) -> None:
    """Balanced accuracy of every description, and how many of each coder's reach 0.8."""
    explanations = storage.read_json(directory / "explanations.json")
    predictions = storage.read_json(directory / "predictions.json")
    texts, _ = lab_texts()
    rows: dict[str, list[dict[str, object]]] = defaultdict(list)
    for i, (kind, exhibit, _, task) in enumerate(exhibits(cache, load_offline_model("cpu").tokenizer)):
        code = f"L{i:03}"
        rows[kind].append(
            {
                "latent": exhibit.latent, "class": texts.class_names[exhibit.topic],
                "explanation": explanations[code], "score": round(task.score(predictions[code]), 3),
                "specificity": round(exhibit.specificity, 3), "token_share": round(exhibit.token_share, 3),
            }
        )  # fmt: skip
    summary = {
        kind: {"described": len(own), "predict": sum(row["score"] >= PREDICTS for row in own)}
        for kind, own in rows.items()
    }
    print(summary)
    for own in rows.values():
        own.sort(key=lambda row: -row["specificity"])
    with storage.new_file(PACKAGED / RESIDUAL_SAE / GALLERY_FILE) as partial:
        storage.write_json(partial, {"readers": readers, "threshold": PREDICTS, "summary": summary, **rows})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("packets", type=Path)
    parser.add_argument("--score", metavar="READERS", help="who explained and who judged, for the file")
    arguments = parser.parse_args()
    if arguments.score:
        score(arguments.cache, arguments.packets, arguments.score)
    else:
        write_packets(arguments.cache, arguments.packets)
