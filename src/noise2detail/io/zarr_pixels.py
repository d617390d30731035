"""Pixels of a Zarr array: chunks that are cut off are found before decoding, because not every codec notices."""

import logging
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from noise2detail.errors import UnreadableFileError
from noise2detail.io.announced import check_announced
from noise2detail.io.zarr_layout import Layout, for_zarr
from noise2detail.io.zarr_nodes import DAMAGED, Node, check_inside
from noise2detail.types import Pixels

log = logging.getLogger(__name__)

_CHUNK = re.compile(r"c?[0-9.]+|c")
"""Names of files of pixels; what file managers leave behind is not looked at."""
_BLOSC_HEADER = 16
_FEW, _RAREST = 1000, 100
"""Of more chunks than these, so many times those that are there, the rest is not made up: it would take hours."""
_ABSENT = 2**64 - 1
"""Offset and length, in the index of a shard, of a chunk that is not there."""


def read_pixels(store: Path, folder: Path, node: Node, layout: Layout) -> Pixels:
    """All pixels of an array, in the byte order of this machine.

    A chunk that is not there holds the fill value: that is the rule of Zarr, and such a store cannot be told from one
    that lost some. Hence a warning; a store without a single chunk is refused.

    Parameters
    ----------
    store
        The whole store; nothing outside it is read.
    folder
        Of the array.
    node, layout
        What its metadata say.

    Raises
    ------
    UnreadableFileError
        Hardly any chunks, a damaged one, or more than the memory holds.
    """
    announced = layout.nbytes + layout.chunk_nbytes
    check_announced(folder, announced, announced, compressed=False)  # absent chunks are legal, so any size is possible
    chunks = 0
    for file, size in _chunk_files(store, folder):
        chunks += 1
        _check_chunk(file, size, layout)
    if not chunks:
        raise UnreadableFileError(folder, "holds not one chunk of pixels", "copy the whole store again")
    expected = math.prod(math.ceil(n / c) for n, c in zip(layout.shape, layout.chunk, strict=True))
    if expected > _FEW and chunks * _RAREST < expected:
        raise UnreadableFileError(
            folder, f"holds {chunks} of {expected} chunks, less than one in {_RAREST}", "copy the whole store again"
        )
    if chunks < expected:
        log.warning(
            "%s: %d of %d chunks are not there; they read as the fill value", folder, expected - chunks, expected
        )
    try:
        pixels = _decoded(folder, node)
    except Exception as error:
        raise UnreadableFileError(folder, f"its pixels cannot be decoded ({error})", DAMAGED) from error
    return np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))


def write_pixels(folder: Path, node: Node, pixels: Pixels) -> None:
    """Fill an array whose metadata are written already; every chunk becomes a file, so that none can be missed."""
    import zarr
    from zarr.storage import LocalStore, StorePath

    array = zarr.Array.from_dict(StorePath(LocalStore(folder)), for_zarr(node))
    array.with_config({"write_empty_chunks": True})[...] = pixels


def _decoded(folder: Path, node: Node) -> Pixels:
    import zarr
    from zarr.storage import LocalStore, StorePath

    # Its own metadata, as they were checked, and no consolidated copy of them.
    array = zarr.Array.from_dict(StorePath(LocalStore(folder, read_only=True)), for_zarr(node))
    return np.asarray(array[...])


def _chunk_files(store: Path, folder: Path) -> Iterator[tuple[Path, int]]:
    """Every file of pixels and its size."""

    def failed(error: OSError) -> None:
        raise UnreadableFileError(folder, f"cannot be listed ({error.strerror})", "check its permissions") from error

    for place, folders, files in os.walk(folder, onerror=failed):
        for name in folders:
            if Path(place, name).is_symlink():  # what lies behind it would not be looked at here
                raise UnreadableFileError(Path(place, name), "is a link to a folder", "copy the store with cp -rL")
        for name in files:
            if not _CHUNK.fullmatch(name):
                continue
            entry = Path(place, name)
            if entry.is_symlink():
                check_inside(store, entry)
            if not entry.is_file():
                raise UnreadableFileError(entry, "is no regular file", DAMAGED)
            yield entry, entry.stat().st_size


def _check_chunk(file: Path, size: int, layout: Layout) -> None:
    """Raise where a file is shorter than it says: truncated blosc and shards decode to wrong pixels in silence."""
    if not size:
        raise UnreadableFileError(file, "is an empty chunk (0 bytes)", DAMAGED)
    blosc = layout.codecs[-1:] == ("blosc",)
    if not (layout.inner or blosc):
        return
    try:
        with file.open("rb") as stream:
            parts = _index(file, size, layout) if layout.inner else [(0, size)]
            for offset, length in parts:
                if offset + length > size:
                    raise UnreadableFileError(file, f"has {size} bytes, and its index names more", DAMAGED)
                stream.seek(offset)
                head = stream.read(_BLOSC_HEADER) if blosc else b""
                if blosc and int.from_bytes(head[12:], "little") != length:
                    raise UnreadableFileError(file, f"a chunk of {length} bytes is not whole", DAMAGED)
    except OSError as error:
        if isinstance(error, UnreadableFileError):
            raise
        raise UnreadableFileError(file, f"cannot be read ({error.strerror})", "check its permissions") from error


def _index(file: Path, size: int, layout: Layout) -> list[tuple[int, int]]:
    """Offset and length of each chunk in a shard."""
    count = math.prod(shard // chunk for shard, chunk in zip(layout.chunk, layout.inner, strict=True))
    length = 16 * count + 4 * layout.index_checksum
    if size < length:
        raise UnreadableFileError(file, f"has {size} bytes, and its index takes {length}", DAMAGED)
    found = np.fromfile(file, "<u8", 2 * count, offset=0 if layout.index_first else size - length)
    return [(start, long) for start, long in found.reshape(-1, 2).tolist() if (start, long) != (_ABSENT, _ABSENT)]
