"""Results in another pixel type than the input's."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from noise2detail.errors import InputError
from noise2detail.image import Image
from noise2detail.io.save import prepared
from noise2detail.pipeline.chunks import chunks
from noise2detail.pipeline.values import to_type
from noise2detail.plans import Plan
from noise2detail.types import Pixels

DType = np.dtype[np.generic]


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


def check_convertible(array: Pixels, target: DType) -> None:
    """Raise where the type cannot say that a pixel is not a number.

    Raises
    ------
    InputError
        NaN or infinite pixels, and a type of integers.
    """
    if target.kind == "f" or array.dtype.kind != "f":
        return
    lost = sum(int((~np.isfinite(piece)).sum()) for piece in chunks(array))
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
    check_convertible(np.asarray(image.array), target)
    prepared(image, output, np.broadcast_to(np.zeros((), target), image.array.shape))


def convert(array: Pixels, target: DType) -> Converted:
    """The array in the type that was asked for."""
    if array.dtype == target:
        return Converted(array, 0.0)
    result = np.empty(array.shape, target)
    clipped = sum(_convert_piece(*pieces) for pieces in zip(chunks(array), chunks(result), strict=True))
    return Converted(result, clipped / array.size)


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
