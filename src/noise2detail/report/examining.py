"""The tests of an image before and after, plane by plane and channel by channel, and what they amount to together."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from noise2detail.metrics.linearity import intensity_linearity
from noise2detail.noise.measure import Measurement
from noise2detail.pipeline.deciding import look
from noise2detail.pipeline.layout import PLANE_AXES
from noise2detail.pipeline.noise import ChannelNoise
from noise2detail.pipeline.values import percentile_map
from noise2detail.plans import Target
from noise2detail.report.evidence import Evidence, gather_evidence
from noise2detail.report.pairing import Pair
from noise2detail.report.pictures import channel_names
from noise2detail.report.verdict import LEVELS, Verdict, verdict, verdict_of_all
from noise2detail.types import Pixels

PLANES = 8
"""Planes that are looked at, spread over a stack."""


@dataclass(frozen=True, eq=False)
class Part:
    """One plane of one channel."""

    plane: int
    """Its number, from 0."""
    channel: int
    """Its number, from 0."""
    name: str
    """Among the others; empty where there is one only."""
    evidence: Evidence
    verdict: Verdict


@dataclass(frozen=True, eq=False)
class Examination:
    """All that was looked at."""

    parts: tuple[Part, ...]
    verdict: Verdict
    """On all of them."""
    noise: tuple[ChannelNoise, ...]
    """Of each channel, in image units."""
    target: Target
    """What the denoised image is taken to estimate."""

    @property
    def chosen(self) -> int:
        """Number of the plane to look at first: the middle one of those with the worst verdict."""
        order = list(LEVELS.values())
        worst = max(order.index(part.verdict.level) for part in self.parts)
        planes = sorted({part.plane for part in self.parts if order.index(part.verdict.level) == worst})
        return planes[len(planes) // 2]

    def of_plane(self, plane: int) -> tuple[Part, ...]:
        """The channels of a plane."""
        return tuple(part for part in self.parts if part.plane == plane)


def examine(pair: Pair, target: Target = "captured", noise: tuple[ChannelNoise, ...] = ()) -> Examination:
    """What can be told without denoising again.

    Parameters
    ----------
    pair
        The image before and after.
    target
        What the denoised image estimates where noise was cut off.
    noise
        Of each channel, where it was measured already.
    """
    found = noise or measured(pair)
    names = part_names(pair)
    parts = [
        _examined(pair, plane, channel, names(plane, channel), found[channel].measurement, target)
        for plane in looked_at(pair)
        for channel in range(pair.layout.channels)
    ]
    whole = parts[0].verdict if len(parts) == 1 else verdict_of_all({part.name: part.verdict for part in parts})
    return Examination(tuple(parts), whole, found, target)


def measured(pair: Pair) -> tuple[ChannelNoise, ...]:
    """The noise of every channel of the noisy image, on a part of large ones."""
    array = np.asarray(pair.noisy.array)
    maps = tuple(percentile_map(channel) for channel in pair.layout.channel_views(pair.layout.view(array)))
    return look(array, pair.layout, maps)


def looked_at(pair: Pair) -> tuple[int, ...]:
    """Numbers of the planes that are looked at."""
    count = len(pair.layout.planes)
    return tuple(int(n) for n in np.unique(np.linspace(0, count - 1, min(PLANES, count)).round().astype(int)))


def plane_of(image: Pixels, pair: Pair, plane: int, channel: int) -> Pixels:
    """One plane of one channel, ``(y, x)``, of an image of the pair's shape."""
    layout = pair.layout
    return layout.channels_of(layout.view(image), layout.planes[plane])[channel]


def pixel_size(pair: Pair) -> float | None:
    """Side of a pixel in micrometres, where it is known and the same in both directions."""
    sizes = {pair.noisy.pixel_size_um.get(axis) for axis in "YX"}
    return sizes.pop() if len(sizes) == 1 else None


def part_names(pair: Pair) -> "_Names":
    """What each plane and channel is called."""
    return _Names(pair)


class _Names:
    """Called with the numbers of a plane and a channel."""

    def __init__(self, pair: Pair) -> None:
        self._layout = pair.layout
        self._channels = channel_names(pair.noisy)
        self._axes = [axis for axis in pair.layout.axes if axis in PLANE_AXES]

    def __call__(self, plane: int, channel: int) -> str:
        return ", ".join(self._said(plane, channel))

    def _said(self, plane: int, channel: int) -> Iterator[str]:
        if len(self._layout.planes) > 1:
            for axis, number in zip(self._axes, self._layout.planes[plane], strict=True):
                yield f"{axis.lower()} {number + 1}"
        if len(self._channels) > 1:
            yield self._channels[channel]


def _examined(pair: Pair, plane: int, channel: int, name: str, measurement: Measurement, target: Target) -> Part:
    noisy, mask = _without_gaps(plane_of(_masked(pair), pair, plane, channel))
    denoised = np.ma.getdata(plane_of(np.asarray(pair.denoised.array), pair, plane, channel))
    evidence = gather_evidence(noisy, denoised, measurement, mask)
    if evidence.residual is not None:
        valid = mask & np.isfinite(denoised)
        seen, found = (np.where(valid, one, 0.0) for one in (noisy, denoised))
        shared = measurement.autocorrelation if measurement.is_coloured else None
        line = intensity_linearity(seen, found, measurement.model, autocorrelation=shared, target=target, mask=valid)
        evidence = replace(evidence, linearity=line)
    return Part(plane, channel, name, evidence, verdict(evidence))


def _masked(pair: Pair) -> Pixels:
    array = np.asarray(pair.noisy.array)
    return array if pair.noisy.no_data is None else np.ma.MaskedArray(array, np.asarray(pair.noisy.no_data, bool))


def _without_gaps(plane: Pixels) -> tuple[Pixels, NDArray[np.bool_]]:
    """Values, and where they are data."""
    values = np.ma.getdata(plane)
    mask = np.isfinite(values) & ~np.ma.getmaskarray(plane)
    return values, mask
