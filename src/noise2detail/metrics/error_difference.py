"""Which of two results of one image is nearer to the truth, told without a reference."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import InputError
from noise2detail.metrics.estimated_error import WITHIN, Answered, paired_terms, refusal
from noise2detail.noise.measure import Measurement
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
    value, error = paired_terms(noisy, (one, other), noise, target, mask)
    return ErrorDifference(value, value - WITHIN * error, value + WITHIN * error)
