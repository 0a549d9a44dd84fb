"""Words for latents: at which words one is strongest, and which words it raises. A name is a guess from these two."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.features.contexts import Context, top_contexts
from sae_tutorial.features.latents import Latents
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.transformer.families import direct_effects

NAMING_CONTEXTS = 10  # the strongest, of which the commonest words are taken
RAISED = 100  # tokens, of which the first whole words are taken


@dataclass(frozen=True)
class Names:
    """The words that go with the latents of several coders of one model.

    Attributes:
        model: the model that the coders belong to.
        coders: by layer, each writes into the stream.
        seen: by layer, what the coder's latents were on texts.
    """

    model: TransformerBridge
    coders: Mapping[int, SparseAutoencoder]
    seen: Mapping[int, Latents]

    def contexts(self, layer: int, latent: int, n: int = 3, width: int = 5) -> list[Context]:
        """A latent's strongest contexts, `width` tokens on each side."""
        return top_contexts(self.model.tokenizer, self.seen[layer], latent, n, width)

    def on_at(self, layer: int, latent: int, n: int = 3) -> str:
        """The n commonest words among the ten contexts in which a latent is strongest."""
        return ", ".join(commonest_words(self.contexts(layer, latent, NAMING_CONTEXTS), n))

    def raises(self, layer: int, latent: int, n: int = 3) -> str:
        """The first n whole words among the hundred tokens whose logits a latent raises most by the direct path."""
        token_ids, effects = direct_effects(self.model, self.coders[layer].W_dec[latent].detach())
        most = effects.topk(min(RAISED, len(effects))).indices
        tokens = [self.model.tokenizer.decode([int(token_ids[i])]) for i in most]
        words = [token[1:] for token in tokens if token[:1] == " " and token[1:].isalpha() and len(token) > 3]
        return ", ".join(words[:n])


def commonest_words(contexts: Sequence[Context], n: int) -> list[str]:
    """The n commonest words in the middle of contexts; among equals those of the first contexts."""
    return [word for word, _ in Counter(whole_word(context) for context in contexts).most_common(n)]


def whole_word(context: Context) -> str:
    """The word around the token in the middle; if that token is a piece of the word, the piece is in brackets."""
    token = context.tokens[context.centre]
    before = "" if token[:1] == " " else "".join(context.tokens[: context.centre]).split(" ")[-1]
    after = "".join(context.tokens[context.centre + 1 :]).split(" ")[0].rstrip(".,;:)")
    piece = token.strip()
    return f"{before}[{piece}]{after}" if piece and (before or after) else piece or after
