"""What the language model loses when an activation is replaced by a reconstruction of it.

Explained variance counts every direction alike. The model does not: a small error where later layers read may cost more
than a large one elsewhere. So the reconstruction is put into the forward pass, at every position but the BOS, and the
next-token predictions are compared:

    Δ cross-entropy = CE(replaced) − CE(clean)                                nats per token
    KL              = Σ p_clean log (p_clean / p_replaced)                    nats per token
    loss recovered  = (CE(zero) − CE(replaced)) / (CE(zero) − CE(clean))      1: nothing lost, 0: as bad as zeros
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import einsum
from jaxtyping import Float, Int
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.features.intervals import Interval, document_draws
from sae_tutorial.transformer.edits import Replace, at_least_float32, intervene
from sae_tutorial.transformer.families import check_bridge, check_causal, check_length
from sae_tutorial.transformer.tokens import batches_by_length, pad_right, tokenize


@dataclass(frozen=True)
class Effects:
    """Losses with an activation replaced, by replacement and document. Sums over a document's predicted tokens.

    Attributes:
        clean: [documents], cross-entropy of the untouched model in nats.
        replaced: for each replacement [documents], the same with it.
        kl: for each replacement [documents], divergence from the untouched model's predictions in nats.
        tokens: [documents], predicted tokens.
    """

    clean: Float[np.ndarray, " documents"]
    replaced: Mapping[str, Float[np.ndarray, " documents"]]
    kl: Mapping[str, Float[np.ndarray, " documents"]]
    tokens: Int[np.ndarray, " documents"]

    @property
    def clean_loss(self) -> Interval:
        """Cross-entropy of the untouched model, nats per token."""
        return self._per_token(self.clean)

    def extra_loss(self, name: str) -> Interval:
        """Δ cross-entropy, nats per token."""
        return self._per_token(self.replaced[name] - self.clean)

    def advantage(self, name: str, rival: str) -> Interval:
        """How much less `name` costs than `rival`, nats per token, document by document.

        Documents differ in how much any replacement costs them; the difference within each does not have that spread.
        """
        return self._per_token(self.replaced[rival] - self.replaced[name])

    def divergence(self, name: str) -> Interval:
        """KL divergence, nats per token."""
        return self._per_token(self.kl[name])

    def loss_recovered(self, name: str) -> Interval:
        """The share of what zeros cost that this replacement saves. Needs the replacement by zeros, called "zero"."""
        draws = document_draws(len(self.tokens))
        saved, all_of_it = (
            draws @ (self.replaced["zero"] - other) for other in (self.replaced[name], self.clean)
        )
        return Interval.of_draws(saved / all_of_it)

    def _per_token(self, sums: Float[np.ndarray, " documents"]) -> Interval:
        draws = document_draws(len(self.tokens))
        return Interval.of_draws(draws @ sums / (draws @ self.tokens))


@torch.inference_mode()
def replacement_effects(
    model: TransformerBridge,
    texts: Sequence[str],
    hook_name: str,
    replacements: Mapping[str, Replace],
    *,
    context_size: int = 64,
    tokens_per_batch: int = 512,
) -> Effects:
    """Run `texts` once untouched and once with each replacement of what passes `hook_name`.

    The BOS is not replaced, padding is not counted, and neither is the prediction made at the BOS, which nothing can
    change.

    Args:
        model: the language model.
        texts: documents that nothing was trained on; at least two tokens each, for something to be predicted.
        hook_name: where the activation is replaced.
        replacements: what to put in its place, by name: a function of the rows [batch, position, d_in],
            such as `lambda x: sae(x)[0]`.
        context_size: tokens of a text that are used, BOS included.
        tokens_per_batch: positions in one forward pass; each needs as many numbers as the vocabulary has tokens.

    Raises:
        TypeError: the model is not a bridge.
        ValueError: a text of a single token, more context than the model has, a model that attends in both directions.
    """
    check_bridge(model)
    check_length(model, context_size)
    check_causal(model)
    token_ids, starts, _ = tokenize(model.tokenizer, texts, context_size, warn=False)
    lengths = np.diff(starts)
    if lengths.min() < 3:
        raise ValueError(
            f"texts[{lengths.argmin()}] is a single token: nothing in it is predicted from another."
        )
    names = ["clean", *replacements]
    loss, kl = np.zeros((len(names), len(texts))), np.zeros((len(names), len(texts)))
    for documents in tqdm(batches_by_length(lengths, tokens_per_batch), desc="replacing", leave=False):
        tokens = pad_right([token_ids[starts[d] : starts[d + 1]] for d in documents]).to(model.cfg.device)
        counted = torch.arange(tokens.shape[1], device="cpu") < torch.from_numpy(lengths[documents])[:, None]
        predicted = counted[:, 2:].to(tokens.device)  # by the positions from 1 on
        for i, name in enumerate(names):
            with intervene(model, {hook_name: replacements[name]} if name in replacements else {}):
                logits = at_least_float32(model(tokens)[:, 1:-1])  # sums in bf16 would be wrong
            normaliser = logits.logsumexp(-1)
            surprise = normaliser - logits.gather(-1, tokens[:, 2:, None])[..., 0]
            if i == 0:
                p_clean = logits.softmax(-1)
            # Σ p log q without log q, which would be one more tensor as large as the vocabulary.
            agreement = einsum(p_clean, logits, "b p v, b p v -> b p") - normaliser
            if i == 0:
                own_agreement = agreement
            divergence = own_agreement - agreement
            for sums, values in ((loss, surprise), (kl, divergence)):
                sums[i, documents] = (values * predicted).cpu().double().sum(1).numpy()
    by_name = {name: i for i, name in enumerate(names) if name in replacements}
    return Effects(
        loss[0],
        {name: loss[i] for name, i in by_name.items()},
        {name: kl[i] for name, i in by_name.items()},
        lengths - 2,
    )
