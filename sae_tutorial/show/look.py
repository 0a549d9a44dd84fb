"""A page to fall in love with latents: each with its sentences lit up, and a text of one's own above them.

A token's colour is the latent's activation there as a share of the largest seen anywhere, so that a faint latent and a
strong one can be compared. The page is `data/look.html`; how it is put together is in `pages.py`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from IPython.display import HTML

from sae_tutorial import storage
from sae_tutorial.features.contexts import Context, TextFeatures
from sae_tutorial.features.examples import STRONGEST, Examples
from sae_tutorial.show.pages import filled_page, rounded
from sae_tutorial.show.tables import context_table
from sae_tutorial.transformer.tokens import token_strings

NAME_WORDS = 4


def write_look(
    path: str | Path,
    examples: Examples,
    tokenizer: Any,
    texts: Sequence[str],
    *,
    coder: str,
    credit: str,
    descriptions: Mapping[int, str] = MappingProxyType({}),
    own: TextFeatures | None = None,
) -> Path:
    """Write the page of `examples.best`, and of the latents that a text of one's own turns on.

    Args:
        path: an HTML file; written atomically.
        examples: where each latent is on.
        tokenizer: of the language model.
        texts: those that the examples were found in.
        coder: what the page says the latents are from.
        credit: where the texts are from, and their licence.
        descriptions: what readers made of some latents; the others are called by the words they are strongest at.
        own: `latents_of_text(examples, model, sae, text)`.

    Raises:
        ValueError: `texts` are other texts.
    """
    examples.check_texts(texts)
    lit = {} if own is None else {int(j): own.activations[:, i] for i, j in enumerate(own.latents)}

    def card(latent: int) -> dict[str, Any]:
        return _card(examples, tokenizer, texts, latent, descriptions.get(latent, ""))

    data = {
        "coder": coder,
        "credit": credit,
        "read": f"{examples.settings['tokens']:,} tokens",
        "text": None if own is None else own.tokens,
        "own": [card(j) | {"lit": [rounded(x) for x in lit[j]]} for j in lit],
        "best": [card(int(j)) for j in examples.best if int(j) not in lit],
    }
    title = "Latents to look at" if own is None else "What your text turns on"
    with storage.new_file(path) as partial:
        partial.write_text(filled_page("look", title, data), encoding="utf-8")
    return storage.full_path(path)


def lit_table(examples: Examples, tokenizer: Any, texts: Sequence[str], found: TextFeatures) -> HTML:
    """A text once for each latent it turns on, by `latents_of_text`, under the latent's name; 1 is drawn darkest."""
    lit = {}
    for latent, shares in zip(found.latents, found.activations.T, strict=True):
        name = name_of(examples.contexts(tokenizer, texts, int(latent)))
        centre = int(shares.argmax())
        lit[f"{name} ({shares[centre]:.0%} of its maximum)"] = [Context(found.tokens, shares, centre, 0)]
    return context_table(lit, darkest=1)


def name_of(contexts: Sequence[Context]) -> str:
    """The words that a latent is strongest at, as a name that says more than a number.

    They are what it fires at, no explanation of it.
    """
    words = (word_at(context.tokens, context.centre) for context in contexts)
    return " · ".join(list(dict.fromkeys(word for word in words if word))[:NAME_WORDS])


def word_at(tokens: Sequence[str], centre: int) -> str:
    """The whole word that a token is part of; a token begins a word if it begins with a space or follows no letter."""
    first, last = centre, centre + 1
    while first > 0 and _goes_on(tokens[first - 1], tokens[first]):
        first -= 1
    while last < len(tokens) and _goes_on(tokens[last - 1], tokens[last]):
        last += 1
    return "".join(tokens[first:last]).strip()


def _goes_on(before: str, token: str) -> bool:
    return bool(before and token) and before[-1].isalnum() and token[0].isalnum()


def _card(
    examples: Examples, tokenizer: Any, texts: Sequence[str], latent: int, description: str
) -> dict[str, Any]:
    """All that the page shows of one latent, ready for JSON."""
    contexts, largest = examples.contexts(tokenizer, texts, latent), float(examples.largest[latent])
    n_strongest = min(STRONGEST, int((examples.document[latent, :STRONGEST] >= 0).sum()))
    return {
        "latent": latent,
        "description": description,
        "words": name_of(contexts[:n_strongest]),
        "density": rounded(examples.density[latent]),
        "raised": [token_strings(tokenizer, [token])[0] for token in examples.raised[latent]],
        "strongest": [_line(context, largest) for context in contexts[:n_strongest]],
        "random": [_line(context, largest) for context in contexts[n_strongest:]],
    }


def _line(context: Context, largest: float) -> dict[str, Any]:
    """A context from the beginning of its sentence on, with shares of the latent's largest activation."""
    ends = [i + 1 for i in range(context.centre) if context.tokens[i].rstrip().endswith((".", "!", "?"))]
    first = ends[-1] if ends and context.centre - ends[-1] >= 3 else 0  # a few words are no context
    shares = [rounded(min(float(value) / largest, 1)) for value in context.activations[first:]]
    return {"tokens": context.tokens[first:], "shares": shares, "centre": context.centre - first}
