"""Gaussian blur: the filter that every denoiser has to beat."""

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
from noise2detail.calibration.search import Geometric
from noise2detail.errors import check_setting
from noise2detail.method import Context, Cost, Denoiser
from noise2detail.types import Batch

TRUNCATE = 4.0
"""Standard deviations at which the bell is cut off."""


@dataclass(frozen=True)
class Gaussian:
    """Hyper-parameters.

    Source
    ------
    ``scipy.ndimage.gaussian_filter`` (BSD), its width after Batson & Royer 2019.
    """

    scope: ClassVar[Literal["any", "image"]] = "any"

    sigma: float | None = None
    """Standard deviation of the bell in pixels; None: calibrated on the image."""

    def __post_init__(self) -> None:
        if self.sigma is not None:
            check_setting("sigma", self.sigma, lowest=0.1)

    @classmethod
    def recipe(cls, name: str) -> "Gaussian":
        """Settings of ``standard``: calibrated."""
        return {"standard": cls()}[name]

    @property
    def family(self) -> Family:
        """The blur, and the widths that are tried."""
        sigma = Parameter("sigma", self.sigma, Geometric(0.35, 2.0, 6, refinements=3), start=1.0)
        return Family((sigma,), blur, reach, seconds=3e-8, filling="mean")

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> CalibratedFilter:
        """The blur with its width as given or calibrated; near that of a ``start``."""
        return fit_filter(self.family, noisy, context, start)

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> CalibratedFilter:
        """Denoiser from its width."""
        del context
        return restore_filter(self.family, tensors)

    def cost(self, images: int, y: int, x: int) -> Cost:
        """The calibration, and one pass."""
        return cost_of(self.family, images, y, x)


def blur(plane: Plane, values: Values) -> Plane:
    """Blurred plane; borders are reflected."""
    from scipy.ndimage import gaussian_filter  # takes 0.1 s to import

    result: Plane = gaussian_filter(plane, values["sigma"], mode="reflect", truncate=TRUNCATE)
    return result


def reach(values: Values) -> int:
    """Radius of the bell, as scipy rounds it."""
    return int(TRUNCATE * values["sigma"] + 0.5)
