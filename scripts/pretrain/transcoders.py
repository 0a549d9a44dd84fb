"""Train the pretrained transcoders of notebook 11: one for each of some MLPs of the offline lab's model.

    python scripts/pretrain/transcoders.py CACHE collect      what the MLPs read and write, on a twentieth of the texts
    python scripts/pretrain/transcoders.py CACHE train 13     a layer or several; a run that was stopped goes on
    python scripts/pretrain/transcoders.py CACHE ship         into the package, float16, each with its card
    python scripts/pretrain/transcoders.py CACHE measure      and what the model loses with each, on the cards

The layers are those whose MLP, swapped between two prompts that differ in a country, an opposite or a number, moved the
answer most: 0 and 13 where the subject is read, 21, 23 and 24 where the answer comes forth.
"""

import argparse
from pathlib import Path

import torch
from card import LOSS_TEXTS, PACKAGED, lab_texts
from collect import CONTEXT, PIECES_PER_SHARD, model_in_bfloat16
from jaxtyping import Float
from texts import make_texts
from torch import Tensor

from sae_tutorial import storage
from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.activations.store import STORE_FILE, ActivationStore
from sae_tutorial.effects.transcoders import mlp_effects, mlp_hooks
from sae_tutorial.lab.models import OFFLINE_MODEL, load_offline_model
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, TrainConfig
from sae_tutorial.sae.controls import linear_map
from sae_tutorial.sae.metrics import evaluate_reconstruction
from sae_tutorial.sae.pretrained import CARD_FILE, TRANSCODERS, pretrained_card, pretrained_transcoders
from sae_tutorial.sae.saved import write_sae
from sae_tutorial.sae.training import train_sae

SHARDS, HELD_OUT_ROWS = 1, 8_192
LOST = f"extra nats in the MLP's place, {LOSS_TEXTS} paragraphs of held-out articles"
EXPANSION, K, ROWS_SEEN = 3, 32, 500_000


def collect(cache: Path) -> None:
    """Make the shards that are not there yet."""
    texts = storage.read_json(make_texts(cache))["texts"]
    names = [name for layer in TRANSCODERS for name in mlp_hooks(layer)]
    for shard in range(SHARDS):
        directory = cache / "mlps" / f"{shard:03}"
        if all((directory / name / STORE_FILE).is_file() for name in names):
            continue
        pieces = texts[shard * PIECES_PER_SHARD : (shard + 1) * PIECES_PER_SHARD]
        collect_activations(model_in_bfloat16(), pieces, names, directory=directory, context_size=CONTEXT)


def rows(cache: Path, layer: int) -> tuple[Float[Tensor, "n d_model"], Float[Tensor, "n d_model"]]:
    """What the MLP of a layer read and wrote, row by row."""
    x, y = (
        torch.cat([ActivationStore.open(cache / "mlps" / f"{shard:03}" / name)[:] for shard in range(SHARDS)])
        for name in mlp_hooks(layer)
    )
    return x, y


def train(cache: Path, layer: int) -> None:
    """Train one transcoder, or go on training, and save it; nothing where that is done."""
    if (cache / "transcoders" / f"layer{layer}").is_dir():
        return
    x, y = rows(cache, layer)
    held_out = x[-HELD_OUT_ROWS:], y[-HELD_OUT_ROWS:]
    x, y = x[:-HELD_OUT_ROWS], y[:-HELD_OUT_ROWS]
    coder = SparseAutoencoder(SAEConfig(x.shape[1], EXPANSION, k=K, d_out=y.shape[1], skip=True))
    coder.metadata = {"model_name": OFFLINE_MODEL} | dict(
        zip(("hook_name", "hook_name_out"), mlp_hooks(layer), strict=True)
    )
    config = TrainConfig(ROWS_SEEN, dead_window=50_000)
    train_sae(coder, x, config, target=y, progress=False, checkpoint_dir=cache / "runs" / f"layer{layer}")
    found = evaluate_reconstruction(coder, held_out[0], target=held_out[1], progress=False)
    coder.save(cache / "transcoders" / f"layer{layer}")
    print(layer, found, flush=True)


def ship(cache: Path) -> None:
    """Put each transcoder into the package, with what it explains of held-out rows on its card."""
    for layer, name in TRANSCODERS.items():
        coder = SparseAutoencoder.load(cache / "transcoders" / f"layer{layer}")
        x, y = rows(cache, layer)
        x, y = x[-HELD_OUT_ROWS:], y[-HELD_OUT_ROWS:]
        found = evaluate_reconstruction(coder, x, target=y, progress=False)
        card = {
            "name": name, "model": OFFLINE_MODEL, "hooks": list(mlp_hooks(layer)), "architecture": "topk, skip",
            "k": K, "d_in": coder.config.d_in, "d_sae": coder.config.d_sae, "rows seen": ROWS_SEEN,
            "texts": "the first shard of those of the pretrained SAE, about a twentieth: see its card; same licences",
            "notes": [f"Rows were collected in bfloat16 with up to {CONTEXT} tokens of context."],
            "held-out rows": {key: round(found[key], 4) for key in ("explained_variance", "l0", "dead_fraction")},
            "made by": "scripts/pretrain/transcoders.py",
        }  # fmt: skip
        print(layer, card, flush=True)
        directory = PACKAGED / name
        directory.mkdir(parents=True, exist_ok=True)
        half = {key: tensor.half() for key, tensor in coder.state_dict().items()}
        write_sae(directory, coder.config, half, coder.metadata)
        with storage.new_file(directory / CARD_FILE) as partial:
            storage.write_json(partial, card)


def measure(cache: Path) -> None:
    """Add to each card what the model loses when the transcoder takes the MLP's place, beside its rivals."""
    texts, held_out = lab_texts()
    loss_texts = [d for d, out in zip(texts.documents, held_out, strict=True) if out and len(d) > 200]
    model = load_offline_model("cpu")
    for layer, coder in pretrained_transcoders().items():
        x, y = rows(cache, layer)
        functions = {
            "the transcoder": lambda x, c=coder: c(x)[0],
            "a linear map": linear_map(x[:-HELD_OUT_ROWS:4], y[:-HELD_OUT_ROWS:4]),
        }
        effects = mlp_effects(model, loss_texts[:LOSS_TEXTS], layer, functions, {"no MLP": torch.zeros_like})
        lost = {key: round(effects.extra_loss(key).value, 4) for key in effects.replaced}
        print(layer, lost, flush=True)
        card = pretrained_card(TRANSCODERS[layer]) | {LOST: lost}
        with storage.new_file(PACKAGED / TRANSCODERS[layer] / CARD_FILE) as partial:
            storage.write_json(partial, card)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("step", choices=("collect", "train", "ship", "measure"))
    parser.add_argument("layers", type=int, nargs="*")
    arguments = parser.parse_args()
    if arguments.step == "train":
        for layer in arguments.layers or TRANSCODERS:
            train(arguments.cache, layer)
    else:
        {"collect": collect, "ship": ship, "measure": measure}[arguments.step](arguments.cache)
