"""Training a coder on stored activations.

One step: draw a batch of rows at random, in units in which their mean norm is √d_in, take the loss and its gradients,
take the part along each decoder row out of that row's gradient, step Adam, and set every row back to norm 1
(not for "relu_free", whose rows are free).
A latent that has not fired for `dead_window` tokens is dead, and starts anew where the coder does badly.

What lets a run stop at any moment and go on with the same bits is in `runs.py`. Under `accelerate launch` every process
takes its share of each batch, and the gradients are averaged over them.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize
from tqdm.auto import tqdm

from sae_tutorial.activations.store import Activations
from sae_tutorial.sae.coder import Loss, SparseAutoencoder
from sae_tutorial.sae.config import TrainConfig
from sae_tutorial.sae.dead_latents import auxk_loss, restart_dead
from sae_tutorial.sae.inputs import Inputs
from sae_tutorial.sae.runs import (
    History,
    Run,
    held_interrupt,
    mean_over_processes,
    share_of_batch,
    this_process,
)  # fmt: skip
from sae_tutorial.storage import full_path

# How close to its start a row of a soft-frozen decoder stays, as a cosine (Korznikov et al. 2026).
SOFT_COSINE = 0.8


def train_sae(
    sae: SparseAutoencoder,
    activations: Activations,
    config: TrainConfig,
    *,
    target: Activations | None = None,
    validation: Activations | tuple[Activations, Activations] | None = None,
    checkpoint_dir: str | Path | None = None,
    on_log: Callable[[History], None] | None = None,
    progress: bool = True,
) -> History:
    """Train `sae` in place and return its curves.

    Ctrl-C lets the step end, saves the state in `checkpoint_dir`, and then raises KeyboardInterrupt; a second
    Ctrl-C does not wait. When the loss is no longer finite, `sae` goes back to the last state known to be good:
    one is kept in memory at the start and ten times during training.

    Started by `accelerate launch` in several processes, each with the same arguments, it trains one coder:
    every process reads its share of each batch, and only the first one writes. BatchTopK and JumpReLU then count
    active latents over a process's share. With several machines, `checkpoint_dir` must be a disk that all share;
    there and with several processes Ctrl-C may lose the steps since the last checkpoint.

    Args:
        sae: a new coder, or a trained one to train further.
        activations: what it reads, [n, d_in]: a store, several side by side, a tensor or an array.
        config: how to train.
        target: what a transcoder is to write, [n, d_out], row by row; an autoencoder has none.
        validation: held-out activations, evaluated ten times during training; for a transcoder with their targets.
        checkpoint_dir: where to keep the state of the run, ten times during training. A run that was stopped
            goes on from there when it is called again with the same arguments, and ends with the same bits.
        on_log: called with the history at each of a hundred log points; for live curves.
        progress: show a progress bar.

    Raises:
        TypeError: rows that are no rows, or a coder in another precision than float32.
        ValueError: wrong width, no rows, NaN or infinity in the activations, or a checkpoint of another run.
        FileExistsError: `checkpoint_dir` holds other files than a run's state.
        FloatingPointError: the loss is no longer finite. `sae` and `checkpoint_dir` are from before.
    """
    directories = [None if checkpoint_dir is None else full_path(checkpoint_dir)]
    inputs = Inputs.of([sae], activations, target, validation, config)
    return _train([sae], inputs, config, directories, on_log, progress)[0]


def train_saes(
    saes: Sequence[SparseAutoencoder],
    activations: Activations,
    config: TrainConfig,
    *,
    target: Activations | None = None,
    validation: Activations | tuple[Activations, Activations] | None = None,
    checkpoint_dir: str | Path | None = None,
    progress: bool = True,
) -> list[History]:
    """Train several coders on the same batches, each read once, and return their curves.

    Each ends with the bits that `train_sae` would give it. They may differ in all but widths and device; their
    states are kept in folders 0, 1, ... of `checkpoint_dir`. Arguments and errors are those of `train_sae`; when
    the loss of one is no longer finite, the others stay as they are at that step.
    """
    if not saes or len({id(sae) for sae in saes}) < len(saes):
        raise ValueError(f"saes must be different autoencoders, at least one; got {len(saes)}.")
    folders = [
        None if checkpoint_dir is None else full_path(checkpoint_dir) / str(i) for i in range(len(saes))
    ]
    inputs = Inputs.of(saes, activations, target, validation, config)
    return _train(saes, inputs, config, folders, None, progress)


@torch.inference_mode(False)  # gradients are wanted here, whatever the caller said about them outside
@torch.enable_grad()
def _train(
    coders: Sequence[SparseAutoencoder],
    inputs: Inputs,
    config: TrainConfig,
    directories: Sequence[Path | None],
    on_log: Callable[[History], None] | None,
    progress: bool,
) -> list[History]:
    process = this_process()
    share = share_of_batch(config.batch_size)
    runs = [Run(coder, inputs, config, path) for coder, path in zip(coders, directories, strict=True)]
    with held_interrupt() as interrupted, inputs.in_units(coders):
        for run in runs:
            run.begin_or_resume()
        steps = range(min(run.step for run in runs), config.n_steps)
        batches = inputs.batches(config, steps, coders[0].b_dec.device, share)
        bar = tqdm(
            zip(steps, batches, strict=True), "training", config.n_steps, initial=steps.start, unit=" steps",
            disable=not (progress and process.is_main_process),
        )  # fmt: skip
        for step, (x, y) in bar:
            for run in runs:
                if run.step > step:
                    continue  # it was stopped later than the others, and waits for them
                train_step(run, x, y)
                if run.keep_house() and run is runs[0]:
                    bar.set_postfix(run.history.last())
                    if on_log and process.is_main_process:
                        on_log(run.history)
            if interrupted:
                for run in runs:
                    run.save()
                break
    return [run.history for run in runs]


def train_step(run: Run, x: Float[Tensor, "batch d_in"], target: Float[Tensor, "batch d_out"] | None) -> Loss:
    """One batch: loss, gradients, projection, Adam, renormalisation."""
    coder, config = run.coder, run.config
    y = x if target is None else target
    weights = run.row_weights(y)
    coder.zero_grad()
    loss = coder.loss(x, target, weights)
    total = loss.total
    if config.aux_coefficient and (dead := run.dead_latents()) is not None:
        # `target_variance` puts AuxK's ratio on the scale of the squared error, as in Gao et al., where both are ratios.
        weight = config.aux_coefficient * run.inputs.units.target_variance
        total = total + weight * auxk_loss(coder, x, y, loss.y_hat, dead)
    total.backward()
    for parameter in coder.parameters():
        parameter.grad = mean_over_processes(parameter.grad)
    if coder.config.unit_decoder:
        project_off_rows(coder.W_dec.grad, coder.W_dec.data)
    run.adam_step()
    coder.after_step(loss.pairs, decoder_moved=config.frozen != "decoder")
    if config.frozen == "soft decoder":
        stay_near(coder.W_dec.data, run.first_W_dec)
    run.restore_cut_latents()
    run.count(loss)
    if config.frozen == "nothing" and config.restarts_after(run.step):
        restart_dead(run, x, y, loss, weights)
    return loss


def project_off_rows(gradient: Float[Tensor, "d_sae d_out"], rows: Float[Tensor, "d_sae d_out"]) -> None:
    """Take the part along each row of norm 1 out of its gradient, in place.

    The row is set back to norm 1 after the step. A gradient that asks for a longer row would be followed and undone
    each time, and Adam, which remembers it, would turn the row less for it.
    """
    # Some rows at a time, which a CPU's cache holds until they are done.
    for g, w in zip(gradient.split(512), rows.split(512), strict=True):
        g.addcmul_((g * w).sum(1, keepdim=True), w, value=-1)


def stay_near(rows: Float[Tensor, "d_sae d_out"], first: Float[Tensor, "d_sae d_out"]) -> None:
    """Turn each row that left the cone of cosine 0.8 around its start back onto it, in place; its length stays."""
    lengths, first = rows.norm(dim=1, keepdim=True), normalize(first, dim=1)
    along = (rows * first).sum(1, keepdim=True)
    across = normalize(rows - along * first, dim=1)
    on_cone = SOFT_COSINE * first + (1 - SOFT_COSINE**2) ** 0.5 * across
    rows.copy_(torch.where(along < SOFT_COSINE * lengths, lengths * on_cone, rows))
