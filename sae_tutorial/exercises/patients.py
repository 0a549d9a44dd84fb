"""Checks for the clinic of notebook 06: diagnose patients and repair two of them; a repair is tried in training."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from sae_tutorial.exercises import clinic
from sae_tutorial.exercises.matching import match_choice, read_tensor, show
from sae_tutorial.exercises.reporting import Exercise, NotAttempted, WrongAnswer, call


def check_first_diagnosis(diagnosis: str | None) -> None:
    """Exercise 6.2: what is wrong with patient 1."""
    exercise = Exercise(
        "6.2 (diagnosis)",
        "replace None by a letter.",
        "the table of patient 1, and the two tests that you can order",
        "the rows are far too small: the squared error shrinks with the square of their size, the penalty only in "
        "proportion, so the same λ weighs 33 times more and silence is the cheapest answer. Now the repair.",
    )
    wrong = {
        "a": "λ is the same in the healthy run and in the patient, so λ alone cannot be the difference. A smaller one "
        "would treat this layer only. Look for a number that differs before anything was learned.",
        "b": "the healthy run has the same rate and learns, and at a tenth of it the patient falls silent all the same, "
        "only later. Look for what differs before anything was learned.",
        "d": "the decoder rows have norm 1, as in the healthy run.",
        "e": "L0 and error have settled long before the end of the run; more steps repeat what is there.",
    }
    exercise.check(lambda answer: match_choice(answer, "c", wrong), diagnosis)


def check_first_repair(prepare: clinic.Prepare) -> None:
    """Exercise 6.2: `prepare(rows)`, what should happen to the rows before training. Trains a small SAE."""
    exercise = Exercise(
        "6.2 (repair)",
        "write the body of `prepare`.",
        "the section 'Scale and mean' of notebook 05",
        "the patient speaks again. When L0 collapses on a new layer, look at the norm of the rows before you touch λ.",
    )
    exercise.check(_judge_first_repair, prepare)


def check_second_diagnosis(diagnosis: str | None) -> None:
    """Exercise 6.3: what is wrong with patient 2."""
    exercise = Exercise(
        "6.3 (diagnosis)",
        "replace None by a letter.",
        "the table of patient 2, and the two tests that you can order",
        "the decoder rows grew, so a smaller f does the same work: the L1 norm falls while more latents are on, and the "
        "same λ weighs less and less. A lower loss of this kind is not a better SAE. Now the repair.",
    )
    wrong = {
        "a": "λ is the same as in the healthy run. And the healthy run at half the λ has a *larger* L1 norm, where "
        "the patient's is less than half of the healthy one.",
        "b": "the rows have the same mean norm as in the healthy run.",
        "c": "rows in the order of a corpus make the error jump where the subject changes. Here the curve is smooth "
        "and the held-out score is not worse.",
        "e": "a rate that is too high switches latents off and lets the error settle above the healthy run's; here L0 "
        "rises and the error is lower.",
    }
    exercise.check(lambda answer: match_choice(answer, "d", wrong), diagnosis)


def check_second_repair(after_step: clinic.AfterStep) -> None:
    """Exercise 6.3: `after_step(W_dec)`, what should happen to the decoder after each step. Trains a small SAE."""
    exercise = Exercise(
        "6.3 (repair)",
        "write the body of `after_step`.",
        "the drawing of one training step, its last station",
        "λ prices every activation again. Print the norm of the decoder rows before you compare two losses.",
    )
    exercise.check(_judge_second_repair, after_step)


_CAUSES = {"A": "c", "B": "a", "C": "b", "D": "d", "E": "e"}
_WARD_CLUES = {
    "A": "its loss hardly moves, and neither does L0: whatever it does, it does it too slowly.",
    "B": "its L0 is nearly zero, and it explains less than the mean row would: being silent was cheaper than "
    "reconstructing.",
    "C": "its error is small and its L0 is many times the healthy one's: nothing made it choose.",
    "D": "its error goes up and down in waves that come again: what it sees changes with the time.",
    "E": "its error and its L0 end below the healthy run's, at the same λ and rate, and its held-out score is higher. So "
    "its rows were easier. Ask what it was trained and scored on.",
}


def check_symptoms(causes: dict[str, str] | None) -> None:
    """Exercise 6.6: `causes`, the letter of a cause for each of the patients A to E."""
    exercise = Exercise(
        "6.6",
        "give every patient, A to E, a letter from a to e.",
        "the section 'My run is sick'",
        "you read a sick run from four numbers: loss, L0, smoothness, and a score beside its control.",
    )
    exercise.check(_judge_symptoms, causes)


def _judge_symptoms(causes: Any) -> None:
    _match_causes(causes)
    copies, fresh = (
        run.numbers["explained variance"] for run in (clinic.ward()["E"], clinic.second_opinion())
    )
    print(f"E explains {copies:.2f} of its copies, and {fresh:.2f} of rows that it has not seen.")


def _match_causes(causes: Any) -> None:
    if not isinstance(causes, dict):
        causes = dict(zip(_CAUSES, causes, strict=True)) if np.shape(causes) == (len(_CAUSES),) else None
    if causes is None or {str(name).strip().upper() for name in causes} != set(_CAUSES):
        raise WrongAnswer("a dictionary is needed with a letter for each of A, B, C, D and E.")
    given = {str(name).strip().upper(): letter for name, letter in causes.items()}
    if any(letter is None or letter is Ellipsis for letter in given.values()):
        raise NotAttempted(" Some patients have none yet.")
    for name, right in _CAUSES.items():
        match_choice(
            given[name],
            right,
            dict.fromkeys("abcde".replace(right, ""), f"look again at {name}: {_WARD_CLUES[name]}"),
        )


def _judge_first_repair(prepare: Any) -> None:
    # Of unequal norms and with a mean, so that what changes either is seen.
    generator = torch.Generator().manual_seed(0)
    rows = 0.1 * torch.rand(64, 1, generator=generator) * (torch.randn(64, 16, generator=generator) + 0.5)
    out = _same_shape(call(prepare, rows), rows)
    norms = out.norm(dim=1)
    mean_norm = float(norms.mean())
    if torch.allclose(norms, norms[:1].expand_as(norms), rtol=1e-3):
        raise WrongAnswer(
            "every row comes out with the same norm: how strong a row was is lost, and with it part of what is to be "
            "reconstructed. Multiply all rows by one number."
        )
    if torch.allclose(out, rows):
        raise WrongAnswer("the rows are unchanged.")
    if not torch.allclose(out, rows * (mean_norm / float(rows.norm(dim=1).mean())), atol=1e-4):
        raise WrongAnswer(
            "the rows are not multiplied by one number, so their mean or the proportions of their dimensions change. "
            "The SAE would learn another space than the model's; b_dec takes care of the mean."
        )
    if not torch.allclose(_same_shape(call(prepare, 10 * rows), rows), out, rtol=1e-3):
        raise WrongAnswer(
            f"rows with d_in = 16 and a mean norm of {float(rows.norm(dim=1).mean()):.3f} come out at {mean_norm:.3f}, "
            "and rows ten times as large come out at another norm. Compute the factor from the rows: it differs from "
            "layer to layer."
        )
    if abs(mean_norm - 1) < 0.05 or abs(float(norms.pow(2).mean().sqrt()) - 1) < 0.05:
        raise WrongAnswer(
            "the mean norm is about 1; it should be √d_in. At norm 1 a wide layer is as silent as before."
        )
    # By the root mean square or the standard deviation of the elements rows come out near enough.
    for part in (rows, rows[:, :4]):
        mean_norm, d_in = float(_same_shape(call(prepare, part), part).norm(dim=1).mean()), part.shape[1]
        if not 0.7 < mean_norm / d_in**0.5 < 1.4:
            raise WrongAnswer(
                f"the mean norm of rows with d_in = {d_in} becomes {mean_norm:.3f}; √d_in is {d_in**0.5:.3f}. s is √d_in "
                "over the mean norm of the rows."
            )
    _improved(*_retrained(clinic.retrain_first, prepare))


def _improved(before: clinic.Run, after: clinic.Run) -> None:
    ev, l0 = after.numbers["explained variance"], after.numbers["L0"]
    was = {name: round(value, 2) + 0.0 for name, value in before.numbers.items()}
    print(
        f"retrained: explained variance {was['explained variance']:.2f} -> {ev:.2f}, L0 {was['L0']:.1f} -> {l0:.1f}"
    )
    if not (ev > 0.7 and 1 < l0 < 6):
        raise WrongAnswer(
            f"retrained with your repair, it ends at explained variance {ev:.2f} and L0 {l0:.1f}."
        )


def _judge_second_repair(after_step: Any) -> None:
    W_dec = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, -2.0]])
    out = _same_shape(call(after_step, W_dec), W_dec)
    norms = out.norm(dim=1)
    if torch.allclose(out, W_dec):
        raise WrongAnswer("the decoder is unchanged.")
    if torch.allclose(out, normalize(W_dec, dim=0)):
        raise WrongAnswer("columns (dim=0) were brought to norm 1; a latent's direction is a row, dim=1.")
    if torch.allclose(out, W_dec / W_dec.norm()):
        raise WrongAnswer("the whole matrix was brought to norm 1; each row has to be.")
    if torch.allclose(out, W_dec / W_dec.norm(dim=1).mean()):
        raise WrongAnswer(
            "you divided by the mean norm, so long rows stay longer than others; each row has to have norm 1."
        )
    if torch.allclose(out, W_dec / W_dec.norm(dim=1, keepdim=True).clamp(min=1)):
        raise WrongAnswer(
            "rows longer than 1 are cut, shorter ones stay. Under an L1 penalty rows grow, so this mends the patient, "
            "but a row left short makes its f look larger than others'; set every row to norm 1."
        )
    if torch.allclose(out, W_dec / W_dec.pow(2).sum(1, keepdim=True)):
        raise WrongAnswer("you divided by the squared norm; divide by the norm.")
    if torch.allclose(out, W_dec / W_dec.abs().sum(1, keepdim=True)):
        raise WrongAnswer(
            "you divided by the sum of absolute values; the norm is the root of the sum of squares."
        )
    if not torch.allclose(norms, torch.ones_like(norms), atol=1e-3):
        raise WrongAnswer(
            f"for W_dec = [[3, 4], [0.3, 0.4], [0, -2]] the norms become {show(norms)}; each should be 1."
        )
    if not torch.allclose(out, normalize(W_dec, dim=1), atol=1e-3):
        raise WrongAnswer("the norms are 1 but the directions changed; only the length of a row may change.")
    _improved(*_retrained(clinic.retrain_second, after_step))


def _retrained(
    retrain: Callable[..., tuple[clinic.Run, clinic.Run]], repair: Any
) -> tuple[clinic.Run, clinic.Run]:
    return retrain(lambda value: _same_shape(call(repair, value), value))


def _same_shape(value: Any, like: Tensor) -> Tensor:
    result = read_tensor(value, like)
    if result.shape != like.shape:
        raise WrongAnswer(
            f"the result must have the shape of what goes in, {list(like.shape)}, got {list(result.shape)}."
        )
    return result.float()
