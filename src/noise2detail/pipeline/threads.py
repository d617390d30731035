"""How many processor threads: what was asked for, checked against what there is."""

import functools
import logging
import os

import numpy as np
import torch

from noise2detail.errors import SettingError

log = logging.getLogger(__name__)

MOST = 1024
"""Far beyond any use; where the system cannot start so many, OpenMP ends the process without a word from Python."""


def check_threads(wish: object) -> None:
    """Raise unless ``wish`` is a number of threads, or None.

    Raises
    ------
    SettingError
        Not a whole number from 1 to ``MOST``.
    """
    if wish is None:
        return
    if not isinstance(wish, int | np.integer) or isinstance(wish, bool) or not 1 <= wish <= MOST:
        raise SettingError(f"threads is {wish!r}; expected a whole number from 1 to {MOST}")


def choose_threads(wish: int | None) -> tuple[int, tuple[str, ...]]:
    """Processor threads, and the reason in words where there was a wish."""
    if wish is None:
        return torch.get_num_threads(), ()
    if wish > cores():
        tell_crowd(wish, cores())
    return int(wish), (f"threads: {wish}, as was asked for",)


def cores() -> int:
    """Logical processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def tell_crowd(threads: int, available: int) -> None:
    """Log a warning about threads that outnumber the cores: once in a process, however many images it sees."""
    log.warning(
        "%d threads were asked for, and this process may use %d cores: threads that wait for one another are slower",
        threads,
        available,
    )
