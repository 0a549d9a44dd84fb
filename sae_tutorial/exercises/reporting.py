"""How an exercise answers: one line that says where the learner stands.

    not attempted      the stub is still there; says what to do and lets the notebook run on
    not right yet      names the mistake and where to look
    stopped            the learner's code raised an exception; shows it
    right              says what the answer lets the learner do

A wrong answer is recognised by what it computes: each exercise lists the mistakes that people make as small
functions, and an answer that agrees with one of them on every input gets that mistake's message.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Mistakes = Sequence[tuple[Callable[..., Any], str]]


class NotAttempted(Exception):
    """The answer is still the stub; the message says more, if there is more to say."""


class LearnerError(Exception):
    """The learner's code raised an exception; the message tells which, and on what input."""


class WrongAnswer(Exception):
    """The answer is wrong; the message names the mistake."""


@dataclass(frozen=True)
class Exercise:
    """One exercise: its number, what to do, where to look when stuck, and what the right answer is good for."""

    number: str
    todo: str
    where: str
    reward: str

    def check(self, judge: Callable[..., None], *answers: Any) -> None:
        """Print the one line. `judge(*answers)` returns if all is right and raises one of the three above if not."""
        try:
            if any(answer is None or answer is Ellipsis for answer in answers):
                raise NotAttempted
            judge(*answers)
        except NotAttempted as more:
            print(f"Exercise {self.number} not attempted: {self.todo}{more}")
        except LearnerError as error:
            print(f"Exercise {self.number} stopped: your code raised {error}")
        except WrongAnswer as mistake:
            print(f"Exercise {self.number} not right yet: {mistake} Where to look: {self.where}.")
        except Exception as error:  # an answer of a kind that no check expects must not stop the notebook
            print(
                f"Exercise {self.number} stopped: this answer cannot be read ({type(error).__name__}: {error})."
            )
        else:
            print(f"Exercise {self.number} right: {self.reward}")


def call(function: Callable[..., Any], *inputs: Any) -> Any:
    """Run the learner's function on copies of the inputs."""
    if not callable(function):
        raise WrongAnswer(f"a function is needed, got {function!r}.")
    try:
        result = function(*[value.clone() if isinstance(value, Tensor) else value for value in inputs])
    except NotImplementedError as error:
        raise NotAttempted from error
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "").rstrip(".")
        shapes = ", ".join(_in_short(value) for value in inputs)
        raise LearnerError(f"{type(error).__name__}: {reason}. It was called with {shapes}.") from error
    if result is None or result is Ellipsis:
        raise NotAttempted(" So far your function returns nothing.")
    return result


def match_function(
    answer: Callable[..., Any],
    reference: Callable[..., Any],
    inputs: Sequence[tuple[Any, ...]],
    mistakes: Mistakes,
) -> None:
    """Compare `answer` with `reference` on every input; name the mistake, or show the first input that differs."""
    got = [_tensor(call(answer, *values)) for values in inputs]
    right = [_tensor(reference(*values)) for values in inputs]
    if all(map(_same, got, right)):
        return
    for mistake, message in mistakes:
        if all(map(_same, got, [_tensor(mistake(*values)) for values in inputs])):
            raise WrongAnswer(message)
    first = next(i for i in range(len(got)) if not _same(got[i], right[i]))
    arguments = inspect.signature(reference).parameters
    given = "; ".join(f"{name} = {show(value)}" for name, value in zip(arguments, inputs[first], strict=True))
    digits = 4 if show(got[first]) != show(right[first]) else 9  # what differs must look different
    if got[first].shape != right[first].shape:
        raise WrongAnswer(
            f"your result has shape {list(got[first].shape)}, expected {list(right[first].shape)}, for {given}."
        )
    raise WrongAnswer(f"for {given} expected {show(right[first], digits)}, got {show(got[first], digits)}.")


def match_number(
    name: str, answer: Any, right: float, mistakes: Mapping[float, str], tolerance: float = 0
) -> None:
    """Compare a predicted number with the right one; `mistakes` maps known wrong numbers to what led to them."""
    try:
        value = float(answer)
    except (TypeError, ValueError):
        raise WrongAnswer(f"`{name}` must be a number, got {answer!r}.") from None
    if abs(value - right) <= tolerance:
        return
    for wrong, message in mistakes.items():
        if abs(value - wrong) <= (0.02 * abs(wrong) if tolerance else 0):
            raise WrongAnswer(f"`{name}` = {value:g}: {message}")
    raise WrongAnswer(f"`{name}` = {value:g} is too {'small' if value < right else 'large'}.")


def match_choice(answer: Any, right: str, wrong: Mapping[str, str]) -> None:
    """Compare a chosen letter, in either case; `wrong` says of every other choice why it does not fit."""
    answer = answer.strip().strip("()").lower() if isinstance(answer, str) else answer
    if answer == right:
        return
    if isinstance(answer, str) and answer in wrong:
        raise WrongAnswer(wrong[answer])
    choices = ", ".join(repr(choice) for choice in sorted([right, *wrong]))
    raise WrongAnswer(f"answer with one of {choices}, not {answer!r}.")


def show(value: Any, digits: int = 4) -> str:
    """A value for a message: tensors as nested lists, fractions to that many digits, the rest as Python shows it."""
    if isinstance(value, Tensor):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return f"[{', '.join(show(part, digits) for part in value)}]"
    return (
        f"{value + 0.0:.{digits}g}" if isinstance(value, float) else repr(value)
    )  # + 0.0 turns -0.0 into 0.0


def _tensor(value: Any) -> Tensor:
    if isinstance(value, tuple) and hasattr(value, "indices"):
        name = type(value).__name__
        raise WrongAnswer(f"{name} gives values and places; scatter the values into zeros at `.indices`.")
    try:
        return torch.as_tensor(value).detach()
    except (TypeError, ValueError, RuntimeError):
        raise WrongAnswer(
            f"your function returns {type(value).__name__} {_one_line(value)}, not a tensor or number."
        ) from None


def _same(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or (one.dtype == torch.bool) != (other.dtype == torch.bool):
        return False
    return torch.allclose(one.double(), other.double(), rtol=1e-4, atol=1e-5, equal_nan=True)


def _one_line(value: Any) -> str:
    words = " ".join(repr(value).split())
    return words if len(words) <= 80 else f"{words[:80]} ..."


def _in_short(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor {list(value.shape)}"
    return f"a list of {len(value)}" if isinstance(value, list) else repr(value)
