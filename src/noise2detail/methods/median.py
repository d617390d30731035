"""Median filter: the middle value of a square, which keeps edges and drops outliers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

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
from noise2detail.calibration.search import OddSizes, check_odd
from noise2detail.calibration.windows import FRUGAL
from noise2detail.method import Context, Cost, Denoiser
from noise2detail.types import Batch


@dataclass(frozen=True)
class Median:
    """Hyper-parameters.

    Source
    ------
    Tukey, "Exploratory Data Analysis", 1977; ``scipy.ndimage.median_filter`` (BSD), its size after Batson & Royer 2019.
    """

    scope: ClassVar[Literal["any", "image"]] = "any"

    size: int | None = None
    """Side of the square in pixels, odd; None: calibrated on the image."""

    def __post_init__(self) -> None:
        if self.size is not None:
            check_odd("size", self.size)

    @classmethod
    def recipe(cls, name: str) -> "Median":
        """Settings of ``standard``: calibrated."""
        return {"standard": cls()}[name]

    @property
    def family(self) -> Family:
        """The filter, and the sizes that are tried."""
        size = Parameter("size", self.size, OddSizes(3, 15), start=3.0)
        return Family((size,), middle, radius, seconds=4e-7, effort=FRUGAL, filling="mean")

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> CalibratedFilter:
        """The filter with its size as given or calibrated; near that of a ``start``."""
        return fit_filter(self.family, noisy, context, start)

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> CalibratedFilter:
        """Denoiser from its size."""
        del context
        return restore_filter(self.family, tensors)

    def cost(self, images: int, y: int, x: int) -> Cost:
        """The calibration, and one pass."""
        return cost_of(self.family, images, y, x)


def middle(plane: Plane, values: Values) -> Plane:
    """Medians of the squares around each pixel; borders are reflected."""
    from scipy.ndimage import median_filter  # takes 0.1 s to import

    result: Plane = median_filter(plane, size=int(values["size"]), mode="reflect")
    return result


def radius(values: Values) -> int:
    """Half of the square."""
    return int(values["size"]) // 2
