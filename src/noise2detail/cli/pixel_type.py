"""Results in another pixel type than the input's."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from noise2detail.errors import InputError, SettingError
from noise2detail.image import Image
from noise2detail.io.lazy import LazyPixels, converted, planes_of
from noise2detail.io.save import check_memory_for, prepared
from noise2detail.pipeline.chunks import chunks
from noise2detail.pipeline.values import to_type
from noise2detail.plans import Plan
from noise2detail.types import Pixels, PixelSource

DType = np.dtype[np.generic]

PIXEL_TYPES = ("float16", "float32", "float64", "uint8", "uint16", "int16")
"""Types that an output can be asked for in."""


def find_pixel_type(name: str | None) -> DType | None:
    """The type of that name.

    Raises
    ------
    SettingError
        No type that an output can have.
    """
    if name is not None and name not in PIXEL_TYPES:
        from noise2detail.registry import unknown  # with PyTorch, which nothing else here needs

        raise SettingError(unknown("pixel type", name, PIXEL_TYPES))
    return None if name is None else np.dtype(name)


@dataclass(frozen=True)
class Converted:
    """An array in another type."""

    array: Pixels
    """Rounded half to even and clipped."""
    clipped: float
    """Share of the pixels that the type cannot hold, 0 to 1."""


def working_type(source: DType, target: DType) -> DType:
    """Type in which to compute so that nothing is rounded before the end.

    The array itself stays as it was read, because the published value ranges depend on its type.
    """
    if source == target or (target.kind == "f" and target.itemsize >= 4):
        return target
    wide = source.itemsize > 4 or (source.kind in "ui" and source.itemsize > 2)
    return np.dtype(np.float64 if wide else np.float32)


def check_convertible(array: PixelSource, target: DType) -> None:
    """Raise where the type cannot say that a pixel is not a number.

    Raises
    ------
    InputError
        NaN or infinite pixels, and a type of integers.
    """
    if target.kind == "f" or array.dtype.kind != "f":
        return
    lost = sum(int((~np.isfinite(piece)).sum()) for plane in planes_of(array, 2) for piece in chunks(plane))
    if lost:
        raise InputError(
            f"{lost} pixels are NaN or infinite, which {target} cannot hold; expected --dtype float32 or float64"
        )


def check_holdable(image: Image, target: np.dtype[np.generic], output: Path) -> None:
    """Raise, before anything is computed, where the output could not hold the result.

    Raises
    ------
    UnwritableFileError
        A format that cannot hold the axes or the type.
    InputError
        A type that cannot hold the pixels.
    """
    check_convertible(image.array, target)
    check_memory_for(image, output)
    lazy = isinstance(image.array, LazyPixels)
    prepared(
        image,
        output,
        converted(image.array, target) if lazy else np.broadcast_to(np.zeros((), target), image.array.shape),
    )


def convert(array: Pixels, target: DType) -> Converted:
    """The array in the type that was asked for."""
    if array.dtype == target:
        return Converted(array, 0.0)
    result = np.empty(array.shape, target)
    clipped = sum(_convert_piece(*pieces) for pieces in zip(chunks(array), chunks(result), strict=True))
    return Converted(result, clipped / array.size)


class Conversion:
    """Pixels in a file that become another type while they are read, and what that clips."""

    def __init__(self, pixels: LazyPixels, target: DType) -> None:
        self._clipped = 0
        self._size = math.prod(pixels.shape)
        self._target = target
        self.array = pixels if pixels.dtype == target else pixels.changed(self._convert, target)

    @property
    def clipped(self) -> float:
        """Share of the pixels that the type cannot hold, of those that were read, 0 to 1."""
        return self._clipped / self._size

    def _convert(self, pixels: Pixels) -> Pixels:
        found = np.empty(pixels.shape, self._target)
        pieces = zip(chunks(np.ascontiguousarray(pixels)), chunks(found), strict=True)
        self._clipped += sum(_convert_piece(*piece) for piece in pieces)
        return found


def loss(clipped: float, source: Path, target: np.dtype[np.generic]) -> str:
    """Warning where a share of the pixels was clipped; empty where none was."""
    said = f"{source}: {clipped:.2%} of the pixels do not fit into {target} and were clipped"
    return said if clipped else ""


def _convert_piece(source: Pixels, result: Pixels) -> int:
    """Fill a piece of the result, and count the pixels that its type cannot hold."""
    values, target = source.astype(np.float64), result.dtype
    finite = np.isfinite(values)
    result[...] = to_type(values, target)
    if target.kind == "f":
        result[~finite] = values[~finite].astype(target)
    low, high = limits(target)
    held = values if target.kind == "f" else np.rint(values)
    return int((finite & ((held < low) | (held > high))).sum())


def limits(target: DType) -> tuple[float, float]:
    """Smallest and largest number that the type can hold."""
    info = np.finfo(str(target)) if target.kind == "f" else np.iinfo(str(target))
    return float(info.min), float(info.max)


def as_planned(plan: Plan, target: DType, notes: tuple[str, ...] = ()) -> Plan:
    """The plan with the type of the result, and with further reasons."""
    if str(target) != plan.dtype:
        notes = (*notes, f"the result is {target}, as was asked for; the input is {plan.dtype}")
    return replace(plan, dtype=str(target), why=plan.why + notes)
