"""What drivers tell: units that are done or failed, and how it ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from noise2detail.errors import (
    ClaimedError,
    DeviceError,
    NotEnoughMemoryError,
    OtherWorkError,
    SettingError,
    UnreadableFileError,
    UnwritableFileError,
)
from noise2detail.scale.markers import UnitDone
from noise2detail.scale.plan import ScalePlan

ATTEMPTS = 3
"""Times that a unit is tried that fails for a reason that may pass: a worker that was killed, a storage that hung."""


@dataclass(frozen=True)
class UnitFailed:
    """A unit that could not be done."""

    index: int
    """Of the unit."""
    reason: str
    """In words."""
    attempts: int = 1
    """Times that it was tried."""
    ends: bool = False
    """No other unit could be done either: a full disk, another version."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    done: int
    """Units that were done in this run."""
    checked: int
    """Units that were done before and still read as they were written."""
    failed: tuple[UnitFailed, ...] = ()
    """Units that could not be done."""
    stopped: bool = False
    """Somebody asked to stop before all was done."""
    finished: bool = False
    """The whole output is there."""


class Hearing(Protocol):
    """Who wants to know how a run goes."""

    def begin(self, what: str, units: int, of: int) -> None:
        """A part of the work begins: its name, the units in it, and those of the whole stage with what was done."""

    def done(self, unit: UnitDone) -> None:
        """A unit is done."""

    def failed(self, unit: UnitFailed) -> None:
        """A unit could not be done."""


class Silent:
    """For those who do not want to know."""

    def begin(self, what: str, units: int, of: int) -> None:
        """Nothing."""

    def done(self, unit: UnitDone) -> None:
        """Nothing."""

    def failed(self, unit: UnitFailed) -> None:
        """Nothing."""


@dataclass
class Stop:
    """A wish to stop: units in flight are still finished. Set by signals; read between units."""

    asked: bool = False

    def ask(self) -> None:
        """Stop after the units in flight."""
        self.asked = True


Task = Callable[[ScalePlan, int], UnitDone | None]
"""What is done with a unit: ``run_unit`` or ``check_unit``."""


@dataclass
class Results:
    """What comes back of the units that an executor was given."""

    hearing: Hearing
    """Hears of each at once."""
    done: list[int] = field(default_factory=list)
    """Units that are done."""
    absent: list[int] = field(default_factory=list)
    """Units of which nothing came back: a check found that they are not done."""
    failed: list[UnitFailed] = field(default_factory=list)
    """Units that failed."""

    def take(self, index: int, found: UnitDone | None) -> None:
        """Note a result."""
        if found is None:
            self.absent.append(index)
        else:
            self.done.append(index)
            self.hearing.done(found)

    def fail(self, unit: UnitFailed) -> None:
        """Note a failure."""
        self.failed.append(unit)
        self.hearing.failed(unit)

    @property
    def ended(self) -> bool:
        """A failure that no other unit would be spared."""
        return any(unit.ends for unit in self.failed)


class Executor(Protocol):
    """Runs a task for many units: a loop, a pool, a cluster. The only thing in which drivers differ."""

    def __call__(self, task: Task, plan: ScalePlan, units: Sequence[int], results: Results, stop: Stop) -> None:
        """Every unit once, in any order, until ``stop.asked`` or ``results.ended``; those in flight are finished."""


def passes(error: BaseException) -> bool:
    """Whether trying again may help: not where a file is damaged, a setting wrong, or the disk full."""
    lasting = (UnreadableFileError, UnwritableFileError, SettingError, OtherWorkError, ClaimedError, DeviceError)
    return not isinstance(error, (*lasting, NotEnoughMemoryError))


def ends_all(error: BaseException) -> bool:
    """Whether every other unit would fail for the same reason."""
    return isinstance(error, UnwritableFileError | SettingError | OtherWorkError | ClaimedError | DeviceError)


def in_words(error: BaseException) -> str:
    """What happened, in one line."""
    said = " ".join(str(error).split()) or "no details"
    return said if type(error).__module__ == "noise2detail.errors" else f"{type(error).__name__}: {said}"
