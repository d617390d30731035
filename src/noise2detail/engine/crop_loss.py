"""The pair loss over crops, in one pass of the network.

``pair_loss`` calls the network twice, once for the half-size views of a crop and once for the whole of it. A quarter of
the whole has the size of a view, so both go through the network as one batch here; and since the positions of crops are
random, agreement between whole and views may be asked for on some quarters only, which costs less and has the same
gradient on average. With all four quarters the loss is ``pair_loss`` to rounding (``test_crop_loss.py``).
"""

from dataclasses import dataclass
from types import EllipsisType

import torch
from torch import Tensor

from noise2detail.engine.network import REACH
from noise2detail.engine.pair_loss import Consistency, Predict
from noise2detail.numerics.downsample import pair_downsample

SMALLEST_CROP = 4 * REACH + 4
"""Side of a crop whose views hold a 2x2 cell that sees its whole neighbourhood."""

Place = tuple[EllipsisType, slice, slice]
"""Rows and columns of a batch of images."""

_QUARTERS = ((0, 0), (1, 1), (0, 1), (1, 0))
"""In the order in which they are asked for; the first two touch all four borders."""


@dataclass(frozen=True)
class CropLoss:
    """How a loss over crops is formed."""

    consistency: Consistency
    """Which views must agree."""
    quarters: int = 4
    """Of each crop, on which the whole must agree with the views."""
    agreement: float = 1.0
    """Weight of that."""
    copies: int = 1
    """Networks side by side, each with its own channels of the crops and its own loss."""

    def __call__(self, predict: Predict, source: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Loss of every copy, ``(copy,)``.

        Parameters
        ----------
        predict
            Denoised batch without the ``REACH`` pixels at each border, which it does not pad.
        source, target
            ``(crop, copy * channel, size, size)`` in the working range, ``size`` a multiple of 4.
        weight
            ``(crop, copy, size // 2, size // 2)``, 1 where a 2x2 cell is data and 0 elsewhere; None: data everywhere.
        """
        views, count = pair_downsample(source), len(source)
        goals = views if source is target else pair_downsample(target)
        parts = _parts(count, self.quarters)
        wholes = [source[part.crops][part.read(source.shape[-1])] for part in parts]
        predicted = predict(torch.cat([*views, *wholes]))
        first, second, whole = predicted[:count], predicted[count : 2 * count], predicted[2 * count :]
        agree = pair_downsample(whole) if self.consistency == "same" else pair_downsample(whole)[::-1]
        side = first.shape[-1]
        cut = (..., slice(REACH, REACH + side), slice(REACH, REACH + side))
        inner = None if weight is None else weight[cut]
        pairs = ((second, goals[0][cut]), (first, goals[1][cut]))
        loss = torch.stack([self._sum(one - other, inner) for one, other in pairs]).sum(0)
        within = [part.crops for part in parts], [part.keep(side) for part in parts]
        some = None if inner is None else _gathered(inner, *within)
        for view, other in zip((first, second), agree, strict=True):
            loss = loss + self._sum(_gathered(view, *within) - other, some) * (self.agreement * 4 / self.quarters)
        return loss / (2 * self._count(first, inner))

    def _sum(self, error: Tensor, weight: Tensor | None) -> Tensor:
        """Sum of squares for every copy."""
        square = error.square()
        if weight is not None:
            square = square.reshape(len(square), self.copies, -1, *square.shape[2:]) * weight[:, :, None]
        return square.sum().view(1) if self.copies == 1 else square.reshape(len(error), self.copies, -1).sum((0, 2))

    def _count(self, view: Tensor, weight: Tensor | None) -> Tensor | int:
        """Pixels of a view that are data, for every copy, at least 1."""
        if weight is None:
            return view.numel() // self.copies
        return (weight.sum((0, 2, 3)) * (view.shape[1] // self.copies)).clamp_min(1)


@dataclass(frozen=True)
class _Part:
    """The same quarter of every fourth crop."""

    crops: slice
    row: int
    column: int

    def read(self, size: int) -> Place:
        """Where the quarter, with the border that the network cuts off, stands in a crop."""
        view, kept = size // 2, size // 2 - 2 * REACH
        top, left = (REACH + kept * place for place in (self.row, self.column))
        return (..., slice(top, top + view), slice(left, left + view))

    def keep(self, side: int) -> Place:
        """Where it stands in what is predicted from a view."""
        top, left = (side // 2 * place for place in (self.row, self.column))
        return (..., slice(top, top + side // 2), slice(left, left + side // 2))


def _parts(crops: int, quarters: int) -> tuple[_Part, ...]:
    """Quarters of neighbouring crops differ, so that in every step all four take part."""
    return tuple(
        _Part(slice(group, None, 4), *_QUARTERS[(group + n) % 4])
        for n in range(quarters)
        for group in range(min(4, crops))
    )


def _gathered(views: Tensor, crops: list[slice], places: list[Place]) -> Tensor:
    return torch.cat([views[crop][place] for crop, place in zip(crops, places, strict=True)])
