"""Answers to the tests that notebook 09 lets a learner design: right ones in several ways, and plausible wrong ones."""

import re
import types

import numpy as np
import pytest
from answers import Right, Wrong, ways_to_return

from sae_tutorial import exercises
from sae_tutorial.exercises import designing

OURS = designing.OURS


def design_by_cases(claim):
    settings = dict(OURS)
    if claim == "A":
        settings["training"] = "none"
    elif claim == "D":
        settings["model"] = "shuffled"
    else:
        settings["decoder"] = {"B": "frozen", "C": "soft-frozen"}[claim]
    return settings


def with_change(claim, **changes):
    """The right rivals, but for one claim."""
    return lambda asked: OURS | changes if asked == claim else designing._design(asked)


def lead_in_numpy(counts, name):
    means = {method: np.mean(seeds) for method, seeds in counts.items()}
    return means.pop(name) - max(means.values())


def lead_by_sorting(counts, name):
    order = sorted((m for m in counts if m != name), key=lambda m: sum(counts[m]) / len(counts[m]))
    best = counts[order[-1]]
    return sum(counts[name]) / len(counts[name]) - sum(best) / len(best)


def lead_by_popping(counts, name):
    own = counts.pop(name)
    return np.mean(own) - max(map(np.mean, counts.values()))


def lead_in_place(counts, name):
    for method in counts:
        counts[method] = np.mean(counts[method])
    return counts[name] - max(mean for method, mean in counts.items() if method != name)


def lead_on_a_copy(counts, name):
    return lead_by_popping(dict(counts), name)


RIGHT: Right = [
    *[
        ("design", (f,))
        for f in (
            designing._design,
            design_by_cases,
            lambda claim: types.MappingProxyType(designing._design(claim)),
            lambda claim: dict(reversed(designing._design(claim).items())),
            lambda claim: {**OURS, **dict([designing._CHANGES[claim]])},
            # Nothing moves untrained directions, so they may be called frozen.
            lambda claim: designing._design(claim) | ({"decoder": "frozen"} if claim == "A" else {}),
            lambda claim: {
                "model": "shuffled" if claim == "D" else "trained",
                "training": "none" if claim == "A" else "full",
                "decoder": {"B": "frozen", "C": "soft-frozen"}.get(claim, "free"),
            },
        )
    ],
    *[
        ("lead_over_all", (f,))
        for f in (*ways_to_return(designing._lead), lead_in_numpy, lead_by_sorting, lead_on_a_copy)
    ],
    *[
        ("near_miss", (rule,))
        for rule in (
            r"(?<=\d\.)\d+",
            r"\b(?:1\d|20)\d\d\b",
            r"(?<=\d,\d\d)\d\b",
            r"(?<!\d)\d\d?(?=,)",
            re.compile(r"\d+(?=%)"),
            r"(?<![\d,])\d\d\d\b",
            r",(?=\d\d\d)",
            r"\b(?:twenty|thousand)\b",
        )
    ],
]

WRONG: Wrong = [
    ("design", (lambda claim: "frozen",), "a dictionary is needed"),
    ("design", (lambda claim: OURS,), "the rival for A is *free* again"),
    ("design", (lambda claim: {"training": "none"},), "the settings must be model, training, decoder"),
    ("design", (with_change("A", decoder="frozen"),), "encoder still trains"),
    ("design", (with_change("A", model="shuffled"),), "still a trained SAE"),
    ("design", (with_change("A", training=0),), "`training` is 0"),
    ("design", (with_change("B", training="none"),), "B grants that the encoder learned"),
    ("design", (with_change("B", decoder="soft-frozen"),), "within their cones"),
    ("design", (with_change("C", decoder="frozen"),), "C says *far*"),
    ("design", (with_change("C", model="shuffled"),), "as far as those of"),
    ("design", (with_change("D", decoder="frozen"),), "the same model"),
    ("design", (with_change("D", model="shuffled", training="none"),), "differs in model and training"),
    ("lead_over_all", (lambda c, n: np.mean(c[n]) - max(map(np.mean, c.values())),), "its own rivals"),
    ("lead_over_all", (lambda c, n: max(c[n]) - max(max(s) for m, s in c.items() if m != n),), "luckiest"),
    ("lead_over_all", (lambda c, n: -lead_in_numpy(c, n),), "sign"),
    (
        "lead_over_all",
        (lambda c, n: np.mean(c[n]) - np.mean([np.mean(c[m]) for m in c if m != n]),),
        "rivals' mean",
    ),
    ("lead_over_all", (lambda c, n: np.mean(c[n]) - min(np.mean(c[m]) for m in c if m != n),), "weakest"),
    ("lead_over_all", (lambda c, n: np.mean(c[n]) - max(max(c[m]) for m in c if m != n),), "`name` its mean"),
    ("lead_over_all", (lambda c, n: [np.mean(s) for s in c.values()],), "shape"),
    ("lead_over_all", (lead_by_popping,), "`counts`, which your function was given, has changed"),
    ("lead_over_all", (lead_in_place,), "`counts`, which your function was given, has changed"),
    ("lead_over_all", (lambda c, n: np.mean(c.pop(n)) - min(map(np.mean, c.values())),), "weakest"),
    ("lead_over_all", (12,), "a function is needed"),
    ("near_miss", (r"\d",), "also marks"),
    ("near_miss", (r"\d\d",), "also marks"),
    ("near_miss", (r"(?<=,)\d+",), "ought to be on"),
    ("near_miss", (r"\w+",), "also marks"),
    ("near_miss", (r"people",), "resembles no number"),
    ("near_miss", (r"\d(?=,\d\d\d)",), "Find a nearer one"),
    ("near_miss", (re.compile(r"\b\d\d?(?=,\d{3})"),), "Find a nearer one"),
    ("near_miss", (r"\d{9}",), "finds nothing"),
    ("near_miss", (r"(\d",), "no regular expression"),
    ("near_miss", (12,), "in quotes"),
]


def test_a_right_rule_for_near_misses_is_used_and_a_wrong_one_is_replaced(capsys):
    assert exercises.near_miss_in_use(r"(?<=\d,\d\d)\d\b") == r"(?<=\d,\d\d)\d\b"
    assert "(yours)" in capsys.readouterr().out
    for wrong in (None, r"\d", r"(\d"):
        assert exercises.near_miss_in_use(wrong) == designing._SOLUTION
        assert "(ours)" in capsys.readouterr().out


@pytest.mark.parametrize("claim", "ABCD")
def test_the_rivals_that_are_built_differ_from_ours_in_one_setting(claim):
    used = exercises.yours_or_ours(design=design_by_cases)
    assert sum(used.design(claim)[name] != value for name, value in OURS.items()) == 1
