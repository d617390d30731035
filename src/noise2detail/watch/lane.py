"""Frames of one kind, such as one channel of a microscope: their denoiser, from the first frames to the newest."""

from noise2detail.fitted import Fitted, plan_application
from noise2detail.pipeline.denoise import apply_planes
from noise2detail.pipeline.values import is_constant
from noise2detail.types import Pixels
from noise2detail.watch.learning import Learner, Learning, Learnt


class Ready:
    """A denoiser with everything laid out for frames of one kind."""

    def __init__(self, learnt: Learnt, example: Pixels, axes: str | None, training: int) -> None:
        self.learnt, self.training = learnt, training
        self._plan, self._layout = plan_application(learnt.fitted, example, axes)

    def __call__(self, frame: Pixels) -> Pixels:
        """The denoised frame."""
        return apply_planes(frame, self._plan, self._layout, self.learnt.fitted.denoisers)


class Lane:
    """The only component that knows which denoiser a frame goes through.

    Parameters
    ----------
    learning
        Wishes.
    axes
        Of a frame.
    given
        A denoiser to begin with; None: the first frames train one.
    beside
        The first training runs beside the frames, which pass as they came until it is done; else they wait for it.
    """

    def __init__(self, learning: Learning, axes: str | None, given: Fitted | None, *, beside: bool) -> None:
        self._axes, self._given, self._beside = axes, given, beside
        self._enough = int(learning.frames)
        self._first: list[Pixels] = []
        self._ready: Ready | None = None
        self.learner = Learner(learning, axes)

    def see(self, frame: Pixels) -> None:
        """A frame has come that will be handed over later: it may be one of the first."""
        if self._ready is None and self._given is None and len(self._first) < self._enough and not is_constant(frame):
            self._first.append(frame)

    @property
    def open(self) -> bool:
        """Whether its frames can be handed over now: more of them need not come before."""
        known = self._ready is not None or self._given is not None
        return known or self._beside or not self._first or len(self._first) >= self._enough

    def denoise(self, frame: Pixels, *, late: bool) -> tuple[Pixels, int | None]:
        """The frame as it is handed over, and the training whose denoiser it went through; None: it passed as it came.

        Parameters
        ----------
        frame
            That was seen before.
        late
            There is no time to denoise it.
        """
        if is_constant(frame):
            return frame, None
        self._learn(frame)
        if self._ready is None or late:
            return frame, None
        return self._ready(frame), self._ready.training

    def _learn(self, frame: Pixels) -> None:
        """Take up whatever was learnt up to this frame."""
        if self._ready is not None:
            learnt = self.learner.look(frame, self._ready.learnt)
        elif self._given is not None:
            learnt = Learnt(self._given)
        elif not self._beside:
            learnt = self.learner.train(self._first)
        else:
            learnt = self.learner.newest()
            if learnt is None and len(self._first) >= self._enough:
                self.learner.begin(tuple(self._first))
        if learnt is not None:
            self._ready = Ready(learnt, frame, self._axes, self.learner.trainings)
            self._first.clear()
