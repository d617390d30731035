"""Which of two results of one image is nearer to the truth, told without a reference."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import InputError
from noise2detail.metrics.estimated_error import WITHIN, Answered, colour_of, refusal, strength_error
from noise2detail.metrics.pixel_risk import Parts, PixelRisk, stronger
from noise2detail.metrics.response import planes
from noise2detail.noise.measure import Measurement, Uncertainty
from noise2detail.noise.model import NoiseModel
from noise2detail.plans import Target
from noise2detail.types import Pixels


@dataclass(frozen=True)
class ErrorDifference:
    """Mean squared error of one result minus that of the other."""

    difference: float
    """In squared image units; below 0: the first is nearer to the truth. NaN if refused."""
    low: float
    """Lower end of the 90 % interval."""
    high: float
    """Upper end."""
    refused: str = ""
    """Why nothing is said; empty if something is."""

    @property
    def is_sure(self) -> bool:
        """True if the interval leaves no doubt which is nearer."""
        return self.low > 0 or self.high < 0


def error_difference(
    noisy: Pixels,
    one: Answered,
    other: Answered,
    noise: Measurement,
    *,
    target: Target = "captured",
    mask: NDArray[np.bool_] | None = None,
) -> ErrorDifference:
    """How much larger the error of one result is than that of another.

    The noise's own power is the same for both and drops out, and with it most of what is not known: methods are ranked
    far better than any of their errors is known.

    Parameters
    ----------
    noisy, noise, target, mask
        As for ``estimate_error``.
    one, other
        Denoised planes with responses, found with the same noise and the same seed.

    Raises
    ------
    InputError
        Images of different shapes, not finite, or responses to different probes.
    SettingError
        A target that is none.
    """
    refused = refusal(noise, target)
    if refused:
        return ErrorDifference(np.nan, np.nan, np.nan, refused)
    if one.response.probe.shape != other.response.probe.shape:
        raise InputError(
            f"the responses have the shapes {one.response.probe.shape} and {other.response.probe.shape}; expected two "
            "results of one image"
        )
    value, error = _difference(noisy, (one, other), noise, target, mask)
    return ErrorDifference(value, value - WITHIN * error, value + WITHIN * error)


def _difference(
    noisy: Pixels,
    both: tuple[Answered, Answered],
    noise: Measurement,
    target: Target,
    mask: NDArray[np.bool_] | None,
) -> tuple[float, float]:
    """How much larger the first error is, and the standard error of that."""
    planned = []
    for answered in both:
        seen, found = planes(noisy, answered.denoised, mask)
        kept = np.ones(seen.shape, bool) if mask is None else mask
        planned.append(PixelRisk(seen, found, answered.response, kept, target))

    def apart(model: NoiseModel) -> tuple[Parts, Parts]:
        first, second = (risk.parts(model, colour_of(noise)) for risk in planned)
        return first, second

    first, second = apart(noise.model)
    terms = planned[0].summed(
        Parts(first.square - second.square, first.through - second.through, first.bend - second.bend), colour_of(noise)
    )
    if noise.uncertainty == Uncertainty():
        return terms.mse, math.hypot(terms.sampling, terms.probing, terms.jumping)
    other = apart(stronger(noise.model, 1 + strength_error(noise)))
    moved = float(np.mean((other[0].square + other[0].through - other[1].square - other[1].through)[planned[0].kept]))
    return terms.mse, math.hypot(terms.sampling, terms.probing, terms.jumping, moved - terms.mse)
