"""A few windows at random places of images that are too large to be worked through for a training."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from noise2detail.types import Batch


@dataclass(frozen=True, eq=False)
class Windows:
    """Squares of one size, anywhere in a batch of images."""

    corners: Tensor
    """``(window, 3)``: image, top, left."""
    side: int
    """In pixels."""

    def cut(self, images: Tensor) -> Tensor:
        """The windows of images, ``(window, channel, side, side)``."""
        return torch.stack([images[n, :, y : y + self.side, x : x + self.side] for n, y, x in self.corners.tolist()])


def random_windows(images: Batch, count: int, side: int, alignment: int, seed: int) -> Windows:
    """Windows at random places, drawn from all of the images.

    Parameters
    ----------
    images
        At least ``side`` pixels high and wide.
    count, side
        Of the windows.
    alignment
        Of their corners.
    seed
        Of the places.
    """
    batch, _, y, x = images.shape
    places = torch.tensor([batch, (y - side) // alignment + 1, (x - side) // alignment + 1])
    generator = torch.Generator().manual_seed(seed)
    drawn = (torch.rand(count, 3, generator=generator, dtype=torch.float64) * places).long()
    return Windows(drawn * torch.tensor([1, alignment, alignment]), side)


def apply_in_windows(
    function: Callable[[Batch], Batch],
    images: Batch,
    windows: Windows,
    *,
    halo: int,
    alignment: int,
    on_window: Callable[[int, int], None],
) -> Tensor:
    """What ``function`` gives for whole images, computed in windows only: ``(window, channel, side, side)``.

    Parameters
    ----------
    function, images, halo, alignment
        As for ``apply_in_tiles``.
    windows
        With corners at multiples of ``alignment``.
    on_window
        Told after each window its number, from 1, and how many there are; may raise to stop.
    """
    context = -(-halo // alignment) * alignment
    side = -(-windows.side // alignment) * alignment
    y, x = images.shape[-2:]
    # one array from the beginning: small results that stay, each beside large ones that go, would keep their gaps apart
    found: Batch | None = None
    for index, (number, top, left) in enumerate(windows.corners.tolist()):
        first_row, first_column = max(0, top - context), max(0, left - context)
        last_row, last_column = min(y, top + side + context), min(x, left + side + context)
        piece = images[number : number + 1, :, first_row:last_row, first_column:last_column]
        row, column = top - first_row, left - first_column
        window = function(piece)[0, :, row : row + windows.side, column : column + windows.side]
        if found is None:
            found = images.new_empty((len(windows.corners), *window.shape))
        found[index] = window
        on_window(index + 1, len(windows.corners))
    assert found is not None  # noqa: S101 - there is at least one window
    return found
