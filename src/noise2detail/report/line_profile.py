"""Values along a line across an image."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import SettingError
from noise2detail.types import Pixels


@dataclass(frozen=True)
class Line:
    """A straight line from one pixel to another."""

    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def steps(self) -> int:
        """Pixels along the longer side: one value is taken for each, and one for the first."""
        return max(abs(self.y1 - self.y0), abs(self.x1 - self.x0))

    def places(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows and columns of the pixels nearest to the line."""
        along = np.arange(self.steps + 1) / self.steps
        rows, columns = (a + (b - a) * along for a, b in ((self.y0, self.y1), (self.x0, self.x1)))
        return np.floor(rows + 0.5).astype(np.intp), np.floor(columns + 0.5).astype(np.intp)

    def distances(self, pixel_size: tuple[float, float] = (1.0, 1.0)) -> NDArray[np.float64]:
        """Of each place from the first, in pixels or in the unit of the pixel size, which is for y and for x."""
        down, across = (self.y1 - self.y0) * pixel_size[0], (self.x1 - self.x0) * pixel_size[1]
        found: NDArray[np.float64] = math.hypot(down, across) * np.arange(self.steps + 1) / self.steps
        return found


def check_line(line: Line, shape: tuple[int, int]) -> Line:
    """The line itself, if it lies within an image.

    Raises
    ------
    SettingError
        It does not, or it begins where it ends.
    """
    inside = all(0 <= y < shape[0] and 0 <= x < shape[1] for y, x in ((line.y0, line.x0), (line.y1, line.x1)))
    if not inside or not line.steps:
        raise SettingError(
            f"profile {line.y0},{line.x0},{line.y1},{line.x1} (Y0,X0,Y1,X1) is no line within an image of "
            f"{shape[0]}x{shape[1]} pixels; rows and columns are counted from 0"
        )
    return line


def profile(plane: Pixels, line: Line) -> NDArray[np.float64]:
    """Values of the pixels nearest to the line, not interpolated, which would take away noise; of colours the mean.

    Parameters
    ----------
    plane
        ``(y, x)`` or ``(y, x, colour)``.
    line
        Within it.
    """
    found = np.asarray(plane, np.float64)[line.places()]
    mean: NDArray[np.float64] = found.mean(-1) if found.ndim == 2 else found
    return mean
