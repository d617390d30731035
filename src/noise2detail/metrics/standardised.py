"""The residual in standard deviations of the noise, which every test of it looks at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import InputError
from noise2detail.metrics.likeness import comparable_planes
from noise2detail.noise.model import NoiseModel
from noise2detail.types import Pixels

CLEAR = 2.5
"""Noise deviations from a limit within which clipping changes mean and variance of the noise by over a hundredth."""

Plane = NDArray[np.float32]
"""(y, x)."""


@dataclass(frozen=True, eq=False)
class Standardised:
    """Noisy minus denoised: noise of variance 1 everywhere if the noise, and nothing else, was taken away."""

    residual: Plane
    """0 where it is not valid."""
    denoised: Plane
    """In units of the image, less its mean."""
    deviation: Plane
    """Of the noise, in units of the image; 1 where there is none."""
    skewness: Plane | None
    """Of the noise; None: it has none anywhere."""
    valid: NDArray[np.bool_]
    """True where a pixel is data, has noise, and its noise is not clipped."""

    @property
    def share(self) -> float:
        """Of the pixels, those that are valid."""
        return float(self.valid.mean())


def standardised(
    noisy: Pixels, denoised: Pixels, model: NoiseModel, mask: NDArray[np.bool_] | None = None
) -> Standardised:
    """The residual of one plane over the deviation that the model gives the noise at the denoised value.

    Parameters
    ----------
    noisy, denoised
        One plane each, ``(y, x)``, finite; pixels outside the mask may have any value.
    model
        Of the noise, in the units of the images.
    mask
        True where a pixel is data; None: everywhere.

    Raises
    ------
    InputError
        Images of different shapes, or not finite; a mask of another shape.
    """
    seen, found = comparable_planes(noisy, denoised)
    if mask is not None and mask.shape != seen.shape:
        raise InputError(f"the mask has the shape {mask.shape}, the image {seen.shape}; expected the same")
    variance = model.gain * np.maximum(found - model.pedestal, 0.0) + model.sigma**2
    deviation = np.sqrt(variance)
    valid = deviation > 0
    valid &= (found - CLEAR * deviation >= model.low) & (found + CLEAR * deviation <= model.high)
    if mask is not None:
        valid &= mask
    deviation[deviation == 0] = 1.0
    residual = np.where(valid, (seen - found) / deviation, 0.0).astype(np.float32)
    # in single precision a large offset would leave nothing of the details
    middle = float(found[valid].mean()) if valid.any() else 0.0
    # the third moment of photons is gain times their variance
    skewness = model.gain * (variance - model.sigma**2) / deviation**3 if model.gain else None
    return Standardised(
        residual,
        (found - middle).astype(np.float32),
        deviation.astype(np.float32),
        None if skewness is None else skewness.astype(np.float32),
        valid,
    )
