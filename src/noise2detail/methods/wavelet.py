"""Wavelet shrinkage: small coefficients are noise."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
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


@dataclass(frozen=True)
class Wavelet:
    """Hyper-parameters.

    Source
    ------
    Chang, Yu & Vetterli, "Adaptive wavelet thresholding for image denoising and compression", IEEE TIP 2000
    (``bayes``); Donoho & Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 1994 (``visu``);
    averaged over shifts after Coifman & Donoho, "Translation-invariant de-noising", 1995. The shrinkage is that
    of ``skimage.restoration.denoise_wavelet`` (BSD) with PyWavelets (MIT), the noise after Batson & Royer 2019.
    """

    scope: ClassVar[Literal["any", "image"]] = "any"

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

    @classmethod
    def recipe(cls, name: str) -> "Wavelet":
        """Settings of ``standard``: calibrated."""
        return {"standard": cls()}[name]

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

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> CalibratedFilter:
        """The filter with its noise as given or calibrated; near that of a ``start``."""
        return fit_filter(self.family, noisy, context, start)

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> CalibratedFilter:
        """Denoiser from its noise."""
        del context
        return restore_filter(self.family, tensors)

    def cost(self, images: int, y: int, x: int) -> Cost:
        """The calibration, and one pass."""
        return cost_of(self.family, images, y, x)


def everywhere(values: Values) -> None:
    """The threshold of a sub-band depends on all of it."""
    del values
