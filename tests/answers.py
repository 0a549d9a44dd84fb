"""Ways to write one and the same answer, and what a check says to it."""

import contextlib
import io
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from sae_tutorial import exercises

Right = list[tuple[str, tuple]]  # a check and answers that are right
Wrong = list[tuple[str, tuple, str]]  # a check, wrong answers, and words of the message they should get


def said(check: Callable[..., None] | str, *answers: Any) -> str:
    """What a check prints; it returns nothing."""
    check = getattr(exercises, f"check_{check}") if isinstance(check, str) else check
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert check(*answers) is None
    return printed.getvalue()


def last_line(printed: str) -> str:
    """The line of the exercise, without what a repair prints about its training run."""
    return printed.splitlines()[-1]


def ways_to_choose(*choices: str) -> list[Any]:
    """The same choices as text, set, list, tuple and array, in either case, with spaces and brackets."""
    low, high = [choice.lower() for choice in choices], [choice.upper() for choice in choices]
    spaced = [f" {choice} " for choice in choices]
    ways: list[Any] = [set(low), high, tuple(spaced), frozenset(high), np.array(choices)]
    ways += [", ".join(low), "; ".join(high), " and ".join(choices), f"({', '.join(choices)})", f"{set(low)}"]
    return [*ways, f" {low[0]}", f"({high[0]})", f"{low[0]}."] if len(choices) == 1 else ways


def ways_to_count(value: float) -> list[Any]:
    """The same number in Python, NumPy and torch, and as text."""
    as_float = [float(value), np.float64(value), np.array(value), torch.tensor(value, dtype=torch.float64)]
    as_text = [f"{float(value)} ", str(Fraction(value).limit_denominator(10**6))]
    as_integer = [int(value), np.int64(value), torch.tensor(int(value))] if value == int(value) else []
    return [
        *as_float,
        *as_text,
        *as_integer,
        np.float32(value),
        torch.tensor(float(value), requires_grad=True),
    ]


def ways_to_return(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """The same function with its result as a tensor in double precision, an array, a list, and with a gradient."""

    def result(*inputs: Any) -> torch.Tensor:
        return torch.as_tensor(function(*inputs))

    def with_gradient(*inputs: Any) -> torch.Tensor:
        value = result(*inputs)
        return value.requires_grad_() if value.is_floating_point() else value

    def in_double(*inputs: Any) -> torch.Tensor:
        value = result(*inputs)
        return value.double() if value.is_floating_point() else value

    return [
        function,
        in_double,
        with_gradient,
        lambda *inputs: result(*inputs).numpy(),
        lambda *inputs: result(*inputs).tolist(),
    ]
