"""Whether intensities can still be measured: slope, offset and flux of region means, after over before."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from noise2detail.errors import InputError
from noise2detail.metrics.likeness import Values, comparable_planes
from noise2detail.noise.clipping import clipped_mean, tabulate
from noise2detail.noise.model import NoiseModel
from noise2detail.plans import Target
from noise2detail.types import Pixels

SIDE = 8
"""Of a region in pixels: large beside what a denoiser mixes, so that the mean of the noise in a region is nearly the
same before and after, and small beside the parts of an image."""

QUANTILES = (*(number / 12 for number in range(1, 12)), 1 - 1 / 24, 1 - 1 / 48, 1 - 1 / 96)
"""Of the regions' means, between which a level lies: alike, and finer where few regions are bright."""

FEWEST = 16
"""Regions of a level at least."""

STANDARD_ERRORS = 2.0
"""That are added before it is said within how much intensities were kept."""

_ENTRIES = 2048


@dataclass(frozen=True)
class Level:
    """Regions that are about equally bright in the denoised image."""

    before: float
    """Mean of the noisy pixels."""
    after: float
    """Mean of the denoised pixels; of what a camera that clips would have seen of them, where those are latent."""
    error: float
    """Standard error of ``before``, by the noise model."""
    pixels: int
    """How many there are."""
    flux: float
    """Sum above the pedestal, after over before; NaN where next to nothing is above it."""
    flux_error: float
    """Standard error of it."""


@dataclass(frozen=True)
class Linearity:
    """The line on which region means lie, after over before: ``after = pedestal + offset + slope (before - pedestal)``.

    NaN where the image has no two levels.
    """

    slope: float
    """1: contrast is kept; 0.98: two per cent of it are lost."""
    slope_error: float
    """Standard error of it, by the noise model."""
    offset: float
    """What was added where the noisy image has the value of the pedestal, in image units."""
    offset_error: float
    """Standard error of it."""
    selection: float
    """Most by which the choice of the regions may shift the slope, as a share of it; no chance, but a bias."""
    flux: float
    """Sum of all above the pedestal, after over before."""
    flux_error: float
    """Standard error of it."""
    pedestal: float
    """Value where no light falls; where the noise does not tell it, that of the dark parts of the image."""
    levels: tuple[Level, ...]
    """From dark to bright."""

    @property
    def testable(self) -> bool:
        """False where the image has no two levels: nothing is said then."""
        return math.isfinite(self.slope)

    @property
    def within(self) -> float:
        """Share within which contrast was kept: the departure found, and what could not have been seen."""
        return abs(self.slope - 1) + STANDARD_ERRORS * self.slope_error + self.selection

    @property
    def score(self) -> float:
        """Departure of the slope from 1 in its standard errors, what the choice of regions may do taken off first."""
        beyond = max(abs(self.slope - 1) - self.selection, 0.0)
        return math.copysign(beyond, self.slope - 1) / self.slope_error if self.slope_error else 0.0

    @property
    def said(self) -> str:
        """One line in words."""
        if not self.testable:
            return "no verdict on intensities: the image has no two levels"
        return (
            f"intensities kept within {self.within:.1%}: slope {self.slope:.4f} +- {self.slope_error:.4f}, "
            f"offset {self.offset:.3g} +- {self.offset_error:.2g}, flux {self.flux:.4f} +- {self.flux_error:.4f}"
        )


def intensity_linearity(
    noisy: Pixels,
    denoised: Pixels,
    model: NoiseModel,
    *,
    autocorrelation: Values | None = None,
    target: Target = "captured",
    mask: NDArray[np.bool_] | None = None,
) -> Linearity:
    """How region means changed, level by level.

    Parameters
    ----------
    noisy, denoised
        One plane each, (y, x), in the same units.
    model
        Of the noise, in the units of the images; its pedestal is where flux begins, if it has a gain: otherwise, and
        where the pedestal lies further below the dark parts than the bright ones above, flux begins at the dark parts.
    autocorrelation
        Of the noise, ``(lag_y, lag_x)``, sides odd, 1 in the middle; None: white.
    target
        Of the denoised image. ``latent``: it is compared as a camera that clips would have recorded it.
    mask
        True where a pixel is data; None: everywhere. Regions that are not data throughout are left out.

    Raises
    ------
    InputError
        Images of different shapes, or not finite.

    Notes
    -----
    Regions are all squares of a grid, chosen by nothing. They are sorted into levels by their mean in the denoised
    image, and the line is fitted to ``before`` over ``after``, then turned around: ``before`` alone carries independent
    noise, so a perfect result has a slope of 1 however noisy the image is, where sorting by noisy values or fitting the
    other way would give less. If a result keeps a share h of the noise of a region's mean, the means that are sorted
    carry it as well, which shifts the slope by ``h (1 - h)`` times the variance of that noise over that of the means:
    nothing for the perfect result (0) nor for one that keeps the means (1), a quarter at most. This most is
    ``selection``.

    Within a region anything may have happened: a blur keeps intensities. ``resolution`` tells about that.
    """
    seen, found = comparable_planes(noisy, denoised)
    kept = np.ones(seen.shape, dtype=bool) if mask is None else mask
    if kept.shape != seen.shape:
        raise InputError(f"the mask has the shape {kept.shape}, the image {seen.shape}; expected the same")
    variances = model.gain * np.maximum(found - model.pedestal, 0) + model.sigma**2
    captured = _as_captured(found, model) if target == "latent" and model.is_clipped else found
    whole = _regions(kept) == 1
    regions = np.stack([_regions(values)[whole] for values in (seen, captured, variances)])
    regions[2] *= shared_by_region(autocorrelation) / SIDE**2
    base = _base(regions[1], model)
    levels, members = _levels(regions, base)
    return _line(regions, levels, members, base, _selection(regions))


def shared_by_region(autocorrelation: Values | None) -> float:
    """Variance of the noise of a region's mean, relative to that of white noise."""
    if autocorrelation is None:
        return 1.0
    lags = [np.abs(np.arange(size) - size // 2) for size in autocorrelation.shape]
    rows, columns = (np.maximum(1 - lag / SIDE, 0) for lag in lags)
    return max(float(rows @ autocorrelation @ columns), 0.0)


def _as_captured(found: Values, model: NoiseModel) -> Values:
    """What a camera that clips records of these values, in the mean."""
    low, high = float(found.min()), float(found.max())
    places = np.linspace(low, high if high > low else low + 1, _ENTRIES)
    table = tabulate(places, clipped_mean(torch.from_numpy(places), model).numpy())
    seen: Values = table(torch.from_numpy(found)).numpy()
    return seen


def _regions(values: NDArray[np.generic]) -> Values:
    """Means of the regions; what does not fill one at the end is left out."""
    y, x = (size // SIDE for size in values.shape)
    cut = values[: y * SIDE, : x * SIDE].reshape(y, SIDE, x, SIDE)
    means: Values = cut.mean((1, 3), dtype=np.float64)
    return means


def _base(after: Values, model: NoiseModel) -> float:
    """The pedestal, or the dark of the image where no noise tells the pedestal, or one that is far from any pixel."""
    if not after.size:
        return model.pedestal
    dark, bright = (float(value) for value in np.quantile(after, (QUANTILES[0], 1)))
    return model.pedestal if model.gain and model.pedestal >= 2 * dark - bright else dark


def _levels(regions: Values, pedestal: float) -> tuple[tuple[Level, ...], Sequence[NDArray[np.intp]]]:
    """From dark to bright, and the regions of each."""
    after = regions[1]
    inner = np.unique(np.quantile(after, QUANTILES)) if after.size else np.empty(0)
    groups = np.searchsorted(inner, after, "right")
    members: list[NDArray[np.intp]] = []
    for group in range(inner.size + 1):
        own = np.flatnonzero(groups == group)
        if members and (own.size < FEWEST or members[-1].size < FEWEST):
            members[-1] = np.concatenate([members[-1], own])
        else:
            members.append(own)
    return tuple(_level(regions[:, own], pedestal) for own in members if own.size), [o for o in members if o.size]


def _level(regions: Values, pedestal: float) -> Level:
    before, after, variance = (float(mean) for mean in regions.mean(1))
    error = math.sqrt(variance / regions.shape[1])
    flux, flux_error = _flux(before, after, error, pedestal)
    return Level(before, after, error, regions.shape[1] * SIDE**2, flux, flux_error)


def _flux(before: float, after: float, error: float, pedestal: float) -> tuple[float, float]:
    """What is above the pedestal, after over before; NaN where that is no more than chance."""
    above = before - pedestal
    if above <= STANDARD_ERRORS * error or above <= 0:
        return math.nan, math.nan
    ratio = (after - pedestal) / above
    return ratio, abs(ratio) * error / above


def _selection(regions: Values) -> float:
    """The most that sorting by what still carries noise may do to the slope."""
    spread = float(np.var(regions[1])) if regions.size else 0.0
    return 0.25 * float(regions[2].mean()) / spread if spread > 0 else math.nan


def _line(
    regions: Values,
    levels: tuple[Level, ...],
    members: Sequence[NDArray[np.intp]],
    pedestal: float,
    selection: float,
) -> Linearity:
    if not regions.size:
        return Linearity(*(math.nan,) * 7, pedestal, ())
    whole = _level(regions, pedestal)
    x = np.array([level.after for level in levels]) - pedestal
    y = np.array([level.before for level in levels]) - pedestal
    errors = np.array([level.error for level in levels])
    # rounding of means is no contrast
    if len(levels) < 2 or np.ptp(x) <= 1e-9 * max(float(np.abs(x + pedestal).max()), 1e-300):
        return Linearity(*(math.nan,) * 5, whole.flux, whole.flux_error, pedestal, levels)
    counts = np.array([own.size for own in members], dtype=np.float64)
    # an image without noise has no standard errors: its levels count by their pixels
    weights = 1 / errors**2 if errors.min() > 0 else counts
    middle = float(np.average(x, weights=weights))
    moment = float(np.sum(weights * (x - middle) ** 2))
    shares = weights * (x - middle) / moment  # of each level in the slope
    slope, height = float(shares @ y), float(np.average(y, weights=weights))
    slope_error = math.sqrt(float(np.sum((shares * errors) ** 2)))
    own = weights / weights.sum() - shares * middle  # of each level in the value at the pedestal
    start, start_error = height - slope * middle, math.sqrt(float(np.sum((own * errors) ** 2)))
    if slope <= 0:
        return Linearity(*(math.nan,) * 5, whole.flux, whole.flux_error, pedestal, levels)
    return Linearity(
        slope=1 / slope,
        slope_error=slope_error / slope**2,
        offset=-start / slope,
        offset_error=start_error / slope,
        selection=selection,
        flux=whole.flux,
        flux_error=whole.flux_error,
        pedestal=pedestal,
        levels=levels,
    )
