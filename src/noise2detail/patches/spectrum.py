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

MOST = 8192
"""Blocks that are looked at: each takes 30 KiB."""

FLOOR = 1e-3
"""Least variance of a coefficient, as a share of the largest of its patch."""

PART = 256
"""Groups whose covariances are gathered at a time: they fit into the cache."""

_MEDIAN = math.log(2)
"""Of the power of normal noise, whose mean is 1."""


def kernel_autocovariance(kernel: Tensor) -> Tensor:
    """Autocovariance ``(y, x)`` of white noise filtered with a kernel, of variance 1; lag 0 is in the middle."""
    pads = (len(kernel[0]) - 1,) * 2 + (len(kernel) - 1,) * 2
    product = F.conv2d(F.pad(kernel, pads)[None, None], kernel[None, None])[0, 0]
    return product / kernel.square().sum()


def lagged_covariances(autocovariance: Tensor, matrix: Tensor) -> Tensor:
    """Covariance of the noise in the same coefficient of two patches, by the lag from one patch to the other.

    Parameters
    ----------
    autocovariance
        ``(y, x)``, sides odd, lag 0 in the middle; lags beyond it count as 0.
    matrix
        Transform of a patch written row by row, ``(side * side, side * side)``.

    Returns
    -------
    ``(lag_y, lag_x, coefficient)``, lag 0 in the middle, zeros at the rim: of patches that are farther apart too.
    """
    side = math.isqrt(matrix.shape[1])
    basis = matrix.view(-1, 1, side, side)
    # of a basis function with itself: only how far two pixels are apart matters
    products = F.conv2d(basis.transpose(0, 1), basis, padding=side - 1, groups=len(basis)).transpose(0, 1)
    pads = [size // 2 for size in autocovariance.shape]
    around = F.pad(products, (2 * pads[1] + 1, 2 * pads[1] + 1, 2 * pads[0] + 1, 2 * pads[0] + 1))
    found = F.conv2d(around, autocovariance.to(matrix)[None, None])[:, 0]
    return found.permute(1, 2, 0).contiguous()


def coefficient_variances(lagged: Tensor) -> Tensor:
    """Variance of the noise in each coefficient of a patch, from ``lagged_covariances``; all above 0."""
    variances = lagged[len(lagged) // 2, lagged.shape[1] // 2]
    # a measured autocovariance may be that of no noise at all
    return variances.clamp_min(FLOOR * float(variances.max()))


def stack_variances(group: Tensor, wide: int, haar: Tensor, lagged: Tensor) -> Tensor:
    """Variance of the noise in each coefficient of groups, ``(size, groups, coefficients)``: patches may overlap.

    Parameters
    ----------
    group
        Corners of the patches, numbered row by row, ``(size, groups)``.
    wide
        Corners in a row.
    haar
        Orthonormal transform of a stack.
    lagged
        From ``lagged_covariances``.
    """
    size, groups = group.shape
    own = coefficient_variances(lagged)
    found = own.expand(size, groups, -1).clone()
    first, second = torch.triu_indices(size, size, 1, device=group.device)
    weights = 2 * haar[:, first] * haar[:, second]
    corner = group.div(wide, rounding_mode="floor"), group % wide
    far = [length // 2 for length in lagged.shape[:2]]
    lags = [(at[first] - at[second]).clamp(-end, end) + end for at, end in zip(corner, far, strict=True)]
    places = lags[0] * lagged.shape[1] + lags[1]  # (pairs, groups)
    table = lagged.flatten(0, 1)
    for start in range(0, groups, PART):
        part, target = places[:, start : start + PART], found[:, start : start + PART]
        covariances = table.index_select(0, part.reshape(-1)).view(len(first), -1)
        target.add_((weights @ covariances).view_as(target))
    return found.clamp_min_(FLOOR * float(own.max()))


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
