"""Noise that neighbouring pixels share: its autocovariance, measured or given, and its variance in each coefficient."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 16
"""Of the blocks in which an autocovariance is measured, in pixels."""

LAGS = 7
"""Farthest pixels whose noise is compared, along each axis."""

SHARE = 0.2
"""Of all blocks, the flattest: these are looked at."""

_MEDIAN = math.log(2)
"""Of the power of normal noise, whose mean is 1."""


def kernel_autocovariance(kernel: Tensor) -> Tensor:
    """Autocovariance ``(y, x)`` of white noise filtered with a kernel, of variance 1; lag 0 is in the middle."""
    pads = (len(kernel[0]) - 1,) * 2 + (len(kernel) - 1,) * 2
    product = F.conv2d(F.pad(kernel, pads)[None, None], kernel[None, None])[0, 0]
    return product / kernel.square().sum()


def coefficient_variances(autocovariance: Tensor, matrix: Tensor) -> Tensor:
    """Variance of the noise in each coefficient of a patch: the diagonal of ``matrix @ covariance @ matrix.T``.

    Parameters
    ----------
    autocovariance
        ``(y, x)``, sides odd, lag 0 in the middle; lags beyond it count as 0.
    matrix
        Transform of a patch written row by row, ``(side * side, side * side)``.
    """
    side = math.isqrt(matrix.shape[1])
    reach = [size // 2 for size in autocovariance.shape]
    at = torch.arange(side, device=matrix.device)
    lag = at[:, None] - at  # of the second pixel behind the first, along one axis
    inside = [lag.abs() <= far for far in reach]
    rows, columns = ((lag + far).clamp(0, 2 * far) for far in reach)
    covariance = autocovariance[rows[:, None, :, None], columns[None, :, None, :]]
    covariance = covariance * (inside[0][:, None, :, None] & inside[1][None, :, None, :])
    covariance = covariance.reshape(side * side, side * side).to(matrix)
    variances = ((matrix @ covariance) * matrix).sum(1)
    # a measured autocovariance may be that of no noise at all: no coefficient has variance 0 or less
    return variances.clamp_min(1e-3 * float(variances.max()))


def measured_autocovariance(images: Tensor, mask: Tensor | None = None) -> Tensor:
    """Autocovariance of the noise on the flattest blocks of images ``(image, y, x)``; lag 0 is in the middle.

    The median over blocks of the power at each frequency, so that a few blocks with structure do no harm. Flat is what
    has calm surroundings: a choice by the block's own variance would take those with the least noise. Multiplied by a
    window, a block's autocovariance is that of the noise times that of the window, which is divided out.

    Parameters
    ----------
    images
        All with the same noise.
    mask
        True where a pixel is data, of the same shape; blocks with a gap are left out. None: everywhere.
    """
    side = min(SIDE, *images.shape[1:])
    blocks, unrest = _blocks(images.double() - float(images.mean()), mask, side)
    lags = min(LAGS, side // 2 - 1)
    if not len(blocks):
        return images.new_zeros(2 * lags + 1, 2 * lags + 1)
    blocks = blocks[unrest.argsort()[: math.ceil(SHARE * len(blocks))]]
    blocks = blocks - blocks.mean((1, 2), keepdim=True)
    line = torch.hann_window(side + 2, periodic=False, dtype=blocks.dtype, device=blocks.device)[1:-1]
    window = line[:, None] * line
    power, own = (
        torch.fft.fft2(values, s=(2 * side, 2 * side)).abs().square() for values in (blocks * window, window[None])
    )
    middle = power.median(0).values / (_MEDIAN if len(power) > 1 else 1.0)
    # the block's mean was taken away: the lowest frequency is read off its neighbours
    middle[0, 0] = (middle[0, 2] + middle[2, 0]) / 2
    middle[0, 1] = middle[0, -1] = middle[1, 0] = middle[-1, 0] = middle[0, 0]
    shared, plain = (torch.fft.ifft2(values).real for values in (middle, own[0]))
    shift = ((lags, lags), (0, 1))
    found: Tensor = (shared / plain).roll(*shift)[: 2 * lags + 1, : 2 * lags + 1]
    return found.float()


def _blocks(images: Tensor, mask: Tensor | None, side: int) -> tuple[Tensor, Tensor]:
    """Blocks without gaps, and the variance of the frame around each; of the block itself in very small images."""
    step, frame = max(side // 4, 1), side // 2 if min(images.shape[1:]) >= 3 * side else 0
    size = side + 2 * frame
    windows = images.unfold(1, size, step).unfold(2, size, step)  # (image, rows, columns, size, size)
    blocks = windows[..., frame : frame + side, frame : frame + side]
    moments = [values.sum((3, 4)) for power in (1, 2) for values in (windows**power, blocks**power)]
    area = size**2 - (side**2 if frame else 0)
    first, second = ((moments[n] - (moments[n + 1] if frame else 0)) / area for n in (0, 2))
    unrest = second - first.square()
    if mask is None:
        return blocks.reshape(-1, side, side), unrest.flatten()
    whole = mask.unfold(1, size, step).unfold(2, size, step).all((3, 4))
    return blocks[whole], unrest[whole]
