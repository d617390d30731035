"""Gaussian blur: the filter that every denoiser has to beat."""

from dataclasses import dataclass

from noise2detail.calibration.filter_method import FilterMethod
from noise2detail.calibration.filtering import Family, Parameter, Values
from noise2detail.calibration.j_invariance import Plane
from noise2detail.calibration.search import Geometric
from noise2detail.errors import check_setting

TRUNCATE = 4.0
"""Standard deviations at which the bell is cut off."""


@dataclass(frozen=True)
class Gaussian(FilterMethod):
    """Hyper-parameters.

    Source
    ------
    ``scipy.ndimage.gaussian_filter`` (BSD), its width after Batson & Royer 2019.
    """

    sigma: float | None = None
    """Standard deviation of the bell in pixels; None: calibrated on the image."""

    def __post_init__(self) -> None:
        if self.sigma is not None:
            check_setting("sigma", self.sigma, lowest=0.1)

    @property
    def family(self) -> Family:
        """The blur, and the widths that are tried."""
        sigma = Parameter("sigma", self.sigma, Geometric(0.35, 2.0, 6, refinements=3), start=1.0)
        return Family((sigma,), blur, reach, seconds=3e-8, filling="mean")


def blur(plane: Plane, values: Values) -> Plane:
    """Blurred plane; borders are reflected."""
    from scipy.ndimage import gaussian_filter  # takes 0.1 s to import

    result: Plane = gaussian_filter(plane, values["sigma"], mode="reflect", truncate=TRUNCATE)
    return result


def reach(values: Values) -> int:
    """Radius of the bell, as scipy rounds it."""
    return int(TRUNCATE * values["sigma"] + 0.5)
