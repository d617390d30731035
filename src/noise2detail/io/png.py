"""PNG of 8 or 16 bits, grey or colour; transparency and every ancillary chunk are put back as they were."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np

from noise2detail.errors import UnreadableFileError, UnwritableFileError
from noise2detail.image import Image
from noise2detail.io.announced import check_announced
from noise2detail.io.describe import FACTS_KEY
from noise2detail.types import Pixels, PixelSource

PNG_KEY = "png"
"""Key of the template in the metadata of an image."""

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE = 3
_DAMAGED = "it is truncated or damaged: copy or export it again"
# tRNS names one grey level or colour as transparent; the decoder turns it into alpha, which is kept instead.
_REMADE = frozenset({b"IHDR", b"IDAT", b"IEND", b"PLTE", b"tRNS", b"hIST"})


@dataclass(frozen=True, eq=False)
class PngTemplate:
    """What a PNG held beside its pixels."""

    chunks: tuple[tuple[bytes, bytes], ...]
    """Name and content of each ancillary chunk, in order."""
    alpha: Pixels | None
    """Transparency, of shape (Y, X, 1)."""


def read_png(path: Path, axes: str | None = None) -> Image:
    """The image of a PNG; its transparency is set aside.

    Parameters
    ----------
    path
        The file.
    axes
        Must be what the file has anyway, if given.

    Raises
    ------
    UnreadableFileError
        Damaged, animated, with a palette or with less than 8 bits.
    """
    data = path.read_bytes()
    chunks = _chunks(path, data)
    width, height, depth, colour = struct.unpack(">IIBB", chunks[0][1][:10])
    _check_kind(path, depth, colour, chunks)
    check_announced(path, width * height * _SAMPLES[colour] * depth // 8, len(data), compressed=True)
    try:
        pixels = np.asarray(imagecodecs.png_decode(data))
    except Exception as error:
        raise UnreadableFileError(path, f"not a whole PNG ({error})", _DAMAGED) from error
    alpha = None
    if pixels.ndim == 3 and pixels.shape[2] in {2, 4}:
        pixels, alpha = np.split(pixels, [pixels.shape[2] - 1], axis=2)
        alpha = alpha.copy()
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    kept = tuple((name, content) for name, content in chunks if name not in _REMADE)
    template = PngTemplate(kept, alpha)
    named = axes or ("YX" if pixels.ndim == 2 else "YXS")
    return Image(
        np.ascontiguousarray(pixels),
        named,
        format="png",
        metadata={PNG_KEY: template, FACTS_KEY: (("compression", "deflate"),)},
    )


def write_png(path: Path, image: Image, pixels: Pixels, note: str) -> None:
    """Write 8- or 16-bit pixels with axes YX or YXS.

    Raises
    ------
    UnwritableFileError
        A PNG cannot hold this image.
    """
    check_png(path, image.axes, pixels)
    template = image.metadata.get(PNG_KEY)
    stored = pixels
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    if isinstance(template, PngTemplate):
        chunks = template.chunks
        if template.alpha is not None and template.alpha.shape[:2] == pixels.shape[:2]:
            stored = np.dstack((pixels, template.alpha.astype(pixels.dtype, copy=False)))
    if note:
        chunks = (*chunks, (b"tEXt", b"Description\0" + note.encode("latin-1", "replace")))
        if not any(content.startswith(b"Software\0") for _, content in chunks):
            chunks = (*chunks, (b"tEXt", b"Software\0noise2detail"))
    encoded = bytes(imagecodecs.png_encode(np.ascontiguousarray(stored)))
    head = len(SIGNATURE) + 25  # IHDR is always first and 13 bytes long
    path.write_bytes(encoded[:head] + b"".join(_chunk(*one) for one in chunks) + encoded[head:])


def check_png(path: Path, axes: str, pixels: PixelSource) -> None:
    """Raise unless a PNG can hold these pixels.

    Raises
    ------
    UnwritableFileError
        With the formats that can.
    """
    grey = axes == "YX"
    colour = axes == "YXS" and pixels.shape[2] == 3
    if not (grey or colour) or pixels.dtype not in (np.uint8, np.uint16):
        raise UnwritableFileError(
            path,
            f"a PNG cannot hold axes {axes} {tuple(pixels.shape)} of {pixels.dtype}; only YX or RGB of uint8 or uint16",
            "choose a name that ends in .tif, .ome.tif or .npy",
        )


def png_lost(image: Image) -> str:
    """What only another PNG can carry over of the PNG or JPEG that an image came from."""
    template = image.metadata.get(PNG_KEY)
    if not isinstance(template, PngTemplate):
        return ""
    held = ["transparency"] if template.alpha is not None else []
    held += ["colour profile, resolution and text"] if template.chunks else []
    return f"{' and '.join(held)} of the original {image.format.upper()}" if held else ""


def _check_kind(path: Path, depth: int, colour: int, chunks: list[tuple[bytes, bytes]]) -> None:
    if colour not in _SAMPLES:
        raise UnreadableFileError(path, f"a PNG of unknown colour type {colour}", _DAMAGED)
    if colour == _PALETTE:
        raise UnreadableFileError(
            path,
            "a PNG with a palette: its pixels are colour numbers, not intensities",
            "convert it to greyscale or RGB first, or export the original again without a palette",
        )
    if depth not in {8, 16}:
        raise UnreadableFileError(
            path,
            f"a PNG of {depth} bit per pixel; expected 8 or 16",
            "denoise the original image, before it was thresholded or reduced",
        )
    if any(name == b"acTL" for name, _ in chunks):
        raise UnreadableFileError(path, "an animated PNG; expected one image", "export its frames as a TIFF stack")


def _chunks(path: Path, data: bytes) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = []
    at = len(SIGNATURE)
    while not found or found[-1][0] != b"IEND":
        if at + 12 > len(data):
            raise UnreadableFileError(path, f"not a whole PNG: it ends after {len(data)} bytes", _DAMAGED)
        (length,) = struct.unpack(">I", data[at : at + 4])
        name, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if at + 12 + length > len(data):
            raise UnreadableFileError(path, f"not a whole PNG: it ends after {len(data)} bytes", _DAMAGED)
        if data[at + 8 + length : at + 12 + length] != struct.pack(">I", zlib.crc32(name + content)):
            raise UnreadableFileError(path, f"not a sound PNG: the checksum of {name!r} is wrong", _DAMAGED)
        found.append((name, b"" if name == b"IDAT" else content))
        at += 12 + length
    if found[0][0] != b"IHDR" or len(found[0][1]) != 13:
        raise UnreadableFileError(path, "not a sound PNG: its header is missing", _DAMAGED)
    return found


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
