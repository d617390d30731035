"""A result that grows plane by plane, with the smaller levels that its layer had."""

import itertools
import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from noise2detail.io.pyramid import reduced
from noise2detail.napari.handover import new_array
from noise2detail.napari.jobs import Event, PlaneDone, RunRequest, UncertaintyDone
from noise2detail.pipeline.layout import Layout
from noise2detail.types import Pixels


@dataclass(frozen=True, eq=False)
class PlanePixels:
    """A plane on its way to the arrays that a window shows."""

    what: str
    """``result`` or ``uncertainty``."""
    index: tuple[int, ...]
    """Over the ``T`` and ``Z`` axes that the image has, in its order."""
    pixels: Pixels
    """``(channel, y, x)``."""


class Growing:
    """Everything that a run gives, put together from what is told of it."""

    def __init__(self, request: RunRequest) -> None:
        """Zeros until the noisy pixels are put there, allocated here."""
        array = request.image.array
        self._layout = Layout(request.image.axes, tuple(array.shape))
        self.pyramid = Pyramid(request.image.axes, (tuple(array.shape), *request.levels), np.dtype(array.dtype))
        self.done = 0
        self.uncertainty: Pixels | None = None
        self._uncertainty: Pixels | None = None

    def take(self, message: Any) -> Event | None:
        """Put pixels where they belong; the event that is to be told, None: none yet."""
        if isinstance(message, UncertaintyDone):
            self.uncertainty = self._uncertainty
        if not isinstance(message, PlanePixels):
            return cast("Event", message)
        if message.what == "result":
            self.pyramid.put(message.index, message.pixels)
            self.done += 1
            return PlaneDone(message.index, self.done, self.pyramid.planes)
        if self._uncertainty is None:
            self._uncertainty = new_array(self._layout.shape, np.dtype(np.float32))
        put_plane(self._uncertainty, self._layout, message.index, message.pixels)
        return None


def put_plane(array: Pixels, layout: Layout, index: tuple[int, ...], pixels: Pixels) -> None:
    """Write a plane ``(channel, y, x)`` where it belongs."""
    for target, own in zip(layout.channels_of(layout.view(array), index), pixels, strict=True):
        target[...] = own


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

    def begin(self, place: tuple[slice, ...], pixels: Pixels) -> None:
        """Take in noisy pixels of some planes as they are read: what is never done stays as it was."""
        self.levels[0][place] = pixels
        if len(self.levels) > 1:
            layout = self._layouts[0]
            view = layout.view(self.levels[0])
            own = [
                range(*one.indices(n))
                for axis, one, n in zip(layout.axes, place, layout.shape, strict=True)
                if axis in "TZ"
            ]
            for index in itertools.product(*own):
                self.put(index, np.stack(layout.channels_of(view, index)))

    def put(self, index: tuple[int, ...], pixels: Pixels) -> None:
        """Take in a plane ``(channel, y, x)``; smaller levels that have as many planes get theirs too."""
        last = pixels
        for level, layout in zip(self.levels, self._layouts, strict=True):
            if _planes(layout) != _planes(self._layouts[0]):
                break
            last = last if layout.size == last.shape[-2:] else reduced(last, (len(last), *layout.size))
            put_plane(level, layout, index, last)

    def finish(self) -> None:
        """Fill the levels that have fewer planes, which need all of them."""
        for number in range(1, len(self.levels)):
            if _planes(self._layouts[number]) != _planes(self._layouts[0]):
                self.levels[number][...] = reduced(self.levels[number - 1], self.levels[number].shape)


def _planes(layout: Layout) -> tuple[int, ...]:
    return tuple(size for axis, size in zip(layout.axes, layout.shape, strict=True) if axis in "TZ")
