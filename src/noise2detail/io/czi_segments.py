"""The segments that a Zeiss CZI file is made of, each checked before anything in it is believed.

They are read here rather than by a library, because the one with a fitting licence has two different interfaces for
Python 3.11 and for later ones, and the older knows no Zstandard.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

MAGIC = b"ZISRAWFILE"

_SEGMENT = struct.Struct("<16sqq")
_ENTRY = struct.Struct("<2siqiiB5xi")
_DIMENSION = struct.Struct("<4siifi")
_BEFORE_ENTRIES = 128
_BEFORE_XML = 256
_ATTACHMENT = struct.Struct("<2s10xqi16s8s80s")
_LARGEST_XML = 2**28


@dataclass(frozen=True)
class Block:
    """One stretch of pixels and where it belongs."""

    pixel_type: int
    """Code of Zeiss."""
    compression: int
    """Code of Zeiss."""
    starts: Mapping[str, int]
    """First index by dimension."""
    lengths: Mapping[str, int]
    """Extent by dimension, in pixels of the whole image."""
    stored: Mapping[str, int]
    """Extent by dimension, in pixels that are there: fewer in an overview."""


@dataclass(frozen=True)
class Header:
    """Where the parts of the file lie; 0 for those that it lacks."""

    part: int
    directory: int
    metadata: int
    attachments: int


def read_header(stream: BinaryIO) -> Header:
    """The first segment."""
    start, _ = _segment(stream, 0, MAGIC)
    stream.seek(start + 48)
    part, directory, metadata, _, attachments = struct.unpack("<iqqiq", _exactly(stream, 32))
    return Header(part, directory, metadata, attachments)


def read_directory(stream: BinaryIO, at: int) -> list[tuple[Block, int]]:
    """All blocks and the places of their segments."""
    start, used = _segment(stream, at, b"ZISRAWDIRECTORY")
    (count,) = struct.unpack("<i", _exactly(stream, 4))
    stream.seek(start + _BEFORE_ENTRIES)
    content = _exactly(stream, used - _BEFORE_ENTRIES)
    blocks: list[tuple[Block, int]] = []
    offset = 0
    for _ in range(max(0, count)):
        block, position, offset = _entry(content, offset)
        blocks.append((block, position))
    if offset != len(content):
        raise ValueError(f"its directory of {count} blocks takes {offset} bytes, and has {len(content)}")
    return blocks


def read_block(stream: BinaryIO, block: Block, at: int) -> bytes:
    """The pixels of a block as they are stored.

    Raises
    ------
    ValueError
        The block itself says something else than the directory.
    """
    place, size = check_block(stream, block, at)
    stream.seek(place)
    return _exactly(stream, size)


def check_block(stream: BinaryIO, block: Block, at: int) -> tuple[int, int]:
    """Where the pixels of a block lie, and how many bytes they take.

    Raises
    ------
    ValueError
        The block itself says something else than the directory.
    """
    start, used = _segment(stream, at, b"ZISRAWSUBBLOCK")
    metadata, attachment, size = struct.unpack("<iiq", _exactly(stream, 16))
    stream.seek(start + 16)
    own, _, length = _entry(_exactly(stream, min(used - 16, 32 + 20 * 64)), 0)
    if own != block:
        raise ValueError(f"its directory and the block at byte {at} contradict each other")
    before = max(256, 16 + length) + metadata
    if min(metadata, attachment, size) < 0 or before + size + attachment > used:
        raise ValueError(f"the block at byte {at} is longer than its segment")
    return start + before, size


def read_metadata(stream: BinaryIO, at: int) -> bytes:
    """The XML that describes the image; empty where there is none."""
    if not at:
        return b""
    start, used = _segment(stream, at, b"ZISRAWMETADATA")
    (size,) = struct.unpack("<i", _exactly(stream, 4))
    if not 0 <= size <= min(used - _BEFORE_XML, _LARGEST_XML):
        raise ValueError(f"its metadata of {size} bytes do not fit into their segment")
    stream.seek(start + _BEFORE_XML)
    return _exactly(stream, size)


def read_timestamps(stream: BinaryIO, at: int) -> tuple[float, ...]:
    """Seconds at which the time points were taken; none where the file does not say."""
    for name, position in _attachments(stream, at):
        if name != b"TimeStamps":
            continue
        start, used = _segment(stream, position, b"ZISRAWATTACH")
        stream.seek(start + 256)
        _, count = struct.unpack("<ii", _exactly(stream, 8))
        if not 0 <= 8 * count <= used - 256 - 8:
            raise ValueError(f"{count} time stamps do not fit into their segment")
        return struct.unpack(f"<{count}d", _exactly(stream, 8 * count))
    return ()


def _attachments(stream: BinaryIO, at: int) -> Iterator[tuple[bytes, int]]:
    if not at:
        return
    start, used = _segment(stream, at, b"ZISRAWATTDIR")
    (count,) = struct.unpack("<i", _exactly(stream, 4))
    if not 0 <= 256 + 128 * count <= used:
        raise ValueError(f"{count} attachments do not fit into their directory")
    stream.seek(start + 256)
    content = _exactly(stream, 128 * count)
    for offset in range(0, len(content), 128):
        schema, position, _, _, _, name = _ATTACHMENT.unpack_from(content, offset)
        if schema != b"A1":
            raise ValueError("an attachment of unknown kind")
        yield name.rstrip(b"\0"), position


def _entry(content: bytes, offset: int) -> tuple[Block, int, int]:
    """A block, the place of its segment, and where the next entry begins."""
    schema, pixel_type, position, part, compression, _, count = _ENTRY.unpack_from(content, offset)
    if schema != b"DV" or part != 0 or not 2 <= count <= 64:
        raise ValueError("a block of unknown kind")
    starts, lengths, stored = {}, {}, {}
    for number in range(count):
        name, start, length, _, kept = _DIMENSION.unpack_from(content, offset + _ENTRY.size + number * _DIMENSION.size)
        letter = name.rstrip(b"\0").decode("ascii")
        if letter in starts or length < 1 or kept < 0:
            raise ValueError(f"a block with dimension {letter!r} of length {length}")
        starts[letter], lengths[letter], stored[letter] = start, length, kept or length
    block = Block(pixel_type, compression, starts, lengths, stored)
    return block, position, offset + _ENTRY.size + count * _DIMENSION.size


def _segment(stream: BinaryIO, at: int, wanted: bytes) -> tuple[int, int]:
    """Where the content of a segment begins, and its length; leaves the stream there."""
    end = stream.seek(0, 2)
    if not 0 <= at < end:
        raise ValueError(f"{wanted.decode()} should lie at byte {at}, and the file has {end}")
    stream.seek(at)
    name, allocated, used = _SEGMENT.unpack(_exactly(stream, _SEGMENT.size))
    if name.rstrip(b"\0") != wanted:
        raise ValueError(f"{wanted.decode()} should lie at byte {at}, and does not")
    start, used = at + _SEGMENT.size, used or allocated
    if used < 0 or start + used > end:
        raise ValueError(f"{wanted.decode()} at byte {at} takes {used} bytes, and the file ends before")
    return start, used


def _exactly(stream: BinaryIO, size: int) -> bytes:
    content = stream.read(size) if size >= 0 else b""
    if len(content) != size:
        raise ValueError(f"it ends within {size} bytes that should be there")
    return content
