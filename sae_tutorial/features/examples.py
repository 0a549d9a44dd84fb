"""Where each latent of a coder was seen: a few places in known texts, small enough to ship with the coder.

To show what a latent responds to takes a model's pass over a million tokens, but what is shown in the end is a dozen
lines. `find_examples` keeps the places of those lines as numbers: which text, which token, how strongly. Whoever has the
same texts gets the lines back without a model, in the time that a tokenizer needs.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial import storage
from sae_tutorial.features.contexts import Context, TextFeatures, activations_in, strongest_rows, window
from sae_tutorial.features.latents import Latents, analyze_feature_usage, read_texts
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.transformer.families import direct_effects
from sae_tutorial.transformer.tokens import token_strings, tokenize

STRONGEST, AT_RANDOM, WIDTH, RAISED = 5, 2, 16, 6
DENSE, FEWEST_PLACES, TINY = 0.1, 3, 1e-12
LATENTS_AT_A_TIME = 256  # their effects on all tokens of a vocabulary are in memory together
ARRAYS_FILE, SETTINGS_FILE = "examples.safetensors", "examples.json"


@dataclass(frozen=True)
class Examples:
    """Places where each latent is on: the strongest, one per text, then some at random from all its places.

    Attributes:
        document: [d_sae, places], the index of the text; -1 where a latent has fewer places.
        first: [d_sae, places], the place's first token in that text, BOS left out.
        centre: [d_sae, places], the token that the place is about, counted from `first`.
        activations: [d_sae, places, tokens], float16, the latent's activation at each token; 0 after the text's end.
        largest: [d_sae], the latent's largest activation over all tokens read.
        density: [d_sae], the share of tokens at which it is on.
        raised: [d_sae, tokens], the ids of the tokens whose logits its direction raises most.
        best: latents worth showing first, the best first.
        settings: `hook_name`, `context_size`, `tokens` (how many were read), `n_texts`, and the fingerprints `texts` and
            `coder`.
    """

    document: Int[np.ndarray, "d_sae places"]
    first: Int[np.ndarray, "d_sae places"]
    centre: Int[np.ndarray, "d_sae places"]
    activations: Float[np.ndarray, "d_sae places tokens"]
    largest: Float[np.ndarray, " d_sae"]
    density: Float[np.ndarray, " d_sae"]
    raised: Int[np.ndarray, "d_sae raised"]
    best: Int[np.ndarray, " best"]
    settings: dict[str, Any]

    def contexts(self, tokenizer: Any, texts: Sequence[str], latent: int) -> list[Context]:
        """A latent's places as text, the strongest first, then those at random."""
        found = []
        for document, first, centre, activations in zip(
            self.document[latent],
            self.first[latent],
            self.centre[latent],
            self.activations[latent],
            strict=True,
        ):
            if document >= 0:
                ids, _, _ = tokenize(tokenizer, [texts[document]], self.settings["context_size"], warn=False)
                width = (len(activations) - 1) // 2  # on each side; before the first token there is nothing
                shown = token_strings(tokenizer, ids[1:][first : first + centre + width + 1])
                values = activations[: len(shown)].astype(np.float32)
                found.append(Context(shown, values, int(centre), int(document)))
        return found

    def places(self, tokenizer: Any, texts: Sequence[str], latent: int) -> list[Context]:
        """`contexts`, with activations as shares of the latent's largest anywhere."""
        return [
            replace(context, activations=context.activations / self.largest[latent])
            for context in self.contexts(tokenizer, texts, latent)
        ]

    def check_texts(self, texts: Sequence[str]) -> None:
        """Raise ValueError if `texts` are not those that the places were found in."""
        if fingerprint(texts) != self.settings["texts"]:
            raise ValueError(
                f"these {len(texts):,} texts are not the {self.settings['n_texts']:,} that the examples were found in; pass "
                "the same, in the same order."
            )

    def save(self, directory: str | Path) -> None:
        """Write two files, atomically; an older set in their place is replaced."""
        arrays = {name: torch.from_numpy(value) for name, value in vars(self).items() if name != "settings"}
        with storage.new_directory(directory, (ARRAYS_FILE, SETTINGS_FILE)) as partial:
            storage.write_tensors(partial / ARRAYS_FILE, arrays)
            storage.write_json(partial / SETTINGS_FILE, self.settings)

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: there are no examples.
            storage.DamagedFileError: a file is not whole.
        """
        directory = Path(directory)
        arrays = {
            name: tensor.numpy() for name, tensor in storage.read_tensors(directory / ARRAYS_FILE).items()
        }
        return cls(**arrays, settings=storage.read_json(directory / SETTINGS_FILE))


def fingerprint(texts: Sequence[str]) -> str:
    """Twelve hexadecimal digits that change with any of the texts, and with their order."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def fingerprint_of(sae: SparseAutoencoder) -> str:
    """Twelve hexadecimal digits that change with the encoder."""
    return hashlib.sha256(sae.W_enc.detach().float().cpu().numpy().tobytes()).hexdigest()[:12]


def latents_of_text(
    examples: Examples, model: TransformerBridge, sae: SparseAutoencoder, text: str, top_k: int = 16
) -> TextFeatures:
    """The latents that `text` turns on most, each by the share of its largest activation that it reaches.

    Raw activations would put first the latents with the largest scale, which say little. Left out are latents that are on
    at more than a tenth of all tokens, those that were seen in fewer than three places, and those of a text's first token
    alone: with nothing before it, that token turns on the latents of beginnings whatever it says.

    Returns:
        At most `top_k` latents, the strongest first; `activations` are shares, at most 1.
    """
    read = read_texts(model, sae, [text], examples.settings["hook_name"])
    seldom = (examples.document >= 0).sum(axis=1) < FEWEST_PLACES
    scale = np.where(seldom | (examples.density > DENSE), np.inf, np.maximum(examples.largest, TINY))
    shares = np.minimum(read.matrix.toarray() / scale, 1.0)
    reached = shares[min(1, len(shares) - 1) :].max(axis=0)
    strongest = np.argsort(-reached, kind="stable")[:top_k]
    chosen = strongest[reached[strongest] > 0]
    tokens = token_strings(model.tokenizer, read.token_ids)
    return TextFeatures(tokens, chosen, shares[:, chosen], int((read.n_active > 0).sum()))


def find_examples(
    model: TransformerBridge,
    sae: SparseAutoencoder,
    latents: Latents,
    texts: Sequence[str],
    best: Sequence[int] | Int[np.ndarray, " best"],
    *,
    seed: int = 0,
) -> Examples:
    """The places of every latent in `texts`.

    Args:
        model: the language model, for its tokenizer and its unembedding.
        sae: the coder.
        latents: `read_latents(sae, store)`, where `store` holds the activations of all `texts`.
        texts: what the latents were read on; document ids are indices of it.
        best: latents worth showing first, the best first.
        seed: draws the places at random.
    """
    usage, places = analyze_feature_usage(latents), STRONGEST + AT_RANDOM
    document, first, centre = (np.full((latents.d_sae, places), -1, dtype=np.int32) for _ in range(3))
    activations = np.zeros((latents.d_sae, places, 2 * WIDTH + 1), dtype=np.float16)
    starts = np.searchsorted(latents.document_ids, np.arange(len(texts)))  # a text's first row
    generator = np.random.default_rng(seed)
    for latent in tqdm(range(latents.d_sae), desc="finding examples", unit=" latents"):
        rows = latents.column(latent)[0]
        drawn = generator.choice(rows, min(AT_RANDOM, len(rows)), replace=False)
        for place, row in enumerate([*strongest_rows(latents, latent, STRONGEST, WIDTH), *drawn]):
            around = window(latents, int(row), WIDTH)
            document[latent, place] = latents.document_ids[row]
            first[latent, place] = around[0] - starts[latents.document_ids[row]]
            centre[latent, place] = row - around[0]
            activations[latent, place, : len(around)] = activations_in(latents, latent, around)
    return Examples(
        document, first, centre, activations,
        usage.max_activation, usage.density.astype(np.float32), _raised(model, sae), np.array(best, dtype=np.int32),
        {"hook_name": latents.origin["hook_name"], "context_size": latents.origin["context_size"],
         "tokens": len(latents), "n_texts": len(texts), "texts": fingerprint(texts), "coder": fingerprint_of(sae)},
    )  # fmt: skip


def _raised(model: TransformerBridge, sae: SparseAutoencoder) -> Int[np.ndarray, "d_sae raised"]:
    found = []
    for rows in sae.W_dec.detach().split(LATENTS_AT_A_TIME):
        token_ids, effects = direct_effects(model, rows)
        found.append(token_ids[effects.topk(RAISED).indices])
    return torch.cat(found).int().numpy()
