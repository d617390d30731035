"""Lowest and highest values of channels, noted while their pixels are written part by part."""

from typing import Any

import numpy as np

from noise2detail.io.lazy import Box
from noise2detail.types import Pixels


class Extremes:
    """What was seen of each channel so far."""

    def __init__(self, dtype: np.dtype[Any], axis: int | None) -> None:
        self.dtype = dtype
        self._axis = axis
        self._seen: dict[int, tuple[float, float]] = {}

    def note(self, box: Box, pixels: Pixels) -> None:
        """Look at a part of the image."""
        if self._axis is None:
            self._note(0, pixels)
            return
        channels = range(box[self._axis].start, box[self._axis].stop)
        for channel, values in zip(channels, np.moveaxis(pixels, self._axis, 0), strict=True):
            self._note(channel, values)

    def _note(self, channel: int, values: Pixels) -> None:
        finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        if finite.size:
            low, high = self._seen.get(channel, (np.inf, -np.inf))
            self._seen[channel] = min(low, float(finite.min())), max(high, float(finite.max()))

    def of(self, channel: int) -> tuple[float, float]:
        """Lowest and highest finite value; 0 and 1 where there is none."""
        return self._seen.get(channel, (0.0, 1.0))
