"""What a latent responds to: how often it is on, where it is on most, and what its token statistics say.

Everything here starts from one streaming pass over a store; nothing looks at a latent by eye.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.activations import ActivationStore, text_activations, token_strings
from sae_tutorial.metrics import check_width, encode_in_batches
from sae_tutorial.sae import SparseAutoencoder

MIN_ACTIVE = 50


@dataclass(frozen=True)
class FeatureUsage:
    """How each latent is used over a set of rows.

    Attributes:
        density: [d_sae], share of rows on which the latent is on.
        mean_activation: [d_sae], mean over the rows on which it is on; 0 for a dead latent.
        max_activation: [d_sae].
        top_values: [d_sae, n], its n largest activations, descending; 0 where it was on fewer times.
        top_rows: [d_sae, n], the rows of those; -1 where `top_values` is 0.
    """

    density: Float[np.ndarray, " d_sae"]
    mean_activation: Float[np.ndarray, " d_sae"]
    max_activation: Float[np.ndarray, " d_sae"]
    top_values: Float[np.ndarray, "d_sae n"]
    top_rows: Int[np.ndarray, "d_sae n"]

    @property
    def dead(self) -> np.ndarray:
        """True for latents that are off on every row."""
        return self.density == 0


def analyze_feature_usage(
    sae: SparseAutoencoder, activations: ActivationStore | Float[Tensor, "n d_in"], top_n: int = 20
) -> FeatureUsage:
    """One pass over `activations`: density, mean and largest activations of every latent.

    Memory does not grow with the number of rows.
    """
    check_width(sae, activations)
    d_sae = sae.config.d_sae
    counts, sums = torch.zeros(d_sae, dtype=torch.float64), torch.zeros(d_sae, dtype=torch.float64)
    top_values, top_rows = torch.zeros(d_sae, top_n), torch.full((d_sae, top_n), -1)
    first_row = 0
    for x, pairs in encode_in_batches(sae, activations, "analysing usage"):
        f = pairs.to_dense(d_sae).cpu()
        counts += (f > 0).sum(0)
        sums += f.sum(0, dtype=torch.float64)
        best = f.T.topk(min(top_n, len(x)), dim=1)
        values = torch.cat([top_values, best.values], dim=1)
        rows = torch.cat([top_rows, best.indices + first_row], dim=1)
        merged = values.topk(top_n, dim=1)
        top_values, top_rows = merged.values, rows.gather(1, merged.indices)
        first_row += len(x)
    return FeatureUsage(
        density=(counts / first_row).numpy(),
        mean_activation=(sums / counts.clamp(min=1)).numpy(),
        max_activation=top_values[:, 0].numpy(),
        top_values=top_values.numpy(),
        top_rows=torch.where(top_values > 0, top_rows, -1).numpy(),
    )


def find_top_features(
    usage: FeatureUsage, n: int = 10, lowest_density: float = 0.001, highest_density: float = 0.1
) -> Int[np.ndarray, " n"]:
    """The n latents of middling density with the strongest mean activation, strongest first.

    Latents that are nearly always on or nearly never say little about a text.
    """
    middling = (usage.density >= lowest_density) & (usage.density <= highest_density)
    order = np.argsort(-np.where(middling, usage.mean_activation, -1.0), kind="stable")
    return order[: min(n, int(middling.sum()))]


@dataclass(frozen=True)
class TextFeatures:
    """The latents that a text turns on.

    Attributes:
        tokens: the text's tokens as strings, BOS left out.
        latents: the latents shown, strongest first.
        activations: [tokens, latents], their activations.
        n_active: how many latents are on anywhere in the text.
    """

    tokens: list[str]
    latents: Int[np.ndarray, " latents"]
    activations: Float[np.ndarray, "tokens latents"]
    n_active: int


def find_activating_features_for_text(
    model: TransformerBridge,
    sae: SparseAutoencoder,
    text: str,
    hook_name: str,
    top_k: int = 10,
    ignore: Sequence[int] = (),
) -> TextFeatures:
    """The `top_k` latents with the largest activation anywhere in `text`.

    Args:
        model: the language model.
        sae: trained on `hook_name` of that model.
        text: any text that is not empty.
        hook_name: where the activations are read.
        top_k: how many latents, at most.
        ignore: latents to leave out, such as those that are on nearly everywhere.
    """
    token_ids, x = text_activations(model, text, hook_name)
    with torch.no_grad():
        f = sae.encode(x.to(sae.b_dec.device)).cpu()
    n_active = int((f > 0).any(0).sum())
    f[:, list(ignore)] = 0
    strongest = f.max(0).values.topk(min(top_k, f.shape[1]))
    latents = strongest.indices[strongest.values > 0].numpy()
    return TextFeatures(token_strings(model.tokenizer, token_ids), latents, f[:, latents].numpy(), n_active)


def analyze_feature_activations(
    model: TransformerBridge,
    sae: SparseAutoencoder,
    texts: Sequence[str],
    hook_name: str,
    top_k: int = 10,
    ignore: Sequence[int] = (),
) -> list[tuple[Int[np.ndarray, " latents"], Float[np.ndarray, " latents"]]]:
    """For each text, at most `top_k` latents with the largest mean activation over its tokens, and those means.

    Latents in `ignore` are left out, and so are latents that are off on the whole text.
    """
    results = []
    for text in texts:
        _, x = text_activations(model, text, hook_name)
        with torch.no_grad():
            means = sae.encode(x.to(sae.b_dec.device)).mean(0).cpu()
        means[list(ignore)] = 0
        strongest = means.topk(min(top_k, len(means)))
        on = strongest.values > 0
        results.append((strongest.indices[on].numpy(), strongest.values[on].numpy()))
    return results


@dataclass(frozen=True)
class Context:
    """A stretch of text around one token, with a latent's activation at each token."""

    tokens: list[str]
    activations: Float[np.ndarray, " tokens"]
    centre: int
    document: int


def top_contexts(
    tokenizer: Any,
    sae: SparseAutoencoder,
    store: ActivationStore,
    usage: FeatureUsage,
    latent: int,
    n: int = 5,
    width: int = 8,
) -> list[Context]:
    """The contexts of a latent's largest activations, at most one per document and no two with the same tokens.

    There are fewer than `n` if the rows in `usage.top_rows` have no more. `usage` must come from `analyze_feature_usage(sae, store)`. `width` is the number of tokens on each side.
    """
    contexts: list[Context] = []
    for row in usage.top_rows[latent]:
        document = int(store.document_ids[row])
        if row < 0 or len(contexts) == n:
            break
        if any(context.document == document for context in contexts):
            continue
        first, last = max(0, row - width), min(len(store), row + width + 1)
        rows = np.arange(first, last)
        rows = rows[store.document_ids[rows] == document]
        tokens = token_strings(tokenizer, store.token_ids[rows])
        if any(context.tokens == tokens for context in contexts):  # texts made from one template repeat
            continue
        with torch.inference_mode():
            f = sae.encode(store[rows].to(sae.b_dec.device))[:, latent].cpu().numpy()
        contexts.append(Context(tokens, f, int(row - rows[0]), document))
    return contexts


@dataclass(frozen=True)
class TokenStatistics:
    """Where a latent's energy goes, latent by latent: every share is of the sum of its squared activations.

    The square is what a latent adds to the squared norm of the reconstruction, so faint activations count little.

    Attributes:
        token: the token id with the largest share, and `token_share` that share.
        previous: the preceding token with the largest share, and `previous_share` that share.
        topic: the class with the largest share after weighting classes equally, and `topic_share` that share.
        early_share: share at the first two tokens of a document.
        n_active: rows on which the latent is on.
    """

    token: Int[np.ndarray, " d_sae"]
    token_share: Float[np.ndarray, " d_sae"]
    previous: Int[np.ndarray, " d_sae"]
    previous_share: Float[np.ndarray, " d_sae"]
    topic: Int[np.ndarray, " d_sae"]
    topic_share: Float[np.ndarray, " d_sae"]
    early_share: Float[np.ndarray, " d_sae"]
    n_active: Int[np.ndarray, " d_sae"]


def token_statistics(
    sae: SparseAutoencoder, store: ActivationStore, labels: Int[np.ndarray, " documents"]
) -> TokenStatistics:
    """Where each latent's energy goes: tokens, preceding tokens, topics, positions.

    Args:
        sae: the autoencoder whose latents are described.
        store: the activations they are described on.
        labels: the class of every document id in the store.

    Raises:
        ValueError: a document has no label.
    """
    labels = np.asarray(labels)
    if len(labels) <= store.document_ids.max():
        raise ValueError(
            f"labels has {len(labels)} entries, but the store has document {store.document_ids.max()}."
        )
    rows, latents, values = _all_pairs(sae, store)
    energy = values.astype(np.float64) ** 2
    d_sae = sae.config.d_sae
    tokens = np.asarray(store.token_ids)
    positions = store.positions()
    previous = np.where(positions > 1, np.roll(tokens, 1), -1)
    topics = labels[store.document_ids]
    topic_rows = np.bincount(topics)
    totals = np.maximum(np.bincount(latents, energy, d_sae), 1e-12)
    token, token_share = _largest_share(latents, tokens[rows], energy, totals)
    before, before_share = _largest_share(latents, previous[rows], energy, totals)
    weighted = energy / topic_rows[topics[rows]]  # a class with more rows must not win by that
    topic, topic_share = _largest_share(
        latents, topics[rows], weighted, np.maximum(np.bincount(latents, weighted, d_sae), 1e-12)
    )
    early = np.bincount(latents, energy * (positions[rows] <= 2), d_sae) / totals
    return TokenStatistics(
        token,
        token_share,
        before,
        before_share,
        topic,
        topic_share,
        early,
        np.bincount(latents, minlength=d_sae),
    )


def feature_kinds(usage: FeatureUsage, statistics: TokenStatistics) -> dict[str, Int[np.ndarray, " latents"]]:
    """Latents of some kinds that can be told from statistics alone, the clearest first; a latent has at most one.

        dense              on for more than 10% of rows
        start of text      over half of its energy on the first two tokens
        one token          over 80% of its energy on one token
        after one token    over 60% on tokens that follow one particular token
        topic              over 80% in one class of texts, and no token has more than 30%

    Both arguments must come from the same store. Latents that are on fewer than 50 times are left out.
    """
    seen = statistics.n_active >= MIN_ACTIVE
    scores = {
        "dense": np.where(usage.density > 0.1, usage.density, 0),
        "start of text": np.where(statistics.early_share > 0.5, statistics.early_share, 0),
        "one token": np.where(statistics.token_share > 0.8, statistics.token_share, 0),
        "after one token": np.where(
            (statistics.previous_share > 0.6) & (statistics.previous >= 0), statistics.previous_share, 0
        ),
        "topic": np.where(
            (statistics.topic_share > 0.8) & (statistics.token_share < 0.3), statistics.topic_share, 0
        ),
    }
    kinds, free = {}, seen.copy()
    for kind, score in scores.items():
        latents = np.flatnonzero((score > 0) & free)
        # Among equally clear latents the more frequent ones are the better evidence.
        kinds[kind] = latents[np.lexsort((-statistics.n_active[latents], -score[latents].round(2)))]
        free[latents] = False
    return kinds


def logit_effects(
    model: TransformerBridge, sae: SparseAutoencoder, latent: int, n: int = 8
) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """The tokens whose logits a latent's direction raises and lowers most by the direct path, W_dec[latent] · W_U.

    Each entry is a token and its effect per unit of activation, minus the mean over the vocabulary. Later layers
    and the division by the norm are left out; the final normalisation's gain is kept (Elhage et al. 2021, "direct
    path").
    """
    with torch.inference_mode():
        effects = (sae.W_dec[latent].to(model.W_U.device) * model.ln_final.weight) @ model.W_U
    effects = (effects - effects.mean()).cpu()
    most, least = effects.topk(n), (-effects).topk(n)

    def named(indices: Tensor) -> list[tuple[str, float]]:
        return [(model.tokenizer.decode([int(i)]), float(effects[i])) for i in indices]

    return named(most.indices), named(least.indices)


def _all_pairs(sae: SparseAutoencoder, store: ActivationStore) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All active (row, latent, value) triples of a store."""
    parts, first_row = [], 0
    for x, pairs in encode_in_batches(sae, store, "encoding"):
        on = pairs.values > 0
        rows = (pairs.positions[on] + first_row).int()
        parts.append(
            (rows.cpu().numpy(), pairs.latents[on].int().cpu().numpy(), pairs.values[on].cpu().numpy())
        )
        first_row += len(x)
    rows, latents, values = zip(*parts, strict=True)
    return np.concatenate(rows), np.concatenate(latents), np.concatenate(values)


def _largest_share(
    latents: np.ndarray, keys: np.ndarray, values: np.ndarray, totals: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each latent the key (a token, a class) with the largest summed value, and its share of the total."""
    span = int(keys.max(initial=0)) + 2  # keys start at -1
    pair, where = np.unique(latents.astype(np.int64) * span + keys + 1, return_inverse=True)
    sums = np.bincount(where, values)
    owner = pair // span
    order = np.lexsort((-sums, owner))
    first = order[np.unique(owner[order], return_index=True)[1]]
    best_key, share = np.full(len(totals), -1), np.zeros(len(totals))
    best_key[owner[first]] = pair[first] % span - 1
    share[owner[first]] = sums[first] / totals[owner[first]]
    return best_key, share
