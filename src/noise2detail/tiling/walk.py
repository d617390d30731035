"""Apply a function tile by tile, in bounded memory."""

from collections.abc import Callable

import torch
from jaxtyping import Float32
from torch import Tensor

from noise2detail.tiling.geometry import spans
from noise2detail.types import Batch

Kinds = Float32[Tensor, "batch kind y x"]
"""Images of the same size, not necessarily with the same channels."""


def apply_in_tiles(
    function: Callable[[Batch], Kinds], images: Batch, *, tile: int, halo: int | None, alignment: int
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
    """
    if halo is None:
        return torch.cat([function(image[None]) for image in images])
    y, x = images.shape[-2:]
    rows, columns = spans(y, tile, halo, alignment), spans(x, tile, halo, alignment)
    result: Kinds | None = None
    for index in range(len(images)):
        for row in rows:
            for column in columns:
                piece = images[
                    index : index + 1, :, row.read_start : row.read_stop, column.read_start : column.read_stop
                ]
                done = function(piece)[0]
                if result is None:
                    result = images.new_empty((len(images), done.shape[0], y, x))
                result[index, :, row.start : row.stop, column.start : column.stop] = done[:, row.keep, column.keep]
    assert result is not None  # noqa: S101 - a batch holds an image and an image holds pixels
    return result
