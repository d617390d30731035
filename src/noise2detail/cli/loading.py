"""Imports that take a second or two: those of PyTorch and of all that needs it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Block that imports without the garbage collector, which would look through all that stays: it saves 0.1 s."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
