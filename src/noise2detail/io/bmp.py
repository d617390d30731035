"""BMP of 8 bits, grey or colour: everything around the pixels is put back as it was.

Compressed ones, those with fewer bits and those with a palette of colours are refused: their numbers are no
intensities.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from noise2detail.errors import UnreadableFileError, UnwritableFileError
from noise2detail.image import Image
from noise2detail.io.announced import check_announced
from noise2detail.io.describe import FACTS_KEY
from noise2detail.io.lazy import nbytes
from noise2detail.types import Pixels, PixelSource

BMP_KEY = "bmp"
"""Key of the template in the metadata of an image."""

_HEAD = 14
_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})
_CORE = 12
_RESOLUTION = slice(38, 46)
_LEAST = 26
_DAMAGED = "it is truncated or damaged: copy or export it again"
_RGB, _MASKED = (2, 1, 0), {3, 6}
_BYTE_OF = {0xFF << (8 * place): place for place in range(4)}
_MOST = 2**31
_PARSED = 4096


@dataclass(frozen=True, eq=False)
class BmpTemplate:
    """What a BMP held around its pixels."""

    head: bytes
    """Everything before the pixels."""
    tail: bytes
    """Everything behind them."""
    bits: int
    """Of a pixel: 8, 24 or 32."""
    upside_down: bool
    """The last row comes first, as usual."""
    order: tuple[int, ...]
    """Place of red, green and blue among the bytes of a pixel."""
    fourth: Pixels | None
    """The byte of each pixel that is no colour."""
    whole_ramp: bool
    """The palette, if there is one, gives each of 256 numbers itself as its grey."""


@dataclass(frozen=True)
class _Header:
    width: int
    height: int
    bits: int
    offset: int
    upside_down: bool
    order: tuple[int, ...]
    palette: tuple[int, int, int]  # where, how many, bytes of each

    @property
    def stride(self) -> int:
        return (self.bits * self.width + 31) // 32 * 4


def is_bmp(head: bytes) -> bool:
    """Whether a file begins like a BMP; two letters alone would take many a text for one."""
    return head.startswith(b"BM") and (len(head) < _LEAST or int.from_bytes(head[14:18], "little") in _HEADERS)


def read_bmp(path: Path, axes: str | None = None) -> Image:
    """The image of a BMP; a fourth byte of its pixels is set aside.

    Parameters
    ----------
    path
        The file.
    axes
        Must be what the file has anyway, if given.

    Raises
    ------
    UnreadableFileError
        Damaged, compressed, with a palette of colours or with less than 8 bits.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        header = _header(path, stream.read(_PARSED), size)
    check_announced(path, header.stride * header.height, size - header.offset, compressed=False)
    check_announced(path, size, size, compressed=False)
    data = path.read_bytes()
    head, end = data[: header.offset], header.offset + header.stride * header.height
    rows = np.frombuffer(data, np.uint8, end - header.offset, header.offset).reshape(header.height, header.stride)
    rows = rows[::-1] if header.upside_down else rows
    stored = rows[:, : header.width * header.bits // 8].reshape(header.height, header.width, header.bits // 8)
    fourth, whole_ramp = None, True
    if header.bits == 8:
        pixels, whole_ramp = _greys(path, stored[..., 0], head, header)
    else:
        pixels = stored[..., header.order]
        fourth = stored[..., 6 - sum(header.order)].copy() if header.bits == 32 else None
    template = BmpTemplate(head, data[end:], header.bits, header.upside_down, header.order, fourth, whole_ramp)
    named = axes or ("YX" if pixels.ndim == 2 else "YXS")
    facts = (("stored as", f"{header.bits} bits"), ("compression", "none"))
    return Image(np.ascontiguousarray(pixels), named, format="bmp", metadata={BMP_KEY: template, FACTS_KEY: facts})


def bmp_pixels(target: Path, image: Image, pixels: PixelSource) -> PixelSource:
    """The pixels, if a BMP can hold them.

    Raises
    ------
    UnwritableFileError
        With the formats that can.
    """
    colour = image.axes == "YXS" and pixels.shape[2] == 3
    if not (image.axes == "YX" or colour) or pixels.dtype != np.uint8 or nbytes(pixels) >= _MOST:
        raise UnwritableFileError(
            target,
            f"a BMP cannot hold axes {image.axes} {tuple(pixels.shape)} of {pixels.dtype}; only YX or RGB of uint8",
            "choose a name that ends in .tif, .png, .ome.tif or .npy",
        )
    return pixels


def write_bmp(part: Path, target: Path, image: Image, pixels: Pixels, note: str) -> None:
    """Write 8-bit pixels with axes YX or YXS, within what the original file held around its own."""
    del target, note  # a BMP has no place for it
    template = image.metadata.get(BMP_KEY)
    if not isinstance(template, BmpTemplate) or (template.bits == 8) != (pixels.ndim == 2):
        template = _fresh(pixels, bytes(8))
    elif not template.whole_ramp or not _same_size(template.head, pixels):
        template = _fresh(pixels, _resolution(template.head))
    height, width = pixels.shape[:2]
    stored = np.zeros((height, width, template.bits // 8), np.uint8)
    if template.bits == 8:
        stored[..., 0] = pixels
    else:
        stored[..., template.order] = pixels
    if template.fourth is not None:
        stored[..., 6 - sum(template.order)] = template.fourth
    flat = stored.reshape(height, -1)
    rows = np.pad(flat, ((0, 0), (0, -flat.shape[1] % 4)))
    rows = rows[::-1] if template.upside_down else rows
    part.write_bytes(template.head + rows.tobytes() + template.tail)


def bmp_lost(image: Image) -> str:
    """What only another BMP can carry over of the BMP that an image came from."""
    template = image.metadata.get(BMP_KEY)
    if not isinstance(template, BmpTemplate):
        return ""
    clear = template.fourth is not None and bool(template.fourth.any())
    scaled = int.from_bytes(template.head[14:18], "little") > _CORE and any(template.head[_RESOLUTION])
    lost = ["transparency"] * clear + ["resolution"] * scaled
    return f"{' and '.join(lost)} of the original BMP" if lost else ""


def _header(path: Path, head: bytes, size: int) -> _Header:
    if len(head) < _LEAST or len(head) < _HEAD + int.from_bytes(head[14:18], "little"):
        raise UnreadableFileError(path, f"not a whole BMP: it ends after {size} bytes", _DAMAGED)
    offset, length = struct.unpack("<II", head[10:18])
    compression = used = 0
    if length == _CORE:
        width, height, _, bits = struct.unpack("<HHHH", head[18:26])
    else:
        width, height, _, bits, compression = struct.unpack("<iiHHI", head[18:34])
        (used,) = struct.unpack("<I", head[46:50])
    if width < 1 or not height or height == -_MOST:
        raise UnreadableFileError(path, f"its BMP header names {width} x {height} pixels", _DAMAGED)
    order = _order(path, head, bits, compression)
    entry, count = (3 if length == _CORE else 4), (used or 256) if bits == 8 else 0
    first = _HEAD + length
    if not (first + entry * count <= offset <= size) or count > 256 or offset > _PARSED:
        raise UnreadableFileError(path, f"its BMP header says that pixels begin at byte {offset}", _DAMAGED)
    return _Header(width, abs(height), bits, offset, height > 0, order, (first, count, entry))


def _order(path: Path, head: bytes, bits: int, compression: int) -> tuple[int, ...]:
    """Place of red, green and blue among the bytes of a pixel."""
    if compression and not (compression in _MASKED and bits == 32):
        raise UnreadableFileError(
            path, f"a BMP of {bits} bits with compression {compression}", "save it again without compression"
        )
    if bits not in {8, 24, 32}:
        raise UnreadableFileError(
            path,
            f"a BMP of {bits} bit{'s' if bits > 1 else ''} per pixel; expected 8, 24 or 32",
            "denoise the original image, before it was thresholded or reduced",
        )
    if not compression:
        return _RGB
    masks = struct.unpack("<III", head[54:66]) if len(head) >= 66 else (0, 0, 0)
    order = tuple(_BYTE_OF.get(mask, -1) for mask in masks)
    if -1 in order or len(set(order)) < 3:
        raise UnreadableFileError(
            path, "a BMP whose colours have other than 8 bits each", "save it again as RGB of 24 bits"
        )
    return order


def _greys(path: Path, stored: Pixels, head: bytes, header: _Header) -> tuple[Pixels, bool]:
    """Grey values of the pixels, and whether they are the stored numbers themselves."""
    first, count, entry = header.palette
    palette = np.frombuffer(head, np.uint8, count * entry, first).reshape(count, entry)[:, :3]
    steps = np.diff(palette[:, 0].astype(int))
    if (palette != palette[:, :1]).any() or not ((steps > 0).all() or (steps < 0).all()):
        raise UnreadableFileError(
            path,
            "a BMP with a palette: its pixels are colour numbers, not intensities",
            "convert it to greyscale or RGB first, or export the original again without a palette",
        )
    if int(stored.max()) >= count:
        raise UnreadableFileError(path, f"names colour {int(stored.max())} of {count} in its palette", _DAMAGED)
    table = palette[:, 0]
    return table[stored], count == 256 and int(table[0]) == 0


def _same_size(head: bytes, pixels: Pixels) -> bool:
    core = int.from_bytes(head[14:18], "little") == _CORE
    width, height = struct.unpack("<HH" if core else "<ii", head[18:22] if core else head[18:26])
    return (abs(height), width) == pixels.shape[:2]


def _resolution(head: bytes) -> bytes:
    """Pixels per metre along x and y, as they stand in a header."""
    return bytes(8) if int.from_bytes(head[14:18], "little") == _CORE else head[38:46]


def _fresh(pixels: Pixels, resolution: bytes) -> BmpTemplate:
    height, width = pixels.shape[:2]
    bits = 8 if pixels.ndim == 2 else 24
    palette = b"".join(bytes((grey, grey, grey, 0)) for grey in range(256)) if bits == 8 else b""
    offset, nbytes = _HEAD + 40 + len(palette), (bits * width + 31) // 32 * 4 * height
    head = struct.pack("<2sIII", b"BM", offset + nbytes, 0, offset)
    head += struct.pack("<IiiHHII", 40, width, height, 1, bits, 0, nbytes) + resolution + struct.pack("<II", 0, 0)
    return BmpTemplate(head + palette, b"", bits, True, _RGB, None, True)
