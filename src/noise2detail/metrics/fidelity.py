"""How close a result is to a reference, pixel by pixel.

No measure here holds an epsilon: identical images have a PSNR of infinity.
"""

import math

import numpy as np

from noise2detail.errors import InputError, check_setting
from noise2detail.metrics.likeness import Values, comparable, comparable_planes, finite
from noise2detail.types import Pixels

_WINDOW = 1.5
_REACH = 5
_BODY = 0.25
_CONVENTIONAL = (1.0, 255.0)


def psnr(result: Pixels, reference: Pixels, span: float, *, clip: bool | None = None) -> float:
    """Peak signal-to-noise ratio in dB, over the whole image.

    Parameters
    ----------
    result, reference
        Of any shape, the same for both.
    span
        Largest possible value minus smallest: 255 for 8-bit images.
    clip
        Set what the result has outside 0 and ``span`` to these values first, as a file of that range would; None: where
        the span is 255 or 1, the ranges that begin at 0 by convention.

    Raises
    ------
    InputError
        Images of different shapes, or not finite.
    """
    check_setting("span", span, lowest=0)
    measured, wanted = comparable(result, reference)
    return _decibels(_within(measured, span, clip), wanted, span)


def ssim(result: Pixels, reference: Pixels, span: float, *, clip: bool | None = None) -> float:
    """Structural similarity, 1 for identical images.

    Parameters
    ----------
    result, reference
        One plane each, (y, x), of at least 11x11 pixels.
    span
        Largest possible value minus smallest.
    clip
        As for ``psnr``.

    Raises
    ------
    InputError
        Images of different shapes, too small, or not finite.

    Source
    ------
    Wang, Bovik, Sheikh & Simoncelli, "Image quality assessment: from error visibility to structural similarity", IEEE
    TIP 2004, with the settings of its authors: an 11x11 Gaussian window of 1.5 pixels, population covariance, K 0.01
    and 0.03. The mean leaves out the border where the window reaches beyond the image.
    """
    from scipy.ndimage import gaussian_filter

    check_setting("span", span, lowest=0)
    measured, wanted = comparable_planes(result, reference)
    if min(measured.shape) <= 2 * _REACH:
        raise InputError(f"an image of {measured.shape[0]}x{measured.shape[1]} pixels; SSIM needs at least 11x11")
    measured = _within(measured, span, clip)

    def local(image: Values) -> Values:
        blurred: Values = gaussian_filter(image, _WINDOW, radius=_REACH)
        return blurred[_REACH:-_REACH, _REACH:-_REACH]

    mean, mean_wanted = local(measured), local(wanted)
    variances = local(measured**2) - mean**2 + local(wanted**2) - mean_wanted**2
    covariance = local(measured * wanted) - mean * mean_wanted
    small, large = (0.01 * span) ** 2, (0.03 * span) ** 2
    likeness = (2 * mean * mean_wanted + small) * (2 * covariance + large)
    return float(np.mean(likeness / ((mean**2 + mean_wanted**2 + small) * (variances + large))))


def drift_psnr(result: Pixels, reference: Pixels, noisy: Pixels, span: float, *, clip: bool | None = None) -> float:
    """PSNR against the reference as this capture saw it, in dB.

    Between the captures that a reference is averaged from, lamps and dyes drift by several per cent, which no denoiser
    can know and which plain PSNR rewards by chance.

    Parameters
    ----------
    result, reference, span, clip
        As for ``psnr``.
    noisy
        What was denoised: gain and offset are fitted from it, never from a result.

    Raises
    ------
    InputError
        Images of different shapes, or not finite.
    """
    check_setting("span", span, lowest=0)
    measured, wanted = comparable(result, reference)
    return _decibels(_within(measured, span, clip), drifted(wanted, noisy), span)


def body_psnr(result: Pixels, reference: Pixels, span: float, *, clip: bool | None = None) -> float:
    """PSNR over the pixels whose reference is above a quarter of its range, in dB: without air, without background.

    Parameters
    ----------
    result, reference, span, clip
        As for ``psnr``.

    Returns
    -------
    NaN for a reference of one value, which has no body.

    Raises
    ------
    InputError
        Images of different shapes, or not finite.
    """
    check_setting("span", span, lowest=0)
    measured, wanted = comparable(result, reference)
    body = wanted > wanted.min() + _BODY * (wanted.max() - wanted.min())
    return _decibels(_within(measured, span, clip)[body], wanted[body], span) if body.any() else math.nan


def drifted(reference: Pixels, noisy: Pixels) -> Values:
    """The reference with the gain and offset that fit the noisy image best, in the least-squares sense.

    Raises
    ------
    InputError
        Images of different shapes, or not finite.
    """
    seen, wanted = comparable(noisy, reference)
    gain, offset = gain_and_offset(seen, wanted)
    return gain * wanted + offset


def gain_and_offset(noisy: Pixels, reference: Pixels) -> tuple[float, float]:
    """What the reference is multiplied with, and what is added, to fit the noisy image best; a flat one: gain 0."""
    seen, wanted = finite(noisy, "noisy image"), finite(reference, "reference")
    centred = wanted - wanted.mean()
    power = float(np.mean(centred**2))
    gain = float(np.mean(centred * seen)) / power if power else 0.0
    return gain, float(seen.mean() - gain * wanted.mean())


def _within(image: Values, span: float, clip: bool | None) -> Values:
    return np.clip(image, 0, span) if clip or (clip is None and span in _CONVENTIONAL) else image


def _decibels(result: Values, reference: Values, span: float) -> float:
    error = float(np.mean((result - reference) ** 2))
    return math.inf if error == 0 else 10 * math.log10(span**2 / error)
