"""A process of its own in which methods run: memory is measured for each, and a crash is one failure among results."""

import multiprocessing
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

from noise2detail.bench.candidate import Candidate
from noise2detail.errors import Noise2DetailError, is_out_of_memory
from noise2detail.method import Step, ignore
from noise2detail.pipeline.denoise import execute
from noise2detail.pipeline.planning import make_plan
from noise2detail.pipeline.run import Run
from noise2detail.types import Pixels

INTERVAL = 0.1
"""Seconds between two reports of progress."""

PATIENCE = 5.0
"""Seconds that a process is given to end."""


@dataclass(frozen=True, eq=False)
class Task:
    """One method on one image."""

    noisy: Pixels
    axes: str
    candidate: Candidate
    seed: int = 0
    run: Run = Run()  # noqa: RUF009 - frozen


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of it."""

    denoised: Pixels | None
    """Of the type of the noisy image; None where it failed."""
    seconds: float = 0.0
    """To plan and to denoise; without start-up."""
    peak_mib: float = 0.0
    """Most memory that the process held, with the libraries."""
    error: str = ""
    """Why it failed; empty where it did not."""
    device: str = ""
    precision: str = ""
    threads: int = 0


class Worker:
    """The process, started when it is first needed; use it in a ``with`` block."""

    def __init__(self) -> None:
        self._process: Any = None
        self._connection: Connection | None = None
        self._candidate: Candidate | None = None

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def do(self, task: Task, on_step: Callable[[Step], None] = ignore) -> Outcome:
        """What comes of a task; whatever interrupts the wait ends the process."""
        try:
            if self._candidate != task.candidate:
                self.stop()  # memory that one method leaves behind is not the next one's
            self._candidate = task.candidate
            return self._ask(task, on_step)
        except BaseException:
            self.stop()
            raise

    def _ask(self, task: Task, on_step: Callable[[Step], None]) -> Outcome:
        connection = self._connect()
        try:
            connection.send(task)
            while True:
                answer = connection.recv()
                if isinstance(answer, Outcome):
                    return answer
                on_step(answer)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self._process.join(PATIENCE)
            code = self._process.exitcode
            self.stop()
            killed = "; the system may have ended it for want of memory" if code == -signal.SIGKILL else ""
            return Outcome(None, error=f"the process ended with exit code {code}{killed}")

    def _connect(self) -> Connection:
        if self._connection is None:
            spawn = multiprocessing.get_context("spawn")  # a forked PyTorch may hang
            self._connection, theirs = spawn.Pipe()
            self._process = spawn.Process(target=_serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
        return self._connection

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        if self._connection is None:
            return
        self._connection.close()
        self._process.terminate()
        self._process.join(PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process = self._connection = self._candidate = None


def _serve(connection: Connection) -> None:
    """Do tasks until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the asking process decides
    try:
        while True:
            connection.send(done(connection.recv(), _reporter(connection)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _reporter(connection: Connection) -> Callable[[Step], None]:
    due = 0.0

    def report(step: Step) -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due:
            due = now + INTERVAL
            # neither what is on a device nor a function can be sent
            connection.send(replace(step, loss=None, snapshot=None))

    return report


def done(task: Task, on_step: Callable[[Step], None]) -> Outcome:
    """What comes of a task, in this process."""
    from noise2detail.host.usage import forget_peak, peak_mib

    forget_peak()
    start = time.perf_counter()
    try:
        recipe, method = task.candidate.build()
        run = replace(task.run, stabilize=task.candidate.stabilize)
        plan, method, layout = make_plan(task.noisy, task.axes, method, recipe, task.seed, run)
        denoised = execute(task.noisy, plan, method, layout, on_step)
    except Exception as error:  # noqa: BLE001 - a row that says why
        return Outcome(None, time.perf_counter() - start, peak_mib(), error=_in_words(error))
    seconds = time.perf_counter() - start
    return Outcome(denoised, seconds, peak_mib(), "", plan.device, plan.precision, plan.threads)


def _in_words(error: Exception) -> str:
    if isinstance(error, Noise2DetailError):
        return str(error)
    if is_out_of_memory(error):
        return f"not enough memory: {str(error).splitlines()[0]}"
    return f"unexpected {type(error).__name__}: {error}"
