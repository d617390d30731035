"""The process that methods run in."""

import os
import signal
import time

import numpy as np
import pytest

from noise2detail.bench.candidate import Candidate
from noise2detail.bench.worker import Task, Worker
from noise2detail.errors import Cancelled
from noise2detail.method import Step
from noise2detail.pipeline.denoise import denoise
from tests.material import CPU, noisy_array

QUICK = Candidate("zs_n2n", settings=("training.steps=2", "width=4"))
LONG = Candidate("zs_n2n", settings=("training.steps=100000",))


def test_one_task_after_the_other() -> None:
    """A process costs seconds to start, so each part takes over the one that the last part has left."""
    with Worker() as worker:
        process = the_result_is_that_of_the_library_and_failures_are_told(worker)
        a_process_that_dies_is_a_failure_and_the_next_task_runs(worker, process)
        cancelling_ends_the_process(worker)
    begun = time.monotonic()
    Worker().stop()
    assert time.monotonic() - begun < 1


def the_result_is_that_of_the_library_and_failures_are_told(worker: Worker) -> int:
    noisy, heard = noisy_array(24, 20), list[Step]()
    found = worker.do(Task(noisy, "YX", QUICK, seed=3, run=CPU), heard.append)
    process = worker._process.pid
    failed = worker.do(Task(noisy, "ZYX", QUICK, run=CPU))
    again = worker.do(Task(noisy, "YX", QUICK, seed=3, run=CPU))
    assert worker._process.pid == process
    assert found.denoised is not None
    np.testing.assert_array_equal(found.denoised, denoise(noisy, method=QUICK.build()[1], seed=3, run=CPU))
    np.testing.assert_array_equal(found.denoised, again.denoised)
    assert heard
    assert found.seconds > 0
    assert 50 < found.peak_mib < 5000
    assert failed.denoised is None
    assert "ZYX" in failed.error
    return int(process)


def a_process_that_dies_is_a_failure_and_the_next_task_runs(worker: Worker, process: int) -> None:
    def kill(step: Step) -> None:
        os.kill(worker._process.pid, signal.SIGKILL)

    died = worker.do(Task(noisy_array(64, 64), "YX", LONG, run=CPU), kill)
    found = worker.do(Task(noisy_array(24, 20), "YX", QUICK, run=CPU))
    assert worker._process.pid != process
    assert died.denoised is None
    assert "memory" in died.error
    assert found.denoised is not None


def cancelling_ends_the_process(worker: Worker) -> None:
    def stop(step: Step) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        worker.do(Task(noisy_array(64, 64), "YX", LONG, run=CPU), stop)
    assert worker._process is None
