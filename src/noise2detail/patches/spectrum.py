"""Noise that neighbouring pixels share: its variance in each coefficient of patches and of stacks of them."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

FLOOR = 1e-3
"""Least variance of a coefficient, as a share of the largest of its patch."""

PART = 256
"""Groups whose covariances are gathered at a time: they fit into the cache."""


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
