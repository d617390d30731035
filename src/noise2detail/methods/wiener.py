"""Adaptive Wiener filter: between a square's mean and the pixel itself, by how much varies there beyond noise."""

from dataclasses import dataclass

import numpy as np

from noise2detail.calibration.filter_method import FilterMethod
from noise2detail.calibration.filtering import Family, Parameter, Values
from noise2detail.calibration.j_invariance import Plane
from noise2detail.calibration.search import Geometric, OddSizes, check_odd
from noise2detail.errors import check_setting


@dataclass(frozen=True)
class Wiener(FilterMethod):
    """Hyper-parameters.

    Source
    ------
    Lee, "Digital image enhancement and noise filtering by use of local statistics", IEEE TPAMI 1980; Lim,
    "Two-dimensional signal and image processing", 1990, Eq. 9.44. ``scipy.signal.wiener`` computes the same in the
    interior, but takes the noise from the mean of all local variances, which contains the image's structure, and pads
    with zeros; here the noise is calibrated after Batson & Royer 2019, and borders are reflected.
    """

    size: int | None = None
    """Side of the square in pixels, odd; None: calibrated on the image."""

    sigma: float | None = None
    """Standard deviation of the noise in image units (scipy's ``noise`` is its square); None: calibrated."""

    def __post_init__(self) -> None:
        if self.size is not None:
            check_odd("size", self.size)
        if self.sigma is not None:
            check_setting("sigma", self.sigma, lowest=0)

    @property
    def family(self) -> Family:
        """The filter, and the values that are tried."""
        sigma = Parameter("sigma", self.sigma, Geometric(0.25, 2.0, 5), start=1.0, intensity=True)
        size = Parameter("size", self.size, OddSizes(3, 15), start=5.0)
        return Family((sigma, size), adapt, radius, seconds=4e-8)


def adapt(plane: Plane, values: Values) -> Plane:
    """The mean of each pixel's square plus what is left of its difference from it; borders are reflected."""
    from scipy.ndimage import uniform_filter  # takes 0.1 s to import

    size, noise = int(values["size"]), values["sigma"] ** 2
    mean = uniform_filter(plane, size=size, mode="reflect")
    variance = uniform_filter(plane * plane, size=size, mode="reflect") - mean * mean
    # where nothing varies beyond the noise, the mean: scipy divides 0 by 0 on constant areas of noise-free images
    kept = np.divide(variance - noise, variance, out=np.zeros_like(mean), where=variance > noise)
    result: Plane = mean + kept * (plane - mean)
    return result


def radius(values: Values) -> int:
    """Half of the square."""
    return int(values["size"]) // 2
