"""What is done about latents that have fallen silent: they start anew, or AuxK pulls them towards what is missing.

A latent that is off on every row gets no gradient from the reconstruction, so it stays off. Restarts put it where the
coder does badly; AuxK, the older cure, adds a loss that only dead latents can lower.
"""

import torch
from accelerate.utils import broadcast
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from sae_tutorial.sae.coder import Loss, SparseAutoencoder
from sae_tutorial.sae.runs import Run, mean_over_processes
from sae_tutorial.sae.sparse import ActivePairs

ALIKE = 0.5  # cosine over which two latents do not restart together


@torch.no_grad()
def restart_dead(
    run: Run,
    x: Float[Tensor, "batch d_in"],
    y: Float[Tensor, "batch d_out"],
    loss: Loss,
    weights: Float[Tensor, " batch"],
) -> None:
    """Let dead latents begin again at rows that are badly reconstructed (after Bricken et al. 2023, "resampling").

    Each takes the error e = y − ŷ of one row, drawn without replacement with a chance in proportion to its weighted
    length: W_dec gets the direction of e, W_enc half of the same (a transcoder's, the direction of x), the bias what lets
    it answer that row with half of ‖e‖, and Adam forgets what it knew of the latent. Where the rows of a batch share the
    pairs, the bias also keeps it to its share of them (`fair_bias`).
    """
    coder, config = run.coder, run.config
    dead = (run.tokens_since_active >= config.dead_window).nonzero().flatten()
    if run.cut is not None:
        dead = dead[~torch.isin(dead, run.cut)]
    dead = dead[: len(x) - 1]
    if not len(dead):
        return
    e = y - loss.y_hat
    generator = torch.Generator("cpu").manual_seed(1_000_003 * config.seed + run.step)
    chances = (weights.sqrt() * e.norm(dim=1)).cpu().clamp(min=1e-12)
    drawn = torch.multinomial(chances, len(dead), generator=generator).to(x.device)
    # Every process takes the rows that the first one drew.
    errors, inputs = broadcast(e[drawn]), broadcast(x[drawn] - coder.centre)
    kept = apart(errors)
    errors, inputs, dead = errors[kept], inputs[kept], dead[: int(kept.sum())]
    direction = normalize(errors, dim=1)
    rows = normalize(inputs, dim=1) if coder.config.is_transcoder else direction
    # What other latents explain already lies along the row as well; the bias takes that off, so that the latent
    # answers its own row with the length of the error, and no row with more than it ought to.
    surplus = ((inputs * rows).sum(1) - errors.norm(dim=1)).clamp(min=0)
    new = {"W_dec": direction * coder.W_dec.norm(dim=1).mean(), "W_enc": coder.config.encoder_share * rows}
    bias = -coder.config.encoder_share * surplus
    if coder.config.prefixes:
        bias = broadcast(torch.minimum(bias, fair_bias(coder, x - coder.centre, new["W_enc"], loss.pairs)))
    new["b_enc"] = new["b_mag"] = bias
    new["r_mag"] = torch.zeros(len(dead), device=x.device)
    if coder.config.architecture == "jumprelu":
        new["threshold"] = coder.threshold.median().expand(len(dead))
    for name, weights_of in run.parameters.items():
        if name in new:
            weights_of[dead] = new[name]
            for moment in run.optimizer.state.get(weights_of, {}).values():
                if moment.ndim:  # not the count of steps
                    moment[dead] = 0.0
    run.tokens_since_active[dead] = 0.0


def fair_bias(
    coder: SparseAutoencoder,
    centred: Float[Tensor, "batch d_in"],
    rows: Float[Tensor, "new d_in"],
    pairs: ActivePairs,
) -> Float[Tensor, " new"]:
    """The highest bias with which a new latent is on in no more rows of this batch than latents are on average.

    BatchTopK's rows share k · batch pairs. Some hundred latents that start at once and answer every row along their
    direction take a third of these from all others, which then fall silent and start anew themselves.
    """
    share = max(1, len(centred) * coder.config.k // coder.config.d_sae)
    smallest = torch.where(pairs.values > 0, pairs.values, torch.inf).min()
    return smallest - (centred @ rows.T).topk(min(share + 1, len(centred)), dim=0).values[-1]


def apart(directions: Float[Tensor, "n d"]) -> Bool[Tensor, " n"]:
    """Which of the directions to keep so that no two have a cosine over ½; of two that do, the later one goes.

    Latents that restart with the same direction would all answer the same rows, and together overshoot: where errors lie
    along a few directions, as in attention heads' outputs, that made a run diverge.
    """
    unit = normalize(directions, dim=1)
    close = (unit @ unit.T).cpu() > ALIKE
    kept = torch.ones(len(directions), dtype=torch.bool, device="cpu")
    for i in range(1, len(directions)):
        kept[i] = not (close[i, :i] & kept[:i]).any()
    return kept.to(directions.device)


def auxk_loss(
    sae: SparseAutoencoder,
    x: Float[Tensor, "batch d_in"],
    y: Float[Tensor, "batch d_out"],
    y_hat: Float[Tensor, "batch d_out"],
    dead: Bool[Tensor, " d_sae"],
) -> Float[Tensor, ""]:
    """AuxK: how badly the dead latents alone explain what the live ones missed (Gao et al. 2024, section 2.4).

        e = y − ŷ, held fixed;   ê = the d_in/2 largest dead latents, after ReLU, decoded without b_dec
        loss = ‖e − ê‖² / ‖e − ē‖²

    Its gradient reaches W_enc, b_enc and W_dec of dead latents and nothing else. y is x for an autoencoder.
    """
    e = (y - y_hat).detach()
    latents = dead.nonzero().flatten()
    pre = (x - sae.centre.detach()) @ sae.W_enc[:, latents] + sae.b_enc[latents]
    largest = pre.relu().topk(min(sae.config.d_in // 2, len(latents)), dim=-1)
    f = torch.zeros_like(pre).scatter(-1, largest.indices, largest.values)
    e_hat = f @ sae.W_dec[latents]
    spread = mean_over_processes((e - mean_over_processes(e.mean(0))).pow(2).sum())
    return (e - e_hat).pow(2).sum() / spread.where(spread > 0, torch.inf)  # a batch of one has none
