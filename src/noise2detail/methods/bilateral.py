"""Bilateral filter: the mean of near pixels of similar value."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from noise2detail.calibration.filter_method import FilterMethod
from noise2detail.calibration.filtering import Family, Parameter, Values
from noise2detail.calibration.j_invariance import Plane
from noise2detail.calibration.search import Geometric
from noise2detail.calibration.windows import FRUGAL
from noise2detail.errors import check_setting

EXTENT = 2.5
"""Standard deviations at which the bell over distances is cut off."""

AT_ONCE = 1 << 18
"""Weights in memory: as many as a processor's cache holds."""


@dataclass(frozen=True)
class Bilateral(FilterMethod):
    """Hyper-parameters.

    Source
    ------
    Tomasi & Manduchi, "Bilateral filtering for gray and color images", ICCV 1998; parameters after Batson & Royer 2019.
    Own, since that of scikit-image 0.26 reads its weights from a table over the range of the image, so that a tile
    would differ from the whole, and from a table over distances that is a pixel wider than its square, and so askew.
    """

    sigma_color: float | None = None
    """Standard deviation of the bell over differences of values, in image units; None: calibrated on the image."""
    sigma_spatial: float | None = None
    """Standard deviation of the bell over distances, in pixels; None: calibrated on the image."""

    def __post_init__(self) -> None:
        for name in ("sigma_color", "sigma_spatial"):
            if getattr(self, name) is not None:
                check_setting(name, getattr(self, name), lowest=1e-6)

    @property
    def family(self) -> Family:
        """The filter, and the values that are tried."""
        color = Parameter(
            "sigma_color", self.sigma_color, Geometric(1.0, 2.0, 4, refinements=1), start=3.0, intensity=True
        )
        spatial = Parameter("sigma_spatial", self.sigma_spatial, Geometric(0.7, 2.0, 3, refinements=1), start=1.4)
        return Family((color, spatial), near_and_alike, radius, seconds=1e-6, effort=FRUGAL)


def near_and_alike(plane: Plane, values: Values) -> Plane:
    """Weighted means of the squares around each pixel; borders are reflected."""
    reach = radius(values)
    squares = sliding_window_view(np.pad(plane.astype(np.float32), reach, mode="symmetric"), (2 * reach + 1,) * 2)
    distances = np.square(np.arange(-reach, reach + 1, dtype=np.float32)) / (2 * values["sigma_spatial"] ** 2)
    near = np.exp(-np.add.outer(distances, distances)).astype(np.float32)
    steepness = np.float32(-1 / (2 * values["sigma_color"] ** 2))
    result = np.empty_like(plane)
    rows = max(1, AT_ONCE // squares[0].size)
    for start in range(0, len(plane), rows):
        part = squares[start : start + rows]  # (row, x, down, right)
        weights = part - part[..., reach, reach, None, None]
        np.square(weights, out=weights)
        weights *= steepness
        np.exp(weights, out=weights)
        weights *= near
        result[start : start + rows] = np.einsum("yxij,yxij->yx", weights, part) / weights.sum((2, 3))
    return result


def radius(values: Values) -> int:
    """Half of the square: two and a half standard deviations."""
    return max(1, int(EXTENT * values["sigma_spatial"] + 0.5))
