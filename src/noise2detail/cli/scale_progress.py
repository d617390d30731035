"""How a run of units goes: a bar where somebody watches, a line a minute where a log is written."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from noise2detail.cli.progress import progress_bar
from noise2detail.cli.voice import Voice
from noise2detail.method import Step
from noise2detail.scale.markers import UnitDone
from noise2detail.scale.outcome import Hearing, UnitFailed
from noise2detail.scale.plan import in_time

EVERY = 60.0
"""Seconds between two lines in a log."""


@contextmanager
def unit_progress(name: str, voice: Voice) -> Iterator[tuple[Hearing, Callable[[Step], None]]]:
    """Who hears of units, and who hears of the training before them; drawn until the block ends.

    Parameters
    ----------
    name
        Of the input.
    voice
        Says how much is shown.
    """
    if voice.quiet or not sys.stderr.isatty():
        yield Telling(voice), lambda _: None
        return
    with progress_bar(name, shown=True) as on_step:
        yield Telling(voice, on_step), on_step


@dataclass
class Telling:
    """Units as steps of a bar, or as lines."""

    voice: Voice
    on_step: Callable[[Step], None] | None = None
    clock: Callable[[], float] = time.monotonic
    _what: str = ""
    _units: int = 0
    _done: int = 0
    _pixels: int = 0
    _start: float = field(default=0.0)
    _said: float = field(default=0.0)

    def begin(self, what: str, units: int, of: int) -> None:
        """A part of the work begins."""
        del of
        self._what, self._units, self._done, self._pixels = what, units, 0, 0
        self._start = self._said = self.clock()

    def done(self, unit: UnitDone) -> None:
        """A unit is done."""
        self._done += 1
        self._pixels += unit.pixels
        now = self.clock()
        speed = self._pixels / 1e6 / max(now - self._start, 1e-9)
        if self.on_step is not None:
            fraction = self._done / max(1, self._units)
            stage = f"{self._what}, {speed:.1f} Mpx/s"
            self.on_step(Step(stage, self._done, self._units, None, fraction))
        elif now - self._said >= EVERY:
            self._said = now
            left = (now - self._start) / self._done * (self._units - self._done)
            said = f"{self._what}: {self._done} of {self._units} units, {speed:.2f} Mpx/s, {in_time(left)} left"
            self.voice.note(said)

    def failed(self, unit: UnitFailed) -> None:
        """A unit could not be done; the others go on."""
        self.voice.warning(f"unit {unit.index} failed, the others go on: {unit.reason}")
