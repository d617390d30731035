"""The formats of microscope vendors, as their own tests make them: CZI, ND2 and LIF."""

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs

from tests.io import test_czi, test_lif, test_nd2, test_oif
from tests.mutation.seed import Change, Seed, pixels

_XML = (
    "<ImageDocument><Metadata><Information><Image><SizeX>16</SizeX><Dimensions><T><Positions><Interval><Increment>2.5"
    "</Increment></Interval></Positions></T><Channels><Channel Id='Channel:0' Name='a'><EmissionWavelength>520"
    "</EmissionWavelength><Color>#FF00FF00</Color></Channel></Channels></Dimensions></Image></Information><Scaling>"
    "<Items><Distance Id='X'><Value>2.5e-07</Value></Distance><Distance Id='Y'><Value>2.5e-07</Value></Distance>"
    "</Items></Scaling></Metadata></ImageDocument>"
)
_SEGMENT = re.compile(rb"ZISRAW[A-Z]+")


def _czi(*shape: int, dtype: str = "uint16", **options: Any) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        planes = test_czi.grid(pixels(*shape, dtype=dtype), "TCZ"[: len(shape) - 2])
        test_czi.make(path, planes, xml=_XML, **options)

    return make


def czi_marks(content: bytes) -> list[int]:
    """Segments, the fields at their beginnings, and the entries of dimensions."""
    starts = [found.start() for found in _SEGMENT.finditer(content)]
    entries = [found.start() for found in re.finditer(rb"DV....", content, re.DOTALL)]
    inside = [start + place for start in starts for place in (0, 16, 24, 32, 36, 40, 48)]
    inside += [entry + place for entry in entries for place in (0, 2, 6, 14, 18, 28, *range(32, 112, 4))]
    return sorted({80, 84, 92, 100, 112, *inside})


def czi_retext(content: bytes, change: Change) -> bytes:
    """The file with changed metadata, which are its last segment."""
    start = content.rfind(b"ZISRAWMETADATA")
    xml = change(content[start + 32 + 256 :])
    inside = struct.pack("<ii", len(xml), 0).ljust(256, b"\0") + xml
    return content[:start] + test_czi.segment(b"ZISRAWMETADATA", inside)


def _nd2(*shape: int, packed: bool = False, **loops: int) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        test_nd2.make(path, pixels(*shape), loops, packed=packed)

    return make


def nd2_marks(content: bytes) -> list[int]:
    """Chunks, the list of contents, and every value among the metadata."""
    chunks = [found.start() + place for found in re.finditer(test_nd2.MAGIC, content) for place in (0, 4, 8, 16, 80)]
    # names of values are text of two bytes a sign, and what follows the last of them is the value
    values = [found.end() for found in re.finditer(rb"(?:[A-Za-z_0-9]\0){3,}\0\0", content)]
    listed = [found.end() for found in re.finditer(rb"(?:LV|LV\|0|\|[0-9]+)!", content)]
    return sorted({*chunks, *values, *listed, *(place + 8 for place in listed), len(content) - 8})


def _lif(axes: str, *shape: int, dtype: str = "uint16") -> Callable[[Path], object]:
    def make(path: Path) -> None:
        luts = ("Green", "Red")[: shape[axes.index("C")]] if "C" in axes else ("Gray",)
        test_lif.make(path, {"one": pixels(*shape, dtype=dtype)}, axes, luts)

    return make


def lif_marks(content: bytes) -> list[int]:
    """Fields of the header and of the blocks of pixels, and the values of attributes."""
    blocks = [found.start() + place for found in re.finditer(rb"\x70\0\0\0", content) for place in (0, 4, 8, 9, 17, 18)]
    values = [found.end() for found in re.finditer(rb'=\0"\0', content)]
    return sorted({0, 4, 8, 9, 13, *blocks, *values})


def lif_retext(content: bytes, change: Change) -> bytes:
    """The file with changed XML, its length put right."""
    end = 13 + 2 * int.from_bytes(content[9:13], "little")
    xml = change(content[13:end].decode("utf-16-le").encode()).decode(errors="replace").encode("utf-16-le")
    return struct.pack("<IIBI", 0x70, len(xml) + 5, 0x2A, len(xml) // 2) + xml + content[end:]


def _oib(path: Path) -> None:
    test_oif.oib(path.parent, pixels(2, 3, 9, 8), "CZYX").rename(path)


def _oif(path: Path) -> None:
    path.mkdir()
    test_oif.oif(path, pixels(3, 9, 8), "ZYX")


def oib_marks(content: bytes) -> list[int]:
    """Fields of the header and of the entries of directories, and the values of texts."""
    entries = [found.start() + place for found in re.finditer(rb"(?:[\w.]\0){3,}", content) for place in (64, 66, 68)]
    values = [found.end() for found in re.finditer(rb"=\0", content)]
    return sorted({*range(24, 80, 2), *entries, *values})


VENDORS: dict[str, Seed] = {
    "czi": Seed(".czi", _czi(2, 1, 3, 9, 16), None, czi_marks, retext=czi_retext),
    "czi/zstd": Seed(
        ".czi",
        _czi(3, 12, 16, packing=6, pack=lambda plane: b"\3\1\0" + imagecodecs.zstd_encode(plane.tobytes())),
        None,
        czi_marks,
        retext=czi_retext,
    ),
    "czi/lzw": Seed(
        ".czi",
        _czi(3, 12, 16, packing=2, pack=lambda plane: imagecodecs.lzw_encode(plane.tobytes())),
        None,
        czi_marks,
        retext=czi_retext,
    ),
    "czi/jpegxr": Seed(
        ".czi",
        _czi(2, 32, 32, packing=4, pack=lambda plane: imagecodecs.jpegxr_encode(plane, level=1.0)),
        None,
        czi_marks,
        retext=czi_retext,
    ),
    "czi/jpeg": Seed(".czi", _czi(2, 16, 24, dtype="uint8", packing=1, pack=imagecodecs.jpeg_encode), None, czi_marks),
    "nd2": Seed(".nd2", _nd2(6, 9, 8, 1, T=2, Z=3), None, nd2_marks),
    "nd2/packed": Seed(".nd2", _nd2(3, 9, 8, 2, packed=True, Z=3), None, nd2_marks),
    "lif": Seed(".lif", _lif("TZYX", 2, 3, 9, 8), None, lif_marks, retext=lif_retext),
    "lif/channels": Seed(".lif", _lif("ZCYX", 3, 2, 9, 8, dtype="uint8"), None, lif_marks, retext=lif_retext),
    "oib": Seed(".oib", _oib, None, oib_marks),
    "oif": Seed(
        "", _oif, None, lambda content: [found.end() for found in re.finditer(rb"=\0", content)], entry="made.oif"
    ),
}
