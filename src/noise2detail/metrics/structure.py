"""Structure in the residual: where details were taken away, and where details were shown that the data deny."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.metrics.places import Place, highest
from noise2detail.metrics.standardised import Plane, Standardised

SCALES = (1.0, 1.6, 2.5)
"""Width of the spots that are looked for, standard deviations in pixels: what optics make of a point."""

BLURS = (0.7, 1.4, 2.8)
"""Widths of the blurs between which details are looked at, in pixels: added texture shows in its own octave, and true
structure, which would hide it, mostly in others."""

FIRM = 0.4
"""Details above this many deviations of the noise count no more than those at it: edges would drown all else."""

WINDOW = 44
"""Side of the squares in which details are compared with the residual, in pixels."""

SMALLEST = 16
"""Side of the smallest image in which structure is looked for, in pixels."""

_MOST = 5
# sum of the cubes of the weights of a Gaussian filter of width 1, over the root of the sum of their squares cubed
_SKEWNESS_KEPT = 2 / (3 * math.sqrt(math.pi))
_NYQUIST = 0.5


@dataclass(frozen=True)
class BandLoss:
    """Power of the residual in the frequencies where the image has its finest structure, and those below."""

    low: float
    """Lowest frequency, in cycles per pixel."""
    high: float
    """Highest frequency: above it the noisy image holds nothing but noise."""
    ratio: float
    """Power over that of the noise: above 1 structure was taken away; the best linear filter stays below."""
    score: float
    """How far the ratio is from 1, in standard errors of noise."""


@dataclass(frozen=True, eq=False)
class StructureTest:
    """What the residual holds besides noise."""

    lost: Plane
    """Standard errors by which a spot that was taken away stands out of the noise there, the most of all widths; of
    dark spots below 0. NaN where it is not known."""
    added: Plane
    """Standard errors by which the data deny the details around a pixel; NaN where it is not known."""
    lost_places: tuple[Place, ...]
    """Where most was lost, the most first."""
    added_places: tuple[Place, ...]
    """Where the details are denied most."""
    band: BandLoss
    share: float
    """Of the pixels, those that could be tested."""

    @property
    def most_lost(self) -> float:
        """Largest score of ``lost``, of either sign; 0 where nothing is known."""
        return max((abs(one.score) for one in self.lost_places), default=0.0)

    @property
    def most_added(self) -> float:
        """Largest score of ``added``; 0 where nothing is known."""
        return max((one.score for one in self.added_places), default=0.0)


def structure_test(
    residual: Standardised, autocorrelation: NDArray[np.float64] | None = None, band: float = _NYQUIST
) -> StructureTest:
    """Maps of what was lost and of what was added, and the power lost in the fine frequencies.

    Parameters
    ----------
    residual
        Of one plane of at least 16x16 pixels.
    autocorrelation
        Of the noise, ``(y, x)``, sides odd, 1 in the middle; None: white noise.
    band
        Frequency above which the noisy image holds nothing but noise, in cycles per pixel.

    Notes
    -----
    Lost: a filter matched to a spot. A result that shrinks a spot leaves part of it in the residual.
    Added: the mean product of the residual with the details of the result is the noise's own, 0, if the details are
    true, and above 0 if the noise, or too little of the image, was left in: a filter that multiplies a frequency of
    signal-to-noise ratio s by s / (1 + s), as the best linear one does, leaves s / (1 + s) of the noise's power there.
    Below 0 it is only where the result holds more than the data, as an added texture does by all of its power. Both
    signs may meet: as much noise left in hides the texture.
    """
    lost = lost_map(residual, autocorrelation)
    added = added_map(residual, autocorrelation)
    size = math.ceil(4 * SCALES[-1])
    bright, dark = (highest(sign * lost, size, 3.0, _MOST) for sign in (np.float32(1), np.float32(-1)))
    both = [*bright, *(Place(one.y, one.x, one.size, -one.score) for one in dark)]
    return StructureTest(
        lost,
        added,
        tuple(sorted(both, key=lambda one: -abs(one.score))[:_MOST]),
        highest(added, WINDOW, 2.0, _MOST),
        band_loss(residual, autocorrelation, band),
        residual.share,
    )


def lost_map(residual: Standardised, autocorrelation: NDArray[np.float64] | None = None) -> Plane:
    """The residual through filters matched to spots, in standard errors of noise; the most extreme of all widths.

    Parameters
    ----------
    residual, autocorrelation
        As for ``structure_test``.
    """
    from scipy.ndimage import gaussian_filter, gaussian_filter1d

    extreme = np.zeros(residual.residual.shape, np.float32)
    whole = bool(residual.valid.all())
    for width in SCALES:
        # nothing lies beyond the border: mirrored, noise there would count twice
        filtered = gaussian_filter(residual.residual, width, mode="constant")
        # the square of a Gaussian is a narrower Gaussian: it gives the variance, gaps and all
        norm = shared_power(autocorrelation, width) / (4 * math.pi * width**2)
        narrow = width / math.sqrt(2)
        if whole:
            along = (
                gaussian_filter1d(np.ones(side, np.float32), narrow, mode="constant")
                for side in residual.residual.shape
            )
            power = norm * np.outer(*along)
        else:
            power = norm * gaussian_filter(residual.valid.astype(np.float32), narrow, mode="constant")
        score = np.divide(filtered, np.sqrt(power), out=np.zeros_like(filtered), where=power > 0)
        if residual.skewness is not None:
            score = _symmetric(score, residual.skewness * np.float32(_SKEWNESS_KEPT / width))
        extreme = np.where(np.abs(score) > np.abs(extreme), score, extreme)
    return np.where(residual.valid, extreme, np.float32(np.nan))


def _symmetric(scores: Plane, skewness: Plane) -> Plane:
    """Normal values of the same probability: few photons are more often far above their mean than far below.

    Source
    ------
    Wilson & Hilferty, "The distribution of chi-square", PNAS 1931: the cube root of a gamma variable, which has the
    skewness of photons, is nearly normal.
    """
    skew = np.maximum(skewness, np.float32(1e-3))
    root = np.cbrt(np.maximum(1 + skew * scores / 2, np.float32(0)))
    result: Plane = 6 / skew * (root - 1) + skew / 6
    return result


def shared_power(autocorrelation: NDArray[np.float64] | None, width: float) -> float:
    """Variance of noise that neighbours share behind a Gaussian filter, over that of white noise.

    Parameters
    ----------
    autocorrelation
        Of the noise; None: white.
    width
        Of the filter, standard deviation in pixels.
    """
    if autocorrelation is None:
        return 1.0
    y, x = (np.arange(size) - size // 2 for size in autocorrelation.shape)
    # a Gaussian with itself is a Gaussian wider by the root of 2
    own = np.exp(-(y[:, None] ** 2 + x[None] ** 2) / (4 * width**2))
    return max(float((autocorrelation * own).sum()), 1e-3)


def added_map(residual: Standardised, autocorrelation: NDArray[np.float64] | None = None) -> Plane:
    """How surely the data deny the details around each pixel, in standard errors, the most of all octaves.

    Parameters
    ----------
    residual, autocorrelation
        As for ``structure_test``.
    """
    from scipy.ndimage import gaussian_filter, uniform_filter

    result = np.full(residual.residual.shape, -np.inf, np.float32)
    side = min([WINDOW, *residual.residual.shape])
    finer = residual.denoised
    weight = (residual.valid / residual.deviation).astype(np.float32)
    for width in BLURS:
        coarser = gaussian_filter(residual.denoised, width)
        details = np.clip((finer - coarser) * weight, -FIRM, FIRM)
        finer = coarser
        product = uniform_filter(residual.residual * details, side, mode="constant")
        # what differs from its surroundings by less than a thousandth of the noise is rounding
        power = np.maximum(uniform_filter(details**2, side, mode="constant"), 1e-6)
        denied = product / np.sqrt(power * (shared_power(autocorrelation, width / 2) / side**2))
        result = np.maximum(result, -denied)
    return np.where(residual.valid, result, np.float32(np.nan))


def band_loss(residual: Standardised, autocorrelation: NDArray[np.float64] | None, band: float) -> BandLoss:
    """Power of the residual between half of the band and its end, over that of the noise.

    Parameters
    ----------
    residual, autocorrelation, band
        As for ``structure_test``.
    """
    from scipy.fft import dctn

    shape = residual.residual.shape
    share = residual.share
    along = [np.arange(size) / (2 * size) for size in shape]
    frequency = np.hypot(along[0][:, None], along[1][None])
    high = max(band, 4 / min(shape))
    chosen = (frequency >= high / 2) & (frequency <= high)
    if not share:
        return BandLoss(high / 2, high, math.nan, math.nan)
    middle = float(residual.residual[residual.valid].mean())
    values = (residual.residual - middle) * residual.valid
    power = dctn(values, norm="ortho", overwrite_x=True)[chosen] ** 2 / share
    ratio = float(np.mean(power / _noise_power(autocorrelation, frequency, along)[chosen]))
    # gaps spread each frequency over its neighbours: fewer of them are independent
    return BandLoss(high / 2, high, ratio, (ratio - 1) / math.sqrt(2 / (power.size * share)))


def _noise_power(
    autocorrelation: NDArray[np.float64] | None, frequency: NDArray[np.float64], along: list[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Spectrum of noise of variance 1, at the frequencies of a cosine transform."""
    if autocorrelation is None:
        return np.ones_like(frequency)
    lags = [np.arange(size) - size // 2 for size in autocorrelation.shape]
    # what is odd in both lags averages out over a cosine transform, which folds a frequency onto its mirror image
    down, across = (np.cos(2 * np.pi * np.outer(place, lag)) for place, lag in zip(along, lags, strict=True))
    power: NDArray[np.float64] = down @ autocorrelation @ across.T
    return np.maximum(power, 1e-2 * float(power.max()))
