"""Median filter: the middle value of a square, which keeps edges and drops outliers."""

from dataclasses import dataclass

from noise2detail.calibration.filter_method import FilterMethod
from noise2detail.calibration.filtering import Family, Parameter, Values
from noise2detail.calibration.j_invariance import Plane
from noise2detail.calibration.search import OddSizes, check_odd
from noise2detail.calibration.windows import FRUGAL


@dataclass(frozen=True)
class Median(FilterMethod):
    """Hyper-parameters.

    Source
    ------
    Tukey, "Exploratory Data Analysis", 1977; ``scipy.ndimage.median_filter`` (BSD), its size after Batson & Royer 2019.
    """

    size: int | None = None
    """Side of the square in pixels, odd; None: calibrated on the image."""

    def __post_init__(self) -> None:
        if self.size is not None:
            check_odd("size", self.size)

    @property
    def family(self) -> Family:
        """The filter, and the sizes that are tried."""
        size = Parameter("size", self.size, OddSizes(3, 15), start=3.0)
        return Family((size,), middle, radius, seconds=4e-7, effort=FRUGAL, filling="mean")


def middle(plane: Plane, values: Values) -> Plane:
    """Medians of the squares around each pixel; borders are reflected."""
    from scipy.ndimage import median_filter  # takes 0.1 s to import

    result: Plane = median_filter(plane, size=int(values["size"]), mode="reflect")
    return result


def radius(values: Values) -> int:
    """Half of the square."""
    return int(values["size"]) // 2
