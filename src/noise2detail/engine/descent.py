"""The training loop of the peer methods: any network, any loss, one step after the other."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from noise2detail.engine.optimizers import Adam
from noise2detail.engine.pair_training import Stage
from noise2detail.engine.precision import convolutions_in
from noise2detail.engine.schedule import Halving, Schedule
from noise2detail.engine.training import TOO_LARGE
from noise2detail.errors import DivergedError
from noise2detail.method import Context, Step

WHOLE = Stage("training", 0.0, 1.0)
"""A training that is all that a fit does."""


@dataclass(frozen=True, eq=False)
class Descent:
    """How a network is trained."""

    steps: int
    """Optimiser steps at most."""
    schedule: Schedule = field(default_factory=Halving)
    """Learning rate by step."""
    optimizer: Adam = field(default_factory=Adam)
    """What turns gradients into steps."""
    stage: Stage = WHOLE
    """Name of the training, and the share of the fit that it is."""
    stop: Callable[[int], bool] | None = None
    """Told the number of each step, from 1, after it; true ends the training."""


def descend(net: nn.Module, loss: Callable[[int], Tensor], descent: Descent, context: Context) -> int:
    """Steps taken; ``net`` is trained in place and has no gradients afterwards.

    Parameters
    ----------
    net
        On the device of ``context``; its weights become views of one vector.
    loss
        Number of a step, counted from 0, to the loss to be lowered. It runs in the precision of ``context``; what it
        computes from a network's output in bfloat16 is for it to convert.
    descent
        Length, rates, when to stop.
    context
        Precision, device and listener.

    Raises
    ------
    DivergedError
        The loss is no number, or grew beyond all bounds.
    """
    steps, stage = descent.steps, descent.stage
    if not steps:
        return 0
    rates = [descent.schedule.at(step, steps) for step in range(steps)]
    optimizer = descent.optimizer.on(net, next(net.parameters()), 1, rates)
    index = torch.zeros(1, dtype=torch.long, device=context.device)
    first, step = None, 0
    for step in range(1, steps + 1):
        optimizer.flat.gradient.zero_()
        with torch.enable_grad(), convolutions_in(context.precision, context.device):
            found = loss(step - 1)
        found.backward()  # type: ignore[no-untyped-call]
        optimizer.step(index)
        index.add_(1)
        found = found.detach().float()
        if context.device.type == "cpu" or step % 50 == 0 or step == steps:
            first = _checked(found, first, step, descent, rates)
        done = descent.stop is not None and descent.stop(step)
        share = 1.0 if done else step / steps
        context.on_step(Step(stage.name, step, steps, found, stage.start + (stage.stop - stage.start) * share))
        if done:
            break
    for parameter in net.parameters():
        parameter.grad = None
    return step


def _checked(loss: Tensor, first: float | None, step: int, descent: Descent, rates: list[float]) -> float:
    """Loss of the first step that was looked at, unless the training has diverged."""
    value = float(loss)
    first = max(abs(value), 1e-6) if first is None else first
    if not abs(value) <= TOO_LARGE * first:
        raise DivergedError(step, descent.steps, rates[step - 1], value, descent.stage.name)
    return first
