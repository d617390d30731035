"""One driver for one output: a small file beside the output says who works on it, and a heartbeat that he still does.

No clocks are compared. Whoever finds the claim of another machine watches it for a while by his own clock: a heartbeat
that changes is alive, whatever time it is over there.
"""

import contextlib
import json
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import psutil

from noise2detail.errors import ClaimedError, FileError
from noise2detail.io.atomic import alone
from noise2detail.io.sidecar import plain
from noise2detail.scale.place import Folder, Place
from noise2detail.scale.slurm import any_left

log = logging.getLogger(__name__)

_handing_over = threading.Lock()

CLAIM = "claim.json"
"""File with the claim."""

BEAT = 10.0
"""Seconds between two heartbeats."""

PATIENCE = 60.0
"""Seconds without any after which a process on another machine is taken for dead."""

SETTLE = 2.0
"""Seconds after which it is seen which of two has written last."""


@dataclass(frozen=True)
class Holder:
    """Who works on an output."""

    token: str
    """Drawn at random: tells this claim from every other one."""
    host: str
    """Name of the machine."""
    process: int
    """Number of the process there."""
    born: float
    """When the process started, as its machine says; numbers of processes are used again."""
    started: str
    """When it claimed the output, by the clock of its machine: for people only."""
    beat: int = 0
    """Changes while it is alive."""
    jobs: tuple[str, ...] = ()
    """Of Slurm, to which the process gave the work: they hold the claim, without a heartbeat, until none is left."""


@dataclass(frozen=True)
class Surroundings:
    """Where a claim is made; tests have their own."""

    host: str
    """Name of this machine."""
    now: Callable[[], float] = time.monotonic
    """Seconds, of a clock that nobody sets."""
    wait: Callable[[float], None] = time.sleep
    """Lets so many seconds pass."""


def here() -> Surroundings:
    """What surrounds a claim of this process."""
    return Surroundings(socket.gethostname())


def me(host: str) -> Holder:
    """The process that calls, as one that holds a claim."""
    own = os.getpid()
    born, now = psutil.Process(own).create_time(), datetime.now(UTC).isoformat(timespec="seconds")
    return Holder(secrets.token_hex(8), host, own, born, now)


@contextlib.contextmanager
def claimed(
    work: Place, target: str, on_lost: Callable[[], None] = lambda: None, around: Surroundings | None = None
) -> Iterator[Holder]:
    """Block in which this process alone works on an output.

    In a folder that is certain. In an object store it is as certain as its conditional put: S3 decides for one of two
    that come at the same moment; elsewhere, and where two take over the claim of a dead one, both see after a moment
    who has written last, and the other one goes.

    Parameters
    ----------
    work
        The folder beside the output.
    target
        The output, for messages.
    on_lost
        Called, in another thread, if somebody else took the claim over because this process seemed dead.
    around
        Where the claim is made; None: here.

    Raises
    ------
    ClaimedError
        Somebody else works on it.
    """
    around = around or here()
    mine = me(around.host)
    acquire(work, target, mine, around)
    ended = threading.Event()
    heart = threading.Thread(target=_beat, args=(work, mine, ended, on_lost), daemon=True)
    heart.start()
    try:
        yield mine
    finally:
        ended.set()
        heart.join()
        release(work, mine)


def acquire(work: Place, target: str, mine: Holder, around: Surroundings) -> None:
    """Make the claim, or take that of a dead process over.

    Raises
    ------
    ClaimedError
        Somebody else works on the output.
    """
    while not work.create(CLAIM, _content(mine)):
        other = holder(work)
        if other is None:
            if work.read(CLAIM) is None:  # he has just gone
                continue
            work.remove(CLAIM)  # cut off, as a full disk leaves it
            continue
        if not is_dead(other, work, around):
            raise _refusal(target, other)
        if _take_over(work, other, mine, around):
            return


def holder(work: Place) -> Holder | None:
    """Who has the claim; None where nobody has, or the file is damaged."""
    content = work.read(CLAIM)
    try:
        if content is None:
            return None
        data = json.loads(content)
        return Holder(**data | {"jobs": tuple(data.get("jobs", ()))})
    except (AttributeError, TypeError, ValueError):
        return None


def _refusal(target: str, other: Holder) -> ClaimedError:
    remedy = "wait until it ends, or stop that process first"
    if other.jobs:
        listed = " ".join(other.jobs)
        remedy = f"it gave the work to Slurm, jobs {listed}: wait until they end, or cancel them: scancel {listed}"
    return ClaimedError(target, other.host, other.process, other.started, remedy)


def is_dead(other: Holder, work: Place, around: Surroundings) -> bool:
    """Whether the holder of a claim is gone: at once for a process of this machine, else after a while of silence."""
    if other.jobs:
        return any_left(other.jobs) is False  # where Slurm cannot be asked, they are taken for alive
    if other.host == around.host:
        return not _runs(other)
    log.warning(
        "process %d on %s claims the output; watching for %.0f s whether it still works",
        other.process,
        other.host,
        PATIENCE,
    )
    begin = around.now()
    while around.now() - begin < PATIENCE:
        around.wait(BEAT / 4)
        if holder(work) != other:
            return False
    return True


def _runs(other: Holder) -> bool:
    try:
        return bool(abs(psutil.Process(other.process).create_time() - other.born) < 1)
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def _take_over(work: Place, other: Holder, mine: Holder, around: Surroundings) -> bool:
    """Replace the claim of a dead process; False where somebody was faster."""
    lock: Any = alone(work.path) if isinstance(work, Folder) else contextlib.nullcontext()
    with lock:
        if holder(work) != other:
            return False
        work.write(CLAIM, _content(mine))
    if other.host != around.host or not isinstance(work, Folder):  # no lock holds for two machines
        around.wait(SETTLE)
    found = holder(work)
    return found is not None and found.token == mine.token


def release(work: Place, mine: Holder) -> None:
    """Give the claim back, if it still is one's own."""
    with contextlib.suppress(FileError):  # a storage that is gone keeps it; it ends by silence
        found = holder(work)
        if found is not None and found.token == mine.token and not found.jobs:
            work.remove(CLAIM)
        if isinstance(work, Folder):  # nothing else came of it
            with contextlib.suppress(OSError):
                work.path.rmdir()


def _beat(work: Place, mine: Holder, ended: threading.Event, on_lost: Callable[[], None]) -> None:
    beats = 0
    while not ended.wait(BEAT):
        beats += 1
        if not beat(work, mine, beats):
            log.warning("%s: another process has taken the output over; this one stops", work.url)
            on_lost()
            return


def beat(work: Place, mine: Holder, beats: int) -> bool:
    """Say that one is alive; False where somebody else has taken the claim over."""
    with contextlib.suppress(FileError), _handing_over:  # a storage that is out of reach for a moment
        found = holder(work)
        if found is not None and found.token != mine.token:
            return False
        if found is None or not found.jobs:
            work.write(CLAIM, _content(replace(mine, beat=beats)))
    return True


def hand_over(work: Place, mine: Holder, jobs: tuple[str, ...]) -> None:
    """Let jobs of Slurm hold the claim from now on, beyond the life of this process."""
    with _handing_over:
        work.write(CLAIM, _content(replace(mine, jobs=jobs)))


@contextlib.contextmanager
def shared_claim(work: Place, target: str, token: str, on_lost: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Block in which this process works on an output together with others, under a claim that was handed over.

    Parameters
    ----------
    work, target, on_lost
        As of ``claimed``.
    token
        Of the claim; empty: there must be none.

    Raises
    ------
    ClaimedError
        Somebody else works on it.
    """
    _check_shared(work, target, token)
    ended = threading.Event()
    watch = threading.Thread(target=_watch, args=(work, token, ended, on_lost), daemon=True)
    watch.start()
    try:
        yield
    finally:
        ended.set()
        watch.join()


def give_back(work: Place, token: str) -> None:
    """Remove a claim that was handed over, if it still is this one."""
    found = holder(work)
    if token and found is not None and found.token == token:
        work.remove(CLAIM)


def _check_shared(work: Place, target: str, token: str) -> None:
    found = holder(work)
    if found is not None and found.token != token:
        raise _refusal(target, found)


def _watch(work: Place, token: str, ended: threading.Event, on_lost: Callable[[], None]) -> None:
    while not ended.wait(BEAT):
        with contextlib.suppress(FileError):
            found = holder(work)
            if found is not None and found.token != token:
                on_lost()
                return


def _content(one: Holder) -> bytes:
    return json.dumps(plain(one)).encode()
