"""Steering with latents of the pretrained autoencoder: 64 texts a condition, 19 random directions of 64 texts each.

On the offline lab's model, at layer 16, at one dose for all. Of five topics, two (small animals, gods) were looked at
while the dose was chosen, and three (sport, disease, mountains) were fixed before they were looked at.
"""

import tempfile

import torch
from torch import Tensor
from torch.nn.functional import normalize

from benchmarks.report import Row, note
from sae_tutorial.activations.collect import collect_activations
from sae_tutorial.effects.steering import median_norm, mentions, random_directions, steered_samples, surprise
from sae_tutorial.effects.topics import TOPICS, mean_difference_of_topic, sentences
from sae_tutorial.lab.lab import Lab, open_lab
from sae_tutorial.sae.pretrained import pretrained_sae

PROMPT, N_NEW, DOSE = "The people of the town said that", 28, 0.3
DRAWS, TARGET = 19, 0.6


def run(quick: bool) -> list[Row]:
    """A row for each topic and way of steering: the share of texts on the topic, against the most of any random direction."""
    n_texts = 8 if quick else 64
    lab, sae = open_lab("offline", budget="quick", texts="wikipedia"), pretrained_sae()
    hook, directions = str(sae.metadata["hook_name"]), normalize(sae.W_dec.detach(), dim=1)
    length = DOSE * length_of_rows(lab, hook)
    plain, plain_loss = written(lab, hook, torch.zeros(1, lab.d_in), n_texts)
    by_chance = []
    for number, direction in enumerate(random_directions(DRAWS, lab.d_in), start=1):
        note(f"steering: random direction {number} of {DRAWS}")
        by_chance.append(written(lab, hook, length * direction[None], n_texts))
    random_loss = sum(loss for _, loss in by_chance) / DRAWS - plain_loss
    rows = []
    for name, topic in TOPICS.items():
        difference = mean_difference_of_topic(lab.model, hook, lab.texts, topic.words)
        for way, direction in (("latent", directions[topic.latent]), ("mean difference", difference)):
            note(f"steering: {name}, {way}")
            texts, loss = written(lab, hook, length * normalize(direction, dim=0)[None], n_texts)
            share = mentions(texts, topic.words).mean()
            most = max(mentions(drawn, topic.words).mean() for drawn, _ in by_chance)
            rows.append(
                Row(
                    f"{name}, {way}: texts on the topic, extra loss in nats; against the most of {DRAWS} random directions, "
                    "their mean extra loss, and nothing added",
                    f"{share:.0%}, {loss - plain_loss:+.2f}",
                    f"{most:.0%}, {random_loss:+.2f}; {mentions(plain, topic.words).mean():.0%}",
                    share / TARGET,
                    at_least=1,
                )
            )
    return rows


def length_of_rows(lab: Lab, hook: str) -> float:
    """The median norm of the rows of a hundred sentences."""
    with tempfile.TemporaryDirectory() as directory:
        some = sentences(lab.texts)[:100]
        store = collect_activations(lab.model, some, hook, directory=f"{directory}/rows", dtype="float32")
        return median_norm(store)


def written(lab: Lab, hook: str, vectors: Tensor, n_texts: int) -> tuple[list[str], float]:
    """Texts under one push, and their mean loss under the untouched model."""
    tokens = steered_samples(lab.model, hook, PROMPT, vectors.expand(n_texts, -1), N_NEW)
    return lab.tokenizer.batch_decode(tokens[:, -N_NEW:]), float(surprise(lab.model, tokens, N_NEW).mean())
