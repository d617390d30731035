"""Mean filter: the mean of a square."""

from dataclasses import dataclass

from noise2detail.calibration.filter_method import FilterMethod
from noise2detail.calibration.filtering import Family, Parameter, Values
from noise2detail.calibration.j_invariance import Plane
from noise2detail.calibration.search import OddSizes, check_odd


@dataclass(frozen=True)
class Mean(FilterMethod):
    """Hyper-parameters.

    Source
    ------
    ``scipy.ndimage.uniform_filter`` (BSD), its size after Batson & Royer 2019.
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
        return Family((size,), average, radius, seconds=2e-8, filling="mean")


def average(plane: Plane, values: Values) -> Plane:
    """Means of the squares around each pixel; borders are reflected."""
    from scipy.ndimage import uniform_filter  # takes 0.1 s to import

    result: Plane = uniform_filter(plane, size=int(values["size"]), mode="reflect")
    return result


def radius(values: Values) -> int:
    """Half of the square."""
    return int(values["size"]) // 2
