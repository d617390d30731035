"""Parts of an image that a figure magnifies: as they were asked for, or where there is most to see."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import SettingError
from noise2detail.types import Pixels

SMALLEST = 2
"""Rows and columns that a part has at least."""

WORTH = 0.5
"""Of the structure of the first part, what a second one must have to be shown too."""

_SMOOTH = 1.5


@dataclass(frozen=True)
class Part:
    """A rectangle of pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def pixels(self) -> tuple[slice, slice]:
        """Index of its rows and columns."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    def overlaps(self, other: "Part") -> bool:
        """Whether both have a pixel in common."""
        apart = (
            self.top >= other.top + other.height
            or other.top >= self.top + self.height
            or self.left >= other.left + other.width
            or other.left >= self.left + self.width
        )
        return not apart


def check_part(part: Part, shape: tuple[int, int]) -> Part:
    """The part itself, if it lies within an image.

    Raises
    ------
    SettingError
        It is smaller than 2x2 pixels or reaches beyond the image.
    """
    inside = min(part.top, part.left) >= 0 and part.top + part.height <= shape[0]
    if min(part.height, part.width) < SMALLEST or not inside or part.left + part.width > shape[1]:
        said = ",".join(map(str, (part.top, part.left, part.height, part.width)))
        raise SettingError(
            f"inset {said} (top, left, height, width) is no part of an image of {shape[0]}x{shape[1]} pixels; expected "
            f"at least {SMALLEST}x{SMALLEST} pixels within it"
        )
    return part


def choose_parts(image: Pixels, side: int) -> tuple[Part, ...]:
    """One or two squares with the most structure, which do not overlap; the richer one first.

    Structure is the mean over the square of the root of the gradient of the smoothed image: without the root, one
    bright edge would outweigh a square full of fine detail. The second square is the best of those that leave the
    first alone. It is left out where it has less than half the structure, and the first is twice as wide then.

    Parameters
    ----------
    image
        ``(y, x)`` or ``(y, x, colour)``, preferably without noise: noise is structure everywhere.
    side
        Of a square where there are two, in pixels; at most what the image has.
    """
    grey = _grey(image)
    side = max(SMALLEST, min(side, *grey.shape))
    detail = _detail(grey)
    first, found = _best(detail, side, ())
    second, less = _best(detail, side, (first,)) if first is not None else (None, 0.0)
    if first is None:
        return ()
    if second is not None and found > 0 and less >= WORTH * found:
        return first, second
    alone, _ = _best(detail, min(2 * side, *grey.shape), ())
    return (alone or first,)


def _grey(image: Pixels) -> NDArray[np.float64]:
    values = np.asarray(image, np.float64)
    values = values.mean(-1) if values.ndim == 3 else values
    good = np.isfinite(values)
    filled: NDArray[np.float64] = np.where(good, values, np.median(values[good]) if good.any() else 0.0)
    return filled


def _detail(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root of the gradient of the smoothed image."""
    from scipy.ndimage import gaussian_gradient_magnitude

    found: NDArray[np.float64] = np.sqrt(gaussian_gradient_magnitude(grey, _SMOOTH))
    return found


def _best(detail: NDArray[np.float64], side: int, taken: Sequence[Part]) -> tuple[Part | None, float]:
    """The square with the highest mean that overlaps none of those taken, the uppermost of equals, and its mean."""
    sums = np.pad(detail, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    means = (sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]) / side**2
    for rows, columns in _blocked(taken, side):
        means[rows, columns] = -np.inf
    # rounding of the sums must not decide between squares that are equal
    row, column = np.unravel_index(int(np.argmax(np.round(means, 9))), means.shape)
    mean = float(means[row, column])
    return (Part(int(row), int(column), side, side), mean) if np.isfinite(mean) else (None, 0.0)


def _blocked(taken: Sequence[Part], side: int) -> Iterator[tuple[slice, slice]]:
    """Corners from which a square of this side would overlap the parts."""
    for part in taken:
        rows = slice(max(0, part.top - side + 1), part.top + part.height)
        yield rows, slice(max(0, part.left - side + 1), part.left + part.width)
