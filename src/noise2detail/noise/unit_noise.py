"""The way of one channel to values whose noise has variance 1 everywhere, and back."""

import math
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from noise2detail.noise.clipping import Table
from noise2detail.noise.model import NoiseModel
from noise2detail.noise.stabilize import inverse_table, stabilise, stabilised_variance

BRIGHTER = 16.0
"""Times the brightest pixel of the images measured, up to which other images are exact."""


@dataclass(frozen=True)
class UnitNoise:
    """Values in standard deviations of the noise, which may depend on the signal."""

    model: NoiseModel
    """Of the noise; with a gain or a sigma."""
    highest: float
    """Brightest pixel of the images measured."""
    latent: bool
    """Back to values as they were before noise was clipped; else to the mean of the data, which clipping shifts."""

    def forward(self, images: Tensor) -> Tensor:
        """Values whose noise has variance 1, or less where counts are very low or clipped."""
        return stabilise(images, self.model)

    def back(self, denoised: Tensor) -> Tensor:
        """Values of the images, by the one table that undoes everything."""
        if not self.model.gain and not self.model.is_clipped:
            return denoised * self.model.sigma + self.model.pedestal
        return self.inverse(denoised)

    def variance(self, denoised: Tensor) -> Tensor:
        """Of the noise where values are these after ``forward``, their noise taken away."""
        return self._variance(denoised)

    @property
    def _range(self) -> tuple[float, float]:
        model = self.model
        if model.gain:
            return model.pedestal, model.pedestal + BRIGHTER * max(self.highest - model.pedestal, model.gain)
        deviation = model.sigma
        lowest = model.low if math.isfinite(model.low) else min(self.highest, model.high) - BRIGHTER * deviation
        return lowest, max(self.highest, lowest + BRIGHTER * deviation)

    @cached_property
    def inverse(self) -> Table:
        """Table from the mean of such values to that of the images."""
        return inverse_table(self.model, *self._range, unclip=self.latent)

    @cached_property
    def _variance(self) -> Table:
        return stabilised_variance(self.model, *self._range)
