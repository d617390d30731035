"""Bilateral filter: the mean of near pixels of similar value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from torch import Tensor

from noise2detail.calibration.filtering import (
    CalibratedFilter,
    Family,
    Parameter,
    Values,
    cost_of,
    fit_filter,
    restore_filter,
)
from noise2detail.calibration.j_invariance import Plane
from noise2detail.calibration.search import Geometric
from noise2detail.calibration.windows import FRUGAL
from noise2detail.errors import check_setting
from noise2detail.method import Context, Cost, Denoiser
from noise2detail.types import Batch

EXTENT = 2.5
"""Standard deviations at which the bell over distances is cut off."""


@dataclass(frozen=True)
class Bilateral:
    """Hyper-parameters.

    Source
    ------
    Tomasi & Manduchi, "Bilateral filtering for gray and color images", ICCV 1998; parameters after Batson & Royer 2019.
    The weights are exact: scikit-image reads them from a table over the range of the image, so that a tile of an image
    would differ from the whole.
    """

    scope: ClassVar[Literal["any", "image"]] = "any"

    sigma_color: float | None = None
    """Standard deviation of the bell over differences of values, in image units; None: calibrated on the image."""
    sigma_spatial: float | None = None
    """Standard deviation of the bell over distances, in pixels; None: calibrated on the image."""

    def __post_init__(self) -> None:
        for name in ("sigma_color", "sigma_spatial"):
            if getattr(self, name) is not None:
                check_setting(name, getattr(self, name), lowest=1e-6)

    @classmethod
    def recipe(cls, name: str) -> "Bilateral":
        """Settings of ``standard``: calibrated."""
        return {"standard": cls()}[name]

    @property
    def family(self) -> Family:
        """The filter, and the values that are tried."""
        color = Parameter(
            "sigma_color", self.sigma_color, Geometric(1.0, 2.0, 4, refinements=1), start=3.0, intensity=True
        )
        spatial = Parameter("sigma_spatial", self.sigma_spatial, Geometric(0.7, 2.0, 3, refinements=1), start=1.4)
        return Family((color, spatial), near_and_alike, radius, seconds=1e-6, effort=FRUGAL)

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> CalibratedFilter:
        """The filter with its parameters as given or calibrated; near those of a ``start``."""
        return fit_filter(self.family, noisy, context, start)

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> CalibratedFilter:
        """Denoiser from its parameters."""
        del context
        return restore_filter(self.family, tensors)

    def cost(self, images: int, y: int, x: int) -> Cost:
        """The calibration, and one pass."""
        return cost_of(self.family, images, y, x)


def near_and_alike(plane: Plane, values: Values) -> Plane:
    """Weighted means of the squares around each pixel; borders are reflected.

    Two pixels have the same weight for each other, so that half of the displacements suffice.
    """
    reach = radius(values)
    padded = np.pad(plane.astype(np.float32), reach, mode="symmetric")  # nothing adds up over more than the square
    total, weights = padded.copy(), np.ones_like(padded)
    for down, right in _half_plane(reach):
        one, other = _overlap(padded.shape, down, right)
        difference = padded[one] - padded[other]
        distance = (down * down + right * right) / (2 * values["sigma_spatial"] ** 2)
        weight = np.exp(difference * difference / (-2 * values["sigma_color"] ** 2) - distance)
        total[one] += weight * padded[other]
        total[other] += weight * padded[one]
        weights[one] += weight
        weights[other] += weight
    inner = (slice(reach, reach + plane.shape[0]), slice(reach, reach + plane.shape[1]))
    result: Plane = (total[inner] / weights[inner]).astype(np.float64)
    return result


def radius(values: Values) -> int:
    """Half of the square: two and a half standard deviations."""
    return max(1, int(EXTENT * values["sigma_spatial"] + 0.5))


def _half_plane(reach: int) -> Iterator[tuple[int, int]]:
    """Displacements, one of each pair of opposite ones."""
    yield from ((0, right) for right in range(1, reach + 1))
    yield from ((down, right) for down in range(1, reach + 1) for right in range(-reach, reach + 1))


def _overlap(shape: tuple[int, ...], down: int, right: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Pixels whose partner at a displacement lies in the image, and these partners."""
    y, x = shape
    left = max(0, -right)
    one = (slice(0, y - down), slice(left, x - max(0, right)))
    return one, (slice(down, y), slice(left + right, x + min(0, right)))
