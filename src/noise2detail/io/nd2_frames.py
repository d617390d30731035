"""The frames of a Nikon ND2 file, each found by its name and of the announced size, or refused.

They are read here rather than by the library, which puts zeros in the place of frames that are missing.
"""

import struct
import zlib
from collections.abc import Mapping
from typing import BinaryIO

MAGIC = b"\xda\xce\xbe\x0a"

_HEADER = struct.Struct("<4sIQ")
_END = struct.Struct("<32sQ")
_END_NAME = b"ND2 CHUNK MAP SIGNATURE 0000001!"
_MAP_NAME = b"ND2 FILEMAP SIGNATURE NAME 0001!"
_FRAME = b"ImageDataSeq|"
_LARGEST_MAP = 2**28
_DEFLATED, _DEFLATED_FROM = 76, 12
"""Type of metadata that are compressed, and where that begins."""
_TIME = 8
"""Bytes before the pixels of a frame."""


def find_frames(stream: BinaryIO) -> dict[int, int]:
    """Places of all frames by their number.

    Raises
    ------
    ValueError
        The list of contents at the end of the file is not whole, or what it names is larger than the file.
    """
    size = stream.seek(0, 2)
    stream.seek(max(0, size - _END.size))
    name, at = _END.unpack(_exactly(stream, _END.size))
    if name != _END_NAME:
        raise ValueError("it does not end with a list of its contents")
    start, length = _chunk(stream, at, _MAP_NAME)
    if length > min(size, _LARGEST_MAP):
        raise ValueError(f"the list of its contents takes {length} bytes")
    stream.seek(start)
    content = _exactly(stream, min(length, size - start))
    frames: dict[int, int] = {}
    position = 0
    while (end := content.find(b"!", position) + 1) > 0:
        entry = content[position:end]
        if entry == _END_NAME:
            return frames
        place, _ = struct.unpack_from("<QQ", content, end)
        if entry.startswith(_FRAME):
            frames[int(entry[len(_FRAME) : -1])] = place
        else:
            _check_metadata(stream, place, size)
        position = end + 16
    raise ValueError("the list of its contents has no end")


def read_frame(stream: BinaryIO, frames: Mapping[int, int], index: int, size: int, *, compressed: bool) -> bytes:
    """The pixels of a frame.

    Parameters
    ----------
    stream
        The file.
    frames
        From :func:`find_frames`.
    index
        Number of the frame.
    size
        Bytes of its pixels.
    compressed
        Whether they are stored as zlib packs them.

    Raises
    ------
    ValueError
        The frame is not there, or not of this size.
    """
    start, length = _chunk(stream, frames[index], _FRAME + b"%d!" % index)
    stream.seek(start + _TIME)
    if not compressed:
        if length != size + _TIME:
            raise ValueError(f"frame {index} takes {length - _TIME} bytes, and its header says {size}")
        return _exactly(stream, size)
    if stream.seek(0, 2) < start + length:
        raise ValueError(f"frame {index} is cut off")
    stream.seek(start + _TIME)
    unpacker = zlib.decompressobj()
    plain = unpacker.decompress(_exactly(stream, length - _TIME), size + 1)
    if len(plain) != size or not unpacker.eof:
        raise ValueError(f"frame {index} does not unpack to {size} bytes")
    return plain


def _check_metadata(stream: BinaryIO, at: int, end: int) -> None:
    """Raise where a chunk of metadata would take more memory than it can hold: the library believes its lengths."""
    if at + _HEADER.size > end:
        raise ValueError(f"metadata should lie at byte {at}, and the file has {end}")
    stream.seek(at)
    magic, name_length, length = _HEADER.unpack(_exactly(stream, _HEADER.size))
    if magic != MAGIC:
        return  # the library looks for it nearby
    if at + _HEADER.size + name_length + length > end:
        raise ValueError(f"metadata of {length} bytes at byte {at}, and the file ends before")
    stream.seek(at + _HEADER.size + name_length)
    if length > _DEFLATED_FROM and _exactly(stream, _DEFLATED_FROM)[0] == _DEFLATED:
        packed = _exactly(stream, length - _DEFLATED_FROM)
        if len(zlib.decompressobj().decompress(packed, _LARGEST_MAP + 1)) > _LARGEST_MAP:
            raise ValueError(f"metadata of {length} bytes that unpack to more than {_LARGEST_MAP}")


def _chunk(stream: BinaryIO, at: int, wanted: bytes) -> tuple[int, int]:
    """Where the content of a chunk begins, and its length."""
    end = stream.seek(0, 2)
    if at + _HEADER.size > end:
        raise ValueError(f"{wanted.decode()} should lie at byte {at}, and the file has {end}")
    stream.seek(at)
    magic, name_length, length = _HEADER.unpack(_exactly(stream, _HEADER.size))
    if magic != MAGIC or _exactly(stream, len(wanted)) != wanted:
        raise ValueError(f"{wanted.decode()} should lie at byte {at}, and does not")
    return at + _HEADER.size + name_length, length


def _exactly(stream: BinaryIO, size: int) -> bytes:
    content = stream.read(size) if size >= 0 else b""
    if len(content) != size:
        raise ValueError(f"it ends within {size} bytes that should be there")
    return content
