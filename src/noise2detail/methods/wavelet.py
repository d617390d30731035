"""Wavelet shrinkage: small coefficients are noise."""

from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

from noise2detail.calibration.filter_method import FilterMethod
from noise2detail.calibration.filtering import Family, Parameter, Values
from noise2detail.calibration.j_invariance import Plane
from noise2detail.calibration.search import Geometric
from noise2detail.calibration.windows import FRUGAL
from noise2detail.errors import check_setting


@dataclass(frozen=True)
class Wavelet(FilterMethod):
    """Hyper-parameters.

    Source
    ------
    Chang, Yu & Vetterli, "Adaptive wavelet thresholding for image denoising and compression", IEEE TIP 2000
    (``bayes``); Donoho & Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 1994 (``visu``);
    averaged over shifts after Coifman & Donoho, "Translation-invariant de-noising", 1995. The shrinkage is that
    of ``skimage.restoration.denoise_wavelet`` (BSD) with PyWavelets (MIT), the noise after Batson & Royer 2019.
    """

    sigma: float | None = None
    """Standard deviation of the noise in image units; None: calibrated on the image."""
    shrinkage: Literal["bayes", "visu"] = "bayes"
    """One threshold for each sub-band from its own variance, or one for all that leaves no noise at all."""
    mode: Literal["soft", "hard"] = "soft"
    """Coefficients above the threshold are lowered by it, or kept."""
    wavelet: Literal["haar", "db2", "db4", "sym4", "sym8"] = "db2"
    """An orthogonal one, so that white noise is white in every sub-band too; longer ones are smoother and ring more."""
    shifts: int = 4
    """The result is the mean over as many shifts in each direction; 1: none, with blocks to be seen."""

    def __post_init__(self) -> None:
        if self.sigma is not None:
            check_setting("sigma", self.sigma, lowest=1e-9)
        check_setting("shifts", self.shifts)

    @property
    def family(self) -> Family:
        """The filter, and the deviations of the noise that are tried."""
        sigma = Parameter("sigma", self.sigma, Geometric(0.25, 2.0, 5), start=0.9, intensity=True)
        return Family((sigma,), self._shrink, everywhere, seconds=1e-7 * self.shifts**2, effort=FRUGAL)

    def _shrink(self, plane: Plane, values: Values) -> Plane:
        from skimage.restoration import denoise_wavelet  # takes 0.5 s to import

        total = np.zeros_like(plane)
        for down, right in product(range(self.shifts), repeat=2):
            # reflected by as much as is shifted, so that no border meets the opposite one
            shifted = np.pad(plane, ((down, 0), (right, 0)), mode="symmetric")
            total += denoise_wavelet(
                shifted,
                sigma=values["sigma"],
                wavelet=self.wavelet,
                mode=self.mode,
                method={"bayes": "BayesShrink", "visu": "VisuShrink"}[self.shrinkage],
                rescale_sigma=False,
            )[down:, right:]
        return total / self.shifts**2


def everywhere(values: Values) -> None:
    """The threshold of a sub-band depends on all of it."""
    del values
