"""The table of contents of an NDTiff data set: which frame lies where.

Source
------
The format's own description, "Specification for NDTiff" (micro-manager/NDStorage, README, version 3): a folder with
TIFF files and the file ``NDTiff.index``, one entry after the other in the order of writing. Pixel types beyond the
three of that page are as its readers know them: 10 to 14 bits in 16.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.errors import UnreadableFileError

INDEX = "NDTiff.index"
FULL = "Full resolution"
"""Folder of the level that is not reduced, where the data set has several."""

_MAGIC, _SUMMARY = 483729, 2355492
_LENGTH = struct.Struct("<I")
_ENTRY = struct.Struct("<8I")
_LONGEST = 2**20
"""Bytes of the axes or the name of a file; real ones take some hundred."""
_TYPES: Mapping[int, tuple[str, int]] = {
    0: ("u1", 1), 1: ("<u2", 1), 2: ("u1", 3), 3: ("<u2", 1), 4: ("<u2", 1), 5: ("<u2", 1), 6: ("<u2", 1),
}  # fmt: skip
"""Type and samples of a pixel."""
DAMAGED = "wait until it is complete, or copy it again"

Place = Mapping[str, int | str]
"""Value of every axis of a frame, such as ``time`` and ``channel``."""


@dataclass(frozen=True)
class Frame:
    """One frame of a data set."""

    axes: Place
    file: str
    """Name within the data set."""
    offset: int
    """Byte of its first pixel."""
    width: int
    height: int
    kind: int
    """Code of its pixel type."""
    metadata_offset: int
    metadata_length: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a sample, as stored."""
        return np.dtype(_TYPES[self.kind][0])

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, columns, and three samples where it is in colour."""
        samples = _TYPES[self.kind][1]
        return (self.height, self.width, samples) if samples > 1 else (self.height, self.width)

    @property
    def nbytes(self) -> int:
        """Bytes of its pixels."""
        return self.height * self.width * _TYPES[self.kind][1] * self.dtype.itemsize

    @property
    def end(self) -> int:
        """First byte after pixels and metadata."""
        return max(self.offset + self.nbytes, self.metadata_offset + self.metadata_length)


def is_ndtiff(folder: Path) -> bool:
    """Whether a folder is an NDTiff data set."""
    return (folder / INDEX).is_file() or (folder / FULL / INDEX).is_file()


def folder_of(path: Path) -> Path:
    """The folder of a data set that holds its frames in full resolution."""
    return path / FULL if (path / FULL / INDEX).is_file() else path


def read_index(path: Path) -> tuple[Frame, ...]:
    """Every frame of a data set in the order of writing; the newest of those with the same axes.

    Parameters
    ----------
    path
        The data set.

    Raises
    ------
    UnreadableFileError
        The index is damaged or still being written, or names what no data set has.
    """
    content = (folder_of(path) / INDEX).read_bytes()
    frames: dict[frozenset[tuple[str, int | str]], Frame] = {}
    try:
        for frame in _entries(content):
            frames[frozenset(frame.axes.items())] = frame
    except (struct.error, ValueError, TypeError, AttributeError) as error:
        raise UnreadableFileError(path, f"its {INDEX} cannot be read to its end ({error})", DAMAGED) from error
    if not frames:
        raise UnreadableFileError(path, f"its {INDEX} names no frame", DAMAGED)
    return tuple(frames.values())


def _entries(content: bytes) -> Iterator[Frame]:
    at = 0
    while at < len(content):
        axes, at = _text(content, at)
        if not axes and not content[at:].strip(b"\0"):
            return  # the rest was reserved and never used
        file, at = _text(content, at)
        offset, width, height, kind, packed, noted_at, noted, packed_note = _ENTRY.unpack_from(content, at)
        at += _ENTRY.size
        said = json.loads(axes)
        if not isinstance(said, dict) or any(
            isinstance(v, bool) or not isinstance(v, int | str) for v in said.values()
        ):
            raise ValueError(f"axes {axes[:80]!r}")
        if kind not in _TYPES or packed or packed_note:
            raise ValueError(f"pixel type {kind}, compression {packed} and {packed_note}")
        if not file or any(letter in file for letter in "/\\:\0") or file in {".", ".."}:
            raise ValueError(f"a file outside the folder, {file[:80]!r}")
        yield Frame(said, file, offset, width, height, kind, noted_at, noted)


def _text(content: bytes, at: int) -> tuple[str, int]:
    (length,) = _LENGTH.unpack_from(content, at)
    start, end = at + _LENGTH.size, at + _LENGTH.size + length
    if length > _LONGEST or end > len(content):
        raise ValueError(f"a text of {length} bytes at byte {at} of {len(content)}")
    return content[start:end].decode(), end


def summary_of(path: Path, file: str) -> Mapping[str, Any]:
    """What the acquisition says about itself, at the head of its files; empty where that is no JSON object.

    Raises
    ------
    UnreadableFileError
        The file does not begin like one of NDTiff.
    """
    place = folder_of(path) / file
    try:
        with place.open("rb") as stream:
            head = stream.read(28)
            if len(head) < 28 or head[:4] != b"II*\0" or struct.unpack_from("<I", head, 8) != (_MAGIC,):
                raise UnreadableFileError(path, f"its {file} does not begin like a file of NDTiff", DAMAGED)
            mark, length = struct.unpack_from("<2I", head, 20)
            text = stream.read(length) if mark == _SUMMARY and length <= _LONGEST * 64 else b""
    except FileNotFoundError as error:
        raise UnreadableFileError(path, f"its {file} is not there", DAMAGED) from error
    return _object(text)


def metadata_of(path: Path, frame: Frame) -> Mapping[str, Any]:
    """What is said about one frame; empty where that is no JSON object."""
    with (folder_of(path) / frame.file).open("rb") as stream:
        stream.seek(frame.metadata_offset)
        return _object(stream.read(min(frame.metadata_length, _LONGEST * 64)))


def _object(text: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def sizes_of(path: Path, frames: tuple[Frame, ...]) -> dict[str, int]:
    """Bytes of each file of a data set, which holds all of its frames.

    Raises
    ------
    UnreadableFileError
        One is missing, or ends within a frame.
    """
    sizes: dict[str, int] = {}
    for frame in frames:
        place = folder_of(path) / frame.file
        if frame.file not in sizes:
            if place.is_symlink() or not place.is_file():
                raise UnreadableFileError(path, f"its {frame.file} is not there", DAMAGED)
            sizes[frame.file] = place.stat().st_size
        if frame.offset + frame.nbytes > sizes[frame.file]:
            raise UnreadableFileError(
                path, f"a frame ends at byte {frame.offset + frame.nbytes} of {frame.file}, which has "
                f"{sizes[frame.file]}", DAMAGED,
            )  # fmt: skip
    return sizes
