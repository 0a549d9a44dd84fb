"""Do words that follow one another in a cycle, such as the days of the week, lie on a circle in that order?

Engels et al. 2024, "Not all language model features are one-dimensionally linear", found the days and the months on circles.
Any words can be put on a plane, so an order is worth something only beside the orders that chance gives. Words of a mere
sequence, such as the numbers, bend into an open arc; notebook 13 tells them from a ring by the seam.
"""

from collections.abc import Sequence
from itertools import islice, permutations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.activations.collect import run_to_hooks
from sae_tutorial.transformer.tokens import pad_right, tokenize

ALL_ORDERS, TEXTS_AT_A_TIME, CONTEXT = 5_040, 64, 128

# Sentences that end in a word: eight in which something happens on a day or in a month, eight into which any word fits.
ON_A_DAY = [
    "The meeting will take place on {}", "The shop is closed every {}", "They arrived late on {}", "I will see you next {}",
    "The letter came last {}", "The council voted on {}", "It rained all day on {}", "Our flight leaves on {}",
]  # fmt: skip
IN_A_MONTH = [sentence.replace(" on {}", " in {}").replace("every", "each") for sentence in ON_A_DAY]
ABOUT = [
    "The box was given to {}", "I was thinking about {}", "In the story there was {}", "They talked for hours about {}",
    "He drew a picture of {}", "She asked me about {}", "There is a book about {}", "Nobody had ever heard of {}",
]  # fmt: skip


def last_tokens(
    model: TransformerBridge, texts: Sequence[str], hook_name: str
) -> Float[Tensor, "texts d_in"]:
    """What passes a hook at the last token of each text."""
    token_ids, starts, _ = tokenize(model.tokenizer, texts, CONTEXT)
    found = []
    for first in range(0, len(texts), TEXTS_AT_A_TIME):
        some = [
            token_ids[a:b]
            for a, b in islice(zip(starts, starts[1:], strict=False), first, first + TEXTS_AT_A_TIME)
        ]
        batch = run_to_hooks(model, pad_right(some), [hook_name])[hook_name]
        found.append(batch[torch.arange(len(some)), [len(ids) - 1 for ids in some]].float().cpu())
    return torch.cat(found)


def rows_at_words(
    model: TransformerBridge, words: Sequence[str], sentences: Sequence[str], hook_name: str
) -> Float[Tensor, "sentences words d_in"]:
    """What passes a hook at each word, put into the gap at the end of each sentence."""
    filled = [sentence.format(word) for sentence in sentences for word in words]
    return last_tokens(model, filled, hook_name).unflatten(0, (len(sentences), len(words)))


def on_plane(
    rows: Float[Tensor, "words d"], others: Float[Tensor, "words d"] | None = None
) -> Float[np.ndarray, "words 2"]:
    """`rows` on the plane of their first two principal components, each scaled to variance 1 over the words.

    With `others` the plane is that of `others`, and `rows` are only seen on it.
    """
    by = rows if others is None else others
    _, sizes, components = torch.linalg.svd(by - by.mean(0), full_matrices=False)
    scale = sizes[:2].clamp(min=1e-12) / len(by) ** 0.5
    return ((rows - rows.mean(0)) @ components[:2].T / scale).cpu().numpy()


def neighbours_kept(angles: Float[np.ndarray, " words"]) -> int:
    """How many words have the next word of the cycle beside them on the circle; the last word's next is the first."""
    place = np.argsort(np.argsort(angles))
    steps = (np.roll(place, -1) - place) % len(angles)
    return int(np.isin(steps, (1, len(angles) - 1)).sum())


def chance_of_order(kept: int, n_words: int, *, draws: int = 20_000, seed: int = 0) -> float:
    """The share of orders of `n_words` on a circle that keep at least `kept` neighbours.

    Up to seven words it is exact, over all orders. For more it is from random orders, and (1 + hits) / (1 + draws), so
    never 0 (Phipson and Smyth 2010).
    """
    if np.prod(range(1, n_words + 1), dtype=float) <= ALL_ORDERS:
        return float(
            np.mean([neighbours_kept(np.array(order)) >= kept for order in permutations(range(n_words))])
        )
    generator = np.random.default_rng(seed)
    hits = sum(neighbours_kept(generator.permutation(n_words)) >= kept for _ in range(draws))
    return (1 + hits) / (1 + draws)
