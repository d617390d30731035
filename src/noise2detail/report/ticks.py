"""Where the ticks of an axis stand and what is written at them."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WANTED = 6
"""Ticks, about."""


@dataclass(frozen=True)
class Axis:
    """A scale from values to places on the page."""

    low: float
    """Value at the beginning."""
    high: float
    """Value at the end, above ``low``."""
    start: float
    """Place of ``low``."""
    end: float
    """Place of ``high``."""
    ticks: tuple[tuple[float, str], ...]
    """Place and label of each."""
    logarithmic: bool = False

    def places(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where values lie on the page; NaN for those that have no place."""
        values = np.asarray(values, np.float64)
        if self.logarithmic:
            values = np.log10(np.where(values > 0, values, np.nan))
        low, high = (math.log10(self.low), math.log10(self.high)) if self.logarithmic else (self.low, self.high)
        found: NDArray[np.float64] = self.start + (values - low) / (high - low) * (self.end - self.start)
        return found


def linear_axis(low: float, high: float, start: float, end: float) -> Axis:
    """An axis from ``low`` to ``high``, with ticks at round numbers."""
    if not high > low:
        low, high = low - (abs(low) or 1) * 0.5, low + (abs(low) or 1) * 0.5
    step = nice_step((high - low) / WANTED)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = [number * step for number in range(first, last + 1)]
    bare = Axis(low, high, start, end, ())
    places = bare.places(np.array(values))
    labels = [_label(value, step) for value in values]
    return Axis(low, high, start, end, tuple(zip(places.tolist(), labels, strict=True)))


def log_axis(low: float, high: float, start: float, end: float) -> Axis:
    """A logarithmic axis over whole decades around positive ``low`` and ``high``."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    last = max(last, first + 1)
    every = max(1, math.ceil((last - first) / WANTED))
    values = [10.0**power for power in range(first, last + 1, every)]
    bare = Axis(10.0**first, 10.0**last, start, end, (), True)
    places = bare.places(np.array(values)).tolist()
    ticks = tuple((place, _power(value)) for place, value in zip(places, values, strict=True))
    return Axis(bare.low, bare.high, start, end, ticks, True)


def _power(value: float) -> str:
    """A power of ten as people write it."""
    power = round(math.log10(value))
    if -3 < power < 4:
        return f"{value:g}"
    return "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def nice_step(rough: float) -> float:
    """The next larger of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= rough * (1 - 1e-9))


def _label(value: float, step: float) -> str:
    if value == 0:
        return "0"
    large = max(abs(value), step)
    if large >= 1e5 or large < 1e-3:
        return f"{value:.3g}"
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"
