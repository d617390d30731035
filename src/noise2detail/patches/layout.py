"""Where reference patches and their candidates lie in an image, and in which pieces they are worked through."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

PIECE = 8
"""Cells whose groups are formed and filtered together: what they need stays in the cache."""


@dataclass(frozen=True)
class Search:
    """Patches to filter and patches to compare them with."""

    side: int = 8
    """Of a patch, in pixels."""
    step: int = 3
    """Pixels from one reference patch to the next."""
    reach: int = 19
    """Largest distance of a candidate from its reference, along each axis, in pixels."""
    count: int = 16
    """Patches of a group at most, the reference among them; for a cascade a power of two."""
    limit: float = float("inf")
    """Largest mean square difference of a pixel between similar patches; for a cascade in variances of the noise."""
    cell: int = 6
    """References along each side of a cell, which share one window of candidates."""

    @property
    def window(self) -> int:
        """Candidates along each side of the window of a cell."""
        return self.step * (self.cell - 1) + 2 * self.reach + 1


@dataclass(frozen=True)
class Layout:
    """Of the patches of an image with a border: candidates have coordinates in the bordered image."""

    search: Search
    y: int
    """Height of the image, pixels."""
    x: int
    """Width of the image, pixels."""

    def references(self, length: int) -> int:
        """Reference patches along an axis of so many pixels; the last reaches the edge or beyond."""
        return -(-(length - self.search.side) // self.search.step) + 1

    def cells(self, length: int) -> int:
        """Cells along an axis of so many pixels."""
        return -(-self.references(length) // self.search.cell)

    def candidates(self, length: int) -> int:
        """Patches along an axis of so many pixels."""
        return self.search.step * (self.references(length) - 1) + 1

    def spread(self, length: int) -> int:
        """Patches along an axis of the bordered image."""
        return self.search.step * (self.search.cell * self.cells(length) - 1) + 2 * self.search.reach + 1

    def bordered(self, images: Tensor) -> Tensor:
        """Images ``(channel, y, x)`` mirrored until the references cover them, then with zeros all around.

        No candidate lies among the zeros: ``matching`` excludes them. They spare every index its checks.
        """
        search = self.search
        mirrored = [self.candidates(length) + search.side - 1 - length for length in (self.x, self.y)]
        images = F.pad(images, (0, mirrored[0], 0, mirrored[1]), mode="reflect")
        behind = [
            self.spread(length) + search.side - 1 - search.reach - images.shape[axis]
            for length, axis in ((self.x, -1), (self.y, -2))
        ]
        return F.pad(images, (search.reach, behind[0], search.reach, behind[1]))

    @property
    def pieces(self) -> int:
        """Pieces of all rows of cells."""
        return self.cells(self.y) * -(-self.cells(self.x) // PIECE)

    def strips(self, positions: int) -> Iterator["Strip"]:
        """Bands of rows of cells that together hold every reference, each with about so many candidates at most."""
        high = self.search.step * self.search.cell
        margin = self.search.window - high
        rows = max((positions // self.spread(self.x) - margin) // high, 1)
        for first in range(0, self.cells(self.y), rows):
            yield Strip(self, first, min(rows, self.cells(self.y) - first))


@dataclass(frozen=True)
class Strip:
    """Some rows of cells, with all candidates of their references."""

    layout: Layout
    first: int
    """Row of cells with which it begins."""
    rows: int
    """Rows of cells."""

    @property
    def top(self) -> int:
        """First row of pixels in the bordered image."""
        return self.first * self.layout.search.step * self.layout.search.cell

    @property
    def high(self) -> int:
        """Rows of candidates."""
        return (self.rows - 1) * self.layout.search.step * self.layout.search.cell + self.layout.search.window

    @property
    def wide(self) -> int:
        """Candidates in a row."""
        return self.layout.spread(self.layout.x)

    def pieces(self) -> Iterator["Piece"]:
        """Every row of cells, in pieces."""
        across = self.layout.cells(self.layout.x)
        for row in range(self.rows):
            for first in range(0, across, PIECE):
                yield Piece(row, first, min(PIECE, across - first))

    def cut(self, bordered: Tensor) -> Tensor:
        """Pixels of its candidates, ``(..., y, x)``."""
        return bordered[..., self.top : self.top + self.high + self.layout.search.side - 1, :]

    def patches(self, bordered: Tensor) -> Tensor:
        """Every candidate of one bordered image ``(y, x)``, one row of pixels each: ``(candidates, side * side)``."""
        side = self.layout.search.side
        views = self.cut(bordered).unfold(0, side, 1).unfold(1, side, 1)  # (high, wide, side, side)
        return views.reshape(self.high * self.wide, side * side)


@dataclass(frozen=True)
class Piece:
    """Some cells of one row of a strip."""

    row: int
    """Of cells, from 0 for the strip's first."""
    first: int
    """Cell of the row with which it begins."""
    cells: int
    """How many."""
