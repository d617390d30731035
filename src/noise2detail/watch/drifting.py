"""Frames against those that a denoiser has learnt from: what has changed since, in words."""

from collections.abc import Sequence

import numpy as np

from noise2detail.noise.drift import Described, describe, drifted
from noise2detail.pipeline.layout import lay_out
from noise2detail.types import Pixels

Known = tuple[Described, ...]
"""What is known about each channel of some frames."""


def known_of(frames: Sequence[Pixels], axes: str | None) -> Known:
    """Noise and content of frames of one shape, channel by channel, in image units."""
    return tuple(describe(channel) for channel in _channels(np.stack(frames), "T" + (axes or "YX")))


def what_changed(known: Known, frame: Pixels, axes: str | None) -> str:
    """Why a frame is unlike those that are known, as words; empty: it is like them."""
    channels = _channels(frame[None], "T" + (axes or "YX"))
    reasons = [drifted(one, channel[0]) for one, channel in zip(known, channels, strict=True)]
    several = len(reasons) > 1
    return "; ".join(
        f"channel {number}: {reason}" if several else reason for number, own in enumerate(reasons, 1) for reason in own
    )


def _channels(series: Pixels, axes: str) -> list[Pixels]:
    """Of each channel all planes, ``(plane, y, x)``."""
    layout = lay_out(series, axes)
    return [one.reshape(-1, *layout.size) for one in layout.channel_views(layout.view(series))]
