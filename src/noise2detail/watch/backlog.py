"""Frames that have come and wait for the denoiser: a bounded line with a stated policy for when it is full."""

import threading
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any, Literal

from noise2detail.errors import Cancelled, SettingError, check_setting
from noise2detail.types import Pixels

WhenLate = Literal["wait", "skip", "drop"]
"""What happens to a frame that comes while the line is full."""

POLICIES: tuple[WhenLate, ...] = ("wait", "skip", "drop")

_SLACK = 4
"""Times the line that may wait under ``skip``, most of it to be passed on as it came, before its source has to wait:
the frames of a consumer that takes none would fill the memory."""


@dataclass(frozen=True, eq=False)
class Arrived:
    """A frame as it came."""

    number: int
    """From 0, in the order of coming, whatever became of others."""
    pixels: Pixels
    """Its own copy: cameras use their buffers again."""
    at: float
    """Reading of the clock when it came, before it had to wait for room."""
    about: Any = None
    """What its source says about it."""
    kind: Hashable = None
    """Which denoiser it belongs to."""
    late: bool = False
    """It is to be passed on as it came."""


@dataclass(frozen=True)
class Counts:
    """What has gone through a line."""

    received: int = 0
    """Frames that came."""
    dropped: int = 0
    """Of these, thrown away."""
    most_waiting: int = 0
    """Frames that waited at once."""


class Backlog:
    """The only place where the thread of the source and that of the consumer meet.

    Parameters
    ----------
    size
        Frames that may wait for the denoiser.
    when_late
        What happens when there are more: the source waits, the oldest is passed on as it came, or it is dropped.
    clock
        Seconds that only grow.

    Raises
    ------
    SettingError
        No such policy, or no room for a frame.
    """

    def __init__(self, size: int, when_late: WhenLate, clock: Callable[[], float]) -> None:
        if when_late not in POLICIES:
            raise SettingError(f"when_late is {when_late!r}; expected one of {', '.join(POLICIES)}")
        check_setting("queue", size)
        self._size, self._when_late, self.clock = int(size), when_late, clock
        self._line: deque[Arrived] = deque()
        self._changed = threading.Condition()
        self._ended = self._closed = False
        self._failure: BaseException | None = None
        self._counts = Counts()

    @property
    def counts(self) -> Counts:
        """Totals up to now."""
        with self._changed:
            return self._counts

    @property
    def waiting(self) -> int:
        """Frames that wait now."""
        with self._changed:
            return len(self._line)

    @property
    def closed(self) -> bool:
        """Whether nobody takes frames any more."""
        return self._closed

    def put(self, pixels: Pixels, about: Any = None, kind: Hashable = None) -> int:
        """Number of the frame, which now waits; returns when there is room for it.

        Raises
        ------
        Cancelled
            Nobody takes frames any more, or the end was told before.
        """
        with self._changed:
            number, at = self._counts.received, self.clock()
            self._counts = replace(self._counts, received=number + 1)
            self._changed.wait_for(lambda: self._closed or self._ended or self._make_room())
            if self._closed or self._ended:
                raise Cancelled("the stream has ended: it takes no more frames")
            self._line.append(Arrived(number, pixels.copy(), at, about, kind))
            self._counts = replace(self._counts, most_waiting=max(self._counts.most_waiting, len(self._line)))
            self._changed.notify_all()
            return number

    def end(self, failure: BaseException | None = None) -> None:
        """No more frames will come; ``failure`` is raised where the next would have been taken."""
        with self._changed:
            if not self._ended:
                self._ended, self._failure = True, failure
            self._changed.notify_all()

    def take(self) -> Arrived | None:
        """The oldest frame, as soon as there is one; None after the last.

        Raises
        ------
        BaseException
            What the source failed with, after the last frame that it gave.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._line or self._ended or self._closed)
            if self._closed:
                return None
            if self._line:
                taken = self._line.popleft()
                self._changed.notify_all()
                return taken
            failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        return None

    def close(self) -> None:
        """Nobody takes frames any more: whoever waits here goes on."""
        with self._changed:
            self._closed = True
            self._line.clear()
            self._changed.notify_all()

    def _make_room(self) -> bool:
        """Whether there is room for one more frame, after what the policy does for it."""
        if self._when_late == "skip":
            timely = [number for number, one in enumerate(self._line) if not one.late]
            if len(timely) >= self._size:
                # the oldest: those after it are fresher, and are handed over the sooner
                self._line[timely[0]] = replace(self._line[timely[0]], late=True)
            return len(self._line) < _SLACK * self._size
        if len(self._line) < self._size:
            return True
        if self._when_late == "drop":
            self._line.popleft()
            self._counts = replace(self._counts, dropped=self._counts.dropped + 1)
            return True
        return False
