"""JPEG of 8 bits, grey or RGB: read, and never written.

A JPEG rounds blocks of 8x8 pixels, so what is written would not be what was computed, and could not be checked bit by
bit like every other output. Its results become PNG files, which hold the same pixels, and get the Exif data, the colour
profile, the resolution and the text of the JPEG.
"""

import logging
import math
import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.errors import Noise2DetailError, UnreadableFileError
from noise2detail.image import Image
from noise2detail.io.announced import check_announced
from noise2detail.io.describe import FACTS_KEY, LOST
from noise2detail.io.png import PNG_KEY, PngTemplate
from noise2detail.types import Pixels

log = logging.getLogger(__name__)

MAGIC = b"\xff\xd8\xff"

_AXES = {"L": "YX", "RGB": "YXS"}
_DAMAGED = "it is truncated or damaged: copy or export it again"
_EXIF = b"Exif\0\0"
_INCH = 0.0254
_LONGEST = 2**31 - 1


def read_jpeg(path: Path, axes: str | None = None) -> Image:
    """The image of a JPEG, its rows and columns as they are stored, whatever its Exif data say about its rotation.

    Parameters
    ----------
    path
        The file.
    axes
        Must be what the file has anyway, if given.

    Raises
    ------
    UnreadableFileError
        Damaged, or of other colours than grey and RGB.
    """
    import PIL.Image

    with _parsing(path), PIL.Image.open(path, formats=("JPEG",)) as opened:
        if opened.mode not in _AXES:
            raise UnreadableFileError(
                path,
                f"a JPEG of {opened.mode} colours, which are amounts of ink; expected grey or RGB",
                "convert it to RGB or greyscale first, as PNG or TIFF",
            )
        announced = opened.width * opened.height * len(opened.mode)
        check_announced(path, announced, path.stat().st_size, compressed=True)
        pixels: Pixels = np.array(opened)
        info = {str(name): value for name, value in opened.info.items()}
        further = int(getattr(opened, "n_frames", 1)) - 1
    log.warning(
        "%s: a JPEG: its compression has rounded blocks of 8x8 pixels, so that neighbours share their noise; denoise "
        "the recording before it was compressed, if there is one",
        path,
    )
    facts = [("compression", "JPEG, progressive" if info.get("progressive") else "JPEG")]
    facts += [(LOST, f"{further} further images in the same file")] if further else []
    template = PngTemplate(_chunks(info), None)
    named = axes or _AXES["L" if pixels.ndim == 2 else "RGB"]
    return Image(pixels, named, format="jpeg", metadata={PNG_KEY: template, FACTS_KEY: tuple(facts)})


@contextmanager
def _parsing(path: Path) -> Iterator[None]:
    """Let no exception and no warning of the parser out.

    Its own limits of size are above what any camera makes; below them, the size is checked against the memory.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (Noise2DetailError, MemoryError):
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise UnreadableFileError(path, f"not a whole JPEG ({said})", _DAMAGED) from error


def _chunks(info: Mapping[str, Any]) -> tuple[tuple[bytes, bytes], ...]:
    """What a JPEG holds besides its pixels, in the words of a PNG."""
    found: list[tuple[bytes, bytes]] = []
    profile, exif, comment = (_bytes(info.get(name)) for name in ("icc_profile", "exif", "comment"))
    if profile:
        found.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)))
    found += _resolution(info.get("dpi"))
    if exif.startswith(_EXIF):
        found.append((b"eXIf", exif[len(_EXIF) :]))
    if comment.strip(b"\0"):
        found.append((b"tEXt", b"Comment\0" + comment.replace(b"\0", b"")))
    if xmp := _bytes(info.get("xmp")):
        found.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp))
    return tuple(found)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else b""


def _resolution(dpi: Any) -> list[tuple[bytes, bytes]]:
    try:
        along = [float(one) / _INCH for one in dpi]
    except (TypeError, ValueError, ArithmeticError):
        return []
    if len(along) != 2 or not all(math.isfinite(one) and 0.5 <= one <= _LONGEST for one in along):
        return []
    return [(b"pHYs", struct.pack(">IIB", *(round(one) for one in along), 1))]
