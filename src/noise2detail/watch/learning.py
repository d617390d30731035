"""What a stream learns from, when, and in which thread: the only place of it that trains."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from noise2detail.errors import Cancelled, Noise2DetailError, SettingError, check_setting
from noise2detail.fitted import Fitted, fit, plan_application
from noise2detail.method import Method, Step, ignore
from noise2detail.pipeline.denoise import apply_planes
from noise2detail.pipeline.run import Run
from noise2detail.types import Pixels

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


class Ready:
    """A denoiser with everything laid out for frames of one kind."""

    def __init__(self, fitted: Fitted, example: Pixels, axes: str | None, number: int) -> None:
        self.fitted, self.number = fitted, number
        self._plan, self._layout = plan_application(fitted, example, axes)

    def __call__(self, frame: Pixels) -> Pixels:
        """The denoised frame."""
        return apply_planes(frame, self._plan, self._layout, self.fitted.denoisers)


Train = Callable[[Sequence[Pixels], int, Callable[[Step], None]], Fitted]
"""Frames, the number of the training from 1, and who hears of its steps, to what was learnt."""

Drifted = Callable[[Fitted, Pixels], str]
"""What was learnt and a newer frame, to what has changed since, as words; empty: nothing that matters."""


def trainer(learning: Learning, axes: str | None) -> Train:
    """Function that trains as is wished on frames with such axes."""

    def train(frames: Sequence[Pixels], number: int, on_step: Callable[[Step], None]) -> Fitted:
        return fit(
            np.stack(frames),
            axes="T" + (axes or "YX"),
            method=learning.method,
            recipe=learning.recipe,
            seed=learning.seed + number - 1,
            run=learning.run,
            on_step=on_step,
        )

    return train


class Beside:
    """One piece of work at a time in a thread of its own, asked for its result between two frames."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._result: Fitted | None = None
        self._failure: Exception | None = None
        self._stopped = False

    @property
    def busy(self) -> bool:
        """Whether some work was begun whose result nobody has taken."""
        return self._thread is not None

    def begin(self, work: Callable[[Callable[[Step], None]], Fitted | None]) -> None:
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

    def result(self, *, wait: bool = False) -> Fitted | None:
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
        self._thread, failure, result = None, self._failure, self._result
        self._failure = self._result = None
        if failure is not None:
            raise failure
        return result

    def close(self) -> None:
        """Stop the work at its next step, and wait until its thread is gone."""
        self._stopped = True
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _check(self, step: Step) -> None:
        del step
        if self._stopped:
            raise Cancelled("the stream has ended")


class Learner:
    """What is known about the frames up to now: the newest denoiser, and the frames for the next.

    Parameters
    ----------
    learning
        Wishes.
    train, drifted
        Do the work.
    """

    def __init__(self, learning: Learning, train: Train, drifted: Drifted) -> None:
        self._learning, self._train, self._drifted = learning, train, drifted
        self._beside = Beside()
        self._newest: deque[Pixels] = deque(maxlen=learning.frames)
        self._since = 0
        self.trainings = 0
        """That have given a denoiser."""
        self.failures = 0
        """Trainings after a drift that failed; the stream went on with what it had."""
        self.drifts: tuple[str, ...] = ()
        """What had changed, once for each training after the first."""

    def first(self, frames: Sequence[Pixels]) -> Fitted:
        """Learnt from the first frames, while the consumer waits."""
        fitted = self._train(frames, 1, ignore)
        self.trainings = 1
        return fitted

    def begin_first(self, frames: Sequence[Pixels]) -> None:
        """Start to learn from the first frames, beside the frames."""
        self._beside.begin(lambda on_step: self._train(frames, 1, on_step))

    def newest(self, *, wait: bool = False) -> Fitted | None:
        """A denoiser that has become ready since this was last asked; ``wait``: as soon as the work has an end."""
        try:
            fitted = self._beside.result(wait=wait)
        except Noise2DetailError as error:
            if not self.trainings:
                raise
            self.failures += 1
            log.warning("training again failed, and the stream goes on with what it learnt before: %s", error)
            return None
        if fitted is not None:
            self.trainings += 1
        return fitted

    @property
    def busy(self) -> bool:
        """Whether something is being learnt."""
        return self._beside.busy

    def look(self, frame: Pixels, fitted: Fitted) -> Fitted | None:
        """A denoiser for frames from this one on, where that must be known now; else it may come of ``newest``."""
        if self._learning.again == "never":
            return None
        self._newest.append(frame)
        self._since += 1
        if self._since < self._learning.every or self._beside.busy:
            return None
        self._since = 0
        frames, number = tuple(self._newest), self.trainings + 1
        self._beside.begin(lambda on_step: self._again(frames, fitted, number, on_step))
        return self.newest(wait=True) if self._learning.again == "wait" else None

    def close(self) -> None:
        """Stop whatever is being learnt."""
        self._beside.close()

    def _again(
        self, frames: Sequence[Pixels], fitted: Fitted, number: int, on_step: Callable[[Step], None]
    ) -> Fitted | None:
        """What was learnt from the newest frames, if they have drifted away from what is known."""
        why = self._drifted(fitted, frames[-1])
        if not why:
            return None
        self.drifts = (*self.drifts, why)
        log.info("trains again: %s", why)
        return self._train(frames, number, on_step)
