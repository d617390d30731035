"""What a DICOM file was like, so that another can be derived from it: its fields, and pixels that must not change."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noise2detail.io.dicom_fields import whole
from noise2detail.io.dicom_padding import not_measured
from noise2detail.types import Pixels

DICOM_KEY = "dicom"
"""Key of the template in the metadata of an image."""

PIXEL_FIELDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")

_BESIDE_PIXELS = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths", "PixelDataProviderURL", "DataSetTrailingPadding")
_MORE = "it holds more frames than its header says"
_OVERLAYS = range(0x6000, 0x6020, 2)
_OVERLAY_BIT, _OVERLAY_DATA = 0x0102, 0x3000


@dataclass(frozen=True, eq=False)
class DicomFile:
    """One file, as far as the pixels that were handed out do not hold it."""

    name: str
    """Without its folder."""
    fields: Any = field(repr=False)
    """Everything but the pixels, as pydicom read it. It names a patient, so nothing but the writer may look at it."""
    rescales: tuple[tuple[float, float], ...]
    """Slope and intercept of each frame."""
    colour: bool
    """Three samples for each pixel."""
    dtype: np.dtype[Any]
    """Of the stored pixels."""
    limits: tuple[int, int]
    """Lowest and highest value that the stored bits hold."""
    kept: NDArray[np.bool_] | None
    """True where a stored pixel was not measured; None: nowhere."""
    values: Pixels
    """The stored pixels there."""
    overlays: tuple[int, ...]
    """Groups of overlays in unused bits of the pixels; these bits do not survive decoding."""
    refusal: str
    """Why no such file can be written, in words; empty where it can."""


@dataclass(frozen=True, eq=False)
class DicomTemplate:
    """The files of an image, and the image as they say it is."""

    files: Sequence[DicomFile]
    """One, or one for each slice in their order."""
    series: bool
    """The image was a folder."""
    axes: str
    """As the files say."""
    shape: tuple[int, ...]
    """Of the array that was handed out."""
    dtype: np.dtype[Any]
    """Of the array that was handed out."""
    pixel_size_um: dict[str, float]
    """As the files say."""
    time_increment: float | None
    """As the files say."""


def dicom_file(
    name: str, fields: Any, header: Any, stored: Pixels, rescales: tuple[tuple[float, float], ...]
) -> DicomFile:
    """What a derived file takes from this one.

    Parameters
    ----------
    name
        Of the file.
    fields
        All of them, None where they cannot be read; the pixels are removed.
    header
        Those that describe pixels.
    stored
        The pixels as decoded.
    rescales
        Slope and intercept of each frame.
    """
    colour = whole(header, "SamplesPerPixel", 1) > 1
    for tag in (*PIXEL_FIELDS, *_BESIDE_PIXELS) if fields is not None else ():
        fields.pop(tag, None)
    kept = None if colour else not_measured(stored, header)
    frames = 1 if stored.ndim == 2 + colour else len(stored)
    allocated = 8 * stored.dtype.itemsize
    bits = min(whole(header, "BitsStored", allocated), allocated)  # pixels of floats have none
    signed = stored.dtype.kind == "i"
    limits = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return DicomFile(
        name=name,
        fields=fields,
        rescales=((1.0, 0.0),) * len(rescales) if colour else rescales,
        colour=colour,
        dtype=stored.dtype,
        limits=limits,
        kept=kept,
        values=stored[:0] if kept is None else stored[kept],
        overlays=() if fields is None else _overlays_in_pixels(fields),
        refusal=_refusal(fields, header, stored, limits) or ("" if frames == len(rescales) else _MORE),
    )


def _refusal(fields: Any, header: Any, stored: Pixels, limits: tuple[int, int]) -> str:
    if fields is None:
        return "the fields of its header cannot all be read"
    if "ModalityLUTSequence" in header:
        return "its values came out of a lookup table, which has no way back"
    if stored.dtype.kind not in "ui" or stored.dtype.itemsize > 2:
        return f"its pixels are stored as {stored.dtype}; DICOM is written with integers of 8 or 16 bits"
    if (stored.dtype.kind == "i") != (whole(header, "PixelRepresentation", 0) == 1):
        return "its pixels are signed differently from what its header says"
    if whole(header, "HighBit", whole(header, "BitsStored") - 1) != whole(header, "BitsStored") - 1:
        return "its pixels are stored in an unusual place of their bits"
    if stored.min() < limits[0] or stored.max() > limits[1]:
        return "its pixels take more bits than its header says"
    if not fields.get("SOPClassUID") or not fields.get("SOPInstanceUID"):
        return "it lacks the identifiers that a derived image refers to"
    return ""


def _overlays_in_pixels(fields: Any) -> tuple[int, ...]:
    return tuple(
        group for group in _OVERLAYS if (group, _OVERLAY_BIT) in fields and (group, _OVERLAY_DATA) not in fields
    )
