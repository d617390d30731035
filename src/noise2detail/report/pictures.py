"""Images with axes as the pictures of a viewer."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np

from noise2detail.errors import InputError
from noise2detail.image import Image
from noise2detail.report.page import Overlay, Picture, StackAxis, Viewer
from noise2detail.types import Pixels

_NAMES = {"T": "time", "Z": "z"}


class Planes(Sequence[Pixels]):
    """The planes of an image, each read when it is asked for and turned to ``(channel, y, x)``."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._sizes = dict(zip(image.axes, image.array.shape, strict=True))
        self._over = [axis for axis in "TZ" if axis in self._sizes]

    def __len__(self) -> int:
        return math.prod(self._sizes[axis] for axis in self._over)

    @overload
    def __getitem__(self, number: int) -> Pixels: ...
    @overload
    def __getitem__(self, number: slice) -> list[Pixels]: ...
    def __getitem__(self, number: int | slice) -> Pixels | list[Pixels]:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        places = dict(
            zip(self._over, np.unravel_index(number, [self._sizes[axis] for axis in self._over]), strict=True)
        )
        key: tuple[Any, ...] = tuple(int(places[axis]) if axis in places else slice(None) for axis in self._image.axes)
        plane = np.asarray(self._image.array[key])
        if self._image.no_data is not None:
            plane = np.where(np.asarray(self._image.no_data[key]), np.nan, plane.astype(np.float32))
        left = [axis for axis in self._image.axes if axis not in places]
        plane = plane.transpose([left.index(axis) for axis in "CSYX" if axis in left])
        found: Pixels = plane.reshape(-1, *plane.shape[-2:])
        return found


def viewer_of(
    images: Mapping[str, Image],
    overlays: Sequence[Overlay] = (),
    noise: Sequence[float] = (),
    chosen: int | None = None,
    unit: str = "",
) -> Viewer:
    """The viewer of some images of one scene.

    Parameters
    ----------
    images
        By name, of one shape; the noisy one first, then the results.
    overlays
        Maps over single planes.
    noise
        Smallest standard deviation of the noise of each channel, in image units.
    chosen
        Number of the plane shown first, T before Z; None: the middle one.
    unit
        Of the pixel values.

    Raises
    ------
    InputError
        No image, or images of different shapes or axes.
    """
    if not images:
        raise InputError("there is no image to show; hand over at least one")
    first = next(iter(images.values()))
    for name, image in images.items():
        if image.axes != first.axes or image.array.shape != first.array.shape:
            raise InputError(
                f"{name!r} has axes {image.axes} and shape {image.array.shape}; expected {first.axes} and "
                f"{first.array.shape} as {next(iter(images))!r} has"
            )
    sizes = dict(zip(first.axes, first.array.shape, strict=True))
    pictures = tuple(Picture(name, Planes(image)) for name, image in images.items())
    pixel = (first.pixel_size_um.get("Y"), first.pixel_size_um.get("X"))
    samples = sizes.get("S", 1)
    return Viewer(
        pictures,
        channels=channel_names(first),
        colour=samples == 3 and sizes.get("C", 1) == 1,
        stack=tuple(_axis(axis, sizes[axis], first) for axis in "TZ" if sizes.get(axis, 1) > 1),
        chosen=_middle(sizes) if chosen is None else chosen,
        pixel_size_um=(pixel[0], pixel[1]) if pixel[0] and pixel[1] else None,
        unit=unit,
        noise=tuple(noise),
        overlays=tuple(overlays),
    )


def channel_names(image: Image) -> tuple[str, ...]:
    """Of every channel and RGB sample, as many as an image has; empty for the only one, if it has none."""
    sizes = dict(zip(image.axes, image.array.shape, strict=True))
    channels, samples = sizes.get("C", 1), sizes.get("S", 1)
    names = image.channel_names or tuple(f"channel {number}" for number in range(1, channels + 1))
    if samples == 1:
        return names if channels > 1 or image.channel_names else ("",)
    colours = ("red", "green", "blue", "opacity")[:samples] if samples in {3, 4} else tuple(map(str, range(samples)))
    return tuple(f"{name}, {colour}" if channels > 1 else colour for name in names for colour in colours)


def _axis(axis: str, size: int, image: Image) -> StackAxis:
    step, unit = (image.time_increment, "s") if axis == "T" else (image.pixel_size_um.get("Z"), "µm")
    return StackAxis(_NAMES[axis], size, step, unit)


def _middle(sizes: Mapping[str, int]) -> int:
    times, depths = sizes.get("T", 1), sizes.get("Z", 1)
    return times // 2 * depths + depths // 2
