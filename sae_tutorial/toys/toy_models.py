"""Toy models that learn superposition.

A toy model squeezes n features, few of which are on at once, through m < n hidden dimensions and must give them
back (Elhage et al. 2022, "Toy models of superposition", section 2):

    h = x W        x̂ = ReLU(h Wᵀ + b)        loss = Σ_i I_i (x_i − x̂_i)²,   I_i the importance of feature i

Row i of W is the direction of feature i, as a row of an SAE's decoder is that of a latent; the paper's W is the
transpose. Many toys of one shape train at once: every tensor has a leading axis `instances`, and all of them see
the same random numbers, so that a toy comes out the same whether it trains in company or alone. They are so small that
all of it stays on the CPU.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Self, get_args

import torch
from einops import einsum, rearrange, repeat
from jaxtyping import Float, Int
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

Kind = Literal["linear", "relu", "neurons", "absolute"]
EVALUATION_ROWS = 8192


@dataclass(frozen=True)
class ToyConfig:
    """What a toy model is and how its features occur. Checks itself on creation.

    Attributes:
        n_features: n, the features of the world.
        d_hidden: m, the dimensions there are for them.
        kind: "linear"    x̂ = h Wᵀ + b, h = x W;
            "relu"        x̂ = ReLU(h Wᵀ + b), h = x W;
            "neurons"     the same with h = ReLU(x W), which makes the hidden axes special;
            "absolute"    x̂ = ReLU(ReLU(x W) W_out + b), to compute |x| of features of either sign.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    n_features: int
    d_hidden: int
    kind: Kind = "relu"

    def __post_init__(self) -> None:
        for name in ("n_features", "d_hidden"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}, got {self.kind!r}.")


class ToyModels(nn.Module):
    """Toy models of one shape, side by side.

    Parameters: W [instances, n, m] and b [instances, n]; "absolute" has W_out [instances, m, n] beside W.
    `loss` [instances] is that of the trained toys on fresh rows, filled in by `train_toys`.
    """

    def __init__(self, config: ToyConfig, instances: int, restarts: int = 1, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        generator = torch.Generator().manual_seed(seed)
        n, m = config.n_features, config.d_hidden

        def start(rows: int, columns: int) -> nn.Parameter:
            """Xavier's start; the first, second, ... restart of every setting begins at the same place."""
            W = (
                torch.randn(restarts, rows, columns, generator=generator, device="cpu")
                * (2 / (rows + columns)) ** 0.5
            )
            W = repeat(W, "restarts n m -> (settings restarts) n m", settings=instances // restarts)
            return nn.Parameter(W.clone(memory_format=torch.contiguous_format))  # `repeat` may give a view

        self.W = start(n, m)
        self.b = nn.Parameter(torch.zeros(instances, n, device="cpu"))
        self.W_out = start(m, n) if config.kind == "absolute" else None
        self.register_buffer("loss", torch.full((instances,), torch.nan, device="cpu"))

    def hidden(self, x: Float[Tensor, "instances batch n"]) -> Float[Tensor, "instances batch m"]:
        """What is left of x in m dimensions."""
        h = einsum(x, self.W, "instances batch n, instances n m -> instances batch m")
        return h.relu() if self.config.kind in ("neurons", "absolute") else h

    def output(self, h: Float[Tensor, "instances batch m"]) -> Float[Tensor, "instances batch n"]:
        """The features as read back from h."""
        W_out = rearrange(self.W, "instances n m -> instances m n") if self.W_out is None else self.W_out
        x_hat = einsum(h, W_out, "instances batch m, instances m n -> instances batch n") + self.b[:, None]
        return x_hat if self.config.kind == "linear" else x_hat.relu()

    def forward(self, x: Float[Tensor, "instances batch n"]) -> Float[Tensor, "instances batch n"]:
        """x, or |x| for "absolute", as well as m dimensions allow."""
        return self.output(self.hidden(x))

    def pick(self, instances: Int[Tensor, " picked"]) -> Self:
        """Those instances alone, as toys of their own."""
        picked = type(self)(self.config, len(instances))
        picked.load_state_dict({name: tensor[instances] for name, tensor in self.state_dict().items()})
        return picked

    def best(self, restarts: int) -> Self:
        """The restart with the lowest loss of each setting; instances are ordered (settings restarts)."""
        loss = rearrange(self.loss, "(settings restarts) -> settings restarts", restarts=restarts)
        return self.pick(loss.argmin(1) + restarts * torch.arange(len(loss), device="cpu"))


def sample_features(
    config: ToyConfig, probability: Float[Tensor, " instances"], n_rows: int, generator: torch.Generator
) -> Float[Tensor, "instances n_rows n"]:
    """Rows of features: each is on with the instance's probability, and then uniform in [0, 1].

    For "absolute" uniform in [-1, 1]. All instances share one draw: a row of a sparser one has fewer features on.
    """
    shape = (n_rows, config.n_features)
    chance, size = (torch.rand(shape, generator=generator, device="cpu") for _ in range(2))
    if config.kind == "absolute":
        size = 2 * size - 1
    return size * (chance < probability[:, None, None])


def toy_loss(
    toys: ToyModels, x: Float[Tensor, "instances batch n"], importance: Float[Tensor, "instances n"]
) -> Float[Tensor, " instances"]:
    """Σ_i I_i (x_i − x̂_i)², a mean over the batch. "absolute" is asked for |x_i|."""
    target = x.abs() if toys.config.kind == "absolute" else x
    squares = (target - toys(x)).pow(2).mean(1)
    return (importance * squares).sum(1)


@torch.inference_mode(False)
@torch.enable_grad()  # notebooks of the field often begin with set_grad_enabled(False)
def train_toys(
    config: ToyConfig,
    probability: Float[Tensor, " settings"],
    importance: Float[Tensor, "settings n"],
    *,
    restarts: int = 1,
    steps: int = 3000,
    batch_size: int = 128,
    learning_rate: float = 0.01,
    seed: int = 0,
) -> ToyModels:
    """Train a toy for every setting, `restarts` times from different starts, all at once.

    The sum of the toys' losses has for each toy the gradient of its own loss, and Adam treats every weight by
    itself, so training them together is training each alone. The learning rate falls linearly to zero.

    Args:
        config: the shape that all of them share.
        probability: chance that a feature is on, 1 − S for the paper's sparsity S.
        importance: I, the weight of each feature in the loss.
        restarts: toys per setting; they are ordered (settings restarts), and `ToyModels.best` picks the best.
        steps: of Adam.
        batch_size: fresh rows in each step.
        learning_rate: at the start.
        seed: of starts and rows.

    Raises:
        ValueError: shapes that do not fit, or a probability out of range.
    """
    if importance.shape != (len(probability), config.n_features):
        raise ValueError(
            f"importance must have the shape [{len(probability)}, {config.n_features}] (settings, features), "
            f"got {list(importance.shape)}."
        )
    if not (probability.min() > 0 and probability.max() <= 1):
        raise ValueError("probability must lie in (0, 1].")
    probability, importance = (t.cpu().repeat_interleave(restarts, 0) for t in (probability, importance))
    toys = ToyModels(config, len(probability), restarts, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    with one_thread():
        _descend(toys, probability, importance, generator, steps, batch_size, learning_rate)
    with torch.no_grad():
        rows = sample_features(config, probability, EVALUATION_ROWS, generator)
        toys.loss.copy_(toy_loss(toys, rows, importance))
    return toys


def _descend(
    toys: ToyModels,
    probability: Float[Tensor, " instances"],
    importance: Float[Tensor, "instances n"],
    generator: torch.Generator,
    steps: int,
    batch_size: int,
    learning_rate: float,
) -> None:
    optimizer = torch.optim.Adam(toys.parameters(), lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=steps)
    for _ in range(steps):
        x = sample_features(toys.config, probability, batch_size, generator)
        optimizer.zero_grad()
        toy_loss(toys, x, importance).sum().backward()
        optimizer.step()
        schedule.step()


@contextmanager
def one_thread() -> Iterator[None]:
    """Tensors this small are done before a second thread has been woken; on a busy machine the wait is long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):  # NumPy's, for scikit-learn
            yield
    finally:
        torch.set_num_threads(before)
