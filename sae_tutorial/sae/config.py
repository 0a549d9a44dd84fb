"""What a coder is, and how it is trained: two settings that check themselves and survive a trip through JSON."""

import numbers
from dataclasses import dataclass
from typing import Any, Literal, get_args

Architecture = Literal["relu", "relu_free", "gated", "topk", "batchtopk", "matryoshka", "jumprelu"]
Frozen = Literal["nothing", "decoder", "soft decoder", "encoder"]
# Length of a tied encoder's rows and steps beside the decoder's. Latents overlap, so that with whole rows the first
# reconstructions are too long, and a high rate kills latents. Ours, by trial: `benchmarks/quality.py` has the control.
# "relu_free", whose rows start at norm 0.1, did no better with it.
TIED_SHARE = 0.5


@dataclass(frozen=True)
class SAEConfig:
    """What a coder is. It reads rows x of width d_in and writes rows of width d_out through d_sae latents.

    Attributes:
        d_in: width of x.
        expansion_factor: d_sae / d_in; d_sae must come out whole.
        architecture: how the latents are kept sparse, one of those that `coder.py` lists.
        k: latents kept per row ("topk"), per row on average ("batchtopk", "matryoshka"), or aimed at ("jumprelu").
        l1_coefficient: λ, the price of a unit of activation ("relu", "relu_free", "gated"). Our squared error is a
            mean over the width: a λ published for its sum is d_out times ours.
        tied_init: start an autoencoder with W_enc = W_decᵀ / 2 ("relu_free": W_decᵀ), so that a latent first reads the
            direction it writes (Gao et al. 2024, section 2.4, without the 2). False draws the two independently.
        d_out: None for an autoencoder, which writes x again; a width for a transcoder, which is given another target.
        skip: a transcoder adds x W_skip, so that its latents need not explain what is linear (Paulo et al. 2025).
        sides: how many models' or layers' rows lie side by side in x; 2 or more make a crosscoder (Lindsey et al. 2024).
        free_decoder: leave the norms of the decoder rows as they are. "relu_free" needs it, and a TopK coder whose file
            has rows of other norms than 1: to rescale them would change which latents are the largest.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    d_in: int
    expansion_factor: float = 8
    architecture: Architecture = "topk"
    k: int = 32
    l1_coefficient: float = 3e-3
    tied_init: bool = True
    d_out: int | None = None
    skip: bool = False
    sides: int = 1
    free_decoder: bool = False

    def __post_init__(self) -> None:
        _checked(self, whole=("d_in", "k", "sides"), real=("expansion_factor", "l1_coefficient"))
        _check_switches(self, "tied_init", "skip", "free_decoder")
        latents = self.d_in * self.expansion_factor  # d_sae / d_in x d_in may miss a whole number by rounding
        if latents < 1 - 1e-9 or abs(latents - round(latents)) > 1e-9 * latents:
            raise ValueError(
                f"expansion_factor {self.expansion_factor} x d_in {self.d_in} must be a whole number of latents."
            )
        _check_choice("architecture", self.architecture, Architecture)
        if not self.has_l1 and self.k > self.d_sae:
            raise ValueError(f"k must be a whole number between 1 and d_sae = {self.d_sae}, got {self.k}.")
        if self.d_in % self.sides:
            raise ValueError(f"d_in {self.d_in} cannot be shared by sides = {self.sides}.")
        if self.d_out is not None:
            _checked(self, whole=("d_out",))
            if self.sides > 1:
                raise ValueError("a crosscoder (sides) writes what it reads; leave d_out away.")
        elif self.skip:
            raise ValueError("skip needs d_out: with the target x itself, a linear map would copy it.")

    @property
    def d_sae(self) -> int:
        """The number of latents."""
        return round(self.d_in * self.expansion_factor)

    @property
    def width_out(self) -> int:
        """The width that is written: d_out, or d_in for an autoencoder."""
        return self.d_in if self.d_out is None else self.d_out

    @property
    def is_transcoder(self) -> bool:
        """Whether the target is another than x."""
        return self.d_out is not None

    @property
    def has_l1(self) -> bool:
        """Whether λ prices the activations; else k sets how many there are."""
        return self.architecture in ("relu", "relu_free", "gated")

    @property
    def unit_decoder(self) -> bool:
        """Whether training keeps the decoder rows at norm 1."""
        return self.architecture != "relu_free" and not self.free_decoder

    @property
    def is_tied(self) -> bool:
        """Whether the encoder starts from the decoder; a transcoder's, which reads another space, does not."""
        return self.tied_init and not self.is_transcoder

    @property
    def encoder_share(self) -> float:
        """Length of a tied encoder's rows at the start, and of its steps in training, as a share of the decoder's."""
        return TIED_SHARE if self.is_tied and self.architecture != "relu_free" else 1.0

    @property
    def prefixes(self) -> tuple[int, ...]:
        """Widths of the dictionaries nested in one that is trained with BatchTopK, itself the last.

        For "matryoshka" 1/32, 3/32, 7/32, 15/32 of d_sae and all of it, the widths of Bussmann et al. 2025.
        """
        if self.architecture == "matryoshka":
            return tuple(sorted({max(1, self.d_sae * share // 32) for share in (1, 3, 7, 15, 32)}))
        return (self.d_sae,) if self.architecture == "batchtopk" else ()


@dataclass(frozen=True)
class TrainConfig:
    """How to train. The defaults suit TopK on some 100 thousand to some million tokens of an MLP or a residual stream.

    They were chosen there, on SmolLM2. On the heads of an attention layer restarts cost TopK 5% of FVU (`restart_until=0`
    leaves them out, and a third of the latents silent; `docs/measurements.md`).

    Attributes:
        total_tokens: rows seen in all; more than the data has means several epochs.
        batch_size: rows in a step.
        learning_rate: Adam's, at its highest, times `SAEConfig.encoder_share` for W_enc.
        warmup_fraction: share of the steps over which the rate rises from zero.
        decay_fraction: share of the steps over which it falls to zero at the end.
        row_limit: rows that lie further from the mean than this many times the median row count less: their squared
            error is multiplied by (limit · median / distance)². A residual stream has rows a hundred times longer than
            the others, which a square would count ten thousandfold. None counts every row alike.
        dead_window: tokens without firing after which a latent counts as dead.
        restart_until: dead latents start anew at every twentieth of the run, until this share of it; 0 turns it off.
        aux_coefficient: weight of AuxK (Gao et al. 2024, section 2.4), another cure for dead latents; 0 turns it off.
        mean_init: start b_dec at the mean of the target instead of zero.
        seed: order of the rows.
        norm_limit: leave out rows longer than this many times the median row. A language model writes some rows a
            hundred times longer than the others at positions that heads look at for want of better ("attention
            sinks"); a few of them take most of the squared error. None keeps all rows.
        frozen: what stays as it was drawn, for a control (Korznikov et al. 2026, "Sanity checks for sparse
            autoencoders"): "decoder" (its rows), "soft decoder" (rows stay within cosine 0.8 of their start) or
            "encoder" (W_enc and b_enc).

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    total_tokens: int
    batch_size: int = 1024
    learning_rate: float = 8e-3
    warmup_fraction: float = 0.02
    decay_fraction: float = 0.98
    row_limit: float | None = 3.0
    dead_window: int = 10_000
    restart_until: float = 0.9
    aux_coefficient: float = 0.0
    mean_init: bool = True
    seed: int = 0
    norm_limit: float | None = None
    frozen: Frozen = "nothing"

    def __post_init__(self) -> None:
        fractions = ("warmup_fraction", "decay_fraction", "restart_until", "aux_coefficient")
        _checked(
            self, whole=("total_tokens", "batch_size", "dead_window"), real=("learning_rate", *fractions)
        )
        _checked(self, whole=("seed",), least=0)
        _check_switches(self, "mean_init")
        if not 0 < self.learning_rate < 1:
            raise ValueError(
                f"learning_rate must lie between 0 and 1, got {self.learning_rate}: decoder rows have norm 1, and a step "
                "of Adam is about as long as the rate in every coordinate."
            )
        for name in ("norm_limit", "row_limit"):
            if getattr(self, name) is not None:
                _checked(self, real=(name,))
                if getattr(self, name) < 1:
                    raise ValueError(
                        f"{name} must be at least 1, the median row itself, got {getattr(self, name)}."
                    )
        if self.restart_until > 1:
            raise ValueError(f"restart_until is a share of the run, at most 1, got {self.restart_until}.")
        _check_choice("frozen", self.frozen, Frozen)
        if self.warmup_fraction + self.decay_fraction > 1:
            raise ValueError(
                f"warmup_fraction {self.warmup_fraction} + decay_fraction {self.decay_fraction} exceed the whole run."
            )

    @property
    def n_steps(self) -> int:
        """Optimiser steps in the run."""
        return -(-self.total_tokens // self.batch_size)

    def restarts_after(self, step: int) -> bool:
        """Whether dead latents start anew once this many steps are done: at every twentieth of the run."""
        twentieths = 20 * step // self.n_steps
        return twentieths > 20 * (step - 1) // self.n_steps and twentieths <= 20 * self.restart_until

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
    plain = {
        "warmup_fraction": 0,
        "decay_fraction": 0,
        "restart_until": 0,
        "row_limit": None,
        "mean_init": False,
    }
    return (
        SAEConfig(d_in, architecture="relu", l1_coefficient=l1_coefficient, tied_init=False),
        TrainConfig(total_tokens, batch_size=256, learning_rate=1e-3, seed=seed, **plain),
    )


def auxk_recipe(total_tokens: int, **changes: Any) -> TrainConfig:
    """The recipe before restarts: AuxK against dead latents, a plateau, and decay over the last fifth (Gao et al. 2024).

    The short runs of the course keep it (notebooks 04, 07, 09 and 13). `changes` are other fields of `TrainConfig`.
    """
    recipe = {"learning_rate": 5e-3, "decay_fraction": 0.2, "dead_window": 100_000, "aux_coefficient": 1 / 32}
    return TrainConfig(total_tokens, **recipe | {"restart_until": 0.0, "row_limit": None} | changes)


def _checked(config: Any, whole: tuple[str, ...] = (), real: tuple[str, ...] = (), least: int = 1) -> None:
    """Turn NumPy's numbers, and floats that are whole, into Python's; refuse the rest by name.

    JSON, which settings are saved as, knows no other numbers, and a run that finds out at its first checkpoint is lost.
    """
    for name in (*whole, *real):
        value = getattr(config, name)
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or value != value:
            raise ValueError(f"{name} must be a number, got {value!r}.")
        low = least if name in whole else 0
        if not low <= value < float("inf"):
            bound = f"at least {low}" if name in whole else "0 or more, and finite"
            raise ValueError(f"{name} must be {bound}, got {value}.")
        if name in whole and value != int(value):
            raise ValueError(f"{name} must be a whole number, got {value}.")
        object.__setattr__(config, name, int(value) if name in whole else float(value))


def _check_switches(config: Any, *names: str) -> None:
    """The same for what is on or off: NumPy's True becomes Python's."""
    for name in names:
        value = getattr(config, name)
        if type(value).__name__ not in ("bool", "bool_"):
            raise ValueError(f"{name} must be True or False, got {value!r}.")
        object.__setattr__(config, name, bool(value))


def _check_choice(name: str, value: object, choices: Any) -> None:
    if value not in get_args(choices):
        raise ValueError(f"{name} must be one of {', '.join(get_args(choices))}, got {value!r}.")
