"""The one training loop, and what a training consists of."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from noise2detail.engine.averaging import Averaging
from noise2detail.engine.crops import Crops
from noise2detail.engine.cuda_graph import recorded
from noise2detail.engine.held_out import Stopping, Watch
from noise2detail.engine.network import ThreeLayerNet
from noise2detail.engine.optimizers import Adam, Muon
from noise2detail.engine.schedule import Halving, Schedule, briefly
from noise2detail.errors import DivergedError, check_setting
from noise2detail.types import Scalar

Gradient = Callable[[Tensor], Tensor]
"""Number of a step, a tensor of one whole number counted from 0, to the loss of every copy of the network, ``(copy,)``;
adds the gradient of their sum to the parameters, and waits for no device."""

LOOK_EVERY = 50
"""Steps between looks at the loss on an accelerator, where each look waits for it; a processor looks at every step."""

TOO_LARGE = 1e4
"""Loss, in units of the first one, that counts as diverged like one that is no number."""


@dataclass(frozen=True)
class Training:
    """Length, learning rate, material and optimiser of one training."""

    steps: int = 2000
    """Optimiser steps."""
    schedule: Schedule = field(default_factory=Halving)
    """Learning rate by step."""
    crops: Crops | None = None
    """Random crops for each step; None: whole images."""
    agreement: float = 1.0
    """Weight of the consistency loss, 1 as published; with less the network smooths less and keeps more detail."""
    optimizer: Adam | Muon = field(default_factory=Adam)
    """What turns gradients into steps."""
    averaging: Averaging | None = None
    """Mean of the last weights in place of the last; None: the last."""
    stopping: Stopping | None = None
    """When to stop before the last step; None: never. With random crops only."""

    def __post_init__(self) -> None:
        check_setting("steps", self.steps, lowest=0)
        check_setting("agreement", self.agreement, lowest=0)

    def pixels(self, images: int, y: int, x: int) -> float:
        """Work of all steps on so many images of ``y`` by ``x``, in full-size pixels of a whole step.

        Two thirds of a whole step are the agreement of the whole image with its views.
        """
        if self.crops is None:
            return float(self.steps) * images * y * x
        return self.steps * self.crops.count * self.crops.size**2 * (1 + 2 * self.crops.quarters / 4) / 3

    def briefly(self, share: float) -> "Training":
        """The same for weights that nearly fit, with that share of its steps."""
        return briefly(self, share)

    def reading(self, factor: float) -> "Training":
        """The same with so many times the crops in each step; whole images are read as they are."""
        crops = self.crops
        return self if crops is None else replace(self, crops=replace(crops, count=round(factor * crops.count)))

    def slower(self, factor: float) -> "Training":
        """The same at ``factor`` times the learning rate."""
        return replace(self, schedule=self.schedule.scaled(factor))


def train(
    net: ThreeLayerNet,
    gradient: Gradient,
    training: Training,
    report: Callable[[int, Scalar], None],
    watch: Watch | None = None,
) -> None:
    """Train ``net`` in place.

    Parameters
    ----------
    net
        What is trained: one network, or copies side by side that learn independently.
    gradient
        Of the loss.
    training
        Steps, rates, optimiser, averaging.
    report
        Called after each step with its number, from 1, and its loss; may raise to stop.
    watch
        Judges the network on pixels that it was not trained on; None: every step is taken.

    Raises
    ------
    DivergedError
        The loss of a single network is no number, or grew beyond all bounds.
    """
    if not training.steps:
        return
    work = _Work(net, gradient, training)
    advance = recorded(work.step, work.index.device)
    every = 1 if work.index.device.type == "cpu" else LOOK_EVERY
    for step in range(1, training.steps + 1):
        advance()
        if net.copies == 1 and (step % every == 0 or step == training.steps):
            work.check(step, every)
        report(step, work.losses[step - 1].mean())
        if watch is not None and watch.had_enough(step, work.flat.values):
            break
    work.finish(watch)
    if net.copies > 1:
        work.spoil_diverged(net)


class _Work:
    """Everything that a step reads and writes, on the device; the step itself asks the host for nothing."""

    def __init__(self, net: ThreeLayerNet, gradient: Gradient, training: Training) -> None:
        self._training = training
        rates = [training.schedule.at(step, training.steps) for step in range(training.steps)]
        self._rates = rates
        self._gradient = gradient
        self._optimizer = training.optimizer.on(net, net.hidden.weight, net.copies, rates)
        self.flat = self._optimizer.flat
        self._average = None if training.averaging is None else training.averaging.on(self.flat, training.steps)
        device = self.flat.values.device
        self.index = torch.zeros(1, dtype=torch.long, device=device)
        self.losses = torch.zeros(training.steps, net.copies, device=device)

    def step(self) -> None:
        self.flat.gradient.zero_()
        losses = self._gradient(self.index)
        self.losses.index_copy_(0, self.index, losses[None])
        self._optimizer.step(self.index)
        if self._average is not None:
            self._average.update(self.index)
        self.index.add_(1)

    def check(self, step: int, every: int) -> None:
        """Raise if the training has diverged since the last look; there is one after ``every`` steps."""
        seen = (step - 1) // every * every
        ran_away = self._ran_away(self.losses[seen:step])[:, 0]
        if bool(ran_away.any()):
            number = seen + int(ran_away.int().argmax())
            loss = float(self.losses[number, 0])
            raise DivergedError(number + 1, self._training.steps, self._rates[number], loss)

    def _ran_away(self, losses: Tensor) -> Tensor:
        return ~(losses <= TOO_LARGE * self.losses[0].clamp_min(1e-12))  # so for what is no number, too

    def finish(self, watch: Watch | None) -> None:
        """Leave the weights that count in the network, and no gradients."""
        if watch is not None and watch.best is not None:
            self.flat.values.copy_(watch.best)
        elif self._average is not None:
            self._average.take()
        if not bool(torch.isfinite(self.flat.values).all()) and self.losses.shape[1] == 1:
            last = self._training.steps
            raise DivergedError(last, last, self._rates[-1], math.nan)

    def spoil_diverged(self, net: ThreeLayerNet) -> None:
        """Leave no numbers in copies whose loss ran away, so that nobody takes them for trained."""
        bad = self._ran_away(self.losses).any(0)
        for parameter in net.parameters():
            parameter.data.unflatten(0, (net.copies, -1))[bad] = math.nan  # type: ignore[no-untyped-call]
