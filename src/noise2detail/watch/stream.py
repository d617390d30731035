"""Live frames: the first ones train, the others are only denoised, each within a fraction of a second."""

import time
import weakref
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import numpy as np

from noise2detail.fitted import Fitted
from noise2detail.pipeline.values import is_constant
from noise2detail.types import Pixels
from noise2detail.watch.backlog import Arrived, Backlog, WhenLate
from noise2detail.watch.drifting import drifted
from noise2detail.watch.entrance import Entrance
from noise2detail.watch.learning import Learner, Learning, Ready, trainer

_PATIENCE = 4
"""Times the frames of the first training that are held back at most, where many of them hold one value only."""


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
    return Stream(axes, denoiser, Backlog(queue, when_late, time.perf_counter), learning, when_late).following(frames)


class Stream:
    """An iterator of denoised frames; made by ``stream``, closed by its end, by ``close`` or by ``with``."""

    def __init__(
        self, axes: str | None, denoiser: Fitted | None, backlog: Backlog, learning: Learning, when_late: WhenLate
    ) -> None:
        self._axes, self._backlog, self._given = axes, backlog, denoiser
        self._entrance = Entrance(backlog, axes)
        self._learning, self._beside_first = learning, when_late == "skip"
        self._learner = Learner(learning, trainer(learning, axes), drifted)
        self._ready: Ready | None = None
        self._stats = StreamStats()
        self._results = self._run()
        weakref.finalize(self, backlog.close)  # a forgotten stream must not hold up its source for ever

    def following(self, frames: Iterable[Any] | None) -> "Stream":
        """The same stream, which takes these frames."""
        if frames is not None:
            self._entrance.follow(frames)
        return self

    def put(self, frame: Any, about: Any = None) -> int:
        """Number of a frame that is handed in; waits where that is the policy.

        Parameters
        ----------
        frame
            An array; it may be used again at once.
        about
            Anything that is to come out with the denoised frame.

        Raises
        ------
        Cancelled
            The stream has ended, or was closed.
        """
        return self._entrance.put(frame, about)

    def end(self, failure: BaseException | None = None) -> None:
        """No more frames will be handed in; ``failure`` is raised for the consumer after the last one."""
        self._backlog.end(failure)

    @property
    def stats(self) -> StreamStats:
        """Totals up to now."""
        counts, own, learner = self._backlog.counts, self._stats, self._learner
        return replace(
            own,
            received=counts.received,
            dropped=counts.dropped,
            waiting=counts.received - counts.dropped - own.given,
            most_waiting=counts.most_waiting,
            trainings=learner.trainings,
            failed_trainings=learner.failures,
            drifts=learner.drifts,
        )

    def close(self) -> None:
        """Stop: frames that wait are given up, and the threads end."""
        self._backlog.close()
        self._learner.close()
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
        """Every frame, as soon as it is its turn."""
        if self._given is None:
            yield from self._begin()
        while (arrived := self._backlog.take()) is not None:
            yield self._next(arrived)

    def _begin(self) -> Iterator[Denoised]:
        """Frames up to those of the first training, and with them what was learnt."""
        held: list[Arrived] = []
        telling: list[Pixels] = []
        while len(telling) < self._learning.frames and len(held) < _PATIENCE * self._learning.frames:
            if (arrived := self._backlog.take()) is None:
                break
            if not is_constant(arrived.pixels):
                telling.append(arrived.pixels)
            if telling and not self._beside_first:
                held.append(arrived)
            else:
                yield self._passed(arrived)
        if not telling or self._backlog.closed:
            return
        if self._beside_first:
            self._learner.begin_first(telling)
            return
        fitted = self._learner.first(telling)
        self._adopt(fitted, telling[0])
        for arrived in held:
            yield self._next(arrived)

    def _next(self, arrived: Arrived) -> Denoised:
        """A frame, denoised where there is something to denoise, and the time and a denoiser for it."""
        if is_constant(arrived.pixels):
            return self._passed(arrived)
        if self._ready is None and self._given is not None:
            self._ready = Ready(self._given, arrived.pixels, self._axes, 0)
        fitted = self._learner.newest() if self._learner.busy else None
        if fitted is None and self._ready is not None:
            fitted = self._learner.look(arrived.pixels, self._ready.fitted)
        if fitted is not None:
            self._adopt(fitted, arrived.pixels)
        if self._ready is None or arrived.late:
            return self._passed(arrived)
        return self._told(arrived, self._ready(arrived.pixels), self._ready.number)

    def _adopt(self, fitted: Fitted, example: Pixels) -> None:
        self._ready = Ready(fitted, example, self._axes, self._learner.trainings)

    def _passed(self, arrived: Arrived) -> Denoised:
        return self._told(arrived, arrived.pixels, None)

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
