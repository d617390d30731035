"""Total variation: the image nearest to the noisy one among those with as little variation."""

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
from noise2detail.calibration.windows import FRUGAL
from noise2detail.errors import check_setting
from noise2detail.method import Context, Cost, Denoiser
from noise2detail.types import Batch


@dataclass(frozen=True)
class TotalVariation:
    """Hyper-parameters.

    Source
    ------
    Rudin, Osher & Fatemi, Physica D 1992, solved after Chambolle, "An algorithm for total variation minimization and
    applications", JMIV 2004: ``skimage.restoration.denoise_tv_chambolle`` (BSD), its weight after Batson & Royer 2019.
    """

    scope: ClassVar[Literal["any", "image"]] = "any"

    weight: float | None = None
    """Of the variation against the fit to the noisy image, in image units: larger is smoother; None: calibrated."""
    iterations: int = 200
    """At most; it also ends once nothing changes any more."""

    def __post_init__(self) -> None:
        if self.weight is not None:
            check_setting("weight", self.weight, lowest=1e-9)
        check_setting("iterations", self.iterations)

    @classmethod
    def recipe(cls, name: str) -> "TotalVariation":
        """Settings of ``standard``: calibrated."""
        return {"standard": cls()}[name]

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

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> CalibratedFilter:
        """The filter with its weight as given or calibrated; near that of a ``start``."""
        return fit_filter(self.family, noisy, context, start)

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> CalibratedFilter:
        """Denoiser from its weight."""
        del context
        return restore_filter(self.family, tensors)

    def cost(self, images: int, y: int, x: int) -> Cost:
        """The calibration, and one pass."""
        return cost_of(self.family, images, y, x)


def everywhere(values: Values) -> None:
    """Every pixel bears on every other."""
    del values
