"""A first picture without PyTorch, which takes seconds to load: shrunk towards the mean of the surroundings."""

import numpy as np
from numpy.typing import NDArray

from noise2detail.pipeline.values import to_type
from noise2detail.types import Pixels

REACH = 3
"""Pixels to each side of one that are its surroundings."""


def rough_picture(pixels: Pixels, axes: str) -> Pixels:
    """A quick estimate of a plane, in its shape and type: it shows where a preview goes, and is replaced at once.

    Source
    ------
    Lee, "Digital image enhancement and noise filtering by use of local statistics", IEEE TPAMI 1980. The noise of a
    pixel is measured in its surroundings, by differences of neighbours, so that noise may grow with the signal.
    """
    order = [number for number, axis in enumerate(axes) if axis not in "YX"]
    order += [axes.index("Y"), axes.index("X")]
    result = np.empty_like(pixels)
    source, target = pixels.transpose(order), result.transpose(order)
    for index in np.ndindex(*source.shape[:-2]):
        target[index] = to_type(_shrunk(source[index].astype(np.float64)), pixels.dtype)
    return result


def _shrunk(image: NDArray[np.float64]) -> NDArray[np.float64]:
    good = np.isfinite(image)
    seen = np.where(good, image, np.median(image[good]) if good.any() else 0.0)
    mean = _means(seen)
    variance = np.maximum(_means(seen**2) - mean**2, 0)
    # the mixed second difference has no share of slopes and edges along rows or columns, and 4 times the variance
    mixed = np.zeros_like(seen)
    mixed[:-1, :-1] = (seen[1:, 1:] - seen[1:, :-1] - seen[:-1, 1:] + seen[:-1, :-1]) ** 2 / 4
    mixed[-1], mixed[:, -1] = mixed[-2], mixed[:, -2]
    noise = np.minimum(_means(mixed), variance)
    gain = np.divide(variance - noise, variance, out=np.zeros_like(variance), where=variance > 0)
    return np.where(good, mean + gain * (seen - mean), image)


def _means(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the surroundings, mirrored at the border."""
    side = 2 * REACH + 1
    padded = np.pad(image, REACH, mode="reflect")
    sums = np.pad(padded, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    total = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    found: NDArray[np.float64] = total / side**2
    return found
