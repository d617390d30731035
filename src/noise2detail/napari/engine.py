"""The engine as a window uses it: requests in, events out, no call that waits."""

import contextlib
import logging
import queue
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from noise2detail.errors import BusyError, Cancelled, Noise2DetailError
from noise2detail.image import Image
from noise2detail.napari.growing import Growing
from noise2detail.napari.handover import Place, folder_for_a_job, handed_over
from noise2detail.napari.jobs import (
    ENDS,
    Event,
    Failed,
    Finished,
    FitRequest,
    Listener,
    PreviewRequest,
    Progress,
    ReportRequest,
    Request,
    RunRequest,
    Stopped,
)
from noise2detail.napari.process import COMMAND, EngineProcess, Inbox, died_words
from noise2detail.napari.refusals import in_the_window
from noise2detail.napari.worker import Asked, Cancel
from noise2detail.types import Pixels

log = logging.getLogger(__name__)

GRACE = 0.6
"""Seconds that the engine has to stop by itself when a job is cancelled; then its process is ended."""

GRACE_OF_A_PREVIEW = 2.0
"""The same where another preview follows, which would have to load PyTorch again."""

READING = 0.05
"""Share of a job's progress that reading a large layer is."""

IMAGES = ("image", "noisy", "denoised")
"""Fields of requests that hold pixels."""

_CANCEL = object()


class LocalEngine:
    """A process that computes, one job at a time; started when it is needed, or by ``start``."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        """``command`` starts the process."""
        self._command = tuple(command)
        self._lock = threading.Lock()
        self._process: EngineProcess | None = None
        self._job: EngineJob | None = None
        self._jobs: list[EngineJob] = []
        self._count = 0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Of the process; None: there is none."""
        process = self._process
        return process.pid if process is not None and process.alive else None

    @property
    def busy(self) -> bool:
        """True while a job is running that no other may replace."""
        job = self._job
        return job is not None and job.running and not job.is_preview

    def start(self) -> None:
        """Start the process, without PyTorch; harmless where it runs."""
        self._closed = False
        with contextlib.suppress(OSError):  # what cannot be started is told by the first job
            self.process()

    def preview(self, request: PreviewRequest, listen: Listener) -> "EngineJob":
        """Begin a preview; one that is running is cancelled.

        Raises
        ------
        BusyError
            Another job is running.
        """
        return self._begin(request, listen)

    def run(self, request: RunRequest, listen: Listener) -> "EngineJob":
        """Begin a run; a preview that is running is cancelled. Raises as ``preview``."""
        return self._begin(request, listen)

    def fit(self, request: FitRequest, listen: Listener) -> "EngineJob":
        """As ``run``."""
        return self._begin(request, listen)

    def report(self, request: ReportRequest, listen: Listener) -> "EngineJob":
        """As ``run``."""
        return self._begin(request, listen)

    def close(self, seconds: float = 2.0) -> None:
        """Cancel what is running and end the process, which takes milliseconds; a later job would start a new one."""
        with self._lock:
            process, jobs, self._process = self._process, list(self._jobs), None
            self._closed = True
        for job in jobs:
            job.cancel()
        if process is not None:
            process.kill()
            process.join(seconds)
        for job in jobs:
            job.wait(seconds)

    def process(self) -> EngineProcess:
        """The running process, started where there is none.

        Raises
        ------
        Cancelled
            The engine was closed meanwhile.
        """
        with self._lock:
            if self._closed:
                raise Cancelled("closed")
            if self._process is None or not self._process.alive:
                self._process = EngineProcess(self._command)
            return self._process

    def _begin(self, request: Request, listen: Listener) -> "EngineJob":
        with self._lock:
            before = self._job if self._job is not None and self._job.running else None
            if before is not None and not before.is_preview:
                raise BusyError(
                    "a run is on already, and one is computed at a time; cancel it, or wait until it has ended"
                )
            self._count, self._closed = self._count + 1, False
            job = EngineJob(self, self._count, request, listen, before)
            self._job = job
            self._jobs = [one for one in self._jobs if one.running] + [job]
        if before is not None:
            before.cancel()
        job.start()
        return job


class EngineJob:
    """A request that is being worked on, in a thread of its own that waits most of the time."""

    def __init__(
        self, engine: LocalEngine, number: int, request: Request, listen: Listener, before: "EngineJob | None"
    ) -> None:
        """Of an engine; ``before`` is a preview that ends for it."""
        self._engine, self._number, self._request, self._listen = engine, number, request, listen
        self._before = before
        self._inbox: Inbox = queue.SimpleQueue()
        self._ended, self._cancelled = threading.Event(), threading.Event()
        self._growing: Growing | None = None
        self._reading, self._handed = 0.0, False
        self._thread = threading.Thread(target=self._work, name=f"noise2detail job {number}", daemon=True)

    @property
    def is_preview(self) -> bool:
        """True for a preview, which gives way to what is asked next."""
        return isinstance(self._request, PreviewRequest)

    @property
    def running(self) -> bool:
        """False from the moment when its last event is told."""
        return not self._ended.is_set()

    @property
    def result(self) -> Pixels | None:
        """Of a run: the denoised image, noisy where a plane is not done yet; from ``Planned`` on."""
        return self._growing.pyramid.levels[0] if self._growing is not None else None

    @property
    def levels(self) -> tuple[Pixels, ...]:
        """The result and the smaller levels of its pyramid."""
        return self._growing.pyramid.levels if self._growing is not None else ()

    @property
    def uncertainty(self) -> Pixels | None:
        """Of a run that asks for it, from ``UncertaintyDone`` on."""
        return self._growing.uncertainty if self._growing is not None else None

    def start(self) -> None:
        """Begin; the engine calls it."""
        self._thread.start()

    def cancel(self) -> None:
        """Stop; returns at once, ``Stopped`` is told within a second. Harmless where it has ended."""
        if not self._cancelled.is_set():
            self._cancelled.set()
            self._inbox.put(_CANCEL)

    def wait(self, seconds: float | None = None) -> bool:
        """True when it has ended and its last event has been told."""
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        try:
            end = self._worked()
        except Cancelled:
            end = self._stopped()
        except Noise2DetailError as error:
            end = Failed(in_the_window(error), traceback.format_exc())
        except MemoryError:
            end = Failed("not enough memory for the pixels of this layer; close other programs", traceback.format_exc())
        except Exception as error:  # noqa: BLE001 - pixels may come from anywhere, and the window must be told
            said = f"{type(error).__name__}: {error}"
            words = f"the layer could not be handed to the engine ({said}); look at the layer, and try again"
            if self._handed:
                words = f"an error that this program did not expect: {said}; please report it with its log"
            end = Failed(words, traceback.format_exc())
        self._ended.set()
        self._tell(end)

    def _worked(self) -> Event:
        if self._before is not None:
            self._before._thread.join()
            self._before = None
        with folder_for_a_job() as folder:
            request = self._handed_over(folder)
            self._handed = True
            self._check()
            try:
                process = self._engine.process()
            except OSError as error:
                return Failed(f"the engine could not be started ({error}); install noise2detail anew")
            process.begin(self._number, self._inbox)
            process.send(Asked(self._number, request))
            return self._followed(process)

    def _followed(self, process: EngineProcess) -> Event:
        """The last event; all others are told on the way."""
        deadline: float | None = None
        while True:
            try:
                message = self._inbox.get(timeout=None if deadline is None else max(deadline - time.monotonic(), 0))
            except queue.Empty:
                process.kill()
                return self._stopped()
            if message is _CANCEL:
                process.send(Cancel(self._number))
                deadline = time.monotonic() + (GRACE_OF_A_PREVIEW if self._is_followed else GRACE)
            elif message is None:
                return (
                    self._stopped() if self._cancelled.is_set() else Failed(died_words(process), process.last_words())
                )
            elif isinstance(message, ENDS):
                # done before it heard of the wish: what came after the wish has not been taken
                late = isinstance(message, Finished) and self._cancelled.is_set()
                return self._stopped() if late or isinstance(message, Stopped) else self._finished(message)
            elif not self._cancelled.is_set():
                self._take(message)

    @property
    def _is_followed(self) -> bool:
        return self._engine._job is not self

    def _finished(self, end: Any) -> Event:
        if isinstance(end, Finished) and self._growing is not None:
            self._growing.pyramid.finish()
        return cast("Event", end)

    def _stopped(self) -> Stopped:
        return Stopped() if self._growing is None else Stopped(self._growing.done, self._growing.pyramid.planes)

    def _handed_over(self, folder: Path) -> Request:
        """The request as a message can hold it."""
        found: dict[str, Any] = {}
        if isinstance(self._request, RunRequest):
            self._growing = Growing(self._request)
        for name in IMAGES:
            image: Image | None = getattr(self._request, name, None)
            if image is not None:
                place = folder / name
                place.mkdir()
                found[name] = handed_over(image, place, self._read)
        if self._growing is not None:
            self._growing.pyramid.finish()
        return replace(self._request, **found)

    def _read(self, place: Place, pixels: Pixels, share: float) -> None:
        if self._growing is not None:
            self._growing.pyramid.begin(place, pixels)
        if share < 1 or self._reading:  # one part alone is there at once
            self._reading = READING
            self._tell(Progress(READING * share, "reading", None))
        self._check()

    def _check(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled("cancelled")

    def _take(self, message: Any) -> None:
        """Put pixels where they belong, and tell the rest."""
        if isinstance(message, Progress) and self._reading:
            message = replace(message, fraction=self._reading + (1 - self._reading) * message.fraction)
        if self._growing is not None:
            message = self._growing.take(message)
        if message is not None:
            self._tell(message)

    def _tell(self, event: Event) -> None:
        try:
            self._listen(event)
        except Exception:  # whoever listens must not end the work
            log.exception("a listener failed")
