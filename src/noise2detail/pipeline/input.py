"""What users hand in, and handing back the same kind of thing."""

from dataclasses import replace
from pathlib import PurePath
from typing import Any

import numpy as np

from noise2detail.errors import InputError
from noise2detail.image import Image
from noise2detail.types import Pixels


def take(noisy: Any, axes: str | None) -> tuple[Pixels, str | None]:
    """The array, and the axes as far as they are known; axes that are passed win over those of an ``Image``.

    Raises
    ------
    InputError
        A path, or an array whose mask would be lost.
    """
    if isinstance(noisy, str | PurePath):
        raise InputError(f"{noisy} is the name of a file, not an image; open it with noise2detail.open")
    if isinstance(noisy, np.ma.MaskedArray):
        raise InputError("a masked array would lose its mask; pass array.astype(float).filled(numpy.nan) instead")
    if isinstance(noisy, Image):
        return pixels_of(noisy), axes or noisy.axes
    return np.asarray(noisy), axes


def pixels_of(image: Image) -> Pixels:
    """The array of an image, masked where nothing was measured.

    Raises
    ------
    InputError
        The mask has another shape than the image.
    """
    array = np.asarray(image.array)
    if image.no_data is None:
        return array
    mask = np.asarray(image.no_data, bool)
    if mask.shape != array.shape:
        raise InputError(f"no_data has the shape {mask.shape}; expected that of the image, {array.shape}")
    return np.ma.MaskedArray(array, mask)


def like(noisy: Any, result: Pixels) -> Any:
    """The result as an ``Image`` with the metadata of the input, if that was one."""
    return replace(noisy, array=result) if isinstance(noisy, Image) else result
