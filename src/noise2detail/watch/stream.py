"""Live frames: the first ones train, the others are only denoised, each within a fraction of a second."""

import time
import weakref
from collections import deque
from collections.abc import Generator, Hashable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any

import numpy as np

from noise2detail.fitted import Fitted
from noise2detail.types import Pixels
from noise2detail.watch.backlog import Arrived, Backlog, WhenLate
from noise2detail.watch.entrance import Entrance
from noise2detail.watch.lane import Lane
from noise2detail.watch.learning import Learning

_PATIENCE = 4
"""Times the frames of a training that are held back at most: then it takes what there is."""


@dataclass(frozen=True, eq=False)
class Denoised:
    """One frame that a stream gives back; ``numpy.asarray`` has its pixels."""

    number: int
    """Of the frame, from 0; those of dropped frames are missing."""
    pixels: Pixels
    """In the shape, type and intensity scale of the frame."""
    denoised: bool
    """False where the frame came too late and was passed on as it came, or holds one value only."""
    latency: float
    """Seconds from the coming of the frame to its handing over."""
    training: int
    """Number of the training whose denoiser it went through, from 1; 0: none, or a denoiser that was given."""
    about: Any = None
    """What its source said about it."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Pixels:
        """The pixels."""
        return np.array(self.pixels, dtype, copy=copy)


@dataclass(frozen=True)
class StreamStats:
    """Totals of a stream up to now: ``received`` is ``given`` + ``dropped`` + ``waiting`` between two frames."""

    received: int = 0
    """Frames that came."""
    given: int = 0
    """Frames that were handed over."""
    denoised: int = 0
    """Of these, denoised."""
    passed: int = 0
    """Of these, passed on as they came."""
    dropped: int = 0
    """Frames thrown away because they came too fast."""
    waiting: int = 0
    """Frames that came and were not handed over yet."""
    most_waiting: int = 0
    """Frames that waited in the line at once."""
    trainings: int = 0
    """That gave a denoiser."""
    failed_trainings: int = 0
    """After a drift, without a result: the denoiser before went on."""
    learning: bool = False
    """Whether something is being looked at or learnt beside the frames now."""
    drifts: tuple[str, ...] = ()
    """What had changed before each training after the first."""
    mean_latency: float = 0.0
    """Seconds, of all frames that were handed over."""
    longest_latency: float = 0.0
    """Seconds."""


def stream(
    frames: Iterable[Any] | None = None,
    *,
    axes: str | None = None,
    denoiser: Fitted | None = None,
    when_late: WhenLate = "wait",
    queue: int = 8,
    learning: Learning = Learning(),  # noqa: B008 - frozen
) -> "Stream":
    """Denoised frames, one for each that comes, in their order: an iterator of ``Denoised``.

    Parameters
    ----------
    frames
        Arrays of one shape and type, taken in a thread of their own as fast as there is room for them. None: they are
        handed in with ``put``, and the last one is followed by ``end``.
    axes
        Of a frame; not needed for two dimensions. Channels, as in ``CYX`` or ``YXS``, are denoised together.
    denoiser
        From ``fit`` or ``load``; None: the first frames train one.
    when_late
        While ``queue`` frames wait: ``wait`` lets the source wait, ``skip`` passes the oldest on as it came, marked,
        ``drop`` throws the oldest away, counted.
    queue
        Frames that may wait.
    learning
        From which frames, with which method, and whether again after a drift.

    Raises
    ------
    SettingError
        A policy that does not exist, or a number below 1.
    InputError
        While iterating: a frame of another shape or type than the first, or that cannot be denoised at all. What the
        source raises comes out there too.
    """
    backlog = Backlog(queue, when_late, time.perf_counter)
    return Stream(axes, denoiser, backlog, learning, beside=when_late == "skip").following(frames)


class Stream:
    """An iterator of denoised frames; made by ``stream``, closed by its end, by ``close`` or by ``with``."""

    def __init__(
        self, axes: str | None, denoiser: Fitted | None, backlog: Backlog, learning: Learning, *, beside: bool
    ) -> None:
        self._backlog, self._entrance = backlog, Entrance(backlog, axes)
        self._new_lane = partial(Lane, learning, axes, denoiser, beside=beside)
        self._lanes: dict[Hashable, Lane] = {}
        self._most_held = _PATIENCE * learning.frames
        self._stats = StreamStats()
        self._results = self._run()
        weakref.finalize(self, backlog.close)  # a forgotten stream must not hold up its source for ever

    def following(self, frames: Iterable[Any] | None) -> "Stream":
        """The same stream, which takes these frames."""
        if frames is not None:
            self._entrance.follow(frames)
        return self

    def put(self, frame: Any, about: Any = None, kind: Hashable = None) -> int:
        """Number of a frame that is handed in; waits where that is the policy.

        Parameters
        ----------
        frame
            An array; it may be used again at once.
        about
            Anything that is to come out with the denoised frame.
        kind
            Frames of each kind, such as a channel, have a denoiser, a shape and a type of their own.

        Raises
        ------
        Cancelled
            The stream has ended, or was closed.
        """
        return self._entrance.put(frame, about, kind)

    def end(self, failure: BaseException | None = None) -> None:
        """No more frames will be handed in; ``failure`` is raised for the consumer after the last one."""
        self._backlog.end(failure)

    @property
    def stats(self) -> StreamStats:
        """Totals up to now."""
        counts, own = self._backlog.counts, self._stats
        learners = [lane.learner for lane in tuple(self._lanes.values())]
        return replace(
            own,
            received=counts.received,
            dropped=counts.dropped,
            waiting=counts.received - counts.dropped - own.given,
            most_waiting=counts.most_waiting,
            trainings=sum(one.trainings for one in learners),
            failed_trainings=sum(one.failures for one in learners),
            learning=any(one.busy for one in learners),
            drifts=tuple(why for one in learners for why in one.drifts),
        )

    def close(self) -> None:
        """Stop: frames that wait are given up, and the threads end."""
        self._backlog.close()
        for lane in tuple(self._lanes.values()):
            lane.learner.close()
        with suppress(ValueError):  # another thread is in it, which finds the line closed
            self._results.close()
        self._entrance.close()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> Denoised:
        try:
            return next(self._results)
        except BaseException:
            self.close()
            raise

    def _run(self) -> Generator[Denoised, None, None]:
        """Every frame in its turn; those of a kind that is yet to be learnt are held back until enough have come."""
        held: deque[Arrived] = deque()
        while (arrived := self._backlog.take()) is not None:
            held.append(arrived)
            if arrived.kind not in self._lanes:
                self._lanes[arrived.kind] = self._new_lane()
            self._lanes[arrived.kind].see(arrived.pixels)
            while held and (len(held) > self._most_held or self._lanes[held[0].kind].open):
                yield self._next(held.popleft())
        while held and not self._backlog.closed:
            yield self._next(held.popleft())

    def _next(self, arrived: Arrived) -> Denoised:
        lane = self._lanes[arrived.kind]
        return self._told(arrived, *lane.denoise(arrived.pixels, late=arrived.late))

    def _told(self, arrived: Arrived, pixels: Pixels, training: int | None) -> Denoised:
        """The record of a frame, which is counted."""
        latency, own = self._backlog.clock() - arrived.at, self._stats
        given = own.given + 1
        self._stats = replace(
            own,
            given=given,
            denoised=own.denoised + (training is not None),
            passed=own.passed + (training is None),
            mean_latency=own.mean_latency + (latency - own.mean_latency) / given,
            longest_latency=max(own.longest_latency, latency),
        )
        return Denoised(arrived.number, pixels, training is not None, latency, training or 0, arrived.about)
