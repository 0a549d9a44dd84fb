"""Training a sparse autoencoder on stored activations.

One step: draw a batch of rows at random, scale them to mean norm √d_in, take the loss and its gradients,
take the part along each decoder row out of that row's gradient, step Adam, and set every row back to norm 1
(not for "relu_free", whose rows are free).
A latent that has not fired for `dead_window` tokens is dead; AuxK pulls it towards what the live ones miss.

At the end the input scale is folded into the biases, so that the trained autoencoder takes raw activations.

Under `accelerate launch` every process takes its share of each batch, and the gradients are averaged over them.
"""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import broadcast, parse_flag_from_env, reduce
from jaxtyping import Bool, Float
from torch import Tensor
from tqdm.auto import tqdm

from sae_tutorial import storage
from sae_tutorial.activations.batches import shuffled_batches
from sae_tutorial.activations.store import ActivationStore, iterate_batches
from sae_tutorial.sae.coder import SAEConfig, SAELoss, SparseAutoencoder
from sae_tutorial.sae.metrics import check_width, evaluate_reconstruction
from sae_tutorial.sae.sparse import ActivePairs, pairs_from_batchtopk

LOG_POINTS, VALIDATION_POINTS, CHECKPOINTS = 100, 10, 10
STATISTICS_ROWS, VALIDATION_ROWS = 32_768, 8_192
STATE_FILES = STATE_FILE, STATE_WEIGHTS = "training.json", "training.safetensors"

Activations = ActivationStore | Float[Tensor, "_ d_in"]


@dataclass(frozen=True)
class TrainConfig:
    """How to train. The defaults suit TopK on some 100 thousand to some million tokens.

    Attributes:
        total_tokens: rows seen in all; more than the data has means several epochs.
        batch_size: rows in a step.
        learning_rate: Adam's, at its highest, times `SAEConfig.encoder_share` for W_enc. Try less where a few
            dimensions are far larger than the rest, as in a residual stream.
        warmup_fraction: share of the steps over which the rate rises from zero.
        decay_fraction: share of the steps over which it falls to zero at the end.
        aux_coefficient: weight of AuxK (Gao et al. 2024, section 2.4); 0 turns it off.
        dead_window: tokens without firing after which a latent counts as dead.
        mean_init: start b_dec at the mean activation instead of zero.
        seed: order of the rows.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    total_tokens: int
    batch_size: int = 1024
    learning_rate: float = 5e-3
    warmup_fraction: float = 0.02
    decay_fraction: float = 0.2
    aux_coefficient: float = 1 / 32
    dead_window: int = 100_000
    mean_init: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("total_tokens", "batch_size", "dead_window"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}.")
        for name in ("warmup_fraction", "decay_fraction", "aux_coefficient", "seed"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}.")
        if self.warmup_fraction + self.decay_fraction > 1:
            raise ValueError(
                f"warmup_fraction {self.warmup_fraction} + decay_fraction {self.decay_fraction} exceed the whole run."
            )

    @property
    def n_steps(self) -> int:
        """Optimiser steps in the run."""
        return -(-self.total_tokens // self.batch_size)

    def learning_rate_at(self, step: int) -> float:
        """Linear warm-up, a plateau, linear decay to zero."""
        warmup, decay = self.warmup_fraction * self.n_steps, self.decay_fraction * self.n_steps
        rising = (step + 1) / warmup if warmup else 1.0
        falling = (self.n_steps - step) / decay if decay else 1.0
        return self.learning_rate * min(1.0, rising, falling)


def seed_recipe(
    d_in: int, total_tokens: int, l1_coefficient: float, seed: int = 0
) -> tuple[SAEConfig, TrainConfig]:
    """The plain recipe that many first tutorials use, as a baseline.

    ReLU with an L1 penalty, encoder and decoder drawn independently, biases at zero, batches of 256, Adam at a
    constant 1e-3, nothing done about dead latents.
    """
    plain = {"warmup_fraction": 0, "decay_fraction": 0, "aux_coefficient": 0, "mean_init": False}
    return (
        SAEConfig(d_in, architecture="relu", l1_coefficient=l1_coefficient, tied_init=False),
        TrainConfig(total_tokens, batch_size=256, learning_rate=1e-3, seed=seed, **plain),
    )


@dataclass
class History:
    """Curves of a run; entry i of each list covers the tokens up to `tokens[i]`.

    `reconstruction` is the mean squared error per element of the scaled input, `sparsity` the mean L1 norm of f,
    `dead_fraction` the share of latents that have not fired for `dead_window` tokens. The validation lists hold
    held-out explained variance and the tokens at which it was taken; they stay empty without validation data.
    """

    tokens: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    reconstruction: list[float] = field(default_factory=list)
    sparsity: list[float] = field(default_factory=list)
    l0: list[float] = field(default_factory=list)
    dead_fraction: list[float] = field(default_factory=list)
    validation_tokens: list[int] = field(default_factory=list)
    validation_explained_variance: list[float] = field(default_factory=list)


def train_sae(
    sae: SparseAutoencoder,
    activations: Activations,
    config: TrainConfig,
    *,
    validation: Activations | None = None,
    checkpoint_dir: str | Path | None = None,
    on_log: Callable[[History], None] | None = None,
    progress: bool = True,
) -> History:
    """Train `sae` in place and return its curves.

    Ctrl-C lets the step end, saves the state in `checkpoint_dir`, and then raises KeyboardInterrupt; a second
    Ctrl-C does not wait. When the loss is no longer finite, `sae` goes back to the last state known to be good:
    one is kept in memory at the start and ten times during training.

    Started by `accelerate launch` in several processes, each with the same arguments, it trains one autoencoder:
    every process reads its share of each batch, and only the first one writes. BatchTopK and JumpReLU then count
    active latents over a process's share. With several machines, `checkpoint_dir` must be a disk that all share;
    there and with several processes Ctrl-C may lose the steps since the last checkpoint.

    Args:
        sae: a new autoencoder, or a trained one to train further.
        activations: a store, or a tensor [n, d_in].
        config: how to train.
        validation: held-out activations, evaluated ten times during training.
        checkpoint_dir: where to keep the state of the run, ten times during training. A run that was stopped
            goes on from there when it is called again with the same arguments, and ends with the same bits.
        on_log: called with the history at each of a hundred log points; for live curves.
        progress: show a progress bar.

    Raises:
        ValueError: wrong width, no rows, NaN or infinity in the activations, or a checkpoint of another run.
        FileExistsError: `checkpoint_dir` holds other files than a run's state.
        FloatingPointError: the loss is no longer finite. `sae` and `checkpoint_dir` are from before.
    """
    directories = [None if checkpoint_dir is None else Path(checkpoint_dir)]
    return _train([sae], activations, config, validation, directories, on_log, progress)[0]


def train_saes(
    saes: Sequence[SparseAutoencoder],
    activations: Activations,
    config: TrainConfig,
    *,
    validation: Activations | None = None,
    checkpoint_dir: str | Path | None = None,
    progress: bool = True,
) -> list[History]:
    """Train several autoencoders on the same batches, each read once, and return their curves.

    Each ends with the bits that `train_sae` would give it. They may differ in all but width and device; their
    states are kept in folders 0, 1, ... of `checkpoint_dir`. Arguments and errors are those of `train_sae`; when
    the loss of one is no longer finite, the others stay as they are at that step.
    """
    if not saes or len({id(sae) for sae in saes}) < len(saes):
        raise ValueError(f"saes must be different autoencoders, at least one; got {len(saes)}.")
    folders = [None if checkpoint_dir is None else Path(checkpoint_dir, str(i)) for i in range(len(saes))]
    return _train(saes, activations, config, validation, folders, None, progress)


def _train(
    saes: Sequence[SparseAutoencoder],
    activations: Activations,
    config: TrainConfig,
    validation: Activations | None,
    directories: Sequence[Path | None],
    on_log: Callable[[History], None] | None,
    progress: bool,
) -> list[History]:
    _check_arguments(saes, activations, validation, config)
    statistics = input_statistics(activations)
    runs = [
        _Run(sae, activations, statistics, config, validation, directory)
        for sae, directory in zip(saes, directories, strict=True)
    ]
    new = [run for run in runs if not run.has_state()]
    with _held_interrupt() as interrupted:
        for run in new:
            run.begin()
        with _scaled_inputs(saes, runs[0].scale):
            for run in runs:
                if isinstance(activations, ActivationStore):
                    run.sae.metadata = activations.origin
                if run not in new:
                    run.load()
                run.keep()
            for step in _advance(runs, activations, config, progress):
                if _is_due(step, LOG_POINTS, config.n_steps) and on_log and this_process().is_main_process:
                    on_log(runs[0].history)
                if interrupted:
                    for run in runs:
                        run.save()
                    break
    return [run.history for run in runs]


def _advance(
    runs: Sequence["_Run"], activations: Activations, config: TrainConfig, progress: bool
) -> Iterator[int]:
    """Yield each number of steps done, once every run has done them."""
    process, first = this_process(), runs[0]
    steps = range(min(run.step for run in runs), config.n_steps)
    share = slice(process.process_index, None, process.num_processes)
    batches = shuffled_batches(activations, config.batch_size, steps, config.seed, share)
    bar = tqdm(
        zip(steps, batches, strict=True), "training", config.n_steps, initial=steps.start, unit=" steps",
        disable=not (progress and process.is_main_process),
    )  # fmt: skip
    for step, x in bar:
        x = x.to(first.sae.b_dec.device) * first.scale
        for run in runs:
            if run.step == step:  # one that was stopped later waits for the others
                run.advance(x)
        if _is_due(step + 1, LOG_POINTS, config.n_steps):
            bar.set_postfix(mse=f"{first.history.reconstruction[-1]:.3f}", L0=f"{first.history.l0[-1]:.0f}")
        yield step + 1


def _check_arguments(
    saes: Sequence[SparseAutoencoder],
    activations: Activations,
    validation: Activations | None,
    config: TrainConfig,
) -> None:
    for rows in (activations,) if validation is None else (activations, validation):
        for sae in saes:
            check_width(sae, rows)
        check_finite(rows)
    if config.batch_size % (n := this_process().num_processes):
        raise ValueError(f"batch_size {config.batch_size} cannot be shared by {n} processes.")


@contextmanager
def _held_interrupt() -> Iterator[list[int]]:
    """Hold back Ctrl-C: the list fills, and KeyboardInterrupt comes at the end. A second Ctrl-C is not held back."""
    usual, held = signal.getsignal(signal.SIGINT), []

    def hold(number: int, _frame: object) -> None:
        held.append(number)
        signal.signal(signal.SIGINT, usual)

    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield held  # only the main thread gets signals, and "nohup" switches this one off
        return
    signal.signal(signal.SIGINT, hold)
    try:
        yield held
    finally:
        signal.signal(signal.SIGINT, usual)
    if held:
        raise KeyboardInterrupt


@contextmanager
def _scaled_inputs(saes: Sequence[SparseAutoencoder], scale: float) -> Iterator[None]:
    """Inside, the autoencoders take scale · x; afterwards x again."""
    for sae in saes:
        sae.rescale_inputs(1 / scale)
    try:
        yield
    finally:
        for sae in saes:
            sae.rescale_inputs(scale)


def input_statistics(activations: Activations) -> tuple[Float[Tensor, " d_in"], float, float]:
    """Mean row, mean norm, and variance per element, from up to 32,768 evenly spaced rows."""
    n = len(activations)
    rows = torch.linspace(0, n - 1, min(n, STATISTICS_ROWS), dtype=torch.float64).long()
    x = activations[rows.numpy() if isinstance(activations, ActivationStore) else rows].double()
    mean = x.mean(0)
    return mean.float(), float(x.norm(dim=1).mean()), float((x - mean).pow(2).mean())


def check_finite(activations: Activations) -> None:
    """Raise ValueError if a tensor of activations holds NaN or infinity. A store was checked when written."""
    if isinstance(activations, ActivationStore):
        return
    for first, batch in enumerate(iterate_batches(activations, 65_536)):
        bad = (~torch.isfinite(batch)).any(dim=1).nonzero()
        if len(bad):
            row = first * 65_536 + int(bad[0])
            raise ValueError(
                f"activations[{row}] holds NaN or infinity ({len(bad)} such rows near it); drop them."
            )


def auxk_loss(
    sae: SparseAutoencoder,
    x: Float[Tensor, "batch d_in"],
    x_hat: Float[Tensor, "batch d_in"],
    dead: Bool[Tensor, " d_sae"],
) -> Float[Tensor, ""]:
    """AuxK: how badly the dead latents alone explain what the live ones missed (Gao et al. 2024, section 2.4).

        e = x − x_hat, held fixed;   ê = the d_in/2 largest dead latents, after ReLU, decoded without b_dec
        loss = ‖e − ê‖² / ‖e − ē‖²

    Its gradient reaches W_enc, b_enc and W_dec of dead latents and nothing else.
    """
    e = (x - x_hat).detach()
    latents = dead.nonzero().flatten()
    pre = (x - sae.b_dec.detach()) @ sae.W_enc[:, latents] + sae.b_enc[latents]
    largest = pre.relu().topk(min(sae.config.d_in // 2, len(latents)), dim=-1)
    f = torch.zeros_like(pre).scatter(-1, largest.indices, largest.values)
    e_hat = f @ sae.W_dec[latents]
    spread = mean_over_processes((e - mean_over_processes(e.mean(0))).pow(2).sum())
    return (e - e_hat).pow(2).sum() / spread.where(spread > 0, torch.inf)  # a batch of one has none


def this_process() -> PartialState:
    """Which one this is of the processes that train together, as `accelerate launch` set it up; else the only one."""
    return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))


def mean_over_processes(tensor: Tensor) -> Tensor:
    """The tensor itself, or where several processes train together, its mean over them."""
    return reduce(tensor, "mean") if this_process().num_processes > 1 else tensor


class _Run:
    """The state of a training run, advanced one step at a time and saved at step boundaries only."""

    def __init__(
        self,
        sae: SparseAutoencoder,
        activations: Activations,
        statistics: tuple[Tensor, float, float],
        config: TrainConfig,
        validation: Activations | None,
        directory: Path | None,
    ) -> None:
        self.sae, self.activations, self.config = sae, activations, config
        self.validation, self.directory = validation, directory
        self.mean, mean_norm, variance = statistics
        if mean_norm == 0:
            raise ValueError("all activations are zero; there is nothing to learn.")
        self.scale = sae.config.d_in**0.5 / mean_norm
        self.variance = variance * self.scale**2
        # Adam works on the rows of W_encᵀ, which are contiguous; the storage is W_enc's own.
        rows = {"W_enc": sae.W_enc.data.T}
        self.parameters = {name: rows.get(name, weight.data) for name, weight in sae.named_parameters()}
        # JumpReLU's θ was made for inputs of mean squared norm 1; ours have d_in, so its steps are √d_in longer.
        factors = {"W_enc": sae.config.encoder_share, "threshold": sae.config.d_in**0.5}
        groups = [
            {"params": [parameter], "factor": factors.get(name, 1.0)}
            for name, parameter in self.parameters.items()
        ]
        self.optimizer = torch.optim.Adam(groups, lr=config.learning_rate, fused=True)
        self.tokens_since_active = torch.zeros(sae.config.d_sae, device=sae.b_dec.device)
        self.step, self.history = 0, History()
        self.sums = torch.zeros(4, device=sae.b_dec.device)
        self.steps_summed = 0

    def begin(self) -> None:
        """What a new run does to the autoencoder first; a resumed one has done it."""
        for tensor in self.sae.state_dict().values():
            tensor.copy_(broadcast(tensor))  # every process begins with the first one's
        if self.config.mean_init and not self.sae.b_dec.any():
            self.sae.b_dec.data.copy_(self.mean)
        if self.sae.config.architecture == "jumprelu" and not self.sae.threshold.any():
            # θ starts where BatchTopK would cut: from 0 it would take Adam some thousand steps to get there.
            (x,) = shuffled_batches(self.activations, self.config.batch_size, range(1), self.config.seed)
            pre = self.sae.pre_activations(x.to(self.sae.b_dec.device)).detach()
            self.sae.threshold.data.fill_(pairs_from_batchtopk(pre, self.sae.config.k).values.min())

    def advance(self, x: Float[Tensor, "batch d_in"]) -> None:
        """One step, and what is due after it."""
        self.train_step(x)
        if _is_due(self.step, LOG_POINTS, self.config.n_steps):
            self.log()
        if self.validation is not None and _is_due(self.step, VALIDATION_POINTS, self.config.n_steps):
            self.validate(self.validation)
        if _is_due(self.step, CHECKPOINTS, self.config.n_steps):
            self.save()

    def train_step(self, x: Float[Tensor, "batch d_in"]) -> None:
        """One batch: loss, gradients, projection, Adam, renormalisation."""
        self.sae.zero_grad()
        loss = self.sae.loss(x)
        (loss.total + self._auxiliary(x, loss)).backward()
        for weight in self.sae.parameters():
            weight.grad = mean_over_processes(weight.grad)
        self._optimize(loss.pairs)
        self._count(loss)
        self.step += 1

    def _auxiliary(self, x: Tensor, loss: SAELoss) -> Tensor | float:
        if not self.config.aux_coefficient or self.step * self.config.batch_size < self.config.dead_window:
            return 0.0  # without asking, which a GPU would have to be waited for
        dead = self.tokens_since_active >= self.config.dead_window
        if not dead.any():
            return 0.0
        # `variance` puts AuxK's ratio on the scale of the squared error, as in Gao et al., where both are ratios.
        return self.config.aux_coefficient * self.variance * auxk_loss(self.sae, x, loss.x_hat, dead)

    @torch.no_grad()
    def _optimize(self, pairs: ActivePairs) -> None:
        W_dec, gradient = self.sae.W_dec, self.sae.W_dec.grad
        if self.sae.config.unit_decoder:
            # Some rows at a time, which a CPU's cache holds until they are done.
            for g, w in zip(gradient.split(512), W_dec.split(512), strict=True):
                g.addcmul_((g * w).sum(1, keepdim=True), w, value=-1)
        for name, parameter in self.parameters.items():
            grad = getattr(self.sae, name).grad
            parameter.grad = grad.T if name == "W_enc" else grad
        for group in self.optimizer.param_groups:
            group["lr"] = group["factor"] * self.config.learning_rate_at(self.step)
        self.optimizer.step()
        self.sae.after_step(pairs)

    @torch.no_grad()
    def _count(self, loss: SAELoss) -> None:
        """Take note of which latents were active, and of the losses; the same in every process."""
        for buffer in self.sae.buffers():
            buffer.copy_(mean_over_processes(buffer))
        # Added up and not picked by a mask, for which a GPU would have to be waited for.
        active = torch.zeros_like(self.tokens_since_active)
        active.index_add_(0, loss.pairs.latents, (loss.pairs.values > 0).to(active.dtype))
        self.tokens_since_active += self.config.batch_size
        self.tokens_since_active.masked_fill_(mean_over_processes(active) > 0, 0)
        losses = torch.stack([loss.total, loss.reconstruction, loss.sparsity, loss.l0])
        self.sums += mean_over_processes(losses)
        self.steps_summed += 1

    def log(self) -> None:
        """Append the mean of the steps since the last log point to the history."""
        means = (self.sums / self.steps_summed).tolist()
        if not isfinite(means[0]):
            raise self._diverged(f"the loss is {means[0]}")
        self.history.tokens.append(self.step * self.config.batch_size)
        for name, mean in zip(("loss", "reconstruction", "sparsity", "l0"), means, strict=True):
            getattr(self.history, name).append(mean)
        dead = self.tokens_since_active >= self.config.dead_window
        self.history.dead_fraction.append(dead.float().mean().item())
        self.sums.zero_()
        self.steps_summed = 0

    def validate(self, validation: Activations) -> None:
        """Append the held-out explained variance to the history."""
        n = len(validation)
        rows = torch.linspace(0, n - 1, min(n, VALIDATION_ROWS), dtype=torch.float64).long().numpy()
        metrics = evaluate_reconstruction(self.sae, validation[rows] * self.scale, progress=False)
        self.history.validation_tokens.append(self.step * self.config.batch_size)
        self.history.validation_explained_variance.append(metrics["explained_variance"])

    def keep(self) -> None:
        """Remember this state as the one to go back to."""
        self.good = self.step, {name: tensor.clone() for name, tensor in self.sae.state_dict().items()}

    def _diverged(self, what: str) -> FloatingPointError:
        """Go back to the last good state; the error to raise."""
        at, (self.step, state) = self.step, self.good
        self.sae.load_state_dict(state)
        return FloatingPointError(
            f"{what} at step {at}; lower learning_rate ({self.config.learning_rate}). "
            f"The autoencoder is again as it was at step {self.step}."
        )

    def save(self) -> None:
        """Write everything that a later step depends on, if it is finite."""
        if not all(weight.isfinite().all() for weight in self.parameters.values()):
            raise self._diverged("a weight is NaN or infinite")
        self.keep()
        if self.directory is None or not this_process().is_main_process:
            return
        tensors = {"tokens_since_active": self.tokens_since_active, "sums": self.sums}
        tensors |= dict(self.sae.named_buffers())
        for name, parameter in self.parameters.items():
            moments = self.optimizer.state[parameter]
            tensors |= {f"{name}.{key}": value for key, value in moments.items()} | {name: parameter}
        progress = {"step": self.step, "steps_summed": self.steps_summed, "history": asdict(self.history)}
        with storage.new_directory(self.directory, STATE_FILES) as partial:
            storage.write_json(partial / STATE_FILE, self._settings() | progress)
            storage.write_tensors(partial / STATE_WEIGHTS, tensors)

    def has_state(self) -> bool:
        """Whether the directory holds this run's state; an error if it holds that of another, or other files."""
        if self.directory is None:
            return False
        with this_process().main_process_first():
            storage.recover_directory(self.directory)
        storage.check_replaceable(self.directory, STATE_FILES)
        if not (self.directory / STATE_FILE).exists():
            return False
        state = storage.read_json(self.directory / STATE_FILE)
        for part, value in self._settings().items():
            if state.get(part) != value:
                raise ValueError(
                    f"{self.directory} holds a run with other {part} settings ({state.get(part)} instead of {value}); "
                    "delete it or choose another checkpoint_dir."
                )
        return True

    def load(self) -> None:
        """Take up the saved run."""
        state = storage.read_json(self.directory / STATE_FILE)
        tensors = storage.read_tensors(self.directory / STATE_WEIGHTS)
        device = self.sae.b_dec.device
        for name, parameter in self.parameters.items():
            parameter.copy_(tensors[name].to(device))
            keys = [key for key in tensors if key.startswith(f"{name}.")]
            self.optimizer.state[parameter] = {
                key.removeprefix(f"{name}."): tensors[key].to(device) for key in keys
            }
        for name, buffer in self.sae.named_buffers():
            buffer.copy_(tensors[name])
        self.tokens_since_active = tensors["tokens_since_active"].to(device)
        self.sums = tensors["sums"].to(device)
        self.step, self.steps_summed = state["step"], state["steps_summed"]
        self.history = History(**state["history"])

    def _settings(self) -> dict[str, Any]:
        """What makes this run this run; its activations are told from others by their shape and their scale."""
        return {
            "sae": asdict(self.sae.config),
            "training": asdict(self.config),
            "data": {"shape": list(self.activations.shape), "scale": self.scale},
        }


def _is_due(step: int, times: int, n_steps: int) -> bool:
    """True `times` times in a run, evenly spread, the last step included."""
    return step == n_steps or step * times // n_steps > (step - 1) * times // n_steps
