"""Where the voxels of a scan lie in the patient, for formats that can say it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.image import Image

PLACEMENT_KEY = "placement"
"""Key of the placement in the metadata of an image."""

Matrix = NDArray[np.float64]

_STRAIGHT = 0.05
"""Share of a step by which a slice may lie beside the line through all slices."""
_FARTHEST = 1e6
"""Millimetres that no patient is away from the middle of a scanner."""
_TURNED = 1e-3
"""Cosine between axes that rounding explains."""


@dataclass(frozen=True, eq=False)
class Placement:
    """Where the voxels of an image lie."""

    matrix: Matrix
    """``(3, 4)``: from column, row, slice and 1 to millimetres left, posterior and superior, as DICOM counts them."""
    axes: str
    """Of the image that it is true of."""
    shape: tuple[int, ...]
    """Of the same."""

    @property
    def upright(self) -> Matrix:
        """``(4, 4)``: to millimetres right, anterior and superior, as NIfTI counts them."""
        return np.vstack([np.diag([-1.0, -1.0, 1.0]) @ self.matrix, [0, 0, 0, 1]])

    @property
    def tilt(self) -> float:
        """Degrees between the way from slice to slice and the normal of the slices: the tilt of a gantry, mostly."""
        along = self.matrix[:, 2] / np.linalg.norm(self.matrix[:, 2])
        normal = np.cross(self.matrix[:, 0], self.matrix[:, 1])
        cosine = abs(float(along @ normal / np.linalg.norm(normal)))
        return math.degrees(math.acos(min(1.0, cosine))) if 1 - cosine > _TURNED**2 else 0.0


def placed(
    orientation: Sequence[float],
    positions: Sequence[Sequence[float]],
    spacing: dict[str, float],
    axes: str,
    shape: tuple[int, ...],
) -> Placement | None:
    """The placement of slices; None where they say too little, or do not lie on a line in even steps.

    Parameters
    ----------
    orientation
        Directions of a row and of a column, three numbers each.
    positions
        Of the centre of the first pixel of each slice, in millimetres.
    spacing
        Millimetres between rows, ``Y``, and between columns, ``X``.
    axes, shape
        Of the image.
    """
    known = len(orientation) == 6 and bool(positions) and all(len(one) == 3 for one in positions)
    if not known or not all(spacing.get(axis, 0.0) > 0 for axis in "YX"):
        return None
    along, down = np.array(orientation[:3], float), np.array(orientation[3:], float)
    places = np.array(positions, float)
    if max(np.abs(along).max(), np.abs(down).max()) > 1 + _TURNED or np.abs(places).max() > _FARTHEST:
        return None
    if not np.allclose([along @ along, down @ down, along @ down], [1, 1, 0], atol=_TURNED):
        return None
    step = (places[-1] - places[0]) / max(1, len(places) - 1)
    line = places[0] + np.arange(len(places))[:, np.newaxis] * step
    size = float(np.linalg.norm(step))
    if np.abs(places - line).max() > _STRAIGHT * size or (size > 0 and "Z" not in axes):
        return None
    step = step if size else np.cross(along, down)  # a single slice, or one over and over as in a time series
    matrix = np.column_stack([along * spacing["X"], down * spacing["Y"], step, places[0]])
    return Placement(matrix, axes, shape)


def placement_of(image: Image) -> Placement | None:
    """Where the voxels of an image lie, if that is known and still true of it."""
    found = image.metadata.get(PLACEMENT_KEY)
    if not isinstance(found, Placement):
        return None
    return found if (found.axes, found.shape) == (image.axes, tuple(image.array.shape)) else None


def quaternion(matrix: Matrix) -> tuple[float, tuple[float, float, float]] | None:
    """Sign of the third axis and the rotation as NIfTI keeps it; None where the axes are not at right angles.

    Parameters
    ----------
    matrix
        ``(3, 3)`` or larger; its columns are axes of any length.

    >>> quaternion(np.diag([2.0, 2.0, -3.0]))
    (-1.0, (0.0, 0.0, 0.0))
    """
    turn = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0)
    if not np.allclose(turn.T @ turn, np.eye(3), atol=_TURNED):
        return None
    sign = 1.0 if np.linalg.det(turn) > 0 else -1.0
    turn = turn * [1.0, 1.0, sign]
    # the eigenvector of the largest eigenvalue of this form is the quaternion, whatever the rotation
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = turn
    form = np.array(
        [
            [xx + yy + zz, zy - yz, xz - zx, yx - xy],
            [zy - yz, xx - yy - zz, yx + xy, xz + zx],
            [xz - zx, yx + xy, yy - xx - zz, zy + yz],
            [yx - xy, xz + zx, zy + yz, zz - xx - yy],
        ]
    )
    a, b, c, d = np.linalg.eigh(form)[1][:, -1]
    flip = -1.0 if a < 0 else 1.0
    return sign, (float(flip * b) + 0.0, float(flip * c) + 0.0, float(flip * d) + 0.0)
