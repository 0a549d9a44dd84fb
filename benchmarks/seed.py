"""The plain way to collect activations and to train on them, as many first tutorials do it: what we compare with.

Written here from the description of the method, operation for operation, with nothing made faster:

* collecting: texts in their given order, 32 at a time, padded to the longest of the batch; the whole model runs
  and every hook is cached; all positions of one hook are kept, padding and BOS included;
* training: single rows drawn by a shuffling `DataLoader`, dense products forwards and backwards, four numbers
  moved to Python on every step, Adam without fused kernels, decoder columns divided by their norm after it.
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformer_lens.model_bridge import TransformerBridge

TEXTS_PER_BATCH, ROWS_PER_BATCH, LEARNING_RATE = 32, 256, 1e-3


def collect(
    model: TransformerBridge, texts: Sequence[str], hook_name: str
) -> Float[Tensor, "positions d_in"]:
    """Activations of every position of every padded batch, end to end."""
    kept = []
    for batch in DataLoader(list(texts), batch_size=TEXTS_PER_BATCH, shuffle=False):
        token_ids = model.to_tokens(list(batch))
        _, cache = model.run_with_cache(token_ids)
        activations = cache[hook_name]
        kept.append(activations.view(-1, activations.shape[-1]))
        del (
            cache
        )  # two of them at once would need 10 GB and more; when they are freed does not change the work
    return torch.cat(kept)


class DenseAutoencoder(nn.Module):
    """ReLU autoencoder in dense products, weights stored [out, in], decoder columns of norm 1."""

    def __init__(self, d_in: int, d_sae: int, l1_coefficient: float) -> None:
        super().__init__()
        self.l1_coefficient = l1_coefficient
        self.W_enc = nn.Parameter(torch.randn(d_sae, d_in) / d_in**0.5)
        self.b_enc = nn.Parameter(torch.zeros(d_sae))
        W_dec = torch.randn(d_in, d_sae)
        self.W_dec = nn.Parameter(W_dec / W_dec.norm(dim=0, keepdim=True))
        self.b_dec = nn.Parameter(torch.zeros(d_in))

    def encode(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_sae"]:
        """Latent activations."""
        return torch.relu((x - self.b_dec) @ self.W_enc.T + self.b_enc)

    def decode(self, f: Float[Tensor, "batch d_sae"]) -> Float[Tensor, "batch d_in"]:
        """The reconstruction from them."""
        return f @ self.W_dec.T + self.b_dec

    def loss(self, x: Float[Tensor, "batch d_in"]) -> tuple[Float[Tensor, ""], dict[str, float]]:
        """Mean squared error plus the L1 penalty, and four numbers for the log."""
        f = self.encode(x)
        x_hat = self.decode(f)
        reconstruction = (x - x_hat).square().mean()
        sparsity = f.abs().sum(dim=-1).mean()
        total = reconstruction + self.l1_coefficient * sparsity
        l0 = (f > 0).float().sum(dim=-1).mean()
        parts = {"loss": total, "reconstruction": reconstruction, "sparsity": sparsity, "l0": l0}
        return total, {name: value.item() for name, value in parts.items()}


def train(sae: DenseAutoencoder, activations: Float[Tensor, "n d_in"]) -> Iterator[dict[str, float]]:
    """Train without end, yielding the log of each step, so that another contender can run in between."""
    optimizer = torch.optim.Adam(sae.parameters(), lr=LEARNING_RATE)
    loader = DataLoader(activations, batch_size=ROWS_PER_BATCH, shuffle=True)
    while True:
        for x in loader:
            optimizer.zero_grad()
            loss, log = sae.loss(x)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                sae.W_dec.data = sae.W_dec.data / sae.W_dec.data.norm(dim=0, keepdim=True)
            yield log
