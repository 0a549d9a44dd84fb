"""The coder: a dictionary of directions, of which each row uses only a few.

    f     = ReLU((x - b_dec) W_enc + b_enc)          encode: which latents are on, and how strongly
    x_hat = f W_dec + b_dec                          decode: a sum of their directions

An autoencoder writes x again. A transcoder is given another target y, what a layer makes of x; then b_dec belongs to y
and is not taken off x. A crosscoder is an autoencoder of two models' rows side by side.

An architecture differs in how it keeps f sparse, and in nothing else.

    relu        pays for every unit of activation: λ Σ f                                       (L1 penalty)
    relu_free   the same with decoder rows of any norm: λ Σ f_i ‖W_dec_i‖       (Anthropic, April 2024 update)
    gated       reads whether a latent is on and how strongly with two biases   (Rajamanoharan et al. 2024a)
    topk        keeps the k largest pre-activations of each row                 (Gao et al. 2024)
    batchtopk   keeps the k · batch largest of a batch; later, those above θ    (Bussmann et al. 2024)
    matryoshka  batchtopk whose first latents also reconstruct x on their own   (Bussmann et al. 2025)
    jumprelu    keeps what exceeds the latent's own threshold θ_i, trained      (Rajamanoharan et al. 2024b)

With π = (x − b_dec) W_enc + b_enc, and 1[·] for 1 where it holds and 0 elsewhere, their encoders are

    relu, relu_free         f = ReLU(π)
    gated                   f = 1[π > 0] ReLU((x − b_dec) W_enc e^r_mag + b_mag)
    topk                    f = ReLU(π) 1[π is among the k largest of its row]
    batchtopk, matryoshka   f = ReLU(π) 1[π is among the k · batch largest of the batch]; later ReLU(π) 1[π > θ]
    jumprelu                f = ReLU(π) 1[π > θ_i]

All seven make transcoders and crosscoders too: none of their definitions needs the target to be x. For crosscoders
"relu_free" pays λ Σ f_i (‖W_dec_i of side 1‖ + ‖W_dec_i of side 2‖ + ...) as Lindsey et al. 2024 do.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from sae_tutorial.sae import saved
from sae_tutorial.sae.config import SAEConfig
from sae_tutorial.sae.sparse import (
    ActivePairs,
    Choose,
    decode_pairs,
    encode_pairs,
    encode_topk,
    pairs_above,
    pairs_from_batchtopk,
    split_by_prefix,
)

# Of BatchTopK's running threshold, per step; with 0.99 it lags behind a run of 200 steps.
THRESHOLD_MEMORY = 0.9
# Width of the window in which JumpReLU's θ gets gradients, in units of √d_in. The paper's 0.001 is for runs of
# billions of tokens; in ones of 100 thousand so few fall inside that L0 takes most of the run to settle.
BANDWIDTH = 0.03


class Loss(NamedTuple):
    """The loss of a batch and its parts, each a scalar, and the latents that were active."""

    total: Float[Tensor, ""]
    reconstruction: Float[Tensor, ""]
    sparsity: Float[Tensor, ""]
    l0: Float[Tensor, ""]
    y_hat: Float[Tensor, "batch d_out"]
    pairs: ActivePairs


class SparseAutoencoder(nn.Module):
    """A sparse coder with untied weights: an autoencoder, or by its configuration a transcoder or a crosscoder.

    Parameters: W_enc [d_in, d_sae], b_enc [d_sae], W_dec [d_sae, d_out], b_dec [d_out]; d_out is d_in but in a
    transcoder. Row i of W_dec is the direction that latent i writes; it starts with norm 1 and training keeps it there
    ("relu_free": 0.1, and free). Further ones, [d_sae] each: "gated" has r_mag and b_mag, beside b_enc as the gate's
    bias; "jumprelu" has `threshold`, which in "batchtopk" and "matryoshka" is a buffer with one value. Before training
    it is 0. A transcoder with a skip has W_skip [d_in, d_out], which starts at 0.
    """

    def __init__(self, config: SAEConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.metadata: dict[str, Any] = {}
        generator = torch.Generator("cpu").manual_seed(seed)  # the same numbers whatever the default device
        drawn = partial(torch.randn, generator=generator, device="cpu")
        W_dec = drawn(config.d_sae, config.width_out)
        W_dec /= W_dec.norm(dim=1, keepdim=True)
        if config.architecture == "relu_free":
            W_dec *= 0.1
        encoder_rows = config.encoder_share * W_dec
        if not config.is_tied:
            encoder_rows = drawn(config.d_sae, config.d_in) / config.d_in**0.5
        # W_enc is stored row by latent (a transposed view), so that one latent's weights lie side by side.
        self.W_enc = nn.Parameter(encoder_rows.T)
        self.W_dec = nn.Parameter(W_dec)

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(*shape, device="cpu")

        self.b_enc, self.b_dec = nn.Parameter(zeros(config.d_sae)), nn.Parameter(zeros(config.width_out))
        if config.skip:
            self.W_skip = nn.Parameter(zeros(config.d_in, config.width_out))
        if config.architecture == "gated":
            self.r_mag, self.b_mag = nn.Parameter(zeros(config.d_sae)), nn.Parameter(zeros(config.d_sae))
        elif config.architecture == "jumprelu":
            self.threshold = nn.Parameter(zeros(config.d_sae))
        elif config.prefixes:
            self.register_buffer("threshold", zeros(config.d_sae))

    def forward(
        self, x: Float[Tensor, "*rows d_in"]
    ) -> tuple[Float[Tensor, "*rows d_out"], Float[Tensor, "*rows d_sae"]]:
        """What the coder makes of x (of an autoencoder, the reconstruction) and the activations that made it."""
        y_hat, pairs, _ = self._code(x)
        return y_hat.view(*x.shape[:-1], -1), pairs.to_dense().view(*x.shape[:-1], -1)

    def loss(
        self,
        x: Float[Tensor, "batch d_in"],
        target: Float[Tensor, "batch d_out"] | None = None,
        weights: Float[Tensor, " batch"] | None = None,
    ) -> Loss:
        """The training loss.

        y is the target, x itself if there is none. Squares are means over batch and d_out; sums over latents are means
        over the batch.

            relu             (y − ŷ)² + λ Σ f_i
            relu_free        (y − ŷ)² + λ Σ f_i ‖W_dec_i‖
            gated            (y − ŷ)² + λ Σ ReLU(π_i) + (y − ReLU(π) W_dec − b_dec)², decoder fixed in the last
            topk, batchtopk  (y − ŷ)²
            matryoshka       (y − ŷ)², and the same for ŷ from the first 1/32, 3/32, 7/32, 15/32 of the latents
            jumprelu         (y − ŷ)² + (L0 / k − 1)²  (the target form of Rajamanoharan et al. 2024b, appendix)

        With `weights`, each row's squared errors are multiplied by its own.
        """
        y = self.target_of(x, target)
        y_hat, pairs, pre = self._code(x, training=True)

        def squared(error: Float[Tensor, "*prefixes batch d_out"]) -> Float[Tensor, "*prefixes"]:
            rows = error.pow(2).mean(-1)
            return (rows if weights is None else rows * weights).mean(-1)

        reconstruction = squared(y - y_hat)
        sparsity = pairs.values.sum() / len(x)
        price = y_hat.new_zeros(())
        match self.config.architecture:
            case "relu":
                price = self.config.l1_coefficient * sparsity
            case "relu_free":
                norms = self.decoder_norms().sum(1)
                sparsity = (pairs.values * norms[pairs.latents]).sum() / len(x)
                price = self.config.l1_coefficient * sparsity
            case "gated":
                gate = replace(pairs, values=pre)
                sparsity = gate.values.sum() / len(x)
                by_gate = decode_pairs(gate, self.W_dec.detach()) + (self.b_dec + self._skipped(x)).detach()
                price = self.config.l1_coefficient * sparsity + squared(y - by_gate)
            case "matryoshka":
                nested = decode_pairs(split_by_prefix(pairs, self.config.prefixes), self.W_dec)
                nested = rearrange(nested, "(batch prefix) d -> prefix batch d", batch=len(x)).cumsum(0)
                rest = y - self.b_dec - self._skipped(x)
                price = squared(rest - nested[:-1]).sum()
            case "jumprelu":
                on = Step.apply(pre, self.threshold[pairs.latents], self._bandwidth)
                price = sparsity = (on.sum() / len(x) / self.config.k - 1) ** 2
        l0 = (pairs.values > 0).sum() / len(x)
        return Loss(reconstruction + price, reconstruction, sparsity, l0, y_hat, pairs)

    def _code(
        self, x: Float[Tensor, "*rows d_in"], training: bool = False
    ) -> tuple[Float[Tensor, "rows d_out"], ActivePairs, Float[Tensor, " pairs"]]:
        """The one path: ŷ, the active pairs, and their values before the activation function."""
        pairs, pre = self._activate(x, training)
        return self.write(x, pairs), pairs, pre

    def write(self, x: Float[Tensor, "*rows d_in"], pairs: ActivePairs) -> Float[Tensor, "rows d_out"]:
        """ŷ from the active pairs of x: their decoder rows, b_dec, and of a transcoder with a skip x W_skip."""
        return decode_pairs(pairs, self.W_dec) + self.b_dec + self._skipped(x)

    def _activate(
        self, x: Float[Tensor, "*rows d_in"], training: bool
    ) -> tuple[ActivePairs, Float[Tensor, " pairs"]]:
        """The activations as active pairs, and π of the same pairs, whose gradients `sparse.py` knows."""
        if x.shape[-1] != self.config.d_in:  # a view would cut the rows elsewhere
            raise ValueError(
                f"x has shape {tuple(x.shape)}; this coder reads rows of width {self.config.d_in}."
            )
        rows = x.reshape(-1, self.config.d_in).to(self.W_enc.dtype)
        pairs = encode_pairs(rows, self.centre, self.W_enc, self.b_enc, self._chooser(training))
        pre = pairs.values
        match self.config.architecture:
            case "gated":
                projected = pre - self.b_enc[pairs.latents]
                f = (projected * self.r_mag.exp()[pairs.latents] + self.b_mag[pairs.latents]).relu()
            case "jumprelu" if training:
                f = JumpReLU.apply(pre, self.threshold[pairs.latents], self._bandwidth)
            case _:
                f = pre.relu()
        return replace(pairs, values=f), pre

    def _chooser(self, training: bool) -> Choose:
        """Which latents may be on, by architecture; while it trains, BatchTopK compares the rows of a batch."""
        config = self.config
        if config.architecture == "topk":
            return partial(encode_topk, k=config.k)
        if config.prefixes and training:
            return lambda x, W, b: pairs_from_batchtopk(torch.addmm(b, x, W), config.k)
        threshold: Tensor | float = 0.0 if config.has_l1 else self.threshold
        if config.architecture == "jumprelu" and training:
            # Those just below θ as well: they are off, and θ learns from them.
            threshold = self.threshold - self._bandwidth / 2
        return lambda x, W, b: pairs_above(torch.addmm(b, x, W), threshold)

    @property
    def centre(self) -> Float[Tensor, " d_in"]:
        """What is taken off x before it is encoded: b_dec, where that belongs to x."""
        return self.b_dec.new_zeros(self.config.d_in) if self.config.is_transcoder else self.b_dec

    @property
    def _bandwidth(self) -> float:
        return BANDWIDTH * self.config.d_in**0.5

    def _skipped(self, x: Float[Tensor, "*rows d_in"]) -> Float[Tensor, "rows d_out"] | float:
        if not self.config.skip:
            return 0.0
        return x.reshape(-1, self.config.d_in).to(self.W_skip.dtype) @ self.W_skip

    def target_of(self, x: Any, target: Any | None) -> Any:
        """What rows x are to become: x itself for an autoencoder, the given target for a transcoder; tensors or stores.

        Raises:
            ValueError: a target is missing, or there should be none, or it has another shape.
        """
        if (target is None) == self.config.is_transcoder:
            wanted = "needs a target" if self.config.is_transcoder else "takes no target (set d_out for one)"
            raise ValueError(f"this coder {wanted}: its d_out is {self.config.d_out}.")
        shape = (len(x), self.config.width_out)
        if target is not None and tuple(target.shape) != shape:
            raise ValueError(f"target has shape {tuple(target.shape)}; this coder writes {shape}.")
        return x if target is None else target

    def encode(self, x: Float[Tensor, "*rows d_in"]) -> Float[Tensor, "*rows d_sae"]:
        """Latent activations of x: none negative, most of them zero."""
        return self._activate(x, training=False)[0].to_dense().view(*x.shape[:-1], -1)

    def decode(self, f: Float[Tensor, "*rows d_sae"]) -> Float[Tensor, "*rows d_out"]:
        """A weighted sum of decoder rows: of an autoencoder the reconstruction, of a transcoder ŷ but for the skip."""
        return f @ self.W_dec + self.b_dec

    def pre_activations(self, x: Float[Tensor, "*rows d_in"]) -> Float[Tensor, "*rows d_sae"]:
        """What the encoder computes before any latent is switched off: π."""
        return (x - self.centre) @ self.W_enc + self.b_enc

    @torch.no_grad()
    def active_pairs(self, x: Float[Tensor, "batch d_in"]) -> ActivePairs:
        """The same activations as `encode`, as a list of active pairs: for passes over many rows.

        Raises:
            ValueError: x has more axes than rows and width, so that a pair's position would be ambiguous.
        """
        if x.ndim != 2:
            raise ValueError(
                f"active_pairs takes [rows, d_in], got shape {tuple(x.shape)}; flatten it first."
            )
        return self._activate(x, training=False)[0]

    def decoder_norms(self) -> Float[Tensor, "d_sae sides"]:
        """The norm of each latent's decoder row, side by side: in a crosscoder, how much of it each model has."""
        sides = rearrange(self.W_dec, "latent (side d) -> latent side d", side=self.config.sides)
        return sides.norm(dim=2)

    @torch.no_grad()
    def after_step(self, pairs: ActivePairs, *, decoder_moved: bool = True) -> None:
        """Restore what holds between training steps; `pairs` are the latents that the step kept.

        Decoder rows get norm 1 again (but a latent that was cut out keeps its row of zeros), JumpReLU's thresholds
        stay at 0 or above, and BatchTopK's follows the smallest activation that was kept, as a running mean.
        """
        if self.config.unit_decoder and decoder_moved:  # else rounding would move it
            # Some rows at a time, which a CPU's cache holds until they are done.
            for rows in self.W_dec.split(512):
                norms = rows.norm(dim=1, keepdim=True)
                rows /= norms.where(norms > 0, 1.0)
        if self.config.architecture == "jumprelu":
            self.threshold.clamp_(min=0)
        elif self.config.prefixes:
            smallest = torch.where(pairs.values > 0, pairs.values.detach(), torch.inf).min()
            mean = torch.where(
                self.threshold > 0, self.threshold.lerp(smallest, 1 - THRESHOLD_MEMORY), smallest
            )
            self.threshold.copy_(torch.where(smallest < torch.inf, mean, self.threshold))

    @torch.no_grad()
    def change_units(self, mean: Float[Tensor, " d_in"] | float, scale: float, target_scale: float) -> None:
        """Turn a coder of scale · (x − mean) into the same coder of x, whose target was multiplied by `target_scale`.

        Decoder rows keep their norm, and f comes out in the units of the target:

            W_enc' = W_enc scale / target_scale        b_enc' = (b_enc − scale · mean W_enc) / target_scale

        An autoencoder has mean 0 and one scale, so that dividing its biases and thresholds is all of it.
        """
        shift = scale * torch.as_tensor(mean, device=self.b_dec.device).expand(self.config.d_in)
        state = self.state_dict()
        by_bias = shift @ self.W_enc if self.config.is_transcoder else 0.0
        if self.config.architecture == "gated":
            state["b_mag"] -= by_bias * self.r_mag.exp()
        state["b_enc"] -= by_bias
        if self.config.skip:
            state["b_dec"] -= shift @ self.W_skip
            state["W_skip"] *= scale / target_scale
        if self.config.is_transcoder:
            state["W_enc"] *= scale / target_scale
        for name in ("b_enc", "b_dec", "b_mag", "threshold"):
            if name in state:
                state[name] /= target_scale

    def save(self, directory: str | Path) -> None:
        """Write config and weights to `directory` in SAELens v6 format, atomically."""
        saved.write_sae(directory, self.config, self.state_dict(), self.metadata)

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Read a coder that `save` or another library wrote, onto the CPU in float32.

        Raises:
            FileNotFoundError, storage.DamagedFileError, ValueError: see `saved.read_sae`.
        """
        config, weights, metadata = saved.read_sae(directory)
        coder = cls(config)
        coder.load_state_dict(weights)
        coder.metadata = metadata
        return coder


class JumpReLU(torch.autograd.Function):
    """(z, θ, ε) -> z · 1[z > θ], with a straight-through gradient for θ.

    A step has no useful derivative, so θ gets that of a step blurred over a window of width ε around it
    (Rajamanoharan et al. 2024b, section 3), with rect(u) = 1 for |u| < ½:  ∂f/∂θ = −(θ/ε) rect((z − θ)/ε).
    """

    @staticmethod
    def forward(ctx, z, threshold, bandwidth):
        """Switch off what does not exceed the threshold."""
        ctx.save_for_backward(z, threshold)
        ctx.bandwidth = bandwidth
        return torch.where(z > threshold, z, 0.0)

    @staticmethod
    def backward(ctx, g):
        """Gradients of z, exact, and of the threshold, as above."""
        z, threshold = ctx.saved_tensors
        near = (z - threshold).abs() < ctx.bandwidth / 2
        return torch.where(z > threshold, g, 0.0), -(near * threshold * g) / ctx.bandwidth, None


class Step(torch.autograd.Function):
    """(z, θ, ε) -> 1[z > θ], with the gradient for θ of the same blurred step: ∂/∂θ = −(1/ε) rect((z − θ)/ε)."""

    @staticmethod
    def forward(ctx, z, threshold, bandwidth):
        """1 where the threshold is exceeded."""
        ctx.save_for_backward(z, threshold)
        ctx.bandwidth = bandwidth
        return (z > threshold).to(z.dtype)

    @staticmethod
    def backward(ctx, g):
        """None for z, and the threshold's, as above."""
        z, threshold = ctx.saved_tensors
        near = (z - threshold).abs() < ctx.bandwidth / 2
        return None, -(near * g) / ctx.bandwidth, None
