"""What a run trains on: rows and targets that were checked, in units in which Adam's steps mean the same everywhere.

Adam's steps are about as long as the learning rate whatever the size of the gradient, so one rate suits all models and
hooks only if the rows are brought to one size: their mean norm becomes √d, as if every coordinate were about 1. When
training is over, the scale is folded into the weights, and the coder takes raw rows.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from sae_tutorial.activations.batches import shuffled_batches
from sae_tutorial.activations.store import Activations, ActivationStore, as_rows, iterate_batches, spaced_rows
from sae_tutorial.sae.coder import SparseAutoencoder
from sae_tutorial.sae.config import TrainConfig
from sae_tutorial.sae.metrics import check_target, check_width

STATISTICS_ROWS, VALIDATION_ROWS = 32_768, 8_192


@dataclass(frozen=True)
class Units:
    """The units in which a run sees its rows: x̃ = scale · (x − shift), ỹ = target_scale · y.

    Attributes:
        shift: [d_in], the mean of x for a transcoder; an autoencoder learns it as b_dec, and has 0 here.
        scale: √d_in over the mean norm of x − shift.
        target_scale: √d_out over the mean norm of y − ȳ for a transcoder, which starts at ȳ; else `scale`.
        target_mean: [d_out], the mean of ỹ, where b_dec starts.
        target_variance: of ỹ, per element.
        target_distance: median distance of ỹ from its mean.
    """

    shift: Float[Tensor, " d_in"]
    scale: float
    target_scale: float
    target_mean: Float[Tensor, " d_out"]
    target_variance: float
    target_distance: float

    @classmethod
    def of(
        cls,
        activations: Activations,
        target: Activations | None = None,
        kept: Int[np.ndarray, " rows"] | None = None,
    ) -> Self:
        """Measured on up to 32,768 evenly spaced rows of those that are kept; without a target, for an autoencoder.

        Raises:
            ValueError: every row is zero.
        """
        is_transcoder = target is not None
        sources = (activations, target if is_transcoder else activations)
        x, y = (spaced_rows(rows, STATISTICS_ROWS, kept).cpu().double() for rows in sources)
        shift = x.mean(0) if is_transcoder else torch.zeros_like(x[0])
        offsets = (shift, y.mean(0)) if is_transcoder else (0.0, 0.0)
        norms = [float((r - off).norm(dim=1).mean()) for r, off in zip((x, y), offsets, strict=True)]
        if not all(norms):
            what = "all rows, or all targets, are alike" if is_transcoder else "all activations are zero"
            raise ValueError(f"{what}; there is nothing to learn.")
        scale, target_scale = x.shape[1] ** 0.5 / norms[0], y.shape[1] ** 0.5 / norms[1]
        centred = (y - y.mean(0)) * target_scale
        return cls(
            shift.float(), scale, target_scale, (y.mean(0) * target_scale).float(),
            float(centred.pow(2).mean()), float(centred.norm(dim=1).median()),
        )  # fmt: skip

    def enter(self, coder: SparseAutoencoder) -> None:
        """Turn a coder of raw rows into one of rows in these units.

        A new one, whose biases are zero, is taken as drawn for them: in raw units the length of a transcoder's
        encoder rows would mean nothing.
        """
        if not coder.b_enc.any() and not coder.b_dec.any():
            return
        coder.change_units(-self.scale * self.shift, 1 / self.scale, 1 / self.target_scale)

    def leave(self, coder: SparseAutoencoder) -> None:
        """And back."""
        coder.change_units(self.shift, self.scale, self.target_scale)


@dataclass(frozen=True)
class Inputs:
    """Rows to train on, rows to validate on, and their units.

    Attributes:
        activations: what is read.
        target: what a transcoder is to write; None for an autoencoder.
        validation: up to 8,192 held-out rows and their targets, or None.
        kept: the rows that training sees; None for all.
        units: their units.
    """

    activations: Activations
    target: Activations | None
    validation: tuple[Float[Tensor, "rows d_in"], Float[Tensor, "rows d_out"]] | None
    kept: Int[np.ndarray, " rows"] | None
    units: Units

    @classmethod
    def of(
        cls,
        coders: Sequence[SparseAutoencoder],
        activations: Activations,
        target: Activations | None,
        validation: Activations | tuple[Activations, Activations] | None,
        config: TrainConfig,
    ) -> Self:
        """Check everything before anything is changed.

        Raises:
            TypeError: rows of another kind than `store.as_rows` takes.
            ValueError: other widths, no rows, a missing target, NaN or infinity, or zeros throughout.
        """
        held_x, held_y = validation if isinstance(validation, tuple) else (validation, None)
        for coder in coders:
            activations = check_width(coder, activations)
            y = check_target(coder, activations, target)
            target = None if target is None else y
            if held_x is not None:
                held_x = check_width(coder, held_x)
                held_out = held_x, check_target(coder, held_x, held_y)
        check_finite("activations", activations)
        for name, rows in (("target", target), ("validation", held_x), ("validation's target", held_y)):
            if rows is not None:
                check_finite(name, rows)
        kept = ordinary_rows([activations] if target is None else [activations, y], config.norm_limit)
        some = held_x is not None and tuple(spaced_rows(rows, VALIDATION_ROWS) for rows in held_out)
        return cls(activations, target, some or None, kept, Units.of(activations, target, kept))

    @property
    def n_left_out(self) -> int:
        """Rows that training does not see."""
        return 0 if self.kept is None else len(self.activations) - len(self.kept)

    @contextmanager
    def in_units(self, coders: Sequence[SparseAutoencoder]) -> Iterator[None]:
        """Inside, the coders take rows in the units of the run; afterwards raw rows again."""
        for coder in coders:
            self.units.enter(coder)
        try:
            yield
        finally:
            for coder in coders:
                self.units.leave(coder)

    def batches(
        self, config: TrainConfig, steps: range, device: torch.device, share: slice = slice(None)
    ) -> Iterator[tuple[Float[Tensor, "batch d_in"], Float[Tensor, "batch d_out"] | None]]:
        """The batches of these steps in the units of the run; no target for an autoencoder."""
        is_transcoder = self.target is not None
        sources = [self.activations, self.target] if is_transcoder else [self.activations]
        for batch in shuffled_batches(sources, config.batch_size, steps, config.seed, share, self.kept):
            yield self.scaled(batch[0].to(device), batch[1].to(device) if is_transcoder else None)

    def scaled(self, x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Rows, and targets if there are any, in the units of the run."""
        units = self.units
        if y is None:
            return x * units.scale, None
        return (x - units.shift.to(x.device)) * units.scale, y * units.target_scale


def ordinary_rows(sources: Sequence[Activations], limit: float | None) -> Int[np.ndarray, " rows"] | None:
    """The rows that are in every source at most `limit` times as long as its median row; None for all."""
    if limit is None:
        return None
    ordinary = np.ones(len(sources[0]), dtype=bool)
    for source in sources:
        norms = torch.cat([rows.norm(dim=1).cpu() for rows in iterate_batches(source, 65_536)])
        ordinary &= (norms <= limit * norms.median()).numpy()
    return None if ordinary.all() else np.flatnonzero(ordinary)


def check_finite(name: str, activations: Activations) -> None:
    """Raise ValueError if a tensor of activations holds NaN or infinity. A store was checked when written."""
    if isinstance(activations, ActivationStore):
        return
    for first, batch in enumerate(iterate_batches(as_rows(name, activations), 65_536)):
        bad = (~torch.isfinite(batch)).any(dim=1).nonzero()
        if len(bad):
            row = first * 65_536 + int(bad[0])
            raise ValueError(
                f"{name}[{row}] holds NaN or infinity, as do {len(bad) - 1} other rows near it; drop them."
            )
