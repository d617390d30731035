"""An engine that computes nothing: a test says what it tells, and when."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from noise2detail.errors import InputError
from noise2detail.napari.jobs import (
    ENDS,
    Event,
    Finished,
    FitRequest,
    Listener,
    PlaneDone,
    PreviewRequest,
    ReportRequest,
    Request,
    RunRequest,
    Stopped,
)
from noise2detail.types import Pixels


@dataclass(eq=False)
class FakeJob:
    """A request and what was told of it so far."""

    request: Request
    listen: Listener
    result: Pixels | None = None
    uncertainty: Pixels | None = None
    running: bool = True
    cancelled: bool = False
    planes: list[tuple[int, ...]] = field(default_factory=list)

    @property
    def levels(self) -> tuple[Pixels, ...]:
        """One level."""
        return () if self.result is None else (self.result,)

    def cancel(self) -> None:
        """Stop at once, as the engine does from its own thread."""
        if self.running and not self.cancelled:
            self.cancelled = True
            self.tell(Stopped(len(self.planes), len(self.planes) + 1))

    def wait(self, seconds: float | None = None) -> bool:
        """Whether it has ended."""
        return not self.running

    def tell(self, event: Event) -> None:
        """Something happens."""
        self.running = self.running and not isinstance(event, ENDS)
        self.listen(event)

    def plane(self, index: tuple[int, ...], value: int, count: int) -> None:
        """A plane is done: it has this value everywhere."""
        assert self.result is not None
        self.result[index] = value
        self.planes.append(index)
        self.tell(PlaneDone(index, len(self.planes), count))

    def finish(self, value: int, planes: int = 3, plan: dict[str, Any] | None = None) -> None:
        """All planes are done with this value, and so is the job."""
        for index in range(planes):
            self.plane((index,), value, planes)
        self.tell(Finished(1.0, plan or {}))


class FakeEngine:
    """One job at a time, as the real one."""

    def __init__(self) -> None:
        self.jobs: list[FakeJob] = []
        self.started = self.closed = False

    @property
    def job(self) -> FakeJob:
        """The newest."""
        return self.jobs[-1]

    def start(self) -> None:
        """Remember it."""
        self.started = True

    def close(self) -> None:
        """Cancel and remember it."""
        self.closed = True
        for job in self.jobs:
            job.cancel()

    def preview(self, request: PreviewRequest, listen: Listener) -> FakeJob:
        """Begin a preview."""
        return self._begin(FakeJob(request, listen))

    def run(self, request: RunRequest, listen: Listener) -> FakeJob:
        """Begin a run, with a result that is noisy."""
        return self._begin(FakeJob(request, listen, np.array(request.image.array)))

    def fit(self, request: FitRequest, listen: Listener) -> FakeJob:
        """Begin a fit."""
        return self._begin(FakeJob(request, listen))

    def report(self, request: ReportRequest, listen: Listener) -> FakeJob:
        """Begin a page."""
        return self._begin(FakeJob(request, listen))

    def _begin(self, job: FakeJob) -> FakeJob:
        for other in self.jobs:
            if other.running and not isinstance(other.request, PreviewRequest):
                raise InputError("something is being done already")
            other.cancel()
        self.jobs.append(job)
        return job
