"""Learning rate as a function of the step."""

import math
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from noise2detail.errors import check_setting


@dataclass(frozen=True)
class Halving:
    """A rate that is halved after every so many steps."""

    rate: float = 1e-3
    """Rate of the first step."""
    every: int = 1000
    """Steps between halvings."""

    def __post_init__(self) -> None:
        check_setting("rate", self.rate, lowest=0)
        check_setting("every", self.every)

    def at(self, step: int, steps: int) -> float:
        """Rate of step ``step``, counted from 0; ``steps`` does not matter."""
        del steps
        return self.rate * 0.5 ** (step // self.every)

    def scaled(self, factor: float) -> "Halving":
        """The same with every rate multiplied."""
        return replace(self, rate=self.rate * factor)


@dataclass(frozen=True)
class OneCycle:
    """A rate that rises along a cosine to its peak and falls along a cosine to nothing.

    Source
    ------
    Smith & Topin, "Super-convergence", 2018, with cosine in place of linear annealing.
    """

    peak: float = 1e-2
    """Largest rate."""
    warmup: float = 0.3
    """Share of the steps before the peak."""
    start: float = 0.04
    """First rate as a share of the peak."""

    def __post_init__(self) -> None:
        for name in ("peak", "warmup", "start"):
            check_setting(name, getattr(self, name), lowest=0)

    def at(self, step: int, steps: int) -> float:
        """Rate of step ``step`` of ``steps``, counted from 0."""
        rise = max(1.0, self.warmup * steps - 1)
        if step <= rise:
            return self.peak * _cosine(self.start, 1.0, step / rise)
        return self.peak * _cosine(1.0, 0.0, (step - rise) / max(1.0, steps - 1 - rise))

    def scaled(self, factor: float) -> "OneCycle":
        """The same with every rate multiplied."""
        return replace(self, peak=self.peak * factor)


def _cosine(start: float, stop: float, share: float) -> float:
    return stop + (start - stop) * (1 + math.cos(math.pi * share)) / 2


Schedule = Halving | OneCycle

GENTLE = 0.03
"""Learning rate of a training that goes on from weights that nearly fit, as a share of one that begins anew: the full
rate would carry it away from them."""

Timed = TypeVar("Timed", bound=Any)
"""A record with ``steps`` and a ``schedule``."""


def briefly(training: Timed, share: float) -> Timed:
    """The same training with that share of its steps, at least one, at a rate for weights that nearly fit."""
    steps = max(1, round(share * training.steps)) if training.steps else 0
    changed: Timed = replace(training, steps=steps, schedule=training.schedule.scaled(GENTLE))
    return changed
