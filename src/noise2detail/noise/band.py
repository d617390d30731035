"""The band of the signal: above which frequency an image holds nothing but noise."""

import math

import torch
from torch import Tensor

from noise2detail.noise.autocovariance import measured_autocovariance
from noise2detail.noise.colour import low_autocovariance, power_spectrum
from noise2detail.numerics.cosines import low_frequencies

MARGIN = 1.15
"""Frequencies that are kept, relative to the highest at which structure was seen."""

RING = 0.02
"""Width of the rings of frequencies that are looked at, cycles per pixel."""

VISIBLE = 0.05
"""Power of the signal relative to that of the noise, in a ring, below which it would not be seen in the result: a
perfect filter keeps a twentieth of it."""

HELD = 0.05
"""Power of the noise, relative to its strongest ring, below which its spectrum is too uncertain to divide by; optics or
a reconstruction that leave so little of the noise leave nothing of the signal."""

NYQUIST = 0.5

SMALLEST = 32
"""Side of an image in pixels that is left at least."""

AGREEMENT = 1.5
"""Strength of the noise as measured within the band, relative to what its spectrum says, up to which it can be noise:
more is fine structure, which passes for noise where only low frequencies are left."""


def signal_band(images: Tensor, autocovariance: Tensor) -> float:
    """Frequency in cycles per pixel above which no structure is seen; 0.5 where it reaches up to the pixels.

    The cosine spectrum of the image, ring by ring, over that of the noise. The band ends before the first two rings in
    a row that hold noise alone; what stands beyond them is an error of the noise's spectrum, which is large where there
    is hardly any noise.

    Parameters
    ----------
    images
        ``(image, y, x)``, without gaps; noise of the same kind everywhere.
    autocovariance
        Of the noise, ``(lag_y, lag_x)``, no larger than an image.
    """
    from scipy.fft import dctn

    y, x = images.shape[-2:]
    values = (images - images.mean((-2, -1), keepdim=True)).double().cpu().numpy()
    power = torch.from_numpy(dctn(values, axes=(-2, -1), norm="ortho")).square().mean(0)
    # frequency k of the cosine transform is k / 2 of the Fourier transform of the image beside its mirror image
    noise = power_spectrum(autocovariance.cpu().double(), 2 * y, 2 * x)[:y, :x]
    along = [torch.arange(size, dtype=torch.float64) / (2 * size) for size in (y, x)]
    ring = (torch.hypot(along[0][:, None], along[1]) / RING).long().flatten()
    count = round(NYQUIST / RING)
    kept = ring < count
    sums = torch.zeros(3, count, dtype=torch.float64)
    values_of = [power / noise, noise, torch.ones_like(noise)]
    sums.index_add_(1, ring[kept], torch.stack([value.flatten()[kept] for value in values_of]))
    pixels = sums[2].clamp_min(1)
    seen = sums[0] / pixels - 1 > VISIBLE + 3 * (2 / (len(images) * pixels)).sqrt()
    seen &= sums[1] / pixels > HELD * float((sums[1] / pixels).max())
    dark = ~(seen[:-1] | seen[1:])
    return float(dark.int().argmax()) * RING if bool(dark.any()) else NYQUIST


def kept_share(band: float, y: int, x: int) -> float:
    """Share of the frequencies along each axis that holds all structure of an image of this size, 1 or more: all."""
    return max(2 * MARGIN * band, SMALLEST / min(y, x))


def is_noise(images: Tensor, share: float) -> bool:
    """True if what images hold on their flattest blocks is as strong within a band as its spectrum says.

    Parameters
    ----------
    images
        ``(image, y, x)``, without gaps; noise of the same kind everywhere.
    share
        Of the frequencies along each axis.
    """
    y, x = images.shape[-2:]
    low = low_frequencies(images, math.ceil(share * y), math.ceil(share * x))
    expected = low_autocovariance(measured_autocovariance(images, flat=True), low.shape[-2] / y, low.shape[-1] / x)
    return _variance(measured_autocovariance(low, flat=True)) <= AGREEMENT * _variance(expected)


def _variance(autocovariance: Tensor) -> float:
    y, x = (size // 2 for size in autocovariance.shape)
    return float(autocovariance[y, x])
