"""Small blocks of an image, and what structure and noise put into each.

White noise has the same variance in every coefficient of a block's cosine transform, structure nearly all of its in the
low ones. Noise that neighbouring pixels share has another in each, which its autocorrelation tells.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from noise2detail.noise.clipping import Values
from noise2detail.types import Pixels

BLOCK = 8
"""Side of a block in pixels."""

RING = 2
"""Width of the frame around a block that says how bright it is."""

MOST_BLOCKS = 32768
"""Blocks that are looked at; more would not make the result visibly better."""

ATOM = 1e-3
"""Share of the pixels that must have the extreme value for it to count as an end at which values were clipped."""

RARE = 30.0
"""Pixels at an end for each that has the next value, beyond which that is not a step of the noise."""

LEAST = 1e-3
"""Least variance of a coefficient, as a share of the largest."""

WHITE = np.ones((1, 1))
"""Autocorrelation of noise that no two pixels share."""

_row, _column = np.mgrid[:BLOCK, :BLOCK]
ROUGH = (_row + _column > 0) & (_row + _column <= 3)
FINE = _row + _column > BLOCK
_COSINES = np.cos(np.pi / BLOCK * _row * (_column + 0.5)) * np.sqrt(np.where(_row == 0, 1, 2) / BLOCK)


@dataclass(frozen=True, eq=False)
class Blocks:
    """Blocks that are not constant; one number for each."""

    mean: Values
    near: Values
    """Mean of the frame around it."""
    rough: Values
    """Variance in the low frequencies."""
    fine: Values
    """Variance in the high frequencies."""
    third: Values
    """Third central moment, unbiased."""
    ends: Values
    """``(n, 2)``: shares of its pixels that have the lowest and the highest value of the image."""
    close: Values
    """``(n, 2)``: shares of the others that are near these, within half of their own root mean square distance."""

    def __len__(self) -> int:
        return len(self.mean)

    def chosen(self, which: NDArray[np.bool_]) -> "Blocks":
        """Some of them."""
        return Blocks(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Extremes:
    """Lowest and highest value of the image, where so many pixels share it that values may have been clipped there."""

    low: float
    """Minus infinity: they do not."""
    high: float
    steps: tuple[float, float]
    """From each to the next value that occurs: how finely the data are quantised there."""
    piled: tuple[float, float] = (0.0, 0.0)
    """How many pixels have it for each that has the next value: less than 1 where a distribution runs out."""


def look_at(
    channel: Tensor, mask: Tensor | None, autocorrelation: Values = WHITE, most: int = MOST_BLOCKS
) -> tuple[Blocks, Extremes]:
    """Blocks of a channel, and the values at which it may have been clipped.

    Parameters
    ----------
    channel, mask
        As for ``white_sigma``.
    autocorrelation
        Of the noise, ``(y, x)``, sides odd, 1 in the middle; lags beyond it count as 0.
    most
        Blocks that are looked at, about.
    """
    images = np.atleast_3d(channel.detach().cpu().double().numpy().T).T
    valid = np.ones(images.shape, bool) if mask is None else mask.detach().cpu().numpy().reshape(images.shape)
    data = images[valid]
    if not data.size:
        nothing = _measured(np.empty((0, BLOCK, BLOCK)), 0.0, (0.0, 0.0), (0.0, 0.0), autocorrelation)
        return nothing, Extremes(-math.inf, math.inf, (0.0, 0.0))
    ends, least, offset = (float(data.min()), float(data.max())), max(ATOM * data.size, BLOCK), float(data.mean())
    low, high = (
        end if np.count_nonzero(data == end) >= least else beyond
        for end, beyond in zip(ends, (-math.inf, math.inf), strict=True)
    )
    others = data[(data > ends[0]) & (data < ends[1])]
    steps = (float(others.min()) - ends[0], ends[1] - float(others.max())) if others.size else (0.0, 0.0)
    beside = ends[0] + steps[0], ends[1] - steps[1]
    first, last, after, before = (int(np.count_nonzero(data == value)) for value in (*ends, *beside))
    extremes = Extremes(low, high, steps, (first / max(after, 1), last / max(before, 1)))
    # where noise spans few values the next one is near, and frequent; across the gap beside a mask it is neither
    near = tuple(step if pile < RARE else 0.0 for step, pile in zip(steps, extremes.piled, strict=True))
    windows = _windows(images, valid, most, framed=min(images.shape[1:]) >= 2 * BLOCK)
    return _measured(windows, offset, ends, near, autocorrelation), extremes


def _windows(images: Pixels, valid: NDArray[np.bool_], most: int, *, framed: bool) -> Values:
    """Blocks with the frame around them, ``(n, side, side)``: those without gaps whose block is not constant."""
    side = BLOCK + 2 * RING * framed
    count, y, x = images.shape
    step = max(1, min(BLOCK // 2, min(y, x) // 16), math.ceil(math.sqrt(count * y * x / most)))
    views = [np.lib.stride_tricks.sliding_window_view(a, (1, side, side))[:, ::step, ::step] for a in (images, valid)]
    windows: Values = views[0][views[1].all((-1, -2, -3))].reshape(-1, side, side)
    own = _own(windows)
    kept: Values = windows[(own != own[:, :1, :1]).any((1, 2))]
    return kept


def _own(windows: Values) -> Values:
    """The blocks without their frames."""
    frame = (windows.shape[-1] - BLOCK) // 2
    return windows[:, frame : frame + BLOCK, frame : frame + BLOCK]


def _measured(
    windows: Values, offset: float, ends: tuple[float, ...], steps: tuple[float, ...], autocorrelation: Values
) -> Blocks:
    """What is known of blocks; ``offset`` is a value near their means, which spares digits."""
    both = [_near(_own(windows), end, step) for end, step in zip(ends, steps, strict=True)]
    shares, close = (np.stack(values, 1) for values in zip(*both, strict=True))
    windows = windows - offset
    own, size = _own(windows), BLOCK**2
    mean = own.mean((1, 2))
    powers = (_COSINES @ own @ _COSINES.T) ** 2
    response = responses(autocorrelation)
    rough, fine = (powers[:, part].mean(1) / response[part].mean() for part in (ROUGH, FINE))
    rest = own - mean[:, None, None]
    third = (rest**3).sum((1, 2)) * size / ((size - 1) * (size - 2))
    frame = (windows.shape[-1] - BLOCK) // 2
    near = mean
    if frame:
        around = np.ones(windows.shape[1:], bool)
        around[frame:-frame, frame:-frame] = False
        near = windows[:, around].mean(1)
    return Blocks(mean + offset, near + offset, rough, fine, third, shares, close)


def _near(own: Values, end: float, step: float) -> tuple[Values, Values]:
    """Share of pixels at an end, and share of the others that are near it."""
    count = own.shape[1] * own.shape[2]
    share, close = np.zeros(len(own)), np.zeros(len(own))
    # most blocks have no pixel there
    which = (own == end).any((1, 2))
    distance = np.abs(own[which] - end)
    at = distance == 0
    share[which] = at.mean((1, 2))
    others = np.maximum(count - at.sum((1, 2)), 1)
    usual = np.sqrt((distance**2).sum((1, 2)) / others)
    limit = np.maximum(usual / 2, 1.5 * step)[:, None, None]
    close[which] = (~at & (distance <= limit)).sum((1, 2)) / others
    return share, close


def responses(autocorrelation: Values) -> Values:
    """Variance of each coefficient of a block, ``(BLOCK, BLOCK)``, for noise of variance 1; 1 everywhere if white.

    Parameters
    ----------
    autocorrelation
        As for ``look_at``.
    """
    far = BLOCK - 1
    padded = np.pad(autocorrelation, far)
    top, left = (size // 2 for size in autocorrelation.shape)
    lags = padded[top : top + 2 * far + 1, left : left + 2 * far + 1]
    # of the cosine of each frequency with itself, shifted: only how far two pixels are apart matters
    products = np.stack([np.correlate(cosine, cosine, "full") for cosine in _COSINES])
    found: Values = products @ lags @ products.T
    # a measured autocorrelation may leave nothing of a frequency, or less
    least = LEAST * float(found.max())
    return found.clip(least)
