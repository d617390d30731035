"""Where on an image something is, in words and as the places at which a map is largest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Place:
    """Somewhere on a plane."""

    y: int
    """Row of its middle."""
    x: int
    """Column of its middle."""
    size: int
    """Side of its surroundings, in pixels."""
    score: float
    """What a map says there, in standard errors."""

    def words(self, shape: tuple[int, int]) -> str:
        """Which ninth of the image it lies in: ``at the lower left``, ``in the middle``.

        Parameters
        ----------
        shape
            Of the plane, in pixels.
        """
        rows, columns = (("upper", "", "lower"), ("left", "", "right"))
        row = rows[min(3 * self.y // shape[0], 2)]
        column = columns[min(3 * self.x // shape[1], 2)]
        if row and column:
            return f"at the {row} {column}"
        if row:
            return "at the top" if row == "upper" else "at the bottom"
        return f"at the {column}" if column else "in the middle"


def highest(scores: NDArray[np.float32], size: int, least: float, most: int) -> tuple[Place, ...]:
    """Places where a map is at its highest, the highest first, none within the surroundings of another.

    Parameters
    ----------
    scores
        ``(y, x)``; NaN where nothing is known.
    size
        Side of the surroundings, in pixels.
    least
        Score below which nothing is a place.
    most
        Places that are given at most.
    """
    rest = np.where(np.isnan(scores), -np.inf, scores)
    found: list[Place] = []
    while len(found) < most:
        y, x = (int(place) for place in np.unravel_index(int(rest.argmax()), rest.shape))
        if not rest[y, x] >= least:
            break
        found.append(Place(y, x, size, float(rest[y, x])))
        rest[max(y - size + 1, 0) : y + size, max(x - size + 1, 0) : x + size] = -np.inf
    return tuple(found)
