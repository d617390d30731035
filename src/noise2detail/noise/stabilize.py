"""Noise made alike everywhere, and the one table that undoes it.

Source
------
Generalised Anscombe transform: Starck, Murtagh & Bijaoui, "Image Processing and Data Analysis", 1998. Exact unbiased
inverse: Makitalo & Foi, "Optimal inversion of the generalized Anscombe transformation for Poisson-Gaussian noise", IEEE
TIP 2013. Deviations: the constant ``2 sqrt(c) / gain`` (``c`` below) is left out of the transform, since it grows
without bound as the gain goes to 0, where the transform becomes ``(value - pedestal) / sigma``; and clipping is part of
the expectation that the inverse is made of, so that one table undoes both.
"""

import math

import numpy as np
import torch
from torch import Tensor

from noise2detail.errors import SettingError
from noise2detail.noise.clipping import Table, Values, entries, expectation, table_of, tabulate
from noise2detail.noise.model import NoiseModel


def stabilise(values: Tensor, model: NoiseModel) -> Tensor:
    """Values whose noise has a standard deviation of about 1 everywhere; the pedestal becomes 0.

    Parameters
    ----------
    values
        Noisy, in the units of the model.
    model
        Of the noise; below 1 photon and with no ``sigma`` the deviation falls below 1, as it must.

    Raises
    ------
    SettingError
        A model without any noise.
    """
    constant = _constant(model)
    above = values - model.pedestal
    root = (model.gain * above + constant).clamp_min(0).sqrt()
    # the difference of two roots, written so that nothing cancels as the gain goes to 0
    return torch.where(
        root > 0, 2 * above / (root + math.sqrt(constant)), _floor(model, constant) if model.gain else 0.0
    ).to(values.dtype)


def _constant(model: NoiseModel) -> float:
    constant = 0.375 * model.gain**2 + model.sigma**2
    if constant <= 0:
        raise SettingError("the noise model has neither gain nor sigma; there is no noise to stabilise")
    return constant


def _floor(model: NoiseModel, constant: float) -> float:
    """Lowest value of the transform."""
    return -2 * math.sqrt(constant) / model.gain


def _forward(model: NoiseModel, values: Values) -> Values:
    return stabilise(torch.from_numpy(values), model).numpy()


def inverse_table(model: NoiseModel, lowest: float, highest: float, *, unclip: bool) -> Table:
    """Table from the mean of stabilised data to the noise-free value: the exact unbiased inverse.

    Parameters
    ----------
    model
        As for ``stabilise``.
    lowest, highest
        Of the data: noise-free values are not looked for beyond; the table goes on in straight lines.
    unclip
        Give the value before clipping, bounded to the physical range; else the mean of the clipped data.
        Both are the same where nothing is clipped.
    """
    truth = _truths(model, lowest, highest)
    means = expectation(lambda seen: _forward(model, seen), truth, model)
    values = expectation(lambda seen: seen, truth, model) if model.is_clipped and not unclip else truth
    return tabulate(means, values, model.low, model.high)


def stabilised_variance(model: NoiseModel, lowest: float, highest: float) -> Table:
    """Table from the mean of stabilised data to their variance: about 1, less at very low counts and where clipped.

    Parameters
    ----------
    model, lowest, highest
        As for ``inverse_table``.
    """
    truth = _truths(model, lowest, highest)
    means = expectation(lambda seen: _forward(model, seen), truth, model)
    squares = expectation(lambda seen: _forward(model, seen) ** 2, truth, model)
    variances = np.maximum(squares - means**2, 0.0)
    # level beyond both ends: a table goes on in straight lines
    places = np.concatenate([means[:1] - 1, means, means[-1:] + 1])
    return table_of(places, np.concatenate([variances[:1], variances, variances[-1:]]))


def _truths(model: NoiseModel, lowest: float, highest: float) -> Values:
    """Noise-free values, densely spread."""
    bottom = max(lowest, model.low, model.pedestal if model.gain else -math.inf)
    top = min(max(highest, bottom + 8 * math.sqrt(model.variance(bottom))), model.high)
    ends = _forward(model, np.array([bottom, top]))
    truth = _places(model, entries(ends[0], ends[1], float(math.isfinite(model.low)), float(math.isfinite(model.high))))
    truth[[0, -1]] = bottom, top
    return truth


def _places(model: NoiseModel, stabilised: Values) -> Values:
    """Values that the transform takes to ``stabilised``: its plain inverse, biased for means."""
    root = math.sqrt(_constant(model))
    result: Values = model.pedestal + stabilised * (root + model.gain * stabilised / 4)
    return result


def closed_form(stabilised: Tensor, model: NoiseModel) -> Tensor:
    """Closed approximation of the unbiased inverse: the plain path beside the table, poor below 2 photons.

    Parameters
    ----------
    stabilised
        Means of stabilised data.
    model
        With a gain, and nothing clipped.

    Source
    ------
    Makitalo & Foi 2013, equation 10. Their floor of ``2 sqrt(3/8)`` holds without ``sigma`` only and is left out.
    """
    own = stabilised - _floor(model, _constant(model))
    root = math.sqrt(1.5)
    photons = own**2 / 4 + root / 4 / own - 11 / 8 / own**2 + 5 / 8 * root / own**3 - 1 / 8
    return model.gain * (photons - (model.sigma / model.gain) ** 2) + model.pedestal
