"""The running mean of weights, which ends up nearer to the middle of what the last steps wander through."""

from dataclasses import dataclass

import torch
from torch import Tensor

from noise2detail.engine.flat import FlatParameters
from noise2detail.errors import check_setting


@dataclass(frozen=True)
class Averaging:
    """An exponential mean of the weights over the last steps, taken in place of the last weights."""

    memory: float = 0.95
    """Share of the mean that a step leaves; 0 is the last weights."""
    begin: float = 0.5
    """Share of the steps before the first one that counts."""

    def __post_init__(self) -> None:
        for name in ("memory", "begin"):
            check_setting(name, getattr(self, name), lowest=0)

    def on(self, flat: FlatParameters, steps: int) -> "RunningMean":
        """Mean over a training of so many steps."""
        first = int(self.begin * steps)
        weights = [1.0 if step <= first else 1 - self.memory for step in range(steps)]
        return RunningMean(flat, torch.tensor(weights, device=flat.values.device))


class RunningMean:
    """The mean so far."""

    def __init__(self, flat: FlatParameters, weights: Tensor) -> None:
        self._flat, self._weights = flat, weights
        self._mean = flat.values.clone()

    def update(self, index: Tensor) -> None:
        """Take the weights after step ``index``, a tensor of one whole number, into account."""
        self._mean.lerp_(self._flat.values, self._weights.index_select(0, index))

    def take(self) -> None:
        """Put the mean in place of the weights."""
        self._flat.values.copy_(self._mean)
