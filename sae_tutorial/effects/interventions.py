"""Change latents inside a forward pass, add directions to it, and trace what writes a latent and what it moves.

A latent is changed as a difference, so that what the autoencoder does not reconstruct stays as it was:

    x  ->  x + (edit(f) − f) W_dec

Steering adds one vector instead, x -> x + v. Attribution multiplies a gradient by a difference in activation, which
is the first-order guess at what an ablation would do; `head_effects` and `latent_effects` ablate and see.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial

import torch
from einops import einsum
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.activations.store import ActivationStore, iterate_batches
from sae_tutorial.effects.loss import Replace
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.transformer.stream import Head, mean_ablation

Edit = Callable[[Float[Tensor, "*rows d_sae"]], Float[Tensor, "*rows d_sae"]]
# From what passed the hooks, by name, and the logits (None where the pass stopped before), one number per text.
Metric = Callable[[Mapping[str, Tensor], Float[Tensor, "batch position d_vocab"]], Float[Tensor, " batch"]]


# ------------------------------------------------------------------------------------------- changing


def edited(sae: SparseAutoencoder, edit: Edit) -> Replace:
    """The function x -> x + (edit(f) − f) W_dec. An edit that changes nothing gives x back, bit for bit."""

    def replace(x: Float[Tensor, "*rows d_in"]) -> Float[Tensor, "*rows d_in"]:
        f = sae.encode(x)
        return x + (edit(f) - f) @ sae.W_dec

    return replace


def set_latents(latents: Sequence[int], value: float = 0.0) -> Edit:
    """An edit that puts `latents` to `value` at every position: 0 ablates them, any other value clamps them."""

    def edit(f: Float[Tensor, "*rows d_sae"]) -> Float[Tensor, "*rows d_sae"]:
        f = f.clone()
        f[..., list(latents)] = value
        return f

    return edit


def added(vector: Float[Tensor, "*texts d_in"]) -> Replace:
    """The function x -> x + vector: steering (Turner et al. 2023, "Activation addition"). [batch, 1, d_in] steers each text its own way."""
    return lambda x: x + vector


def without_direction(vector: Float[Tensor, " d_in"], mean: Float[Tensor, " d_in"]) -> Replace:
    """The function that sets a direction's share of x to that of `mean` (Arditi et al. 2024, "Refusal ... a single direction")."""
    unit = vector / vector.norm()
    return lambda x: x - ((x - mean) @ unit)[..., None] * unit


def intervene(model: TransformerBridge, hook_name: str, replace: Replace) -> AbstractContextManager:
    """A context in which what passes `hook_name` is replaced, at all positions but the BOS.

    A pass over a single position goes on with a cached text (`sample_text`), so there that position is replaced.
    Sets the model back on leaving.
    """

    def hooked(activation: Tensor, hook: object) -> Tensor:
        if activation.shape[1] == 1:
            return replace(activation)
        return torch.cat([activation[:, :1], replace(activation[:, 1:])], dim=1)

    return model.hooks(fwd_hooks=[(hook_name, hooked)])


# ------------------------------------------------------------------------------------------- directions


def median_norm(activations: ActivationStore | Float[Tensor, "n d_in"]) -> float:
    """The median norm of the rows: the unit in which the strength of steering is given."""
    return float(torch.cat([x.norm(dim=1) for x in iterate_batches(activations, 8192)]).median())


def mean_difference(
    activations: ActivationStore | Float[Tensor, "n d_in"], labels: Bool[Tensor, " n"]
) -> Float[Tensor, " d_in"]:
    """The mean row with the label minus the mean row without: steering without an autoencoder.

    Raises:
        ValueError: no row has the label, or every row has it.
    """
    if labels.all() or not labels.any():
        raise ValueError(f"{int(labels.sum())} of {len(labels)} rows have the label; both kinds are needed.")
    sums, first = torch.zeros(2, activations.shape[1], dtype=torch.float64), 0
    for x in iterate_batches(activations, 8192):
        own = labels[first : first + len(x)].to(x.device)
        sums += torch.stack([x[~own].double().sum(0), x[own].double().sum(0)]).cpu()
        first += len(x)
    without, with_label = sums / torch.stack([(~labels).sum(), labels.sum()])[:, None].cpu()
    return (with_label - without).float()


def random_directions(n: int, d_in: int, seed: int = 0) -> Float[Tensor, "n d_in"]:
    """Directions of norm 1, equally likely all round: the control that any push of that size has to beat."""
    directions = torch.randn(n, d_in, generator=torch.Generator().manual_seed(seed))
    return directions / directions.norm(dim=1, keepdim=True)


def matched_latents(named: Sequence[int], strength: Float[Tensor, " d_sae"]) -> list[int]:
    """For each named latent the one nearest to it in strength, among those that are on; none named, none twice.

    The control for an ablation of `named`: random active latents are mostly weaker, and would lose for that alone.

    Args:
        named: the latents to match, matched in this order.
        strength: how strong each latent is on the texts in question, 0 where it is off.
    """
    free = (strength > 0).clone()
    free[list(named)] = False
    chosen = []
    for latent in named:
        nearest = int(torch.where(free, (strength - strength[latent]).abs(), torch.inf).argmin())
        free[nearest] = False
        chosen.append(nearest)
    return chosen


# ------------------------------------------------------------------------------------------- what the model says


@torch.no_grad()  # tensors of inference mode could not be read by a pass with gradients
def sample_text(
    model: TransformerBridge,
    prompts: Int[Tensor, "batch position"],
    n_tokens: int,
    seed: int,
    temperature: float = 1.0,
) -> Int[Tensor, "batch longer"]:
    """The prompts, each gone on with by `n_tokens` sampled tokens; special tokens are not drawn.

    Give it an `intervene` context to sample from a changed model. The keys and values of earlier positions are kept.
    The same seed draws the same random numbers whatever the model says, so two contexts differ by their effect alone.
    """
    generator = torch.Generator(prompts.device).manual_seed(seed)
    special = sorted(set(model.tokenizer.all_special_ids))
    tokens, new, cache = prompts, prompts, None
    for _ in range(n_tokens):
        logits, cache = model(new, return_type="logits_and_cache", use_cache=True, past_key_values=cache)
        scores = logits[:, -1].float() / temperature
        scores[:, special] = -torch.inf
        noise = torch.rand(scores.shape, generator=generator, device=scores.device)
        new = (scores - (-noise.clamp(min=1e-20).log()).log()).argmax(1, keepdim=True)  # Gumbel's trick
        tokens = torch.cat([tokens, new], dim=1)
    return tokens


def set_log_probability(
    logits: Float[Tensor, "*places d_vocab"], token_ids: Int[Tensor, " tokens"]
) -> Float[Tensor, "*places"]:
    """The log-probability, in nats, that the next token is one of `token_ids`."""
    return logits.log_softmax(-1)[..., token_ids].logsumexp(-1)


# ------------------------------------------------------------------------------------------- attributing


def values_and_gradients(
    model: TransformerBridge, tokens: Int[Tensor, "batch position"], names: Sequence[str], metric: Metric
) -> dict[str, tuple[Tensor, Tensor]]:
    """What passed each hook of `names`, and the gradient of the texts' summed `metric` with respect to it.

    Texts do not see each other, so the gradient at a text is that of its own metric; it is 0 at a hook that the
    metric does not depend on. `names` must include the hooks that the metric reads. No gradients are left in the
    model's weights.
    """
    seen: dict[str, Tensor] = {}

    def keep(activation: Tensor, hook: object, name: str) -> Tensor:
        if not activation.requires_grad:
            activation = activation.detach().requires_grad_()
        seen[name] = activation
        return activation

    hooks = [
        (name, partial(keep, name=name)) for name in names
    ]  # hook.name may be another name of the same place
    with torch.enable_grad(), model.hooks(fwd_hooks=hooks):
        total = metric(seen, model(tokens.clone())).sum()  # a tensor of inference mode has no gradients
    gradients = torch.autograd.grad(total, [seen[name] for name in names], allow_unused=True)
    return {
        name: (seen[name].detach(), torch.zeros_like(seen[name]) if gradient is None else gradient)
        for name, gradient in zip(names, gradients, strict=True)
    }


def latent_metric(sae: SparseAutoencoder, hook_name: str, latent: int, position: int) -> Metric:
    """The pre-activation of a latent at one position. Unlike its activation it has a gradient while the latent is off."""
    return lambda seen, logits: sae.pre_activations(seen[hook_name][:, position])[:, latent]


def head_attribution(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch position"],
    metric: Metric,
    means: Float[Tensor, "layers heads d_head"],
    reads: Sequence[str] = (),
) -> Float[Tensor, "batch layers heads"]:
    """What each head adds to the metric, by a gradient: (z − mean) · gradient, over all positions but the BOS.

    z enters the stream through W_O, so this is the head's output beyond its mean, times the gradient there
    (attribution patching: Nanda 2023; Syed et al. 2023). `reads` names the hooks that the metric reads. A head that
    comes after them gets 0.
    """
    layers = range(model.cfg.n_layers)
    names = [f"blocks.{layer}.attn.hook_z" for layer in layers]
    found = values_and_gradients(model, tokens, [*names, *reads], metric)
    shares = []
    for layer, name in enumerate(names):
        z, gradient = (part[:, 1:] for part in found[name])
        shares.append(einsum(z - means[layer], gradient, "b p h d, b p h d -> b h"))
    return torch.stack(shares, dim=1)


def token_attribution(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch position"],
    metric: Metric,
    mean: Float[Tensor, " d_model"],
    reads: Sequence[str] = (),
) -> Float[Tensor, "batch position"]:
    """What each token adds to the metric, by a gradient: (embedding − mean) · gradient. The BOS counts like the others."""
    name = "blocks.0.hook_resid_pre"
    embedding, gradient = values_and_gradients(model, tokens, [name, *reads], metric)[name]
    return ((embedding - mean) * gradient).sum(-1)


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


# ------------------------------------------------------------------------------------------- checking by ablation


@torch.inference_mode()
def measure(
    model: TransformerBridge, tokens: Int[Tensor, "batch position"], metric: Metric, reads: Sequence[str] = ()
) -> Float[Tensor, " batch"]:
    """The metric of each text, under whatever context is open around it."""
    seen: dict[str, Tensor] = {}

    def keep(activation: Tensor, hook: object, name: str) -> None:
        seen[name] = activation

    with model.hooks(fwd_hooks=[(name, partial(keep, name=name)) for name in reads]):
        return metric(seen, model(tokens))


def head_effects(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch position"],
    metric: Metric,
    means: Float[Tensor, "layers heads d_head"],
    heads: Sequence[Head],
    reads: Sequence[str] = (),
) -> Float[Tensor, "batch heads"]:
    """How far the metric falls when each of `heads` alone puts out its mean: what `head_attribution` guesses."""
    whole = measure(model, tokens, metric, reads)
    effects = []
    for head in heads:
        with mean_ablation(model, [head], means):
            effects.append(whole - measure(model, tokens, metric, reads))
    return torch.stack(effects, dim=1)


def token_effects(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch position"],
    metric: Metric,
    mean: Float[Tensor, " d_model"],
    reads: Sequence[str] = (),
) -> Float[Tensor, "batch position"]:
    """How far the metric falls when each token alone enters as the embedding `mean`: what `token_attribution` guesses."""
    whole = measure(model, tokens, metric, reads)
    effects = []
    for position in range(tokens.shape[1]):
        put = partial(_put_at, position=position, vector=mean)
        with model.hooks(fwd_hooks=[("blocks.0.hook_resid_pre", put)]):
            effects.append(whole - measure(model, tokens, metric, reads))
    return torch.stack(effects, dim=1)


def latent_effects(
    model: TransformerBridge,
    sae: SparseAutoencoder,
    hook_name: str,
    tokens: Int[Tensor, "batch position"],
    metric: Metric,
    groups: Sequence[Sequence[int]],
    reads: Sequence[str] = (),
) -> Float[Tensor, "batch groups"]:
    """How far the metric falls when each group of latents is ablated, at all positions but the BOS."""
    whole = measure(model, tokens, metric, reads)
    effects = []
    for latents in groups:
        with intervene(model, hook_name, edited(sae, set_latents(latents))):
            effects.append(whole - measure(model, tokens, metric, reads))
    return torch.stack(effects, dim=1)


def _put_at(stream: Tensor, hook: object, position: int, vector: Tensor) -> Tensor:
    stream = stream.clone()
    stream[:, position] = vector
    return stream
