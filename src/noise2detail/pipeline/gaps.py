"""Pixels that are no data, filled so that what surrounds them can be computed with."""

import numpy as np
from numpy.typing import NDArray

from noise2detail.tiling.geometry import Tile, spans

FAR_ENOUGH = 64
"""Pixels from the nearest data beyond which a gap's filling reaches no denoised pixel, so that anything will do."""

BLOCK = 256
"""Side of the squares that are filled one after the other."""


def fill_gaps(image: NDArray[np.float32], valid: NDArray[np.bool_]) -> None:
    """Give every pixel that is no data the value of the nearest that is, and 0 further than ``FAR_ENOUGH`` from any.

    Parameters
    ----------
    image
        ``(y, x)``; changed in place.
    valid
        Same shape; True where a pixel is data.
    """
    rows, columns = (spans(size, BLOCK, FAR_ENOUGH, 1) for size in image.shape)
    for tile in (Tile(row, column) for row in rows for column in columns):
        own = valid[tile.place]
        if not own.all():
            np.copyto(image[tile.place], _filling(image[tile.reach], valid[tile.reach], tile.own), where=~own)


def _filling(
    image: NDArray[np.float32], valid: NDArray[np.bool_], part: tuple[slice, slice]
) -> NDArray[np.float32] | np.float32:
    """For every pixel of a part of an image the value of the nearest that is data, or 0."""
    from scipy.ndimage import distance_transform_edt  # takes 0.2 s to import, and few images have gaps

    if not valid.any():
        return np.float32(0)
    distance, (row, column) = distance_transform_edt(~valid, return_indices=True)
    # nearest among the pixels at hand; one that is further than FAR_ENOUGH may not be the nearest of all
    return np.where(distance[part] <= FAR_ENOUGH, image[row[part], column[part]], np.float32(0))
