"""Axes to planes and back: the only place that knows both."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from noise2detail.errors import AxesError, InputError, PixelTypeError
from noise2detail.image import check_axes, likely_axes
from noise2detail.types import Pixels

SMALLEST = 8
"""Fewest rows and columns: with fewer, half-size views hold no pixel whose neighbourhood is seen whole."""

PLANE_AXES, CHANNEL_AXES = "TZ", "CS"


@dataclass(frozen=True)
class Layout:
    """How an array's axes become planes of channels."""

    axes: str
    shape: tuple[int, ...]

    @property
    def planes(self) -> tuple[tuple[int, ...], ...]:
        """Index of every plane, over the T and Z that the array has, in the order in which it has them."""
        return tuple(np.ndindex(*(self.shape[self.axes.index(a)] for a in self.axes if a in PLANE_AXES)))

    @property
    def scenes(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """The planes, those together that differ in their time point only."""
        position = [a for a in self.axes if a in PLANE_AXES].index("T") if "T" in self.axes else None
        scenes: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
        for plane in self.planes:
            scenes.setdefault(tuple(n for axis, n in enumerate(plane) if axis != position), []).append(plane)
        return (
            tuple(tuple(frames) for frames in scenes.values())
            if position is not None
            else tuple((plane,) for plane in self.planes)
        )

    @property
    def channels(self) -> int:
        """Channels and RGB samples of a plane."""
        return int(np.prod([self.shape[self.axes.index(a)] for a in self.axes if a in CHANNEL_AXES]))

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.shape[self.axes.index("Y")], self.shape[self.axes.index("X")]

    def view(self, array: Pixels) -> Pixels:
        """The array with axes in the order planes, channels, Y, X: a view, writing to it writes to the array."""
        order = [self.axes.index(a) for a in self.axes if a in PLANE_AXES]
        order += [self.axes.index(a) for a in self.axes if a in CHANNEL_AXES]
        return array.transpose([*order, self.axes.index("Y"), self.axes.index("X")])

    def channels_of(self, view: Pixels, plane: tuple[int, ...]) -> tuple[Pixels, ...]:
        """The channels of a plane, ``(y, x)`` each: views, writing to them writes to the array."""
        found = view[plane]
        return tuple(found[index] for index in np.ndindex(*found.shape[:-2]))

    def channel_views(self, view: Pixels) -> Iterator[Pixels]:
        """Every channel with all its planes."""
        lead = view.ndim - 2 - sum(a in CHANNEL_AXES for a in self.axes)
        for index in np.ndindex(*view.shape[lead:-2]):
            yield view[(slice(None),) * lead + index]


def lay_out(array: Pixels, axes: str | None) -> Layout:
    """How this array is to be read.

    Raises
    ------
    AxesError
        ``axes`` is wrong, or missing where it cannot be known.
    InputError
        Empty, or smaller than 8x8.
    """
    if array.size == 0:
        raise InputError(
            f"the image is empty: its shape is {array.shape}; expected at least {SMALLEST}x{SMALLEST} pixels"
        )
    if axes is None:
        if array.ndim != 2:
            likely = ", ".join(repr(a) for a in likely_axes(array.shape))
            raise AxesError(
                f"an array with {array.ndim} dimensions, {array.shape}, says nothing about their meaning; pass axes, "
                + (f"likely one of {likely}" if likely else "a string over T C Z Y X S")
            )
        axes = "YX"
    check_axes(axes, array.shape)
    layout = Layout(axes, array.shape)
    if min(layout.size) < SMALLEST:
        y, x = layout.size
        raise InputError(
            f"the image has {y}x{x} pixels (axes {axes} of {array.shape}); expected at least {SMALLEST}x{SMALLEST}; "
            "is the order of the axes right?"
        )
    return layout


def check_pixel_type(dtype: np.dtype[Any]) -> None:
    """Raise unless pixels of this type are real numbers.

    Raises
    ------
    PixelTypeError
        Complex, bool, object, text and the like.
    """
    advice = {
        "b": "a mask is not an image; convert with array.astype('uint8') if it is one",
        "c": "denoise abs(array), or array.real and array.imag one by one",
        "O": "convert with array.astype('float32')",
    }
    if dtype.kind not in "uif" or dtype.itemsize > 8:
        raise PixelTypeError(
            f"pixels of type {dtype} cannot be denoised; expected integers or floats of at most 64 bits; "
            + advice.get(dtype.kind, "convert with array.astype('float32')")
        )
