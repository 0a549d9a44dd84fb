"""The check of notebook 01 for interference in a pentagon: one feature on, and two whose arrows nearly cancel."""

from typing import Any

from sae_tutorial.exercises.matching import match_number
from sae_tutorial.exercises.reporting import Exercise


def check_pentagon(neighbour: float | None, c_back: float | None, e_back: float | None) -> None:
    """Exercise 1.4: what a pentagon of unit arrows without a bias rebuilds with C on, and with C and B on."""
    exercise = Exercise(
        "1.4",
        "put a number in place of each None.",
        "the angles in the table of 'The price: interference'; its readings are of longer arrows, and with a bias",
        "you can predict interference from angles alone: far arrows cancel, and what is left of them points at a feature that is off.",
    )
    exercise.check(_judge_pentagon, neighbour, c_back, e_back)


def _judge_pentagon(neighbour: Any, c_back: Any, e_back: Any) -> None:
    match_number(
        "neighbour",
        neighbour,
        0.3090169943749474,
        {
            0.9510565162951535: "that is the sine of 72°; how far one arrow points along another is the cosine.",
            -0.8090169943749475: "that is the cosine of 144°, the angle to the far arrows.",
            0.0: "arrows at right angles would read 0; these are 72° apart.",
            1.0: "that is what C reads for itself.",
            0.1: "that is the trained pentagon of the table, with its bias; here arrows have length 1, and there is no bias.",
            0.4: "that is the trained pentagon of the table, whose arrows are longer; here they have length 1.",
            0.2: "the circle is shared out evenly, but the reading is the cosine of the angle.",
            -0.9672505882738824: "that is the cosine of 72 radians; turn degrees into radians first.",
        },
        digits=2,
    )
    match_number(
        "c_back",
        c_back,
        0.19098300562505255,
        {
            1.0: "that is C with B off. B is on too, and its arrow points away from C's.",
            1.8090169943749475: "the cosine of 144° is negative: B lowers what is read for C.",
            -0.8090169943749475: "that is what B adds to the reading of C; C's own part of it is 1.",
            0.8090169943749475: "that is how much B takes away from the reading of C, which would be 1 without it.",
            0.0: "B takes away 0.81 of the reading of C, and not all of it. (A bias would take the rest.)",
            1.3090169943749475: "B is no neighbour of C: the angle between their arrows is 144°.",
            0.6180339887498949: "that is E, which lies between them.",
            0.41221474770752686: "that is 1 less the sine of 144°; the reading is the cosine.",
        },
        digits=2,
    )
    match_number(
        "e_back",
        e_back,
        0.6180339887498949,
        {
            0.3090169943749474: "that is what C alone adds. B is as near to E as C is, and adds as much.",
            0.0: "E is off, but it is 72° from C and from B: it reads a part of each.",
            0.19098300562505255: "that is C itself.",
            -0.5: "that is the reading of A or D, which have only one of the two as a neighbour; E lies between them.",
            1.6180339887498949: "E is off, so its own part of the reading is 0.",
            0.09549150281252627: "the two readings add up; they are not multiplied.",
        },
        digits=2,
    )
