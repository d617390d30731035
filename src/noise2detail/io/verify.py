"""What was written, read again and compared with what should have been written."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from noise2detail.errors import Noise2DetailError, UnwritableFileError
from noise2detail.image import Image
from noise2detail.io.checksums import Checksums
from noise2detail.io.lazy import LazyPixels, planes_of, transposed
from noise2detail.io.names import output_format
from noise2detail.io.open import open_image
from noise2detail.io.template import TIFF_KEY, TiffTemplate
from noise2detail.io.writers import WRITERS
from noise2detail.types import Pixels, PixelSource

_EXACT_ENOUGH = 1e-6
_PIECE = 2**22


def verify(part: Path, target: Path, image: Image, pixels: PixelSource, sums: Checksums) -> None:
    """Raise unless the file at ``part`` holds this image.

    Parameters
    ----------
    part
        The file that was written.
    target
        What it will be called, for messages.
    image
        Gives axes and scale.
    pixels
        Those of the image, in the type that was written.
    sums
        What was noted of them meanwhile, where they lie in another file: that one is not read again.

    Raises
    ------
    UnwritableFileError
        Pixels, shape, type, axes or scale differ.
    """
    writer = WRITERS[output_format(target)]
    try:
        again = open_image(part, writer.told_axes(image) if writer.has_axes else image.axes)
    except Noise2DetailError as error:
        raise _failed(target, f"what was written cannot be read again ({error})") from error
    again = _in_order(again, image.axes)
    _compare_size(target, again, pixels)
    found = _lengths(again.axes, again.array.shape)
    wanted = _lengths(image.axes, pixels.shape)
    if found != wanted and not _mute(again):
        raise _failed(target, f"axes read as {again.axes} {again.array.shape}, should be {image.axes} {pixels.shape}")
    _compare_pixels(target, again, image, pixels, sums)
    if writer.has_scale:
        _compare_scale(target, again, writer.said(image))


def _compare_size(target: Path, again: Image, wanted: PixelSource) -> None:
    found, native = again.array, wanted.dtype.newbyteorder("=")
    if found.dtype != native:
        raise _failed(target, f"pixels read as {found.dtype}, should be {native}")
    if math.prod(found.shape) != math.prod(wanted.shape):
        raise _failed(target, f"shape reads as {found.shape}, should be {wanted.shape}")


def _compare_pixels(target: Path, again: Image, image: Image, wanted: PixelSource, sums: Checksums) -> None:
    if isinstance(wanted, LazyPixels) and _as_noted(again.array, wanted, sums):
        if not sums.same(again.array, wanted):
            raise _failed(target, "pixels read differently from what was written")
        return
    # Plane by plane, because either may be larger than the memory.
    inner = [2 + ("S" in axes) for axes in (again.axes, image.axes)]
    native = wanted.dtype.newbyteorder("=")
    pairs = zip(planes_of(again.array, inner[0]), planes_of(wanted, inner[1]), strict=False)
    if not all(_same_bytes(one, other.astype(native, copy=False)) for one, other in pairs):
        raise _failed(target, "pixels read differently from what was written")


def _as_noted(found: PixelSource, wanted: LazyPixels, sums: Checksums) -> bool:
    """Whether what was noted can be found again: a file that does not say its axes has its planes in another shape."""
    rank = wanted.inner if sums.has_planes(wanted) else len(wanted.shape)
    return sums.all_noted(wanted) and found.shape[len(found.shape) - rank :] == wanted.shape[len(wanted.shape) - rank :]


def _same_bytes(one: Pixels, other: Pixels) -> bool:
    # As bytes, because not-a-number differs from itself; in pieces, because a comparison takes memory too.
    left, right = (np.ascontiguousarray(pixels).reshape(-1).view(np.uint8) for pixels in (one, other))
    pieces = (slice(start, start + _PIECE) for start in range(0, left.size, _PIECE))
    return all(np.array_equal(left[piece], right[piece]) for piece in pieces)


def _in_order(read: Image, wanted: str) -> Image:
    """The image with its axes in the order of the one that was written: OME-Zarr prescribes one of its own."""
    axes = read.axes
    if axes == wanted or sorted(axes) != sorted(wanted):
        return read
    return replace(read, array=transposed(read.array, [axes.index(axis) for axis in wanted]), axes=wanted)


def _lengths(axes: str, shape: tuple[int, ...]) -> list[tuple[str, int]]:
    # An OME-TIFF always has every axis, so it cannot say whether one of length 1 was there.
    return [(axis, length) for axis, length in zip(axes, shape, strict=True) if length > 1 or axis in "YX"]


def _mute(image: Image) -> bool:
    """Whether the file is a bare stack of pages, which cannot say what its axes are."""
    template = image.metadata.get(TIFF_KEY)
    return isinstance(template, TiffTemplate) and template.kind == "plain"


def _compare_scale(target: Path, found: Image, wanted: Image) -> None:
    size = {axis: value for axis, value in wanted.pixel_size_um.items() if axis in found.axes}
    if not _close(found.pixel_size_um, size):
        raise _failed(target, f"pixel size reads as {dict(found.pixel_size_um)} um, should be {size}")
    increment = {"T": found.time_increment or 0.0}, {"T": wanted.time_increment or 0.0}
    if not _close(*increment):
        raise _failed(target, f"time increment reads as {found.time_increment} s, should be {wanted.time_increment}")
    if found.channel_names != wanted.channel_names:
        raise _failed(target, f"channel names read as {found.channel_names}, should be {wanted.channel_names}")


def _close(found: Mapping[str, float], wanted: Mapping[str, float]) -> bool:
    return found.keys() == wanted.keys() and all(
        math.isclose(found[axis], wanted[axis], rel_tol=_EXACT_ENOUGH) for axis in wanted
    )


def _failed(target: Path, found: str) -> UnwritableFileError:
    return UnwritableFileError(target, f"verification failed: {found}", "nothing was kept; try another format")
