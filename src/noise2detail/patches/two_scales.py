"""A non-local filter at two scales: the coarse one sees structure that is too large for the patches of the fine one."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from noise2detail.noise.colour import low_autocovariance
from noise2detail.numerics.cosines import low_frequencies, with_low_frequencies
from noise2detail.patches.two_cascades import TwoCascades

SHARE = 0.3
"""Of the frequencies of the coarse image, along each axis, those that are taken from it. With more, the coarse filter
decides about what the fine one sees better (0.1 dB and more are lost on fluorescence images at 0.7); the gain is that
of 0.3 or less wherever images have large flat parts."""

SMALLEST = 32
"""Side of a coarse image that is worth the work."""


@dataclass(frozen=True)
class TwoScales:
    """Both cascades on the image and on a coarse copy, whose lowest frequencies replace those of the fine result.

    Source
    ------
    Facciolo, Pierazzo & Morel, "Conservative scale recomposition for multiscale denoising", SIAM J. Imaging Sciences
    2017: scales by cutting the cosine spectrum, and only the lowest part of each coarse result taken.
    """

    cascades: TwoCascades = field(default_factory=TwoCascades)
    """At both scales."""

    def run(self, noisy: Tensor, autocovariances: Tensor, tick: Callable[[], None] = lambda: None) -> Tensor:
        """Filtered channels of one image ``(channel, y, x)``; parameters as for ``Cascade.run``."""
        fine = self.cascades.run(noisy, autocovariances, tick)[1]
        size = self._coarse(*noisy.shape[-2:])
        if min(size) < SMALLEST:
            return fine
        low = low_frequencies(noisy, *size)
        shares = [part / whole for part, whole in zip(size, noisy.shape[-2:], strict=True)]
        coarse = self.cascades.run(low, low_autocovariance(autocovariances, shares[0], shares[1]), tick)[1]
        return with_low_frequencies(fine, coarse, SHARE)

    def pieces(self, y: int, x: int) -> int:
        """How often ``tick`` is called for an image of this size."""
        size = self._coarse(y, x)
        return self.cascades.pieces(y, x) + (self.cascades.pieces(*size) if min(size) >= SMALLEST else 0)

    def _coarse(self, y: int, x: int) -> tuple[int, int]:
        return -(-y // 2), -(-x // 2)
