"""Checks for notebook 15's monitors: where the threshold goes, and sentences that slip past one or set it off falsely."""

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import Mistakes, match_function, read_tensor
from sae_tutorial.exercises.reporting import Exercise, NotAttempted, WrongAnswer
from sae_tutorial.features.concepts import COUNTRIES


def check_choose_threshold(choose_threshold: Callable[[Tensor, Tensor, float], float]) -> None:
    """Exercise 15.3: `choose_threshold(scores, is_name, per_miss)`, the score above which alarms cost least."""
    exercise = Exercise(
        "15.3",
        "write the body of `choose_threshold`.",
        "the lines above the exercise, on what a missed name and a false alarm cost",
        "the three monitors below raise their alarms above the thresholds that you choose.",
    )
    exercise.check(_judge_choose_threshold, choose_threshold)


def check_slip_past(silent: Any, crying: Any, watch: Callable[[list[str]], list[list[str]]]) -> None:
    """Exercise 15.4: sentences that name a country and raise no alarm, others that raise one, and the page's monitor."""
    exercise = Exercise(
        "15.4",
        "put two lists of sentences in place of the two None.",
        "the folded help",
        "you know what this monitor overlooks and what it mistakes, from texts that you made for it.",
    )
    exercise.check(_judge_slip_past, silent, crying, watch)


def attempts_in_use(
    silent: Any, crying: Any, watch: Callable[[list[str]], list[list[str]]]
) -> tuple[list[str], list[str]]:
    """The learner's two lists of exercise 15.4 where they are right, and the course's in their place."""
    try:
        _judge_slip_past(silent, crying, watch)
    except Exception:  # whatever is wrong with them, the exercise says so; the notebook goes on with ours
        print("In use: our sentences")
        return list(SILENT), list(CRYING)
    print("In use: your sentences")
    return list(silent), list(crying)


def _choose_threshold(scores: Tensor, is_name: Tensor, per_miss: float) -> float:
    return _cheapest(scores, lambda t: _cost(scores, is_name, per_miss, t))


def _cheapest(scores: Tensor, cost: Callable[[Tensor], Any]) -> float:
    """The score of the lowest cost, and of several the lowest."""
    return float(min(scores.unique(), key=lambda threshold: float(cost(threshold))))


def _cost(s: Tensor, y: Tensor, per_miss: float, t: Tensor) -> Tensor:
    return per_miss * ((s <= t) & y).sum() + ((s > t) & ~y).sum()


_THRESHOLD_MISTAKES: Mistakes = [
    (
        lambda s, y, c: _cheapest(s, lambda t: _cost(s, y, 1, t)),
        "you did not use `per_miss`: a missed name costs that much, a false alarm costs 1.",
    ),
    (
        lambda s, y, c: _cheapest(s, lambda t: _cost(s, y, 1 / c, t)),
        "you weigh the false alarms by `per_miss`; it is the missed names that cost so much.",
    ),
    (
        lambda s, y, c: _cheapest(s, lambda t: _cost(s, y, 0, t)),
        "you count the false alarms only, so the threshold is so high that nothing is caught. A missed name costs, too.",
    ),
    (
        lambda s, y, c: _cheapest(s, lambda t: ((s <= t) & y).sum()),
        "you count the missed names only, so nearly every token raises an alarm. A false alarm costs, too.",
    ),
    (
        lambda s, y, c: _cheapest(s, lambda t: c * ((s <= t) & y).sum() + (s > t).sum()),
        "you count every alarm as a false one. An alarm at a name is right and costs nothing.",
    ),
    (
        lambda s, y, c: _cheapest(
            s, lambda t: c * ((s <= t) & y).sum() / y.sum() + ((s > t) & ~y).sum() / (~y).sum()
        ),
        "you weigh *shares*, of the names that are missed and of the others that raise an alarm. Names are rare, so this "
        "makes a missed name far dearer than `per_miss`. Count both.",
    ),
    (
        lambda s, y, c: -_cheapest(-s, lambda t: _cost(s, y, c, -t)),
        "several thresholds cost as little; take the lowest of them.",
    ),
    (
        lambda s, y, c: _cheapest(s, lambda t: -_cost(s, y, c, t)),
        "this threshold costs the *most*; take the one that costs least.",
    ),
    (
        lambda s, y, c: _cheapest(s, lambda t: c * ((s < t) & y).sum() + ((s >= t) & ~y).sum()),
        "a score that equals the threshold raises no alarm; the alarm is raised *above* it.",
    ),
    (
        lambda s, y, c: min(float(_cost(s, y, c, t)) for t in s),
        "that is the cost; return the threshold that has it.",
    ),
    (
        lambda s, y, c: int(torch.stack([_cost(s, y, c, t) for t in s]).argmin()),
        "that is the place of the threshold among the scores; return the score itself.",
    ),
    (
        lambda s, y, c: (s[y].mean() + s[~y].mean()) / 2,
        "halfway between the two means does not weigh what is missed against what is raised. Count the cost of every "
        "candidate.",
    ),
    (
        lambda s, y, c: s[y].min(),
        "the lowest score of a name may lie deep among the others. Count the cost of every candidate.",
    ),
]


def _judge_choose_threshold(answer: Any) -> None:
    draw = torch.Generator().manual_seed(12)
    names = [torch.rand(n, generator=draw) < 0.25 for n in (40, 60)]
    inputs = [
        (
            torch.tensor([0.5, 3.0, 1.0, 2.0, 0.25, 2.5, 1.5, 1.25]),
            torch.tensor([False, True, True, False, False, True, False, False]),
            3.0,
        ),
        *(
            (torch.randn(len(y), generator=draw) + 1.5 * y, y, cost)
            for y, cost in zip(names, (3.0, 4.0), strict=True)
        ),
    ]
    match_function(answer, _choose_threshold, inputs, _THRESHOLD_MISTAKES)


FEWEST, SHORTEST, LONGEST = 3, 4, 20
SILENT = (
    "The recipe came from a cook in Spain.",
    "My aunt keeps a photo of Italy above the stove.",
    "she moved to brazil last year for a job.",
)
CRYING = (
    "The governor of Texas signed the law.",
    "The people of Quebec voted against it.",
    "The embassy of Tibet was closed by the police.",
)
_GERMAN = "Frankreich|Italien|Deutschland|Spanien|Schweden|Griechenland|Polen|Norwegen|Kenia|Kanada"
_COUNTRY = re.compile(rf"\b(?:{COUNTRIES}|{_GERMAN})\b", re.IGNORECASE)


def _judge_slip_past(silent: Any, crying: Any, watch: Callable[[list[str]], list[list[str]]]) -> None:
    for name, sentences in (("silent", silent), ("crying", crying)):
        _judge_sentences(name, sentences)
    named, named_too = ([_COUNTRY.findall(sentence) for sentence in both] for both in (silent, crying))
    if not any(named) and all(named_too):
        raise WrongAnswer(
            "the lists are the wrong way round: `silent` has the sentences that name a country."
        )
    for number, found in enumerate(named, 1):
        if not found:
            raise WrongAnswer(
                f"sentence {number} of `silent` names no country of our list, so it is no miss that no alarm is raised there."
            )
    for number, found in enumerate(named_too, 1):
        if found:
            raise WrongAnswer(
                f"sentence {number} of `crying` has {found[0]!r} in it, which our list takes for a country, so an alarm there is "
                "right."
            )
    if len({found[0].casefold() for found in named}) < 2:
        raise WrongAnswer("`silent` tries one country only, and it may be a weak one; name at least two.")
    _judge_alarms(list(silent), list(crying), watch)


def _judge_alarms(
    silent: list[str], crying: list[str], watch: Callable[[list[str]], list[list[str]]]
) -> None:
    """No alarm is raised in `silent`, and one in each of `crying`, not always at the same piece."""
    if not callable(watch):
        raise WrongAnswer("the third thing is the page's `watch`, without brackets.")
    alarms = watch(silent + crying)
    for number, places in enumerate(alarms[: len(silent)], 1):
        if places:
            raise WrongAnswer(
                f"sentence {number} of `silent` raises an alarm, at {places[0].strip()!r}. Put the name into another sentence, "
                "write it differently, or take another country."
            )
    for number, places in enumerate(alarms[len(silent) :], 1):
        if not places:
            raise WrongAnswer(
                f"sentence {number} of `crying` raises no alarm. What is most like a country, and not on our list?"
            )
    if len({places[0].strip().casefold() for places in alarms[len(silent) :]}) < 2:
        raise WrongAnswer(
            "all alarms of `crying` are at one and the same piece. That is one false alarm, copied; find another."
        )


def _judge_sentences(name: str, sentences: Any) -> None:
    if not isinstance(sentences, list | tuple):
        raise WrongAnswer(f"`{name}` is to be a list of sentences, in square brackets, with commas between.")
    if any(sentence is None or sentence is Ellipsis for sentence in sentences):
        raise NotAttempted
    if not all(isinstance(sentence, str) for sentence in sentences):
        raise WrongAnswer(f"everything in `{name}` is to be a text in quotes.")
    if len(sentences) < FEWEST:
        raise WrongAnswer(
            f"`{name}` has {len(sentences)} of the {FEWEST} sentences that are needed: one or two could be flukes."
        )
    if len({" ".join(sentence.split()) for sentence in sentences}) < len(sentences):
        raise WrongAnswer(f"a sentence stands twice in `{name}`; the second tells you nothing new.")
    for number, sentence in enumerate(sentences, 1):
        if not SHORTEST <= len(sentence.split()) <= LONGEST:
            raise WrongAnswer(
                f"sentence {number} of `{name}` has {len(sentence.split())} words; give each {SHORTEST} to {LONGEST}."
            )


PARTS = {
    "choose_threshold": (_judge_choose_threshold, _choose_threshold, lambda value: float(read_tensor(value))),
}
