"""All that one image tells of the noise of a channel."""

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from noise2detail.noise.autocovariance import measured_autocovariance
from noise2detail.noise.blocks import FINE, WHITE, responses
from noise2detail.noise.clipping import Values
from noise2detail.noise.estimate import estimate_noise
from noise2detail.noise.model import NoiseModel
from noise2detail.noise.stabilize import stabilise

CORRELATED = 0.25
"""Correlation of the next pixel's noise from which it is taken for shared: structure that is left in flat blocks gives
up to 0.13 in fluorescence images, wide-field cameras behind oversampling optics 0.5 and more."""

RELIABLE = 0.15
"""Share of the noise in high frequencies below which they do not measure it: the autocorrelation errs by some 0.02."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """The noise of one channel."""

    model: NoiseModel
    """Its strength at each brightness, and where values were cut off."""
    autocorrelation: Values
    """``(y, x)``, sides odd, 1 in the middle: how much of it neighbouring pixels share."""

    @property
    def correlation(self) -> tuple[float, float]:
        """Of the noise of a pixel with that of the next one, in y and in x."""
        y, x = (size // 2 for size in self.autocorrelation.shape)
        if not (y and x):
            return 0.0, 0.0
        return float(self.autocorrelation[y + 1, x]), float(self.autocorrelation[y, x + 1])

    @property
    def is_correlated(self) -> bool:
        """True if neighbouring pixels share so much that methods for white noise take it for structure."""
        return max(self.correlation) > CORRELATED


def measure_noise(channel: Tensor, mask: Tensor | None = None) -> Measurement:
    """Strength, clipping and correlation of the noise of a channel.

    Parameters
    ----------
    channel
        ``(y, x)``, or several images of the same noise, ``(image, y, x)``; at least 8x8 pixels each.
    mask
        Of the same shape: True where a pixel is data.

    Noise that neighbouring pixels share is weak in the high frequencies by which strength is measured. So its strength
    is measured as if it were white, which tells how to make it alike everywhere; its autocovariance is measured there,
    and tells how much too weak it was found. Where so little is left in the high frequencies that an error of the
    autocorrelation would decide, the variance of what was made alike says it: 1 would be right.
    """
    white = estimate_noise(channel, mask)
    if not (white.gain or white.sigma):
        return Measurement(white, WHITE)
    alike = stabilise(channel.detach().float(), white).reshape(-1, *channel.shape[-2:])
    found = measured_autocovariance(alike, None if mask is None else mask.reshape(alike.shape)).cpu().double().numpy()
    strength = float(found[found.shape[0] // 2, found.shape[1] // 2])
    if strength <= 0:
        return Measurement(white, WHITE)
    shared = Measurement(white, np.clip(found / strength, -1.0, 1.0))
    if not shared.is_correlated:
        return shared
    model = estimate_noise(channel, mask, shared.autocorrelation)
    if responses(shared.autocorrelation)[FINE].mean() < RELIABLE:
        model = replace(model, gain=white.gain * strength, pedestal=white.pedestal, sigma=white.sigma * strength**0.5)
    return Measurement(model, shared.autocorrelation)
