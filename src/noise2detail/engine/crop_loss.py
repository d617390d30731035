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
from noise2detail.numerics.downsample import pair_downsample, pair_spread

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
        """Loss of every copy, ``(copy,)``: the plain way, to be differentiated.

        Parameters
        ----------
        predict
            Denoised batch without the ``REACH`` pixels at each border, which it does not pad.
        source, target
            ``(crop, copy * channel, size, size)`` in the working range, ``size`` a multiple of 4.
        weight
            ``(crop, copy, size // 2, size // 2)``, 1 where a 2x2 cell is data and 0 elsewhere; None: data everywhere.
        """
        batch, goals, parts = self._material(source, target)
        first, second, whole = _split(predict(batch), len(source))
        inner = None if weight is None else _inner(weight)
        residual = self._sum(second - goals[0], inner) + self._sum(first - goals[1], inner)
        some = None if inner is None else _gathered(inner, parts)
        apart = [
            self._sum(_gathered(view, parts) - other, some)
            for view, other in zip((first, second), self._agree(whole), strict=True)
        ]
        loss = residual + (apart[0] + apart[1]) * self._pull
        return loss / (2 * self._count(first, inner))

    def gradient(self, predict: Predict, source: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """The same, after adding the gradient of the sum to what ``predict`` depends on.

        The slope of the loss by what is predicted is written out, so that only the network is differentiated
        automatically: the loss is made of many small operations, and they would take as long as the convolutions.
        """
        batch, goals, parts = self._material(source, target)
        with torch.enable_grad():
            predicted = predict(batch)
        with torch.no_grad():
            loss, slope = self._slope(predicted.detach(), goals, parts, None if weight is None else _inner(weight))
        # handed the slope itself, backward would load a computer algebra system to check its shape
        with torch.enable_grad():
            total = (predicted * slope).sum()
        total.backward()  # type: ignore[no-untyped-call]
        return loss

    def _slope(
        self, predicted: Tensor, goals: tuple[Tensor, Tensor], parts: "tuple[_Part, ...]", weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Loss of every copy, and how their sum changes with every predicted pixel."""
        crops = len(goals[0])
        first, second, whole = _split(predicted, crops)
        count = self._count(first, weight)
        slope = torch.empty_like(predicted)
        errors = (
            torch.sub(first, goals[1], out=slope[:crops]),
            torch.sub(second, goals[0], out=slope[crops : 2 * crops]),
        )
        loss = self._sum(errors[0], weight) + self._sum(errors[1], weight)
        some = None if weight is None else _gathered(weight, parts)
        apart = [
            _gathered(view, parts) - other for view, other in zip((first, second), self._agree(whole), strict=True)
        ]
        loss = (loss + (self._sum(apart[0], some) + self._sum(apart[1], some)) * self._pull) / (2 * count)
        if weight is not None and some is not None:
            for error in errors:
                error.mul_(self._of_channels(weight, error))
            apart = [error * self._of_channels(some, error) for error in apart]
        for error, difference in zip(errors, apart, strict=True):
            start = 0
            for part in parts:
                place = error[part.crops][part.keep(error.shape[-1])]
                place.add_(difference[start : start + len(place)], alpha=self._pull)
                start += len(place)
        spread = pair_spread(*(apart if self.consistency == "same" else apart[::-1]))
        slope[2 * crops :] = spread.mul_(-self._pull)
        if isinstance(count, int):
            return loss, slope.div_(count)
        return loss, slope.div_(count.repeat_interleave(slope.shape[1] // self.copies)[:, None, None])

    @property
    def _pull(self) -> float:
        """Weight of the agreement, as if it were asked for on every quarter."""
        return self.agreement * 4 / self.quarters

    def _material(self, source: Tensor, target: Tensor) -> "tuple[Tensor, tuple[Tensor, Tensor], tuple[_Part, ...]]":
        """What goes through the network, what the views are compared with, and which quarters are asked for."""
        views = pair_downsample(source)
        goals = views if source is target else pair_downsample(target)
        parts = _parts(len(source), self.quarters)
        wholes = [source[part.crops][part.read(source.shape[-1])] for part in parts]
        return torch.cat([*views, *wholes]), (_inner(goals[0]), _inner(goals[1])), parts

    def _agree(self, whole: Tensor) -> tuple[Tensor, Tensor]:
        """Views of the denoised quarters, in the order in which those of the crop must agree with them."""
        one, other = pair_downsample(whole)
        return (one, other) if self.consistency == "same" else (other, one)

    def _of_channels(self, weight: Tensor, error: Tensor) -> Tensor:
        return weight.repeat_interleave(error.shape[1] // self.copies, 1)

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


def _gathered(views: Tensor, parts: tuple[_Part, ...]) -> Tensor:
    """What stands in the quarters of views."""
    return torch.cat([views[part.crops][part.keep(views.shape[-1])] for part in parts])


def _inner(view: Tensor) -> Tensor:
    """A view without the rim that the network cuts off."""
    return view[..., REACH:-REACH, REACH:-REACH]


def _split(predicted: Tensor, crops: int) -> tuple[Tensor, Tensor, Tensor]:
    """First views, second views, and quarters of the whole."""
    return predicted[:crops], predicted[crops : 2 * crops], predicted[2 * crops :]
