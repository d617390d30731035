"""Crops from all over a store, so that what is learnt holds for all of it, and little is read."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from noise2detail.errors import InputError, UnreadableFileError
from noise2detail.pipeline.layout import PLANE_AXES, SMALLEST
from noise2detail.pipeline.values import is_constant
from noise2detail.scale.arrays import StoredArray
from noise2detail.scale.geometry import Box
from noise2detail.types import Pixels

CROPS, SIDE = 32, 512
"""Number of crops and their side: 8 million pixels of each channel, of which a training sees some hundred thousand."""

MOST_TRIES = 10
"""Times as many crops are looked at where most of them are empty, and no more: reading is bounded."""

GRID = 8
"""Crops begin at multiples of it: compression works in such blocks."""

MOST_PIXELS = 2**25
"""Of all crops together, whatever the number of channels."""


@dataclass(frozen=True, eq=False)
class Crops:
    """Parts of planes, all of one size."""

    pixels: Pixels
    """``(crop, channel, y, x)``."""
    planes: tuple[int, ...]
    """Number of the plane that each was cut from, the last of T and Z fastest."""
    looked_at: int
    """Crops that were read for it."""


def sample(array: StoredArray, axes: str, seed: int, count: int = CROPS) -> Crops:
    """Crops at places that are spread evenly over planes, rows and columns; empty and damaged ones are left out.

    Parameters
    ----------
    array
        Of the image in full size.
    axes
        Of the array; rows and columns are the last.
    seed
        Of the places.
    count
        Most crops.

    Raises
    ------
    InputError
        Every crop that was looked at is empty, or the planes are too small.
    UnreadableFileError
        No crop is left, since chunks are damaged.
    """
    shape = array.layout.shape
    y, x = (min(length, SIDE) for length in shape[-2:])
    if min(y, x) < SMALLEST:
        raise InputError(f"the planes have {shape[-2]}x{shape[-1]} pixels; expected at least {SMALLEST}x{SMALLEST}")
    channels = shape[axes.index("C")] if "C" in axes else 1
    wanted = max(4, min(count, MOST_PIXELS // (channels * y * x)))
    kept: list[Pixels] = []
    planes: list[int] = []
    looked, damaged = 0, None
    for plane, box in _places(axes, shape, (y, x), seed, wanted * MOST_TRIES):
        looked += 1
        try:
            crop = array.read(box).reshape(channels, y, x)  # of T and Z there is one each
        except UnreadableFileError as error:  # its units will fail and be named; nothing can be learnt here
            damaged = damaged or error
            continue
        if _teaches(crop):
            kept.append(crop)
            planes.append(plane)
            if len(kept) == wanted:
                break
    if not kept and damaged is not None:
        raise damaged
    if not kept:
        raise InputError(
            f"{array.url}: all of {looked} crops that were looked at are constant or hold no finite number; there is "
            "nothing to learn from: fit a denoiser to a part with n2d fit, and use n2d apply"
        )
    return Crops(np.stack(kept), tuple(planes), looked)


def _places(
    axes: str, shape: tuple[int, ...], size: tuple[int, int], seed: int, most: int
) -> Iterator[tuple[int, Box]]:
    """Planes and boxes, each once."""
    outer = [(axis, shape[axis]) for axis, letter in enumerate(axes) if letter in PLANE_AXES]
    planes = math.prod(length for _, length in outer)
    # multiples of such numbers are spread evenly, however many there are
    start, steps = np.random.default_rng(seed).random(3), np.array([0.8191725, 0.6710436, 0.5497005])
    seen: set[tuple[int, ...]] = set()
    for number in range(most):
        at = (start + number * steps) % 1
        plane = int(at[0] * planes)
        top, left = (
            GRID * int(share * ((whole - own) // GRID + 1))
            for share, whole, own in zip(at[1:], shape[-2:], size, strict=True)
        )
        if (plane, top, left) in seen:
            continue
        seen.add((plane, top, left))
        box = [slice(0, length) for length in shape]
        index = np.unravel_index(plane, [length for _, length in outer]) if outer else ()
        for (axis, _), place in zip(outer, index, strict=True):
            box[axis] = slice(int(place), int(place) + 1)
        box[-2:] = [slice(top, top + size[0]), slice(left, left + size[1])]
        yield plane, tuple(box)


def _teaches(crop: Pixels) -> bool:
    """Whether a crop holds more than one value, and mostly numbers."""
    if all(is_constant(channel) for channel in crop):
        return False
    return crop.dtype.kind != "f" or bool(np.isfinite(crop).mean() >= 0.5)
