"""Whether what was taken away is the noise and nothing but the noise: a test that needs no reference."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import InputError
from noise2detail.metrics.likeness import Values, comparable_planes
from noise2detail.metrics.standardised import CLEAR
from noise2detail.noise.measure import Uncertainty
from noise2detail.noise.model import NoiseModel
from noise2detail.types import Pixels

TOLERANCE = 0.1
"""What is let pass however sure the test is of it: a measured noise model is not more exact than that."""

SURE = 4.0
"""Standard errors from which a departure is not chance: the worst of some twenty figures."""

CERTAIN = Uncertainty()
"""Of a noise model that is known."""

_BINS = 16
_FEWEST = 64
_ENOUGH = 0.01


@dataclass(frozen=True)
class ResidualBin:
    """The residual, noisy minus denoised, where the denoised image has about the same value."""

    level: float
    """Mean of the denoised image."""
    pixels: int
    """How many there are."""
    mean: float
    """Of the residual, in standard deviations of the noise at this level; 0 is expected."""
    score: float
    """The mean in standard errors of itself."""
    variance_ratio: float
    """Variance of the residual over that of the noise at this level; 1 is expected."""
    variance_score: float
    """How far the ratio is from 1, in standard errors of normal noise and of the noise model."""


@dataclass(frozen=True)
class ResidualTest:
    """How the residual compares with the noise."""

    variance_ratio: float
    """Variance of the residual over that of the noise, mean over levels: below 1 noise was left, above 1 image lost."""
    variance_score: float
    """How far the ratio is from 1, in the standard errors that normal noise would give it."""
    worst: ResidualBin | None
    """Level at which the mean of the residual is furthest from 0 for sure: brightness was shifted there."""
    correlation_y: float
    """Of residuals one pixel apart in y, less that of the noise; 0 is expected, structure gives more."""
    correlation_x: float
    """The same in x."""
    correlation_score: float
    """The larger of both in standard errors, with the sign of it."""
    bins: tuple[ResidualBin, ...]
    """Every level, from dark to bright."""
    share: float
    """Of the pixels, those at levels where clipping has not changed the noise."""

    @property
    def testable(self) -> bool:
        """False where next to no level is free of clipping, or the model has no noise there: nothing is said then."""
        return bool(self.bins) and self.share >= _ENOUGH

    @property
    def passed(self) -> bool:
        """True if nothing speaks against the residual being the noise."""
        return self.testable and not any(self._faults())

    @property
    def verdict(self) -> str:
        """One line in words."""
        if not self.testable:
            return f"no verdict: only {self.share:.0%} of the pixels are at levels where the noise is as measured"
        faults = list(self._faults())
        return "; ".join(faults) if faults else "the residual is as the noise is"

    def _faults(self) -> Iterator[str]:
        ratio = self.variance_ratio
        if abs(ratio - 1) > TOLERANCE and abs(self.variance_score) > SURE:
            what = "noise was left in" if ratio < 1 else "more than noise was taken away"
            yield f"{what}: the residual has {ratio:.2f} times the variance of the noise"
        if self.worst is not None and abs(self.worst.mean) > TOLERANCE and abs(self.worst.score) > SURE:
            what = "too dark" if self.worst.mean > 0 else "too bright"
            yield f"{what} by {abs(self.worst.mean):.2f} noise deviations around {self.worst.level:.4g}"
        largest = max(self.correlation_y, self.correlation_x, key=abs)
        if abs(largest) > TOLERANCE and abs(self.correlation_score) > SURE:
            what = "structure was taken away" if largest > 0 else "neighbours share what was left of their noise"
            yield f"{what}: residuals side by side correlate by {largest:.2f} more than noise does"


def residual_test(
    noisy: Pixels,
    denoised: Pixels,
    model: NoiseModel,
    *,
    correlation: tuple[float, float] = (0.0, 0.0),
    mask: NDArray[np.bool_] | None = None,
    uncertainty: Uncertainty = CERTAIN,
) -> ResidualTest:
    """What the residual of a plane says, level by level.

    The perfect result passes. The identity has no residual at all; a blur that is too strong takes structure along,
    which makes the residual larger, and alike from pixel to pixel. A result may pass and still be wrong: the test sees
    what was taken away, not what was put in.

    Parameters
    ----------
    noisy, denoised
        One plane each, (y, x).
    model
        Of the noise, in the units of the images.
    correlation
        Of the noise itself, one pixel apart in y and in x.
    mask
        True where a pixel is data; None: everywhere.
    uncertainty
        Of the model: how far the variance may be from 1 for its sake is part of the standard errors.

    Raises
    ------
    InputError
        Images of different shapes, or not finite.

    Notes
    -----
    Pixels are sorted into levels by the denoised image: sorted by the noisy one, even the noise itself would have a
    mean. Levels are left out where the noise is clipped, since a clipped noise has another mean and another variance.
    """
    seen, found = comparable_planes(noisy, denoised)
    kept = np.ones(seen.shape, dtype=bool) if mask is None else mask
    if kept.shape != seen.shape:
        raise InputError(f"the mask has the shape {kept.shape}, the image {seen.shape}; expected the same")
    groups, count = _groups(found, kept)
    pixels, sums = (np.bincount(groups, one, count + 1)[:-1] for one in (None, found.ravel()))
    levels = [float(total / own) if own >= _FEWEST else math.nan for total, own in zip(sums, pixels, strict=True)]
    deviations = np.array([_deviation(model, level) for level in levels] + [math.nan])
    scores = (seen - found) / deviations[groups].reshape(seen.shape)
    tested = np.where(np.isfinite(scores), scores, 0.0).ravel()
    means, squares = (np.bincount(groups, tested**power, count + 1)[:-1] / np.maximum(pixels, 1) for power in (1, 2))
    bins = tuple(
        _bin(level, int(own), float(mean), float(square), _doubt(model, uncertainty, level))
        for level, own, mean, square, noise in zip(levels, pixels, means, squares, deviations[:-1], strict=True)
        if math.isfinite(noise)
    )
    return _summary(bins, scores, correlation, int(np.count_nonzero(kept)))


def _groups(found: Values, kept: NDArray[np.bool_]) -> tuple[NDArray[np.intp], int]:
    """Number of the level of each pixel, from dark to bright and about as many pixels in each, and of levels.

    Those that do not count are in one level more.
    """
    values = found[kept]
    count = min(_BINS, values.size // _FEWEST)
    # an image of few values has equal quantiles: they make one group
    inner = np.unique(np.quantile(values, np.arange(1, count) / count)) if count > 1 else np.zeros(0)
    groups = np.searchsorted(inner, found.ravel(), "right")
    groups[~kept.ravel()] = inner.size + 1
    return groups, inner.size + 1


def _deviation(model: NoiseModel, level: float) -> float:
    """Of the noise at a level; NaN where there is none, or it is clipped."""
    if not math.isfinite(level):
        return math.nan
    noise = math.sqrt(model.variance(level))
    clear = noise > 0 and model.low <= level - CLEAR * noise and level + CLEAR * noise <= model.high
    return noise if clear else math.nan


def _doubt(model: NoiseModel, uncertainty: Uncertainty, level: float) -> float:
    """Standard error of the model's variance at a level, as a share of it."""
    above = max(level - model.pedestal, 0.0)
    parts = (
        uncertainty.gain * above,
        model.gain * uncertainty.pedestal * (above > 0),
        2 * model.sigma * uncertainty.sigma,
    )
    # errors of the three make up for one another: together they are no larger than the largest
    return max(parts) / model.variance(level)


def _bin(level: float, pixels: int, mean: float, square: float, doubt: float) -> ResidualBin:
    ratio = square - mean**2
    # the standard error is that of noise as expected: one of the residual itself would forgive what is far too large
    error = math.hypot(math.sqrt(2 / pixels), doubt)
    return ResidualBin(level, pixels, mean, mean * math.sqrt(pixels), ratio, (ratio - 1) / error)


def _summary(
    bins: tuple[ResidualBin, ...], scores: Values, correlation: tuple[float, float], pixels: int
) -> ResidualTest:
    tested = sum(one.pixels for one in bins)
    if not tested:
        return ResidualTest(math.nan, math.nan, None, math.nan, math.nan, math.nan, (), 0.0)
    ratio = sum(one.pixels * one.variance_ratio for one in bins) / tested
    along = [_neighbours(scores, axis) for axis in (0, 1)]
    excess = [value - expected for (value, _), expected in zip(along, correlation, strict=True)]
    far = [value * math.sqrt(pairs) for value, (_, pairs) in zip(excess, along, strict=True)]
    return ResidualTest(
        variance_ratio=ratio,
        # 2 is the variance of the square of a normal value of variance 1
        variance_score=(ratio - 1) / math.sqrt(2 / tested),
        worst=max(bins, key=lambda one: min(abs(one.score) / SURE, abs(one.mean) / TOLERANCE)),
        correlation_y=excess[0],
        correlation_x=excess[1],
        correlation_score=max(far, key=abs),
        bins=bins,
        share=tested / pixels,
    )


def _neighbours(scores: Values, axis: int) -> tuple[float, int]:
    """Correlation of values one pixel apart, and of how many pairs; 0 where nothing varies."""
    first = scores[:-1] if axis == 0 else scores[:, :-1]
    second = scores[1:] if axis == 0 else scores[:, 1:]
    both = np.isfinite(first) & np.isfinite(second)
    pairs = int(np.count_nonzero(both))
    if not pairs:
        return 0.0, 0
    mean = float(np.nanmean(scores))
    one, other = first[both] - mean, second[both] - mean
    power = math.sqrt(float(np.mean(one**2)) * float(np.mean(other**2)))
    return (float(np.mean(one * other)) / power if power else 0.0), pairs
