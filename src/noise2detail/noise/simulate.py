"""Noise laid over clean images, as the published comparisons do."""

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import SettingError, check_setting
from noise2detail.types import Pixels

Image = NDArray[np.float32]


def add_gaussian(clean01: Pixels, sigma255: float, rng: np.random.Generator, *, clip: bool = True) -> Image:
    """Image plus normal noise.

    Parameters
    ----------
    clean01
        Clean image, 0 to 1.
    sigma255
        Standard deviation on the scale of 8-bit images: 25 is 25/255.
    rng
        Source of randomness.
    clip
        Clip to [0, 1], as the published code does: it brightens dark areas.
    """
    check_setting("sigma255", sigma255, lowest=0)
    clean = np.asarray(clean01, np.float64)
    return _finished(clean + rng.normal(0, sigma255 / 255, clean.shape), clip)


def add_poisson(clean01: Pixels, lam: float, rng: np.random.Generator) -> Image:
    """Image as counted photons, over ``lam``; never clipped.

    Parameters
    ----------
    clean01
        Clean image, 0 to 1.
    lam
        Mean photons where the image is 1.
    rng
        Source of randomness.
    """
    return add_poisson_gaussian(clean01, lam, 0.0, rng)


def add_poisson_gaussian(clean01: Pixels, lam: float, sigma255: float, rng: np.random.Generator) -> Image:
    """Image as counted photons, over ``lam``, plus normal noise of the camera; never clipped.

    Parameters
    ----------
    clean01, lam, sigma255, rng
        As for ``add_poisson`` and ``add_gaussian``.

    Raises
    ------
    SettingError
        ``lam`` that is no positive number, or a clean image with negative pixels: counts have no negative mean.
    """
    check_setting("sigma255", sigma255, lowest=0)
    clean = np.asarray(clean01, np.float64)
    if not 0 < lam < np.inf:
        raise SettingError(f"lam is {lam}; expected a positive number of photons")
    if clean.size and not clean.min() >= 0:
        raise SettingError(f"the clean image reaches down to {clean.min():g}; photons need values of at least 0")
    noisy = rng.poisson(lam * clean) / lam
    return _finished(noisy + rng.normal(0, sigma255 / 255, clean.shape) if sigma255 else noisy, clip=False)


def add_uniform(clean01: Pixels, width: float, rng: np.random.Generator, *, clip: bool = True) -> Image:
    """Image plus noise that is equally likely anywhere in an interval of this width around 0.

    Parameters
    ----------
    clean01
        Clean image, 0 to 1.
    width
        Of the interval: 0.2 is from -0.1 to 0.1.
    rng
        Source of randomness.
    clip
        Clip to [0, 1].
    """
    check_setting("width", width, lowest=0)
    clean = np.asarray(clean01, np.float64)
    return _finished(clean + rng.uniform(-width / 2, width / 2, clean.shape), clip)


def _finished(noisy: NDArray[np.float64], clip: bool) -> Image:
    return (np.clip(noisy, 0, 1) if clip else noisy).astype(np.float32)
