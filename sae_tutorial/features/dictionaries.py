"""Two dictionaries of the same activations side by side.

What an SAE finds depends on its width: a latent of a narrow dictionary may be *split* into several in a wide one.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.sparse import csc_array
from torch import Tensor

from sae_tutorial.features.directions import unit_rows

ALIKE = 0.4  # cosine of decoder rows from which a wide latent may be a part of a narrow one
INSIDE = 0.5  # share of a part's rows that must lie among those of the whole
APART = 0.3  # share of a part's rows that it may have in common with another part


class Split(NamedTuple):
    """A narrow latent and the wide ones that share its rows among them.

    Attributes:
        whole: the narrow dictionary's latent.
        parts: latents of the wide one, the most frequent first.
        covered: share of the whole's rows on which a part is on.
    """

    whole: int
    parts: list[int]
    covered: float


def find_splits(
    narrow: tuple[csc_array, Float[Tensor, "narrow d_in"]],
    wide: tuple[csc_array, Float[Tensor, "wide d_in"]],
    min_rows: int = 50,
    alike: float = ALIKE,
) -> list[Split]:
    """Latents of a narrow dictionary that a wide one splits (Bricken et al. 2023, "feature splitting").

    A part is a wide latent that points the way of the whole (cosine over 0.4), is on mostly where the whole is (over
    half of its rows) and mostly where the other parts are not (at most 30% of its rows in common with one of them). It
    takes two parts for a split.

    Args:
        narrow: activations [rows, latents] and decoder of the narrow dictionary.
        wide: those of the wide one on the same rows.
        min_rows: latents that are on less often are left out.
        alike: the least cosine; with −1 it matters only where the latents are on.

    Returns:
        The splits, the one with the largest share of the whole covered first.
    """
    on_narrow, on_wide = ((units > 0).astype(np.float32) for units, _ in (narrow, wide))
    counts = np.asarray(on_wide.sum(axis=0)).ravel()
    n_whole = np.asarray(on_narrow.sum(axis=0)).ravel()
    cosine = (unit_rows(narrow[1]) @ unit_rows(wide[1]).T).cpu().numpy()
    inside = (on_narrow.T @ on_wide).toarray() / np.maximum(counts, 1)
    candidates = (cosine > alike) & (inside > INSIDE) & (counts >= min_rows) & (n_whole[:, None] >= min_rows)
    splits = []
    for whole in np.flatnonzero(candidates.sum(1) > 1):
        parts: list[int] = []
        for latent in sorted(np.flatnonzero(candidates[whole]).tolist(), key=lambda i: -counts[i]):
            column = on_wide[:, [latent]]
            shared = (on_wide[:, parts].T @ column).toarray() if parts else np.zeros(1)
            if shared.max() <= APART * counts[latent]:
                parts.append(latent)
        if len(parts) > 1:
            covered = np.asarray(on_wide[:, parts].sum(axis=1)).ravel() > 0
            whole_on = on_narrow[:, [whole]].toarray()[:, 0] > 0
            splits.append(Split(int(whole), parts, float(covered[whole_on].mean())))
    return sorted(splits, key=lambda split: -split.covered)
