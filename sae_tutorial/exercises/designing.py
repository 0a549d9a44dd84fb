"""Checks for notebooks 09 and 14: a rival for each claim, near misses of a line, a lead over all."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sae_tutorial.exercises.matching import Mistakes, match_function
from sae_tutorial.exercises.reporting import Exercise, WrongAnswer, call

OURS = {"model": "trained", "training": "full", "decoder": "free"}
_SETTINGS = {
    "model": ("trained", "shuffled"),
    "training": ("full", "none"),
    "decoder": ("free", "soft-frozen", "frozen"),
}
# By claim, the one setting in which its rival differs.
_CHANGES = {
    "A": ("training", "none"),
    "B": ("decoder", "frozen"),
    "C": ("decoder", "soft-frozen"),
    "D": ("model", "shuffled"),
}
# What a rival that differs in one setting, the wrong one, leaves open.
_OTHER_CHANGES = {
    "A": {
        "decoder": "its encoder still trains, and A says that training was the reason. Leave out all of it.",
        "model": "it is still a trained SAE, if of another model. A names training: leave that out.",
    },
    "B": {
        "training": "its encoder does not learn either. B grants that the encoder learned: hold the directions alone.",
        "decoder": "its directions still learn, within their cones. B asks for directions that learn nothing.",
        "model": "its directions learn as those of *free* do, on another model. B names the directions: hold those.",
    },
    "C": {
        "training": "its directions go nowhere, and the encoder neither. C asks what is lost if they go a *little* way.",
        "decoder": "its directions go nowhere at all. C says *far*: let them go a little way.",
        "model": "its directions may go as far as those of *free*. C names how far they may go.",
    },
    "D": {
        "training": "it reads the same model, whose blocks have learned. D asks for blocks that learned nothing.",
        "decoder": "it reads the same model, whose blocks have learned. D asks for blocks that learned nothing.",
    },
}


def check_design(design: Callable[[str], Any]) -> None:
    """Exercise 9.4: `design(claim)`, for each of four claims the settings of the rival that could refute it."""
    exercise = Exercise(
        "9.4",
        "return a dictionary of three settings for each claim.",
        "the table of claims: a rival lacks what the claim names, and has all the rest",
        "each of your rivals differs in one thing, so if it loses you know what it missed. The next cell runs them.",
    )
    exercise.check(_judge_design, design)


def _design(claim: str) -> dict[str, str]:
    setting, value = _CHANGES[claim]
    return OURS | {setting: value}


def _judge_design(answer: Any) -> None:
    for claim, (setting, value) in _CHANGES.items():
        settings = call(answer, claim)
        if not isinstance(settings, Mapping):
            raise WrongAnswer(
                f"for {claim} a dictionary is needed, such as `base | {{...}}`, got {settings!r}."
            )
        _judge_settings(claim, settings)
        # Nothing moves where nothing is trained, so what is held says nothing there.
        if settings["training"] == "none":
            settings = {**settings, "decoder": OURS["decoder"]}
        changed = [name for name in OURS if settings[name] != OURS[name]]
        if not changed:
            raise WrongAnswer(
                f"the rival for {claim} is *free* again. It lacks nothing, so it can refute nothing."
            )
        if len(changed) > 1:
            raise WrongAnswer(
                f"the rival for {claim} differs in {' and '.join(changed)}. If it loses, which of them did it miss? "
                "Change one."
            )
        if settings[setting] != value:
            raise WrongAnswer(f"your rival for {claim}: {_OTHER_CHANGES[claim][changed[0]]}")


def _judge_settings(claim: str, settings: Mapping[str, Any]) -> None:
    if set(settings) != set(OURS):
        raise WrongAnswer(
            f"for {claim} the settings must be {', '.join(OURS)}, got {', '.join(map(str, settings))}. "
            "`base | {...}` keeps those that you do not name."
        )
    for name, value in settings.items():
        if value not in _SETTINGS[name]:
            raise WrongAnswer(
                f"for {claim} `{name}` is {value!r}; it must be one of {', '.join(_SETTINGS[name])}."
            )


def check_lead_over_all(lead_over_all: Callable[[dict[str, list[float]], str], Any]) -> None:
    """Exercise 14.4: `lead_over_all(counts, name)`, the mean of one method minus that of its strongest rival."""
    exercise = Exercise(
        "14.4",
        "write the body of `lead_over_all`.",
        "the folded help, on means over seeds and on who is a rival",
        "your headlines name the rival that hurts most.",
    )
    exercise.check(_judge_lead, lead_over_all)


def _judge_lead(answer: Any) -> None:
    counts = {"a": [4, 4, 5], "b": [0, 1, 0], "c": [3, 6, 6], "d": [5, 2, 1]}
    inputs = [(counts, "a"), (counts, "c"), (counts, "b"), ({"a": [1, 9], "b": [6, 2]}, "b")]
    match_function(answer, _lead, inputs, _LEAD_MISTAKES)


def _mean(seeds: Sequence[float]) -> float:
    return sum(seeds) / len(seeds)


def _others(counts: Mapping[str, Sequence[float]], name: str) -> list[Sequence[float]]:
    return [seeds for other, seeds in counts.items() if other != name]


def _lead(counts: dict[str, list[float]], name: str) -> float:
    return _mean(counts[name]) - max(map(_mean, _others(counts, name)))


_LEAD_MISTAKES: Mistakes = [
    (
        lambda counts, name: _mean(counts[name]) - max(map(_mean, counts.values())),
        "`name` is among its own rivals, so that the lead is never above 0. Leave it out.",
    ),
    (
        lambda counts, name: _mean(counts[name]) - _mean([_mean(s) for s in _others(counts, name)]),
        "you compare with the rivals' mean. A few weak rivals make that easy; take the strongest.",
    ),
    (
        lambda counts, name: _mean(counts[name]) - min(map(_mean, _others(counts, name))),
        "this is the lead over the weakest rival.",
    ),
    (
        lambda counts, name: max(counts[name]) - max(map(max, _others(counts, name))),
        "you compare the luckiest seeds. Take each method's mean over its seeds.",
    ),
    (
        lambda counts, name: _mean(counts[name]) - max(map(max, _others(counts, name))),
        "the rival has its luckiest seed, `name` its mean. Take means on both sides.",
    ),
    (lambda counts, name: -_lead(counts, name), "the sign is the other way round: `name` minus its rival."),
]


def check_near_miss(near_miss: Any) -> None:
    """Exercise 9.1: a regular expression for what resembles the digits after a thousands comma and is not meant."""
    exercise = Exercise(
        "9.1",
        'replace None by a regular expression, such as r"\\d(?=,\\d\\d\\d)".',
        "the line: the first two of three digits after a comma. What else has digits?",
        "your test could refute the line. The next cells ask the latent.",
    )
    exercise.check(_judge_near_miss, near_miss)


# Sentences of our own with numbers of many kinds.
EXAMPLES = (
    "In 2012 the city had 1,234,567 people, 48,210 more than in 1998.",
    "It lies 1062 metres up, on 0.375 square kilometres, and 12.48% of its 305 streets have 40 houses.",
    "On May 5, 1998, at 10:45, the 21st train left for $1.50; twenty thousand people, 3 of 4, saw it on page 7.",
)
MEANT = r"(?<=\d,)\d\d(?=\d\b)"
_NUMBER_WORDS = r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twenty|thirty|hundred|thousand|million|billion)s?\b"
_SOLUTION = r"(?<=\d\.)\d+"


def _judge_near_miss(rule: Any) -> None:
    if not isinstance(rule, str | re.Pattern):
        raise WrongAnswer(f"a regular expression in quotes is needed, got {rule!r}.")
    try:
        pattern = re.compile(rule)
    except re.error as error:
        raise WrongAnswer(f"{rule!r} is no regular expression: {error}.") from None
    found = [(text, match) for text in EXAMPLES for match in pattern.finditer(text) if match.group()]
    if not found:
        raise WrongAnswer(f"it finds nothing in '{EXAMPLES[0]} {EXAMPLES[1]}'")
    for text, match in found:
        for meant in re.finditer(MEANT, text):
            if match.start() < meant.end() and meant.start() < match.end():
                raise WrongAnswer(
                    f"it also marks '{match.group()}' in '{text}', and with it digits that the line is about. There "
                    "the latent ought to be on, so nothing would be refuted."
                )
    if all(re.match(r",\d\d\d", text[match.end() :]) for text, match in found):
        raise WrongAnswer(
            "it marks digits *before* a thousands comma, as the example does, and nothing else. There the model has not read "
            "the comma yet, so the latent can hardly be on. Find a nearer one."
        )
    far = next((m for _, m in found if not re.search(rf"\d|[,.]|{_NUMBER_WORDS}", m.group(), re.I)), None)
    if far is not None:
        raise WrongAnswer(
            f"it marks '{far.group()}', which resembles no number. Nobody doubts that the latent is off there; look "
            "for what it might take for its digits."
        )


def near_miss_in_use(rule: Any) -> Any:
    """The learner's rule for near misses if it is right, and the course's in its place; prints which."""
    try:
        _judge_near_miss(rule)
        used = rule
    except Exception:  # whatever is wrong with it, the exercise says so; the notebook goes on with ours
        used = _SOLUTION
    print(f"near misses: {used} ({'yours' if used is rule else 'ours'})")
    return used


# By name: how an answer is judged, the course's own, and how the notebook reads what the learner's returns.
PARTS = {
    "design": (_judge_design, _design, dict),
    "lead_over_all": (_judge_lead, _lead, float),
}
