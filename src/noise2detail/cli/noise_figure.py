"""The noise of an image as a picture: variance against brightness, spectrum, and distribution."""

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noise2detail.noise.blocks import look_at
from noise2detail.noise.stabilize import stabilise
from noise2detail.pipeline.noise import ChannelNoise

POINTS = 4000
"""Blocks that are drawn at most."""

CALM = 0.5
"""Share of the blocks that are drawn: those with the least structure at their brightness."""

DOTS, LINE = "0.65", "#d55e00"


def noise_figure(channels: Sequence[ChannelNoise]) -> bytes:
    """PNG file with a row for each channel."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.4 * len(channels)), layout="constrained")
    places = figure.subplots(len(channels), 3, squeeze=False)
    for row, channel in zip(places, channels, strict=True):
        _variances(row[0], channel)
        _spectrum(row[1], channel)
        _distribution(row[2], channel)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    return content.getvalue()


def _variances(axes: Any, channel: ChannelNoise) -> None:
    """Variance of small blocks by their brightness, and what was fitted."""
    model = channel.measurement.model
    blocks, _ = look_at(channel.planes, channel.valid, channel.measurement.autocorrelation)
    calm = blocks.chosen(blocks.rough <= np.quantile(blocks.rough, CALM)) if len(blocks) else blocks
    step = max(1, len(calm) // POINTS)
    axes.scatter(calm.near[::step], calm.fine[::step], s=3, color=DOTS, label="calm blocks of 8x8 pixels")
    low, high = (float(calm.near.min()), float(calm.near.max())) if len(calm) else (0.0, 1.0)
    places = np.linspace(low, high, 200)
    curve = np.array([model.variance(place) for place in places])
    axes.plot(places, curve, color=LINE, label="measured")
    own = channel.measurement.uncertainty
    if 0 < own.gain < math.inf:
        # the line turns about the middle of the blocks
        error = 2 * own.gain * np.abs(places - (float(calm.near.mean()) if len(calm) else 0.0))
        axes.fill_between(places, curve - error, curve + error, color=LINE, alpha=0.2, label="twice the gain's error")
    axes.set(xlabel="brightness", ylabel="variance of the noise", title="strength")
    if len(calm):
        axes.set_ylim(0, 1.5 * max(np.quantile(calm.fine, 0.99), model.variance(high)) or 1.0)
    axes.legend(fontsize=8)


def _spectrum(axes: Any, channel: ChannelNoise) -> None:
    """Power of the noise by frequency; level where pixels share nothing."""
    power = spectrum(channel.measurement.autocorrelation)
    shown = axes.imshow(
        np.fft.fftshift(power), cmap="magma", vmin=0, extent=(-0.5, 0.5, 0.5, -0.5), interpolation="nearest"
    )
    axes.set(xlabel="cycles per pixel, x", ylabel="cycles per pixel, y", title="power by frequency (white: 1)")
    for wave in channel.stripes.waves:
        down, across = wave.frequency
        for sign in (1, -1):
            axes.plot(sign * across, sign * down, "o", mfc="none", color="w", markersize=8)
    axes.figure.colorbar(shown, ax=axes)


def spectrum(autocorrelation: NDArray[np.float64], side: int = 32) -> NDArray[np.float64]:
    """Power spectrum of noise of variance 1, ``(side, side)``, mean 1, frequency 0 first."""
    padded = np.zeros((side, side))
    y, x = autocorrelation.shape
    padded[:y, :x] = autocorrelation
    found: NDArray[np.float64] = np.fft.fft2(np.roll(padded, (-(y // 2), -(x // 2)), (0, 1))).real
    return np.maximum(found, 0)


def _distribution(axes: Any, channel: ChannelNoise) -> None:
    """Differences of neighbouring pixels in units of their deviation, beside the normal distribution."""
    model = channel.measurement.model
    axes.set(xlabel="noise deviations", title="differences of neighbours")
    axes.set_yticks([])
    if not (model.gain or model.sigma):
        return
    alike = stabilise(channel.planes, model).numpy()
    good = channel.valid.numpy()
    both = good[..., 1:] & good[..., :-1]
    shared = channel.measurement.correlation[1]
    differences = (alike[..., 1:] - alike[..., :-1])[both] / math.sqrt(2 * max(1 - shared, 0.05))
    axes.hist(differences, bins=np.linspace(-5, 5, 101), density=True, color=DOTS, label="all of the image")
    places = np.linspace(-5, 5, 200)
    axes.plot(places, np.exp(-0.5 * places**2) / math.sqrt(2 * math.pi), color=LINE, label="noise alone")
    axes.legend(fontsize=8)
