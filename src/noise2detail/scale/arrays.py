"""An array of a store, read and written in whole files: the only component that calls zarr for units."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from noise2detail.errors import FileError, UnreadableFileError
from noise2detail.io.lazy import Box, LazyPixels
from noise2detail.io.zarr_layout import Layout, chunk_name, for_zarr
from noise2detail.io.zarr_nodes import DAMAGED, Node
from noise2detail.io.zarr_pixels import check_box
from noise2detail.scale.place import Folder, Place
from noise2detail.types import Pixels

_PUTS = 8
"""Objects that are sent at once to a storage that takes long to answer."""


@dataclass(frozen=True, eq=False)
class StoredArray:
    """An array in a store."""

    place: Place
    """Of the store."""
    node: Node
    """What its metadata say; its path is below the place."""
    layout: Layout
    """The same, understood."""

    @property
    def url(self) -> str:
        """Where it lies."""
        return f"{self.place.url}/{self.node.path}"

    @cached_property
    def _array(self) -> Any:
        import zarr
        from zarr.storage import StorePath

        store = StorePath(self.place.zarr_store(read_only=True), self.node.path)
        return zarr.Array.from_dict(store, for_zarr(self.node))

    def read(self, box: Box) -> Pixels:
        """Pixels of a part, in the byte order of this machine.

        Raises
        ------
        UnreadableFileError
            A chunk is damaged; it is named.
        """
        if isinstance(self.place, Folder):
            check_box(self.place.path / self.node.path, self.node, self.layout, box)
        try:
            return self._decoded(box)
        except Exception as error:
            raise self._blamed(box, error) from error

    def _decoded(self, box: Box) -> Pixels:
        found = np.asarray(self._array[box])
        return np.ascontiguousarray(found, found.dtype.newbyteorder("="))

    def _blamed(self, box: Box, error: Exception) -> FileError:
        """Which file of a part it is that cannot be decoded."""
        said = " ".join(str(error).split()) or type(error).__name__
        for own in self.pieces(box, files=True):
            try:
                self._decoded(own)
            except Exception as found:  # noqa: BLE001 - whatever the codec raises
                said = " ".join(str(found).split()) or type(found).__name__
                name = next(self.names(own))
                if not isinstance(self.place, Folder):
                    self.place.glance(name)  # a storage that hung says so here
                return UnreadableFileError(
                    f"{self.place.url}/{name}", f"its pixels cannot be decoded ({said[:200]})", DAMAGED
                )
        return UnreadableFileError(self.url, f"could not be read once ({said[:200]})", "run again")

    def pieces(self, box: Box, *, files: bool = False) -> Iterator[Box]:
        """A part in pieces that are decoded as one each, or that lie in one file each."""
        step = self.layout.chunk if files else self.layout.inner or self.layout.chunk
        ranges = [range(one.start // n, -(-one.stop // n)) for one, n in zip(box, step, strict=True)]
        for index in itertools.product(*ranges):
            yield tuple(
                slice(max(one.start, at * n), min(one.stop, (at + 1) * n))
                for one, at, n in zip(box, index, step, strict=True)
            )

    def names(self, box: Box) -> Iterator[str]:
        """Files that hold a part, below the place of the store."""
        ranges = [range(one.start // n, -(-one.stop // n)) for one, n in zip(box, self.layout.chunk, strict=True)]
        for index in itertools.product(*ranges):
            yield f"{self.node.path}/{chunk_name(self.node, index)}"

    def encoded(self, box: Box, pixels: Pixels) -> dict[str, bytes]:
        """Content of each file that holds a part of whole files, by its name below the place of the store."""
        import zarr
        from zarr.storage import MemoryStore, StorePath

        kept: dict[str, Any] = {}
        array: Any = zarr.Array.from_dict(StorePath(MemoryStore(kept)), for_zarr(self.node))
        array = array.with_config({"write_empty_chunks": True})  # so that a lost file can be told from an empty one
        array[box] = pixels
        return {f"{self.node.path}/{name}": buffer.to_bytes() for name, buffer in kept.items()}

    def write(self, box: Box, pixels: Pixels) -> int:
        """Bytes that were stored for a part of whole files, after whatever was there has been removed.

        Raises
        ------
        UnwritableFileError
            No space, no permission, or the storage refuses.
        """
        files = self.encoded(box, pixels)
        for name in files:
            self.place.remove(name)
        if isinstance(self.place, Folder):
            for name, content in files.items():
                self.place.write(name, content)
        else:
            with ThreadPoolExecutor(_PUTS) as pool:
                list(pool.map(self.place.write, files.keys(), files.values()))
        return sum(map(len, files.values()))

    def lazy(self) -> LazyPixels:
        """The array as pixels that are read when they are asked for."""
        dtype = self.layout.dtype.newbyteorder("=")
        path = self.place.path / self.node.path if isinstance(self.place, Folder) else self.url

        def plane(number: int) -> Pixels:
            outer = self.layout.shape[:-2]
            index = tuple(int(at) for at in np.unravel_index(number, outer)) if outer else ()
            box = tuple(slice(at, at + 1) for at in index) + tuple(slice(0, n) for n in self.layout.shape[-2:])
            return self.read(box).reshape(self.layout.shape[-2:])

        return LazyPixels(path, self.layout.shape, dtype, 2, plane, self.read)  # type: ignore[arg-type]
