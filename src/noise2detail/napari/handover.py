"""Pixels on their way to the engine, and results of it: small ones in memory, large ones in mapped files."""

import contextlib
import itertools
import math
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from noise2detail.errors import UnwritableFileError
from noise2detail.image import Image
from noise2detail.types import Pixels

IN_MESSAGE = 2**25
"""Bytes of an image up to which it travels in a message; larger ones are put into a file that the engine maps."""

SHARE = 0.25
"""Of the memory that is free, what a result may take; larger ones are kept in a mapped file."""

AT_ONCE = 2**28
"""Bytes of a layer that are read together at most, where it is kept or computed in chunks of several planes."""

Place = tuple[slice, ...]
"""Where in an array."""

OnPart = Callable[[Place, Pixels, float], None]
"""Is told the place of pixels that have been read, the pixels, and the share that is read by now."""

PREFIX = "noise2detail-"
"""Of temporary folders."""


@dataclass(frozen=True)
class Stored:
    """Pixels in a file, as they lie in memory."""

    path: Path
    shape: tuple[int, ...]
    dtype: str

    def mapped(self) -> Pixels:
        """The pixels, read from the file when they are asked for."""
        return np.asarray(np.memmap(self.path, np.dtype(self.dtype), "r", shape=self.shape))


def handed_over(image: Image, folder: Path, on_part: OnPart) -> Image:
    """The image as a message can hold it: its pixels are an array, or ``Stored`` in a folder.

    Arrays that are computed or read when they are asked for are read by some planes after the other, each once.

    Parameters
    ----------
    image
        With pixels of any kind.
    folder
        For the file; is there already.
    on_part
        Called with what has been read; what it raises stops the reading.

    Raises
    ------
    UnwritableFileError
        The disk has too little room.
    """
    shape, dtype = tuple(image.array.shape), np.dtype(image.array.dtype)
    size = math.prod(shape) * dtype.itemsize
    if size <= IN_MESSAGE:
        # a copy: what is in the layer may change while the message is written
        copy = np.empty(shape, dtype)
        at_once = isinstance(image.array, np.ndarray)
        _copy(image, copy, [(slice(None),) * copy.ndim] if at_once else list(_parts(image)), on_part)
        return replace(image, array=copy)
    _refuse_space(folder, size)
    path = folder / "pixels"
    target = np.memmap(path, dtype, "w+", shape=shape)
    _copy(image, target, list(_parts(image)), on_part)
    target.flush()
    return replace(image, array=Stored(path, shape, dtype.str))  # type: ignore[arg-type]


def _copy(image: Image, target: Pixels, places: Sequence[Place], on_part: OnPart) -> None:
    for number, place in enumerate(places):
        target[place] = np.asarray(image.array[place])
        on_part(place, target[place], (number + 1) / len(places))


def taken(image: Image) -> Image:
    """What ``handed_over`` was given, on the other side."""
    array: Any = image.array
    return replace(image, array=array.mapped()) if isinstance(array, Stored) else image


def new_array(shape: Sequence[int], dtype: np.dtype[Any]) -> Pixels:
    """Zeros for a result: in memory, or where that would take too much of it in a file that goes when the array goes.

    Raises
    ------
    UnwritableFileError
        The disk has too little room.
    """
    size = math.prod(shape) * dtype.itemsize
    if size <= SHARE * psutil.virtual_memory().available:
        return np.zeros(tuple(shape), dtype)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        _refuse_space(folder, size)
    except UnwritableFileError:
        folder.rmdir()
        raise
    array = np.memmap(folder / "result", dtype, "w+", shape=tuple(shape))
    weakref.finalize(array, shutil.rmtree, folder, ignore_errors=True)
    return array


@contextlib.contextmanager
def folder_for_a_job() -> Iterator[Path]:
    """A temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        yield folder
    finally:
        # on Windows a file that the engine still maps cannot go yet; the system's own cleaning takes it
        shutil.rmtree(folder, ignore_errors=True)


def _parts(image: Image) -> Iterator[Place]:
    """Some planes with all of their channels after the other: those that the array keeps or computes together."""
    shape = image.array.shape
    chunks = getattr(image.array, "chunks", None) or (1,) * len(shape)
    edges = [
        _edges(size, chunk) if axis in "TZ" else [0, size]
        for axis, size, chunk in zip(image.axes, shape, chunks, strict=True)
    ]
    together = math.prod(max(np.diff(own)) for own in edges) * np.dtype(image.array.dtype).itemsize
    if together > AT_ONCE:
        edges = [
            list(range(size + 1)) if axis in "TZ" else [0, size] for axis, size in zip(image.axes, shape, strict=True)
        ]
    return itertools.product(*([slice(*pair) for pair in itertools.pairwise(own)] for own in edges))


def _edges(size: int, chunk: int | Sequence[int]) -> list[int]:
    """Of the chunks along an axis: one length for all as in zarr, or that of each as in Dask."""
    lengths = [int(chunk)] * math.ceil(size / chunk) if isinstance(chunk, int | np.integer) else chunk
    return [min(edge, size) for edge in itertools.accumulate(lengths, initial=0)]


def _refuse_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UnwritableFileError(
            folder,
            f"the pixels need {needed / 1e9:.1f} GB there, and {free / 1e9:.1f} GB are free",
            "make room, or name a folder on a larger disk in the environment variable TMPDIR (TEMP on Windows) and "
            "start napari again; n2d scale denoises images of any size without such a copy",
        )
