"""What makes a training run survive: its state, saved at step boundaries only; interrupts, rollback, processes.

`training.py` reads without this; it calls what is here by name.
"""

import signal
import threading
from collections.abc import Iterator
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

from sae_tutorial import storage
from sae_tutorial.sae.coder import Loss, SparseAutoencoder
from sae_tutorial.sae.config import TrainConfig
from sae_tutorial.sae.inputs import Inputs
from sae_tutorial.sae.metrics import evaluate_reconstruction
from sae_tutorial.sae.sparse import pairs_from_batchtopk

LOG_POINTS, VALIDATION_POINTS, CHECKPOINTS = 100, 10, 10
STATE_FILES = STATE_FILE, STATE_WEIGHTS = "training.json", "training.safetensors"
# What a control leaves as it was drawn; "soft decoder" is trained, and turned back after each step.
FROZEN = {"decoder": ("W_dec",), "encoder": ("W_enc", "b_enc")}


@dataclass
class History:
    """Curves of a run; entry i of each list covers the tokens up to `tokens[i]`.

    `reconstruction` is the mean squared error per element in the units of the run, `sparsity` the mean L1 norm of f,
    `dead_fraction` the share of latents that have not fired for `dead_window` tokens. The validation lists hold
    held-out explained variance and the tokens at which it was taken; they stay empty without validation data.
    `rows_left_out` counts the rows over `norm_limit`, which the run did not see.
    """

    tokens: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    reconstruction: list[float] = field(default_factory=list)
    sparsity: list[float] = field(default_factory=list)
    l0: list[float] = field(default_factory=list)
    dead_fraction: list[float] = field(default_factory=list)
    validation_tokens: list[int] = field(default_factory=list)
    validation_explained_variance: list[float] = field(default_factory=list)
    rows_left_out: int = 0

    def last(self) -> dict[str, str]:
        """The latest point, for a progress bar."""
        return {"mse": f"{self.reconstruction[-1]:.3f}", "L0": f"{self.l0[-1]:.0f}"}


class Run:
    """The state of a training run, which `training.train_step` advances.

    Raises:
        TypeError: the coder is not in float32, whose small steps a shorter format would lose.
        ValueError: a weight does not require gradients.
        FileExistsError: the directory holds other files than a run's state.
    """

    def __init__(
        self, coder: SparseAutoencoder, inputs: Inputs, config: TrainConfig, directory: Path | None
    ) -> None:
        self.coder, self.inputs, self.config, self.directory = coder, inputs, config, directory
        for name, weights in coder.named_parameters():
            if weights.dtype != torch.float32:
                raise TypeError(f"{name} is {weights.dtype}; train in float32: call sae.float() first.")
            if not weights.requires_grad:
                raise ValueError(
                    f"{name} does not require gradients; to hold it fixed, set TrainConfig.frozen."
                )
        device = coder.b_dec.device
        self.step, self.steps_summed, self.history = 0, 0, History(rows_left_out=inputs.n_left_out)
        self.sums = torch.zeros(4, device=device)
        self.tokens_since_active = torch.zeros(coder.config.d_sae, device=device)
        self.is_resumed = self._has_state()

    def begin_or_resume(self) -> None:
        """What a run does to the coder first, or the state in which it was stopped."""
        coder, units, config = self.coder, self.inputs.units, self.config
        if isinstance(origin := getattr(self.inputs.activations, "origin", None), dict):
            coder.metadata = origin
        self.target_mean = units.target_mean.to(coder.b_dec.device)
        # Adam works on the rows of W_encᵀ, which are contiguous; the storage is W_enc's own.
        self.parameters = {
            name: weights.data.T if name == "W_enc" else weights.data
            for name, weights in coder.named_parameters()
        }
        # JumpReLU's θ was made for inputs of mean squared norm 1; ours have d_in, so its steps are √d_in longer.
        factors = {"W_enc": coder.config.encoder_share, "threshold": coder.config.d_in**0.5}
        self.optimizer = torch.optim.Adam(
            [
                {"params": [weights], "factor": factors.get(name, 1.0)}
                for name, weights in self.parameters.items()
                if name not in FROZEN.get(config.frozen, ())
            ],
            lr=config.learning_rate,
            fused=True,
        )
        if not self.is_resumed:
            for tensor in coder.state_dict().values():
                tensor.copy_(broadcast(tensor))  # every process begins with the first one's
            if config.mean_init and not coder.b_dec.any():
                coder.b_dec.data.copy_(self.target_mean)
            if coder.config.architecture == "jumprelu" and not coder.threshold.any():
                # θ starts where BatchTopK would cut: from 0 it would take Adam some thousand steps to get there.
                ((x, _),) = self.inputs.batches(config, range(1), coder.b_dec.device)
                pre = coder.pre_activations(x).detach()
                coder.threshold.data.fill_(pairs_from_batchtopk(pre, coder.config.k).values.min().relu())
        self.first_W_dec = coder.W_dec.detach().clone() if config.frozen == "soft decoder" else None
        if self.is_resumed:
            self._load()
        # A row of zeros is a latent that somebody cut out; a step would bring it back.
        cut = (coder.W_dec == 0).all(1)
        self.cut = cut.nonzero().flatten() if cut.any() else None
        self._keep()

    def row_weights(self, y: Float[Tensor, "batch d_out"]) -> Float[Tensor, " batch"]:
        """What each row's squared error is multiplied by: 1, and less for rows far from the mean (`row_limit`)."""
        units, limit = self.inputs.units, self.config.row_limit
        if limit is None or not units.target_distance:
            return y.new_ones(len(y))
        distance = (y - self.target_mean).norm(dim=1)
        return (limit * units.target_distance / distance).clamp(max=1).square()

    def dead_latents(self) -> Bool[Tensor, " d_sae"] | None:
        """Latents that have not fired for the window; None where there are none."""
        if self.step * self.config.batch_size < self.config.dead_window:
            return None  # without asking, which a GPU would have to be waited for
        dead = self.tokens_since_active >= self.config.dead_window
        return dead if dead.any() else None

    @torch.no_grad()
    def adam_step(self) -> None:
        """Step every parameter at the rate of this moment."""
        for name, weights in self.parameters.items():
            gradient = getattr(self.coder, name).grad
            weights.grad = gradient.T if name == "W_enc" else gradient
        for group in self.optimizer.param_groups:
            group["lr"] = group["factor"] * self.config.learning_rate_at(self.step)
        self.optimizer.step()

    @torch.no_grad()
    def restore_cut_latents(self) -> None:
        """Rows of zeros stay zero."""
        if self.cut is not None:
            self.coder.W_dec[self.cut] = 0.0

    @torch.no_grad()
    def count(self, loss: Loss) -> None:
        """Take note of which latents were active, and of the losses; the same in every process."""
        for buffer in self.coder.buffers():
            buffer.copy_(mean_over_processes(buffer))
        # Added up and not picked by a mask, for which a GPU would have to be waited for.
        active = torch.zeros_like(self.tokens_since_active)
        active.index_add_(0, loss.pairs.latents, (loss.pairs.values > 0).to(active.dtype))
        self.tokens_since_active += self.config.batch_size
        self.tokens_since_active.masked_fill_(mean_over_processes(active) > 0, 0)
        losses = torch.stack([loss.total, loss.reconstruction, loss.sparsity, loss.l0])
        self.sums += mean_over_processes(losses)
        self.steps_summed += 1
        self.step += 1

    def keep_house(self) -> bool:
        """Log, validate and save, where that is due after this step; whether it was a log point."""
        logs = is_due(self.step, LOG_POINTS, self.config.n_steps)
        if logs:
            self._log()
        if self.inputs.validation is not None and is_due(self.step, VALIDATION_POINTS, self.config.n_steps):
            self._validate()
        if is_due(self.step, CHECKPOINTS, self.config.n_steps):
            self.save()
        return logs

    def _log(self) -> None:
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

    def _validate(self) -> None:
        """Append the held-out explained variance to the history."""
        is_transcoder = self.coder.config.is_transcoder
        x, y = self.inputs.validation
        x, y = self.inputs.scaled(x, y if is_transcoder else None)
        metrics = evaluate_reconstruction(self.coder, x, progress=False, target=y)
        self.history.validation_tokens.append(self.step * self.config.batch_size)
        self.history.validation_explained_variance.append(metrics["explained_variance"])

    def _keep(self) -> None:
        """Remember this state as the one to go back to."""
        self.good = self.step, {name: tensor.clone() for name, tensor in self.coder.state_dict().items()}

    def _diverged(self, what: str) -> FloatingPointError:
        """Go back to the last good state; the error to raise."""
        at, (self.step, state) = self.step, self.good
        self.coder.load_state_dict(state)
        return FloatingPointError(
            f"{what} at step {at}; lower learning_rate ({self.config.learning_rate}). "
            f"The autoencoder is again as it was at step {self.step}."
        )

    def save(self) -> None:
        """Write everything that a later step depends on, if it is finite."""
        if not all(weights.isfinite().all() for weights in self.parameters.values()):
            raise self._diverged("a weight is NaN or infinite")
        self._keep()
        if self.directory is None or not this_process().is_main_process:
            return
        tensors = {"tokens_since_active": self.tokens_since_active, "sums": self.sums}
        if self.first_W_dec is not None:
            tensors["first_W_dec"] = self.first_W_dec
        tensors |= dict(self.coder.named_buffers())
        for name, weights in self.parameters.items():
            moments = self.optimizer.state.get(weights, {})
            tensors |= {f"{name}.{key}": value for key, value in moments.items()} | {name: weights}
        progress = {"step": self.step, "steps_summed": self.steps_summed, "history": asdict(self.history)}
        with storage.new_directory(self.directory, STATE_FILES) as partial:
            storage.write_json(partial / STATE_FILE, self._settings() | progress)
            storage.write_tensors(partial / STATE_WEIGHTS, tensors)

    def _has_state(self) -> bool:
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

    def _load(self) -> None:
        """Take up the saved run."""
        state = storage.read_json(self.directory / STATE_FILE)
        tensors = storage.read_tensors(self.directory / STATE_WEIGHTS)
        device = self.coder.b_dec.device
        for name, weights in self.parameters.items():
            weights.copy_(tensors[name].to(device))
            keys = [key for key in tensors if key.startswith(f"{name}.")]
            if keys:
                self.optimizer.state[weights] = {
                    key.removeprefix(f"{name}."): tensors[key].to(device) for key in keys
                }
        for name, buffer in self.coder.named_buffers():
            buffer.copy_(tensors[name])
        if self.first_W_dec is not None:
            self.first_W_dec = tensors["first_W_dec"].to(device)
        self.tokens_since_active = tensors["tokens_since_active"].to(device)
        self.sums = tensors["sums"].to(device)
        self.step, self.steps_summed = state["step"], state["steps_summed"]
        self.history = History(**state["history"])

    def _settings(self) -> dict[str, Any]:
        """What makes this run this run; its activations are told from others by their shape and their scale."""
        units = self.inputs.units
        sources = (self.inputs.activations, self.inputs.target)
        shapes = [list(rows.shape) for rows in sources if rows is not None]
        return {
            "sae": asdict(self.coder.config),
            "training": asdict(self.config),
            "data": {"shapes": shapes, "scales": [units.scale, units.target_scale]},
        }


def is_due(step: int, times: int, n_steps: int) -> bool:
    """True `times` times in a run, evenly spread, the last step included."""
    return step == n_steps or step * times // n_steps > (step - 1) * times // n_steps


@contextmanager
def held_interrupt() -> Iterator[list[int]]:
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


def this_process() -> PartialState:
    """Which one this is of the processes that train together, as `accelerate launch` set it up; else the only one."""
    return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))


def share_of_batch(batch_size: int) -> slice:
    """Which rows of each batch are this process's.

    Raises:
        ValueError: the batch cannot be shared evenly.
    """
    process = this_process()
    if batch_size % process.num_processes:
        raise ValueError(f"batch_size {batch_size} cannot be shared by {process.num_processes} processes.")
    return slice(process.process_index, None, process.num_processes)


def mean_over_processes(tensor: Tensor) -> Tensor:
    """The tensor itself, or where several processes train together, its mean over them."""
    return reduce(tensor, "mean") if this_process().num_processes > 1 else tensor
