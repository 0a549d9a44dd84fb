"""How an exercise answers: one line that says where the learner stands.

    not attempted      the stub is still there; says what to do and lets the notebook run on
    not right yet      names the mistake and where to look
    stopped            the learner's code raised an exception; shows it
    right              says what the answer lets the learner do

What is right and what is wrong is decided in `matching`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from sae_tutorial.exercises.solved import remember


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
            remember(self.number)
            print(f"Exercise {self.number} right: {self.reward}")


def call(function: Callable[..., Any], *inputs: Any) -> Any:
    """Run the learner's function on copies of the inputs."""
    if not callable(function):
        raise WrongAnswer(f"a function is needed, got {function!r}.")
    given = [copied(value) for value in inputs]
    try:
        result = function(*given)
    except NotImplementedError as error:
        raise NotAttempted from error
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "").rstrip(".")
        shapes = ", ".join(_in_short(value) for value in inputs)
        raise LearnerError(f"{type(error).__name__}: {reason}. It was called with {shapes}.") from error
    if result is None and any(map(changed, given, inputs)):
        raise WrongAnswer(
            "your function changes what it is given, and returns nothing: the last line is missing, `return` and what "
            "was changed."
        )
    if result is None or result is Ellipsis:
        raise NotAttempted(" So far your function returns nothing.")
    return result


def copied(value: Any) -> Any:
    """The learner's code may change what it is given; the examples stay as they are."""
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return type(value)(map(copied, value)) if isinstance(value, list | tuple) else value


def changed(value: Any, before: Any) -> bool:
    """Whether a tensor or an array was written into, or a list or a dictionary has other contents."""
    if type(value) is not type(before):
        return True
    if isinstance(value, dict):
        return value.keys() != before.keys() or any(changed(value[key], before[key]) for key in value)
    if isinstance(value, list | tuple):
        return len(value) != len(before) or any(map(changed, value, before))
    if not isinstance(value, Tensor | np.ndarray):
        return isinstance(value, int | float | str) and value != before
    arrays = [
        np.asarray(part.detach().cpu() if isinstance(part, Tensor) else part) for part in (value, before)
    ]
    return not np.array_equal(*arrays, equal_nan=arrays[0].dtype.kind == "f")


def _in_short(value: Any) -> str:
    if isinstance(value, Tensor | np.ndarray):
        return f"{'a tensor' if isinstance(value, Tensor) else 'an array'} {list(value.shape)}"
    return f"a list of {len(value)}" if isinstance(value, list) else repr(value)
