"""Values as shades of grey and colours: one map for all images of a figure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import InputError, SettingError
from noise2detail.types import Pixels

NO_DATA = (214, 224, 240)
"""Colour of a pixel without a value: a pale blue, no shade of grey, and no glare where half of a scan has none."""


@dataclass(frozen=True)
class Shades:
    """The map: ``low`` and below is black, ``high`` and above white, what lies between raised to ``gamma``."""

    low: float
    high: float
    gamma: float = 1.0
    """Below 1 it lifts what is dark."""

    def __post_init__(self) -> None:
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            raise SettingError(
                f"limits are {self.low:g} (black) and {self.high:g} (white); expected two numbers, the lower one first"
            )
        if not 0 < self.gamma < np.inf:
            raise SettingError(f"gamma is {self.gamma:g}; expected a number above 0, such as 0.5 to lift what is dark")

    def of(self, plane: Pixels) -> NDArray[np.uint8]:
        """Shades of a plane, ``(y, x, 3)``, from 0 to 255.

        Parameters
        ----------
        plane
            ``(y, x)``, or ``(y, x, 3)`` with colours, of which each is mapped by itself.
        """
        values = np.asarray(plane, np.float64)
        values = values if values.ndim == 3 else values[..., None]
        with np.errstate(invalid="ignore"):
            scaled = np.clip((values - self.low) / (self.high - self.low), 0, 1) ** self.gamma
        good: NDArray[np.bool_] = np.all(np.isfinite(values), -1)
        shades = np.rint(np.where(good[..., None], scaled, 0) * 255).astype(np.uint8)
        shades = np.repeat(shades, 3 // shades.shape[-1], -1)
        shades[~good] = NO_DATA
        return shades


def limits_of(plane: Pixels, percents: tuple[float, float]) -> tuple[float, float]:
    """Values at two percentiles of the finite pixels; a little apart where they are equal.

    Raises
    ------
    SettingError
        Percentiles that are not two of 0 to 100, the lower one first.
    InputError
        No pixel is finite.
    """
    below, above = percents
    if not 0 <= below < above <= 100:
        raise SettingError(
            f"percentiles are {below:g} and {above:g}; expected two numbers from 0 to 100, the lower one first"
        )
    values = np.asarray(plane)
    values = values[np.isfinite(values)]
    if not values.size:
        raise InputError("no pixel of the plane is a number; choose another plane, or look at the file with n2d info")
    low, high = (float(value) for value in np.percentile(values.astype(np.float64), (below, above)))
    if low < high:
        return low, high
    low, high = float(values.min()), float(values.max())
    return (low, high) if low < high else (low, low + 1.0)


def symmetric(planes: list[Pixels], percent: float = 99.5) -> Shades:
    """Shades for residuals: 0 is the middle grey, and the few largest of all planes are black or white."""
    sizes = np.concatenate([np.abs(np.asarray(plane, np.float64)).ravel() for plane in planes])
    sizes = sizes[np.isfinite(sizes)]
    most = float(np.percentile(sizes, percent)) if sizes.size else 0.0
    most = most or (float(sizes.max()) if sizes.size else 0.0) or 1.0
    return Shades(-most, most)
