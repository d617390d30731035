"""What is told about a longer work, as shares of the whole."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from noise2detail.method import Step

Listener = Callable[[Step], None]
"""Hears of every step; may raise to stop."""


@dataclass(frozen=True)
class Part:
    """One of several equal parts of a longer work."""

    index: int
    """From 0."""
    count: int
    name: str
    """What is counted."""

    def listen(self, on_step: Listener) -> Listener:
        """Listener for the work on this part."""
        prefix = f"{self.name} {self.index + 1}/{self.count}, " if self.count > 1 else ""
        return share(on_step, self.index / self.count, (self.index + 1) / self.count, prefix)


def share(on_step: Listener, start: float, stop: float, prefix: str = "") -> Listener:
    """Listener for a work that is this share of a longer one: what it hears is told on, renamed and rescaled."""

    def report(step: Step) -> None:
        # exactly ``stop`` at the end, so that the last share ends at exactly 1
        fraction = stop - (stop - start) * (1 - step.fraction)
        on_step(replace(step, stage=prefix + step.stage, fraction=fraction))

    return report
