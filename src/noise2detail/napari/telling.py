"""Steps of the work to what a window shows: progress ten times a second at most, and pictures of a preview."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from noise2detail.method import Step
from noise2detail.napari.jobs import Picture, Progress
from noise2detail.pipeline.applying import Piece
from noise2detail.pipeline.layout import Layout
from noise2detail.pipeline.plane import Plane, prepared
from noise2detail.plans import Plan
from noise2detail.types import Batch, Pixels

INTERVAL = 0.1
"""Seconds between two words on progress."""

REFRESH = 0.5
"""Seconds between two pictures at least."""

EFFORT = 4
"""Times as long as a picture took to make, the training goes on before the next."""

EARLY = 0.5
"""Share of the steps of a training before which its pictures are not shown: they are worse than the rough one."""

TOLD_BY_PACE = 0.03
"""Share of the work from which its own pace says how long the rest takes."""


def _is_early(step: Step) -> bool:
    """Whether a network has learnt too little to be better than the rough picture."""
    return step.loss is not None and step.index < EARLY * step.count


class Teller:
    """Hears of every step of a job."""

    def __init__(self, tell: Callable[[Any], None], check: Callable[[], None], expected: float | None) -> None:
        """``check`` raises where the job is to end; ``expected`` seconds of all of it, None: unknown."""
        self._tell, self._check, self.expected = tell, check, expected
        self._begin = time.monotonic()
        self._due, self._far = 0.0, 0.0
        self._shown: tuple[Pixels, Plan, Layout, Plane] | None = None
        self._next_picture = 0.0

    def expect(self, seconds: float | None) -> None:
        """Begin to count now, with a forecast."""
        self.expected, self._begin = seconds, time.monotonic()

    def show(self, array: Pixels, plan: Plan, layout: Layout) -> None:
        """Tell pictures of this single plane too, where the method can say what it has come to."""
        plane = prepared(array, plan, layout, layout.planes[0])
        self._shown = None if plane is None else (array, plan, layout, plane)

    def step(self, step: Step) -> None:
        """As ``on_step`` of ``denoise``."""
        self._check()
        now = time.monotonic()
        if now >= self._due or step.fraction >= 1:
            self._due = now + INTERVAL
            self._progress(step.stage, step.fraction, now)
        if self._shown is not None and step.snapshot is not None and now >= self._next_picture and not _is_early(step):
            found = step.snapshot()
            if found is not None:
                self._picture(found, step.stage)
            after = time.monotonic()
            self._next_picture = after + max(REFRESH, EFFORT * (after - now))

    def say(self, stage: str, fraction: float) -> None:
        """Tell of work that has no steps."""
        self._check()
        self._progress(stage, fraction, time.monotonic())

    def _progress(self, stage: str, fraction: float, now: float) -> None:
        self._far = max(self._far, min(fraction, 1.0))
        gone = now - self._begin
        left = None if self.expected is None else max(self.expected * (1 - self._far), 0.0)
        if self._far >= TOLD_BY_PACE and gone > 1:
            left = gone * (1 - self._far) / self._far
        self._tell(Progress(self._far, stage, left))

    def _picture(self, batch: Batch, stage: str) -> None:
        assert self._shown is not None  # noqa: S101 - asked before
        array, plan, layout, plane = self._shown
        channels = batch[0].float().cpu().numpy()
        if len(channels) != len(plane.pixels) or not np.isfinite(channels).all():
            return  # of some channels only, or of a training that has just gone astray
        result = np.ma.getdata(array).copy()
        targets = layout.channels_of(layout.view(result), plane.index)
        place = slice(0, channels.shape[1]), slice(0, channels.shape[2])
        for number, pixels in enumerate(channels):
            plane.write(Piece(stage, number, place, pixels), targets, plan.value_maps)
        self._tell(Picture(result, "training", f"so far: {stage}"))
