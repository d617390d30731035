"""Non-local means: the mean of pixels whose surroundings look alike."""

from dataclasses import dataclass

from noise2detail.calibration.filter_method import FilterMethod
from noise2detail.calibration.filtering import Family, Parameter, Values
from noise2detail.calibration.j_invariance import Plane
from noise2detail.calibration.search import Geometric, check_odd
from noise2detail.calibration.windows import FRUGAL
from noise2detail.errors import check_setting


@dataclass(frozen=True)
class NonLocalMeans(FilterMethod):
    """Hyper-parameters.

    Source
    ------
    Buades, Coll & Morel, "A non-local algorithm for image denoising", CVPR 2005; integral images after Darbon et al.,
    ISBI 2008: ``skimage.restoration.denoise_nl_means`` (BSD). ``h`` after Batson & Royer 2019. Taking the noise off the
    distances (Buades, Coll & Morel, IPOL 2011) gains nothing over a calibrated ``h`` and is left to who asks for it.
    """

    h: float | None = None
    """How different patches may be, in image units: larger is smoother; None: calibrated on the image."""
    sigma: float = 0.0
    """Standard deviation of the noise in image units, whose part is taken off the distances; 0: nothing is."""
    patch_size: int = 5
    """Side of the patches that are compared, in pixels, odd."""
    patch_distance: int = 6
    """Furthest displacement of a patch, in pixels."""

    def __post_init__(self) -> None:
        if self.h is not None:
            check_setting("h", self.h, lowest=1e-9)
        check_setting("sigma", self.sigma, lowest=0)
        check_odd("patch_size", self.patch_size)
        check_setting("patch_distance", self.patch_distance)

    @property
    def family(self) -> Family:
        """The filter, and the values that are tried."""
        h = Parameter("h", self.h, Geometric(0.25, 2.0, 5), start=1.0, intensity=True)
        sigma = Parameter("sigma", self.sigma, h.grid, start=0.0, intensity=True)
        return Family((h, sigma), self._alike, self._reach, seconds=2e-6, effort=FRUGAL)

    def _alike(self, plane: Plane, values: Values) -> Plane:
        from skimage.restoration import denoise_nl_means  # takes 0.5 s to import

        # in float64: sums over the whole plane in float32 would make a tile differ from the whole
        result: Plane = denoise_nl_means(
            plane, self.patch_size, self.patch_distance, values["h"], fast_mode=True, sigma=values["sigma"]
        )
        return result

    def _reach(self, values: Values) -> int:
        del values
        return self.patch_distance + self.patch_size // 2
