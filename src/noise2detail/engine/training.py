"""The one training loop, and what a training consists of."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from noise2detail.engine.crops import Crops
from noise2detail.engine.schedule import Halving, Schedule
from noise2detail.errors import check_setting
from noise2detail.types import Scalar


@dataclass(frozen=True)
class Training:
    """Length, learning rate and material of one training."""

    steps: int = 2000
    """Optimiser steps."""
    schedule: Schedule = field(default_factory=Halving)
    """Learning rate by step."""
    crops: Crops | None = None
    """Random crops for each step; None: whole images."""

    def __post_init__(self) -> None:
        check_setting("steps", self.steps, lowest=0)

    def pixels(self, images: int, y: int, x: int) -> float:
        """Full-size pixels that all steps together read of so many images of ``y`` by ``x``."""
        return float(self.steps) * (images * y * x if self.crops is None else self.crops.count * self.crops.size**2)


def train(
    net: nn.Module,
    gradient: Callable[[], Scalar],
    steps: int,
    schedule: Schedule,
    report: Callable[[int, Scalar], None],
) -> None:
    """Train ``net`` in place with Adam.

    Parameters
    ----------
    net
        What is trained.
    gradient
        Adds the gradient of the loss to the parameters of ``net`` and returns the loss, without waiting for the device.
    steps
        Number of steps.
    schedule
        Learning rate by step.
    report
        Called after each step with its number, from 1, and its loss; may raise to stop.
    """
    optimizer = torch.optim.Adam(net.parameters(), lr=schedule.at(0, steps), fused=True)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = schedule.at(step, steps)
        optimizer.zero_grad(set_to_none=True)
        loss = gradient()
        optimizer.step()
        report(step + 1, loss)
