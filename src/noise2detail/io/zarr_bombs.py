"""Chunks of a Zarr array that would become more than their array says: found before they are decoded."""

import bz2
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from noise2detail.errors import UnreadableFileError
from noise2detail.io.announced import readable
from noise2detail.io.zarr_nodes import DAMAGED

HEAD = 32
"""Bytes at the beginning of a chunk in which compressors say how large it becomes."""

_UNSAID = -1
_ZSTD = b"\x28\xb5\x2f\xfd"
_MARGIN = 2**16
"""Bytes by which a chunk may be longer than its pixels: checksums, and what a second compressor adds."""


def check_said(file: Path, codec: str, head: bytes, expected: int) -> None:
    """Raise where the first bytes of a chunk announce more than it holds.

    Parameters
    ----------
    file
        Of the chunk, for the message.
    codec
        What its bytes came out of.
    head
        Its first bytes.
    expected
        Bytes of its pixels.

    Raises
    ------
    UnreadableFileError
        With both sizes.
    """
    said = _said(codec, head)
    if said > expected + _MARGIN:
        raise _bomb(file, readable(said), expected)


def said_enough(file: Path, codecs: tuple[str, ...], head: bytes, expected: int) -> bool:
    """Whether the first bytes of a chunk tell how large it becomes; raises where that is too much.

    Raises
    ------
    UnreadableFileError
        With both sizes.
    """
    packed = [codec for codec in codecs if codec in _UNPACK or codec == "blosc"]
    if len(packed) == 1 and codecs[-1] == packed[0]:
        check_said(file, packed[0], head, expected)
        return _said(packed[0], head) != _UNSAID
    return not packed


def check_inflated(file: Path, codecs: tuple[str, ...], content: bytes, expected: int) -> None:
    """Raise where a chunk becomes more than it holds, by unpacking it no further than that.

    Parameters
    ----------
    file
        Of the chunk, for the message.
    codecs
        What is done to a chunk, last the one whose output is stored.
    content
        What is stored.
    expected
        Bytes of its pixels.

    Raises
    ------
    UnreadableFileError
        It does, or cannot be unpacked.
    """
    for codec in reversed(codecs):
        if codec == "crc32c":
            content = content[:-4]
        if codec != "blosc" and codec not in _UNPACK:
            continue
        check_said(file, codec, content[:HEAD], expected)
        try:
            content = _blosc(content) if codec == "blosc" else _UNPACK[codec](content, expected + _MARGIN + 1)
        except (EOFError, OSError, ValueError, RuntimeError, zlib.error, lzma.LZMAError) as error:
            raise UnreadableFileError(file, f"its pixels cannot be decoded ({error})", DAMAGED) from error
        if len(content) > expected + _MARGIN:
            raise _bomb(file, "more", expected)


def _said(codec: str, head: bytes) -> int:
    """Bytes that a chunk becomes as it says itself."""
    if codec == "blosc":
        return int.from_bytes(head[4:8], "little")
    if codec == "lz4":
        return int.from_bytes(head[:4], "little")
    if codec == "zstd" and head[:4] == _ZSTD and len(head) >= 6:
        single, width, ids = head[4] >> 5 & 1, head[4] >> 6, (0, 1, 2, 4)[head[4] & 3]
        at = 5 + (not single) + ids
        length = {0: single, 1: 2, 2: 4, 3: 8}[width]
        if length and len(head) >= at + length:
            return int.from_bytes(head[at : at + length], "little") + (256 if width == 1 else 0)
    return _UNSAID


def _inflated(make: Callable[[], Any]) -> Callable[[bytes, int], bytes]:
    """Unpacks until there are too many bytes; what follows the end of a stream is another stream."""

    def unpack(content: bytes, most: int) -> bytes:
        found = bytearray()
        while content and len(found) < most:
            stream = make()
            while not stream.eof and len(found) < most:
                piece = stream.decompress(content, most - len(found))
                content = getattr(stream, "unconsumed_tail", b"")
                if not piece and not content and not stream.eof:
                    return bytes(found)  # cut off, which the decoder tells
                found += piece
            content = stream.unused_data if stream.eof else b""
        return bytes(found)

    return unpack


def _blosc(content: bytes) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.blosc_decode(content))


def _zstd(content: bytes, most: int) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.zstd_decode(content, out=most))


def _lz4(content: bytes, most: int) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.lz4_decode(content, header=True, out=most))


_UNPACK: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _inflated(lambda: zlib.decompressobj(31)),
    "zlib": _inflated(zlib.decompressobj),
    "bz2": _inflated(bz2.BZ2Decompressor),
    "lzma": _inflated(lzma.LZMADecompressor),
    "zstd": _zstd,
    "lz4": _lz4,
}


def _bomb(file: Path, becomes: str, expected: int) -> UnreadableFileError:
    return UnreadableFileError(file, f"a chunk becomes {becomes} where its array says {readable(expected)}", DAMAGED)
