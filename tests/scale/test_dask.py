"""Units on a Dask cluster: few in hand, the failed again, other versions never."""

import asyncio
import dataclasses
import re
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from noise2detail.errors import ClusterError, OtherWorkError, SettingError, UnreadableFileError
from noise2detail.scale import dask_driver
from noise2detail.scale.dask_driver import AHEAD, DaskExecutor, connected, difference, workplace
from noise2detail.scale.markers import UnitDone
from noise2detail.scale.outcome import ATTEMPTS, Results, Silent, Stop

distributed = pytest.importorskip("distributed")

PLAN: Any = SimpleNamespace(fit=SimpleNamespace(device="cpu"))
GPU_PLAN: Any = SimpleNamespace(fit=SimpleNamespace(device="cuda"))


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Of two workers of three threads each, within this process."""
    options = {"n_workers": 2, "threads_per_worker": 3, "processes": False, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


class Ledger:
    """What happened to units; the workers are threads of this process."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.at_once = self.most = 0
        self.lock = threading.Lock()

    def task(self, act: Callable[[int, int], None] = lambda index, number: None) -> Any:
        """A unit that acts by its index and by the number of the try."""

        def run(plan: object, index: int) -> UnitDone:
            with self.lock:
                self.begun.append(index)
                self.at_once += 1
                self.most = max(self.most, self.at_once)
            try:
                act(index, self.begun.count(index))
            finally:
                with self.lock:
                    self.at_once -= 1
            return UnitDone(index, 0.0, 1, 1, 0)

        # as a name that the pickles of tasks carry: threads of this process find the ledger again
        _RUNS[id(self)] = run
        return _Named(id(self))


_RUNS: dict[int, Callable[[object, int], UnitDone]] = {}


@dataclasses.dataclass(frozen=True)
class _Named:
    number: int

    def __call__(self, plan: object, index: int) -> UnitDone:
        return _RUNS[self.number](plan, index)


def executed(client: Any, task: Any, units: list[int], stop: Stop | None = None, hearing: Any = None) -> Results:
    results = Results(hearing or Silent())
    DaskExecutor(client)(task, PLAN, units, results, stop or Stop())
    return results


def test_every_unit_is_done_once_and_nothing_stays_with_the_scheduler(client: Any) -> None:
    ledger = Ledger()
    results = executed(client, ledger.task(), list(range(40)))
    assert sorted(results.done) == sorted(ledger.begun) == list(range(40))
    assert not results.failed
    assert_nothing_in_hand(client)


def assert_nothing_in_hand(client: Any) -> None:
    """Releases travel by themselves, so the scheduler is asked until it has heard of them."""
    for _ in range(1000):
        client.sync(asyncio.sleep, 0.01)
        if not client.futures and not client.cluster.scheduler.tasks:
            return
    raise AssertionError(f"left: {client.futures} {client.cluster.scheduler.tasks}")


def test_few_units_are_in_hand_and_one_at_a_time_in_a_process(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    most = []
    submit = dask_driver._InHand.submit

    def watched(self: Any, index: int, number: int) -> None:
        submit(self, index, number)
        most.append(self.count)

    monkeypatch.setattr(dask_driver._InHand, "submit", watched)
    ledger = Ledger()
    executed(client, ledger.task(), list(range(30)))
    assert max(most) == AHEAD * 2
    assert ledger.most == 1  # although both workers and all their threads belong to this process


def test_a_check_that_finds_nothing_is_told(client: Any) -> None:
    results = executed(client, nothing, [3, 4])
    assert sorted(results.absent) == [3, 4]
    assert not results.done


def nothing(plan: object, index: int) -> None:
    return None


def test_what_may_pass_is_tried_again_and_what_lasts_is_not(client: Any) -> None:
    def act(index: int, number: int) -> None:
        if index == 1 and number < ATTEMPTS:
            raise OSError("the storage hung")
        if index == 2:
            raise OSError("gone for good")
        if index == 3:
            raise UnreadableFileError("in.ome.zarr/0/c/3", "is cut off", "copy it again")

    ledger = Ledger()
    results = executed(client, ledger.task(act), [0, 1, 2, 3, 4])
    assert sorted(results.done) == [0, 1, 4]
    assert [ledger.begun.count(index) for index in range(5)] == [1, ATTEMPTS, ATTEMPTS, 1, 1]
    failed = {unit.index: unit for unit in results.failed}
    assert failed[2].reason == "OSError: gone for good"
    assert failed[2].attempts == ATTEMPTS
    assert failed[3].reason == "in.ome.zarr/0/c/3: is cut off; copy it again"


def test_what_ends_all_leaves_the_other_units_alone(client: Any) -> None:
    def act(index: int, number: int) -> None:
        if index == 0:
            raise OtherWorkError("out.ome.zarr", ("another version",), "install it")

    ledger = Ledger()
    results = executed(client, ledger.task(act), list(range(100)))
    assert results.ended
    assert len(ledger.begun) <= 2 * AHEAD * 2
    assert_nothing_in_hand(client)


def test_after_a_wish_to_stop_only_those_under_way_are_finished(client: Any) -> None:
    stop, go_on, begun = Stop(), threading.Event(), threading.Event()

    def act(index: int, number: int) -> None:
        begun.set()
        assert go_on.wait(30)

    def ask() -> None:
        assert begun.wait(30)
        stop.ask()
        go_on.set()

    ledger = Ledger()
    asking = threading.Thread(target=ask)
    asking.start()
    results = executed(client, ledger.task(act), list(range(100)), stop)
    asking.join()
    assert 1 <= len(results.done) <= 2 * AHEAD
    assert set(results.done) == set(ledger.begun)  # nothing was begun and forgotten


def test_an_interruption_lets_go_of_everything(client: Any) -> None:
    class Interrupting(Silent):
        def done(self, unit: UnitDone) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        executed(client, Ledger().task(), list(range(50)), hearing=Interrupting())
    assert_nothing_in_hand(client)


def test_workers_of_other_versions_are_refused_before_anything_runs(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = workplace()
    monkeypatch.setattr(dask_driver, "workplace", lambda: own | {"torch": "1.0"})
    asked = client.run
    monkeypatch.setattr(client, "run", lambda *words, **options: dict.fromkeys(asked(_address), own))
    ledger = Ledger()
    said = re.escape(f"has torch {own['torch']} instead of 1.0") + ".*install the same versions"
    with pytest.raises(ClusterError, match=said):
        executed(client, ledger.task(), [0])
    assert not ledger.begun


def _address(dask_worker: Any) -> str:
    return str(dask_worker.address)


def test_a_worker_that_comes_later_is_refused_too(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_driver, "check_workers", lambda client, resources: workplace() | {"noise2detail": "0.0.1"})
    ledger = Ledger()
    results = executed(client, ledger.task(), [0, 1])
    assert not ledger.begun
    assert results.ended
    assert "instead of 0.0.1; install the same versions" in results.failed[0].reason


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"a": "1", "processor": "x"}, ""),
        ({"a": "1", "processor": "y"}, ""),
        ({"a": "2", "processor": "x"}, "has a 2 instead of 1"),
        ({"processor": "x"}, "has a none instead of 1"),
        (ModuleNotFoundError("No module named 'noise2detail'"), "cannot import this version of noise2detail"),
        (RuntimeError("no"), "cannot say its versions"),
        (OSError("connection closed"), ""),  # it has just died
    ],
)
def test_what_is_wrong_with_a_worker_in_words(place: object, said: str) -> None:
    found = difference(place, {"a": "1", "processor": "x"})
    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_a_plan_for_gpus_needs_workers_that_offer_one(client: Any) -> None:
    with pytest.raises(ClusterError, match=r"offers the resource GPU; start workers with it.*--resources GPU=1"):
        DaskExecutor(client)(nothing, GPU_PLAN, [0], Results(Silent()), Stop())


def test_units_of_a_gpu_go_where_one_is(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def check(client: Any, resources: Any) -> dict[str, str]:
        asked.append(resources)
        return workplace()

    monkeypatch.setattr(dask_driver, "check_workers", check)
    submit = client.submit

    def without(*words: Any, resources: Any, **options: Any) -> Any:  # no worker here has one
        asked.append(resources)
        return submit(*words, **options)

    monkeypatch.setattr(client, "submit", without)
    DaskExecutor(client)(nothing, GPU_PLAN, [0], Results(Silent()), Stop())
    assert asked == [{"GPU": 1.0}, {"GPU": 1.0}]


@pytest.mark.parametrize("address", ["local", "local:", "local:0", "local:-1", "local:two", "local:99999", "head:8786"])
def test_a_local_cluster_needs_a_number(address: str) -> None:
    with pytest.raises(SettingError, match=r"expected local:N .* or tcp://HOST:PORT"), connected(address):
        pass


def test_without_dask_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    said = r"Dask is not installed .*pip install 'noise2detail\[dask\]'"
    with pytest.raises(SettingError, match=said), connected("local:2"):
        pass
