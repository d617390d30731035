"""The highest frequency at which one image alone still shows structure above its noise: decorrelation analysis."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import InputError
from noise2detail.metrics.likeness import Values, finite
from noise2detail.types import Pixels

FILTERS = 20
"""High-pass filters that are tried."""

WEAKEST, STRONGEST = 0.25, 0.15
"""Widths of the blurs that the filters take away: the first as a share of the shorter side, the last in pixels."""

DROP = 0.001
"""By which a curve must fall behind a peak, at least."""

SURE = 2.0
"""Standard errors of the curve by which it must fall as well. Already with half of that, none of 660 images of white
noise of 48x48 to 256x256 pixels had a peak; with twice that, structure of a few rings is missed."""

EDGE = 20
"""Pixels at each border that are faded out."""

_SMALLEST = 32


@dataclass(frozen=True)
class Decorrelation:
    """What the analysis found."""

    cutoff: float
    """Frequency of the outermost peak, in cycles per pixel; 0: there is none, and the image shows no structure."""
    strength: float
    """Height of the peak without any filter: how much of the image is structure, 0 to 1; 0: there is no peak."""
    pixel_size_um: float | None = None
    """Side of a pixel; None: unknown."""

    @property
    def resolution_um(self) -> float | None:
        """Period of the cutoff in micrometres; None where it or the size of a pixel is not known."""
        return self.pixel_size_um / self.cutoff if self.cutoff and self.pixel_size_um else None


def decorrelation(image: Pixels, pixel_size_um: float | None = None) -> Decorrelation:
    """Resolution of a single image, without a second one and without settings.

    The spectrum is correlated with itself where every frequency has the same weight, up to a radius: while the circle
    grows over structure the correlation rises, over noise it falls. The peak is looked for after high-pass filters from
    weak to strong, and the outermost is the cutoff.

    It needs noise that is white, as pixels that share nothing have it: where nothing is left above the band of the
    optics, as in a denoised image, the correlation is that of whatever the denoiser left there. It is for raw images,
    and for what was done to denoised ones ``halves`` is.

    Parameters
    ----------
    image
        One plane, (y, x), of at least 32x32 pixels.
    pixel_size_um
        Side of a pixel, in micrometres.

    Raises
    ------
    InputError
        Not one plane, too small, or not finite.

    Source
    ------
    Descloux, Grussmayer & Radenovic, "Parameter-free image resolution estimation based on decorrelation analysis",
    Nature Methods 2019. Deviations: sums over rings one frequency pixel wide stand for every frequency, so that each
    filter costs next to nothing and no second, finer search is needed; a fall that noise could have made is no peak.
    """
    if image.ndim != 2 or min(image.shape) < _SMALLEST:
        raise InputError(
            f"an image of the shape {image.shape}; expected one plane (y, x) of at least {_SMALLEST}x{_SMALLEST} pixels"
        )
    rings = _rings(finite(image, "image"))
    side = min(image.shape)
    widths = np.geomspace(WEAKEST * side, STRONGEST, FILTERS)
    plain = _peak(rings, np.ones_like(rings["radius"]))
    peaks = [_peak(rings, 1 - np.exp(-2 * (math.pi * width * rings["radius"]) ** 2)) for width in widths]
    places = [one[0] for one in (plain, *peaks) if one is not None]
    return Decorrelation(max(places, default=0.0), 0.0 if plain is None else plain[1], pixel_size_um)


def _rings(image: Values) -> Mapping[str, Values]:
    """Sums of the spectrum's amplitudes and powers over rings, up to half a cycle per pixel."""
    from scipy.fft import rfft2

    y, x = image.shape
    faded = (image - image.mean()) * _fade(y)[:, None] * _fade(x)
    amplitude = np.abs(rfft2(faded))
    side = min(y, x)
    radius = np.hypot(np.fft.fftfreq(y)[:, None], np.fft.rfftfreq(x))
    ring = np.rint(radius * side).astype(np.intp).ravel()
    count = side // 2 + 1

    def sums(values: NDArray[np.float64]) -> Values:
        total: Values = np.bincount(ring, values.ravel())[1:count].astype(np.float64)
        return total

    return {
        "radius": np.arange(1, count) / side,
        "amplitude": sums(amplitude),
        "power": sums(amplitude**2),
        "number": np.bincount(ring)[1:count].astype(np.float64),
    }


def _fade(size: int) -> Values:
    """1, and falling to 0 at both borders."""
    edge = min(EDGE, size // 8)
    line = np.ones(size)
    line[:edge] = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
    line[-edge:] = line[:edge][::-1]
    return line


def _peak(rings: Mapping[str, Values], response: Values) -> tuple[float, float] | None:
    """Where the curve of a filtered image has its highest peak, and how high it is; None: nowhere."""
    total = float(np.sum(rings["power"] * response**2))
    if total <= 0:
        return None
    inside = np.cumsum(rings["number"])
    curve = np.cumsum(rings["amplitude"] * response) / np.sqrt(total * inside)
    # of noise alone, an amplitude scatters by half its mean
    scatter = np.sqrt(np.cumsum(rings["power"] * response**2)) * 0.5 / np.sqrt(total * inside)
    found: tuple[float, float] | None = None
    for place in np.flatnonzero((curve[1:-1] > curve[:-2]) & (curve[1:-1] >= curve[2:])) + 1:
        higher = np.flatnonzero(curve[place:] > curve[place])
        stop = place + int(higher[0]) if higher.size else len(curve)
        fall = float(curve[place] - curve[place:stop].min())
        if fall < max(DROP, SURE * float(scatter[place])):
            continue
        if found is None or curve[place] > found[1]:
            found = float(rings["radius"][place]), float(curve[place])
    return found
