"""Noise that was cut off: what it does to the mean, and the table that undoes it.

Source
------
Foi, "Clipped noisy images: heteroskedastic modeling and practical denoising", Signal Processing 2009: where noise is
clipped the mean of the data is no longer the noise-free value, but a monotone function of it. Deviation: expectations
are taken over the Poisson-Gaussian distribution itself where counts are low, not over a normal one of equal variance.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from noise2detail.noise.model import NoiseModel

Values = NDArray[np.float64]

FEW_PHOTONS = 100.0
"""Mean counts up to which the Poisson distribution is summed; above, its skewness is all that is left of it."""

ENTRIES = 2048
"""Of a table, spread evenly: 0.1 noise deviations apart up to 10,000 photons, where lines err by 0.001 photons."""

BEND = 8.0
"""Noise deviations from an end beyond which clipping is not felt."""

_AT_ONCE = 4096
"""Means that are integrated at once: 10 MB."""

_NORMAL = np.linspace(-7, 7, 141)
"""Abscissae for the normal distribution: equidistant, since what is integrated has kinks where values are clipped."""


def gaussian_clipped(mean: Values, deviation: Values | float, low: float, high: float) -> tuple[Values, Values]:
    """Mean and variance of normal values after clipping to ``low`` and ``high``.

    Parameters
    ----------
    mean, deviation
        Before clipping, ``(n,)``; one deviation above 0 for each mean, or for all.
    low, high
        Either may be infinite.
    """
    from scipy.special import ndtr

    lower, upper = ((np.full(mean.shape, end) - mean) / deviation for end in (low, high))
    density_low, density_high = (np.exp(-0.5 * edge**2) / math.sqrt(2 * math.pi) for edge in (lower, upper))
    below, above = ndtr(lower), ndtr(-upper)
    within = 1 - below - above
    # finite stand-ins: an infinite end is never reached, and 0 times infinity is no number
    lower, upper = (np.where(np.isfinite(edge), edge, 0.0) for edge in (lower, upper))
    first = density_low - density_high + below * lower + above * upper
    second = within + lower * density_low - upper * density_high + below * lower**2 + above * upper**2
    return mean + deviation * first, deviation**2 * np.maximum(second - first**2, 0)


def expectation(function: Callable[[Values], Values], means: Values, model: NoiseModel) -> Values:
    """Mean of ``function`` over what a camera may read where the noise-free value is ``means``, clipping included.

    Parameters
    ----------
    function
        Of single values, applied to arrays of any shape.
    means
        Noise-free values ``(n,)``; below the pedestal there is no photon, and normal noise alone.
    model
        Of the noise; values are clipped to its ``low`` and ``high``.
    """
    weights = np.exp(-0.5 * _NORMAL**2)
    weights /= weights.sum()

    def seen(values: Values) -> Values:
        return function(np.clip(values, model.low, model.high))

    def around(centres: Values, deviation: Values | float, skewness: Values | float = 0.0) -> Values:
        # the first Edgeworth term: He3 = n^3 - 3n, with zero mean and variance 0
        shape = weights * (1 + np.asarray(skewness)[..., None] / 6 * (_NORMAL**3 - 3 * _NORMAL))
        result: Values = (seen(centres[..., None] + np.asarray(deviation)[..., None] * _NORMAL) * shape).sum(-1)
        return result

    if model.gain == 0:
        return around(means, model.sigma) if model.sigma else seen(means)
    photons = np.maximum((means - model.pedestal) / model.gain, 0)
    result = np.empty_like(means)
    few = (photons <= FEW_PHOTONS) & (means >= model.pedestal)
    counts = np.arange(int(FEW_PHOTONS + 10 * math.sqrt(FEW_PHOTONS)) + 1, dtype=np.float64)
    levels = model.pedestal + model.gain * counts
    result[few] = _poisson(photons[few], counts) @ (around(levels, model.sigma) if model.sigma else seen(levels))
    variance = model.gain**2 * photons + model.sigma**2
    third = model.gain**3 * photons
    with np.errstate(invalid="ignore", divide="ignore"):
        skewness = np.where(variance > 0, third / variance**1.5, 0.0)
    result[~few] = around(means[~few], np.sqrt(variance[~few]), skewness[~few])
    return result


def _poisson(photons: Values, counts: Values) -> Values:
    """Probability of each count, a row for each mean."""
    from scipy.special import gammaln, xlogy

    result: Values = np.exp(xlogy(counts, photons[:, None]) - photons[:, None] - gammaln(counts + 1))
    result /= result.sum(1, keepdims=True)
    return result


def clipped_mean(values: Tensor, model: NoiseModel) -> Tensor:
    """Mean of the data where the noise-free value is ``values``: what clipping leaves of it."""
    flat = values.detach().cpu().double().numpy().ravel()
    # piece by piece: each value is integrated over hundreds of places
    pieces = [_clipped_mean(flat[start : start + _AT_ONCE], model) for start in range(0, len(flat), _AT_ONCE)]
    found = np.concatenate(pieces) if pieces else flat
    return torch.from_numpy(found).reshape(values.shape).to(values.device, values.dtype)


def _clipped_mean(values: Values, model: NoiseModel) -> Values:
    if model.gain == 0 and model.sigma:
        return gaussian_clipped(values, model.sigma, model.low, model.high)[0]
    return expectation(lambda seen: seen, values, model)


@dataclass(frozen=True, eq=False)
class Table:
    """A monotone function by its values at some places: linear in between, and straight on beyond."""

    places: Tensor
    """Ascending, float64."""
    values: Tensor
    """Not descending, float64."""
    lowest: float = -math.inf
    """What the function is never below."""
    highest: float = math.inf
    """What the function is never above."""

    def __call__(self, images: Tensor) -> Tensor:
        """The function of every pixel, in the type and on the device of the images."""
        places = self.places.to(images.device, images.dtype)
        values = self.values.to(images.device, images.dtype)
        right = torch.searchsorted(places, images.contiguous()).clamp(1, len(places) - 1)
        share = (images - places[right - 1]) / (places[right] - places[right - 1])
        return torch.lerp(values[right - 1], values[right], share).clamp(self.lowest, self.highest)


def tabulate(places: Values, values: Values, lowest: float = -math.inf, highest: float = math.inf) -> Table:
    """Table of a function that never falls and may be level in parts; ``table_of`` of what never falls.

    Parameters
    ----------
    places, values
        ``(n,)`` each, both ascending up to rounding.
    lowest, highest
        As in ``Table``.
    """
    return table_of(places, np.maximum.accumulate(values), lowest, highest)


def table_of(places: Values, values: Values, lowest: float = -math.inf, highest: float = math.inf) -> Table:
    """Table of any function: only places that float32 tells apart are kept.

    Parameters
    ----------
    places, values
        ``(n,)`` each, the places ascending up to rounding.
    lowest, highest
        As in ``Table``.
    """
    least = 4 * float(np.finfo(np.float32).eps) * max(float(np.abs(places).max()), 1e-30)
    kept = [0]
    for number in range(1, len(places)):
        if places[number] - places[kept[-1]] > least:
            kept.append(number)
    ends = np.array([places[0], places[0] + 1]), np.full(2, values[0])  # of a function of one place: a constant
    found = (places[kept], values[kept]) if len(kept) > 1 else ends
    return Table(torch.from_numpy(found[0]), torch.from_numpy(found[1]), lowest, highest)


def entries(low: float, high: float, near_low: float, near_high: float) -> Values:
    """Places for a table from ``low`` to ``high``: equidistant, and denser where clipping bends the function.

    Parameters
    ----------
    low, high
        The ends.
    near_low, near_high
        Standard deviation of the noise there; 0 where nothing is clipped.
    """
    bend = np.linspace(0, BEND, 256)
    parts = [np.linspace(low, high, ENTRIES), low + near_low * bend, high - near_high * bend]
    return np.unique(np.clip(np.concatenate(parts), low, high))


def unclipping(model: NoiseModel, lowest: float, highest: float) -> Table:
    """Table from the mean of clipped data back to the noise-free value, which lies between the ends of the model.

    Parameters
    ----------
    model
        Of the noise before clipping, with the ends at which it was clipped.
    lowest, highest
        Noise-free values that may occur; the ends of the model narrow them. Beyond, the table goes straight on.
    """
    low, high = max(lowest, model.low), min(highest, model.high)
    truth = entries(low, high, *(math.sqrt(model.variance(end)) for end in (low, high)))
    return tabulate(_clipped_mean(truth, model), truth, model.low, model.high)
