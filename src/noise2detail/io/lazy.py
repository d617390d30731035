"""Pixels that stay in their file until somebody asks for them, plane by plane or box by box."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from noise2detail.errors import UnreadableFileError
from noise2detail.io.announced import check_memory, largest_piece
from noise2detail.types import Pixels, PixelSource

LAZY_FROM = 256 * 2**20
"""Bytes of pixels from which an image is not read when it is opened. Smaller ones are: whatever is wrong with them is
then said at once, and not in the middle of the work."""

T = TypeVar("T")
R = TypeVar("R")

Box = tuple[slice, ...]
"""Part of an array: for each axis where it starts and where it stops."""


def stays_in_file(size: int) -> bool:
    """Whether an image of so many bytes of pixels is left in its file."""
    most = largest_piece()
    return size >= LAZY_FROM or (most is not None and size > most // 2)


@dataclass(frozen=True, eq=False)
class LazyPixels:
    """An array by its shape, its type, and a way to get any of its planes."""

    path: Path
    """The file."""
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    inner: int
    """Dimensions of a plane: the last of the shape."""
    read: Callable[[int], Pixels]
    """Number of a plane, the last axis before it fastest, to its pixels."""
    window: Callable[[Box], Pixels] | None = None
    """Any part, where it need not be put together from whole planes."""
    ahead: bool = False
    """Whether a plane may be read by another thread while somebody works with the one before."""
    grid: tuple[int, ...] = ()
    """Shape of the parts that are stored, and decoded, as one; empty: planes."""

    def __getitem__(self, key: Any) -> Any:
        """As NumPy's basic indexing; only the planes that are needed are read."""
        keys = key if isinstance(key, tuple) else (key,)
        if Ellipsis in keys:
            at = keys.index(Ellipsis)
            keys = keys[:at] + (slice(None),) * (len(self.shape) - len(keys) + 1) + keys[at + 1 :]
        outer = len(self.shape) - self.inner
        numbers = np.arange(self.planes).reshape(self.shape[:outer])[keys[:outer]]
        within = keys[outer:]
        if not np.ndim(numbers):
            return self.read(int(numbers))[within]
        inside = np.broadcast_to(np.False_, self.shape[outer:])[within].shape
        found = np.empty((numbers.size, *inside), self.dtype)
        for target, number in enumerate(numbers.flat):
            found[target] = self.read(int(number))[within]
        return found.reshape(numbers.shape + inside)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Pixels:
        """All pixels, in memory.

        Raises
        ------
        UnreadableFileError
            They do not fit there, or the file is damaged.
        """
        if copy is False:
            raise ValueError("pixels in a file cannot be had without a copy")
        check_memory(self.path, nbytes(self))
        found = np.empty(self.shape, self.dtype if dtype is None else dtype)
        flat = found.reshape(self.planes, *self.shape[len(self.shape) - self.inner :])
        for number in range(self.planes):
            flat[number] = self.read(number)
        return found

    @property
    def planes(self) -> int:
        """How many."""
        return math.prod(self.shape[: len(self.shape) - self.inner])

    def astype(self, dtype: Any) -> "LazyPixels":
        """The same in another type."""
        wanted = np.dtype(dtype)
        return self.changed(lambda pixels: pixels.astype(wanted, copy=False), wanted)

    def changed(self, change: Callable[[Pixels], Pixels], dtype: np.dtype[Any]) -> "LazyPixels":
        """The same with something done to every part that is read: to each pixel the same, wherever it lies."""
        window = self.window
        return replace(
            self,
            dtype=dtype,
            read=lambda number: change(self.read(number)),
            window=None if window is None else lambda box: change(window(box)),
        )

    def part(self, box: Box) -> Pixels:
        """A part of it, in one piece of memory."""
        return np.ascontiguousarray(self[box] if self.window is None else self.window(box))


def planes_of(pixels: PixelSource, inner: int) -> Iterator[Pixels]:
    """Every plane in order: views of an array, or read one by one.

    Parameters
    ----------
    pixels
        An array, or pixels in a file.
    inner
        Dimensions of a plane: the last of the shape.
    """
    if isinstance(pixels, LazyPixels) and pixels.inner == inner:
        yield from (ahead if pixels.ahead else map)(pixels.read, range(pixels.planes))
        return
    outer = pixels.shape[: len(pixels.shape) - inner]
    for index in np.ndindex(*outer):
        yield np.asarray(pixels[index])


def ahead(work: Callable[[T], R], items: Iterable[T], count: int = 1) -> Iterator[R]:
    """As ``map``, in threads: the next results, as many as ``count``, are computed while one is looked at."""
    with ThreadPoolExecutor(count) as pool:
        running: deque[Future[R]] = deque()
        for item in items:
            running.append(pool.submit(copy_context().run, work, item))
            if len(running) > count:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def converted(pixels: PixelSource, dtype: Any) -> PixelSource:
    """The same in another type; pixels in a file stay there."""
    return pixels.astype(dtype) if isinstance(pixels, LazyPixels) else np.asarray(pixels).astype(dtype, copy=False)


def transposed(pixels: PixelSource, order: Sequence[int]) -> PixelSource:
    """The same with its axes in another order; pixels in a file stay there unless rows or columns move."""
    if list(order) == list(range(len(order))):
        return pixels
    if not isinstance(pixels, LazyPixels):
        return np.asarray(pixels).transpose(order)
    outer = len(pixels.shape) - pixels.inner
    if list(order[outer:]) != list(range(outer, len(order))):
        return np.asarray(pixels).transpose(order)
    numbers = np.arange(pixels.planes).reshape(pixels.shape[:outer]).transpose(order[:outer]).ravel()
    back, read, window = np.argsort(order), pixels.read, pixels.window
    return replace(
        pixels,
        shape=tuple(pixels.shape[axis] for axis in order),
        read=lambda number: read(int(numbers[number])),
        window=None if window is None else lambda box: window(tuple(box[axis] for axis in back)).transpose(order),
        grid=tuple(pixels.grid[axis] for axis in order) if pixels.grid else (),
    )


def boxes(shape: Sequence[int], step: Sequence[int]) -> Iterator[Box]:
    """Boxes of one size, smaller at the ends, that together hold everything once.

    >>> [[(one.start, one.stop) for one in box] for box in boxes((2, 5), (2, 3))]
    [[(0, 2), (0, 3)], [(0, 2), (3, 5)]]
    """
    counts = [math.ceil(length / each) for length, each in zip(shape, step, strict=True)]
    for index in np.ndindex(*counts):
        yield tuple(
            slice(at * each, min(length, (at + 1) * each)) for at, each, length in zip(index, step, shape, strict=True)
        )


def nbytes(pixels: PixelSource) -> int:
    """Bytes that all pixels take in memory."""
    return math.prod(pixels.shape) * pixels.dtype.itemsize


def file_planes(path: Path, dtype: np.dtype[Any], offset: int, shape: tuple[int, ...], inner: int) -> LazyPixels:
    """Pixels that lie in a file in one run of bytes, the last axis fastest, in the byte order of the machine."""
    each = math.prod(shape[len(shape) - inner :])

    def read(number: int) -> Pixels:
        found = np.fromfile(path, dtype, each, offset=offset + number * each * dtype.itemsize)
        if found.size < each:
            raise UnreadableFileError(
                path, "it became shorter after it was opened", "wait until it is complete and start again"
            )
        return found.reshape(shape[len(shape) - inner :]).astype(dtype.newbyteorder("="), copy=False)

    return LazyPixels(path, shape, dtype.newbyteorder("="), inner, read, ahead=True)
