"""Whether the noise is the same all through an image: one training serves all of it only then."""

from collections.abc import Iterator, Sequence

import numpy as np

from noise2detail.noise.drift import Described, describe, differences
from noise2detail.scale.sampling import Crops

PARTS = 4
"""Stretches of an axis that are compared."""

FEWEST = 4
"""Crops of a stretch below which it is not compared: content would be taken for noise."""

_NAMES = {"T": "time points", "Z": "planes"}


def drift_told(crops: Crops, axes: str, shape: Sequence[int]) -> tuple[str, ...]:
    """Where the noise differs between the beginning of an axis and what follows, in words; empty: nowhere.

    Content differs between any two crops, so only what is said of the noise counts.

    Parameters
    ----------
    crops
        From all over the image.
    axes, shape
        Of the image.
    """
    return tuple(_told(crops, axes, shape))


def _told(crops: Crops, axes: str, shape: Sequence[int]) -> Iterator[str]:
    outer = [(letter, length) for letter, length in zip(axes, shape, strict=True) if letter in _NAMES]
    for position, (letter, length) in enumerate(outer):
        index = np.unravel_index(np.array(crops.planes), [count for _, count in outer])[position]
        stretches = [np.flatnonzero(index * PARTS // length == part) for part in range(PARTS)]
        stretches = [own for own in stretches if len(own) >= FEWEST]
        for channel in range(crops.pixels.shape[1]):
            said = _differing([crops.pixels[own, channel] for own in stretches])
            if said is not None:
                part, reason = said
                first, last = int(index[stretches[part]].min()), int(index[stretches[part]].max())
                of = f"channel {channel + 1}: " if crops.pixels.shape[1] > 1 else ""
                yield (
                    f"{of}the noise of {_NAMES[letter]} {first} to {last} is not that of the first ones ({reason}); "
                    "one denoiser serves all: where that matters, denoise the parts of the image as stores of their own"
                )


def _differing(stretches: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.generic]]]) -> tuple[int, str] | None:
    """Number of the last stretch whose noise differs from that of the first, and how.

    Fine structure in some crops looks like noise. So each stretch is described by halves of its crops: they must agree
    with one another, and each must differ from its counterpart.
    """
    if len(stretches) < 2:
        return None
    halves = [[describe(own[start::2]) for start in (0, 1)] for own in stretches]
    for part in reversed(range(1, len(halves))):
        if any(_noise(*own) for own in (halves[0], halves[part])):
            continue
        reasons = [_noise(before, now) for before, now in zip(halves[0], halves[part], strict=True)]
        if all(reasons):
            return part, reasons[0]
    return None


def _noise(before: Described, now: Described) -> str:
    """What is said of the noise; empty: it is the same."""
    return next((reason for reason in differences(before, now) if "noise changed" in reason), "")
