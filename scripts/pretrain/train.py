"""Train the pretrained SAE, and the control whose decoder rows stay near their random start, on the joined rows.

    python scripts/pretrain/train.py CACHE                            the SAE
    python scripts/pretrain/train.py CACHE --frozen "soft decoder"    the control: same start, rows, dose and width
    python scripts/pretrain/train.py CACHE --rows 1000000 ...         either at a smaller dose, into a folder of its own

A run that was stopped goes on where it was when the same line is given again, and ends with the same bits.
"""

import argparse
from pathlib import Path

from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import SAEConfig, TrainConfig
from sae_tutorial.sae.metrics import evaluate_reconstruction
from sae_tutorial.sae.training import train_sae

HOOK = "blocks.16.hook_resid_post"
ROWS_SEEN, EXPANSION, K = 20_000_000, 4, 32
# A row of the attention sinks' kind is a hundred times longer than the others and takes most of the squared error.
NORM_LIMIT = 10.0


def split(cache: Path, hook: str = HOOK) -> tuple[ActivationStore, ActivationStore]:
    """Rows to train on, and one piece of text in a hundred to validate on."""
    return ActivationStore.open(cache / "rows" / hook).split_by_document(test_fraction=0.01)


def training_config(frozen: str, rows_seen: int = ROWS_SEEN) -> TrainConfig:
    """The course's recipe, with a window for dead latents that suits millions of rows."""
    return TrainConfig(rows_seen, dead_window=100_000, norm_limit=NORM_LIMIT, frozen=frozen)


def train(cache: Path, frozen: str, rows_seen: int = ROWS_SEEN) -> Path:
    """Train, or go on training, and save to `cache`/coders/<what is frozen>; returns that directory."""
    name = frozen.replace(" ", "-") + ("" if rows_seen == ROWS_SEEN else f"-{rows_seen}")
    training_rows, validation = split(cache)
    sae = SparseAutoencoder(SAEConfig(training_rows.shape[1], EXPANSION, k=K))
    config = training_config(frozen, rows_seen)
    history = train_sae(
        sae, training_rows, config, validation=validation, checkpoint_dir=cache / "runs" / name
    )
    print(history.last(), evaluate_reconstruction(sae, validation), flush=True)
    sae.save(cache / "coders" / name)
    return cache / "coders" / name


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--frozen", default="nothing", choices=("nothing", "decoder", "soft decoder"))
    parser.add_argument("--rows", type=int, default=ROWS_SEEN)
    arguments = parser.parse_args()
    train(arguments.cache, arguments.frozen, arguments.rows)
