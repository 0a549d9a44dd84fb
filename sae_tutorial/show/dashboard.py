"""Look at latents: one HTML file with all that can be shown of each, that opens from disk and asks for nothing else.

The page is `data/dashboard.html` with its style sheet, its script and the latents as JSON. Corpora and vocabularies
hold anything, markup and scripts included. Three things keep it text: the JSON has no character that HTML or JavaScript
reads as more than a letter, the script puts it into the page only as text, and the page's content security policy
lets run and load nothing but that script and that style sheet, each named by its hash.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from IPython.display import HTML
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial import storage
from sae_tutorial.activations.store import ActivationStore
from sae_tutorial.features.latents import (
    HISTOGRAM_EDGES,
    Context,
    FeatureSurvey,
    coactive_latents,
    contexts_around,
    distinct_rows,
    feature_kinds,
    find_top_features,
    logit_effects,
    survey_features,
)
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.metrics import check_width

DEFAULT_LATENTS = PAGE_LATENTS = 100
TOP_CONTEXTS, SAMPLED_CONTEXTS, CONTEXT_WIDTH = 8, 3, 10  # sampled: of each third
TABLE_ROWS = 6


def write_dashboard(
    sae: SparseAutoencoder,
    store: ActivationStore,
    model_or_tokenizer: TransformerBridge | Any,
    path: str | Path,
    latents: Sequence[int] | None = None,
    *,
    survey: FeatureSurvey | None = None,
    class_names: Sequence[str] = (),
    title: str = "SAE latents",
) -> Path:
    """Write one HTML file about some latents, and return its path.

    Args:
        sae: the autoencoder.
        store: the activations and tokens that its latents are shown on.
        model_or_tokenizer: the language model behind `store`, or only its tokenizer; then there are no logit tables.
        path: where the file goes; written atomically, replacing an older one.
        latents: which latents, in this order; by default the 100 of middling density with the strongest mean.
        survey: `survey_features(sae, store)`, when it has been made already; with labels, topics are shown.
        class_names: the name of each label.
        title: of the page.

    Raises:
        ValueError: there are no latents to show, a latent is not one of the autoencoder's or is named twice, the
            store has another width, or the survey is of another autoencoder or store.
    """
    survey = _checked_survey(sae, store, survey)
    chosen = _checked_latents(sae, survey, latents)
    page = _page(
        title, _facts(sae, store), _details(sae, store, model_or_tokenizer, survey, chosen, class_names)
    )
    with storage.new_file(path) as partial:
        partial.write_text(page, encoding="utf-8")
    return Path(path)


def write_dashboard_folder(
    sae: SparseAutoencoder,
    store: ActivationStore,
    model_or_tokenizer: TransformerBridge | Any,
    directory: str | Path,
    latents: Sequence[int] | None = None,
    *,
    survey: FeatureSurvey | None = None,
    class_names: Sequence[str] = (),
    title: str = "SAE latents",
) -> Path:
    """Write a folder for many latents, all by default: `index.html` with the table, and pages of 100 latents each.

    The arguments and errors are those of `write_dashboard`. An older folder is replaced as a whole.

    Returns:
        The path of the index.
    """
    survey = _checked_survey(sae, store, survey)
    chosen = _checked_latents(sae, survey, range(sae.config.d_sae) if latents is None else latents)
    groups = [chosen[first : first + PAGE_LATENTS] for first in range(0, len(chosen), PAGE_LATENTS)]
    names = [f"page-{number:04}.html" for number in range(len(groups))]
    facts, rows = _facts(sae, store), []
    with storage.new_directory(directory, _own_files(directory)) as partial:
        for name, group in zip(names, groups, strict=True):
            details = _details(sae, store, model_or_tokenizer, survey, group, class_names)
            page = _page(title, facts, details, index="index.html")
            (partial / name).write_text(page, encoding="utf-8")
            summaries = _summaries(_tokenizer(model_or_tokenizer), survey, group, class_names)
            rows += [row | {"page": name} for row in summaries]
        (partial / "index.html").write_text(_page(title, facts, rows), encoding="utf-8")
    return Path(directory) / "index.html"


def show_dashboard(path: str | Path, height: int = 800) -> HTML:
    """A dashboard inside a notebook: the whole file in a frame, so that the notebook's exports show it too."""
    page = html.escape(Path(path).read_text(encoding="utf-8"))
    frame = f'<iframe title="SAE dashboard" sandbox="allow-scripts" width="100%" height="{height}" srcdoc="{page}"></iframe>'
    return HTML(f"<div>{frame}</div>")


# --------------------------------------------------------------------------------------------- checks


def _checked_survey(
    sae: SparseAutoencoder, store: ActivationStore, survey: FeatureSurvey | None
) -> FeatureSurvey:
    check_width(sae, store)
    if survey is None:
        return survey_features(sae, store)
    surveyed = (len(survey.usage.density), survey.n_rows)
    if surveyed != (sae.config.d_sae, len(store)):
        raise ValueError(
            f"the survey is of {surveyed[0]} latents on {surveyed[1]} rows; this autoencoder has {sae.config.d_sae}, "
            f"this store {len(store)}. Make it with survey_features(sae, store)."
        )
    return survey


def _checked_latents(
    sae: SparseAutoencoder, survey: FeatureSurvey, latents: Sequence[int] | None
) -> list[int]:
    if latents is None:
        latents = find_top_features(survey.usage, DEFAULT_LATENTS)
    chosen = [int(latent) for latent in latents]
    if not chosen:
        raise ValueError("there are no latents to show; name some with `latents`.")
    unknown = [latent for latent in chosen if not 0 <= latent < sae.config.d_sae]
    if unknown:
        raise ValueError(
            f"there is no latent {unknown[0]}; this autoencoder has latents 0 to {sae.config.d_sae - 1}."
        )
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"latent {max(chosen, key=chosen.count)} is named twice.")
    return chosen


def _own_files(directory: str | Path) -> list[str]:
    """The files that an earlier dashboard left in `directory`."""
    if not Path(directory).is_dir():
        return []
    return [
        path.name for path in Path(directory).iterdir() if re.fullmatch(r"(index|page-\d+)\.html", path.name)
    ]


# ------------------------------------------------------------------------------------------- contents


def _facts(sae: SparseAutoencoder, store: ActivationStore) -> list[tuple[str, str]]:
    settings, config = store.settings, sae.config
    return [
        ("model", str(settings["model_name"])),
        ("activations", str(settings["hook_name"])),
        ("autoencoder", f"{config.architecture}, {config.d_in} to {config.d_sae:,} latents"),
        ("read on", f"{len(store):,} tokens"),
    ]


def _summaries(
    tokenizer: Any, survey: FeatureSurvey, latents: Sequence[int], class_names: Sequence[str]
) -> list[dict[str, Any]]:
    """A row of the table for each latent, ready for JSON."""
    usage, statistics = survey.usage, survey.statistics
    kinds = {int(i): kind for kind, found in feature_kinds(usage, statistics).items() for i in found}
    names = {-1: "", **dict(enumerate(class_names))}
    summaries = []
    for i in latents:
        (token, token_share), *_ = _token_rows(tokenizer, survey.tokens[i], survey.token_shares[i]) or [
            ("", 0)
        ]
        (previous, previous_share), *_ = _token_rows(
            tokenizer, survey.previous[i], survey.previous_shares[i]
        ) or [("", 0)]
        topic = int(statistics.topic[i])
        summaries.append({
            "latent": i,
            "dead": bool(usage.dead[i]),
            "density": _rounded(usage.density[i]),
            "max": _rounded(usage.max_activation[i]),
            "mean": _rounded(usage.mean_activation[i]),
            "token": token,
            "token_share": token_share,
            "previous": previous,
            "previous_share": previous_share,
            "topic": names.get(topic, f"class {topic}"),
            "topic_share": _rounded(statistics.topic_share[i]),
            "kind": kinds.get(i, ""),
        })  # fmt: skip
    return summaries


def _details(
    sae: SparseAutoencoder,
    store: ActivationStore,
    model_or_tokenizer: TransformerBridge | Any,
    survey: FeatureSurvey,
    latents: Sequence[int],
    class_names: Sequence[str],
) -> list[dict[str, Any]]:
    """All that a page shows of each latent, ready for JSON."""
    tokenizer = _tokenizer(model_or_tokenizer)
    details = _summaries(tokenizer, survey, latents, class_names)
    top, sampled = _contexts(tokenizer, sae, store, survey, latents)
    neighbours = _neighbours(sae, latents)
    together = coactive_latents(sae, store, survey, latents, TABLE_ROWS)
    density = survey.usage.density
    for i, row in zip(latents, details, strict=True):
        row |= {
            "n_active": int(survey.statistics.n_active[i]),
            "early_share": _rounded(survey.statistics.early_share[i]),
            "histogram": _histogram(survey.histogram[i]),
            "top": top[i],
            "sampled": sampled[i],
            "sample_size": int((survey.sampled_rows[i] >= 0).sum()),
            "tokens": _token_rows(tokenizer, survey.tokens[i], survey.token_shares[i]),
            "previous_tokens": _token_rows(tokenizer, survey.previous[i], survey.previous_shares[i]),
            "neighbours": neighbours[i],
            "together": [(j, _rounded(share), _rounded(density[j])) for j, share in together[i]],
        }
        if isinstance(model_or_tokenizer, TransformerBridge):
            raised, lowered = logit_effects(model_or_tokenizer, sae, i, TABLE_ROWS)
            row |= {"raised": _effects(raised), "lowered": _effects(lowered)}
    return details


def _tokenizer(model_or_tokenizer: TransformerBridge | Any) -> Any:
    has_model = isinstance(model_or_tokenizer, TransformerBridge)
    return model_or_tokenizer.tokenizer if has_model else model_or_tokenizer


def _contexts(
    tokenizer: Any,
    sae: SparseAutoencoder,
    store: ActivationStore,
    survey: FeatureSurvey,
    latents: Sequence[int],
) -> tuple[dict[int, list[dict]], dict[int, list[list[dict]]]]:
    """For each latent its strongest contexts, and its random ones by thirds of their activations."""
    parts: dict[int, list[list[int]]] = {}
    for i in latents:
        drawn = survey.sampled_rows[i][survey.sampled_rows[i] >= 0]
        thirds = [_spread(third, SAMPLED_CONTEXTS) for third in np.array_split(drawn, 3)]
        parts[i] = [distinct_rows(store, survey.usage.top_rows[i], TOP_CONTEXTS), *thirds]
    rows = {i: [row for part in parts[i] for row in part] for i in latents}
    contexts = contexts_around(tokenizer, sae, store, rows, CONTEXT_WIDTH)
    top, sampled = {}, {}
    for i in latents:
        shown = iter([_context(context) for context in contexts[i]])
        top[i], *sampled[i] = [list(islice(shown, len(part))) for part in parts[i]]
    return top, sampled


def _spread(rows: np.ndarray, n: int) -> list[int]:
    """At most n of `rows`, evenly spaced."""
    return [int(row) for row in rows[:: max(1, len(rows) // n)][:n]]


def _context(context: Context) -> dict[str, Any]:
    activations = [_rounded(value) for value in context.activations]
    return {
        "tokens": context.tokens,
        "activations": activations,
        "centre": context.centre,
        "document": context.document,
    }


def _token_rows(tokenizer: Any, token_ids: np.ndarray, shares: np.ndarray) -> list[tuple[str | None, float]]:
    """Tokens with their shares; None stands for the start of a text."""
    return [
        (tokenizer.decode([int(token)]) if token >= 0 else None, _rounded(share))
        for token, share in zip(token_ids, shares, strict=True)
        if share > 0
    ][:TABLE_ROWS]


def _effects(named: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    return [(token, _rounded(effect)) for token, effect in named]


def _histogram(counts: np.ndarray) -> dict[str, list]:
    """The bins from the first to the last that hold anything."""
    filled = np.flatnonzero(counts)
    if not len(filled):
        return {"edges": [], "counts": []}
    first, last = int(filled[0]), int(filled[-1]) + 1
    return {
        "edges": [_rounded(edge) for edge in HISTOGRAM_EDGES[first : last + 1]],
        "counts": counts[first:last].tolist(),
    }


def _neighbours(sae: SparseAutoencoder, latents: Sequence[int]) -> dict[int, list[tuple[int, float]]]:
    """The latents whose decoder rows have the largest cosine with that of each of `latents`."""
    directions = torch.nn.functional.normalize(sae.W_dec.detach(), dim=1)
    found = {}
    for i in latents:
        cosines = directions @ directions[i]
        cosines[i] = -torch.inf  # itself
        best = cosines.topk(min(TABLE_ROWS, len(cosines) - 1))
        found[i] = [(int(j), _rounded(c)) for j, c in zip(best.indices, best.values, strict=True)]
    return found


def _rounded(value: float) -> float:
    """Three significant digits: what is shown, and no more to store."""
    return float(f"{float(value):.3g}")


# ----------------------------------------------------------------------------------------------- page


def _page(
    title: str, facts: Sequence[tuple[str, str]], latents: Sequence[Mapping[str, Any]], index: str = ""
) -> str:
    """The template with everything in it."""
    template, style, script = (
        resources.files("sae_tutorial").joinpath(f"data/dashboard.{kind}").read_text(encoding="utf-8")
        for kind in ("html", "css", "js")
    )
    topics = any(latent["topic"] for latent in latents)
    data = {"facts": facts, "topics": topics, "index": index, "latents": latents}
    parts = {
        "title": html.escape(title),
        "style": style,
        "script": script,
        "style_hash": _content_hash(style),
        "script_hash": _content_hash(script),
        "data": _json(data),
    }
    # In one go: what was put in is not searched for more places.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def _json(value: Any) -> str:
    """JSON in ASCII without <, > and &, so that no text in it can end the element that holds it."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _content_hash(text: str) -> str:
    """How a content security policy names an inline script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
