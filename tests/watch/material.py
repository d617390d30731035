"""Frames as a camera gives them, and trainings of two steps."""

import threading
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from noise2detail.engine.crops import Crops
from noise2detail.engine.schedule import OneCycle
from noise2detail.engine.training import Training
from noise2detail.methods.noise2detail import Noise2Detail
from noise2detail.watch.learning import Learning
from tests.material import CPU

Frame = NDArray[np.uint16]

BRIEF = Training(2, OneCycle(), Crops(2, 16))
METHOD = Noise2Detail(stage1=BRIEF, stage3=BRIEF, width=4, clip=False)
QUICK = Learning(frames=2, method=METHOD, run=CPU, again="never")


def frame(seed: int = 0, *, light: float = 300, shape: tuple[int, ...] = (24, 32)) -> Frame:
    """A wave under photon noise."""
    wave = 1 + 0.5 * np.sin(np.arange(shape[-1]) / 5)
    return np.random.default_rng(seed).poisson(light * np.broadcast_to(wave, shape)).astype(np.uint16)


def frames(count: int, *, light: float = 300, begin: int = 0) -> Iterator[Frame]:
    """Some of them, each with its own noise."""
    return (frame(begin + number, light=light) for number in range(count))


def our_threads() -> list[str]:
    """Names of the threads that belong to a stream."""
    return [one.name for one in threading.enumerate() if one.name.startswith("noise2detail-")]
