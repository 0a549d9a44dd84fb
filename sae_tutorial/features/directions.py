"""What a latent's decoder row says by itself: its nearest neighbours, and the words that it makes likelier."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.features.latents import Latents
from sae_tutorial.features.statistics import MIN_ACTIVE, next_words, token_statistics
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.transformer.families import direct_effects
from sae_tutorial.transformer.tokens import token_strings


def unit_rows(W_dec: Float[Tensor, "d_sae d_in"]) -> Float[Tensor, "d_sae d_in"]:
    """Decoder rows of norm 1, in float32 and without gradients."""
    return normalize(W_dec.detach().float(), dim=1)


def nearest_latents(
    W_dec: Float[Tensor, "d_sae d_in"], chosen: Sequence[int], n: int = 6
) -> list[list[tuple[int, float]]]:
    """For each of `chosen`, the n other latents whose decoder rows have the largest cosine with its own, and those."""
    rows, chosen = unit_rows(W_dec), [int(i) for i in chosen]
    cosine = rows[chosen] @ rows.T
    cosine[range(len(chosen)), chosen] = -torch.inf  # itself
    best = cosine.topk(min(n, len(rows) - 1))
    return [
        list(zip(*nearest, strict=True))
        for nearest in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


def duplicates(W_dec: Float[Tensor, "d_sae d_in"], alike: float = 0.9) -> Int[np.ndarray, "pairs 2"]:
    """Pairs of latents whose decoder rows have a cosine above `alike`, the most alike first."""
    cosine = (unit_rows(W_dec) @ unit_rows(W_dec).T).triu(1)
    pairs = (cosine > alike).nonzero()
    order = cosine[pairs[:, 0], pairs[:, 1]].argsort(descending=True, stable=True)
    return pairs[order].cpu().numpy()


def logit_effects(
    model: TransformerBridge, sae: SparseAutoencoder, latent: int, n: int = 8
) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """The tokens whose logits a latent's direction raises and lowers most by the direct path, W_dec[latent] · W_U.

    Each entry is a token and its effect per unit of activation, minus the mean over the vocabulary. Later layers
    and the division by the norm are left out; the final normalisation's gain is kept (Elhage et al. 2021, "direct
    path"; see `families.direct_effects`).
    """
    return logit_effects_of_each(model, sae, [latent], n)[0]


def logit_effects_of_each(
    model: TransformerBridge, sae: SparseAutoencoder, chosen: Sequence[int], n: int = 8
) -> list[tuple[list[tuple[str, float]], list[tuple[str, float]]]]:
    """`logit_effects` of several latents, in one product with the unembedding."""
    token_ids, effects = direct_effects(model, sae.W_dec[list(chosen)].detach())

    def named(sign: int) -> list[list[tuple[str, float]]]:
        most = (sign * effects).topk(min(n, len(token_ids)))
        return [
            [
                (token_strings(model.tokenizer, [token_ids[i]])[0], sign * value)
                for i, value in zip(*row, strict=True)
            ]
            for row in zip(most.indices.tolist(), most.values.tolist(), strict=True)
        ]

    return list(zip(named(1), named(-1), strict=True))


def neighbour_agrees(rows: Float[Tensor, "latents d_in"], classes: Int[np.ndarray, " latents"]) -> float:
    """The share of latents whose nearest other decoder row is of their own class; 0 if there are no rows."""
    if not len(rows):
        return 0.0
    units = unit_rows(rows)
    nearest = (units @ units.T).fill_diagonal_(-1).argmax(dim=1).cpu().numpy()
    return float((classes[nearest] == classes).mean())


def raise_what_follows(
    model: TransformerBridge,
    sae: SparseAutoencoder,
    latents: Latents,
    *,
    raised: int = 100,
    seed: int = 0,
) -> tuple[float, float]:
    """Do latents raise the word that most often follows where they are on?

    Args:
        model: the language model.
        sae: whose decoder rows are multiplied by the unembedding, as in `logit_effects`.
        latents: what is on where. Those on fewer than 50 times, at over a tenth of the rows or at starts of texts are
            left out; of the others 500 are asked, drawn at random.
        raised: a latent raises a word that is among this many with the largest effects.
        seed: of the draw.

    Returns:
        The share of latents that raise their own next word, and the mean share over the next words of 19 other latents.
    """
    n_active, early = latents.n_active, token_statistics(latents).early_share
    wanted = (n_active >= MIN_ACTIVE) & (n_active < 0.1 * len(latents)) & (early < 0.5)
    # Each latent has its lot, whichever others are wanted.
    lots = np.where(wanted, np.random.default_rng(seed).random(len(wanted)), np.inf)
    chosen = np.argsort(lots)[: min(500, wanted.sum())]
    token_ids, effects = direct_effects(model, sae.W_dec[chosen].detach())
    top, follows = token_ids[effects.topk(raised).indices].cpu().numpy(), next_words(latents, chosen)
    hits = [(top == np.roll(follows, k)[:, None]).any(axis=1).mean() for k in range(20)]
    return float(hits[0]), float(np.mean(hits[1:]))
