"""The figures of the trust page, made from measured numbers."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noise2detail.noise.model import NoiseModel
from noise2detail.report.charts import Chart, Mark, Series
from noise2detail.types import Pixels

POINTS = 2500
"""Points that are drawn at most."""

MANY = 500_000
"""Values that a histogram is made of, about."""

BINS = 120
"""Of a histogram."""


def noise_chart(brightness: ArrayLike, variance: ArrayLike, model: NoiseModel, unit: str = "") -> Chart:
    """Variance of the noise against brightness: what was measured, and the model fitted to it.

    Parameters
    ----------
    brightness, variance
        Of small blocks or of levels, in image units and their square.
    model
        As measured, in image units.
    unit
        Of the pixel values.
    """
    x, y = _series(brightness, variance)
    every = max(1, -(-len(x) // POINTS))
    low, high = (float(x.min()), float(x.max())) if len(x) else (0.0, 1.0)
    places = np.linspace(low, high, 100)
    curve = np.array([model.variance(float(place)) for place in places])
    top = 1.5 * max(float(np.quantile(y, 0.98)) if len(y) else 0.0, float(curve.max())) or 1.0
    return Chart(
        "Noise by brightness",
        f"brightness{_in(unit)}",
        f"variance{_in(f'{unit}²' if unit else '')}",
        (Series("measured", x[::every], y[::every], "points"), Series("model", places, curve)),
        caption="Points on the line: the noise is understood. A slope means photons are counted.",
        y_limits=(0.0, top),
    )


def ring_chart(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    threshold: float | None = None,
    pixel_size_um: float | None = None,
    cutoffs: Mapping[str, float] | None = None,
) -> Chart:
    """Correlation by spatial frequency.

    Parameters
    ----------
    curves
        Frequency in cycles per pixel and correlation, by name.
    threshold
        Drawn across.
    pixel_size_um
        Turns cycles per pixel into cycles per micrometre.
    cutoffs
        Frequencies in cycles per pixel that are marked, by name.
    """
    per = 1.0 if pixel_size_um is None else 1 / pixel_size_um
    marks = [Mark(threshold, "y", f"threshold {threshold:.2g}")] if threshold is not None else []
    marks += [Mark(value * per, "x", name) for name, value in (cutoffs or {}).items()]
    series = _by_frequency(curves, per)
    return Chart(
        "Fourier ring correlation",
        f"spatial frequency (cycles/{'pixel' if pixel_size_um is None else 'µm'})",
        "correlation",
        series,
        tuple(marks),
        caption="1: the same detail in both; 0: nothing in common. Further to the right is finer.",
        y_limits=(min(0.0, *(float(np.nanmin(one.y)) for one in series if len(one.y)), 0.0), 1.0),
    )


def spectrum_chart(curves: Mapping[str, tuple[ArrayLike, ArrayLike]], pixel_size_um: float | None = None) -> Chart:
    """Power by spatial frequency, logarithmic.

    Parameters
    ----------
    curves
        Frequency in cycles per pixel and power, by name.
    pixel_size_um
        Turns cycles per pixel into cycles per micrometre.
    """
    per = 1.0 if pixel_size_um is None else 1 / pixel_size_um
    series = _by_frequency(curves, per)
    return Chart(
        "Power spectrum",
        f"spatial frequency (cycles/{'pixel' if pixel_size_um is None else 'µm'})",
        "power",
        series,
        log_y=True,
    )


def radial_power(plane: Pixels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequency in cycles per pixel and mean power on each ring, for :func:`spectrum_chart`.

    Parameters
    ----------
    plane
        ``(y, x)``; pixels without value count as the mean.
    """
    values = np.asarray(plane, np.float64)
    values = np.where(np.isfinite(values), values, np.nanmean(values) if np.isfinite(values).any() else 0.0)
    window = np.hanning(values.shape[0])[:, None] * np.hanning(values.shape[1])
    power = np.abs(np.fft.rfft2((values - values.mean()) * window)) ** 2 / max(float((window**2).sum()), 1e-12)
    radius = np.hypot(np.fft.fftfreq(values.shape[0])[:, None], np.fft.rfftfreq(values.shape[1]))
    rings = min(128, min(values.shape) // 2)
    ring = np.minimum((radius * 2 * rings).astype(int), rings).ravel()
    counts = np.bincount(ring, minlength=rings + 1)[:rings]
    sums = np.bincount(ring, power.ravel(), minlength=rings + 1)[:rings]
    return (np.arange(rings) + 0.5) / (2 * rings), sums / np.maximum(counts, 1)


def histogram_chart(images: Mapping[str, Pixels], title: str = "Histogram", unit: str = "") -> Chart:
    """How often each value occurs.

    Parameters
    ----------
    images
        By name; drawn over their common range, without the outermost thousandth at either end.
    title
        Above the figure.
    unit
        Of the pixel values.
    """
    finite = {name: _some(image) for name, image in images.items()}
    ends = [np.percentile(values, (0.1, 99.9)) for values in finite.values() if len(values)]
    low, high = (float(min(e[0] for e in ends)), float(max(e[1] for e in ends))) if ends else (0.0, 1.0)
    edges = _edges(low, high, all(bool((values == np.rint(values)).all()) for values in finite.values()))
    series = tuple(
        Series(name, edges, np.histogram(values, edges)[0] / max(1, len(values)) / (edges[1] - edges[0]), "steps")
        for name, values in finite.items()
    )
    return Chart(title, f"value{_in(unit)}", f"share of the pixels{' per ' + unit if unit else ''}", series)


def _some(image: Pixels) -> NDArray[np.float64]:
    """Finite values, at most a million of them."""
    flat = np.ravel(image)[:: max(1, np.size(image) // MANY)].astype(np.float64)
    found: NDArray[np.float64] = flat[np.isfinite(flat)]
    return found


def _edges(low: float, high: float, whole: bool) -> NDArray[np.float64]:
    """Edges of bins; for whole numbers each bin holds as many of them, else the histogram would look like a comb."""
    if not high > low:
        return np.linspace(low - 0.5, low + 0.5, 4)
    if whole:
        width = max(1, -(-int(high - low + 1) // BINS))
        return np.arange(low, high + width + 1, width) - 0.5
    return np.linspace(low, high, BINS + 1)


def _series(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.ravel(np.asarray(x, np.float64)), np.ravel(np.asarray(y, np.float64))
    good = np.isfinite(first) & np.isfinite(second)
    return first[good], second[good]


def _by_frequency(curves: Mapping[str, tuple[ArrayLike, ArrayLike]], per: float) -> tuple[Series, ...]:
    return tuple(
        Series(name, np.asarray(x, np.float64) * per, np.asarray(y, np.float64)) for name, (x, y) in curves.items()
    )


def _in(unit: str) -> str:
    return f" ({unit})" if unit else ""
