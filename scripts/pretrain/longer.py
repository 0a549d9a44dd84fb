"""What ten times as many steps change among four architectures and a control: the runs behind the table that notebook 08 ships.

    python scripts/pretrain/longer.py DIRECTORY

Rows, recipe, thermostat and judging documents are those of notebook 08, in its lab at the budget quick; a run reads ten
times as many rows, in some four minutes of one core. The SAEs stay in DIRECTORY, and those that are there are not trained
again. The last step writes `sae_tutorial/data/longer_runs.json`.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

import sae_tutorial
from sae_tutorial import storage
from sae_tutorial.course.artifacts import collected_once
from sae_tutorial.effects.loss import Effects, replacement_effects
from sae_tutorial.lab.lab import Lab, open_lab
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, TrainConfig
from sae_tutorial.sae.metrics import evaluate_reconstruction
from sae_tutorial.sae.runs import History
from sae_tutorial.sae.training import train_sae

HOOK, MLP_HOOK = "blocks.16.hook_resid_post", "blocks.16.hook_mlp_out"
COLLECTED, TEXTS, TARGET, JUDGES = 500, 350, 32, 20  # texts in the store, and the first of them that are used
L1 = {"architecture": "relu", "l1_coefficient": 1.6e-3}  # the best of six first prices in short runs
RUNS: dict[
    str, tuple[dict[str, object], dict[str, object]]
] = {  # what is set in the SAE, and in its training
    "L1": (L1, {}),
    "L1, rate 3e-3": (L1, {"learning_rate": 3e-3}),
    "TopK": ({"architecture": "topk"}, {}),
    "BatchTopK": ({"architecture": "batchtopk"}, {}),
    "JumpReLU": ({"architecture": "jumprelu"}, {}),
    "TopK, soft-frozen": ({"architecture": "topk"}, {"frozen": "soft decoder"}),
}
EXACT = [name for name in RUNS if name.startswith("TopK")]  # these have as many latents on as they are told
Rows = Float[Tensor, "rows d_in"]


class Material(NamedTuple):
    """What notebook 08 trains and judges on: ordinary rows, documents for the loss, and the length from which a row is a giant."""

    train: Rows
    test: Rows
    judges: list[str]
    limit: float


def material(lab: Lab) -> Material:
    """The rows and documents of notebook 08, from the store that it shares with 07 and 13."""
    texts = lab.texts[:TEXTS]
    both = collected_once(lab, "stream-and-mlp", lab.texts[:COLLECTED], [HOOK, MLP_HOOK])
    stores = both[HOOK].first_documents(TEXTS).split_by_document(0.15, groups=lab.groups[:TEXTS])
    limit = 10 * float(stores[0][:].float().norm(dim=1).median())
    train, test = (x[x.norm(dim=1) < limit] for x in (store[:].float() for store in stores))
    unseen = [texts[i] for i in np.unique(stores[1].document_ids)]
    judges = [text for text in unseen if len(lab.tokenizer.encode(text)) > 8][:JUDGES]
    return Material(train, test, judges, limit)


def thermostat(sae: SparseAutoencoder, target: int = TARGET) -> Callable[[History], None]:
    """Notebook 08's: raises the price of an L1 run while more latents than `target` are on, and lowers it while fewer are."""

    def turn(history: History) -> None:
        factor = (history.l0[-1] / target) ** 0.15
        sae.config = replace(sae.config, l1_coefficient=factor * sae.config.l1_coefficient)

    return turn


def recipe(lab: Lab, **changes: object) -> TrainConfig:
    """Notebook 08's, with ten times the rows."""
    return TrainConfig(30 * lab.budget.sweep_tokens, batch_size=512, **changes)


def trained(name: str, lab: Lab, train: Rows, directory: Path) -> SparseAutoencoder:
    """The SAE of an architecture after ten times notebook 08's rows: read from `directory` if it is there."""
    if not (directory / name).is_dir():
        settings, training = RUNS[name]
        sae = SparseAutoencoder(SAEConfig(lab.d_in, 2, **settings))
        train_sae(sae, train, recipe(lab, **training), on_log=thermostat(sae) if sae.config.has_l1 else None)
        sae.save(directory / name)
    return SparseAutoencoder.load(directory / name)


def with_k(sae: SparseAutoencoder, k: int) -> SparseAutoencoder:
    """The same weights, with k latents on at each row."""
    told = SparseAutoencoder(replace(sae.config, k=k))
    told.load_state_dict(sae.state_dict())
    return told


@torch.inference_mode()
def stretch(sae: SparseAutoencoder, x: Rows) -> float:
    """The factor on all reconstructions that brings them nearest to the rows: above 1 where they are too short."""
    x_hat = sae(x)[0] - sae.b_dec
    return float(((x - sae.b_dec) * x_hat).sum() / x_hat.pow(2).sum())


def extra_nats(
    lab: Lab, saes: Mapping[str, SparseAutoencoder], limit: float, documents: list[str]
) -> Effects:
    """What the language model loses with each reconstruction in place of the rows; rows longer than `limit` stay."""

    def keeping_giants(sae: SparseAutoencoder) -> Callable[[Tensor], Tensor]:
        return torch.inference_mode()(
            lambda x: torch.where(
                x.norm(dim=-1, keepdim=True) >= limit, x, sae(x.flatten(0, -2))[0].view_as(x)
            )
        )

    return replacement_effects(
        lab.model, documents, HOOK, {n: keeping_giants(sae) for n, sae in saes.items()}
    )


def measure(directory: Path) -> list[dict[str, str]]:
    """Train what is not there yet, and return one row for each architecture."""
    lab = open_lab("offline", texts="wikipedia")
    train, test, judges, limit = material(lab)
    saes = {name: trained(name, lab, train, directory) for name in RUNS}
    found = {name: evaluate_reconstruction(sae, test, progress=False) for name, sae in saes.items()}
    # TopK alone has at unseen rows exactly what it was told: it is told what the others have.
    on = round(np.mean([found[name]["l0"] for name in RUNS if name not in EXACT]))
    for name in EXACT:
        saes[name] = with_k(saes[name], on)
        found[name] = evaluate_reconstruction(saes[name], test, progress=False)
    effects = extra_nats(lab, saes, limit, judges)
    return [
        {
            "architecture": name, "steps": f"{recipe(lab).n_steps:,}", "latents on": f"{found[name]['l0']:.1f}",
            "best stretch": f"{stretch(saes[name], train[:4000]):.2f}",
            "explained variance": f"{found[name]['explained_variance']:.3f}",
            "extra nats": f"{effects.extra_loss(name).value:.2f}",
            "nats saved beside TopK": "0" if name == "TopK" else str(effects.advantage(name, "TopK")),
        }
        for name in RUNS
    ]  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    rows = measure(Path(sys.argv[1]))
    target = Path(sae_tutorial.__file__).parent / "data" / "longer_runs.json"
    with storage.new_file(target) as partial:
        storage.write_json(partial, {"runs": rows})
    print(*rows, sep="\n")
