"""What is known about an image: facts first, words second."""

import math
from dataclasses import dataclass

from noise2detail.image import Image
from noise2detail.io.announced import readable
from noise2detail.io.template import TIFF_KEY, TiffTemplate

FACTS_KEY = "facts"
"""Key, in the metadata of an image, of further facts: label and text of each; see ``Facts.further``."""

LOST = "not carried over"
"""Label of a fact about what no result will hold."""

_COMPRESSION, _BYTE_ORDER = "compression", "byte order"
"""Labels of facts that have a field of their own."""

_FORMATS = {
    "array": "array",
    "npy": "NPY",
    "npz": "NPZ",
    "png": "PNG",
    "jpeg": "JPEG",
    "bmp": "BMP",
    "tiff": "TIFF",
    "ome-tiff": "OME-TIFF",
    "imagej-tiff": "ImageJ TIFF",
    "nifti": "NIfTI",
    "mrc": "MRC",
    "dicom": "DICOM",
    "ome-zarr": "OME-Zarr",
    "czi": "Zeiss CZI",
    "nd2": "Nikon ND2",
    "lif": "Leica LIF",
    "oif": "Olympus OIF",
    "oib": "Olympus OIB",
    "ndtiff": "NDTiff of Micro-Manager",
}
_COMPRESSIONS = {1: "none", 5: "LZW", 7: "JPEG", 8: "deflate", 32773: "PackBits", 32946: "deflate", 50000: "Zstandard"}


@dataclass(frozen=True)
class Facts:
    """What is known about an image without a look at its pixels."""

    format: str
    """As of ``Image``."""
    title: str
    """The format as people call it."""
    axes: str
    """Of the array."""
    lengths: tuple[int, ...]
    """Of the axes."""
    dtype: str
    """Type of a pixel in memory."""
    nbytes: int
    """Of the pixels in memory."""
    pixel_size_um: tuple[tuple[str, float], ...]
    """Axis and micrometres per pixel, X first; axes of unknown size are absent."""
    time_increment: float | None
    """Seconds between time points."""
    channel_names: tuple[str, ...]
    """As the file says."""
    compression: str | None = None
    """Of the pixels in the file, where its reader tells."""
    byte_order: str | None = None
    """``little-endian`` or ``big-endian``, where its reader tells."""
    lost: tuple[str, ...] = ()
    """What the file also holds and no result will."""
    further: tuple[tuple[str, str], ...] = ()
    """Label and text of what only files of this format know."""


def facts_of(image: Image) -> Facts:
    """What is known about an image.

    Parameters
    ----------
    image
        As opened.
    """
    told: tuple[tuple[str, str], ...] = tuple(image.metadata.get(FACTS_KEY, ()))
    lengths = tuple(int(length) for length in image.array.shape)
    compression, byte_order, dropped = _stored(image)
    return Facts(
        format=image.format,
        title=_FORMATS.get(image.format, image.format),
        axes=image.axes,
        lengths=lengths,
        dtype=str(image.array.dtype),
        nbytes=math.prod(lengths) * int(image.array.dtype.itemsize),
        pixel_size_um=tuple((axis, image.pixel_size_um[axis]) for axis in "XYZ" if axis in image.pixel_size_um),
        time_increment=image.time_increment,
        channel_names=image.channel_names,
        compression=compression or dict(told).get(_COMPRESSION),
        byte_order=byte_order or dict(told).get(_BYTE_ORDER),
        lost=dropped + tuple(text for label, text in told if label == LOST),
        further=tuple(row for row in told if row[0] not in {LOST, _COMPRESSION, _BYTE_ORDER}),
    )


def describe(image: Image) -> tuple[tuple[str, str], ...]:
    """Label and text of each fact, for a table; looks at no pixel.

    Parameters
    ----------
    image
        As opened.
    """
    facts = facts_of(image)
    rows = [
        ("format", facts.title),
        ("axes", facts.axes),
        ("size", " x ".join(f"{axis} {length}" for axis, length in zip(facts.axes, facts.lengths, strict=True))),
        ("pixel type", facts.dtype),
        ("pixels", readable(facts.nbytes)),
        ("pixel size", _pixel_size(facts)),
    ]
    if "T" in facts.axes:
        rows.append(("time increment", "unknown" if facts.time_increment is None else f"{facts.time_increment:g} s"))
    rows.append(("channels", ", ".join(facts.channel_names) or "unnamed"))
    rows += [(_COMPRESSION, facts.compression)] if facts.compression else []
    rows += [(_BYTE_ORDER, facts.byte_order)] if facts.byte_order else []
    return (*rows, *facts.further, *((LOST, lost) for lost in facts.lost))


def _stored(image: Image) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Compression and byte order of the file, and what its reader left out."""
    template = image.metadata.get(TIFF_KEY)
    if not isinstance(template, TiffTemplate):
        return None, None, ()
    compression = _COMPRESSIONS.get(template.compression, f"code {template.compression}")
    return compression, "little-endian" if template.byteorder == "<" else "big-endian", template.dropped


def _pixel_size(facts: Facts) -> str:
    if not facts.pixel_size_um:
        return "unknown"
    return ", ".join(f"{axis} {size:.6g}" for axis, size in facts.pixel_size_um) + " um"
