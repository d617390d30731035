"""Stored numbers of DICOM as values in the units of the modality: each plane with its own slope and intercept."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from noise2detail.types import Pixels

_WHOLE = (np.dtype(np.int16), np.dtype(np.int32))

Rescale = tuple[float, float]
"""Slope and intercept."""


def in_units(planes: Sequence[Pixels] | Pixels, rescales: Sequence[Rescale]) -> Pixels:
    """Planes of one size as one array, each with its own slope and intercept applied.

    Parameters
    ----------
    planes
        As stored.
    rescales
        Slope and intercept of each.
    """
    if is_stored(rescales):
        return planes if isinstance(planes, np.ndarray) else np.stack(planes)
    integers = all(plane.dtype.kind in "ui" for plane in planes)
    extremes = [(plane.min(), plane.max()) for plane in planes] if integers else []
    dtype = unit_type(extremes, rescales)
    result = np.empty((len(planes), *planes[0].shape), dtype)
    for target, plane, pair in zip(result, planes, rescales, strict=True):
        target[...] = rescaled(plane, pair)
    return result


def is_stored(rescales: Sequence[Rescale]) -> bool:
    """Whether values are as stored."""
    return all(pair == (1.0, 0.0) for pair in rescales)


def unit_type(extremes: Sequence[tuple[Any, Any]], rescales: Sequence[Rescale]) -> np.dtype[Any]:
    """Smallest type that holds whole values; float32 where they are none, or too large.

    Parameters
    ----------
    extremes
        Lowest and highest stored number of each plane; none where they are floats.
    rescales
        Slope and intercept of each.
    """
    single = np.dtype(np.float32)
    if not extremes or not all(value.is_integer() for pair in rescales for value in pair):
        return single
    ends = [
        int(end) * int(slope) + int(intercept)
        for plane, (slope, intercept) in zip(extremes, rescales, strict=True)
        for end in plane
    ]
    return next((one for one in _WHOLE if np.iinfo(one).min <= min(ends) and max(ends) <= np.iinfo(one).max), single)


def rescaled(plane: Pixels, pair: Rescale) -> Pixels:
    """Values of a plane, in double precision."""
    with np.errstate(over="ignore", invalid="ignore"):
        values: Pixels = plane * np.float64(pair[0]) + pair[1]  # exact for whole numbers of 32 bits
    return values
