"""Does a description of a latent predict where it is on? A test for whoever wrote it: person, rule or language model.

The explainer sees contexts of a latent. The judge sees the description and snippets that neither has seen, of which half
turn the latent on, at all strengths, and says which (detection: Paulo et al. 2024, "Automatically interpreting millions
of features in large language models"). Some of the others are hard: contexts of the latents that are most alike. A
description such as "any text" or "a name" fails there, and balanced accuracy gives 0.5 to whoever says yes to all.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from sae_tutorial.features.contexts import contexts_around
from sae_tutorial.features.latents import Latents, coactive_latents

SNIPPETS, HARD, WIDTH = 10, 3, 10


class DetectionTask(NamedTuple):
    """Snippets to judge, and the truth.

    Attributes:
        latent: the latent that was described.
        snippets: texts of some 20 tokens, in random order.
        truth: [snippets], whether the latent is on anywhere in the snippet.
    """

    latent: int
    snippets: list[str]
    truth: Bool[np.ndarray, " snippets"]

    def score(self, predictions: Sequence[bool]) -> float:
        """Balanced accuracy: the mean of the share of hits and the share of correct rejections; 0.5 is chance.

        Raises:
            ValueError: not one prediction for each snippet.
        """
        predictions = np.asarray(predictions, dtype=bool)
        if predictions.shape != self.truth.shape:
            raise ValueError(f"{len(self.truth)} predictions are needed, got {predictions.size}.")
        return float((predictions[self.truth].mean() + (~predictions[~self.truth]).mean()) / 2)


def detection_task(tokenizer: Any, latents: Latents, latent: int, seed: int = 0) -> DetectionTask:
    """Ten snippets for one latent: five that turn it on, one of each fifth of its range, and five that do not.

    The range goes from nothing to its maximum: by count, most activations are faint, and the strong ones are few.

    Of those five, three are contexts of the latents that are most often on together with it, in documents' places where
    it is off; the other two are drawn from all rows.

    Args:
        tokenizer: of the model.
        latents: what is on where, on texts from which no description was written.
        latent: the latent to test.
        seed: of the draw.

    Raises:
        ValueError: the latent is on at too few places, or at too many for a snippet without it.
    """
    generator = np.random.default_rng([seed, latent])
    rows, values = latents.column(latent)
    n_on = SNIPPETS // 2
    if len(rows) < n_on:
        raise ValueError(f"latent {latent} is on at {len(rows)} rows; at least {n_on} are needed.")
    fifth = np.minimum((values / values.max() * n_on).astype(int), n_on - 1)
    on = [int(generator.choice(rows[fifth == i])) for i in np.unique(fifth)]
    on += generator.choice(np.setdiff1d(rows, on), n_on - len(on), replace=False).tolist()
    near = _near(latents, rows)
    rivals = [other for other, _ in coactive_latents(latents, [latent], n=SNIPPETS)[latent]]
    off: list[int] = []
    for other in rivals:
        free = latents.column(other)[0]
        free = free[~near[free]]
        if len(free) and len(off) < HARD:
            off.append(int(generator.choice(free)))
    anywhere = np.flatnonzero(~near)
    missing = SNIPPETS - n_on - len(off)
    if len(anywhere) < missing:
        raise ValueError(f"latent {latent} is on nearly everywhere: no snippet is without it.")
    off += generator.choice(anywhere, missing, replace=False).tolist()
    order = generator.permutation(SNIPPETS)
    contexts = contexts_around(tokenizer, latents, latent, [[*on, *off][i] for i in order], WIDTH)
    return DetectionTask(latent, ["".join(context.tokens) for context in contexts], order < n_on)


def marked_contexts(
    tokenizer: Any, latents: Latents, latent: int, n: int = 5, seed: int = 0
) -> list[tuple[float, str]]:
    """What an explainer reads: contexts of the upper and of the middle third of a latent's range.

    Tokens with at least a third of the context's strongest activation stand in «».

    Returns:
        Activation over the latent's maximum, and the text; at most `n` of each third.
    """
    generator = np.random.default_rng([seed, latent])
    rows, values = latents.column(latent)
    third = np.minimum((values / values.max() * 3).astype(int), 2)
    found: list[tuple[float, str]] = []
    for part in (2, 1):
        inside = rows[third == part]
        drawn = generator.choice(inside, min(n, len(inside)), replace=False)
        for context in contexts_around(tokenizer, latents, latent, drawn, WIDTH):
            least = context.activations.max() / 3
            pairs = zip(context.tokens, context.activations, strict=True)
            text = "".join(f"«{token}»" if activation >= least else token for token, activation in pairs)
            found.append((float(context.activations[context.centre] / values.max()), text))
    return found


def _near(latents: Latents, rows: Int[np.ndarray, " active"]) -> Bool[np.ndarray, " rows"]:
    """Rows whose window holds a row on which the latent is on; neighbours in other documents count too."""
    near = np.zeros(len(latents), dtype=bool)
    for step in range(-WIDTH, WIDTH + 1):
        near[np.clip(rows + step, 0, len(latents) - 1)] = True
    return near
