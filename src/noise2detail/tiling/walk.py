"""Apply a function tile by tile, in bounded memory; with smaller tiles where memory runs out."""

import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from jaxtyping import Float32
from torch import Tensor

from noise2detail.errors import NotEnoughMemoryError, is_out_of_memory
from noise2detail.tiling.geometry import SMALLEST_TILE, Tile, whole
from noise2detail.types import Batch

log = logging.getLogger(__name__)

Kinds = Float32[Tensor, "batch kind y x"]
"""Images of the same size, not necessarily with the same channels."""

T = TypeVar("T")


class TileSide:
    """Side of the tiles in work: it shrinks when memory runs out, and stays so for every later image.

    Parameters
    ----------
    side
        To begin with, in pixels.
    """

    def __init__(self, side: int) -> None:
        self.side = side
        self._told = False

    def shrink(self, longest: int, found: str) -> bool:
        """Halve it after memory ran out; False where it cannot be smaller.

        Parameters
        ----------
        longest
            Longer side of the image: a tile that is larger is no larger than the image.
        found
            What ran out.
        """
        now = min(self.side, longest)
        if now <= SMALLEST_TILE:
            return False
        self.side = max(SMALLEST_TILE, now // 2)
        # the first time is news; that it was not enough yet is a detail
        log.log(
            logging.DEBUG if self._told else logging.WARNING,
            "memory ran out with tiles of %dx%d pixels (%s); going on with smaller ones, which give the same result",
            now,
            now,
            found,
        )
        self._told = True
        return True


@dataclass(frozen=True)
class Done(Generic[T]):
    """A tile that has been computed."""

    tile: Tile
    """Where it lies."""
    result: T
    """What the function gave for all that the tile has read."""
    index: int
    """Number of the tile, from 1."""
    count: int
    """Tiles of the image; grows when memory runs out, as then does ``index``."""
    fraction: float
    """Share of the pixels that is done; never falls."""


def walk(
    function: Callable[[Batch], T],
    image: Batch,
    side: TileSide,
    *,
    halo: int | None,
    alignment: int,
    part: Tile | None = None,
) -> Iterator[Done[T]]:
    """One tile of an image after the other, each computed when it is asked for.

    Parameters
    ----------
    function
        Keeps rows and columns; an output pixel depends on no more than ``halo`` pixels on each side.
    image
        ``(1, channel, y, x)``.
    side
        Of the largest tile, without its halo. Where memory runs out, what is left of the image goes on in smaller ones.
    halo
        None: the image in one piece.
    alignment
        Tiles begin at multiples of it.
    part
        The pixels that are wanted, which begin at multiples of the alignment; None: all. Without a halo it has no say.

    Raises
    ------
    NotEnoughMemoryError
        Even the smallest tile needs more memory than there is.
    """
    y, x = image.shape[-2:]

    def cut(tiles: tuple[Tile, ...]) -> tuple[Tile, ...]:
        return tuple(part for tile in tiles for part in tile.split(y, x, side.side, halo or 0, alignment))

    wanted = whole(y, x) if part is None or halo is None else part
    tiles = (wanted,) if halo is None else cut((wanted,))
    number, pixels = 0, 0
    while number < len(tiles):
        tile = tiles[number]
        try:
            result = function(image[..., *tile.reach])
        except (MemoryError, RuntimeError) as error:
            if not isinstance(error, torch.OutOfMemoryError) and not is_out_of_memory(error):
                raise
            found = next(iter(str(error).splitlines()), "") or type(error).__name__
            if halo is None or not side.shrink(max(y, x), found):
                raise NotEnoughMemoryError(found, None if halo is None else min(side.side, max(y, x))) from error
            traceback.clear_frames(error.__traceback__)  # they hold what the function had allocated
            _release()
            number, tiles = len(cut(tiles[:number])), cut(tiles)
            continue
        number, pixels = number + 1, pixels + tile.pixels
        yield Done(tile, result, number, len(tiles), pixels / wanted.pixels)


def apply_in_tiles(
    function: Callable[[Batch], Kinds],
    images: Batch,
    *,
    tile: int,
    halo: int | None,
    alignment: int,
    on_tile: Callable[[int, int], None] | None = None,
) -> Kinds:
    """What ``function`` gives for whole images, computed one image and one tile after the other.

    Parameters
    ----------
    function
        Keeps rows and columns, not necessarily channels; an output pixel depends on no more than
        ``halo`` pixels on each side.
    tile
        Largest side of a tile without its halo; smaller also is faster where it fits the processor's cache.
    halo
        None: whole images, one by one.
    alignment
        Tiles begin at multiples of it.
    on_tile
        Told after each tile its number, from 1, and how many there are; may raise to stop.
    """
    side = TileSide(tile)
    result: Kinds | None = None
    for index in range(len(images)):
        for done in walk(function, images[index : index + 1], side, halo=halo, alignment=alignment):
            kept = done.result[0, :, *done.tile.own]
            if result is None:
                result = images.new_empty((len(images), len(kept), *images.shape[-2:]))
            result[index, :, *done.tile.place] = kept
            if on_tile is not None:
                on_tile(index * done.count + done.index, len(images) * done.count)
    assert result is not None  # noqa: S101 - a batch holds an image and an image holds pixels
    return result


def _release() -> None:
    """Give back what PyTorch keeps for later allocations: it was cut for larger tiles."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
