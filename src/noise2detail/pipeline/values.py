"""Pixel values: into the working range, and back into the user's type."""

import logging
import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import InputError
from noise2detail.pipeline.chunks import CHUNK, finite_chunks, gaps_of
from noise2detail.pipeline.gaps import fill_gaps
from noise2detail.pipeline.percentiles import Stream, percentiles
from noise2detail.plans import ValueMap
from noise2detail.types import Pixels

log = logging.getLogger(__name__)

LOW, HIGH = 0.1, 99.9
"""Percentiles that become 0 and 1; 12-bit data in 16-bit files is the rule."""


FAR = 1e6
"""Interquartile ranges from the median beyond which a value is a mark, as -3.4e38 in some files, and no measurement."""

OUTLIER = 1e4
"""Working value beyond which a pixel is no data but a mark or a defect; a loss of squares would see nothing else."""


def percentile_map(channel: Pixels) -> ValueMap:
    """Map of the 0.1 and 99.9 percentile of the finite pixels to 0 and 1, never clipped.

    Sparse images, whose percentiles coincide, and constant ones are mapped by their extremes. Values that mark places
    where nothing was measured have no say.
    """
    return _percentile_map(channel, ())


def _percentile_map(channel: Pixels, near: tuple[tuple[float, float], ...]) -> ValueMap:
    stream = partial(_measured, channel, near)
    found = percentiles(stream, channel.dtype, (LOW, 25, 50, 75, HIGH))
    if found is None:
        return ValueMap(0.0, 1.0)
    low, first, median, third, high = (float(v) for v in found)
    far = FAR * (third - first)
    if far and high - low > far:
        return _percentile_map(channel, (*near, (median, far)))
    return ValueMap(low, high - low) if high > low else _extremes_map(_extremes(stream))


def _measured(channel: Pixels, near: tuple[tuple[float, float], ...]) -> Iterator[Pixels]:
    """The finite pixels that are near enough to each of some values, piece by piece: (value, how near)."""
    for values in finite_chunks(channel):
        kept = values
        for value, far in near:
            # differences of signed integers wrap around
            exact = kept.astype(np.promote_types(kept.dtype, np.float32)) if kept.dtype.kind == "i" else kept
            kept = kept[np.abs(exact - value) <= far]
        yield kept


def published_map(channel: Pixels) -> ValueMap:
    """Map of the authors' programs: 8-bit values over 255, floats in [0, 1] as they are, others from their extremes."""
    if channel.dtype == np.uint8:
        return ValueMap(0.0, 255.0)
    extremes = _extremes(partial(finite_chunks, channel))
    if channel.dtype.kind == "f" and extremes and extremes[0] >= 0 and extremes[1] <= 1:
        return ValueMap(0.0, 1.0)
    return _extremes_map(extremes)


def _extremes(stream: Stream) -> tuple[float, float] | None:
    """Lowest and highest value; None where there is none."""
    found = [(values.min(), values.max()) for values in stream() if values.size]
    return (float(min(low for low, _ in found)), float(max(high for _, high in found))) if found else None


def _extremes_map(extremes: tuple[float, float] | None) -> ValueMap:
    low, high = extremes or (0.0, 0.0)
    if high - low == math.inf:
        raise InputError(f"the pixels reach from {low:g} to {high:g}, further than a float can tell; mark them as NaN")
    return ValueMap(low, high - low if high > low else 1.0)


def to_working_range(
    plane: Pixels | Sequence[Pixels], maps: tuple[ValueMap, ...]
) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """Plane in the working range, and where it is data.

    Parameters
    ----------
    plane
        Its channels, ``(y, x)`` each.
    maps
        One for each channel.

    Returns
    -------
    The plane, with every pixel that is no data replaced by the nearest that is, or by 0 far from any; and a mask that
    is True where a pixel is data, None if that is everywhere. NaN and infinite pixels are no data, nor are those beyond
    ``OUTLIER``, nor masked ones.
    """
    result = np.empty((len(plane), *plane[0].shape), np.float32)
    mask: NDArray[np.bool_] | None = None
    for number, (source, value_map) in enumerate(zip(plane, maps, strict=True)):
        gaps, values = gaps_of(source), np.ma.getdata(source)
        checked = gaps is not None or may_hold_gaps(source.dtype, value_map)
        for rows in _row_blocks(source):
            mapped = _mapped(values[rows], value_map)
            if checked and not (valid := _valid(mapped, None if gaps is None else gaps[rows])).all():
                mask = np.ones(result.shape, bool) if mask is None else mask
                mask[number, rows] = valid
                mapped[~valid] = 0
            result[number, rows] = mapped
    if mask is not None:
        for channel, valid in zip(result, mask, strict=True):
            fill_gaps(channel, valid)
    return result, mask


def _valid(mapped: NDArray[np.float64], gaps: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = np.abs(mapped) <= OUTLIER  # not so for NaN
    return near if gaps is None else near & ~gaps


def may_hold_gaps(dtype: np.dtype[Any], value_map: ValueMap) -> bool:
    """Whether pixels of this type can be no data; integers cannot where even their extremes lie within the bounds."""
    if dtype.kind == "f":
        return True
    ends = np.array([np.iinfo(dtype).min, np.iinfo(dtype).max], dtype)
    return bool((np.abs(_mapped(ends, value_map)) > OUTLIER).any())


def _mapped(values: Pixels, value_map: ValueMap) -> NDArray[np.float64]:
    with np.errstate(over="ignore", invalid="ignore"):
        mapped: NDArray[np.float64] = np.subtract(values, value_map.offset, dtype=np.float64)
        return np.divide(mapped, value_map.scale, out=mapped)


def _row_blocks(image: Pixels) -> Iterator[slice]:
    """Rows that fit a cache together, one run after the other."""
    step = max(1, CHUNK // image.shape[1])
    return (slice(top, top + step) for top in range(0, len(image), step))


def tell_outliers(plane: Pixels | Sequence[Pixels], mask: NDArray[np.bool_] | None) -> None:
    """Log a warning if numbers were taken for no data."""
    if mask is None:
        return
    count = sum(
        int((~valid[rows] & np.ma.filled(np.isfinite(source[rows]), False)).sum())
        for source, valid in zip(plane, mask, strict=True)
        for rows in _row_blocks(source)
    )
    if count:
        log.warning(
            "%d pixels lie more than %g times the range of the image outside it: they count as no data and stay as "
            "they are",
            count,
            OUTLIER,
        )


def from_working_range(denoised: NDArray[np.float32], value_map: ValueMap, dtype: np.dtype[Any]) -> Pixels:
    """Denoised pixels of one channel in a type, on the intensity scale of the original.

    Integers are rounded half to even and clipped to the range of their type.
    """
    scaled: NDArray[np.float64] = np.multiply(denoised, value_map.scale, dtype=np.float64)
    return to_type(np.add(scaled, value_map.offset, out=scaled), dtype)


def to_type(values: NDArray[np.float64], dtype: np.dtype[Any]) -> Pixels:
    """Values in another type: rounded half to even and clipped for integers, clipped for small floats."""
    if dtype.kind in "ui":
        info = np.iinfo(dtype)
        # the largest 64-bit integers are no floats: the next float below them is
        top = float(info.max) if int(float(info.max)) <= info.max else np.nextafter(float(info.max), 0)
        return np.clip(np.rint(values), info.min, top).astype(dtype)
    limits = np.finfo(dtype)
    return np.clip(values, float(limits.min), float(limits.max)).astype(dtype)


def is_constant(pixels: Pixels) -> bool:
    """True if all pixels that are data have one value, or if none is data."""
    seen = None
    for values in finite_chunks(pixels):
        if values.size:
            seen = values.flat[0] if seen is None else seen
            if values.min() != seen or values.max() != seen:
                return False
    return True


def check_content(channels: list[Pixels]) -> None:
    """Raise unless some channel holds something that could be denoised.

    Raises
    ------
    InputError
        No pixel is a number, or all have one value.
    """
    if not all(is_constant(channel) for channel in channels):
        return
    found = next((v.flat[0] for channel in channels for v in finite_chunks(channel) if v.size), None)
    if found is None:
        raise InputError(
            "no pixel of the image is a finite number: all are NaN or infinite; there is nothing to denoise"
        )
    raise InputError(f"the image is constant: every pixel is {found}; there is no noise to remove")
