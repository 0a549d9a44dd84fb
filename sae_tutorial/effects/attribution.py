"""What writes a latent and what it moves: guessed by a gradient, and checked by ablation.

Attribution multiplies a gradient by a difference in activation, which is the first-order guess at what an ablation
would do (attribution patching: Nanda 2023; Syed et al. 2023). `latent_effects` ablates and sees.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.effects.steering import edited, set_latents
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.transformer.edits import EVERYWHERE, Replace, at_least_float32, intervene, watch
from sae_tutorial.transformer.families import check_length

# From what passed the hooks, by name, and the logits (None where the pass stopped before), one number per text.
Metric = Callable[[Mapping[str, Tensor], Float[Tensor, "batch position d_vocab"]], Float[Tensor, " batch"]]


def values_and_gradients(
    model: TransformerBridge, tokens: Int[Tensor, "batch position"], names: Sequence[str], metric: Metric
) -> dict[str, tuple[Tensor, Tensor]]:
    """What passed each hook of `names`, and the gradient of the texts' summed `metric` with respect to it.

    Texts do not see each other, so the gradient at a text is that of its own metric; it is 0 at a hook that the
    metric does not depend on. `names` must include the hooks that the metric reads. No gradients are left in the
    model's weights.
    """
    check_length(model, tokens.shape[1])
    seen: dict[str, Tensor] = {}

    def keep(activation: Tensor, name: str) -> Tensor:
        if not activation.requires_grad:
            activation = activation.detach().requires_grad_()
        seen[name] = activation
        return activation

    edits = {name: partial(keep, name=name) for name in names}
    # Whatever the caller switched off: most notebooks of the field begin with torch.set_grad_enabled(False).
    with torch.inference_mode(False), torch.enable_grad(), intervene(model, edits, EVERYWHERE):
        logits = at_least_float32(model(tokens.clone()))  # a tensor of inference mode has no gradients
        total = metric(seen, logits).sum()
        gradients = torch.autograd.grad(total, [seen[name] for name in names], allow_unused=True)
    return {
        name: (seen[name].detach(), torch.zeros_like(seen[name]) if gradient is None else gradient)
        for name, gradient in zip(names, gradients, strict=True)
    }


def latent_attribution(
    model: TransformerBridge,
    sae: SparseAutoencoder,
    hook_name: str,
    tokens: Int[Tensor, "batch position"],
    metric: Metric,
    reads: Sequence[str] = (),
) -> tuple[Float[Tensor, "batch position d_sae"], Float[Tensor, "batch position"]]:
    """What each latent adds to the metric at each position, by a gradient: f_i (W_dec_i · gradient).

    Returns:
        That for every latent, 0 where it is off; and (x − x̂) · gradient, the share of what the autoencoder leaves
        out (the error nodes of Marks et al. 2024, "Sparse feature circuits"). The BOS gets 0.
    """
    x, gradient = values_and_gradients(model, tokens, [hook_name, *reads], metric)[hook_name]
    with torch.no_grad():
        x_hat, f = sae(x)
        shares = f * (gradient @ sae.W_dec.T)
        left_out = ((x - x_hat) * gradient).sum(-1)
    shares[:, 0], left_out[:, 0] = 0, 0
    return shares, left_out


@torch.inference_mode()
def measure(
    model: TransformerBridge, tokens: Int[Tensor, "batch position"], metric: Metric, reads: Sequence[str] = ()
) -> Float[Tensor, " batch"]:
    """The metric of each text, under whatever context is open around it."""
    check_length(model, tokens.shape[1])
    seen: dict[str, Tensor] = {}
    with watch(model, reads, seen):
        return metric(seen, at_least_float32(model(tokens)))


@torch.inference_mode()
def falls(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch position"],
    metric: Metric,
    contexts: Iterable[AbstractContextManager],
    reads: Sequence[str] = (),
) -> Float[Tensor, "batch contexts"]:
    """How far the metric of each text falls in each of `contexts`, one after the other."""
    whole, fallen = measure(model, tokens, metric, reads), []
    for context in contexts:
        with context:
            fallen.append(whole - measure(model, tokens, metric, reads))
    return torch.stack(fallen, dim=1)


def latent_effects(
    model: TransformerBridge,
    sae: SparseAutoencoder,
    hook_name: str,
    tokens: Int[Tensor, "batch position"],
    metric: Metric,
    groups: Sequence[Sequence[int]],
    reads: Sequence[str] = (),
    *,
    without: Callable[[Sequence[int]], Replace] | None = None,
) -> Float[Tensor, "batch groups"]:
    """How far the metric falls when each group of latents is ablated, at all positions but the BOS.

    `without` makes the edit that takes a group out of x; by default it is set to 0.
    """
    without = without or (lambda latents: edited(sae, set_latents(latents)))
    contexts = (intervene(model, {hook_name: without(latents)}) for latents in groups)
    return falls(model, tokens, metric, contexts, reads)


def chosen_and_drawn(
    f: Float[Tensor, "position d_sae"],
    ranked: Sequence[int],
    draw: Callable[[list[int], Float[Tensor, " d_sae"]], Sequence[Sequence[int]]],
    n: int = 20,
) -> tuple[list[int], list[list[int]]]:
    """The first n of `ranked` that are on, and groups that `draw` makes of latents strongest at the same tokens.

    Args:
        f: activations at each position of a sentence, behind the BOS.
        ranked: latents, the most important first.
        draw: from latents chosen at a token, and the strengths there, as many others, several times over.
        n: how many are chosen at most; fewer where a token has too few others.
    """
    chosen, groups = [i for i in ranked if f[:, i].any()][:n], []
    kept, peak = [], f.argmax(0)  # the token at which each latent is strongest
    for token in sorted({int(peak[i]) for i in chosen}):
        strength = f[token] * (peak == token)  # 0 for a latent that is stronger at another token
        here = [i for i in chosen if peak[i] == token]
        here = here[: int((strength > 0).sum()) - len(here)]  # so that all of them find a partner
        kept += here
        groups.append(draw(here, strength))
    return kept, [[i for part in parts for i in part] for parts in zip(*groups, strict=True)]
