"""Structure in the residual: where details were taken away, and where details were shown that the data deny."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noise2detail.metrics.places import Place, highest
from noise2detail.metrics.standardised import Plane, Standardised

SCALES = (1.0, 1.6, 2.5)
"""Width of the spots that are looked for, standard deviations in pixels: what optics make of a point."""

BLURS = (0.6, 1.2, 2.4)
"""Widths of the blurs between which details are looked at, in pixels: added texture shows in its own octave, and true
structure, which would hide it, mostly in others."""

STRONG = 0.015
"""Power of details, over that of the noise, above which they count the less the stronger they are: true structure would
drown all else. It is a sixth of that of a texture of 0.3 deviations, which spreads over the octaves and beyond."""

BLOCK, BLOCKS = 9, 5
"""Side of the blocks whose sums are kept, in pixels, and of the squares of blocks in which details are judged."""

WINDOW = BLOCK * BLOCKS
"""Side of the squares in which details are compared with the residual, in pixels."""

SHADES, ENOUGH = 3, 300
"""Parts of an image by brightness within which squares are compared with each other, and the squares that a part must
have; they overlap."""

BESIDE = 0.7
"""Weight of how far a square is from others of its brightness: those differ by more than noise, in longer tails."""

SMALLEST = 16
"""Side of the smallest image in which structure is looked for, in pixels."""

_MOST = 5
# sum of the cubes of the weights of a Gaussian filter of width 1, over the root of the sum of their squares cubed
_SKEWNESS_KEPT = 2 / (3 * math.sqrt(math.pi))
_NYQUIST = 0.5
# largest of the transfer of the difference of two Gaussian filters, one twice as wide: x - x^4 where 4 x^3 = 1
_PASSED = 0.4725


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
    residual: Standardised,
    autocorrelation: NDArray[np.float64] | None = None,
    band: float = _NYQUIST,
    rounding: float = 0.0,
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
    rounding
        Step to which the denoised values were rounded, in units of the image; 0: they were not.

    Notes
    -----
    Lost: a filter matched to a spot. A result that shrinks a spot leaves part of it in the residual.
    Added: the mean product of the residual with the details of the result is the noise's own, 0, if the details are
    true, and above 0 if the noise, or too little of the image, was left in: a filter that multiplies a frequency of
    signal-to-noise ratio s by s / (1 + s), as the best linear one does, leaves s / (1 + s) of the noise's power there.
    Below 0 it is only where the result holds more than the data, as an added texture does by all of its power. Both
    signs may meet: where as much noise was left in, the texture shows only beside other places of the same brightness,
    in which noise was left in without it.
    """
    lost = lost_map(residual, autocorrelation)
    added = added_map(residual, autocorrelation, rounding)
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


def added_map(
    residual: Standardised, autocorrelation: NDArray[np.float64] | None = None, rounding: float = 0.0
) -> Plane:
    """How surely the data deny the details around each pixel, in standard errors, the most of all octaves.

    Parameters
    ----------
    residual, autocorrelation, rounding
        As for ``structure_test``.

    Notes
    -----
    In each square the mean product of residual and details, each pixel weighted by one over the power of the details
    around it, is compared twice: with 0, in standard errors of noise, and, as a share of the noise that was left in,
    with the median of squares of the same brightness, in standard errors and the spread of those squares.
    """
    count = _squares(residual.valid)
    known = (count > 0) & (count >= float(count.max()) / 3)
    if not known.any():
        return np.full(residual.valid.shape, np.nan, np.float32)
    level = _squares(residual.denoised * residual.valid)[known] / count[known]
    most = np.full(level.shape, -np.inf)
    for width, sums in zip(BLURS, _octaves(residual, rounding), strict=True):
        product, power, own = (_squares(one)[known] for one in sums)
        # what differs from its surroundings by less than a thousandth of the noise is rounding
        power = np.maximum(power, 1e-6 * count[known] / STRONG**2)
        error = np.sqrt(power * shared_power(autocorrelation, width / 2))
        own = np.maximum(own, 1e-9)
        most = np.maximum(most, -product / error)
        most = np.maximum(most, BESIDE * _below_others(product / own, error / own, level))
    squares = np.full(count.shape, np.nan, np.float32)
    squares[known] = most
    full = squares.repeat(BLOCK, 0).repeat(BLOCK, 1)[: residual.valid.shape[0], : residual.valid.shape[1]]
    return np.where(residual.valid, full, np.float32(np.nan))


def _octaves(residual: Standardised, rounding: float) -> Iterator[tuple[Plane, Plane, Plane]]:
    """Of each octave: product of residual and weighted details, power of these, and the product if they were noise."""
    from scipy.ndimage import gaussian_filter

    finer, noise, passed = residual.denoised, residual.residual, 1.0
    scale = (residual.valid / residual.deviation).astype(np.float32)
    for width in BLURS:
        coarser = gaussian_filter(residual.denoised, width)
        rest = gaussian_filter(residual.residual, width, mode="constant")
        details, own = (finer - coarser) * scale, noise - rest
        # local power over a little more than the size of the details
        weight = 1 / (gaussian_filter(details**2, 0.7 * width + 1) + np.float32(STRONG))
        weighted = details * weight
        # what was rounded is in the residual with the other sign, in this octave at most with all of its power
        rounded = np.float32(rounding**2 / 12 * passed) * scale**2 * weight
        yield residual.residual * weighted + rounded, weighted**2, residual.residual * own * weight
        finer, noise, passed = coarser, rest, _PASSED


def _squares(values: NDArray[Any]) -> NDArray[np.float64]:
    """Sums over squares around each block, nothing beyond the border."""
    from scipy.ndimage import uniform_filter

    padded = np.pad(values, [(0, -size % BLOCK) for size in values.shape])
    rows, columns = (size // BLOCK for size in padded.shape)
    blocks = padded.reshape(rows, BLOCK, columns, BLOCK).sum((1, 3), dtype=np.float64)
    sums: NDArray[np.float64] = uniform_filter(blocks, BLOCKS, mode="constant") * BLOCKS**2
    return sums


def _below_others(
    shares: NDArray[np.float64], errors: NDArray[np.float64], level: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far each share lies below the median of those of the same level, in standard errors; -inf: too few."""
    parts = min(SHADES, shares.size // ENOUGH)
    if not parts:
        return np.full(shares.shape, -np.inf)
    edges = np.quantile(level, np.linspace(0, 1, parts + 1))
    centres, medians, spreads = [], [], []
    for low, high in itertools.pairwise(edges):
        own = (level >= low) & (level <= high)
        quarter, middle = np.quantile(shares[own], [0.25, 0.5])
        centres.append(float(np.median(level[own])))
        medians.append(middle)
        # a quarter of normal values lies more than 0.674 deviations below their median
        spreads.append((middle - quarter) / 0.674)
    below = np.interp(level, centres, medians) - shares
    result: NDArray[np.float64] = below / np.hypot(errors, np.interp(level, centres, spreads))
    return result


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
