"""What this lab shows of what a notebook claims: a finding is a verdict, not a crash.

A claim is shown, not shown, or too close to call: a comparison whose interval holds the bound would come out the other
way with another seed, or on another machine.
"""

import html
from dataclasses import dataclass
from typing import SupportsFloat

SHOWN, NOT_SHOWN, TOO_CLOSE = "shown", "not shown in this lab", "too close to call"
NOT_CHECKED = "not checked on a smoke budget"


@dataclass(frozen=True)
class Verdict:
    """One claim, what became of it here, and the numbers that decided; `numbers` is empty for a plain yes or no."""

    claim: str
    value: str
    numbers: str = ""

    def __str__(self) -> str:
        return f"{self.value}: {self.claim}" + (f" ({self.numbers})" if self.numbers else "")


class Verdicts(list[Verdict]):
    """The verdicts of a notebook so far; as the last thing in a cell it shows as a table."""

    def record(self, verdict: Verdict) -> None:
        """Append a verdict; a cell that is run again replaces its own."""
        for i, earlier in enumerate(self):
            if earlier.claim == verdict.claim:
                self[i] = verdict
                return
        self.append(verdict)

    @property
    def summary(self) -> str:
        """How many of the claims are shown."""
        return f"{sum(verdict.value == SHOWN for verdict in self)} of {len(self)} claims shown in this lab"

    def __repr__(self) -> str:
        width = max((len(verdict.value) for verdict in self), default=0)
        lines = [f"{v.value:{width}}  {v.claim}" + (f" ({v.numbers})" if v.numbers else "") for v in self]
        return "\n".join([*lines, self.summary])

    def _repr_html_(self) -> str:
        head = "".join(f'<th style="text-align:left">{name}</th>' for name in ("verdict", "claim", "numbers"))
        rows = "".join(
            "<tr>"
            + "".join(
                f'<td style="text-align:left">{html.escape(x)}</td>' for x in (v.value, v.claim, v.numbers)
            )
            + "</tr>"
            for v in self
        )
        return f"<table><tr>{head}</tr>{rows}</table><p>{self.summary}</p>"


def judge(
    found: object, claim: str, *, above: float | None = None, below: float | None = None, margin: float = 0.0
) -> Verdict:
    """The verdict on a claim.

    Args:
        found: whether the claim holds; or, with `above` or `below`, the number that decides: a number, or something with
            an interval of its own, `value`, `low` and `high`, over texts say.
        claim: what is claimed, in words.
        above: the claim holds if the number lies above this.
        below: the claim holds if the number lies below this.
        margin: how far the number may be off, from seed to seed and from machine to machine; it widens an interval.

    Raises:
        TypeError: `claim` is no text, or `found` is not what the other arguments ask for.
    """
    if not isinstance(claim, str):
        raise TypeError(f"claim must be a text, got {claim!r}; the finding comes first: check(found, claim).")
    if (above is None) == (below is None):
        if above is not None or not _is_yes_or_no(found):
            raise TypeError(f"give True or False, or a number with one of above= and below=; got {found!r}.")
        return Verdict(claim, SHOWN if bool(found) else NOT_SHOWN)
    if isinstance(found, SupportsFloat):
        value = low = high = float(found)
        spread = ""
    elif all(hasattr(found, name) for name in ("value", "low", "high")):
        value, low, high = found.value, found.low, found.high
        spread = f" [{low:.3g}, {high:.3g}]"
    else:
        raise TypeError(f"found must be a number or have value, low and high, got {found!r}.")
    low, high = low - margin, high + margin
    bound = above if above is not None else below
    if below is not None:
        low, high, bound = -high, -low, -bound
    # What equals the bound is not above it. Not a number is on neither side.
    called = SHOWN if low > bound else NOT_SHOWN if high <= bound else TOO_CLOSE
    side, asked = ("above", above) if above is not None else ("below", below)
    clear = f" by more than {margin:.3g}" if margin else ""
    return Verdict(claim, called, f"{value:.3g}{spread}, to be {side} {asked:.3g}{clear}")


def _is_yes_or_no(found: object) -> bool:
    """A Python, NumPy or torch boolean; a bare number, NaN too, would otherwise pass for a yes."""
    return isinstance(found, bool) or str(getattr(found, "dtype", "")) in ("bool", "torch.bool")
