"""The check of notebook 10's exercise on steering with a latent of one's own."""

import re
from collections.abc import Sequence
from typing import Any

from sae_tutorial.effects.steering import mentions, word_shares
from sae_tutorial.exercises.matching import read_number
from sae_tutorial.exercises.reporting import Exercise, WrongAnswer

FEWEST_TEXTS, LEAST_AHEAD = 16, 0.15
LEAST_PRICE = -0.2  # no push makes texts much likelier; a little less than 0 can be chance


def check_own_latent(
    my_words: str,
    my_texts: Sequence[str] | None,
    random_texts: Sequence[str] | None,
    price: float | None,
) -> None:
    """Exercise 10.3: words of a topic of one's own, texts steered there, texts pushed at random, and their price."""
    exercise = Exercise(
        "10.3",
        "put your words, both lists of texts and the price in place of the stubs.",
        "the folded help, on doses",
        "you have steered a language model with a latent of your own, and a control says that it was the latent.",
    )
    exercise.check(_judge_own_latent, my_words, my_texts, random_texts, price)


def _judge_own_latent(my_words: Any, my_texts: Any, random_texts: Any, price: Any) -> None:
    if not isinstance(my_words, str) or not my_words.split():
        raise WrongAnswer("my_words is to be one text with your words, separated by spaces.")
    shares = []
    for name, texts in (("my_texts", my_texts), ("random_texts", random_texts)):
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
            raise WrongAnswer(
                f"{name} is to be a list of texts, the first of the two things that `write` returns."
            )
        if len(texts) < FEWEST_TEXTS:
            raise WrongAnswer(
                f"{name} has {len(texts)} texts; with fewer than {FEWEST_TEXTS} a share says little."
            )
        shares.append(mentions(texts, my_words).mean())
    if len(my_texts) != len(random_texts):
        raise WrongAnswer(
            f"you have {len(my_texts)} texts and {len(random_texts)} pushed at random; take equally many of both."
        )
    cost = read_number("my_price", price)
    steered, by_chance = shares
    # How far off a difference of two shares of so many texts may be: the lower end of its 95% interval.
    error = ((steered * (1 - steered) + by_chance * (1 - by_chance)) / len(my_texts)) ** 0.5
    if steered - by_chance - 1.96 * error < LEAST_AHEAD:
        if by_chance > LEAST_AHEAD:
            raise WrongAnswer(
                f"a random push of the same size gives {by_chance:.0%}, beside your {steered:.0%}, so your list of words is "
                "found without the latent too. Take out words that are in many texts."
            )
        if longer := _in_longer_words(my_texts, my_words):
            raise WrongAnswer(
                f"{steered:.0%} of your texts are on the topic, beside {by_chance:.0%} of the random ones. Only whole words "
                f"count, and your words are also inside others, such as {longer!r}. Add the forms that belong to the topic."
            )
        raise WrongAnswer(
            f"{steered:.0%} of your texts are on the topic, beside {by_chance:.0%} of the random ones: with "
            f"{len(my_texts)} texts too few to stand clear. Push harder, or try another latent: not every latent that reads "
            "a topic also writes it."
        )
    if cost > 1:
        raise WrongAnswer(
            f"the texts cost {cost:.2f} nats per token more than without steering: they are falling apart. Push less."
        )
    if cost < LEAST_PRICE:
        raise WrongAnswer(
            f"a price of {cost:.2f} says that the untouched model finds your texts likelier than its own. Is it steered "
            "minus plain? If it is, read the texts: they may repeat themselves, or be very short."
        )


def _in_longer_words(texts: Sequence[str], words: str) -> str:
    """The commonest longer word that one of `words` begins, of those that many more texts have; nothing if there is none."""
    begun = re.compile(r"(?i)\b(?:" + "|".join(map(re.escape, words.split())) + r")\w+")
    longer = word_shares([[found.lower() for found in begun.findall(text)] for text in texts])
    word = max(longer, key=lambda found: longer[found], default="")
    return word if longer.get(word, 0) >= LEAST_AHEAD else ""
