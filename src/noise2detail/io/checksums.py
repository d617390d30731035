"""Checksums of pixels on their way from one file into another, so that the first need not be read again."""

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from noise2detail.io.lazy import Box, LazyPixels, ahead, planes_of
from noise2detail.types import Pixels, PixelSource

_Key = tuple[tuple[int, int], ...]

_AT_ONCE = 2
_SMALL = 2**25
"""Bytes of a plane or part up to which several are read again at the same time."""


@dataclass(frozen=True, eq=False)
class Checksums:
    """What was handed to a writer: of every plane or part the CRC-32."""

    planes: dict[int, int] = field(default_factory=dict)
    """By number."""
    parts: dict[_Key, int] = field(default_factory=dict)
    """By place."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def watching(self, pixels: LazyPixels) -> LazyPixels:
        """The same pixels, which are noted when they are read."""

        def read(number: int) -> Pixels:
            found = pixels.read(number)
            with self.lock:
                self.planes[number] = checksum(found)
            return found

        def part(box: Box) -> Pixels:
            found = pixels.part(box)
            with self.lock:
                self.parts[tuple((one.start, one.stop) for one in box)] = checksum(found)
            return found

        return replace(pixels, read=read, window=None if pixels.window is None else part)

    def has_planes(self, pixels: LazyPixels) -> bool:
        """Whether every plane was handed out."""
        return len(self.planes) == pixels.planes

    def all_noted(self, pixels: LazyPixels) -> bool:
        """Whether every pixel was handed out, all as planes or all as parts that do not overlap."""
        sizes = (np.prod([stop - start for start, stop in key]) for key in self.parts)
        return self.has_planes(pixels) or int(sum(sizes)) == int(np.prod(pixels.shape))

    def same(self, again: PixelSource, pixels: LazyPixels) -> bool:
        """Whether what was read again is what was handed out.

        Parameters
        ----------
        again
            In the shape of the pixels where parts were noted, and of as many planes of the same shape where planes
            were.
        pixels
            What was handed out.
        """
        return all(ahead(_is_same, self._readings(again, pixels), self._at_once(again, pixels)))

    def _readings(self, again: PixelSource, pixels: LazyPixels) -> Iterator[tuple[Callable[[], Pixels], int]]:
        """What reads each plane or part, and what was noted of it."""
        if not self.has_planes(pixels):
            for key, wanted in self.parts.items():
                yield partial(_part, again, tuple(slice(*one) for one in key)), wanted
        elif isinstance(again, LazyPixels) and again.inner == pixels.inner:
            for number in range(again.planes):
                yield partial(again.read, number), self.planes[number]
        else:
            for number, plane in enumerate(planes_of(again, pixels.inner)):
                yield partial(np.asarray, plane), self.planes[number]

    def _at_once(self, again: PixelSource, pixels: LazyPixels) -> int:
        """Readings that run at the same time: several where they may, and take little memory."""
        inner = math.prod(pixels.shape[len(pixels.shape) - pixels.inner :])
        parts = (math.prod(stop - start for start, stop in key) for key in self.parts)
        largest = inner if self.has_planes(pixels) else max(parts)
        apart = isinstance(again, LazyPixels) and again.ahead
        return _AT_ONCE if apart and largest * pixels.dtype.itemsize <= _SMALL else 1


def _is_same(reading: tuple[Callable[[], Pixels], int]) -> bool:
    read, wanted = reading
    return checksum(read()) == wanted


def _part(pixels: PixelSource, box: Box) -> Pixels:
    return pixels.part(box) if isinstance(pixels, LazyPixels) else np.asarray(pixels[box])


def checksum(pixels: Pixels) -> int:
    """CRC-32 of the bytes in the order of the axes, in the byte order of the machine."""
    import imagecodecs

    crc32: Any = imagecodecs.deflate_crc32  # takes any buffer, whatever its annotation says
    native = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
    return int(crc32(native.reshape(-1).view(np.uint8)))
