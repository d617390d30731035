"""One plane of an image on its way to the denoisers and back."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.pipeline.applying import Piece
from noise2detail.pipeline.layout import Layout
from noise2detail.pipeline.values import from_working_range, is_constant, tell_outliers, to_working_range
from noise2detail.plans import Plan, ValueMap
from noise2detail.types import Pixels


@dataclass(frozen=True, eq=False)
class Plane:
    """One plane in the working range."""

    index: tuple[int, ...]
    """Among the planes of the image."""
    pixels: NDArray[np.float32]
    """``(channel, y, x)``."""
    mask: NDArray[np.bool_] | None
    """Same shape, true where a pixel is data; None: everywhere."""
    constant: list[bool]
    """Channels that hold one value, and stay as they are."""

    def write(self, piece: Piece, channels: Sequence[Pixels], value_maps: tuple[ValueMap, ...]) -> None:
        """Put a piece where it belongs among the channels of the result, except where that is no data."""
        if self.constant[piece.channel]:
            return
        target = channels[piece.channel]
        values = from_working_range(piece.pixels, value_maps[piece.channel], target.dtype)
        where = True if self.mask is None else self.mask[piece.channel][piece.place]
        np.copyto(target[piece.place], values, where=where)


def prepared(array: Pixels, made: Plan, layout: Layout, index: tuple[int, ...]) -> Plane | None:
    """A plane that is ready to be denoised; None if there is nothing to denoise in it."""
    channels = layout.channels_of(layout.view(array), index)
    constant = [is_constant(channel) for channel in channels]
    if all(constant):
        return None
    pixels, mask = to_working_range(channels, made.value_maps)
    tell_outliers(channels, mask)
    return Plane(index, pixels, mask, constant)


def stacked(planes: Sequence[Plane]) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """Pixels of planes ``(plane, channel, y, x)``, and where they are data; None: everywhere."""
    pixels = planes[0].pixels[None] if len(planes) == 1 else np.stack([plane.pixels for plane in planes])
    if all(plane.mask is None for plane in planes):
        return pixels, None
    masks = [np.ones(plane.pixels.shape, bool) if plane.mask is None else plane.mask for plane in planes]
    return pixels, np.stack(masks)
