"""Which details of the reference are in the result, by spatial frequency: what a blur cannot win."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import InputError, SettingError
from noise2detail.metrics.likeness import Values, comparable_planes
from noise2detail.types import Pixels

NYQUIST = 0.5
"""Highest frequency that pixels can hold, in cycles per pixel."""

HALVES = 1 / 7
"""Threshold by convention for two images that are equally noisy, such as the halves of a set."""

AGAINST_REFERENCE = 0.5
"""The same signal-to-noise ratio as 1/7 between halves, for a result against a reference almost free of noise."""

_SMALLEST = 16


@dataclass(frozen=True, eq=False)
class RingCorrelation:
    """How alike two images are, by spatial frequency."""

    frequency: NDArray[np.float64]
    """Of each ring, in cycles per pixel, ascending to 0.5 at most."""
    correlation: NDArray[np.float64]
    """Of the two spectra within the ring: 1 where they are the same, 0 where they have nothing in common."""

    def cutoff(self, threshold: float = AGAINST_REFERENCE) -> float:
        """Frequency at which the correlation first falls to the threshold, in cycles per pixel.

        Parameters
        ----------
        threshold
            ``AGAINST_REFERENCE`` or ``HALVES``. 1/7 is of no use where the reference is a mean of captures that the
            noisy image is one of: in a mean of 50 they share so much noise that it alone correlates by 0.14.

        Returns
        -------
        Interpolated between rings, after a running mean over three of them, without which one ring of few pixels
        decides; 0.5 where it never falls so low, 0 where it begins lower.

        Source
        ------
        Rosenthal & Henderson, "Optimal determination of particle orientation, absolute hand, and contrast loss in
        single-particle electron cryomicroscopy", J. Mol. Biol. 2003: a correlation F between halves is one of
        ``sqrt(2 F / (1 + F))`` against a perfect reference, which makes 0.5 of 1/7.
        """
        return first_fall(self.frequency, smoothed(self.correlation) - threshold)


def smoothed(correlation: Values) -> Values:
    """Running mean over three rings, over two at the ends."""
    weights = np.ones(3)
    found: Values = np.convolve(correlation, weights, "same") / np.convolve(np.ones_like(correlation), weights, "same")
    return found


def first_fall(frequency: Values, above: Values) -> float:
    """Frequency at which a curve first falls to 0, between rings; 0.5 where it never does, 0 where it begins there."""
    below = np.flatnonzero(above <= 0)
    if not below.size:
        return NYQUIST
    first = int(below[0])
    if first == 0:
        return 0.0
    share = above[first - 1] / (above[first - 1] - above[first])
    return float(frequency[first - 1] + share * (frequency[first] - frequency[first - 1]))


def ring_correlation(result: Pixels, reference: Pixels, *, shift: tuple[float, float] = (0.0, 0.0)) -> RingCorrelation:
    """Fourier ring correlation of a result with its reference.

    Linear filters with a round kernel do not change it: within a ring they only scale. A blur of the noisy image
    therefore has the cutoff of the noisy image itself, and what lies above is what a method recovered.

    Parameters
    ----------
    result, reference
        One plane each, (y, x), of at least 16x16 pixels.
    shift
        How far the pixels of the reference lie behind those of the result, in y and x, in pixels.

    Returns
    -------
    One value for each ring, one frequency pixel of the shorter side wide; 0 where either image has no power.

    Raises
    ------
    InputError
        Images of different shapes, too small, or not finite.

    Source
    ------
    Saxton & Baumeister, J. Microsc. 1982; Nieuwenhuizen et al., "Measuring image resolution in optical nanoscopy",
    Nature Methods 2013. A Hann window after taking away the mean; the ring of frequency 0 is left out.
    """
    measured, wanted = _large_enough(result, reference)
    shape = measured.shape
    side = min(shape)
    rings = np.rint(_radius(shape) * side).astype(np.intp).ravel()
    first, second = _spectrum(measured).ravel(), _moved(_spectrum(wanted), shift).ravel()

    def sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
        total: NDArray[np.float64] = np.bincount(rings, values).astype(np.float64)
        return total[1 : side // 2 + 1]

    shared = sums((first * second.conj()).real)
    power = np.sqrt(sums(np.abs(first) ** 2)) * np.sqrt(sums(np.abs(second) ** 2))
    correlation = np.divide(shared, power, out=np.zeros_like(shared), where=power > 0)
    return RingCorrelation(np.arange(1, side // 2 + 1) / side, correlation)


def frc_cutoff(result: Pixels, reference: Pixels, threshold: float = AGAINST_REFERENCE) -> float:
    """Frequency up to which a result agrees with its reference, in cycles per pixel.

    Parameters
    ----------
    result, reference
        As for ``ring_correlation``.
    threshold
        As for ``RingCorrelation.cutoff``.

    Raises
    ------
    InputError
        Images of different shapes, too small, or not finite.
    """
    return ring_correlation(result, reference).cutoff(threshold)


def high_band_snr(result: Pixels, reference: Pixels, lowest: float = 0.25) -> float:
    """Power of the reference over power of the error in the high frequencies, in dB.

    An image without any detail has 0 dB, as its error is the whole of the reference: a blur ends there from whichever
    side. Above 0 dB the details are more right than wrong.

    Parameters
    ----------
    result, reference
        One plane each, (y, x), of at least 16x16 pixels.
    lowest
        Where the band begins, in cycles per pixel; it ends at 0.5.

    Returns
    -------
    Infinity for identical images. A reference has noise too, which counts as power and which no result can have.

    Raises
    ------
    InputError
        Images of different shapes, too small, or not finite.
    SettingError
        A band that is empty.
    """
    if not 0 <= lowest < NYQUIST:
        raise SettingError(f"lowest is {lowest}; expected 0 or more and less than {NYQUIST} cycles per pixel")
    measured, wanted = _large_enough(result, reference)
    radius = _radius(measured.shape)
    band = (radius >= lowest) & (radius <= NYQUIST)
    power = float(np.sum(np.abs(_spectrum(wanted)[band]) ** 2))
    error = float(np.sum(np.abs(_spectrum(measured - wanted)[band]) ** 2))
    if error == 0:
        return math.inf
    return 10 * math.log10(power / error) if power > 0 else -math.inf


def _large_enough(result: Pixels, reference: Pixels) -> tuple[Values, Values]:
    measured, wanted = comparable_planes(result, reference)
    if min(measured.shape) < _SMALLEST:
        y, x = measured.shape
        raise InputError(f"an image of {y}x{x} pixels; its frequencies need at least {_SMALLEST}x{_SMALLEST}")
    return measured, wanted


def _radius(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Frequency of each element of a spectrum, in cycles per pixel."""
    radius: NDArray[np.float64] = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None, :])
    return radius


def _moved(spectrum: NDArray[np.complex128], shift: tuple[float, float]) -> NDArray[np.complex128]:
    """The spectrum of an image whose pixels lie further ahead by a shift."""
    if not any(shift):
        return spectrum
    y, x = (np.exp(-2j * np.pi * own * np.fft.fftfreq(size)) for own, size in zip(shift, spectrum.shape, strict=True))
    moved: NDArray[np.complex128] = spectrum * y[:, None] * x
    return moved


def _spectrum(image: Values) -> NDArray[np.complex128]:
    # half a pixel in: no pixel of the border has weight 0, and the window is symmetric
    y, x = (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size) for size in image.shape)
    return np.fft.fft2((image - image.mean()) * y[:, None] * x[None, :])
