"""Pixels of one block of a Zeiss CZI file, uncompressed into an array of known size."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np

from noise2detail.types import Pixels


@dataclass(frozen=True)
class PixelType:
    """A way to store a pixel."""

    name: str
    """As Zeiss calls it."""
    dtype: np.dtype[Any]
    samples: int = 1
    """Colours of a pixel; blue comes first."""


PIXEL_TYPES: Mapping[int, PixelType] = {
    0: PixelType("Gray8", np.dtype("u1")),
    1: PixelType("Gray16", np.dtype("<u2")),
    2: PixelType("Gray32Float", np.dtype("<f4")),
    3: PixelType("Bgr24", np.dtype("u1"), 3),
    4: PixelType("Bgr48", np.dtype("<u2"), 3),
    8: PixelType("Bgr96Float", np.dtype("<f4"), 3),
    12: PixelType("Gray32", np.dtype("<i4")),
}
"""By Zeiss's code; transforms and colours with transparency are left out."""

COMPRESSIONS: Mapping[int, str] = {0: "none", 1: "JPEG", 2: "LZW", 4: "JPEG XR", 5: "Zstandard", 6: "Zstandard"}
"""By Zeiss's code."""

_HALVES_APART = 1


def decoded(content: bytes, compression: int, shape: tuple[int, ...], kind: PixelType) -> Pixels:
    """The pixels of a block.

    Parameters
    ----------
    content
        As stored.
    compression
        Code of Zeiss.
    shape
        Rows, columns, and colours where a pixel has several.
    kind
        Of the pixels.

    Raises
    ------
    ValueError
        More or fewer pixels than announced.
    """
    if compression in _IMAGES:
        out = np.empty(shape, kind.dtype.newbyteorder("="))
        pixels = np.asarray(_IMAGES[compression](content, out=out))
        if pixels.shape != shape or pixels.dtype != out.dtype:
            raise ValueError(f"a block of {pixels.shape} {pixels.dtype}; its header says {shape} {out.dtype}")
        # decoders of these two give red first, as their own headers say
        return pixels
    size = math.prod(shape) * kind.dtype.itemsize
    plain = _BYTES[compression](content, size)
    if len(plain) != size:
        raise ValueError(f"a block of {len(plain)} bytes of pixels; its header says {size}")
    return np.frombuffer(plain, kind.dtype).reshape(shape)[..., :: -1 if kind.samples > 1 else 1]


def _raw(content: bytes, size: int) -> bytes:
    return content[:size]  # an even number of bytes may be stored for an odd one


def _lzw(content: bytes, size: int) -> bytes:
    # one more than wanted, because the decoder stops without a word where there is no room
    return bytes(imagecodecs.lzw_decode(content, out=size + 1))


def _zstd(content: bytes, size: int) -> bytes:
    return bytes(imagecodecs.zstd_decode(content, out=size))


def _zstd_with_header(content: bytes, size: int) -> bytes:
    """Zstandard after a small header that may say that low and high bytes of 16 bits were stored apart."""
    length = content[0]
    if length not in (1, 3) or (length == 3 and content[1] != 1):
        raise ValueError(f"a compressed block with an unknown header of {length} bytes")
    plain = _zstd(content[length:], size)
    if length == 1 or not content[2] & _HALVES_APART:
        return plain
    if len(plain) % 2:
        raise ValueError("halves of different length")
    return np.frombuffer(plain, np.uint8).reshape(2, -1).T.tobytes()


_BYTES: Mapping[int, Callable[[bytes, int], bytes]] = {0: _raw, 2: _lzw, 5: _zstd, 6: _zstd_with_header}
_IMAGES: Mapping[int, Callable[..., Any]] = {1: imagecodecs.jpeg8_decode, 4: imagecodecs.jpegxr_decode}
