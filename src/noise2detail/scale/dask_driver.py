"""Units on any Dask cluster: local, over SSH, on Kubernetes, or of dask-jobqueue. Dask is imported here only.

A terabyte has a million units, and a scheduler that is told of all of them at once takes minutes and gigabytes. So only
as many are handed over as keep every worker busy, each when another one has ended, and nothing of a unit that ended
stays in the scheduler: what a unit made is in the store, not in Dask.

A process computes one unit at a time, however many threads its worker was given: the number of threads that PyTorch
computes with belongs to the whole process, and with another number than the plan's the last bits may differ.
"""

import ctypes
import functools
import importlib.metadata
import logging
import os
import platform
import queue
import re
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from noise2detail.errors import ClusterError, SettingError
from noise2detail.host.processor import processor
from noise2detail.host.versions import commit
from noise2detail.scale.markers import UnitDone
from noise2detail.scale.outcome import ATTEMPTS, Results, Stop, Task, UnitFailed, ends_all, in_words, passes
from noise2detail.scale.plan import ScalePlan
from noise2detail.version import __version__

if TYPE_CHECKING:
    from distributed import Client, Future

log = logging.getLogger(__name__)

INSTALL = "install it with: pip install 'noise2detail[dask]'"

AHEAD = 2
"""Units handed over for each worker process: the one that it computes, and the next."""

_POLL = 0.5
"""Seconds after which a wish to stop is noticed at the latest."""

_COUNTED = 5.0
"""Seconds after which workers are counted again: they come and go."""

_NAMED = 3
"""Workers that an error names, at most."""

_SAME = "install the same versions everywhere, and start all workers again"
_AGAIN = "run the same command again: what is done stays done"

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_BLOCK = 2**25
"""Where glibc itself ends by and by, in a process of which nothing else was asked."""

_one_at_a_time = threading.Lock()
_stopped: set[str] = set()
"""Runs of which this process begins no unit any more."""


@functools.cache  # as it was when this process loaded its code, whatever is checked out or installed since
def workplace() -> dict[str, str]:
    """What must be the same wherever units of one output are computed, and beside it the processor."""
    versions = {name: importlib.metadata.version(name) for name in ("torch", "numpy", "zarr")}
    own = {"noise2detail": __version__, "commit": commit() or "none", "byte order": sys.byteorder}
    return own | versions | {"processor": processor()}


@contextmanager
def connected(address: str) -> Iterator["Client"]:
    """A client of a cluster, until the block ends.

    Parameters
    ----------
    address
        Of a scheduler, ``tcp://host:8786``; or ``local:N`` for N processes on this machine, which end with the block.

    Raises
    ------
    SettingError
        Dask is not installed, or the address is none.
    ClusterError
        No scheduler answers there.
    """
    distributed = _distributed()
    local = re.fullmatch(r"local:([1-9]\d{0,3})", address)
    if not local and (address.partition(":")[0] == "local" or "://" not in address):
        raise SettingError(f"the Dask address is {address!r}; expected local:N with N processes, or tcp://HOST:PORT")
    if local:
        # a usual port of the dashboard may be taken; workers that end complain of each other in tracebacks
        options = {"n_workers": int(local[1]), "threads_per_worker": 1, "dashboard_address": ":0"}
        options |= {"silence_logs": logging.CRITICAL}
        with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
            yield client
        return
    try:
        client = distributed.Client(address, timeout=10)
    except (OSError, ValueError, TimeoutError) as error:
        remedy = "check the address, which the log of dask scheduler names, such as tcp://host:8786"
        raise ClusterError(f"no Dask scheduler answers at {address} ({error})", remedy) from error
    with client:
        yield client


@dataclass(frozen=True, eq=False)
class DaskExecutor:
    """Runs a task for many units on any cluster."""

    client: "Client"
    """Of the cluster; it is left open."""

    def __call__(self, task: Task, plan: ScalePlan, units: Sequence[int], results: Results, stop: Stop) -> None:
        """Every unit once, in any order, until somebody asks to stop; those that a worker has begun are finished.

        Raises
        ------
        ClusterError
            A worker has other versions, none has a GPU where the plan wants one, or the scheduler is lost.
        """
        resources = {"GPU": 1.0} if plan.fit.device != "cpu" else {}
        own = check_workers(self.client, resources)
        in_hand = _InHand(task, plan, self.client, resources, own)
        waiting = [(index, 1) for index in reversed(units)]
        try:
            while True:
                if stop.asked or results.ended:
                    waiting.clear()
                    in_hand.take_back()
                while waiting and in_hand.count < in_hand.room():
                    in_hand.submit(*waiting.pop())
                if not in_hand.count:
                    return
                for index, number, came in in_hand.ended():
                    if isinstance(came, _Error) and came.passes and number < ATTEMPTS:
                        log.warning("unit %d is tried again: %s", index, came.reason)
                        waiting.append((index, number + 1))
                    elif isinstance(came, _Error):
                        results.fail(UnitFailed(index, came.reason, number, came.ends))
                    else:
                        results.take(index, came)
        finally:
            in_hand.let_go()


@dataclass(frozen=True)
class _Error:
    """What went wrong with a unit, so that any process can read it."""

    reason: str
    """In words."""
    passes: bool
    """Trying again may help."""
    ends: bool
    """No other unit could be done either."""


@dataclass(frozen=True)
class _TakenBack:
    """What comes of a unit that was not begun."""


def check_workers(client: "Client", resources: Mapping[str, float]) -> dict[str, str]:
    """What this process is; every worker that is there now can do what it would do.

    Raises
    ------
    ClusterError
        A worker has other versions or none, or no worker has the resources.
    """
    own, found = workplace(), client.run(workplace, on_error="return")
    if not found:
        log.warning("the Dask cluster has no worker yet; units begin when the first one comes")
        return own
    wrong = [f"{address} {said}" for address, place in found.items() if (said := difference(place, own))]
    if wrong:
        more = f" (and {len(wrong) - _NAMED} more)" if len(wrong) > _NAMED else ""
        raise ClusterError(f"of the Dask workers {'; '.join(wrong[:_NAMED])}{more}", _SAME)
    kinds = sorted({own["processor"], *(place["processor"] for place in found.values() if isinstance(place, dict))})
    if len(kinds) > 1:
        log.warning(
            "processors differ (%s): the last bits of a result may depend on where it is computed", " | ".join(kinds)
        )
    for name, amount in resources.items():
        if not any(offered.get(name, 0) >= amount for offered in client.run(_offers, on_error="ignore").values()):
            remedy = f"start workers with it, as in: dask worker tcp://HOST:PORT --resources {name}=1"
            raise ClusterError(f"the plan computes on a GPU, and no Dask worker offers the resource {name}", remedy)
    return own


def difference(place: object, own: Mapping[str, str]) -> str:
    """What is wrong with a worker, in words; empty where nothing is.

    Parameters
    ----------
    place
        What it said of itself, or the exception instead.
    own
        What this process says of itself.
    """
    if isinstance(place, OSError):  # it died meanwhile; one that takes its place is asked with its first unit
        return ""
    if isinstance(place, ImportError):
        return f"cannot import this version of noise2detail ({place})"
    if not isinstance(place, dict):
        return f"cannot say its versions ({place!r})"
    names = [name for name in own if name != "processor" and place.get(name) != own[name]]
    return ", ".join(f"has {name} {place.get(name, 'none')} instead of {own[name]}" for name in names)


class _InHand:
    """Tasks in the hands of the scheduler: the only component that submits any, and lets go of them."""

    def __init__(
        self, task: Task, plan: ScalePlan, client: "Client", resources: Mapping[str, float], own: Mapping[str, str]
    ) -> None:
        self._task, self._plan, self._client, self._resources = task, plan, client, dict(resources)
        self._own = own
        self._run = uuid.uuid4().hex[:8]
        self._futures: dict[str, tuple[Future[UnitDone | _Error | _TakenBack | None], int, int]] = {}
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._workers, self._counted, self._taken_back = 0, -_COUNTED, False

    @property
    def count(self) -> int:
        """Of them."""
        return len(self._futures)

    def room(self) -> int:
        """How many there may be: a cluster that grows with its work must see more than it does."""
        now = time.monotonic()
        if now - self._counted >= _COUNTED:
            self._workers, self._counted = len(self._client.nthreads()), now
        return AHEAD * max(1, self._workers)

    def submit(self, index: int, number: int) -> None:
        """Hand a unit over for the first time, or again."""
        key = f"n2d-unit-{self._run}-{index}-{number}"
        words = (self._task, self._plan, index, self._run, self._own)
        future = self._client.submit(unit_task, *words, key=key, pure=False, resources=self._resources or None)
        self._futures[key] = (future, index, number)
        future.add_done_callback(lambda ended: self._ended.put(ended.key))

    def ended(self) -> Iterator[tuple[int, int, "UnitDone | _Error | None"]]:
        """A unit, number of the try, and what came of it; nothing where none ended for a moment.

        Raises
        ------
        ClusterError
            The scheduler has dropped a unit.
        """
        try:
            key = self._ended.get(timeout=_POLL)
        except queue.Empty:
            return
        future, index, number = self._futures.pop(key)
        if future.status not in {"finished", "error"}:
            raise ClusterError(f"the Dask scheduler is lost, or it dropped unit {index}", _AGAIN)
        came = future.result() if future.status == "finished" else _lost(future.exception(), index)
        future.release()  # now, and not whenever Python forgets it
        if not isinstance(came, _TakenBack):
            yield index, number, came

    def take_back(self) -> None:
        """Let no worker begin a unit any more; those that wait come back untouched."""
        if not self._taken_back:
            self._taken_back = True
            self._client.run(_stop, self._run, on_error="ignore")

    def let_go(self) -> None:
        """Cancel all; a unit that a worker computes at this moment is finished by it all the same."""
        futures = [future for future, _, _ in self._futures.values()]
        self._futures.clear()
        if futures and self._client.status == "running":
            with suppress(OSError, TimeoutError):  # the scheduler may be what failed
                self._client.cancel(futures)


def unit_task(
    task: Task, plan: ScalePlan, index: int, run: str, expected: Mapping[str, str]
) -> UnitDone | _Error | _TakenBack | None:
    """What came of a unit, computed in a thread of a worker; alone in its process.

    A failure is handed back as a value: Dask would print the traceback of an exception, on every worker.
    """
    if said := difference(workplace(), expected):  # a worker that came later than the others
        return _Error(f"a Dask worker on {platform.node()} {said}; {_SAME}", passes=False, ends=True)
    _keep_memory()
    with _one_at_a_time:
        if run in _stopped:
            return _TakenBack()
        try:
            return task(plan, index)
        except Exception as error:  # noqa: BLE001 - it is told where the units are counted
            return _error(error)


@functools.cache
def _keep_memory() -> None:
    """Let this process keep what it frees, as others do.

    Dask starts workers with ``MALLOC_TRIM_THRESHOLD_``, by which the C library hands every large block back to the
    system at once, and gets it anew, page by page: units take half as long again, or twice as long.
    """
    if sys.platform != "linux" or "MALLOC_TRIM_THRESHOLD_" not in os.environ:
        return
    with suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_BLOCK)
        mallopt(_M_TRIM_THRESHOLD, 2 * _LARGEST_BLOCK)


def _error(error: BaseException) -> _Error:
    return _Error(in_words(error), passes(error), ends_all(error))


def _lost(error: BaseException | None, index: int) -> _Error:
    """A unit that no worker has brought to an end."""
    if error is None or type(error).__name__ != "KilledWorker":
        return _error(error or RuntimeError("no details"))
    reason = (
        f"the Dask workers that computed unit {index} died, one after the other; see their logs, and where memory ran "
        "out, give each of them more, or plan smaller units"
    )
    return _Error(reason, passes=False, ends=False)


def _stop(run: str) -> None:
    """Begin no unit of a run any more, in this process."""
    _stopped.add(run)


def _offers(dask_worker: Any) -> dict[str, float]:
    return dict(dask_worker.state.total_resources)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise SettingError(f"Dask is not installed ({error}); {INSTALL}") from error
    return distributed
