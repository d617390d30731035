"""The error of a result, pixel by pixel, under any model of the noise: what estimates and comparisons add up."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from noise2detail.metrics.clipped_noise import Clipped
from noise2detail.metrics.likeness import Values
from noise2detail.metrics.response import Response, variances
from noise2detail.noise.colour import power_spectrum
from noise2detail.noise.model import NoiseModel
from noise2detail.plans import Target

JUMPED = 1.25
"""Times the power of one side's answer from which the other's holds more than noise: without a jump they are alike."""

_BLOCK = 32


@dataclass(frozen=True)
class Terms:
    """An estimate, and the standard errors that are not the model's."""

    mse: float
    sampling: float
    probing: float
    jumping: float


@dataclass(frozen=True, eq=False)
class PixelRisk:
    """What the estimate is made of, for any model of the noise."""

    seen: Values
    found: Values
    response: Response
    kept: NDArray[np.bool_]
    target: Target

    def terms(self, model: NoiseModel, colour: Values) -> Terms:
        """The estimate under a model."""
        return self.summed(self.parts(model, colour), colour)

    def parts(self, model: NoiseModel, colour: Values) -> "Parts":
        """What the estimate is the mean of, pixel by pixel."""
        if model.is_clipped:
            return self._clipped(model, colour)
        level = model.gain * (self.seen - model.pedestal) + model.sigma**2
        return self._parts((self.seen - self.found) ** 2 - level, self._probe(variances(self.found, model), colour))

    def pivoted(self, changed: NoiseModel, model: NoiseModel) -> NoiseModel:
        """The changed model, with the variance that the other has on average over the image."""
        means = [float(np.mean(variances(self.found, one)[self.kept])) for one in (model, changed)]
        return stronger(changed, means[0] / means[1])

    def _clipped(self, model: NoiseModel, colour: Values) -> "Parts":
        values = self.seen[self.kept], self.found[self.kept]
        table = Clipped.of(model, self.target, min(map(np.min, values)), max(map(np.max, values)))
        signal = table.signal(self.found, self.seen, self.kept)
        clear = table.clear(signal)
        weight = np.where(clear, variances(signal, model), 0.0)
        weight[~clear] = table.weight(self.seen[~clear], signal[~clear])
        value, square = table.read(self.seen, clear)
        return self._parts((self.found - value) ** 2 + square - value**2, self._probe(weight, colour))

    def _probe(self, weight: Values, colour: Values) -> Values:
        """The probe, weighted so that it tells the covariance of such noise with the result."""
        power, own = self.response.power, self.response.colour
        # noise of covariance S, as S Q^-1 times a probe of covariance Q
        inverse = np.divide(1.0, power, out=np.zeros_like(power), where=power > 0)
        if colour.shape == own.shape and np.array_equal(colour, own):
            return self.response.probe * inverse * weight
        unit = self.response.probe * np.sqrt(inverse)
        ratio = _spectrum(colour, unit.shape) / _spectrum(own, unit.shape)
        changed: Values = np.fft.ifft2(np.fft.fft2(unit) * ratio).real
        return changed * np.sqrt(weight)

    def _parts(self, square: Values, probe: Values) -> "Parts":
        return Parts(square, 2 * probe * self._answer(), 2 * probe * self.response.bend)

    def _answer(self) -> Values:
        """Of both sides; where a method jumped to another setting on one, of the other alone."""
        answer, bend = self.response.answer, self.response.bend
        added, removed = (float(np.mean((answer + sign * bend)[self.kept] ** 2)) for sign in (1, -1))
        if added > JUMPED * removed:
            return answer - bend
        if removed > JUMPED * added:
            return answer + bend
        return answer

    def summed(self, parts: "Parts", colour: Values) -> Terms:
        """The mean, and its standard errors."""
        own = parts.square[self.kept]
        # of independent values as many as pixels, were it not for what neighbours share
        alike = float(np.sum(colour**2))
        return Terms(
            float(own.mean() + parts.through[self.kept].mean()),
            float(own.std()) * math.sqrt(alike / own.size),
            _error_of_mean(parts.through, self.kept),
            abs(float(np.mean(parts.bend[self.kept]))),
        )


@dataclass(frozen=True, eq=False)
class Parts:
    """Pixel by pixel: the residual less the noise, what of the noise is in the result, and the doubt about that."""

    square: Values
    through: Values
    bend: Values


def _spectrum(colour: Values, shape: tuple[int, ...]) -> Values:
    """Power of noise of such an autocorrelation at the frequencies of a plane."""
    power: Values = power_spectrum(torch.from_numpy(np.asarray(colour, np.float64)), *shape).numpy()
    return power


def _error_of_mean(values: Values, kept: NDArray[np.bool_]) -> float:
    """Standard error of the mean of values that are alike nearby: from the scatter of blocks."""
    side = min(_BLOCK, max(1, min(values.shape) // 4))
    y, x = (size // side * side for size in values.shape)

    def sums(image: Values) -> Values:
        found: Values = image[:y, :x].reshape(y // side, side, x // side, side).sum((1, 3)).ravel()
        return found

    counts = sums(kept.astype(np.float64))
    totals = sums(np.where(kept, values, 0.0))
    whole = counts.sum()
    if counts.size < 2 or whole == 0:
        return 0.0
    rest = totals - counts * totals.sum() / whole
    return math.sqrt(float(np.sum(rest**2)) * counts.size / (counts.size - 1)) / float(whole)


def stronger(model: NoiseModel, factor: float) -> NoiseModel:
    """With so many times the variance."""
    return replace(model, gain=model.gain * factor, sigma=model.sigma * math.sqrt(factor))
