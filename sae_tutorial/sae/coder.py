"""The sparse autoencoder: a dictionary of directions, of which each activation uses only a few.

    f     = ReLU((x - b_dec) W_enc + b_enc)          encode: which latents are on, and how strongly
    x_hat = f W_dec + b_dec                          decode: a sum of their directions

An architecture differs in how it keeps f sparse; `SparseAutoencoder.loss` lists the losses.

    relu        pays for every unit of activation: λ Σ f                                       (L1 penalty)
    relu_free   the same with decoder rows of any norm: λ Σ f_i ‖W_dec_i‖       (Anthropic, April 2024 update)
    gated       reads whether a latent is on and how strongly with two biases   (Rajamanoharan et al. 2024a)
    topk        keeps the k largest pre-activations of each position            (Gao et al. 2024)
    batchtopk   keeps the k · batch largest of a batch; later, those above θ    (Bussmann et al. 2024)
    matryoshka  batchtopk whose first latents also reconstruct x on their own   (Bussmann et al. 2025)
    jumprelu    keeps what exceeds the latent's own threshold θ_i, trained      (Rajamanoharan et al. 2024b)

With π = (x − b_dec) W_enc + b_enc, and 1[·] for 1 where it holds and 0 elsewhere, their encoders are

    relu, relu_free         f = ReLU(π)
    gated                   f = 1[π > 0] ReLU((x − b_dec) W_enc e^r_mag + b_mag)
    topk                    f = ReLU(π) 1[π is among the k largest of its position]
    batchtopk, matryoshka   f = ReLU(π) 1[π is among the k · batch largest of the batch]; later ReLU(π) 1[π > θ]
    jumprelu                f = ReLU(π) 1[π > θ_i]
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sae_tutorial.sae import saved as checkpoint
from sae_tutorial.sae.sparse import ActivePairs, SparseAutoencode, pairs_from_relu, pairs_from_topk

Architecture = Literal["relu", "relu_free", "gated", "topk", "batchtopk", "matryoshka", "jumprelu"]
# Length of a tied encoder's rows and steps beside the decoder's. Latents overlap, so that with whole rows the first
# reconstructions are too long, and a high rate kills latents. Ours, by trial: `benchmarks/quality.py` has the control.
# "relu_free", whose rows start at norm 0.1, did no better with it.
TIED_SHARE = 0.5
# Of BatchTopK's running threshold, per step; with 0.99 it lags behind a run of 200 steps.
THRESHOLD_MEMORY = 0.9
# Width of the window in which JumpReLU's θ gets gradients, in units of √d_in. The paper's 0.001 is for runs of
# billions of tokens; in ones of 100 thousand so few fall inside that L0 takes most of the run to settle.
BANDWIDTH = 0.03


@dataclass(frozen=True)
class SAEConfig:
    """What an autoencoder is. Checks itself on creation.

    Attributes:
        d_in: width of the activations.
        expansion_factor: d_sae / d_in; d_sae must come out whole.
        architecture: one of those listed above.
        k: latents kept per position ("topk"), per position on average ("batchtopk", "matryoshka"), or aimed at
            ("jumprelu").
        l1_coefficient: λ, the price of a unit of activation ("relu", "relu_free", "gated"). Our squared error is a
            mean over d_in: a λ published for its sum is d_in times ours.
        tied_init: start with W_enc = W_decᵀ / 2 ("relu_free": W_decᵀ), so that a latent first reads the direction
            it writes (Gao et al. 2024, section 2.4, without the 2). False draws the two independently.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    d_in: int
    expansion_factor: float = 8
    architecture: Architecture = "topk"
    k: int = 32
    l1_coefficient: float = 3e-3
    tied_init: bool = True

    def __post_init__(self) -> None:
        if self.d_in < 1:
            raise ValueError(f"d_in must be at least 1, got {self.d_in}.")
        latents = self.d_in * self.expansion_factor  # d_sae / d_in x d_in may miss a whole number by rounding
        if not 1 - 1e-9 < latents < float("inf") or abs(latents - round(latents)) > 1e-9 * latents:
            raise ValueError(
                f"expansion_factor {self.expansion_factor} x d_in {self.d_in} must be a whole number of latents."
            )
        if self.architecture not in get_args(Architecture):
            raise ValueError(
                f"architecture must be one of {', '.join(get_args(Architecture))}, got {self.architecture!r}."
            )
        if not self.has_l1 and self.k not in range(1, self.d_sae + 1):
            raise ValueError(f"k must be a whole number between 1 and d_sae = {self.d_sae}, got {self.k}.")
        if not self.l1_coefficient >= 0:
            raise ValueError(f"l1_coefficient must not be negative, got {self.l1_coefficient}.")

    @property
    def d_sae(self) -> int:
        """The number of latents."""
        return round(self.d_in * self.expansion_factor)

    @property
    def has_l1(self) -> bool:
        """Whether λ prices the activations; else k sets how many there are."""
        return self.architecture in ("relu", "relu_free", "gated")

    @property
    def unit_decoder(self) -> bool:
        """Whether the decoder rows have norm 1."""
        return self.architecture != "relu_free"

    @property
    def encoder_share(self) -> float:
        """Length of a tied encoder's rows at the start, and of its steps in training, as a share of the decoder's."""
        return TIED_SHARE if self.tied_init and self.unit_decoder else 1.0

    @property
    def prefixes(self) -> tuple[int, ...]:
        """Widths of the dictionaries nested in one that is trained with BatchTopK, itself the last.

        For "matryoshka" 1/32, 3/32, 7/32, 15/32 of d_sae and all of it, the widths of Bussmann et al. 2025.
        """
        if self.architecture == "matryoshka":
            return tuple(sorted({max(1, self.d_sae * share // 32) for share in (1, 3, 7, 15, 32)}))
        return (self.d_sae,) if self.architecture == "batchtopk" else ()


class SAELoss(NamedTuple):
    """The loss of a batch and its parts, each a scalar, and the latents that were active."""

    total: Float[Tensor, ""]
    reconstruction: Float[Tensor, ""]
    sparsity: Float[Tensor, ""]
    l0: Float[Tensor, ""]
    x_hat: Float[Tensor, "batch d_in"]
    pairs: ActivePairs


class SparseAutoencoder(nn.Module):
    """A sparse autoencoder with untied weights.

    Parameters: W_enc [d_in, d_sae], b_enc [d_sae], W_dec [d_sae, d_in], b_dec [d_in]. Row i of W_dec is the
    direction that latent i writes; it starts with norm 1 and training keeps it there ("relu_free": 0.1, and free).
    Further ones, [d_sae] each: "gated" has r_mag and b_mag, beside b_enc as the gate's bias; "jumprelu" has
    `threshold`, which in "batchtopk" and "matryoshka" is a buffer with one value. Before training it is 0.
    """

    def __init__(self, config: SAEConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.metadata: dict[str, Any] = {}
        generator = torch.Generator().manual_seed(seed)
        W_dec = torch.randn(config.d_sae, config.d_in, generator=generator)
        W_dec /= W_dec.norm(dim=1, keepdim=True)
        if not config.unit_decoder:
            W_dec *= 0.1
        encoder_rows = config.encoder_share * W_dec
        if not config.tied_init:
            encoder_rows = torch.randn(config.d_sae, config.d_in, generator=generator) / config.d_in**0.5
        # W_enc is stored row by latent (a transposed view), so that one latent's weights lie side by side.
        self.W_enc = nn.Parameter(encoder_rows.T)
        self.W_dec = nn.Parameter(W_dec)
        self.b_enc = nn.Parameter(torch.zeros(config.d_sae))
        self.b_dec = nn.Parameter(torch.zeros(config.d_in))
        if config.architecture == "gated":
            self.r_mag = nn.Parameter(torch.zeros(config.d_sae))
            self.b_mag = nn.Parameter(torch.zeros(config.d_sae))
        elif config.architecture == "jumprelu":
            self.threshold = nn.Parameter(torch.zeros(config.d_sae))
        elif config.prefixes:
            self.register_buffer("threshold", torch.zeros(config.d_sae))

    def encode(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_sae"]:
        """Latent activations of x: none negative, most of them zero."""
        if self.config.architecture == "gated":
            return self._gate(x)[1]
        f = self.pre_activations(x).relu()
        if self.config.architecture == "topk":
            largest = f.topk(self.config.k, dim=-1)
            f = torch.zeros_like(f).scatter(-1, largest.indices, largest.values)
        elif not self.config.has_l1:
            f = torch.where(f > self.threshold, f, 0.0)
        return f

    def decode(self, f: Float[Tensor, "batch d_sae"]) -> Float[Tensor, "batch d_in"]:
        """The reconstruction from latent activations: a weighted sum of decoder rows."""
        return f @ self.W_dec + self.b_dec

    def forward(
        self, x: Float[Tensor, "batch d_in"]
    ) -> tuple[Float[Tensor, "batch d_in"], Float[Tensor, "batch d_sae"]]:
        """The reconstruction of x and the latent activations that made it."""
        f = self.encode(x)
        return self.decode(f), f

    def loss(self, x: Float[Tensor, "batch d_in"]) -> SAELoss:
        """The training loss. (·)² is a mean over batch and d_in, Σ over latents a mean over the batch.

            relu             (x − x̂)² + λ Σ f_i
            relu_free        (x − x̂)² + λ Σ f_i ‖W_dec_i‖
            gated            (x − x̂)² + λ Σ ReLU(π_i) + (x − ReLU(π) W_dec − b_dec)², decoder fixed in the last
            topk, batchtopk  (x − x̂)²
            matryoshka       (x − x̂)², and the same for x̂ from the first 1/32, 3/32, 7/32, 15/32 of the latents
            jumprelu         (x − x̂)² + (L0 / k − 1)²

        The gradient of x is not always computed. AuxK, which revives dead latents, is added by `training.py`.
        """
        dense = self.config.architecture in ("gated", "jumprelu")
        x_hat, pairs, sparsity, price = self._dense_parts(x) if dense else self._sparse_parts(x)
        reconstruction = (x - x_hat).pow(2).mean()
        l0 = (pairs.values > 0).sum() / len(x)
        return SAELoss(reconstruction + price, reconstruction, sparsity, l0, x_hat, pairs)

    def _sparse_parts(self, x: Tensor) -> tuple[Tensor, ActivePairs, Tensor, Tensor | float]:
        """x̂, active pairs, Σ f and what the loss adds to (x − x̂)², from active latents alone (`sparse.py`)."""
        config, price = self.config, 0.0
        k = None if config.has_l1 else config.k
        x_hat, values, *pairs = SparseAutoencode.apply(
            x, self.W_enc, self.b_enc, self.W_dec, self.b_dec, k, config.prefixes
        )
        pairs = ActivePairs(pairs[0], pairs[1], values, pairs[2])
        if config.prefixes:
            x_hats = x_hat.cumsum(1)
            x_hat = x_hats[:, -1]
            price = (x[:, None] - x_hats[:, :-1]).pow(2).mean((0, 2)).sum()
        if not config.unit_decoder:
            values = values * self.W_dec.norm(dim=1)[pairs.latents]
        sparsity = values.sum() / len(x)
        return x_hat, pairs, sparsity, config.l1_coefficient * sparsity if config.has_l1 else price

    def _dense_parts(self, x: Tensor) -> tuple[Tensor, ActivePairs, Tensor, Tensor]:
        """The same for architectures whose gradients reach latents that are off, with Σ ReLU(π) or (L0 / k − 1)²."""
        if self.config.architecture == "gated":
            gate, f = self._gate(x)
            sparsity = gate.sum() / len(x)
            by_gate = (x - gate @ self.W_dec.detach() - self.b_dec.detach()).pow(2).mean()
            price = self.config.l1_coefficient * sparsity + by_gate
        else:
            f, on = JumpReLU.apply(self.pre_activations(x), self.threshold, BANDWIDTH * self.config.d_in**0.5)
            price = sparsity = (on.sum() / len(x) / self.config.k - 1) ** 2
        return self.decode(f), pairs_from_relu(f.detach()), sparsity, price

    def _gate(self, x: Tensor) -> tuple[Float[Tensor, "batch d_sae"], Float[Tensor, "batch d_sae"]]:
        """ReLU(π) and f, with π = (x − b_dec) W_enc + b_enc and f = 1[π > 0] ReLU((x − b_dec) W_enc e^r_mag + b_mag)."""
        projected = (x - self.b_dec) @ self.W_enc
        gate = (projected + self.b_enc).relu()
        return gate, torch.where(gate > 0, (projected * self.r_mag.exp() + self.b_mag).relu(), 0.0)

    def pre_activations(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_sae"]:
        """What the encoder computes before any latent is switched off."""
        return (x - self.b_dec) @ self.W_enc + self.b_enc

    @torch.inference_mode()
    def active_pairs(self, x: Float[Tensor, "batch d_in"]) -> ActivePairs:
        """The same activations as `encode`, as a list of active pairs: for passes over many positions."""
        if self.config.architecture == "topk":
            return pairs_from_topk(self.pre_activations(x), self.config.k)
        return pairs_from_relu(self.encode(x))

    @torch.no_grad()
    def after_step(self, pairs: ActivePairs) -> None:
        """Restore what holds between training steps; `pairs` are the latents that the step kept.

        Decoder rows get norm 1 again, JumpReLU's thresholds stay at 0 or above, and BatchTopK's follows the
        smallest activation that was kept, as a running mean.
        """
        if self.config.unit_decoder:
            self.W_dec /= self.W_dec.norm(dim=1, keepdim=True)
        if self.config.architecture == "jumprelu":
            self.threshold.clamp_(min=0)
        elif self.config.prefixes:
            smallest = torch.where(pairs.values > 0, pairs.values.detach(), torch.inf).min()
            mean = torch.where(
                self.threshold > 0, self.threshold.lerp(smallest, 1 - THRESHOLD_MEMORY), smallest
            )
            self.threshold.copy_(torch.where(smallest < torch.inf, mean, self.threshold))

    @torch.no_grad()
    def rescale_inputs(self, scale: float) -> None:
        """Turn an autoencoder of scale · x into the same autoencoder of x, with f in the units of x.

        Both sides are homogeneous, so dividing biases and thresholds is enough and the decoder rows keep their norm.
        """
        for name, tensor in self.state_dict().items():
            if name not in ("W_enc", "W_dec", "r_mag"):
                tensor /= scale

    def save(self, directory: str | Path) -> None:
        """Write config and weights to `directory` in SAELens v6 format, atomically."""
        checkpoint.write_sae(directory, asdict(self.config), self.state_dict(), self.metadata)

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Read an autoencoder that `save` or another library wrote, onto the CPU in float32.

        Raises:
            FileNotFoundError, storage.DamagedFileError, ValueError: see `checkpoint.read_sae`.
        """
        config, weights, metadata = checkpoint.read_sae(directory)
        sae = cls(SAEConfig(**config))
        sae.load_state_dict(weights)
        sae.metadata = metadata
        return sae


class JumpReLU(torch.autograd.Function):
    """(z, θ, ε) -> (z · 1[z > θ], 1[z > θ]), with straight-through gradients for θ.

    A step has no useful derivative, so θ gets that of a step blurred over a window of width ε around it
    (Rajamanoharan et al. 2024b, section 3), with rect(u) = 1 for |u| < ½:

        ∂f/∂θ = −(θ/ε) rect((z − θ)/ε)        ∂1[z > θ]/∂θ = −(1/ε) rect((z − θ)/ε)
    """

    @staticmethod
    def forward(ctx, z, threshold, bandwidth):
        """Switch off what does not exceed the threshold."""
        ctx.save_for_backward(z, threshold)
        ctx.bandwidth = bandwidth
        on = z > threshold
        return torch.where(on, z, 0.0), on.to(z.dtype)

    @staticmethod
    def backward(ctx, g_f, g_on):
        """Gradients of z, exact, and of the threshold, as above."""
        z, threshold = ctx.saved_tensors
        near = (z - threshold).abs() < ctx.bandwidth / 2
        d_threshold = -torch.where(near, threshold * g_f + g_on, 0.0).sum(0) / ctx.bandwidth
        return torch.where(z > threshold, g_f, 0.0), d_threshold, None
