"""Units on any Dask cluster: local, over SSH, on Kubernetes, or of dask-jobqueue. Dask is imported here only.

A terabyte has a million units, and a scheduler that is told of all of them at once takes minutes and gigabytes. So only
as many are handed over as keep every worker busy, each when another one has ended, and nothing of a unit that ended
stays in the scheduler: what a unit made is in the store, not in Dask.

A process computes one unit at a time, however many threads its worker was given: the number of threads that PyTorch
computes with belongs to the whole process, and with another number than the plan's the last bits may differ.
"""

import functools
import importlib.metadata
import logging
import platform
import queue
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from noise2detail.errors import ClusterError, SettingError, UnreadableFileError, UnwritableFileError
from noise2detail.host.processor import processor
from noise2detail.host.versions import commit
from noise2detail.scale.plan import ScalePlan
from noise2detail.scale.unit import UnitDone, run_unit
from noise2detail.version import __version__

if TYPE_CHECKING:
    from distributed import Client, Future

log = logging.getLogger(__name__)

INSTALL = "install it with: pip install 'noise2detail[dask]'"

RETRIES = 2
"""Times that a unit is tried again where its task fails, or its worker is lost."""

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

_one_at_a_time = threading.Lock()
_under_way: set[int] = set()


@dataclass(frozen=True)
class Failed:
    """A unit that could not be done, however often it was tried."""

    index: int
    """Of the unit."""
    error: BaseException
    """The last one."""


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
    if address.startswith("local") and not local:
        raise SettingError(f"the Dask address is {address!r}; expected local:N with N processes, or tcp://HOST:PORT")
    if local:
        # no dashboard: its port may be taken
        options = {"n_workers": int(local[1]), "threads_per_worker": 1, "dashboard_address": None}
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


def dask_units(
    plan: ScalePlan,
    units: Sequence[int],
    client: "Client",
    *,
    stopping: Callable[[], bool] = lambda: False,
    retries: int = RETRIES,
) -> Iterator[UnitDone | Failed]:
    """Every unit as it ends, in the order in which they end.

    Parameters
    ----------
    plan
        Whose units they are.
    units
        Indices of those that are to be done.
    client
        Of any cluster; it is left open.
    stopping
        Once true, no unit begins any more, and those under way are waited for.
    retries
        Times that a unit is tried again.

    Raises
    ------
    ClusterError
        A worker has other versions, none has a GPU where the plan wants one, or the scheduler is lost.
    """
    _distributed()
    resources = {"GPU": 1.0} if plan.device != "cpu" else {}
    check_workers(client, resources)
    tasks = _Tasks(plan, client, resources)
    waiting = [(unit, 0) for unit in reversed(units)]
    try:
        while True:
            if stopping():
                waiting.clear()
                tasks.take_back()
            while waiting and tasks.count < tasks.room():
                tasks.submit(*waiting.pop())
            if not tasks.count:
                return
            ended = tasks.next_ended()
            if ended is None:
                continue
            unit, tried, outcome = ended
            if isinstance(outcome, Failed) and tried < retries and _passing(outcome.error):
                log.warning("unit %d is tried again: %s", unit, outcome.error)
                waiting.append((unit, tried + 1))
                continue
            yield outcome
    finally:
        tasks.let_go()


def check_workers(client: "Client", resources: Mapping[str, float]) -> None:
    """Raise unless every worker that is there now can do what this process would do.

    Raises
    ------
    ClusterError
        A worker has other versions or none, or no worker has the resources.
    """
    found = client.run(workplace, on_error="return")
    if not found:
        log.warning("the Dask cluster has no worker yet; units begin when the first one comes")
        return
    own = workplace()
    wrong = [f"{address} {said}" for address, place in found.items() if (said := difference(place, own))]
    if wrong:
        more = f" (and {len(wrong) - _NAMED} more)" if len(wrong) > _NAMED else ""
        raise ClusterError(f"of the Dask workers {'; '.join(wrong[:_NAMED])}{more}", _SAME)
    kinds = sorted({own["processor"], *(place["processor"] for place in found.values())})
    if len(kinds) > 1:
        log.warning(
            "processors differ (%s): the last bits of a result may depend on where it is computed", " | ".join(kinds)
        )
    for name, amount in resources.items():
        if not any(offered.get(name, 0) >= amount for offered in client.run(_offers).values()):
            remedy = f"start workers with it: dask worker {client.scheduler.address} --resources {name}=1"
            raise ClusterError(f"the plan computes on a GPU, and no Dask worker offers the resource {name}", remedy)


def difference(place: object, own: Mapping[str, str]) -> str:
    """What is wrong with a worker, in words; empty where nothing is.

    Parameters
    ----------
    place
        What it said of itself, or the exception instead.
    own
        What this process says of itself.
    """
    if isinstance(place, ImportError):
        return f"cannot import this version of noise2detail ({place})"
    if not isinstance(place, dict):
        return f"cannot say its versions ({place!r})"
    names = [name for name in own if name != "processor" and place.get(name) != own[name]]
    return ", ".join(f"has {name} {place.get(name, 'none')} instead of {own[name]}" for name in names)


class _Tasks:
    """Tasks in the hands of the scheduler: the only component that submits any, and lets go of them."""

    def __init__(self, plan: ScalePlan, client: "Client", resources: Mapping[str, float]) -> None:
        self._plan, self._client, self._resources = plan, client, dict(resources)
        self._own = workplace()
        self._run = uuid.uuid4().hex[:8]
        self._futures: dict[str, tuple[Future[UnitDone], int, int]] = {}
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._workers, self._counted = 0, -_COUNTED

    @property
    def count(self) -> int:
        """Of those in hand."""
        return len(self._futures)

    def room(self) -> int:
        """How many may be in hand: a cluster that grows with its work must see more than it does."""
        now = time.monotonic()
        if now - self._counted >= _COUNTED:
            self._workers, self._counted = len(self._client.nthreads()), now
        return AHEAD * max(1, self._workers)

    def submit(self, unit: int, tried: int) -> None:
        """Hand a unit over."""
        key = f"n2d-unit-{self._run}-{unit}-{tried}"
        future = self._client.submit(
            unit_task, self._plan, unit, self._own, key=key, pure=False, resources=self._resources or None
        )
        self._futures[key] = (future, unit, tried)
        future.add_done_callback(lambda ended: self._ended.put(ended.key))

    def next_ended(self) -> tuple[int, int, UnitDone | Failed] | None:
        """Unit, number of the try, and what came of it; None where nothing ended for a moment."""
        try:
            key = self._ended.get(timeout=_POLL)
        except queue.Empty:
            return None
        if key not in self._futures:  # it was taken back
            return None
        future, unit, tried = self._futures.pop(key)
        if future.status == "finished":
            return unit, tried, future.result()
        if future.status != "error":
            raise ClusterError(f"the Dask scheduler at {self._address()} is lost, or it dropped unit {unit}", _AGAIN)
        error = future.exception()
        if isinstance(error, ClusterError):
            raise error
        return unit, tried, Failed(unit, _in_our_words(error, unit))

    def take_back(self) -> None:
        """Cancel those that no worker has begun."""
        under_way = set().union(*self._client.run(_units_under_way).values()) if self._futures else set()
        for key, (future, unit, _) in list(self._futures.items()):
            if unit not in under_way and not future.done():
                del self._futures[key]
                future.cancel()

    def let_go(self) -> None:
        """Cancel all; a unit that a worker computes at this moment is finished by it all the same."""
        futures = [future for future, _, _ in self._futures.values()]
        self._futures.clear()
        if futures and self._client.status == "running":
            with suppress(OSError, TimeoutError):  # the scheduler may be what failed
                self._client.cancel(futures)

    def _address(self) -> str:
        return str(self._client.scheduler.address) if self._client.scheduler else "its address"


def unit_task(plan: ScalePlan, index: int, expected: Mapping[str, str]) -> UnitDone:
    """A unit, as a thread of a worker does it: alone in its process.

    Raises
    ------
    ClusterError
        This worker came later than the others, and is not like them.
    """
    if said := difference(_own_workplace(), expected):
        raise ClusterError(f"a Dask worker on {platform.node()} {said}", _SAME)
    with _one_at_a_time:
        _under_way.add(index)
        try:
            return run_unit(plan, index)
        finally:
            _under_way.discard(index)


_own_workplace = functools.cache(workplace)


def _units_under_way() -> set[int]:
    return set(_under_way)


def _offers(dask_worker: Any) -> dict[str, float]:
    return dict(dask_worker.state.total_resources)


def _passing(error: BaseException) -> bool:
    """Whether another try may help: what a file holds will not change."""
    return not isinstance(error, UnreadableFileError | UnwritableFileError)


def _in_our_words(error: BaseException | None, unit: int) -> BaseException:
    if error is None or type(error).__name__ == "KilledWorker":
        found = f"the Dask workers that computed unit {unit} died, one after the other"
        return ClusterError(found, "see their logs; where memory ran out, give each worker more, or plan smaller units")
    return error


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise SettingError(f"Dask is not installed ({error}); {INSTALL}") from error
    return distributed
