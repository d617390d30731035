"""Whether brightness was kept, as a whole and level by level: what anybody who measures intensities must know."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.metrics.standardised import CLEAR, Standardised
from noise2detail.noise.model import NoiseModel

RING = (5, 13)
"""Sides of the squares between which lie the neighbours by which a pixel is sorted into a level: sorted by the result
at the pixel itself, the noise that was left in it would sort its residual too, and give it a mean in every level."""

NARROW = 0.5
"""Width of a level in deviations of the noise."""

MOST = 200
"""Levels at most."""

FEWEST = 2000
"""Pixels of the smallest run of levels that is looked at."""

ABOVE = 1.0
"""Deviations of the noise above black from which a share of the brightness of a level means anything."""

LIT = 0.25
"""The same of the image as a whole, whose light is known far better; black errs by a tenth."""

MARGIN = 2.0
"""Deviations of the noise by which the neighbours of a pixel are further from where noise is clipped than the pixel
itself must be: chosen by itself alone, it would be chosen by what is left of its noise."""

CHANCE = 4.0
"""Standard errors that the largest of all runs hardly exceeds by chance: neighbouring runs share most of their pixels,
so that thousands of them are like some hundred."""

_DARKEST = 0.001

Sums = NDArray[np.float64]
"""Of the levels from the darkest on, 0 first."""


@dataclass(frozen=True)
class Level:
    """Pixels of about one brightness."""

    level: float
    """Their mean in the denoised image."""
    pixels: int
    """How many there are."""
    gain: float
    """Share by which the denoised image is too bright there, relative to black; NaN where it is hardly above it."""
    error: float
    """Standard error of the gain."""

    @property
    def score(self) -> float:
        """The gain in standard errors."""
        return self.gain / self.error


@dataclass(frozen=True)
class Brightness:
    """How brightness was kept."""

    whole: Level
    """Of all pixels together."""
    worst: Level | None
    """Run of neighbouring levels whose gain is the largest of those beyond chance; None: there is none."""


def brightness_kept(
    residual: Standardised, denoised: NDArray[np.float64], model: NoiseModel, doubt: float = 1.0
) -> Brightness | None:
    """How far the result is too bright, as a whole and where that is most; None where too few pixels say.

    Noise has no mean, so what was taken away has none either, over any pixels that are chosen without a look at their
    own noise: here by the brightness of their neighbours in the result. Runs of neighbouring levels of every length are
    tried, as nobody knows at which brightness a fault begins and ends.

    Parameters
    ----------
    residual
        Of the plane.
    denoised
        The plane itself.
    model
        Of the noise. Its pedestal is black; without a gain, or far below the image, the darkest pixels are.
    doubt
        Sum of the autocorrelation of the noise over all lags: means of noise that neighbours share are that much less
        certain. More than 1: levels are not told apart, since the neighbours hold the noise of the pixel as well.
    """
    around = _around(residual)
    valid = _away_from_clipping(residual, around, denoised, model)
    if np.count_nonzero(valid) < FEWEST:
        return None
    black = _black(denoised[valid], model)
    groups = _groups(around[valid], float(np.median(residual.deviation[valid])))
    deviation = residual.deviation[valid].astype(np.float64)
    weights = (None, residual.residual[valid] * deviation, deviation**2, denoised[valid] - black)
    sums = tuple(_added(np.bincount(groups, one)) for one in weights)
    whole = _level((0, len(sums[0]) - 1), sums, black, doubt, LIT)
    return Brightness(whole, _worst(sums, black) if doubt <= 1 else None)


def _away_from_clipping(
    residual: Standardised, around: NDArray[np.float64], denoised: NDArray[np.float64], model: NoiseModel
) -> NDArray[np.bool_]:
    """Pixels that are data, and where neither they nor their neighbours are so dark or bright that noise is clipped."""
    if not model.is_clipped or not residual.valid.any():
        return residual.valid
    level = around + float((denoised - residual.denoised)[residual.valid].mean())
    room = (CLEAR + MARGIN) * residual.deviation
    chosen: NDArray[np.bool_] = residual.valid & (level - room >= model.low) & (level + room <= model.high)
    return chosen


def _black(values: NDArray[np.float64], model: NoiseModel) -> float:
    """Where no light falls. Noise that hardly depends on the signal may be measured with a pedestal anywhere."""
    darkest, brightest = np.quantile(values, (_DARKEST, 1 - _DARKEST)).tolist()
    known = model.gain > 0 and model.pedestal > darkest - (brightest - darkest)
    return float(model.pedestal if known else darkest)


def _around(residual: Standardised) -> NDArray[np.float64]:
    """Mean of the neighbours of each pixel in the result; those that are no data do not count."""
    from scipy.ndimage import uniform_filter

    weight = residual.valid.astype(np.float64)
    inner, outer = RING

    def ring(values: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = uniform_filter(values, outer) * outer**2 - uniform_filter(values, inner) * inner**2
        return found

    return ring(weight * residual.denoised) / np.maximum(ring(weight), 1.0)


def _groups(values: NDArray[np.float64], noise: float) -> NDArray[np.intp]:
    """Number of the level of each pixel."""
    low, high = float(values.min()), float(values.max())
    width = max(NARROW * noise, (high - low) / MOST) or 1.0
    return ((values - low) / width).astype(np.intp)


def _added(counts: NDArray[np.generic]) -> Sums:
    return np.concatenate([[0.0], np.cumsum(counts, dtype=np.float64)])


def _worst(sums: tuple[Sums, ...], black: float) -> Level | None:
    count, taken, variance, above = sums
    first, last = np.triu_indices(len(count), 1)
    pixels = count[last] - count[first]
    chosen = pixels >= FEWEST
    first, last, pixels = first[chosen], last[chosen], pixels[chosen]
    error = np.sqrt(variance[last] - variance[first])
    light, mean = above[last] - above[first], taken[last] - taken[first]
    seen = light > ABOVE * np.sqrt(pixels) * error
    able = seen & (np.abs(mean) > CHANCE * error)
    if not able.any():
        return None
    place = int(np.argmax(np.where(able, np.abs(mean) / np.where(seen, light, 1.0), -1.0)))
    return _level((int(first[place]), int(last[place])), sums, black, 1.0, ABOVE)


def _level(place: tuple[int, int], sums: tuple[Sums, ...], black: float, doubt: float, least: float) -> Level:
    count, taken, variance, above = (float(one[place[1]] - one[place[0]]) for one in sums)
    noise = math.sqrt(variance / count)
    level = black + above / count
    if above <= least * noise * count:
        return Level(level, int(count), math.nan, math.nan)
    return Level(level, int(count), -taken / above, math.sqrt(variance * max(doubt, 1.0)) / above)
