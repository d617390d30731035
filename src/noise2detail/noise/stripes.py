"""Stripes and periodic patterns: noise that whole rows or columns share, and waves of one frequency."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from noise2detail.noise.clipping import Values

STRIP = 16
"""Pixels that are averaged along a row before its strips are compared."""

CERTAIN = 5.0
"""Standard errors by which a covariance of strips must exceed 0: structure reaches 3.5 in images without stripes."""

CUT = 3.0
"""Noise deviations at which differences are cut off: edges have little say."""

COARSE = 0.15
"""Cycles per pixel below which waves are structure."""

NEIGHBOURHOOD = 17
"""Frequencies around one, in each direction, that say what is usual there."""

PEAK = 40.0
"""Power relative to what is usual: chance does not reach 20 in an image of 512x512 pixels."""

MOST_PEAKS = 8
"""Waves that are told, strongest first."""


@dataclass(frozen=True)
class Lines:
    """What whole rows, or whole columns, share."""

    deviation: float = 0.0
    """Of their offsets, in deviations of the noise of a pixel; 0 if there is none to be seen."""
    significance: float = 0.0
    """Standard errors by which the variance of the offsets is above 0."""

    @property
    def found(self) -> bool:
        """True if it is no chance."""
        return self.significance > CERTAIN


@dataclass(frozen=True)
class Wave:
    """A pattern of one frequency."""

    frequency: tuple[float, float]
    """In y and in x, cycles per pixel."""
    amplitude: float
    """In deviations of the noise of a pixel."""


@dataclass(frozen=True)
class Stripes:
    """All of it."""

    rows: Lines = Lines()
    columns: Lines = Lines()
    waves: tuple[Wave, ...] = ()

    @property
    def found(self) -> bool:
        """True if there is anything."""
        return self.rows.found or self.columns.found or bool(self.waves)


def find_stripes(alike: Tensor, mask: Tensor | None = None) -> Stripes:
    """Stripes and waves in noise that has a deviation of 1 everywhere.

    Parameters
    ----------
    alike
        ``(y, x)``, or several images ``(image, y, x)``: as ``stabilise`` makes it.
    mask
        Of the same shape: True where a pixel is data.

    A row is cut into strips, and every other strip makes up one half of it. Neither the noise of pixels nor structure
    that is smaller than a strip is in both halves alike; an offset of the row is. Third differences from row to row
    leave hardly anything of what extends over several rows.
    """
    images = np.atleast_3d(alike.detach().cpu().double().numpy().T).T
    valid = np.ones(images.shape, bool) if mask is None else mask.detach().cpu().numpy().reshape(images.shape)
    turned = images.swapaxes(1, 2), valid.swapaxes(1, 2)
    rows, columns = _lines(images, valid), _lines(*turned)
    # offsets of columns are a line of waves along x, and those of rows along y
    waves = (
        wave
        for wave in _waves(images[0], valid[0])
        if not (columns.found and wave.frequency[0] == 0) and not (rows.found and wave.frequency[1] == 0)
    )
    return Stripes(rows, columns, tuple(waves))


def _lines(images: Values, valid: NDArray[np.bool_]) -> Lines:
    """Offsets of rows."""
    count = images.shape[2] // STRIP
    if count < 2 or images.shape[1] < 4 * STRIP:
        return Lines()
    both = valid[:, 1:] & valid[:, :-1]
    changes = np.where(both, np.clip(np.diff(images, 1, 1), -CUT * 2**0.5, CUT * 2**0.5), 0)[:, :, : count * STRIP]
    weights = both[:, :, : count * STRIP]
    halves = []
    for start in (0, 1):
        own = (slice(None), slice(None), slice(start, None, 2), slice(None))
        shape = (*changes.shape[:2], count, STRIP)
        sums, counts = (values.reshape(shape)[own].sum((2, 3)) for values in (changes, weights))
        halves.append(np.diff(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan), 2, 1))
    products = (halves[0] * halves[1])[np.isfinite(halves[0] * halves[1])]
    if len(products) < 4 * STRIP:
        return Lines()
    # third differences of independent offsets have 1 + 9 + 9 + 1 times their variance; about a third are independent
    spread = math.sqrt(3 / len(products) * float(np.nanvar(halves[0]) * np.nanvar(halves[1])))
    variance = float(products.mean())
    return Lines(math.sqrt(max(variance, 0.0) / 20), variance / spread if spread > 0 else 0.0)


def _waves(image: Values, valid: NDArray[np.bool_]) -> tuple[Wave, ...]:
    """Peaks of the spectrum that stand alone."""
    from scipy.ndimage import maximum_filter, uniform_filter

    y, x = image.shape
    if min(y, x) < 2 * NEIGHBOURHOOD or not valid.any():
        return ()
    window = np.hanning(y + 2)[1:-1, None] * np.hanning(x + 2)[1:-1]
    middle = float(np.median(image[valid]))
    power = np.abs(np.fft.fft2(np.where(valid, image - middle, 0) * window)) ** 2
    # a peak must not raise what is usual around it
    level = uniform_filter(np.sqrt(power), NEIGHBOURHOOD, mode="wrap")
    usual = uniform_filter(np.minimum(power, 4 * level**2), NEIGHBOURHOOD, mode="wrap")
    down, across = np.fft.fftfreq(y)[:, None], np.fft.fftfreq(x)
    alone = (power > PEAK * usual) & (power == maximum_filter(power, 5, mode="wrap"))
    alone &= (np.hypot(down, across) > COARSE) & ((across > 0) | ((across == 0) & (down > 0)) | (across == -0.5))
    places = np.argwhere(alone)
    order = np.argsort(-power[alone])[:MOST_PEAKS]
    waves = []
    for row, column in places[order]:
        frequency = float(down[row, 0]), float(across[column])
        halves = 1 if all(part in (0.0, -0.5) for part in frequency) else 2  # a wave has two peaks, but for these
        waves.append(Wave(frequency, float(halves * math.sqrt(power[row, column]) / window.sum())))
    return tuple(waves)
