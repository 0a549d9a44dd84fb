"""What the notebooks share: the lab's activations and its trained autoencoder, each made once.

A notebook opened on its own makes what is missing, with a progress bar; one opened after the others finds it.
"""

import sys
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial import storage
from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.lab.lab import Lab
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import Frozen, SAEConfig, TrainConfig, auxk_recipe
from sae_tutorial.sae.training import train_sae

TEST_FRACTION = 0.15


def lab_activations(lab: Lab) -> tuple[ActivationStore, ActivationStore]:
    """The lab's activations as (train, test) stores that share no document, and no article."""
    directory = lab.artifact("activations")
    with storage.alone(directory):
        if directory.is_dir():
            store = ActivationStore.open(directory)
        else:
            _announce(f"collecting the activations of {len(lab.texts):,} texts")
            store = collect_activations(lab.model, lab.texts, lab.hook_name, directory=directory)
    return store.split_by_document(TEST_FRACTION, groups=lab.groups)


def collected_once(
    lab: Lab, kind: str, texts: Sequence[str], hooks: Sequence[str], *, model: TransformerBridge | None = None
) -> dict[str, ActivationStore]:
    """What passes some hooks on some texts, by hook: collected at the first call, opened at later ones.

    Args:
        lab: its model is used, and its artifacts directory.
        kind: what is collected, as a name for its directory.
        texts: documents.
        hooks: where; one forward pass serves them all.
        model: another model than the lab's.
    """
    directory = lab.artifact(kind, texts=list(texts), hooks=list(hooks))
    with storage.alone(directory):
        # The folder itself is there from a collection's first moment; each hook's is put in place when it is whole.
        if not all((directory / hook).is_dir() for hook in hooks):
            collect_activations(model or lab.model, texts, list(hooks), directory=directory)
    return {hook: ActivationStore.open(directory / hook) for hook in hooks}


class JudgeTexts(NamedTuple):
    """Paragraphs of a lab, some to choose on and some to judge on.

    Attributes:
        texts: the paragraphs.
        article: for each, the article that it is from.
        unseen: for each, whether an SAE did not see its article in training; these judge.
    """

    texts: list[str]
    article: Int[np.ndarray, " texts"]
    unseen: Bool[np.ndarray, " texts"]


def judge_texts(lab: Lab, unseen_articles: Collection[int], n_each: int = 6) -> JudgeTexts:
    """A quarter as many paragraphs as the lab has, from articles that an SAE saw, and the first of those that it did not.

    Args:
        lab: its texts, with the article of each.
        unseen_articles: numbers of the articles that were held out when the SAE trained.
        n_each: paragraphs of each unseen article.
    """
    article = np.asarray(lab.groups)
    unseen = np.isin(article, list(unseen_articles))
    to_choose = np.flatnonzero(~unseen)[: len(lab.texts) // 4]
    to_judge = [np.flatnonzero(article == one)[:n_each] for one in np.unique(article[unseen])]
    chosen = np.sort(np.concatenate([to_choose, *to_judge]))
    return JudgeTexts([lab.texts[i] for i in chosen], article[chosen], unseen[chosen])


def lab_sae_config(lab: Lab) -> SAEConfig:
    """The course's main autoencoder: TopK, eight latents per dimension, 32 on at a time."""
    return SAEConfig(lab.d_in)


def lab_train_config(lab: Lab) -> TrainConfig:
    """How the course's main autoencoder is trained: by the package's defaults, as the pretrained one was."""
    return TrainConfig(lab.budget.train_tokens)


def lab_sae(lab: Lab) -> SparseAutoencoder:
    """The course's main autoencoder, trained on the lab's training documents."""
    config, training = lab_sae_config(lab), lab_train_config(lab)
    directory = lab.artifact("sae", config=config, training=training)
    with storage.alone(directory):
        if not directory.is_dir():
            _announce(f"training an autoencoder on {training.total_tokens:,} tokens")
            sae = SparseAutoencoder(config).to(lab.device)
            train_sae(sae, lab_activations(lab)[0], training)
            sae.save(directory)
    return SparseAutoencoder.load(directory).to(lab.device)


def short_sae(lab: Lab, rows: ActivationStore, tokens: int, frozen: Frozen = "nothing") -> SparseAutoencoder:
    """An autoencoder of collected rows in seconds, as wide as the pretrained one, giant rows left out.

    Args:
        lab: its device is used, and no more tokens than its budget has.
        rows: what is read.
        tokens: rows seen in training, some of them several times.
        frozen: "soft decoder" for the control whose directions stay near their random start.
    """
    sae = SparseAutoencoder(SAEConfig(rows.shape[1], expansion_factor=4)).to(lab.device)
    tokens = min(tokens, lab.budget.train_tokens)
    recipe = auxk_recipe(tokens, norm_limit=10.0, dead_window=30_000, frozen=frozen)
    train_sae(sae, rows, recipe, progress=False)
    return sae


def _announce(work: str) -> None:
    print(f"{work}; kept in artifacts/ for the next notebook", file=sys.stderr)
