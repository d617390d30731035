"""Series of planes whose noise and content are known, and a quick ``auto`` for them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from noise2detail.engine.smoother import PairSmoother
from noise2detail.methods.auto import Auto
from noise2detail.pipeline.run import Run

RUN = Run(device="cpu", precision="float32", threads=1)

Values = NDArray[np.float32]


def quick() -> Auto:
    """Filters only; nothing is trained."""
    return Auto(effort="quick", mixed=False)


def mixing() -> Auto:
    plain = PairSmoother()
    return Auto(effort="quick", network=replace(plain, width=8, training=replace(plain.training, steps=3)))


def scene(seed: int = 0, side: int = 80) -> Values:
    """Blurred random blobs: content without any order, so that two scenes have nothing in common. Deviation 4."""
    rng = np.random.default_rng([seed, 7])
    spectrum = np.fft.rfft2(rng.normal(size=(side, side)))
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    image = np.fft.irfft2(spectrum * np.exp(-((frequency / 0.08) ** 2)), (side, side))
    edges = np.where(image > 0, 1.0, -1.0) + image / image.std()
    found: Values = (4 * edges / edges.std()).astype(np.float32)
    return found


def noise(planes: int, seed: int = 0, side: int = 80) -> Values:
    return np.random.default_rng([seed, 1]).normal(size=(planes, side, side)).astype(np.float32)


def still(planes: int = 5, side: int = 80) -> tuple[Values, Values]:
    """The same scene again and again, clean and with noise of deviation 2."""
    clean = np.repeat(scene(side=side)[None], planes, 0)
    return clean, clean + 2 * noise(planes, side=side)


def unrelated(planes: int = 5) -> tuple[Values, Values]:
    clean = np.stack([scene(number) for number in range(planes)])
    return clean, clean + 2 * noise(planes)


def error(found: Values, clean: Values) -> float:
    return float(np.mean((found.astype(np.float64) - clean) ** 2))
