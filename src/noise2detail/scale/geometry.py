"""Where units lie and what they read: frozen geometry, nothing is read or computed here."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from noise2detail.tiling.geometry import Span, Tile

LARGEST_UNIT = 2**24
"""Pixels up to which small chunks are grouped into one unit: seconds of work, and some 100 MB of memory."""

SMALLEST_UNIT = 2**20
"""Pixels below which a unit is not made smaller for the sake of having more of them."""

UNITS = 64
"""Units that an image has at least where it is not too small for it, so that several processes share them evenly."""

Box = tuple[slice, ...]
"""Part of an array: for each axis where it starts and where it stops."""


@dataclass(frozen=True)
class Grid:
    """An array cut into units of one size, smaller at the ends; they are numbered, the last axis fastest."""

    shape: tuple[int, ...]
    """Of the array."""
    unit: tuple[int, ...]
    """Lengths of a unit along each axis: whole files of the store."""

    @property
    def counts(self) -> tuple[int, ...]:
        """Units along each axis."""
        return tuple(-(-length // each) for length, each in zip(self.shape, self.unit, strict=True))

    @property
    def count(self) -> int:
        """Units in all."""
        return math.prod(self.counts)

    def box(self, number: int) -> Box:
        """What a unit is responsible for.

        >>> Grid((5, 7), (4, 4)).box(3)
        (slice(4, 5, None), slice(4, 7, None))
        """
        places = []
        for count in reversed(self.counts):
            number, at = divmod(number, count)
            places.append(at)
        return tuple(
            slice(at * each, min(length, (at + 1) * each))
            for at, each, length in zip(reversed(places), self.unit, self.shape, strict=True)
        )

    def touching(self, box: Box) -> Iterator[int]:
        """Numbers of the units that hold any pixel of a part.

        >>> list(Grid((5, 7), (4, 4)).touching((slice(0, 5), slice(5, 6))))
        [1, 3]
        """
        ranges = [range(one.start // each, -(-one.stop // each)) for one, each in zip(box, self.unit, strict=True)]
        counts = self.counts
        for place in itertools.product(*ranges):
            number = 0
            for at, count in zip(place, counts, strict=True):
                number = number * count + at
            yield number


@dataclass(frozen=True)
class Reach:
    """What a pixel of the result depends on."""

    halo: int
    """Context on each side, along rows and columns."""
    alignment: int
    """What is read begins at multiples of it."""
    joint: bool
    """A pixel depends on all channels at its place, and not on its own alone."""


@dataclass(frozen=True)
class Region:
    """What one unit writes, and what it reads for that."""

    write: Box
    """The unit."""
    read: Box
    """The unit with its context, cut off at the borders of the array."""
    tile: Tile
    """Rows and columns to compute among those that are read: those to be written, and up to a multiple of the
    alignment around them, so that padding happens where it happens for the whole plane."""
    keep: Box
    """What is written, among what is read."""


def region(axes: str, shape: Sequence[int], write: Box, reach: Reach, further: int = 0) -> Region:
    """What is read for a part of an image.

    Parameters
    ----------
    axes, shape
        Of the image.
    write
        The part.
    reach
        Of a pixel of the result.
    further
        Context beyond that of the denoiser, in pixels.

    Examples
    --------
    >>> found = region("YX", (100, 100), (slice(30, 50), slice(90, 100)), Reach(6, 4, joint=False))
    >>> found.read, found.keep
    ((slice(20, 60, None), slice(80, 100, None)), (slice(10, 30, None), slice(10, 20, None)))
    """
    read, spans = list(write), {}
    for letter in "YX":
        axis = axes.index(letter)
        spans[letter] = _span(write[axis], shape[axis], reach, further)
        read[axis] = slice(spans[letter].read_start, spans[letter].read_stop)
    if reach.joint and "C" in axes:
        read[axes.index("C")] = slice(0, shape[axes.index("C")])
    keep = tuple(slice(own.start - whole.start, own.stop - whole.start) for own, whole in zip(write, read, strict=True))
    rows, columns = (_within(spans[letter]) for letter in "YX")
    return Region(tuple(write), tuple(read), Tile(rows, columns), keep)


def _span(own: slice, length: int, reach: Reach, further: int) -> Span:
    """The aligned cover of a part of an axis, and what is read around it."""
    step = reach.alignment
    context = -(-(reach.halo + further) // step) * step
    start, stop = own.start // step * step, min(length, -(-own.stop // step) * step)
    return Span(max(0, start - context), min(length, stop + context), start, stop)


def _within(span: Span) -> Span:
    """The same, counted from the first pixel that is read."""
    first = span.read_start
    return Span(0, span.read_stop - first, span.start - first, span.stop - first)


def most_pixels(shape: Sequence[int]) -> int:
    """Pixels up to which small chunks of an image are grouped into one unit."""
    return min(LARGEST_UNIT, max(SMALLEST_UNIT, math.prod(shape) // UNITS))


def unit_lengths(
    axes: str, shape: Sequence[int], file: Sequence[int], *, joint: bool, most: int = LARGEST_UNIT
) -> tuple[int, ...]:
    """Lengths of a unit: one file of the store, or several small ones together.

    Channels that are denoised together are put into one unit first; then rows and columns grow alike, for the less
    border a unit has, the less it reads twice; depth and time come last.

    Parameters
    ----------
    axes, shape
        Of the array.
    file
        Lengths of what one file of the store holds: a shard, or a chunk where there are no shards.
    joint
        Channels are denoised together.
    most
        Pixels beyond which nothing is added to a unit; a file that has more is a unit all the same.

    Examples
    --------
    >>> unit_lengths("ZYX", (300, 2048, 2048), (1, 256, 256), joint=False, most=2**20)
    (1, 1024, 1024)
    >>> unit_lengths("CZYX", (2, 300, 100, 100), (1, 1, 100, 100), joint=True, most=2**20)
    (2, 50, 100, 100)
    """
    counts = [-(-length // each) for length, each in zip(shape, file, strict=True)]
    times = [1] * len(counts)

    def size() -> int:
        return math.prod(
            min(length, each * n) for length, each, n in zip(shape, file, times, strict=True)
        )  # pixels of a unit

    def room(axis: int) -> int:
        """How many times as long a unit may become along an axis."""
        return min(counts[axis] // times[axis] + (counts[axis] % times[axis] > 0), most // size())

    if joint and "C" in axes and room(axes.index("C")) >= counts[axes.index("C")]:
        times[axes.index("C")] = counts[axes.index("C")]
    plane = [axes.index("Y"), axes.index("X")]
    while growing := [axis for axis in plane if room(axis) >= 2]:
        axis = min(growing, key=lambda one: times[one] * file[one])
        times[axis] = min(counts[axis], 2 * times[axis])
    for letter in "ZTC":
        if letter in axes and room(axes.index(letter)) >= 2 and all(times[axis] >= counts[axis] for axis in plane):
            times[axes.index(letter)] *= room(axes.index(letter))
    # as many units as before, of equal length
    even = [-(-count // -(-count // n)) for count, n in zip(counts, times, strict=True)]
    return tuple(each * n for each, n in zip(file, even, strict=True))
