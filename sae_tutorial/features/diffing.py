"""What fine-tuning changed, read off a crosscoder of two models' rows side by side: the base model's, then the tuned one's.

Each latent has one activation f and two decoder rows. The share of their norm on the tuned side says whose latent it is
(Lindsey et al. 2024, "Sparse crosscoders for cross-layer features and model diffing"): 0.5 is both models', 1 the tuned
model's alone. A share near 1 can be an artefact of training, which latent scaling is there to tell
(Minder et al. 2025, "Overcoming sparsity artifacts in crosscoders to interpret chat-tuning", arXiv 2504.02922).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from sae_tutorial.activations.store import (
    Activations,
    ActivationStore,
    SideBySide,
    check_row_alike,
    iterate_batches,
)
from sae_tutorial.features.latents import Latents, encoded
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.metrics import check_width, encode_in_batches

# Where the paper draws the line.
# The paper asks for ½ ((‖d_tuned‖ − ‖d_base‖) / max + 1) above 0.9: a base arrow less than 0.2 times as long as the tuned one.
OWN_SHARE, OWN_ERROR, OWN_RECONSTRUCTION = 1 / 1.2, 0.2, 0.5


class LatentScaling(NamedTuple):
    """How much of what each latent writes for the tuned model the base model has too: 0 nothing, 1 as much.

    Attributes:
        error: ν^ε, in what the base model's side of the crosscoder leaves unexplained. High means complete shrinkage: the
            base model has the direction as well, and the crosscoder wrote it down for one side only.
        reconstruction: ν^r, in what the other latents write for the base model. High means latent decoupling: the base
            model's share of the concept went to latents of its own.
    """

    error: Float[Tensor, " latents"]
    reconstruction: Float[Tensor, " latents"]


def tuned_share(crosscoder: SparseAutoencoder) -> Float[Tensor, " d_sae"]:
    """The tuned side's share of each latent's decoder norm, ‖d_tuned‖ / (‖d_base‖ + ‖d_tuned‖); of a row of zeros 0.5.

    Raises:
        ValueError: the coder has not two sides.
    """
    base, tuned = _two_sides(crosscoder).decoder_norms().detach().T
    return torch.where(base + tuned > 0, tuned / (base + tuned), 0.5)


def side_rows(crosscoder: SparseAutoencoder, side: int) -> Float[Tensor, "d_sae d_model"]:
    """The decoder rows of one model, 0 the base and 1 the tuned one, as directions in that model's own stream.

    Raises:
        ValueError: the coder has not two sides.
    """
    return _two_sides(crosscoder).W_dec.detach().chunk(2, dim=1)[side]


def read_sides(crosscoder: SparseAutoencoder, base: ActivationStore, tuned: ActivationStore) -> Latents:
    """Which latents of a crosscoder are on at which token, as `latents.read_latents` gives it for one model.

    Raises:
        ValueError: the stores hold other tokens, or have other widths than the crosscoder.
    """
    matrix = encoded(crosscoder, SideBySide(base, tuned))
    return Latents(matrix, base.token_ids, base.document_ids, dict(base.origin), len(base))


@torch.no_grad()
def latent_scaling(
    crosscoder: SparseAutoencoder, rows: SideBySide | Float[Tensor, "n d_in"], latents: Sequence[int]
) -> LatentScaling:
    """Latent scaling: ν = β_base / β_tuned, where β is the best multiple of what the latent writes for the tuned model.

        β_m = argmin_β Σ_rows ‖β f d − y_m‖² = Σ f (d · y_m) / Σ f² ‖d‖²

    d is the latent's tuned-side decoder row. For ν^ε, y_m is the reconstruction error of side m with the latent's own part
    left in; for ν^r it is the reconstruction of side m without b_dec (Minder et al. 2025, section 3). The paper calls a
    latent the tuned model's own where ν^ε < 0.2 and ν^r < 0.5.

    Args:
        crosscoder: of two sides.
        rows: both models' rows side by side, better not those it was trained on.
        latents: which ones.

    Returns:
        Both ratios, in the order of `latents`; NaN where a latent is never on, or the tuned side has none of it.

    Raises:
        ValueError: the coder has not two sides, or the rows another width.
    """
    _two_sides(crosscoder), check_width(crosscoder, rows)
    chosen = list(latents)
    d = side_rows(crosscoder, 1)[chosen]
    own = [(d * side_rows(crosscoder, side)[chosen]).sum(1) for side in (0, 1)]
    error, reconstruction = torch.zeros(2, 2, len(chosen), dtype=torch.float64).unbind()
    for x, pairs in encode_in_batches(crosscoder, rows, "latent scaling", progress=False):
        f = pairs.to_dense()[:, chosen]
        y_hat = crosscoder.write(x, pairs)
        written, left = (y_hat - crosscoder.b_dec).chunk(2, 1), (x - y_hat).chunk(2, 1)
        for side in (0, 1):
            reconstruction[side] += (f * (written[side] @ d.T)).sum(0).double().cpu()
            error[side] += (f * (left[side] @ d.T + f * own[side])).sum(0).double().cpu()
    return LatentScaling(*(_ratio(betas) for betas in (error, reconstruction)))


@torch.no_grad()
def own_latents(
    crosscoder: SparseAutoencoder,
    rows: SideBySide,
    latents: Latents,
    least_rows: int = 10,
    least_share: float = OWN_SHARE,
) -> list[int]:
    """The tuned model's own latents: those with a large share, ν^ε below 0.2 and ν^r below 0.5.

    In the order of how much they write for the tuned model over all rows, Σ (f ‖d‖)², the most first. Nothing but the two
    models' rows is used, so the order is one that somebody can have who does not know what to look for.

    Args:
        crosscoder: of two sides.
        rows: both models' rows.
        latents: what `read_sides` made of them.
        least_rows: on fewer rows than this the ratios say nothing.
        least_share: of the decoder norm. After training in seconds no latent may reach the paper's line, since the base model
            too has something to write wherever the latent is on.
    """
    share, rows_on = tuned_share(crosscoder), torch.from_numpy(latents.n_active)
    candidates = ((share.cpu() > least_share) & (rows_on >= least_rows)).nonzero().flatten().tolist()
    if not candidates:
        return []
    scaling = latent_scaling(crosscoder, rows, candidates)
    norms = side_rows(crosscoder, 1).norm(dim=1)
    own = {
        latent: float((latents.column(latent)[1] ** 2).sum() * norms[latent] ** 2)
        for latent, error, other in zip(candidates, *scaling, strict=True)
        if error < OWN_ERROR and other < OWN_RECONSTRUCTION
    }
    return sorted(own, key=own.__getitem__, reverse=True)


def main_changes(
    base: Activations, tuned: Activations, n: int = 4
) -> tuple[Float[Tensor, " d"], Float[Tensor, "n d"], Float[Tensor, " n"]]:
    """What changed without any dictionary: the mean change of a row, and the first principal directions of the rest.

    The mean alone can tell what a narrow fine-tune was about (Minder et al. 2025, "Narrow finetuning leaves clearly readable
    traces in activation differences", arXiv 2510.13900). Rows that changed by more than ten times the median of those that
    changed are left out.

    Args:
        base: rows of one model.
        tuned: rows of the other at the same tokens.
        n: how many principal directions.

    Returns:
        (mean change, directions of norm 1, each one's share of the variance). A direction points to where the larger
        changes are: the third moment along it is not negative.

    Raises:
        ValueError: the rows do not belong together.
    """
    check_row_alike(base, tuned)
    pairs = zip(iterate_batches(base, 8192), iterate_batches(tuned, 8192), strict=True)
    change = torch.cat([after - before for before, after in pairs])
    length = change.norm(dim=1)
    if (length > 0).any():
        change = change[length <= 10 * length[length > 0].median()]
    mean = change.mean(0)
    rest = change - mean
    _, values, directions = torch.linalg.svd(rest.T @ rest)
    directions = directions[:n]
    turned = (rest @ directions.T).pow(3).sum(0) < 0
    return mean, torch.where(turned[:, None], -directions, directions), values[:n] / values.sum()


def _ratio(betas: Float[Tensor, "2 latents"]) -> Float[Tensor, " latents"]:
    """β_base / β_tuned; their common denominator cancels."""
    base, tuned = betas
    return torch.where(tuned > 0, base / tuned, torch.nan).float()


def _two_sides(crosscoder: SparseAutoencoder) -> SparseAutoencoder:
    if crosscoder.config.sides != 2:
        raise ValueError(f"the coder has sides = {crosscoder.config.sides}; a crosscoder of two is needed.")
    return crosscoder
