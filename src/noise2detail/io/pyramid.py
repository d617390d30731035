"""Smaller copies of an image, each made of means over blocks of the one before."""

import math
from typing import Any

import numpy as np

from noise2detail.io.lazy import Box, LazyPixels
from noise2detail.types import Pixels

_FEW = 16
"""Rows of a block up to which they are added one after the other."""

_Edges = np.ndarray[tuple[int], np.dtype[np.intp]]


def reduced(pixels: Pixels, shape: tuple[int, ...]) -> Pixels:
    """Means over blocks, in the type of the pixels; integers round half to even.

    A factor that is whole but for a remainder makes blocks of that length: the remainder is left out where the result
    has no pixel for it, and forms a smaller block where it has. Any other factor makes blocks of different lengths.

    >>> reduced(np.arange(10).reshape(2, 5), (1, 2)).tolist(), reduced(np.arange(10).reshape(2, 5), (1, 3)).tolist()
    ([[3, 5]], [[3, 5, 6]])

    Parameters
    ----------
    pixels
        At least two dimensions.
    shape
        Of the result: as many lengths, none larger.
    """
    edges = [_edges(old, new) for old, new in zip(pixels.shape, shape, strict=True)]
    return _means(pixels, edges)


def reduced_part(pixels: LazyPixels, shape: tuple[int, ...], box: Box) -> Pixels:
    """A part of what :func:`reduced` makes of pixels in a file, for which only the blocks that it needs are read."""
    edges = [_edges(old, new)[one.start : one.stop + 1] for old, new, one in zip(pixels.shape, shape, box, strict=True)]
    source = pixels.part(tuple(slice(int(edge[0]), int(edge[-1])) for edge in edges))
    return _means(source, [edge - edge[0] for edge in edges])


def reduced_from(old: int, new: int, own: slice) -> slice:
    """Pixels along an axis of a larger image that some of a smaller one are made of.

    >>> reduced_from(5, 3, slice(1, 3))
    slice(2, 5, None)

    Parameters
    ----------
    old, new
        Lengths of the axis.
    own
        Among the smaller image's.
    """
    edges = _edges(old, new)
    return slice(int(edges[own.start]), int(edges[own.stop]))


def _means(pixels: Pixels, edges: list[_Edges]) -> Pixels:
    result = np.empty([len(edge) - 1 for edge in edges], pixels.dtype)
    rows, columns = edges[-2:]
    area = np.diff(rows)[:, None] * np.diff(columns)
    largest = math.prod(int(np.diff(edge).max()) for edge in edges)
    exact = _sum_type(pixels.dtype, largest)
    with np.errstate(invalid="ignore", over="ignore"):  # infinities of both signs have no mean
        for index in np.ndindex(*result.shape[:-2]):
            block = tuple(slice(edge[i], edge[i + 1]) for edge, i in zip(edges[:-2], index, strict=True))
            stack = pixels[block]
            depth = math.prod(stack.shape[: stack.ndim - 2])
            total = stack.sum(axis=tuple(range(stack.ndim - 2)), dtype=exact)
            total = _sums(_sums(total, rows, 0), columns, 1)
            result[index] = _typed(total / (area * depth), pixels.dtype)
    return result


def _sum_type(dtype: np.dtype[Any], count: int) -> np.dtype[Any]:
    """Type in which so many pixels are added without rounding, the fastest of those that can."""
    if dtype.kind in "biu" and dtype.itemsize <= 2 and count <= 2**15:
        return np.dtype(np.int32 if dtype.kind == "i" else np.uint32)
    return np.dtype(np.float64)


def _sums(pixels: Pixels, edges: _Edges, axis: int) -> Pixels:
    """Sums over blocks of rows (axis 0) or columns (1)."""
    lengths, stop = np.diff(edges), int(edges[-1])
    step = int(lengths[0])
    along = (slice(None),) * axis
    if step > _FEW or (lengths[:-1] != step).any() or lengths[-1] > step:
        found: Pixels = np.add.reduceat(pixels[(*along, slice(stop))], edges[:-1], axis=axis)
        return found
    total = pixels[(*along, slice(0, stop, step))].copy()  # ten times as fast as the general way
    for start in range(1, step):
        part = pixels[(*along, slice(start, stop, step))]
        total[(*along, slice(part.shape[axis]))] += part
    return total


def _edges(old: int, new: int) -> _Edges:
    """Where blocks begin, and where the last one ends."""
    factor = max(1, round(old / new))
    if abs(old - new * factor) < factor:
        return np.minimum(np.arange(new + 1) * factor, old)
    return np.arange(new + 1) * old // new


def _typed(mean: np.ndarray[tuple[int, ...], np.dtype[np.float64]], dtype: np.dtype[Any]) -> Pixels:
    if dtype.kind not in "iu":
        return (np.rint(mean) if dtype.kind == "b" else mean).astype(dtype)
    if dtype.itemsize < 8:
        return np.rint(mean).astype(dtype)
    limits = np.iinfo(dtype)  # 64-bit integers have limits that a float rounds up
    return np.clip(np.rint(mean), limits.min, np.nextafter(float(limits.max) + 1, 0)).astype(dtype)
