"""Resolution of an image and of its denoised version without a reference: by two halves with noise of their own.

Two denoised halves share what the denoiser expects of images, and flatter. One denoised half is therefore held against
the other half as it was recorded, whose noise it has never seen.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import InputError
from noise2detail.metrics.likeness import Values, finite
from noise2detail.metrics.resolution import HALVES, RingCorrelation, first_fall, ring_correlation, smoothed
from noise2detail.noise.measure import Measurement
from noise2detail.noise.model import NoiseModel
from noise2detail.types import Pixels

SHARED = HALVES / 2
"""Correlation of the noise of diagonal neighbours from which half of the threshold would be noise alone."""

WINDOW = 0.264
"""Share of the values of a ring that are independent after the window: (mean w^2)^2 / mean w^4 of a Hann window, 0.514
along each axis."""

CHANCE = 2.0
"""Standard errors below which a correlation may be chance."""

_WHOLE = 1e-3
_NEAR = 0.1
_LOOKED = 2**16


@dataclass(frozen=True, eq=False)
class HalfPair:
    """Two images of the same scene whose noise is independent."""

    first: Values
    second: Values
    kind: Literal["thinned", "diagonal"]
    """By photons, which keeps the pixels; or by pixels, of which each half has every second row and column."""
    shift: tuple[float, float] = (0.0, 0.0)
    """Of the second against the first, in their own pixels."""

    @property
    def sampling(self) -> int:
        """Pixels of the image to one of a half, along each axis."""
        return 2 if self.kind == "diagonal" else 1


@dataclass(frozen=True, eq=False)
class HalfResolution:
    """How far two halves agree, as they were recorded and with one of them denoised."""

    kind: Literal["thinned", "diagonal"]
    """How the image was halved."""
    frequency: NDArray[np.float64]
    """Of each ring, in cycles per pixel of the image; up to 0.25 for diagonal halves."""
    raw: NDArray[np.float64]
    """Correlation of both halves as recorded."""
    denoised: NDArray[np.float64]
    """Correlation of one denoised half with the other as recorded."""
    threshold: NDArray[np.float64]
    """For ``denoised``: ``sqrt(raw / 7)``, or what chance alone may reach where that is more."""
    raw_cutoff: float
    """Where ``raw`` falls to 1/7, in cycles per pixel of the image."""
    denoised_cutoff: float
    """Where ``denoised`` falls to its threshold."""
    pixel_size_um: float | None = None
    """Side of a pixel of the image; None: unknown."""

    @property
    def limit(self) -> float:
        """Highest frequency that could be seen, in cycles per pixel: a cutoff that reaches it may lie beyond."""
        return 0.25 if self.kind == "diagonal" else 0.5

    @property
    def truth(self) -> NDArray[np.float64]:
        """Estimated correlation of the denoised half with the noise-free image; NaN where chance decides."""
        # where chance is more, the threshold is more than the raw correlation makes it
        known = self.threshold**2 <= smoothed(self.raw) * HALVES * (1 + 1e-9)
        found: NDArray[np.float64] = np.full(self.raw.shape, np.nan)
        np.divide(smoothed(self.denoised), np.sqrt(np.maximum(smoothed(self.raw), 0)), out=found, where=known)
        return found

    @property
    def resolution_um(self) -> tuple[float | None, float | None]:
        """Periods of both cutoffs in micrometres, raw and denoised; None where they are not known."""
        size = self.pixel_size_um
        raw, denoised = (
            size / cutoff if size and cutoff else None for cutoff in (self.raw_cutoff, self.denoised_cutoff)
        )
        return raw, denoised


def half_resolution(
    noisy: Pixels,
    again: Callable[[Pixels], Pixels],
    measurement: Measurement,
    *,
    pixel_size_um: float | None = None,
    seed: int = 0,
) -> HalfResolution:
    """Resolution of an image and of its denoised version, by two halves.

    With the signal S and the noise N of a half at a frequency, two raw halves correlate by ``F = S / (S + N)``, and a
    half with the noise-free image by ``sqrt(F)``. The noise of the other half being independent, a denoised half that
    correlates by C with the noise-free image does so by ``C sqrt(F)`` with the raw one. Raw halves are trusted up to
    F = 1/7, where ``C = sqrt(1/7)``; the same C is asked of the denoised half, so its threshold is ``sqrt(F / 7)``. A
    blur, which scales all of a ring alike, has the cutoff of the raw image, and only what was recovered lies above.

    A half has less light or fewer pixels than the image: both cutoffs are what the image has at least.

    Parameters
    ----------
    noisy
        One plane, (y, x), of at least 32x32 pixels.
    again
        Denoises a half from scratch by the same method.
    measurement
        Of the noise.
    pixel_size_um
        Side of a pixel, in micrometres.
    seed
        Of the split.

    Raises
    ------
    InputError
        Not one plane of finite numbers, too small, or neighbouring pixels share noise.

    Source
    ------
    Rosenthal & Henderson, "Optimal determination of particle orientation, absolute hand, and contrast loss in
    single-particle electron cryomicroscopy", J. Mol. Biol. 2003, for ``C = sqrt(F)`` and for 1/7, which for the whole
    of which these are halves is a correlation of 0.5 with the truth. Rings of few values: twice the standard error of
    unrelated noise, as van Heel & Schatz, "Fourier shell correlation threshold criteria", J. Struct. Biol. 2005, ask.
    """
    pairs = make_halves(noisy, measurement, seed=seed)
    side = min(pairs[0].first.shape)
    curves = [ring_correlation(pair.first, pair.second, shift=pair.shift) for pair in pairs]
    own = ring_correlation(np.asarray(again(pairs[0].first)), pairs[0].second, shift=pairs[0].shift)
    raw = np.mean([curve.correlation for curve in curves], axis=0)
    return _resolution(pairs[0], curves[0], raw, own, _chance(side), pixel_size_um)


def _resolution(
    pair: HalfPair,
    curve: RingCorrelation,
    raw: Values,
    denoised: RingCorrelation,
    chance: Values,
    pixel_size_um: float | None,
) -> HalfResolution:
    frequency = curve.frequency / pair.sampling
    threshold = np.maximum(np.sqrt(np.maximum(smoothed(raw), 0) * HALVES), chance)
    limit = 0.5 / pair.sampling
    return HalfResolution(
        kind=pair.kind,
        frequency=frequency,
        raw=raw,
        denoised=denoised.correlation,
        threshold=threshold,
        raw_cutoff=min(first_fall(frequency, smoothed(raw) - np.maximum(HALVES, chance)), limit),
        denoised_cutoff=min(first_fall(frequency, smoothed(denoised.correlation) - threshold), limit),
        pixel_size_um=pixel_size_um,
    )


def _chance(side: int) -> Values:
    """What the mean over three rings of unrelated noise stays below, nearly always."""
    rings = np.arange(1, side // 2 + 1)
    # a real image has every value of a ring twice; the innermost rings are never sure and need not be
    independent = 3 * WINDOW * 2 * np.pi * rings
    chance: Values = np.minimum(CHANCE / np.sqrt(independent), 0.5)
    return chance


def make_halves(noisy: Pixels, measurement: Measurement, *, seed: int = 0) -> tuple[HalfPair, ...]:
    """The image as pairs of halves: one, thinned, where photons were counted, else two of diagonal neighbours.

    Parameters
    ----------
    noisy, measurement, seed
        As for ``half_resolution``.

    Raises
    ------
    InputError
        As ``half_resolution``.

    Source
    ------
    By photons: binomial splitting of counts, whose halves are independent Poisson numbers. By pixels: Koho et al.,
    "Fourier ring correlation simplifies image restoration in fluorescence microscopy", Nature Communications 2019, who
    correct frequencies by a measured curve for the half pixel between diagonal neighbours. Deviation: the spectrum is
    moved by that half pixel instead, which is exact for what both halves sample well enough.
    """
    if noisy.ndim != 2 or min(noisy.shape) < 32:
        raise InputError(f"an image of the shape {noisy.shape}; expected one plane (y, x) of at least 32x32 pixels")
    image = finite(noisy, "image")
    _refuse_shared(measurement)
    scale = count_scale(image, measurement.model)
    if scale is not None:
        gain, pedestal = scale
        counts = np.rint((image - pedestal) / gain).astype(np.int64)
        kept = np.random.default_rng(seed).binomial(counts, 0.5)
        first, second = (np.asarray(pedestal + 2 * gain * own, np.float64) for own in (kept, counts - kept))
        return (HalfPair(first, second, "thinned"),)
    y, x = (size // 2 * 2 for size in image.shape)
    cut = image[:y, :x]
    corners = {(row, column): cut[row::2, column::2] for row in (0, 1) for column in (0, 1)}
    return (
        HalfPair(corners[0, 0], corners[1, 1], "diagonal", (0.5, 0.5)),
        HalfPair(corners[0, 1], corners[1, 0], "diagonal", (0.5, -0.5)),
    )


def _refuse_shared(measurement: Measurement) -> None:
    """Raise where the halves would share noise, which would count as detail."""
    table = measurement.autocorrelation
    y, x = (size // 2 for size in table.shape)
    diagonal = max(float(table[y + 1, x + 1]), float(table[y + 1, x - 1])) if y and x else 0.0
    if measurement.is_correlated or (measurement.is_coloured and diagonal > SHARED):
        shared = max(*measurement.correlation, diagonal)
        raise InputError(
            f"neighbouring pixels share noise (correlation {shared:.2f}): both halves would hold it, and it would "
            f"count as detail; expected at most {SHARED:.2f} between diagonal neighbours: compare two recordings"
        )


def count_scale(image: Values, model: NoiseModel) -> tuple[float, float] | None:
    """Value of one photon and of none, where every pixel is a number of photons; None elsewhere.

    Parameters
    ----------
    image
        Finite values.
    model
        Of the noise: its gain must be the step between values within a tenth, and its sigma next to nothing.
    """
    values = np.unique(image.ravel()[:: max(1, image.size // _LOOKED)])
    if not model.gain or len(values) < 3:
        return None
    step = float(np.diff(values).min())
    if abs(model.gain / step - 1) > _NEAR or model.sigma > 0.5 * step:
        return None
    pedestal = values[0] + step * round((model.pedestal - values[0]) / step)
    numbers = (image - pedestal) / step
    whole = np.abs(numbers - np.rint(numbers)).max() <= max(_WHOLE, math.ulp(float(np.abs(numbers).max())))
    return (step, float(pedestal)) if whole and numbers.min() > -0.5 else None
