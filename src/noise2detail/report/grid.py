"""Pixel values as whole numbers of at most 16 bits, and pixels that are made fewer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noise2detail.report.coding import Codes
from noise2detail.types import Pixels

LARGEST = 65535

FAR = 64.0
"""Times the width of what nearly all pixels are in, from which few values do not widen the grid any more."""


@dataclass(frozen=True)
class Grid:
    """``value = offset + scale * code``."""

    offset: float
    """Value of code 0, in image units."""
    scale: float
    """Between two codes, in image units; positive."""
    codes_above: int = LARGEST
    """The largest code."""
    exact: bool = False
    """Every value of the pictures lies on it."""
    cut: bool = False
    """A few values lie beyond its ends."""

    def codes(self, values: Pixels) -> Codes:
        """The nearest codes; 0 where there is no value."""
        if self.exact and values.dtype.kind in "iub":
            shifted = np.clip(values - np.asarray(self.offset, np.int64), 0, self.codes_above)
            return np.asarray(shifted, np.uint16)
        real: NDArray[Any] = np.asarray(values, np.float64 if values.dtype.itemsize > 2 else np.float32)
        scaled = (real - self.offset) / self.scale
        np.rint(scaled, out=scaled)
        if values.dtype.kind == "f":
            np.nan_to_num(scaled, copy=False, nan=0.0, posinf=self.codes_above, neginf=0.0)
        found: Codes = np.clip(scaled, 0, self.codes_above, out=scaled).astype(np.uint16)
        return found


def grid_of(pictures: Sequence[Pixels], roomy: bool, codes_above: int = LARGEST) -> Grid:
    """The finest grid for all finite values of some pictures; whole numbers stay exact where they fit.

    Parameters
    ----------
    pictures
        In image units.
    roomy
        Other planes will follow, whose values may lie beyond these.
    codes_above
        The largest code.
    """
    ends = [ends_of(picture) for picture in pictures]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    whole = all(picture.dtype.kind in "iub" for picture in pictures)
    if roomy and codes_above == LARGEST:
        own = [np.iinfo(picture.dtype) for picture in pictures if picture.dtype.kind in "iu"]
        if whole and own and max(one.max for one in own) - min(one.min for one in own) <= LARGEST:
            low, high = float(min(one.min for one in own)), float(max(one.max for one in own))
        else:
            low, high = low - (high - low) / 2, high + (high - low) / 2
    if whole and high - low <= codes_above:
        return Grid(low, 1.0, codes_above, exact=True)
    inner = [_inner(picture) for picture in pictures]
    near, far = min(low for low, _ in inner), max(high for _, high in inner)
    cut = 0 < (far - near) * FAR < high - low
    if cut:
        low, high = max(low, near - (far - near) * FAR / 2), min(high, far + (far - near) * FAR / 2)
    return Grid(low, (high - low) / codes_above or 1.0, codes_above, cut=cut)


def ends_of(picture: Pixels) -> tuple[float, float]:
    """The least and the largest finite value; 0 and 0 where there is none."""
    if picture.dtype.kind != "f":
        return float(picture.min()), float(picture.max())
    low, high = float(picture.min()), float(picture.max())
    if np.isfinite(low) and np.isfinite(high):
        return low, high
    finite = picture[np.isfinite(picture)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _inner(picture: Pixels) -> tuple[float, float]:
    few = picture[:: max(1, picture.shape[0] // 256), :: max(1, picture.shape[1] // 256)]
    finite = few[np.isfinite(few)]
    if not finite.size:
        return 0.0, 0.0
    low, high = np.percentile(finite, (0.1, 99.9))
    return float(low), float(high)


def binned(plane: Pixels, factor: int) -> Pixels:
    """The plane with ``factor`` x ``factor`` pixels averaged into one; NaN where none of them has a value."""
    if factor == 1:
        return plane
    values = np.asarray(plane, np.float32)
    good = np.isfinite(values)
    if good.all():
        y, x = (np.minimum(factor, size - np.arange(0, size, factor)) for size in plane.shape)
        return _sums(values, factor) / np.outer(y, x).astype(np.float32)
    counts = _sums(good.astype(np.float32), factor)
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float32] = _sums(np.where(good, values, np.float32(0)), factor) / counts
    return found


def _sums(values: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    y, x = values.shape
    padded = np.pad(values, ((0, -y % factor), (0, -x % factor)))
    down = padded.reshape(-1, factor, padded.shape[1]).sum(1)
    sums: NDArray[np.float32] = down.reshape(len(down), -1, factor).sum(2)
    return sums
