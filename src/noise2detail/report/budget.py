"""How finely pixels are carried, so that a page stays small enough to be sent to somebody.

Noise cannot be compressed: 2048x2048 pixels of 16-bit noise are 8 MiB, and text makes 11 of that. What gives way, in
this order: grey levels finer than an eighth of the noise, then pixels, of which the middle of the image is spared.
Planes of a stack beyond those that fit are thumbnails.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

LARGEST_PAGE = 10 * 2**20
"""Bytes of a page at most."""

SPARE = 2**15
"""Bytes left free, for notes and names."""

DESCRIBED = 360
"""Bytes that describe a plane, at most."""

ATTEMPTS = 4
"""Times that the pixels are packed anew, in less room, where they took more than was foretold."""

AS_TEXT = 4 / 3
"""Characters for each byte."""

OF_NOISE = 8
"""Steps in one standard deviation of the noise at least. Rounding to them adds 1 / (12 * 64) to its variance, 0.13 %,
which nobody sees."""

SMOOTHER = 2
"""How much finer the steps of a denoised picture are than those of the noisy one."""

OVERLAYS = 0.25
"""Share of the page for overlays at most."""

STACK = 0.5
"""Share of the page for full planes where others are thumbnails."""

LARGEST_THUMBNAIL, SMALLEST_THUMBNAIL = 256, 24
"""Of their longer side, in pixels."""

THUMBNAIL_BITS = 6.0
"""For each pixel of a thumbnail, about; grey levels are 8 bits."""

CENTRE = 1024
"""Side of the middle part that keeps its pixels where the whole does not."""

FACTORS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64)
"""Pixels that become one, along either side."""


@dataclass(frozen=True)
class Fineness:
    """How finely one plane is carried."""

    step: int
    """Grey levels of the noisy picture that become one."""
    factor: int
    """Pixels along either side that become one."""
    centre: int
    """Side of the part that keeps its pixels; 0: there is none."""

    @property
    def denoised_step(self) -> int:
        """Grey levels of the other pictures that become one."""
        return max(1, self.step // SMOOTHER)


def fineness_levels(largest_step: int, longer_side: int) -> Iterator[Fineness]:
    """What can be tried, the finest first."""
    step = 1
    while step <= largest_step:
        yield Fineness(step, 1, 0)
        step *= 2
    step //= 2
    for factor in FACTORS[1 : FACTORS.index(8) + 1]:
        for centre in (CENTRE, CENTRE // 2, CENTRE // 4):
            if longer_side > centre * 1.5:
                yield Fineness(step, factor, centre)
    for factor in FACTORS[1:]:
        yield Fineness(step, factor, 0)


def choose_fineness(levels: Iterator[Fineness], size: Callable[[Fineness], float], room: float) -> Fineness:
    """The finest level whose bytes fit into the room; the coarsest where none does.

    Parameters
    ----------
    size
        About how many bytes a level takes.
    room
        Bytes there are.
    """
    level = Fineness(1, 1, 0)
    for level in levels:
        if size(level) <= room:
            break
    return level


def room_for_pixels(frame: int, layers: int, largest: int = LARGEST_PAGE) -> int:
    """Bytes of pixels, before they become text, that fit into a page.

    Parameters
    ----------
    frame
        Bytes of everything else.
    layers
        Planes of pictures and maps, each of which has to be described.
    largest
        Bytes of the page.
    """
    return max(0, int((largest - frame - layers * DESCRIBED - SPARE) / AS_TEXT))


def thumbnail_side(count: int, shape: tuple[int, int], room: float) -> int:
    """Longer side of each of ``count`` thumbnails of planes of a shape, in pixels; 0 where not even small ones fit."""
    if not count:
        return 0
    pixels = max(room, 0.0) * 8 / THUMBNAIL_BITS / count
    side = int((pixels * max(shape) / min(shape)) ** 0.5)
    return min(LARGEST_THUMBNAIL, side, max(shape)) if side >= SMALLEST_THUMBNAIL else 0
