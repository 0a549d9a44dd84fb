"""What to put into a forward pass: latents changed, directions added or taken out, and the text that then comes.

A latent is changed as a difference, so that what the autoencoder does not reconstruct stays as it was:

    x  ->  x + (edit(f) − f) W_dec

Steering adds one vector instead, x -> x + v. `transformer.edits.intervene` puts these functions into a pass.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.activations.store import ActivationStore, iterate_batches
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.transformer.edits import Replace, at_least_float32, intervene
from sae_tutorial.transformer.families import check_bridge, check_length
from sae_tutorial.transformer.stream import next_token_loss
from sae_tutorial.transformer.tokens import vocabulary

Edit = Callable[[Float[Tensor, "*rows d_sae"]], Float[Tensor, "*rows d_sae"]]


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


def median_norm(activations: ActivationStore | Float[Tensor, "n d_in"]) -> float:
    """The median norm of the rows: the unit in which the strength of steering is given."""
    return float(torch.cat([x.norm(dim=1) for x in iterate_batches(activations, 8192)]).median())


def mean_difference(
    activations: ActivationStore | Float[Tensor, "n d_in"], labels: Bool[Tensor, " n"]
) -> Float[Tensor, " d_in"]:
    """The mean row with the label minus the mean row without: steering without an autoencoder.

    Raises:
        TypeError: labels that are not True and False.
        ValueError: not one label per row; no row has the label, or every row has it.
    """
    labels = torch.as_tensor(labels, device="cpu")
    if labels.dtype != torch.bool:
        raise TypeError(f"labels must be True or False, got {labels.dtype}; compare them first: labels == 1.")
    if labels.shape != activations.shape[:1]:
        raise ValueError(
            f"labels has shape {tuple(labels.shape)}; one per row is needed, {len(activations)}."
        )
    if labels.all() or not labels.any():
        raise ValueError(f"{int(labels.sum())} of {len(labels)} rows have the label; both kinds are needed.")
    sums, first = torch.zeros(2, activations.shape[1], dtype=torch.float64, device="cpu"), 0
    for x in iterate_batches(activations, 8192):
        own, x = labels[first : first + len(x)], x.cpu().double()  # not every GPU has float64
        sums += torch.stack([x[~own].sum(0), x[own].sum(0)])
        first += len(x)
    without, with_label = sums / torch.stack([(~labels).sum(), labels.sum()])[:, None]
    return (with_label - without).float()


def random_directions(n: int, d_in: int, seed: int = 0) -> Float[Tensor, "n d_in"]:
    """Directions of norm 1, equally likely all round: the control that any push of that size has to beat."""
    directions = torch.randn(n, d_in, generator=torch.Generator("cpu").manual_seed(seed), device="cpu")
    return directions / directions.norm(dim=1, keepdim=True)


def matched_latents(named: Sequence[int], strength: Float[Tensor, " d_sae"]) -> list[int]:
    """For each named latent the one nearest to it in strength, among those that are on; none named, none twice.

    The control for an ablation of `named`: random active latents are mostly weaker, and would lose for that alone.

    Args:
        named: the latents to match, matched in this order.
        strength: how strong each latent is on the texts in question, 0 where it is off.

    Raises:
        ValueError: fewer other latents are on than are named.
    """
    free = (strength > 0).clone()
    free[list(named)] = False
    if int(free.sum()) < len(named):
        raise ValueError(f"{len(named)} latents are named, and only {int(free.sum())} others are on.")
    chosen = []
    for latent in named:
        nearest = int(torch.where(free, (strength - strength[latent]).abs(), torch.inf).argmin())
        free[nearest] = False
        chosen.append(nearest)
    return chosen


@torch.no_grad()  # tensors of inference mode could not be read by a pass with gradients
def sample_text(
    model: TransformerBridge,
    prompts: Int[Tensor, "batch position"],
    n_tokens: int,
    seed: int,
    temperature: float = 1.0,
    copies: int = 1,
    draws: int | None = None,
) -> Int[Tensor, "texts longer"]:
    """The prompts, each gone on with by `n_tokens` sampled tokens; neither special tokens nor ids that are none are drawn.

    Give it an `intervene` context to sample from a changed model. The keys and values of earlier positions are kept.
    The same seed draws the same random numbers whatever the model says, so two contexts differ by their effect alone.

    Args:
        model: a bridge with a tokenizer.
        prompts: of one length.
        n_tokens: new tokens of each text.
        seed: of the random numbers.
        temperature: what the logits are divided by.
        copies: texts for each prompt, which is read once for all of them. The first prompt's texts come first.
        draws: how many texts draw random numbers of their own: text i + draws draws what text i does. By default all do.

    Raises:
        ValueError: more positions than the model has, or a number of texts that is no multiple of `draws`.
    """
    check_bridge(model)
    check_length(model, prompts.shape[1] + n_tokens)
    own = draws or len(prompts) * copies
    if len(prompts) * copies % own:
        raise ValueError(f"draws = {draws} does not divide the number of texts, {len(prompts) * copies}.")
    generator = torch.Generator(prompts.device).manual_seed(seed)
    forbidden = torch.ones(model.cfg.d_vocab, dtype=torch.bool, device=prompts.device)
    forbidden[vocabulary(model.tokenizer, model.cfg.d_vocab, special=False).to(prompts.device)] = False
    tokens, new, cache = prompts, prompts, None
    for step in range(n_tokens):
        logits, cache = model(new, return_type="logits_and_cache", use_cache=True, past_key_values=cache)
        scores = logits[:, -1].float() / temperature
        scores[:, forbidden] = -torch.inf
        if step == 0 and copies > 1:
            tokens, scores = (rows.repeat_interleave(copies, 0) for rows in (tokens, scores))
            cache.batch_repeat_interleave(copies)
        noise = torch.rand((own, scores.shape[1]), generator=generator, device=scores.device)
        # Gumbel's trick: where the sum is largest is a draw by the scores.
        gumbel = -(-noise.clamp(min=1e-20).log()).log()
        new = (scores.unflatten(0, (-1, own)) + gumbel).flatten(0, 1).argmax(1, keepdim=True)
        tokens = torch.cat([tokens, new], dim=1)
    return tokens


def steered_samples(
    model: TransformerBridge,
    hook_name: str,
    prompt: str,
    vectors: Float[Tensor, "texts d_in"],
    n_tokens: int = 28,
    seed: int = 0,
    temperature: float = 0.7,
    draws: int | None = None,
) -> Int[Tensor, "texts longer"]:
    """One sampled text for each row of `vectors`, which is added at `hook_name` to every position but the BOS.

    All texts are written in one batch, so many directions, doses and repetitions cost one pass per token. Row i draws the
    same random numbers whatever its vector; row i + `draws`, if that is given, the same as row i.
    """
    few, counts = torch.unique_consecutive(vectors, dim=0, return_counts=True)
    copies = int(counts[0]) if (counts == counts[0]).all() else 1
    few = few if copies > 1 else vectors  # the prompt is read once for all copies

    def push(x: Float[Tensor, "batch position d_in"]) -> Float[Tensor, "batch position d_in"]:
        return x + (few if len(x) == len(few) else vectors)[:, None]

    prompts = model.to_tokens([prompt]).repeat(len(few), 1)
    with intervene(model, {hook_name: push}):
        return sample_text(model, prompts, n_tokens, seed, temperature, copies, draws or len(vectors))


@torch.inference_mode()
def surprise(
    model: TransformerBridge, tokens: Int[Tensor, "texts position"], n_new: int, texts_per_batch: int = 16
) -> Float[Tensor, " texts"]:
    """The model's mean loss, in nats per token, over the last `n_new` tokens of each text: how fluent it finds them.

    A few texts at a time, since the logits of a text have as many numbers as it has tokens times the vocabulary.
    """
    check_length(model, tokens.shape[1])
    return torch.cat([
        next_token_loss(at_least_float32(model(part)), part)[:, -n_new:].mean(1) for part in tokens.split(texts_per_batch)
    ])  # fmt: skip


def whole_words(words: str) -> str:
    """The regular expression of any of `words`, separated by spaces, as a whole word in small letters or capitals."""
    return r"(?i)\b(?:" + "|".join(map(re.escape, words.split())) + r")\b"


def mentions(texts: Sequence[str], words: str) -> Bool[np.ndarray, " texts"]:
    """Whether each text has one of `words`, separated by spaces."""
    return np.array([re.search(whole_words(words), text) is not None for text in texts])


def word_shares(texts: Sequence[Sequence[str]]) -> dict[str, float]:
    """The share of texts that each word is in; a text is a list of words, and one that repeats a word counts once for it."""
    counts = Counter(word for text in texts for word in set(text))
    return {word: count / len(texts) for word, count in counts.items()}


def set_log_probability(
    logits: Float[Tensor, "*places d_vocab"], token_ids: Int[Tensor, " tokens"]
) -> Float[Tensor, "*places"]:
    """The log-probability, in nats, that the next token is one of `token_ids`."""
    return at_least_float32(logits).log_softmax(-1)[..., token_ids].logsumexp(-1)
