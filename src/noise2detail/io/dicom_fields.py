"""Fields of a DICOM header as numbers, and what they mean for the values of pixels."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


class FieldError(ValueError):
    """A field that makes no sense; its text names fields of pixels only, never a patient."""


def numbers(item: Any, keyword: str) -> tuple[float, ...]:
    """The values of a field of numbers; none where it is absent or empty.

    Raises
    ------
    FieldError
        It holds something else.
    """
    try:
        value = item.get(keyword)
        several = isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes)
        found = tuple(float(one) for one in (value if several else [value]) if one not in {None, "", b""})
    except (TypeError, ValueError, OverflowError) as error:
        raise FieldError(f"{keyword} is no number") from error
    if not all(map(math.isfinite, found)):
        raise FieldError(f"{keyword} is not finite")
    return found


def whole(header: Any, keyword: str, default: int | None = None) -> int:
    """A field of one whole number, the default where it is absent.

    Raises
    ------
    FieldError
        Absent without a default, or below zero.
    """
    found = numbers(header, keyword)
    if not found and default is None:
        raise FieldError(f"{keyword} is missing")
    value = int(found[0]) if found else int(default or 0)
    if value < 0:
        raise FieldError(f"{keyword} is {value}")
    return value


def frame_count(header: Any) -> int:
    """Frames of a file, at least 1."""
    return max(1, whole(header, "NumberOfFrames", 1))


def group(header: Any, frame: int, name: str) -> Any:
    """The item of a functional group that holds for a frame: its own, else the shared one, else the header itself."""
    own, shared = (header.get(f"{kind}FunctionalGroupsSequence") or [] for kind in ("PerFrame", "Shared"))
    for groups in [*own[frame : frame + 1], *shared[:1]]:
        if groups.get(name):
            return groups[name][0]
    return header


def rescale(header: Any, frame: int = 0) -> tuple[float, float]:
    """Slope and intercept of a frame; 1 and 0 where the header names none.

    Raises
    ------
    FieldError
        Not numbers, or a slope of 0.
    """
    item = group(header, frame, "PixelValueTransformationSequence")
    slope = (numbers(item, "RescaleSlope") or (1.0,))[0]
    intercept = (numbers(item, "RescaleIntercept") or (0.0,))[0]
    if not slope:
        raise FieldError("RescaleSlope is 0")
    return slope, intercept


def padding_range(header: Any, slope: float, intercept: float) -> tuple[float, float] | None:
    """Lowest and highest value that marks padding, in the units of the image; None where the header names none."""
    ends = numbers(header, "PixelPaddingValue")[:1] + numbers(header, "PixelPaddingRangeLimit")[:1]
    if not ends or "PixelPaddingValue" not in header:
        return None
    bits = whole(header, "BitsAllocated")
    if whole(header, "PixelRepresentation", 0) == 1:
        # some writers give the value of signed pixels as if it were unsigned
        ends = tuple(end - 2**bits if end >= 2 ** (bits - 1) else end for end in ends)
    values = [end * slope + intercept for end in ends]
    return min(values), max(values)
