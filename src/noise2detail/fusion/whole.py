"""A filter that sees every frequency, beside the estimators that work on the band of the signal."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from noise2detail.fusion.way import Way
from noise2detail.patches.two_scales import TwoScales
from noise2detail.types import Batch

NARROW = 2 / 3
"""Weight of the estimators that work on the band. Within the band they see structure where it is smooth, and the other
sees it where it is sharp. Estimated risks do not tell which is better: the noise's spectrum is not known that well."""

NAME = "whole"
"""Of the estimate."""


@dataclass(frozen=True, eq=False)
class Whole:
    """Both cascades at two scales, on images of which no frequency was left out."""

    way: Way
    """To components of all frequencies."""
    scales: TwoScales
    autocovariances: Tensor
    """Of the noise there, ``(component, lag_y, lag_x)``."""

    def run(self, noisy: Batch, tick: Callable[[], None]) -> Tensor:
        """Filtered components of images; ``tick`` is called after each of the ``pieces`` of each and may raise."""
        components = self.way.forward(noisy)
        return torch.stack([self.scales.run(one, self.autocovariances, tick) for one in components])

    def pieces(self, y: int, x: int) -> int:
        """How often ``tick`` is called for an image of this size."""
        return self.scales.pieces(y, x)


def with_whole(weights: dict[str, float]) -> dict[str, float]:
    """Weights of estimates from the band, and of the one from all frequencies; the sum stays 1."""
    return {name: NARROW * weight for name, weight in weights.items()} | {NAME: 1 - NARROW}
