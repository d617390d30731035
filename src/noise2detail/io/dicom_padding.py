"""Pixels of DICOM images that were never measured: padding that the header names, and what lies outside a round CT."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from noise2detail.io.dicom_fields import padding_range
from noise2detail.types import Pixels

Mask = NDArray[np.bool_]

_LEAST = 0.01
"""Share of an image that corners take at least: those around a circle take a fifth."""
_EXACT = 1e-6


def not_measured(stored: Pixels, header: Any) -> Mask | None:
    """True where a grey pixel was not measured; None: nowhere.

    Parameters
    ----------
    stored
        As decoded, ``(frame, y, x)`` or ``(y, x)``.
    header
        Of the file.
    """
    found = np.zeros(stored.shape, bool)
    padding = padding_range(header, 1.0, 0.0)
    if padding is not None:
        found |= (stored >= padding[0]) & (stored <= padding[1])
    if header.get("Modality") == "CT":
        for place in np.ndindex(*stored.shape[:-2]):
            outside = outside_of_view(stored[place])
            if outside is not None:
                found[place] |= outside
    return found if found.any() else None


def outside_of_view(plane: Pixels) -> Mask | None:
    """True outside the field of view: where the lowest value fills the four corners; None: it fills them not.

    A scanner measures a circle, and fills the corners of the square around it with one value, often without naming it
    in the header. Air within the circle may have the same value where its noise was cut off, so only what lies outside
    the convex hull of all other values counts.

    Parameters
    ----------
    plane
        ``(y, x)``, as stored.
    """
    corners = plane[[0, 0, -1, -1], [0, -1, 0, -1]]
    if (corners != corners[0]).any() or corners[0] != plane.min():
        return None
    other = plane != corners[0]
    rows = np.flatnonzero(other.any(axis=1))
    if not rows.size:
        return None
    found: Mask = np.ones(plane.shape, bool)
    inner = slice(rows[0], rows[-1] + 1)
    left, right = other.argmax(axis=1), plane.shape[1] - 1 - other[:, ::-1].argmax(axis=1)
    columns, every = np.arange(plane.shape[1]), np.arange(rows[0], rows[-1] + 1)
    first, last = (_below(rows, side[rows] * sign, every) * sign for side, sign in ((left, 1), (right, -1)))
    found[inner] = (columns < first[:, np.newaxis] - _EXACT) | (columns > last[:, np.newaxis] + _EXACT)
    return found if found.mean() > _LEAST else None


def _below(rows: Pixels, ends: Pixels, every: Pixels) -> NDArray[np.float64]:
    """The convex line through and below some points, at every row."""
    line: list[tuple[int, int]] = []
    for row, end in zip(rows.tolist(), ends.tolist(), strict=True):
        while len(line) > 1 and _turns_up(line[-2], line[-1], (row, end)):
            line.pop()
        line.append((row, end))
    known = np.array(line)
    found: NDArray[np.float64] = np.interp(every, known[:, 0], known[:, 1])
    return found


def _turns_up(one: tuple[int, int], two: tuple[int, int], three: tuple[int, int]) -> bool:
    """Whether the second of three points lies on or above the line between the others."""
    return (two[1] - one[1]) * (three[0] - one[0]) >= (three[1] - one[1]) * (two[0] - one[0])


def told_padding(mask: Mask | None) -> tuple[tuple[str, str], ...]:
    """Label and text of what people should know about pixels that were not measured."""
    if mask is None:
        return ()
    return (("not measured", f"{mask.mean():.1%} of the pixels, which are left out of the work and stay as they are"),)
