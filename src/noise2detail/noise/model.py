"""What is known of the noise of one channel."""

import math
from dataclasses import dataclass

from noise2detail.errors import check_setting


@dataclass(frozen=True)
class NoiseModel:
    """Poisson-Gaussian noise: ``variance = gain * max(mean - pedestal, 0) + sigma**2``.

    Source
    ------
    Foi, Trimeche, Katkovnik & Egiazarian, "Practical Poissonian-Gaussian noise modeling and fitting for single-image
    raw-data", IEEE TIP 2008, with the pedestal written out: a straight line alone does not separate it from ``sigma``.
    """

    gain: float = 0.0
    """Values of the image for one detected photon; 0: the noise does not depend on the signal."""
    pedestal: float = 0.0
    """Value where no light falls."""
    sigma: float = 0.0
    """Standard deviation where no light falls."""
    low: float = -math.inf
    """Values below were set to it; minus infinity: none were."""
    high: float = math.inf
    """Values above were set to it."""

    def __post_init__(self) -> None:
        for name in ("gain", "sigma"):
            check_setting(name, getattr(self, name), lowest=0)

    @property
    def is_clipped(self) -> bool:
        """True if values were cut off on either side."""
        return math.isfinite(self.low) or math.isfinite(self.high)

    def variance(self, mean: float) -> float:
        """Of a pixel whose noise-free value is ``mean``, before any clipping."""
        return self.gain * max(mean - self.pedestal, 0.0) + self.sigma**2

    def mapped(self, offset: float, scale: float) -> "NoiseModel":
        """The noise of ``(value - offset) / scale``."""
        return NoiseModel(
            self.gain / scale,
            (self.pedestal - offset) / scale,
            self.sigma / scale,
            (self.low - offset) / scale,
            (self.high - offset) / scale,
        )
