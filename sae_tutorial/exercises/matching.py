"""How answers are read and compared: letters, numbers, functions and random draws, the same way in every exercise.

A wrong answer is recognised by what it computes: each exercise lists the mistakes that people make as small
functions, and an answer that agrees with one of them on every input gets that mistake's message. An answer that
agrees with none is shown a small input, what was expected there, and what came.
"""

import inspect
import re
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from fractions import Fraction
from math import isclose, isfinite
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sae_tutorial.exercises.reporting import NotAttempted, WrongAnswer, call, changed, copied

Mistakes = Sequence[tuple[Callable[..., Any], str]]
N_SEEDS = 40


# Choices


def read_choices(answer: Any, known: Collection[str]) -> set[str]:
    """The choices named in an answer: `"a"`, `"(A)"`, `"a, c"`, `"AC"`, `{"a"}`, `["A ", "c"]` or an array of them.

    Upper and lower case, spaces, quotes and hyphens make no difference.

    Raises:
        WrongAnswer: the answer names something that is not among `known`, or is no text at all.
        NotAttempted: there is a None among the choices.
    """
    if isinstance(answer, np.ndarray):
        answer = answer.tolist()
    if isinstance(answer, str):
        answer = [answer]
    if isinstance(answer, Mapping) or not isinstance(answer, Iterable):
        raise WrongAnswer(f"answer in text, with choices out of {_listed(known)}, not {answer!r}.")
    parts = list(answer)
    if any(part is None or part is Ellipsis for part in parts):
        raise NotAttempted
    return {choice for part in parts for choice in _choices_in(part, known)}


def match_choice(answer: Any, right: str, wrong: Mapping[str, str]) -> None:
    """Compare one choice with the right one; `wrong` says of every other choice why it does not fit."""
    chosen = read_choices(answer, [right, *wrong])
    if len(chosen) != 1:
        raise WrongAnswer(f"answer with exactly one of {_listed([right, *wrong])}, not {answer!r}.")
    (choice,) = chosen
    if choice != right:
        raise WrongAnswer(wrong[choice])


def match_choices(answer: Any, right: Mapping[str, str], wrong: Mapping[str, str]) -> None:
    """Compare a set of choices: `right` says of each that belongs to it why, `wrong` of every other why not."""
    chosen = read_choices(answer, [*right, *wrong])
    for choice in sorted(chosen & set(wrong)):
        raise WrongAnswer(wrong[choice])
    for choice in sorted(set(right) - chosen):
        raise WrongAnswer(right[choice])


def _choices_in(text: Any, known: Collection[str]) -> list[str]:
    plain = {_plain(choice): choice for choice in known}
    # The longest first, so that no choice is taken for the beginning of another.
    one = "|".join(map(re.escape, sorted(plain, key=len, reverse=True)))
    several = rf"[(\[{{]*({one})[)\]}}.:]*"
    if isinstance(text, str):
        squeezed = _plain(re.sub(r"\band\b", ",", text.casefold()))
        if re.fullmatch(rf"{several}(?:[,;/&+]?{several})*", squeezed):
            return [plain[found] for found in re.findall(one, squeezed)]
    raise WrongAnswer(f"{text!r} is not one of {_listed(known)}.")


def _plain(text: str) -> str:
    return re.sub(r"[\s'\"`_-]", "", text.casefold())


def _listed(known: Collection[str]) -> str:
    return ", ".join(repr(choice) for choice in sorted(known))


# Numbers


def read_number(name: str, answer: Any) -> float:
    """A number: of Python, NumPy or torch, or as text, such as `"5/2"`.

    Raises:
        WrongAnswer: the answer is none, or not finite. True and False are no numbers here.
    """
    try:
        if isinstance(answer, str):
            value = float(Fraction(answer.strip().replace("−", "-")))
        elif isinstance(answer, bool | np.bool_) or getattr(answer, "dtype", None) == torch.bool:
            raise TypeError
        else:
            value = float(answer.detach() if isinstance(answer, Tensor) else answer)
    except (TypeError, ValueError, RuntimeError, ZeroDivisionError):
        raise WrongAnswer(f"`{name}` must be a number, got {answer!r}.") from None
    if not isfinite(value):
        raise WrongAnswer(f"`{name}` must be a finite number, got {value}.")
    return value


def match_number(
    name: str,
    answer: Any,
    right: float,
    mistakes: Mapping[float, str],
    *,
    digits: int | None = None,
    within: float = 0.0,
    example: str = "",
) -> None:
    """Compare a predicted number with the right one.

    Args:
        name: the variable that the learner set.
        answer: what it was set to.
        right: the right number.
        mistakes: what known wrong numbers are; the one that is nearest to the answer is named.
        digits: a right answer may be rounded, to no fewer than this many digits that count. None: not rounded.
        within: how far off a prediction may be where chance is at work.
        example: a smaller case, worked out, for an answer that is none of the known mistakes.
    """
    value = read_number(name, answer)
    # Who works with rounded steps, 3 · 0.6931, is a little off in digits that nobody asked for.
    by_rounding = 0.002 * abs(right) if digits else 0.0
    if abs(value - right) <= max(within, by_rounding) or _rounds_to(value, right, digits):
        return
    shown = f"{value:.0f}" if value == round(value) else f"{value:.4g}"
    if digits and _rounds_to(value, right, 1):
        raise WrongAnswer(f"`{name}` = {shown} is rounded too far: give {digits} digits that count.")
    rough = 2 if digits or within else None
    wrong = min(mistakes, key=lambda wrong: abs(value - wrong))
    if _rounds_to(value, wrong, rough) or (rough and abs(value - wrong) <= 0.01 * abs(wrong)):
        raise WrongAnswer(f"`{name}` = {shown}: {mistakes[wrong]}")
    size = "small" if value < right else "large"
    raise WrongAnswer(f"`{name}` = {shown} is too {size}.{example and ' ' + example}")


def _rounds_to(value: float, exact: float, digits: int | None) -> bool:
    """Whether `value` is `exact`, as it is or rounded to no fewer than so many digits that count."""
    if isclose(value, exact, rel_tol=1e-6, abs_tol=1e-9):
        return True
    # Halves are rounded either way.
    nudged = [exact * (1 + nudge) for nudge in (-1e-9, 1e-9)]
    return digits is not None and any(
        isclose(value, float(f"{number:.{n}g}"), rel_tol=1e-6) for n in range(digits, 7) for number in nudged
    )


# Functions


def match_function(
    answer: Callable[..., Any],
    reference: Callable[..., Any],
    inputs: Sequence[tuple[Any, ...]],
    mistakes: Mistakes,
    *,
    may_write: bool = False,
) -> None:
    """Compare `answer` with `reference` on every input; name the mistake, or show the first input that differs.

    Args:
        answer: the learner's function.
        reference: the course's; its parameters name the inputs in a message.
        inputs: what both are called with.
        mistakes: wrong functions that people write, each with what to say of it.
        may_write: whether the answer may write into what it is given, as a hook does.
    """
    arguments = inspect.signature(reference).parameters
    right = [read_tensor(reference(*values)) for values in inputs]
    got = [
        read_tensor(call(answer, *values), expected) for values, expected in zip(inputs, right, strict=True)
    ]
    kind = str(got[0].dtype).removeprefix("torch.")
    if right[0].dtype == torch.bool and all(g.shape == r.shape for g, r in zip(got, right, strict=True)):
        got = [_as_booleans(part) for part in got]
    if all(map(_same, got, right)):
        if right[0].dtype == torch.bool and kind != "bool":
            raise WrongAnswer(
                f"the right places are marked, but with numbers ({kind}). Return True and False, which alone are "
                "always read as a mask."
            )
        if not may_write:
            match_untouched(answer, dict(zip(arguments, inputs[0], strict=True)))
        return
    for mistake, message in mistakes:
        if all(map(_same, got, [read_tensor(mistake(*values)) for values in inputs])):
            raise WrongAnswer(message)
    first = next(i for i in range(len(got)) if not _same(got[i], right[i]))
    given = "; ".join(f"{name} = {show(value)}" for name, value in zip(arguments, inputs[first], strict=True))
    digits = 4 if show(got[first]) != show(right[first]) else 9  # what differs must look different
    if got[first].shape != right[first].shape:
        raise WrongAnswer(
            f"your result has shape {list(got[first].shape)}, expected {list(right[first].shape)}, for {given}."
        )
    raise WrongAnswer(f"for {given} expected {show(right[first], digits)}, got {show(got[first], digits)}.")


def match_untouched(answer: Callable[..., Any], inputs: Mapping[str, Any]) -> None:
    """Raises WrongAnswer if the function writes into what it is given: whoever goes on with that would not know."""
    given = {name: copied(value) for name, value in inputs.items()}
    answer(*given.values())
    for name, value in given.items():
        if changed(value, inputs[name]):
            copy = f"{name}.clone()" if isinstance(value, Tensor) else f"copy.deepcopy({name})"
            raise WrongAnswer(
                f"the result is right, but `{name}`, which your function was given, has changed as well, and whoever uses it "
                f"again meets the change. Work on a copy, `{copy}`."
            )


def read_tensor(value: Any, expected: Tensor | None = None) -> Tensor:
    """A result as a tensor: tensors, arrays, numbers, or lists of them.

    Raises:
        WrongAnswer: it is something else, or the pair that `max`, `topk` and `sort` return; `expected` tells what
            shape was wanted.
    """
    if isinstance(value, tuple) and hasattr(value, "indices"):
        shape = "" if expected is None else f" of shape {list(expected.shape)}"
        raise WrongAnswer(
            f"your function returns a pair: `{type(value).__name__}` gives values and places, `.values` and "
            f"`.indices`. One tensor{shape} is needed."
        )
    try:
        return _to_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        words = " ".join(repr(value).split())
        words = words if len(words) <= 80 else f"{words[:80]} ..."
        raise WrongAnswer(
            f"your function returns {type(value).__name__} {words}, not a tensor or number."
        ) from None


def show(value: Any, digits: int = 4) -> str:
    """A value for a message: tensors as nested lists, fractions to that many digits, the rest as Python shows it."""
    if isinstance(value, Tensor | np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return f"[{', '.join(show(part, digits) for part in value)}]"
    # + 0.0 turns -0.0 into 0.0
    return f"{value + 0.0:.{digits}g}" if isinstance(value, float) else repr(value)


def _to_tensor(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, list | tuple):
        return torch.stack([_to_tensor(part) for part in value]) if value else torch.zeros(0)
    if isinstance(value, Fraction):
        return torch.tensor(float(value))
    return torch.as_tensor(np.array(value, order="C"))


def _as_booleans(value: Tensor) -> Tensor:
    """A mask of ones and zeros as True and False; anything else as it is."""
    return value.bool() if bool(((value == 0) | (value == 1)).all()) else value


def _same(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or (one.dtype == torch.bool) != (other.dtype == torch.bool):
        return False
    if not other.numel():
        return True
    # Small numbers must agree in their first digits as well.
    nearly = 1e-5 * min(1.0, max(1e-3, float(other.double().nan_to_num().abs().max())))
    return torch.allclose(one.double(), other.double(), rtol=1e-4, atol=nearly, equal_nan=True)


# Random draws


def match_draws(draw: Callable[[int], Hashable], n_possible: int) -> None:
    """`draw(seed)` must be the same when repeated, and as different between seeds as `n_possible` draws allow."""
    seeds = range(N_SEEDS)
    drawn = [draw(seed) for seed in seeds]
    # In the other order, so that a generator which simply goes on is found out.
    again = [draw(seed) for seed in reversed(seeds)][::-1]
    if drawn != again:
        raise WrongAnswer(
            "two calls with the same seed draw differently, so nobody can repeat the result. Draw from a generator "
            "made with `seed`, such as np.random.default_rng(seed)."
        )
    n_drawn, expected = len(set(drawn)), n_possible * (1 - (1 - 1 / n_possible) ** N_SEEDS)
    if n_drawn == 1:
        raise WrongAnswer(f"every seed gives the same draw, {drawn[0]}: use `seed`, and draw at random.")
    if n_drawn < 0.6 * expected:
        raise WrongAnswer(
            f"{N_SEEDS} seeds give only {n_drawn} different draws, where chance would give about {expected:.0f}: draw "
            "each one at random, instead of moving along by a fixed rule. (A generator that is made anew inside a loop "
            "gives the same order every time, too.)"
        )
