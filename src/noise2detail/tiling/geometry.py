"""Where tiles lie: geometry first, nothing is computed here."""

from dataclasses import dataclass

TILE = 256
"""Side of a tile in which small networks are fastest: their hidden layers fit a processor's cache, and the halo costs
little. ``benchmarks/speed.py`` measures it."""


@dataclass(frozen=True)
class Span:
    """A tile along one axis, in pixels."""

    read_start: int
    """First pixel that is read: a multiple of the alignment."""
    read_stop: int
    """One past the last pixel that is read."""
    start: int
    """First pixel that the tile is responsible for."""
    stop: int
    """One past the last pixel that the tile is responsible for."""

    @property
    def keep(self) -> slice:
        """What to keep of the tile's result."""
        return slice(self.start - self.read_start, self.stop - self.read_start)


def spans(size: int, tile: int, halo: int, alignment: int) -> tuple[Span, ...]:
    """Tiles that cover ``size`` pixels once, each read with ``halo`` pixels of context where the image has them.

    Parameters
    ----------
    size
        Length of the axis.
    tile
        Wanted length of a tile without its halo; rounded up to a multiple of ``alignment``.
    halo
        Context on each side; what is read begins at a multiple of ``alignment``, so it may be a little more.
    alignment
        Read origins are multiples of it. A tile that does not end at the image's end also has a multiple of it as its
        length, so that padding to a multiple of the alignment happens where it happens for the whole image.

    Examples
    --------
    >>> for s in spans(10, 4, 1, 2): print(s.read_start, s.read_stop, s.start, s.stop)
    0 6 0 4
    2 10 4 8
    6 10 8 10
    """
    tile = -(-tile // alignment) * alignment
    context = -(-halo // alignment) * alignment
    return tuple(
        Span(max(0, start - context), min(size, start + tile + context), start, min(size, start + tile))
        for start in range(0, size, tile)
    )
