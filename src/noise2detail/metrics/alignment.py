"""Whether two images are of the same scene, place and scale, before anything finer is asked of them."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.metrics.likeness import Values

BLOCK = 8
"""Side of the squares whose means are compared, in pixels: noise in them is an eighth."""

REACH = 16
"""Largest shift that is found, in pixels."""


@dataclass(frozen=True)
class Alignment:
    """How a denoised image lies to the noisy one."""

    correlation: float
    """Of the means of blocks: near 1 where the image has more structure than noise."""
    slope: float
    """Denoised over noisy, from block means; 1 is expected."""
    offset: float
    """Denoised where the noisy image is 0, by the same line."""
    shift: tuple[int, int]
    """Pixels by which the denoised image lies further down and right."""
    gain: float
    """Agreement of details at that shift over that without one."""
    shift_score: float
    """Agreement of details at that shift, in deviations of what other shifts give: above 8 it is no chance."""
    difference: float
    """Mean of the denoised less that of the noisy image."""


def alignment(noisy: Values, denoised: Values, mask: NDArray[np.bool_]) -> Alignment | None:
    """Line between the block means of both, and the shift at which their details agree most; None: nothing to compare.

    Parameters
    ----------
    noisy, denoised
        One plane each, ``(y, x)``.
    mask
        True where a pixel is data.
    """
    means = _block_means(noisy, denoised, mask)
    if means is None:
        return None
    first, second = means
    spread = float(first.std()), float(second.std())
    if not all(spread):
        return None
    correlation = float(np.mean((first - first.mean()) * (second - second.mean()))) / (spread[0] * spread[1])
    # the ratio of spreads: regression of either on the other would be flattened by noise
    slope = math.copysign(spread[1] / spread[0], correlation)
    offset = float(second.mean()) - slope * float(first.mean())
    difference = float(denoised[mask].mean() - noisy[mask].mean())
    return Alignment(correlation, slope, offset, *_shift(noisy, denoised, mask), difference)


def _block_means(noisy: Values, denoised: Values, mask: NDArray[np.bool_]) -> tuple[Values, Values] | None:
    rows, columns = (side // BLOCK for side in mask.shape)
    cut = (slice(rows * BLOCK), slice(columns * BLOCK))
    whole = mask[cut].reshape(rows, BLOCK, columns, BLOCK).all((1, 3))
    if np.count_nonzero(whole) < BLOCK:
        return None
    first, second = (one[cut].reshape(rows, BLOCK, columns, BLOCK).mean((1, 3))[whole] for one in (noisy, denoised))
    return first, second


def _shift(noisy: Values, denoised: Values, mask: NDArray[np.bool_]) -> tuple[tuple[int, int], float, float]:
    """Where the details of both agree most, how much more than without a shift, and how far that is from chance."""
    from scipy.fft import irfft2, rfft2
    from scipy.ndimage import gaussian_filter

    parts = []
    for image in (noisy, denoised):
        values = np.where(mask, image - image[mask].mean(), 0.0).astype(np.float32)
        parts.append(rfft2((gaussian_filter(values, 1.0) - gaussian_filter(values, 4.0)) * mask))
    agreement = irfft2(parts[0].conj() * parts[1], mask.shape)
    reach = [min(REACH, side // 4) for side in mask.shape]
    near = np.roll(agreement, reach, (0, 1))[: 2 * reach[0] + 1, : 2 * reach[1] + 1]
    y, x = np.unravel_index(int(near.argmax()), near.shape)
    still = float(agreement[0, 0])
    most, spread = float(near.max()), float(agreement.std())
    gain = most / still if still > 0 else math.inf
    return (int(y) - reach[0], int(x) - reach[1]), gain, most / spread if spread else 0.0
