"""All that one image tells of the noise of a channel."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from noise2detail.noise.autocovariance import autocovariance
from noise2detail.noise.band import NYQUIST, is_noise, kept_share, signal_band
from noise2detail.noise.blocks import FINE, WHITE, responses
from noise2detail.noise.clipping import Values
from noise2detail.noise.estimate import Errors, estimate_with_errors
from noise2detail.noise.model import NoiseModel
from noise2detail.noise.presence import excess_over_noise, is_unseen
from noise2detail.noise.stabilize import stabilise

CORRELATED = 0.25
"""Correlation of the next pixel's noise from which it is taken for shared: structure that is left in flat blocks gives
up to 0.13 in fluorescence images, wide-field cameras behind oversampling optics 0.5 and more."""

TOO_MUCH = 0.8
"""Correlation above which what is shared is not believed to be noise: optics and reconstructions leave 0.6 to 0.78, the
texture of tissue and of electron micrographs has more, and taken for noise it would be lost."""

FAINT = 0.07
"""Correlation from which the spectrum of the noise is worth heeding, where it is known beyond doubt."""

UNDISTURBED = 1.1
"""Structure in the flattest blocks, as a factor of their power in low frequencies, up to which a faint correlation is
believed: what little is left of more would pass for it."""

RELIABLE = 0.15
"""Share of the noise in high frequencies below which they do not measure it: the autocorrelation errs by some 0.02."""


@dataclass(frozen=True)
class Uncertainty:
    """Standard errors: the truth lies within two of them in about 19 of 20 images. Infinite: too little to say."""

    gain: float = 0.0
    pedestal: float = 0.0
    sigma: float = 0.0
    correlation: tuple[float, float] = (0.0, 0.0)
    """In y and in x."""

    @classmethod
    def of(cls, errors: Errors, correlation: tuple[float, float] = (0.0, 0.0)) -> "Uncertainty":
        """Those of a model, and of a correlation."""
        return cls(errors.gain, errors.pedestal, errors.sigma, correlation)


@dataclass(frozen=True, eq=False)
class Measurement:
    """The noise of one channel."""

    model: NoiseModel
    """Its strength at each brightness, and where values were cut off."""
    autocorrelation: Values
    """``(y, x)``, sides odd, 1 in the middle: how much of it neighbouring pixels share."""
    uncertainty: Uncertainty = Uncertainty()
    """Of its figures."""
    is_noiseless: bool = False
    """True if there is nothing to remove: the high frequencies hold no more than rounding puts there."""
    excess: float = math.inf
    """How far the image exceeds its noise where it does so most; 1: as far as noise alone may, by chance."""

    band: float = 0.5
    """Frequency in cycles per pixel above which the image holds nothing but noise; 0.5: structure at every one."""
    structure: float = 1.0
    """Power of low frequencies in the flattest blocks over that of the noise alone."""

    @property
    def is_noise_only(self) -> bool:
        """True if the image shows nothing but noise: less than one of 1000 images of noise alone exceeds it so far."""
        return not self.is_noiseless and self.excess <= 1

    @property
    def correlation(self) -> tuple[float, float]:
        """Of the noise of a pixel with that of the next one, in y and in x."""
        return next_pixels(self.autocorrelation)

    @property
    def is_correlated(self) -> bool:
        """True if neighbouring pixels share so much that methods for white noise take it for structure."""
        return max(self.correlation) > CORRELATED

    @property
    def is_coloured(self) -> bool:
        """True if the spectrum of the noise is known well enough, and is uneven enough, to be worth heeding."""
        errors = self.uncertainty.correlation
        if not all(math.isfinite(error) for error in errors):
            return False  # too few blocks to tell structure from noise
        if max(self.correlation) > TOO_MUCH:
            return False
        if self.is_correlated:
            return True
        clear = any(own > max(FAINT, 5 * error) for own, error in zip(self.correlation, errors, strict=True))
        return clear and self.structure < UNDISTURBED


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
    white, errors = estimate_with_errors(channel, mask)
    values = channel.detach() if mask is None else channel.detach()[mask]
    unseen = is_unseen(white, values)
    if not (white.gain or white.sigma):
        return Measurement(white, WHITE, is_noiseless=True)
    alike = stabilise(channel.detach().float(), white).reshape(-1, *channel.shape[-2:])
    valid = None if mask is None else mask.reshape(alike.shape)
    found = autocovariance(alike, valid)
    shape, strength = _normalised(found.whole)
    if strength <= 0:
        return Measurement(white, WHITE, Uncertainty.of(errors), unseen)
    parts = [_normalised(part) for part in found.groups]
    excess = excess_over_noise(alike, valid, shape * strength, [own * height for own, height in parts])
    errors_known = Uncertainty.of(errors, _correlation_errors(parts))
    band = NYQUIST
    if valid is None or bool(valid.all()):
        band = signal_band(alike, torch.from_numpy(shape * strength))
    shared = Measurement(white, shape, errors_known, unseen, excess, band, found.structure)
    if not shared.is_coloured:
        return shared
    share = kept_share(band, *alike.shape[-2:])
    if share < 1 and not is_noise(alike, share):
        shared = replace(shared, band=NYQUIST)
    return _strengthened(channel, mask, shared, strength, parts)


def _strengthened(
    channel: Tensor, mask: Tensor | None, found: Measurement, strength: float, parts: list[tuple[Values, float]]
) -> Measurement:
    """With the strength of noise that neighbours share, measured as if it were white before."""
    white, shape = found.model, found.autocorrelation
    model, errors = estimate_with_errors(channel, mask, shape)
    response = float(responses(shape)[FINE].mean())
    if response < RELIABLE:
        model = replace(model, gain=white.gain * strength, pedestal=white.pedestal, sigma=white.sigma * strength**0.5)
        share = _error([part[1] for part in parts]) / strength
    else:
        share = _error([float(responses(part[0])[FINE].mean()) for part in parts]) / response
    uncertainty = Uncertainty.of(errors.grown(share, model), found.uncertainty.correlation)
    return replace(found, model=model, uncertainty=uncertainty)


def _normalised(autocovariance: Tensor) -> tuple[Values, float]:
    """Autocorrelation, and the variance; white noise where there is none."""
    found = autocovariance.cpu().double().numpy()
    strength = float(found[found.shape[0] // 2, found.shape[1] // 2])
    return (np.clip(found / strength, -1.0, 1.0), strength) if strength > 0 else (WHITE, 0.0)


def _correlation_errors(parts: list[tuple[Values, float]]) -> tuple[float, float]:
    pairs = [next_pixels(part) for part, _ in parts]
    return _error([y for y, _ in pairs]), _error([x for _, x in pairs])


def _error(values: list[float]) -> float:
    """Standard error of the mean of independent values; infinite if there are too few to say."""
    return float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.inf


def next_pixels(autocorrelation: Values) -> tuple[float, float]:
    """Correlation of a pixel with the next one, in y and in x."""
    y, x = (size // 2 for size in autocorrelation.shape)
    return (float(autocorrelation[y + 1, x]), float(autocorrelation[y, x + 1])) if y and x else (0.0, 0.0)
