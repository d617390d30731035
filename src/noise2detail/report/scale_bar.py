"""How long a scale bar is: a round length, in words and in pixels. Knows no program that draws."""

import math
from dataclasses import dataclass

from noise2detail.errors import check_setting

SHARE = 0.25
"""Of the width of an image, what a bar may take; the next shorter round length is at least two fifths of that."""

_STEPS = (5, 2, 1)
_UNITS = (("mm", 1e3), ("µm", 1.0), ("nm", 1e-3))
_TINY = 1e-9


@dataclass(frozen=True)
class ScaleBar:
    """A bar and what stands beside it."""

    length_um: float
    """Micrometres, one, two or five times a power of ten."""
    pixels: float
    """The same in pixels of the image."""
    text: str
    """The same in words, such as ``20 µm``."""


def scale_bar(width: int, pixel_size_um: float, share: float = SHARE) -> ScaleBar:
    """The longest round bar that takes at most a share of an image.

    Parameters
    ----------
    width
        Of the image, in pixels.
    pixel_size_um
        Micrometres per pixel along the bar.
    share
        Of the width, above 0.

    Raises
    ------
    SettingError
        A pixel size or a share that is no positive number.

    Examples
    --------
    >>> scale_bar(512, 0.1)
    ScaleBar(length_um=10.0, pixels=100.0, text='10 µm')
    """
    for name, value in (("pixel size", pixel_size_um), ("share", share)):
        check_setting(name, value, lowest=math.ulp(0.0))
    check_setting("width", width)
    length = round_length(width * pixel_size_um * share)
    return ScaleBar(length, length / pixel_size_um, length_in_words(length))


def round_length(longest: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not above a positive length, in the same unit.

    Examples
    --------
    >>> round_length(19.9), round_length(50.0), round_length(0.03)
    (10.0, 50.0, 0.02)
    """
    exponent = math.floor(math.log10(longest))
    # one power above as well: the logarithm of a power of ten may come out a trifle too small
    found = (float(f"{step}e{power}") for power in (exponent + 1, exponent, exponent - 1) for step in _STEPS)
    return next(length for length in found if length <= longest * (1 + _TINY))


def length_in_words(length_um: float) -> str:
    """A length with its unit: nanometres below a micrometre, millimetres from a thousand of them.

    Examples
    --------
    >>> [length_in_words(length) for length in (0.0005, 0.2, 20.0, 1000.0)]
    ['0.5 nm', '200 nm', '20 µm', '1 mm']
    """
    unit, size = next((one for one in _UNITS if length_um >= one[1] * (1 - _TINY)), _UNITS[-1])
    return f"{length_um / size:.12g} {unit}"
