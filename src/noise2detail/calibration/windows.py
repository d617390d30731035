"""Which parts of the images a filter is judged on: few enough to be quick, from the flattest to the busiest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.calibration.j_invariance import Filling, Sample
from noise2detail.types import Pixels

Valid = NDArray[np.bool_]
"""True where a pixel is data."""

ENOUGH_DATA = 0.5
"""Share of a window that must be data, where there are windows with so much."""


@dataclass(frozen=True)
class Effort:
    """How much a filter is judged on."""

    side: int
    """Of a window, in pixels."""
    count: int
    """Windows."""

    @property
    def pixels(self) -> int:
        """At most."""
        return self.side**2 * self.count


QUICK = Effort(256, 4)
"""For a filter that takes some ten milliseconds for these pixels."""

FRUGAL = Effort(128, 4)
"""For a filter that takes longer."""


def choose_samples(
    planes: Sequence[Pixels], valid: Sequence[Valid], effort: Effort, filling: Filling
) -> tuple[Sample, ...]:
    """Whole planes if they are small enough together; else windows, from the flattest to the busiest in equal steps.

    Squares chosen by place alone would all fall on the background of a sparse image, those with the highest variance
    all on its brightest cell. Only what holds data is taken; nothing if there is none.

    Parameters
    ----------
    planes
        One channel of each image; only what is chosen is copied.
    valid
        True where a pixel is data, for each plane.
    effort
        Side and number of the windows.
    filling
        Of the samples.
    """
    parts = [(plane, good) for plane, good in zip(planes, valid, strict=True) if good.any()]
    if sum(plane.size for plane, _ in parts) > effort.pixels:
        windows = [window for plane, good in parts for window in _windows(plane, good, effort.side)]
        full = [window for window in windows if window[1].mean() >= ENOUGH_DATA] or windows
        ranked = sorted(full, key=_spread)  # stable: equal ones stay in the order of their places
        count = min(effort.count, len(ranked))
        parts = [ranked[(2 * number + 1) * len(ranked) // (2 * count)] for number in range(count)]
    return tuple(Sample(plane.astype(np.float64), good, filling) for plane, good in parts)


def _windows(plane: Pixels, valid: Valid, side: int) -> Iterator[tuple[Pixels, Valid]]:
    """Squares that do not overlap, centred on the plane; a plane narrower than a square has some of its own width."""
    for rows in _spans(plane.shape[0], side):
        for columns in _spans(plane.shape[1], side):
            if valid[rows, columns].any():
                yield plane[rows, columns], valid[rows, columns]


def _spans(size: int, side: int) -> list[slice]:
    count = max(1, size // side)
    length = min(side, size)
    first = (size - count * length) // 2
    return [slice(first + number * length, first + (number + 1) * length) for number in range(count)]


def _spread(window: tuple[Pixels, Valid]) -> float:
    pixels, valid = window
    return float(np.var(pixels[valid], dtype=np.float64))
