"""Units in several processes of this machine; one that is killed costs its unit another try, and nothing else."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from noise2detail.scale.outcome import (
    ATTEMPTS,
    Executor,
    Results,
    Stop,
    Task,
    UnitFailed,
    ends_all,
    in_words,
    passes,
)
from noise2detail.scale.plan import ScalePlan

TICK = 0.5
"""Seconds after which a wish to stop is noticed at the latest."""


@dataclass(frozen=True)
class _Order:
    task: Task
    index: int
    attempt: int


@dataclass(eq=False)
class _Worker:
    """A process, and what it works on."""

    process: SpawnProcess
    pipe: "Connection[Any, Any]"
    ready: bool = False
    order: _Order | None = None

    def give(self, order: _Order) -> None:
        self.pipe.send((order.task, order.index))
        self.order = order


@contextlib.contextmanager
def pool(plan: ScalePlan, workers: int) -> Iterator[Executor]:
    """An executor whose processes are started when they are needed, and are gone at the end of the block.

    Parameters
    ----------
    plan
        Whose units are run; each process computes with as many threads as it says.
    workers
        Processes.
    """
    made = _Pool(plan, workers)
    try:
        yield made.run
    except BaseException:
        made.close(kill=True)
        raise
    made.close(kill=False)


class _Pool:
    """The processes of one run."""

    def __init__(self, plan: ScalePlan, workers: int) -> None:
        self._plan, self._size = plan, workers
        self._workers: list[_Worker] = []
        self._still_born = 0

    def run(self, task: Task, plan: ScalePlan, units: Sequence[int], results: Results, stop: Stop) -> None:
        """As ``Executor`` says."""
        assert plan is self._plan  # noqa: S101 - it was sent to the processes when they started
        waiting = deque(_Order(task, index, 1) for index in units)
        while waiting or any(worker.order for worker in self._workers):
            going = not (stop.asked or results.ended)
            if going:
                self._staff(min(self._size, len(waiting) + sum(worker.order is not None for worker in self._workers)))
                for worker in self._workers:
                    if waiting and worker.ready and worker.order is None:
                        worker.give(waiting.popleft())
            elif not any(worker.order for worker in self._workers):
                return
            self._hear(waiting, results)

    def _staff(self, wanted: int) -> None:
        while len(self._workers) < wanted:
            self._workers.append(_started(self._plan))

    def _hear(self, waiting: deque[_Order], results: Results) -> None:
        """Take what the processes say within a moment, and bury those that have died."""
        by_handle: dict[Any, _Worker] = {worker.pipe: worker for worker in self._workers}
        by_handle |= {worker.process.sentinel: worker for worker in self._workers}
        heard = {id(by_handle[handle]): by_handle[handle] for handle in wait(list(by_handle), TICK)}
        for worker in heard.values():
            try:
                while worker.pipe.poll():
                    self._take(worker, worker.pipe.recv(), waiting, results)
            except (EOFError, OSError):
                pass
            if not worker.process.is_alive():
                self._bury(worker, waiting, results)

    def _take(self, worker: _Worker, said: Any, waiting: deque[_Order], results: Results) -> None:
        if said is None:
            worker.ready, self._still_born = True, 0
            return
        order, worker.order = worker.order, None
        assert order is not None  # noqa: S101 - a process answers what it was asked
        found, failure = said
        if failure is None:
            results.take(order.index, found)
            return
        reason, again, ends = failure
        self._again(order, UnitFailed(order.index, reason, order.attempt, ends), waiting, results, may=again)

    def _bury(self, worker: _Worker, waiting: deque[_Order], results: Results) -> None:
        self._workers.remove(worker)
        worker.pipe.close()
        worker.process.join()
        code = worker.process.exitcode or 0
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        reason = f"its worker process {how}" + (": memory may have run out" if code == -signal.SIGKILL else "")
        if worker.order is not None:
            failed = UnitFailed(worker.order.index, reason, worker.order.attempt)
            self._again(worker.order, failed, waiting, results, may=True)
        elif not worker.ready:
            self._still_born += 1
            if self._still_born >= ATTEMPTS and waiting:
                order = waiting.popleft()
                results.fail(UnitFailed(order.index, f"no worker process can start: {reason}", ATTEMPTS, ends=True))

    def _again(self, order: _Order, failed: UnitFailed, waiting: deque[_Order], results: Results, *, may: bool) -> None:
        if may and order.attempt < ATTEMPTS:
            waiting.append(_Order(order.task, order.index, order.attempt + 1))
        else:
            results.fail(failed)

    def close(self, *, kill: bool) -> None:
        """End all processes: after what they are doing, or at once."""
        for worker in self._workers:
            if kill:
                worker.process.kill()
            else:
                with contextlib.suppress(OSError):
                    worker.pipe.send(None)
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()
        self._workers.clear()


def _started(plan: ScalePlan) -> _Worker:
    """A process that will say when it is ready."""
    context = multiprocessing.get_context("spawn")
    own, other = context.Pipe()
    process = context.Process(target=_work, args=(other, plan), daemon=True)
    with _signals_ignored():
        process.start()
    other.close()
    return _Worker(process, own)


@contextlib.contextmanager
def _signals_ignored() -> Iterator[None]:
    """What starts in this block ignores Ctrl-C, which a terminal sends to all: the driver says when to stop."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _work(pipe: "Connection[Any, Any]", plan: ScalePlan) -> None:
    """The life of a worker process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    pipe.send(None)
    with contextlib.suppress(EOFError, OSError):  # the driver is gone
        while (order := pipe.recv()) is not None:
            task, index = order
            pipe.send(_answer(task, plan, index))


def _answer(task: Task, plan: ScalePlan, index: int) -> tuple[Any, Any]:
    try:
        return task(plan, index), None
    except Exception as error:  # noqa: BLE001 - whatever it is, the driver decides
        return None, (in_words(error), passes(error), ends_all(error))


def _die_with_parent() -> None:
    """End this process when the driver was killed: a resumed run must not meet the units of a dead one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
