"""The only place that decides whether two images can be compared."""

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import InputError
from noise2detail.types import Pixels

Values = NDArray[np.float64]
"""Pixels in the precision in which everything here is computed."""


def comparable(result: Pixels, reference: Pixels) -> tuple[Values, Values]:
    """Both images in float64.

    Raises
    ------
    InputError
        Not of the same shape, empty, or not finite everywhere.
    """
    if result.shape != reference.shape or not result.size:
        raise InputError(
            f"the result has the shape {result.shape}, the reference {reference.shape}; expected two images of the "
            "same shape"
        )
    return finite(result, "result"), finite(reference, "reference")


def comparable_planes(result: Pixels, reference: Pixels) -> tuple[Values, Values]:
    """The same, for what is measured on a plane.

    Raises
    ------
    InputError
        Also where they have not two dimensions.
    """
    if result.ndim != 2:
        raise InputError(f"the result has the shape {result.shape}; expected one plane (y, x): measure each by itself")
    return comparable(result, reference)


def finite(image: Pixels, name: str) -> Values:
    """The image in float64.

    Raises
    ------
    InputError
        With how many of its pixels are NaN or infinite.
    """
    values = np.asarray(image, dtype=np.float64)
    bad = int(values.size - np.count_nonzero(np.isfinite(values)))
    if bad:
        raise InputError(f"{bad} of {values.size} pixels of the {name} are NaN or infinite; expected numbers only")
    return values
