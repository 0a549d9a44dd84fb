"""How much of a label activations hold: linear probes, and how alike documents of one class are.

A probe reads a label off single activations by a hyperplane. Its accuracy counts only on documents it was not fitted
on, and only against the same probe on shuffled labels.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse import csr_array, sparray
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.features.statistics import document_labels
from sae_tutorial.transformer.tokens import batches_by_length, pad_right, tokenize

RIDGE = 1000.0  # with as many dimensions as rows, a weaker penalty fits noise


@torch.inference_mode()
def activations_of_every_layer(
    model: TransformerBridge,
    texts: Sequence[str],
    *,
    positions: Sequence[int] = (8, 16, 24),
    hooks: Sequence[str] = ("hook_mlp_out",),
) -> tuple[dict[str, Float[np.ndarray, "layers rows d_model"]], Int[np.ndarray, " rows"]]:
    """What passes each of `hooks` of every layer at a few positions of each text, in one forward pass per batch.

    Returns:
        The activations by hook, and the index of the text that each row comes from. Texts too short for the last
        position are left out.

    Raises:
        ValueError: a position that the model does not have.
    """
    context = max(positions) + 1
    if min(positions) < 0 or context > model.cfg.n_ctx:
        raise ValueError(f"positions must lie between 0 and {model.cfg.n_ctx - 1}, got {list(positions)}.")
    token_ids, starts, _ = tokenize(
        model.tokenizer, [text[: 20 * context] for text in texts], context, warn=False
    )
    long_enough = np.flatnonzero(np.diff(starts) == context)
    shape = (model.cfg.n_layers, len(long_enough), len(positions), model.cfg.d_model)
    rows = {name: np.zeros(shape, dtype=np.float32) for name in hooks}
    batch: list[int] = []

    def keep(activation: Tensor, hook: Any, name: str) -> None:  # TransformerLens requires the name `hook`
        layer = int(hook.name.split(".")[1])
        rows[name][layer, batch] = activation[:, list(positions)].float().cpu().numpy()

    watched = [
        (f"blocks.{layer}.{name}", partial(keep, name=name))
        for layer in range(model.cfg.n_layers)
        for name in hooks
    ]
    lengths = np.full(len(long_enough), context)
    for batch in tqdm(batches_by_length(lengths, 1024), desc="every layer", leave=False):
        tokens = pad_right([token_ids[starts[d] : starts[d + 1]] for d in long_enough[batch]])
        model.run_with_hooks(
            tokens.to(model.cfg.device), fwd_hooks=watched, stop_at_layer=model.cfg.n_layers, return_type=None
        )
    by_row = {name: found.reshape(shape[0], -1, shape[-1]) for name, found in rows.items()}
    return by_row, np.repeat(long_enough, len(positions))


def probe_accuracy(
    x: Float[np.ndarray, "rows d_in"],
    documents: Int[np.ndarray, " rows"],
    labels: Int[np.ndarray, " documents"],
    *,
    seed: int = 0,
    shuffle: bool = False,
) -> float:
    """Accuracy of a ridge classifier on the rows of a held-out third of the documents, averaged over the classes.

    Every class counts alike, in the fit as in the score (balanced accuracy): naming the largest class every time scores
    one over the number of classes.

    Args:
        x: activations.
        documents: the document of each row.
        labels: the class of each document.
        seed: which documents are held out, and the shuffle.
        shuffle: give every document another's label: the control.

    Raises:
        ValueError: the labels are no classes of documents; see `document_labels`.
    """
    x, documents = np.asarray(x), np.asarray(documents)
    labels = document_labels(labels, documents)
    generator = np.random.default_rng(seed)
    if shuffle:
        labels = generator.permutation(labels)
    names = generator.permutation(np.unique(documents))
    test = np.isin(documents, names[: len(names) // 3])
    y = labels[documents]
    scaler = StandardScaler().fit(x[~test])
    probe = RidgeClassifier(alpha=RIDGE, class_weight="balanced").fit(scaler.transform(x[~test]), y[~test])
    right = probe.predict(scaler.transform(x[test])) == y[test]
    return float(np.mean([right[y[test] == label].mean() for label in np.unique(y[test])]))


def document_means(
    rows: Float[np.ndarray, "rows width"] | sparray, document_ids: Int[np.ndarray, " rows"], n_documents: int
) -> Float[np.ndarray, "documents width"]:
    """The mean over each document's rows, dense or sparse; zeros for a document without rows."""
    counts = np.maximum(np.bincount(document_ids, minlength=n_documents), 1)
    places = (document_ids, np.arange(len(document_ids)))
    averaging = csr_array((1 / counts[document_ids], places), shape=(n_documents, len(document_ids)))
    means = averaging @ rows
    return means.toarray() if isinstance(means, sparray) else np.asarray(means)


def document_cosines(
    rows: Float[np.ndarray, "rows width"], document_ids: Int[np.ndarray, " rows"], n_documents: int
) -> Float[np.ndarray, "documents documents"]:
    """The cosine of the mean rows of every two documents.

    The mean of all documents is taken away first, so that what is common to all makes no two alike.
    """
    means = document_means(rows, document_ids, n_documents)
    centred = means - means.mean(0)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    return unit @ unit.T
