"""Noise laid over clean images: as much for the same seed and image on every machine, in whatever order they come."""

import hashlib
from dataclasses import dataclass

import numpy as np

from noise2detail.errors import SettingError
from noise2detail.noise.simulate import add_gaussian, add_poisson, add_uniform
from noise2detail.types import Pixels

Level = float | tuple[float, float]
"""Of every image, or the lowest and highest between which it is drawn for each."""


@dataclass(frozen=True)
class SyntheticNoise:
    """Which noise is added; exactly one kind is set."""

    gaussian: Level | None = None
    """Standard deviation on the scale of 8-bit images: 25 is 25/255."""
    poisson: Level | None = None
    """Mean photons where the image is 1; never clipped."""
    uniform: Level | None = None
    """Width of the interval around 0 where 1 is white: 0.2 is from -0.1 to 0.1."""
    clip: bool = True
    """Cut Gaussian and uniform noise off at black and white, as the published comparisons do."""
    seed: int = 0
    """With the name of an image it decides level and noise."""

    def __post_init__(self) -> None:
        given = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise SettingError(f"noise is {', '.join(given) or 'of no kind'}; expected one of {', '.join(_KINDS)}")
        low, high = self._limits()
        if not 0 < low <= high < np.inf:
            raise SettingError(f"{given[0]} is {getattr(self, given[0])}; expected a positive level, or two in order")

    @property
    def kind(self) -> str:
        """Name of the kind that is set."""
        return next(kind for kind in _KINDS if getattr(self, kind) is not None)

    def added(self, clean01: Pixels, name: str) -> tuple[Pixels, str]:
        """The noisy image, and what was added in words.

        Parameters
        ----------
        clean01
            From 0 to 1.
        name
            Of the image.
        """
        digest = hashlib.sha256(name.encode()).digest()
        rng = np.random.default_rng([self.seed, *np.frombuffer(digest[:16], "<u4").tolist()])
        low, high = self._limits()
        level = low if low == high else float(rng.uniform(low, high))
        words = f"{self.kind} {level:.4g}"
        if self.kind == "poisson":
            return add_poisson(clean01, level, rng), words
        add = add_gaussian if self.kind == "gaussian" else add_uniform
        return add(clean01, level, rng, clip=self.clip), words + (" clipped" if self.clip else "")

    def _limits(self) -> tuple[float, float]:
        level = getattr(self, self.kind)
        return level if isinstance(level, tuple) else (level, level)


_KINDS = ("gaussian", "poisson", "uniform")


def unit_range(image: Pixels) -> Pixels:
    """A clean image from 0 to 1: 8-bit over 255, what is within 0 and 1 already as it is, anything else min to max.

    Parameters
    ----------
    image
        Of any real type, without NaN.
    """
    if image.dtype == np.uint8:
        return (image / np.float32(255)).astype(np.float32)
    low, high = float(image.min()), float(image.max())
    return image.astype(np.float32) if 0 <= low < high <= 1 else min_max(image, low, high)


def min_max(image: Pixels, low: float, high: float) -> Pixels:
    """The image with ``low`` mapped to 0 and ``high`` to 1, in float32; all 0 where both are the same."""
    scaled = (image.astype(np.float64) - low) / ((high - low) or 1.0)
    return scaled.astype(np.float32)
