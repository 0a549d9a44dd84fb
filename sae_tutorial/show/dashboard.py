"""Look at latents: one HTML file with all that can be shown of each, that opens from disk and asks for nothing else.

The page is `data/dashboard.html`; how it is put together is in `pages.py`.
"""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from IPython.display import HTML, display
from jaxtyping import Float, Int
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial import storage
from sae_tutorial.features.contexts import Context, TextFeatures, contexts_by_strength, top_contexts
from sae_tutorial.features.directions import logit_effects_of_each, nearest_latents
from sae_tutorial.features.latents import (
    FeatureUsage,
    Latents,
    analyze_feature_usage,
    coactive_latents,
    find_top_features,
)
from sae_tutorial.features.statistics import TokenStatistics, feature_kinds, token_statistics, top_tokens
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.show.cards import lit_text
from sae_tutorial.show.game import Game
from sae_tutorial.show.pages import filled_page, rounded
from sae_tutorial.transformer.families import check_bridge
from sae_tutorial.transformer.tokens import token_strings

DEFAULT_LATENTS = PAGE_LATENTS = 100
TOP_CONTEXTS, CONTEXT_WIDTH = 8, 10
TABLE_ROWS, TINY = 6, 1e-12
# The same for every latent and store: four bins to a doubling. What lies outside falls into the first or the last bin.
HISTOGRAM_EDGES = 2.0 ** np.arange(-16, 16.25, 0.25)


def write_dashboard(
    sae: SparseAutoencoder,
    latents: Latents,
    model_or_tokenizer: TransformerBridge | Any,
    path: str | Path,
    shown: Sequence[int] | None = None,
    *,
    labels: Sequence[int] | Int[np.ndarray, " documents"] | None = None,
    class_names: Sequence[str] = (),
    columns: Mapping[str, Mapping[int, float | str]] = MappingProxyType({}),
    positions: Float[np.ndarray, "d_sae 2"] | None = None,
    game: Game | None = None,
    title: str = "SAE latents",
) -> Path:
    """Write pages about some latents that open from disk: one HTML file, or a folder for many latents.

    Args:
        sae: the autoencoder.
        latents: `read_latents(sae, store)`, where it is on.
        model_or_tokenizer: the language model behind the store, or only its tokenizer; then there are no logit tables.
        path: a name that ends in ".html" is one file; any other a folder, with `index.html` for the table of all latents
            and pages of 100 each. Written atomically, replacing an older one as a whole.
        shown: which latents, in this order; by default a file has the 100 of middling density with the strongest mean,
            and a folder has all.
        labels: the class of every document id; with them, topics are shown.
        class_names: the name of each class.
        columns: more columns of the table, such as held-out specificity, descriptions and what they score: for each
            heading a number or a text of some latents.
        positions: where each latent lies on a map of all, such as t-SNE of the decoder's rows; NaN for those that are
            left out. One file has the map, and a folder has none.
        game: to be played on the page, likewise.
        title: of the pages.

    Returns:
        The path of the file, or of the folder's index.

    Raises:
        TypeError: `model_or_tokenizer` is neither a bridge nor a tokenizer.
        ValueError: there are no latents to show, a latent is not one of the autoencoder's or is named twice, `latents` is
            of an autoencoder of another width, labels are no classes of documents, class names lack labels, a column
            is no mapping from latents, or positions are not two numbers for each latent.
    """
    path = storage.full_path(path)
    seen = _look(sae, latents, model_or_tokenizer, labels, class_names, columns)
    if path.suffix == ".html":
        shown = _checked(
            find_top_features(seen.usage, DEFAULT_LATENTS) if shown is None else shown, latents.d_sae
        )
        with storage.new_file(path) as partial:
            more = {"map": _map(seen, positions), "game": None if game is None else game.data}
            partial.write_text(_page(title, seen, _details(seen, shown), **more), encoding="utf-8")
        return path
    shown, rows = _checked(range(latents.d_sae) if shown is None else shown, latents.d_sae), []
    with storage.new_directory(path, _own_files(path)) as partial:
        for number, first in enumerate(range(0, len(shown), PAGE_LATENTS)):
            name, group = f"page-{number:04}.html", shown[first : first + PAGE_LATENTS]
            page = _page(title, seen, _details(seen, group), index="index.html")
            (partial / name).write_text(page, encoding="utf-8")
            rows += [_summary(seen, latent) | {"page": name} for latent in group]
        (partial / "index.html").write_text(_page(title, seen, rows), encoding="utf-8")
    return path / "index.html"


def show_dashboard(
    path: str | Path, height: int = 800, read: Callable[[str], TextFeatures] | None = None
) -> HTML:
    """A dashboard inside a notebook: the whole file in a frame, so that the notebook's exports show it too.

    Args:
        path: of the dashboard.
        height: of the frame, in pixels.
        read: what finds the latents of a text, such as
            `lambda text: find_activating_features_for_text(model, sae, text, hook_name)`. With it there is a field for a
            text of one's own above the dashboard, which works where a kernel runs and ipywidgets is installed.
    """
    if read is not None:
        display(_own_text(read))
    page = html.escape(Path(path).read_text(encoding="utf-8"))
    frame = f'<iframe title="SAE dashboard" sandbox="allow-scripts" width="100%" height="{height}" srcdoc="{page}"></iframe>'
    return HTML(f"<div>{frame}</div>")


def _own_text(read: Callable[[str], TextFeatures]) -> Any:
    """A field for a text, and below it the latents that the text turns on."""
    import ipywidgets  # only notebooks have it

    field = ipywidgets.Text(
        placeholder="a text of your own, then Enter", continuous_update=False, layout={"width": "95%"}
    )
    below = ipywidgets.HTML()

    def light(change: Mapping[str, Any]) -> None:
        below.value = lit_text(read(change["new"])).data if change["new"].strip() else ""

    field.observe(light, "value")
    return ipywidgets.VBox([field, below])


# ------------------------------------------------------------------------------- what is asked and checked


class _Seen(NamedTuple):
    """All that the pages ask about latents."""

    sae: SparseAutoencoder
    latents: Latents
    usage: FeatureUsage
    statistics: TokenStatistics
    kinds: dict[int, str]
    topics: Sequence[str] | None
    tokenizer: Any
    model: TransformerBridge | None
    columns: Mapping[str, Mapping[int, float | str]]

    def token(self, token_id: int) -> str | None:
        """A token as a string; None for the start of a text."""
        return None if token_id < 0 else token_strings(self.tokenizer, [token_id])[0]


def _look(
    sae: SparseAutoencoder,
    latents: Latents,
    model_or_tokenizer: TransformerBridge | Any,
    labels: Sequence[int] | Int[np.ndarray, " documents"] | None,
    class_names: Sequence[str],
    columns: Mapping[str, Mapping[int, float | str]],
) -> _Seen:
    if latents.d_sae != sae.config.d_sae:
        raise ValueError(
            f"latents are {latents.d_sae}, but this autoencoder has {sae.config.d_sae}; make them with read_latents."
        )
    if len(class_names) and labels is None:
        raise ValueError(
            "class_names came without labels, so there are no topics to name; pass labels as well."
        )
    model = model_or_tokenizer if isinstance(model_or_tokenizer, TransformerBridge) else None
    if model is not None or not hasattr(model_or_tokenizer, "decode"):
        check_bridge(model_or_tokenizer)
    usage, statistics = analyze_feature_usage(latents), token_statistics(latents, labels)
    topics = None
    if labels is not None:
        n_classes = int(max(labels)) + 1
        topics = class_names if len(class_names) else [f"class {i}" for i in range(n_classes)]
        if len(topics) < n_classes:
            raise ValueError(f"class_names has {len(topics)} entries, but labels go up to {n_classes - 1}.")
    kinds = {int(i): kind for kind, found in feature_kinds(usage, statistics).items() for i in found}
    tokenizer = model_or_tokenizer if model is None else model.tokenizer
    for heading, cells in columns.items():
        if not isinstance(cells, Mapping):
            raise ValueError(
                f"columns[{heading!r}] must have a number or a text for each latent, {{latent: value}}, got {cells!r:.60}."
            )
    return _Seen(sae, latents, usage, statistics, kinds, topics, tokenizer, model, columns)


def _checked(shown: Sequence[int], d_sae: int) -> list[int]:
    chosen = [int(latent) for latent in shown]
    if not chosen:
        raise ValueError("there are no latents to show; name some with `shown`.")
    unknown = [latent for latent in chosen if not 0 <= latent < d_sae]
    if unknown:
        raise ValueError(f"there is no latent {unknown[0]}; this autoencoder has latents 0 to {d_sae - 1}.")
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"latent {max(chosen, key=chosen.count)} is named twice.")
    return chosen


def _own_files(directory: Path) -> list[str]:
    """The files that an earlier dashboard left in `directory`."""
    files = directory.iterdir() if directory.is_dir() else ()
    return [path.name for path in files if re.fullmatch(r"(index|page-\d+)\.html", path.name)]


# ------------------------------------------------------------------------------------------- contents


def _facts(seen: _Seen) -> list[tuple[str, str]]:
    origin, config, latents = seen.latents.origin, seen.sae.config, seen.latents
    read_on = f"{len(latents):,} tokens"
    if len(latents) < latents.n_store_rows:
        read_on += f", a random sample of the documents of {latents.n_store_rows:,}"
    return [
        ("model", str(origin.get("model_name", "not known"))),
        ("activations", str(origin.get("hook_name", "not known"))),
        ("autoencoder", f"{config.architecture}, {config.d_in} to {config.d_sae:,} latents"),
        ("read on", read_on),
    ]


def _summary(seen: _Seen, latent: int) -> dict[str, Any]:
    """A latent's row of the table, ready for JSON."""
    usage, statistics = seen.usage, seen.statistics
    dead = bool(usage.dead[latent])
    return {
        "latent": latent,
        "dead": dead,
        "density": rounded(usage.density[latent]),
        "max": rounded(usage.max_activation[latent]),
        "mean": rounded(usage.mean_activation[latent]),
        "token": "" if dead else seen.token(statistics.token[latent]),
        "token_share": rounded(statistics.token_share[latent]),
        "previous": "" if dead else seen.token(statistics.previous[latent]),
        "previous_share": rounded(statistics.previous_share[latent]),
        "topic": "" if dead or seen.topics is None else str(seen.topics[statistics.topic[latent]]),
        "topic_share": rounded(statistics.topic_share[latent]),
        "kind": seen.kinds.get(latent, ""),
        "more": [_cell(cells.get(latent)) for cells in seen.columns.values()],
    }


def _cell(value: float | str | None) -> float | str | None:
    return value if value is None or isinstance(value, str) else rounded(value)


def _map(
    seen: _Seen, positions: Float[np.ndarray, "d_sae 2"] | None
) -> list[tuple[int, float, float, str, str]] | None:
    """Of every latent that is on anywhere: its number, its place within 0 to 1, its topic or kind, and its top token."""
    if positions is None:
        return None
    positions = np.asarray(positions, dtype=np.float64)
    if positions.shape != (seen.latents.d_sae, 2):
        raise ValueError(
            f"positions must be two numbers for each of the {seen.latents.d_sae} latents, got shape {positions.shape}."
        )
    placed = np.isfinite(positions).all(1) & ~seen.usage.dead
    if not placed.any():
        raise ValueError("positions has no latent with two finite numbers that is on anywhere.")
    low, high = positions[placed].min(0), positions[placed].max(0)
    places = (positions - low) / np.maximum(high - low, TINY)
    return [
        (int(i), *places[i].round(3).tolist(), _group(seen, i), seen.token(seen.statistics.token[i]) or "")
        for i in np.flatnonzero(placed)
    ]


def _group(seen: _Seen, latent: int) -> str:
    """A latent's colour on the map: its topic where one has over half of its energy, else none; or its kind."""
    if seen.topics is None:
        return seen.kinds.get(latent, "")
    clear = seen.statistics.topic_share[latent] > 0.5
    return str(seen.topics[seen.statistics.topic[latent]]) if clear else ""


def _details(seen: _Seen, shown: Sequence[int]) -> list[dict[str, Any]]:
    """All that a page shows of each latent, ready for JSON."""
    latents, density = seen.latents, seen.usage.density
    near = nearest_latents(seen.sae.W_dec, shown, TABLE_ROWS)
    together = coactive_latents(latents, shown, TABLE_ROWS)
    details = []
    for i, neighbours in zip(shown, near, strict=True):
        top = top_contexts(seen.tokenizer, latents, i, TOP_CONTEXTS, CONTEXT_WIDTH)
        parts = contexts_by_strength(seen.tokenizer, latents, i, width=CONTEXT_WIDTH)
        details.append(
            _summary(seen, i)
            | {
                "n_active": int(seen.statistics.n_active[i]),
                "early_share": rounded(seen.statistics.early_share[i]),
                "histogram": _histogram(latents.column(i)[1]),
                "top": [_context(context) for context in top],
                "sampled": [[_context(context) for context in part] for part in parts],
                "tokens": _token_rows(seen, i, before=False),
                "previous_tokens": _token_rows(seen, i, before=True),
                "neighbours": [(j, rounded(cosine)) for j, cosine in neighbours],
                "together": [(j, rounded(share), rounded(density[j])) for j, share in together[i]],
            }
        )
    if seen.model is not None:
        effects = logit_effects_of_each(seen.model, seen.sae, shown, TABLE_ROWS)
        for row, moved in zip(details, effects, strict=True):
            for name, tokens in zip(("raised", "lowered"), moved, strict=True):
                row[name] = [(token, rounded(effect)) for token, effect in tokens]
    return details


def _context(context: Context) -> dict[str, Any]:
    return {
        "tokens": context.tokens,
        "activations": [rounded(value) for value in context.activations],
        "centre": context.centre,
        "document": context.document,
    }


def _token_rows(seen: _Seen, latent: int, before: bool) -> list[tuple[str | None, float]]:
    found = top_tokens(seen.latents, latent, TABLE_ROWS, before=before)
    return [(seen.token(token_id), rounded(share)) for token_id, share in found]


def _histogram(activations: Float[np.ndarray, " active"]) -> dict[str, list]:
    """Counts in the bins from the first to the last that hold anything."""
    counts, _ = np.histogram(activations.clip(*HISTOGRAM_EDGES[[0, -1]]), HISTOGRAM_EDGES)
    filled = np.flatnonzero(counts)
    if not len(filled):
        return {"edges": [], "counts": []}
    first, last = int(filled[0]), int(filled[-1]) + 1
    return {
        "edges": [rounded(edge) for edge in HISTOGRAM_EDGES[first : last + 1]],
        "counts": counts[first:last].tolist(),
    }


# ----------------------------------------------------------------------------------------------- page


def _page(title: str, seen: _Seen, latents: Sequence[Mapping[str, Any]], index: str = "", **more: Any) -> str:
    topics = any(latent["topic"] for latent in latents)
    data = {"facts": _facts(seen), "topics": topics, "columns": list(seen.columns), "index": index}
    return filled_page("dashboard", title, data | {"latents": latents} | more, "game", "map")
