"""Smaller copies of the denoised image, made unit by unit of the copy before."""

from collections.abc import Sequence

from noise2detail.io.pyramid import reduced_from
from noise2detail.scale.geometry import Box


def needed_for(larger: Sequence[int], smaller: Sequence[int], box: Box) -> Box:
    """The part of an array that a part of its smaller copy is made of.

    >>> needed_for((10, 11), (5, 6), (slice(1, 3), slice(4, 6)))
    (slice(2, 6, None), slice(8, 11, None))
    """
    return tuple(reduced_from(old, new, own) for old, new, own in zip(larger, smaller, box, strict=True))


def largest_copy(larger: Sequence[int], smaller: Sequence[int], most: int) -> int:
    """Pixels of a unit of a smaller copy for which so many of the larger one are read."""
    factor = 1.0
    for old, new in zip(larger, smaller, strict=True):
        factor *= old / new
    return max(1, int(most / factor))
