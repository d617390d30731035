"""A noisy image with its reference, and the promise of one that is not read yet."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from noise2detail.errors import InputError, SettingError
from noise2detail.metrics.fidelity import gain_and_offset
from noise2detail.metrics.likeness import finite
from noise2detail.types import Pixels

_LARGEST_GAIN = 4.0
_LARGEST_SHIFT = 0.5


@dataclass(frozen=True, eq=False)
class Pair:
    """A noisy plane with what it should have been."""

    name: str
    """Of the image, no other of its data set has it."""
    subset: str
    """What results are averaged over: a sample, a structure, a volume."""
    noisy: Pixels
    """``(y, x)``, of the type in which the data set has it."""
    reference: Pixels
    """Of the same shape and range."""
    span: float
    """Largest possible value minus smallest, for PSNR and SSIM."""
    noise: str = ""
    """What was added, where noise was added here."""


@dataclass(frozen=True, eq=False)
class Entry:
    """A pair that is not read yet."""

    name: str
    """As of the pair."""
    subset: str
    """As of the pair."""
    load: Callable[[], Pair]
    """Reads it."""


def check_pair(pair: Pair) -> Pair:
    """The pair itself, if it is one.

    Raises
    ------
    InputError
        Not two planes of one shape and of numbers, a reference of another range of values, or one that is flat.
    """
    shapes = pair.noisy.shape, pair.reference.shape
    if shapes[0] != shapes[1] or pair.noisy.ndim != 2:
        raise InputError(
            f"{_named(pair)}: the noisy image has the shape {shapes[0]}, its reference {shapes[1]}; expected two "
            "planes of the same shape"
        )
    for name, image in (("noisy image", pair.noisy), ("reference", pair.reference)):
        finite(image, f"{name} of {_named(pair)}")
    if not 0 < pair.span < np.inf:
        raise InputError(f"{_named(pair)}: the reference is flat (span {pair.span}); no figure is defined for it")
    _check_range(pair)
    return pair


def cropped(pair: Pair, window: tuple[int, int, int, int] | None) -> Pair:
    """The part of a pair that begins at (y, x) and has this height and width; None: the whole.

    Raises
    ------
    SettingError
        A window that is not within the image.
    """
    if window is None:
        return pair
    top, left, height, width = window
    y, x = pair.noisy.shape
    if not (0 <= top < top + height <= y and 0 <= left < left + width <= x):
        raise SettingError(
            f"crop is {list(window)} (y, x, height, width); expected a part of {_named(pair)}, which has {y}x{x} pixels"
        )
    part = np.s_[top : top + height, left : left + width]
    return replace(pair, noisy=pair.noisy[part], reference=pair.reference[part])


def conventional_span(reference: Pixels) -> float:
    """255 for 8-bit images, 1 for those within 0 and 1, else the range that the reference has."""
    if reference.dtype == np.uint8:
        return 255.0
    low, high = float(reference.min()), float(reference.max())
    return 1.0 if 0 <= low < high <= 1 else high - low


def _check_range(pair: Pair) -> None:
    """Raise where the reference cannot be of the same scale: a figure would come out, and mean nothing.

    Lamps and dyes drift by a fifth and clipping takes a third; a reference over 255 is off by far more.
    """
    gain, _ = gain_and_offset(pair.noisy, pair.reference)
    shift = float(np.mean(pair.noisy, dtype=np.float64) - np.mean(pair.reference, dtype=np.float64))
    if 1 / _LARGEST_GAIN < gain < _LARGEST_GAIN and abs(shift) <= _LARGEST_SHIFT * pair.span:
        return
    ranges = " and ".join(f"{np.min(image):.4g} to {np.max(image):.4g}" for image in (pair.noisy, pair.reference))
    raise InputError(
        f"{_named(pair)}: the noisy image and its reference have values of {ranges}, and a step of 1 in the reference "
        f"is one of {gain:.3g} in the noisy image; expected the same range: save both with the same scale, and see "
        "that they show the same scene"
    )


def _named(pair: Pair) -> str:
    return f"{pair.subset}/{pair.name}"
