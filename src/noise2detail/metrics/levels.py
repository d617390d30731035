"""Whether brightness was kept, level by level: what anybody who measures intensities must know."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.metrics.standardised import Standardised
from noise2detail.noise.model import NoiseModel

RING = (5, 13)
"""Sides of the squares between which lie the neighbours by which a pixel is sorted into a level: sorted by the result
at the pixel itself, the noise that was left in it would sort its residual too, and give it a mean in every level."""

FLAT = 0.5
"""Deviations of the noise by which a pixel of a flat place differs at most from those around it: edges, which every
method moves a little, have bias of their own."""

BINS = 16
"""Levels at most."""

NARROW = 0.5
"""Width of the narrowest level, in deviations of the noise."""

FEWEST = 500
"""Pixels of the smallest level."""

ABOVE = 2.0
"""Deviations of the noise above black from which a share of the brightness means anything."""

_DARKEST = 0.001


@dataclass(frozen=True)
class Level:
    """The flat places of about one brightness."""

    level: float
    """Their mean in the denoised image."""
    pixels: int
    """How many there are."""
    gain: float
    """Share by which the denoised image is too bright there, relative to black; NaN below twice the noise."""
    error: float
    """Standard error of the gain."""

    @property
    def score(self) -> float:
        """The gain in standard errors."""
        return self.gain / self.error


def brightness_kept(
    residual: Standardised, denoised: NDArray[np.float64], model: NoiseModel, doubt: float = 1.0
) -> tuple[Level, ...]:
    """Every level of brightness, from dark to bright, and how far the result is too bright there.

    Parameters
    ----------
    residual
        Of the plane.
    denoised
        The plane itself.
    model
        Of the noise; without a gain its pedestal says nothing, and the darkest pixels stand for black.
    doubt
        Sum of the autocorrelation of the noise over all lags: means of noise that neighbours share are that much less
        certain.
    """
    from scipy.ndimage import uniform_filter

    valid = residual.valid
    if np.count_nonzero(valid) < FEWEST:
        return ()
    inner, outer = (uniform_filter(residual.denoised, side) * side**2 for side in RING)
    around = (outer - inner) / (RING[1] ** 2 - RING[0] ** 2)
    middle = float(denoised[valid].mean())
    flat = valid & (np.abs(residual.denoised - around) <= FLAT * residual.deviation)
    black = model.pedestal if model.gain else float(np.quantile(denoised[valid], _DARKEST))
    values = around[flat]
    if values.size < FEWEST:
        return ()
    width = NARROW * float(np.median(residual.deviation[flat]))
    groups = np.searchsorted(_edges(values, width), values, "right")
    found = _levels(groups, [one[flat] for one in (residual.residual, residual.deviation, residual.denoised)])
    return tuple(_level(count, mean, noise, own + middle, black, doubt) for count, mean, noise, own in found)


def _edges(values: NDArray[np.float32], width: float) -> NDArray[np.float64]:
    """Between levels of about the same number of pixels, none narrower than ``width``."""
    edges: list[float] = []
    count = min(BINS, values.size // (2 * FEWEST)) or 1
    for edge in np.quantile(values, np.arange(1, count) / count):
        if not edges or edge - edges[-1] >= width:
            edges.append(float(edge))
    return np.array(edges)


def _levels(groups: NDArray[np.intp], values: list[NDArray[np.float32]]) -> Iterator[tuple[int, float, float, float]]:
    """Pixels, mean residual, root of the mean variance and mean value of each group, in units of the image."""
    residual, deviation, own = values
    count = np.bincount(groups)
    sums = [np.bincount(groups, one) for one in (residual * deviation, deviation**2, own)]
    for number in np.flatnonzero(count >= FEWEST):
        mean, variance, level = (float(one[number] / count[number]) for one in sums)
        yield int(count[number]), mean, math.sqrt(variance), level


def _level(count: int, mean: float, noise: float, level: float, black: float, doubt: float) -> Level:
    above = level - black
    if above < ABOVE * noise:
        return Level(level, count, math.nan, math.nan)
    return Level(level, count, -mean / above, noise * math.sqrt(max(doubt, 1.0) / count) / above)


def overall_gain(levels: tuple[Level, ...]) -> tuple[float, float] | None:
    """Share by which the result is too bright as a whole, and its standard error; None where no level says.

    Parameters
    ----------
    levels
        From ``brightness_kept``.
    """
    known = [one for one in levels if math.isfinite(one.gain)]
    if not known:
        return None
    weights = np.array([one.error**-2 for one in known])
    return float(np.average([one.gain for one in known], weights=weights)), float(weights.sum() ** -0.5)
