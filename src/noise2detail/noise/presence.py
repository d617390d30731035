"""Whether there is any noise in an image, and whether there is anything else."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from noise2detail.noise.clipping import Values
from noise2detail.noise.model import NoiseModel

ROUNDING = 0.35
"""Deviation of the noise, in steps of the values, that rounding alone explains: 0.29, and some structure."""

UNSEEN = 1e-4
"""Deviation of the noise, as a share of the image's range, below which removing it would change nothing."""

BRIGHT = 0.95
"""Quantile of the image at which the noise is compared: where it is strongest, but for a few pixels."""

RINGS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4)
"""Frequencies between which the power of image and noise are compared, in cycles per pixel; structure is low."""

UNSURE = 0.15
"""Share by which the measured spectrum of noise alone may be too low besides its standard error."""

CHANCE = 4.0
"""Standard errors beyond which power is no chance: one of 5,000 images of noise alone has such a ring."""

FEWEST = 24
"""Waves that a ring needs."""

SIDE = 128
"""Frequencies along each axis at which the noise's power is averaged."""

MOST = 2**18
"""Values that are sorted."""


def is_unseen(model: NoiseModel, values: Tensor) -> bool:
    """True if the noise is no more than rounding makes, or too weak to be seen.

    Parameters
    ----------
    model
        Of the noise.
    values
        All pixels that are data.
    """
    some = values.reshape(-1)[:: max(1, values.numel() // MOST)].double().sort().values
    if not len(some) or not (model.gain or model.sigma):
        return True
    places = [min(int(share * len(some)), len(some) - 1) for share in (0.001, BRIGHT, 0.999)]
    low, bright, high = (float(some[place]) for place in places)
    steps = some.diff()
    steps = steps[steps > 0]
    # of the zeros and ones of few photons, rounding is no cause
    step = float(steps.min()) if len(steps) and float(some[len(some) // 2]) > float(some[0]) else 0.0
    return math.sqrt(model.variance(bright)) < max(ROUNDING * step, UNSEEN * (high - low))


def excess_over_noise(
    alike: Tensor, mask: Tensor | None, autocovariance: Values, groups: Sequence[Values] = ()
) -> float:
    """How far the power of an image exceeds that of its noise, in the ring of frequencies where it does so most.

    In units of what noise alone may reach: 1 and less is no structure. Infinite for images too small to say.

    Parameters
    ----------
    alike
        ``(image, y, x)``, with the same noise everywhere.
    mask
        Of the same shape, True where a pixel is data.
    autocovariance
        Of the noise there, ``(y, x)``.
    groups
        The same, measured on parts of the image: how far they differ says how certain it is.
    """
    values = alike.double()
    good = torch.ones_like(values) if mask is None else mask.to(values)
    count = float(good.sum())
    if count == 0 or len(groups) < 2:
        return math.inf
    values = (values - float((values * good).sum() / count)) * good
    power = (torch.fft.rfft2(values).abs().square().sum(0) / count).cpu().numpy()
    down, across = np.fft.fftfreq(alike.shape[-2])[:, None], np.fft.rfftfreq(alike.shape[-1])
    distance = np.hypot(down, across)
    share = 2 * count / good.numel() * len(alike)  # gaps mix frequencies; both halves of each are the same
    noise, parts = _rings(autocovariance), np.array([_rings(part) for part in groups])
    errors = parts.std(0, ddof=1) / math.sqrt(len(parts))
    most = -math.inf
    for number, (inner, outer) in enumerate(itertools.pairwise(RINGS)):
        ring = (distance >= inner) & (distance < outer)
        waves = np.count_nonzero(ring) * share / 2
        if waves >= FEWEST:
            error = math.hypot(1 / math.sqrt(waves), errors[number] / noise[number])
            most = max(most, (float(power[ring].mean()) / noise[number] - 1) / (UNSURE + CHANCE * error))
    return float(most) if most > -math.inf else math.inf


def _rings(autocovariance: Values) -> Values:
    """Mean power of noise between the frequencies of ``RINGS``."""
    places = [np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE)]
    lags = [np.arange(size) - size // 2 for size in autocovariance.shape]
    down, across = (np.cos(2 * np.pi * np.outer(place, lag)) for place, lag in zip(places, lags, strict=True))
    crossed = [np.sin(2 * np.pi * np.outer(place, lag)) for place, lag in zip(places, lags, strict=True)]
    # lags far away hold more error than noise
    taper = np.outer(*(np.cos(np.pi / 2 * lag / (len(lag) // 2 + 1)) ** 2 for lag in lags))
    own = autocovariance * taper
    power = down @ own @ across.T - crossed[0] @ own @ crossed[1].T
    distance = np.hypot(places[0][:, None], places[1])
    found = [power[(distance >= a) & (distance < b)].mean() for a, b in itertools.pairwise(RINGS)]
    return np.maximum(found, 1e-3 * max(float(power.max()), 1e-300))
