"""Two dictionaries of the same activations side by side, and what one latent does in place of another.

What an SAE finds depends on its width and on its seed. A latent of a narrow dictionary may be *split* into several in a
wide one. A latent that seems to stand for a concept may have holes, where another one *absorbs* its part. And a latent
that a second seed does not find again may say more about the training run than about the model.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csc_array
from torch import Tensor

from sae_tutorial.features.concepts import row_labels
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
) -> list[Split]:
    """Latents of a narrow dictionary that a wide one splits (Bricken et al. 2023, "feature splitting").

    A part is a wide latent that points the way of the whole (cosine over 0.4), is on mostly where the whole is (over
    half of its rows) and mostly where the other parts are not (at most 30% of its rows in common with one of them). It
    takes two parts for a split.

    Args:
        narrow: activations [rows, latents] and decoder of the narrow dictionary.
        wide: those of the wide one on the same rows.
        min_rows: latents that are on less often are left out.

    Returns:
        The splits, the one with the largest share of the whole covered first.
    """
    on_narrow, on_wide = ((units > 0).astype(np.float32) for units, _ in (narrow, wide))
    counts = np.asarray(on_wide.sum(axis=0)).ravel()
    n_whole = np.asarray(on_narrow.sum(axis=0)).ravel()
    cosine = (unit_rows(narrow[1]) @ unit_rows(wide[1]).T).cpu().numpy()
    inside = (on_narrow.T @ on_wide).toarray() / np.maximum(counts, 1)
    candidates = (cosine > ALIKE) & (inside > INSIDE) & (counts >= min_rows) & (n_whole[:, None] >= min_rows)
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


class Absorption(NamedTuple):
    """Where a concept's latents have holes, and what takes over there.

    Attributes:
        read: rows with the concept that a linear probe recognises.
        holes: of those, rows on which none of the concept's own latents is on.
        absorbed: of the holes, those in which another latent writes along the probe's direction at least half as much
            as the concept's own do where they are on.
        takers: those latents and how many holes each fills, the most frequent first.
        elsewhere: the control, the share of rows without the concept on which any other latent writes as much.
    """

    read: int
    holes: int
    absorbed: int
    takers: list[tuple[int, int]]
    elsewhere: float


def find_absorption(
    units: csc_array,
    W_dec: Float[Tensor, "d_sae d_in"],
    own: Int[np.ndarray, " latents"],
    direction: Float[np.ndarray, " d_in"],
    labels: Bool[np.ndarray, " rows"],
    read: Bool[np.ndarray, " rows"],
) -> Absorption:
    """Holes in a concept's latents that another latent fills (after Chanin et al. 2024, "A is for absorption").

    The paper takes an ablation effect to say which latent takes over; here it is the latent's part along the probe's
    direction, f_i W_dec[i]·w / ‖w‖, which is what a linear reader would see of it.

    Args:
        units: activations of all latents, [rows, d_sae].
        W_dec: their decoder.
        own: the latents that stand for the concept, for example those of a sparse probe.
        direction: w, of a linear probe for the concept, in the space of the activations.
        labels: rows with the concept.
        read: rows that the probe takes for such. If the concept's own latents are on at none of them, there is nothing to
            compare with, and nothing counts as absorbed.
    """
    labels, read = row_labels(labels, units.shape[0]), row_labels(read, units.shape[0], "read")
    along = W_dec.detach().float().cpu().numpy() @ (direction / np.linalg.norm(direction)).astype(np.float32)
    written = (units.tocsr() * along[None, :]).tocsr()
    on_own = np.asarray((units[:, own] > 0).sum(axis=1)).ravel() > 0
    recognised = labels & read
    by_own = np.asarray(written[:, own].sum(axis=1)).ravel()
    enough = np.median(by_own[recognised & on_own]) / 2 if (recognised & on_own).any() else np.inf
    others = np.delete(np.arange(units.shape[1]), own)
    by_others = written[:, others].tocsr()
    most = by_others.max(axis=1).toarray().ravel()
    holes = recognised & ~on_own
    absorbed = holes & (most >= enough)
    takers, counts = np.unique(others[by_others.argmax(axis=1)[absorbed]], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    ranked = [(int(takers[i]), int(counts[i])) for i in order]
    return Absorption(
        int(recognised.sum()),
        int(holes.sum()),
        int(absorbed.sum()),
        ranked,
        float((most[~labels] >= enough).mean()),
    )
