"""A result that grows plane by plane, with the smaller levels that its layer had."""

import math

import numpy as np

from noise2detail.io.pyramid import reduced
from noise2detail.napari.handover import new_array
from noise2detail.pipeline.layout import Layout
from noise2detail.types import Pixels


class Pyramid:
    """Arrays that can be shown while they are filled."""

    def __init__(self, axes: str, shapes: tuple[tuple[int, ...], ...], dtype: "np.dtype[np.generic]") -> None:
        """``shapes`` of every level, the largest first."""
        self.levels: tuple[Pixels, ...] = tuple(new_array(shape, dtype) for shape in shapes)
        self._layouts = [Layout(axes, shape) for shape in shapes]

    @property
    def planes(self) -> int:
        """How many there are of the largest level."""
        return math.prod(
            size for axis, size in zip(self._layouts[0].axes, self._layouts[0].shape, strict=True) if axis in "TZ"
        )

    def put(self, index: tuple[int, ...], pixels: Pixels) -> None:
        """Take in a plane ``(channel, y, x)``; smaller levels that have as many planes get theirs too."""
        last = pixels
        for level, layout in zip(self.levels, self._layouts, strict=True):
            if _planes(layout) != _planes(self._layouts[0]):
                break
            last = last if layout.size == last.shape[-2:] else reduced(last, (len(last), *layout.size))
            for target, own in zip(layout.channels_of(layout.view(level), index), last, strict=True):
                target[...] = own

    def finish(self) -> None:
        """Fill the levels that have fewer planes, which need all of them."""
        for number in range(1, len(self.levels)):
            if _planes(self._layouts[number]) != _planes(self._layouts[0]):
                self.levels[number][...] = reduced(self.levels[number - 1], self.levels[number].shape)


def _planes(layout: Layout) -> tuple[int, ...]:
    return tuple(size for axis, size in zip(layout.axes, layout.shape, strict=True) if axis in "TZ")
