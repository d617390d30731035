"""The engine process as its starter sees it: a pipe in, a pipe out, and what it said when it ended."""

import contextlib
import logging
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import IO, Any, cast

from noise2detail.napari import wire
from noise2detail.napari.worker import Told

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-P", "-m", "noise2detail.napari.worker")
"""Not ``multiprocessing``: where a script starts napari without a guard, that would run the script again."""

LAST_WORDS = 4000
"""Bytes of its standard error that are kept."""

Inbox = queue.SimpleQueue[Any]
"""What a job is told; None: the process has ended."""


class EngineProcess:
    """A running engine: the only component that starts and ends one."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        """Start it; it imports nothing of weight yet."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(  # noqa: S603 - this very package
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._lock, self._inbox, self._number = threading.Lock(), cast("Inbox | None", None), 0
        self._writing = threading.Lock()
        self._ended = self._killed = False
        self._reader = threading.Thread(target=self._read, name="noise2detail reader", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """False once it has ended."""
        return not (self._killed or self._ended) and self._process.poll() is None

    def begin(self, number: int, inbox: Inbox) -> None:
        """From now on, put what is told of this job into an inbox; None when the process ends."""
        with self._lock:
            self._number, self._inbox = number, inbox
            if self._ended:
                inbox.put(None)

    def send(self, message: Any) -> None:
        """Hand a message over; one that cannot be read any more is lost, and the inbox says so."""
        with self._writing, contextlib.suppress(OSError, ValueError):
            wire.send(cast("IO[bytes]", self._process.stdin), message)

    def kill(self) -> None:
        """End it at once; it counts as ended from now on."""
        self._killed = True
        with contextlib.suppress(OSError):
            self._process.kill()

    def join(self, seconds: float) -> None:
        """Wait until nothing of it is left."""
        if self._reader is not threading.current_thread():
            self._reader.join(seconds)

    def last_words(self) -> str:
        """What it wrote to its standard error, and how it ended."""
        return self._said

    _said = ""

    def _read(self) -> None:
        source = cast("IO[bytes]", self._process.stdout)
        with contextlib.suppress(EOFError, OSError):
            while True:
                told: Told = wire.receive(source)
                with self._lock:
                    if self._inbox is not None and told.number == self._number:
                        self._inbox.put(told.event)
        self._end()

    def _end(self) -> None:
        code = self._process.wait()
        with contextlib.suppress(OSError):
            self._errors.seek(0, 2)
            self._errors.seek(max(0, self._errors.tell() - LAST_WORDS))
            self._said = self._errors.read().decode("utf-8", "replace").strip()
        self._said += f"\n(the engine ended with code {code})"
        self._errors.close()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                cast("IO[bytes]", stream).close()
        with self._lock:
            self._ended = True
            if self._inbox is not None:
                self._inbox.put(None)


def died_words(process: EngineProcess) -> str:
    """What a person is told of an engine that ended by itself."""
    if "No module named" in process.last_words():
        return (
            "the engine could not start: a part of noise2detail or PyTorch is missing where napari runs; install "
            "noise2detail[napari] into the environment of napari, and start napari again"
        )
    return (
        "the engine ended in the midst of the work, most likely because memory ran out; the planes that were done are "
        "kept. Close other programs, or set a limit of memory in the settings, and run again: a fresh engine is started"
    )
