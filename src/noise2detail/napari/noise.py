"""What was measured of the noise, as the window shows it."""

from collections.abc import Iterator, Sequence

import numpy as np

from noise2detail.image import Image
from noise2detail.napari.jobs import ChannelNoise, NoiseCurve
from noise2detail.noise.blocks import look_at
from noise2detail.pipeline.noise import ChannelNoise as Seen
from noise2detail.report.noise_words import noise_record, noise_words
from noise2detail.report.pictures import channel_names

POINTS = 2000
"""Blocks that are shown at most."""

CALM = 0.5
"""Share of the blocks that are shown: those with the least structure."""

LINE = 100
"""Points of the line."""


def noise_of_channels(seen: Sequence[Seen], image: Image) -> tuple[ChannelNoise, ...]:
    """Words, figures and a curve for each channel.

    Parameters
    ----------
    seen
        As planning found it, in image units.
    image
        That it was found in, for the names of channels.
    """
    return tuple(_each(seen, image))


def _each(seen: Sequence[Seen], image: Image) -> Iterator[ChannelNoise]:
    names = channel_names(image) if len(seen) > 1 else ("",)
    for name, own in zip(names, seen, strict=True):
        # options of the command line are settings of the same name here
        words = tuple((label, said.replace("--", "")) for label, said in noise_words(own))
        yield ChannelNoise(name, words, noise_record(own), _curve(own))


def _curve(own: Seen) -> NoiseCurve:
    blocks, _ = look_at(own.planes, own.valid, own.measurement.autocorrelation)
    calm = blocks.chosen(blocks.rough <= np.quantile(blocks.rough, CALM)) if len(blocks) else blocks
    step = max(1, len(calm) // POINTS)
    near, fine = (np.asarray(values[::step], np.float32) for values in (calm.near, calm.fine))
    low, high = (float(near.min()), float(near.max())) if len(near) else own.levels[:: len(own.levels) - 1]
    at = np.linspace(low, high, LINE)
    return NoiseCurve(near, fine, at, np.array([own.measurement.model.variance(place) for place in at]))
