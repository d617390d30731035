"""MRC files: like the one that an image came from where that fits, else a new header of the 2014 standard."""

import logging
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from noise2detail.errors import UnwritableFileError
from noise2detail.image import Image
from noise2detail.io.wish import is_wished
from noise2detail.types import Pixels, PixelSource

log = logging.getLogger(__name__)

MRC_KEY = "mrc"
"""Key of the template in the metadata of an image."""

IMOD = int.from_bytes(b"IMOD", "little")

_MODES = {"int8": 0, "int16": 1, "float32": 2, "uint16": 6}
_HELD = {"bool": "int8", "uint8": "uint16", "float16": "float32", "float64": "float32"}
_RGB, _HALF = 16, 12
_LENGTHS, _MODE, _SAMPLING, _CELL, _AXES, _STATISTICS, _GROUP = 0, 12, 28, 40, 64, 76, 88
_VERSION, _STAMPS, _RMS, _LABEL_COUNT, _LABELS = 108, 152, 216, 220, 224
_WAVES = (_STATISTICS, 136, 144, 152, 172)
"""Where DeltaVision has lowest and highest value of each channel."""
_LABEL, _LABEL_LIMIT = 80, 10
_ANGSTROM = 1e-4
_IMAGES, _VOLUME, _VOLUMES = 0, 1, 401
_DELTAVISION = frozenset({".dv", ".r3d"})


Order = Literal["<", ">"]


@dataclass(frozen=True, eq=False)
class MrcTemplate:
    """How an MRC file stored its pixels, and every byte before them."""

    order: Order
    """Byte order of header and pixels."""
    header: bytes
    """The first 1024 bytes."""
    extended: bytes
    """What follows them up to the pixels."""
    mode: int
    """Code of the stored type."""
    stored: np.dtype[Any]
    """Type of a stored sample, in the byte order of the machine."""
    deltavision: bool
    """Whether the header follows DeltaVision."""
    swapped: bool
    """Whether a program has changed the byte order of its text and short numbers four bytes at a time."""
    turned: tuple[int, ...]
    """Stored dimension of each of the upright array; empty where it was not turned."""
    sections: tuple[int, ...]
    """Stored lengths: sections, rows, columns, and colours where there are any."""
    dtype: np.dtype[Any]
    """Of the array that was handed out."""
    shape: tuple[int, ...]
    """Of the array that was handed out."""
    axes: str
    """Of the array that was handed out."""
    own_axes: str
    """What the file says by itself."""
    pixel_size_um: Mapping[str, float]
    """As handed out."""


def said_by_mrc(image: Image) -> Image:
    """The image as its file describes it: the format has no place for times and names."""
    return replace(image, time_increment=None, channel_names=())


def mrc_pixels(target: Path, image: Image, pixels: PixelSource) -> Pixels:
    """The pixels as they will be read again: as half floats where the original has them.

    Raises
    ------
    UnwritableFileError
        No such axes or type.
    """
    held = np.asarray(pixels)
    template = mrc_template(image)
    if template is None:
        _check_axes_fit(target, image, held)
    elif _as_stored(template, image, held):
        return narrowed(held, template.stored).astype(template.dtype, copy=False)
    native = str(held.dtype.newbyteorder("="))
    wanted = _HELD.get(native, native)
    colour = "colours of " if template is not None and template.mode == _RGB else ""
    if colour or wanted not in _MODES:
        raise UnwritableFileError(
            target,
            f"MRC cannot hold {colour}{held.dtype}",
            "convert it to float32, or choose a name that ends in .tif or .npy",
        )
    return held if wanted == native else narrowed(held, np.dtype(wanted))


def narrowed(pixels: Pixels, dtype: np.dtype[Any]) -> Pixels:
    """In a type of fewer bits; finite values stay finite."""
    if dtype.kind != "f" or pixels.dtype.kind != "f" or dtype.itemsize >= pixels.dtype.itemsize:
        return pixels.astype(dtype, copy=False)
    limits = np.finfo(dtype)
    result = np.empty(pixels.shape, dtype)
    for index in np.ndindex(*pixels.shape[:1]):
        piece = pixels[index]
        result[index] = np.where(np.isfinite(piece), np.clip(piece, limits.min, limits.max), piece)
    return result


def write_mrc(part: Path, target: Path, image: Image, pixels: PixelSource, note: str) -> None:
    """Write ``part``, which will be called ``target``.

    Parameters
    ----------
    part, target
        The file to write, and its name.
    image
        Gives axes, scale and the original header.
    pixels
        As :func:`mrc_pixels` returned them.
    note
        One line on what was done, which becomes a label where there is room; may be empty.
    """
    template = mrc_template(image)
    values = np.asarray(pixels)
    order: Order = "<" if template is None else template.order
    if template is None:
        head, extended, stored = _fresh(image, values), b"", values
    else:
        head, extended = bytearray(template.header), template.extended
        stored = _stored(template, target, image, values, head)
    _write_statistics(head, image, stored, template)
    if note and not (template and template.swapped):
        _add_label(head, order, note)
    with part.open("wb") as stream:
        stream.write(bytes(head) + extended)
        for section in _sections(stored, template):
            stream.write(np.ascontiguousarray(section, section.dtype.newbyteorder(order)).data)


def mrc_template(image: Image) -> MrcTemplate | None:
    """The original file of an image that still fits into such a one; None: it came from elsewhere, or was changed."""
    template = image.metadata.get(MRC_KEY)
    if not isinstance(template, MrcTemplate):
        return None
    same = template.shape == tuple(image.array.shape) and template.axes == image.axes
    return template if same and template.pixel_size_um == dict(image.pixel_size_um) else None


def _as_stored(template: MrcTemplate, image: Image, pixels: Pixels) -> bool:
    """Whether the pixels are stored in the original's type."""
    free = template.dtype == template.stored or not is_wished(image.metadata)
    return free and pixels.dtype == template.dtype


def _check_axes_fit(target: Path, image: Image, pixels: Pixels) -> None:
    if target.suffix.lower() in _DELTAVISION:
        raise UnwritableFileError(
            target, "DeltaVision files are written only from DeltaVision files", "choose a name that ends in .mrc"
        )
    long = [axis for axis, length in zip(image.axes, pixels.shape, strict=True) if length > 1 or axis in "YX"]
    if [axis for axis in "TZYX" if axis in long] != long or not image.axes.endswith("YX"):
        raise UnwritableFileError(
            target,
            f"MRC cannot hold axes {image.axes} {tuple(pixels.shape)}; only T, Z, Y, X in this order",
            "choose a name that ends in .ome.tif, .tif or .npy",
        )


def _fresh(image: Image, pixels: Pixels) -> bytearray:
    found = dict(zip(image.axes, pixels.shape, strict=True))
    times, depth, rows, columns = (int(found.get(axis, 1)) for axis in "TZYX")
    head = bytearray(1024)
    struct.pack_into("<4i", head, _LENGTHS, columns, rows, times * depth, _MODES[str(pixels.dtype.newbyteorder("="))])
    struct.pack_into("<3i", head, _SAMPLING, columns, rows, depth)
    lengths = zip("XYZ", (columns, rows, depth), strict=True)
    cell = [image.pixel_size_um.get(axis, 0.0) / _ANGSTROM * length for axis, length in lengths]
    struct.pack_into("<6f", head, _CELL, *cell, 90.0, 90.0, 90.0)
    struct.pack_into("<3i", head, _AXES, 1, 2, 3)
    group = _VOLUMES if times > 1 else _VOLUME if depth > 1 else _IMAGES
    struct.pack_into("<i", head, _GROUP, group)
    struct.pack_into("<i", head, _VERSION, 20140)
    head[208:216] = b"MAP \x44\x44\0\0"
    return head


def _stored(template: MrcTemplate, target: Path, image: Image, pixels: Pixels, head: bytearray) -> Pixels:
    """Pixels in the type to be stored, which the header then says."""
    if _as_stored(template, image, pixels):
        if template.mode == _HALF:
            log.warning("%s: values are rounded to half floats (mode 12), as in the original", target)
        return pixels.astype(template.stored, copy=False)
    mode = _MODES[str(pixels.dtype.newbyteorder("="))]
    struct.pack_into(f"{template.order}i", head, _MODE, mode)
    stamp, flags = struct.unpack_from(f"{template.order}2i", head, _STAMPS)
    if mode == 0 and stamp == IMOD:
        struct.pack_into(f"{template.order}i", head, _STAMPS + 4, flags | 1)  # signed bytes from now on
    return pixels


def _sections(stored: Pixels, template: MrcTemplate | None) -> Iterator[Pixels]:
    if template is None:
        planes = stored.reshape(-1, *stored.shape[-2:])
    elif template.turned:
        upright = stored.reshape([template.sections[at] for at in template.turned])
        planes = upright.transpose(np.argsort(template.turned))
    else:
        planes = stored.reshape(template.sections)
    yield from planes


def _write_statistics(head: bytearray, image: Image, stored: Pixels, template: MrcTemplate | None) -> None:
    order: Order = "<" if template is None else template.order
    if template is None or not template.deltavision:
        lowest, highest, mean, deviation = _statistics(stored)
        struct.pack_into(f"{order}3f", head, _STATISTICS, lowest, highest, mean)
        struct.pack_into(f"{order}f", head, _RMS, deviation)
        return
    channels = np.moveaxis(stored, image.axes.index("C"), 0) if "C" in image.axes else stored[None]
    for place, pixels in zip(_WAVES, channels, strict=False):
        lowest, highest, mean, _ = _statistics(pixels)
        struct.pack_into(f"{order}2f", head, place, lowest, highest)
        if place == _STATISTICS:
            struct.pack_into(f"{order}f", head, place + 8, mean)


def _statistics(pixels: Pixels) -> tuple[float, float, float, float]:
    """Lowest, highest, mean and deviation of finite values; where there are none, the standard's signs for unknown."""
    total, count = 0.0, 0
    lowest, highest = math.inf, -math.inf
    for finite in _finite(pixels):
        total, count = total + float(finite.sum()), count + finite.size
        lowest, highest = min(lowest, float(finite.min())), max(highest, float(finite.max()))
    if not count:
        return 0.0, -1.0, -2.0, -1.0
    mean = total / count
    squares = sum(float(np.square(finite - mean).sum()) for finite in _finite(pixels))
    return lowest, highest, mean, math.sqrt(squares / count)


def _finite(pixels: Pixels) -> Iterator[Pixels]:
    """Plane by plane, without those that have none."""
    for index in np.ndindex(*pixels.shape[:-2]):
        plane = pixels[index].astype(np.float64)
        finite = plane[np.isfinite(plane)]
        if finite.size:
            yield finite


def _add_label(head: bytearray, order: Order, note: str) -> None:
    said: int = struct.unpack_from(f"{order}i", head, _LABEL_COUNT)[0]
    places = [_LABELS + at * _LABEL for at in range(_LABEL_LIMIT)]
    used = [at for at, place in enumerate(places) if head[place : place + _LABEL].strip(b" \0")]
    free = max(said, used[-1] + 1 if used else 0)
    if not 0 <= free < _LABEL_LIMIT:
        return
    text = note.encode("ascii", "replace")[:_LABEL].ljust(_LABEL)
    head[places[free] : places[free] + _LABEL] = text
    struct.pack_into(f"{order}i", head, _LABEL_COUNT, free + 1)
