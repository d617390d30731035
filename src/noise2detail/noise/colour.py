"""The power spectrum of noise that neighbouring pixels share: cut with the frequencies of an image, and imitated."""

import torch
import torch.nn.functional as F
from torch import Tensor

FLOOR = 1e-3
"""Least power at a frequency, as a share of the largest: a measured autocovariance may give less than nothing."""

GRID = 96
"""Frequencies along each axis on which a spectrum is cut."""


def power_spectrum(autocovariance: Tensor, y: int, x: int) -> Tensor:
    """Power of the noise at the frequencies of the discrete Fourier transform of ``(y, x)`` pixels, at least ``FLOOR``.

    Parameters
    ----------
    autocovariance
        ``(..., lag_y, lag_x)``, sides odd, lag 0 in the middle, no larger than ``(y, x)``.
    y, x
        Pixels.
    """
    high, wide = autocovariance.shape[-2:]
    around = F.pad(autocovariance, (0, x - wide, 0, y - high)).roll((-(high // 2), -(wide // 2)), (-2, -1))
    power: Tensor = torch.fft.fft2(around).real
    return power.maximum(FLOOR * power.amax((-2, -1), keepdim=True))


def low_autocovariance(autocovariance: Tensor, y: float, x: float) -> Tensor:
    """Autocovariance of the noise in images that hold the lowest frequencies only, as ``numerics.cosines`` cuts them.

    Parameters
    ----------
    autocovariance
        Of the noise before, ``(..., lag_y, lag_x)``.
    y, x
        Shares of the frequencies that are kept, up to 1.
    """
    if autocovariance.shape[-1] == 1 and autocovariance.shape[-2] == 1:
        return autocovariance
    power = power_spectrum(autocovariance, GRID, GRID)
    half = [max(round(GRID * share / 2), 2) for share in (y, x)]
    rows, columns = (torch.cat([torch.arange(h), torch.arange(GRID - h, GRID)]) for h in half)
    kept = power[..., rows[:, None], columns]
    lags = [min(size // 2, h - 1) for size, h in zip(autocovariance.shape[-2:], half, strict=True)]
    found: Tensor = torch.fft.ifft2(kept).real.roll(lags, (-2, -1))[..., : 2 * lags[0] + 1, : 2 * lags[1] + 1]
    return found.contiguous()


def coloured(white: Tensor, autocovariance: Tensor) -> Tensor:
    """Noise with an autocovariance, made of white noise ``(..., y, x)`` of variance 1; images end where they begin.

    Parameters
    ----------
    white
        Independent normal values of variance 1.
    autocovariance
        ``(..., lag_y, lag_x)``, sides odd, lag 0 in the middle; lags that the image is too small for are left out.
    """
    if autocovariance.shape[-1] == 1 and autocovariance.shape[-2] == 1:
        return white * autocovariance.clamp_min(0).sqrt()
    y, x = white.shape[-2:]
    around = [
        max(0, size - (side - 1 + side % 2)) // 2 for size, side in zip(autocovariance.shape[-2:], (y, x), strict=True)
    ]
    fitting = autocovariance[
        ..., around[0] : autocovariance.shape[-2] - around[0], around[1] : autocovariance.shape[-1] - around[1]
    ]
    root = power_spectrum(fitting, y, x).sqrt()
    result: Tensor = torch.fft.ifft2(torch.fft.fft2(white) * root).real
    return result
