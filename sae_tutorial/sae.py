"""The sparse autoencoder: a dictionary of directions, of which each activation uses only a few.

    f     = ReLU((x - b_dec) W_enc + b_enc)          encode: which latents are on, and how strongly
    x_hat = f W_dec + b_dec                          decode: a sum of their directions

An architecture differs in how it keeps f sparse. `relu` pays for every unit of activation (an L1 penalty in the
loss); `topk` keeps the k largest pre-activations of each position and needs no penalty.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sae_tutorial import checkpoint
from sae_tutorial.sparse import ActivePairs, SparseAutoencode, pairs_from_relu, pairs_from_topk

Architecture = Literal["relu", "topk"]


@dataclass(frozen=True)
class SAEConfig:
    """What an autoencoder is. Checks itself on creation.

    Attributes:
        d_in: width of the activations.
        expansion_factor: d_sae / d_in; d_sae must come out whole.
        architecture: "relu" (L1 penalty) or "topk".
        k: latents kept per position; used by "topk" only.
        l1_coefficient: λ, the price of a unit of activation in the loss; used by "relu" only.
        tied_init: start with W_enc = W_decᵀ (Gao et al. 2024, section 2.4), so that a latent first reads the
            direction it writes. False draws the two independently.

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
        if self.architecture not in ("relu", "topk"):
            raise ValueError(f"architecture must be 'relu' or 'topk', got {self.architecture!r}.")
        if self.architecture == "topk" and self.k not in range(1, self.d_sae + 1):
            raise ValueError(f"k must be a whole number between 1 and d_sae = {self.d_sae}, got {self.k}.")
        if not self.l1_coefficient >= 0:
            raise ValueError(f"l1_coefficient must not be negative, got {self.l1_coefficient}.")

    @property
    def d_sae(self) -> int:
        """The number of latents."""
        return round(self.d_in * self.expansion_factor)


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
    direction that latent i writes; it starts with norm 1 and training keeps it there.
    """

    def __init__(self, config: SAEConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.metadata: dict[str, Any] = {}
        generator = torch.Generator().manual_seed(seed)
        W_dec = torch.randn(config.d_sae, config.d_in, generator=generator)
        W_dec /= W_dec.norm(dim=1, keepdim=True)
        encoder_rows = W_dec.clone()
        if not config.tied_init:
            encoder_rows = torch.randn(config.d_sae, config.d_in, generator=generator) / config.d_in**0.5
        # W_enc is stored row by latent (a transposed view), so that one latent's weights lie side by side.
        self.W_enc = nn.Parameter(encoder_rows.T)
        self.W_dec = nn.Parameter(W_dec)
        self.b_enc = nn.Parameter(torch.zeros(config.d_sae))
        self.b_dec = nn.Parameter(torch.zeros(config.d_in))

    def encode(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_sae"]:
        """Latent activations of x: none negative, most of them zero."""
        f = self.pre_activations(x).relu()
        if self.config.architecture == "topk":
            largest = f.topk(self.config.k, dim=-1)
            f = torch.zeros_like(f).scatter(-1, largest.indices, largest.values)
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
        """The training loss: mean squared error, plus λ times the mean L1 norm of f for "relu".

            L = mean over batch and d_in of (x - x_hat)^2  +  λ · mean over batch of Σ_i f_i

        Same values and gradients as `forward` gives, computed on the active latents alone (`sparse.py`).
        The gradient of x is not computed. AuxK, which revives dead latents, is added by `training.py`.
        """
        k = self.config.k if self.config.architecture == "topk" else None
        x_hat, *pairs = SparseAutoencode.apply(x, self.W_enc, self.b_enc, self.W_dec, self.b_dec, k)
        pairs = ActivePairs(pairs[1], pairs[2], pairs[0], pairs[3])
        reconstruction = (x - x_hat).pow(2).mean()
        sparsity = pairs.values.sum() / len(x)
        total = reconstruction if k else reconstruction + self.config.l1_coefficient * sparsity
        l0 = (pairs.values > 0).sum() / len(x)
        return SAELoss(total, reconstruction, sparsity, l0, x_hat, pairs)

    def pre_activations(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_sae"]:
        """What the encoder computes before any latent is switched off."""
        return (x - self.b_dec) @ self.W_enc + self.b_enc

    @torch.inference_mode()
    def active_pairs(self, x: Float[Tensor, "batch d_in"]) -> ActivePairs:
        """The same activations as `encode`, as a list of active pairs: for passes over many positions."""
        pre = self.pre_activations(x)
        return (
            pairs_from_relu(pre)
            if self.config.architecture == "relu"
            else pairs_from_topk(pre, self.config.k)
        )

    @torch.no_grad()
    def rescale_inputs(self, scale: float) -> None:
        """Turn an autoencoder of scale · x into the same autoencoder of x, with f in the units of x.

        ReLU and TopK are homogeneous, so dividing both biases is enough and the decoder rows keep norm 1.
        """
        self.b_dec /= scale
        self.b_enc /= scale

    def save(self, directory: str | Path) -> None:
        """Write config and weights to `directory` in SAELens v6 format, atomically."""
        checkpoint.write_sae(
            directory, asdict(self.config) | {"d_sae": self.config.d_sae}, self.state_dict(), self.metadata
        )

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Read an autoencoder that `save` or SAELens v6 wrote, onto the CPU in float32.

        Raises:
            FileNotFoundError, storage.DamagedFileError, ValueError: see `checkpoint.read_sae`.
        """
        saved, weights = checkpoint.read_sae(directory)
        d_in, d_sae = weights["W_enc"].shape
        options = {name: saved[name] for name in ("k", "l1_coefficient", "tied_init") if name in saved}
        sae = cls(SAEConfig(d_in, d_sae / d_in, saved["architecture"], **options))
        sae.load_state_dict(weights)
        sae.metadata = saved.get("metadata", {})
        return sae
