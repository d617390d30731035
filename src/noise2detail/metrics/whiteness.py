"""Whether the residual is correlated from pixel to pixel as the noise is, and no more."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.metrics.standardised import Standardised

REACH = 4
"""Lags that are looked at, in pixels."""


@dataclass(frozen=True, eq=False)
class Whiteness:
    """Autocorrelation of the residual less that of the noise."""

    excess: NDArray[np.float64]
    """``(lag_y, lag_x)``, lag_y from 0, lag_x from minus to plus the reach; 0 is expected, structure gives more."""
    error: float
    """Standard error of each."""
    lag: tuple[int, int]
    """Pixels in y and x at which the excess is furthest from 0."""

    @property
    def most(self) -> float:
        """The excess furthest from 0."""
        return float(self.excess[self.lag[0], self.lag[1] + self.excess.shape[1] // 2])

    @property
    def score(self) -> float:
        """The same in standard errors."""
        return self.most / self.error


def whiteness(residual: Standardised, autocorrelation: NDArray[np.float64] | None = None) -> Whiteness | None:
    """How the residual correlates with itself at each lag; None where it does not vary or next to nothing is valid.

    Parameters
    ----------
    residual
        Of one plane.
    autocorrelation
        Of the noise, ``(y, x)``, sides odd, 1 in the middle; None: white. Beyond its lags it counts as 0.

    Notes
    -----
    By the spectrum, over the pairs that are valid. The standard error is Bartlett's: ``sum of squared correlations``
    over the number of pairs, with the noise's own correlations.
    """
    from scipy.fft import irfft2, next_fast_len, rfft2

    shape = residual.residual.shape
    if min(shape) <= 2 * REACH or np.count_nonzero(residual.valid) < 64:
        return None
    size = [next_fast_len(side + REACH, real=True) for side in shape]
    middle = float(residual.residual[residual.valid].mean())
    values = (residual.residual - np.float32(middle)) * residual.valid
    sums = _near(irfft2(np.abs(rfft2(values, size)) ** 2, size))
    if residual.valid.all():
        lags = np.abs(np.arange(-REACH, REACH + 1))
        pairs = (shape[0] - lags[REACH:, None]) * (shape[1] - lags).astype(np.float64)
    else:
        pairs = _near(irfft2(np.abs(rfft2(residual.valid.astype(np.float32), size)) ** 2, size))
    covariance = sums / np.maximum(np.rint(pairs), 1)
    if covariance[0, REACH] <= 0:
        return None
    expected = _expected(autocorrelation)
    excess = covariance / covariance[0, REACH] - expected
    excess[0, : REACH + 1] = 0.0  # the lag 0, and those that are the mirror image of others
    lag = np.unravel_index(int(np.abs(excess).argmax()), excess.shape)
    spread = float(2 * (expected**2).sum() - 1)
    error = math.sqrt(max(spread, 1.0) / max(float(pairs[0, REACH]), 1.0))
    return Whiteness(excess, error, (int(lag[0]), int(lag[1]) - REACH))


def _near(periodic: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lags up to the reach."""
    rows = periodic[: REACH + 1]
    return np.concatenate([rows[:, -REACH:], rows[:, : REACH + 1]], axis=1).astype(np.float64)


def _expected(autocorrelation: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Of the noise, at the same lags."""
    result = np.zeros((REACH + 1, 2 * REACH + 1))
    result[0, REACH] = 1.0
    if autocorrelation is not None:
        y, x = (side // 2 for side in autocorrelation.shape)
        down, across = min(y, REACH), min(x, REACH)
        result[: down + 1, REACH - across : REACH + across + 1] = autocorrelation[
            y : y + down + 1, x - across : x + across + 1
        ]
    return result
