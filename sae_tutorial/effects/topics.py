"""Topics to steer towards: a latent of the pretrained autoencoder that readers described, and the words that count.

Latents were taken from the gallery by their descriptions (`data/coders/*/gallery.json`). Sport, disease and mountains were fixed
with their words before anything was steered with them; small animals and gods had been looked at first. A count of words is
crude: "creature" need not be small, and "match" need not be sport. `word_gains` scores a push without writing anything: by how
much likelier it makes a topic's words as the next token.
"""

import re
import tempfile
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.effects.steering import (
    added,
    matched_latents,
    mean_difference,
    set_log_probability,
    whole_words,
)
from sae_tutorial.transformer.edits import intervene
from sae_tutorial.transformer.stream import next_token_loss

SHORTEST, LONGEST = 60, 240  # characters of a sentence
CONTEXT = 128  # tokens, of which the longest sentence has about half


class Topic(NamedTuple):
    """A latent of the pretrained autoencoder, and the words by which a text on its topic is told."""

    latent: int
    words: str


TOPICS = {
    "small animals": Topic(
        603,
        "insect insects ant ants bee bees wasp wasps beetle beetles spider spiders worm worms snake snakes lizard lizards "
        "frog frogs toad toads scorpion scorpions termite termites amphibian amphibians reptile reptiles larva larvae "
        "caterpillar butterfly butterflies moth moths turtle turtles bug bugs mosquito mosquitoes creature creatures",
    ),
    "sport": Topic(
        21,
        "sport sports sporting football basketball rugby tennis volleyball soccer baseball hockey cricket golf gymnastics "
        "skiing swimming wrestling boxing athlete athletes athletic olympic olympics player players team teams game games "
        "match matches coach coaches champion champions championship league tournament stadium playing played goal goals "
        "club clubs",
    ),
    "disease": Topic(
        194,
        "disease diseases illness ill sick sickness epidemic pandemic plague infection infections infected virus viruses "
        "bacteria fever outbreak vaccine vaccination vaccines symptoms symptom patient patients doctor doctors medical "
        "medicine hospital hospitals cancer health cure cured cholera smallpox malaria influenza contagious",
    ),
    "mountains": Topic(
        323,
        "mountain mountains mountainous mount peak peaks hill hills summit summits alpine highland highlands slope slopes "
        "valley valleys cliff cliffs ridge ridges climb climbed climbing alps glacier glaciers volcano hike hiking rock "
        "rocks rocky",
    ),
    "gods": Topic(
        1277,
        "god gods goddess goddesses deity deities divine sacred temple temples altar oracle prophecy myth myths mythology "
        "mythical legend legends legendary hero heroes heavens heaven worship worshipped sacrifice sacrifices immortal "
        "zeus apollo athena hermes hera poseidon artemis olympus nymph muse muses priest priestess curse cursed",
    ),
}


def sentences(texts: Sequence[str]) -> list[str]:
    """The sentences of `texts` that are neither very short nor very long."""
    found = (part for text in texts for part in re.split(r"(?<=[.!?])\s+", text))
    return [part for part in found if SHORTEST <= len(part) <= LONGEST]


def mean_difference_of_topic(
    model: TransformerBridge,
    hook_name: str,
    texts: Sequence[str],
    words: str,
    n_each: int = 32,
    seed: int = 0,
) -> Float[Tensor, " d_in"]:
    """The mean row of `n_each` sentences with any of `words`, minus that of as many with none: steering without an SAE.

    Raises:
        ValueError: too few sentences of either kind.
    """
    candidates, pattern = sentences(texts), re.compile(whole_words(words))
    counts = np.array([len(pattern.findall(text)) for text in candidates])
    draw = np.random.default_rng(seed)
    chosen: list[int] = []
    for kind in (counts > 0, counts == 0):
        if kind.sum() < n_each:
            raise ValueError(
                f"{kind.sum()} sentences of a kind, {n_each} are needed; give more texts or words."
            )
        chosen += draw.permutation(np.flatnonzero(kind))[:n_each].tolist()
    with tempfile.TemporaryDirectory() as directory:
        some = [candidates[i] for i in chosen]
        store = collect_activations(
            model, some, hook_name, directory=f"{directory}/rows", context_size=min(CONTEXT, model.cfg.n_ctx), dtype="float32"
        )  # fmt: skip
        return mean_difference(store[:], torch.from_numpy(store.document_ids < n_each))


def word_ids(tokenizer: Any, words: str) -> list[int]:
    """The ids of those of `words`, separated by spaces, that are one token behind a space, in ascending order."""
    split = [tokenizer(f" {word}", add_special_tokens=False)["input_ids"] for word in words.split()]
    return sorted({ids[0] for ids in split if len(ids) == 1})


@torch.no_grad()
def word_gains(
    model: TransformerBridge,
    hook_name: str,
    tokens: Int[Tensor, "texts position"],
    vectors: Float[Tensor, "pushes d_in"],
    words: str,
) -> Float[Tensor, "pushes 3"]:
    """What each push does to the next token of ordinary texts, in nats: to the words, to their partners, to the loss.

    A push that makes the model less sure raises every rare word. So each of `words` has a partner, the whole word nearest to
    it in probability without a push, and the words' gain counts beyond that of the partners. The loss is the side effect.

    Args:
        model: the model that is pushed.
        hook_name: where.
        tokens: texts without the words.
        vectors: the pushes, one after the other.
        words: separated by spaces; those of several tokens are left out.
    """
    clean = model(tokens)
    likely = clean[:, 1:].softmax(-1).mean((0, 1)).cpu()
    pieces = map(model.tokenizer.decode, range(len(likely)))
    whole = torch.tensor([len(piece) > 3 and piece[0] == " " and piece[1:].isalpha() for piece in pieces])
    topic = word_ids(model.tokenizer, words)
    groups = [torch.tensor(ids) for ids in (topic, matched_latents(topic, likely * whole))]

    def measured(logits: Float[Tensor, "texts position d_vocab"]) -> Float[Tensor, " 3"]:
        said = [set_log_probability(logits[:, 1:], ids).mean() for ids in groups]
        return torch.stack([*said, next_token_loss(logits, tokens)[:, 1:].mean()])

    without, found = measured(clean), []
    for vector in vectors:
        with intervene(model, {hook_name: added(vector)}):
            found.append(measured(model(tokens)) - without)
    return torch.stack(found)
