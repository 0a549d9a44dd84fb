"""Check for notebook 09: a description of one latent, judged on text that its author has not seen."""

from collections.abc import Callable
from typing import Any

import numpy as np

from sae_tutorial.exercises.reporting import Exercise, WrongAnswer, call


def check_description(predict: Callable[[str], Any]) -> None:
    """Exercise 9.6: `predict(snippet)`, whether one latent of the pretrained SAE turns on anywhere in a snippet."""
    exercise = Exercise(
        "9.6",
        "return True or False for a snippet.",
        "the six places above the stub, and what their marked words have in common",
        "your description predicts text that you had not seen, which is all that a description can be asked for.",
    )
    exercise.check(_judge_description, predict)


# What latent 323 of the pretrained SAE does on held-out paragraphs of Wikipedia (CC BY-SA 3.0), by
# `explanations.detection_task`; the places that the notebook shows are from other articles. Messages show those for
# practice, and of the others the counts alone: text that was shown is not unseen at the second try.
PRACTICE = (
    (
        ' unit-treatment additivity is not invariant under a "change of scale", so statisticians often use',
        False,
    ),
    (
        ' of relationships between a population of humans and their biophysical environment". The focus of its research concerns "how',
        False,
    ),
    (
        " along the southwestern boundary are largely forested (see Alberta Mountain forests and Alberta-British Columbia foothills forests). The",
        True,
    ),
    (
        " the province is boreal forest, while the Rocky Mountains along the southwestern boundary are largely forested (see Alberta",
        True,
    ),
    (
        " growing population. Fluctuations in the flow of rivers are likely to increase in the twenty-first century",
        False,
    ),
    ("America's longest war) officially ended on December 28, 2014. However,", False),
    (
        " ocean floor. This was formed by the vulcanism that also formed the ocean floor and the islands rising",
        True,
    ),
    (
        " are very important. Students must take a Graduate Record Exam in the United States if they wish to be accepted",
        False,
    ),
    (
        " Park, near Brooks, Alberta, showcases the badlands terrain, desert flora, and remnants from Alberta's",
        True,
    ),
    # Place names that nobody could guess: shown only if nothing else was missed.
    ("ations. Tourist destinations in the province include Banff, Canmore, Drumheller, Jasper", True),
)
UNSEEN = (
    (
        " primatology, antiquity dealings and curatorship, philology, etymology, genetics, regional analysis, ethnology",
        False,
    ),
    (
        " may also be managed using cultural techniques such as crop rotation or a fallow period. Manure is used",
        False,
    ),
    (
        " the west and north of it. The central aspen parkland region extending in a broad arc between the",
        True,
    ),
    ("Climate change has the potential to affect agriculture through changes in", True),
    (
        " southern Atlantic. The Mid-Atlantic Ridge, a rugged north-south centerline for the entire Atlantic basin",
        True,
    ),
    ("3,747 meters at the summit of Mount Columbia in the Rocky Mountains along the southwest border,", True),
    (" a series of civil wars that devastated much of Afghanistan. This was followed", False),
    (
        " states of consciousness and culture. As with transpersonal psychology, the field is much concerned with altered states of",
        False,
    ),
    (" purchased the slaves from the local Imbangala and Mbundu peoples, notable slave hunters, and", False),
    (
        " and Development(OECD) member countries. Synthetic fertilizers are more heavily relied upon for crop production and manure",
        False,
    ),
    (
        " typically divide the world up into relevant time periods and geographic regions. Human time on Earth is divided up into",
        False,
    ),
    (
        " of companies and small factories began operating in different parts of the country, which not only provide revenues to the",
        False,
    ),
    ("seekers to travel the exhausting and dangerous Chilkoot Pass.", True),
    ("uettes presented at the ceremony have blank baseplates. Until 2010, winners were", False),
    ("In the high plains, the Planalto, the most important native", True),
    (
        " moderate and have less extreme seasonal variations than inland climates. Precipitation can be approximated from coastal weather data",
        False,
    ),
    (
        " Dream of Electric Sheep? and its film adaptation Blade Runner discovers that his targets are, in some",
        True,
    ),
    (" fairly flat with occasional deeps, abyssal plains, trenches, seamounts, basins, plate", True),
    (
        " crosses the flat prairie and farmland, and features deep canyons and striking landforms. Dinosaur Provincial Park, near",
        True,
    ),
    (
        "00 direct war-related deaths, which includes insurgents, Afghan civilians and government forces. Over ",
        True,
    ),
)


def _judge_description(predict: Callable[[str], Any]) -> None:
    answers = {snippet: call(predict, snippet) for snippet, _ in PRACTICE + UNSEEN}
    for odd in answers.values():
        if not isinstance(odd, bool | np.bool_):
            raise WrongAnswer(
                f"`predict` must return True or False, got {odd!r}; `bool(...)` makes either of most things."
            )
    n_on = sum(on for _, on in UNSEEN)
    hits = sum(answers[text] and on for text, on in UNSEEN)
    alarms = sum(answers[text] and not on for text, on in UNSEEN)
    accuracy = (hits / n_on + 1 - alarms / (len(UNSEEN) - n_on)) / 2
    if accuracy >= 0.7:
        return
    if len(set(answers.values())) == 1:
        raise WrongAnswer(
            f"you say {bool(hits)} to every snippet. Half of them turn the latent on, so this is balanced accuracy 0.5."
        )
    if accuracy < 0.4:
        raise WrongAnswer(
            f"balanced accuracy {accuracy:.2f} is worse than chance; are True and False exchanged?"
        )
    missed = [f"you miss: …{text.strip()}…" for text, on in PRACTICE if on and not answers[text]]
    wrong = [f"it is off in: …{text.strip()}…" for text, on in PRACTICE if answers[text] and not on]
    examples = "; ".join(missed[:1] + wrong[:1])
    raise WrongAnswer(
        f"balanced accuracy {accuracy:.2f} on unseen text: {hits} of {n_on} found, {alarms} false alarms. "
        + (
            f"From the practice snippets: {examples}"
            if examples
            else "On the practice snippets you are right."
        )
    )
