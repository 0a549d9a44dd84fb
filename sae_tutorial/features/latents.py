"""What a latent responds to: how often it is on, where it is on most, and what its token statistics say.

Everything here starts from one streaming pass over a store; nothing looks at a latent by eye. `survey_features` is
that pass with all that it can find out. It sees the active (row, latent, value) triples of one batch at a time, and
what it keeps of them (sums, a histogram, the largest and some random rows of every latent) does not grow with the rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.activations.collect import text_activations
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.metrics import BATCH, check_width, encode_in_batches
from sae_tutorial.transformer.tokens import token_strings

MIN_ACTIVE = 50
TABLE_TOKENS = 8  # of a latent's most important tokens, how many a survey keeps
WAITING_PAIRS = 2**18  # sums that wait, at least, before they are merged into the table
# Edges known before the first activation is seen, and the same for every store: four bins to a doubling, over
# activations from 2^-16 to 2^16. What lies outside falls into the first or the last bin.
HISTOGRAM_EDGES = 2.0 ** np.arange(-16, 16.25, 0.25)


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
    usage = UsageSums(sae.config.d_sae, top_n)
    for batch in _active_batches(sae, activations, "analysing usage"):
        usage.add(batch)
    return usage.result()


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

    There are fewer than `n` if the rows in `usage.top_rows` have no more. `usage` must come from
    `analyze_feature_usage(sae, store)`. `width` is the number of tokens on each side.
    """
    rows = distinct_rows(store, usage.top_rows[latent], n, width)
    return contexts_around(tokenizer, sae, store, {latent: rows}, width)[latent]


def distinct_rows(
    store: ActivationStore, rows: Int[np.ndarray, " rows"], n: int, width: int = 8
) -> list[int]:
    """The first n of `rows` that lie in different documents and between different tokens; a row of -1 ends the search."""
    chosen: list[int] = []
    documents: set[int] = set()
    contexts: set[bytes] = set()  # texts made from one template repeat
    for row in rows:
        if row < 0 or len(chosen) == n:
            break
        document, context = (
            int(store.document_ids[row]),
            store.token_ids[_window(store, row, width)].tobytes(),
        )
        if document not in documents and context not in contexts:
            chosen.append(int(row))
            documents.add(document)
            contexts.add(context)
    return chosen


def contexts_around(
    tokenizer: Any,
    sae: SparseAutoencoder,
    store: ActivationStore,
    rows: Mapping[int, Sequence[int]],
    width: int = 8,
) -> dict[int, list[Context]]:
    """For each latent in `rows`, the contexts of the rows given for it, `width` tokens on each side.

    A row that several contexts share is encoded once.
    """
    windows = {(latent, row): _window(store, row, width) for latent in rows for row in rows[latent]}
    needed = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *windows.values()]))
    column = {latent: i for i, latent in enumerate(rows)}
    f = np.zeros((len(needed), len(column)), dtype=np.float32)
    for first in range(0, len(needed), BATCH):
        with torch.inference_mode():
            batch = sae.encode(store[needed[first : first + BATCH]].to(sae.b_dec.device))
        f[first : first + BATCH] = batch[:, list(column)].cpu().numpy()

    def context(latent: int, row: int) -> Context:
        window = windows[latent, row]
        return Context(
            tokens=token_strings(tokenizer, store.token_ids[window]),
            activations=f[np.searchsorted(needed, window), column[latent]],
            centre=int(row - window[0]),
            document=int(store.document_ids[row]),
        )

    return {latent: [context(latent, row) for row in rows[latent]] for latent in rows}


def _window(store: ActivationStore, row: int, width: int) -> Int[np.ndarray, " rows"]:
    """The rows of the same document that are at most `width` away."""
    rows = np.arange(max(0, row - width), min(len(store), row + width + 1))
    return rows[store.document_ids[rows] == store.document_ids[row]]


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
    check_width(sae, store)
    sums = TokenSums(sae.config.d_sae, store, labels)
    for batch in _active_batches(sae, store, "encoding"):
        sums.add(batch)
    return sums.result()


@dataclass(frozen=True)
class FeatureSurvey:
    """All that one pass over a store finds out about every latent.

    Attributes:
        usage: density, mean and largest activations.
        statistics: where the energy goes; without labels, every topic is -1 and its share 0.
        tokens: [d_sae, n], the tokens with the largest shares of a latent's energy, descending, and `token_shares`
            those; -1 and 0 where it was on with fewer tokens.
        previous: the same for the token before, and `previous_shares`; -1 also stands for the start of a document.
        histogram: [d_sae, bins], rows by activation; bin i lies between HISTOGRAM_EDGES[i] and HISTOGRAM_EDGES[i + 1].
        sampled_values: [d_sae, m], activations of m rows drawn at random from those on which the latent is on,
            descending; 0 where there were fewer.
        sampled_rows: [d_sae, m], the rows of those; -1 where `sampled_values` is 0.
        n_rows: rows in the store.
    """

    usage: FeatureUsage
    statistics: TokenStatistics
    tokens: Int[np.ndarray, "d_sae n"]
    token_shares: Float[np.ndarray, "d_sae n"]
    previous: Int[np.ndarray, "d_sae n"]
    previous_shares: Float[np.ndarray, "d_sae n"]
    histogram: Int[np.ndarray, "d_sae bins"]
    sampled_values: Float[np.ndarray, "d_sae m"]
    sampled_rows: Int[np.ndarray, "d_sae m"]
    n_rows: int


def survey_features(
    sae: SparseAutoencoder,
    store: ActivationStore,
    labels: Int[np.ndarray, " documents"] | None = None,
    *,
    top_n: int = 20,
    sample_n: int = 64,
    seed: int = 0,
) -> FeatureSurvey:
    """`analyze_feature_usage` and `token_statistics` at once, with a histogram and random rows of every latent.

    The activations are encoded once, and memory does not grow with the number of rows.

    Args:
        sae: the autoencoder whose latents are described.
        store: the activations they are described on.
        labels: the class of every document id in the store, if there are classes.
        top_n: how many of each latent's largest activations are kept.
        sample_n: how many of its activations are kept at random, each with the same chance.
        seed: of that choice.

    Raises:
        ValueError: the store has another width than the autoencoder or no rows, or a document has no label.
    """
    check_width(sae, store)
    d_sae = sae.config.d_sae
    usage, statistics = UsageSums(d_sae, top_n), TokenSums(d_sae, store, labels)
    histogram = np.zeros((d_sae, len(HISTOGRAM_EDGES) - 1), dtype=np.int64)
    sample, rng = _LargestRows(d_sae, sample_n), np.random.default_rng(seed)
    for batch in _active_batches(sae, store, "surveying latents"):
        usage.add(batch)
        statistics.add(batch)
        histogram += _histogram(batch, d_sae)
        # The rows with the largest of independent random numbers are a sample in which every row is as likely.
        sample.add(batch, rng.random(len(batch.rows)))
    values, rows = sample.result()
    order = np.argsort(-values, axis=1, kind="stable")
    tables = statistics.tables(TABLE_TOKENS)
    return FeatureSurvey(
        usage.result(),
        statistics.result(tables),
        *tables,
        histogram,
        np.take_along_axis(values, order, axis=1),
        np.take_along_axis(rows, order, axis=1),
        usage.n_rows,
    )


def coactive_latents(
    sae: SparseAutoencoder, store: ActivationStore, survey: FeatureSurvey, latents: Sequence[int], n: int = 6
) -> dict[int, list[tuple[int, float]]]:
    """For each of `latents`, the latents that are on with it more often than elsewhere, and how often.

    The share is of the rows that `survey` drew at random from those on which the latent is on, so it has the
    uncertainty of a share of that many; latents are ordered by that share minus their density.
    """
    rows = np.unique(survey.sampled_rows[list(latents)])
    rows = rows[rows >= 0]
    together = np.zeros((len(latents), sae.config.d_sae))
    for first in range(0, len(rows), BATCH):
        some = rows[first : first + BATCH]
        with torch.inference_mode():
            on = (sae.encode(store[some].to(sae.b_dec.device)) > 0).float().cpu().numpy()
        drawn = np.stack([np.isin(some, survey.sampled_rows[latent]) for latent in latents])
        together += drawn.astype(np.float32) @ on
    share = together / np.maximum((survey.sampled_rows[list(latents)] >= 0).sum(1, keepdims=True), 1)
    excess = share - survey.usage.density
    excess[np.arange(len(latents)), list(latents)] = -1  # it is always on with itself
    order = np.argsort(-excess, axis=1, kind="stable")[:, :n]
    return {
        int(latent): [(int(j), float(share[i, j])) for j in order[i] if excess[i, j] > 0]
        for i, latent in enumerate(latents)
    }


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


class _Batch(NamedTuple):
    """The active pairs of some consecutive rows of a store, row by row."""

    first_row: int
    n_rows: int
    rows: Int[np.ndarray, " pairs"]
    latents: Int[np.ndarray, " pairs"]
    values: Float[np.ndarray, " pairs"]


def _active_batches(
    sae: SparseAutoencoder, activations: ActivationStore | Float[Tensor, "n d_in"], title: str
) -> Iterator[_Batch]:
    """All active pairs of `activations`, some thousand rows at a time."""
    first_row = 0
    for x, pairs in encode_in_batches(sae, activations, title):
        on = pairs.values > 0
        rows, latents, values = (
            part[on].cpu().numpy() for part in (pairs.positions, pairs.latents, pairs.values)
        )
        yield _Batch(first_row, len(x), rows + first_row, latents, values)
        first_row += len(x)


class _LargestRows:
    """For every latent the n rows with the largest keys; of equal keys the earlier row.

    A pair whose key does not exceed the n-th of its latent is dropped at once. The rest wait until there are as many
    as the table has places, because merging them costs as much as the table is long.
    """

    def __init__(self, d_sae: int, n: int) -> None:
        self.keys, self.rows = np.full((d_sae, n), -np.inf), np.full((d_sae, n), -1)
        self.values = np.zeros((d_sae, n), dtype=np.float32)
        self.waiting: list[tuple[np.ndarray, ...]] = []

    def add(self, batch: _Batch, keys: Float[np.ndarray, " pairs"]) -> None:
        """Count a batch; `keys` ranks its pairs."""
        better = keys > self.keys[batch.latents, -1]
        self.waiting.append(tuple(part[better] for part in (batch.latents, keys, batch.values, batch.rows)))
        if sum(len(keys) for _, keys, *_ in self.waiting) > self.keys.size:
            self._merge()

    def result(self) -> tuple[Float[np.ndarray, "d_sae n"], Int[np.ndarray, "d_sae n"]]:
        """Values and rows in the order of the keys; 0 and -1 where there were fewer."""
        self._merge()
        return self.values, self.rows

    def _merge(self) -> None:
        table = self.keys, self.values, self.rows
        owner = np.arange(len(self.keys)).repeat(self.keys.shape[1])
        # What was kept comes before what is new, and the sort is stable.
        parts = zip((owner, *(of.ravel() for of in table)), *self.waiting, strict=True)
        owner, *new = (np.concatenate(part) for part in parts)
        order, rank = _ranked(owner, new[0])
        kept = rank < self.keys.shape[1]
        for of, part in zip(table, new, strict=True):
            of[:] = part[order[kept]].reshape(of.shape)
        self.waiting = []


class UsageSums:
    """What `FeatureUsage` is made from."""

    def __init__(self, d_sae: int, top_n: int) -> None:
        self.n_rows, self.counts, self.sums = 0, np.zeros(d_sae, dtype=np.int64), np.zeros(d_sae)
        self.top = _LargestRows(d_sae, top_n)

    def add(self, batch: _Batch) -> None:
        """Count a batch."""
        self.n_rows += batch.n_rows
        self.counts += np.bincount(batch.latents, minlength=len(self.counts))
        self.sums += np.bincount(batch.latents, batch.values, len(self.counts))
        self.top.add(batch, batch.values)

    def result(self) -> FeatureUsage:
        """The usage over the rows counted so far."""
        top_values, top_rows = self.top.result()
        return FeatureUsage(
            density=self.counts / self.n_rows,
            mean_activation=self.sums / np.maximum(self.counts, 1),
            max_activation=top_values[:, 0].copy(),
            top_values=top_values,
            top_rows=top_rows,
        )


class TokenSums:
    """What `TokenStatistics` is made from: energy by latent and token, preceding token, topic, place.

    Raises:
        ValueError: a document of the store has no label.
    """

    def __init__(
        self, d_sae: int, store: ActivationStore, labels: Int[np.ndarray, " documents"] | None
    ) -> None:
        self.store = store
        self.labels = None if labels is None else np.asarray(labels)
        if labels is not None and len(labels) <= store.document_ids.max():
            raise ValueError(
                f"labels has {len(labels)} entries, but the store has document {store.document_ids.max()}."
            )
        n_topics = 0 if labels is None else int(self.labels.max()) + 1
        self.tokens, self.previous = _KeySums(), _KeySums()
        self.topics, self.topic_rows = np.zeros((d_sae, n_topics)), np.zeros(n_topics, dtype=np.int64)
        self.totals, self.early = np.zeros(d_sae), np.zeros(d_sae)
        self.counts = np.zeros(d_sae, dtype=np.int64)

    def add(self, batch: _Batch) -> None:
        """Count a batch."""
        rows, latents, d_sae = batch.rows, batch.latents, len(self.totals)
        energy = batch.values.astype(np.float64) ** 2
        documents, tokens = self.store.document_ids, self.store.token_ids
        # Row -1 would be the store's last, hence `rows > 0`; a document's rows lie side by side.
        second = (rows > 0) & (documents[rows - 1] == documents[rows])
        third = (rows > 1) & (documents[rows - 2] == documents[rows])
        self.tokens.add(latents, tokens[rows], energy)
        self.previous.add(latents, np.where(second, tokens[rows - 1], -1), energy)
        self.counts += np.bincount(latents, minlength=d_sae)
        self.totals += np.bincount(latents, energy, d_sae)
        self.early += np.bincount(latents, energy * ~third, d_sae)
        if self.labels is not None:
            n_topics = len(self.topic_rows)
            batch_rows = slice(batch.first_row, batch.first_row + batch.n_rows)
            self.topic_rows += np.bincount(self.labels[documents[batch_rows]], minlength=n_topics)
            pair = latents * n_topics + self.labels[documents[rows]]
            self.topics += np.bincount(pair, energy, self.topics.size).reshape(self.topics.shape)

    def tables(self, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """[d_sae, n] each: the tokens with the largest shares of each latent's energy, and those; the same of tokens before.

        -1 stands for none, and of tokens before also for the start of a document.
        """
        totals = np.maximum(self.totals, 1e-12)
        return *self.tokens.largest(totals, n), *self.previous.largest(totals, n)

    def result(self, tables: tuple[np.ndarray, ...] | None = None) -> TokenStatistics:
        """The statistics over the rows counted so far; `tables`, if they are made already."""
        token, token_share, before, before_share = (table[:, 0] for table in tables or self.tables(1))
        topic, topic_share = np.full(len(self.totals), -1), np.zeros(len(self.totals))
        if self.labels is not None:
            # A class with more rows must not win by that.
            weighted = self.topics / np.maximum(self.topic_rows, 1)
            topic = np.where(self.counts > 0, weighted.argmax(1), -1)
            topic_share = weighted.max(1) / np.maximum(weighted.sum(1), 1e-12)
        return TokenStatistics(
            token,
            token_share,
            before,
            before_share,
            topic,
            topic_share,
            self.early / np.maximum(self.totals, 1e-12),
            self.counts,
        )


class _KeySums:
    """Sums of values by (latent, key), a key being a token id or -1, in memory that does not grow without limit.

    The sums are exact while there are at most `capacity` different pairs, five times as many as on this course's
    75 thousand tokens. Beyond, those with the smallest shares of their latent are forgotten, half of them at a time; what is forgotten
    and comes again starts from zero, so a small share may then come out too small.
    """

    def __init__(self, capacity: int = 2**22) -> None:
        self.capacity = capacity
        self.pairs, self.sums = np.zeros(0, dtype=np.int64), np.zeros(0)
        self.waiting: list[tuple[np.ndarray, np.ndarray]] = []

    def add(
        self,
        latents: Int[np.ndarray, " pairs"],
        keys: Int[np.ndarray, " pairs"],
        values: Float[np.ndarray, " pairs"],
    ) -> None:
        """Count some pairs."""
        self.waiting.append(_summed((latents.astype(np.int64) << 32) + keys + 1, values))
        # Merging costs as much as the table is long, so it waits for about as many new entries.
        if sum(len(pairs) for pairs, _ in self.waiting) > max(len(self.pairs), WAITING_PAIRS):
            self._merge()

    def largest(self, totals: Float[np.ndarray, " d_sae"], n: int) -> tuple[np.ndarray, np.ndarray]:
        """[d_sae, n] for each latent the n keys with the largest sums, and their shares of the total.

        Where it was on with fewer keys, the rest are -1 with share 0.
        """
        self._merge()
        owner = self.pairs >> 32
        order, rank = _ranked(owner, self.sums)
        order, rank = order[rank < n], rank[rank < n]
        best, share = np.full((len(totals), n), -1), np.zeros((len(totals), n))
        best[owner[order], rank] = (self.pairs[order] & 0xFFFFFFFF) - 1
        share[owner[order], rank] = self.sums[order] / totals[owner[order]]
        return best, share

    def _merge(self) -> None:
        pairs, sums = zip((self.pairs, self.sums), *self.waiting, strict=True)
        self.pairs, self.sums = _summed(np.concatenate(pairs), np.concatenate(sums))
        self.waiting = []
        if len(self.pairs) > self.capacity:
            owner = self.pairs >> 32
            share = self.sums / np.bincount(owner, self.sums)[owner]
            kept = np.sort(np.argpartition(-share, self.capacity // 2)[: self.capacity // 2])
            self.pairs, self.sums = self.pairs[kept], self.sums[kept]


def _ranked(
    owner: Int[np.ndarray, " n"], keys: Float[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """The order by owner and descending key, and in that order each entry's rank within its owner, from 0.

    Every owner from 0 to the largest may occur or not; of equal keys the first comes first.
    """
    order = np.argsort(-keys, kind="stable")
    small = owner.astype(
        np.min_scalar_type(owner.max(initial=0))
    )  # NumPy sorts 16-bit numbers in linear time
    order = order[np.argsort(small[order], kind="stable")]
    counts = np.bincount(owner)
    return order, np.arange(len(owner)) - np.repeat(counts.cumsum() - counts, counts)


def _summed(
    pairs: Int[np.ndarray, " n"], values: Float[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " unique"], Float[np.ndarray, " unique"]]:
    """The different entries of `pairs`, ascending, and the sum of the values of each."""
    unique, where = np.unique(pairs, return_inverse=True)
    return unique, np.bincount(where, values, len(unique))


def _histogram(batch: _Batch, d_sae: int) -> Int[np.ndarray, "d_sae bins"]:
    """A batch's pairs by latent and activation."""
    n_bins = len(HISTOGRAM_EDGES) - 1
    bins = (np.searchsorted(HISTOGRAM_EDGES, batch.values, side="right") - 1).clip(0, n_bins - 1)
    return np.bincount(batch.latents * n_bins + bins, minlength=d_sae * n_bins).reshape(d_sae, n_bins)
