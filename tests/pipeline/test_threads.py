"""So many processor threads as were asked for, while the work runs and no longer."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import noise2detail as n2d
from noise2detail.engine.machine import Machine
from noise2detail.errors import Cancelled, SettingError
from noise2detail.method import Denoiser, Step
from noise2detail.pipeline import precision, threads
from noise2detail.pipeline.computing import computing
from noise2detail.pipeline.run import Run
from noise2detail.types import Batch
from tests.material import CPU, noisy_array, quick

NOISY = noisy_array(9, 12)
OTHER = torch.get_num_threads() + 1
"""A number that is not what PyTorch has chosen."""
TRAINING: list[Callable[..., object]] = [n2d.denoise, n2d.stages, n2d.fit]
TRAINS = pytest.mark.parametrize("call", TRAINING, ids=[call.__name__ for call in TRAINING])


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """Whatever a test does, PyTorch's number of threads is the same afterwards."""
    threads.tell_crowd.cache_clear()
    before = torch.get_num_threads()
    yield
    assert torch.get_num_threads() == before


@dataclass
class Watched:
    """A denoiser that notes with how many threads it is called."""

    inner: Denoiser
    seen: list[int] = field(default_factory=list)

    @property
    def halo(self) -> int | None:
        return self.inner.halo

    @property
    def alignment(self) -> int:
        return self.inner.alignment

    def __call__(self, noisy: Batch) -> Batch:
        self.seen.append(torch.get_num_threads())
        return self.inner(noisy)

    def stages(self, noisy: Batch) -> Mapping[str, Batch]:
        return self.inner.stages(noisy)

    def tensors(self) -> Mapping[str, Tensor]:
        return self.inner.tensors()


def trained_with(call: Callable[..., object], run: Run) -> set[int]:
    """Numbers of threads that a training was run with."""
    seen = set()
    call(NOISY, method=quick(), run=run, on_step=lambda step: seen.add(torch.get_num_threads()))
    return seen


@TRAINS
def test_a_training_runs_with_what_was_asked_for(call: Callable[..., object]) -> None:
    assert trained_with(call, replace(CPU, threads=OTHER)) == {OTHER}
    assert trained_with(call, CPU) == {torch.get_num_threads()}


@TRAINS
@pytest.mark.parametrize("error", [Cancelled("enough"), ZeroDivisionError()], ids=["stopped", "failed"])
def test_what_was_set_before_comes_back_when_it_ends_early(call: Callable[..., object], error: Exception) -> None:
    def fail(step: Step) -> None:
        assert torch.get_num_threads() == OTHER
        raise error

    before = torch.get_num_threads()
    with pytest.raises(type(error)):
        call(NOISY, method=quick(), run=replace(CPU, threads=OTHER), on_step=fail)
    assert torch.get_num_threads() == before


def test_applying_runs_with_what_was_asked_for(tmp_path: Path) -> None:
    kept = n2d.fit(NOISY, method=quick(), run=CPU).save(tmp_path / "a.safetensors")
    for wish in (OTHER, None):
        loaded = n2d.load(kept, run=replace(CPU, threads=wish))
        watched = Watched(loaded.denoisers[0])
        n2d.apply(replace(loaded, denoisers=(watched,)), NOISY)
        assert set(watched.seen) == {loaded.plan.threads} == {wish or torch.get_num_threads()}


def test_the_number_changes_no_more_than_rounding() -> None:
    one, other = (n2d.denoise(NOISY, method=quick(), run=replace(CPU, threads=count)) for count in (1, OTHER))
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_the_plan_says_it() -> None:
    asked, chosen = (n2d.plan(NOISY, run=replace(CPU, threads=wish)) for wish in (np.int64(OTHER), None))  # type: ignore[arg-type]
    assert (asked.threads, type(asked.threads), chosen.threads) == (OTHER, int, torch.get_num_threads())
    assert f"threads: {OTHER}, as was asked for" in asked.why
    assert not any("threads" in reason for reason in chosen.why)
    assert f", {OTHER} threads, " in str(asked)
    assert ", 1 thread, " in str(replace(asked, threads=1))


def test_the_machine_is_measured_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forecast for one thread must not rest on the speed of eight."""

    def measure(device: torch.device) -> Machine:
        return Machine("abacus", "cpu", torch.get_num_threads(), "2.6", 1e6 * torch.get_num_threads(), None)

    monkeypatch.setattr(precision, "measure", measure)
    few, many = (n2d.plan(NOISY, run=Run(device="cpu", threads=count)).expected_seconds for count in (1, 4))
    assert few is not None
    assert many == pytest.approx(few / 4)


@pytest.mark.parametrize("wish", [0, -1, 1.0, 1.5, "2", True, float("nan"), 1025, 10**30], ids=repr)
def test_what_is_no_number_of_threads(wish: Any) -> None:
    with pytest.raises(SettingError) as caught:
        Run(threads=wish)
    assert str(caught.value) == f"threads is {wish!r}; expected a whole number from 1 to 1024"


def test_more_threads_than_cores_are_allowed_and_said_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "cores", lambda: OTHER - 1)
    with caplog.at_level(logging.WARNING, "noise2detail"):
        assert trained_with(n2d.denoise, replace(CPU, threads=OTHER)) == {OTHER}
        n2d.plan(NOISY, run=replace(CPU, threads=OTHER))
    (record,) = caplog.records
    assert f"{OTHER} threads were asked for, and this process may use {OTHER - 1} cores" in record.getMessage()


def test_as_many_threads_as_cores_are_no_crowd(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "cores", lambda: OTHER)
    assert threads.choose_threads(OTHER)[0] == OTHER
    assert not caplog.records


def test_cores_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    assert threads.cores() >= 1
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 5, 7}, raising=False)
    assert threads.cores() == 3
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert threads.cores() == 6
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert threads.cores() == 1


def test_blocks_within_blocks() -> None:
    before = torch.get_num_threads()
    with computing("cpu", OTHER):
        with computing("cpu"):
            assert torch.get_num_threads() == OTHER
        with computing("cpu", OTHER + 1):
            assert torch.get_num_threads() == OTHER + 1
        assert torch.get_num_threads() == OTHER
    assert torch.get_num_threads() == before
