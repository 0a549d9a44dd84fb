"""The simplest explanation of a latent, the same for all dictionaries: a list of the tokens that it is strongest at."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from sae_tutorial.features.explanations import detection_task
from sae_tutorial.features.latents import Latents
from sae_tutorial.features.statistics import top_tokens
from sae_tutorial.transformer.tokens import token_strings

N_WORDS = 8
ENOUGH = 20  # tokens at which a latent must be on to be described, and to be tested
DENSE = 0.1  # share of the tokens above which a latent is on too often to be described


def top_words(tokenizer: Any, latents: Latents, latent: int, n: int = N_WORDS) -> list[str]:
    """The tokens with most of a latent's energy, as text."""
    return token_strings(tokenizer, [i for i, _ in top_tokens(latents, int(latent), n)])


def often_on(chosen_on: Latents, unread: Latents) -> Int[np.ndarray, " latents"]:
    """Latents that are on at 20 tokens or more on both sides, and at no more than a tenth of the unread ones."""
    n, n_unread = chosen_on.n_active, unread.n_active
    return np.flatnonzero((n >= ENOUGH) & (n_unread >= ENOUGH) & (n_unread < DENSE * len(unread)))


def list_scores(
    tokenizer: Any, chosen_on: Latents, unread: Latents, latents: Sequence[int]
) -> Float[np.ndarray, "latents 2"]:
    """For each latent the balanced accuracy of its own list, and of the list of the latent before it (the control).

    The list is made on `chosen_on`; the judge says that a latent of `unread` is on in a snippet if a word of the list is
    in it (`explanations.detection_task`). 0.5 is chance.
    """
    lists = [top_words(tokenizer, chosen_on, latent) for latent in latents]
    scores = []
    for i, latent in enumerate(latents):
        task = detection_task(tokenizer, unread, int(latent))
        for words in (lists[i], lists[i - 1]):
            scores.append(task.score([any(word in snippet for word in words) for snippet in task.snippets]))
    return np.reshape(scores, (-1, 2))


def telling_words(tokenizer: Any, latents: Latents, latent: int, n: int = 4) -> str:
    """The tokens with most of a latent's energy, each counted by how reliably it turns the latent on, as one text.

    "…" stands before a token that goes on inside a word.
    """
    rows, values = latents.column(int(latent))
    size = int(latents.token_ids.max()) + 1
    on = np.bincount(latents.token_ids[rows], minlength=size)
    energy = np.bincount(latents.token_ids[rows], values.astype(float) ** 2, size)
    reliably = on / np.maximum(np.bincount(latents.token_ids, minlength=size), 1)
    words = token_strings(tokenizer, np.argsort(-energy * reliably, kind="stable")[:n].tolist())
    inside = ["…" if word[:1].isalpha() and word.islower() else "" for word in words]
    return ", ".join(dots + word.strip() or "␣" for dots, word in zip(inside, words, strict=True))
