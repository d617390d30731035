"""One noisy image made into several whose noise is independent, and the error that two or three of them tell.

Which split is possible depends on what is known. Counts can be thinned; normal noise of known strength can be laid out
anew; without either, neighbouring pixels take the place of each other. Each needs noise that its parts do not share.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import InputError, RefusedSplitError, SettingError
from noise2detail.metrics.likeness import Values, finite
from noise2detail.metrics.response import variances
from noise2detail.noise.measure import Measurement
from noise2detail.noise.model import NoiseModel
from noise2detail.types import Pixels

BELIEVED = 3.0
"""Standard errors from which a correlation of the noise counts as one."""

FAINT = 0.03
"""Correlation up to which parts of neighbouring pixels pass for independent: it moves the error that they tell by twice
that share of the noise's variance at most."""


@dataclass(frozen=True, eq=False)
class Split:
    """Images of the same signal, or of parts of it, with noise of their own."""

    parts: tuple[Values, ...]
    """Each in the units and at the level of the image that was split."""
    variances: tuple[Values, ...]
    """Of the noise of each, as the model has it; empty where no model was needed."""
    exact: bool
    """True if the parts are independent, not only uncorrelated or nearly so."""
    note: str
    """What that rests on."""


def thin(noisy: Pixels, model: NoiseModel, shares: tuple[float, ...] = (0.5, 0.5), *, seed: int = 0) -> Split:
    """Parts of the photons of an image, each scaled to the level of the whole.

    Parameters
    ----------
    noisy
        Of any shape.
    model
        With a gain: ``(noisy - pedestal) / gain`` is taken for a number of photons.
    shares
        Of the photons, two or more, positive, 1 in sum.
    seed
        Of the draw.

    Raises
    ------
    InputError
        An image that is not finite.
    RefusedSplitError
        A model without a gain, or with values cut off: there are no counts then.
    SettingError
        Shares that are not positive, or not 1 in sum.

    Source
    ------
    Thinning of a Poisson process (Kingman, "Poisson Processes", 1993, section 5.1): a binomial share of a Poisson
    number is a Poisson number, independent of the rest. Exact for whole counts. Deviation: counts that are not whole,
    because of reading noise, are rounded at random to one of the neighbours; what lies below 0 is shared out in
    proportion. The parts of reading noise are then correlated, since it is divided and not drawn anew: by
    ``sigma**2`` in image units, at most.
    """
    values = finite(noisy, "noisy image")
    _check_shares(shares)
    if model.gain <= 0:
        raise RefusedSplitError("the noise does not grow with the signal", "a gain, to turn values into counts")
    if model.is_clipped:
        raise RefusedSplitError("values were cut off, and what they counted is lost", "an image without clipping")
    rng = np.random.default_rng(seed)
    counts = (values - model.pedestal) / model.gain
    whole = np.floor(counts)
    whole += rng.random(counts.shape) < counts - whole
    positive = np.maximum(whole, 0).astype(np.int64)
    parts, left, rest = [], positive, 1.0
    for share in shares[:-1]:
        drawn = rng.binomial(left, min(share / rest, 1.0))
        parts.append(drawn)
        left, rest = left - drawn, rest - share
    parts.append(left)
    negative = np.minimum(whole, 0)
    scaled = tuple(
        model.pedestal + model.gain * (part / share + negative) for part, share in zip(parts, shares, strict=True)
    )
    exact = model.sigma == 0 and bool(np.all(counts == np.floor(counts)))
    note = (
        "photons shared out" if exact else "photons shared out; reading noise and rounding are shared, not drawn anew"
    )
    level = np.maximum(values - model.pedestal, 0) * model.gain
    return Split(scaled, tuple(level / share + model.sigma**2 for share in shares), exact, note)


def recorrupt(noisy: Pixels, noise: Measurement, denoised: Pixels, share: float = 0.25, *, seed: int = 0) -> Split:
    """The image plus ``sqrt(share)`` times fresh noise, and the image minus ``1 / sqrt(share)`` times the same.

    Parameters
    ----------
    noisy
        One plane, (y, x).
    noise
        Of the image, in its units.
    denoised
        Says how strong the noise is at each pixel.
    share
        Variance that the first part gains, as a share of the noise's own.
    seed
        Of the draw.

    Raises
    ------
    InputError
        Images of different shapes, or not finite.
    RefusedSplitError
        Noise that neighbouring pixels share, or that was clipped, or none.
    SettingError
        A share that is no positive number.

    Source
    ------
    Pang, Zheng, Quan & Ji, "Recorrupted-to-recorrupted", CVPR 2021; Oliveira, Lei & Tibshirani, "Unbiased risk
    estimation in the normal means problem via coupled bootstrap techniques", 2022. The parts are independent for normal
    noise of known variance; for counts they are uncorrelated, as far as ``denoised`` is right about the level.
    """
    seen, found = finite(noisy, "noisy image"), finite(denoised, "denoised image")
    if seen.shape != found.shape:
        raise InputError(f"the noisy image has the shape {seen.shape}, the denoised {found.shape}; expected the same")
    if not 0 < share < math.inf:
        raise SettingError(f"share is {share}; expected a positive number")
    if not (noise.model.gain or noise.model.sigma):
        raise RefusedSplitError("the image has no noise", "a noisy image")
    if noise.model.is_clipped:
        raise RefusedSplitError("values were cut off, so that their noise is not normal", "an image without clipping")
    if is_shared(noise, 1):
        raise RefusedSplitError(
            f"neighbouring pixels share up to {max(noise.correlation):.0%} of their noise",
            "noise that they do not share",
        )
    power = variances(found, noise.model)
    fresh = np.random.default_rng(seed).standard_normal(seen.shape) * np.sqrt(power)
    parts = seen + math.sqrt(share) * fresh, seen - fresh / math.sqrt(share)
    exact = noise.model.gain == 0
    note = "fresh noise of the model, added and taken away" + ("" if exact else "; counts are taken for normal values")
    return Split(parts, ((1 + share) * power, (1 + 1 / share) * power), exact, note)


def interleave(noisy: Pixels, noise: Measurement, count: int = 2) -> Split:
    """Every other pixel in turn: images of half the sides, of two diagonals, or of three of each four pixels.

    Parameters
    ----------
    noisy
        One plane, (y, x); a last odd row or column is left out.
    noise
        Of the image; only its correlation is looked at.
    count
        2: each the mean of a diagonal of two by two pixels, at the same place; 3: three of the four pixels.

    Raises
    ------
    InputError
        An image that is not a plane, not finite, or of less than 2x2 pixels.
    RefusedSplitError
        Noise that neighbouring pixels share.
    SettingError
        A count other than 2 or 3.

    Source
    ------
    Mansour & Heckel, "Zero-Shot Noise2Noise", CVPR 2023, for the diagonals. The signal of the parts is the same only
    where it is straight over two pixels: what it bends, and for three parts what it rises, counts as error.
    """
    seen = finite(noisy, "noisy image")
    if seen.ndim != 2 or min(seen.shape) < 2:
        raise InputError(f"an image of the shape {seen.shape}; expected one plane (y, x) of at least 2x2 pixels")
    if count not in (2, 3):
        raise SettingError(f"count is {count}; expected 2 or 3")
    if is_shared(noise, 1):
        raise RefusedSplitError(
            f"neighbouring pixels, which stand for each other, share {max(noise.correlation):.0%} of their noise",
            "noise that they do not share",
        )
    y, x = (size // 2 * 2 for size in seen.shape)
    corners = [seen[row:y:2, column:x:2] for row, column in itertools.product((0, 1), repeat=2)]
    parts = tuple(corners[:3])
    if count == 2:
        parts = ((corners[0] + corners[3]) / 2, (corners[1] + corners[2]) / 2)
    return Split(parts, (), exact=False, note="neighbouring pixels in place of each other")


def is_shared(noise: Measurement, lag: int) -> bool:
    """True if noise is correlated between pixels at least so far apart, more than chance and structure would have it.

    Parameters
    ----------
    noise
        As measured, or as known.
    lag
        Pixels along either axis.
    """
    middle = [size // 2 for size in noise.autocorrelation.shape]
    rows, columns = np.indices(noise.autocorrelation.shape)
    far = np.maximum(np.abs(rows - middle[0]), np.abs(columns - middle[1])) >= lag
    if not far.any():
        return False
    errors = [error for error in noise.uncertainty.correlation if math.isfinite(error)]
    least = max(FAINT, BELIEVED * max(errors, default=0.0))
    return bool(np.abs(noise.autocorrelation[far]).max() > least)


@dataclass(frozen=True)
class SplitError:
    """Mean squared error, told by parts of an image."""

    mse: float
    """In squared image units; of the estimate from the first part, which may be negative by chance."""
    error: float
    """Its standard error."""

    def interval(self, deviations: float = 1.6449) -> tuple[float, float]:
        """Lower and upper end, so many standard errors away; 90 % for normal errors unless told otherwise."""
        return self.mse - deviations * self.error, self.mse + deviations * self.error


def error_by_two(
    estimate: Pixels, held_out: Pixels, variance: Values | float, mask: NDArray[np.bool_] | None = None
) -> SplitError:
    """Mean squared error of what was estimated without the held-out part: needs the variance of its noise.

    Parameters
    ----------
    estimate
        From the first part.
    held_out
        The second part, of the same shape.
    variance
        Of its noise, of each pixel or of all; of counts, read off the part itself rather than off an estimate.
    mask
        True where a pixel is data; None: everywhere.

    Raises
    ------
    InputError
        Images of different shapes, or not finite.
    """
    found, other = _alike(estimate, held_out)
    return _mean((found - other) ** 2 - variance, mask)


def error_by_three(
    estimate: Pixels, second: Pixels, third: Pixels, mask: NDArray[np.bool_] | None = None
) -> SplitError:
    """Mean squared error of what was estimated from one part, by two others: nothing is known of the noise.

    ``(f(y1) - y2) (f(y1) - y3)`` has the squared error of ``f(y1)`` as its mean where the noise of all three is
    independent, however strong.

    Parameters
    ----------
    estimate
        From the first part.
    second, third
        The other parts, of the same shape.
    mask
        True where a pixel is data; None: everywhere.

    Raises
    ------
    InputError
        Images of different shapes, or not finite.
    """
    found, two = _alike(estimate, second)
    three = _alike(estimate, third)[1]
    return _mean((found - two) * (found - three), mask)


def _alike(estimate: Pixels, part: Pixels) -> tuple[Values, Values]:
    found, other = finite(estimate, "estimate"), finite(part, "held-out part")
    if found.shape != other.shape or not found.size:
        raise InputError(f"the estimate has the shape {found.shape}, the part {other.shape}; expected the same")
    return found, other


def _mean(values: Values, mask: NDArray[np.bool_] | None) -> SplitError:
    own = values.ravel() if mask is None else values[mask]
    if own.size < 2:
        raise InputError(f"the mask leaves {own.size} pixels; expected at least 2")
    return SplitError(float(own.mean()), float(own.std(ddof=1)) / math.sqrt(own.size))


def _check_shares(shares: tuple[float, ...]) -> None:
    if len(shares) < 2 or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        raise SettingError(f"shares are {shares}; expected two or more positive numbers, 1 in sum")
