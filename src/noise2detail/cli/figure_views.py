"""What a figure shows of its files: one plane of one channel, or its colours, of each, all alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from noise2detail.cli.images import find_choice
from noise2detail.errors import AxesError, InputError, SettingError
from noise2detail.image import Image
from noise2detail.io import image_names, open_image
from noise2detail.types import Pixels

COLOURS = 3


@dataclass(frozen=True)
class Which:
    """What of each file, as it was typed."""

    axes: str | None = None
    image: str | None = None
    plane: str | None = None
    channel: str | None = None


@dataclass(frozen=True, eq=False)
class View:
    """What is shown of one file."""

    path: Path
    raw: Pixels
    """``(y, x)`` or ``(y, x, 3)``, of the type in the file."""
    plane: Pixels
    """The same as numbers, NaN where nothing was measured."""
    pixel_size_um: tuple[float, float] | None
    """In y and in x; None: the file does not say it."""


def views_of(paths: Sequence[Path], which: Which) -> tuple[tuple[View, ...], tuple[str, ...]]:
    """What is shown of each file, and what was chosen without being asked for.

    Raises
    ------
    AxesError
        Files of different sizes or axes.
    SettingError
        A plane or channel that is not there.
    UnreadableFileError
        A file that cannot be read.
    """
    images = [_opened(path, which) for path in paths]
    for path, image in zip(paths[1:], images[1:], strict=True):
        if _lengths(image) != _lengths(images[0]):
            raise AxesError(
                f"{path}: the image has {_in_words(image)}, {paths[0].name} has {_in_words(images[0])}; expected the "
                "same size and axes for all"
            )
    index, notes = _chosen(images[0], which)
    return tuple(_view(path, image, index) for path, image in zip(paths, images, strict=True)), notes


def _opened(path: Path, which: Which) -> Image:
    axes, choice = which.axes.upper() if which.axes else None, find_choice(which.image)
    if choice is not None and len(image_names(path)) == 1:
        choice = None  # a result of one image of several is a file of its own
    return open_image(path, axes, choice)


def _lengths(image: Image) -> dict[str, int]:
    """Of every axis that tells pixels apart; a file may or may not keep one of length 1."""
    sizes = zip(image.axes, image.array.shape, strict=True)
    return {axis: int(size) for axis, size in sizes if size > 1 or axis in "YX"}


def _in_words(image: Image) -> str:
    return ", ".join(f"{axis} {size}" for axis, size in _lengths(image).items())


def _chosen(image: Image, which: Which) -> tuple[dict[str, int], tuple[str, ...]]:
    """Number along T, Z and C, and notes about what was taken by itself."""
    sizes, notes = _lengths(image), []
    stack = {axis: size for axis, size in sizes.items() if axis in "TZ"}
    index = {axis: size // 2 for axis, size in stack.items()} | _planes(which.plane, stack)
    if stack and which.plane is None:
        shown = ", ".join(f"{axis}={index[axis]}" for axis in stack)
        notes.append(f"the middle plane is shown, {shown}; --plane takes another")
    if "C" in sizes:
        index["C"] = _channel(which.channel, sizes["C"], image.channel_names)
        if which.channel is None:
            notes.append(f"the first of {sizes['C']} channels is shown; --channel takes another")
    elif which.channel is not None:
        raise SettingError(f"--channel is {which.channel!r}, and the image has no channels to choose from")
    return index, tuple(notes)


def _planes(text: str | None, stack: Mapping[str, int]) -> dict[str, int]:
    """Numbers by axis, of what was typed: one for the only axis, or each with its letter."""
    found: dict[str, int] = {}
    for part in text.split(",") if text is not None else ():
        axis, _, number = part.rpartition("=")
        axis = axis.strip().upper() or (next(iter(stack)) if len(stack) == 1 else "")
        if axis not in stack or not number.strip().isdecimal() or int(number) >= stack[axis]:
            there = ", ".join(f"{name}=0 to {name}={size - 1}" for name, size in stack.items())
            raise SettingError(f"--plane is {text!r}; expected {there or 'none: the image is a single plane'}")
        found[axis] = int(number)
    return found


def _channel(text: str | None, count: int, names: Sequence[str]) -> int:
    choice = find_choice(text) if text is not None else 0
    if isinstance(choice, int) and choice < count:
        return choice
    if choice in names:
        return list(names).index(str(choice))
    there = f"0 to {count - 1}" + (f" or one of {', '.join(map(repr, names))}" if names else "")
    raise SettingError(f"--channel is {text!r}; expected {there}")


def _view(path: Path, image: Image, index: Mapping[str, int]) -> View:
    raw = _plane(image.axes, image.array[_at(image, index)])
    if raw.dtype.kind not in "uifb":
        raise InputError(f"{path}: pixels of type {raw.dtype} cannot be drawn; expected real numbers")
    plane = np.asarray(raw, np.float64)
    if image.no_data is not None:
        plane = np.where(_plane(image.axes, image.no_data[_at(image, index)]), np.nan, plane)
    sizes = [image.pixel_size_um.get(axis) for axis in "YX"]
    across = sizes[1] or sizes[0]
    return View(path, raw, plane, None if not across else (sizes[0] or across, across))


def _at(image: Image, index: Mapping[str, int]) -> tuple[int | slice, ...]:
    return tuple(index.get(axis, 0) if axis in "TZC" else slice(None) for axis in image.axes)


def _plane(axes: str, found: Pixels) -> Pixels:
    """Rows, columns and colours in this order; without a transparency, and without an axis for a single shade."""
    array, left = np.asarray(found), [axis for axis in axes if axis in "YXS"]
    array = array.transpose([left.index(axis) for axis in "YXS" if axis in left])
    if array.ndim == COLOURS:
        array = array[..., :COLOURS] if array.shape[-1] >= COLOURS else array[..., 0]
    return array
