"""Whether bright places stayed as bright as they are: what a blur, a shrinkage or a clipped mean loses."""

import math

import numpy as np

from noise2detail.errors import SettingError
from noise2detail.metrics.likeness import Values, comparable_planes
from noise2detail.types import Pixels

_WINDOW = 5


def bright_slope(result: Pixels, reference: Pixels, percentile: float = 99.0) -> float:
    """Slope of the result over the reference in the brightest regions: 1 contrast kept, less than 1 shrunk.

    Regions are means over 5x5 pixels of both images. Single pixels will not do: the brightest pixels of a noisy
    reference are bright by noise, and a slope over them is below 1 for the perfect result as well; over 25 pixels that
    bias is a twenty-fifth. Regions are chosen by the reference alone, since choosing by the result would reward its
    noise, and the line has an offset of its own, so that a constant added to the result does not count as contrast.

    Parameters
    ----------
    result, reference
        One plane each, (y, x).
    percentile
        Regions whose reference is at least so bright are taken.

    Returns
    -------
    NaN where all of them are equally bright in the reference, which happens where it is flat or saturated.

    Raises
    ------
    InputError
        Images of different shapes, or not finite.
    SettingError
        A percentile outside 0 to 100.
    """
    if not 0 <= percentile < 100:
        raise SettingError(f"percentile is {percentile}; expected 0 or more and less than 100")
    measured, wanted = (_regions(image) for image in comparable_planes(result, reference))
    bright = wanted >= np.percentile(wanted, percentile)
    x, y = wanted[bright], measured[bright]
    if np.ptp(x) <= np.finfo(np.float64).eps * _WINDOW**2 * float(np.abs(x).max()):  # equal up to rounding of the means
        return math.nan
    centred = x - x.mean()
    return float(np.sum(centred * y) / np.sum(centred**2))


def _regions(image: Values) -> Values:
    from scipy.ndimage import uniform_filter

    means: Values = uniform_filter(image, _WINDOW)
    return means
