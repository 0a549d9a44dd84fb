"""Two dictionaries of the same activations side by side, and what one latent does in place of another.

What an SAE finds depends on its width and on its seed. A latent of a narrow dictionary may be *split* into several in a
wide one. A latent that seems to stand for a concept may have holes, where another one *absorbs* its part. And a latent
that a second seed does not find again may say more about the training run than about the model.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csc_array
from torch import Tensor

from sae_tutorial.features.concepts import row_labels
from sae_tutorial.features.directions import unit_rows
from sae_tutorial.features.intervals import document_draws

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


class Absorption(NamedTuple):
    """Where a concept's latents have holes, and what takes over there.

    Attributes:
        read: rows with the concept that a linear probe recognises.
        holes: of those, rows on which none of the concept's own latents is on.
        absorbed: of the holes, those in which another latent writes along the probe's direction at least half as much
            as the concept's own do where they are on.
        takers: those latents and how many holes each fills, the most frequent first.
        elsewhere: the control, the share of as many rows without the concept on which another latent writes as much. They
            are the rows with none of the own latents on to which the probe gives its highest scores.
        alarms: how many of the control's rows the probe takes for the concept.
        alarms_filled: on how many of these another latent writes as much.
        usual: what the own latents write together along the direction where they are on, as a median; 0 if they never are.
        hole_rows: the rows of the holes.
        control_rows: the control's.
        most: for each row, the most that another latent writes along the direction.
        taker: and which latent that is.
        filled: for each row, whether another latent writes as much.
        alarm: for each row, whether the probe takes it for the concept.
    """

    read: int
    holes: int
    absorbed: int
    takers: list[tuple[int, int]]
    elsewhere: float
    alarms: int
    alarms_filled: int
    usual: float
    hole_rows: Int[np.ndarray, " holes"]
    control_rows: Int[np.ndarray, " like"]
    most: Float[np.ndarray, " rows"]
    taker: Int[np.ndarray, " rows"]
    filled: Bool[np.ndarray, " rows"]
    alarm: Bool[np.ndarray, " rows"]


def find_absorption(
    units: csc_array,
    W_dec: Float[Tensor, "d_sae d_in"],
    own: Int[np.ndarray, " latents"],
    direction: Float[np.ndarray, " d_in"],
    labels: Bool[np.ndarray, " rows"],
    score: Float[np.ndarray, " rows"],
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
        score: the probe's, above 0 where it takes a row for one with the concept. If the concept's own latents are on at
            none of these, there is nothing to compare with, and nothing counts as absorbed.

    Raises:
        ValueError: labels or scores are not one for each row.
    """
    labels, score = row_labels(labels, units.shape[0]), np.asarray(score, dtype=float)
    if score.shape != labels.shape:
        raise ValueError(
            f"score must have one entry for each of the {len(labels)} rows, got shape {score.shape}."
        )
    along = W_dec.detach().float().cpu().numpy() @ (direction / np.linalg.norm(direction)).astype(np.float32)
    written = (units.tocsr() * along[None, :]).tocsr()
    on_own = np.asarray((units[:, own] > 0).sum(axis=1)).ravel() > 0
    recognised = labels & (score > 0)
    by_own = np.asarray(written[:, own].sum(axis=1)).ravel()
    usual = float(np.median(by_own[recognised & on_own])) if (recognised & on_own).any() else 0.0
    others = np.delete(np.arange(units.shape[1]), own)
    by_others = written[:, others].tocsr()
    most, taker = by_others.max(axis=1).toarray().ravel(), others[by_others.argmax(axis=1)]
    enough = most >= usual / 2 if (recognised & on_own).any() else np.zeros(len(labels), dtype=bool)
    holes = recognised & ~on_own
    absorbed = np.flatnonzero(holes & enough)
    takers, counts = np.unique(taker[absorbed], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    without = np.flatnonzero(~labels & ~on_own)
    like = without[np.argsort(-score[without], kind="stable")[: holes.sum()]]
    return Absorption(
        read=int(recognised.sum()),
        holes=int(holes.sum()),
        absorbed=len(absorbed),
        takers=[(int(takers[i]), int(counts[i])) for i in order],
        elsewhere=float(enough[like].mean()) if len(like) else 0.0,
        alarms=int((score[like] > 0).sum()),
        alarms_filled=int((enough[like] & (score[like] > 0)).sum()),
        usual=usual,
        hole_rows=np.flatnonzero(holes),
        control_rows=like,
        most=most,
        taker=taker,
        filled=enough,
        alarm=score > 0,
    )


def drawn_counts(
    found: Sequence[Absorption], documents: Int[np.ndarray, " rows"], alarms_only: bool = False
) -> list[Float[np.ndarray, "draws concepts"]]:
    """How many holes there are, how many are absorbed, and the control's rate, in every draw of documents.

    Args:
        found: a concept each, all of them on the same rows.
        documents: the document of each of these rows; documents are drawn with replacement.
        alarms_only: count only those of the control's rows that the probe takes for the concept. Concepts without any are
            left out.

    Returns:
        Three arrays; the first row of each is the sample as it is. Where a draw has none of a concept's control rows, the
        rate is that of the whole sample.
    """
    _, owner = np.unique(documents, return_inverse=True)
    weights = document_draws(owner.max() + 1)

    def drawn(rows: Int[np.ndarray, " some"]) -> Float[np.ndarray, " draws"]:
        return (weights @ np.bincount(owner[rows], minlength=weights.shape[1])).astype(float)

    columns = []
    for one in found:
        control = one.control_rows[one.alarm[one.control_rows] | (not alarms_only)]
        if alarms_only and not len(control):
            continue
        n, n_filled = drawn(control), drawn(control[one.filled[control]])
        whole = n_filled[0] / max(n[0], 1)
        rate = np.divide(n_filled, n, out=np.full(len(n), whole), where=n > 0)
        columns.append((drawn(one.hole_rows), drawn(one.hole_rows[one.filled[one.hole_rows]]), rate))
    return [np.stack(numbers, axis=1) for numbers in zip(*columns, strict=True)]
