"""Planes of a window laid over each other where their content has moved as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from noise2detail.noise.model import NoiseModel
from noise2detail.noise.motion import shift_between
from noise2detail.noise.stabilize import stabilise

MOST = 1 / 3
"""Of the shorter side, by which planes of a window may lie apart: with more, little of what they show is the same."""


@dataclass(frozen=True)
class Placement:
    """Where each plane lies on a sheet that holds all of them."""

    corners: tuple[tuple[int, int], ...]
    """Row and column of the upper left pixel of each."""
    size: tuple[int, int]
    """Rows and columns of a plane."""

    @property
    def moves(self) -> bool:
        """True if the planes do not all lie at the same place."""
        return len(set(self.corners)) > 1

    def put(self, planes: Tensor) -> Tensor:
        """Sheets ``(plane, channel, y, x)``, mirrored where a plane does not reach."""
        if not self.moves:
            return planes
        high, wide = (max(corner[axis] for corner in self.corners) for axis in (0, 1))
        return torch.stack(
            [
                F.pad(plane, (left, wide - left, top, high - top), mode="reflect")
                for plane, (top, left) in zip(planes, self.corners, strict=True)
            ]
        )

    def common(self, planes: Tensor) -> Tensor:
        """What all planes show, cut out of each."""
        high, wide = (max(corner[axis] for corner in self.corners) for axis in (0, 1))
        y, x = self.size[0] - high, self.size[1] - wide
        pairs = zip(planes, self.corners, strict=True)
        return torch.stack(
            [plane[..., high - t : high - t + y, wide - left : wide - left + x] for plane, (t, left) in pairs]
        )

    def take(self, sheets: Tensor) -> Tensor:
        """Every plane of its sheet."""
        if not self.moves:
            return sheets
        y, x = self.size
        cut = [sheet[..., t : t + y, left : left + x] for sheet, (t, left) in zip(sheets, self.corners, strict=True)]
        return torch.stack(cut)


def followed(planes: Tensor, models: Sequence[NoiseModel] | None) -> Placement:
    """Where planes ``(plane, channel, y, x)`` lie, by the steps from each to the next.

    Parameters
    ----------
    planes
        In the working range.
    models
        Of the noise of each channel; None: unknown.
    """
    y, x = (int(side) for side in planes.shape[-2:])
    alike = planes if models is None else _alike(planes, models)
    at, corners = (0, 0), [(0, 0)]
    for first, second in pairwise(alike):
        # what lies further down in the second plane must be moved up
        down, right = shift_between(first, second)
        at = at[0] - down, at[1] - right
        corners.append(at)
    least = [min(corner[axis] for corner in corners) for axis in (0, 1)]
    moved = tuple((top - least[0], left - least[1]) for top, left in corners)
    if max(max(corner) for corner in moved) > MOST * min(y, x):
        moved = ((0, 0),) * len(planes)
    return Placement(moved, (y, x))


def _alike(planes: Tensor, models: Sequence[NoiseModel]) -> Tensor:
    """Channels with noise, of variance 1; all of them if none has any."""
    pairs = zip(planes.unbind(1), models, strict=True)
    found = [stabilise(channel, model) for channel, model in pairs if model.gain or model.sigma]
    return torch.stack(found, 1) if found else planes
