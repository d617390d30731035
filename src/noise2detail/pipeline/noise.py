"""The noise of every channel of an image, measured on some of its planes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from noise2detail.noise.measure import Measurement, measure_noise
from noise2detail.pipeline.input import take
from noise2detail.pipeline.layout import lay_out

MOST = 8
"""Planes that are looked at, spread over the image: of a stack the same noise is expected in all."""

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
    view = layout.view(np.asarray(array))
    chosen = np.unique(np.linspace(0, len(layout.planes) - 1, MOST).round().astype(int))
    planes = [layout.channels_of(view, layout.planes[number]) for number in chosen]
    return tuple(_measured(np.stack(channel).astype(np.float32)) for channel in zip(*planes, strict=True))


def _measured(planes: np.ndarray[Any, np.dtype[np.float32]]) -> ChannelNoise:
    good = np.isfinite(planes)
    values, valid = torch.from_numpy(np.where(good, planes, np.float32(0))), torch.from_numpy(good)
    seen = planes[good]
    levels = np.quantile(seen, LEVELS).tolist() if seen.size else [0.0] * len(LEVELS)
    return ChannelNoise(values, valid, measure_noise(values, valid), tuple(levels))
