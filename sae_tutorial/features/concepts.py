"""Does a latent track something that can be stated? Labels by rule, detectors, and scores on held-out documents.

A concept is a regular expression over the text; a token has it if any of its characters lies in a match. A *unit* is
anything that gives one number per token: a latent, a neuron, the output of a probe. What is chosen (the unit, its sign,
its threshold) is chosen on some documents and scored on others, beside units that ought to lose.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csc_array, issparse
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.features.intervals import Interval, document_draws

COUNTRIES = (
    "Afghanistan|Albania|Algeria|Angola|Argentina|Armenia|Australia|Austria|Azerbaijan|Bangladesh|Belarus|"
    "Belgium|Bolivia|Botswana|Brazil|Britain|Bulgaria|Cambodia|Cameroon|Canada|Chile|China|Colombia|Croatia|"
    "Cuba|Cyprus|Denmark|Ecuador|Egypt|England|Estonia|Ethiopia|Finland|France|Georgia|Germany|Ghana|Greece|"
    "Guatemala|Haiti|Honduras|Hungary|Iceland|India|Indonesia|Iran|Iraq|Ireland|Israel|Italy|Jamaica|Japan|"
    "Jordan|Kazakhstan|Kenya|Kuwait|Latvia|Lebanon|Liberia|Libya|Lithuania|Malaysia|Mali|Malta|Mexico|"
    "Moldova|Mongolia|Morocco|Mozambique|Namibia|Nepal|Netherlands|Nicaragua|Nigeria|Norway|Oman|Pakistan|"
    "Panama|Paraguay|Peru|Philippines|Poland|Portugal|Qatar|Romania|Russia|Rwanda|Scotland|Senegal|Serbia|"
    "Singapore|Slovakia|Slovenia|Somalia|Spain|Sudan|Sweden|Switzerland|Syria|Taiwan|Tanzania|Thailand|"
    "Tunisia|Turkey|Uganda|Ukraine|Uruguay|Venezuela|Vietnam|Wales|Yemen|Zambia|Zimbabwe|United States|United Kingdom|South Africa|South Korea"
)

# Each is named for what its rule labels: the word "dollars", and not the amount before it.
CONCEPTS: dict[str, str] = {
    "a digit": r"\d",
    "a capitalised word": r"(?<=[a-z,;] )[A-Z][\w'-]+",  # inside a sentence
    "a currency word": r"[$€£¥]|\b(?:dollars?|euros?|pounds|yen|francs?|rupees?|rupiah|pesos?|shillings?|US\$)\b",
    "in a quotation": r'"[^"]{1,400}"|“[^”]{1,400}”',
    "a negation": r"\b(?:not|no|never|nobody|nothing|none|neither|nor|without|cannot)\b|n['’]t\b",
    "a day": r"\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b",
    "a country": rf"\b(?:{COUNTRIES})\b",
}

# Units in columns: a latent's activations are mostly zero and kept sparse, a neuron's are not.
Units = csc_array | Float[np.ndarray, "rows units"]


def label_tokens(
    tokenizer: Any, texts: Sequence[str], store: ActivationStore, pattern: str
) -> Bool[np.ndarray, " rows"]:
    """Whether each row's token has a character in a match of `pattern`.

    Args:
        tokenizer: the fast tokenizer that the store's tokens came from.
        texts: the documents of which `store.document_ids` are the indices.
        store: rows to label.
        pattern: a regular expression, applied to whole documents.

    Raises:
        TypeError: `texts` is one string.
        ValueError: the texts have other tokens than the store, or are too few.
    """
    if isinstance(texts, str):
        raise TypeError("texts must be a list of strings, got one string; wrap it in a list.")
    texts = list(texts)
    documents, first_rows = np.unique(store.document_ids, return_index=True)
    if len(texts) <= documents[-1]:
        raise ValueError(
            f"texts has {len(texts)} entries, but the store has document {documents[-1]}; pass all texts it was made from."
        )
    labels = np.zeros(len(store), dtype=bool)
    offsets = tokenizer(
        [texts[document] for document in documents],
        add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True, verbose=False,
    )  # fmt: skip
    ends = np.append(first_rows[1:], len(store))
    for i, (document, first, end) in enumerate(zip(documents, first_rows, ends, strict=True)):
        ids = offsets["input_ids"][i][: end - first]
        if not np.array_equal(ids, store.token_ids[first:end]):
            raise ValueError(
                f"texts[{document}] has other tokens than the store; pass the texts it was made from."
            )
        spans = np.array(offsets["offset_mapping"][i][: end - first]).reshape(-1, 2)
        for match in re.finditer(pattern, texts[document]):
            labels[first:end] |= (spans[:, 0] < match.end()) & (spans[:, 1] > match.start())
    return labels


def row_labels(labels: Any, n_rows: int) -> Bool[np.ndarray, " rows"]:
    """`labels` as True and False for each row; 1 and 0 are taken as well.

    Raises:
        ValueError: other values, or another number of them than rows.
    """
    labels = np.asarray(labels)
    if labels.shape != (n_rows,):
        raise ValueError(
            f"labels must have one entry for each of the {n_rows} rows, got shape {labels.shape}; what is known of "
            "documents becomes a label of rows by labels[document_ids]."
        )
    if labels.dtype.kind not in "biuf" or not np.isin(labels, (0, 1)).all():
        raise ValueError(
            f"labels must be True or False for each row, got values such as {labels[~np.isin(labels, (0, 1))][0]!r}."
        )
    return labels.astype(bool)


class Detector(NamedTuple):
    """Says that a token has the concept where a score exceeds the threshold.

    Attributes:
        units: the columns it reads, and nothing else.
        threshold: the one with the best F1 on the rows that chose it.
        probe: makes one score of several units; None where the score is the unit's own value times `sign`.
        sign: 1, or −1 for a unit that is lower where the concept is.
    """

    units: Int[np.ndarray, " k"]
    threshold: float
    probe: Pipeline | None = None
    sign: int = 1

    def scores(self, units: Units) -> Float[np.ndarray, " rows"]:
        """One number per row, higher where the concept is more likely."""
        columns = units[:, self.units]
        if self.probe is not None:
            return self.probe.decision_function(columns)
        return self.sign * _dense(columns)[:, 0]

    @property
    def direction(self) -> Float[np.ndarray, " k"]:
        """The direction in the space of its units along which a probe's score rises.

        Raises:
            ValueError: it is a single unit.
        """
        if self.probe is None:
            raise ValueError("only a probe has a direction; this detector reads a single unit.")
        scaler, model = self.probe
        return model.coef_[0] / scaler.scale_  # the probe read the units divided by their spread


def best_unit(units: Units, labels: Bool[np.ndarray, " rows"]) -> Detector:
    """The single unit with the highest F1 on these rows, each unit at its own best threshold and sign.

    Only the ten units whose means differ most between the two kinds of rows, in standard deviations, are
    tried: the others are far behind.
    """
    labels = row_labels(labels, units.shape[0])
    difference = _mean_differences(units, labels)
    best: tuple[float, Detector] | None = None
    for unit in np.argsort(-np.abs(difference), kind="stable")[:10]:
        sign = 1 if difference[unit] >= 0 else -1
        f1, threshold = _best_threshold(sign * _dense(units[:, [unit]])[:, 0], labels)
        if best is None or f1 > best[0]:
            best = f1, Detector(np.array([unit]), threshold, None, sign)
    return best[1]


def sparse_probe(units: Units, labels: Bool[np.ndarray, " rows"], k: int | None = None) -> Detector:
    """Logistic regression on the k units whose means differ most (Gurnee et al. 2023, "Finding neurons in a haystack").

    Without `k` all units are used: an ordinary linear probe.
    """
    labels = row_labels(labels, units.shape[0])
    chosen = np.arange(units.shape[1])
    if k is not None:
        chosen = np.argsort(-np.abs(_mean_differences(units, labels)), kind="stable")[:k]
    probe = make_pipeline(StandardScaler(with_mean=False), LogisticRegression(max_iter=300))
    columns = units[:, chosen]
    probe.fit(columns, labels)
    return Detector(chosen, _best_threshold(probe.decision_function(columns), labels)[1], probe)


class Score(NamedTuple):
    """How well a detector tells the tokens of a concept from the others."""

    f1: Interval
    auroc: Interval
    precision: float
    recall: float


def score_detector(
    detector: Detector,
    units: Units,
    labels: Bool[np.ndarray, " rows"],
    documents: Int[np.ndarray, " rows"],
    *,
    resamples: int = 200,
) -> Score:
    """F1 at the detector's threshold and area under the ROC curve, on rows that did not choose it.

    Args:
        detector: what says yes or no.
        units: the units it reads, on held-out rows.
        labels: the truth.
        documents: the document of each row; intervals come from drawing documents with replacement.
        resamples: how many draws.

    Raises:
        ValueError: there are no rows with the concept, or none without.
    """
    labels = row_labels(labels, units.shape[0])
    if labels.all() or not labels.any():
        raise ValueError(
            f"{int(labels.sum())} of {len(labels)} rows have the concept; both kinds are needed."
        )
    scores = detector.scores(units)
    _, owner = np.unique(documents, return_inverse=True)
    n = owner.max() + 1
    weights = document_draws(n, resamples)
    yes = scores > detector.threshold
    counts = [weights @ np.bincount(owner, part, n) for part in (yes & labels, yes & ~labels, ~yes & labels)]
    true, false, missed = counts
    f1 = 2 * true / np.maximum(2 * true + false + missed, 1)
    return Score(
        Interval.of_draws(f1),
        Interval.of_draws(_weighted_auroc(scores, labels, owner, weights)),
        float(true[0] / max(true[0] + false[0], 1)),
        float(true[0] / (true[0] + missed[0])),
    )


def auroc_of(
    scores: Float[np.ndarray, " rows"],
    labels: Bool[np.ndarray, " rows"],
    documents: Int[np.ndarray, " rows"],
) -> Interval:
    """The chance that a row with the label scores above one without; documents are drawn with replacement.

    Raises:
        ValueError: labels for another number of rows than there are scores.
    """
    _, owner = np.unique(documents, return_inverse=True)
    weights = document_draws(owner.max() + 1, 200)
    return Interval.of_draws(_weighted_auroc(scores, row_labels(labels, len(scores)), owner, weights))


def f1_advantage(
    one: tuple[Detector, Units],
    other: tuple[Detector, Units],
    labels: Bool[np.ndarray, " rows"],
    documents: Int[np.ndarray, " rows"],
    *,
    resamples: int = 200,
) -> Interval:
    """F1 of one detector minus F1 of another on the same rows, both on the same draws of documents.

    Some documents are hard for every detector. The difference within a draw does not have that spread, so its interval is
    narrower than what two intervals side by side would suggest.
    """
    return mean_f1_advantage([(one, other, labels)], documents, resamples=resamples)


def mean_f1_advantage(
    pairs: Sequence[tuple[tuple[Detector, Units], tuple[Detector, Units], Bool[np.ndarray, " rows"]]],
    documents: Int[np.ndarray, " rows"],
    *,
    resamples: int = 200,
) -> Interval:
    """`f1_advantage`, as a mean over concepts: for each the two detectors with their units, and its labels.

    Every draw of documents serves all concepts, since one article may be hard for many of them.

    Raises:
        ValueError: there is no pair.
    """
    if not pairs:
        raise ValueError("pairs must hold at least one concept, got none.")
    _, owner = np.unique(documents, return_inverse=True)
    n = owner.max() + 1
    weights = document_draws(n, resamples)

    def f1(
        detector: Detector, units: Units, labels: Bool[np.ndarray, " rows"]
    ) -> Float[np.ndarray, " draws"]:
        yes = detector.scores(units) > detector.threshold
        both, said, true = (weights @ np.bincount(owner, part, n) for part in (yes & labels, yes, labels))
        return 2 * both / np.maximum(said + true, 1)

    differences = []
    for one, other, truth in pairs:
        labels = row_labels(truth, len(documents))
        differences.append(f1(*one, labels) - f1(*other, labels))
    return Interval.of_draws(np.mean(differences, axis=0))


def _weighted_auroc(
    scores: Float[np.ndarray, " rows"],
    labels: Bool[np.ndarray, " rows"],
    owner: Int[np.ndarray, " rows"],
    weights: Int[np.ndarray, "draws documents"],
) -> Float[np.ndarray, " draws"]:
    """Area under the ROC curve for every draw of documents; equal scores count half."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf) > 0)
    areas = np.empty(len(weights))
    for i, draw in enumerate(weights):
        rows = draw[owner[order]]
        positive, negative = (
            np.add.reduceat(np.where(labels[order] == kind, rows, 0), starts) for kind in (True, False)
        )
        below = negative.cumsum() - negative
        total = positive.sum() * negative.sum()
        areas[i] = (positive * (below + negative / 2)).sum() / total if total else np.nan
    return areas


def _mean_differences(units: Units, labels: Bool[np.ndarray, " rows"]) -> Float[np.ndarray, " units"]:
    """Mean with the concept minus mean without, in standard deviations of the unit."""
    y = labels.astype(np.float64)
    squares = units.multiply(units) if issparse(units) else units**2
    total, total_square = (np.asarray(part.sum(axis=0)).ravel() for part in (units, squares))
    with_concept = np.asarray(units.T @ y).ravel()
    n, n_with = len(y), max(y.sum(), 1)
    spread = np.sqrt(np.maximum(total_square / n - (total / n) ** 2, 0))
    difference = with_concept / n_with - (total - with_concept) / max(n - n_with, 1)
    return np.divide(difference, spread, out=np.zeros_like(spread), where=spread > 0)


def _best_threshold(
    scores: Float[np.ndarray, " rows"], labels: Bool[np.ndarray, " rows"]
) -> tuple[float, float]:
    """The best F1 that any threshold reaches, and that threshold: scores above it say yes."""
    order = np.argsort(-scores, kind="stable")
    true = labels[order].cumsum()
    f1 = 2 * true / (np.arange(1, len(order) + 1) + max(labels.sum(), 1))
    last = np.append(np.diff(scores[order]) < 0, True)  # rows with equal scores are all in or all out
    best = int(np.where(last, f1, -1).argmax())
    below = scores[order[best + 1]] if best + 1 < len(order) else scores[order[best]] - 1
    return float(f1[best]), float((scores[order[best]] + below) / 2)


def _dense(columns: Any) -> Float[np.ndarray, "rows k"]:
    return columns.toarray() if issparse(columns) else np.asarray(columns)
