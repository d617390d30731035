"""The noise of every channel of an image, measured on some of its planes."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from noise2detail.noise.measure import Measurement, measure_noise
from noise2detail.noise.planes import Sharing, shared_noise
from noise2detail.noise.processing import Processing, find_processing
from noise2detail.noise.stabilize import stabilise
from noise2detail.noise.stripes import Stripes, find_stripes
from noise2detail.pipeline.input import take
from noise2detail.pipeline.layout import PLANE_AXES, Layout, lay_out
from noise2detail.types import Pixels

MOST = 8
"""Planes that are looked at, spread over the image: of a stack the same noise is expected in all."""

PAIRS = 4
"""Pairs of neighbouring planes that are compared along each axis."""

LEVELS = (0.05, 0.5, 0.95)
"""Quantiles of a channel that stand for its dark, usual and bright parts."""


@dataclass(frozen=True, eq=False)
class ChannelNoise:
    """One channel as it was looked at, and its noise."""

    planes: Tensor
    """``(plane, y, x)``, float32; 0 where a pixel is no number."""
    valid: Tensor
    """Same shape: True where it is."""
    measurement: Measurement
    levels: tuple[float, ...]
    """Values of the pixels at ``LEVELS``."""
    processing: Processing = field(default_factory=Processing)
    """What was done to the image before."""
    stripes: Stripes = field(default_factory=Stripes)
    """What whole rows and columns share."""
    along: tuple[tuple[str, Sharing], ...] = ()
    """Noise that neighbouring planes share, for the axes Z and T that the image has."""


def channel_noise(noisy: Any, axes: str | None = None) -> tuple[ChannelNoise, ...]:
    """The noise of every channel.

    Parameters
    ----------
    noisy
        Array or ``Image``, as for ``denoise``.
    axes
        One letter for each axis, as for ``denoise``.

    Raises
    ------
    InputError
        No image, or axes that do not fit.
    """
    array, axes = take(noisy, axes)
    layout = lay_out(array, axes)
    view = layout.view(array)
    chosen = np.unique(np.linspace(0, len(layout.planes) - 1, MOST).round().astype(int))
    planes = [layout.channels_of(view, layout.planes[number]) for number in chosen]
    found = [_measured(np.stack([_with_nan(plane) for plane in channel])) for channel in zip(*planes, strict=True)]
    return tuple(replace(one, along=_along(layout, view, number, one)) for number, one in enumerate(found))


def _with_nan(plane: Pixels) -> np.ndarray[Any, np.dtype[np.float32]]:
    """In single precision, NaN where it is masked."""
    filled: np.ndarray[Any, np.dtype[np.float32]] = np.ma.filled(plane.astype(np.float32), np.nan)
    return filled


def _measured(planes: np.ndarray[Any, np.dtype[np.float32]]) -> ChannelNoise:
    good = np.isfinite(planes)
    values, valid = torch.from_numpy(np.where(good, planes, np.float32(0))), torch.from_numpy(good)
    seen = planes[good]
    levels = np.quantile(seen, LEVELS).tolist() if seen.size else [0.0] * len(LEVELS)
    measurement = measure_noise(values, valid)
    alike = _alike(values, measurement)
    stripes = Stripes() if alike is None else find_stripes(alike, valid)
    return ChannelNoise(values, valid, measurement, tuple(levels), find_processing(values, valid), stripes)


def _alike(values: Tensor, measurement: Measurement) -> Tensor | None:
    """With a noise deviation of 1 everywhere; None if there is no noise."""
    model = measurement.model
    return stabilise(values, model) if model.gain or model.sigma else None


def _along(layout: Layout, view: Pixels, number: int, channel: ChannelNoise) -> tuple[tuple[str, Sharing], ...]:
    """What the planes of one channel share with the next ones along each axis, in the middle of the others."""
    axes = [axis for axis in layout.axes if axis in PLANE_AXES]
    sizes = [layout.shape[layout.axes.index(axis)] for axis in axes]
    result = []
    for place, (axis, size) in enumerate(zip(axes, sizes, strict=True)):
        found = []
        for start in np.unique(np.linspace(0, size - 2, PAIRS).round().astype(int)) if size > 1 else ():
            middle = [length // 2 for length in sizes]
            pair = [(*middle[:place], int(start) + step, *middle[place + 1 :]) for step in (0, 1)]
            first, second = (_with_nan(layout.channels_of(view, one)[number]) for one in pair)
            found.append(_compared(first, second, channel.measurement))
        pairs = [one for one in found if one is not None]
        if pairs:
            mean = float(np.mean([one.correlation for one in pairs]))
            error = float(np.sqrt(np.sum([one.error**2 for one in pairs]))) / len(pairs)
            result.append((axis, Sharing(mean, error)))
    return tuple(result)


def _compared(first: Pixels, second: Pixels, measurement: Measurement) -> Sharing | None:
    good = np.isfinite(first) & np.isfinite(second)
    both = [_alike(torch.from_numpy(np.where(good, plane, np.float32(0))), measurement) for plane in (first, second)]
    return None if both[0] is None or both[1] is None else shared_noise(both[0], both[1], torch.from_numpy(good))
