"""The autocovariance of noise that neighbouring pixels share, measured on the image itself."""

import math

import torch
from torch import Tensor

SIDE = 16
"""Of the blocks in which an autocovariance is measured, in pixels."""

LAGS = 7
"""Farthest pixels whose noise is compared, along each axis."""

SHARE = 0.2
"""Of all blocks, the flattest: these are looked at."""

MOST = 8192
"""Blocks that are looked at: each takes 30 KiB."""

_MEDIAN = math.log(2)
"""Of the power of normal noise, whose mean is 1."""


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
    line = torch.hann_window(side + 2, periodic=False, dtype=blocks.dtype, device=blocks.device)[1:-1]
    window = line[:, None] * line
    blocks = blocks - blocks.mean((1, 2), keepdim=True)
    power, own = (
        torch.fft.fft2(values, s=(2 * side, 2 * side)).abs().square() for values in (blocks * window, window[None])
    )
    flat = unrest.argsort()[: math.ceil(SHARE * len(blocks))]
    middle = power[flat].median(0).values / (_MEDIAN if len(flat) > 1 else 1.0)
    # the block's mean was taken away: the lowest frequency is read off its neighbours
    middle[0, 0] = (middle[0, 2] + middle[2, 0]) / 2
    middle[0, 1] = middle[0, -1] = middle[1, 0] = middle[-1, 0] = middle[0, 0]
    shared, plain = (torch.fft.ifft2(values).real for values in (middle * _strength(power, middle), own[0]))
    found: Tensor = (shared / plain).roll((lags, lags), (0, 1))[: 2 * lags + 1, : 2 * lags + 1]
    return found.float()


def _strength(power: Tensor, flat: Tensor) -> float:
    """How much stronger the noise of a usual block is than that of the flattest, ``power`` and ``flat`` by frequency.

    Noise that is not the same everywhere is weakest on what looks flattest. The middle frequency of a block holds noise
    also where there is structure, and the middle block stands for the image.
    """
    relative = (power / flat.clamp_min(torch.finfo(flat.dtype).tiny)).flatten(1).median(1).values / _MEDIAN
    return float(relative.median())


def _blocks(images: Tensor, mask: Tensor | None, side: int) -> tuple[Tensor, Tensor]:
    """Blocks without gaps that are not constant, and the variance of the frame around each.

    Very small images leave no room for a frame: of the block itself.
    """
    frame = side // 2 if min(images.shape[1:]) >= 3 * side else 0
    step = max(side // 4, 1, math.ceil(math.sqrt(images.numel() / MOST)))
    size = side + 2 * frame
    windows = images.unfold(1, size, step).unfold(2, size, step)  # (image, rows, columns, size, size)
    blocks = windows[..., frame : frame + side, frame : frame + side]
    moments = [values.sum((3, 4)) for power in (1, 2) for values in (windows**power, blocks**power)]
    area = size**2 - (side**2 if frame else 0)
    first, second = ((moments[n] - (moments[n + 1] if frame else 0)) / area for n in (0, 2))
    unrest = second - first.square()
    chosen = blocks.amax((3, 4)) > blocks.amin((3, 4))
    if mask is not None:
        chosen &= mask.unfold(1, size, step).unfold(2, size, step).all((3, 4))
    return blocks[chosen], unrest[chosen]
