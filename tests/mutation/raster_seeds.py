"""JPEG, BMP and NPZ."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from tests.mutation.seed import Change, Seed, pixels

_MEMBER = "image.npy"


def _picture(*shape: int, **options: Any) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        PIL.Image.fromarray(pixels(*shape, dtype="uint8")).save(path, **options)

    return make


def _described(path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x010E], exif[0x0112] = "made up", 6
    image = PIL.Image.fromarray(pixels(24, 32, 3, dtype="uint8"))
    image.save(path, exif=exif, dpi=(300, 300), comment=b"made up", icc_profile=bytes(range(200)))


def jpeg_marks(content: bytes) -> list[int]:
    """Where segments and their contents begin, up to the first scan."""
    marks, at = [2], 2
    while at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] != 0xDA:
        marks += [at, at + 2, at + 4, at + 5, at + 7]
        at += 2 + max(2, int.from_bytes(content[at + 2 : at + 4], "big"))
    return [*marks, at, at + 2, len(content) - 2]


def _npz(*, packed: bool) -> Callable[[bytes], bytes]:
    def close(content: bytes) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            member = zipfile.ZipInfo(_MEMBER)
            member.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            archive.writestr(member, content)
        return stream.getvalue()

    return close


def _archive(*, packed: bool) -> Seed:
    close = _npz(packed=packed)

    def make(path: Path) -> None:
        stream = io.BytesIO()
        np.save(stream, pixels(12, 16))
        path.write_bytes(close(stream.getvalue()))

    def retext(content: bytes, change: Change) -> bytes:
        inner = _member(content)
        end = 10 + int.from_bytes(inner[8:10], "little")
        header = change(inner[10:end].rstrip()) + b"\n"
        return close(inner[:8] + struct.pack("<H", len(header) % 2**16) + header + inner[end:])

    return Seed(".npz", make, None, npz_marks, _member, close, retext)


def _member(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(_MEMBER)


def npz_marks(content: bytes) -> list[int]:
    """Fields of the archive's headers, or of the array where it has been unpacked."""
    if content.startswith(b"\x93NUMPY"):
        return [6, 8, 10, 64, 127, 128]
    listed, end = content.rfind(b"PK\1\2"), content.rfind(b"PK\5\6")
    fields = [*range(0, 30, 2), 30 + len(_MEMBER)]
    return [*fields, *(listed + place for place in range(0, 46, 2)), *(end + place for place in range(0, 22, 2))]


RASTERS: dict[str, Seed] = {
    "jpeg": Seed(".jpg", _picture(24, 32, quality=90), None, jpeg_marks),
    "jpeg/colour": Seed(".jpg", _described, None, jpeg_marks),
    "jpeg/progressive": Seed(".jpg", _picture(24, 32, 3, progressive=True), None, jpeg_marks),
    "bmp": Seed(".bmp", _picture(12, 15), None, lambda _: (*range(0, 54, 2), 54 + 1024)),
    "bmp/colour": Seed(".bmp", _picture(12, 15, 3), None, lambda _: tuple(range(0, 56, 2))),
    "bmp/alpha": Seed(".bmp", _picture(12, 15, 4), None, lambda _: tuple(range(0, 124, 2))),
    "npz": _archive(packed=False),
    "npz/deflate": _archive(packed=True),
}
