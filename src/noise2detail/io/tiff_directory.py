"""The image file directories of a TIFF, byte for byte, so that a writer can put every tag back as it was.

Independent of any TIFF library: a library that meets a broken chain of directories may quietly return fewer pages.
"""

import logging
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from noise2detail.errors import UnreadableFileError

log = logging.getLogger(__name__)

ByteOrder = Literal["<", ">"]

_BYTES_PER = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}

LAYOUT = frozenset(
    {256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 288, 289, 292, 293, 317, 322, 323, 324, 325, 338, 339}
    | {347, *range(512, 522), 530, 531, 532, 32997, 32998}
)
"""Tags that say how pixels are stored; a writer makes them anew."""

POINTERS = frozenset({330, 34665, 34853, 40965})
"""Tags whose value is a place in the file (further images, Exif, GPS); they cannot be copied."""

DESCRIPTION = 270
"""Tag of the text about the image."""

_PRIVATE = 32768
_OVERLAP, _ROOM = 4, 2**20
"""How often the bytes of a file may be read, and how many more: nothing overlaps in a sound file."""


@dataclass(frozen=True)
class Tag:
    """One entry of a directory, its value as stored."""

    code: int
    """Number of the tag."""
    type: int
    """TIFF data type."""
    count: int
    """Number of values."""
    data: bytes
    """The values in the byte order of the file."""


@dataclass(frozen=True)
class Directory:
    """The tags of one page that do not say how its pixels are stored."""

    offset: int
    """Place in the file."""
    tags: tuple[Tag, ...]
    """In the order of the file."""

    def find(self, code: int) -> Tag | None:
        """The first tag of that number."""
        return next((tag for tag in self.tags if tag.code == code), None)


@dataclass(frozen=True)
class Directories:
    """Every page of a file."""

    byteorder: ByteOrder
    """``<`` little-endian, ``>`` big-endian."""
    big: bool
    """BigTIFF, with 64-bit offsets."""
    pages: tuple[Directory, ...]
    """In the order of the chain."""


@dataclass(frozen=True)
class _Layout:
    order: ByteOrder
    big: bool
    size: int

    def number(self, data: bytes, letter: str) -> int:
        return int(struct.unpack(self.order + letter, data)[0])


@dataclass
class _Values:
    """Values that were read: pages often share one, and entries that overlap could make gigabytes of a small file."""

    left: int
    """Bytes that may still be read."""
    known: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """By place and length."""
    same: dict[bytes, bytes] = field(default_factory=dict)
    """Thousands of pages often repeat one value; hold it once."""

    def spend(self, length: int) -> None:
        self.left -= length
        if self.left < 0:
            raise struct.error("directories overlap")

    def read(self, stream: BinaryIO, at: int, length: int) -> bytes:
        if (at, length) not in self.known:
            self.spend(length)
            stream.seek(at)
            self.known[at, length] = stream.read(length)
        return self.known[at, length]


def read_directories(path: Path) -> Directories:
    """Every directory of the file, with the values of its tags.

    Raises
    ------
    UnreadableFileError
        The chain of directories leaves the file or runs in a circle.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(16)
        order: ByteOrder = "<" if head[:2] == b"II" else ">"
        layout = _Layout(order, head[2:4] in {b"+\0", b"\0+"}, size)
        try:
            at = layout.number(head[8:16], "Q") if layout.big else layout.number(head[4:8], "I")
            pages = _chain(stream, layout, at, path)
        except struct.error as error:
            raise _broken(path, f"a directory is cut off or makes no sense ({error})") from error
    if not pages:
        raise _broken(path, "it has no pages")
    return Directories(order, layout.big, pages)


def _chain(stream: BinaryIO, layout: _Layout, at: int, path: Path) -> tuple[Directory, ...]:
    pages: list[Directory] = []
    seen: set[int] = set()
    values = _Values(left=_OVERLAP * layout.size + _ROOM)
    while at:
        if at in seen:
            raise _broken(path, f"its chain of pages runs in a circle after {len(pages)} pages")
        if at + 6 > layout.size:
            raise _broken(path, f"after {len(pages)} pages the next one lies at byte {at} of {layout.size}")
        seen.add(at)
        entries, following = _entries(stream, layout, at)
        values.spend(12 * len(entries))
        tags = [_tag(stream, layout, entry, path, values) for entry in entries]
        pages.append(Directory(at, tuple(tag for tag in tags if tag is not None)))
        at = following
    return tuple(pages)


def _entries(stream: BinaryIO, layout: _Layout, at: int) -> tuple[list[bytes], int]:
    stream.seek(at)
    count = layout.number(stream.read(8), "Q") if layout.big else layout.number(stream.read(2), "H")
    width = 20 if layout.big else 12
    if count * width > layout.size:
        raise struct.error("directory longer than the file")
    block = stream.read(count * width)
    following = layout.number(stream.read(8), "Q") if layout.big else layout.number(stream.read(4), "I")
    return [block[start : start + width] for start in range(0, len(block), width)], following


def _tag(stream: BinaryIO, layout: _Layout, entry: bytes, path: Path, values: _Values) -> Tag | None:
    code, kind = struct.unpack(layout.order + "HH", entry[:4])
    inline = 8 if layout.big else 4
    letter = "Q" if layout.big else "I"
    if code in LAYOUT or kind not in _BYTES_PER:
        return None
    count = layout.number(entry[4 : 4 + inline], letter)
    length = count * _BYTES_PER[kind]
    data = entry[-inline:][:length]
    if length > inline:
        at = layout.number(entry[-inline:], letter)
        if at + length > layout.size:
            if code < _PRIVATE:
                raise _broken(path, f"tag {code} lies at byte {at} of {layout.size}")
            # Some vendors write private tags that point nowhere in files whose pixels are whole.
            log.warning("%s: private tag %d points outside the file and is not carried over", path, code)
            return None
        data = values.read(stream, at, length)
    return Tag(code, kind, count, values.same.setdefault(data, data))


def _broken(path: Path, found: str) -> UnreadableFileError:
    return UnreadableFileError(
        path, f"not a whole TIFF: {found}", "it is truncated or damaged: copy or export it again"
    )
