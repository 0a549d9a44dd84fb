"""The check of notebook 00 for a test of one's own: is a latent about law, or about law's words?"""

import re
from collections.abc import Sequence
from typing import Any

from sae_tutorial.exercises.matching import read_choices
from sae_tutorial.exercises.reporting import Exercise, NotAttempted, WrongAnswer

FEWEST, SHORTEST, LONGEST, FEWEST_WORDS = 4, 5, 12, 3
PREDICTIONS = ("words", "law", "alike")
# Words of law by how they begin; and those that are meant whole, since "lawn" and "suede" begin with some of them.
_BEGINNINGS = (
    "court judg jury juror trial appeal lawyer lawsuit legal illegal case sentenc charg verdict guilt convict prosecut "
    "defendant plaintiff attorney witness testif crime crimin arrest prison jail police hearing ruling justice"
)
_WHOLE = "law laws sue sues sued suing ruled bail"
_LAW = re.compile(
    rf"\b(?:(?:{'|'.join(_BEGINNINGS.split())})\w*|(?:{'|'.join(_WHOLE.split())})\b)", re.IGNORECASE
)

OURS = {
    "words_no_law": [
        "After the dog show she thanked the judge",
        "The girls played tennis on the new court",
        "At the gym she got a free trial",
        "He put the violin back into its case",
        "The poem ended with a very long sentence",
        "Among the young the band had great appeal",
    ],
    "law_no_words": [
        "Twelve strangers decided that he killed his wife",
        "He was told to give the house back",
        "He swore on the book to tell the truth",
        "They locked him up because he robbed a bank",
        "Three men in robes told her to pay",
        "The old man in the robe let him go",
    ],
}


def check_two_lists(words_no_law: Any, law_no_words: Any, prediction: Any) -> None:
    """Exercise 0.2: sentences with law's words and no law, sentences about law without its words, and what to expect."""
    exercise = Exercise(
        "0.2",
        "put two lists of sentences and your prediction in place of the three None.",
        "the two rules above the exercise",
        "your lists pull two ideas apart that look alike in ordinary text. The next cells run them.",
    )
    exercise.check(_judge_two_lists, words_no_law, law_no_words, prediction)


def sentences_in_use(words_no_law: Any, law_no_words: Any) -> dict[str, dict[str, list[str]]]:
    """Both lists of ours, and the learner's where they are right, by whose they are and by list."""
    try:
        _judge_lists(words_no_law, law_no_words)
    except (NotAttempted, WrongAnswer):
        print("In use: ours")
        return {"ours": OURS}
    print("In use: ours and yours")
    return {
        "ours": OURS,
        "yours": {"words_no_law": list(words_no_law), "law_no_words": list(law_no_words)},
    }


def _judge_two_lists(words_no_law: Any, law_no_words: Any, prediction: Any) -> None:
    _judge_lists(words_no_law, law_no_words)
    if len(read_choices(prediction, PREDICTIONS)) != 1:
        raise WrongAnswer("predict one of the three: which list will be brighter, or neither?")


def _judge_lists(words_no_law: Any, law_no_words: Any) -> None:
    for name, sentences in (("words_no_law", words_no_law), ("law_no_words", law_no_words)):
        _judge_form(name, sentences)
    _judge_words(words_no_law)
    for number, sentence in enumerate(law_no_words, 1):
        if found := _LAW.findall(sentence):
            raise WrongAnswer(
                f"sentence {number} of law_no_words has {found[0]!r} in it. If A lights up there, the word may have done it: say "
                "it in other words."
            )
    if len(words_no_law) != len(law_no_words):
        raise WrongAnswer(
            f"words_no_law has {len(words_no_law)} sentences and law_no_words {len(law_no_words)}. Give both the same number, "
            "so that neither mean is the steadier."
        )


def _judge_words(words_no_law: Sequence[str]) -> None:
    """Every sentence has one word of law, at its end, and they are not all the same."""
    used = set()
    for number, sentence in enumerate(words_no_law, 1):
        found = _LAW.findall(sentence)
        if not found:
            raise WrongAnswer(
                f"sentence {number} of words_no_law, {sentence!r}, has no word of law in it, so it says nothing about a list "
                "of words."
            )
        if len(found) > 1:
            raise WrongAnswer(
                f"sentence {number} of words_no_law has {len(found)} words of law, {', '.join(found)}. Two together sound like "
                "law itself; keep one, in another sense."
            )
        if not _LAW.search(sentence.split()[-1]):
            raise WrongAnswer(
                f"in sentence {number} of words_no_law, {sentence!r}, {found[0]!r} is not the last word. The model reads from left to "
                "right: before the sense is given away it cannot know it. Say the rest first."
            )
        used.add(found[0].casefold()[:4])
    if len(used) < FEWEST_WORDS:
        raise WrongAnswer(
            f"words_no_law tries {len(used)} of law's words only. A list of words can be told from one word by at least "
            f"{FEWEST_WORDS} of them."
        )


def _judge_form(name: str, sentences: Any) -> None:
    if sentences is None or sentences is Ellipsis:
        raise NotAttempted
    if not isinstance(sentences, Sequence) or isinstance(sentences, str):
        raise WrongAnswer(f"{name} is to be a list of sentences, in square brackets, with commas between.")
    if not all(isinstance(sentence, str) for sentence in sentences):
        raise WrongAnswer(f"everything in {name} is to be a text in quotes.")
    if len(sentences) < FEWEST:
        raise WrongAnswer(
            f"{name} has {len(sentences)} of the {FEWEST} sentences that are needed: one or two could be flukes."
        )
    if len({" ".join(sentence.split()).casefold() for sentence in sentences}) < len(sentences):
        raise WrongAnswer(f"a sentence stands twice in {name}; the second tells you nothing new.")
    for number, sentence in enumerate(sentences, 1):
        if not SHORTEST <= len(sentence.split()) <= LONGEST:
            raise WrongAnswer(
                f"sentence {number} of {name} has {len(sentence.split())} words; give each {SHORTEST} to {LONGEST}. We compare "
                "the highest value in a sentence, and a longer one has more chances."
            )
