"""Watching the stream for names of countries: what a monitor is judged at, what it catches and what it costs.

A name may have several pieces. It is judged as a whole: an alarm at any of them catches it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csc_array
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.features.concepts import label_tokens
from sae_tutorial.features.intervals import Interval, document_draws
from sae_tutorial.features.latents import read_latents
from sae_tutorial.sae.coder import SparseAutoencoder


class Watched(NamedTuple):
    """What a monitor reads in some texts, and what it is judged at: every name, and every token outside names.

    Attributes:
        x: what passed the hook, at each token.
        units: the latents' activations, at each token.
        labels: whether the token belongs to a name.
        token_ids: the tokens.
        starts: where each name begins, and each token outside names.
        is_name: whether it is a name that begins there.
        documents: the text in which it begins.
    """

    x: Float[np.ndarray, "tokens d_in"]
    units: csc_array
    labels: Bool[np.ndarray, " tokens"]
    token_ids: Int[np.ndarray, " tokens"]
    starts: Int[np.ndarray, " judged"]
    is_name: Bool[np.ndarray, " judged"]
    documents: Int[np.ndarray, " judged"]

    def highest(self, scores: Float[np.ndarray, " tokens"]) -> Float[np.ndarray, " judged"]:
        """For every name the highest score of its pieces, for every token outside names its own."""
        return np.maximum.reduceat(scores, self.starts)


def judged_rows(store: ActivationStore, units: csc_array, labels: Bool[np.ndarray, " tokens"]) -> Watched:
    """The tokens of `store`, and what a monitor is judged at there.

    Args:
        store: what passed the hook.
        units: what the latents read there.
        labels: whether a token belongs to a name.
    """
    documents = store.document_ids
    goes_on = labels[1:] & labels[:-1] & (documents[1:] == documents[:-1])
    starts = np.flatnonzero(np.append(True, ~goes_on))
    x = store[:].float().numpy()
    return Watched(x, csc_array(units), labels, store.token_ids, starts, labels[starts], documents[starts])


def watched_rows(
    model: TransformerBridge,
    sae: SparseAutoencoder,
    hook_name: str,
    texts: Sequence[str],
    pattern: str,
    **settings: Any,
) -> Watched:
    """`judged_rows` of `texts`, where what `pattern` matches is a name.

    `settings` are those of `collect_activations`, among them the directory.
    """
    store = collect_activations(model, texts, hook_name, **settings)
    labels = label_tokens(model.tokenizer, texts, store, pattern)
    return judged_rows(store, read_latents(sae, store).matrix, labels)


def share_of(
    values: Float[np.ndarray, " rows"] | Bool[np.ndarray, " rows"],
    rows: Bool[np.ndarray, " rows"],
    documents: Int[np.ndarray, " rows"],
) -> Interval:
    """The mean of `values` over some rows, such as the share of names with an alarm; texts are drawn with replacement.

    A share is given no less than the interval that independent rows would have: none of a few is not none of many.

    Args:
        values: True where there is an alarm; or the difference of two alarms, 1, 0 or -1.
        rows: which rows are counted.
        documents: the text of each row.

    Raises:
        ValueError: no row is counted.
    """
    if not rows.any():
        raise ValueError("a share of no rows is none.")
    found = _ratio(values * rows, rows, documents)
    if np.asarray(values).dtype != bool:
        return found
    return found.widened_to(Interval.of_share(int(values[rows].sum()), int(rows.sum())))


def cost_of(
    alarm: Bool[np.ndarray, " rows"],
    is_name: Bool[np.ndarray, " rows"],
    documents: Int[np.ndarray, " rows"],
    per_miss: float,
    less: Bool[np.ndarray, " rows"] | None = None,
) -> Interval:
    """What misses and false alarms cost, over what a monitor costs that never raises an alarm; texts are drawn.

    Args:
        alarm: where an alarm is raised.
        is_name: where one should be.
        documents: the text of each row.
        per_miss: what a missed name costs, in false alarms.
        less: another monitor's alarms, whose cost is taken off in every draw.
    """
    costs = [np.where(is_name, per_miss * ~one, one) for one in (alarm, less) if one is not None]
    return _ratio(costs[0] - sum(costs[1:]), per_miss * is_name, documents)


def _ratio(
    above: Float[np.ndarray, " rows"] | Bool[np.ndarray, " rows"],
    below: Float[np.ndarray, " rows"] | Bool[np.ndarray, " rows"],
    documents: Int[np.ndarray, " rows"],
) -> Interval:
    """The sum of `above` over the sum of `below`, with draws of texts."""
    _, owner = np.unique(documents, return_inverse=True)
    n = int(owner.max()) + 1
    summed, counted = (np.bincount(owner, part, n) for part in (above, below))
    weights = document_draws(n, 2000)
    return Interval.of_draws(weights @ summed / np.maximum(weights @ counted, 1))
