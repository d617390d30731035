"""Which planes hold one value everywhere: a unit that sees a part of a plane must know it of the whole."""

import math

import numpy as np
from numpy.typing import NDArray

from noise2detail.pipeline.chunks import finite_chunks
from noise2detail.pipeline.values import is_constant
from noise2detail.scale.arrays import StoredArray
from noise2detail.scale.geometry import Box
from noise2detail.types import Pixels


def unchanging(array: StoredArray, read: Box, block: Pixels) -> NDArray[np.bool_]:
    """True for each plane of a channel that holds one value, or nothing that is data, in all of its rows and columns.

    Only where that is so of the part that was read, the rest of the plane is read too, until another value is found.

    Parameters
    ----------
    array
        Rows and columns are its last axes.
    read
        A part of it.
    block
        The pixels of that part.
    """
    lead = block.shape[:-2]
    flags = np.zeros(lead, bool)
    values: dict[tuple[int, ...], float | None] = {}
    for index in np.ndindex(*lead):
        if is_constant(block[index]):
            flags[index] = True
            values[index] = _value(block[index])
    whole = tuple(slice(0, length) for length in array.layout.shape[-2:])
    if not values or tuple(read[-2:]) == whole:
        return flags
    for box in array.pieces((*read[:-2], *whole)):
        first = [own.start - one.start for own, one in zip(box[:-2], read[:-2], strict=True)]
        length = [own.stop - own.start for own in box[:-2]]
        inside = [
            (index, local)
            for index in values
            for local in [tuple(at - start for at, start in zip(index, first, strict=True))]
            if all(0 <= at < most for at, most in zip(local, length, strict=True))
        ]
        if not inside:
            continue
        found = array.read(box)
        for index, local in inside:
            if not _agrees(found[local], values, index):
                flags[index] = False
                del values[index]
    return flags


def _agrees(pixels: Pixels, values: dict[tuple[int, ...], float | None], index: tuple[int, ...]) -> bool:
    """Whether pixels hold the value of their plane alone, or nothing that is data."""
    if not is_constant(pixels):
        return False
    found, before = _value(pixels), values[index]
    if before is None:
        values[index] = found
        return True
    return found is None or found == before


def _value(pixels: Pixels) -> float | None:
    """The first value that is data; None where nothing is."""
    found = next((values.flat[0] for values in finite_chunks(pixels) if values.size), None)
    return None if found is None or math.isnan(found) else found
