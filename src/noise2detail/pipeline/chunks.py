"""Arrays piece by piece, so that what is computed from them needs no memory of their size."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from noise2detail.types import Pixels

CHUNK = 2**18
"""Pixels of a piece: few enough for a processor's cache in double precision, many enough that a loop costs nothing."""


def chunks(array: Pixels) -> Iterator[Pixels]:
    """Views of an array, of ``CHUNK`` pixels at most, that together hold every pixel once.

    Arrays of the same shape are cut in the same way.

    >>> [piece.shape for piece in chunks(np.zeros((3, 512, 1024)))]
    [(256, 1024), (256, 1024), (256, 1024), (256, 1024), (256, 1024), (256, 1024)]
    """
    if array.size <= CHUNK:
        yield array
    elif len(array) == 1:
        yield from chunks(array[0])
    else:
        step = max(1, len(array) * CHUNK // array.size)
        for start in range(0, len(array), step):
            yield from chunks(array[start : start + step])


def gaps_of(array: Pixels) -> NDArray[np.bool_] | None:
    """Where an array is masked; None: nowhere."""
    mask = np.ma.getmaskarray(array) if isinstance(array, np.ma.MaskedArray) else None
    return mask if mask is not None and mask.any() else None


def finite_chunks(array: Pixels) -> Iterator[Pixels]:
    """The pixels that are numbers and not masked, piece by piece; for integers without a mask all of them."""
    for masked in chunks(array):
        piece = masked.compressed() if isinstance(masked, np.ma.MaskedArray) else masked
        if piece.dtype.kind == "f" and not (valid := np.isfinite(piece)).all():
            yield piece[valid]
        else:
            yield piece
