"""Total variation: the image nearest to the noisy one among those with as little variation."""

from dataclasses import dataclass

from noise2detail.calibration.filter_method import FilterMethod
from noise2detail.calibration.filtering import Family, Parameter, Values
from noise2detail.calibration.j_invariance import Plane
from noise2detail.calibration.search import Geometric
from noise2detail.calibration.windows import FRUGAL
from noise2detail.errors import check_setting


@dataclass(frozen=True)
class TotalVariation(FilterMethod):
    """Hyper-parameters.

    Source
    ------
    Rudin, Osher & Fatemi, Physica D 1992, solved after Chambolle, "An algorithm for total variation minimization and
    applications", JMIV 2004: ``skimage.restoration.denoise_tv_chambolle`` (BSD), its weight after Batson & Royer 2019.
    """

    weight: float | None = None
    """Of the variation against the fit to the noisy image, in image units: larger is smoother; None: calibrated."""
    iterations: int = 200
    """At most; it also ends once nothing changes any more."""

    def __post_init__(self) -> None:
        if self.weight is not None:
            check_setting("weight", self.weight, lowest=1e-9)
        check_setting("iterations", self.iterations)

    @property
    def family(self) -> Family:
        """The filter, and the weights that are tried."""
        weight = Parameter("weight", self.weight, Geometric(0.25, 2.0, 5), start=1.0, intensity=True)
        return Family((weight,), self._flatten, everywhere, seconds=7e-7, effort=FRUGAL)

    def _flatten(self, plane: Plane, values: Values) -> Plane:
        from skimage.restoration import denoise_tv_chambolle  # takes 0.5 s to import

        result: Plane = denoise_tv_chambolle(  # type: ignore[no-untyped-call]
            plane, weight=values["weight"], max_num_iter=self.iterations
        )
        return result


def everywhere(values: Values) -> None:
    """Every pixel bears on every other."""
    del values
