"""Pixel values: into the working range, and back into the user's type."""

import logging
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from noise2detail.errors import InputError
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
    values = finite(channel)
    if values.dtype.kind == "i":  # differences of signed integers wrap around within NumPy's interpolation
        values = values.astype(np.promote_types(values.dtype, np.float32))
    if not values.size:
        return ValueMap(0.0, 1.0)
    low, first, median, third, high = (float(v) for v in np.percentile(values, (LOW, 25, 50, 75, HIGH)))
    far = FAR * (third - first)
    if far and high - low > far:
        return percentile_map(values[np.abs(values - median) <= far])
    return ValueMap(low, high - low) if high > low else _extremes_map(values)


def published_map(channel: Pixels) -> ValueMap:
    """Map of the authors' programs: 8-bit values over 255, floats in [0, 1] as they are, others from their extremes."""
    if channel.dtype == np.uint8:
        return ValueMap(0.0, 255.0)
    values = finite(channel)
    if channel.dtype.kind == "f" and values.size and values.min() >= 0 and values.max() <= 1:
        return ValueMap(0.0, 1.0)
    return _extremes_map(values)


def _extremes_map(values: Pixels) -> ValueMap:
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if high - low == math.inf:
        raise InputError(f"the pixels reach from {low:g} to {high:g}, further than a float can tell; mark them as NaN")
    return ValueMap(low, high - low if high > low else 1.0)


def finite(pixels: Pixels) -> Pixels:
    """Pixels that are numbers, flat; all of them for integers."""
    return pixels[np.isfinite(pixels)] if pixels.dtype.kind == "f" else pixels.reshape(-1)


def to_working_range(plane: Pixels, maps: tuple[ValueMap, ...]) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """Plane in the working range, and where it is data.

    Parameters
    ----------
    plane
        ``(channel, y, x)``.
    maps
        One for each channel.

    Returns
    -------
    The plane, with every pixel that is no data replaced by the nearest that is; and a mask that is True where a pixel
    is data, None if that is everywhere. NaN and infinite pixels are no data, nor are those beyond ``OUTLIER``.
    """
    offset = np.array([m.offset for m in maps])[:, None, None]
    scale = np.array([m.scale for m in maps])[:, None, None]
    with np.errstate(over="ignore", invalid="ignore"):
        mapped = (plane - offset) / scale
        mask = np.abs(mapped) <= OUTLIER  # not so for NaN
    if mask.all():
        return mapped.astype(np.float32), None
    for channel, valid in zip(mapped, mask, strict=True):
        if valid.any() and not valid.all():
            nearest = distance_transform_edt(~valid, return_distances=False, return_indices=True)
            channel[...] = channel[tuple(nearest)]
        elif not valid.any():
            channel[...] = 0
    return mapped.astype(np.float32), mask


def tell_outliers(plane: Pixels, mask: NDArray[np.bool_] | None) -> None:
    """Log a warning if numbers were taken for no data."""
    count = 0 if mask is None else int((~mask & np.isfinite(plane)).sum())
    if count:
        log.warning(
            "%d pixels lie more than %g times the range of the image outside it: they count as no data and stay as "
            "they are",
            count,
            OUTLIER,
        )


def from_working_range(
    denoised: NDArray[np.float32], original: Pixels, mask: NDArray[np.bool_] | None, maps: tuple[ValueMap, ...]
) -> Pixels:
    """Denoised plane in the type and intensity scale of the original.

    Integers are rounded half to even and clipped to the range of their type. Pixels that are not data, and channels
    that hold one value only, are those of the original, bit for bit.
    """
    offset = np.array([m.offset for m in maps])[:, None, None]
    scale = np.array([m.scale for m in maps])[:, None, None]
    result = to_type(denoised * scale + offset, original.dtype)
    for channel, source in enumerate(original):
        if is_constant(source):
            result[channel] = source
    if mask is not None:
        np.copyto(result, original, where=~mask)
    return result


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
    values = finite(pixels)
    return not values.size or bool(values.min() == values.max())


def check_content(channels: list[Pixels]) -> None:
    """Raise unless some channel holds something that could be denoised.

    Raises
    ------
    InputError
        No pixel is a number, or all have one value.
    """
    values = [finite(channel) for channel in channels]
    if not any(v.size for v in values):
        raise InputError(
            "no pixel of the image is a finite number: all are NaN or infinite; there is nothing to denoise"
        )
    if all(is_constant(v) for v in values):
        found = next(v for v in values if v.size).flat[0]
        raise InputError(f"the image is constant: every pixel is {found}; there is no noise to remove")
