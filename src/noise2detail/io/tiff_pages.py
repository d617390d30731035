"""Pages of a large TIFF that are decoded when somebody asks for them."""

import math
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from noise2detail.errors import UnreadableFileError
from noise2detail.io.announced import check_memory
from noise2detail.io.lazy import LazyPixels, file_planes, stays_in_file
from noise2detail.io.tiff_directory import DESCRIPTION, Directory, Tag
from noise2detail.types import Pixels

Guard = Callable[[Callable[[], Pixels]], Pixels]
"""Runs a reading, and turns what the library says of a damaged file into an error with its name."""


def lazy_series(path: Path, tif: Any, series: Any, guard: Guard) -> LazyPixels | None:
    """Pixels of an image whose pages need not be read now; None if it is small, or its pages are not its planes.

    Parameters
    ----------
    path
        The file.
    tif, series
        The same, open, and its image, as the library found it; the whole of it was checked.
    guard
        Around each reading.
    """
    shape, dtype = tuple(int(n) for n in series.shape), np.dtype(series.dtype)
    page = series.keyframe
    inner = len(page.shape)
    plain = shape[len(shape) - inner :] == tuple(page.shape) and not page.extrasamples
    if not stays_in_file(math.prod(shape) * dtype.itemsize) or not plain:
        return None
    check_memory(path, math.prod(page.shape) * dtype.itemsize)
    if series.dataoffset is not None and int(page.compression) == 1 and int(page.fillorder) == 1:
        order = "<" if page.parent.byteorder == "<" else ">"
        return file_planes(path, dtype.newbyteorder(order), int(series.dataoffset), shape, inner)
    same_file = all(one is not None and one.parent is page.parent for one in series.pages)
    planes = math.prod(shape[: len(shape) - inner])
    if not same_file or len(series.pages) != planes:
        return None
    index = next(number for number, one in enumerate(all_series(tif)) if one is series)
    pages = _Pages(path, index, guard)
    return LazyPixels(path, shape, dtype.newbyteorder("="), inner, pages.read, ahead=True)


def all_series(tif: Any) -> list[Any]:
    """Images of an open file; they are a property in some versions of the library, and a method in others."""
    found = tif.series() if callable(tif.series) else tif.series
    return list(found)


def described(pages: tuple[Directory, ...], text: bytes | None) -> tuple[Directory, ...]:
    """The pages with the OME-XML on the first of them, and on no other, although they may come from several files.

    Parameters
    ----------
    pages
        Of one image.
    text
        The OME-XML of this image; None: there is none.
    """
    if text is None:
        return pages
    first, *others = pages
    tag = Tag(DESCRIPTION, 2, len(text) + 1, text + b"\0")
    said = first.find(DESCRIPTION)
    if said is None:
        first = replace(first, tags=(*first.tags, tag))
    elif said.data.rstrip(b"\0") != text:
        first = replace(first, tags=tuple(tag if one is said else one for one in first.tags))
    return (first, *(_without_xml(page) for page in others))


def _without_xml(page: Directory) -> Directory:
    said = page.find(DESCRIPTION)
    if said is None or not said.data.rstrip(b"\0 \r\n\t").endswith(b"OME>"):
        return page
    return replace(page, tags=tuple(tag for tag in page.tags if tag is not said))


class _Pages:
    """The file, opened again when the first page is read, and closed with the last user."""

    def __init__(self, path: Path, index: int, guard: Guard) -> None:
        self._path, self._index, self._guard = path, index, guard
        self._state = _state(path)
        self._series: Any = None
        self._lock = threading.Lock()

    def read(self, number: int) -> Pixels:
        """Pixels of one page, in the byte order of the machine."""

        def page() -> Pixels:
            pixels = np.asarray(self._opened().pages[number].asarray())
            return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)

        with self._lock:
            return self._guard(page)

    def _opened(self) -> Any:
        if self._series is None:
            if _state(self._path) != self._state:
                raise UnreadableFileError(
                    self._path, "it was changed after it was opened", "wait until it is complete and start again"
                )
            tif = tifffile.TiffFile(self._path)
            weakref.finalize(self, tif.close)
            self._series = all_series(tif)[self._index]
        return self._series


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
