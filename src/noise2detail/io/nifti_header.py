"""What stands where in the headers of NIfTI-1, NIfTI-2 and Analyze 7.5, and what a file was like around its pixels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from noise2detail.types import Pixels

NIFTI_KEY = "nifti"
"""Key of the template in the metadata of an image."""

Kind = Literal["NIfTI-1", "NIfTI-2", "Analyze"]
Order = Literal["<", ">"]

TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 128: "u1", 256: "i1", 512: "u2", 768: "u4", 1024: "i8"} | {
    1280: "u8",
    2304: "u1",
}
"""Type of a sample, by code."""
RGB, RGBA = 128, 2304
SAMPLES = {RGB: 3, RGBA: 4}
"""Samples of a pixel, by code; all others have one."""
PLAIN = {np.dtype(name): code for code, name in TYPES.items() if code not in SAMPLES}
"""Code of each type of pixels that have one sample."""

SINGLE = 352
LONGEST = 544

FIELDS: dict[Kind, tuple[int, dict[str, tuple[str, int]]]] = {
    "NIfTI-1": (
        348,
        {"size": ("i4", 0), "dim": ("8i2", 40), "intent": ("i2", 68), "type": ("i2", 70), "bits": ("i2", 72)}
        | {"pixdim": ("8f4", 76), "offset": ("f4", 108), "slope": ("f4", 112), "intercept": ("f4", 116)}
        | {"units": ("u1", 123), "magic": ("S4", 344), "qform": ("i2", 252), "sform": ("i2", 254)}
        | {"quatern": ("3f4", 256), "qoffset": ("3f4", 268), "rows": ("12f4", 280)},
    ),
    "NIfTI-2": (
        540,
        {"size": ("i4", 0), "magic": ("S8", 4), "type": ("i2", 12), "bits": ("i2", 14), "dim": ("8i8", 16)}
        | {"pixdim": ("8f8", 104), "offset": ("i8", 168), "slope": ("f8", 176), "intercept": ("f8", 184)}
        | {"units": ("i4", 500), "intent": ("i4", 504), "qform": ("i4", 344), "sform": ("i4", 348)}
        | {"quatern": ("3f8", 352), "qoffset": ("3f8", 376), "rows": ("12f8", 400)},
    ),
    # SPM keeps a factor where NIfTI has its slope; others leave the place empty.
    "Analyze": (
        348,
        {"dim": ("8i2", 40), "type": ("i2", 70), "pixdim": ("8f4", 76), "offset": ("f4", 108), "slope": ("f4", 112)},
    ),
}
"""Length of each header, and type and place of the numbers that matter."""

MAGIC: dict[Kind, bytes] = {"NIfTI-1": b"n+1\0", "NIfTI-2": b"n+2\0\r\n\x1a\n"}
"""Mark of a header whose pixels follow in the same file."""


def layout(kind: Kind, order: Order) -> np.dtype[Any]:
    """The fields of a header, for numpy."""
    length, fields = FIELDS[kind]
    formats, places = zip(*fields.values(), strict=True)
    found = np.dtype({"names": list(fields), "formats": formats, "offsets": places, "itemsize": length})
    return found.newbyteorder(order)


def scaled_type(stored: np.dtype[Any]) -> np.dtype[Any]:
    """Type of scaled values: float64 where float32 could not tell two stored numbers apart."""
    exact = stored.itemsize <= 2 or stored == np.float32
    return np.dtype(np.float32 if exact else np.float64)


def scaled(stored: Pixels, slope: float, intercept: float) -> Pixels:
    """What stored numbers mean."""
    result = np.empty(stored.shape, scaled_type(stored.dtype))
    with np.errstate(over="ignore", invalid="ignore"):
        for plane in np.ndindex(*stored.shape[:-2]):
            result[plane] = stored[plane] * np.float64(slope) + intercept
    return result


@dataclass(frozen=True, eq=False)
class NiftiTemplate:
    """How a NIfTI file stored its pixels, and every byte before them."""

    kind: Literal["NIfTI-1", "NIfTI-2"]
    order: Order
    """Byte order of header and pixels."""
    paired: bool
    """Whether header and pixels were two files."""
    header: bytes
    """All of it."""
    after: bytes
    """What follows the header: extensions, up to the pixels or to the end of a file of its own."""
    colours: bool
    """Whether a pixel is red, green and blue."""
    stored: np.dtype[Any]
    """Type of a stored sample, in the byte order of the machine."""
    slope: float
    intercept: float
    """1 and 0 where values are as stored."""
    dtype: np.dtype[Any]
    """Of the array that was handed out."""
    shape: tuple[int, ...]
    """Of the array that was handed out."""
    axes: str
    """Of the array that was handed out."""
    own_axes: str
    """What the file says by itself; empty where it says nothing."""
    pixel_size_um: Mapping[str, float]
    """As handed out."""
    time_increment: float | None
    """As handed out."""
    alpha: Pixels | None = None
    """Transparency that was set aside, in the shape of the array with one sample."""
