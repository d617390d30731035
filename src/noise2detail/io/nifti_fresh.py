"""Headers of NIfTI files for images from elsewhere: lengths, type and scale, and where it is known the position."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.errors import UnwritableFileError
from noise2detail.image import Image
from noise2detail.io.nifti_header import FIELDS, PLAIN, RGB, Kind, Order, layout
from noise2detail.io.placement import placement_of, quaternion
from noise2detail.types import PixelSource

_FINE = 10.0
"""Micrometres of a pixel below which they are the unit: many programs show three decimals of a millimetre."""
_LONGEST_SHORT = 2**15 - 1
_MICROMETRES, _MILLIMETRES, _SECONDS = 3, 2, 8
_SCANNER = 1
"""Code of a position that the scanner knew."""
_PER_UNIT = {_MICROMETRES: 1.0, _MILLIMETRES: 1e3}


def check_axes_fit(target: Path, image: Image, pixels: PixelSource) -> None:
    """Raise unless the axes are those of NIfTI, in its order.

    Raises
    ------
    UnwritableFileError
        With the formats that can hold them.
    """
    long = [axis for axis, length in zip(image.axes, pixels.shape, strict=True) if length > 1 or axis in "YX"]
    colour = "S" not in image.axes or (image.axes[-1] == "S" and pixels.shape[-1] == 3)
    last = image.axes.removesuffix("S").endswith("YX")
    if not (colour and last) or [axis for axis in "TZYX" if axis in long] != [axis for axis in long if axis != "S"]:
        raise UnwritableFileError(
            target,
            f"NIfTI cannot hold axes {image.axes} {tuple(pixels.shape)}; only T, Z, Y, X in this order, and RGB last",
            "choose a name that ends in .ome.tif, .tif or .npy",
        )


def fresh_header(image: Image, pixels: PixelSource) -> tuple[Kind, Order, bytearray]:
    """Which header it is, its byte order, and the header, without the place of the pixels."""
    lengths = _lengths(image)
    kind: Kind = "NIfTI-1" if max(lengths.values()) <= _LONGEST_SHORT else "NIfTI-2"
    head = bytearray(FIELDS[kind][0])
    numbers: Any = np.frombuffer(head, layout(kind, "<"), 1)
    unit, sizes = _scale(image)
    numbers["size"] = len(head)
    rank = max(at for at, axis in enumerate("XYZT", start=1) if axis in "XY" or lengths[axis] > 1)
    numbers["dim"][0] = [rank, *lengths.values(), 1, 1, 1]
    colour = "S" in image.axes
    numbers["type"] = RGB if colour else PLAIN[pixels.dtype.newbyteorder("=")]
    numbers["bits"] = 24 if colour else 8 * pixels.dtype.itemsize
    increment = _increment(image)
    numbers["pixdim"][0] = [1.0, *(sizes[axis] / _PER_UNIT[unit] for axis in "XYZ"), increment or 1.0, 1.0, 1.0, 1.0]
    numbers["units"] = (unit if image.pixel_size_um else 0) | (_SECONDS if increment else 0)
    numbers["slope"] = 1.0
    _place(numbers, image, unit)
    if kind == "NIfTI-1":
        head[38:39] = b"r"  # a field of Analyze that some programs still look at
    return kind, "<", head


def _place(numbers: Any, image: Image, unit: int) -> None:
    """Say where the voxels lie, in the unit of the header; with a rotation too, where one can say it."""
    placement = placement_of(image)
    if placement is None:
        return
    matrix = placement.upright * (_PER_UNIT[_MILLIMETRES] / _PER_UNIT[unit])
    numbers["sform"], numbers["rows"] = _SCANNER, matrix[:3].ravel()
    turn = quaternion(matrix)
    if turn is not None:
        numbers["qform"], numbers["qoffset"] = _SCANNER, matrix[:3, 3]
        numbers["pixdim"][0, 0], numbers["quatern"] = turn


def said_afresh(image: Image) -> Image:
    """The image as a new header describes it."""
    sizes = {axis: size for axis, size in _scale(image)[1].items() if axis in image.axes}
    return replace(image, pixel_size_um=sizes, time_increment=_increment(image), channel_names=())


def unknown_scale(image: Image) -> str:
    """What the header has to say although nobody knows it, in words; empty where everything is known."""
    lengths = _lengths(image)
    unknown = [axis for axis in "XYZ" if lengths[axis] > 1 and axis not in image.pixel_size_um]
    unit = "um" if _scale(image)[0] == _MICROMETRES else "mm"
    return (
        f"pixel size along {', '.join(unknown)} is unknown; NIfTI has no word for that and says 1 {unit}"
        if unknown
        else ""
    )


def _lengths(image: Image) -> dict[str, int]:
    found = dict(zip(image.axes, image.array.shape, strict=True))
    return {axis: int(found.get(axis, 1)) for axis in "XYZT"}


def _scale(image: Image) -> tuple[int, Mapping[str, float]]:
    """Code of the unit, and micrometres along every axis; 1 of the unit where they are unknown."""
    known = image.pixel_size_um
    unit = _MICROMETRES if known and min(known.values()) < _FINE else _MILLIMETRES
    return unit, {axis: float(known.get(axis, _PER_UNIT[unit])) for axis in "XYZ"}


def _increment(image: Image) -> float | None:
    return image.time_increment if _lengths(image)["T"] > 1 else None
