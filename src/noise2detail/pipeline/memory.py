"""How much memory the work on an image takes, and the tile that fits into what it may take."""

import ctypes
import math
import sys
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from noise2detail.errors import SettingError
from noise2detail.pipeline.layout import Layout
from noise2detail.pipeline.memory_size import parse_size
from noise2detail.pipeline.values import may_hold_gaps
from noise2detail.plans import ValueMap
from noise2detail.tiling.geometry import LARGE_TILE, SMALLEST_TILE, TILE

BYTES_PER_PIXEL = 2000
"""Of a tile with its halo, while a network is applied to it. Two hidden layers take a fifth of it; most of the rest
is memory that the C library keeps for later. ``test_memory.py`` measures the whole."""

HALO = 16
"""Pixels on each side of a tile, by which memory is reckoned."""

LARGEST = 2**30
"""Bytes of float32 planes in a shared training; a longer series lends evenly spaced planes."""

FIXED = 48 * 2**20
"""Bytes that depend on nothing: a training step on crops or a block, pieces of images in double precision, kernels that
are compiled for every new size."""


@dataclass(frozen=True)
class Need:
    """What the work on an image takes on top of the image itself and of the libraries that are loaded, in bytes."""

    size: tuple[int, int]
    """Rows and columns of a plane."""
    plane: int
    """A plane in the working range, with its mask."""
    held: int = 0
    """What a training holds besides, for each plane that it sees."""
    output: int = 0
    """The result."""

    def peak(self, tile: int, planes: int = 1) -> int:
        """Most that is taken at any time, with tiles of this side and so many planes in a training."""
        return self._fixed(tile) + max(planes * (self.plane + self.held), self.plane + self.output)

    def planes(self, tile: int, limit: int) -> int:
        """Planes that a training may see, at least 1."""
        return max(1, (limit - self._fixed(tile)) // (self.plane + self.held))

    def _fixed(self, tile: int) -> int:
        y, x = (min(tile, side) + 2 * HALO for side in self.size)
        return FIXED + BYTES_PER_PIXEL * y * x


def need_of(
    layout: Layout, source: np.dtype[np.generic], maps: tuple[ValueMap, ...], result: np.dtype[np.generic], held: float
) -> Need:
    """What an image needs.

    Parameters
    ----------
    layout, source, maps
        The image, the type of its pixels, and how they are mapped into the working range.
    result
        Type of the result.
    held
        Further planes in the working range for each one that a training sees; 0 where nothing is trained.
    """
    y, x = layout.size
    pixels = y * x * layout.channels
    gaps = any(may_hold_gaps(source, value_map) for value_map in maps)
    return Need(
        size=(y, x),
        plane=(4 + gaps) * pixels,
        held=math.ceil(4 * held * pixels),
        output=math.prod(layout.shape) * result.itemsize,
    )


def training_planes(need: Need, tile: int, limit: int | None, layout: Layout) -> int:
    """Planes of a series that a shared training sees: all, or as many as fit."""
    y, x = need.size
    most = max(1, LARGEST // (4 * y * x * layout.channels))
    return min(len(layout.planes), most, planes_that_fit(need, tile, limit))


def planes_that_fit(need: Need, tile: int, limit: int | None) -> int:
    """Planes that a training may hold at once."""
    return sys.maxsize if limit is None else need.planes(tile, limit)


def find_limit(max_memory: int | str | None) -> int | None:
    """The wish in bytes.

    Raises
    ------
    SettingError
        Not an amount of memory.
    """
    return parse_size(max_memory) if isinstance(max_memory, str) else max_memory


def fastest_tile(device: str) -> int:
    """Side of the tiles where nothing limits it."""
    return TILE if device == "cpu" else LARGE_TILE


def choose_tile(limit: int | None, need: Need, fastest: int = TILE) -> int:
    """Side of the tiles: the fastest, or the largest that fits where there is a limit.

    Raises
    ------
    SettingError
        Even the smallest does not fit.
    """
    if limit is None:
        return fastest
    for tile in range(fastest, SMALLEST_TILE - 1, -32):
        if need.peak(tile) <= limit:
            return tile
    least = need.peak(SMALLEST_TILE)
    raise SettingError(
        f"max_memory is {limit} bytes; expected at least {least} for this image, such as {math.ceil(least / 1e6)}MB"
    )


def give_back() -> None:
    """Hand freed memory back to the system between two works.

    The C library of Linux keeps it for later. What comes next asks for pieces of other sizes, which do not fit into the
    gaps, so without this the peak of a run is nearly the sum of the peaks of its parts.
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # a C library without it
            ctypes.CDLL(None).malloc_trim(0)
