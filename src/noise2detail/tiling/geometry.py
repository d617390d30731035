"""Where tiles lie: geometry first, nothing is computed here."""

from dataclasses import dataclass

TILE = 256
"""Side of a tile in which small networks are fastest: their hidden layers fit a processor's cache, and the halo costs
little. ``benchmarks/speed.py`` measures it."""

LARGE_TILE = 1024
"""The same on an accelerator, which is fast only with much to do at once."""

SMALLEST_TILE = 64
"""Side below which the halo costs more than the tile itself, and memory is hardly saved any more."""


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


@dataclass(frozen=True)
class Tile:
    """A tile of an image."""

    row: Span
    """Along the rows."""
    column: Span
    """Along the columns."""

    @property
    def place(self) -> tuple[slice, slice]:
        """Rows and columns of the image that the tile is responsible for."""
        return slice(self.row.start, self.row.stop), slice(self.column.start, self.column.stop)

    @property
    def reach(self) -> tuple[slice, slice]:
        """Rows and columns of the image that are read for it."""
        return slice(self.row.read_start, self.row.read_stop), slice(self.column.read_start, self.column.read_stop)

    @property
    def own(self) -> tuple[slice, slice]:
        """Rows and columns to keep of what was computed from what was read."""
        return self.row.keep, self.column.keep

    @property
    def pixels(self) -> int:
        """How many it is responsible for."""
        return (self.row.stop - self.row.start) * (self.column.stop - self.column.start)

    def split(self, y: int, x: int, side: int, halo: int, alignment: int) -> tuple["Tile", ...]:
        """Smaller tiles that cover this one, a tile of an image of ``y`` by ``x`` pixels."""
        rows, columns = (spans(size, side, halo, alignment, part) for size, part in ((y, self.row), (x, self.column)))
        return tuple(Tile(row, column) for row in rows for column in columns)


def whole(y: int, x: int) -> Tile:
    """The one tile that is the image."""
    return Tile(Span(0, y, 0, y), Span(0, x, 0, x))


def spans(size: int, tile: int, halo: int, alignment: int, part: Span | None = None) -> tuple[Span, ...]:
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
    part
        A span of such a cover, which alone is to be covered; None: all pixels.

    Examples
    --------
    >>> for s in spans(10, 4, 1, 2): print(s.read_start, s.read_stop, s.start, s.stop)
    0 6 0 4
    2 10 4 8
    6 10 8 10
    """
    tile = -(-tile // alignment) * alignment
    context = -(-halo // alignment) * alignment
    first, last = (0, size) if part is None else (part.start, part.stop)
    return tuple(
        Span(max(0, start - context), min(size, stop + context), start, stop)
        for start in range(first, last, tile)
        for stop in (min(last, start + tile),)
    )
