"""Pixels of a Zarr array: chunks that are cut off are found before decoding, because not every codec notices."""

import itertools
import logging
import math
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.errors import UnreadableFileError
from noise2detail.io.announced import DENSEST, check_announced, check_memory, largest_piece
from noise2detail.io.flushing import flush
from noise2detail.io.lazy import Box, LazyPixels, ahead, boxes, stays_in_file
from noise2detail.io.zarr_bombs import HEAD, check_inflated, check_said, said_enough
from noise2detail.io.zarr_layout import Layout, chunk_name, for_zarr
from noise2detail.io.zarr_nodes import DAMAGED, Node, check_inside
from noise2detail.types import Pixels, PixelSource

log = logging.getLogger(__name__)

_CHUNK = re.compile(r"c?[0-9.]+|c")
"""Names of files of pixels; what file managers leave behind is not looked at."""
_BLOSC_HEADER = 16
_FEW, _RAREST = 1000, 100
"""Of more chunks than these, so many times those that are there, the rest is not made up: it would take hours."""
_CACHE = 2**28
"""Bytes of decoded chunks that are kept where nothing limits them; a plane that takes more is read all the same."""
_ABSENT = 2**64 - 1
"""Offset and length, in the index of a shard, of a chunk that is not there."""


def read_pixels(store: Path, folder: Path, node: Node, layout: Layout) -> PixelSource:
    """Pixels of an array, in the byte order of this machine; those of a large one stay in the store.

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
    lazy = stays_in_file(layout.nbytes)
    announced = layout.chunk_nbytes + (0 if lazy else layout.nbytes)
    check_announced(folder, announced, announced, compressed=False)  # absent chunks are legal, so any size is possible
    chunks, held = 0, 0
    for file, size in _chunk_files(store, folder):
        chunks, held = chunks + 1, held + size
        _check_chunk(file, size, layout)
    if not chunks:
        raise UnreadableFileError(folder, "holds not one chunk of pixels", "copy the whole store again")
    if layout.nbytes > held * DENSEST:
        check_memory(folder, layout.nbytes)
    expected = math.prod(math.ceil(n / c) for n, c in zip(layout.shape, layout.chunk, strict=True))
    if expected > _FEW and chunks * _RAREST < expected:
        raise UnreadableFileError(
            folder, f"holds {chunks} of {expected} chunks, less than one in {_RAREST}", "copy the whole store again"
        )
    if chunks < expected:
        log.warning(
            "%s: %d of %d chunks are not there; they read as the fill value", folder, expected - chunks, expected
        )
    pixels = lazy_pixels(folder, node, layout)
    return pixels if lazy else pixels.part(tuple(slice(0, length) for length in layout.shape))


def lazy_pixels(folder: Path, node: Node, layout: Layout) -> LazyPixels:
    """Pixels of an array that are read when they are asked for."""
    chunks = _Chunks(folder, node, layout)
    dtype = layout.dtype.newbyteorder("=")
    return LazyPixels(
        folder, layout.shape, dtype, 2, chunks.plane, chunks.box, ahead=True, grid=layout.inner or layout.chunk
    )


def write_pixels(
    folder: Path, node: Node, layout: Layout, step: tuple[int, ...], part: Callable[[Box], Pixels]
) -> None:
    """Fill an array whose metadata are written already; every chunk becomes a file, so that none can be missed.

    Files go to the disk while the next ones are made, and not all of them at the end.

    Parameters
    ----------
    folder, node, layout
        The array.
    step
        Lengths of the parts that are written one after the other: whole chunks or shards, so that each is written once.
    part
        Gives the pixels of a part.
    """
    import zarr
    from zarr.storage import LocalStore, StorePath

    array = zarr.Array.from_dict(StorePath(LocalStore(folder)), for_zarr(node))
    array = array.with_config({"write_empty_chunks": True})
    parts = list(boxes(layout.shape, step))
    # what comes next is read and unpacked while this is packed: neither keeps all processors busy
    with ThreadPoolExecutor(1) as disk:
        sent: list[Future[None]] = []
        for box, pixels in zip(parts, ahead(part, parts), strict=True):
            array[box] = pixels
            sent.append(disk.submit(_send, list(files_of(folder, node, layout, box))))
    for one in sent:
        one.result()


def _send(files: Sequence[Path]) -> None:
    for file in files:
        flush(file)


def files_of(folder: Path, node: Node, layout: Layout, box: Box) -> Iterator[Path]:
    """Those that hold a part of an array."""
    ranges = [range(one.start // n, -(-one.stop // n)) for one, n in zip(box, layout.chunk, strict=True)]
    for index in itertools.product(*ranges):
        yield folder / chunk_name(node, index)


class _Chunks:
    """The chunks of an array; those around the planes that were read last stay decoded, for the planes beside them."""

    def __init__(self, folder: Path, node: Node, layout: Layout) -> None:
        self._folder, self._node, self._layout = folder, node, layout
        self._array: Any = None
        self._checked: set[Path] = set()
        self._bands: dict[tuple[int, ...], Pixels] = {}
        self._lock = threading.Lock()
        self._depth = tuple((layout.inner or layout.chunk)[:-2])
        # Planes in their order come back to the same chunks once for each plane that a chunk holds along an axis before
        # the last; between two visits all chunks along the later axes are passed.
        deep = next((axis for axis, depth in enumerate(self._depth) if depth > 1), len(self._depth))
        later = zip(layout.shape[deep + 1 : -2], self._depth[deep + 1 :], strict=True)
        self._crossed = math.prod(math.ceil(length / depth) for length, depth in later)

    def plane(self, number: int) -> Pixels:
        """Rows and columns at one place along the other axes."""
        outer = self._layout.shape[:-2]
        index = tuple(int(at) for at in np.unravel_index(number, outer)) if outer else ()
        first = tuple(at // depth * depth for at, depth in zip(index, self._depth, strict=True))
        around = tuple(
            slice(start, min(length, start + depth))
            for start, depth, length in zip(first, self._depth, outer, strict=True)
        )
        box = around + tuple(slice(0, length) for length in self._layout.shape[-2:])
        with self._lock:
            band = self._decoded(first, box)
            return np.array(band[tuple(at - start for at, start in zip(index, first, strict=True))])

    def _decoded(self, first: tuple[int, ...], box: Box) -> Pixels:
        """The chunks around a plane."""
        if first not in self._bands:
            size = math.prod(one.stop - one.start for one in box) * self._layout.dtype.itemsize
            check_memory(self._folder, size)
            most = largest_piece()
            room = max(1, (_CACHE if most is None else most) // size)
            while len(self._bands) >= min(room, self._crossed):
                del self._bands[next(iter(self._bands))]
            self._bands[first] = self._read(self._checked_array(box), box)
        return self._bands[first]

    def box(self, box: Box) -> Pixels:
        """Any part."""
        with self._lock:
            array = self._checked_array(box)
        return self._read(array, box)

    def _checked_array(self, box: Box) -> Any:
        """The array, of which no chunk in a part becomes more than it should."""
        for file in files_of(self._folder, self._node, self._layout, box):
            if file not in self._checked and file.exists():
                _check_content(file, self._layout)
                self._checked.add(file)
        with self._decoding():
            return self._opened()

    def _read(self, array: Any, box: Box) -> Pixels:
        with self._decoding():
            found = np.asarray(array[box])
        return np.ascontiguousarray(found, found.dtype.newbyteorder("="))

    @contextmanager
    def _decoding(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise UnreadableFileError(self._folder, f"its pixels cannot be decoded ({error})", DAMAGED) from error

    def _opened(self) -> Any:
        import zarr
        from zarr.storage import LocalStore, StorePath

        if self._array is None:
            # Its own metadata, as they were checked, and no consolidated copy of them.
            place = StorePath(LocalStore(self._folder, read_only=True))
            self._array = zarr.Array.from_dict(place, for_zarr(self._node))
        return self._array


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
                if blosc:
                    check_said(file, "blosc", head, layout.decoded_nbytes)
    except OSError as error:
        if isinstance(error, UnreadableFileError):
            raise
        raise UnreadableFileError(file, f"cannot be read ({error.strerror})", "check its permissions") from error


def check_box(folder: Path, node: Node, layout: Layout, box: Box) -> None:
    """Raise where a file that holds a part of an array is cut off, or becomes more than it should.

    Of shards only the length is looked at: unpacking them whole would take longer than reading the part.

    Raises
    ------
    UnreadableFileError
        It is.
    """
    for file in files_of(folder, node, layout, box):
        if not file.exists():  # holds the fill value
            continue
        _check_chunk(file, file.stat().st_size, layout)
        if not layout.inner:
            _check_content(file, layout)


def _check_content(file: Path, layout: Layout) -> None:
    """Raise where a chunk becomes more than its array says: nothing would be left to take that memory."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            for offset, length in _index(file, size, layout) if layout.inner else [(0, size)]:
                stream.seek(offset)
                head = stream.read(min(HEAD, length))
                if not said_enough(file, layout.codecs, head, layout.decoded_nbytes):
                    check_inflated(file, layout.codecs, head + stream.read(length - len(head)), layout.decoded_nbytes)
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
