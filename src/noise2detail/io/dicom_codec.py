"""Compressed DICOM frames that pydicom itself finds no decoder for: JPEG-LS, lossless JPEG, JPEG of 12 bits.

In the form of a pydicom plugin: a function that decodes a frame, and two names that pydicom looks for.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import imagecodecs

from noise2detail.io.embedded import jpeg_size

LOSSLESS = ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")
EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")

DECODABLE = (*LOSSLESS, EXTENDED, *JPEG_LS)
"""Transfer syntaxes, by their UID."""

DECODER_DEPENDENCIES = dict.fromkeys(DECODABLE, ("imagecodecs",))
"""Read by pydicom."""

_END = b"\xff\xd9"


def is_available(uid: str) -> bool:
    """Whether frames of this transfer syntax can be decoded; read by pydicom."""
    return uid in DECODABLE


def decode_frame(frame: bytes, runner: Any) -> bytes:
    """The pixels of one frame, colours as they are stored.

    Parameters
    ----------
    frame
        One JPEG or JPEG-LS image.
    runner
        pydicom's record of what the header says.

    Raises
    ------
    ValueError
        The frame is cut off, or not of the size that the header says.
    """
    # Compared before decoding, because a few bytes may announce an image of gigabytes.
    size, expected = jpeg_size(frame), (runner.rows, runner.columns)
    if size != expected:
        raise ValueError(f"a frame of {size[0]}x{size[1]} pixels; the header says {expected[0]}x{expected[1]}")
    if not frame.rstrip(b"\0").endswith(_END):
        raise ValueError("a frame without an end")  # decoders fill up what is missing, and say nothing
    pixels = _decoder(runner)(frame)
    runner.set_option("bits_allocated", 8 * pixels.dtype.itemsize)
    if pixels.ndim > 2:
        runner.set_option("planar_configuration", 0)
    return bytes(pixels.tobytes())


def _decoder(runner: Any) -> Callable[[bytes], Any]:
    if runner.transfer_syntax in JPEG_LS:
        return imagecodecs.jpegls_decode
    if runner.samples_per_pixel == 1:
        return imagecodecs.jpeg8_decode
    if runner.transfer_syntax == EXTENDED:
        # the same colours on both sides: left alone, the library turns YCbCr into RGB, which pydicom does again
        return partial(imagecodecs.jpeg8_decode, colorspace="YCBCR", outcolorspace="YCBCR")
    # libjpeg-turbo decodes lossless colours wrongly, without a word, where they have Huffman tables of their own
    return imagecodecs.ljpeg_decode
