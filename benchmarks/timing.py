"""Clocks of the speed benchmark."""

import time
from collections.abc import Callable

import numpy as np


def fastest(work: Callable[[], object], repetitions: int) -> float:
    """Seconds of the fastest of several repetitions: other work on the machine only adds time."""
    return min(_seconds(work) for _ in range(repetitions))


def median(work: Callable[[], object], repetitions: int) -> float:
    """Seconds of the middle one."""
    return float(np.median([_seconds(work) for _ in range(repetitions)]))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
