"""Early stopping without a reference: the loss on blocks of the noisy image that no step was compared with.

The noise of the held-out pixels is independent of everything that the network was trained to predict, so their loss
rises once it begins to learn noise by heart. They stay visible as input of their neighbours, as every pixel does when
the network is applied.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from noise2detail.errors import check_setting

BLOCK = 16
"""Side of a held-out block; less would leave few 2x2 cells of a crop whole."""

MOST = 64
"""Held-out blocks: enough to tell one network from another, few enough to cost nothing."""


@dataclass(frozen=True)
class Stopping:
    """Stop when the loss on held-out pixels has not fallen for a while; the best weights count."""

    every: int = 50
    """Steps between two looks."""
    patience: int = 4
    """Looks without a better one before the end."""

    def __post_init__(self) -> None:
        check_setting("every", self.every)
        check_setting("patience", self.patience)


class Watch:
    """Judges a network again and again, and remembers the best weights.

    Parameters
    ----------
    stopping
        How often, and for how long.
    loss
        On held-out pixels, of the network as it is now.
    """

    def __init__(self, stopping: Stopping, loss: Callable[[], float]) -> None:
        self._stopping, self._loss = stopping, loss
        self._least, self._waited = float("inf"), 0
        self.best: Tensor | None = None
        """The weights at the least loss; None before the first look."""

    def had_enough(self, step: int, weights: Tensor) -> bool:
        """Whether to stop after step ``step``, counted from 1; ``weights`` is the vector of all of them."""
        if step % self._stopping.every:
            return False
        loss = self._loss()
        if loss < self._least:
            self._least, self._waited, self.best = loss, 0, weights.clone()
        else:
            self._waited += 1
        return self._waited >= self._stopping.patience


def held_out_blocks(sizes: tuple[int, int], images: int, seed: int) -> Tensor:
    """Corners of the held-out blocks, ``(block, 3)``: image, top, left; none if the images are too small to spare any.

    Parameters
    ----------
    sizes
        Rows and columns.
    images
        Of that size.
    seed
        Of the choice. Blocks stand on a grid of ``4 * BLOCK`` pixels, at random places within its cells, so they are a
        sixteenth of the pixels at most and do not touch.
    """
    step = 4 * BLOCK
    rows, columns = (side // step for side in sizes)
    cells = torch.cartesian_prod(torch.arange(images), torch.arange(rows), torch.arange(columns)).reshape(-1, 3)
    generator = torch.Generator().manual_seed(seed)
    chosen = cells[torch.randperm(len(cells), generator=generator)[:MOST]]
    inside = torch.randint(BLOCK, step - 2 * BLOCK, (len(chosen), 2), generator=generator)
    return torch.cat([chosen[:, :1], chosen[:, 1:] * step + inside], 1)


def without_blocks(mask: Tensor, blocks: Tensor) -> Tensor:
    """Mask that is false in the blocks as well, ``(image, 1, y, x)``."""
    result = mask.clone()
    for image, top, left in blocks.tolist():
        result[image, :, top : top + BLOCK, left : left + BLOCK] = False
    return result


def block_windows(images: Tensor, blocks: Tensor, margin: int) -> Tensor:
    """The held-out blocks, each with its surroundings: ``(block, channel, side, side)``.

    Parameters
    ----------
    images
        ``(image, channel, y, x)``.
    blocks
        Their corners.
    margin
        Pixels of surroundings on each side, ``BLOCK`` at most: so far every block is from the border.
    """
    side = BLOCK + 2 * margin
    corners = (blocks[:, 1:] - margin).tolist()
    cut = [images[n, :, y : y + side, x : x + side] for n, (y, x) in zip(blocks[:, 0].tolist(), corners, strict=True)]
    return torch.stack(cut)
