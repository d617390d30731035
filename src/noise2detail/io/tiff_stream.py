"""Pixels as the TIFF library takes them: an array, or one page or tile after the other."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from noise2detail.io.lazy import LazyPixels, planes_of
from noise2detail.io.tiff_directory import ByteOrder
from noise2detail.types import Pixels, PixelSource


def as_pages(pixels: PixelSource, inner: int, byteorder: ByteOrder, tile: tuple[int, ...] = ()) -> dict[str, Any]:
    """Arguments of ``TiffWriter.write`` for a stack of pages, which pixels in a file reach one by one.

    Parameters
    ----------
    pixels
        An array, or pixels in a file.
    inner
        Dimensions of a page: the last of the shape.
    byteorder
        Of the TIFF.
    tile
        Height and width of its tiles; empty: strips.
    """
    page = pixels.shape[len(pixels.shape) - inner :]
    count = math.prod(pixels.shape[: len(pixels.shape) - inner])
    if not isinstance(pixels, LazyPixels):
        return {"data": np.asarray(pixels).reshape(count, *page)}
    dtype = pixels.dtype.newbyteorder(byteorder)
    planes = (np.ascontiguousarray(plane, dtype) for plane in planes_of(pixels, inner))
    pieces = (piece for plane in planes for piece in _tiles(plane, tile)) if tile else planes
    return {"data": pieces, "shape": (count, *page), "dtype": pixels.dtype}


def _tiles(plane: Pixels, tile: tuple[int, ...]) -> Iterator[Pixels]:
    for top in range(0, plane.shape[0], tile[0]):
        for left in range(0, plane.shape[1], tile[1]):
            yield plane[top : top + tile[0], left : left + tile[1]]
