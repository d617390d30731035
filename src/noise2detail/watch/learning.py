"""What a stream learns from, when, and in which thread: the only place of it that trains."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from noise2detail.errors import Cancelled, Noise2DetailError, SettingError, check_setting
from noise2detail.fitted import Fitted, fit
from noise2detail.method import Method, Step, ignore
from noise2detail.pipeline.run import Run
from noise2detail.types import Pixels
from noise2detail.watch.drifting import Known, known_of, what_changed

log = logging.getLogger(__name__)

Again = Literal["background", "wait", "never"]
"""Whether a stream trains again after a drift: beside the frames, between two of them, or not at all."""

AGAIN: tuple[Again, ...] = ("background", "wait", "never")


@dataclass(frozen=True)
class Learning:
    """How a stream comes by its denoiser; every wish has a default."""

    frames: int = 4
    """First frames that are learnt from together, without those that hold one value; newest ones after a drift."""
    method: str | Method = "noise2detail"
    """One whose denoiser may be applied to other frames."""
    recipe: str | None = None
    """None: the default of the method."""
    seed: int = 0
    """Of the first training; each further one counts it up."""
    run: Run = field(default_factory=Run)
    """Device, precision, threads."""
    again: Again = "background"
    """What is done when the noise or the content has drifted away from what was learnt: ``background`` trains beside
    the frames and goes on with the new denoiser as soon as there is one, ``wait`` lets the frames wait for it, with the
    same result every time, ``never`` goes on as it is."""
    every: int = 64
    """Frames from one look for a drift to the next."""

    def __post_init__(self) -> None:
        check_setting("frames", self.frames)
        check_setting("every", self.every)
        if self.again not in AGAIN:
            raise SettingError(f"again is {self.again!r}; expected one of {', '.join(AGAIN)}")


@dataclass(frozen=True, eq=False)
class Learnt:
    """A denoiser, and the frames that it has learnt from in numbers."""

    fitted: Fitted
    known: Known | None = None
    """None: it came from elsewhere, and the first frames that are looked at count as those it knows."""


OnStep = Callable[[Step], None]


class Beside:
    """One piece of work at a time in a thread of its own, asked for its result between two frames."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._result: Learnt | None = None
        self._failure: Exception | None = None
        self._stopped = False

    @property
    def busy(self) -> bool:
        """Whether some work was begun whose result nobody has taken."""
        return self._thread is not None

    def begin(self, work: Callable[[OnStep], Learnt | None]) -> None:
        """Start; ``work`` is given a listener that stops it when the stream ends."""

        def run() -> None:
            try:
                self._result = work(self._check)
            except Cancelled:
                pass
            except Exception as error:  # noqa: BLE001 - handed over to whoever asks for the result
                self._failure = error

        self._thread = threading.Thread(target=run, name="noise2detail-training", daemon=True)
        self._thread.start()

    def result(self, *, wait: bool = False) -> Learnt | None:
        """What came of the work; None where nothing did, or it is not done yet.

        Raises
        ------
        Exception
            That of the work.
        """
        thread = self._thread
        if thread is None or (thread.is_alive() and not wait):
            return None
        thread.join()
        failure, result = self._failure, self._result
        self._thread = self._failure = self._result = None
        if failure is not None:
            raise failure
        return result

    def close(self) -> None:
        """Stop the work at its next step, and wait until its thread is gone."""
        self._stopped = True
        if self._thread is not None:
            self._thread.join()

    def _check(self, step: Step) -> None:
        del step
        if self._stopped:
            raise Cancelled("the stream has ended")


class Learner:
    """What is learnt from frames of one kind: first, and again when they drift away from it.

    Parameters
    ----------
    learning
        Wishes.
    axes
        Of a frame.
    """

    def __init__(self, learning: Learning, axes: str | None) -> None:
        self._learning, self._axes = learning, axes
        self._beside = Beside()
        self._newest: deque[Pixels] = deque(maxlen=int(learning.frames))
        self._since = 0
        self.trainings = 0
        """That have given a denoiser."""
        self.failures = 0
        """Trainings after a drift that failed; the stream went on with what it had."""
        self.drifts: tuple[str, ...] = ()
        """What had changed, once for each time that it did."""

    @property
    def busy(self) -> bool:
        """Whether something is being looked at or learnt beside the frames."""
        return self._beside.busy

    def train(self, frames: Sequence[Pixels], on_step: OnStep = ignore) -> Learnt:
        """Learnt from frames, while whoever calls this waits."""
        wishes = self._learning
        fitted = fit(
            np.stack(frames),
            axes="T" + (self._axes or "YX"),
            method=wishes.method,
            recipe=wishes.recipe,
            seed=wishes.seed + self.trainings,
            run=wishes.run,
            on_step=on_step,
        )
        known = None if wishes.again == "never" else known_of(frames, self._axes)
        self.trainings += 1
        return Learnt(fitted, known)

    def begin(self, frames: Sequence[Pixels]) -> None:
        """Start to learn beside the frames; ``newest`` gives what comes of it."""
        if not self._beside.busy:
            self._beside.begin(lambda on_step: self.train(frames, on_step))

    def newest(self, *, wait: bool = False) -> Learnt | None:
        """What has been learnt since this was last asked; ``wait``: as soon as the work has an end."""
        try:
            return self._beside.result(wait=wait)
        except Noise2DetailError as error:
            if not self.trainings:
                raise
            self.failures += 1
            log.warning("training again failed, and the stream goes on with what it learnt before: %s", error)
            return None

    def look(self, frame: Pixels, learnt: Learnt) -> Learnt | None:
        """What was learnt for frames from this one on, if that is known now.

        Every so many frames the newest is compared with those that ``learnt`` knows; if it has drifted away, the newest
        ones are learnt from.
        """
        if self._learning.again == "never":
            return None
        self._newest.append(frame)
        self._since += 1
        if self._beside.busy or self._since < self._learning.every:
            return self.newest()
        self._since = 0
        frames = tuple(self._newest)
        self._beside.begin(lambda on_step: self._again(frames, learnt, on_step))
        return self.newest(wait=True) if self._learning.again == "wait" else None

    def close(self) -> None:
        """Stop whatever is being learnt."""
        self._beside.close()

    def _again(self, frames: Sequence[Pixels], learnt: Learnt, on_step: OnStep) -> Learnt | None:
        if learnt.known is None:
            return Learnt(learnt.fitted, known_of(frames, self._axes))
        why = what_changed(learnt.known, frames[-1], self._axes)
        if not why:
            return None
        self.drifts = (*self.drifts, why)
        log.info("trains again: %s", why)
        return self.train(frames, on_step)
