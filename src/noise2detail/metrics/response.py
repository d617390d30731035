"""How a denoiser answers a little more noise: two refits, which tell how much of the noise is in its result."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from noise2detail.errors import InputError
from noise2detail.metrics.likeness import Values, comparable_planes
from noise2detail.metrics.risk import STEP
from noise2detail.noise.blocks import WHITE
from noise2detail.noise.colour import coloured
from noise2detail.noise.measure import Measurement
from noise2detail.noise.model import NoiseModel
from noise2detail.types import Pixels

Again = Callable[[Pixels], Pixels]
"""Denoises a plane from scratch, with the method and settings of the result that is judged."""


@dataclass(frozen=True, eq=False)
class Response:
    """Noise like that of the image, and what the denoiser makes of it."""

    probe: Values
    """Fresh noise of the model at the denoised level, in image units, as far as clipping leaves it."""
    answer: Values
    """Change of the result for each probe that is added to the image, were it as small as those that were."""
    bend: Values
    """Half of what an addition and a removal changed alike, in the same unit: curvature, and jumps between settings."""
    power: Values
    """Variance of the probe, of each pixel."""
    colour: Values
    """Autocorrelation that it was drawn with, ``(y, x)``, sides odd, 1 in the middle."""


def respond(
    noisy: Pixels,
    denoised: Pixels,
    again: Again,
    noise: Measurement,
    *,
    mask: NDArray[np.bool_] | None = None,
    seed: int = 0,
) -> Response:
    """What becomes of a tenth of the noise, added to the image and taken from it.

    Parameters
    ----------
    noisy, denoised
        One plane each, (y, x).
    again
        Denoises a plane from scratch; called twice, with single-precision planes.
    noise
        Of the noisy image, in its units.
    mask
        True where a pixel is data; nothing is added elsewhere, and what the images hold there is handed on.
    seed
        Of the probe. Methods that are compared share it, so that chance takes no side.

    Raises
    ------
    InputError
        Images of different shapes or not finite, or a refit of another shape.

    Source
    ------
    Ramani, Blu & Unser, "Monte-Carlo SURE", IEEE TIP 2008. Deviations: the estimator is fitted anew; the probe has the
    covariance of the noise; and it is taken from the image as well as added to it, which removes the bias of curvature
    and whatever more noise does to a denoiser that measures it. What was cut off stays at its limit, as it would in a
    recording: Stein's identity holds for the recorded value as a function of the noise before.
    """
    seen, found = planes(noisy, denoised, mask)
    power = variances(found, noise.model)
    probe = _probe(seen, power, noise, seed)
    if mask is not None:
        probe[~mask] = 0
    others = [np.clip(seen + sign * STEP * probe, noise.model.low, noise.model.high) for sign in (1, -1)]
    changes = [_again(again, other, noisy, mask) - found for other in others]
    answer, bend = ((changes[0] + sign * changes[1]) / (2 * STEP) for sign in (-1, 1))
    if mask is not None:
        answer, bend = np.where(mask, answer, 0.0), np.where(mask, bend, 0.0)
    colour = noise.autocorrelation if noise.is_coloured else WHITE
    return Response((others[0] - others[1]) / (2 * STEP), answer, bend, power * _left(seen, power, noise.model), colour)


def _again(again: Again, plane: Values, noisy: Pixels, mask: NDArray[np.bool_] | None) -> Values:
    single = plane.astype(np.float32)
    if mask is not None:
        single[~mask] = np.asarray(noisy)[~mask]
    result = np.asarray(again(single), np.float64)
    if result.shape != plane.shape:
        raise InputError(f"denoised again, the image has the shape {result.shape}; expected {plane.shape}")
    return result


def _left(seen: Values, power: Values, model: NoiseModel) -> Values:
    """Share of the probe's variance that is left next to an end, where half of what goes beyond is cut off.

    Within ``c`` deviations of an end the probe ``n`` moves a pixel by ``n``, and beyond by the mean of ``n`` and ``c``.
    """
    from scipy.special import erfc

    share = np.ones_like(seen)
    with np.errstate(divide="ignore", invalid="ignore"):
        for end, away in ((model.low, seen - model.low), (model.high, model.high - seen)):
            if not math.isfinite(end):
                continue
            reach = np.maximum(away, 0) / (STEP * np.sqrt(power))
            beyond = erfc(reach / math.sqrt(2))
            density = np.exp(-0.5 * reach**2) / math.sqrt(2 * math.pi)
            own = 1 - 0.75 * beyond - 0.5 * reach * density + 0.25 * np.where(beyond > 0, reach**2, 0.0) * beyond
            share *= np.where(away > 0, own, 0.0)
    return np.where(power > 0, share, 0.0)


def planes(noisy: Pixels, denoised: Pixels, mask: NDArray[np.bool_] | None) -> tuple[Values, Values]:
    """Both in float64, 0 where there is no data.

    Raises
    ------
    InputError
        Of different shapes, not finite where there is data, or without any.
    """
    if mask is None:
        return comparable_planes(noisy, denoised)
    if mask.shape != noisy.shape or denoised.shape != noisy.shape:
        raise InputError(
            f"the shapes are {noisy.shape} (noisy), {denoised.shape} (denoised) and {mask.shape} (mask); "
            "expected the same"
        )
    if not mask.any():
        raise InputError("the mask leaves no pixel; expected some that are data")
    return comparable_planes(np.where(mask, noisy, 0), np.where(mask, denoised, 0))


def variances(levels: Values, model: NoiseModel) -> Values:
    """Of the noise at noise-free values, before any clipping."""
    return model.gain * np.maximum(levels - model.pedestal, 0.0) + model.sigma**2


def _probe(seen: Values, power: Values, noise: Measurement, seed: int) -> Values:
    fresh = torch.from_numpy(np.random.default_rng(seed).standard_normal(seen.shape))
    if noise.is_coloured:
        fresh = coloured(fresh, torch.from_numpy(np.asarray(noise.autocorrelation, np.float64)))
    probe: Values = fresh.numpy() * np.sqrt(power)
    for end, beyond in ((noise.model.low, seen <= noise.model.low), (noise.model.high, seen >= noise.model.high)):
        if math.isfinite(end):
            probe[beyond] = 0
    return probe
