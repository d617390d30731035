"""Random choices that are repeatable and leave no trace."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Context in which the global generators start from ``seed``; afterwards they are as they were before.

    For what can draw from the global generator only: initial weights, dropout.
    """
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
