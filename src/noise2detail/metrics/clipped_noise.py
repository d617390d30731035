"""What a clipped recording tells of its mean, of the signal before, and of their squares: functions free of bias."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from noise2detail.metrics.likeness import Values
from noise2detail.metrics.response import variances
from noise2detail.noise.clipping import entries, expectation
from noise2detail.noise.model import NoiseModel
from noise2detail.plans import Target

CLEAR = 4.0
"""Noise deviations from both ends beyond which clipping is not felt: it changes a variance by less than 0.001 there."""

STEPS = 12
"""Places next to an end, half a noise deviation apart, at which a function of recordings has a value of its own."""

RIDGE = 1e-7
"""Of the equations for these values: expectations are met to 0.01 of a variance, and the square that is read off a
recording scatters by less than 2 of it."""

_ROW, _COLUMN = 0.1, 0.02
"""Steps of the grid of Stein's weights, in noise deviations: of signals, and of recordings."""
_USUAL = 4.5
_LARGEST = 4.0
_SIGNALS = 101
_FARTHEST = 10.0

_Function = Callable[[Values], Values]


@dataclass(frozen=True, eq=False)
class Clipped:
    """Clipped recordings: what is read off each of them, and what they are on average, by the signal."""

    model: NoiseModel
    target: Target
    places: Values
    """Signals, ascending, from end to end; as far as there is data where there is no end."""
    means: Values
    """Of their recordings."""
    ends: tuple[tuple[float, float], ...]
    """Where values were cut off, and in which direction the others lie."""
    corrections: tuple[tuple[_Function, _Function], ...]
    """At each end, to the value and to its square."""
    kernels: tuple[Values, ...]
    """At each end, Stein's weight over the variance: by signal and recording, on the grid of ``_kernel``."""

    @classmethod
    def of(cls, model: NoiseModel, target: Target, lowest: float, highest: float) -> "Clipped":
        """For signals from ``lowest`` to ``highest``, which the ends of the model narrow."""
        low, high = max(lowest, model.low), min(highest, model.high)
        high = max(high, low + 1e-6 * max(abs(low), 1.0))
        places = entries(low, high, *(math.sqrt(model.variance(end)) for end in (low, high)))
        both = ((model.low, 1.0), (model.high, -1.0))
        ends = [(end, sign) for end, sign in both if math.isfinite(end) and model.variance(end) > 0]
        corrections = tuple(_corrections(model, target, *end) for end in ends)
        means = expectation(lambda seen: seen, places, model)
        kernels = tuple(_kernel(model, value, *end) for end, (value, _) in zip(ends, corrections, strict=True))
        return cls(model, target, places, np.maximum.accumulate(means), tuple(ends), corrections, kernels)

    def read(self, seen: Values, clear: NDArray[np.bool_] | None = None) -> tuple[Values, Values]:
        """Two functions of a recording: their means are the target and its square, whatever the signal.

        Where clipping is not felt nothing is corrected: what little a fitted correction errs there would be multiplied
        by the distance from the end.
        """
        own = seen
        square = seen**2 - (self.model.gain * (seen - self.model.pedestal) + self.model.sigma**2)
        for value, power in self.corrections:
            felt = np.ones(seen.shape) if clear is None else np.where(clear, 0.0, 1.0)
            own, square = own + felt * value(seen), square + felt * power(seen)
        return own, square

    def signal(self, result: Values, seen: Values, kept: NDArray[np.bool_]) -> Values:
        """The signal that goes with a result, which may be an estimate of it or of the mean: what fits the image."""
        mean = np.interp(result, self.places, self.means)
        apart = [float(np.mean((one - seen)[kept] ** 2)) for one in (result, mean)]
        if apart[1] < apart[0]:
            return np.clip(result, self.model.low, self.model.high)
        return np.where(self.clear(result), result, np.interp(result, self.means, self.places))

    def clear(self, signal: Values) -> NDArray[np.bool_]:
        """Where clipping is not felt."""
        away = CLEAR * np.sqrt(variances(signal, self.model))
        return (signal - away >= self.model.low) & (signal + away <= self.model.high)

    def weight(self, seen: Values, signal: Values) -> Values:
        """What takes the place of the variance in Stein's identity: of the recorded value, and of the signal.

        What is read off a recording Y is r(Y), of mean m. With the density ``p`` between the ends,
        ``E[(r(Y) - m) h(Y)] = E[h'(Y) K(Y)]``, where ``K(y)`` is the integral of ``(r(s) - m) p(s)`` from ``y`` on,
        atom included, over ``p(y)``. At an atom the derivative is 0: a little more noise does not move it.

        Source
        ------
        Stein, "Approximate computation of expectations", 1986, Lecture VI (the kernel of a distribution). Deviation:
        counts are taken for normal values of equal variance.
        """
        from scipy.ndimage import map_coordinates

        result = variances(signal, self.model)
        for (end, sign), kernel in zip(self.ends, self.kernels, strict=True):
            width = math.sqrt(self.model.variance(end))
            rows, columns = (sign * (one - end) / width / step for one, step in ((signal, _ROW), (seen, _COLUMN)))
            near = (rows < kernel.shape[0] - 1) & (columns < kernel.shape[1] - 1)
            places = np.stack([rows[near], columns[near]])
            result[near] *= map_coordinates(kernel, places, order=1, mode="nearest")
        return result


def _kernel(model: NoiseModel, value: _Function, end: float, sign: float) -> Values:
    """Stein's weight over the variance, ``(signal, recording)``, in steps from an end on."""
    width = math.sqrt(model.variance(end))
    signals = np.arange(0, _FARTHEST, _ROW)[:, None]
    seen = np.arange(0, 2 * _FARTHEST, _COLUMN)[None, :]
    # at the other end of a range without reading noise there may be none at all
    deviations = np.sqrt(np.maximum(variances(end + sign * width * signals, model), (1e-3 * width) ** 2)) / width
    density = np.exp(-0.5 * ((seen - signals) / deviations) ** 2)
    read = seen + sign * value(end + sign * width * seen) / width
    # the atom: what makes the whole integral 0, whatever the mean is
    within = np.concatenate([np.zeros_like(signals), _trapezoids(density)], 1)
    weighted = np.concatenate([np.zeros_like(signals), _trapezoids(density * read)], 1)
    below = 1 - within[:, -1:] / (math.sqrt(2 * math.pi) * deviations)
    mean = weighted[:, -1:] / (math.sqrt(2 * math.pi) * deviations) + below * _at_atom(value, end, sign, width)
    above = (weighted[:, -1:] - weighted) - mean * (within[:, -1:] - within)
    usual = np.abs(seen - signals) < _USUAL * deviations
    ratio = np.divide(above, density * deviations**2, out=np.ones_like(above), where=usual)
    limited: Values = np.clip(ratio, 0, _LARGEST)
    return limited


def _trapezoids(values: Values) -> Values:
    """Integrals from the first column to each of the others."""
    found: Values = np.cumsum((values[:, 1:] + values[:, :-1]) / 2, 1) * _COLUMN
    return found


def _at_atom(value: _Function, end: float, sign: float, width: float) -> float:
    return sign * float(value(np.array([end], np.float64))[0]) / width


def _corrections(model: NoiseModel, target: Target, end: float, sign: float) -> tuple[_Function, _Function]:
    """What is added to a recording, and to its square less the variance without clipping, next to an end.

    Sums of hats and of the atom at the end. Their expectations are fitted for signals up to ten deviations away. A
    function of an estimate would not do: next to an end an estimate cannot err to the other side.
    """
    width = 0.5 * math.sqrt(model.variance(end))
    one = replace(model, high=math.inf) if sign > 0 else replace(model, low=-math.inf)
    # half a step of the integration off the end, so that what lies at the end is shared alike by atom and rest
    signals = np.sort(end + sign * width * (0.1 + np.linspace(0, 2 * _FARTHEST, _SIGNALS)))

    def average(function: _Function) -> Values:
        return expectation(function, signals, one)

    def hat(number: int) -> _Function:
        return lambda seen: _hat(number, sign * (seen - end) / width)

    own, square = average(lambda seen: seen - end), average(lambda seen: (seen - end) ** 2)
    aim = own if target == "captured" else signals - end
    line = model.gain * (own + end - model.pedestal) + model.sigma**2
    design = np.stack([average(hat(number)) for number in range(STEPS + 1)], 1)
    wanted = np.stack([aim - own, aim**2 - (square - line)], 1)
    # air and dark background lie at the end itself: that signal has to be met best
    weights = np.where(np.abs(signals - end) < 0.2 * width, float(_SIGNALS), 1.0)[:, None]
    normal = design.T @ (weights * design) + RIDGE * _SIGNALS * np.eye(STEPS + 1)
    value, power = np.linalg.solve(normal, design.T @ (weights * wanted)).T

    def added(weights: Values) -> _Function:
        def function(seen: Values) -> Values:
            far = sign * (seen - end) / width
            result = np.zeros(seen.shape)
            near = far < STEPS
            result[near] = sum(weight * _hat(number, far[near]) for number, weight in enumerate(weights))
            return result

        return function

    # squares were fitted around the end: (Y - end)^2 = Y^2 - 2 end Y + end^2
    return added(value), added(power + 2 * end * value)


def _hat(number: int, far: Values) -> Values:
    """1 at one place, 0 from the next ones on; number 0 is the atom at the end."""
    found: Values = np.where(far <= 0, number == 0, np.maximum(0, 1 - np.abs(far - (number - 1))) if number else 0.0)
    return found.astype(np.float64)
